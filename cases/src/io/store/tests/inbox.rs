//! Mails that are kept become cases, answers, notes; and what waits ends.

use base64::Engine as _;

use super::*;
use crate::Registration;
use crate::change::{Change, Impact, Line};
use crate::intake::{
    self, Checks, Contact, Directory, Envelope, Intake, Outcome, ReturnPath, Role, Tenant, ThreadToken,
    Trust, answer_address,
};
use crate::letter::DeskAddress;
use crate::outgoing::{Channel, Content};
use crate::registry::Person;

const DESK: &str = "case@desk.example.com";
const REQUEST: &str = "Phone number(s) that you want to be blocked:\r\n303-555-0142\r\n\r\nNumber(s) Category:\r\nHarassing\r\n\r\n\
    Business Case and Description:\r\nCalls every hour.\r\n";

fn office() -> Office {
    Office {
        desk: DeskAddress { address: DESK.to_owned(), name: "Desk".to_owned() },
        portal: "https://desk.example.com".to_owned(),
        escalation: "Ann Example".to_owned(),
        sends: true,
    }
}

fn registration() -> Registration {
    let person = |name: &str, roles: &[Role]| Person {
        name: name.to_owned(),
        addresses: vec![format!("{}@acme.example.com", name.to_lowercase())],
        phones: Vec::new(),
        roles: roles.iter().copied().collect(),
        valid_from: None,
        valid_until: (name == "Leo").then_some(NOW),
        verified_at: None,
        zone: None,
    };
    Registration {
        customer: "Acme".to_owned(),
        domains: vec!["acme.example.com".to_owned()],
        people: vec![
            person("Ann", &[Role::Requester, Role::Authorizer]),
            person("Ray", &[Role::ReportRecipient]),
            person("Leo", &[Role::Requester]),
        ],
        ..Registration::default()
    }
}

/// The desk of Acme and of Umbrella, on an empty database.
pub(super) struct Post {
    pub(super) store: Store,
    pub(super) service: Service,
    directory: Directory,
}

impl Post {
    pub(super) async fn new(store: Store) -> Self {
        let service = Service::sample();
        let draft = store.desk().draft_registration(registration(), done(&service, 0)).await.unwrap();
        let ben = Done { who: "ben", ..done(&service, 0) };
        store.desk().confirm_registration(&draft.hash, ben).await.unwrap();
        let tenant = |id: &str, domain: &str, contacts: Vec<Contact>| Tenant {
            id: id.to_owned(),
            domains: vec![domain.to_owned()],
            plans: vec![rules::plan::DialPlan::default()],
            zone: "America/Chicago".to_owned(),
            contacts,
            ..Tenant::default()
        };
        let umbrella = Contact {
            id: "Uma".to_owned(),
            addresses: vec!["uma@umbrella.example.com".to_owned()],
            roles: [Role::Requester].into(),
            valid_from: None,
            valid_until: None,
        };
        let directory = Directory {
            authserv_id: Some("mx".to_owned()),
            own_addresses: vec![DESK.to_owned()],
            tenants: vec![
                tenant("Acme", "acme.example.com", registration().contacts()),
                tenant("Umbrella", "umbrella.example.com", vec![umbrella]),
            ],
            ..Directory::default()
        };
        Self { store, service, directory }
    }

    /// Keeps and reads a mail of `from`, which came at `minutes` with these fields and this text.
    pub(super) async fn take(&self, minutes: i64, from: &str, fields: &str, text: &str) -> Became {
        let domain = from.split_once('@').unwrap().1;
        let verdict = if fields.contains("no-verdict") {
            String::new()
        } else {
            format!("Authentication-Results: mx; dmarc=pass header.from={domain}\r\n")
        };
        let raw = format!("{verdict}From: <{from}>\r\nTo: <{DESK}>\r\n{fields}\r\n{text}");
        let to = fields.split_once("X-To: ").map_or(DESK, |(_, to)| to.split("\r\n").next().unwrap());
        let envelope = Envelope {
            return_path: ReturnPath::Address(from.to_owned()),
            recipients: vec![to.to_owned()],
            received_at: NOW.plus_micros(minutes * MINUTE),
            checks: None,
        };
        let desk = self.store.desk();
        if !desk.keep_mail(raw.as_bytes(), &envelope).await.unwrap() {
            return Became::Already;
        }
        let key = desk.unread_mails(5).await.unwrap().pop().expect("it was kept");
        let mail = desk.begin_reading(&key).await.unwrap().unwrap();
        assert_eq!((mail.raw.as_slice(), &mail.envelope), (raw.as_bytes(), &envelope), "as it came");
        let intake: Intake = mail.read(&self.directory);
        let became = desk.read_mail(&mail, &intake, &office(), self.done(minutes)).await.unwrap();
        // Whoever has it at hand still reads it no second time.
        let again = desk.read_mail(&mail, &intake, &office(), self.done(minutes)).await.unwrap();
        assert!(matches!(again, Became::Already) && desk.unread_mails(5).await.unwrap().is_empty());
        became
    }

