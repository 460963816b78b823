//! The audit searched and gone over, reports ordered once, mails as they came, and who is logged in.

use super::*;
use crate::account::{Invitation, Role, Side, hash_of};
use crate::intake::{Envelope, ReturnPath};
use crate::schedule::{Format, Schedule, Span, When, Which};

#[test]
fn x4_a_search_goes_back_page_by_page_and_a_changed_entry_is_named() {
    on_both(|store| async move {
        let (service, desk) = (Service::sample(), store.desk());
        for index in 0..1_250 {
            let (who, action) =
                if index % 5 == 0 { ("Ben", "export-audit") } else { ("anna", "fetch-report") };
            let subject = format!("RS-{index}");
            let done = Done { who, ..done(&service, index) };
            desk.note_act(Some("Acme"), (action, &subject, "{}"), done).await.unwrap();
        }
        let mut filter = AuditFilter { actor: "ben".to_owned(), ..AuditFilter::default() };
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let page = desk.search_audit("Acme", &filter, 100).await.unwrap();
            assert!(page.entries.len() <= 100);
            found.extend(page.entries.into_iter().map(|entry| entry.subject));
            pages += 1;
            filter.before = page.before;
            if page.before.is_none() {
                break;
            }
        }
        let expected: Vec<String> = (0..250).rev().map(|index| format!("RS-{}", index * 5)).collect();
        assert_eq!((found, pages), (expected, 3), "each once, the latest first");
        let between = AuditFilter {
            from: Some(NOW.plus_micros(10 * MINUTE)),
            to: Some(NOW.plus_micros(20 * MINUTE)),
            subject: "rs-1".to_owned(),
            action: "FETCH".to_owned(),
            ..AuditFilter::default()
        };
        let page = desk.search_audit("Acme", &between, 100).await.unwrap();
        let subjects: Vec<_> = page.entries.iter().map(|entry| entry.subject.as_str()).collect();
        assert_eq!(subjects, ["RS-19", "RS-18", "RS-17", "RS-16", "RS-14", "RS-13", "RS-12", "RS-11"]);
        assert_eq!(
            desk.search_audit("Bay", &AuditFilter::default(), 100).await.unwrap(),
            AuditPage::default()
        );

        let heads = store.audit_heads().await.unwrap();
        let (_, end) = heads.iter().find(|(customer, _)| customer == "Acme").unwrap();
        let checked = store.check_audit("Acme", end, None).await.unwrap();
        assert_eq!((checked.good, checked.broken), (1_250, None));
        let forge = "UPDATE audit SET body = REPLACE(body, 'RS-1100', 'RS-1101') WHERE sequence = 1101";
        sqlx::query(forge).execute(&store.pool).await.unwrap();
        let checked = store.check_audit("Acme", end, None).await.unwrap();
        assert_eq!(checked.good, 1_100);
        assert!(checked.broken.unwrap().starts_with("entry 1101: "));
        sqlx::query("DELETE FROM audit WHERE sequence > 1000").execute(&store.pool).await.unwrap();
        let checked = store.check_audit("Acme", end, None).await.unwrap();
        assert_eq!((checked.good, checked.broken.unwrap().as_str()), (1_000, "entry 1001: it is missing"));
    });
}

