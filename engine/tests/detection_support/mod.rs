//! Plays a story to the engine under fixtures/detections/acme.toml and holds what rings against what it expects.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod course;
mod message;
mod passport;
mod script;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringwall_engine::{Breach, Engine, Packet};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Action, Flags, Policy, Timestamp, Transport};

use self::script::{Expectation, Story};

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/detections")
}

/// Plays `which` story of `detection`; what is not as expected ends the test with all that happened.
pub(super) fn check(detection: &str, which: &str) {
    let path = folder().join(detection).join(format!("{which}.story"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let story = Story::parse(&text);
    let played = play(&story);
    let mut wrong = String::new();
    for (line, expectation) in &story.expectations {
        if let Err(why) = played.meets(expectation, detection) {
            let expected = text.lines().nth(line - 1).unwrap_or_default();
            writeln!(wrong, "  line {line}: {expected}\n    but {why}").unwrap();
        }
    }
    let says_nothing = story.expectations.iter().any(|(_, it)| matches!(it, Expectation::Nothing { .. }));
    if which == "silent" && !says_nothing {
        wrong += "  a silent story says `expect nothing`\n";
    }
    let happened = played.tell(&story);
    assert!(
        wrong.is_empty(),
        "fixtures/detections/{detection}/{which}.story\n{wrong}what happened:\n{happened}"
    );
}

/// What came of a story.
struct Played {
    rung: Vec<Rung>,
    /// Of each event, whether it was refused.
    refused: Vec<bool>,
}

/// One alert.
struct Rung {
    detection: &'static str,
    breach: Breach,
    /// Calls begun by then.
    calls: usize,
    micros: i64,
}

fn play(story: &Story) -> Played {
    let policy = policy();
    let policies = Arc::new(PolicySet::new(vec![policy]));
    let mut engine = Engine::new(Arc::clone(&policies));
    let mut identities = HashMap::new();
    let mut sent: Vec<_> = story
        .events
        .iter()
        .enumerate()
        .flat_map(|(index, event)| course::packets(event, index, &mut identities))
        .collect();
    sent.sort_by_key(|sent| sent.at);
    let mut played = Played { rung: Vec::new(), refused: vec![false; story.events.len()] };
    let (start, mut begun) = (sent[0].at, BTreeSet::new());
    let name =
        |breach: &Breach| policies.policies()[0].threshold(breach.threshold).unwrap().detection.unwrap();
    let take = |engine: &mut Engine, played: &mut Played, calls: usize| {
        while engine.poll_ended().is_some() {}
        while let Some(breach) = engine.poll_breach() {
            let (detection, micros) = (name(&breach), breach.at.0 - start);
            played.rung.push(Rung { detection, breach, calls, micros });
        }
    };
    for message in &sent {
        // What is refused goes no further than its first message.
        if played.refused[message.event] {
            continue;
        }
        begun.insert(message.event);
        let handled = engine.handle(&Packet {
            at: Timestamp(message.at),
            source: message.source,
            destination: message.destination,
            transport: Transport::Udp,
            payload: message.text.as_bytes(),
            flags: Flags::NONE,
        });
        // A 3xx is judged too, but an answer is not refused.
        played.refused[message.event] |= handled.status.is_none() && handled.decision == Some(Action::Block);
        take(&mut engine, &mut played, begun.len());
    }
    // Long enough for challenges that nobody answers.
    let end = sent.last().unwrap().at + 700_000_000;
    engine.expire(Timestamp(end));
    take(&mut engine, &mut played, begun.len());
    played
}

fn policy() -> Policy {
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let files = MemoryFiles::new().with("rates.csv", read("rates.csv"));
    let reading = rules::policy::read("acme.toml", &read("acme.toml"), &files, Timestamp::default());
    assert!(reading.diagnostics.is_empty(), "acme.toml: {:?}", reading.diagnostics);
    Policy::new(reading.policy.unwrap())
}

impl Played {
    fn meets(&self, expectation: &Expectation, own: &str) -> Result<(), String> {
        match expectation {
            Expectation::Rings { detection, critical, calls_max, micros_max } => {
                let name = detection.as_deref().unwrap_or(own);
                let mut fitting =
                    self.rung.iter().filter(|it| it.detection == name && it.breach.critical == *critical);
                let Some(first) = fitting.next() else { return Err(format!("{name} does not ring so")) };
                let late = calls_max.is_some_and(|max| first.calls > max)
                    || micros_max.is_some_and(|max| first.micros > max);
                if late {
                    return Err(format!(
                        "it rings at call {}, after {} s",
                        first.calls,
                        first.micros / 1_000_000
                    ));
                }
            }
            Expectation::Blocked(true) if !self.refused.ends_with(&[true]) => {
                return Err("the last event is let through".to_owned());
            }
            Expectation::Blocked(false) => self.nothing_refused()?,
            Expectation::Blocked(true) => {}
            Expectation::Nothing { but } => {
                self.nothing_refused()?;
                let heard = |rung: &Rung| format!("{} {}", rung.detection, level(rung));
                if let Some(rung) = self.rung.iter().find(|rung| !but.contains(&heard(rung))) {
                    return Err(format!("{} rings", heard(rung)));
                }
                if let Some(missing) =
                    but.iter().find(|text| self.rung.iter().all(|rung| heard(rung) != **text))
                {
                    return Err(format!("{missing} stays silent"));
                }
            }
        }
        Ok(())
    }

    fn nothing_refused(&self) -> Result<(), String> {
        match self.refused.iter().position(|refused| *refused) {
            Some(index) => Err(format!("call {} is refused", index + 1)),
            None => Ok(()),
        }
    }

    fn tell(&self, story: &Story) -> String {
        let mut out = String::new();
        for rung in &self.rung {
            let breach = &rung.breach;
            let at = jiff::Timestamp::from_microsecond(breach.at.0).unwrap().to_zoned(story.zone.clone());
            let key: Vec<String> = breach.key.iter().map(|(name, value)| format!("{name} {value}")).collect();
            writeln!(
                out,
                "  {} call {}: {} {}, {} of {}, {}",
                at.strftime("%d %H:%M:%S"),
                rung.calls,
                rung.detection,
                level(rung),
                breach.value,
                breach.limit,
                key.join(", ")
            )
            .unwrap();
        }
        let refused = self.refused.iter().filter(|refused| **refused).count();
        if let Some(first) = self.refused.iter().position(|refused| *refused) {
            let line = story.events[first].line;
            writeln!(out, "  {refused} refused, the first is call {} of line {line}", first + 1).unwrap();
        }
        writeln!(out, "  {} calls in all", story.events.len()).unwrap();
        out
    }
}

fn level(rung: &Rung) -> &'static str {
    if rung.breach.critical { "critical" } else { "warning" }
}
