//! Who vouches for callers, and who cannot be who they say.

use super::parts::{share, table_or, text};
use super::{Facts, Report, Wants, parts};
use crate::document::{Block, Column, Headline, Kind, Metric, Section, Table, Value, Wanted};

pub(super) const REPORT: Report = Report {
    name: "identity",
    title: "Identity of callers",
    about: "Attestation of inbound calls, unwanted calls inside each kind, and callers that cannot be who they say.",
    holds_calls: false,
    wants: Wants { comparison: true, months: false, calls: false },
    sections,
};

fn sections(facts: &Facts<'_>) -> Vec<Section> {
    let own = parts::figure(facts, ("Your own numbers as caller", Metric(12), Wanted::Less), |of| {
        share(of.impossible_callers.own_number)
    });
    let invalid = parts::figure(facts, ("Impossible numbers", Metric(12), Wanted::Less), |of| {
        share(of.impossible_callers.invalid)
    });
    let inbound = parts::figure(facts, ("Inbound calls", Metric(11), Wanted::Either), |of| {
        Value::Count(of.attestations.inbound)
    });
    vec![
        Section::new("At a glance", vec![Block::Headline(Headline { figures: vec![inbound, own, invalid] })]),
        Section::new("Attestation", vec![attestation(facts)]),
        Section::new("Callers that cannot be", vec![impossible(facts)]),
    ]
}

/// What was signed, and how much of it was unwanted (M11).
pub(super) fn attestation(facts: &Facts<'_>) -> Block {
    let mut table = Table::new(
        "attestation",
        "Inbound calls by attestation",
        vec![
            Column::new("Attestation", Kind::Text),
            Column::new("Of inbound calls", Kind::Share).of(Metric(11)),
            Column::new("Unwanted of these", Kind::Share).of(Metric(11)),
        ],
    );
    let kinds = facts.answers.attestations.kinds.iter();
    table.rows = kinds
        .map(|kind| vec![text(kind.attestation), share(kind.share).into(), share(kind.unwanted).into()])
        .collect();
    table_or(table, "No call came in.")
}

/// Callers that are no number, nobody's, or the customer's own (M12).
pub(super) fn impossible(facts: &Facts<'_>) -> Block {
    let answer = &facts.answers.impossible_callers;
    let mut table = Table::new(
        "impossible-callers",
        "Inbound calls whose caller cannot be",
        vec![
            Column::new("Caller is", Kind::Text),
            Column::new("Of inbound calls", Kind::Share).of(Metric(12)),
        ],
    );
    let known = [("no possible number", answer.invalid), ("a number of your own", answer.own_number)];
    let suspect = answer.suspect.iter().map(|(name, share)| (name.as_str(), *share));
    table.rows =
        known.into_iter().chain(suspect).map(|(name, of)| vec![text(name), share(of).into()]).collect();
    Block::Table(table)
}
