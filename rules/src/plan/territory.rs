//! The metadata of every country, read once: territories, their numbers by kind, country codes.

use std::sync::LazyLock;

use rlibphonenumber::interfaces::AsOriginal;
use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};

use super::indexed::Indexed;
use super::kind::Kind;
use super::pattern::{self, Sequence};
use crate::number::{Number, power_of_ten};
use crate::number_set::{ALL_LENGTHS, NumberSet, Segment};

/// One territory with a number plan of its own, or one non-geographic country code.
#[derive(Debug)]
pub(crate) struct Territory {
    /// ISO 3166 code; `001` for a non-geographic country code.
    pub(crate) iso: String,
    /// Its country code, in digits.
    pub(crate) code: String,
    /// All its numbers by leading digits, whether they are in service or not.
    pub(crate) numbers: NumberSet,
    /// The numbers its plan knows, by kind; kinds do not overlap.
    pub(crate) kinds: Vec<(Kind, NumberSet)>,
    /// How many digits a complete national number may have: bit *n* for *n* digits.
    pub(crate) lengths: u32,
    /// How many digits may be dialled inside one area.
    pub(crate) local_lengths: u32,
    /// Prefixes for numbers abroad.
    pub(crate) international_prefixes: Vec<Sequence>,
    /// What is dialled before a national number: trunk prefix, carrier selection.
    pub(crate) national_prefixes: Vec<Sequence>,
    /// The area that numbers without one belong to, where there is but one.
    pub(crate) area: String,
    /// Ways to begin a mobile number inside Argentina (area and 15) that reads 9 and the area abroad.
    pub(crate) fifteens: Vec<Sequence>,
}

/// All that is known of the world's numbers.
#[derive(Debug)]
pub(crate) struct World {
    /// Territories in the order in which shared codes are searched.
    pub(crate) territories: Vec<Territory>,
    /// Country codes in use.
    pub(crate) codes: Vec<CountryCode>,
    /// Index into `codes` and one, by the first three digits of a number; 0 where no code is in use.
    by_leading: Vec<u16>,
    /// Every number that some plan knows.
    pub(crate) valid: Indexed,
}

/// What a reader must know of one country code.
#[derive(Clone, Debug)]
pub struct CountryCode {
    /// Its digits in ASCII.
    pub digits: Vec<u8>,
    /// How many digits an international number under it may have, code included: bit *n* for *n* digits.
    pub lengths: u16,
    /// Digits that no number in service has right behind the code: bit *d* for the digit *d*.
    pub unusual: u16,
    /// What is dialled before a national number inside, longest first, without carrier selection.
    pub national_prefixes: Vec<Prefix>,
    /// Mobile numbers dialled inside Argentina as area and 15; empty elsewhere.
    pub(super) fifteens: Vec<Prefix>,
}

/// A dialling prefix: the digits that may stand at each place, bit *d* for the digit *d*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(pub(super) Sequence);

impl Prefix {
    /// What follows it in `digits` (ASCII); `None` when they do not begin with it.
    pub fn strip<'a>(&self, digits: &'a [u8]) -> Option<&'a [u8]> {
        let (head, rest) = digits.split_at_checked(self.0.len())?;
        let fits = head.iter().zip(&self.0).all(|(digit, place)| place >> (digit & 0xf) & 1 == 1);
        fits.then_some(rest)
    }

    /// How many digits it has.
    #[allow(clippy::len_without_is_empty, reason = "a prefix has at least one digit")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The prefix that is exactly `digits`.
    pub fn exact(digits: &str) -> Self {
        Self(digits.bytes().map(|digit| 1 << (digit & 0xf)).collect())
    }
}

impl CountryCode {
    /// For Argentina, the digits of area and subscriber of a mobile number written with 15 (`11 15 2345 6789`
    /// is `9 11 2345 6789` abroad): the area, and what follows the 15.
    pub fn mobile_fifteen<'a>(&self, national: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        self.fifteens.iter().find_map(|prefix| {
            let rest = prefix.strip(national)?;
            let area = national.get(..prefix.len().checked_sub(2)?)?;
            (area.len() + rest.len() == 10).then_some((area, rest))
        })
    }
}

impl Territory {
    /// The numbers of `kind` its plan knows.
    pub(crate) fn of(&self, kind: Kind) -> NumberSet {
        let found = self.kinds.iter().find(|(known, _)| *known == kind);
        found.map_or(NumberSet::EMPTY, |(_, numbers)| numbers.clone())
    }

