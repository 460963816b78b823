//! One case: what is done with it, what is proposed in it, who may.

use cases::case::Kind;
use cases::flow::State;

use super::*;

#[test]
fn a_case_is_worked_on_from_its_page() {
    at_a_desk(|desk| async move {
        let cases = desk.alerts("Acme", &["+12105550101", "+12105550102"]).await;
        let number = cases[0].number;
        let place = format!("/case/{number}");
        let page = desk.get("anna", &place).await.page_well();
        for key in ["a", "i", "p", "r", "n", "b", "e", "l", "m", "]"] {
            page.says(&format!("data-key=\"{key}\""));
        }
        // Why is what was found, too, where nothing was found yet.
        page.says("name=\"reason\" required");
        page.says("<code>a/b@example.com</code>")
            .says("caller=%2B12105550101&amp;kind=all\">its calls")
            .says("7 of 5 within 1h")
            .says("Why this time?");
        page.says(&format!("/case/{}?q=", cases[1].number));
        // First level sees it, and nothing to do but a note.
        let seen = desk.get("fred", &place).await.page_well();
        seen.says("Note for the desk")
            .says_not("data-key=\"a\"")
            .says_not("data-key=\"b\"")
            .says_not("/close\"");
        for (act, form) in [
            ("step", [("verb", "take"), ("text", "")]),
            ("assign", [("to", "me"), ("back", "")]),
            ("severity", [("severity", "info"), ("back", "")]),
            ("close", [("reason", "benign"), ("text", "it is known to us")]),
            ("propose", [("list", "harassment"), ("entries", "+12105550101")]),
            ("merge", [("other", "RW-100002-7"), ("back", "")]),
            ("ask", [("back", ""), ("x", "")]),
        ] {
            assert_eq!(desk.post("fred", &format!("{place}/{act}"), &form).await.status, 403, "{act}");
        }
        // Reports lead to it by a name that customers have as well.
        desk.get("anna", &place.replace("/case/", "/cases/")).await.goes_to(&place);
        assert_eq!(desk.get("anna", "/cases/none").await.status, 404);
        desk.post("anna", &format!("{place}/assign"), &[("to", "fred")]).await.goes_to(&place);
        assert_eq!(desk.store.desk().case(number).await.unwrap().owner.as_deref(), Some("fred"));
        assert_eq!(desk.post("anna", &format!("{place}/assign"), &[("to", "nobody-here")]).await.status, 400);
        desk.post("anna", &format!("{place}/severity"), &[("severity", "critical")]).await.goes_to(&place);
        desk.get("anna", &place).await.page_well().says("data-key=\"i\"");
        desk.post("anna", &format!("{place}/step"), &[("verb", "take")]).await.goes_to(&place);
        // What is hers is not offered to her, and a page from before does no harm.
        desk.get("anna", &place).await.page_well().says_not("data-key=\"i\"");
        desk.post("anna", &format!("{place}/assign"), &[("to", "me")]).await.goes_to(&place);
        desk.post("anna", &format!("{place}/link"), &[("other", &cases[1].number.to_string())])
            .await
            .goes_to(&place);
        assert_eq!(desk.post("anna", &format!("{place}/link"), &[("other", "RW-1")]).await.status, 400);
        // A false positive without a word on the rule is refused, with the reason, and nothing is lost.
        let form = [("reason", "false-positive"), ("text", "a doctor's callback")];
        let refused = desk.post("anna", &format!("{place}/close"), &form).await;
        assert_eq!(refused.status, 409);
        refused.says("tune, exception or accept");
        let back = format!("{place}?q=x&at=1.2");
        let form = [&form[..], &[("feedback", "tune"), ("back", back.as_str())]].concat();
        desk.post("anna", &format!("{place}/close"), &form).await.goes_to(&format!("{place}?q=x"));
        desk.get("anna", &place).await.page_well().says("Closed as false-positive").says("data-key=\"z\"");
        assert_eq!(desk.get("anna", "/case/RW-100001-0").await.status, 404);
        desk
    });
}

#[test]
fn alerts_that_do_not_belong_are_taken_out_and_cases_joined() {
    at_a_desk(|desk| async move {
        let case = desk.alerts("Acme", &["+12105550101"]).await.remove(0);
        desk.take(&[alert("Acme", "+12105550101", 0)]).await;
        let place = format!("/case/{}", case.number);
        let form = [("alert", "Acme-+12105550101-0")];
        desk.post("anna", &format!("{place}/split"), &form).await.goes_to("/case/RW-");
        let cases = desk.store.desk().list(&Filter::default()).await.unwrap().cases;
        assert_eq!(cases.len(), 2);
        let other = cases.iter().find(|it| it.number != case.number).unwrap().number.to_string();
        desk.post("anna", &format!("{place}/merge"), &[("other", &other)])
            .await
            .goes_to(&format!("/case/{other}"));
        desk.get("anna", &place).await.page_well().says("joined into");
        desk
    });
}

