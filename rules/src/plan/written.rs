//! What stands in a user part: the digits, and all that was written around them.

use super::Habits;
use super::character::{Character, Characters, Meaning};
use crate::flag::{Flag, Flags};
use crate::subject::Party;

/// A user part as it was written, without judgement of its digits.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub struct Written {
    /// Whether the number began with a plus.
    pub plus: bool,
    /// Repairs made so far.
    pub flags: Flags,
    /// Letters that stood among the digits and mean nothing there.
    pub letters: usize,
    /// A star or hash stood in front: a service code may follow.
    pub starred: bool,
    /// The digits for an outside line stood in front, and a pause, a plus or a star behind them.
    pub(super) outside: bool,
    buffer: [u8; DIGITS_KEPT],
    count: usize,
    /// How many digits stood before the last parenthesis that opened.
    opened: Option<usize>,
    /// Where a zero stands that is the first digit in parentheses: `+44 (0)20`, `+44 (020)`.
    bracketed_zero: Option<usize>,
    first_is_digit: bool,
    only_lookalikes: bool,
    broken: bool,
    /// Digits stood behind the end of the number.
    digits_in_tail: bool,
    word: Word,
}

/// Digits kept; a number has 15, a carrier code, a prefix and over-dialled digits come on top.
const DIGITS_KEPT: usize = 64;
/// Codes in front of a number and a prefix for abroad have fewer digits together.
const PREFIXED_MAX: usize = 16;
/// Fewer digits among letters are a name such as `alice42`.
const NAME_DIGITS_MAX: usize = 4;

impl Written {
    /// Reads `text`, a user part without parameters. Access codes of `habits` may end in a pause or a plus.
    pub fn read(text: &[u8], habits: &Habits) -> Self {
        Self::read_plain(text).unwrap_or_else(|| Self::read_any(text, habits))
    }

    /// Reads a word, or a number with the separators that stand in most. `None` says nothing but that
    /// [`read_any`](Self::read_any) must look.
    fn read_plain(text: &[u8]) -> Option<Self> {
        let mut written = Self::EMPTY;
        for &byte in text {
            match byte {
                b'0'..=b'9' => written.push(byte & 0xf),
                b'(' => written.open(),
                b')' => written.close(),
                b'-' | b'.' | b' ' => {}
                b'+' if written.count == 0 && !written.plus => written.plus = true,
                b'a'..=b'z' | b'A'..=b'Z' if written.count == 0 => {
                    written.push_letter(byte.to_ascii_lowercase());
                }
                _ => return None,
            }
        }
        Some(written)
    }

    fn read_any(text: &[u8], habits: &Habits) -> Self {
        let mut reader = Reader::new(habits);
        let mut characters = Characters::of(text);
        for character in &mut characters {
            reader.take(character);
        }
        let mut written = reader.finish();
        if characters.is_double_escaped() {
            written.flags.raise(Flag::DoubleEscape);
        }
        if characters.has_bad_escape() {
            written.flags.raise(Flag::BadEscape);
        }
        written
    }

    fn push(&mut self, digit: u8) {
        if self.count == 0 && self.letters == 0 && self.word.length == 0 {
            self.first_is_digit = true;
        }
        if let Some(place) = self.buffer.get_mut(self.count) {
            *place = b'0' + digit;
        }
        self.count += 1;
    }

    fn open(&mut self) {
        self.opened = Some(self.count);
    }

    fn close(&mut self) {
        if let Some(at) = self.opened.take()
            && self.digits().get(at) == Some(&b'0')
        {
            self.bracketed_zero = Some(at);
        }
    }

    /// Where among the digits a zero stands that is the first in parentheses: a trunk prefix, dialled inside only.
    pub(super) fn bracketed_zero(&self) -> Option<usize> {
        self.bracketed_zero.filter(|&at| self.digits().get(at) == Some(&b'0'))
    }

    /// Takes a letter in front of all digits.
    fn push_letter(&mut self, letter: u8) {
        self.word.push(letter);
        self.letters += 1;
        self.only_lookalikes &= LOOKALIKES.contains(&letter);
    }

    const EMPTY: Self = Self {
        plus: false,
        flags: Flags::NONE,
        letters: 0,
        starred: false,
        outside: false,
        buffer: [0; DIGITS_KEPT],
        count: 0,
        opened: None,
        bracketed_zero: None,
        first_is_digit: false,
        only_lookalikes: true,
        broken: false,
        digits_in_tail: false,
        word: Word { letters: [0; 16], length: 0 },
    };

