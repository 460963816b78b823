//! Numbers found in a mail, what they are, and why each is taken or not (B-4 to B-7, B-11).

use std::fmt;

use engine::sip::Uri;
use rules::plan::{self, DialPlan, Kind, Role as PlanRole};
use rules::{Flag, Flags, Number, Party};

use super::candidate::{Candidate, Shape, count_digits};
use super::characters::one_line;
use super::directory::{Directory, Tenant};
use super::segment::Segment;
use super::template::Label;

/// A number that stands in a mail, whatever becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundNumber {
    /// As it was written, without what cannot be seen.
    pub written: String,
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub reading: Reading,
    /// What should be known of it.
    pub notes: Vec<Note>,
    /// What becomes of it, and why.
    pub fate: Fate,
}

/// Where in a mail something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The attached file, `None` for the text of the mail.
    pub file: Option<String>,
    /// The line, or the row of a file, from 1; 0 for the subject.
    pub line: usize,
    /// Whose text the line is.
    pub segment: Segment,
    /// The label above it.
    pub label: Option<Label>,
}

impl Place {
    /// In words.
    pub fn in_words(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), row) => format!("{} row {row}", one_line(file, 120)),
            (None, 0) => "subject".to_owned(),
            (None, line) => format!("line {line}"),
        }
    }
}

/// What a piece of text is as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// This number.
    Number(Number),
    /// Any of these: it is a number in several regions of the customer.
    Either(Vec<Number>),
    /// Perhaps this one: a letter stands among the digits. It is never guessed.
    DidYouMean(Number),
    /// None.
    None,
}

impl Reading {
    /// The number, when it is one and no other.
    pub const fn number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// What should be known of a number. None of it keeps a number from being asked for (B-6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// No number of the North American plan: which of its parts cannot be.
    InvalidNanp(String),
    /// No plan knows it.
    Invalid,
    /// Nobody can have it.
    Unallocated,
    /// Calls to it cost more.
    Premium,
    /// Calls to it cost the caller nothing.
    TollFree,
    /// It means something only inside one network or country.
    ShortCode,
    /// What stood behind it, which cannot be blocked.
    ExtensionLeftOff(String),
    /// Characters that nobody sees stood inside it.
    Obfuscated,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidNanp(part) => write!(f, "invalid NANP ({part})"),
            Self::Invalid => f.write_str("not in its number plan"),
            Self::Unallocated => f.write_str("unallocated"),
            Self::Premium => f.write_str("premium"),
            Self::TollFree => f.write_str("toll-free"),
            Self::ShortCode => f.write_str("short code"),
            Self::ExtensionLeftOff(extension) => write!(f, "extension {extension} left off"),
            Self::Obfuscated => f.write_str("hidden characters inside"),
        }
    }
}

/// What becomes of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is asked for.
    Taken,
    /// It is shown unticked.
    Suggested(Why),
    /// It is asked for and needs a word of the sender.
    Unclear(Why),
    /// It cannot be blocked, whoever asks (B-11).
    Stopped(Stop),
    /// It is not looked at further.
    Left(Why),
}

/// Why a number is not simply taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It does not stand in the author's own text.
    Segment(Segment),
    /// It stands under no label.
    NoLabel,
    /// It stands in the subject alone.
    Subject,
    /// It stands in a sentence under the label.
    Sentence,
    /// The author says not to.
    Excepted,
    /// It is the sample of the template, and nothing else was filled in.
    Sample,
    /// It stands in the mail already.
    Twice,
    /// It is none.
    Unreadable,
    /// A letter stands among its digits.
    Letter,
    /// It is a number in several regions.
    Ambiguous,
    /// It has no area code.
    NoArea,
    /// It is one of too many.
    TooMany,
    /// The file is not known to hold numbers to block.
    NotAskedFor,
    /// It is more than one number.
    Range,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Segment(segment) => return write!(f, "it stands in {}", segment.word()),
            Self::NoLabel => "it stands under no label",
            Self::Subject => "it stands in the subject alone",
            Self::Sentence => "it stands in a sentence under the label",
            Self::Excepted => "the author excepts it",
            Self::Sample => "it is the sample number of the template",
            Self::Twice => "it stands there twice",
            Self::Unreadable => "it cannot be read as a number",
            Self::Letter => "a letter stands among its digits",
            Self::Ambiguous => "it is a number in several regions",
            Self::NoArea => "its area code is missing",
            Self::TooMany => "there are more numbers than one request takes",
            Self::NotAskedFor => "nothing in the mail says that the file holds numbers to block",
            Self::Range => "it is a range of numbers: describe it in a question, and the desk sees to it",
        })
    }
}

