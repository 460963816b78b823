//! Texts of notices: in our own words, with numbers and names of rules, never with what a stranger wrote.

use rules::Timestamp;

use crate::Service;
use crate::case::Severity;
use crate::clock::ClockKind;
use crate::explanation::wall_time;
use crate::intake::one_line;
use crate::notice::engine::{World, count};
use crate::notice::settings::Settings;
use crate::notice::{Fact, Happening, Violation};

/// Who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// People of the desk.
    Desk,
    /// The same, while they learn.
    Shadow,
    /// Contacts of the customer.
    Customer,
}

/// Subject and text of a notice about `facts`; `more` further ones are only counted.
pub fn notice(facts: &[Fact], more: u64, audience: Audience, world: World<'_>) -> (String, String) {
    let Some(first) = facts.iter().max_by_key(|fact| (fact.event == Happening::Violation, fact.severity))
    else {
        return ("Nothing to tell".to_owned(), String::new());
    };
    let others = (facts.len() as u64 - 1) + more;
    let mut subject = headline(first);
    if let Some(number) = first.case {
        subject = format!("[{number}] {subject}");
    }
    if others > 0 {
        subject += &format!(" (and {others} more)");
    }
    let mut text = body(first, audience, world);
    let mut told = std::collections::BTreeSet::from([(first.case, first.event)]);
    for fact in facts.iter().filter(|fact| told.insert((fact.case, fact.event))).take(LINES_MAX) {
        text += &format!("Also: {}\n", line(fact));
    }
    if more > 0 {
        text += &format!("And {more} more.\n");
    }
    if audience == Audience::Shadow {
        text += "You get this to learn: somebody else is on duty.\n";
    }
    text += &footer(first, audience, world.settings);
    (one_line(&subject, SUBJECT_CHARACTERS_MAX), text)
}

/// The same as a text message of two segments at most. `code` is what says that somebody looks at it.
pub fn sms(facts: &[Fact], code: Option<&str>, world: World<'_>) -> String {
    let Some(first) = facts.iter().max_by_key(|fact| (fact.event == Happening::Violation, fact.severity))
    else {
        return String::new();
    };
    let number = first.case.map(|number| format!(" {number}")).unwrap_or_default();
    let mut parts = vec![format!("RINGWALL{number}: {}", headline(first))];
    parts.extend(code.map(|code| format!("Answer ACK {code} if you look at it")));
    // What is in no case can be read nowhere else by whoever has only a telephone at hand.
    if first.case.is_none() && !first.text.is_empty() {
        parts.push(one_line(&first.text, SMS_CHARACTERS_MAX));
    }
    if let Some(violation) = &first.violation {
        parts.push(observed(violation));
        parts.push(format!("since {}", time(first, world.service, first.first)));
        if let Some((top, calls)) = violation.top.first() {
            parts.push(format!("most by {top} ({calls})"));
        }
        parts.push(effect(violation, first, world.service));
    }
    if let Some(due) = first.due.filter(|_| first.event != Happening::Closed) {
        parts.push(format!("next by {}", time(first, world.service, due.target)));
    }
    let others = facts.len() - 1;
    if others > 0 {
        parts.push(format!("and {others} more"));
    }
    if let Some(line) = world.settings.escalation_line() {
        parts.push(line);
    }
    // What does not fit is left out from the end; the first three parts always fit.
    let mut text = String::new();
    for part in parts {
        let longer = if text.is_empty() { plain(&part) } else { format!("{text}. {}", plain(&part)) };
        if gsm_segments(&longer).is_some_and(|segments| segments <= SEGMENTS_MAX) {
            text = longer;
        }
    }
    text
}

/// How many segments `text` takes as a text message; `None` when it has characters that GSM 7 does not know.
pub fn gsm_segments(text: &str) -> Option<usize> {
    let mut septets = 0;
    for character in text.chars() {
        septets += match character {
            _ if GSM_BASIC.contains(character) => 1,
            _ if GSM_EXTENDED.contains(character) => 2,
            _ => return None,
        };
    }
    Some(if septets <= 160 { 1 } else { usize::div_ceil(septets, 153) })
}

