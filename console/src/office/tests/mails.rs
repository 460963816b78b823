//! Mails as they came: what nobody could place, how each number was read, and the bytes themselves.

use cases::account::Role;
use cases::intake::{Checks, Envelope, Outcome, ReturnPath};

use super::{Console, HOSTILE, NOW};

const MAIL: &str = "From: Ann <ann@acme.example.com>\r\nTo: case@desk.example.com\r\nSubject: Block of calls\r\n\
    Message-ID: <one@acme.example.com>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nPlease block\r\n\
    Phone numbers to be blocked: +1 303 555 0101\r\nCategory: Harassing\r\nBusiness case: calls every night\r\n-- \r\nAnn, +1 210 555 0199\r\n";

async fn keep(console: &Console, mail: &str) -> String {
    let envelope = Envelope {
        return_path: ReturnPath::Address("ann@acme.example.com".to_owned()),
        recipients: vec!["case@desk.example.com".to_owned()],
        received_at: NOW,
        checks: Some(Checks {
            dmarc: Some((Outcome::Pass, "acme.example.com".to_owned())),
            ..Checks::default()
        }),
    };
    let desk = console.store.desk();
    assert!(desk.keep_mail(mail.as_bytes(), &envelope).await.unwrap());
    desk.unread_mails(10).await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn b11_each_number_of_a_mail_is_shown_with_what_became_of_it_and_why() {
    let console = Console::start("mail").await;
    console.logged_in("fay", Role::FirstLevel).await;
    console
        .register(
            r#"{"customer":"Acme","domains":["acme.example.com"],"people":[
            {"name":"Ann","addresses":["ann@acme.example.com"],"roles":["requester"]}]}"#,
        )
        .await;
    let empty = console.get("fay", "/intake?show=unread").await;
    empty.is_sound();
    empty.has("A mail is kept before it is read");
    let key = keep(&console, MAIL).await;
    let list = console.get("fay", "/intake?show=unread").await;
    list.has(&format!("/intake/{key}"));
    list.has("● not read");
    console.get("fay", "/intake?show=quarantine").await.has_not(&key);
    let page = console.get("fay", &format!("/intake/{key}")).await;
    page.is_sound();
    for words in [
        "T3",
        "✓ taken",
        "is +13035550101",
        "– left: it stands in the signature",
        "a contact that may ask for it",
        "Message-ID: &lt;one@acme.example.com&gt;",
    ] {
        page.has(words);
    }
    // Whoever looks takes nothing away: it is still to be read.
    assert_eq!(console.store.desk().unread_mails(10).await.unwrap(), std::slice::from_ref(&key));
    let raw = console.get("fay", &format!("/intake/{key}/raw")).await;
    assert_eq!((raw.status, raw.body.as_str()), (200, MAIL));
    assert!(
        raw.head.contains("content-type: application/octet-stream") && raw.head.contains("attachment"),
        "{}",
        raw.head
    );
    assert!(console.audited("(desk)").await.iter().any(|it| *it == format!("fay fetch-mail {key}")));
    assert_eq!(console.get("fay", "/intake/0000").await.status, 404);
}

#[tokio::test]
async fn a_long_and_hostile_mail_stays_text_and_below_the_size_of_a_page() {
    let console = Console::start("hostile-mail").await;
    console.logged_in("fay", Role::FirstLevel).await;
    let lines: String =
        (0..900).map(|line| format!("{HOSTILE} Number: +1303555{:04} '\"&<>\r\n", line % 10_000)).collect();
    let key =
        keep(&console, &format!("From: ann@acme.example.com\r\nSubject: {HOSTILE}\r\n\r\n{lines}")).await;
    let page = console.get("fay", &format!("/intake/{key}")).await;
    page.is_sound();
    page.has("The rest is in its file");
    page.has("There are further lines");
}
