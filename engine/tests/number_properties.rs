//! What holds for every number, however it is dressed: the oracle is the number the dress was made for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "helpers of tests")]

mod number_support;

use number_support::{plan, uri, us};
use ringwall_engine::number::{Role, read, read_user};
use rules::plan::{Bare, DialPlan};
use rules::{Flag, Number, Party};

/// Compositions tried; each is two to four transforms of one number. `cargo xtask soak numbers` tries more.
fn compositions() -> usize {
    std::env::var("RINGWALL_COMPOSITIONS").map_or(100_000, |count| count.parse().unwrap())
}

const SEED: u64 = 0x5eed_2026_1122_0143;

/// xorshift64: the same cases in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 3) as usize
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// How one number is dialled in one region, before anybody dresses it up.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Form {
    Plus,
    Bare,
    Trunk,
    National,
    Abroad,
    Context,
}

const FORMS: &[Form] =
    &[Form::Plus, Form::Plus, Form::Bare, Form::Trunk, Form::National, Form::Abroad, Form::Context];

struct Region {
    plan: DialPlan,
    code: &'static str,
    trunk: &'static str,
    abroad: &'static str,
    /// Leading national digits and how many free ones follow.
    ranges: &'static [(&'static str, usize)],
}

fn regions() -> Vec<Region> {
    let us_ranges =
        &[("20255501", 2), ("21055501", 2), ("80055501", 2), ("90055501", 2), ("41655501", 2)][..];
    vec![
        Region { plan: us(), code: "1", trunk: "1", abroad: "011", ranges: us_ranges },
        Region { plan: plan("US", None, &["9"]), code: "1", trunk: "1", abroad: "011", ranges: us_ranges },
        Region {
            plan: plan("GB", None, &[]),
            code: "44",
            trunk: "0",
            abroad: "00",
            ranges: &[("20794600", 2), ("11349600", 2)],
        },
        Region {
            plan: plan("DE", None, &[]),
            code: "49",
            trunk: "0",
            abroad: "00",
            ranges: &[("3023125", 3)],
        },
        Region {
            plan: plan("IT", None, &[]),
            code: "39",
            trunk: "",
            abroad: "00",
            ranges: &[("0612345", 3)],
        },
        Region {
            plan: plan("RU", None, &[]),
            code: "7",
            trunk: "8",
            abroad: "810",
            ranges: &[("4951234", 3)],
        },
    ]
}

fn national(region: &Region, random: &mut Random) -> String {
    let (head, free) = random.pick(region.ranges);
    (0..free).fold(head.to_owned(), |digits, _| format!("{digits}{}", random.below(10)))
}

/// What dresses a number up. Each step works on the text as the steps before left it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Dress {
    OverDial,
    ServiceCode,
    DoublePlus,
    Filler,
    Separators,
    OddSeparators,
    ForeignDigits,
    Invisible,
    Edges,
    Tail,
    Parameters,
    Escape,
    EscapeTwice,
    Nest,
    Scheme,
}

const DRESSES: &[Dress] = &[
    Dress::OverDial,
    Dress::ServiceCode,
    Dress::DoublePlus,
    Dress::Filler,
    Dress::Separators,
    Dress::OddSeparators,
    Dress::ForeignDigits,
    Dress::Invisible,
    Dress::Edges,
    Dress::Tail,
    Dress::Parameters,
    Dress::Escape,
    Dress::EscapeTwice,
    Dress::Nest,
    Dress::Scheme,
];

/// Two to four different transforms, in the order in which they can be applied.
fn dresses(random: &mut Random) -> Vec<Dress> {
    let mut chosen = Vec::new();
    let count = 2 + random.below(3);
    while chosen.len() < count {
        let dress = random.pick(DRESSES);
        if !chosen.contains(&dress) {
            chosen.push(dress);
        }
    }
    chosen.sort();
    chosen
}