    /// The digits, without plus.
    pub fn digits(&self) -> &[u8] {
        self.buffer.get(..self.count.min(DIGITS_KEPT)).unwrap_or_default()
    }

    /// Whether nothing but the scheme of a URI stands there: `sip`, perhaps behind what nobody sees.
    pub fn is_scheme(&self) -> bool {
        self.count == 0 && !self.plus && !self.broken && self.word.is_scheme()
    }

    /// Whether more digits stood there than are kept: no number.
    pub fn is_endless(&self) -> bool {
        self.count > DIGITS_KEPT
    }

    /// Whether the number alone was dialled. Digits behind it may lead a peer elsewhere, so that such a number
    /// is no emergency call: the guard must not be a way round a block.
    pub fn may_be_emergency(&self) -> bool {
        !self.digits_in_tail
    }

    /// What it is when it is no number: a name, a withheld number, nothing, or letters and broken bytes where
    /// digits should be.
    pub fn without_number(&self) -> Option<(Party, Flags)> {
        let digits = self.count;
        if digits == 0 {
            return Some((self.word.party(), Flags::NONE));
        }
        if self.broken {
            return Some((if digits >= 3 { Party::Invalid } else { Party::Name }, Flags::NONE));
        }
        if self.letters == 0 {
            return None;
        }
        let like_number = self.plus
            || digits > NAME_DIGITS_MAX && (self.first_is_digit || self.only_lookalikes)
            || digits >= NAME_DIGITS_MAX && self.first_is_digit && digits + self.letters >= 7;
        Some(if like_number {
            (Party::Invalid, Flags::of(Flag::AlphaInNumber))
        } else {
            (self.word.party(), Flags::NONE)
        })
    }
}

/// Takes characters one by one.
struct Reader<'a> {
    written: Written,
    habits: &'a Habits,
    ended: bool,
    /// Letters behind digits that may turn out to be a pause, an extension, a filler.
    run: [u8; 16],
    run_length: usize,
    /// Digits for an outside line that stood in front of a hash.
    hashed: usize,
}

impl<'a> Reader<'a> {
    fn new(habits: &'a Habits) -> Self {
        Self { written: Written::EMPTY, habits, ended: false, run: [0; 16], run_length: 0, hashed: 0 }
    }

    fn take(&mut self, character: Character) {
        let meaning = character.meaning;
        if !character.ascii && !matches!(meaning, Meaning::Broken | Meaning::Letter(_)) {
            self.written.flags.raise(Flag::NonAsciiNumber);
        }
        if matches!(meaning, Meaning::Broken | Meaning::MuteByte) {
            self.written.flags.raise(Flag::BadUtf8);
            self.written.broken |= meaning == Meaning::Broken;
        }
        if self.ended {
            self.written.digits_in_tail |= matches!(meaning, Meaning::Digit(_));
            return;
        }
        if let Meaning::Letter(letter) = meaning {
            return self.take_letter(letter);
        }
        if !matches!(
            meaning,
            Meaning::Separator
                | Meaning::Opening
                | Meaning::Closing
                | Meaning::OddSeparator
                | Meaning::MuteByte
        ) && self.run_length > 0
        {
            self.end_run(matches!(meaning, Meaning::Digit(_) | Meaning::Plus));
            if self.ended {
                self.written.digits_in_tail |= matches!(meaning, Meaning::Digit(_));
                return;
            }
        }
        self.take_sign(meaning);
    }