#[test]
fn d6_what_was_done_with_alerts_is_taken_back_from_the_history() {
    at_a_desk(|desk| async move {
        let cases = desk.alerts("Acme", &["+12105550101", "+12105550102"]).await;
        let [one, two] = [&cases[0], &cases[1]].map(|case| case.number.to_string());
        let (place, other) = (format!("/case/{one}"), format!("/case/{two}"));
        desk.get("anna", &place).await.page_well().says("<code>+12105550101</code>").says_not(">Undo<");
        // In both, and out of one again.
        let form = [("alert", "Acme-+12105550101-0"), ("to", two.as_str())];
        for (act, form) in [("attach", &form[..]), ("detach", &form[..1]), ("undo", &[("act", "1")])] {
            assert_eq!(desk.post("fred", &format!("{place}/{act}"), form).await.status, 403, "{act}");
        }
        let id = desk.store.desk().alert_list(None, 9).await.unwrap();
        let id = id.iter().find(|alert| alert.number == cases[0].number).unwrap().id.clone();
        let nothing = [("to", two.as_str())];
        assert_eq!(desk.post("anna", &format!("{place}/attach"), &nothing).await.status, 400);
        let form = [("alert", id.as_str()), ("to", two.as_str())];
        desk.post("anna", &format!("{place}/attach"), &form).await.goes_to(&other);
        let page = desk.get("anna", &other).await.page_well();
        page.says("<code>+12105550101</code>")
            .says("<code>+12105550102</code>")
            .says("name=\"act\" value=\"1\"");
        desk.post("anna", &format!("{other}/detach"), &form[..1]).await.goes_to(&other);
        desk.get("anna", &other).await.page_well().says_not("<code>+12105550101</code>");
        let refused = desk.post("anna", &format!("{other}/undo"), &[("act", "1")]).await;
        assert_eq!(refused.status, 409);
        refused.says("was taken out of");
        // Joined, and parted.
        desk.post("anna", &format!("{place}/merge"), &[("other", &two)]).await.goes_to(&other);
        let page = desk.get("anna", &other).await.page_well();
        page.says("name=\"act\" value=\"3\"").says(">Undo<");
        desk.get("fred", &other).await.page_well().says_not(">Undo<");
        desk.post("anna", &format!("{other}/undo"), &[("act", "3")]).await.goes_to(&other);
        desk.get("anna", &place).await.page_well().says("is taken back").says_not("value=\"3\"");
        let counts: Vec<_> = desk.store.desk().list(&Filter::default()).await.unwrap().cases;
        desk.get("anna", &other).await.page_well().says_not("Group these like this");
        assert_eq!(counts.iter().map(|case| case.alerts).collect::<Vec<_>>(), [1, 1]);
        desk
    });
}

