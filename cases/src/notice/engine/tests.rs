//! Facts and time in, decisions out: told second by second.

use std::collections::BTreeMap;

use rules::Timestamp;

use super::*;
use crate::CaseNumber;
use crate::case::{Kind, Severity};
use crate::clock::ClockKind;
use crate::intake::Role;
use crate::notice::{Awake, Ledger, Preference, Preferences, Settings, Silence, Violation, Way};
use crate::outgoing::{Channel, Content, Outgoing};
use crate::registry::Person;

mod awake;

/// Monday 2026-10-05T15:00:00Z, 10:00 in Chicago: open.
pub(in crate::notice) const OPEN: Timestamp = Timestamp(1_791_212_400_000_000);
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
/// The same day at 20:00 in Chicago; it opens after twelve hours.
const NIGHT: Timestamp = Timestamp(OPEN.0 + 600 * MINUTE);
const EXAMPLE: &str = include_str!("../../../../fixtures/notices/notices.toml");

/// A desk with an engine, and what it sent.
pub(in crate::notice) struct Story {
    pub(in crate::notice) settings: Settings,
    pub(in crate::notice) service: Service,
    pub(in crate::notice) people: BTreeMap<String, Registration>,
    silences: Vec<Silence>,
    awake: BTreeMap<String, Awake>,
    preferences: Preferences,
    engine: Engine,
    stored: BTreeMap<String, String>,
    sent: Vec<(i64, Outgoing)>,
    ledgers: Vec<Ledger>,
    ids: BTreeSet<String>,
    decided: Outcome,
    start: Timestamp,
}

impl Story {
    pub(in crate::notice) fn new(start: Timestamp, change: impl Fn(&str) -> String) -> Self {
        let person = |name: &str, role: Role, phone: &str| Person {
            name: name.to_owned(),
            addresses: vec![format!("{name}@acme.example.com")],
            phones: vec![phone.to_owned()],
            roles: [role].into(),
            valid_from: None,
            valid_until: None,
            verified_at: None,
            zone: None,
        };
        let registration = |customer: &str| Registration {
            customer: customer.to_owned(),
            people: vec![
                person("ivy", Role::IncidentNotify, "+12105550181"),
                person("rob", Role::Requester, "+12105550182"),
                person("ada", Role::Authorizer, "+12105550183"),
            ],
            ..Registration::default()
        };
        Self {
            settings: Settings::parse(&change(EXAMPLE), &["central"]).unwrap(),
            service: Service::sample(),
            people: ["Acme", "Other"].map(|name| (name.to_owned(), registration(name))).into(),
            silences: Vec::new(),
            awake: BTreeMap::new(),
            preferences: Preferences::new(),
            engine: Engine::default(),
            stored: BTreeMap::new(),
            sent: Vec::new(),
            ledgers: Vec::new(),
            ids: BTreeSet::new(),
            decided: Outcome::default(),
            start,
        }
    }

    pub(in crate::notice) fn world(&self) -> World<'_> {
        World {
            settings: &self.settings,
            service: &self.service,
            people: &self.people,
            silences: &self.silences,
            awake: &self.awake,
            preferences: &self.preferences,
            office: None,
        }
    }

    fn at(&self, seconds: i64) -> Timestamp {
        self.start.plus_micros(seconds * SECOND)
    }

    fn happen(&mut self, seconds: i64, fact: Fact) {
        let (mut engine, mut outcome) = (std::mem::take(&mut self.engine), Outcome::default());
        let now = self.at(seconds);
        engine.handle(&Fact { at: now, ..fact }, self.world(), now, &mut outcome);
        self.engine = engine;
        self.keep(seconds, outcome);
    }

    /// Lets time pass, a second at a step.
    fn pass(&mut self, from: i64, to: i64) {
        for second in from..=to {
            let (mut engine, mut outcome) = (std::mem::take(&mut self.engine), Outcome::default());
            engine.advance(self.world(), self.at(second), &mut outcome);
            self.engine = engine;
            self.keep(second, outcome);
        }
    }

    fn keep(&mut self, second: i64, outcome: Outcome) {
        for piece in self.engine.poll_changes().unwrap() {
            match piece.body {
                Some(body) => drop(self.stored.insert(piece.name, body)),
                None => drop(self.stored.remove(&piece.name)),
            }
        }
        for (outgoing, ledger) in &outcome.outgoing {
            assert_eq!(outgoing.id, ledger.id);
            assert!(self.ids.insert(outgoing.id.clone()), "{} goes twice", outgoing.id);
            self.sent.push((second, outgoing.clone()));
            self.ledgers.push(ledger.clone());
        }
        self.decided.tellings.extend(outcome.tellings);
    }

    /// As after a crash: only what was kept is known.
    fn restart(&mut self) {
        self.engine = Engine::new(Memory::read(self.stored.clone()).unwrap());
    }

    /// Second, channel and recipient of all that went, but for machines.
    fn told(&self) -> Vec<String> {
        let people = self
            .sent
            .iter()
            .filter(|(_, it)| !matches!(it.channel, Channel::Webhook | Channel::Syslog) && it.to != "ops");
        people.map(|(second, it)| format!("{second} {} {}", it.channel.name(), it.to)).collect()
    }

    fn why(&self, stage: &str) -> Vec<&str> {
        self.decided.tellings.iter().filter(|it| it.stage == stage).map(|it| it.text.as_str()).collect()
    }
}

