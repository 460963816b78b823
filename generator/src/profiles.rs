//! Customers unlike each other, so that nothing is tuned to one of them.

use std::net::{Ipv4Addr, SocketAddr};

use jiff::tz::TimeZone;

use crate::customer::{Block, Customer, Hours};
use crate::region::Region;

impl Customer {
    /// Every profile there is, the default first.
    pub fn all() -> Vec<Self> {
        vec![
            Self::default(),
            Self::small_office(),
            Self::call_centre(),
            Self::hospital(),
            Self::german_manufacturer(),
            Self::british_retailer(),
        ]
    }

    /// A law firm of twenty numbers with one carrier.
    pub fn small_office() -> Self {
        Self {
            name: "Example and Partners",
            numbers: vec![Block { first: 18_305_550_120, last: 18_305_550_139, prefix: "", digits: 3 }],
            area: Some("830"),
            border: SocketAddr::from(([192, 0, 2, 130], 5060)),
            phones: Ipv4Addr::new(198, 18, 130, 0),
            trunks: vec!["192.0.2.128/28", "198.18.130.0/24"],
            carriers: vec![SocketAddr::from(([198, 51, 100, 61], 5060))],
            trusted: vec!["198.51.100.61/32"],
            domain: "law.example.com".to_owned(),
            access_code: String::new(),
            hours: Hours { days: "Mon-Fri", open: "09:00-17:30", weekend_percent: [4, 2], night_percent: 0 },
            registering: 14,
            do_not_originate: vec![18_305_550_120],
            own_mobiles: true,
            ..Self::default()
        }
    }

    /// A call centre that is called and calls all day, also on Saturdays.
    pub fn call_centre() -> Self {
        Self {
            name: "Example Contact",
            numbers: vec![
                Block { first: 14_805_550_100, last: 14_805_550_199, prefix: "4", digits: 2 },
                Block { first: 16_025_550_100, last: 16_025_550_199, prefix: "5", digits: 2 },
                Block { first: 16_235_550_100, last: 16_235_550_149, prefix: "6", digits: 2 },
            ],
            hotline: Some(18_885_550_110),
            area: Some("480"),
            border: SocketAddr::from(([192, 0, 2, 40], 5060)),
            phones: Ipv4Addr::new(198, 18, 40, 0),
            trunks: vec!["192.0.2.32/27", "198.18.40.0/24"],
            carriers: [21, 22, 23, 24].map(|host| SocketAddr::from(([198, 51, 100, host], 5060))).to_vec(),
            trusted: vec!["198.51.100.16/28"],
            domain: "contact.example.net".to_owned(),
            access_code: "8".to_owned(),
            time_zone: TimeZone::get("America/Phoenix").unwrap_or(TimeZone::UTC),
            hours: Hours {
                days: "Mon-Sat",
                open: "06:00-20:00",
                weekend_percent: [70, 15],
                night_percent: 3,
            },
            registering: 90,
            do_not_originate: vec![18_885_550_110, 18_885_550_111],
            calls_afar: true,
            own_mobiles: true,
            ..Self::default()
        }
    }

    /// A hospital and its clinics in thirty towns: three thousand numbers, calls at all hours.
    pub fn hospital() -> Self {
        const AREAS: [u64; 30] = [
            217, 309, 618, 815, 319, 515, 563, 260, 574, 765, 812, 502, 606, 859, 417, 573, 660, 816, 316,
            620, 785, 308, 402, 605, 701, 218, 320, 507, 608, 715,
        ];
        const PREFIXES: [&str; 30] = [
            "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35",
            "36", "37", "38", "39", "40", "41", "42", "43", "44", "45", "46", "47", "48", "49",
        ];
        let block = |(area, prefix): (u64, &'static str)| {
            let first = 10_000_000_000 + area * 10_000_000 + 555_0100;
            Block { first, last: first + 99, prefix, digits: 2 }
        };
        Self {
            name: "Example Hospital",
            numbers: AREAS.into_iter().zip(PREFIXES).map(block).collect(),
            hotline: Some(18_445_550_115),
            area: None,
            border: SocketAddr::from(([192, 0, 2, 70], 5060)),
            phones: Ipv4Addr::new(198, 18, 70, 0),
            trunks: vec!["192.0.2.64/27", "198.18.70.0/24"],
            carriers: [41, 42, 43].map(|host| SocketAddr::from(([198, 51, 100, host], 5060))).to_vec(),
            trusted: vec!["198.51.100.40/29"],
            domain: "hospital.example.org".to_owned(),
            hours: Hours {
                days: "Mon-Fri",
                open: "07:00-18:00",
                weekend_percent: [45, 40],
                night_percent: 12,
            },
            registering: 160,
            do_not_originate: vec![18_445_550_115, 12_175_550_100],
            calls_afar: true,
            own_mobiles: true,
            ..Self::default()
        }
    }

    /// A manufacturer in Berlin with customers in many countries.
    pub fn german_manufacturer() -> Self {
        Self {
            name: "Beispiel Maschinenbau",
            region: Region::Germany,
            numbers: vec![
                Block { first: 493_023_125_000, last: 493_023_125_299, prefix: "", digits: 3 },
                Block { first: 498_999_998_000, last: 498_999_998_099, prefix: "89", digits: 2 },
            ],
            area: Some("30"),
            border: SocketAddr::from(([192, 0, 2, 200], 5060)),
            phones: Ipv4Addr::new(198, 18, 200, 0),
            trunks: vec!["192.0.2.192/27", "198.18.200.0/24"],
            carriers: [71, 72].map(|host| SocketAddr::from(([198, 51, 100, host], 5060))).to_vec(),
            trusted: vec!["198.51.100.64/28"],
            domain: "maschinenbau.example".to_owned(),
            access_code: "0".to_owned(),
            time_zone: TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC),
            hours: Hours { days: "Mon-Fri", open: "07:00-17:00", weekend_percent: [6, 2], night_percent: 1 },
            registering: 60,
            do_not_originate: vec![493_023_125_000, 493_023_125_001],
            calls_afar: true,
            own_mobiles: true,
            ..Self::default()
        }
    }

    /// A retailer in London that is open at week-ends.
    pub fn british_retailer() -> Self {
        Self {
            name: "Example Stores",
            region: Region::UnitedKingdom,
            numbers: vec![
                Block { first: 442_079_460_000, last: 442_079_460_499, prefix: "7", digits: 3 },
                Block { first: 441_614_960_100, last: 441_614_960_299, prefix: "1", digits: 3 },
            ],
            hotline: Some(448_081_570_001),
            area: Some("20"),
            border: SocketAddr::from(([192, 0, 2, 230], 5060)),
            phones: Ipv4Addr::new(198, 18, 230, 0),
            trunks: vec!["192.0.2.224/27", "198.18.230.0/24"],
            carriers: [91, 92, 93].map(|host| SocketAddr::from(([198, 51, 100, host], 5060))).to_vec(),
            trusted: vec!["198.51.100.88/29"],
            domain: "stores.example".to_owned(),
            time_zone: TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC),
            hours: Hours {
                days: "Mon-Sat",
                open: "08:30-18:00",
                weekend_percent: [85, 50],
                night_percent: 1,
            },
            registering: 70,
            do_not_originate: vec![448_081_570_001, 442_079_460_000],
            own_mobiles: true,
            ..Self::default()
        }
    }
}