    pub(super) fn done(&self, minutes: i64) -> Done<'_> {
        Done { who: "ringwall", now: NOW.plus_micros(minutes * MINUTE), service: &self.service }
    }

    pub(super) async fn opened(&self, minutes: i64, from: &str, fields: &str) -> Case {
        match self.take(minutes, from, fields, REQUEST).await {
            Became::Opened(cases) => cases.into_iter().next().unwrap(),
            other => panic!("{from} {fields}: {other:?}"),
        }
    }

    async fn joined(&self, minutes: i64, from: &str, fields: &str, text: &str) -> Case {
        match self.take(minutes, from, fields, text).await {
            Became::Joined(case) => *case,
            other => panic!("{from} {fields}: {other:?}"),
        }
    }

    async fn token(&self, number: CaseNumber) -> ThreadToken {
        self.store.desk().thread_token(number).await.unwrap()
    }

    async fn whats(&self, number: CaseNumber) -> Vec<String> {
        let events = self.store.desk().events(number).await.unwrap();
        events.into_iter().map(|event| event.what).collect()
    }

    /// What goes out about a case: to whom, and the text.
    async fn sent(&self, number: CaseNumber) -> Vec<(String, String)> {
        let all = self.store.desk().outgoing(number).await.unwrap();
        all.into_iter()
            .map(|it| {
                assert_eq!(it.channel, Channel::Mail);
                let text = match it.content {
                    Content::AutomaticReply(mail) => {
                        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(mail).unwrap())
                            .unwrap()
                    }
                    Content::Notice { subject, text } | Content::Report { subject, text, .. } => {
                        format!("{subject}\n{text}")
                    }
                    Content::Document(text) => text,
                };
                (it.to, text)
            })
            .collect()
    }
}

#[test]
fn c6_a_mail_is_kept_and_read_once_and_a_reused_id_is_shown() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let fields = "Message-ID: <one@acme.example.com>\r\nSubject: Block\r\n";
        let first = post.opened(0, "ann@acme.example.com", fields).await;
        assert_eq!((first.state, first.clocks.len()), (State::New, 2));
        assert!(matches!(post.take(1, "ann@acme.example.com", fields, REQUEST).await, Became::Already));
        let other = post.take(2, "ann@acme.example.com", fields, "block 303-555-0199\r\n").await;
        let Became::Opened(cases) = other else { panic!("{other:?}") };
        let events = post.store.desk().events(cases[0].number).await.unwrap();
        assert!(events.iter().any(|it| it.text.contains("Message-ID reuse")), "{events:?}");
        assert_eq!(list(&post.store).await.len(), 2);
        // within ten minutes nobody is answered twice.
        assert_eq!(post.sent(first.number).await.len(), 1);
        assert_eq!(post.sent(cases[0].number).await.len(), 0);
    });
}