/// The address of `national` in `form`, dressed; the seed alone decides, so that a neighbour wears the same.
fn address(region: &Region, national: &str, form: Form, chosen: &[Dress], seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = match form {
        Form::Plus => format!("+{}{national}", region.code),
        Form::Bare => format!("{}{national}", region.code),
        Form::Trunk => format!("{}{national}", region.trunk),
        Form::National | Form::Context => national.to_owned(),
        Form::Abroad => format!("{}{}{national}", region.abroad, region.code),
    };
    let mut parameters =
        if form == Form::Context { format!(";phone-context=+{}", region.code) } else { String::new() };
    let (mut scheme, mut escapes) = ("sip:", 0);
    for dress in chosen {
        match dress {
            // Behind +1 alone every number has the same length, and digits behind it fall on deaf ears.
            Dress::OverDial if region.code == "1" && matches!(form, Form::Plus | Form::Trunk) => {
                text.push_str(&"739"[..1 + random.below(3)]);
            }
            Dress::ServiceCode if region.code == "1" && form == Form::Trunk => {
                text = format!(
                    "{}{text}",
                    random.pick(&["*67", "*82", "1167", "1182", "1010288", "*671010288"])
                );
            }
            Dress::DoublePlus if form == Form::Plus => text.insert(0, '+'),
            Dress::Filler => text.push_str(random.pick(&["F", "f", "FF"])),
            Dress::Separators => text = scatter(&text, &["-", ".", " ", "(", ")"], &mut random),
            Dress::OddSeparators => text = scatter(&text, &["_", "/", "'", "|"], &mut random),
            Dress::ForeignDigits => text = foreign(&text, &mut random),
            Dress::Invisible => {
                let marks = [
                    "\u{200b}", "\u{200e}", "\u{2060}", "\u{feff}", "\u{ad}", "\u{2011}", "\u{2009}",
                    "\u{202e}", "\u{fe0f}",
                ];
                text = scatter(&text, &marks, &mut random);
            }
            Dress::Edges => text = format!(" {text} "),
            Dress::Tail => {
                text.push_str(random.pick(&["x123", "ext9", "p9", "w1", "&x=1", ",18005550111", "#"]));
            }
            Dress::Parameters => {
                parameters.push_str(random.pick(&[
                    ";ext=99",
                    ";isub=1",
                    ";cpc=payphone;oli=27",
                    ";npdi",
                    ";tgrp=+1800",
                ]));
            }
            Dress::Escape => escapes = 1,
            Dress::EscapeTwice => escapes = 2,
            Dress::Nest => text = format!("{}{text}", random.pick(&["sip%3A", "tel%3a", "SIPS%3A"])),
            Dress::Scheme => scheme = random.pick(&["SIP:", "sips:", "SiPs:"]),
            _ => {}
        }
    }
    let mut user = text.into_bytes();
    for _ in 0..escapes {
        user = escape(&user, &mut random);
    }
    // What no user part may hold must be escaped, or the address would be another one.
    let user: Vec<u8> = user
        .iter()
        .flat_map(|byte| match byte {
            b'#' | b'"' | b'|' | b' ' => format!("%{byte:02X}").into_bytes(),
            _ => vec![*byte],
        })
        .collect();
    [scheme.as_bytes(), &user, parameters.as_bytes(), b"@h.example;user=phone"].concat()
}

/// Strews `marks` between the characters. A prefix such as `sip%3A` is not there yet.
fn scatter(text: &str, marks: &[&str], random: &mut Random) -> String {
    let mut out = String::new();
    for character in text.chars() {
        out.push(character);
        if random.one_in(3) {
            out.push_str(random.pick(marks));
        }
    }
    out
}

fn foreign(text: &str, random: &mut Random) -> String {
    let zero =
        random.pick(&['\u{ff10}', '\u{660}', '\u{966}', '\u{1d7ce}', '\u{e50}', '\u{1fbf0}', '\u{2080}']);
    text.chars()
        .map(|character| match character.to_digit(10) {
            Some(digit) if !random.one_in(3) => char::from_u32(u32::from(zero) + digit).unwrap(),
            _ => character,
        })
        .collect()
}

fn escape(text: &[u8], random: &mut Random) -> Vec<u8> {
    text.iter()
        .flat_map(|byte| match random.below(3) {
            0 => format!("%{byte:02X}").into_bytes(),
            1 if *byte != b'%' => vec![*byte],
            _ => format!("%{byte:02x}").into_bytes(),
        })
        .collect()
}

/// The number with one digit changed.
fn neighbour(national: &str, random: &mut Random) -> String {
    let mut digits = national.as_bytes().to_vec();
    let place = random.below(digits.len());
    digits[place] = b'0' + (digits[place] - b'0' + 1 + random.below(9) as u8) % 10;
    String::from_utf8(digits).unwrap()
}

