//! The one door between the reader and the number plans.

use crate::flag::Flag;
use crate::number::Number;
use crate::number_set::NumberSet;
use crate::plan::{self, Bare, DialPlan, PlanError, Role};
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

/// The dial plan of `[customer]`, or the key that is wrong and why.
pub(super) fn dial_plan(
    region: &str,
    bare: Bare,
    area: Option<&str>,
    access_codes: &[String],
    extensions: &[(String, String)],
) -> Result<DialPlan, (&'static str, String)> {
    DialPlan::new(region, bare, area, access_codes, extensions).map_err(|error| {
        let key = match &error {
            PlanError::UnknownRegion(_) => "region",
            PlanError::BadArea(_) => "area",
            PlanError::BadAccessCode(_) => "access_codes",
            PlanError::BadExtension(..) => "extensions",
        };
        (key, error.to_string())
    })
}

/// A plan that reads numbers with a plus when the customer's own cannot be read.
pub(super) fn neutral_plan() -> DialPlan {
    let mut plan = DialPlan::default();
    plan.bare = Bare::International;
    plan
}

/// Whether `region`, in capitals, is known.
pub(super) fn is_region(region: &str) -> bool {
    plan::regions().any(|known| known == region)
}

/// The number that `text` reaches when the customer of `dial` calls it, written with or without a plus. Digits
/// left over are a mistake of whoever wrote the entry.
pub(super) fn number(dial: &DialPlan, text: &[u8]) -> Option<Number> {
    let (party, flags) = plan::read_text(text, dial, Role::Called);
    let left_over = [Flag::Overlong, Flag::OddTail, Flag::Pause, Flag::FillerDigit].into_iter().collect();
    party.number().filter(|_| flags.intersection(left_over).is_empty())
}

/// What the numbers behind a prefix begin with.
pub(super) fn prefix(dial: &DialPlan, plus: bool, digits: &[u8]) -> Option<Number> {
    if plus || dial.bare == Bare::International {
        return Number::international(digits);
    }
    let habits = dial.habits();
    let mut abroad = habits.international_prefixes.iter().filter_map(|prefix| prefix.strip(digits));
    if let Some(rest) = abroad.find(|rest| !rest.is_empty()) {
        return Number::international(rest);
    }
    let code = habits.code();
    let national = habits
        .national_prefixes
        .iter()
        .filter(|_| digits.first().is_some_and(|digit| code.unusual >> (digit & 0xf) & 1 == 1))
        .find_map(|prefix| prefix.strip(digits))
        .unwrap_or(digits);
    Number::international(&[code.digits.as_slice(), national].concat())
}

/// All numbers of a country.
pub(super) fn country(iso: &str) -> Option<NumberSet> {
    is_region(iso).then(|| plan::country(iso).cloned()).flatten()
}

/// What `word` stands for.
pub(super) fn term(dial: &DialPlan, own: &NumberSet, word: &str) -> Option<NumberTerm> {
    let set = match word {
        "international" => plan::international(&dial.region)?,
        "national" => plan::national(&dial.region)?,
        "premium" => plan::premium(),
        "toll-free" => plan::toll_free(),
        "mobile" => plan::mobile(),
        "satellite" => plan::satellite(),
        "unallocated" => plan::unallocated(),
        "high-risk" => plan::high_risk(),
        "own" => own,
        "emergency" => return Some(NumberTerm::Emergency(emergency(dial).clone())),
        "anonymous" => return Some(NumberTerm::Anonymous),
        "invalid" => return Some(NumberTerm::Invalid(plan::invalid().clone())),
        "neighbour" => return Some(NumberTerm::Neighbour),
        _ => return None,
    };
    Some(NumberTerm::Set(set.clone()))
}

/// The emergency numbers of the region, 112 and 911 among them.
pub(crate) fn emergency(dial: &DialPlan) -> &NumberSet {
    &dial.habits().emergency
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_customer_writes_them() {
        let extensions = [("1xxx".to_owned(), "+1 210 555 1xxx".to_owned())];
        let us = dial_plan("US", Bare::National, Some("210"), &["9".to_owned()], &extensions).unwrap();
        let gb = dial_plan("GB", Bare::National, None, &[], &[]).unwrap();
        let carrier = dial_plan("US", Bare::International, None, &[], &[]).unwrap();
        for (dial, text, expected) in [
            (&us, "2105550100", "+12105550100"),
            (&us, "12105550100", "+12105550100"),
            (&us, "5550100", "+12105550100"),
            (&us, "1444", "+12105551444"),
            (&us, "911", "911"),
            (&us, "011442079460123", "+442079460123"),
            (&us, "011 44 20 7946 0123", "+442079460123"),
            (&us, "9 011 44 20 7946 0123", "+442079460123"),
            (&us, "011 44 7700 900999", "+447700900999"),
            (&us, "+4402079460123", "+442079460123"),
            (&us, "+12101111111", "+12101111111"),
            (&us, "２１０ ５５５ ０１００", "+12105550100"),
            (&gb, "(0)20 7946 0123", "+442079460123"),
            (&gb, "+44 (0)20 7946 0123", "+442079460123"),
            (&gb, "02079460123", "+442079460123"),
            (&gb, "00442079460123", "+442079460123"),
            (&gb, "999", "999"),
            (&carrier, "442079460123", "+442079460123"),
            (&carrier, "12105550100", "+12105550100"),
            (&carrier, "911", "911"),
        ] {
            assert_eq!(number(dial, text.as_bytes()).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(prefix(&us, false, b"1900").unwrap().to_string(), "+1900");
        assert_eq!(prefix(&us, false, b"900").unwrap().to_string(), "+1900");
        assert_eq!(prefix(&gb, false, b"09").unwrap().to_string(), "+449");
        assert_eq!(prefix(&gb, false, b"0088").unwrap().to_string(), "+88");
    }

    #[test]
    fn every_word_stands_for_something() {
        let dial = DialPlan::default();
        for word in NUMBER_WORDS {
            let term = term(&dial, &NumberSet::all_international(), word).unwrap();
            let (NumberTerm::Set(set) | NumberTerm::Invalid(set) | NumberTerm::Emergency(set)) = term else {
                continue;
            };
            assert!(!set.is_empty(), "{word}");
        }
    }
}