#[test]
fn d4_cases_that_were_joined_are_grouped_from_then_on() {
    at_a_desk(|desk| async move {
        let cases = desk.alerts("Acme", &["+12105550101", "+12105550102"]).await;
        let place = format!("/case/{}", cases[0].number);
        let form = [("other", cases[0].number.to_string())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        desk.post("anna", &format!("/case/{}/merge", cases[1].number), &form).await.goes_to(&place);
        desk.get("anna", &place).await.page_well().says("Group these like this from now on");
        assert_eq!(desk.post("fred", &format!("{place}/group"), &[("until", "")]).await.status, 403);
        desk.post("anna", &format!("{place}/group"), &[("until", "")]).await.goes_to(&place);
        desk.take(&[alert("Acme", "+12105550177", 0)]).await;
        let page = desk.get("anna", &place).await.page_well();
        page.says("<code>+12105550177</code>")
            .says("callers from +12105550100 to +12105550199")
            .says("End that");
        desk.post("anna", &format!("{place}/group"), &[("until", "end")]).await.goes_to(&place);
        desk.take(&[alert("Acme", "+12105550178", 0)]).await;
        desk.get("anna", &place).await.page_well().says_not("+12105550178");
        desk
    });
}

#[test]
fn b_proposes_a_block_and_says_in_words_what_it_would_do() {
    at_a_desk(|desk| async move {
        let case = desk.alerts("Acme", &["+12105550101"]).await.remove(0);
        let place = format!("/case/{}", case.number);
        desk.get("anna", &place)
            .await
            .page_well()
            .says(">+12105550101</textarea>")
            .says("<option>harassment</option>");
        let propose = format!("{place}/propose");
        let form =
            [("list", "harassment"), ("entries", "+12105550101"), ("days", "30"), ("category", "Harassing")];
        // Without a list, a number or with too many days nothing is asked of anybody.
        for wrong in [
            [("list", ""), ("entries", "+12105550101"), ("days", "30"), ("reason", "threats")],
            [("list", "harassment"), ("entries", " \n"), ("days", "30"), ("reason", "threats")],
            [("list", "harassment"), ("entries", "+12105550101"), ("days", "9999"), ("reason", "threats")],
        ] {
            assert_eq!(desk.post("anna", &propose, &wrong).await.status, 400, "{wrong:?}");
        }
        assert!(desk.wishes.lock().unwrap().is_empty());
        let form = [&form[..], &[("reason", "threats")]].concat();
        // What was done before is not taken back once it is proposed.
        desk.post("anna", &format!("{place}/severity"), &[("severity", "critical")]).await.goes_to(&place);
        desk.get("anna", &place).await.page_well().says("data-key=\"z\"");
        desk.post("anna", &format!("{place}/note"), &[("text", "seen before")]).await.goes_to(&place);
        desk.get("anna", &place).await.page_well().says_not("data-key=\"z\"");
        desk.post("anna", &propose, &form).await.goes_to(&place);
        let wish = desk.wishes.lock().unwrap().remove(0);
        assert_eq!(
            wish.lines[0].to_string(),
            "put +12105550101 on harassment until 2026-11-04: Harassing: threats"
        );
        // What has to come before a proposal has come, in the history.
        let proposed = desk.store.desk().case(case.number).await.unwrap();
        assert_eq!(
            (proposed.state, proposed.findings.as_deref()),
            (State::Proposed, Some("Harassing: threats"))
        );
        let page = desk.get("anna", &place).await.page_well();
        page.says_not("data-key=\"z\"");
        page.says("What is proposed").says("In the past 30 days it would have blocked 41 calls");
        page.says("One of your authorisers has to approve it").says("Nobody has said yes yet");
        page.says_not("name=\"reason\" required");
        // A key goes on, and what takes a proposal back has none and asks first.
        page.says("data-key=\"s\" data-say=\"Ask the authorisers\"")
            .says("<button data-confirm=\"Withdraw the proposal?\">Withdraw for changes")
            .says_not("data-say=\"Withdraw for changes\"");
        desk.post("anna", &format!("{place}/ask"), &[]).await.goes_to(&place);
        assert_eq!(desk.post("anna", &format!("{place}/standing"), &[("name", "x")]).await.status, 409);
        desk
    });
}

#[test]
fn the_page_says_by_when_the_customer_should_hear_more_and_what_comes_of_silent_authorisers() {
    at_a_desk(|desk| async move {
        let store = desk.store.desk();
        let case = store.open("Acme", Kind::Block, State::New, "Block this", desk.done()).await.unwrap();
        let place = format!("/case/{}", case.number);
        let page = desk.get("anna", &place).await.page_well();
        page.says("<strong>update</strong>").says("the customer was told last").says("hears more by");
        page.says_not("<strong>authorisation</strong>").says_not("● late");
        let before = Done { now: now().plus_micros(-4 * 24 * 60 * MINUTE), ..desk.done() };
        let late = store.open("Acme", Kind::Question, State::New, "Why so?", before).await.unwrap();
        desk.get("anna", &format!("/case/{}", late.number)).await.page_well().says("● late");
        desk
    });
}

#[test]
fn z7_who_proposed_what_may_go_wrong_is_told_that_somebody_else_has_to_ask() {
    at_a_desk(|desk| async move {
        let case = desk.alerts("Acme", &["+12105550101"]).await.remove(0);
        let place = format!("/case/{}", case.number);
        let form = [
            ("list", "harassment"),
            ("entries", "+12105550101"),
            ("direction", "off"),
            ("reason", "it was our own fax"),
        ];
        desk.post("anna", &format!("{place}/propose"), &form).await.goes_to(&place);
        let page = desk.get("anna", &place).await.page_well();
        page.says("anna wrote it: somebody else of the desk has to look at it")
            .says_not("Nothing changes before the customer's authorisers say yes");
        desk.get("sue", &place)
            .await
            .page_well()
            .says_not("You cannot ask the authorisers")
            .says("Nothing changes before the customer");
        desk
    });
}

#[test]
fn what_nobody_known_asked_for_is_adopted_by_a_contact_only() {
    at_a_desk(|desk| async move {
        let opened =
            desk.store.desk().open("Acme", Kind::Block, State::Unverified, "Block this", desk.done()).await;
        let number = opened.unwrap().number;
        let place = format!("/case/{number}");
        desk.get("anna", &place).await.page_well().says("● not verified").says("register a contact first");
        assert_eq!(desk.post("anna", &format!("{place}/adopt"), &[("contact", "Ann")]).await.status, 409);
        desk.get("anna", "/queue").await.page_well().says("● not verified");
        desk
    });
}

#[test]
fn a_page_that_stands_open_keeps_nobody_logged_in() {
    at_a_desk(|desk| async move {
        let number = desk.alerts("Acme", &["+12105550101"]).await[0].number;
        let asked = [format!("/case/{number}/present"), "/queue/rows?q=&n=".to_owned() + &number.to_string()];
        for _ in 0..13 {
            pass(60 * MINUTE);
            // Who works stays; Anna's page asks, and nobody else does.
            desk.get("fred", &format!("/case/{number}")).await.page_well();
            for place in &asked {
                desk.get("anna", place).await;
            }
        }
        desk.get("anna", &format!("/case/{number}")).await.goes_to("/login");
        for place in &asked {
            assert_eq!(desk.get("fred", place).await.status, 200, "{place}");
        }
        desk
    });
}

#[test]
fn what_is_sent_after_the_session_ended_leads_to_the_log_in_and_back() {
    at_a_desk(|desk| async move {
        let number = desk.alerts("Acme", &["+12105550101"]).await[0].number;
        let page = format!("http://{}/case/{number}?q=x", desk.address);
        let send = async |who: &str, headers: &str| {
            let line = format!("POST /case/{number}/note HTTP/1.1{headers}");
            desk.send(who, &line, Some("csrf=old&text=typed")).await
        };
        let from_page = format!("\r\nReferer: {page}");
        let place = format!("/login?cut_off=yes&next=%2Fcase%2F{number}%3Fq%3Dx");
        send("gone", &from_page).await.goes_to(&place);
        desk.get("gone", &place).await.page_well().says("Your session had ended");
        // From elsewhere, or from nowhere, nothing is said but no.
        for headers in [
            "",
            "\r\nReferer: http://evil.example/case/RW-104233-3",
            &format!("{from_page}\r\nOrigin: http://evil.example"),
            &format!("{from_page}\r\nSec-Fetch-Site: cross-site"),
        ] {
            assert_eq!(send("gone", headers).await.status, 403, "{headers}");
        }
        // A part of a page gets no page.
        assert_eq!(send("gone", &format!("{from_page}\r\nHX-Request: true")).await.status, 401);
        assert_eq!(
            desk.send("gone", &format!("GET /case/{number}/present HTTP/1.1\r\nHX-Request: true"), None)
                .await
                .status,
            401
        );
        // Whoever has logged in anew elsewhere meanwhile loads the page again, where their text is kept.
        let refused = send("anna", &from_page).await;
        assert_eq!(refused.status, 403);
        refused.says(&format!("href=\"/case/{number}?q=x\""));
        desk
    });
}

#[test]
fn a_notice_that_was_given_up_is_sent_again_by_who_may_work() {
    use cases::outgoing::{Channel, Content, Delivery, Outgoing};

    at_a_desk(|desk| async move {
        let number = desk.alerts("Acme", &["+12105550101"]).await[0].number;
        let place = format!("/case/{number}");
        let notice = |id: &str, state| Outgoing {
            id: id.to_owned(),
            customer: "Acme".to_owned(),
            case: Some(number),
            thread: None,
            channel: Channel::Sms,
            to: "+12105550171".to_owned(),
            content: Content::Notice { subject: "look".to_owned(), text: "look".to_owned() },
            due: now(),
            state,
            tries: vec![(now(), "the gateway says 503".to_owned())],
        };
        let sent = [notice("page/1", Delivery::Failed), notice("page/2", Delivery::Accepted)];
        desk.store.desk().send(&sent).await.unwrap();
        let form = [("id", "page/1")];
        let again = format!("{place}/resend");
        desk.get("anna", &place).await.page_well().says("value=\"page/1\"").says_not("value=\"page/2\"");
        desk.get("fred", &place).await.page_well().says("▲ failed").says_not("value=\"page/1\"");
        assert_eq!(desk.post("fred", &again, &form).await.status, 403);
        desk.post("anna", &again, &form).await.goes_to(&place);
        let page = desk.get("anna", &place).await.page_well();
        page.says("anna wants it sent again").says("sent it again").says_not("value=\"page/1\"");
        assert_eq!(desk.post("anna", &again, &form).await.status, 409);
        desk
    });
}
