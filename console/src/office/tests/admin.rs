//! Two people change who belongs to a customer; accounts lose roles, sessions and factors; trials go only where they may; and
//! what is due is counted as a terminal counts it.

use cases::account::{Role, Side};
use cases::explanation::WhatIf;
use cases::outgoing::Channel;
use cases::second_factor::{SECRET_BYTES, SecondFactor};

use super::{Console, NOW};

#[tokio::test]
async fn c1_one_person_drafts_contacts_and_another_confirms_exactly_that() {
    let console = Console::start("contacts").await;
    console.logged_in("anna", Role::Admin).await;
    console.logged_in("ben", Role::Admin).await;
    let list = console.get("anna", "/customers").await;
    list.has("nobody is registered");
    let person = [
        ("name", "Ann"),
        ("addresses", "ann@acme.example.com, a.nn@acme.example.com"),
        ("phones", "+1 210 555 0142"),
        ("role-requester", "yes"),
        ("role-authorizer", "yes"),
        ("verified", "yes"),
    ];
    assert_eq!(console.post("anna", "/customer/Acme/person", &person).await.status, 303);
    // What one drafts before it is confirmed goes into the same draft.
    let domains =
        [("domains", "Acme.example.com\nacme.example.net"), ("report_domains", ""), ("forwarders", "")];
    assert_eq!(console.post("anna", "/customer/Acme/domains", &domains).await.status, 303);
    let desk = console.store.desk();
    let drafts = desk.registration_drafts().await.unwrap();
    let draft = drafts.last().unwrap();
    assert_eq!(draft.registration.people[0].phones, ["+12105550142"]);
    assert_eq!(draft.registration.domains, ["acme.example.com", "acme.example.net"]);
    assert_eq!(draft.registration.people[0].verified_at, Some(NOW));
    assert!(desk.registration("Acme").await.unwrap().people.is_empty(), "nothing holds yet");
    let hash = draft.hash.clone();
    let own = console.get("anna", "/customer/Acme").await;
    own.is_sound();
    own.has_not("Confirm exactly this");
    let refused = console.post("anna", "/customers/confirm", &[("hash", &hash)]).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    refused.has("another person has to confirm it");
    console.get("ben", "/customer/Acme").await.has(&hash);
    assert_eq!(console.post("ben", "/customers/confirm", &[("hash", &hash)]).await.status, 303);
    let registration = desk.registration("Acme").await.unwrap();
    assert_eq!(registration.people.len(), 1);
    // Another address is one that nobody made sure of.
    let changed = [
        ("before", "Ann"),
        ("name", "Ann"),
        ("addresses", "ann@acme.example.net"),
        ("role-authorizer", "yes"),
    ];
    assert_eq!(console.post("ben", "/customer/Acme/person", &changed).await.status, 303);
    let draft = desk.registration_drafts().await.unwrap().pop().unwrap();
    assert_eq!(draft.registration.people[0].verified_at, None);
    assert_eq!(draft.registration.people[0].roles.len(), 1);
    assert_eq!(console.post("anna", "/customers/confirm", &[("hash", &draft.hash)]).await.status, 303);
    assert_eq!(console.post("anna", "/customer/Acme/certify", &[("name", "Ann")]).await.status, 303);
    console.get("anna", "/customer/Acme").await.has("certified");
    console.get("anna", "/customers").await.has("only one authoriser");
    // Who leaves stays on record with the date.
    assert_eq!(console.post("anna", "/customer/Acme/leave", &[("name", "Ann")]).await.status, 303);
    let draft = desk.registration_drafts().await.unwrap().pop().unwrap();
    assert_eq!(draft.registration.people[0].valid_until, Some(NOW));
    for (fields, status) in [
        (vec![("name", ""), ("addresses", "x@acme.example.com")], 409),
        (vec![("name", "Eve"), ("addresses", "no address")], 409),
        (vec![("name", "Eve"), ("addresses", "e@acme.example.com"), ("until", "soon")], 400),
        (vec![("before", "Nobody"), ("name", "Eve"), ("addresses", "e@acme.example.com")], 409),
    ] {
        assert_eq!(console.post("anna", "/customer/Acme/person", &fields).await.status, status, "{fields:?}");
    }
    assert_eq!(console.get("anna", "/customer/Bay").await.status, 404);
    assert_eq!(console.post("anna", "/customer/Bay/person", &person).await.status, 404, "no such customer");
}

