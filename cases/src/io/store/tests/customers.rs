//! whatever a customer asks for, under whatever id, there is nothing of another customer in the answer.

use std::collections::BTreeSet;

use super::*;
use crate::intake::MailKey;

/// Everything that [`OfCustomer`] can be asked: a function that is not swept here fails the test below.
const SWEPT: [&str; 27] = [
    "alert",
    "alert_list",
    "case",
    "cases",
    "events",
    "feed",
    "list",
    "evidence",
    "unadopted",
    "adopt",
    "disown",
    // See `portal.rs` beside this.
    "registration",
    "registration_drafts",
    "draft_registration",
    "confirm_registration",
    "change",
    "ask",
    "answer",
    "approve",
    // And `part.rs`.
    "approve_part",
    "refuse",
    "schedules",
    "runs",
    "report_file",
    "audit",
    "preference",
    "prefer",
];

const CUSTOMERS: [&str; 4] = ["Acme", "Other", "acme", "Acme' OR '1'='1"];

/// Cases of each customer with something of every kind in them.
async fn filled(store: &Store) {
    let service = Service::sample();
    let mut storm = Storm::default();
    let mut sequence = 0;
    for (index, customer) in CUSTOMERS.iter().enumerate() {
        let marked = |what: &str| format!("{what} of {index}:{}", hex(customer));
        for at in 0..3 {
            sequence += 1;
            let alert =
                alert(&marked(&format!("alert-{at}")), customer, &format!("+1210555010{at}"), "warning", at);
            store.desk().take_alerts(&[alert], sequence, &mut storm, done(&service, at)).await.unwrap();
        }
        let raw = marked("Subject: mail");
        let key = MailKey {
            message_id: marked("id"),
            hash: [u8::try_from(index).unwrap(); 32],
            return_path: String::new(),
        };
        let mail = Mail { raw: raw.as_bytes(), key: &key, customer, received: NOW };
        let asked = |title: String| Asked {
            kind: Kind::Block,
            state: State::New,
            title,
            understood: marked("understood"),
            visible: Visible::Customer,
            wanted: crate::case::Wanted::default(),
        };
        let asked = [asked(marked("first")), asked(marked("second"))];
        let kept = store.desk().take_mail(&mail, &asked, done(&service, 4)).await.unwrap();
        let MailKept::Opened(cases) = kept else { panic!("{kept:?}") };
        let number = cases[0].number;
        store.desk().note(number, &marked("note"), Visible::Desk, done(&service, 5)).await.unwrap();
        store.desk().note(number, &marked("message"), Visible::Customer, done(&service, 6)).await.unwrap();
        store.desk().step(number, &Signal::Take, "", done(&service, 7)).await.unwrap();
        let stranger = marked("stranger");
        let desk = store.desk();
        desk.open(customer, Kind::Block, State::Unverified, &stranger, done(&service, 8)).await.unwrap();
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn x2_every_function_of_a_customer_gives_nothing_of_another() {
    on_both(|store| async move {
        filled(&store).await;
        let service = Service::sample();
        let all = list(&store).await;
        assert_eq!(all.len(), CUSTOMERS.len() * 6);
        let mut numbers: BTreeSet<u64> = all.iter().map(|case| case.number.serial()).collect();
        // Numbers that nobody has, and some beyond what a database holds.
        numbers.extend([0, 1, 99_999, 100_000, 999_999, u64::MAX, i64::MAX as u64, i64::MAX as u64 + 1]);
        for (index, customer) in CUSTOMERS.iter().enumerate() {
            let of = store.customer(customer);
            let foreign = |text: &str| {
                let others = CUSTOMERS.iter().enumerate().filter(|(other, _)| *other != index);
                others.map(|(other, name)| format!("{other}:{}", hex(name))).any(|mark| text.contains(&mark))
            };
            let mut own = 0;
            for number in numbers.iter().map(|serial| CaseNumber::new(*serial)) {
                let is_own = all.iter().any(|case| case.number == number && case.customer == *customer);
                let case = of.case(number).await.unwrap();
                assert_eq!(case.is_some(), is_own, "{customer}: case {number}");
                assert!(case.is_none_or(|case| case.customer == *customer));
                if !is_own {
                    assert!(
                        of.adopt(number, done(&service, 9)).await.unwrap().is_none(),
                        "{customer}: {number}"
                    );
                    assert!(
                        of.disown(number, done(&service, 9)).await.unwrap().is_none(),
                        "{customer}: {number}"
                    );
                }
                let events = of.events(number).await.unwrap();
                assert_eq!(
                    !events.is_empty(),
                    is_own && has_visible(&store, number).await,
                    "{customer}: events of {number}"
                );
                assert!(!foreign(&format!("{events:?}")));
                let evidence = of.evidence(number).await.unwrap();
                assert_eq!(evidence.is_some(), is_own, "{customer}: evidence of {number}");
                if let Some(evidence) = evidence {
                    assert!(!foreign(&format!("{evidence:?}")), "{evidence:?}");
                    assert!(evidence.audit.iter().all(|entry| entry.customer == *customer));
                    let mails =
                        evidence.mails.iter().map(|mail| String::from_utf8_lossy(&mail.raw).into_owned());
                    assert!(mails.into_iter().all(|raw| !foreign(&raw)));
                    own += 1;
                }
            }
            assert_eq!(own, 6, "{customer}");
            let unadopted = of.unadopted(100).await.unwrap();
            assert!(unadopted.len() == 1 && unadopted.iter().all(|(case, _)| case.customer == *customer));
            let alerts = of.alert_list(None, 100).await.unwrap();
            assert!(!alerts.is_empty() && alerts.iter().all(|alert| alert.customer == *customer));
            for alert in store.desk().alert_list(None, 100).await.unwrap() {
                let found = of.alert(&alert.id).await.unwrap();
                assert_eq!(found.is_some(), alert.customer == *customer, "{customer}: {alert:?}");
            }
            let feed = format!("{:?}", of.feed(0, 1_000).await.unwrap());
            assert!(feed.contains(&format!("customer: {customer:?}")), "{feed}");
            for other in CUSTOMERS.iter().filter(|other| *other != customer) {
                assert!(
                    !feed.contains(&format!("customer: {other:?}")),
                    "{customer} follows {other}: {feed}"
                );
            }
            let cases = of.cases().await.unwrap();
            assert_eq!(cases.len(), own, "{customer}");
            assert!(cases.iter().all(|case| case.customer == *customer) && !foreign(&format!("{cases:?}")));
            // Whatever is asked for: the customer of a filter is not the asker's to choose.
            for wanted in CUSTOMERS {
                for owner in [None, Some("anna".to_owned()), Some(String::new())] {
                    let filter = Filter {
                        customer: Some(wanted.to_owned()),
                        owner,
                        text: Some("of".to_owned()),
                        ..Filter::default()
                    };
                    let mut after = Some(filter);
                    while let Some(filter) = after.take() {
                        let page = of.list(&Filter { count: Some(2), ..filter.clone() }).await.unwrap();
                        assert!(
                            page.cases.iter().all(|case| case.customer == *customer),
                            "{customer}: {page:?}"
                        );
                        after = page.next.map(|next| Filter { after: Some(next), ..filter });
                    }
                }
            }
        }
        assert!(store.customer("").list(&Filter::default()).await.unwrap().cases.is_empty());
        assert!(store.customer("").feed(0, 10).await.unwrap().is_empty());
    });
}

async fn has_visible(store: &Store, number: CaseNumber) -> bool {
    store.desk().events(number).await.unwrap().iter().any(|event| event.visible == Visible::Customer)
}

#[test]
fn x3_what_a_customer_may_have_of_a_case_has_no_word_of_the_desk() {
    on_both(|store| async move {
        filled(&store).await;
        for case in list(&store).await {
            let evidence = store.customer(&case.customer).evidence(case.number).await.unwrap().unwrap();
            assert!(evidence.events.iter().all(|event| event.visible == Visible::Customer));
            assert!(evidence.events.iter().all(|event| event.what != "note"));
        }
    });
}

/// A function that is added to `OfCustomer`, in whatever file, has to be swept.
#[test]
fn x2_no_function_of_a_customer_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/io/store");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for block in text.split("impl OfCustomer<'_> {").skip(1) {
            let block = block.split("\n}\n").next().unwrap();
            let names =
                block.split("pub async fn ").skip(1).map(|rest| rest.split('(').next().unwrap().to_owned());
            found.extend(names);
            assert_eq!(
                block.matches("pub ").count(),
                block.matches("pub async fn ").count(),
                "another kind of function"
            );
        }
    }
    assert_eq!(found, SWEPT.map(str::to_owned).into_iter().collect());
}