#[test]
fn an_ordered_report_is_in_no_list_of_schedules_and_two_of_the_same_are_two() {
    on_both(|store| async move {
        let (service, desk) = (Service::sample(), store.desk());
        let order = |minutes: i64| Schedule {
            id: String::new(),
            customer: "Acme".to_owned(),
            report: "custody".to_owned(),
            format: Format::Csv,
            when: When::Once,
            span: "2026-10-01..2026-10-03".parse::<Span>().unwrap(),
            which: Which::default(),
            zone: "America/Chicago".to_owned(),
            recipients: vec!["eve@example.net".to_owned()],
            case: None,
            authorised: None,
            by: "anna".to_owned(),
            at: NOW.plus_micros(minutes * MINUTE),
        };
        let one = desk.order_report(order(0), done(&service, 0)).await.unwrap();
        let two = desk.order_report(order(1), done(&service, 1)).await.unwrap();
        assert_ne!(one.id, two.id);
        assert!(one.id.starts_with("RO-"));
        let again = desk.order_report(order(1), done(&service, 1)).await;
        assert!(matches!(again, Err(Error::Refused(_))), "the same at the same moment is pressed twice");
        assert!(desk.schedules(None).await.unwrap().is_empty());
        let ordered = desk.ordered_reports(10).await.unwrap();
        let ids: Vec<_> = ordered.iter().map(|(_, run)| run.id.as_str()).collect();
        assert_eq!(ids, [two.id.as_str(), one.id.as_str()], "the latest first");
        assert!(ordered[0].0.recipients.is_empty(), "it goes to nobody");
        let theirs = store.customer("Acme").runs(10).await.unwrap();
        assert!(theirs.is_empty(), "no customer sees it: {theirs:?}");
    });
}

#[test]
fn a_mail_is_looked_at_without_being_taken_and_a_session_is_ended_from_elsewhere() {
    on_both(|store| async move {
        let (service, desk) = (Service::sample(), store.desk());
        let envelope = Envelope {
            return_path: ReturnPath::Nobody,
            recipients: vec!["case@desk.example.com".to_owned()],
            received_at: NOW,
            checks: None,
        };
        assert!(desk.keep_mail(b"From: a@example.net\r\n\r\n\xff\r\n", &envelope).await.unwrap());
        let unread = MailFilter { is_unread: true, count: 10, ..MailFilter::default() };
        let rows = desk.mails(&unread).await.unwrap();
        assert_eq!((rows.len(), rows[0].case, rows[0].attempts), (1, None, 0));
        let (row, kept) = desk.mail(&rows[0].key).await.unwrap().unwrap();
        assert_eq!(
            (row, kept.raw.as_slice()),
            (rows[0].clone(), &b"From: a@example.net\r\n\r\n\xff\r\n"[..])
        );
        assert_eq!((kept.envelope, kept.is_deadly), (envelope, false));
        assert_eq!(desk.mails(&unread).await.unwrap(), rows, "it still waits, and nobody began to read it");
        let quarantined = MailFilter { case_state: Some("quarantine"), count: 10, ..MailFilter::default() };
        assert!(desk.mails(&quarantined).await.unwrap().is_empty());
        assert!(desk.mail("none").await.unwrap().is_none());

        let side = Side::Desk(Role::Analyst);
        let expires = NOW.plus_micros(MINUTE);
        let invitation = Invitation { hash: hash_of("one"), login: "ben".to_owned(), side, expires };
        desk.invite(&invitation, done(&service, 0)).await.unwrap();
        desk.accept("one", "p".to_owned(), done(&service, 0)).await.unwrap();
        let session = crate::account::Session {
            hash: hash_of("cookie"),
            login: "ben".to_owned(),
            began: NOW,
            seen: NOW,
            factor: None,
            is_half: false,
            address: "192.0.2.1".to_owned(),
        };
        desk.put_session(&session).await.unwrap();
        assert_eq!(desk.sessions("ben").await.unwrap(), [session]);
        desk.log_out("ben", done(&service, 1)).await.unwrap();
        assert!(desk.session(&hash_of("cookie")).await.unwrap().is_none());
        assert!(desk.log_out("eve", done(&service, 1)).await.is_err());
        assert!(desk.reset_factor("ben", done(&service, 1)).await.is_err(), "there is none");
        desk.set_role("ben", Role::Auditor, done(&service, 2)).await.unwrap();
        let entries = store.audit(crate::account::DESK, 0, 100).await.unwrap();
        let last = entries.last().unwrap();
        assert_eq!(last.action, "set-role");
        let told: serde_json::Value = serde_json::from_str(&last.detail).unwrap();
        assert_eq!(told, serde_json::json!({ "before": "analyst", "after": "auditor" }));
    });
}
