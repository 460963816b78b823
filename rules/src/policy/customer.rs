//! Whose policy it is: numbers, trunks, how the customer dials, how refusals are said.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use crate::matching::canonical;
use crate::number_set::NumberSet;
use crate::plan::DialPlan;
use crate::policy::{ListId, Mode, Rates, Response};

/// The `[customer]` table.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Its name.
    pub name: String,
    /// How its numbers are written and dialled: region, bare digits, area, access codes, extensions.
    pub dial_plan: DialPlan,
    /// Its time zone.
    pub time_zone: TimeZone,
    /// Its own numbers (extensions are mapped to them).
    pub numbers: NumberSet,
    /// Its own side: a packet from here is outbound or internal.
    pub trunks: Vec<IpNet>,
    /// Peers whose P-Asserted-Identity is believed.
    pub trusted: Vec<IpNet>,
    /// Numbers that may never stand on a block list.
    pub protected: NumberSet,
    /// How a block by a firewall rule is said.
    pub list_response: Response,
    /// How a block by a breached threshold is said.
    pub threshold_response: Response,
    /// What a blocked caller is told: page and telephone number.
    pub redress: Option<Redress>,
    /// Location of the ATIS-1000099 Reason.
    pub location: Option<String>,
    /// Whether the policy acts.
    pub mode: Mode,
    /// Who may change it.
    pub change_control: ChangeControl,
    /// What calls out cost.
    pub rates: Rates,
    /// Numbers that never call.
    pub do_not_originate: Option<ListId>,
    /// How long inbound calls to somebody who called an emergency number pass, in seconds.
    pub callback_seconds: u32,
    /// After so long without a message a trunk, or a trusted peer, that was heard before is told to be silent, in
    /// microseconds; `None` when nobody asks.
    pub silence_micros: Option<i64>,
    /// Its back-to-back agents, such as SBCs and PBXs: calls that they pass on under another Call-ID are seen twice.
    pub back_to_back: Vec<IpNet>,
    /// The header that holds the Call-ID of the other leg, or the same in both, beside Session-ID (RFC 7989).
    pub leg_header: Option<String>,
}

/// Where a blocked caller can complain.
#[derive(Clone, Debug)]
pub struct Redress {
    /// A page.
    pub url: Option<String>,
    /// A telephone number, E.164.
    pub tel: Option<String>,
}

/// Who may change a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeControl {
    /// Who owns the file.
    File,
    /// An authorised contact, for exactly this change.
    Approved,
}

impl Customer {
    /// Whether `address` is on the customer's own side. An IPv4 address is the same when IPv6 only maps it
    /// (RFC 4291 §2.5.5.2).
    pub fn is_own_side(&self, address: IpAddr) -> bool {
        any_holds(&self.trunks, address)
    }

    /// Whether a P-Asserted-Identity from `address` is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        any_holds(&self.trusted, address)
    }

    /// Whether `address` is one of its back-to-back agents.
    pub fn is_back_to_back(&self, address: IpAddr) -> bool {
        any_holds(&self.back_to_back, address)
    }
}

fn any_holds(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| match (network, address) {
        (IpNet::V4(network), IpAddr::V4(address)) => {
            let differing = u32::from(network.addr()) ^ u32::from(address);
            differing.unbounded_shr(u32::BITS - u32::from(network.prefix_len())) == 0
        }
        _ => canonical(*network).contains(&address),
    })
}