pub(in crate::notice) fn fact(event: Happening, serial: u64, customer: &str, severity: Severity) -> Fact {
    let number = CaseNumber::new(serial);
    let mut fact = Fact::of_service(event, OPEN, "");
    fact.id = format!("{number}/{}", event.name());
    (fact.case, fact.customer, fact.severity) = (Some(number), customer.to_owned(), severity);
    fact.kind = Some(Kind::Alert);
    fact.rule = "harassment".to_owned();
    fact.key.insert("caller".to_owned(), "+12105550142".to_owned());
    fact
}

fn same(text: &str) -> String {
    text.to_owned()
}

/// Without the routes for customers and machines, which go before.
fn desk_only(text: &str) -> String {
    let start = text.find("[[route]]\nname     = \"customers\"").unwrap();
    let end = text.find("[[route]]\nname     = \"critical\"").unwrap();
    format!("{}{}", &text[..start], &text[end..])
}

#[test]
fn e1_e2_a_critical_case_is_collected_and_goes_along_its_chain() {
    let mut story = Story::new(OPEN, desk_only);
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.happen(10, fact(Happening::Opened, 100_002, "Acme", Severity::Critical));
    story.pass(0, 3000);
    // After 30 s both at once: Anna has the week of 5 October. Then twice more, then the manager, who is Dana.
    assert_eq!(
        story.told(),
        [
            "30 sms +12105550171",
            "30 mail anna@desk.example.com",
            "30 mail carl@desk.example.com",
            "330 sms +12105550171",
            "630 sms +12105550171",
            "930 sms +12105550171",
            "1830 sms +12105550100",
            "1830 mail dana@desk.example.com",
        ]
    );
    let (_, mail) = story.sent.iter().find(|(_, it)| it.channel == Channel::Mail).unwrap();
    let Content::Notice { subject, .. } = &mail.content else { panic!("{mail:?}") };
    assert!(subject.contains("and 1 more"), "{subject}");
    assert_eq!(story.why("route"), ["critical: chain desk", "critical: chain desk"]);
    assert!(story.why("chain").contains(&"carl has no address for sms"));
}

#[test]
fn e1_further_things_wait_for_the_interval_and_what_nobody_has_is_repeated() {
    let mut story =
        Story::new(OPEN, |text| desk_only(text).replace("chain    = \"desk\"", "chain    = \"manager\""));
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.pass(0, 60);
    story.happen(61, fact(Happening::Opened, 100_002, "Acme", Severity::Critical));
    story.pass(61, 330 + 4 * 3600);
    assert_eq!(
        story.told(),
        [
            "30 mail dana@desk.example.com",
            "330 mail dana@desk.example.com",
            "14730 mail dana@desk.example.com"
        ]
    );
}

#[test]
fn e4_who_takes_it_stops_the_chain_for_half_an_hour_without_work() {
    let mut story = Story::new(OPEN, desk_only);
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.pass(0, 100);
    let taken =
        Fact { who: "ben".to_owned(), ..fact(Happening::Acknowledged, 100_001, "Acme", Severity::Critical) };
    story.happen(101, taken);
    story.pass(101, 1500);
    let before = story.told().len();
    assert_eq!(before, 3, "nobody was called meanwhile: {:?}", story.told());
    // A note, and it holds for another half hour.
    story.happen(1501, fact(Happening::Progress, 100_001, "Acme", Severity::Critical));
    story.pass(1501, 3300);
    assert_eq!(story.told().len(), before);
    story.pass(3301, 3302 + 300);
    assert_eq!(story.told()[before..], ["3601 sms +12105550171"]);
    assert!(story.why("acknowledge").contains(&"ben did nothing for 30 minutes: it goes on"));
}