#[test]
fn a2_the_answer_says_what_was_understood_and_by_when() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let fields = "Message-ID: <one@acme.example.com>\r\nSubject: Block request\r\n";
        let case = post.opened(0, "ann@acme.example.com", fields).await;
        let sent = post.sent(case.number).await;
        let [(to, mail)] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!(to, "ann@acme.example.com");
        let token = post.token(case.number).await;
        let answers = answer_address(DESK, case.number, token);
        for expected in [
            &format!("Subject: [{}] Received: Block request\r\n", case.number),
            "In-Reply-To: <one@acme.example.com>\r\n",
            &format!("Reply-To: <{answers}>\r\n"),
            "Auto-Submitted: auto-replied\r\n",
            "+13035550142",
            "Mon 5 Oct 2026 11:00 CDT",
            "Tue 6 Oct 2026 17:00 CDT",
            "Hours: Mon-Fri 08:00-17:00 America/Chicago. Next closed day: ",
            "Not satisfied? Ann Example",
        ] {
            assert!(mail.replace("=\r\n", "").contains(expected), "no {expected:?} in {mail}");
        }
    });
}

#[test]
fn c4_answers_join_by_secret_and_by_number_only_for_the_customers_own_people() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let case = post.opened(0, "ann@acme.example.com", "Message-ID: <1@a>\r\n").await;
        let token = post.token(case.number).await;
        let to = format!("X-To: {}\r\n", answer_address(DESK, case.number, token));
        post.joined(1, "ann@acme.example.com", &to, "more about it").await;
        let answered = format!("In-Reply-To: <{}>\r\n", intake::message_id(DESK, case.number, token, 0));
        post.joined(2, "ann@acme.example.com", &answered, "and more").await;
        let named = format!("Subject: Re: [{}] x\r\n", case.number);
        post.joined(3, "ray@acme.example.com", &named, "I as well").await;
        // T-4, F18: with the secret, but nobody vouches for the sender, or a machine wrote it.
        post.joined(4, "ann@acme.example.com", &format!("{to}X-A: no-verdict\r\n"), "close it").await;
        post.joined(5, "ann@acme.example.com", &format!("{to}Auto-Submitted: auto-replied\r\n"), "away")
            .await;
        let whats = post.whats(case.number).await;
        let joined: Vec<_> = whats.iter().filter(|it| !["open", "mail"].contains(&it.as_str())).collect();
        assert_eq!(joined, ["reply", "reply", "reply", "untrusted-note", "machine-mail"]);
        let seen = post.store.customer("Acme").events(case.number).await.unwrap();
        assert_eq!(seen.iter().filter(|it| it.what == "reply").count(), 3);
        assert!(
            !seen.iter().any(|it| ["untrusted-note", "machine-mail", "mail"].contains(&it.what.as_str()))
        );
        // F12: another customer's number, and a wrong secret: a case of their own.
        let wrong = format!("X-To: {}\r\n", answer_address(DESK, case.number, ThreadToken([0; 16])));
        for (fields, from) in [(&named, "uma@umbrella.example.com"), (&wrong, "uma@umbrella.example.com")] {
            let other = post.opened(6, from, fields).await;
            assert_eq!(other.customer, "Umbrella");
            let events = post.store.desk().events(other.number).await.unwrap();
            let claims = format!("claims {}", case.number);
            assert!(events.iter().any(|it| it.text.contains(&claims)), "{events:?}");
        }
        let named_by_nobody =
            post.opened(7, "ann@acme.example.com", &format!("{named}X-A: no-verdict\r\n")).await;
        assert_eq!(named_by_nobody.state, State::Unverified);
    });
}

#[test]
fn an_answer_of_a_requester_says_what_was_missing_and_opens_again_for_14_days() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let desk = post.store.desk();
        let case = post.opened(0, "ann@acme.example.com", "").await;
        let number = case.number;
        let to = format!("X-To: {}\r\n", answer_address(DESK, number, post.token(number).await));
        let act = |minutes| done(&post.service, minutes);
        desk.step(number, &Signal::Take, "", act(1)).await.unwrap();
        desk.step(number, &Signal::AskInfo, "which?", act(2)).await.unwrap();
        assert_eq!(post.joined(3, "ray@acme.example.com", &to, "it is x").await.state, State::NeedsInfo);
        let answered = post.joined(4, "ann@acme.example.com", &to, "it is y").await;
        assert_eq!((answered.state, answered.owner.as_deref()), (State::Acknowledged, Some("anna")));
        desk.step(number, &Signal::Inform, "told", act(5)).await.unwrap();
        desk.close(number, Reason::Resolved, "all is told now", None, act(6)).await.unwrap();
        let day = 24 * 60;
        let machine = format!("{to}Precedence: bulk\r\n");
        assert_eq!(post.joined(7, "ann@acme.example.com", &machine, "away").await.state, State::Closed);
        let note = format!("{to}X-A: no-verdict\r\n");
        assert_eq!(post.joined(8, "ann@acme.example.com", &note, "again").await.state, State::Closed);
        let again = post.joined(13 * day, "ann@acme.example.com", &to, "again").await;
        assert_eq!((again.state, again.clocks.len()), (State::Acknowledged, 4));
        desk.step(number, &Signal::Inform, "told", act(13 * day + 1)).await.unwrap();
        desk.close(number, Reason::Resolved, "all is told now", None, act(13 * day + 2)).await.unwrap();
        let new = post.opened(28 * day, "ann@acme.example.com", &to).await;
        assert!(new.number != number && new.links.iter().any(|(other, _)| *other == number));
        assert_eq!(post.sent(new.number).await.len(), 1, "a new case is answered");
    });
}

