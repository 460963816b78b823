//! Number plans: which numbers exist, what they cost, how a region dials.
//!
//! All sets are exact: the regular expressions of the metadata are turned into number sets once, when first
//! asked for, and never evaluated per call.

mod character;
mod dial;
mod dialled;
mod emergency;
mod kind;
mod pattern;
mod plain;
mod risk;
mod territory;
mod written;

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

pub use dial::{Bare, DialPlan, Habits, PlanError};
pub use dialled::{Dialled, Role};
pub use emergency::regions;
pub use kind::{Description, Kind};
pub use plain::read_plain;
pub use territory::{CountryCode, Prefix};
pub use written::Written;

use crate::number::Number;
use crate::number_set::NumberSet;
use territory::{Territory, behind, union, world};

/// What carries the number-plan metadata, and its version, as `explain` prints it.
pub const fn metadata_version() -> &'static str {
    "rlibphonenumber 2.2.15"
}

/// Premium-rate numbers of every plan, +979 among them. Shared-cost numbers are not: in most plans they cost
/// the caller no more than a usual call; see [`of_kind`].
pub fn premium() -> &'static NumberSet {
    of_kind(Kind::Premium)
}

/// Numbers free for the caller, +800 among them.
pub fn toll_free() -> &'static NumberSet {
    of_kind(Kind::TollFree)
}

/// Numbers that are certainly mobile; where a plan does not tell (all of +1), none.
pub fn mobile() -> &'static NumberSet {
    of_kind(Kind::Mobile)
}

/// Every number of `kind` that some plan knows.
pub fn of_kind(kind: Kind) -> &'static NumberSet {
    static KINDS: LazyLock<Vec<NumberSet>> = LazyLock::new(|| {
        let of = |kind| -> Vec<NumberSet> { world().territories.iter().map(|t| t.of(kind)).collect() };
        Kind::ALL.iter().map(|&kind| union(of(kind).iter())).collect()
    });
    KINDS.get(kind as usize).unwrap_or(&NOTHING)
}

/// Satellite telephones, and cells on ships and aircraft that satellites feed.
pub fn satellite() -> &'static NumberSet {
    static SATELLITE: LazyLock<NumberSet> = LazyLock::new(|| risk::set(risk::SATELLITE));
    &SATELLITE
}

/// Destinations known for international revenue share fraud: dear, and with lines for rent.
pub fn high_risk() -> &'static NumberSet {
    static HIGH_RISK: LazyLock<NumberSet> = LazyLock::new(|| risk::set(risk::HIGH_RISK));
    &HIGH_RISK
}

/// Why `number` is in [`high_risk`] or [`satellite`]: the name of the range and the reasoning.
pub fn risk(number: Number) -> Option<&'static str> {
    [risk::HIGH_RISK, risk::SATELLITE]
        .into_iter()
        .flatten()
        .filter(|(prefix, _)| !number.is_local() && number.starts_with(prefix.as_bytes()))
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, why)| *why)
}

/// Every number that matches some pattern of its country's plan.
pub fn valid() -> &'static NumberSet {
    &world().valid
}

/// International numbers under a country code in use that match no pattern of its plan, the wrong length
/// included.
pub fn invalid() -> &'static NumberSet {
    static INVALID: LazyLock<NumberSet> =
        LazyLock::new(|| union(world().territories.iter().map(|t| &t.numbers)).difference(valid()));
    &INVALID
}

/// International numbers that nobody can have: their country code is not in use, or no number in service
/// begins with their area (three digits behind +1, elsewhere the first two behind the country code).
pub fn unallocated() -> &'static NumberSet {
    static UNALLOCATED: LazyLock<NumberSet> = LazyLock::new(|| {
        let mut used = Vec::new();
        for code in &world().codes {
            let code = String::from_utf8_lossy(&code.digits);
            let own = valid().intersection(&behind(&code));
            let places = if code == "1" { 3 } else { 2 };
            for area in 0..10u32.pow(places) {
                let area = behind(&format!("{code}{area:0width$}", width = places as usize));
                if !own.intersection(&area).is_empty() {
                    used.push(area);
                }
            }
        }
        let shorter = world().codes.iter().map(|code| behind(&String::from_utf8_lossy(&code.digits)));
        // A number that ends inside its area says nothing about it.
        used.extend(shorter.map(|all| all.with_lengths(0b1_1111)));
        NumberSet::all_international().difference(&union(used.iter()))
    });
    &UNALLOCATED
}