#[test]
fn e4_text_messages_to_the_desk_ask_for_an_answer_by_a_code_of_their_own() {
    let of = |story: &Story, to: &str| {
        let texts = story.sent.iter().filter(|(_, it)| it.channel == Channel::Sms && it.to == to);
        let text = |(_, it): &(i64, Outgoing)| match &it.content {
            Content::Notice { text, .. } => text.clone(),
            other => panic!("{other:?}"),
        };
        texts.map(text).collect::<Vec<_>>()
    };
    let mut story = Story::new(OPEN, str::to_owned);
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.happen(0, violation());
    story.pass(0, 3_000);
    let groups: Vec<_> = story.engine.memory.groups().filter(|group| group.chain == "desk").collect();
    let answers = story.settings.sms.as_ref().unwrap().answers.as_ref().unwrap();
    let (asked, manager) = (of(&story, "+12105550171"), of(&story, "+12105550100"));
    assert!(!asked.is_empty() && !manager.is_empty());
    for (texts, who) in [(asked, "anna"), (manager, "dana")] {
        let has = |text: &String| {
            groups.iter().any(|it| text.contains(&format!("ACK {} if", answers.code(&it.id, who))))
        };
        assert!(texts.iter().all(has), "{who}: {texts:?}");
    }
    // Customers are asked nothing.
    let customers = of(&story, "+12105550181");
    assert!(!customers.is_empty() && customers.iter().all(|text| !text.contains("ACK")), "{customers:?}");
    // Where no answer comes in nobody is asked for one.
    let mut story = Story::new(OPEN, |text| {
        text.replace("[sms.answers]", "[target.answers]\nkind = \"chat\"\nurl_file = \"x\"").replace("authorization_file = \"answers.key\"\nfrom               = \"From\"\ntext               = \"Body\"\n", "")
    });
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.pass(0, 60);
    let texts = of(&story, "+12105550171");
    assert!(!texts.is_empty() && texts.iter().all(|text| !text.contains("ACK")), "{texts:?}");
}

#[test]
fn e4_what_gets_worse_breaks_an_acknowledgement() {
    let mut story =
        Story::new(OPEN, |text| desk_only(text).replace("match    = { severity = \"critical\" }\n", ""));
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Warning));
    story.pass(0, 60);
    let taken =
        Fact { who: "ben".to_owned(), ..fact(Happening::Acknowledged, 100_001, "Acme", Severity::Warning) };
    story.happen(61, taken);
    story.pass(61, 120);
    let before = story.told().len();
    let again =
        Fact { id: "again".to_owned(), ..fact(Happening::Opened, 100_001, "Acme", Severity::Warning) };
    story.happen(121, again);
    story.pass(121, 700);
    assert_eq!(story.told().len(), before, "the same again calls nobody");
    story.happen(701, fact(Happening::SeverityRaised, 100_001, "Acme", Severity::Critical));
    story.pass(701, 740);
    assert_eq!(story.told()[before], "731 sms +12105550171");
    assert!(story.why("acknowledge").iter().any(|it| it.contains("that ben has it counts no more")));
}

#[test]
fn e4_one_taken_case_of_two_stops_nothing() {
    let mut story = Story::new(OPEN, desk_only);
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.happen(1, fact(Happening::Opened, 100_002, "Acme", Severity::Critical));
    story.pass(0, 60);
    story.happen(
        61,
        Fact { who: "ben".to_owned(), ..fact(Happening::Acknowledged, 100_001, "Acme", Severity::Critical) },
    );
    story.pass(61, 340);
    assert_eq!(story.told().last().unwrap(), "330 sms +12105550171");
    story.happen(
        341,
        Fact { who: "ben".to_owned(), ..fact(Happening::Closed, 100_002, "Acme", Severity::Critical) },
    );
    story.happen(
        342,
        Fact { who: "ben".to_owned(), ..fact(Happening::Closed, 100_001, "Acme", Severity::Critical) },
    );
    let before = story.told().len();
    story.pass(342, 5000);
    assert_eq!(story.told().len(), before);
    assert_eq!(story.engine.groups().count(), 0);
    assert!(story.stored.keys().all(|name| !name.starts_with("group/")), "{:?}", story.stored);
}