/// Why a number cannot be blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It is an emergency number.
    Emergency,
    /// It is the customer's own.
    Own,
    /// It is another customer's. Never said to who asks.
    OtherCustomer,
    /// It is on the customer's list of numbers to protect, for this reason.
    Protected(String),
    /// It is our own desk's.
    Desk,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emergency => f.write_str("an emergency number"),
            Self::Own => f.write_str("one of your own numbers"),
            Self::OtherCustomer => f.write_str("a number that needs a review by us"),
            Self::Protected(reason) => write!(f, "on your list of protected numbers: {reason}"),
            Self::Desk => f.write_str("a number of our service desk"),
        }
    }
}

/// A candidate read: what was written, what it is, and the notes that reading gave.
#[derive(Debug)]
pub(super) struct Read {
    pub written: String,
    pub reading: Reading,
    pub notes: Vec<Note>,
    /// Why the reading is not plain.
    pub trouble: Option<Why>,
}

/// Reads a candidate, which may be several numbers with spaces between them. Ranges are none.
pub(super) fn read(candidate: &Candidate, line: &str, plans: &[DialPlan]) -> Vec<Read> {
    let shown = one_line(line.get(candidate.begin..candidate.end).unwrap_or_default(), 60);
    let mut reads = match &candidate.shape {
        Shape::Number { digits, extension } => {
            let mut reads = pieces(digits, plans);
            if let (Some(last), Some(extension)) = (reads.last_mut(), extension) {
                last.notes.push(Note::ExtensionLeftOff(extension.clone()));
            }
            if let [only] = reads.as_mut_slice() {
                only.written.clone_from(&shown);
            }
            reads
        }
        Shape::Uri(uri) => vec![uri_number(uri, plans)],
        Shape::Lookalike { meant, .. } => {
            let (reading, _) = number(meant, plans);
            let reading = reading.number().map_or(Reading::None, Reading::DidYouMean);
            vec![Read { written: shown, reading, notes: Vec::new(), trouble: Some(Why::Letter) }]
        }
        Shape::Letters(_) => {
            vec![Read {
                written: shown,
                reading: Reading::None,
                notes: Vec::new(),
                trouble: Some(Why::Unreadable),
            }]
        }
        Shape::Range(_) => Vec::new(),
    };
    if candidate.is_obfuscated {
        reads.iter_mut().for_each(|it| it.notes.push(Note::Obfuscated));
    }
    for it in &mut reads {
        if let Some(number) = it.reading.number() {
            it.notes.splice(0..0, notes(number));
        }
    }
    reads
}

fn uri_number(uri: &str, plans: &[DialPlan]) -> Read {
    let first = plans.first();
    let party =
        first.map(|plan| engine::number::read(&Uri::read(uri.as_bytes()), plan, PlanRole::Caller).party);
    let reading = match party {
        Some(Party::Number(number)) => Reading::Number(number),
        _ => Reading::None,
    };
    let trouble = (reading == Reading::None).then_some(Why::Unreadable);
    Read { written: one_line(uri, 80), reading, notes: Vec::new(), trouble }
}

/// The numbers in digits and separators: one, or as many as the gaps between them tell apart.
fn pieces(text: &str, plans: &[DialPlan]) -> Vec<Read> {
    let (reading, trouble) = number(text, plans);
    let parts: Vec<&str> = text.split([' ', '/']).filter(|it| !it.is_empty()).collect();
    if trouble != Some(Why::Unreadable) || parts.len() < 2 {
        return vec![Read { written: text.to_owned(), reading, notes: Vec::new(), trouble }];
    }
    let mut reads = Vec::new();
    let mut rest = parts.as_slice();
    while !rest.is_empty() {
        let longest = (1..=rest.len().min(PARTS_OF_NUMBER_MAX)).rev().find_map(|count| {
            let joined = rest.get(..count)?.join(" ");
            let (reading, trouble) = number(&joined, plans);
            let whole = trouble.is_none() && count_digits(&joined) >= 7;
            whole.then_some((count, joined, reading))
        });
        // What cannot be told apart is one unreadable thing, not many short codes.
        let Some((count, written, reading)) = longest else {
            let written = text.to_owned();
            return vec![Read { written, reading: Reading::None, notes: Vec::new(), trouble }];
        };
        reads.push(Read { written, reading, notes: Vec::new(), trouble: None });
        rest = rest.get(count..).unwrap_or_default();
    }
    reads
}

