//! What a month was like, for who decides.

use super::parts::{figure, figures, money, or_unknown, seconds, share};
use super::{Facts, Report, Wants, charts, desk, fraud, hygiene, identity, sentences};
use crate::document::{Block, Headline, Hue, Metric, Section, Unit, Value, Wanted};

pub(super) const REPORT: Report = Report {
    name: "monthly-management",
    title: "Monthly management report",
    about: "A month in words and figures: trend, what was caught and what was wrong, money, clocks, rules.",
    holds_calls: false,
    wants: Wants { comparison: true, months: true, calls: false },
    sections,
};

fn sections(facts: &Facts<'_>) -> Vec<Section> {
    vec![
        Section::new("Summary", [vec![headline(facts)], sentences::summary(facts)].concat()),
        Section::new("Thirteen months", trend(facts)),
        Section::new("Caught, and wrongly blocked", vec![accuracy(facts)]),
        Section::new("Containment", vec![containment(facts)]),
        Section::new("Identity of callers", vec![identity::attestation(facts), identity::impossible(facts)]),
        Section::new("Money and time", money_and_time(facts)),
        Section::new("Lines", vec![lines(facts)]),
        Section::new("Clocks", desk::clocks(facts)),
        Section::new("Rules", [hygiene::idle(facts), vec![desk::precision(facts)]].concat()),
        Section::new("What we recommend", desk::waiting(facts)),
        Section::appendix("Cases", vec![desk::cases(facts)]),
    ]
}

fn headline(facts: &Facts<'_>) -> Block {
    let figures = vec![
        figure(facts, ("Calls", Metric(1), Wanted::Either), |of| Value::Count(of.attempts.total)),
        figure(facts, ("Blocked", Metric(2), Wanted::Either), |of| share(of.outcomes.rate)),
        figure(facts, ("Unwanted", Metric(3), Wanted::Less), |of| share(of.unwanted.share)),
        figure(facts, ("Wrongly blocked", Metric(5), Wanted::Less), |of| share(of.wrong_blocks.lower_bound)),
    ];
    Block::Headline(Headline { figures })
}

fn trend(facts: &Facts<'_>) -> Vec<Block> {
    if facts.months.len() < 2 {
        return vec![Block::Paragraph("There is no month before this one to compare with.".into())];
    }
    let first = facts.months.first().map_or("", |(month, _)| month.as_str());
    let calls = charts::months(
        facts,
        ("calls-by-month", format!("Calls since {first}"), Metric(1)),
        &[("calls", Hue::Plain, |of| Some(of.attempts.total as f64))],
        Unit::Count("calls".to_owned()),
    );
    let shares = charts::months(
        facts,
        ("shares-by-month", format!("Blocked and unwanted since {first}"), Metric(3)),
        &[
            ("blocked", Hue::Blocked, |of| of.outcomes.rate.value()),
            ("unwanted", Hue::Unwanted, |of| of.unwanted.share.value()),
        ],
        Unit::Percent,
    );
    vec![calls, shares]
}

fn accuracy(facts: &Facts<'_>) -> Block {
    let (catch, wrong) = (&facts.answers.catch, &facts.answers.wrong_blocks);
    figures(vec![
        ("Of unwanted calls caught, at most", Metric(4), share(catch.upper_bound)),
        ("The same by review of passed calls", Metric(4), or_unknown(catch.sampled, Value::Percent)),
        ("Of blocked calls wrong, at least", Metric(5), share(wrong.lower_bound)),
        (
            "The same by review of blocked calls",
            Metric(5),
            or_unknown(wrong.sampled, |it| Value::Estimate(crate::document::Share::new(it.part, it.whole))),
        ),
    ])
}

fn containment(facts: &Facts<'_>) -> Block {
    let through = &facts.answers.let_through;
    let contained = &facts.measures.containment;
    figures(vec![
        (
            "Median time from the first call to the block",
            Metric(7),
            or_unknown(contained.times.median_seconds, Value::seconds),
        ),
        (
            "Nine of ten were contained within",
            Metric(7),
            or_unknown(contained.times.p90_seconds, Value::seconds),
        ),
        ("Attacks without a block", Metric(7), Value::Count(contained.open)),
        ("Attacks that called", Metric(8), Value::Count(through.cases.len() as u64)),
        ("Calls that got through before", Metric(8), Value::Count(through.total)),
        (
            "Most unwanted calls of a trunk's channels",
            Metric(9),
            or_unknown(facts.answers.pressure.highest, Value::Percent),
        ),
        ("Minutes above 20 %", Metric(9), Value::Count(facts.answers.pressure.minutes_high)),
    ])
}

fn money_and_time(facts: &Facts<'_>) -> Vec<Block> {
    let (fraud, after, saved) =
        (&facts.answers.toll_fraud, &facts.answers.after_hours, &facts.answers.time_saved);
    let hours = |hours: f64| seconds(hours * 3600.0);
    vec![
        figures(vec![
            ("Toll fraud that passed", Metric(13), money(facts, fraud.exposed)),
            ("Toll fraud avoided", Metric(13), money(facts, fraud.avoided)),
            ("Calls abroad after hours", Metric(14), money(facts, after.cost)),
            ("Staff time saved", Metric(15), Value::range(hours(saved.low), hours(saved.high))),
        ]),
        Block::Paragraph(saved.assumption.into()),
        fraud::prefixes(facts),
    ]
}

fn lines(facts: &Facts<'_>) -> Block {
    let (peak, quality) = (&facts.answers.concurrency.all, &facts.answers.quality);
    figures(vec![
        ("Most calls at a time", Metric(10), Value::Count(u64::try_from(peak.most).unwrap_or_default())),
        ("Channels left then", Metric(10), or_unknown(peak.headroom, Value::Percent)),
        ("Blocking in a busy hour (Erlang B)", Metric(10), or_unknown(peak.blocking_p95, Value::Percent)),
        ("Answered", Metric(16), share(quality.asr)),
        ("Reached the network's end", Metric(16), share(quality.ner)),
        ("Mean talk time", Metric(16), or_unknown(quality.acd_seconds, seconds)),
        ("Median wait for the first ring", Metric(16), or_unknown(quality.pdd_median_seconds, seconds)),
    ])
}