#[test]
fn e2_a_hold_until_it_opens_outlives_a_restart() {
    for restart in [false, true] {
        let mut story = Story::new(NIGHT, desk_only);
        story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Warning));
        story.pass(0, 60);
        assert!(story.told().is_empty());
        if restart {
            story.restart();
        }
        story.pass(61, 12 * 3600 + 3600);
        // At 08:00 whoever is on duty, an hour later the manager.
        assert_eq!(
            story.told(),
            [
                "43200 mail anna@desk.example.com",
                "43200 mail carl@desk.example.com",
                "46800 mail dana@desk.example.com"
            ]
        );
        assert!(
            story.why("chain")[0].contains("waits for anna, carl until Tue 6 Oct 2026 08:00 CDT"),
            "{:?}",
            story.why("chain")
        );
    }
}

#[test]
fn a_restart_at_any_second_sends_nothing_twice_and_nothing_less() {
    let told = |restarts: &dyn Fn(i64) -> bool| {
        let mut story = Story::new(NIGHT, same);
        story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
        story.happen(5, fact(Happening::Violation, 100_001, "Acme", Severity::Critical));
        for second in 0..2000 {
            story.pass(second, second);
            if restarts(second) {
                story.restart();
            }
        }
        story.told()
    };
    let expected = told(&|_| false);
    assert_eq!(expected.len(), 10);
    assert_eq!(told(&|_| true), expected);
    assert_eq!(told(&|second| second % 7 == 0), expected);
}

#[test]
fn s5_a_duty_manager_is_told_at_night_and_others_in_the_morning() {
    let mut warned = fact(Happening::ClockWarning, 100_001, "Acme", Severity::Warning);
    warned.clock = Some((ClockKind::Acknowledge, 100));
    // Whom it concerns is Anna, who has the case.
    warned.key.insert("owner".to_owned(), "anna".to_owned());
    let mut story = Story::new(NIGHT, desk_only);
    story.happen(0, warned);
    story.pass(0, 1);
    story.restart();
    story.pass(2, 12 * 3600 + 10);
    assert_eq!(story.told(), ["0 mail dana@desk.example.com", "43200 mail anna@desk.example.com"]);
}

#[test]
fn customers_are_told_at_any_hour_only_where_they_want_it() {
    for (customer, expected) in [("Acme", 30), ("Other", 43_200)] {
        let mut story =
            Story::new(NIGHT, |text| text.replace("chain    = \"desk\"", "chain    = \"machines\""));
        story.happen(0, fact(Happening::Violation, 100_001, customer, Severity::Critical));
        story.pass(0, 12 * 3600 + 10);
        assert_eq!(
            story.told(),
            [format!("{expected} mail ivy@acme.example.com"), format!("{expected} sms +12105550181")]
        );
    }
}

#[test]
fn a_contact_chooses_for_themselves_how_alarms_come() {
    let ivy = |by: Way, at_any_hour: Option<bool>| {
        let of_acme = [("ivy".to_owned(), Preference { by, at_any_hour })].into();
        Preferences::from([("Acme".to_owned(), of_acme)])
    };
    let (mail, sms) = ("mail ivy@acme.example.com", "sms +12105550181");
    let night = |customer: &str, preferences: Preferences| {
        let mut story =
            Story::new(NIGHT, |text| text.replace("chain    = \"desk\"", "chain    = \"machines\""));
        story.preferences = preferences;
        story.happen(0, fact(Happening::Violation, 100_001, customer, Severity::Critical));
        story.pass(0, 12 * 3600 + 10);
        story
    };
    for (customer, by, at_any_hour, at, ways) in [
        ("Acme", Way::Mail, None, 30, &[mail][..]),
        ("Acme", Way::Sms, Some(false), 43_200, &[mail, sms]),
        ("Acme", Way::Mail, Some(false), 43_200, &[mail]),
        // What one of Acme chose is nothing to her namesake.
        ("Other", Way::Mail, Some(true), 43_200, &[mail, sms]),
    ] {
        let story = night(customer, ivy(by, at_any_hour));
        let expected: Vec<_> = ways.iter().map(|way| format!("{at} {way}")).collect();
        assert_eq!(story.told(), expected, "{customer} {by:?} {at_any_hour:?}");
        let wants = story.why("chain").contains(&"ivy wants mail instead of text messages");
        assert_eq!(wants, customer == "Acme" && by == Way::Mail);
    }
    // Whom the customer has not told of otherwise is told at night once they want it.
    let mut story = night("Other", Preferences::new());
    assert!(story.told().iter().all(|it| it.starts_with("43200 ")), "{:?}", story.told());
    let awake = Preference { by: Way::Arranged, at_any_hour: Some(true) };
    story = night("Other", [("Other".to_owned(), [("ivy".to_owned(), awake)].into())].into());
    assert!(story.told().iter().all(|it| it.starts_with("30 ")), "{:?}", story.told());
    // What has to be answered by mail comes by mail, whatever they chose.
    let mut story = Story::new(OPEN, str::to_owned);
    let ada = [("ada".to_owned(), Preference { by: Way::Sms, at_any_hour: None })].into();
    story.preferences = [("Acme".to_owned(), ada)].into();
    story.happen(0, fact(Happening::AuthorisationReminded, 100_001, "Acme", Severity::Warning));
    story.pass(0, 60);
    assert!(
        !story.told().is_empty() && story.told().iter().all(|it| it.contains(" mail ")),
        "{:?}",
        story.told()
    );
}

