//! Block requests as people wrote them who had never seen the code: what they except, what they add to a number, and what of a
//! mail is none of the callers.

use std::collections::BTreeSet;

use ringwall_cases::intake::{self, Intake, Missing, RequestKind};
use rules::Number;

use crate::customers::{directory, envelope, number, passed};

const A: &str = "469-555-0131";
const B: &str = "972-555-0142";

fn read(subject: &str, body: &str) -> Intake {
    let mail = format!(
        "{}From: Jane Doe <olaf@other.example.net>\r\nTo: case@desk.example.com\r\nSubject: {subject}\r\n\
         Message-ID: <1@acme.example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}",
        passed("other.example.net"),
        body.replace('\n', "\r\n")
    );
    intake::read(mail.as_bytes(), &envelope(), &directory())
}

/// The form with `numbers` under its label, or behind it.
fn form(numbers: &str) -> String {
    format!(
        "Phone number(s) that you want to be blocked: {numbers}\nNumber(s) Category: Harassing\nBusiness Case and Description: calls all day\n"
    )
}

fn taken(intake: &Intake) -> BTreeSet<Number> {
    intake.requests.iter().flat_map(|it| it.taken()).collect()
}

fn numbers(written: &[&str]) -> BTreeSet<Number> {
    let e164 = |text: &&str| number(&format!("+1{}", text.replace('-', "")));
    written.iter().map(e164).collect()
}

/// What is put for `A` and `B` in `text`, and which of them are taken then.
fn check(text: &str, expected: &[&str]) {
    let text = text.replace("{A}", A).replace("{B}", B);
    let intake = read("Block request", &form(&text));
    assert_eq!(taken(&intake), numbers(expected), "{text}: {:?}", intake.requests);
}

#[test]
fn b4_what_the_author_excepts_is_not_taken() {
    for text in [
        "\n{A}\n{B} - do NOT block",
        "\n{A}\n{B} (please leave open)",
        "\n{A}\nDo not block:\n{B}",
        "\n{A}\nExceptions:\n{B}",
        "\n{A}\nKeep open:\n{B}",
        "\n{A} but allow {B}",
        "\n{A}, but keep {B}",
        "\n{A} rather than {B}",
        "\n{A}\nagent: {B}",
        "\n{A} instead of {B}",
        "\n{A}, aber nicht {B}",
        "\n{A} mais pas {B}",
        "\n{A} -> calls {B} daily",
        "\n{A}\nCalled number: {B}",
        "\n{A}, account # {B}",
        "\nCaller {A} / callee {B}",
    ] {
        check(text, &[A]);
    }
}

#[test]
fn b4_a_label_that_denies_is_no_label() {
    for label in [
        "Phone number(s) that you don't want to be blocked:",
        "Phone number(s) that you never want to be blocked:",
        "Phone numbers not to be blocked:",
        "Phone number(s) that you want to be allowed:",
        "Phone number(s) that you want to be tracked:",
        "Phone number(s) that you want to be un-blocked:",
    ] {
        let body =
            form("").replace("Phone number(s) that you want to be blocked: ", &format!("{label}\n{A}"));
        let intake = read("Request", &body);
        let blocks = |it: &intake::Request| it.kind == RequestKind::Block && it.is_ready();
        assert!(!intake.requests.iter().any(blocks), "{label}: {:?}", intake.requests);
    }
}

#[test]
fn b5_what_people_write_beside_a_number_is_no_part_of_it() {
    for text in [
        "\n{A} 12 calls\n{B} 3 calls",
        "\n- {A} - 12 calls\n- {B} - 9 calls",
        "\n{A}: 12 calls\n{B}: 3 calls",
        "\n01 {A}\n02 {B}",
        "\n1 - {A}\n2 - {B}",
        "\n1) {A} 2) {B}",
        "\nCaller 1: {A}\nCaller 2: {B}",
        "\n10/05 {A}\n10/04 {B}",
        "\nMon 5 Oct {A}\nSun 4 Oct {B}",
        "\n#{A}\nph#{B}",
        "\n1.{A}\n2.{B}",
        "\na){A}\nNr:{B}",
        "\n9-1-{A}\n{B}",
        "\n☎️{A}\n📞{B}",
        "\n*{A}*\n_{B}_",
        "469 555 0131 972 555 0142",
        "(469)555-0131(972)555-0142",
        "469·555·0131, {B}",
        "{A}, 2026, {B}",
    ] {
        check(text, &[A, B]);
    }
}

