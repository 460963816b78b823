//! What attackers work with: addresses, names of their programs, passwords' owners.

use std::net::SocketAddr;

use crate::random::Random;

/// An address outside from which no honest peer sends.
pub(crate) fn source(random: &mut Random) -> SocketAddr {
    let port = if random.chance(40) { 5060 + random.below(20) } else { random.between(1_025, 65_000) } as u16;
    let address = if random.chance(40) {
        [203, 0, 113, random.between(1, 99) as u8]
    } else {
        [198, 19, random.below(256) as u8, random.between(1, 254) as u8]
    };
    SocketAddr::from((address, port))
}

/// Several of them.
pub(crate) fn sources(random: &mut Random, count: u64) -> Vec<SocketAddr> {
    (0..count.max(1)).map(|_| source(random)).collect()
}

/// How a tool names itself: as what it is, or as something that telephones.
pub(crate) fn user_agent(random: &mut Random) -> &'static str {
    if random.chance(45) { random.pick(SCANNERS) } else { random.pick(INNOCENT) }
}

/// Programs that look for servers and open doors.
pub(crate) const SCANNERS: &[&str] = &[
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sundayddr",
    "sipcli/v1.8",
    "sip-scan",
    "sipsak 0.9.7",
    "pplsip",
    "VaxSIPUserAgent/3.5",
    "SIPScanner 1.2",
];

/// Names that telephones and exchanges have too.
pub(crate) const INNOCENT: &[&str] = &[
    "Asterisk PBX 16.2.1",
    "FPBX-15.0.16",
    "Z 5.4.12 v2.10",
    "Softphone 11.4.0 (Windows)",
    "Deskphone T46 86.0.10",
    "MicroSIP/3.21.3",
    "Linphone/4.4.1",
    "SIP Gateway/IOS-15.2",
    "Video Terminal 2.1",
    "Telephone 1.5",
];

/// Programs that place calls by the thousand.
pub(crate) const DIALLERS: &[&str] = &[
    "Asterisk PBX 13.38.3",
    "FreeSWITCH-mod_sofia/1.10.7",
    "VDialer 2.14",
    "sipp",
    "Softswitch 5.2",
    "GoAutoDial 4",
    "PJSUA v2.11",
    "pbx/18.20",
];

/// Accounts that guessers try, besides plain numbers.
pub(crate) const ACCOUNTS: &[&str] =
    &["admin", "test", "sales", "reception", "fax", "trunk", "voip", "guest", "support", "operator"];