#[tokio::test]
async fn x1_a_role_a_session_and_a_factor_end_with_the_next_click() {
    let console = Console::start("accounts").await;
    console.logged_in("anna", Role::Admin).await;
    console.logged_in("ben", Role::Admin).await;
    console.get("anna", "/people").await.has("href=\"/person/ben\"");
    let page = console.get("anna", "/person/ben").await;
    page.is_sound();
    page.has("192.0.2.7");
    assert_eq!(console.get("ben", "/audit").await.status, 200);
    assert_eq!(console.post("anna", "/person/ben/role", &[("role", "first-level")]).await.status, 303);
    assert_eq!(console.get("ben", "/audit").await.status, 403, "it counts at once");
    let account = console.store.desk().account("ben").await.unwrap().unwrap();
    assert_eq!(account.side, Side::Desk(Role::FirstLevel));
    assert_eq!(console.post("anna", "/person/anna/role", &[("role", "auditor")]).await.status, 409);
    assert_eq!(console.post("anna", "/person/ben/role", &[("role", "king")]).await.status, 400);
    let factor = SecondFactor::new([7; SECRET_BYTES]);
    let desk = console.store.desk();
    desk.enrol_account(&account, &factor, None, console.done("ben")).await.unwrap();
    console.get("anna", "/person/ben").await.has("the code of an app is asked for");
    assert_eq!(console.post("anna", "/person/ben/factor", &[]).await.status, 303);
    assert!(!desk.has_factor(&account).await.unwrap());
    assert!(desk.sessions("ben").await.unwrap().is_empty(), "and is logged out");
    assert_eq!(console.get("ben", "/queue").await.status, 303);
    assert_eq!(console.post("anna", "/person/ben/factor", &[]).await.status, 409, "there is none");
    let link = console.post("anna", "/person/ben/link", &[]).await;
    link.is_sound();
    let secret = link.body.split("/welcome/").nth(1).unwrap().split('<').next().unwrap();
    let invitation = desk.invitation(secret, NOW).await.unwrap().unwrap();
    assert_eq!((invitation.login.as_str(), invitation.side), ("ben", Side::Desk(Role::FirstLevel)));
    console.logged_in("carl", Role::Analyst).await;
    assert_eq!(console.post("anna", "/person/carl/logout", &[]).await.status, 303);
    assert_eq!(console.get("carl", "/queue").await.status, 303, "carl logs in again");
    let acts = console.audited("(desk)").await;
    for act in
        ["anna set-role ben", "anna reset-factor ben", "anna invite ben", "anna log-out-everywhere carl"]
    {
        assert!(acts.iter().any(|it| it == act), "{act}: {acts:?}");
    }
    assert_eq!(console.get("anna", "/person/nobody").await.status, 404);
}

