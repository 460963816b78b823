//! X-2: every way in × everybody that there is × what is theirs and what is another's. A way without a line here fails.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use cases::account::Right;

use super::world::LIST;
use super::{House, VIEWERS};
use crate::access::csrf;
use crate::routes::all;

/// What a line says of who may take a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// Everybody, without a word of who they are.
    Public,
    /// Whoever has logged in.
    LoggedIn,
    /// People of the desk: first-level, analyst, senior, incident commander, auditor, admin; and keys of the desk, if any.
    Desk(&'static [&'static str]),
    /// Contacts of customers.
    Contact(&'static [&'static str]),
    /// Both sides; those named change something or look.
    Both(&'static [&'static str]),
}

use Who::{Both, Contact, Desk, LoggedIn, Public};

const EVERY_DESK: &[&str] = &["first-level", "analyst", "senior", "incident-commander", "auditor", "admin"];
const STAFF: &[&str] =
    &["first-level", "analyst", "senior", "incident-commander", "auditor", "admin", "key desk"];
const NOTERS: &[&str] = &["first-level", "analyst", "senior", "incident-commander", "admin"];
const NOTING_STAFF: &[&str] =
    &["first-level", "analyst", "senior", "incident-commander", "admin", "key desk"];
const WORKERS: &[&str] = &["analyst", "senior", "incident-commander", "admin"];
const WORKING_STAFF: &[&str] = &["analyst", "senior", "incident-commander", "admin", "key desk"];
const WORKING_BOTH: &[&str] = &["analyst", "senior", "incident-commander", "admin", "key desk", "key works"];
const AUDITORS: &[&str] = &["senior", "incident-commander", "auditor", "admin"];
const ADMINS: &[&str] = &["admin"];
const CONTACTS: &[&str] = &["ann", "rob", "eve"];
const ASKERS: &[&str] = &["rob"];
const AUTHORISERS: &[&str] = &["ann", "eve"];
const ALL: &[&str] = &VIEWERS;