#[test]
fn n5_a_wave_of_strangers_is_one_case_and_is_not_answered() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let mut opened = Vec::new();
        for at in 0..4 {
            let from = format!("stranger{at}@acme.example.com");
            let case = post.opened(at, &from, "").await;
            assert_eq!(case.state, State::Unverified);
            let sent = post.sent(case.number).await;
            assert!(sent.len() == 1 && !sent[0].1.contains("303-555"), "N-1: {sent:?}");
            opened.push(case.number);
        }
        let wave = post.joined(5, "stranger5@acme.example.com", "", REQUEST).await;
        let more = post.joined(6, "stranger6@acme.example.com", "", REQUEST).await;
        assert_eq!((wave.number, more.alerts, more.kind), (more.number, 2, Kind::Alert));
        assert!(post.sent(wave.number).await.is_empty() && !opened.contains(&wave.number));
        // Who may ask is heard all the same, and so is another customer.
        assert_eq!(post.opened(7, "ann@acme.example.com", "").await.state, State::New);
        post.opened(8, "x@umbrella.example.com", "").await;
        post.opened(70, "stranger7@acme.example.com", "").await;
    });
}

#[test]
fn n2_n4_requesters_hear_what_waits_and_what_nobody_adopts_is_closed() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let desk = post.store.desk();
        let mine = post.opened(0, "pat@acme.example.com", "Message-ID: <1@a>\r\n").await.number;
        let other = post.opened(1, "kim@acme.example.com", "Message-ID: <2@a>\r\n").await.number;
        let nobody = post.opened(2, "x@elsewhere.example", "").await;
        assert_eq!((nobody.customer.as_str(), nobody.state), ("unassigned", State::Unverified));
        for minutes in [3, 4] {
            assert_eq!(desk.work_waiting(&office(), post.done(minutes)).await.unwrap(), 0);
        }
        let digests = |sent: Vec<(String, String)>| {
            sent.into_iter().filter(|(_, it)| it.contains("wait for a word")).collect::<Vec<_>>()
        };
        let sent = digests(post.sent(other).await);
        let [(to, text)] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!(to, "ann@acme.example.com");
        assert!(text.contains("pat@acme.example.com asked for: block") && text.contains("kim@"), "{text}");
        assert!(!text.contains("555-0142") && !text.contains("Calls every"), "N-3: {text}");
        // What came later is told an hour later.
        let third = post.opened(10, "lou@acme.example.com", "").await.number;
        desk.work_waiting(&office(), post.done(11)).await.unwrap();
        assert!(digests(post.sent(third).await).is_empty());
        desk.work_waiting(&office(), post.done(70)).await.unwrap();
        assert_eq!(digests(post.sent(third).await).len(), 1);

        let refused = desk.adopt(mine, "Ray", post.done(80)).await.unwrap_err();
        assert!(refused.to_string().contains("Ray may not ask"), "{refused}");
        let adopted = desk.adopt(mine, "Ann", done(&post.service, 80)).await.unwrap();
        assert_eq!((adopted.state, adopted.owner, adopted.clocks.len()), (State::New, None, 2));
        assert_eq!(adopted.clocks[1].start, NOW.plus_micros(80 * MINUTE), "it counts from then");
        // Monday 10:00: five business days end on the Monday after.
        let day = 24 * 60;
        desk.work_waiting(&office(), post.done(7 * day + 419)).await.unwrap();
        assert_eq!(desk.case(other).await.unwrap().state, State::Unverified);
        assert_eq!(desk.work_waiting(&office(), post.done(7 * day + 420)).await.unwrap(), 3);
        let closed = desk.case(other).await.unwrap();
        assert_eq!(closed.closure.as_ref().unwrap().reason, Reason::NotAuthorised);
        assert_eq!((closed.state, closed.owner.as_deref()), (State::Closed, None));
        desk.work_waiting(&office(), post.done(9 * day)).await.unwrap();
        let told: Vec<_> =
            post.sent(other).await.into_iter().filter(|(to, _)| to.starts_with("kim@")).collect();
        assert_eq!(told.len(), 2, "answered once, told once: {told:?}");
        assert_eq!(desk.case(mine).await.unwrap().state, State::New);
    });
}

