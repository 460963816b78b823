//! How one customer writes and dials numbers.

use std::fmt;
use std::sync::Arc;

use super::territory::{CountryCode, Prefix, TRUNK_PREFIX_MAX, Territory, World, world};
use super::{carrier, emergency};
use crate::number::Number;
use crate::number_set::NumberSet;

/// How digits without a plus are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// By the region's national plan.
    National,
    /// As E.164 without its plus, as many carriers send them.
    International,
}

/// How one customer writes and dials numbers. Equal plans read alike, so customers can share one reading.
#[derive(Clone)]
pub struct DialPlan {
    /// ISO 3166 code of the region, such as `US`.
    pub region: String,
    /// How digits without a plus are read.
    pub bare: Bare,
    /// Local area code for short local numbers.
    pub area: Option<String>,
    /// Digits dialled for an outside line.
    pub access_codes: Vec<String>,
    /// Extension patterns and the numbers they stand for: `1xxx` is `+1 210 555 1xxx`.
    pub extensions: Vec<(String, String)>,
    habits: Arc<Habits>,
}

/// Why a dial plan makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// No ISO 3166 code.
    UnknownRegion(String),
    /// The area is not made of one to eight digits.
    BadArea(String),
    /// The access code is not made of one to four digits.
    BadAccessCode(String),
    /// The extension pattern is not made of two to nine digits and `x`, or the number it stands for is not
    /// `+` and digits with as many `x`.
    BadExtension(String, String),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRegion(region) => write!(f, "`{region}` is no ISO 3166 code of a country"),
            Self::BadArea(area) => write!(f, "area `{area}` is not one to eight digits"),
            Self::BadAccessCode(code) => write!(f, "access code `{code}` is not one to four digits"),
            Self::BadExtension(pattern, number) => write!(
                f,
                "extension `{pattern}` = `{number}` is not digits and x on the left, + and digits and as many x on the right"
            ),
        }
    }
}

impl std::error::Error for PlanError {}

/// The tables behind a [`DialPlan`], made once.
pub struct Habits {
    world: &'static World,
    code: &'static CountryCode,
    /// Prefixes for numbers abroad, longest first.
    pub international_prefixes: Vec<Prefix>,
    /// Prefixes for numbers inside the country, longest first.
    pub national_prefixes: Vec<Prefix>,
    /// Prefixes that select a carrier or a service and change nothing about the number, longest first.
    pub service_prefixes: Vec<Prefix>,
    /// Codes that select a carrier, longest first: behind them only a number that exists is read.
    pub carriers: Vec<Prefix>,
    /// Digits of the area of short numbers; empty without one.
    pub area: Vec<u8>,
    /// Digits for an outside line.
    pub access_codes: Vec<Vec<u8>>,
    /// How many digits may be dialled inside one area: bit *n* for *n* digits.
    pub local_lengths: u32,
    /// Emergency numbers of the region, 112 and 911 among them.
    pub emergency: NumberSet,
    extensions: Vec<Extension>,
}

/// One extension pattern and the number it stands for, digit by digit.
struct Extension {
    pattern: Prefix,
    /// The number with `x` where a digit of the extension stands.
    number: Vec<u8>,
    wild: Vec<bool>,
}

impl DialPlan {
    /// A plan for `region` (any case). The `area` is digits without trunk prefix; `access_codes` are dialled for
    /// an outside line; each of `extensions` is a pattern of digits and `x` and the `+` number it stands for.
    pub fn new(
        region: &str,
        bare: Bare,
        area: Option<&str>,
        access_codes: &[String],
        extensions: &[(String, String)],
    ) -> Result<Self, PlanError> {
        let region = region.to_ascii_uppercase();
        let habits = Habits::new(&region, area, access_codes, extensions)?;
        Ok(Self {
            region,
            bare,
            area: area.map(str::to_owned),
            access_codes: access_codes.to_vec(),
            extensions: extensions.to_vec(),
            habits: Arc::new(habits),
        })
    }

    /// The tables made from it.
    pub fn habits(&self) -> &Habits {
        &self.habits
    }
}

