//! What shall change, who may say so, and the proof that enough of them did: for exactly this change, and no other.

mod hands;
mod part;
mod permit;
mod seen;
mod words;

use std::collections::BTreeSet;
use std::fmt;

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use hands::{Hands, Unreviewed};
pub use part::{Choice, LeftOut, Rest};
pub use permit::{NotPermitted, Permit, Signer, Verifier};
pub use seen::Seen;
pub use words::Words;

use crate::tag::tag_of;

/// A change of one customer's policy, as it is shown to who authorises it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose policy.
    pub customer: String,
    /// The version of the policy that it was drafted on.
    pub base: String,
    /// The version that it leads to: the hash of the whole content, lists included.
    pub result: String,
    /// Line by line, in the order in which they were drafted.
    pub lines: Vec<Line>,
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Line {
    /// An entry comes on a list.
    Add {
        /// The list's name.
        list: String,
        /// A number, prefix, range or wildcard, as policies write them.
        entry: String,
        /// The last day on which it counts; `None` for ever.
        expires: Option<String>,
        /// Why.
        reason: String,
    },
    /// An entry leaves a list.
    Remove {
        /// The list's name.
        list: String,
        /// As it stands there.
        entry: String,
    },
    /// Rules, thresholds or settings change.
    Text {
        /// What a person reads: lines of a diff.
        diff: String,
    },
}

/// What the change would do, from recorded calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// Days of calls that were looked at.
    pub days: u32,
    /// Calls that it would have blocked in these days; `None` when unknown.
    pub blocked: Option<u64>,
    /// Of these, answered calls that lasted longer than a minute.
    pub wanted: u64,
    /// Protected numbers that it would hit.
    pub protected: u64,
    /// What is known of the first numbers that it has refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<Seen>,
}

/// How much may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// One number that hardly calls and that nobody wants to hear.
    Low,
    /// One authoriser.
    Medium,
    /// Two different authorisers.
    High,
}

/// How somebody authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// A button, logged in with a second factor.
    Portal,
    /// A one-time link that led to the same.
    Link,
    /// A reply by mail with the code of this change.
    Reply,
}

/// One authoriser's yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The hash of what was shown.
    pub hash: String,
    /// The contact.
    pub approver: String,
    /// How.
    pub method: Method,
    /// When.
    pub at: Timestamp,
    /// It counts until then.
    pub expires: Timestamp,
}

/// Who may authorise for a customer, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorisers(pub BTreeSet<String>);

/// What a customer agreed to beforehand (Z-6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its name in the registry.
    pub name: String,
    /// Whose.
    pub customer: String,
    /// Lists that entries may be put on.
    pub lists: BTreeSet<String>,
    /// Entries one change may add.
    pub entries_max: usize,
    /// Days an entry may last.
    pub days_max: u32,
    /// It counts until then.
    pub expires: Timestamp,
}

impl Standing {
    /// What tells it from what it was before.
    pub fn tag(&self) -> String {
        tag_of(self)
    }

    /// What it covers, for who confirms it.
    pub fn words(&self) -> String {
        let lists: Vec<&str> = self.lists.iter().map(String::as_str).collect();
        let until = crate::calendar::instant(self.expires);
        format!(
            "up to {} entries at once on {}, for {} days at most, until {until}",
            self.entries_max,
            lists.join(", "),
            self.days_max
        )
    }
}

/// The proof that a change may be made. Only [`Change::authorise`] and [`Change::authorise_standing`] make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    hash: String,
    base: String,
    result: String,
    by: Vec<String>,
    is_standing: bool,
    expires: Timestamp,
}

/// Why a change may not be made yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unauthorised {
    /// So many different authorisers are still needed.
    Wanting(usize),
    /// It would hit protected numbers: nobody may authorise that.
    Protected(u64),
    /// The standing authorisation does not cover it; the text says why.
    NotCovered(String),
    /// Nobody of the desk has looked at it who did not write it (Z-7).
    Unreviewed(Unreviewed),
}