#[test]
fn quarantine_is_dropped_after_30_days_and_unanswered_questions_are_closed() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let desk = post.store.desk();
        let fail = "X-A: no-verdict\r\n";
        let raw = format!(
            "Authentication-Results: mx; dmarc=fail header.from=acme.example.com\r\nFrom: <ann@acme.example.com>\r\n{fail}\r\nblock 303-555-0142"
        );
        let envelope = Envelope {
            return_path: ReturnPath::Address("evil@x.example".to_owned()),
            recipients: vec![DESK.to_owned()],
            received_at: NOW,
            checks: None,
        };
        desk.keep_mail(raw.as_bytes(), &envelope).await.unwrap();
        let key = desk.unread_mails(5).await.unwrap().remove(0);
        let mail = desk.begin_reading(&key).await.unwrap().unwrap();
        let intake = mail.read(&post.directory);
        let Became::Opened(cases) = desk.read_mail(&mail, &intake, &office(), post.done(0)).await.unwrap()
        else {
            panic!("it opens one")
        };
        let spoof = cases[0].number;
        assert_eq!(cases[0].state, State::Quarantine);
        // F13: nobody is answered; whose name was used is told.
        let sent = post.sent(spoof).await;
        assert!(sent.len() == 1 && sent[0].1.contains("is not: we keep it aside"), "{sent:?}");
        assert_eq!(sent[0].0, "ann@acme.example.com");

        let asked = post.opened(1, "ann@acme.example.com", "").await.number;
        desk.step(asked, &Signal::Take, "", done(&post.service, 2)).await.unwrap();
        desk.step(asked, &Signal::AskInfo, "which?", done(&post.service, 3)).await.unwrap();
        let day = 24 * 60;
        desk.work_waiting(&office(), post.done(14 * day + 419)).await.unwrap();
        assert_eq!(desk.case(asked).await.unwrap().state, State::NeedsInfo);
        desk.work_waiting(&office(), post.done(15 * day)).await.unwrap();
        assert_eq!(desk.case(asked).await.unwrap().closure.unwrap().reason, Reason::NoAnswer);
        assert_eq!(desk.case(spoof).await.unwrap().state, State::Quarantine);
        desk.work_waiting(&office(), post.done(30 * day)).await.unwrap();
        assert_eq!(desk.case(spoof).await.unwrap().state, State::Dropped);
    });
}

#[test]
fn n7_who_was_a_contact_is_nobody_and_the_authorisers_hear_of_it_once_a_day() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let first = post.opened(10, "leo@acme.example.com", "").await;
        let second = post.opened(20, "leo@acme.example.com", "Subject: more\r\n").await;
        assert_eq!((first.state, second.state), (State::Unverified, State::Unverified));
        let told = |sent: Vec<(String, String)>| {
            sent.into_iter()
                .filter(|(to, text)| to == "ann@acme.example.com" && text.contains("no longer a contact"))
                .count()
        };
        assert_eq!(told(post.sent(first.number).await), 1);
        assert_eq!(told(post.sent(second.number).await), 0);
    });
}