#[test]
fn no_dress_hides_a_number_and_none_makes_it_another() {
    let regions = regions();
    let mut random = Random(SEED);
    let mut repaired = 0;
    for _ in 0..compositions() {
        let region = &regions[random.below(regions.len())];
        let national = national(region, &mut random);
        let wanted = Number::international(format!("{}{national}", region.code).as_bytes()).unwrap();
        let (form, chosen, seed) = (random.pick(FORMS), dresses(&mut random), random.next() as u64 | 1);

        let text = address(region, &national, form, &chosen, seed);
        let reading = read(&uri(&text), &region.plan, Role::Caller);
        let shown =
            || format!("{:?} {form:?} {chosen:?}: {}", region.plan.region, String::from_utf8_lossy(&text));
        assert_eq!(reading.party, Party::Number(wanted), "{} {:?}", shown(), reading.flags);
        repaired += usize::from(!reading.flags.is_empty());
        assert_again_the_same(wanted, &region.plan);

        let other = neighbour(&national, &mut random);
        let text = address(region, &other, form, &chosen, seed);
        let reading = read(&uri(&text), &region.plan, Role::Caller);
        assert_ne!(reading.party, Party::Number(wanted), "{} is a neighbour", String::from_utf8_lossy(&text));
    }
    assert!(repaired > compositions() / 2, "{repaired} raised a flag");
}

fn assert_again_the_same(number: Number, plan: &DialPlan) {
    let text = number.to_string();
    let again = read_user(text.as_bytes(), plan, Role::Caller);
    assert_eq!(again.party, Party::Number(number), "{} {}", plan.region, text);
}

#[test]
fn what_was_read_once_reads_the_same_again() {
    let mut plans: Vec<DialPlan> = rules::plan::regions().map(|region| plan(region, None, &["9"])).collect();
    plans.push(us());
    plans.push(DialPlan::new("US", Bare::International, None, &[], &[]).unwrap());
    let mut random = Random(SEED);
    let (mut international, mut local) = (0, 0);
    for _ in 0..compositions() {
        let plan = &plans[random.below(plans.len())];
        let mut text: Vec<u8> = (0..1 + random.below(18)).map(|_| b'0' + random.below(10) as u8).collect();
        if random.one_in(2) {
            text.splice(..0, random.pick(&["+", "00", "+1", "1", "011", "0"]).bytes());
        }
        if let Party::Number(number) = read_user(&text, plan, Role::Caller).party {
            *(if number.is_local() { &mut local } else { &mut international }) += 1;
            assert_again_the_same(number, plan);
        }
    }
    assert!(international > compositions() / 5 && local > compositions() / 20, "{international} {local}");
}

#[test]
fn the_short_way_and_the_long_way_agree() {
    let mut plans: Vec<DialPlan> = rules::plan::regions().map(|region| plan(region, None, &["9"])).collect();
    plans.push(us());
    plans.push(DialPlan::new("US", Bare::International, None, &[], &[]).unwrap());
    let extensions = [("21xxxxxxx".to_owned(), "+1 21xxxxxxx0".to_owned())];
    plans.push(DialPlan::new("US", Bare::National, None, &[], &extensions).unwrap());
    let bare_plans = plans.len();
    let mut random = Random(SEED);
    let mut numbers = 0;
    for round in 0..2 * compositions() {
        let plan = &plans[if round % 4 == 0 { bare_plans - 1 } else { random.below(bare_plans) }];
        let digits: Vec<u8> = (0..5 + random.below(12)).map(|_| b'0' + random.below(10) as u8).collect();
        let own = plan.habits().code().digits.as_slice();
        let (short, long) = match random.below(4) {
            0 => ([b"+", digits.as_slice()].concat(), [b"%2B", digits.as_slice()].concat()),
            1 => ([own, digits.as_slice()].concat(), [b"(", own, b")", digits.as_slice()].concat()),
            _ => (digits.clone(), [b"(", digits.as_slice()].concat()),
        };
        let role = random.pick(&[Role::Caller, Role::OwnCaller, Role::Called]);
        let (short, long) = (read_user(&short, plan, role), read_user(&long, plan, role));
        numbers += usize::from(short.party.number().is_some());
        assert_eq!(
            (short.party, short.flags),
            (long.party, long.flags),
            "{} {}",
            plan.region,
            String::from_utf8_lossy(&digits)
        );
    }
    assert!(numbers > compositions() / 2, "{numbers}");
}

#[test]
fn no_bytes_make_it_panic() {
    let plan = plan("US", Some("202"), &["9"]);
    let mut random = Random(SEED);
    let alphabet = b"0123456789+%*#;=:@abcdefxpw,.-() \xc2\xb2\xef\xbc\x91\x00\xffphone-context=rn=2B%";
    for _ in 0..compositions() {
        let text: Vec<u8> = (0..random.below(60)).map(|_| random.pick(alphabet)).collect();
        for text in
            [text.clone(), [b"sip:", text.as_slice(), b"@h"].concat(), [b"tel:", text.as_slice()].concat()]
        {
            let reading = read(&uri(&text), &plan, Role::Called);
            if reading.party == Party::Invalid {
                assert!(!reading.flags.contains(Flag::BareInternational));
            }
            read_user(&text, &plan, Role::Called);
            ringwall_engine::number::display_number(&text, &plan);
        }
    }
}
