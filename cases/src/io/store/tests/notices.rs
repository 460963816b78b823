//! What happens to cases becomes notices: with its cause, once, and over restarts.

use std::collections::BTreeMap;

use super::*;
use crate::change::{Change, Impact, Line};
use crate::clock::ClockKind;
use crate::intake::Role;
use crate::notice::{Engine, Happening, Settings, Silence, World};
use crate::outgoing::{Channel, Delivery};
use crate::registry::{Person, Registration};

/// A desk that goes by the usual settings.
pub(super) struct Teller {
    pub(super) store: Store,
    pub(super) service: Service,
    settings: Settings,
    pub(super) people: BTreeMap<String, Registration>,
    engine: Engine,
    pub(super) office: Option<Office>,
}

impl Teller {
    pub(super) fn new(store: Store) -> Self {
        let person = |name: &str, role: Role| Person {
            name: name.to_owned(),
            addresses: vec![format!("{name}@acme.example.com")],
            phones: Vec::new(),
            roles: [role].into(),
            valid_from: None,
            valid_until: None,
            verified_at: None,
            zone: None,
        };
        let people = vec![
            person("ivy", Role::IncidentNotify),
            person("ada", Role::Authorizer),
            person("max", Role::Escalation),
            person("rob", Role::Requester),
        ];
        let acme = Registration { customer: "Acme".to_owned(), people, ..Registration::default() };
        Self {
            store,
            service: Service::sample(),
            settings: Settings::usual(),
            people: [("Acme".to_owned(), acme)].into(),
            engine: Engine::default(),
            office: None,
        }
    }

    /// Looks at the news, so many seconds after ten o'clock.
    pub(super) async fn look(&mut self, seconds: i64) {
        let desk = self.store.desk();
        let silences = desk.silences(false).await.unwrap();
        let awake = desk.awake(NOW.plus_micros(seconds * 1_000_000)).await.unwrap();
        let preferences = desk.preferences().await.unwrap();
        let world = World {
            settings: &self.settings,
            service: &self.service,
            people: &self.people,
            silences: &silences,
            awake: &awake,
            preferences: &preferences,
            office: self.office.as_ref(),
        };
        let now = NOW.plus_micros(seconds * 1_000_000);
        let done = Done { who: "ringwall", now, service: &self.service };
        desk.take_news(&mut self.engine, world, Vec::new(), done).await.unwrap();
    }

    /// As after a crash.
    pub(super) async fn restart(&mut self) {
        self.engine = Engine::new(self.store.desk().notice_memory().await.unwrap());
    }

    /// To whom something is to go by then, and gone it is.
    async fn send(&self, seconds: i64) -> Vec<String> {
        let now = NOW.plus_micros(seconds * 1_000_000);
        let mut due = self.store.desk().due_by(Channel::Mail, now, 100).await.unwrap();
        due.extend(self.store.desk().due_by(Channel::Sms, now, 100).await.unwrap());
        for outgoing in &mut due {
            outgoing.state = Delivery::Accepted;
            outgoing.tries.push((now, "250 taken".to_owned()));
        }
        self.store.desk().settle(&due).await.unwrap();
        due.into_iter().map(|it| it.to).collect()
    }
}