impl Default for DialPlan {
    /// The United States, national, without an area.
    fn default() -> Self {
        Self::new("US", Bare::National, None, &[], &[]).expect("the United States have a number plan")
    }
}

impl PartialEq for DialPlan {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.habits, &other.habits) && self.bare == other.bare
            || self.region == other.region
                && self.bare == other.bare
                && self.area == other.area
                && self.access_codes == other.access_codes
                && self.extensions == other.extensions
    }
}

impl fmt::Debug for DialPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialPlan")
            .field("region", &self.region)
            .field("bare", &self.bare)
            .field("area", &self.area)
            .field("access_codes", &self.access_codes)
            .field("extensions", &self.extensions)
            .finish()
    }
}

impl Habits {
    fn new(
        region: &str,
        area: Option<&str>,
        access_codes: &[String],
        extensions: &[(String, String)],
    ) -> Result<Self, PlanError> {
        let unknown = || PlanError::UnknownRegion(region.to_owned());
        let emergency = emergency::numbers(region).ok_or_else(unknown)?;
        let territory = world().territory(emergency::plan_of(region)).ok_or_else(unknown)?;
        let code = world().code(territory.code.as_bytes()).ok_or_else(unknown)?;
        let area = area.unwrap_or(&territory.area);
        if !area.bytes().all(|byte| byte.is_ascii_digit()) || area.len() > 8 {
            return Err(PlanError::BadArea(area.to_owned()));
        }
        if let Some(code) = access_codes.iter().find(|code| !is_access_code(code)) {
            return Err(PlanError::BadAccessCode(code.clone()));
        }
        let (international_prefixes, national_prefixes, service_prefixes) = prefixes(territory, code);
        Ok(Self {
            world: world(),
            code,
            international_prefixes,
            national_prefixes,
            service_prefixes,
            carriers: carrier::codes(&territory.iso),
            area: area.as_bytes().to_vec(),
            access_codes: access_codes.iter().map(|code| code.as_bytes().to_vec()).collect(),
            local_lengths: territory.local_lengths,
            emergency,
            extensions: extensions.iter().map(Extension::new).collect::<Result<_, _>>()?,
        })
    }

    /// The country code of the region.
    pub fn code(&self) -> &'static CountryCode {
        self.code
    }

    /// The country code that `digits` (ASCII, without the plus) begin with; `None` when none in use does.
    pub fn code_of(&self, digits: &[u8]) -> Option<&'static CountryCode> {
        self.world.code(digits)
    }

    /// The country code by the first three digits of a number; `None` when none is in use there.
    #[inline]
    pub fn code_of_leading(&self, leading: usize) -> Option<&'static CountryCode> {
        self.world.code_of_leading(leading)
    }

    /// Whether some country's plan knows `number`.
    pub fn is_valid(&self, number: Number) -> bool {
        self.world.valid.contains(number)
    }

    /// Whether `digits` are nothing but codes in front of a number: for an outside line, of a service, of a carrier.
    pub fn is_prefix(&self, digits: &[u8]) -> bool {
        self.is_prefixes(digits, 3)
    }

    fn is_prefixes(&self, digits: &[u8], most: u8) -> bool {
        let outside = self.access_codes.iter().filter_map(|code| digits.strip_prefix(code.as_slice()));
        let services = self.service_prefixes.iter().chain(&self.carriers);
        let services = services.filter_map(|prefix| prefix.strip(digits));
        most > 0 && outside.chain(services).any(|rest| rest.is_empty() || self.is_prefixes(rest, most - 1))
    }

    /// Whether `digits` are a prefix for abroad, the region's or a usual one.
    pub fn is_abroad(&self, digits: &[u8]) -> bool {
        matches!(digits, b"00" | b"011")
            || self.international_prefixes.iter().any(|prefix| prefix.strip(digits) == Some(b""))
    }

    /// The number that the extension `digits` stands for.
    pub fn extension(&self, digits: &[u8]) -> Option<Number> {
        self.extensions.iter().find_map(|extension| extension.number(digits))
    }
}

