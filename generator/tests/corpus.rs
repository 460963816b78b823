//! The corpus says what it means: labels, campaigns and events recounted from truth and datagrams by other arithmetic.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ringwall_generator::{Attack, Campaigns, Confounder, Customer, Datagram, Day, Label, Settings, Truth};

const DAY: i64 = 86_400_000_000;

fn month(seed: u64, customer: Customer) -> Settings {
    Settings {
        seed,
        customer,
        duration_micros: 31 * DAY as u64,
        calls_per_hour: 60.0,
        campaigns: Campaigns::PerDay(2.0),
        ..Settings::default()
    }
}

/// Only attacks, `count` of each.
fn attacks(seed: u64, customer: Customer, attacks: &[Attack], count: u32) -> Settings {
    Settings {
        seed,
        customer,
        duration_micros: 4 * DAY as u64,
        calls_per_hour: 0.0,
        attacks: attacks.to_vec(),
        campaigns: Campaigns::Each(count),
        confounders: Vec::new(),
        ..Settings::default()
    }
}

#[test]
fn campaigns_and_events_are_those_of_the_truth() {
    let day = Day::new(month(3, Customer::default()));
    let mut of_campaign: BTreeMap<u32, Vec<(i64, Label)>> = BTreeMap::new();
    let mut of_event: BTreeMap<Confounder, usize> = BTreeMap::new();
    let mut last = i64::MIN;
    for truth in day.truths() {
        assert!(truth.start_micros >= last, "{truth:?}");
        last = truth.start_micros;
        assert_eq!(truth.campaign.is_some(), truth.label.is_attack(), "{truth:?}");
        if let Some(campaign) = truth.campaign {
            of_campaign.entry(campaign).or_default().push((truth.start_micros, truth.label));
        }
        if let Label::Confounder(confounder) = truth.label {
            *of_event.entry(confounder).or_default() += 1;
        }
    }
    let campaigns = day.campaigns();
    assert_eq!(campaigns.len(), 62, "two on each of 31 days");
    assert_eq!(of_campaign.len(), campaigns.len());
    for (id, campaign) in (1..).zip(&campaigns) {
        let calls = &of_campaign[&id];
        assert_eq!((campaign.id, campaign.calls), (id, calls.len()), "{campaign:?}");
        assert_eq!((campaign.first_micros, campaign.last_micros), (calls[0].0, calls[calls.len() - 1].0));
        assert!(calls.iter().all(|&(_, label)| label == Label::Attack(campaign.attack)), "{campaign:?}");
        let own = campaign.attack.detection();
        assert!(campaign.fits.first().copied() == own || own.is_none(), "{campaign:?}");
        assert!(!campaign.fits.is_empty() && !campaign.variant.is_empty(), "{campaign:?}");
    }
    let kinds: BTreeSet<Attack> = campaigns.iter().map(|campaign| campaign.attack).collect();
    assert_eq!(kinds.len(), Attack::ALL.len(), "each comes once before one comes again");
    let mut events: BTreeMap<Confounder, usize> = BTreeMap::new();
    for event in day.events() {
        *events.entry(event.confounder).or_default() += event.calls;
    }
    assert_eq!(of_event, events);
}

#[test]
fn events_that_fool_limits_fill_a_third_of_the_days() {
    for (seed, customer) in (20..).zip(Customer::all()) {
        let settings = month(seed, customer);
        let start = settings.start_micros;
        let events = Day::new(settings).events();
        let days: BTreeSet<i64> = events.iter().map(|event| (event.first_micros - start) / DAY).collect();
        assert!((9..=12).contains(&days.len()), "{days:?}");
        let kinds: BTreeSet<Confounder> = events.iter().map(|event| event.confounder).collect();
        assert_eq!(kinds.len(), Confounder::ALL.len());
    }
    let none = Settings { confounder_days: 0.0, ..month(1, Customer::default()) };
    assert!(Day::new(none).events().is_empty());
    let all = Settings { confounder_days: 1.0, ..month(1, Customer::default()) };
    assert!(Day::new(all).events().len() >= 62);
}