#[test]
fn d7_what_an_open_case_explains_is_quiet_and_says_why() {
    let with = |rule: &str, serial: u64, trunk: &str| {
        let mut fact = fact(Happening::Opened, serial, "Acme", Severity::Critical);
        fact.rule = rule.to_owned();
        fact.key.insert("trunk".to_owned(), trunk.to_owned());
        fact
    };
    let mut story = Story::new(OPEN, desk_only);
    // The cause comes after the effect, but within the time in which things are collected.
    story.happen(0, with("no-calls", 100_001, "one"));
    story.happen(5, with("trunk-down", 100_002, "one"));
    story.restart();
    story.happen(6, with("no-calls", 100_003, "two"));
    story.pass(6, 40);
    assert_eq!(story.why("inhibit"), ["trunk down: kept quiet while RW-100002-7 is open"]);
    let subjects: Vec<_> = story
        .sent
        .iter()
        .filter_map(|(_, it)| match &it.content {
            Content::Notice { subject, .. } if it.channel == Channel::Mail => Some(subject.clone()),
            _ => None,
        })
        .collect();
    assert!(
        subjects.iter().any(|it| it.contains("trunk-down"))
            && subjects.iter().any(|it| it.contains("RW-100003")),
        "{subjects:?}"
    );
    assert!(!subjects.iter().any(|it| it.contains("RW-100001")));
    story.happen(50, with("trunk-down", 100_002, "one").closed());
    story.happen(60, with("no-calls", 100_004, "one"));
    story.pass(60, 400);
    assert_eq!(story.why("inhibit").len(), 1);
}

impl Fact {
    fn closed(self) -> Self {
        Self { event: Happening::Closed, ..self }
    }
}

fn silence(name: &str, value: &str, contact: Option<&str>) -> Silence {
    let matcher = crate::notice::Matcher([(name.to_owned(), vec![value.to_owned()])].into());
    let times = (OPEN, OPEN.plus_micros(3600 * SECOND));
    let (id, contact) = ("S-1".to_owned(), contact.map(str::to_owned));
    Silence { id, contact, ..Silence::new("anna", "a drill of Acme", matcher, times) }
}

#[test]
fn d8_d9_a_silence_keeps_quiet_with_its_reason_but_for_the_promise_to_the_customer() {
    for (contact, expected) in [(None, 1), (Some("ivy"), 0)] {
        let mut story = Story::new(OPEN, desk_only);
        story.silences.push(silence("customer", "Acme", contact));
        story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
        let late = Fact {
            clock: Some((ClockKind::Notify, 90)),
            ..fact(Happening::ClockWarning, 100_001, "Acme", Severity::Critical)
        };
        story.happen(1, late);
        story.pass(0, 100);
        assert_eq!(story.told().len(), expected, "{:?}", story.told());
        assert_eq!(story.why("silence")[0], "kept quiet by S-1 of anna: a drill of Acme");
        // It is over: what comes then is told.
        story.happen(
            3700,
            Fact { id: "later".to_owned(), ..fact(Happening::Opened, 100_001, "Acme", Severity::Critical) },
        );
        story.pass(3700, 3740);
        assert_eq!(story.told().len(), expected + 3);
    }
}

