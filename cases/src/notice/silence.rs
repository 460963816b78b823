//! Silences: who wants what kept quiet, why, and until when (D-8).

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::case::Severity;
use crate::clock::ClockKind;
use crate::notice::{Fact, Happening, Matcher};
use crate::tag::tag_of;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// What names it, such as `S-3`.
    pub id: String,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// What is kept quiet.
    pub matcher: Matcher,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who else wants it, for one that lasts longer than a week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// The customer's own contact who asked for it: only then is the clock until the customer is told silent as well (D-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// When somebody ended it before its time, and who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Timestamp, String)>,
    /// Whether its author was reminded that it ends.
    #[serde(default)]
    pub is_reminded: bool,
    /// Whether it was told that it is over.
    #[serde(default)]
    pub is_told: bool,
}

impl Silence {
    /// What tells it from what it was before: what the service notes of it does not make it another one.
    pub fn tag(&self) -> String {
        tag_of(&(&self.id, &self.author, &self.reason, &self.matcher.0, self.from, self.until, &self.ended))
    }

    /// What is wrong with it.
    pub fn mistake(&self) -> Option<String> {
        let micros = self.until.micros_since(self.from);
        if self.reason.trim().len() < REASON_MIN {
            return Some("a silence needs a reason".to_owned());
        }
        if self.matcher.0.is_empty() {
            return Some("a silence says what it is about: customer=Acme, rule=…, case=RW-…".to_owned());
        }
        if micros <= 0 {
            return Some("a silence ends after it begins".to_owned());
        }
        if self.second.as_deref() == Some(self.author.as_str()) {
            return Some("the second person is another one".to_owned());
        }
        let days = if self.second.is_some() { DAYS_MAX_WITH_SECOND } else { DAYS_MAX };
        (micros > days * DAY).then(|| {
            format!("a silence lasts {DAYS_MAX} days at most, {DAYS_MAX_WITH_SECOND} with a second person (--second)")
        })
    }

    /// When it is over.
    pub fn end(&self) -> Timestamp {
        self.ended.as_ref().map_or(self.until, |(at, _)| self.until.min(*at))
    }

    /// Whether it keeps `fact` quiet at `now`.
    pub fn covers(&self, fact: &Fact, now: Timestamp) -> bool {
        if now < self.from || now >= self.end() || !self.matcher.fits_labels(fact) {
            return false;
        }
        // A promise to the customer is silenced by the customer only.
        let is_promise = matches!(fact.clock, Some((ClockKind::Notify, _)));
        let is_about_silences = matches!(fact.event, Happening::SilenceEnding | Happening::SilenceEnded);
        !is_about_silences && (!is_promise || self.contact.is_some())
    }

    /// In words, for an explanation.
    pub fn words(&self) -> String {
        format!("{} of {}: {}", self.id, self.author, self.reason)
    }

    /// How many of `facts` it would have hidden, and how many of those were critical.
    pub fn would_have_hidden(&self, facts: &[Fact]) -> (usize, usize) {
        let hidden: Vec<_> = facts.iter().filter(|fact| self.matcher.fits_labels(fact)).collect();
        let critical = hidden.iter().filter(|fact| fact.severity == Severity::Critical).count();
        (hidden.len(), critical)
    }
}

/// Shorter says nothing.
const REASON_MIN: usize = 8;
const DAY: i64 = 24 * 3_600_000_000;
const DAYS_MAX: i64 = 7;
const DAYS_MAX_WITH_SECOND: i64 = 30;