#[test]
fn most_traffic_is_honest_and_follows_day_and_week() {
    let settings = Settings { calls_per_hour: 200.0, ..month(5, Customer::default()) };
    let start = settings.start_micros;
    let (mut honest, mut hostile) = (0u64, 0u64);
    let mut of_hour = [0u64; 24];
    let mut of_day = [0u64; 7];
    for truth in Day::new(settings).truths().filter(Truth::is_call) {
        match truth.label {
            Label::Benign(_) => {
                honest += 1;
                let hours = (truth.start_micros - start) / 3_600_000_000;
                of_hour[hours as usize % 24] += 1;
                of_day[hours as usize / 24 % 7] += 1;
            }
            Label::Confounder(_) => honest += 1,
            Label::Attack(_) => hostile += 1,
        }
    }
    assert!(honest > 4 * hostile && hostile > 2_000, "{honest} honest, {hostile} hostile");
    assert!(of_hour[10] > 20 * of_hour[3], "{of_hour:?}");
    // The stretch begins on a Tuesday.
    assert!(of_day[0] > 3 * of_day[4] && of_day[4] > of_day[5], "{of_day:?}");
}

#[test]
fn the_same_seed_gives_the_same_month_and_campaigns_of_one_kind_differ() {
    let take = |seed| Day::new(month(seed, Customer::hospital())).campaigns();
    assert_eq!(take(1), take(1));
    assert_ne!(take(1), take(2));
    for &attack in Attack::ALL {
        let campaigns = Day::new(attacks(9, Customer::default(), &[attack], 40)).campaigns();
        assert_eq!(campaigns.len(), 40);
        let variants: BTreeSet<&str> = campaigns.iter().map(|campaign| campaign.variant).collect();
        let sizes: BTreeSet<usize> = campaigns.iter().map(|campaign| campaign.calls).collect();
        let listed = attack == Attack::ListedCaller;
        assert!(variants.len() >= 2 || listed, "{attack:?}: {variants:?}");
        assert!(sizes.len() >= 8 || listed, "{attack:?}: {sizes:?}");
    }
}

/// Digits of a number without its plus, or `None` for a name.
fn digits(number: &str) -> Option<&str> {
    number.strip_prefix('+').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a number is kept for fiction or belongs to nobody: 555 in North America and behind codes that keep no such
/// range, the drama ranges of Ofcom, the Bundesnetzagentur, Arcep and the ACMA.
fn is_fiction(digits: &str) -> bool {
    const DRAMA: &[(&str, usize)] = &[
        ("442079460", 12),
        ("441134960", 12),
        ("441144960", 12),
        ("441154960", 12),
        ("441164960", 12),
        ("441174960", 12),
        ("441184960", 12),
        ("441214960", 12),
        ("441314960", 12),
        ("441414960", 12),
        ("441514960", 12),
        ("441614960", 12),
        ("441914980", 12),
        ("447700900", 12),
        ("448081570", 12),
        ("449098790", 12),
        ("493023125", 12),
        ("494066969", 12),
        ("496990009", 12),
        ("498999998", 12),
        ("4917139200", 12),
        ("49176040690", 13),
        ("33199", 11),
        ("3363998", 11),
        ("61491570", 11),
        ("612555001", 11),
        ("6137010", 11),
    ];
    let north_american = digits.len() == 11 && digits.starts_with('1');
    if north_american {
        return &digits[4..7] == "555";
    }
    let last = |count: usize| &digits[digits.len() - count..];
    DRAMA.iter().any(|&(prefix, length)| digits.len() == length && digits.starts_with(prefix))
        || last(7).starts_with("55501")
        || last(6).starts_with("55501")
}

fn is_documentation(address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else { return false };
    matches!(address.octets(), [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18 | 19, _, _])
}

#[test]
fn numbers_are_from_fiction_and_addresses_and_hosts_from_documentation() {
    for (seed, customer) in (40..).zip(Customer::all()) {
        let settings =
            Settings { seed, customer, calls_per_hour: 30.0, confounder_days: 1.0, ..Settings::default() };
        let mut day = Day::new(settings);
        for truth in day.truths() {
            for number in [&truth.caller, &truth.called] {
                assert!(digits(number).is_none_or(is_fiction), "{number} in {truth:?}");
            }
        }
        let mut payload = Vec::new();
        while let Some(envelope) = day.poll_datagram(&mut payload) {
            assert!(is_documentation(envelope.source.ip()) && is_documentation(envelope.destination.ip()));
            let text = std::str::from_utf8(&payload).unwrap();
            for rest in text.split(['@', '/']).skip(1) {
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)))
                    .unwrap_or(rest.len());
                let host = &rest[..end];
                if let Ok(address) = host.parse::<IpAddr>() {
                    assert!(is_documentation(address), "{host} in {text}");
                }
            }
            for rest in text.split('@').skip(1) {
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)))
                    .unwrap_or(rest.len());
                let host = &rest[..end];
                let named = ["example", "example.com", "example.net", "example.org", "anonymous.invalid"]
                    .iter()
                    .any(|domain| host == *domain || host.ends_with(&format!(".{domain}")));
                assert!(named || host.parse::<IpAddr>().is_ok(), "{host} in {text}");
            }
        }
    }
}

