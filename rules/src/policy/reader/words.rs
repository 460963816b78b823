//! The one door between the reader and the number plans.

use rlibphonenumber::PHONE_NUMBER_UTIL;

use crate::number::Number;
use crate::number_set::NumberSet;
use crate::plan::{Bare, DialPlan};
use crate::policy::NumberTerm;

/// Words that stand for sets of numbers or for what a number is not.
pub(super) const NUMBER_WORDS: &[&str] = &[
    "international",
    "national",
    "emergency",
    "premium",
    "toll-free",
    "mobile",
    "satellite",
    "anonymous",
    "invalid",
    "unallocated",
    "own",
    "neighbour",
    "high-risk",
];

/// The dial plan of `[customer]`.
pub(super) fn dial_plan(
    region: &str,
    bare: Bare,
    area: Option<&str>,
    access_codes: &[String],
    extensions: &[(String, String)],
) -> Result<DialPlan, (&'static str, String)> {
    if code(region).is_none() {
        return Err(("region", format!("`{region}` is no region")));
    }
    Ok(DialPlan {
        region: region.to_owned(),
        bare,
        area: area.map(str::to_owned),
        access_codes: access_codes.to_vec(),
        extensions: extensions.to_vec(),
    })
}

/// A plan that reads numbers with a plus when the customer's own cannot be read.
pub(super) fn neutral_plan() -> DialPlan {
    DialPlan {
        region: "US".to_owned(),
        bare: Bare::International,
        area: None,
        access_codes: Vec::new(),
        extensions: Vec::new(),
    }
}

/// Whether `region` has a number plan.
pub(super) fn is_region(region: &str) -> bool {
    code(region).is_some()
}

fn code(region: &str) -> Option<i32> {
    PHONE_NUMBER_UTIL.get_country_code_for_region(region.parse().ok()?)
}

/// The number that `digits` are.
pub(super) fn number(dial: &DialPlan, plus: bool, digits: &[u8]) -> Option<Number> {
    if plus || dial.bare == Bare::International {
        return Number::international(digits);
    }
    if digits.len() < 7 {
        return Number::local(digits);
    }
    prefix(dial, plus, digits)
}

/// The number that a prefix begins with.
pub(super) fn prefix(dial: &DialPlan, plus: bool, digits: &[u8]) -> Option<Number> {
    if plus || dial.bare == Bare::International {
        return Number::international(digits);
    }
    let national = digits.strip_prefix(b"1").unwrap_or(digits);
    let code = code(&dial.region)?.to_string();
    Number::international(&[code.as_bytes(), national].concat())
}

/// All numbers of a country.
pub(super) fn country(iso: &str) -> Option<NumberSet> {
    Some(NumberSet::prefix(Number::international(code(iso)?.to_string().as_bytes())?))
}

/// What `word` stands for.
pub(super) fn term(dial: &DialPlan, own: &NumberSet, word: &str) -> Option<NumberTerm> {
    let national = country(&dial.region)?;
    Some(match word {
        "international" => NumberTerm::Set(NumberSet::all_international().difference(&national)),
        "national" => NumberTerm::Set(national),
        "emergency" => NumberTerm::Emergency(emergency(dial)),
        "anonymous" => NumberTerm::Anonymous,
        "invalid" => NumberTerm::Invalid(NumberSet::EMPTY),
        "own" => NumberTerm::Set(own.clone()),
        "neighbour" => NumberTerm::Neighbour,
        _ => NumberTerm::Set(NumberSet::EMPTY),
    })
}

/// The emergency numbers of the region.
pub(super) fn emergency(_: &DialPlan) -> NumberSet {
    let local = |digits: &[u8]| Number::local(digits).map(NumberSet::exact).unwrap_or_default();
    local(b"911").union(&local(b"112"))
}
