//! Number plans: which numbers exist, what they cost, how a region dials.
//!
//! All sets are exact: the regular expressions of the metadata are turned into number sets once, when first
//! asked for, and never evaluated per call.

mod carrier;
pub(crate) mod character;
mod dial;
mod dialled;
mod emergency;
mod indexed;
mod kind;
mod pattern;
mod plain;
mod risk;
mod territory;
mod written;

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

pub use character::decimal_digit;
pub use dial::{Bare, DialPlan, Habits, PlanError};
pub use dialled::{Dialled, Role};
pub use emergency::regions;
pub use indexed::Indexed;
pub use kind::{Description, Kind};
pub use plain::{read_plain, read_short, read_text};
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
    world().valid.set()
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

/// A dial plan of each region, with the digits for an outside line that are usual: by these it is read what is dialled
/// where no policy says how its customer dials.
pub fn everywhere() -> &'static [DialPlan] {
    static EVERYWHERE: LazyLock<Vec<DialPlan>> = LazyLock::new(|| {
        let outside = ["0", "9"].map(str::to_owned);
        regions()
            .filter_map(|region| DialPlan::new(region, Bare::National, None, &outside, &[]).ok())
            .collect()
    });
    &EVERYWHERE
}

/// The ISO region that `number` belongs to by its leading digits; `None` for a local one.
pub fn country_of(number: Number) -> Option<&'static str> {
    if number.is_local() {
        None
    } else {
        world().territory_of(number).map(|territory| territory.iso.as_str())
    }
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
    use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberType};

    fn number(text: &str) -> Number {
        match text.strip_prefix('+') {
            Some(digits) => Number::international(digits.as_bytes()).unwrap(),
            None => Number::local(text.as_bytes()).unwrap(),
        }
    }

    /// The metadata's library read the lock file wrote: what `explain` prints must be what was compiled.
    #[test]
    fn the_printed_version_is_the_compiled_one() {
        let lock = include_str!("../../../Cargo.lock");
        let (name, version) = metadata_version().split_once(' ').unwrap();
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")));
        assert_eq!(lock.matches(&format!("name = \"{name}\"\n")).count(), 1);
    }

    #[test]
    fn a_number_belongs_to_the_country_its_leading_digits_name() {
        for (text, region) in [
            ("+12105550100", "US"),
            ("+14165550100", "CA"),
            ("+14161110100", "CA"),
            ("+12101111111", "US"),
            ("+18765550100", "JM"),
            ("+18005550100", "US"),
            ("+442079460123", "GB"),
            ("+447781123456", "GG"),
            ("+74951234567", "RU"),
            ("+77011234567", "KZ"),
            ("+390612345678", "IT"),
            ("+390669812345", "VA"),
            ("+4930231251", "DE"),
        ] {
            let number = number(text);
            let found: Vec<&str> =
                regions().filter(|region| country(region).unwrap().contains(number)).collect();
            assert_eq!(found, [region], "{text}");
            assert_eq!(describe(number).country, Some(region), "{text}");
        }
        assert!(country("AQ").unwrap().is_empty());
        assert!(country("gb").is_some() && country("ZZ").is_none() && country("USA").is_none());
    }

    #[test]
    fn what_is_dear_or_abroad_is_known() {
        let (us, ca) = (international("US").unwrap(), international("ca").unwrap());
        for (text, abroad_of_us, abroad_of_ca) in [
            ("+12105550100", false, true),
            ("+17875550100", false, true),
            ("+14165550100", true, false),
            ("+18765550100", true, true),
            ("+18005550100", false, false),
            ("+442079460123", true, true),
            ("+8816123456", true, true),
        ] {
            assert_eq!(
                (us.contains(number(text)), ca.contains(number(text))),
                (abroad_of_us, abroad_of_ca),
                "{text}"
            );
            assert_eq!(national("US").unwrap().contains(number(text)), !abroad_of_us, "{text}");
        }
        assert!(!us.contains(number("911")) && national("ZZ").is_none());
        assert!(premium().contains(number("+19005550100")) && premium().contains(number("+979123456789")));
        assert!(toll_free().contains(number("+18005550111")) && toll_free().contains(number("+80012345678")));
        assert!(mobile().contains(number("+447400123456")) && !mobile().contains(number("+12105550100")));
        assert!(satellite().contains(number("+870771234567")) && satellite().contains(number("+8816123456")));
        assert!(
            satellite().contains(number("+882161234567")) && !satellite().contains(number("+442079460123"))
        );
        assert!(
            high_risk().contains(number("+2521234567")) && !high_risk().contains(number("+442079460123"))
        );
        assert_eq!(
            risk(number("+18765550100")),
            Some("Jamaica: one-ring and lottery scams behind +1 (FCC, FTC)")
        );
        assert_eq!(risk(number("876")), None);
    }

    #[test]
    fn what_nobody_can_have_is_told_from_what_is_only_mistyped() {
        for (text, is_invalid, is_unallocated) in [
            ("+12105550100", false, false),
            ("+12101111111", true, false),
            ("+12225550100", true, true),
            ("+1210555010", true, false),
            ("+999123456789", false, true),
            ("+2101234567", false, true),
            ("+442079460123", false, false),
            ("+44", true, false),
        ] {
            let number = number(text);
            assert_eq!(invalid().contains(number), is_invalid, "{text}");
            assert_eq!(unallocated().contains(number), is_unallocated, "{text}");
        }
        assert!(unallocated().intersection(valid()).is_empty() && invalid().intersection(valid()).is_empty());
    }

    /// Numbers all over the world: example numbers with their tails changed, and any digits at all.
    fn numbers_of_the_world(count: usize) -> impl Iterator<Item = Number> {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let segments = valid().segments();
        std::iter::from_fn(move || {
            let segment = segments[random() as usize % segments.len()];
            let lengths: Vec<usize> = (5..=15).filter(|n| segment.lengths >> n & 1 == 1).collect();
            if lengths.is_empty() || random() % 8 == 0 {
                let digits = format!("{}", random());
                return Some(Number::international(&digits.as_bytes()[..7 + random() as usize % 9]));
            }
            let length = lengths[random() as usize % lengths.len()];
            let position = segment.low + random() % (segment.high - segment.low + 1);
            let mut digits = format!("{position:015}")[..length].to_owned().into_bytes();
            if random() % 4 == 0 {
                let place = random() as usize % length;
                digits[place] = b'0' + (random() % 10) as u8;
            }
            Some(Number::international(&digits))
        })
        .flatten()
        .take(count)
    }

    #[test]
    fn every_decision_is_that_of_the_library() {
        let mut valid_ones = 0;
        for number in numbers_of_the_world(100_000) {
            let digits = number.digits();
            let Some(code) = world().code(digits.as_bytes()) else {
                assert!(!valid().contains(number));
                continue;
            };
            let national = &digits.as_str()[code.digits.len()..];
            if national.is_empty() {
                continue;
            }
            let mut asked = PhoneNumber {
                country_code: std::str::from_utf8(&code.digits).unwrap().parse().unwrap(),
                national_number: national.parse().unwrap(),
                ..PhoneNumber::default()
            };
            let zeros = national.len() - national.trim_start_matches('0').len();
            if zeros > 0 {
                asked.italian_leading_zero = Some(true);
                asked.number_of_leading_zeros = Some(zeros.min(national.len() - 1) as i32);
            }
            let is_valid = PHONE_NUMBER_UTIL.is_valid_number(&asked);
            assert_eq!(valid().contains(number), is_valid, "{number}");
            assert_eq!(invalid().contains(number), !is_valid, "{number}");
            let kind = PHONE_NUMBER_UTIL.get_number_type(&asked);
            assert_eq!(mobile().contains(number), kind == PhoneNumberType::Mobile, "{number}");
            assert_eq!(premium().contains(number), kind == PhoneNumberType::PremiumRate, "{number}");
            assert_eq!(toll_free().contains(number), kind == PhoneNumberType::TollFree, "{number}");
            let region =
                PHONE_NUMBER_UTIL.get_region_for_number(&asked).map(|r| r.as_region_str().to_string());
            let found = describe(number);
            assert_eq!(found.valid, is_valid, "{number}");
            if let Some(region) = region {
                assert_eq!(found.country, Some(region.as_str()), "{number}");
                assert!(region == "001" || country(&region).unwrap().contains(number), "{number}");
            }
            valid_ones += usize::from(is_valid);
        }
        assert!((50_000..95_000).contains(&valid_ones), "{valid_ones} valid");
    }

    #[test]
    fn kinds_and_countries_do_not_overlap() {
        for (index, territory) in world().territories.iter().enumerate() {
            for other in world().territories[index + 1..].iter().filter(|other| other.code == territory.code)
            {
                assert!(territory.numbers.intersection(&other.numbers).is_empty());
            }
            let kinds: u64 = territory.kinds.iter().map(|(_, numbers)| numbers.count()).sum();
            assert_eq!(kinds, territory.valid().count(), "{}", territory.iso);
        }
    }
}
