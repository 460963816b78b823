//! Every mail of `fixtures/mail` is read as the text beside it says. Each is named for the row of the intake table that it
//! shows.

use std::fs;
use std::path::{Path, PathBuf};

use ringwall_cases::intake::{Fate, Intake, Missing, Reading, Request};

use crate::customers::read_file;

#[test]
fn every_mail_is_read_as_it_stands_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/mail");
    let mut mails: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
    mails.retain(|it| it.extension().is_some_and(|it| it == "eml"));
    mails.sort();
    let mut wrong = Vec::new();
    for path in &mails {
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap_or_default();
        let found = tell(&read_file(&fs::read_to_string(path).unwrap()));
        if found != expected {
            if std::env::var_os("RINGWALL_BLESS").is_some() {
                fs::write(path.with_extension("expected"), &found).unwrap();
            }
            wrong.push(format!("{}\n--- expected\n{expected}--- found\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for row in 1..=25 {
        let name = format!("F{row:02}");
        assert!(
            mails.iter().any(|it| it.file_stem().is_some_and(|it| it == name.as_str())),
            "no mail shows {name}"
        );
    }
}

/// What was read of a mail, for people.
fn tell(intake: &Intake) -> String {
    let mut told = format!("{} {}", intake.sender.trust, intake.sender.tenant.as_deref().unwrap_or("nobody"));
    told += &match &intake.no_answer {
        Some(reason) => format!(", not answered: {reason}\n"),
        None => ", answered\n".to_owned(),
    };
    told += &format!("subject: {}\n", intake.subject);
    for warning in &intake.sender.warnings {
        told += &format!("warning: {warning}\n");
    }
    if intake.state != ringwall_cases::intake::State::Read {
        told += &format!("{:?}\n", intake.state);
    }
    if !intake.claims.cases().is_empty() {
        told += &format!(
            "claims: {:?}\n",
            intake.claims.cases().iter().map(ToString::to_string).collect::<Vec<_>>()
        );
    }
    if intake.is_high_priority() {
        told += "high priority\n";
    }
    if intake.left_out_hidden {
        told += "hidden text left out\n";
    }
    for unread in &intake.unread {
        told += &format!("not read: {unread}\n");
    }
    intake.requests.iter().for_each(|it| told += &tell_request(it));
    told
}

fn tell_request(request: &Request) -> String {
    let mut told = format!("{} by {:?}", request.kind.word(), request.authority);
    told += if request.is_ready() { ", ready" } else { "" };
    told += if request.is_high_risk { ", high risk\n" } else { "\n" };
    if !request.categories.is_empty() {
        let names: Vec<&str> = request.categories.iter().map(|it| it.word()).collect();
        told += &format!("  category: {}\n", names.join(", "));
    }
    if let Some(reason) = &request.reason {
        told += &format!("  reason: {reason:?}\n");
    }
    let taken = request.taken().count();
    if taken > 20 {
        told += &format!("  {taken} numbers taken\n");
    }
    for number in request.numbers.iter().filter(|it| taken <= 20 || it.fate != Fate::Taken) {
        let reading = match &number.reading {
            Reading::Number(number) => number.to_string(),
            Reading::Either(numbers) => format!("either of {numbers:?}"),
            Reading::DidYouMean(number) => format!("perhaps {number}"),
            Reading::None => format!("{:?}", number.written),
        };
        let notes: String = number.notes.iter().map(|it| format!(" ({it})")).collect();
        let fate = match &number.fate {
            Fate::Taken => "taken".to_owned(),
            Fate::Suggested(why) => format!("suggested, for {why}"),
            Fate::Unclear(why) => format!("unclear, for {why}"),
            Fate::Stopped(stop) => format!("cannot be blocked: {stop}"),
            Fate::Left(why) => format!("left, for {why}"),
        };
        told += &format!("  line {}: {reading}{notes} {fate}\n", number.place.line);
    }
    for range in &request.ranges {
        told += &format!(
            "  line {}: {}{}\n",
            range.line,
            if range.is_area { "the area " } else { "the range " },
            range.written
        );
    }
    for bad in &request.bad_lines {
        told += &format!("  {} line {}: no number in {:?}\n", bad.file, bad.line, bad.text);
    }
    if let Some(report) = &request.report {
        let period = report.period.map_or_else(|| "not known".to_owned(), |it| it.to_string());
        told += &format!(
            "  {:?} numbers, {:?}, {period}, {}\n",
            report.side, report.direction, report.recurrence
        );
        if let Some(first) = report.first_run {
            told += &format!("  first on {first}\n");
        }
        for it in &report.recipients {
            told += &format!(
                "  to {}{}\n",
                it.address,
                if it.is_allowed { "" } else { ", who waits for an authoriser" }
            );
        }
        report.notices.iter().for_each(|it| told += &format!("  notice: {it}\n"));
    }
    request.missing.iter().map(Missing::to_string).for_each(|it| told += &format!("  missing: {it}\n"));
    told
}