#[test]
fn z2_an_authoriser_approves_what_is_of_low_risk_by_answer_and_nobody_else_anything() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let desk = post.store.desk();
        let change = |entry: &str| Change {
            customer: "Acme".to_owned(),
            base: "a".to_owned(),
            result: format!("b{entry}"),
            lines: vec![Line::Add {
                list: "blocked".to_owned(),
                entry: entry.to_owned(),
                expires: Some("2027-01-01".to_owned()),
                reason: "calls".to_owned(),
            }],
        };
        let impact = Impact { days: 30, blocked: Some(60), wanted: 0, ..Impact::default() };
        let case = post.opened(0, "ann@acme.example.com", "").await.number;
        let to = format!("X-To: {}\r\n", answer_address(DESK, case, post.token(case).await));
        let act = |minutes| done(&post.service, minutes);
        desk.step(case, &Signal::Take, "", act(1)).await.unwrap();
        let low = change("+13035550142");
        let code = low.code();
        let yes = format!("Yes, please.\r\nAPPROVE {code}\r\n\r\n> APPROVE ZZZZZZ\r\n");
        let said = |events: Vec<Event>| {
            events.into_iter().rev().find(|it| it.what == "approval-by-reply").map(|it| it.text).unwrap()
        };
        post.joined(2, "ann@acme.example.com", &to, &yes).await;
        assert!(said(desk.events(case).await.unwrap()).contains("does not wait for authorisation"));
        desk.propose(case, low.clone(), impact.clone(), act(3)).await.unwrap();
        ask(desk, case, act(4)).await;
        for (minutes, from, fields, text, why) in [
            (5, "ann@acme.example.com", to.clone(), "APPROVE ZZZZZZ".to_owned(), "another change"),
            (6, "ray@acme.example.com", to.clone(), yes.clone(), "may not authorise"),
        ] {
            let stays = post.joined(minutes, from, &fields, &text).await;
            assert_eq!(stays.state, State::AwaitingAuthorisation);
            let said = said(desk.events(case).await.unwrap());
            assert!(said.contains(why), "no {why:?} in {said}");
        }
        for (minutes, from, fields, text) in [
            (7, "ann@acme.example.com", format!("{to}X-A: no-verdict\r\n"), yes.clone()),
            (8, "uma@umbrella.example.com", to.clone(), yes.clone()),
            (9, "ann@acme.example.com", format!("{to}Auto-Submitted: auto-generated\r\n"), yes.clone()),
            (10, "ann@acme.example.com", to.clone(), format!("> APPROVE {code}\r\nno, wait")),
        ] {
            let stays = post.joined(minutes, from, &fields, &text).await;
            assert_eq!(stays.state, State::AwaitingAuthorisation, "{from} {fields} {text}");
        }
        let approved = post.joined(11, "ann@acme.example.com", &format!("{to}X-Again: yes\r\n"), &yes).await;
        assert_eq!(approved.state, State::Implementing);
        assert!(said(desk.events(case).await.unwrap()).starts_with("Ann approves change"));

        // More than one number is not of low risk.
        let other = post.opened(20, "ann@acme.example.com", "Subject: 2\r\n").await.number;
        let to = format!("X-To: {}\r\n", answer_address(DESK, other, post.token(other).await));
        desk.step(other, &Signal::Take, "", act(21)).await.unwrap();
        let wide = change("+1 303 555 01xx");
        desk.propose(other, wide.clone(), impact, act(22)).await.unwrap();
        ask(desk, other, super::other(&post.service, 23)).await;
        let yes = format!("APPROVE {}\r\n", wide.code());
        let stays = post.joined(24, "ann@acme.example.com", &to, &yes).await;
        assert_eq!(stays.state, State::AwaitingAuthorisation);
        assert!(said(desk.events(other).await.unwrap()).contains("only what is of low risk"));
    });
}