impl Extension {
    fn new((pattern, number): &(String, String)) -> Result<Self, PlanError> {
        let bad = || PlanError::BadExtension(pattern.clone(), number.clone());
        let is_wild = |byte: &u8| byte.eq_ignore_ascii_case(&b'x');
        let plain: Vec<u8> =
            number.bytes().filter(|byte| !matches!(byte, b' ' | b'-' | b'.' | b'(' | b')')).collect();
        let digits = plain.strip_prefix(b"+").ok_or_else(bad)?;
        let fits = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_digit() || is_wild(byte));
        let wild_places = |text: &[u8]| text.iter().filter(|byte| is_wild(byte)).count();
        let well_formed = (2..=9).contains(&pattern.len())
            && fits(pattern.as_bytes())
            && fits(digits)
            && wild_places(pattern.as_bytes()) == wild_places(digits)
            && (7..=crate::number::DIGITS_MAX).contains(&digits.len());
        if !well_formed {
            return Err(bad());
        }
        let places = pattern.bytes().map(|byte| if is_wild(&byte) { 0x3ff } else { 1 << (byte & 0xf) });
        Ok(Self {
            pattern: Prefix(places.collect()),
            number: digits.to_vec(),
            wild: pattern.bytes().map(|byte| is_wild(&byte)).collect(),
        })
    }

    fn number(&self, digits: &[u8]) -> Option<Number> {
        if !self.pattern.strip(digits)?.is_empty() {
            return None;
        }
        let mut wild = digits.iter().zip(&self.wild).filter(|(_, wild)| **wild).map(|(digit, _)| *digit);
        let mut number = [b'0'; crate::number::DIGITS_MAX];
        for (place, &byte) in number.iter_mut().zip(&self.number) {
            *place = if byte.is_ascii_digit() { byte } else { wild.next()? };
        }
        Number::international(number.get(..self.number.len())?)
    }
}

fn is_access_code(code: &str) -> bool {
    (1..=4).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// Prefixes for abroad, for inside, and of services, each longest first.
fn prefixes(territory: &Territory, code: &CountryCode) -> (Vec<Prefix>, Vec<Prefix>, Vec<Prefix>) {
    let mut abroad: Vec<Prefix> = territory.international_prefixes.iter().cloned().map(Prefix).collect();
    let (inside, selecting): (Vec<Prefix>, Vec<Prefix>) = territory
        .national_prefixes
        .iter()
        .cloned()
        .map(Prefix)
        .partition(|prefix| prefix.len() <= TRUNK_PREFIX_MAX);
    let mut inside: Vec<Prefix> = inside.into_iter().chain(code.national_prefixes.iter().cloned()).collect();
    let mut services = selecting;
    services.extend(service_prefixes(&territory.iso, &territory.code).iter().map(|p| Prefix::exact(p)));
    if territory.code == "1" {
        // Operator-assisted: 0 and the number, 01 and a number abroad. 101XXXX selects a carrier.
        inside.push(Prefix::exact("0"));
        abroad.push(Prefix::exact("01"));
        services.push(Prefix([&Prefix::exact("101").0[..], &[0x3ff; 4]].concat()));
    }
    for list in [&mut abroad, &mut inside, &mut services] {
        list.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        list.dedup();
    }
    (abroad, inside, services)
}

/// Digits that withhold or show the caller's number for one call, or select a carrier, where the metadata
/// has none. General knowledge of how these networks are dialled, not yet checked against the regulators' plans:
/// 1167 is *67 from a rotary telephone.
fn service_prefixes(iso: &str, code: &str) -> &'static [&'static str] {
    match (iso, code) {
        (_, "1") => &["1167", "1182", "1170"],
        ("GB" | "GG" | "JE" | "IM", _) => &["141", "1470"],
        ("IE", _) => &["141", "142"],
        ("JP", _) => &["184", "186"],
        ("HK", _) => &["133"],
        ("FR", _) => &["3651"],
        ("ES", _) => &["067"],
        ("NZ", _) => &["0196", "0197"],
        _ => &[],
    }
}
