//! What stands in a user part: the digits, and all that was written around them.

use rules::plan::Habits;
use rules::{Flag, Flags, Party};

use super::character::{Character, Characters, Meaning};

/// A user part as it was written, without judgement of its digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    /// Whether the number began with a plus.
    pub(super) plus: bool,
    /// Repairs made so far.
    pub(super) flags: Flags,
    /// Letters that stood among the digits and mean nothing there.
    pub(super) letters: u16,
    /// A star or hash stood in front: a service code may follow.
    pub(super) starred: bool,
    buffer: [u8; DIGITS_KEPT],
    count: usize,
    first_is_digit: bool,
    only_lookalikes: bool,
    broken: bool,
    /// Digits stood behind the end of the number.
    digits_in_tail: bool,
    word: Word,
}

/// Digits kept; a number has 15, a carrier code, a prefix and over-dialled digits come on top.
const DIGITS_KEPT: usize = 64;
/// Fewer digits among letters are a name such as `alice42`.
const NAME_DIGITS_MAX: usize = 4;

impl Written {
    /// Reads `text`, a user part without parameters. Access codes of `habits` may end in a pause or a plus.
    pub(super) fn read(text: &[u8], habits: &Habits) -> Self {
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

    /// The digits, without plus.
    pub(super) fn digits(&self) -> &[u8] {
        self.buffer.get(..self.count.min(DIGITS_KEPT)).unwrap_or_default()
    }

    /// Whether more digits stood there than are kept: no number.
    pub(super) fn is_endless(&self) -> bool {
        self.count > DIGITS_KEPT
    }

    /// Whether the number alone was dialled. Digits behind it may lead a peer elsewhere, so that such a number
    /// is no emergency call: the guard must not be a way round a block.
    pub(super) fn may_be_emergency(&self) -> bool {
        !self.digits_in_tail
    }

    /// What it is when it is no number: a name, a withheld number, nothing, or letters and broken bytes where
    /// digits should be.
    pub(super) fn without_number(&self) -> Option<(Party, Flags)> {
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
            || digits >= NAME_DIGITS_MAX && self.first_is_digit && digits + usize::from(self.letters) >= 7;
        Some(if like_number {
            (Party::Invalid, Flags::of(Flag::AlphaInNumber))
        } else {
            (self.word.party(), Flags::NONE)
        })
    }
}

/// Takes the scheme of a nested URI off, as often as there is one: `sip%3A+12025550143%40x` is the user part
/// of `sip:sip%3A+12025550143%40x@host` (RFC 4475 §3.1.1.3). Returns whether there was one.
pub(super) fn unnest(mut text: &[u8]) -> (&[u8], bool) {
    let mut nested = false;
    while let Some(inner) = inner_of(text) {
        text = inner;
        nested = true;
    }
    (text, nested)
}

fn inner_of(text: &[u8]) -> Option<&[u8]> {
    let head = text.strip_prefix(b"<").unwrap_or(text);
    let rest = ["sips", "sip", "tel"].iter().find_map(|scheme| {
        let (name, rest) = head.split_at_checked(scheme.len())?;
        name.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    })?;
    [&b":"[..], b"%3a", b"%253a"].iter().find_map(|colon| {
        let (found, rest) = rest.split_at_checked(colon.len())?;
        found.eq_ignore_ascii_case(colon).then_some(rest)
    })
}

/// Takes characters one by one.
struct Reader<'a> {
    written: Written,
    habits: &'a Habits,
    ended: bool,
    /// Letters behind digits that may turn out to be a pause, an extension, a filler.
    run: [u8; 8],
    run_length: usize,
}

impl<'a> Reader<'a> {
    fn new(habits: &'a Habits) -> Self {
        let written = Written {
            plus: false,
            flags: Flags::NONE,
            letters: 0,
            starred: false,
            buffer: [0; DIGITS_KEPT],
            count: 0,
            first_is_digit: false,
            only_lookalikes: true,
            broken: false,
            digits_in_tail: false,
            word: Word::default(),
        };
        Self { written, habits, ended: false, run: [0; 8], run_length: 0 }
    }

