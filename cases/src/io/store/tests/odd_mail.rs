//! Mails that no program of a person writes.

use super::inbox::Post;
use super::*;

const SENTENCE: &str = "Please block 303-555-0142.\0\r\n";

#[test]
fn a_byte_that_no_text_of_a_database_may_have_costs_no_mail() {
    on_both(|store| async {
        let post = Post::new(store).await;
        for (minutes, (from, fields)) in (0..).zip([
            ("ann@acme.example.com", "Message-ID: <a\0b@acme.example.com>\r\nSubject: one\r\n"),
            ("ann@acme.example.com", "Message-ID: <two@acme.example.com>\r\nSubject: a\0b\r\n"),
            ("ann@acme.example.com", "Subject: =?utf-8?q?a=00b?=\r\nReferences: <c\0d@acme.example.com>\r\n"),
            ("ann@acme.example.com", "Subject: four\r\nReply-To: <e\0f@acme.example.com>\r\nNo\0ne: \0\r\n"),
            ("an\0n@acme.example.com", "Message-ID: <five@acme.example.com>\r\nSubject: five\r\n"),
            ("ann@acme\0.example.com", "Subject: six\r\nX-To: case+\0@desk.example.com\r\n"),
        ]) {
            let became = post.take(minutes, from, fields, SENTENCE).await;
            assert!(matches!(became, Became::Opened(_)), "{fields:?}: {became:?}");
        }
        assert_eq!(list(&post.store).await.len(), 6);
    });
}