impl Change {
    /// SHA-256 over the canonical form, in hexadecimal. Any edit gives another one, so that what was approved before is void.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut put = |part: &str| {
            // Lengths first, so that no two changes have one canonical form.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        };
        put("ringwall change 1");
        [&self.customer, &self.base, &self.result].into_iter().for_each(|part| put(part));
        for line in &self.lines {
            match line {
                Line::Add { list, entry, expires, reason } => {
                    let (is_bound, until) = match expires {
                        Some(until) => ("until", until.as_str()),
                        None => ("for ever", ""),
                    };
                    ["add", list, entry, is_bound, until, reason].into_iter().for_each(&mut put);
                }
                Line::Remove { list, entry } => ["remove", list, entry].into_iter().for_each(&mut put),
                Line::Text { diff } => ["text", diff].into_iter().for_each(&mut put),
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Six characters that stand for the hash in a mail: no letter is taken for a digit.
    pub fn code(&self) -> String {
        let digest = Sha256::digest(self.hash().as_bytes());
        digest
            .iter()
            .take(6)
            .map(|byte| CODE.get(usize::from(*byte) % CODE.len()).map_or('?', |it| char::from(*it)))
            .collect()
    }

    /// How much may go wrong (Z-3). What is unknown is no reason to call it low.
    pub fn risk(&self, impact: &Impact) -> Risk {
        let widens = self.lines.iter().any(|line| match line {
            Line::Text { .. } | Line::Remove { .. } => true,
            Line::Add { entry, .. } => !is_one_number(entry),
        });
        let is_for_ever = self.lines.iter().any(|line| matches!(line, Line::Add { expires: None, .. }));
        let share_wanted = impact.blocked.map(|blocked| impact.wanted * 100 > blocked.max(1));
        if widens || impact.protected > 0 || share_wanted == Some(true) {
            return Risk::High;
        }
        let is_rare =
            impact.blocked.is_some_and(|blocked| blocked < CALLS_A_DAY_LOW * u64::from(impact.days));
        let is_known = impact.days >= HISTORY_DAYS_MIN && is_rare && impact.wanted == 0;
        if is_known && !is_for_ever && self.lines.len() == 1 { Risk::Low } else { Risk::Medium }
    }

    /// Whether a reply by mail is enough of an approval for it.
    pub fn takes_replies(&self, impact: &Impact) -> bool {
        self.risk(impact) == Risk::Low
    }

    /// Whether those of `approvals` that count at `now` are enough.
    ///
    /// One counts when it is for this very change, has not run out, comes from one of `authorisers`, and by a way that
    /// is good for the risk. The analyst who drafted it is no authoriser (Z-7): the registry holds customers' contacts only;
    /// and by its `hands`, somebody else of the desk has looked at what may go wrong.
    ///
    /// # Errors
    /// How many more are needed, or why none can be enough.
    pub fn authorise(
        &self,
        (impact, hands): (&Impact, &Hands),
        approvals: &[Approval],
        authorisers: &Authorisers,
        now: Timestamp,
    ) -> Result<Authority, Unauthorised> {
        if impact.protected > 0 {
            return Err(Unauthorised::Protected(impact.protected));
        }
        let risk = self.risk(impact);
        hands.check(risk).map_err(Unauthorised::Unreviewed)?;
        let hash = self.hash();
        let counting = approvals.iter().filter(|approval| {
            approval.hash == hash
                && approval.at <= now
                && now < approval.expires
                && authorisers.0.contains(&approval.approver)
                && (approval.method != Method::Reply || risk == Risk::Low)
        });
        let counting: Vec<_> = counting.collect();
        let by: BTreeSet<&str> = counting.iter().map(|approval| approval.approver.as_str()).collect();
        let needed = if risk == Risk::High { 2 } else { 1 };
        if by.len() < needed {
            return Err(Unauthorised::Wanting(needed - by.len()));
        }
        let expires = counting.iter().map(|approval| approval.expires).min().unwrap_or(now);
        let by = by.into_iter().map(str::to_owned).collect();
        let (base, result) = (self.base.clone(), self.result.clone());
        Ok(Authority { hash, base, result, by, is_standing: false, expires })
    }

    /// Whether `standing` covers this change at `now`: entries on named lists, so many, so long, of numbers nobody wants.
    ///
    /// # Errors
    /// What it does not cover.
    pub fn authorise_standing(
        &self,
        (impact, hands): (&Impact, &Hands),
        standing: &Standing,
        today: jiff::civil::Date,
        now: Timestamp,
    ) -> Result<Authority, Unauthorised> {
        let not = |why: String| Err(Unauthorised::NotCovered(why));
        if impact.protected > 0 {
            return Err(Unauthorised::Protected(impact.protected));
        }
        hands.check(self.risk(impact)).map_err(Unauthorised::Unreviewed)?;
        if standing.customer != self.customer {
            return not(format!("it is {}'s", standing.customer));
        }
        if now >= standing.expires {
            return not("it has run out".to_owned());
        }
        if self.lines.is_empty() || self.lines.len() > standing.entries_max {
            return not(format!("it is for 1 to {} entries, not {}", standing.entries_max, self.lines.len()));
        }
        for line in &self.lines {
            let Line::Add { list, entry, expires, .. } = line else {
                return not("it is for entries on lists only".to_owned());
            };
            if !standing.lists.contains(list) {
                return not(format!("it is not for the list {list}"));
            }
            if !is_one_number(entry) {
                return not(format!("{entry} is more than one number"));
            }
            let last = today.checked_add(jiff::Span::new().days(i64::from(standing.days_max))).ok();
            let until: Option<jiff::civil::Date> = expires.as_deref().and_then(|until| until.parse().ok());
            if until.is_none() || until > last {
                return not(format!("{entry} would stay longer than {} days", standing.days_max));
            }
        }
        let by = vec![format!("standing: {}", standing.name)];
        let (hash, base, result) = (self.hash(), self.base.clone(), self.result.clone());
        Ok(Authority { hash, base, result, by, is_standing: true, expires: standing.expires })
    }
}

impl Approval {
    /// A yes of `approver` to the change of this hash, which counts from now on for a week.
    pub fn now(hash: String, approver: &str, method: Method, now: Timestamp) -> Self {
        let expires = now.plus_micros(APPROVAL_MICROS);
        Self { hash, approver: approver.to_owned(), method, at: now, expires }
    }
}

impl Change {
    /// The single numbers that it puts on lists, as it has them: the first [`NUMBERS_SEEN_MAX`].
    pub fn numbers(&self) -> Vec<&str> {
        let added = self.lines.iter().filter_map(|line| match line {
            Line::Add { entry, .. } if is_one_number(entry) => Some(entry.as_str()),
            _ => None,
        });
        added.take(NUMBERS_SEEN_MAX).collect()
    }
}

impl Impact {
    /// Whether it is more than a tenth another than `before`, or hits what that did not (Z-1).
    pub fn differs_from(&self, before: &Self) -> bool {
        let is_other = match (self.a_day(), before.a_day()) {
            (Some(now), Some(then)) => (now - then).abs() > then * IMPACT_SHARE_MAX,
            (None, None) => false,
            _ => true,
        };
        is_other || self.wanted > before.wanted || self.protected > before.protected
    }

    fn a_day(&self) -> Option<f64> {
        self.blocked.map(|blocked| blocked as f64 / f64::from(self.days.max(1)))
    }
}

impl Authority {
    /// The change it is for.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The version of the policy that may come into force by it.
    pub fn result(&self) -> &str {
        &self.result
    }

    /// The version that holds again when it is taken back.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Who gave it.
    pub fn by(&self) -> &[String] {
        &self.by
    }

    /// Whether it was given beforehand.
    pub const fn is_standing(&self) -> bool {
        self.is_standing
    }

    /// It counts until then.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }
}

impl fmt::Display for Unauthorised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wanting(1) => write!(f, "one authoriser has still to approve exactly this change"),
            Self::Wanting(number) => {
                write!(f, "{number} different authorisers have still to approve exactly this change")
            }
            Self::Protected(number) => {
                write!(f, "it would hit {number} protected numbers, which nobody may authorise")
            }
            Self::Unreviewed(why) => why.fmt(f),
            Self::NotCovered(why) => write!(f, "the standing authorisation does not cover it: {why}"),
        }
    }
}

