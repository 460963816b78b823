//! What is known of a customer beside its calls: by this they are judged after the fact.

use std::collections::BTreeSet;

use cases::Calendar;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use rules::{NumberSet, Timestamp};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::{Period, Share};

/// What metrics of one customer are computed by.
#[derive(Clone, Debug)]
pub struct Context {
    /// Whose clock hours and days are of.
    pub zone: TimeZone,
    /// Where calls come from.
    pub trunks: Vec<Trunk>,
    /// The customer's own numbers.
    pub own: NumberSet,
    /// Numbers nobody should call from, by what they are called in reports: `unallocated`, `do-not-originate`.
    pub suspect: Vec<(String, NumberSet)>,
    /// What calls cost; of several prefixes the longest counts.
    pub rates: Vec<Rate>,
    /// Numbers that are no call abroad; `None` where nobody said, and then no call is one.
    pub national: Option<NumberSet>,
    /// When the customer is open; `None` where nobody said, and then no hour is after hours.
    pub hours: Option<Calendar>,
    /// What closed cases say about calls.
    pub labels: Vec<Label>,
    /// Attacks that cases tell of.
    pub campaigns: Vec<Campaign>,
    /// Numbers whose block ends soon (M22).
    pub expiring: Vec<Entry>,
    /// Rules of the policy, in its order.
    pub rules: Vec<RuleName>,
    /// Of passed calls that somebody reviewed those that were unwanted.
    pub reviewed_passed: Option<Share>,
    /// Of blocked calls that somebody reviewed those that were wrong.
    pub reviewed_blocked: Option<Share>,
}

/// A way calls come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// Where it ends; empty where nobody said.
    pub site: String,
    /// Addresses that it sends from.
    #[serde(serialize_with = "as_texts")]
    pub networks: Vec<IpNet>,
    /// Calls that it carries at a time; `None` where nobody said.
    pub channels: Option<u32>,
}

/// What a call costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Leading digits of E.164, without the plus.
    pub prefix: String,
    /// What they are called.
    pub name: String,
    /// A minute, in the customer's money.
    pub per_minute: f64,
    /// Whether fraud likes them.
    pub is_risk: bool,
}

/// What a closed case says about calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Of this caller, E.164 digits; `None` for any.
    pub caller: Option<u64>,
    /// That this rule or threshold decided; `None` for any.
    pub rule: Option<String>,
    /// From then.
    pub from: Timestamp,
    /// Until just before then.
    pub to: Timestamp,
    /// What they were.
    pub judged: Judged,
    /// The case that says so.
    pub case: String,
}

/// What calls were, after the fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Judged {
    /// Nobody wants them. A label needs a caller for that.
    Unwanted,
    /// They should not have been blocked.
    Wanted,
}

/// An attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Campaign {
    /// The case that tells of it.
    pub case: String,
    /// Who called, E.164 digits.
    pub callers: BTreeSet<u64>,
    /// The first call.
    pub first: Timestamp,
    /// The last call.
    pub last: Timestamp,
    /// When its block was in force; `None` where there was none.
    pub contained: Option<Timestamp>,
}

/// A number on a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// E.164 digits.
    pub number: u64,
    /// The list.
    pub list: String,
    /// The last day on which it counts.
    pub expires: String,
    /// Since when it stands there.
    pub since: Timestamp,
}

/// A rule of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleName {
    /// As records name it.
    pub name: String,
    /// An earlier rule that always decides before it, as the prover shows.
    pub shadowed_by: Option<String>,
}

impl Context {
    /// Of a customer of whom nothing but the zone is known.
    pub fn of_zone(zone: TimeZone) -> Self {
        Self {
            zone,
            trunks: Vec::new(),
            own: NumberSet::default(),
            suspect: Vec::new(),
            rates: Vec::new(),
            national: None,
            hours: None,
            labels: Vec::new(),
            campaigns: Vec::new(),
            expiring: Vec::new(),
            rules: Vec::new(),
            reviewed_passed: None,
            reviewed_blocked: None,
        }
    }

    /// What fingerprints of periods begin with: all that matters to every call.
    ///
    /// # Errors
    /// It cannot be written as JSON, which plain data always can.
    pub fn fingerprints(&self) -> Result<Fingerprints<'_>, serde_json::Error> {
        let mut hash = Sha256::new();
        put(&mut hash, self.zone.iana_name().unwrap_or_default().as_bytes());
        put(&mut hash, &serde_json::to_vec(&self.trunks)?);
        put(&mut hash, &serde_json::to_vec(&self.rates)?);
        let sets = self.suspect.iter().map(|(name, set)| (name.as_str(), set));
        let national = self.national.iter().map(|set| ("national", set));
        for (name, set) in std::iter::once(("own", &self.own)).chain(national).chain(sets) {
            put(&mut hash, name.as_bytes());
            let mut bytes = Vec::with_capacity(set.segments().len() * 18);
            for segment in set.segments() {
                bytes.extend(segment.low.to_be_bytes());
                bytes.extend(segment.high.to_be_bytes());
                bytes.extend(segment.lengths.to_be_bytes());
            }
            put(&mut hash, &bytes);
        }
        put(&mut hash, self.hours.as_ref().map(Calendar::version).unwrap_or_default().as_bytes());
        put(&mut hash, &serde_json::to_vec(&self.expiring)?);
        Ok(Fingerprints { context: self, hash })
    }

    /// The trunk that an address of records belongs to, by its place.
    pub fn trunk(&self, source: &str) -> Option<usize> {
        let address: std::net::IpAddr = source.parse().ok()?;
        self.trunks.iter().position(|trunk| trunk.networks.iter().any(|network| network.contains(&address)))
    }
}

/// Fingerprints of a context, by period: sets of numbers may be long, and are gone through once.
#[derive(Clone, Debug)]
pub struct Fingerprints<'a> {
    context: &'a Context,
    hash: Sha256,
}

impl Fingerprints<'_> {
    /// SHA-256 over all that matters to what is counted of calls of `period`, in hexadecimal: what was counted holds as long
    /// as this stays.
    ///
    /// # Errors
    /// It cannot be written as JSON, which plain data always can.
    pub fn of(&self, period: &Period) -> Result<String, serde_json::Error> {
        let mut hash = self.hash.clone();
        let meets = |from: Timestamp, to: Timestamp| from < period.to && to > period.from;
        let labels: Vec<_> = self.context.labels.iter().filter(|label| meets(label.from, label.to)).collect();
        put(&mut hash, &serde_json::to_vec(&labels)?);
        let campaigns: Vec<_> = self
            .context
            .campaigns
            .iter()
            .filter(|campaign| meets(campaign.first, Timestamp(campaign.last.0.saturating_add(1))))
            .collect();
        put(&mut hash, &serde_json::to_vec(&campaigns)?);
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Lengths first, so that no two contexts are one row of bytes.
fn put(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn as_texts<S: Serializer>(networks: &[IpNet], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(networks.iter().map(IpNet::to_string))
}
