//! The words that fields are limited to, as the description of the API lists them.

use cases::case::Kind;
use cases::flow::{Reason, Signal};
use cases::intake::Role;
use cases::schedule::{Format, RunState};
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, Type};

fn words(all: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(all)).build()
}

fn some_of(all: impl IntoIterator<Item = &'static str>) -> Array {
    ArrayBuilder::new().items(words(all)).build()
}

/// Kinds of cases.
pub(super) const KINDS: [Kind; 9] = [
    Kind::Alert,
    Kind::Block,
    Kind::Unblock,
    Kind::Report,
    Kind::PolicyChange,
    Kind::ThresholdChange,
    Kind::ReportedIncident,
    Kind::Question,
    Kind::Phone,
];

pub(super) fn kind() -> Object {
    words(KINDS.map(Kind::name))
}

/// Kinds that somebody may open.
pub(super) fn openable() -> Object {
    words(KINDS.into_iter().filter(|kind| *kind != Kind::Alert).map(Kind::name))
}

pub(super) fn severity() -> Object {
    words(["info", "warning", "critical"])
}

pub(super) fn flow() -> Object {
    words(["alert", "request"])
}

pub(super) fn reason() -> Object {
    words(Reason::EVERY.map(Reason::name))
}

pub(super) fn feedback() -> Object {
    words(["tune", "exception", "accept"])
}

pub(super) fn relation() -> Object {
    words(["recurs-after", "merged-into", "merged", "split-from", "relates-to"])
}

pub(super) fn clock() -> Object {
    words(["acknowledge", "complete", "notify"])
}

pub(super) fn visible() -> Object {
    words(["desk", "customer"])
}

pub(super) fn format() -> Object {
    words(Format::ALL.map(Format::name))
}

pub(super) fn run_state() -> Object {
    words(RunState::ALL.map(RunState::name))
}

pub(super) fn contact_roles() -> Array {
    let roles =
        [Role::Requester, Role::Authorizer, Role::ReportRecipient, Role::IncidentNotify, Role::Escalation];
    some_of(roles.map(Role::name))
}

pub(super) fn languages() -> Array {
    some_of(["english", "spanish"])
}

pub(super) fn step() -> Object {
    words(steps().map(|signal| signal.name()))
}

/// Steps that need no more than words.
pub(super) fn steps() -> impl Iterator<Item = Signal> {
    Signal::every().into_iter().filter(|signal| {
        !matches!(
            signal,
            Signal::Close(_)
                | Signal::Authorise(_)
                | Signal::Propose
                | Signal::AskAuthorisation
                | Signal::Install
                | Signal::Prove
                | Signal::RollBack
                | Signal::Find
                | Signal::Notify
                | Signal::Adopt
                | Signal::Release
                | Signal::Drop
        )
    })
}