#[test]
fn a_policy_can_be_written_for_every_customer() {
    for customer in Customer::all() {
        assert_eq!(customer.each_number().count() as u64, customer.size());
        assert!(customer.each_number().all(|number| customer.owns(number)));
        let contains = |networks: &[&str], address: IpAddr| {
            networks.iter().any(|network| {
                let (base, bits) = network.split_once('/').unwrap();
                let bits: u32 = bits.parse().unwrap();
                let number = |address: &str| u32::from(address.parse::<std::net::Ipv4Addr>().unwrap());
                number(base) >> (32 - bits) == number(&address.to_string()) >> (32 - bits)
            })
        };
        assert!(contains(&customer.trunks, customer.border.ip()));
        assert!(contains(&customer.trunks, customer.phones.into()) || customer.name == "Acme Insurance");
        assert!(customer.carriers.iter().all(|carrier| contains(&customer.trusted, carrier.ip())));
        assert!(customer.carriers.iter().all(|carrier| !contains(&customer.trunks, carrier.ip())));
        for (extension, number) in customer.extensions() {
            let marks = |text: &str| text.bytes().filter(|&byte| byte == b'x').count();
            assert_eq!(marks(&extension), marks(&number), "{extension} {number}");
        }
        let special = [customer.reception(), customer.voicemail(), customer.conference()];
        assert!(special.iter().chain(&customer.fax()).all(|&number| customer.owns(number)));
    }
    let patterns = Customer::default().extensions();
    assert_eq!(patterns, [("01xx".to_owned(), "+121055501xx".to_owned())]);
}

#[test]
fn attackers_never_send_from_where_honest_peers_send() {
    let day = Day::new(month(8, Customer::call_centre()));
    let customer = Customer::call_centre();
    let (mut honest, mut hostile) = (BTreeSet::new(), BTreeSet::new());
    for truth in day.truths() {
        let known = customer.carriers.contains(&truth.source) || truth.source == customer.border;
        if !known {
            if truth.label.is_attack() { &mut hostile } else { &mut honest }.insert(truth.source.ip());
        }
    }
    assert!(hostile.len() > 50 && honest.len() > 50);
    assert!(honest.is_disjoint(&hostile));
}

/// Every exchange of `settings` and its messages.
fn played(settings: Settings) -> Vec<(Truth, Vec<Datagram>)> {
    let mut day = Day::new(settings);
    let truth = day.truth();
    let mut messages: HashMap<String, Vec<Datagram>> = HashMap::new();
    for datagram in &mut day {
        let text = std::str::from_utf8(&datagram.payload).unwrap();
        let mut lines = text.split("\r\n");
        let id = lines
            .find_map(|line| line.strip_prefix("Call-ID: ").or_else(|| line.strip_prefix("i: ")))
            .unwrap();
        messages.entry(id.to_owned()).or_default().push(datagram);
    }
    let with_messages = |truth: Truth| {
        let of_it = messages.remove(&truth.call_id).unwrap();
        (truth, of_it)
    };
    truth.into_iter().map(with_messages).collect()
}

fn says(datagram: &Datagram, what: &str) -> bool {
    String::from_utf8_lossy(&datagram.payload).contains(what)
}