/// A line for each way. `OWN` in an address is what belongs to Acme, and is asked as Bay's as well.
#[rustfmt::skip]
const WAYS: &[(&str, &str, Who)] = &[
    ("GET", "/healthz", Public), ("GET", "/readyz", Public), ("GET", "/metrics", Public),
    ("GET", "/assets/{version}/{name}", Public),
    ("GET", "/approve/{secret}", Public), ("POST", "/approve/{secret}", Public),
    ("GET", "/disown/{secret}", Public), ("POST", "/disown/{secret}", Public),
    ("GET", "/report/{secret}", Public), ("GET", "/approve.css", Public),
    ("POST", "/answers", Public), ("POST", "/v1/decide", Public), ("GET", "/v1/openapi.json", Public),
    ("GET", "/login", Public), ("POST", "/login", Public), ("GET", "/login/code", Public), ("POST", "/login/code", Public),
    #[cfg(feature = "oidc")] ("GET", "/login/openid", Public), #[cfg(feature = "oidc")] ("GET", "/login/openid/back", Public),
    ("GET", "/welcome/{secret}", Public), ("POST", "/welcome/{secret}", Public),
    ("POST", "/logout", LoggedIn), ("GET", "/", LoggedIn), ("GET", "/cases/{number}", LoggedIn), ("GET", "/account", LoggedIn),
    ("POST", "/account/taste", LoggedIn), ("POST", "/account/factor/new", LoggedIn), ("POST", "/account/factor", LoggedIn),
    ("GET", "/queue", Desk(EVERY_DESK)), ("GET", "/case/{number}", Desk(EVERY_DESK)),
    ("GET", "/case/{number}/present", Desk(EVERY_DESK)),
    ("POST", "/case/{number}/step", Desk(WORKERS)), ("POST", "/case/{number}/note", Desk(NOTERS)),
    ("POST", "/case/{number}/message", Desk(WORKERS)), ("POST", "/case/{number}/close", Desk(WORKERS)),
    ("GET", "/people", Desk(ADMINS)), ("POST", "/people/invite", Desk(ADMINS)), ("POST", "/people/close", Desk(ADMINS)),
    ("GET", "/keys", Desk(ADMINS)), ("POST", "/keys/add", Desk(ADMINS)), ("POST", "/keys/remove", Desk(ADMINS)),
    ("GET", "/v1/events", Both(ALL)),
    ("GET", "/v1/cases", Both(ALL)), ("POST", "/v1/cases", Both(WORKING_BOTH)), ("POST", "/v1/cases/bulk", Desk(WORKING_STAFF)),
    ("GET", "/v1/cases/{number}", Both(ALL)), ("GET", "/v1/cases/{number}/history", Both(ALL)),
    ("GET", "/v1/cases/{number}/alerts", Both(ALL)),
    ("POST", "/v1/cases/{number}/steps", Desk(WORKING_STAFF)), ("POST", "/v1/cases/{number}/notes", Desk(NOTING_STAFF)),
    ("POST", "/v1/cases/{number}/messages", Both(WORKING_BOTH)), ("POST", "/v1/cases/{number}/findings", Desk(WORKING_STAFF)),
    ("POST", "/v1/cases/{number}/close", Desk(WORKING_STAFF)), ("POST", "/v1/cases/{number}/links", Desk(WORKING_STAFF)),
    ("POST", "/v1/cases/{number}/merge", Desk(WORKING_STAFF)), ("POST", "/v1/cases/{number}/split", Desk(WORKING_STAFF)),
    ("POST", "/v1/cases/{number}/attach", Desk(WORKING_STAFF)), ("POST", "/v1/cases/{number}/detach", Desk(WORKING_STAFF)),
    ("POST", "/v1/cases/{number}/undo", Desk(WORKING_STAFF)),
    ("POST", "/v1/cases/{number}/group", Desk(WORKING_STAFF)), ("POST", "/v1/cases/{number}/ungroup", Desk(WORKING_STAFF)),
    ("GET", "/v1/alerts", Both(ALL)), ("GET", "/v1/alerts/{id}", Both(ALL)),
    ("GET", "/v1/customers", Both(ALL)), ("GET", "/v1/customers/{customer}/registration", Both(ALL)),
    ("GET", "/v1/customers/{customer}/standing", Both(ALL)), ("GET", "/v1/customers/{customer}/standing/{name}", Both(ALL)),
    ("GET", "/v1/changes/{hash}", Both(ALL)),
    ("GET", "/v1/schedules", Both(ALL)), ("GET", "/v1/schedules/{id}", Both(ALL)), ("GET", "/v1/schedules/{id}/runs", Both(ALL)),
    ("GET", "/v1/schedules/{id}/runs/{due}/files/{name}", Both(ALL)),
    ("GET", "/v1/customers/{customer}/registration/drafts", Desk(AUDITORS)),
    ("POST", "/v1/customers/{customer}/registration/drafts", Desk(ADMINS)),
    ("GET", "/v1/customers/{customer}/registration/drafts/{hash}", Desk(AUDITORS)),
    ("DELETE", "/v1/customers/{customer}/registration/drafts/{hash}", Desk(ADMINS)),
    ("POST", "/v1/customers/{customer}/registration/drafts/{hash}/confirm", Desk(ADMINS)),
    ("POST", "/v1/cases/{number}/proposal", Desk(WORKING_STAFF)), ("POST", "/v1/cases/{number}/proposal/ask", Desk(WORKING_STAFF)),
    ("POST", "/v1/cases/{number}/proposal/withdraw", Desk(WORKING_STAFF)),
    ("POST", "/v1/cases/{number}/proposal/standing", Desk(WORKING_STAFF)),
    ("POST", "/v1/schedules", Desk(WORKING_STAFF)), ("PUT", "/v1/schedules/{id}", Desk(WORKING_STAFF)),
    ("DELETE", "/v1/schedules/{id}", Desk(WORKING_STAFF)), ("POST", "/v1/schedules/{id}/authorise", Desk(WORKING_STAFF)),
    ("POST", "/v1/schedules/{id}/runs", Desk(WORKING_STAFF)), ("GET", "/v1/schedules/{id}/runs/{due}", Both(ALL)),
    // Without a body nobody orders anything: that first level may not, is shown in desk.rs.
    ("GET", "/v1/report-kinds", Desk(STAFF)), ("GET", "/v1/reports", Desk(STAFF)), ("POST", "/v1/reports", Desk(STAFF)),
    ("GET", "/v1/reports/{id}", Desk(STAFF)), ("GET", "/v1/reports/{id}/files/{name}", Desk(STAFF)),
    ("GET", "/v1/customers/{customer}/calls", Desk(STAFF)), ("GET", "/v1/customers/{customer}/calls/{id}", Desk(STAFF)),
    ("GET", "/v1/customers/{customer}/calls/{id}/judgement", Desk(STAFF)), ("GET", "/v1/thresholds", Desk(STAFF)),
    ("GET", "/v1/blocks", Both(ALL)), ("GET", "/v1/blocks/{id}", Both(ALL)),
    ("POST", "/v1/blocks/{id}/lift", Desk(WORKING_STAFF)), ("POST", "/v1/blocks/{id}/extend", Desk(WORKING_STAFF)),
    ("GET", "/v1/lists", Both(ALL)), ("GET", "/v1/lists/{customer}/{list}", Both(ALL)),
    ("GET", "/v1/lists/{customer}/{list}/entries", Both(ALL)),
    ("POST", "/v1/lists/{customer}/{list}/entries", Desk(WORKING_STAFF)),
    ("POST", "/v1/lists/{customer}/{list}/entries/remove", Desk(WORKING_STAFF)),
    ("GET", "/v1/policies", Desk(STAFF)), ("GET", "/v1/policies/{customer}", Desk(STAFF)),
    ("PUT", "/v1/policies/{customer}", Desk(WORKING_STAFF)), ("GET", "/v1/policies/{customer}/versions", Desk(STAFF)),
    ("GET", "/v1/policies/{customer}/versions/{number}", Desk(STAFF)),
    ("POST", "/v1/policies/{customer}/check", Desk(WORKING_STAFF)), ("POST", "/v1/policies/{customer}/rollback", Desk(WORKING_STAFF)),
    ("GET", "/v1/invitations", Desk(ADMINS)), ("POST", "/v1/invitations", Desk(ADMINS)),
    ("GET", "/v1/invitations/{login}", Desk(ADMINS)), ("DELETE", "/v1/invitations/{login}", Desk(ADMINS)),
    ("GET", "/v1/silences", Desk(STAFF)), ("POST", "/v1/silences", Desk(WORKING_STAFF)),
    ("GET", "/v1/silences/{id}", Desk(STAFF)), ("POST", "/v1/silences/{id}/end", Desk(WORKING_STAFF)),
    ("GET", "/v1/audit", Desk(AUDITORS)), ("GET", "/v1/audit/verified", Desk(AUDITORS)),
    ("GET", "/v1/accounts", Desk(ADMINS)), ("GET", "/v1/accounts/{login}", Desk(ADMINS)),
    ("POST", "/v1/accounts/{login}/close", Desk(ADMINS)),
    ("GET", "/v1/keys", Desk(ADMINS)), ("POST", "/v1/keys", Desk(ADMINS)), ("GET", "/v1/keys/{id}", Desk(ADMINS)),
    ("DELETE", "/v1/keys/{id}", Desk(ADMINS)),
    ("GET", "/guide", Desk(EVERY_DESK)),
    ("GET", "/queue/rows", Desk(EVERY_DESK)),
    ("POST", "/queue/bulk", Desk(WORKERS)),
    ("POST", "/queue/view", Desk(EVERY_DESK)),
    ("POST", "/queue/view/remove", Desk(EVERY_DESK)),
    ("POST", "/undo", Desk(WORKERS)),
    ("GET", "/case/{number}/mail/{index}", Desk(EVERY_DESK)),
    ("POST", "/case/{number}/assign", Desk(WORKERS)),
    ("POST", "/case/{number}/severity", Desk(WORKERS)),
    ("POST", "/case/{number}/find", Desk(WORKERS)),
    ("POST", "/case/{number}/link", Desk(WORKERS)),
    ("POST", "/case/{number}/merge", Desk(WORKERS)),
    ("POST", "/case/{number}/split", Desk(WORKERS)),
    ("POST", "/case/{number}/attach", Desk(WORKERS)),
    ("POST", "/case/{number}/detach", Desk(WORKERS)),
    ("POST", "/case/{number}/undo", Desk(WORKERS)),
    ("POST", "/case/{number}/group", Desk(WORKERS)),
    ("POST", "/case/{number}/adopt", Desk(WORKERS)),
    ("POST", "/case/{number}/propose", Desk(WORKERS)),
    ("POST", "/case/{number}/ask", Desk(WORKERS)),
    ("POST", "/case/{number}/standing", Desk(WORKERS)),
    ("POST", "/case/{number}/told", Desk(WORKERS)),
    ("POST", "/case/{number}/resend", Desk(WORKERS)),
    ("GET", "/alerts", Desk(EVERY_DESK)),
    ("POST", "/alerts/group", Desk(WORKERS)),
    ("GET", "/silences", Desk(EVERY_DESK)),
    ("POST", "/silences", Desk(WORKERS)),
    ("POST", "/silences/end", Desk(WORKERS)),
    ("GET", "/campaigns", Desk(EVERY_DESK)),
    ("GET", "/calls", Desk(EVERY_DESK)),
    ("GET", "/calls/{customer}/named", Desk(EVERY_DESK)),
    ("GET", "/calls/{customer}/{id}", Desk(EVERY_DESK)),
    ("POST", "/calls/{customer}/{id}/block", Desk(WORKERS)),
    ("POST", "/calls/{customer}/{id}/unblock", Desk(WORKERS)),
    ("GET", "/blocks", Desk(EVERY_DESK)),
    ("POST", "/blocks", Desk(WORKERS)),
    ("GET", "/lists", Desk(EVERY_DESK)),
    ("POST", "/lists/feed", Desk(WORKERS)),
    ("GET", "/lists/{customer}/{list}", Desk(EVERY_DESK)),
    ("POST", "/lists/{customer}/{list}/add", Desk(WORKERS)),
    ("POST", "/lists/{customer}/{list}/remove", Desk(WORKERS)),
    ("GET", "/policies", Desk(EVERY_DESK)),
    ("GET", "/policies/{customer}", Desk(EVERY_DESK)),
    ("GET", "/policies/{customer}/hits", Desk(EVERY_DESK)),
    ("POST", "/policies/{customer}/rollback", Desk(WORKERS)),
    ("GET", "/policies/{customer}/edit", Desk(WORKERS)),
    ("POST", "/policies/{customer}/check", Desk(WORKERS)),
    ("POST", "/policies/{customer}/try", Desk(WORKERS)),
    ("POST", "/policies/{customer}/install", Desk(WORKERS)),
    ("GET", "/thresholds", Desk(EVERY_DESK)),
    ("GET", "/thresholds/{customer}", Desk(EVERY_DESK)),
    ("GET", "/board", Desk(EVERY_DESK)),
    ("GET", "/board/figures", Desk(EVERY_DESK)),
    ("GET", "/reports", Desk(EVERY_DESK)),
    ("POST", "/reports/order", Desk(EVERY_DESK)),
    ("GET", "/reports/file", Desk(EVERY_DESK)),
    ("GET", "/reports/schedules", Desk(EVERY_DESK)),
    ("POST", "/reports/schedules", Desk(WORKERS)),
    ("GET", "/reports/schedule/{id}", Desk(EVERY_DESK)),
    ("POST", "/reports/schedule/{id}/authorise", Desk(WORKERS)),
    ("POST", "/reports/schedule/{id}/run", Desk(WORKERS)),
    ("POST", "/reports/schedule/{id}/remove", Desk(WORKERS)),
    ("GET", "/audit", Desk(AUDITORS)),
    ("POST", "/audit/verify", Desk(AUDITORS)),
    ("POST", "/audit/export", Desk(AUDITORS)),
    ("GET", "/customers", Desk(AUDITORS)),
    ("POST", "/customers/confirm", Desk(ADMINS)),
    ("GET", "/customer/{customer}", Desk(AUDITORS)),
    ("POST", "/customer/{customer}/person", Desk(ADMINS)),
    ("POST", "/customer/{customer}/leave", Desk(ADMINS)),
    ("POST", "/customer/{customer}/domains", Desk(ADMINS)),
    ("POST", "/customer/{customer}/certify", Desk(ADMINS)),
    ("GET", "/channels", Desk(AUDITORS)),
    ("POST", "/channels/test", Desk(ADMINS)),
    ("GET", "/channels/texts", Desk(AUDITORS)),
    ("GET", "/hours", Desk(EVERY_DESK)),
    ("GET", "/rota", Desk(EVERY_DESK)),
    ("POST", "/rota/handover", Desk(NOTERS)),
    ("POST", "/rota/awake", Desk(NOTERS)),
    ("POST", "/rota/asleep", Desk(NOTERS)),
    ("GET", "/intake", Desk(EVERY_DESK)),
    ("GET", "/intake/{key}", Desk(EVERY_DESK)),
    ("GET", "/intake/{key}/raw", Desk(EVERY_DESK)),
    ("GET", "/person/{login}", Desk(ADMINS)),
    ("POST", "/person/{login}/role", Desk(ADMINS)),
    ("POST", "/person/{login}/link", Desk(ADMINS)),
    ("POST", "/person/{login}/logout", Desk(ADMINS)),
    ("POST", "/person/{login}/factor", Desk(ADMINS)),
    ("GET", "/portal", Contact(CONTACTS)),
    ("GET", "/portal/requests", Contact(CONTACTS)),
    ("GET", "/portal/request/{number}", Contact(CONTACTS)),
    ("POST", "/portal/request/{number}/answer", Contact(ASKERS)),
    ("GET", "/portal/ask", Contact(ASKERS)),
    ("POST", "/portal/ask", Contact(ASKERS)),
    ("POST", "/portal/ask/check", Contact(CONTACTS)),
    ("GET", "/portal/authorise", Contact(CONTACTS)),
    ("GET", "/portal/authorise/{number}", Contact(CONTACTS)),
    ("POST", "/portal/authorise/{number}", Contact(AUTHORISERS)),
    ("GET", "/portal/blocks", Contact(CONTACTS)),
    ("GET", "/portal/reports", Contact(CONTACTS)),
    ("GET", "/portal/reports/{schedule}/{due}/{name}", Contact(CONTACTS)),
    ("GET", "/portal/contacts", Contact(CONTACTS)),
    ("POST", "/portal/contacts", Contact(AUTHORISERS)),
    ("POST", "/portal/contacts/confirm", Contact(AUTHORISERS)),
    ("GET", "/portal/told", Contact(CONTACTS)),
    ("POST", "/portal/told", Contact(CONTACTS)),
    ("POST", "/portal/told/test", Contact(CONTACTS)),
    ("GET", "/portal/unadopted", Contact(CONTACTS)), ("POST", "/portal/unadopted/{number}", Contact(ASKERS)),
    ("GET", "/portal/keys", Contact(CONTACTS)), ("POST", "/portal/keys/add", Contact(AUTHORISERS)),
    ("POST", "/portal/keys/remove", Contact(AUTHORISERS)),
    ("GET", "/portal/audit", Contact(CONTACTS)),
    ("GET", "/appeal", Public),
    ("GET", "/appeal/{token}", Public),
    ("POST", "/appeal/{token}", Public),
    ("GET", "/status", Public),
    ("GET", "/status.json", Public),
];