#[test]
fn e3_a_critical_alert_tells_the_customer_once_and_stops_the_clock_when_that_is_accepted() {
    on_both(|store| async move {
        let mut teller = Teller::new(store.clone());
        let alerts = [alert("1", "Acme", "+12105550142", "critical", 0)];
        store.desk().take_alerts(&alerts, 1, &mut Storm::default(), done(&teller.service, 0)).await.unwrap();
        for second in [1, 2, 10, 29] {
            teller.look(second).await;
            teller.restart().await;
            assert!(teller.send(second).await.is_empty());
        }
        teller.look(31).await;
        // Decided again after a crash that forgot that it was.
        teller.look(31).await;
        assert_eq!(teller.send(32).await, ["ivy@acme.example.com"]);
        let number = list(&store).await[0].number;
        let runs = |case: &Case| {
            case.clocks.iter().filter(|it| it.stopped.is_none()).map(|it| it.kind).collect::<Vec<_>>()
        };
        assert_eq!(
            runs(&store.desk().case(number).await.unwrap()),
            [ClockKind::Acknowledge, ClockKind::Notify]
        );
        let later = Done { who: "ringwall", now: NOW.plus_micros(50_000_000), service: &teller.service };
        assert_eq!(store.desk().settle_promises(later).await.unwrap(), 1);
        assert_eq!(store.desk().settle_promises(later).await.unwrap(), 0);
        let case = store.desk().case(number).await.unwrap();
        assert_eq!((runs(&case), case.state), (vec![ClockKind::Acknowledge], State::Notified));
        // At the provider's time, not at ours; and the customer may see it.
        let clock = case.clocks.iter().find(|it| it.kind == ClockKind::Notify).unwrap();
        assert_eq!(clock.stopped, Some(NOW.plus_micros(32_000_000)));
        assert!(store.customer("Acme").events(number).await.unwrap().iter().any(|it| it.what == "notify"));
        let ledger = store.desk().ledger(number).await.unwrap();
        assert_eq!(ledger.len(), 1);
        assert_eq!((ledger[0].ledger.who.as_str(), ledger[0].outgoing.state), ("ivy", Delivery::Accepted));
        let stages: Vec<_> =
            store.desk().tellings(number).await.unwrap().into_iter().map(|it| it.stage).collect();
        assert!(
            ["route", "group", "chain"].iter().all(|stage| stages.contains(&(*stage).to_owned())),
            "{stages:?}"
        );
        for second in 60..64 {
            teller.look(second).await;
            assert!(teller.send(second).await.is_empty());
        }
    });
}

#[test]
fn e2_a_hold_until_it_opens_is_in_the_database() {
    on_both(|store| async move {
        let mut teller = Teller::new(store.clone());
        teller.settings.at_any_hour.clear();
        // Monday at 20:00; it opens twelve hours later.
        let (night, hour) = (10 * 3600, 3600);
        let alerts = [alert("1", "Acme", "+12105550142", "critical", 600)];
        store
            .desk()
            .take_alerts(&alerts, 1, &mut Storm::default(), done(&teller.service, 600))
            .await
            .unwrap();
        for second in [night + 1, night + 40, night + hour, night + 12 * hour - 1] {
            teller.look(second).await;
            assert!(teller.send(second).await.is_empty());
            teller.restart().await;
        }
        let number = list(&store).await[0].number;
        let tellings = store.desk().tellings(number).await.unwrap();
        let why: Vec<_> =
            tellings.iter().filter(|it| it.stage == "chain").map(|it| it.text.as_str()).collect();
        assert_eq!(why, ["step 1 of customer waits for ivy until Tue 6 Oct 2026 08:00 CDT"]);
        teller.look(night + 12 * hour).await;
        assert_eq!(teller.send(night + 12 * hour).await, ["ivy@acme.example.com"]);
    });
}

#[test]
fn z5_silent_authorisers_are_reminded_and_nothing_is_made_without_them() {
    on_both(|store| async move {
        let mut teller = Teller::new(store.clone());
        let service = Service::sample();
        let hour = 3600;
        let desk = store.desk();
        let case =
            desk.open("Acme", Kind::Block, State::New, "block a caller", done(&service, 0)).await.unwrap();
        desk.step(case.number, &Signal::Take, "", done(&service, 0)).await.unwrap();
        let change = Change {
            customer: "Acme".to_owned(),
            base: "1".to_owned(),
            result: "2".to_owned(),
            lines: vec![Line::Text { diff: "-a\n+b".to_owned() }],
        };
        desk.propose(case.number, change, Impact::default(), done(&service, 0)).await.unwrap();
        ask(desk, case.number, other(&service, 0)).await;
        let mut told = Vec::new();
        // Ten o'clock on Monday; 8 hours later is Tuesday 9:00, and the fifth business day after it ends on the 12th.
        for at in [
            0,
            hour - 1,
            hour + 1,
            4 * hour + 1,
            22 * hour,
            23 * hour + 1,
            7 * 24 * hour,
            7 * 24 * hour + 7 * hour + 1,
        ] {
            teller.look(at).await;
            teller.restart().await;
            teller.look(at).await;
            told.push((at, teller.send(at).await.join(" ")));
        }
        let ada = "ada@acme.example.com";
        let expected = [
            (0, String::new()),
            (hour - 1, String::new()),
            (hour + 1, ada.to_owned()),
            (4 * hour + 1, ada.to_owned()),
            (22 * hour, String::new()),
            (23 * hour + 1, format!("{ada} max@acme.example.com")),
            (7 * 24 * hour, String::new()),
            (7 * 24 * hour + 7 * hour + 1, String::new()),
        ];
        for (seen, expected) in told.iter().zip(&expected) {
            let mut names: Vec<_> = seen.1.split(' ').collect();
            names.sort_unstable();
            assert_eq!((seen.0, names.join(" ")), *expected);
        }
        let case = desk.case(case.number).await.unwrap();
        assert_eq!((case.state, case.closure.unwrap().reason), (State::Closed, Reason::NotAuthorised));
    });
}

