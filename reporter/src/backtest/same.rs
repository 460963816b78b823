//! Live and again: what records of a run say is what the run said.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{Budget, Engine, Packet};
use generator::{Day, LISTED_CALLERS, Settings};
use records::{Batch, Call};
use rules::policy::{AlertLevel, MemoryFiles, Mode, PolicySet};
use rules::{Flags, Policy, Timestamp, Transport};

use super::*;

/// What is compared of a call line.
type Told = (String, Option<String>, Option<String>, Option<String>, Option<u16>, String);

fn told(line: &CallLine<'_>) -> Told {
    let counted = format!(
        "{:?}",
        line.counted.iter().map(|one| (&one.at, &one.thresholds, one.refused)).collect::<Vec<_>>()
    );
    let owned = |text: Option<&str>| text.map(str::to_owned);
    (
        line.verdict.to_owned(),
        owned(line.would),
        owned(line.rule),
        line.reason.as_deref().map(str::to_owned),
        line.action_status,
        counted,
    )
}

/// An alert by its id, and what else it is for whoever reads a difference.
fn name_of(alert: &Alert) -> String {
    format!("{} {} {} {:?} {} {}", alert.id, alert.rule, alert.level, alert.key, alert.at, alert.count)
}

/// The demo's policy: every shipped detection, firewall rules on a list.
fn policy(mode: Option<Mode>) -> Policy {
    let listed: String = LISTED_CALLERS.iter().map(|caller| format!("+{caller}\n")).collect();
    let files = MemoryFiles::new().with("harassment.csv", format!("number\n{listed}"));
    let source = include_str!("../../../fixtures/demo/acme.toml");
    let reading = rules::policy::read("acme.toml", source, &files, Timestamp(0));
    let mut text = reading.policy.expect("the demo's policy has no mistakes");
    if let Some(mode) = mode {
        let modes = text.firewall.iter_mut().map(|rule| &mut rule.mode);
        for own in
            modes.chain(text.ips.iter_mut().map(|rule| &mut rule.mode)).chain([&mut text.customer.mode])
        {
            if *own != Mode::Off {
                *own = mode;
            }
        }
    }
    Policy::new(text)
}

/// Lines of a run over a generated day, and the ids of its alerts.
struct Live {
    lines: Vec<(u64, Vec<u8>, Told)>,
    alerts: Vec<String>,
}

fn live(settings: Settings, mode: Option<Mode>) -> Live {
    let mut engine = Engine::new(Arc::new(PolicySet::new(vec![policy(mode)])));
    let mut day = Day::new(settings);
    let (mut lines, mut told_alerts, mut alerts) = (Vec::new(), Vec::new(), Alerts::default());
    let mut payload = Vec::new();
    let mut drain = |engine: &mut Engine, alerts: &mut Alerts| {
        let policies = engine.policies();
        while let Some(attempt) = engine.poll_ended() {
            for view in &attempt.views {
                let by_rule = view.verdict.filter(|verdict| verdict.reason != rules::Reason::Threshold);
                let level = by_rule.map_or(AlertLevel::None, |verdict| verdict.alert);
                let line = CallLine::new(attempt, view, &policies);
                alerts.see(&line, level, attempt.progress.started);
                let mut bytes = Vec::new();
                crate::to_line(&mut bytes, &line).expect("memory takes it");
                lines.push((attempt.sequence, bytes, told(&line)));
            }
        }
        while let Some(alert) = alerts.pop() {
            told_alerts.push(name_of(&alert));
        }
        while let Some(breach) = engine.poll_breach() {
            told_alerts.extend(Alert::of_breach(&breach, &policies).map(|alert| name_of(&alert)));
        }
    };
    while let Some(envelope) = day.poll_datagram(&mut payload) {
        let packet = Packet {
            at: Timestamp(envelope.at_micros),
            source: envelope.source,
            destination: envelope.destination,
            transport: Transport::Udp,
            payload: &payload,
            flags: Flags::NONE,
        };
        engine.handle(&packet);
        drain(&mut engine, &mut alerts);
    }
    engine.finish();
    drain(&mut engine, &mut alerts);
    told_alerts.extend(alerts.finish().iter().map(name_of));
    lines.sort_by_key(|(sequence, ..)| *sequence);
    Live { lines, alerts: told_alerts }
}

/// The same from records; what differs.
fn again(live: &Live, mode: Option<Mode>) -> (Vec<String>, Vec<String>) {
    let mut batch = Batch::new(Backtest::COLUMNS);
    for (_, line, _) in &live.lines {
        let call = Call::from_json(line)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)));
        batch.push(&call);
    }
    let mut retold = Retold::new(policy(mode), Budget::default());
    let mut verdicts: BTreeMap<u64, Told> = BTreeMap::new();
    let mut ids = Vec::new();
    for row in 0..batch.len() {
        retold.take(
            (&batch, row, row as u64),
            &mut |row, line| _ = verdicts.insert(row, told(line)),
            &mut |alert| ids.push(name_of(alert)),
        );
    }
    retold
        .finish(&mut |row, line| _ = verdicts.insert(row, told(line)), &mut |alert| ids.push(name_of(alert)));
    let mut differing = Vec::new();
    for (row, (_, line, then)) in (0u64..).zip(&live.lines) {
        if verdicts.get(&row) != Some(then) {
            differing.push(format!(
                "{}\n  then {then:?}\n  now  {:?}",
                String::from_utf8_lossy(line),
                verdicts.get(&row)
            ));
        }
    }
    (differing, ids)
}

#[test]
fn verdicts_and_alerts_of_generated_days_come_out_of_their_records_as_they_were() {
    for (seed, mode) in [(1, None), (2, Some(Mode::Shadow)), (3, Some(Mode::Enforce)), (4, None), (5, None)] {
        let settings = Settings { seed, calls_per_hour: 60.0, ..Settings::default() };
        let live = live(settings, mode);
        assert!(live.lines.len() > 1_000, "{}", live.lines.len());
        let (differing, mut ids) = again(&live, mode);
        assert!(
            differing.is_empty(),
            "seed {seed}: {} of {} differ, such as\n{}",
            differing.len(),
            live.lines.len(),
            differing.iter().take(3).cloned().collect::<Vec<_>>().join("\n")
        );
        let mut then = live.alerts.clone();
        then.sort();
        ids.sort();
        assert!(then.len() > 20, "{}", then.len());
        let only = |one: &[String], other: &[String]| -> Vec<String> {
            one.iter().filter(|name| !other.contains(name)).cloned().collect()
        };
        let (lost, new) = (only(&then, &ids), only(&ids, &then));
        // A challenge to the BYE comes when the record of the call is written already: no record knows of it.
        let (challenged, lost): (Vec<_>, Vec<_>) =
            lost.into_iter().partition(|name| name.contains(" digest-leak critical "));
        assert!(lost.is_empty() && new.is_empty(), "seed {seed}: only then {lost:#?}\nonly now {new:#?}");
        assert!(challenged.len() <= 4, "{challenged:#?}");
        assert_eq!(then.len(), ids.len() + challenged.len());
    }
}
