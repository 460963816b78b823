//! How carriers, telephones and people with something to hide write a number.

use std::fmt::Write;

use crate::random::Random;

/// One way to write a number into a SIP or tel URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// `sip:+12105550100@host;user=phone`
    Plus,
    /// `sip:+12105550100@host`
    PlusPlain,
    /// `sip:12105550100@host`: E.164 without its plus
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

    /// The URI of `number` at `host`.
    pub(crate) fn uri(self, number: u64, host: &str) -> String {
        let (country, area, exchange, line) = parts(number);
        match self {
            Self::Plus => format!("sip:+{number}@{host};user=phone"),
            Self::PlusPlain => format!("sip:+{number}@{host}"),
            Self::Bare if country == 1 => format!("sip:{number}@{host}"),
            Self::National if country == 1 => format!("sip:{area}{exchange}{line:04}@{host}"),
            Self::Bare | Self::National | Self::ExitCode => format!("sip:011{number}@{host}"),
            Self::Tel => format!("tel:+{number}"),
            Self::TelSeparated if country == 1 => format!("tel:+1-{area}-{exchange}-{line:04}"),
            Self::TelSeparated => format!("tel:+{number}"),
            Self::Separated if country == 1 => {
                format!("sip:+1-{area}-{exchange}-{line:04}@{host};user=phone")
            }
            Self::Dotted if country == 1 => format!("sip:+1.{area}.{exchange}.{line:04}@{host};user=phone"),
            Self::Bracketed if country == 1 => format!("sip:+1%28{area}%29{exchange}%2D{line:04}@{host}"),
            Self::Context if country == 1 => {
                format!("sip:{area}{exchange}{line:04};phone-context=+1@{host};user=phone")
            }
            Self::Separated | Self::Dotted | Self::Bracketed | Self::Context => {
                format!("sip:+{number}@{host}")
            }
            Self::EscapedPlus => format!("sip:%2B{number}@{host}"),
            Self::Escaped => format!("sip:{}@{host}", escaped(number)),
            Self::DoubleZero => format!("sip:00{number}@{host}"),
            Self::MixedCase => format!("SiPs:+{number}@{host}:5060;transport=UDP"),
            Self::SubAddress => format!("sip:+{number};isub=1234@{host};user=phone"),
        }
    }
}

/// Country, area, exchange and line of a North American number; country 0 for every other one.
fn parts(number: u64) -> (u64, u64, u64, u64) {
    let country = if number / 10_000_000_000 == 1 { 1 } else { 0 };
    (country, number / 10_000_000 % 1_000, number / 10_000 % 1_000, number % 10_000)
}

fn escaped(number: u64) -> String {
    format!("+{number}").bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").expect("text takes every character");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_the_way_says() {
        let cases = [
            (Writing::National, 12_105_550_100, "sip:2105550100@h.example"),
            (Writing::National, 442_079_460_000, "sip:011442079460000@h.example"),
            (Writing::TelSeparated, 12_105_550_100, "tel:+1-210-555-0100"),
            (Writing::Bracketed, 12_105_550_100, "sip:+1%28210%29555%2D0100@h.example"),
            (Writing::Context, 12_105_550_100, "sip:2105550100;phone-context=+1@h.example;user=phone"),
            (Writing::Escaped, 449, "sip:%2B%34%34%39@h.example"),
        ];
        for (writing, number, expected) in cases {
            assert_eq!(writing.uri(number, "h.example"), expected);
        }
    }
}