#[test]
fn c5_a_mail_that_ends_the_process_again_and_again_is_left_to_a_person() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let desk = post.store.desk();
        let envelope = Envelope {
            return_path: ReturnPath::Nobody,
            recipients: vec![DESK.to_owned()],
            received_at: NOW,
            checks: None,
        };
        desk.keep_mail(b"From: <ann@acme.example.com>\r\n\r\nhello", &envelope).await.unwrap();
        let key = desk.unread_mails(5).await.unwrap().remove(0);
        // Each time the process dies; once it was only the database that did not answer.
        for _ in 0..4 {
            assert!(!desk.begin_reading(&key).await.unwrap().unwrap().is_deadly);
        }
        desk.leave_unread(&key).await.unwrap();
        for _ in 0..5 {
            assert!(!desk.begin_reading(&key).await.unwrap().unwrap().is_deadly);
        }
        let mail = desk.begin_reading(&key).await.unwrap().unwrap();
        assert!(mail.is_deadly);
        let intake = mail.read(&post.directory);
        let became = desk.read_mail(&mail, &intake, &office(), post.done(1)).await.unwrap();
        let Became::Opened(cases) = became else { panic!("{became:?}") };
        assert_eq!((cases[0].state, cases[0].customer.as_str()), (State::Unverified, "unassigned"));
        let events = desk.events(cases[0].number).await.unwrap();
        assert!(events.iter().any(|it| it.text.contains("unparsed: a person reads it")), "{events:?}");
        assert!(desk.begin_reading(&key).await.unwrap().is_none());
    });
}

#[test]
fn what_our_check_of_a_sender_found_is_kept_with_the_mail_and_stays() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let desk = post.store.desk();
        // What the mail says of itself counts as little before the check as after it.
        let raw = format!(
            "Authentication-Results: mx; dmarc=pass header.from=acme.example.com\r\nFrom: <ann@acme.example.com>\r\n\r\n{REQUEST}"
        );
        let envelope = |checks| Envelope {
            return_path: ReturnPath::Nobody,
            recipients: vec![DESK.to_owned()],
            received_at: NOW,
            checks: Some(checks),
        };
        desk.keep_mail(raw.as_bytes(), &envelope(Checks::default())).await.unwrap();
        let key = desk.unread_mails(5).await.unwrap().remove(0);
        for _ in 0..4 {
            let mail = desk.begin_checking(&key).await.unwrap().unwrap();
            assert_eq!(mail.read(&post.directory).sender.trust, Trust::Unknown);
        }
        let dmarc = Some((Outcome::Pass, "acme.example.com".to_owned()));
        let made = envelope(Checks { dmarc, found: vec!["DMARC pass".to_owned()], ..Checks::default() });
        desk.keep_checks(&key, &made).await.unwrap();
        assert!(desk.begin_checking(&key).await.unwrap().is_none(), "it is checked once");
        let mail = desk.begin_reading(&key).await.unwrap().unwrap();
        let intake = mail.read(&post.directory);
        assert_eq!((intake.sender.trust, &mail.envelope), (Trust::Contact, &made));
        let became = desk.read_mail(&mail, &intake, &office(), post.done(1)).await.unwrap();
        let Became::Opened(cases) = became else { panic!("{became:?}") };
        desk.keep_checks(&key, &envelope(Checks::default())).await.unwrap();
        let again = desk.case_mails(cases[0].number, 5).await.unwrap().remove(0);
        assert_eq!(again.read(&post.directory).sender, intake.sender);
        assert!(intake.sender.reasons.contains(&"DMARC pass".to_owned()));
    });
}

#[test]
fn a_full_disk_is_told_from_other_failures_and_keeps_nothing() {
    on_both(|store| async move {
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            held.push(store.pool.acquire().await.unwrap());
        }
        for connection in &mut held {
            // SQLite alone can be made to believe that the disk ends.
            if connection.execute("PRAGMA max_page_count = 200").await.is_err() {
                return;
            }
        }
        drop(held);
        let desk = store.desk();
        let envelope = Envelope {
            return_path: ReturnPath::Nobody,
            recipients: Vec::new(),
            received_at: NOW,
            checks: None,
        };
        let error = desk.keep_mail(&vec![b'x'; 2 << 20], &envelope).await.unwrap_err();
        assert!(error.is_full(), "{error}");
        assert!(desk.unread_mails(5).await.unwrap().is_empty());
        assert!(desk.keep_mail(b"Subject: small\r\n\r\n", &envelope).await.unwrap());
        assert!(!Error::NoCase(CaseNumber::new(1)).is_full());
    });
}
