//! What strangers write is text on every page, and nothing else.

use cases::case::Kind;
use cases::flow::State;
use cases::intake::{Envelope, ReturnPath};
use cases::io::store::Office;
use cases::letter::DeskAddress;

use super::*;

/// Each would do something where it is taken for more than text.
const TEXTS: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'-alert(1)-'",
    "{{7*7}}</textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    "+1\u{202e}210\u{200b}\u{7}",
];

#[track_caller]
fn is_inert(page: &Page) {
    for wrong in
        ["<script>alert", "<img", "<svg onload", "onerror=alert(1)>", "</textarea><svg", "\u{202e}", "\u{7}"]
    {
        // Our own pictures are the mark in the frame of the page, and small charts.
        let own = page.text.replace("<img src=\"/assets/", "");
        assert!(!own.contains(wrong), "{wrong:?} in {}", page.text);
    }
    for attribute in ["href=\"javascript:", "action=\"javascript:", " style=\"", " onclick="] {
        assert!(!page.text.contains(attribute), "{attribute:?} in {}", page.text);
    }
    assert!(
        page.head.contains("content-security-policy: default-src 'none'; script-src 'self'"),
        "{}",
        page.head
    );
}

#[test]
fn titles_callers_notes_and_queries_are_text() {
    at_a_desk(|desk| async move {
        for text in TEXTS {
            let cases = desk.alerts(&format!("Acme {text}"), &[text]).await;
            let number = cases[0].number;
            desk.store.desk().open("Acme", Kind::Block, State::New, text, desk.done()).await.unwrap();
            let place = format!("/case/{number}");
            desk.post("anna", &format!("{place}/note"), &[("text", text)]).await.goes_to(&place);
            desk.post("anna", "/queue/view", &[("name", text), ("q", text)]).await.goes_to("/queue");
            for place in [
                place.as_str(),
                "/queue",
                "/queue?group=customer",
                "/queue?group=rule",
                &format!("/queue?q={0}&group={0}&after={0}", url_part(text)),
                &format!("/queue?q=foo:{}", url_part(text)),
                &format!("/queue/rows?n={number}&q={}", url_part(text)),
                &format!("{place}?q={0}&at={0}&show={0}", url_part(text)),
                "/alerts",
                "/alerts?group=key",
                &format!("/alerts?customer={0}&rule={0}&key={0}&within={0}", url_part(text)),
                &format!("/silences?customer={0}&reason={0}", url_part(text)),
                "/campaigns",
            ] {
                is_inert(&desk.get("anna", place).await.page_well());
            }
            let form = [("act", "take"), ("n", &number.to_string()), ("back", text)];
            // Nobody is led anywhere else by a form.
            desk.post("anna", "/queue/bulk", &form).await.goes_to("/queue");
        }
        desk
    });
}

#[test]
fn a_mail_is_shown_as_text_and_its_source_as_well() {
    at_a_desk(|desk| async move {
        let raw = b"From: \"<script>alert(1)</script>\" <mallory@evil.example>\r\nTo: desk@example.com\r\n\
            Subject: <img src=x onerror=alert(1)> block\r\nMessage-ID: <1@evil.example>\r\nMIME-Version: 1.0\r\n\
            Content-Type: text/html; charset=utf-8\r\n\r\n<p>Please block +12105550142</p>\
            <img src=\"http://evil.example/seen.png\"><script>alert(1)</script><p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\
            <blockquote class=\"gmail_quote\">On Monday somebody wrote: hello</blockquote>\r\n";
        let envelope = Envelope {
            return_path: ReturnPath::Address("mallory@evil.example".to_owned()),
            recipients: vec!["desk@example.com".to_owned()],
            received_at: now(),
            checks: None,
        };
        let store = desk.store.desk();
        store.keep_mail(raw, &envelope).await.unwrap();
        let key = store.unread_mails(1).await.unwrap().remove(0);
        let mail = store.begin_reading(&key).await.unwrap().unwrap();
        let office = Office {
            desk: DeskAddress { address: "desk@example.com".to_owned(), name: "Desk".to_owned() },
            portal: String::new(),
            escalation: String::new(),
            sends: false,
        };
        store.read_mail(&mail, &mail.read(&Directory::default()), &office, desk.done()).await.unwrap();
        let number = store.list(&Filter::default()).await.unwrap().cases[0].number;
        let page = desk.get("anna", &format!("/case/{number}")).await.page_well();
        is_inert(&page);
        page.says("mallory@evil.example")
            .says("T1, nothing vouches")
            .says("are not loaded")
            .says("not verified");
        page.says_not("evil.example/seen.png");
        // What nobody known asks for is filled in nowhere (N-3).
        page.says_not(">+12105550142</textarea>");
        let source = desk.get("anna", &format!("/case/{number}/mail/0")).await.page_well();
        is_inert(&source);
        source.says("&lt;img src=&quot;http://evil.example/seen.png&quot;&gt;");
        assert_eq!(desk.get("anna", &format!("/case/{number}/mail/1")).await.status, 404);
        desk
    });
}

#[test]
fn contacts_of_customers_find_no_page_of_the_desk() {
    at_a_desk(|desk| async move {
        let case = desk.alerts("Acme", &["+12105550101"]).await.remove(0);
        for place in
            ["/queue", "/queue/rows", "/alerts", "/silences", "/campaigns", &format!("/case/{}", case.number)]
        {
            let page = desk.get("nobody", place).await;
            assert_eq!(page.status, 303, "{place}");
            assert!(page.head.contains("location: /login"), "{}", page.head);
        }
        // A form from elsewhere, without its token, changes nothing.
        let body = format!("act=take&n={}", case.number);
        let page = desk.send("anna", "POST /queue/bulk HTTP/1.1", Some(&body)).await;
        assert_eq!(page.status, 403);
        assert_eq!(desk.store.desk().case(case.number).await.unwrap().owner, None);
        desk
    });
}