/// What `text` is by the plans of a customer.
fn number(text: &str, plans: &[DialPlan]) -> (Reading, Option<Why>) {
    // "9-1-469-555-0131": a nine for the outside line.
    let behind_nine = ["9-1", "9 1", "9.1"].iter().any(|it| text.starts_with(it)) && count_digits(text) == 12;
    let text = if behind_nine { text.get(2..).unwrap_or_default() } else { text };
    let has_gaps = text.contains([' ', '/']);
    let spoilt =
        Flags::of(Flag::Overlong).union(Flags::of(Flag::AlphaInNumber)).union(Flags::of(Flag::OddTail));
    let mut read: Vec<Number> = Vec::new();
    let of_plans = if text.starts_with('+') { plans.get(..1).unwrap_or_default() } else { plans };
    for plan in of_plans {
        let (party, flags) = plan::read_text(text.as_bytes(), plan, PlanRole::Caller);
        let joins = has_gaps && flags.contains(Flag::BareInternational);
        // Digits that are one of the country by their length alone: an invalid number is still the one that called.
        let by_length = || national(text, plan);
        let party = match party {
            Party::Number(number) if number.is_local() && number.len() > SHORT_CODE_DIGITS_MAX => {
                Party::Number(by_length().unwrap_or(number))
            }
            Party::Number(number) => Party::Number(number),
            other => by_length().map_or(other, Party::Number),
        };
        if let Party::Number(number) = party
            && flags.bits() & spoilt.bits() == 0
            && !joins
            && !read.contains(&number)
        {
            read.push(number);
        }
    }
    // A zero in front asks for an operator under +1 and is usual elsewhere.
    let valid = |number: &&Number| plan::valid().contains(**number);
    let mut known: Vec<Number> = read.iter().filter(valid).copied().collect();
    if text.starts_with('0') && known.len() > 1 {
        known.retain(|it| !it.starts_with(b"1"));
    }
    match (known.as_slice(), read.as_slice()) {
        ([only], _) => (Reading::Number(*only), None),
        ([_, _, ..], _) => (Reading::Either(known), Some(Why::Ambiguous)),
        ([], [first, ..]) if first.is_local() && first.len() > SHORT_CODE_DIGITS_MAX => {
            (Reading::None, Some(Why::NoArea))
        }
        ([], [first, ..]) => (Reading::Number(*first), None),
        ([], []) => (Reading::None, Some(Why::Unreadable)),
    }
}

/// The digits of `text` behind the country code of `plan`, when numbers there have as many.
fn national(text: &str, plan: &DialPlan) -> Option<Number> {
    let code = plan.habits().code();
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    let joined = [code.digits.as_slice(), &digits].concat();
    let fits = !text.starts_with(['+', '0'])
        && u32::from(code.lengths).checked_shr(joined.len() as u32).unwrap_or(0) & 1 == 1;
    Number::international(&joined).filter(|_| fits)
}

/// What should be known of `number`.
fn notes(number: Number) -> Vec<Note> {
    let mut notes = Vec::new();
    if number.is_local() {
        return vec![Note::ShortCode];
    }
    if plan::unallocated().contains(number) {
        notes.push(Note::Unallocated);
    }
    if plan::invalid().contains(number) {
        notes.push(nanp_trouble(number).map_or(Note::Invalid, Note::InvalidNanp));
    }
    if plan::premium().contains(number) {
        notes.push(Note::Premium);
    }
    if plan::of_kind(Kind::TollFree).contains(number) {
        notes.push(Note::TollFree);
    }
    notes
}

/// Which part of a number of the North American plan cannot be.
fn nanp_trouble(number: Number) -> Option<String> {
    let digits = number.digits();
    let national = digits.as_str().strip_prefix('1')?;
    let (Some(area), Some(exchange)) = (national.get(..3), national.get(3..6)) else {
        return Some(format!("{} digits", national.len()));
    };
    let cannot_begin = |part: &str| part.starts_with(['0', '1']) || part.ends_with("11");
    Some(if national.len() != 10 {
        format!("{} digits", national.len())
    } else if cannot_begin(area) || plan::unallocated().contains(number) {
        format!("area {area}")
    } else if cannot_begin(exchange) {
        format!("exchange {exchange}")
    } else {
        format!("area {area}, exchange {exchange}")
    })
}

/// B-11: what can never be blocked for `tenant`.
pub(super) fn stop(number: Number, tenant: Option<&Tenant>, directory: &Directory) -> Option<Stop> {
    let plans = tenant.map(|it| it.plans.as_slice()).unwrap_or_default();
    let mut regions = plans.iter().map(|it| it.region.as_str()).chain(["US"]);
    if regions.any(|region| is_emergency(number, region)) {
        return Some(Stop::Emergency);
    }
    if directory.desk_numbers.contains(number) {
        return Some(Stop::Desk);
    }
    if let Some(tenant) = tenant {
        if tenant.own_numbers.contains(number) || tenant.main_numbers.contains(number) {
            return Some(Stop::Own);
        }
        if let Some(protected) = tenant.protected.iter().find(|it| it.numbers.contains(number)) {
            return Some(Stop::Protected(protected.reason.clone()));
        }
    }
    let others = directory.tenants.iter().filter(|it| tenant.is_none_or(|own| own.id != it.id));
    others
        .into_iter()
        .any(|it| it.main_numbers.contains(number) || it.own_numbers.contains(number))
        .then_some(Stop::OtherCustomer)
}