impl std::error::Error for Unauthorised {}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { list, entry, expires: Some(until), reason } => {
                write!(f, "put {entry} on {list} until {until}: {reason}")
            }
            Self::Add { list, entry, expires: None, reason } => {
                write!(f, "put {entry} on {list} for ever: {reason}")
            }
            Self::Remove { list, entry } => write!(f, "take {entry} off {list}"),
            Self::Text { diff } => f.write_str(diff),
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// A prefix, range or wildcard is not one.
pub(crate) fn is_one_number(entry: &str) -> bool {
    let digits = entry.strip_prefix('+').unwrap_or(entry);
    !digits.is_empty()
        && digits.bytes().all(|it| it.is_ascii_digit() || b" ()-.".contains(&it))
        && !entry.contains(" - ")
}

/// A yes counts for a week: five business days (Z-5).
const APPROVAL_MICROS: i64 = 7 * 86_400 * 1_000_000;
/// No 0, 1, O, I: they are read one for another.
const CODE: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Of more numbers nobody reads what is known.
const NUMBERS_SEEN_MAX: usize = 20;
/// A number that calls as often is not of low risk.
const CALLS_A_DAY_LOW: u64 = 20;
/// What an impact may differ by while it counts as the same.
const IMPACT_SHARE_MAX: f64 = 0.1;
/// With fewer days of calls nobody knows what a change does.
const HISTORY_DAYS_MIN: u32 = 14;

#[cfg(test)]
mod tests;