    fn take_sign(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Digit(digit) => self.written.push(digit),
            Meaning::Plus => self.take_plus(),
            Meaning::Star | Meaning::Hash => self.take_star(meaning == Meaning::Hash),
            Meaning::Opening => self.written.open(),
            Meaning::Closing => self.written.close(),
            Meaning::OddSeparator => self.written.flags.raise(Flag::OddSeparator),
            Meaning::Nul => {
                self.written.flags.raise(Flag::Nul);
                self.ended = self.written.count > 0;
            }
            Meaning::Control => self.written.flags.raise(Flag::Malformed),
            Meaning::Delimiter(byte) => self.take_delimiter(byte),
            Meaning::Separator | Meaning::MuteByte | Meaning::Broken | Meaning::Letter(_) => {}
        }
    }

    /// Whether the digits so far are those for an outside line.
    fn is_access_code(&self) -> bool {
        let digits = self.written.digits();
        !self.written.plus && self.habits.access_codes.iter().any(|code| code == digits)
    }

    /// Whether the digits so far are those of a service in front of the number, so that what comes now begins it.
    fn is_service(&self) -> bool {
        !self.written.plus && self.are_service(self.written.digits())
    }

    /// Whether `digits` are those of a service: `67` behind a star, 1167, either with digits for an outside line.
    fn are_service(&self, digits: &[u8]) -> bool {
        let is_prefix = |digits: &[u8]| self.habits.is_prefix(digits);
        if !self.written.starred {
            return is_prefix(digits);
        }
        (2..=3).contains(&digits.len())
            || [2, 3].iter().any(|&length| digits.get(length..).is_some_and(is_prefix))
    }

    /// Whether the digits so far end in a prefix for abroad, so that a plus behind them says the same again.
    fn is_abroad(&self) -> bool {
        let digits = self.written.digits();
        !self.written.plus
            && digits.len() <= PREFIXED_MAX
            && (0..digits.len()).map(|at| digits.split_at(at)).any(|(head, tail)| {
                (head.is_empty() && !self.written.starred || self.are_service(head))
                    && self.habits.is_abroad(tail)
            })
    }

    /// Leaves the code of a service behind.
    fn end_service(&mut self) {
        self.written.count = 0;
        self.written.starred = false;
        self.written.flags.raise(Flag::ServiceCode);
    }

    /// A plus begins the number; behind a prefix it begins it anew.
    fn take_plus(&mut self) {
        let is_access_code = self.is_access_code();
        let is_service = || (!is_access_code || self.written.starred) && self.is_service();
        if self.written.count > 3 && self.is_abroad() || self.written.count > 0 && is_service() {
            self.end_service();
        }
        let written = &mut self.written;
        if written.count == 0 {
            if written.plus || written.starred {
                written.flags.raise(Flag::Malformed);
            }
            written.plus = true;
            written.starred = false;
            return;
        }
        if !is_access_code {
            written.flags.raise(if matches!(written.digits(), b"00" | b"011") {
                Flag::PlusAndPrefix
            } else {
                Flag::Malformed
            });
        }
        if is_access_code || written.count <= 3 {
            written.count = 0;
            written.plus = true;
        } else {
            self.end(Flag::OddTail);
        }
    }

    /// `*67`, `#31#`, `*21*`: a service code in front of the number. A hash at the end means "that is all".
    fn take_star(&mut self, hash: bool) {
        let is_access_code = self.is_access_code();
        let written = &mut self.written;
        if is_access_code {
            // Only a hash with nothing behind it means "that is all" here.
            self.hashed = if hash { written.count } else { 0 };
            written.count = 0;
            written.outside = true;
            written.starred = true;
        } else if written.count == 0 && !written.plus {
            written.starred = true;
        } else if written.starred && written.count <= 3 && !written.plus {
            written.count = 0;
            written.starred = false;
            written.flags.raise(Flag::ServiceCode);
        } else if hash {
            self.ended = true;
        } else {
            self.end(Flag::OddTail);
        }
    }

    fn take_delimiter(&mut self, byte: u8) {
        let is_access_code = self.is_access_code();
        let written = &mut self.written;
        if written.count == 0 && byte == b':' && written.word.is_scheme() {
            // `sip%3A+12025550143%40x` is the user part of `sip:sip%3A+12025550143%40x@host` (RFC 4475 §3.1.1.3).
            written.flags.raise(Flag::NestedUri);
            written.word = Word::default();
            written.letters = 0;
            written.only_lookalikes = true;
        } else if written.count == 0 {
            written.flags.raise(Flag::OddSeparator);
        } else if byte == b'@' && written.flags.contains(Flag::NestedUri) {
            self.ended = true;
        } else if byte == b',' && is_access_code {
            written.count = 0;
            written.outside = true;
        } else if byte == b',' && self.is_service() {
            self.end_service();
        } else {
            self.end(Flag::OddTail);
        }
    }

    fn take_letter(&mut self, letter: u8) {
        if self.written.count == 0 {
            return self.written.push_letter(letter);
        }
        self.written.word.push(letter);
        if let Some(place) = self.run.get_mut(self.run_length) {
            *place = letter;
        }
        self.run_length += 1;
    }

    /// Decides what the letters behind the digits were. Fillers stand at the very end of a number, in front of
    /// nothing, a pause or another tail; `on` says that digits go on behind the letters.
    fn end_run(&mut self, on: bool) {
        let length = std::mem::take(&mut self.run_length);
        let run = self.run;
        let letters = run.get(..length).unwrap_or_default();
        let fillers = letters.iter().take_while(|letter| **letter == b'f').count();
        let rest = letters.get(fillers..).unwrap_or_default();
        let is_pause = !rest.is_empty() && rest.iter().all(|letter| b"pw".contains(letter));
        let is_extension = rest == b"x" || rest.starts_with(b"ext");
        let is_filler = rest.is_empty() && fillers > 0 && !on;
        if self.written.letters > 0 || !(is_pause || is_extension || is_filler) {
            self.written.letters += length;
            self.written.only_lookalikes &= letters.iter().all(|letter| LOOKALIKES.contains(letter));
            self.written.only_lookalikes &= !letters.is_empty();
        } else if is_pause && fillers == 0 && !self.written.starred && self.is_access_code() {
            self.written.count = 0;
            self.written.outside = true;
        } else if is_pause && fillers == 0 && on && self.is_service() {
            self.end_service();
        } else {
            if fillers > 0 {
                self.written.flags.raise(Flag::FillerDigit);
            }
            if !is_filler {
                self.end(if is_pause { Flag::Pause } else { Flag::OddTail });
            }
        }
    }

    fn end(&mut self, flag: Flag) {
        self.written.flags.raise(flag);
        self.ended = true;
    }

    fn finish(mut self) -> Written {
        if self.run_length > 0 && !self.ended {
            self.end_run(false);
        }
        if self.hashed > 0 && self.written.starred && self.written.count == 0 {
            self.written.count = self.hashed;
            self.written.starred = false;
        }
        self.written
    }
}