/// Whether it is an emergency number of `region`, also with a country code in front of it.
pub(super) fn is_emergency(number: Number, region: &str) -> bool {
    let Some(emergency) = plan::emergency(region) else { return false };
    let digits = number.digits();
    let bytes = digits.as_bytes();
    // With the plus, behind a country code, or as it is.
    let readings = (0..=3).filter_map(|code| bytes.get(code..)).filter_map(Number::local);
    bytes.len() <= EMERGENCY_DIGITS_MAX && readings.into_iter().any(|it| emergency.contains(it))
}

/// An emergency number and a country code have no more digits.
const EMERGENCY_DIGITS_MAX: usize = 8;
/// The most digits that a number without an area may have and still be a short code.
const SHORT_CODE_DIGITS_MAX: usize = 6;
/// `+44 20 79 46 09 58` has six.
const PARTS_OF_NUMBER_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::candidate;
    use super::*;

    fn plans(regions: &[&str]) -> Vec<DialPlan> {
        regions.iter().map(|it| DialPlan::new(it, plan::Bare::National, None, &[], &[]).unwrap()).collect()
    }

    fn check(line: &str, regions: &[&str], expected: &[&str]) {
        let plans = plans(regions);
        let found: Vec<String> = candidate::find(line)
            .iter()
            .flat_map(|it| read(it, line, &plans))
            .map(|it| {
                let notes: Vec<String> = it.notes.iter().map(Note::to_string).collect();
                let reading = match it.reading {
                    Reading::Number(number) => number.to_string(),
                    Reading::Either(numbers) => format!("{numbers:?}"),
                    Reading::DidYouMean(number) => format!("?{number}"),
                    Reading::None => format!("{:?}", it.trouble.unwrap()),
                };
                [vec![reading], notes].concat().join("; ")
            })
            .collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn b5_numbers_are_read_by_the_regions_of_the_customer() {
        let us = |line, expected: &str| check(line, &["US"], &[expected]);
        us("+12101111111", "+12101111111; invalid NANP (exchange 111)");
        us("(210) 111-1111", "+12101111111; invalid NANP (exchange 111)");
        us("1-210-555-0100", "+12105550100");
        us("210.555.0100", "+12105550100");
        us("+1 210 555 0100 x55", "+12105550100; extension 55 left off");
        us("tel:+1-210-555-0100", "+12105550100");
        us("<sip:+12105550100@example.com;user=phone>", "+12105550100");
        us("011 44 20 7946 0958", "+442079460958");
        us("+44 (0)20 7946 0958", "+442079460958");
        us("2225550100", "+12225550100; unallocated; invalid NANP (area 222)");
        us("1-900-555-0100", "+19005550100; premium");
        us("800-555-0111", "+18005550111; toll-free");
        us("21\u{1}0\u{1}5550100", "+12105550100; hidden characters inside");
        us("21O-555-O1O0", "?+12105550100");
        us("555-0100", "NoArea");
        us("72345", "72345; short code");
        check(
            "2101111111, (210) 222-2222; +44 20 7946 0958",
            &["US"],
            &["+12101111111; invalid NANP (exchange 111)", "+12102222222", "+442079460958"],
        );
        check("020 7946 0958", &["GB"], &["+442079460958"]);
        check("020 7946 0958", &["US", "GB"], &["+442079460958"]);
        check("0044 20 7946 0958", &["DE"], &["+442079460958"]);
        check("210.555.0101/210.555.0102", &["US"], &["+12105550101", "+12105550102"]);
    }

    #[test]
    fn b11_emergency_numbers_are_known_in_disguise() {
        for (text, is) in
            [("911", true), ("112", true), ("+1911", true), ("933", false), ("+12105550911", false)]
        {
            let plan = DialPlan::default();
            let number = match plan::read_text(text.as_bytes(), &plan, PlanRole::Caller).0 {
                Party::Number(number) => Some(number),
                _ => Number::international(text.trim_start_matches('+').as_bytes()),
            };
            assert_eq!(number.is_some_and(|it| is_emergency(it, "US")), is, "{text}");
        }
    }
}