#[test]
fn b5_pieces_of_numbers_are_asked_about() {
    for text in ["\n(469)\n555-0131", "\n469-555-\n0131", "\n469\n555 0131", "469555[0-9]{4}", "469-555-"] {
        let intake = read("Block request", &form(text));
        assert!(taken(&intake).is_empty(), "{text}: {:?}", intake.requests);
    }
}

#[test]
fn b8_ranges_are_seen_however_they_are_written() {
    for text in [
        "469-555-0130 to 0139",
        "between 469-555-0130 and 469-555-0139",
        "469-555-0130 .. 469-555-0139",
        "+49*",
    ] {
        let intake = read("Block request", &form(text));
        let is_range = intake.requests.iter().any(|it| it.kind == RequestKind::PolicyChange);
        assert!(is_range && taken(&intake).is_empty(), "{text}: {:?}", intake.requests);
    }
}

#[test]
fn b4_the_farewell_is_no_part_of_the_list() {
    for end in
        ["Thanks, Jane {B}", "Rgds\nJane\n{B}", "JD\n{B}", "Jane\n{B}", "Jane Doe {B}", "Jane Doe | {B}"]
    {
        let numbers = "Number(s) Category: Harassing\nPhone number(s) that you want to be blocked:\n{A}\n";
        let body = format!("{numbers}{end}\n").replace("{A}", A).replace("{B}", B);
        assert_eq!(taken(&read("Block request", &body)), self::numbers(&[A]), "{end}");
    }
}

#[test]
fn b3_the_rules_of_zoho_part_a_quote() {
    let quoted = "---- On Mon, 05 Oct 2026 09:31:22 -0500 Desk <case@desk.example.com> wrote ----";
    let intake = read("Re: x", &format!("Please also block {A}.\n\n{quoted}\n{}", form(B)));
    assert!(taken(&intake).is_empty(), "{:?}", intake.requests);
}

#[test]
fn b4_where_form_and_words_differ_somebody_is_asked() {
    let intake = read("Block/Unblock request", &form(A));
    let [only] = intake.requests.as_slice() else { panic!("{:?}", intake.requests) };
    assert!(only.kind == RequestKind::Block && only.is_ready(), "{only:?}");
    let intake = read("Block request", &form(&format!("{A}\nallowlist: {B}")));
    let [only] = intake.requests.as_slice() else { panic!("{:?}", intake.requests) };
    assert!(only.kind == RequestKind::Block && !only.is_ready(), "{only:?}");
    assert!(only.missing.contains(&Missing::Confirmation) && taken(&intake) == numbers(&[A]), "{only:?}");
}

#[test]
fn b4_a_number_in_the_subject_alone_is_suggested() {
    let intake = read(&format!("please block {A}"), "see subject\n");
    let found: Vec<_> = intake.requests.iter().flat_map(intake::Request::suggested).collect();
    assert!(found.len() == 1 && found[0].place.in_words() == "subject", "{found:?}");
}

#[test]
fn b7_attached_numbers_are_taken_where_they_are_asked_for() {
    let attach = |text: &str, file: &str, list: &str| {
        let mail = format!(
            "{}From: Jane Doe <olaf@other.example.net>\r\nTo: case@desk.example.com\r\nSubject: request\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n\
             --b\r\nContent-Type: text/csv; name={file}\r\nContent-Disposition: attachment; filename={file}\r\n\r\n{list}\r\n--b--\r\n",
            passed("other.example.net")
        );
        taken(&intake::read(mail.as_bytes(), &envelope(), &directory()))
    };
    let form = form(A);
    for (text, file, expected) in [
        ("Please block the numbers in the attached file.", "cdr.csv", &[B][..]),
        (&*format!("{form}\nMore numbers in the attached list."), "cdr.csv", &[A, B]),
        (&format!("{form}\nAttached: our VIP customers, for information."), "cdr.csv", &[A]),
        (&format!("{form}\nAttached is the list of numbers you must NOT block."), "cdr.csv", &[A]),
        (&form, "vip.csv", &[A]),
        (&form, "cdr.csv", &[A]),
    ] {
        assert_eq!(attach(text, file, B), numbers(expected), "{text} {file}");
    }
    let both = format!("Called,Caller\r\n210-555-0101,{A}\r\n210-555-0102,{B}");
    assert_eq!(attach("Please block the numbers in the attached file.", "cdr.csv", &both), numbers(&[A, B]));
}

#[test]
fn p3_who_wants_a_report_no_longer_gets_none() {
    let intake = read("report", "Please stop the weekly report.\n");
    assert!(intake.requests.iter().all(|it| it.kind != RequestKind::Report), "{:?}", intake.requests);
}