    /// Every number its plan knows.
    pub(crate) fn valid(&self) -> NumberSet {
        union(self.kinds.iter().map(|(_, numbers)| numbers))
    }
}

impl World {
    /// The country code that `digits` (ASCII) begin with.
    pub(crate) fn code(&self, digits: &[u8]) -> Option<&CountryCode> {
        let mut leading = 0;
        for place in 0..3 {
            leading = leading * 10 + usize::from(digits.get(place).map_or(0, |digit| digit & 0xf));
        }
        let code = self.code_of_leading(leading)?;
        digits.starts_with(&code.digits).then_some(code)
    }

    /// The country code that a number with the first three digits `leading` (0 to 999) belongs to.
    #[inline]
    pub(crate) fn code_of_leading(&self, leading: usize) -> Option<&CountryCode> {
        self.codes.get(usize::from(*self.by_leading.get(leading)?).checked_sub(1)?)
    }

    /// The territories that share the country code of `number`, in the order of search.
    pub(crate) fn territory_of(&self, number: Number) -> Option<&Territory> {
        self.territories.iter().find(|territory| territory.numbers.contains(number))
    }

    /// The territory of an ISO code.
    pub(crate) fn territory(&self, iso: &str) -> Option<&Territory> {
        self.territories.iter().find(|territory| territory.iso == iso && territory.iso != NON_GEOGRAPHIC)
    }

    fn read() -> Self {
        let codes: Vec<i32> = PHONE_NUMBER_UTIL.get_supported_calling_codes().collect();
        let mut territories = Vec::new();
        for &code in &codes {
            territories.extend(territories_of(code));
        }
        let valid = union(territories.iter().flat_map(|t| t.kinds.iter().map(|(_, numbers)| numbers)));
        let codes: Vec<CountryCode> = codes.iter().map(|&code| country_code(code, &territories)).collect();
        let mut by_leading = vec![0; 1000];
        for (index, code) in codes.iter().enumerate() {
            let width = power_of_ten(3 - code.digits.len()) as usize;
            let first =
                code.digits.iter().fold(0, |value, digit| value * 10 + usize::from(digit & 0xf)) * width;
            if let Some(places) = by_leading.get_mut(first..first + width) {
                places.fill(index as u16 + 1);
            }
        }
        Self { territories, codes, by_leading, valid: Indexed::new(valid) }
    }
}

/// The ISO code under which non-geographic country codes stand.
pub(crate) const NON_GEOGRAPHIC: &str = "001";

/// The world's number plans, read when first asked for.
pub(crate) fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(World::read);
    &WORLD
}

/// The union of many sets.
pub(crate) fn union<'a>(sets: impl Iterator<Item = &'a NumberSet>) -> NumberSet {
    NumberSet::from_segments(sets.flat_map(|set| set.segments().iter().copied()).collect())
}

/// All numbers that begin with `digits`.
pub(crate) fn behind(digits: &str) -> NumberSet {
    Number::international(digits.as_bytes()).map_or(NumberSet::EMPTY, NumberSet::prefix)
}

/// The territories of one country code. The first that claims a number by its leading digits or by its plan
/// has it; what nobody claims goes where its area belongs, else to the first.
fn territories_of(code: i32) -> Vec<Territory> {
    let regions: Vec<Region> = PHONE_NUMBER_UTIL
        .get_regions_for_country_calling_code(code)
        .map(Iterator::collect)
        .unwrap_or_default();
    let mut rest = behind(&code.to_string());
    let mut territories = Vec::new();
    for &region in &regions {
        let Some(mut territory) = territory(code, region) else {
            continue;
        };
        if regions.len() > 1 {
            territory.numbers = territory.numbers.union(&territory.valid()).intersection(&rest);
            for (_, numbers) in &mut territory.kinds {
                *numbers = numbers.intersection(&territory.numbers);
            }
            rest = rest.difference(&territory.numbers);
        } else {
            territory.numbers = rest.clone();
        }
        territories.push(territory);
    }
    if regions.len() > 1 {
        share_out(rest, code, &mut territories);
    }
    territories
}