#[test]
fn s5_each_clock_warns_at_half_three_quarters_ninety_percent_and_the_end() {
    on_both(|store| async move {
        let mut teller = Teller::new(store.clone());
        let alerts = [alert("1", "Acme", "+12105550142", "warning", 0)];
        store.desk().take_alerts(&alerts, 1, &mut Storm::default(), done(&teller.service, 0)).await.unwrap();
        for minute in [0, 29, 30, 31, 44, 45, 53, 54, 59, 60, 61] {
            teller.look(minute * 60).await;
        }
        let facts = store.desk().facts(NOW).await.unwrap();
        let warned: Vec<_> =
            facts.iter().filter_map(|it| Some((it.clock?.1, it.at.micros_since(NOW) / MINUTE))).collect();
        assert_eq!(warned, [(50, 30), (75, 45), (90, 54), (100, 60)]);
    });
}

#[test]
fn s5_whoever_looks_into_an_alert_has_acknowledged_it() {
    on_both(|store| async move {
        let mut teller = Teller::new(store.clone());
        let (service, desk) = (Service::sample(), store.desk());
        let alerts = [alert("1", "Acme", "+12105550142", "warning", 0)];
        desk.take_alerts(&alerts, 1, &mut Storm::default(), done(&service, 0)).await.unwrap();
        let number = list(&store).await[0].number;
        teller.look(31 * 60).await;
        // Without a word that it was taken.
        let case = desk.step(number, &Signal::Investigate, "", done(&service, 32)).await.unwrap();
        let clock = case.clocks.iter().find(|it| it.kind == ClockKind::Acknowledge).unwrap();
        assert_eq!(
            (clock.stopped, case.owner.as_deref()),
            (Some(NOW.plus_micros(32 * MINUTE)), Some("anna"))
        );
        for minute in [33, 45, 60, 61] {
            teller.look(minute * 60).await;
        }
        let facts = desk.facts(NOW).await.unwrap();
        let warned: Vec<_> = facts.iter().filter_map(|it| Some(it.clock?.1)).collect();
        assert_eq!(warned, [50], "it is warned of what is done");
        assert!(facts.iter().any(|it| it.event == Happening::Acknowledged));
    });
}

