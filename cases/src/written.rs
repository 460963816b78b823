//! What the desk does that a customer's people are written of: each such act is a mail to whoever asked.

use rules::Timestamp;

use crate::calendar::Calendar;
use crate::change::Words;
use crate::clock::ClockKind;
use crate::explanation::wall_time;
use crate::flow::{Flow, Reason, State};
use crate::intake::Role;
use crate::io::store::{Event, Office};
use crate::registry::{Person, Registration};
use crate::{Case, CaseNumber, Outgoing};

/// Mails about what `events`, each with the version of the case that it made, tell of `case`; `history` is all of it, the
/// oldest first. There is one for each act and person, however often they are asked for.
pub fn letters(
    case: &Case,
    (events, history): (&[(u64, Event)], &[Event]),
    (registration, office): (&Registration, &Office),
    calendar: &Calendar,
    now: Timestamp,
) -> Vec<Outgoing> {
    let mut letters = Vec::new();
    for (version, event) in events {
        let Some(words) = words(case, event, office, calendar) else { continue };
        let key = format!("{version}/{}", event.what);
        let people = readers(case, history, registration, now);
        let others = people.into_iter().filter(|person| person.name != event.who);
        letters
            .extend(others.map(|person| Outgoing::letter(case, person.address(), &key, words.clone(), now)));
    }
    letters
}

/// The reminder, of two, that a question of the desk was asked at `asked` and is not answered.
pub fn reminders(
    case: &Case,
    (asked, history, count): (&Event, &[Event], u8),
    (registration, office): (&Registration, &Office),
    calendar: &Calendar,
    now: Timestamp,
) -> Vec<Outgoing> {
    let since = wall_time(calendar, asked.at);
    let text = format!(
        "On {since} we asked about your request {}, and have not heard from you:\n\n{}\n\nPlease answer this mail. Without an \
         answer the case is closed 10 business days after we asked.\n{}",
        case.number,
        asked.text,
        follow(case, office)
    );
    let words = Words { subject: format!("[{}] We still need to know: {}", case.number, case.title), text };
    let key = format!("reminder/{}/{count}", asked.at.0);
    let people = readers(case, history, registration, now);
    people
        .into_iter()
        .map(|person| Outgoing::letter(case, person.address(), &key, words.clone(), now))
        .collect()
}

/// Where somebody of the customer sees case `number`, in the portal at the address `portal`.
pub fn request_page(portal: &str, number: CaseNumber) -> String {
    format!("{portal}/portal/request/{number}")
}

/// Whether an act of this name may be one that somebody is written of.
pub fn is_told(what: &str) -> bool {
    matches!(what, "take" | "ask-info" | "message" | "inform" | "refuse" | "close")
}

/// Who reads what is written about `case`: the contact who asked or made it theirs; where that is none of now, all who may
/// ask. Of what began with an alert, those who are told of incidents. Nobody where nobody of the customer asked.
fn readers<'a>(
    case: &Case,
    history: &[Event],
    registration: &'a Registration,
    now: Timestamp,
) -> Vec<&'a Person> {
    if matches!(case.state, State::Quarantine | State::Unverified | State::Dropped) {
        return Vec::new();
    }
    let with = |role| registration.with_role(role, now).collect::<Vec<_>>();
    if case.flow == Flow::Alert {
        let told = with(Role::IncidentNotify);
        return if told.is_empty() { with(Role::Requester) } else { told };
    }
    let requesters = with(Role::Requester);
    let asker =
        history.iter().rev().filter(|event| matches!(event.what.as_str(), "open" | "adopt" | "release"));
    let mut asker = asker.filter_map(|event| requesters.iter().find(|person| person.name == event.who));
    asker.next().map_or_else(|| requesters.clone(), |person| vec![*person])
}

/// What is written of `event`; nothing of most.
fn words(case: &Case, event: &Event, office: &Office, calendar: &Calendar) -> Option<Words> {
    let number = case.number;
    // Nobody who may ask for anything has ever asked for it: whoever did is told apart (N-4).
    let is_request =
        case.flow == Flow::Request && case.clocks.iter().any(|clock| clock.kind == ClockKind::Complete);
    let (subject, mut text) = match event.what.as_str() {
        "take" if is_request => {
            let due = case.clocks.iter().rev().find(|clock| clock.kind == ClockKind::Complete);
            let due = due.map_or_else(String::new, |clock| {
                format!(" It is to be done, at the latest, by {}.", wall_time(calendar, clock.due.contract))
            });
            let text = format!("{} works on your request {number}.{due}\n", event.who);
            ("In hand", with(text, &event.text))
        }
        "ask-info" => {
            let text = with(format!("About your request {number} we have to know:\n"), &event.text);
            ("We need to know", text + "\nWithout an answer the case is closed after 10 business days.\n")
        }
        "message" if !event.text.is_empty() => {
            ("A message about", with(format!("About {number}, {} writes:\n", event.who), &event.text))
        }
        "inform" => ("What was found", with(format!("This was found about {number}:\n"), &event.text)),
        "refuse" if is_request => {
            ("Refused", with(format!("{} has refused what was proposed.\n", event.who), &event.text))
        }
        "close" if is_request => {
            // The sentence that it was closed with is for the desk.
            let why = why(case.closure.as_ref()?.reason);
            ("Closed", format!("Your request {number} is closed: {why}.\n"))
        }
        _ => return None,
    };
    text += "\nYou can answer this mail: it reaches the case.\n";
    text += &follow(case, office);
    Some(Words { subject: format!("[{number}] {subject}: {}", case.title), text })
}

fn with(mut text: String, said: &str) -> String {
    if !said.trim().is_empty() {
        text.push('\n');
        text += said.trim();
        text.push('\n');
    }
    text
}

fn follow(case: &Case, office: &Office) -> String {
    let mut text = String::new();
    if !office.portal.is_empty() {
        text += &format!("Follow it: {}\n", request_page(&office.portal, case.number));
    }
    if !office.escalation.is_empty() {
        text += &format!("When nothing else helps: {}\n", office.escalation);
    }
    text
}

const fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Resolved => "it is done",
        Reason::FalsePositive | Reason::Benign => "nothing has to be done about it",
        Reason::Duplicate => "another case of yours is about the same",
        Reason::AcceptedRisk => "you chose to leave it as it is",
        Reason::Refused => "what was proposed was refused",
        Reason::NotAuthorised => "nobody who may authorise it did so in time; nothing has been changed",
        Reason::NoAnswer => "we asked, and heard nothing for 10 business days; nothing has been changed",
    }
}
