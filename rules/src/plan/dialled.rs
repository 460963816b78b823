//! Digits as they were dialled, read as the number they reach.

use super::plain::{read_plain, stands_as_written};
use super::written::Written;
use super::{Bare, CountryCode, DialPlan, Habits};
use crate::flag::{Flag, Flags};
use crate::number::{DIGITS_MAX, Number};
use crate::subject::Party;

/// Whose address is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A caller outside: extensions of the customer mean nothing.
    Caller,
    /// A caller on the customer's own side: an extension is read as the number it stands for.
    OwnCaller,
    /// Where a call goes: an extension is read as the number it stands for.
    Called,
}

/// How digits are read: by whose plan, for whom, and whether they may be an emergency call.
#[derive(Clone, Copy)]
pub struct Dialled<'a> {
    /// The plan of the customer.
    pub plan: &'a DialPlan,
    /// Whose address they are.
    pub role: Role,
    /// Whether an emergency number may be read as one, see [`Written::may_be_emergency`].
    pub guarded: bool,
}

/// One way to read the digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    number: Number,
    flags: Flags,
}

impl Way {
    /// How many kinds of repairs it took.
    const fn repairs(self) -> u32 {
        self.flags.bits().count_ones()
    }

    /// Whether digits were left over.
    const fn is_overlong(self) -> bool {
        self.flags.contains(Flag::Overlong)
    }

    const fn flagged(self, flag: Flag) -> Self {
        Self { flags: self.flags.union(Flags::of(flag)), ..self }
    }
}

/// Where digits are dialled: only on an inside line are there extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Inside,
    Outside,
}

/// Local numbers have at most six digits, or as many as the region dials inside one area.
/// Digits of an area code, at most.
const AREA_DIGITS_MAX: usize = 4;
const LOCAL_DIGITS_MAX: usize = 6;
/// Digits that a carrier code, an access code and the like may be taken off from, at most this often.
const PREFIXES_MAX: u8 = 3;
/// Prefix for abroad and country code have at most so many digits together.
const ABROAD_DIGITS_MAX: usize = 8;
/// Repairs of repairs; what still changes then is no number.
const SETTLES_MAX: u8 = 4;
/// A foreign number without plus or prefix has at least so many digits.
const BARE_INTERNATIONAL_MIN: usize = 8;