#[test]
fn d8_silences_are_kept_reminded_of_and_told_when_they_are_over() {
    on_both(|store| async move {
        let mut teller = Teller::new(store.clone());
        let matcher = crate::notice::Matcher([("customer".to_owned(), vec!["Acme".to_owned()])].into());
        let silence = Silence::new("anna", "a drill of Acme", matcher, (NOW, NOW.plus_micros(60 * MINUTE)));
        let service = Service::sample();
        let added = store.desk().add_silence(silence.clone(), done(&service, 0)).await.unwrap();
        assert_eq!(added.id, "S-1");
        let second = store.desk().add_silence(silence, done(&service, 0)).await.unwrap();
        assert_eq!(
            store.desk().end_silence(&second.id, done(&service, 1)).await.unwrap().end(),
            NOW.plus_micros(MINUTE)
        );
        assert!(store.desk().end_silence(&second.id, done(&service, 2)).await.is_err());
        // Whoever is silenced is told nothing, and a case is opened all the same.
        let alerts = [alert("1", "Acme", "+12105550142", "critical", 0)];
        store.desk().take_alerts(&alerts, 1, &mut Storm::default(), done(&service, 0)).await.unwrap();
        for minute in [2, 29, 30, 31, 59, 60, 61] {
            teller.look(minute * 60).await;
        }
        assert!(teller.send(70 * 60).await.is_empty());
        let case = &list(&store).await[0];
        assert!(case.clocks.iter().any(|it| it.kind == ClockKind::Notify && it.stopped.is_none()));
        let tellings = store.desk().tellings(case.number).await.unwrap();
        assert!(
            tellings.iter().any(|it| it.text == "kept quiet by S-1 of anna: a drill of Acme"),
            "{tellings:?}"
        );
        let facts = store.desk().facts(NOW).await.unwrap();
        let told: Vec<_> = facts
            .iter()
            .filter(|it| it.id.contains("silence"))
            .map(|it| (it.id.as_str(), it.at.micros_since(NOW) / MINUTE))
            .collect();
        assert_eq!(
            told,
            [
                ("service/silence-ended/S-2", 2),
                ("service/silence-ending/S-1", 30),
                ("service/silence-ended/S-1", 60)
            ]
        );
        // The next alert says that there was one; the same thing again says nothing more, and neither does another customer's.
        for (minute, customer, said) in [(80, "Other", 0), (90, "Acme", 1), (95, "Acme", 1)] {
            let caller = format!("+121055501{minute}");
            let alerts = [alert(&format!("at {minute}"), customer, &caller, "critical", minute)];
            store
                .desk()
                .take_alerts(&alerts, 2, &mut Storm::default(), done(&service, minute))
                .await
                .unwrap();
            teller.look(minute * 60).await;
            let facts = store.desk().facts(NOW).await.unwrap();
            let noted: Vec<_> = facts.iter().filter_map(|it| it.silenced.as_ref()).collect();
            assert_eq!(noted.len(), said, "{customer} at {minute}");
            if let Some((until, words)) = noted.first() {
                // Of two the one that it would have fitted last.
                assert!(words.starts_with("S-") && *until <= NOW.plus_micros(60 * MINUTE), "{noted:?}");
            }
        }
        assert!(store.desk().silences(false).await.unwrap().is_empty());
        assert_eq!(store.desk().silences(true).await.unwrap().len(), 2);
    });
}

#[test]
fn d8_a_silence_ends_when_it_was_quiet_for_an_hour() {
    on_both(|store| async move {
        let mut teller = Teller::new(store.clone());
        let matcher = crate::notice::Matcher([("customer".to_owned(), vec!["Acme".to_owned()])].into());
        let times = (NOW, NOW.plus_micros(24 * 60 * MINUTE));
        let silence = Silence::new("anna", "a drill of Acme", matcher, times);
        let silence = Silence { quiet_micros: Some(60 * MINUTE), ..silence };
        let service = Service::sample();
        store.desk().add_silence(silence, done(&service, 0)).await.unwrap();
        // The same thing again and again: no case is opened for it, and it is heard all the same.
        for minute in [1, 50, 109] {
            let alerts = [alert(&format!("at {minute}"), "Acme", "+12105550142", "warning", minute)];
            store
                .desk()
                .take_alerts(&alerts, 1, &mut Storm::default(), done(&service, minute))
                .await
                .unwrap();
            teller.look(minute * 60 + 1).await;
        }
        // What another customer has is not its affair, and nothing of it outlives a restart but what is kept.
        let others = [alert("x", "Other", "+12105550142", "warning", 140)];
        store.desk().take_alerts(&others, 2, &mut Storm::default(), done(&service, 140)).await.unwrap();
        teller.restart().await;
        for minute in [140, 168] {
            teller.look(minute * 60).await;
            assert_eq!(store.desk().silences(false).await.unwrap()[0].ended, None, "at {minute}");
        }
        teller.look(170 * 60).await;
        let over = &store.desk().silences(true).await.unwrap()[0];
        assert_eq!(over.ended, Some((NOW.plus_micros(170 * MINUTE), "ringwall".to_owned())));
        let facts = store.desk().facts(NOW).await.unwrap();
        let told = facts.iter().find(|it| it.event == Happening::SilenceEnded).unwrap();
        assert!(told.text.ends_with("it was quiet for long enough"), "{}", told.text);
        assert!(store.audit("Acme", 0, 99).await.unwrap().iter().any(|entry| entry.action == "end-silence"));
    });
}

