//! What a mail asks for, as the case that it becomes.

use super::Visible;
use crate::case::Kind;
use crate::flow::State;
use crate::intake::{Authority, Intake, Request, RequestKind, Trust};

/// A case that a mail asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it is about.
    pub kind: Kind,
    /// Where it begins.
    pub state: State,
    /// One line.
    pub title: String,
    /// What was understood.
    pub understood: String,
    /// Who may see that.
    pub visible: Visible,
}

impl Asked {
    /// The case that `request` of `intake` becomes: its kind, where it begins, its title, and what the desk reads first.
    pub fn of(intake: &Intake, request: &Request) -> Self {
        let kind = match request.kind {
            RequestKind::Block => Kind::Block,
            RequestKind::Unblock => Kind::Unblock,
            RequestKind::Report => Kind::Report,
            RequestKind::PolicyChange => Kind::PolicyChange,
            RequestKind::ThresholdChange => Kind::ThresholdChange,
            RequestKind::ReportedIncident => Kind::ReportedIncident,
            RequestKind::Question => Kind::Question,
        };
        let state = match (intake.sender.trust, request.authority) {
            (Trust::Spoof, _) => State::Quarantine,
            (_, Authority::Requester) => State::New,
            (_, Authority::WrongRole | Authority::Unverified) => State::Unverified,
        };
        let title = if intake.subject.is_empty() { request.kind.word() } else { intake.subject.as_str() };
        // What strangers wrote is for the desk only (T-4).
        let visible = if state == State::New { Visible::Customer } else { Visible::Desk };
        Self { kind, state, title: title.to_owned(), understood: understood(request), visible }
    }
}

/// What a request was understood as, on one line.
pub fn understood(request: &Request) -> String {
    let numbers: Vec<String> = request.taken().map(|number| number.to_string()).collect();
    let mut text = request.kind.word().to_owned();
    if !numbers.is_empty() {
        text += &format!(" {}", numbers.join(", "));
    }
    let categories: Vec<_> = request.categories.iter().map(|category| category.word()).collect();
    if !categories.is_empty() {
        text += &format!("; category {}", categories.join(", "));
    }
    if let Some(reason) = &request.reason {
        text += &format!("; reason: {reason}");
    }
    let missing: Vec<_> = request.missing.iter().map(ToString::to_string).collect();
    if !missing.is_empty() {
        text += &format!("; still needed: {}", missing.join(", "));
    }
    text
}
