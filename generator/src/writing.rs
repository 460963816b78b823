//! How carriers, telephones and people with something to hide write a number.

use std::fmt::Write;

use crate::random::Random;
use crate::region::Region;

/// One way to write a number into a SIP or tel URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// `sip:+12105550100@host;user=phone`
    Plus,
    /// `sip:+12105550100@host`
    PlusPlain,
    /// `sip:12105550100@host`: E.164 without its plus; outside North America `00…`
    Bare,
    /// `sip:2105550100@host`, and `011…` for what lies abroad
    National,
    /// `tel:+12105550100`
    Tel,
    /// `tel:+1-210-555-0100`
    TelSeparated,
    /// `sip:+1-210-555-0100@host`
    Separated,
    /// `sip:+1.210.555.0100@host`
    Dotted,
    /// `sip:%2B12105550100@host`
    EscapedPlus,
    /// `sip:%2B%31%32…@host`: every character escaped
    Escaped,
    /// `sip:+1%28210%29555%2D0100@host`
    Bracketed,
    /// `sip:01112105550100@host`
    ExitCode,
    /// `sip:0012105550100@host`
    DoubleZero,
    /// `sip:2105550100;phone-context=+1@host`
    Context,
    /// `SiPs:+12105550100@host:5060;transport=UDP`
    MixedCase,
    /// `sip:+12105550100;isub=1234@host`
    SubAddress,
}

impl Writing {
    /// How decent carriers and telephones write.
    pub(crate) const USUAL: &'static [Self] = &[
        Self::Plus,
        Self::Plus,
        Self::Plus,
        Self::PlusPlain,
        Self::PlusPlain,
        Self::Bare,
        Self::National,
        Self::Tel,
        Self::TelSeparated,
        Self::Separated,
    ];

    /// How those write who hope that a block list compares strings.
    pub(crate) const EVASIVE: &'static [Self] = &[
        Self::EscapedPlus,
        Self::Escaped,
        Self::Bracketed,
        Self::ExitCode,
        Self::DoubleZero,
        Self::Context,
        Self::MixedCase,
        Self::SubAddress,
        Self::Dotted,
        Self::Separated,
        Self::National,
        Self::Bare,
        Self::TelSeparated,
    ];

    pub(crate) fn usual(random: &mut Random) -> Self {
        random.pick(Self::USUAL)
    }

    /// The URI of `number` at `host`, as somebody in `region` writes it.
    pub(crate) fn uri(self, number: u64, host: &str, region: Region) -> String {
        let digits = number.to_string();
        let (country, exit, trunk) = (region.country(), region.exit(), region.trunk());
        let home = region.split(&digits);
        match (self, home) {
            (Self::Plus, _) => format!("sip:+{digits}@{host};user=phone"),
            (Self::PlusPlain, _) => format!("sip:+{digits}@{host}"),
            (Self::Bare, Some(_)) if region == Region::UnitedStates => format!("sip:{digits}@{host}"),
            (Self::National, Some((area, rest))) => format!("sip:{trunk}{area}{rest}@{host}"),
            (Self::Bare | Self::National | Self::ExitCode, _) => format!("sip:{exit}{digits}@{host}"),
            (Self::TelSeparated, Some((area, rest))) => {
                let (rest, line) = last_four(rest);
                format!("tel:+{country}-{area}-{rest}-{line}")
            }
            (Self::Tel | Self::TelSeparated, _) => format!("tel:+{digits}"),
            (Self::Separated, Some((area, rest))) => {
                let (rest, line) = last_four(rest);
                format!("sip:+{country}-{area}-{rest}-{line}@{host};user=phone")
            }
            (Self::Dotted, Some((area, rest))) => {
                let (rest, line) = last_four(rest);
                format!("sip:+{country}.{area}.{rest}.{line}@{host};user=phone")
            }
            (Self::Bracketed, Some((area, rest))) => {
                let (rest, line) = last_four(rest);
                format!("sip:+{country}%28{area}%29{rest}%2D{line}@{host}")
            }
            (Self::Context, Some((area, rest))) => {
                format!("sip:{area}{rest};phone-context=+{country}@{host};user=phone")
            }
            (Self::Separated | Self::Dotted | Self::Bracketed | Self::Context, None) => {
                format!("sip:+{digits}@{host}")
            }
            (Self::EscapedPlus, _) => format!("sip:%2B{digits}@{host}"),
            (Self::Escaped, _) => format!("sip:{}@{host}", escaped(&digits)),
            (Self::DoubleZero, _) => format!("sip:00{digits}@{host}"),
            (Self::MixedCase, _) => format!("SiPs:+{digits}@{host}:5060;transport=UDP"),
            (Self::SubAddress, _) => format!("sip:+{digits};isub=1234@{host};user=phone"),
        }
    }
}

fn last_four(digits: &str) -> (&str, &str) {
    digits.split_at_checked(digits.len().saturating_sub(4)).unwrap_or(("", digits))
}

fn escaped(digits: &str) -> String {
    "+".bytes().chain(digits.bytes()).fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").expect("text takes every character");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_the_way_says() {
        use Region::{Germany, UnitedKingdom, UnitedStates};
        let cases = [
            (Writing::National, 12_105_550_100, UnitedStates, "sip:2105550100@h.example"),
            (Writing::National, 442_079_460_000, UnitedStates, "sip:011442079460000@h.example"),
            (Writing::National, 442_079_460_000, UnitedKingdom, "sip:02079460000@h.example"),
            (Writing::Bare, 12_105_550_100, UnitedStates, "sip:12105550100@h.example"),
            (Writing::Bare, 12_105_550_100, Germany, "sip:0012105550100@h.example"),
            (Writing::TelSeparated, 12_105_550_100, UnitedStates, "tel:+1-210-555-0100"),
            (Writing::TelSeparated, 493_023_125_007, Germany, "tel:+49-30-2312-5007"),
            (Writing::Bracketed, 12_105_550_100, UnitedStates, "sip:+1%28210%29555%2D0100@h.example"),
            (
                Writing::Context,
                12_105_550_100,
                UnitedStates,
                "sip:2105550100;phone-context=+1@h.example;user=phone",
            ),
            (Writing::Escaped, 449, UnitedStates, "sip:%2B%34%34%39@h.example"),
        ];
        for (writing, number, region, expected) in cases {
            assert_eq!(writing.uri(number, "h.example", region), expected);
        }
    }
}
