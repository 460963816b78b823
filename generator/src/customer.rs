//! Whose traffic it is: numbers, addresses, clock.

use std::net::{Ipv4Addr, SocketAddr};

use jiff::tz::TimeZone;

use crate::random::Random;
use crate::region::Region;

/// A customer as its traffic shows it, and all that a policy for it needs. The default lives in documentation
/// ranges only; the other profiles are [`Customer::all`].
#[derive(Clone, Debug)]
pub struct Customer {
    /// Its name.
    pub name: &'static str,
    /// The country it dials by.
    pub region: Region,
    /// Its own numbers.
    pub numbers: Vec<Block>,
    /// Where its callers pay nothing, if it has such a number; it belongs to the customer too.
    pub hotline: Option<u64>,
    /// Its local area, for numbers dialled without one; `None` where that is not usual.
    pub area: Option<&'static str>,
    /// Its session border controller: where calls come in and go out.
    pub border: SocketAddr,
    /// The /24 in which its telephones are; they register at `border`.
    pub phones: Ipv4Addr,
    /// The networks of its own side, as CIDR.
    pub trunks: Vec<&'static str>,
    /// Carriers that hand it calls and take its calls; their P-Asserted-Identity can be believed.
    pub carriers: Vec<SocketAddr>,
    /// The networks of those carriers, as CIDR.
    pub trusted: Vec<&'static str>,
    /// Its domain.
    pub domain: String,
    /// Digits that its telephones dial for an outside line.
    pub access_code: String,
    /// The zone its working day is kept in.
    pub time_zone: TimeZone,
    /// When most of its people work, and what happens when they do not.
    pub hours: Hours,
    /// How many of its telephones register.
    pub registering: u64,
    /// Numbers that nobody may show as a caller, E.164 digits.
    pub do_not_originate: Vec<u64>,
    /// Prefixes that its people hardly call and that fraud goes to, E.164 digits.
    pub high_risk: Vec<&'static str>,
    /// Whether somebody there has business in countries that fraud goes to as well, at any hour.
    pub calls_afar: bool,
    /// Whether its people call in from mobiles that show its numbers, as a Diversion says.
    pub own_mobiles: bool,
}

/// Numbers that follow each other, and how colleagues dial them.
#[derive(Clone, Debug)]
pub struct Block {
    /// The first, E.164 digits.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// What stands before the last digits of a number to make its extension.
    pub prefix: &'static str,
    /// How many of the last digits of a number its extension has.
    pub digits: u32,
}

/// When a customer works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// `Mon-Fri`
    pub days: &'static str,
    /// `08:00-17:00`
    pub open: &'static str,
    /// How much of a working day's traffic a Saturday and a Sunday have, in per cent.
    pub weekend_percent: [u8; 2],
    /// How much of the busiest hour's traffic a night hour has at least, in per cent.
    pub night_percent: u8,
}

impl Default for Customer {
    /// Acme Insurance: +1 210 555 0100 to 0199, border 192.0.2.10, carriers in 198.51.100.0/24, Chicago time.
    fn default() -> Self {
        Self {
            name: "Acme Insurance",
            region: Region::UnitedStates,
            numbers: vec![Block { first: 12_105_550_100, last: 12_105_550_199, prefix: "", digits: 4 }],
            hotline: None,
            area: Some("210"),
            border: SocketAddr::from(([192, 0, 2, 10], 5060)),
            phones: Ipv4Addr::new(192, 0, 2, 0),
            trunks: vec!["192.0.2.0/24"],
            carriers: vec![
                SocketAddr::from(([198, 51, 100, 11], 5060)),
                SocketAddr::from(([198, 51, 100, 12], 5060)),
            ],
            trusted: vec!["198.51.100.0/24"],
            domain: "pbx.example.com".to_owned(),
            access_code: "9".to_owned(),
            time_zone: TimeZone::get("America/Chicago").unwrap_or(TimeZone::UTC),
            hours: Hours {
                days: "Mon-Fri",
                open: "08:00-17:00",
                weekend_percent: [18, 10],
                night_percent: 0,
            },
            registering: 20,
            do_not_originate: (0..10).map(|line| 18_005_550_100 + line).collect(),
            high_risk: Self::HIGH_RISK.to_vec(),
            calls_afar: false,
            own_mobiles: false,
        }
    }
}

