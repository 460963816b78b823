//! M30: whether people were told of incidents, and how soon.

use std::collections::BTreeMap;

use cases::ClockKind;
use cases::outgoing::Delivery;
use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Share, Times, Unit};

/// What M30 says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Communication {
    /// Incidents detected in the period.
    pub incidents: u64,
    /// From the detection until a provider took the first message.
    pub first_message: Times,
    /// Told before the contract's limit, of those whose clock stopped or is over.
    pub promises: Share,
    /// Messages that a provider took, of all.
    pub receipts: Share,
    /// Recipients with at least one such message, of all recipients.
    pub reach: Share,
}

impl Measure for Communication {
    const DEFINITION: Definition = Definition {
        id: "M30",
        name: "Incident communication",
        formula: "incidents: cases with a notify clock begun in the period; detection to first accepted message; notify clocks met / judged; accepted \
                  messages / all; recipients with an accepted message / all",
        unit: Unit::Count,
        version: 1,
        counts: "How soon and how many of your people were told of serious incidents.",
        omits: "Whether somebody read a message: a receipt says that a provider took it. Callers who heard an announcement.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let mut measured = Self::default();
        let (mut times, mut reached) = (Vec::new(), BTreeMap::<(&str, &str), bool>::new());
        for case in desk.cases {
            let is_meant =
                |clock: &&cases::Clock| clock.kind == ClockKind::Notify && period.contains(clock.start);
            let Some(clock) = case.clocks.iter().find(is_meant) else { continue };
            measured.incidents += 1;
            if let Some(stopped) = clock.stopped {
                measured.promises += Share::new(u64::from(stopped <= clock.due.contract), 1);
            } else if desk.now > clock.due.contract {
                measured.promises += Share::new(0, 1);
            }
            let sent = desk.outgoing.iter().filter(|sent| sent.case == Some(case.number));
            let mut first = None;
            for sent in sent {
                let is_accepted = sent.state == Delivery::Accepted;
                measured.receipts += Share::new(u64::from(is_accepted), 1);
                *reached.entry((sent.customer.as_str(), sent.to.as_str())).or_default() |= is_accepted;
                let at = sent.tries.last().map(|(at, _)| *at).filter(|at| is_accepted && *at >= clock.start);
                first = [first, at].into_iter().flatten().min();
            }
            times.extend(first.map(|first| first.micros_since(clock.start)));
        }
        for is_reached in reached.into_values() {
            measured.reach += Share::new(u64::from(is_reached), 1);
        }
        measured.first_message = Times::of(times);
        measured
    }
}