/// What was held back.
pub(super) fn digest(lines: &[String], more: u64, settings: &Settings) -> (String, String) {
    let number = lines.len() as u64 + more;
    let mut text = format!("{}, held back because there were many:\n", count(number, "notice"));
    for line in lines {
        text += &format!("- {line}\n");
    }
    if more > 0 {
        text += &format!("- and {more} more\n");
    }
    if let Some(line) = settings.escalation_line() {
        text += &format!("\nNot satisfied? {line}\n");
    }
    (format!("Digest of {}", count(number, "notice")), text)
}

/// The same as a text message.
pub(super) fn sms_digest(number: u64) -> String {
    format!(
        "RINGWALL: {} more, held back so that there is one message. See the queue.",
        count(number, "notice")
    )
}

fn headline(fact: &Fact) -> String {
    let rule = if fact.rule.is_empty() { String::new() } else { format!(": {}", one_line(&fact.rule, 60)) };
    let kind = fact.kind.map_or("case", |kind| kind.name());
    match fact.event {
        Happening::Violation => format!("Critical threshold violation{rule}"),
        Happening::Opened if fact.rule.is_empty() => format!("New {kind} case, {}", fact.severity.name()),
        Happening::Opened => format!("Alert, {}{rule}", fact.severity.name()),
        Happening::SeverityRaised => format!("Now {}{rule}", fact.severity.name()),
        Happening::ClockWarning => {
            let (clock, percent) = fact.clock.unwrap_or((ClockKind::Acknowledge, 100));
            let what = match clock {
                ClockKind::Acknowledge => "to acknowledge",
                ClockKind::Complete => "to complete",
                ClockKind::Notify => "to tell the customer",
            };
            match percent {
                100.. => format!("The time {what} is over"),
                _ => format!("{percent} % of the time {what} is used"),
            }
        }
        Happening::UpdateDue => "The customer has heard nothing of it for a business day".to_owned(),
        Happening::AuthorisationAsked => "A change needs your authorisation".to_owned(),
        Happening::AuthorisationReminded => "A change still needs your authorisation".to_owned(),
        Happening::AuthorisationExpired => "Nobody authorised the change: it is not made".to_owned(),
        Happening::ApprovalVoided => "An approval counts no more: it has to be given anew".to_owned(),
        Happening::Proven => "The change is in force and proven".to_owned(),
        Happening::RolledBack => "The change did not do what it should, and was taken back".to_owned(),
        Happening::Closed => format!("Closed{rule}"),
        Happening::Replied => "The customer has answered".to_owned(),
        Happening::StormBegun => "Storm: more alerts than cases can be read".to_owned(),
        Happening::StormContinues => "The storm goes on".to_owned(),
        Happening::StormEnded => "The storm is over".to_owned(),
        Happening::SilenceEnding => "A silence ends soon".to_owned(),
        Happening::SilenceEnded => "A silence is over".to_owned(),
        Happening::RotaGap => "Nobody will be on duty".to_owned(),
        Happening::HolidaysEnd => "A calendar lists no more holidays".to_owned(),
        Happening::HandOverAsked => "Your duty ends: what should the next one know?".to_owned(),
        Happening::HandOver => "Your duty begins: what was left to you".to_owned(),
        Happening::HandOverMissing => "Duty was handed over, and nothing was said".to_owned(),
        Happening::Trouble => format!("The service is in trouble{rule}"),
        Happening::Trial => "Trial of a channel".to_owned(),
        Happening::Acknowledged | Happening::Progress | Happening::Updated => format!("Changed{rule}"),
    }
}

/// One line about one fact.
fn line(fact: &Fact) -> String {
    let number = fact.case.map(|number| format!("{number} ")).unwrap_or_default();
    let counted = fact.violation.as_ref().map(|it| format!(", {}", observed(it))).unwrap_or_default();
    format!("{number}{}{counted}", headline(fact))
}