#[test]
fn each_attack_shows_in_its_messages_what_it_is_named_for() {
    use Attack::{
        CallTypeAbuse, DigestLeak, ExtensionEnumeration, MessageFlood, PassportReplay, RegistrationCracking,
        Scanner, TeardownSpoofing, TransferFraud,
    };
    for (seed, customer) in (60..).zip(Customer::all()) {
        let kinds = [
            CallTypeAbuse,
            DigestLeak,
            ExtensionEnumeration,
            MessageFlood,
            PassportReplay,
            RegistrationCracking,
            Scanner,
            TeardownSpoofing,
            TransferFraud,
        ];
        let all = played(attacks(seed, customer.clone(), &kinds, 6));
        for attack in kinds {
            let mine: Vec<_> = all.iter().filter(|(truth, _)| truth.label == Label::Attack(attack)).collect();
            let share = |test: &dyn Fn(&Truth, &[Datagram]) -> bool| {
                mine.iter().filter(|(truth, messages)| test(truth, messages)).count() as f64
                    / mine.len() as f64
            };
            match attack {
                CallTypeAbuse => {
                    let media = |_: &Truth, messages: &[Datagram]| {
                        messages.iter().any(|message| says(message, "m=image") || says(message, "CLEARMODE"))
                    };
                    assert!(share(&media) > 0.6, "{}", share(&media));
                }
                DigestLeak => {
                    let leaked = |truth: &Truth, messages: &[Datagram]| {
                        let asked = messages.iter().position(|message| {
                            message.source == truth.source
                                && (says(message, "SIP/2.0 407") || says(message, "SIP/2.0 401"))
                        });
                        asked.is_some_and(|place| {
                            messages[place..].iter().any(|message| {
                                message.source == customer.border
                                    && (says(message, "BYE sip") || says(message, "INVITE sip"))
                                    && says(message, "uthorization: Digest")
                            })
                        })
                    };
                    assert_eq!(share(&leaked), 1.0);
                }
                ExtensionEnumeration => {
                    assert!(share(&|truth, _| truth.status == Some(404)) > 0.5);
                    let tried: BTreeSet<&str> = mine.iter().map(|(truth, _)| truth.called.as_str()).collect();
                    assert!(tried.len() > 60, "{}", tried.len());
                }
                MessageFlood => assert_eq!(share(&|truth, _| truth.method == "MESSAGE"), 1.0),
                PassportReplay => {
                    let mut shown: HashMap<String, BTreeSet<(&str, &str)>> = HashMap::new();
                    for (truth, messages) in &mine {
                        let text = String::from_utf8_lossy(&messages[0].payload);
                        let identity = text.split("\r\n").find(|line| line.starts_with("Identity: "));
                        let ends = (truth.caller.as_str(), truth.called.as_str());
                        shown.entry(identity.unwrap().to_owned()).or_default().insert(ends);
                    }
                    assert!(shown.len() <= 12, "two levels at most for each of six: {}", shown.len());
                }
                RegistrationCracking => {
                    let guessed = |_: &Truth, messages: &[Datagram]| {
                        let asked =
                            messages.iter().position(|message| says(message, "Authorization: Digest"));
                        asked.is_some_and(|place| {
                            messages[place..]
                                .iter()
                                .any(|message| says(message, "SIP/2.0 401") || says(message, "SIP/2.0 403"))
                        })
                    };
                    assert!(share(&guessed) > 0.9, "{}", share(&guessed));
                }
                Scanner => {
                    assert!(share(&|truth, _| truth.status.is_none_or(|status| status >= 400)) > 0.4);
                    assert_eq!(share(&|truth, _| truth.answered()), 0.0);
                }
                TeardownSpoofing => {
                    let torn = |_: &Truth, messages: &[Datagram]| {
                        let ends = [messages[0].source, messages[0].destination];
                        messages.iter().any(|message| {
                            !ends.contains(&message.source)
                                && (says(message, "BYE sip") || says(message, "CANCEL sip"))
                        })
                    };
                    assert_eq!(share(&torn), 1.0);
                }
                _ => {
                    let sent_on = |_: &Truth, messages: &[Datagram]| {
                        messages.iter().any(|message| {
                            says(message, "Refer-To: ")
                                || says(message, "SIP/2.0 302")
                                || says(message, "Diversion: ")
                        })
                    };
                    assert_eq!(share(&sent_on), 1.0);
                }
            }
        }
    }
}

/// Most memory this process has held, in megabytes; `None` where the system does not tell.
fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1_024)
}

#[test]
fn a_long_and_busy_stretch_is_not_held_in_memory() {
    let settings = Settings { calls_per_hour: 1_500.0, ..month(2, Customer::call_centre()) };
    let mut day = Day::new(settings);
    let calls = day.truths().filter(Truth::is_call).count();
    let mut payload = Vec::new();
    let datagrams = std::iter::from_fn(|| day.poll_datagram(&mut payload)).take(200_000).count();
    assert!(calls > 300_000 && datagrams == 200_000, "{calls} {datagrams}");
    if let Some(peak) = peak_megabytes() {
        assert!(peak < 100, "{peak} MB for {calls} calls");
    }
}