impl Customer {
    /// Countries and ranges that revenue share fraud goes to, by public reports.
    pub const HIGH_RISK: &'static [&'static str] = &[
        "252", "960", "53", "216", "220", "224", "231", "232", "243", "245", "263", "269", "355", "370",
        "371", "372", "373", "375", "381", "387", "389", "592", "675", "678", "881", "882", "883", "994",
        "1876", "1809", "1268", "1284", "1473", "1649", "1767",
    ];

    /// Whether `number` is its own.
    pub fn owns(&self, number: u64) -> bool {
        self.hotline == Some(number) || self.numbers.iter().any(|block| block.contains(number))
    }

    /// How many numbers it has.
    pub fn size(&self) -> u64 {
        self.numbers.iter().map(Block::len).sum()
    }

    /// Its own numbers, in order.
    pub fn each_number(&self) -> impl Iterator<Item = u64> {
        self.numbers.iter().flat_map(|block| block.first..=block.last)
    }

    /// Its extensions and the numbers they are, both as a policy writes them: `01xx`, `+121055501xx`.
    pub fn extensions(&self) -> Vec<(String, String)> {
        let pattern = |block: &Block| {
            let fixed = block.len().ilog10().min(block.digits);
            let hidden = 10u64.pow(fixed);
            let (line, marks) = (block.first % 10u64.pow(block.digits) / hidden, "x".repeat(fixed as usize));
            let width = (block.digits - fixed) as usize;
            let line = if width == 0 { String::new() } else { format!("{line:0width$}") };
            (format!("{}{line}{marks}", block.prefix), format!("+{}{marks}", block.first / hidden))
        };
        self.numbers.iter().map(pattern).collect()
    }

    /// The number at its reception.
    pub fn reception(&self) -> u64 {
        self.nth(0)
    }

    /// The number where its people hear their voicemail.
    pub fn voicemail(&self) -> u64 {
        self.nth(self.size().saturating_sub(1))
    }

    /// The numbers of its fax machines.
    pub fn fax(&self) -> [u64; 2] {
        [self.nth(self.size().saturating_sub(2)), self.nth(self.size().saturating_sub(3))]
    }

    /// The number of its conference bridge.
    pub fn conference(&self) -> u64 {
        self.nth(self.size().saturating_sub(4))
    }

    /// A number of somebody who works there.
    pub(crate) fn any_number(&self, random: &mut Random) -> u64 {
        self.nth(random.below(self.size().saturating_sub(4).max(1)))
    }

    pub(crate) fn nth(&self, mut index: u64) -> u64 {
        for block in &self.numbers {
            if index < block.len() {
                return block.first + index;
            }
            index -= block.len();
        }
        self.numbers.first().map_or(0, |block| block.first)
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

    /// The User-Agent of that telephone.
    pub(crate) fn phone_model(&self, number: u64) -> &'static str {
        match number % 7 {
            0 => "Deskphone T42 84.1.3",
            1 => "Conference Unit 7/3.0",
            2 => "Softphone 11.4.0 (Windows)",
            _ => "Deskphone T46 86.0.10",
        }
    }

    /// What colleagues dial for `number`.
    pub(crate) fn extension(&self, number: u64) -> String {
        let block = self.numbers.iter().find(|block| block.contains(number)).or_else(|| self.numbers.first());
        let (prefix, digits) = block.map_or(("", 4), |block| (block.prefix, block.digits));
        format!("{prefix}{:0width$}", number % 10u64.pow(digits), width = digits as usize)
    }
}

impl Block {
    fn contains(&self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }

    fn len(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }
}