/// Gives numbers that no plan knows to the territory that alone has numbers in service in the same area, and
/// all others to the first territory of the code.
fn share_out(mut rest: NumberSet, code: i32, territories: &mut [Territory]) {
    let valid: Vec<NumberSet> = territories.iter().map(Territory::valid).collect();
    let mut areas: Vec<Vec<Segment>> = vec![Vec::new(); valid.len()];
    for area in (0..1000).map(|area| behind(&format!("{code}{area:03}"))) {
        let mut owners =
            areas.iter_mut().zip(&valid).filter(|(_, numbers)| numbers.intersects(&area)).map(|(own, _)| own);
        if let (Some(own), None) = (owners.next(), owners.next()) {
            own.extend(area.segments());
        }
    }
    for (territory, own) in territories.iter_mut().zip(areas) {
        let own = NumberSet::from_segments(own);
        territory.numbers = territory.numbers.union(&own.intersection(&rest));
        rest = rest.difference(&own);
    }
    if let Some(first) = territories.first_mut() {
        first.numbers = first.numbers.union(&rest);
    }
}

fn country_code(code: i32, territories: &[Territory]) -> CountryCode {
    let digits = code.to_string();
    let own: Vec<&Territory> = territories.iter().filter(|territory| territory.code == digits).collect();
    let lengths = own.iter().fold(0, |lengths, territory| lengths | territory.lengths << digits.len()) as u16;
    let valid = union(own.iter().flat_map(|territory| territory.kinds.iter().map(|(_, numbers)| numbers)));
    let unusual = (0..10)
        .filter(|digit| !valid.intersects(&behind(&format!("{digits}{digit}"))))
        .fold(0, |unusual, digit| unusual | 1 << digit);
    let mut national_prefixes: Vec<Prefix> = own
        .first()
        .map(|territory| territory.national_prefixes.iter().cloned().map(Prefix).collect())
        .unwrap_or_default();
    national_prefixes.retain(|prefix: &Prefix| prefix.len() <= TRUNK_PREFIX_MAX);
    national_prefixes.extend(formerly(&digits).iter().map(|former| Prefix::exact(former)));
    national_prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
    let fifteens = own.iter().flat_map(|territory| territory.fifteens.iter().cloned().map(Prefix)).collect();
    CountryCode { digits: digits.into_bytes(), lengths, unusual, national_prefixes, fifteens }
}

/// Prefixes that the plan no longer has and that systems still send: Mexico dropped 01, 044, 045 and the 1
/// behind its country code in August 2019.
fn formerly(code: &str) -> &'static [&'static str] {
    if code == "52" { &["1", "01", "044", "045"] } else { &[] }
}

/// Trunk prefixes have at most two digits (06 in Hungary); longer ones select a carrier or a service.
pub(crate) const TRUNK_PREFIX_MAX: usize = 2;

/// Reads one territory. A pattern this crate cannot turn into a set would be a hole in the plan, so a test
/// demands that there is none; at run time it is left out.
fn territory(code: i32, region: Region) -> Option<Territory> {
    let metadata = PHONE_NUMBER_UTIL.as_original().get_metadata_for_region_or_calling_code(code, region)?;
    let digits = code.to_string();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    // The library does not name the type of a description, so no function can take one.
    let numbers = |pattern: &str, possible: &[i32]| {
        pattern::numbers(&digits, &read_sequences(pattern)).with_lengths(lengths(possible, digits.len()))
    };
    macro_rules! numbers {
        ($kind:ident) => {
            numbers(
                metadata.$kind.national_number_pattern().original_base(),
                &metadata.$kind.original.possible_length,
            )
        };
    }
    let general = numbers!(general_desc);
    let mut kinds = Vec::new();
    let mut rest = general;
    let mut add = |kind, found: NumberSet| {
        let found = found.intersection(&rest);
        rest = rest.difference(&found);
        kinds.push((kind, found));
    };
    add(Kind::Premium, numbers!(premium_rate));
    add(Kind::TollFree, numbers!(toll_free));
    add(Kind::SharedCost, numbers!(shared_cost));
    add(Kind::Voip, numbers!(voip));
    add(Kind::Personal, numbers!(personal_number));
    add(Kind::Pager, numbers!(pager));
    add(Kind::Company, numbers!(uan));
    add(Kind::Voicemail, numbers!(voicemail));
    let (fixed, mobile) = (numbers!(fixed_line), numbers!(mobile));
    let same = metadata.original.same_mobile_and_fixed_line_pattern();
    add(Kind::FixedOrMobile, if same { fixed.clone() } else { fixed.intersection(&mobile) });
    add(Kind::Fixed, fixed);
    add(Kind::Mobile, if same { NumberSet::EMPTY } else { mobile });

    // Behind +1 every complete number has ten digits and every local one seven; the metadata calls Canada's
    // 310 numbers, seven digits dialled inside only, complete.
    let leading = metadata.leading_digits().original_base();
    let leading = if leading.is_empty() { Vec::new() } else { read_sequences(leading) };
    let general = &metadata.general_desc.original;
    let rule = text(&metadata.original.national_prefix_transform_rule);
    let parsing = metadata.national_prefix_for_parsing().original_base();
    Some(Territory {
        iso: region.as_region_str().to_string(),
        numbers: with_followers(&pattern::numbers(&digits, &leading)),
        kinds,
        lengths: if digits == "1" { 1 << 10 } else { mask(&general.possible_length) },
        local_lengths: if digits == "1" { 1 << 7 } else { mask(&general.possible_length_local_only) },
        international_prefixes: read_prefixes(metadata.international_prefix().original_base()),
        national_prefixes: national_prefixes(&text(&metadata.original.national_prefix), parsing, &rule),
        area: rule.strip_suffix("$1").filter(|_| parsing.contains('$')).unwrap_or_default().to_owned(),
        fifteens: if region == Region::AR { fifteens(parsing) } else { Vec::new() },
        code: digits,
    })
}

