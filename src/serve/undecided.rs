//! Tells of calls that nobody decided about: one alert for each way in which that happens, when it begins.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use collector::judge::{Count, Counters, now};
use reporter::Alert;
use rules::Timestamp;

/// One way.
#[derive(Debug)]
struct Onset {
    /// The rule of its alert.
    rule: &'static str,
    /// The same on stderr.
    words: &'static str,
    counts: &'static [Count],
    seen: u64,
    /// When it went on last.
    last: Option<Timestamp>,
}

/// Watches `counters` until what is returned is dropped, and has `note` write alerts. It is a thread of its own: writing one
/// waits for the disk.
pub(super) fn watch(counters: Arc<Counters>, note: Box<dyn Fn(&Alert) + Send>) -> Sender<()> {
    let (end, ended) = channel();
    thread::spawn(move || {
        let mut onsets = onsets();
        loop {
            let is_over = ended.recv_timeout(GLANCE) != Err(RecvTimeoutError::Timeout);
            for onset in &mut onsets {
                if onset.begins(&counters, now()) {
                    eprintln!("ringwall: {}; an alert {} tells of it", onset.words, onset.rule);
                    note(&Alert::of_service(onset.rule, now()));
                }
            }
            if is_over {
                return;
            }
        }
    });
    end
}

fn onsets() -> [Onset; 3] {
    let of = |rule, words, counts| Onset { rule, words, counts, seen: 0, last: None };
    [
        of(
            "calls-shed",
            "more calls come than can be judged in time",
            &[Count::ShedRefused, Count::ShedOverShare, Count::ShedPassed],
        ),
        of(
            "judging-fails",
            "judging fails inside",
            &[Count::FaultPassed, Count::FaultRefused, Count::FaultUnanswered, Count::FaultTurn],
        ),
        of("datagrams-lost", "the system drops datagrams that nobody reads in time", &[Count::Unread]),
    ]
}

impl Onset {
    /// Whether it has happened again, for the first time after it did not for long.
    fn begins(&mut self, counters: &Counters, now: Timestamp) -> bool {
        let seen = self.counts.iter().map(|count| counters.of(*count)).sum();
        if seen == self.seen {
            return false;
        }
        self.seen = seen;
        let last = self.last.replace(now);
        last.is_none_or(|last| now.micros_since(last) > QUIET_MICROS)
    }
}

/// How often it is looked.
const GLANCE: Duration = Duration::from_secs(1);
/// After so long without it, it begins anew.
const QUIET_MICROS: i64 = 600 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_told_when_it_begins_and_not_while_it_goes_on() {
        let counters = Counters::default();
        let mut onsets = onsets();
        let mut told = |seconds: i64| {
            let at = Timestamp::from_seconds(seconds);
            let begun =
                onsets.iter_mut().filter_map(|onset| onset.begins(&counters, at).then_some(onset.rule));
            begun.collect::<Vec<_>>()
        };
        assert!(told(0).is_empty());
        counters.add(Count::ShedRefused);
        counters.add(Count::ShedWithoutPolicy);
        assert_eq!(told(1), ["calls-shed"]);
        assert!(told(2).is_empty());
        for seconds in [300, 600, 1_100] {
            counters.add(Count::ShedPassed);
            assert!(told(seconds).is_empty(), "{seconds}");
        }
        counters.add(Count::Unread);
        counters.add(Count::FaultTurn);
        assert_eq!(told(1_200), ["judging-fails", "datagrams-lost"]);
        assert!(told(1_800).is_empty(), "silence is no news");
        counters.add(Count::ShedOverShare);
        assert_eq!(told(1_801), ["calls-shed"]);
    }
}
