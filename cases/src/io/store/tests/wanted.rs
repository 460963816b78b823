//! What a mail wants blocked fills in the proposal, and holds it up where too little is said.

use super::inbox::Post;
use super::*;
use crate::change::{Change, Impact, Line};

#[test]
fn b9_b10_a_block_is_proposed_once_its_category_is_known_and_for_fraud_why() {
    on_both(|store| async {
        let post = Post::new(store).await;
        let desk = post.store.desk();
        for (minutes, category, why, missing) in [
            (0, "Harassing", "", None),
            (20, "Fraud", "They sell gift cards.", None),
            (40, "<Fraud> or <Harassing>", "Calls.", Some("no category")),
            (60, "Fraud", "", Some("business case")),
        ] {
            let text = format!(
                "Phone number(s) that you want to be blocked:\r\n303-555-0142\r\n\r\nNumber(s) Category:\r\n{category}\r\n\r\n\
                 Business Case and Description:\r\n{why}\r\n"
            );
            let Became::Opened(cases) = post.take(minutes, "ann@acme.example.com", "", &text).await else {
                panic!("{category} {why}")
            };
            let case = &cases[0];
            assert_eq!(case.wanted.numbers, ["+13035550142"], "{category}");
            assert_eq!(case.wanted.reason, why, "{category}");
            desk.step(case.number, &Signal::Take, "", done(&post.service, minutes)).await.unwrap();
            let change = |reason: &str| Change {
                customer: "Acme".to_owned(),
                base: "a".to_owned(),
                result: format!("b{minutes}"),
                lines: vec![Line::Add {
                    list: "blocked".to_owned(),
                    entry: format!("+1303555{minutes:04}"),
                    expires: None,
                    reason: reason.to_owned(),
                }],
            };
            let at = done(&post.service, minutes + 1);
            let blank = desk.propose(case.number, change(" "), Impact::default(), at).await;
            match missing {
                None => drop(blank.unwrap()),
                Some(missing) => {
                    assert!(blank.unwrap_err().to_string().contains(missing), "{category}");
                    desk.propose(case.number, change("told on the telephone"), Impact::default(), at)
                        .await
                        .unwrap();
                }
            }
        }
    });
}
