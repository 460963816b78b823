//! Whose traffic it is: numbers, addresses, clock.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

use jiff::tz::TimeZone;

use crate::random::Random;

/// A customer as its traffic shows it. The default lives in documentation ranges only.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Its own numbers, E.164 digits as integers; the last four digits of each are its extension.
    pub numbers: RangeInclusive<u64>,
    /// Its session border controller: where calls come in and go out.
    pub border: SocketAddr,
    /// The /24 in which its telephones are; they register at `border`.
    pub phones: Ipv4Addr,
    /// Carriers that hand it calls and take its calls; their P-Asserted-Identity can be believed.
    pub carriers: Vec<SocketAddr>,
    /// Its domain.
    pub domain: String,
    /// Digits that its telephones dial for an outside line.
    pub access_code: String,
    /// The zone its working day is kept in.
    pub time_zone: TimeZone,
}

impl Default for Customer {
    /// Acme Insurance: +1 210 555 0100 to 0199, border 192.0.2.10, carriers in 198.51.100.0/24, Chicago time.
    fn default() -> Self {
        Self {
            numbers: 12_105_550_100..=12_105_550_199,
            border: SocketAddr::from(([192, 0, 2, 10], 5060)),
            phones: Ipv4Addr::new(192, 0, 2, 0),
            carriers: vec![
                SocketAddr::from(([198, 51, 100, 11], 5060)),
                SocketAddr::from(([198, 51, 100, 12], 5060)),
            ],
            domain: "pbx.example.com".to_owned(),
            access_code: "9".to_owned(),
            time_zone: TimeZone::get("America/Chicago").unwrap_or(TimeZone::UTC),
        }
    }
}

impl Customer {
    pub(crate) fn any_number(&self, random: &mut Random) -> u64 {
        random.between(*self.numbers.start(), *self.numbers.end())
    }

    pub(crate) fn any_carrier(&self, random: &mut Random) -> SocketAddr {
        if self.carriers.is_empty() { self.border } else { random.pick(&self.carriers) }
    }

    /// The telephone that holds `number`.
    pub(crate) fn phone(&self, number: u64) -> SocketAddr {
        let [a, b, c, _] = self.phones.octets();
        let host = 20 + (number % 230) as u8;
        SocketAddr::from(([a, b, c, host], 5060))
    }

    /// What colleagues dial for `number`.
    pub(crate) fn extension(&self, number: u64) -> String {
        format!("{:04}", number % 10_000)
    }
}