#[test]
fn d8_a_silence_needs_a_reason_and_an_end_within_a_week() {
    let good = silence("rule", "harassment", None);
    assert_eq!(good.mistake(), None);
    let week = 7 * 24 * 3600 * SECOND;
    let long = Silence { until: OPEN.plus_micros(week + 1), ..good.clone() };
    assert!(long.mistake().unwrap().contains("7 days"));
    assert_eq!(Silence { second: Some("ben".to_owned()), ..long.clone() }.mistake(), None);
    assert!(
        Silence { second: Some("anna".to_owned()), ..long.clone() }.mistake().unwrap().contains("another")
    );
    let longer = Silence { until: OPEN.plus_micros(5 * week), second: Some("ben".to_owned()), ..long };
    assert!(longer.mistake().is_some());
    assert!(Silence { reason: "x".to_owned(), ..good.clone() }.mistake().is_some());
    for (minutes, is_good) in [(4, false), (5, true), (60, true), (61, false)] {
        let quiet = Silence { quiet_micros: Some(minutes * 60 * SECOND), ..good.clone() };
        assert_eq!(quiet.mistake().is_none(), is_good, "{minutes} minutes");
    }
    let facts = [
        fact(Happening::Opened, 1, "Acme", Severity::Critical),
        fact(Happening::Opened, 2, "Acme", Severity::Warning),
    ];
    assert_eq!(good.would_have_hidden(&facts), (2, 1));
}

#[test]
fn e6_what_is_too_much_for_one_person_comes_as_a_digest() {
    let few = |text: &str| {
        desk_only(text)
            .replace("mail_an_hour = 60", "mail_an_hour = 2")
            .replace("chain    = \"desk\"", "chain    = \"manager\"")
    };
    let mut story = Story::new(OPEN, few);
    for serial in 0..5 {
        let mut fact = fact(Happening::Opened, 100_001 + serial, "Acme", Severity::Critical);
        fact.rule = format!("rule-{serial}");
        story.happen(i64::try_from(serial).unwrap() * 10, fact);
    }
    story.pass(0, 400);
    story.restart();
    story.pass(401, 1100);
    assert_eq!(
        story.told(),
        ["30 mail dana@desk.example.com", "40 mail dana@desk.example.com", "950 mail dana@desk.example.com"]
    );
    let Content::Notice { subject, text } = &story.sent.last().unwrap().1.content else { panic!() };
    assert_eq!(subject, "Digest of 3 notices");
    assert!(text.contains("rule-2") && text.contains("rule-3") && text.contains("rule-4"), "{text}");
    assert_eq!(story.why("limit").len(), 3);
}

#[test]
fn without_a_file_customers_are_told_of_violations_and_the_rest_is_recorded() {
    let mut story = Story::new(NIGHT, same);
    story.settings = Settings::usual();
    story.happen(0, fact(Happening::Opened, 100_001, "Acme", Severity::Critical));
    story.happen(0, fact(Happening::Violation, 100_001, "Acme", Severity::Critical));
    story.happen(1, fact(Happening::ClockWarning, 100_001, "Acme", Severity::Critical));
    story.pass(0, 100);
    assert_eq!(story.told(), ["30 mail ivy@acme.example.com"]);
    assert!(story.why("chain").contains(&"ivy: no gateway sends text messages"));
    assert_eq!(story.why("route")[0], "the rest: only recorded");
    assert_eq!(story.why("route")[2], "no route takes it: it is only recorded");
}

pub(in crate::notice) fn violation() -> Fact {
    let mut fact = fact(Happening::Violation, 104_233, "Acme", Severity::Critical);
    fact.first = OPEN.plus_micros(-12 * MINUTE);
    fact.alerts = 3;
    fact.violation = Some(Violation {
        limit: Some(50.0),
        observed: 83.0,
        window: Some("1h".to_owned()),
        baseline: Some(4.0),
        calls: 83,
        until: Some(OPEN.plus_micros(48 * MINUTE)),
        top: vec![("+12105550142".to_owned(), 61), ("+12105550143".to_owned(), 22)],
    });
    let service = Service::sample();
    fact.due = service.terms().notify.due(service.calendar(), OPEN);
    fact
}
