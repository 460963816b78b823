//! One customer's days, from the first datagram to the score.

use std::collections::HashMap;
use std::sync::Arc;

use engine::{Attempt, Breach, Engine, Kind, Packet};
use generator::{Attack, Campaign, Campaigns, Customer, Day, Label, Settings};
use rules::policy::PolicySet;
use rules::{Action, Flags, Timestamp, Transport};

use crate::customer;
use crate::score::{self, Score};

/// What was made of the exchanges of a stretch of traffic.
pub(crate) struct Seen {
    /// The truth beside each Call-ID, and the rule that stopped it if one did.
    pub(crate) exchanges: HashMap<Vec<u8>, Exchange>,
    pub(crate) campaigns: Vec<Campaign>,
    /// Alerts, with the name of their rule.
    pub(crate) alerts: Vec<(String, Breach)>,
}

/// One exchange: its truth, and what became of it.
pub(crate) struct Exchange {
    pub(crate) label: Label,
    pub(crate) campaign: Option<u32>,
    pub(crate) is_call: bool,
    pub(crate) start_micros: i64,
    pub(crate) stopped_by: Option<String>,
}

/// Generates `days` days of `customer` and judges them by `policies`.
pub(crate) fn run(customer: &Customer, policies: &Arc<PolicySet>, seed: u64, days: u64) -> Score {
    // Block lists are another remedy.
    let attacks = Attack::ALL.iter().copied().filter(|attack| attack.detection().is_some()).collect();
    let mut day = Day::new(Settings {
        seed,
        customer: customer.clone(),
        duration_micros: days * 86_400_000_000,
        // A call for each number in the busiest hour.
        calls_per_hour: (customer.size() as f64).clamp(30.0, 600.0),
        attacks,
        campaigns: Campaigns::PerDay(CAMPAIGNS_PER_DAY),
        ..Settings::default()
    });
    let exchanges = day.truths().map(|truth| {
        let exchange = Exchange {
            label: truth.label,
            campaign: truth.campaign,
            is_call: truth.is_call(),
            start_micros: truth.start_micros,
            stopped_by: None,
        };
        (truth.call_id.into_bytes(), exchange)
    });
    let mut seen = Seen { exchanges: exchanges.collect(), campaigns: day.campaigns(), alerts: Vec::new() };
    let mut engine = Engine::new(Arc::clone(policies));
    engine.leave_out_others();
    let mut payload = Vec::new();
    while let Some(envelope) = day.poll_datagram(&mut payload) {
        engine.handle(&Packet {
            at: Timestamp(envelope.at_micros),
            source: envelope.source,
            destination: envelope.destination,
            transport: Transport::Udp,
            payload: &payload,
            flags: Flags::NONE,
        });
        seen.drain(&mut engine, policies);
    }
    engine.finish();
    seen.drain(&mut engine, policies);
    score::score(&seen)
}

impl Seen {
    fn drain(&mut self, engine: &mut Engine, policies: &PolicySet) {
        while let Some(attempt) = engine.poll_ended() {
            if let Some(rule) = stopped_by(attempt, policies)
                && let Some(exchange) = self.exchanges.get_mut(attempt.call_id())
            {
                exchange.stopped_by.get_or_insert(rule);
            }
        }
        while let Some(breach) = engine.poll_breach() {
            let threshold =
                policies.policy(breach.policy as usize).and_then(|policy| policy.threshold(breach.threshold));
            if let Some(threshold) = threshold {
                self.alerts.push((customer::detection(&threshold.name).to_owned(), breach));
            }
        }
    }
}

/// The rule that refused or diverted `attempt`. A 3xx is an answer: nobody refuses it.
fn stopped_by(attempt: &Attempt, policies: &PolicySet) -> Option<String> {
    if let Kind::Redirection(_) = attempt.kind {
        return None;
    }
    attempt.views.iter().find_map(|view| {
        let verdict = view
            .verdict
            .filter(|verdict| matches!(verdict.action, Action::Block | Action::Limit | Action::Divert))?;
        let policy = policies.policy(view.policy? as usize)?;
        let threshold = verdict.threshold.and_then(|measure| policy.threshold(measure.threshold));
        Some(threshold.map_or("", |threshold| customer::detection(&threshold.name)).to_owned())
    })
}

/// So many campaigns that most days have some and most hours none.
const CAMPAIGNS_PER_DAY: f64 = 4.0;