fn body(fact: &Fact, audience: Audience, world: World<'_>) -> String {
    let service = world.service;
    let at = |moment: Timestamp| time(fact, service, moment);
    let mut text = String::new();
    let mut row = |name: &str, value: String| text += &format!("{:<12}{value}\n", format!("{name}:"));
    if let Some(number) = fact.case {
        row("Case", format!("{number}, {}", one_line(&fact.customer, 60)));
    }
    if !fact.rule.is_empty() {
        row("Rule", one_line(&fact.rule, 60));
    }
    if let Some(violation) = &fact.violation {
        let within = violation.window.as_ref().map(|it| format!(" within {it}")).unwrap_or_default();
        if let Some(limit) = violation.limit {
            row("Threshold", format!("{}{within}", number(limit)));
        }
        row("Observed", format!("{}, since {}", number(violation.observed), at(fact.first)));
        if let Some(baseline) = violation.baseline {
            row("Usual", format!("{} in this hour", number(baseline)));
        }
        if !violation.top.is_empty() {
            let top = violation.top.iter().map(|(who, calls)| format!("{who} ({calls})"));
            row("Most by", top.collect::<Vec<_>>().join(", "));
        }
        row("So far", effect(violation, fact, service));
    }
    // Who at the desk wanted it quiet is the desk's affair.
    if let Some((until, silence)) = fact.silenced.as_ref().filter(|_| audience != Audience::Customer) {
        row("Silenced", format!("until {}, {}", at(*until), one_line(silence, WORDS_CHARACTERS_MAX)));
    }
    if let Some((clock, _)) = fact.clock {
        row("Clock", clock.name().to_owned());
    }
    if !fact.text.is_empty() && fact.event != Happening::HandOver {
        row("What", one_line(&fact.text, WORDS_CHARACTERS_MAX));
    }
    match fact.event {
        Happening::AuthorisationAsked | Happening::AuthorisationReminded => {
            row(
                "We need",
                "one of your authorisers to say yes or no; without a yes nothing is changed".to_owned(),
            );
        }
        Happening::Violation | Happening::Opened | Happening::SeverityRaised => {
            if let Some(due) = fact.due {
                row("Next", format!("an analyst looks at it by {}", at(due.target)));
            }
            if audience == Audience::Customer {
                row(
                    "We need",
                    "tell us if these calls are wanted; you will be asked before rules are changed"
                        .to_owned(),
                );
            }
        }
        Happening::ClockWarning => {
            if let Some(due) = fact.due {
                row("Due", format!("{}, at the latest {}", at(due.target), at(due.contract)));
            }
        }
        _ => {}
    }
    if fact.severity == Severity::Critical && fact.alerts > 1 {
        row("Alerts", fact.alerts.to_string());
    }
    // What a colleague wrote is told as they wrote it.
    if fact.event == Happening::HandOver {
        text += &format!("{}\n\n", fact.text);
    }
    text
}

fn footer(fact: &Fact, audience: Audience, settings: &Settings) -> String {
    let mut text = String::new();
    if let (Some(page), Some(number)) = (&settings.page, fact.case) {
        text += &format!("Follow it:  {}/{number}\n", page.trim_end_matches('/'));
    } else if let (Some(number), Audience::Desk | Audience::Shadow) = (fact.case, audience) {
        text += &format!("Take it:    ringwall case take {number} --by NAME\n");
    }
    if let Some(line) = settings.escalation_line() {
        text += &format!("Not satisfied? {line}\n");
    }
    text
}

fn observed(violation: &Violation) -> String {
    let within = violation.window.as_ref().map(|it| format!(" in {it}")).unwrap_or_default();
    match violation.limit {
        Some(limit) => format!("{} of {}{within}", number(violation.observed), number(limit)),
        None => number(violation.observed),
    }
}

fn effect(violation: &Violation, fact: &Fact, service: &Service) -> String {
    let calls = count(violation.calls.max(1), "attempt");
    match violation.until {
        Some(until) => format!("{calls}; blocked until {}", time(fact, service, until)),
        None => format!("{calls}; not blocked"),
    }
}

fn time(fact: &Fact, service: &Service, at: Timestamp) -> String {
    wall_time(service.calendar_of(&fact.customer), at)
}

/// With two decimals at most.
fn number(value: f64) -> String {
    format!("{}", (value * 100.0).round() / 100.0)
}

/// `text` in characters that GSM 7 knows.
fn plain(text: &str) -> String {
    let known = |it: char| GSM_BASIC.contains(it) || GSM_EXTENDED.contains(it);
    text.chars().map(|it| if known(it) { it } else { '?' }).collect()
}

/// GSM 03.38, without the line feed and the escape.
const GSM_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const GSM_EXTENDED: &str = "^{}\\[~]|€";
const SEGMENTS_MAX: usize = 2;
const SUBJECT_CHARACTERS_MAX: usize = 120;
/// Of what somebody wrote in a text message.
const SMS_CHARACTERS_MAX: usize = 140;
const WORDS_CHARACTERS_MAX: usize = 400;
/// Lines about further facts; a notice has 200 words at most.
const LINES_MAX: usize = 6;