impl Dialled<'_> {
    /// Reads what was written, without a context.
    pub fn read(&self, written: &Written) -> (Party, Flags) {
        let digits = written.digits();
        if written.is_endless() {
            return (Party::Invalid, Flags::NONE);
        }
        let found = self.dialled(written, digits);
        let trunk = written.bracketed_zero().and_then(|at| self.without_bracketed_zero(written, at, found));
        match trunk.or(found).and_then(|way| self.settled(way)) {
            Some(way) => (Party::Number(way.number), way.flags),
            None if written.starred => (Party::Name, Flags::of(Flag::ServiceCode)),
            None => (Party::Invalid, Flags::NONE),
        }
    }

    fn dialled(&self, written: &Written, digits: &[u8]) -> Option<Way> {
        let line = if written.outside { Line::Outside } else { Line::Inside };
        if written.starred {
            self.starred(digits, line)
        } else if written.plus {
            self.global(digits)
        } else {
            self.bare(digits, line, PREFIXES_MAX)
        }
    }

    /// Reads `+44 (0)20` without the zero at `at`, which stands right behind a country code. Where zero is the trunk
    /// prefix it goes; where it is none, only if the number exists without it and does not with it (`found`).
    fn without_bracketed_zero(&self, written: &Written, at: usize, found: Option<Way>) -> Option<Way> {
        let (head, tail) = (written.digits().get(..at)?, written.digits().get(at + 1..)?);
        let mut all = Digits::default();
        all.add(head)?;
        all.add(tail)?;
        let way = self.dialled(written, all.as_bytes()).filter(|way| !way.number.is_local())?;
        let digits = way.number.digits();
        let code = self.habits().code_of(digits.as_bytes())?;
        let national = digits.as_bytes().get(code.digits.len()..)?;
        if !head.ends_with(&code.digits) || !tail.starts_with(national) {
            return None;
        }
        let exists = |way: Way| self.is_valid(way) && !way.is_overlong();
        let is_trunk = code.national_prefixes.iter().any(|prefix| prefix.strip(b"0") == Some(b""));
        let stands = found.is_some_and(exists) && (!is_trunk || !exists(way));
        let goes = exists(way) || is_trunk;
        (goes && !stands).then(|| way.flagged(Flag::NationalZeroAfterCc))
    }

    /// Reads a local number in the global context `context` (RFC 3966 §5.1.5).
    pub fn read_in_context(&self, written: &Written, context: &[u8]) -> (Party, Flags) {
        let digits = written.digits();
        // An emergency number is dialled from a country or an area; behind more digits it is the end of another number.
        let area = context.strip_prefix(self.habits().code().digits.as_slice());
        let own = area.is_some_and(|area| area.len() <= AREA_DIGITS_MAX);
        let emergency = if own { self.emergency(digits) } else { None };
        let found = emergency.or_else(|| self.joined(digits, context));
        match found.and_then(|way| self.settled(way)) {
            Some(way) => (Party::Number(way.number), way.flags),
            None => (Party::Invalid, Flags::NONE),
        }
    }

    /// Reads the result again until it stays: a number means the same wherever it comes from, so that a list
    /// written from our own records matches.
    fn settled(&self, mut way: Way) -> Option<Way> {
        for _ in 0..SETTLES_MAX {
            if way.number.is_local() || read_plain(way.number.digits().as_bytes(), self.habits()).is_some() {
                return Some(way);
            }
            let again = self.global(way.number.digits().as_bytes())?;
            if again.number == way.number {
                return Some(way);
            }
            way = Way { number: again.number, flags: way.flags.union(again.flags) };
        }
        None
    }

    fn habits(&self) -> &Habits {
        self.plan.habits()
    }

    fn joined(&self, digits: &[u8], context: &[u8]) -> Option<Way> {
        let code = self.habits().code_of(context)?;
        let abroad = self.habits().international_prefixes.iter().filter_map(|prefix| prefix.strip(digits));
        let ways = [
            self.possible_joined(context, digits),
            self.without_trunk(code, digits, |rest| self.possible_joined(&code.digits, rest)),
            self.possible_joined(b"", digits).filter(|_| digits.starts_with(&code.digits)),
            abroad.clone().find_map(|rest| self.possible_joined(b"", rest)),
            digits.strip_prefix(b"00").and_then(|rest| self.possible_joined(b"", rest)),
        ];
        self.best(ways).or_else(|| self.overlong_joined(context, digits))
    }

    fn overlong_joined(&self, context: &[u8], digits: &[u8]) -> Option<Way> {
        let mut all = Digits::default();
        all.add(context)?;
        all.add(digits)?;
        self.overlong(self.habits().code_of(context)?, all.as_bytes())
    }

    /// The way with the fewest repairs, and none with digits left over before one without; among equals one that
    /// some plan knows, and the first of those. Digits can be cut off anything, so there a plan must know the rest.
    fn best(&self, ways: impl IntoIterator<Item = Option<Way>>) -> Option<Way> {
        let mut best: Option<(Way, (bool, bool, u32, bool))> = None;
        for way in ways.into_iter().flatten() {
            let (overlong, unknown) = (way.is_overlong(), !self.is_valid(way));
            if way.flags.is_empty() && !unknown {
                return Some(way);
            }
            let rank = (overlong, overlong && unknown, way.repairs(), unknown);
            if best.is_none_or(|(_, best)| rank < best) {
                best = Some((way, rank));
            }
        }
        best.map(|(way, _)| way)
    }

    fn is_valid(&self, way: Way) -> bool {
        self.habits().is_valid(way.number)
    }

    /// Reads digits behind a plus.
    fn global(&self, digits: &[u8]) -> Option<Way> {
        if let Some(way) = self.international(digits, 2) {
            return Some(way);
        }
        self.global_emergency(digits)
    }

    /// `+911`, `+1911`, `+11911`: an emergency number behind a plus or the region's own country code.
    fn global_emergency(&self, digits: &[u8]) -> Option<Way> {
        let own = &self.habits().code().digits;
        let once = digits.strip_prefix(own.as_slice());
        let twice = once.and_then(|rest| rest.strip_prefix(own.as_slice()));
        [Some(digits), once, twice].into_iter().flatten().find_map(|rest| self.emergency(rest))
    }

    /// `0039112`: the same behind a prefix for abroad. No number is so short there.
    fn emergency_as_from_abroad(&self, digits: &[u8]) -> Option<Way> {
        if digits.len() > LOCAL_DIGITS_MAX + ABROAD_DIGITS_MAX {
            return None;
        }
        let habits = self.habits();
        let own = habits.international_prefixes.iter().filter_map(|prefix| prefix.strip(digits));
        own.chain(digits.strip_prefix(b"00"))
            .filter(|rest| rest.starts_with(&habits.code().digits))
            .find_map(|rest| self.global(rest).filter(|way| habits.emergency.contains(way.number)))
    }

    /// Reads digits as an international number, repairing what people put in front of it or behind.
    fn international(&self, digits: &[u8], repairs: u8) -> Option<Way> {
        if digits.first() == Some(&b'0') {
            return self.behind_zero(digits, repairs);
        }
        let Some(code) = self.habits().code_of(digits) else {
            let unassigned = Number::international(digits).filter(|number| number.len() >= 7)?;
            return Some(Way { number: unassigned, flags: Flags::NONE });
        };
        let national = digits.get(code.digits.len()..).unwrap_or_default();
        let plain = possible(code, digits);
        let usual = national.first().is_some_and(|digit| code.unusual >> (digit & 0xf) & 1 == 0);
        if let Some(way) = plain.filter(|_| usual) {
            return Some(way);
        }
        let repaired = if repairs > 0 { self.repaired(code, national, repairs - 1) } else { None };
        // What is possible as it stands is only repaired into a number that exists.
        match (plain, repaired) {
            (Some(plain), Some(repaired)) if repaired.is_overlong() || !self.is_valid(repaired) => {
                Some(plain)
            }
            (_, Some(repaired)) => Some(repaired),
            (Some(plain), None) => Some(plain),
            (None, None) => self.overlong(code, digits),
        }
    }

    /// A plus in front of an international prefix, or of a national number.
    fn behind_zero(&self, digits: &[u8], repairs: u8) -> Option<Way> {
        let repairs = repairs.checked_sub(1)?;
        let habits = self.habits();
        let own = habits.international_prefixes.iter().filter_map(|prefix| prefix.strip(digits));
        let usual = [b"00".as_slice(), b"011"].into_iter().filter_map(|prefix| digits.strip_prefix(prefix));
        let abroad = own
            .chain(usual)
            .filter(|rest| rest.first() != Some(&b'0'))
            .find_map(|rest| self.international(rest, repairs));
        let inside = || self.without_trunk(habits.code(), digits, |rest| self.inside(rest));
        abroad.or_else(inside).map(|way| way.flagged(Flag::PlusAndPrefix))
    }

    /// What stands behind the country code `code` is no national number: perhaps the code again, a prefix
    /// for abroad, the trunk prefix, or Argentina's 15.
    fn repaired(&self, code: &CountryCode, national: &[u8], repairs: u8) -> Option<Way> {
        if national.starts_with(&code.digits)
            && let Some(way) = self.international(national, repairs)
        {
            return Some(way.flagged(Flag::DupCc));
        }
        let abroad = [b"00".as_slice(), b"011"]
            .into_iter()
            .filter_map(|prefix| national.strip_prefix(prefix))
            .filter(|rest| rest.first() != Some(&b'0'))
            .find_map(|rest| self.international(rest, repairs).filter(|way| self.is_valid(*way)));
        if let Some(way) = abroad {
            return Some(way.flagged(Flag::PlusAndPrefix));
        }
        let inside = self.without_trunk(code, national, |rest| self.possible_joined(&code.digits, rest));
        inside.map(|way| way.flagged(Flag::NationalZeroAfterCc))
    }

    /// Reads `digits` without the trunk prefix of `code` by `read`; the longest prefix that works wins.
    fn without_trunk(
        &self,
        code: &CountryCode,
        digits: &[u8],
        read: impl Fn(&[u8]) -> Option<Way>,
    ) -> Option<Way> {
        let rests = code.national_prefixes.iter().filter_map(|prefix| prefix.strip(digits));
        self.best(rests.map(|rest| read(rest).or_else(|| self.fifteen(code, rest))))
            .or_else(|| self.fifteen(code, digits))
    }

    /// Argentina's mobile numbers: `11 15 2345 6789` inside is `9 11 2345 6789` abroad.
    fn fifteen(&self, code: &CountryCode, national: &[u8]) -> Option<Way> {
        let (area, rest) = code.mobile_fifteen(national)?;
        let mut all = Digits::default();
        all.add(&code.digits)?;
        all.add(b"9")?;
        all.add(area)?;
        all.add(rest)?;
        possible(code, all.as_bytes())
    }

    /// More digits than the plan has: the network stops listening when the number is complete.
    fn overlong(&self, code: &CountryCode, digits: &[u8]) -> Option<Way> {
        let longest = (u16::BITS - 1 - code.lengths.leading_zeros()) as usize;
        if digits.len() <= longest || longest == DIGITS_MAX {
            return None;
        }
        let cut = |length: usize| possible(code, digits.get(..length)?);
        let valid = (1..=longest).rev().filter_map(cut).find(|way| self.is_valid(*way));
        // What no number there begins with are no digits of one: nothing is cut off them.
        let usual = digits.get(code.digits.len()).is_some_and(|digit| code.unusual >> (digit & 0xf) & 1 == 0);
        let fixed = || cut(longest).filter(|_| code.lengths.count_ones() == 1 && usual);
        valid.or_else(fixed).map(|way| way.flagged(Flag::Overlong))
    }

    /// Reads digits without a plus.
    fn bare(&self, digits: &[u8], line: Line, prefixes: u8) -> Option<Way> {
        let extension = || if line == Line::Inside { self.extension(digits) } else { None };
        let here =
            self.emergency(digits).or_else(extension).or_else(|| self.emergency_as_from_abroad(digits));
        if here.is_some() {
            return here;
        }
        if digits.len() < 2 || digits.iter().all(|digit| *digit == b'0') {
            let mut outside = self.behind_access_code(digits);
            return outside.find_map(|rest| self.emergency(rest));
        }
        if digits.len() >= BARE_INTERNATIONAL_MIN - 1
            && let Some(number) = stands_as_written(digits, self.plan, self.role)
        {
            return Some(Way { number, flags: Flags::NONE });
        }
        let first = match self.plan.bare {
            Bare::National => self.nationally(digits),
            Bare::International => {
                let as_it_stands = self.international(digits, 0).filter(|way| !way.is_overlong());
                self.best([as_it_stands.filter(|_| digits.len() >= 7), self.nationally(digits)])
            }
        };
        let stands = |way: &Way| !way.is_overlong() && (self.is_valid(*way) || self.is_abroad(digits, *way));
        if first.as_ref().is_some_and(stands) {
            return first;
        }
        let prefixed = if prefixes > 0 { self.behind_prefix(digits, line, prefixes - 1) } else { None };
        match (first, prefixed) {
            (Some(first), Some(prefixed)) => Some(self.likelier(first, prefixed)),
            (None, Some(prefixed)) if prefixed.is_overlong() => {
                let last = self.last_resort(digits);
                last.filter(|way| !way.is_overlong() && !way.number.is_local()).or(Some(prefixed))
            }
            (None, None) => self.twice_abroad(digits).or_else(|| self.last_resort(digits)),
            (way, None) | (None, way) => way,
        }
    }

    /// Of a reading of all digits and one behind a prefix the one without digits left over; among equals the
    /// prefix must lead to a number that exists.
    fn likelier(&self, first: Way, prefixed: Way) -> Way {
        let exists = self.is_valid(prefixed) || prefixed.number.is_local();
        let wins = match (first.is_overlong(), prefixed.is_overlong()) {
            (false, true) => false,
            (true, false) => true,
            (true, true) => exists && !self.is_valid(first),
            (false, false) => exists,
        };
        if wins { prefixed } else { first }
    }

    /// Whether `way` is what stands behind one of the region's prefixes for abroad, or behind 00, as it stands:
    /// who dials such a prefix says where the call goes, whether the number is in service or not.
    fn is_abroad(&self, digits: &[u8], way: Way) -> bool {
        let number = way.number.digits();
        let prefix = digits.strip_suffix(number.as_bytes()).unwrap_or_default();
        way.flags.is_empty()
            && (prefix == b"00"
                || self.habits().international_prefixes.iter().any(|known| known.strip(prefix) == Some(b"")))
    }

    /// The ways in which the region dials: abroad, inside, its own country code, inside one area.
    fn nationally(&self, digits: &[u8]) -> Option<Way> {
        let habits = self.habits();
        let abroad = habits
            .international_prefixes
            .iter()
            .filter_map(|prefix| prefix.strip(digits))
            .filter(|rest| rest.first() != Some(&b'0'));
        let generic = digits.strip_prefix(b"00").filter(|rest| rest.first() != Some(&b'0'));
        let ways = [
            self.inside(digits),
            self.best(abroad.map(|rest| self.international(rest, 2))),
            self.trunk(digits),
            self.own_code(digits),
            self.in_area(digits),
            generic.and_then(|rest| self.international(rest, 2)),
            self.fifteen(habits.code(), digits),
        ];
        self.best(ways)
    }

    /// `00 00`, `011 011`: a prefix for abroad that stands twice.
    fn twice_abroad(&self, digits: &[u8]) -> Option<Way> {
        let twice = |prefix: &[u8]| {
            let rest = digits.strip_prefix(prefix)?.strip_prefix(prefix)?;
            let way = self.international(rest, 1).filter(|way| self.is_valid(*way) && !way.is_overlong())?;
            Some(way.flagged(Flag::PlusAndPrefix))
        };
        let own = self.habits().international_prefixes.iter();
        let own = own.filter_map(|prefix| digits.get(..digits.len() - prefix.strip(digits)?.len()));
        own.chain([b"00".as_slice()]).find_map(twice)
    }

    /// A national number as it stands.
    fn inside(&self, digits: &[u8]) -> Option<Way> {
        let code = self.habits().code();
        let usual = digits.first().is_some_and(|digit| code.unusual >> (digit & 0xf) & 1 == 0);
        self.possible_joined(&code.digits, digits).filter(|_| usual)
    }

    /// A national number behind the trunk prefix.
    fn trunk(&self, digits: &[u8]) -> Option<Way> {
        let habits = self.habits();
        let rests = habits.national_prefixes.iter().filter_map(|prefix| prefix.strip(digits));
        self.best(rests.map(|rest| self.inside(rest).or_else(|| self.fifteen(habits.code(), rest))))
    }

    /// The region's own country code in front, without a plus.
    fn own_code(&self, digits: &[u8]) -> Option<Way> {
        let begins = digits.starts_with(&self.habits().code().digits);
        let way = if begins { self.international(digits, 1) } else { None };
        way.filter(|way| !way.is_overlong())
    }

    fn in_area(&self, digits: &[u8]) -> Option<Way> {
        let habits = self.habits();
        if habits.area.is_empty() || digits.len() < 4 {
            return None;
        }
        let mut national = Digits::default();
        national.add(&habits.area)?;
        national.add(digits)?;
        self.inside(national.as_bytes())
    }

    /// A carrier or service code, or an access code, in front of what is really dialled.
    fn behind_prefix(&self, digits: &[u8], line: Line, prefixes: u8) -> Option<Way> {
        let habits = self.habits();
        let selecting = habits.service_prefixes.iter().filter_map(|prefix| prefix.strip(digits));
        let reaches = |way: &Way| way.number.len() > 2 || habits.emergency.contains(way.number);
        let mut services = selecting.filter_map(|rest| self.bare(rest, line, prefixes).filter(reaches));
        let service = services.next().or_else(|| self.behind_carrier(digits, prefixes));
        let service = service.map(|way| way.flagged(Flag::ServiceCode));
        let outside =
            self.behind_access_code(digits).filter_map(|rest| self.bare(rest, Line::Outside, prefixes));
        let mut outside =
            outside.filter(|way| !way.number.is_local() || habits.emergency.contains(way.number));
        // The country code repeated in front of an emergency number: 1911.
        let own = digits.strip_prefix(habits.code().digits.as_slice());
        let emergency = own.and_then(|rest| self.emergency(rest));
        let outside = outside.next();
        emergency.or_else(|| self.best([service, outside]))
    }

    /// A number that exists behind the code of a carrier. Such codes look like the beginnings of other numbers.
    fn behind_carrier(&self, digits: &[u8], prefixes: u8) -> Option<Way> {
        let rests = self.habits().carriers.iter().filter_map(|code| code.strip(digits));
        rests
            .filter_map(|rest| self.bare(rest, Line::Outside, prefixes))
            .find(|way| !way.number.is_local() && !way.is_overlong() && self.is_valid(*way))
    }

    fn behind_access_code<'d>(&self, digits: &'d [u8]) -> impl Iterator<Item = &'d [u8]> {
        self.habits().access_codes.iter().filter_map(move |code| digits.strip_prefix(code.as_slice()))
    }

    /// Nothing fits the region's plan: a foreign number without its plus, over-dialled digits, a short code.
    fn last_resort(&self, digits: &[u8]) -> Option<Way> {
        let habits = self.habits();
        let local = digits.len() <= LOCAL_DIGITS_MAX || habits.local_lengths >> digits.len().min(31) & 1 == 1;
        if local {
            // An emergency number with something behind it: whatever a peer makes of it, it is no emergency call.
            let number = Number::local(digits).filter(|number| !habits.emergency.contains(*number))?;
            return Some(Way { number, flags: Flags::NONE });
        }
        let foreign = habits.code_of(digits).and_then(|code| {
            let first = digits.get(code.digits.len())?;
            possible(code, digits).filter(|_| code.unusual >> (first & 0xf) & 1 == 0)
        });
        let foreign = foreign.filter(|_| digits.len() >= BARE_INTERNATIONAL_MIN);
        if let Some(way) = foreign {
            return Some(way.flagged(Flag::BareInternational));
        }
        let code = habits.code();
        let own = if digits.starts_with(&code.digits) { self.overlong(code, digits) } else { None };
        let trunk =
            || habits.national_prefixes.iter().find_map(|prefix| self.overlong_inside(prefix.strip(digits)?));
        let cut = self.behind_foreign_prefix(digits).or(own).or_else(trunk);
        let cut = cut.or_else(|| self.overlong_inside(digits));
        let valid = cut.filter(|way| self.is_valid(*way));
        valid.or_else(|| self.behind_usual_access_code(digits)).or(cut)
    }

    /// A whole number behind another country's prefix for abroad says more than one with its tail left off.
    fn behind_foreign_prefix(&self, digits: &[u8]) -> Option<Way> {
        let rest = digits.strip_prefix(b"011").or_else(|| digits.strip_prefix(b"00"))?;
        let way = possible(self.habits().code_of(rest)?, rest)?;
        self.is_valid(way).then(|| way.flagged(Flag::BareInternational))
    }

    /// A number that exists behind what most telephone systems dial for an outside line. Strangers who look for one that
    /// calls abroad for them try it, whatever the customer's is.
    fn behind_usual_access_code(&self, digits: &[u8]) -> Option<Way> {
        let way = self
            .nationally(digits.strip_prefix(b"9")?)
            .filter(|way| self.is_valid(*way) && !way.is_overlong())?;
        Some(way.flagged(Flag::ServiceCode))
    }

    fn overlong_inside(&self, national: &[u8]) -> Option<Way> {
        let code = self.habits().code();
        let mut all = Digits::default();
        all.add(&code.digits)?;
        all.add(national)?;
        self.overlong(code, all.as_bytes())
    }

    /// `*67` and the number: two digits, or three when two do not do.
    fn starred(&self, digits: &[u8], line: Line) -> Option<Way> {
        let behind = |length: usize| self.bare(digits.get(length..)?, line, 1);
        let ways = [behind(2), behind(3)];
        let emergency = ways.into_iter().flatten().find(|way| self.habits().emergency.contains(way.number));
        // A third digit taken for one of the code is the bolder repair, so that two digits need only work.
        let usual = ways.first().copied().flatten().filter(|way| self.is_valid(*way));
        let way = emergency
            .or(usual)
            .or_else(|| self.best(ways))
            .filter(|way| !way.number.is_local() || self.habits().emergency.contains(way.number))?;
        Some(way.flagged(Flag::ServiceCode))
    }

    fn emergency(&self, digits: &[u8]) -> Option<Way> {
        let number = Number::local(digits).filter(|number| number.len() <= LOCAL_DIGITS_MAX)?;
        let is_emergency = self.guarded && self.habits().emergency.contains(number);
        is_emergency.then_some(Way { number, flags: Flags::NONE })
    }

    fn extension(&self, digits: &[u8]) -> Option<Way> {
        if self.role == Role::Caller {
            return None;
        }
        let number = self.habits().extension(digits)?;
        Some(Way { number, flags: Flags::NONE })
    }

    /// The possible number that `head` and `tail` make together.
    fn possible_joined(&self, head: &[u8], tail: &[u8]) -> Option<Way> {
        let mut all = Digits::default();
        all.add(head)?;
        all.add(tail)?;
        possible(self.habits().code_of(all.as_bytes())?, all.as_bytes())
    }
}

/// `digits` as a number of a length its plan has.
fn possible(code: &CountryCode, digits: &[u8]) -> Option<Way> {
    let fits = digits.len() <= DIGITS_MAX && code.lengths >> digits.len() & 1 == 1;
    let number = if fits { Number::international(digits) } else { None };
    number.map(|number| Way { number, flags: Flags::NONE })
}

/// Digits put together on the stack.
struct Digits {
    bytes: [u8; 96],
    length: usize,
}

impl Default for Digits {
    fn default() -> Self {
        Self { bytes: [0; 96], length: 0 }
    }
}

impl Digits {
    fn add(&mut self, digits: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.length..self.length + digits.len())?.copy_from_slice(digits);
        self.length += digits.len();
        Some(())
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
