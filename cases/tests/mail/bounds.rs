//! Mails made to hurt: reading them takes time in proportion to their length, and ends.

use std::time::Duration;

use ringwall_cases::intake::{self, Intake, State, TooComplex};
use rustix::time::{ClockId, clock_gettime};

use crate::customers::{directory, envelope, passed};
use crate::variants::base64;

/// Reads a mail and says what that costs: time of this thread alone, the best of three.
fn timed(mail: &[u8]) -> (Intake, Duration) {
    let (envelope, directory) = (envelope(), directory());
    let mut best = Duration::MAX;
    let mut last = None;
    for _ in 0..3 {
        let begin = thread_time();
        last = Some(intake::read(mail, &envelope, &directory));
        best = best.min(thread_time() - begin);
    }
    (last.unwrap(), best)
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

fn mail(kind: &str, body: &str) -> Vec<u8> {
    let head = passed("acme.example.com");
    format!("{head}From: jane@acme.example.com\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{body}")
        .into_bytes()
}

#[test]
fn f17_a_mail_64_times_as_long_takes_about_64_times_as_long() {
    let shapes: &[(&str, &str, &str)] = &[
        ("text/plain", "", "Please block +1 210 555 0142, thank you.\r\n"),
        ("text/plain", "", "2105550142 "),
        ("text/plain", "", "1 2 3 4 5 6 7 8 9 "),
        ("text/plain", "", "(((((((("),
        ("text/plain", "", "Phone number(s) that you want to be blokced"),
        ("text/plain", "", "Phone number(s) that you want to be blokced\r\n"),
        ("text/plain", "Numbers to block:\r\n", "+1 210 555 0142 / "),
        ("text/plain", "", "> > > > >\r\n"),
        ("text/plain", "", "On Monday, 5 October, somebody\r\n"),
        ("text/plain", "", "From: x\r\nx\r\n"),
        ("text/plain", "", "Thanks,\r\n"),
        ("text/plain", "", "confidential in error \r\n"),
        ("text/plain", "", "Report period: last 3 4 March 2026 week\r\n"),
        ("text/html", "", "<div>"),
        ("text/html", "", "<a href=\"x"),
        ("text/html", "", "</p>"),
        ("text/html", "", "<b><i></b>"),
        ("text/html", "", "<!-- "),
        ("text/html", "", "<script>"),
        ("text/html", "", "&amp;&#x41;&"),
        ("text/html", "", "<p style='color:#fff;color:#000;color"),
        ("text/html", "", "<table><tr><td>5<td>6"),
        ("multipart/mixed; boundary=b", "", "--b\r\n\r\nx\r\n"),
    ];
    let mut told = Vec::new();
    for (kind, begin, unit) in shapes {
        let of = |bytes: usize| timed(&mail(kind, &format!("{begin}{}", unit.repeat(bytes / unit.len())))).1;
        let (short, long) = (of(1 << 10), of(64 << 10));
        // What grows with the square would be 4,096 times.
        // What a mail costs whatever it says is left out of the comparison.
        let empty = timed(&mail(kind, "")).1.min(short);
        let ratio =
            (long - empty.min(long)).as_secs_f64() / (short.saturating_sub(empty)).as_secs_f64().max(20e-6);
        println!("{kind} {unit:?}: {short:?}, {long:?}, ratio {ratio:.0}");
        if ratio > 400.0 || long > Duration::from_secs(2) {
            told.push(format!("{kind} {unit:?} takes {short:?}, and {long:?} when 64 times as long"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

fn check(mail: &[u8], expected: State) {
    let (intake, time) = timed(mail);
    assert_eq!(intake.state, expected);
    assert!(time < Duration::from_secs(2), "{expected:?} took {time:?}");
    assert!(!intake.requests.iter().any(intake::Request::is_ready));
    assert_eq!(intake.sender.address, "jane@acme.example.com", "the header is read all the same");
}

#[test]
fn f17_what_is_beyond_a_bound_is_too_complex_at_once() {
    let large = mail("text/plain", &"x".repeat(25 << 20));
    check(&large, State::TooComplex(TooComplex::Bytes(large.len())));
    let deep: String = (0..10_000)
        .map(|it| format!("--b{it}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", it + 1))
        .collect();
    check(&mail("multipart/mixed; boundary=b0", &deep), State::TooComplex(TooComplex::Multiparts(10_001)));
    let links = "<a href=\"https://example.com/\">x</a> ".repeat(20_000);
    check(&mail("text/html", &links), State::TooComplex(TooComplex::Links(20_000)));
    let many = "--b\r\n\r\nx\r\n".repeat(10_000);
    check(&mail("multipart/mixed; boundary=b", &many), State::TooComplex(TooComplex::Parts(10_001)));
    let wide = "a long line of text\r\n".repeat(500_000);
    let bytes = wide.len() + 1;
    check(&mail("text/plain", &wide[..9 << 20]), State::TooComplex(TooComplex::TextBytes((9 << 20) + 1)));
    assert!(bytes > 9 << 20);
}

#[test]
fn f17_nine_mebibytes_that_stay_within_bounds_are_read_in_two_seconds() {
    // Unmatched boundaries, each looked for to the end of the mail.
    let heads: String = (0..8)
        .map(|it| format!("Content-Type: multipart/mixed; boundary=nowhere{it}\r\n\r\n--nowhere{it}\r\n"))
        .collect();
    let body = format!("{heads}\r\n{}", "--nowher\r\n".repeat(900_000));
    let (_, time) = timed(&mail("multipart/mixed; boundary=nowhere", &body));
    assert!(time < Duration::from_secs(2), "{time:?}");
    // A mail inside a mail, encoded once more, full of boundaries that lead nowhere.
    let inner = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n".repeat(100_000);
    let encoded = String::from_utf8(base64(inner.as_bytes())).unwrap();
    for kind in ["message/rfc822", "message/global", "Message/(x)RFC822", "multipart/digest; boundary=b"] {
        let body = format!(
            "--b\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--b--\r\n"
        );
        let (_, time) = timed(&mail("multipart/mixed; boundary=b", &body));
        assert!(time < Duration::from_secs(2), "{kind} {time:?}");
    }
    let text =
        "Please block 210-555-0142 and <b>not</b> confidential On Monday wrote: Thanks\r\n".repeat(3_300);
    let (_, time) = timed(&mail("text/plain", &text));
    assert!(time < Duration::from_secs(2), "256 KiB of text {time:?}");
}