/// All numbers of an ISO region (any case) by their leading digits, in service or not. Regions that share a
/// country code are told apart by their areas; what no area tells goes to the code's main region, as +1
/// toll-free does to `US`. Empty for the few regions without numbers of their own (`AQ`); `None` for an unknown one.
pub fn country(region: &str) -> Option<&'static NumberSet> {
    let region = region.to_ascii_uppercase();
    regions().find(|known| *known == region)?;
    Some(world().territory(&region).map_or(&NOTHING, |territory| &territory.numbers))
}

/// Numbers that are a domestic call from an ISO region: its own, those of territories of the same state under
/// the same country code, and non-geographic ones of that code (+1 800 for all of +1). Canada and the Caribbean are
/// abroad for the United States: such calls are dear, and a favourite of one-ring fraud.
pub fn national(region: &str) -> Option<&'static NumberSet> {
    static NATIONAL: Cache = Mutex::new(BTreeMap::new());
    cached(&NATIONAL, region, |region| {
        let own = world().territory(region)?;
        let state = SAME_STATE.iter().find(|state| state.contains(&region)).copied().unwrap_or_default();
        let members = world()
            .territories
            .iter()
            .filter(|t| t.code == own.code && (t.iso == own.iso || state.contains(&t.iso.as_str())));
        let mut numbers = union(members.map(|t| &t.numbers));
        let shared = [Kind::TollFree, Kind::Premium, Kind::Personal, Kind::Company];
        if let Some(main) = world().territories.iter().find(|t| t.code == own.code && t.code == "1") {
            numbers = shared.iter().fold(numbers, |all, &kind| all.union(&main.of(kind)));
        }
        Some(numbers)
    })
}

/// Every international number that is not [`national`] for an ISO region.
pub fn international(region: &str) -> Option<&'static NumberSet> {
    static INTERNATIONAL: Cache = Mutex::new(BTreeMap::new());
    cached(&INTERNATIONAL, region, |region| {
        Some(NumberSet::all_international().difference(national(region)?))
    })
}

/// Emergency numbers of an ISO region (any case), 112 and 911 everywhere, as local numbers.
pub fn emergency(region: &str) -> Option<&'static NumberSet> {
    static EMERGENCY: Cache = Mutex::new(BTreeMap::new());
    cached(&EMERGENCY, region, emergency::numbers)
}

/// What is known of `number`. Not for the fast path.
pub fn describe(number: Number) -> Description {
    let territory: Option<&'static Territory> =
        if number.is_local() { None } else { world().territory_of(number) };
    let kind = territory.and_then(|territory| {
        territory.kinds.iter().find(|(_, numbers)| numbers.contains(number)).map(|(kind, _)| *kind)
    });
    Description { country: territory.map(|territory| territory.iso.as_str()), kind, valid: kind.is_some() }
}

/// Regions of one state that share a country code and call each other at domestic prices.
const SAME_STATE: &[&[&str]] = &[
    &["US", "PR", "VI", "GU", "AS", "MP"],
    &["FI", "AX"],
    &["NO", "SJ"],
    &["AU", "CX", "CC"],
    &["GP", "BL", "MF"],
    &["RE", "YT"],
    &["MA", "EH"],
    &["SH", "TA"],
];

type Cache = Mutex<BTreeMap<String, &'static NumberSet>>;

/// A set made once a region and kept for good; at most one for each region there is.
fn cached(
    cache: &'static Cache,
    region: &str,
    make: impl FnOnce(&str) -> Option<NumberSet>,
) -> Option<&'static NumberSet> {
    let region = region.to_ascii_uppercase();
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = cache.get(&region) {
        return Some(known);
    }
    let made: &'static NumberSet = Box::leak(Box::new(make(&region)?));
    cache.insert(region, made);
    Some(made)
}

static NOTHING: NumberSet = NumberSet::EMPTY;

#[cfg(test)]
mod tests {
    use super::*;

    /// The metadata's library read the lock file wrote: what `explain` prints must be what was compiled.
    #[test]
    fn the_printed_version_is_the_compiled_one() {
        let lock = include_str!("../../../Cargo.lock");
        let (name, version) = metadata_version().split_once(' ').unwrap();
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")));
        assert_eq!(lock.matches(&format!("name = \"{name}\"\n")).count(), 1);
    }
}