#[test]
fn x2_every_way_in_is_swept_and_nothing_else_is() {
    let routes: BTreeSet<_> = all().iter().map(|route| (route.method, route.path)).collect();
    let swept: BTreeSet<_> = WAYS.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(routes, swept, "each way in has a line in WAYS");
}

/// The address of a way, with what belongs to `customer` in it.
fn place(house: &House, path: &str, customer: &str) -> String {
    let number = if customer == "Acme" { &house.acme } else { &house.bay };
    let id = format!("alert-{customer}");
    let path = path.replace("{number}", number).replace("{customer}", customer).replace("{list}", LIST);
    let path = if path.starts_with("/v1/alerts") { path.replace("{id}", &id) } else { path };
    let block = format!("block-{customer}");
    let path = if path.starts_with("/v1/blocks") { path.replace("{id}", &block) } else { path };
    ["{version}", "{name}", "{secret}", "{login}", "{id}", "{due}", "{hash}"]
        .iter()
        .fold(path, |path, name| path.replace(name, "none"))
}

fn is_of_desk(who: &str) -> bool {
    EVERY_DESK.contains(&who) || who == "key desk"
}

#[tokio::test(flavor = "multi_thread")]
async fn x2_nobody_reaches_what_is_not_theirs() {
    let house = House::new().await;
    let mut asked = 0;
    for (method, path, line) in WAYS.iter().filter(|(_, path, _)| *path != "/logout") {
        for who in VIEWERS {
            // Without a body nothing that is let through changes anything: what is said is who may.
            let token = csrf(who);
            let headers = [("content-type", "application/json"), ("x-csrf-token", token.as_str())];
            let got = house.ask(who, method, &place(&house, path, "Acme"), &headers, "").await;
            asked += 1;
            let context = format!("{who}: {method} {path}: {} {}", got.status, got.text);
            let is_program = path.starts_with("/v1/");
            let (is_let_in, other_side) = match line {
                Public => (true, false),
                LoggedIn => (who != "nobody", false),
                // Where keys of the desk may nothing, they are nobody of it.
                Desk(may) => {
                    let is_staff = is_of_desk(who) && (who != "key desk" || may.contains(&who));
                    (may.contains(&who), !is_staff)
                }
                Contact(may) => (may.contains(&who), !CONTACTS.contains(&who)),
                Both(may) => (may.contains(&who) && who != "nobody", false),
            };
            assert_ne!(got.status, StatusCode::INTERNAL_SERVER_ERROR, "{context}");
            if is_let_in {
                let is_refused = [401, 403].contains(&got.status.as_u16());
                // A wrong password is no missing right.
                assert!(
                    !is_refused || path.starts_with("/login") || path.starts_with("/approve"),
                    "{context}"
                );
                assert!(!got.header("location").starts_with("/login?next="), "{context}");
            } else if who == "nobody" {
                let expected = match (is_program, *method) {
                    (true, _) => 401,
                    (false, "GET") => 303,
                    _ => 403,
                };
                assert_eq!(got.status.as_u16(), expected, "{context}");
            } else {
                assert_eq!(got.status.as_u16(), if other_side { 404 } else { 403 }, "{context}");
            }
        }
    }
    println!("{asked} requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn x2_what_belongs_to_another_customer_is_not_there() {
    let house = House::new().await;
    let own = |path: &str| {
        ["{number}", "{customer}", "/v1/alerts/{id}", "/v1/blocks/{id}"].iter().any(|it| path.contains(it))
    };
    let mut asked = 0;
    for (method, path, _) in WAYS.iter().filter(|(_, path, _)| own(path)) {
        for (who, other) in
            [("ann", "Bay"), ("rob", "Bay"), ("eve", "Acme"), ("key reads", "Bay"), ("key works", "Bay")]
        {
            let token = csrf(who);
            let body = r#"{"text":"let me in","step":"take","reason":"resolved","number":"RW-100001-9","alerts":["a"]}"#;
            let (kind, body) = if path.starts_with("/v1/") {
                ("application/json", body)
            } else {
                (
                    "application/x-www-form-urlencoded",
                    "text=let+me+in&decision=yes&change=none&id=none&reason=because",
                )
            };
            let headers = [("content-type", kind), ("x-csrf-token", token.as_str()), ("if-match", "\"1\"")];
            let got = house.ask(who, method, &place(&house, path, other), &headers, body).await;
            asked += 1;
            let is_read = *method == "GET";
            let is_hidden = got.status == 404 || !is_read && (got.status == 403 || got.status == 400);
            assert!(is_hidden, "{who}: {method} {path} of {other}: {} {}", got.status, got.text);
            assert!(!got.text.contains("+12105550142"), "{who}: {path}: {}", got.text);
        }
    }
    assert!(asked > 50, "{asked}");
    // And lists show what is theirs only.
    for path in [
        "/v1/cases",
        "/v1/alerts",
        "/v1/customers",
        "/v1/cases?customer=Bay",
        "/v1/schedules",
        "/v1/blocks",
        "/v1/lists",
    ] {
        for who in ["ann", "key reads", "key works"] {
            let got = house.ask(who, "GET", path, &[], "").await;
            assert!(got.status == 200 && !got.text.contains("Bay"), "{who}: {path}: {}", got.text);
        }
    }
    let got = house
        .change(
            "key works",
            "/v1/cases",
            None,
            None,
            &serde_json::json!({
                "customer": "Bay", "kind": "block", "title": "in the name of another",
            }),
        )
        .await;
    assert_eq!(got.status, 404);
    let well = serde_json::json!({ "text": "let me in" });
    let place = format!("/v1/cases/{}/messages", house.bay);
    for seen in ["\"1\"", "\"99\""] {
        let got = house.change("key works", &place, Some(seen), None, &well).await;
        assert_eq!(got.status, 404, "not even its version is told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_way_leads_people_get_a_page_and_programs_a_problem() {
    let house = House::new().await;
    for who in ["admin", "ann"] {
        for path in ["/nowhere", "/lists/%3Cscript%3E", "/case"] {
            let got = house.ask(who, "GET", path, &[], "").await;
            let says = got.text.contains("There is no such page") && !got.text.contains("<script>");
            assert!(got.status == 404 && says, "{who}: {path}: {}", got.text);
        }
        let got = house.ask(who, "GET", "/v1/nowhere", &[], "").await;
        assert_eq!(got.status, 404);
        assert_eq!(got.header("content-type"), "application/problem+json");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn x2_no_change_comes_without_a_token_or_from_elsewhere() {
    let house = House::new().await;
    let stranger = csrf("eve");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for route in
        all().iter().filter(|route| route.method != "GET" && route.access != crate::access::Access::Open)
    {
        let path = place(&house, route.path, "Acme");
        let who = match route.access {
            crate::access::Access::Contact(Right::Ask) => "rob",
            crate::access::Access::Contact(_) => "ann",
            _ => "admin",
        };
        let token = csrf(who);
        let ours = ("x-csrf-token", token.as_str());
        let evil = ("origin", "https://evil.example.com");
        let site = ("sec-fetch-site", "cross-site");
        let tries: [&[(&str, &str)]; 4] =
            [&[form], &[form, ("x-csrf-token", &stranger)], &[form, ours, evil], &[form, ours, site]];
        for (index, headers) in tries.into_iter().enumerate() {
            // Whoever logs in has no session yet: there the origin alone tells.
            if route.access == crate::access::Access::Entry && index < 2 {
                continue;
            }
            let got = house.ask(who, route.method, &path, headers, "login=a&password=b").await;
            assert_eq!(got.status, 403, "{} {path} {headers:?}: {}", route.method, got.text);
        }
    }
    let still = house.store.desk().accounts().await.unwrap();
    assert!(still.iter().all(|account| !account.is_closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_forbids_what_it_does_not_need() {
    let house = House::new().await;
    let mut pages = 0;
    for route in all().iter().filter(|route| route.method == "GET") {
        let got = house.ask("admin", "GET", &place(&house, route.path, "Acme"), &[], "").await;
        assert_eq!(got.header("strict-transport-security"), "max-age=31536000", "{}", route.path);
        if !got.header("content-type").starts_with("text/html") {
            continue;
        }
        pages += 1;
        let policy = got.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{}: {policy}", route.path);
        assert!(policy.contains("frame-ancestors 'none'"), "{}: {policy}", route.path);
        assert!(!policy.contains("unsafe"), "{}: {policy}", route.path);
        assert_eq!(got.header("cache-control"), "no-store", "{}", route.path);
        assert_eq!(got.header("x-content-type-options"), "nosniff", "{}", route.path);
    }
    assert!(pages >= 6, "{pages}");
    let lost = house.ask("admin", "GET", "/nowhere", &[], "").await;
    assert_eq!(lost.header("strict-transport-security"), "max-age=31536000");
    let plain = House::with(crate::Rates::default(), false).await;
    assert_eq!(plain.ask("admin", "GET", "/queue", &[], "").await.header("strict-transport-security"), "");
}

/// Every kind of link that reports make leads somewhere: the page of a case is another one for the desk and for its customer.
#[tokio::test(flavor = "multi_thread")]
async fn links_of_reports_lead_somewhere() {
    let house = House::new().await;
    let case = reporter::document::Address::new(["cases", &house.acme]).href();
    for (who, place) in [("analyst", "case"), (CONTACTS[0], "portal/request")] {
        let led = house.ask(who, "GET", case.as_str(), &[], "").await;
        assert_eq!(led.header("location"), format!("/{place}/{}", house.acme), "{who}: {}", led.text);
        let page = house.ask(who, "GET", led.header("location"), &[], "").await;
        assert_eq!(page.status, StatusCode::OK, "{who}: {}", page.text);
    }
    let of_bay = house.ask(CONTACTS[0], "GET", &format!("/cases/{}", house.bay), &[], "").await;
    assert_eq!(of_bay.status, StatusCode::NOT_FOUND, "{}", of_bay.text);
    let calls = reporter::document::Address::new(["calls"]).with("customer", "Acme").href();
    assert!(
        all()
            .iter()
            .any(|route| route.method == "GET" && Some(route.path) == calls.as_str().split('?').next())
    );
}