/// The bits of `lengths` that are lengths.
fn mask(lengths: &[i32]) -> u32 {
    lengths.iter().filter(|length| (1..=17).contains(*length)).fold(0, |mask, length| mask | 1 << length)
}

/// Lengths of international numbers, all when the plan names none.
fn lengths(national: &[i32], code_length: usize) -> u16 {
    if national.is_empty() { ALL_LENGTHS } else { (mask(national) << code_length) as u16 }
}

fn read_sequences(pattern: &str) -> Vec<Sequence> {
    if pattern.is_empty() { Vec::new() } else { pattern::sequences(pattern).unwrap_or_default() }
}

fn read_prefixes(pattern: &str) -> Vec<Sequence> {
    if pattern.is_empty() { Vec::new() } else { pattern::prefixes(pattern).unwrap_or_default() }
}

/// Every number that begins as one of `heads` does.
fn with_followers(heads: &NumberSet) -> NumberSet {
    let all = heads.segments().iter().map(|segment| Segment {
        lengths: ALL_LENGTHS & !((1 << segment.lengths.trailing_zeros()) - 1),
        ..*segment
    });
    NumberSet::from_segments(all.collect())
}

/// The trunk prefix, and what the pattern for parsing strips besides. Patterns that rewrite the number
/// (`$1`) strip only what stands before the first group; Argentina's is read by [`fifteens`].
fn national_prefixes(prefix: &str, parsing: &str, rule: &str) -> Vec<Sequence> {
    let mut found = if rule == "$1" || rule.starts_with('9') { Vec::new() } else { read_prefixes(parsing) };
    if rule == "$1"
        && let Some((head, _)) = parsing.split_once('(')
    {
        found.extend(read_sequences(head));
    }
    let prefix = Prefix::exact(prefix).0;
    if !prefix.is_empty() && !found.contains(&prefix) {
        found.push(prefix);
    }
    found.retain(|sequence| !sequence.is_empty());
    found
}

/// Area and 15, as Argentina dials its mobile numbers.
fn fifteens(parsing: &str) -> Vec<Sequence> {
    let Some(inner) = parsing.strip_prefix("0?(?:").and_then(|rest| rest.strip_suffix(")?")) else {
        return Vec::new();
    };
    read_sequences(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_library_is_understood() {
        let mut seen = 0;
        for code in PHONE_NUMBER_UTIL.get_supported_calling_codes() {
            for region in PHONE_NUMBER_UTIL.get_regions_for_country_calling_code(code).unwrap() {
                let util = PHONE_NUMBER_UTIL.as_original();
                let metadata = util.get_metadata_for_region_or_calling_code(code, region).unwrap();
                let mut check = |pattern: &str| {
                    seen += 1;
                    assert!(pattern.is_empty() || pattern::sequences(pattern).is_ok(), "{region}: {pattern}");
                };
                for description in [
                    &metadata.general_desc,
                    &metadata.fixed_line,
                    &metadata.mobile,
                    &metadata.toll_free,
                    &metadata.premium_rate,
                    &metadata.shared_cost,
                    &metadata.personal_number,
                    &metadata.voip,
                    &metadata.pager,
                    &metadata.uan,
                    &metadata.voicemail,
                ] {
                    check(description.national_number_pattern().original_base());
                }
                check(metadata.leading_digits().original_base());
                check(metadata.international_prefix().original_base());
                check(metadata.national_prefix_for_parsing().original_base());
            }
        }
        assert!(seen > 3000);
    }
}