/// Letters that people take for digits, among them those beyond ASCII (`?`).
const LOOKALIKES: &[u8] = b"oliszbgq?";

/// The letters of a user part without digits: who it is when the number is withheld.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(test, derive(PartialEq))]
struct Word {
    letters: [u8; 16],
    length: usize,
}

impl Word {
    fn push(&mut self, letter: u8) {
        if let Some(place) = self.letters.get_mut(self.length) {
            *place = letter;
        }
        self.length += 1;
    }

    fn is_scheme(&self) -> bool {
        matches!(self.letters.get(..self.length), Some(b"sip" | b"sips" | b"tel"))
    }

    fn party(&self) -> Party {
        match self.letters.get(..self.length) {
            Some(b"") => Party::Absent,
            Some(letters) if WITHHELD.contains(&letters) => Party::Anonymous,
            _ => Party::Name,
        }
    }
}

/// What systems write for a number that is withheld or that they do not know: RFC 3323 and RFC 3325
/// (`anonymous`), TS 24.607 and TS 29.163 (`unavailable`, `unknown`, `restricted`), and switches in the wild.
const WITHHELD: &[&[u8]] = &[
    b"anonymous",
    b"anonym",
    b"anon",
    b"unknown",
    b"unavailable",
    b"restricted",
    b"private",
    b"privatenumber",
    b"withheld",
    b"blocked",
    b"hidden",
    b"secret",
    b"nonumber",
    b"nocallerid",
    b"noid",
    b"notavailable",
    b"unidentified",
    b"unassigned",
    b"confidential",
    b"outofarea",
    b"coinline",
    b"payphone",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::DialPlan;

    const BASES: &[&str] =
        &["+1-210-555-0100", "+1 (210) 555.0100", "9912105550100", "alice", "oil4you", "anonymous", ""];

    #[test]
    fn the_short_way_reads_what_the_long_way_reads() {
        let plan = DialPlan::default();
        let mut taken = 0;
        let mut check = |text: &[u8]| {
            let Some(written) = Written::read_plain(text) else { return };
            assert_eq!(written, Written::read_any(text, plan.habits()), "{}", text.escape_ascii());
            taken += 1;
        };
        for base in BASES {
            for at in 0..=base.len() {
                let (head, tail) = (&base.as_bytes()[..at], &base.as_bytes()[at..]);
                for byte in 0..=255 {
                    check(&[head, &[byte], tail].concat());
                    check(&[head, &[byte], tail.get(1..).unwrap_or_default()].concat());
                    check(&[head, &[byte], &b"5".repeat(70), tail].concat());
                }
                for snippet in
                    ["+", "++", "a1", "1a", "p", "ext", "%31", "%", "*67", "#", ";", "-", "()", "  "]
                {
                    check(&[head, snippet.as_bytes(), tail].concat());
                }
                check(head);
            }
        }
        assert!(taken > 5_000, "{taken}");
    }
}