#[test]
fn d8_who_wrote_a_silence_is_reminded_while_the_desk_is_open() {
    let service = Service::sample();
    let calendar = service.calendar();
    let minutes = |from: i64, until: i64| {
        let times = (NOW.plus_micros(from * MINUTE), NOW.plus_micros(until * MINUTE));
        let matcher = crate::notice::Matcher::default();
        Silence::new("anna", "a drill of Acme", matcher, times).reminder_at(calendar).micros_since(NOW)
            / MINUTE
    };
    // Monday ten o'clock; the desk closes at 17:00.
    assert_eq!(minutes(0, 60), 30);
    // Until three in the night: half an hour before it closes.
    assert_eq!(minutes(0, 17 * 60), 6 * 60 + 30);
    // Until ten past eight on Tuesday, ten minutes after it opens: twenty minutes before it closes on Monday.
    assert_eq!(minutes(0, 22 * 60 + 10), 6 * 60 + 40);
    // From eight in the evening until midnight nobody is there.
    assert_eq!(minutes(10 * 60, 14 * 60), 13 * 60 + 30);
}

#[test]
fn d5_a_storm_is_told_every_five_minutes_by_rule_and_so_is_the_next_in_the_same_case() {
    on_both(|store| async move {
        let mut teller = Teller::new(store.clone());
        let (service, mut storm) = (Service::sample(), Storm::default());
        let mut sent = 0;
        let mut burst = async |minute: i64, count: usize, teller: &mut Teller| {
            let alerts: Vec<_> = (0..count)
                .map(|index| {
                    alert(
                        &format!("{minute}-{index}"),
                        "Acme",
                        &format!("+1{minute:03}{index:07}"),
                        "warning",
                        minute,
                    )
                })
                .collect();
            sent += 1;
            store.desk().take_alerts(&alerts, sent, &mut storm, done(&service, minute)).await.unwrap();
            teller.look(minute * 60 + 1).await;
        };
        burst(0, 100, &mut teller).await;
        burst(4, 10, &mut teller).await;
        // Nothing new between these: nothing is told either.
        for minute in [5, 6, 8] {
            teller.look(minute * 60 + 30).await;
        }
        burst(11, 7, &mut teller).await;
        teller.restart().await;
        for minute in [12, 20, 21, 22, 40] {
            teller.look(minute * 60 + 30).await;
        }
        // An hour later, and nobody has closed the case.
        burst(80, 90, &mut teller).await;
        for minute in [85, 89, 91, 95] {
            teller.look(minute * 60 + 30).await;
        }
        let facts = store.desk().facts(NOW).await.unwrap();
        let of_storm: Vec<_> = facts
            .iter()
            .filter(|it| it.event.name().starts_with("storm"))
            .map(|it| (it.at.micros_since(NOW) / MINUTE, it.event.name(), it.text.as_str()))
            .collect();
        let case = list(&store).await.into_iter().find(|it| it.key.as_deref() == Some("storm")).unwrap();
        assert_eq!(case.by_rule.values().sum::<u64>(), case.alerts);
        assert_eq!(
            of_storm,
            [
                (0, "storm-begun", ""),
                (5, "storm-continues", "50 alerts, 10 since it was told last: harassment 50"),
                (11, "storm-continues", "57 alerts, 7 since it was told last: harassment 57"),
                (21, "storm-ended", "57 alerts, 0 since it was told last: harassment 57"),
                (80, "storm-begun", ""),
                (91, "storm-ended", "87 alerts, 0 since it was told last: harassment 87"),
            ]
        );
    });
}