    fn take(&mut self, character: Character) {
        let meaning = character.meaning;
        if !character.ascii && !matches!(meaning, Meaning::Broken | Meaning::Letter(_)) {
            self.written.flags.raise(Flag::NonAsciiNumber);
        }
        if meaning == Meaning::Broken {
            self.written.flags.raise(Flag::BadUtf8);
            self.written.broken = true;
        }
        if self.ended {
            self.written.digits_in_tail |= matches!(meaning, Meaning::Digit(_));
            return;
        }
        if let Meaning::Letter(letter) = meaning {
            return self.take_letter(letter);
        }
        if !matches!(meaning, Meaning::Separator | Meaning::OddSeparator) && self.run_length > 0 {
            self.end_run(false);
            if self.ended {
                self.written.digits_in_tail |= matches!(meaning, Meaning::Digit(_));
                return;
            }
        }
        self.take_sign(meaning);
    }

    fn take_sign(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Digit(digit) => self.push(digit),
            Meaning::Plus => self.take_plus(),
            Meaning::Star | Meaning::Hash => self.take_star(meaning == Meaning::Hash),
            Meaning::OddSeparator => self.written.flags.raise(Flag::OddSeparator),
            Meaning::Nul => {
                self.written.flags.raise(Flag::Nul);
                self.ended = self.written.count > 0;
            }
            Meaning::Control => self.written.flags.raise(Flag::Malformed),
            Meaning::Delimiter(byte) => self.take_delimiter(byte),
            Meaning::Separator | Meaning::Broken | Meaning::Letter(_) => {}
        }
    }

    fn push(&mut self, digit: u8) {
        let written = &mut self.written;
        if written.count == 0 && written.letters == 0 && written.word.length == 0 {
            written.first_is_digit = true;
        }
        if let Some(place) = written.buffer.get_mut(written.count) {
            *place = b'0' + digit;
        }
        written.count += 1;
    }

    /// A plus begins the number; behind an access code or an international prefix it begins it anew.
    fn take_plus(&mut self) {
        let written = &mut self.written;
        if written.count == 0 {
            if written.plus {
                written.flags.raise(Flag::Malformed);
            }
            written.plus = true;
            return;
        }
        let is_access_code = self.habits.access_codes.iter().any(|code| code == written.digits());
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
        let written = &mut self.written;
        if written.count == 0 && !written.plus {
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
        let written = &mut self.written;
        if written.count == 0 {
            written.flags.raise(Flag::OddSeparator);
        } else if byte == b',' && self.habits.access_codes.iter().any(|code| code == written.digits()) {
            written.count = 0;
        } else {
            self.end(Flag::OddTail);
        }
    }

    fn take_letter(&mut self, letter: u8) {
        self.written.word.push(letter);
        if self.written.count == 0 {
            self.written.letters += 1;
            self.written.only_lookalikes &= LOOKALIKES.contains(&letter);
            return;
        }
        if let Some(place) = self.run.get_mut(self.run_length) {
            *place = letter;
        }
        self.run_length += 1;
    }

    /// Decides what the letters behind the digits were.
    fn end_run(&mut self, at_end: bool) {
        let length = std::mem::take(&mut self.run_length);
        let kept = self.run.get(..length.min(self.run.len())).unwrap_or_default();
        let all = |allowed: &[u8]| length <= self.run.len() && kept.iter().all(|letter| allowed.contains(letter));
        let among_letters = self.written.letters > 0;
        if !among_letters && all(b"pw") {
            let is_access_code = self.habits.access_codes.iter().any(|code| code == self.written.digits());
            if is_access_code {
                self.written.count = 0;
            } else {
                self.end(Flag::Pause);
            }
        } else if !among_letters && at_end && all(b"f") {
            self.written.flags.raise(Flag::FillerDigit);
        } else if !among_letters && (kept == b"x" || kept.starts_with(b"ext")) {
            self.end(Flag::OddTail);
        } else {
            self.written.letters += length as u16;
            self.written.only_lookalikes &= all(LOOKALIKES);
        }
    }

    fn end(&mut self, flag: Flag) {
        self.written.flags.raise(flag);
        self.ended = true;
    }

    fn finish(mut self) -> Written {
        if self.run_length > 0 && !self.ended {
            self.end_run(true);
        }
        self.written
    }
}

/// Letters that people take for digits, among them those beyond ASCII (`?`).
const LOOKALIKES: &[u8] = b"oliszbgq?";

/// The letters of a user part without digits: who it is when the number is withheld.
#[derive(Clone, Copy, Debug, Default)]
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
