//! Who reaches what: whoever audits reads and takes along, first level administers nothing, and the shape of every page holds.

use cases::account::Role;

use super::{Console, HOSTILE};

/// Pages that anybody of the desk reads, and those that take the right to audit.
const READ: [&str; 6] = ["/reports", "/reports/schedules", "/hours", "/rota", "/intake", "/intake?show=all"];
const AUDITED: [&str; 5] = ["/audit", "/customers", "/customer/Acme", "/channels", "/channels/texts"];
const CHANGES: [&str; 14] = [
    "/reports/schedules",
    "/reports/schedule/RS-00000000/authorise",
    "/reports/schedule/RS-00000000/run",
    "/reports/schedule/RS-00000000/remove",
    "/customers/confirm",
    "/customer/Acme/person",
    "/customer/Acme/leave",
    "/customer/Acme/domains",
    "/customer/Acme/certify",
    "/channels/test",
    "/person/anna/role",
    "/person/anna/link",
    "/person/anna/logout",
    "/person/anna/factor",
];

#[tokio::test]
async fn x1_an_auditor_reads_and_takes_along_and_changes_nothing() {
    let console = Console::start("auditor").await;
    console.logged_in("anna", Role::Admin).await;
    console.logged_in("otto", Role::Auditor).await;
    for path in READ.iter().chain(&AUDITED) {
        let page = console.get("otto", path).await;
        page.is_sound();
        page.has_not("action=\"/customer/");
    }
    let before = console.audited("(desk)").await;
    for path in CHANGES {
        assert_eq!(console.post("otto", path, &[]).await.status, 403, "{path}");
    }
    assert_eq!(console.get("otto", "/person/anna").await.status, 403);
    assert_eq!(console.audited("(desk)").await, before, "nothing was done");
    let verified = console.post("otto", "/audit/verify", &[]).await;
    verified.is_sound();
    verified.has(&format!("all {} entries are as they were written", before.len()));
    let export = console.post("otto", "/audit/export", &[("actor", "anna")]).await;
    assert_eq!(export.status, 200);
    assert!(
        export.head.contains("content-disposition: attachment; filename=\"audit-desk.jsonl\""),
        "{}",
        export.head
    );
    let lines: Vec<serde_json::Value> =
        export.body.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert!(!lines.is_empty() && lines.iter().all(|it| it["actor"] == "anna"), "{lines:?}");
    let after = console.audited("(desk)").await;
    assert_eq!(after.last().unwrap(), "otto export-audit (desk)", "whoever takes it along stands in it");
}

#[tokio::test]
async fn x1_first_level_administers_nothing_and_a_stranger_sees_nothing() {
    let console = Console::start("first").await;
    console.logged_in("fay", Role::FirstLevel).await;
    for path in READ {
        console.get("fay", path).await.is_sound();
        let stranger = console.get("nobody", path).await;
        assert_eq!((stranger.status, stranger.body.as_str()), (303, ""), "{path} leads to the log-in");
    }
    let menu = console.get("fay", "/rota").await;
    for path in AUDITED.iter().chain(&["/people", "/person/fay"]) {
        assert_eq!(console.get("fay", path).await.status, 403, "{path}");
        menu.has_not(&format!("href=\"{path}\""));
    }
    for path in CHANGES.iter().chain(&["/audit/verify", "/audit/export"]) {
        assert_eq!(console.post("fay", path, &[]).await.status, 403, "{path}");
    }
    let order = [
        ("report", "weekly-operations"),
        ("customer", "Acme"),
        ("from", "2026-11-01"),
        ("to", "2026-11-07"),
        ("format", "html"),
    ];
    assert_eq!(console.post("fay", "/reports/order", &order).await.status, 403);
}

#[tokio::test]
async fn hostile_text_is_text_on_every_page_of_the_office() {
    let console = Console::start("hostile").await;
    console.logged_in("anna", Role::Admin).await;
    let name: String = HOSTILE.to_owned();
    let registration = serde_json::json!({
        "customer": name, "domains": ["acme.example.com"],
        "people": [{ "name": name, "addresses": ["ann@acme.example.com"], "roles": ["authorizer"] }],
    });
    console.register(&registration.to_string()).await;
    let detail = serde_json::json!({ "why": name }).to_string();
    for _ in 0..150 {
        let act = (name.as_str(), name.as_str(), detail.as_str());
        console.store.desk().note_act(None, act, console.done(&name)).await.unwrap();
    }
    let place = crate::text::url_part(&name);
    let pages = [
        "/customers".to_owned(),
        format!("/customer/{place}"),
        format!("/hours?customer={place}&at={place}"),
        format!("/audit?actor={place}"),
        format!("/reports?customer={place}&report={place}"),
        "/channels".to_owned(),
        "/reports/schedules".to_owned(),
    ];
    for path in pages {
        let page = console.get("anna", &path).await;
        page.is_sound();
        page.has("&lt;script&gt;");
    }
    // An address that is no place of ours says so, and no more.
    assert_eq!(console.get("anna", "/hours?calendar=%3Cscript%3E").await.status, 400);
    assert_eq!(console.get("anna", "/audit?from=yesterday").await.status, 400);
}
