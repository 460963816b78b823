//! A proposal on a terminal.

use std::fmt;

use super::choice::Tried;
use super::guard::Movement;
use super::measure::Learned;
use super::proposal::Proposal;
use crate::json::printable;

impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Baseline of {}, {:.0} alerts a week tolerated for each threshold",
            printable(&self.customer),
            self.budget
        )?;
        writeln!(
            f,
            "{} calls, {} to {}, {:.1} weeks, {:.1} % of their hours seen",
            self.calls,
            day(&self.from),
            day(&self.to),
            self.weeks,
            self.coverage * 100.0
        )?;
        if let Some(lacking) = &self.not_enough {
            return write!(
                f,
                "\nNot enough: it takes 4 whole weeks and 95 % of their hours. If none is missing from now on, that is so on {}.",
                day(&lacking.enough_at)
            );
        }
        let width = self.thresholds.iter().map(|one| one.threshold.chars().count()).fold(9, usize::max);
        writeln!(
            f,
            "\n  {:width$}  {:>9} {:>9}  {:>9} {:>9}  {:>8} {:>8}  confidence",
            "threshold", "now", "proposed", "alerts/wk", "proposed", "attacks", "delay"
        )?;
        for one in &self.thresholds {
            let Some(proposal) = &one.proposal else {
                writeln!(
                    f,
                    "  {:width$}  {}",
                    printable(&one.threshold),
                    one.why_not.as_deref().unwrap_or("nothing was counted")
                )?;
                continue;
            };
            let Some(offer) = proposal.balanced() else { continue };
            writeln!(
                f,
                "  {:width$}  {:>9} {:>9}  {:>9} {:>9.1}  {:>8} {:>8}  {}",
                printable(&one.threshold),
                one.current.map_or_else(|| "-".to_owned(), crate::threshold::amount),
                one.limit(offer),
                proposal
                    .current
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |now| format!("{:.1}", now.alerts_per_week)),
                one.tried(offer).alerts_per_week,
                caught(one.tried(offer), self.attacks),
                delay(one.tried(offer)),
                confidence(proposal),
            )?;
        }
        for one in &self.thresholds {
            let Some(proposal) = &one.proposal else { continue };
            writeln!(f, "\n{}", printable(&one.threshold))?;
            for reason in &proposal.reasons {
                writeln!(f, "  {reason}")?;
            }
            let offers: Vec<String> = proposal
                .offers
                .iter()
                .map(|offer| {
                    let alerts = one.tried(offer).alerts_per_week;
                    format!("{} {} ({alerts:.1}/wk)", offer.name, one.limit(offer))
                })
                .collect();
            writeln!(f, "  {}", offers.join(" · "))?;
        }
        write!(
            f,
            "\nNothing is changed by this. --write FILE makes the policy with the balanced limits; `ringwall case propose` asks for it."
        )
    }
}

fn caught(tried: &Tried, attacks: usize) -> String {
    if attacks == 0 { "-".to_owned() } else { format!("{} of {attacks}", tried.caught) }
}

fn delay(tried: &Tried) -> String {
    tried
        .delay_micros
        .map_or_else(|| "-".to_owned(), |delay| format!("{} min", (delay + 59_999_999) / 60_000_000))
}

fn confidence(proposal: &Proposal) -> String {
    let moves = match proposal.movement {
        Movement::Steady => "",
        Movement::Moving { .. } => ", moving",
        Movement::Shifted { .. } => ", jumped",
    };
    format!("{}{moves}", proposal.confidence.word())
}

fn day(moment: &str) -> &str {
    moment.get(..10).unwrap_or(moment)
}