#[tokio::test]
async fn a_trial_goes_to_whom_the_service_knows_and_to_nobody_else() {
    let console = Console::start("trial").await;
    console.logged_in("anna", Role::Admin).await;
    console
        .register(r#"{"customer":"Acme","people":[{"name":"Ann","addresses":["ann@acme.example.com"],"roles":[]}]}"#)
        .await;
    let page = console.get("anna", "/channels").await;
    page.is_sound();
    for words in
        ["anna@desk.example.com", "mail.example.com:587, STARTTLS", "lmtp on 127.0.0.1:24", "duty manager"]
    {
        page.has(words);
    }
    let stranger = console.post("anna", "/channels/test", &[("way", "mail victim@example.net")]).await;
    assert_eq!(stranger.status, 400);
    assert!(console.trials.lock().unwrap().is_empty(), "it went nowhere");
    let tried = console.post("anna", "/channels/test", &[("way", "mail ann@acme.example.com")]).await;
    tried.is_sound();
    tried.has("✓ The other side took it");
    tried.has("250 taken for ann@acme.example.com");
    let trial = console.trials.lock().unwrap().pop().unwrap();
    assert_eq!(
        (trial.channel, trial.to.as_str(), trial.by.as_str()),
        (Channel::Mail, "ann@acme.example.com", "anna")
    );
    assert!(console.audited("(desk)").await.iter().any(|it| it == "anna send-trial ann@acme.example.com"));
    let texts = console.get("anna", "/channels/texts").await;
    texts.is_sound();
    // To a contact it says what was understood; to a stranger nothing of it.
    let (known, stranger) = texts.body.split_once("Automatic answer to a stranger").unwrap();
    assert!(known.contains("+13035550101") && known.contains("Received: Block of calls"), "{known}");
    let stranger = stranger.split("<section").next().unwrap();
    assert!(stranger.contains("We received your message") && !stranger.contains("3035550101"), "{stranger}");
    texts.has("A critical violation, for the customer");
}

#[tokio::test]
async fn s13_what_would_be_due_is_counted_as_a_terminal_counts_it() {
    let console = Console::start("hours").await;
    console.logged_in("fay", Role::FirstLevel).await;
    let calendar = console.service.calendar();
    // Over a weekend and a holiday, over both changes of the clocks, and in an hour that comes twice, said in full.
    for at in [
        "2026-11-25 16:30",
        "2026-10-30 16:30",
        "2027-03-12 16:45",
        "2026-11-01T01:30:00-05:00",
        "2026-11-13T23:00",
    ] {
        let answer = WhatIf::new(console.service.terms(), calendar, at).unwrap();
        let page = console.get("fay", &format!("/hours?at={}", crate::text::url_part(at))).await;
        page.is_sound();
        for (name, due, explanation) in answer.clocks {
            page.has(&format!("<h3>{name}</h3>"));
            page.has(&format!("by <strong>{}</strong>", cases::explanation::wall_time(calendar, due.target)));
            let lines = explanation.lines(calendar);
            assert!(!lines.is_empty());
            for line in lines {
                page.has(&format!("<li>{line}</li>"));
            }
        }
    }
    console.get("fay", "/hours?at=2026-11-01+01%3A30").await.has("comes twice or never");
    console.get("fay", "/hours?at=noon").await.has("is no time");
}

#[tokio::test]
async fn e5_the_rota_shows_who_is_on_duty_and_when_nobody_is() {
    let console = Console::start("rota").await;
    console.logged_in("fay", Role::FirstLevel).await;
    let page = console.get("fay", "/rota").await;
    page.is_sound();
    page.has("<strong>Anna (anna)</strong>, anna@desk.example.com");
    // The last turn ends on the 20th at nine in Chicago; two weeks from the 13th at ten are looked at.
    page.has("▲ Nobody from <time datetime=\"2026-11-20T15:00:00Z\"");
    page.has("Thu 26 Nov 2026");
}

#[tokio::test]
async fn e5_who_goes_off_duty_says_what_the_next_one_should_know() {
    let console = Console::start("handover").await;
    for who in ["anna", "ben", "fay"] {
        console.logged_in(who, Role::FirstLevel).await;
    }
    let page = console.get("anna", "/rota").await;
    page.is_sound();
    page.has("Anna (anna) to ben <span class=\"badge\">nothing said yet</span>");
    page.has("What should ben know, who comes on <time datetime=\"2026-11-16T15:00:00Z\"");
    console.get("fay", "/rota").await.has_not("Hand over</button>");
    let hostile = "RW-100001-9 waits.\n<script>alert(1)</script>";
    let said = [("rota", "first"), ("note", hostile)];
    assert_eq!(console.post("anna", "/rota/handover", &said).await.status, 303);
    let page = console.get("ben", "/rota").await;
    page.is_sound();
    page.has("RW-100001-9 waits.\n&lt;script&gt;alert(1)&lt;/script&gt;");
    page.has_not("nothing said yet");
    for (who, fields, why) in [
        ("fay", &said[..], "fay hands nothing over"),
        ("anna", &[("rota", "second"), ("note", "x")][..], "no rota"),
        ("anna", &[("rota", "first"), ("note", " \r\n ")][..], "says what the next one should know"),
    ] {
        let answer = console.post(who, "/rota/handover", fields).await;
        assert_eq!(answer.status, 409, "{}", answer.body);
        answer.has(why);
    }
    let (entries, _) = (console.store.audit("", 0, 100).await.unwrap(), ());
    assert_eq!(entries.iter().filter(|it| it.action == "hand-over" && it.actor == "anna").count(), 1);
}

#[tokio::test]
async fn e6_who_is_up_says_so_on_the_page_and_colleagues_see_it() {
    let console = Console::start("awake").await;
    for who in ["anna", "fay"] {
        console.logged_in(who, Role::FirstLevel).await;
    }
    assert_eq!(console.post("anna", "/rota/awake", &[("hours", "3")]).await.status, 303);
    let awake = console.store.desk().awake(NOW).await.unwrap();
    assert_eq!(awake["anna"].until, NOW.plus_micros(3 * 3_600_000_000));
    console.get("fay", "/rota").await.has("; awake until <time datetime=\"2026-11-13T19:00:00Z\"");
    console.get("anna", "/rota").await.has("you are awake");
    assert_eq!(console.post("anna", "/rota/asleep", &[]).await.status, 303);
    assert!(console.store.desk().awake(NOW).await.unwrap().is_empty());
    for (who, path, hours, why) in [
        ("anna", "/rota/asleep", "1", "has not said to be awake"),
        ("anna", "/rota/awake", "13", "longer than 12 hours"),
        ("anna", "/rota/awake", "-9223372036854775808", "for no time"),
        ("fay", "/rota/awake", "1", "nobody whom notices go to"),
    ] {
        let answer = console.post(who, path, &[("hours", hours)]).await;
        assert_eq!(answer.status, 409, "{}", answer.body);
        answer.has(why);
    }
}
