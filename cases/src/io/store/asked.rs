//! What a mail asks for, as the case that it becomes.

use super::Visible;
use crate::case::{Kind, Wanted};
use crate::flow::State;
use crate::intake::{Authority, Category, Intake, Request, RequestKind, Trust, one_line};

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
    /// What a proposal is filled in with.
    pub wanted: Wanted,
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
        // Words of people whom nobody knows fill in nothing.
        let fills = state == State::New && matches!(kind, Kind::Block | Kind::Unblock);
        let wanted = if fills { wanted(request) } else { Wanted::default() };
        Self { kind, state, title: title.to_owned(), understood: understood(request), visible, wanted }
    }
}

/// Where both categories are ticked the one counts that needs more to be said.
fn wanted(request: &Request) -> Wanted {
    let is_fraud = request.categories.contains(&Category::Fraud);
    Wanted {
        numbers: request.taken().map(|number| number.to_string()).collect(),
        category: if is_fraud { Some(Category::Fraud) } else { request.categories.first().copied() },
        reason: request.reason.as_deref().map_or_else(String::new, |it| one_line(it, REASON_CHARACTERS_MAX)),
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

/// Of a reason.
const REASON_CHARACTERS_MAX: usize = 300;
