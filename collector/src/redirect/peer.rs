//! Peers: who may ask, and how it is told what was decided.

use std::collections::HashMap;
use std::net::IpAddr;

use ahash::RandomState;
use ipnet::IpNet;
use rules::policy::{PolicySet, Response, RuleAction, ips::Deed};

use super::next_hop::NextHop;

/// One peer: an SBC or PBX that asks per call. Calls that go on do so by `A`.
#[derive(Clone, Debug)]
pub struct Peer<A = Allow> {
    /// What it is called in messages to people.
    pub name: String,
    /// Where it asks from.
    pub from: Vec<IpNet>,
    /// Whose policy judges its calls; `None` lets trunks and numbers say.
    pub customer: Option<String>,
    /// Whether its calls pass when there is no time to judge, and places are kept for its connections.
    pub trusted: bool,
    /// How a call goes on.
    pub allow: A,
    /// How it is told that a call is refused; `None` lets the policy say.
    pub block: Option<Response>,
}

/// How a peer is told that a call goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allow {
    /// `302` with the original user part at this next hop.
    Redirect(NextHop),
    /// `404`: the peer takes its next route.
    NotFound,
    /// `503` without Retry-After: the peer takes its next route.
    Unavailable,
}

impl Allow {
    /// The status code it is said with.
    pub const fn code(&self) -> u16 {
        match self {
            Self::Redirect(_) => 302,
            Self::NotFound => 404,
            Self::Unavailable => 503,
        }
    }
}

/// All peers, found by address.
#[derive(Debug)]
pub struct Peers<A = Allow> {
    peers: Vec<Peer<A>>,
    exact: HashMap<IpAddr, usize, RandomState>,
    networks: Vec<(IpNet, usize)>,
}

impl<A> Peers<A> {
    /// All of `peers`; of several that fit an address the one with the longest prefix holds, of equal ones the first.
    pub fn new(peers: Vec<Peer<A>>) -> Self {
        let mut exact = HashMap::default();
        let mut networks = Vec::new();
        for (place, peer) in peers.iter().enumerate() {
            for network in &peer.from {
                if network.prefix_len() == network.max_prefix_len() {
                    exact.entry(network.addr().to_canonical()).or_insert(place);
                } else {
                    networks.push((*network, place));
                }
            }
        }
        networks.sort_by_key(|(network, place)| (std::cmp::Reverse(network.prefix_len()), *place));
        Self { peers, exact, networks }
    }

    /// The peers, in order.
    pub fn all(&self) -> &[Peer<A>] {
        &self.peers
    }

    /// The place of the peer at `address`.
    #[inline]
    pub fn at(&self, address: IpAddr) -> Option<usize> {
        let address = address.to_canonical();
        let in_network =
            || self.networks.iter().find(|(network, _)| network.contains(&address)).map(|found| found.1);
        self.exact.get(&address).copied().or_else(in_network)
    }

    /// The peer at `address`, with its place.
    pub(crate) fn find(&self, address: IpAddr) -> Option<(usize, &Peer<A>)> {
        let place = self.at(address)?;
        Some((place, self.peers.get(place)?))
    }

    /// Of each peer the policy that judges its calls.
    pub(crate) fn judges(&self, policies: &PolicySet) -> Vec<Option<u32>> {
        let place = |peer: &Peer<A>| {
            let name = peer.customer.as_deref()?;
            policies.policies().iter().position(|policy| policy.name() == name).map(|place| place as u32)
        };
        self.peers.iter().map(place).collect()
    }

    /// Customers that peers name and that no policy has, in words.
    pub fn unknown_customers(&self, policies: &PolicySet) -> Vec<String> {
        let is_known = |name: &str| policies.policies().iter().any(|policy| policy.name() == name);
        let unknown = self.peers.iter().filter_map(|peer| {
            let customer = peer.customer.as_deref().filter(|customer| !is_known(customer))?;
            Some(format!("peer \"{}\" names customer \"{customer}\", which no policy has", peer.name))
        });
        unknown.collect()
    }
}

impl Peers {
    /// What does not fit between the peers and `policies`, in words: customers that are not there, and refusals that a
    /// peer would take for leave.
    pub fn misfits(&self, policies: &PolicySet) -> Vec<String> {
        let mut found = self.unknown_customers(policies);
        for peer in self.peers.iter().filter(|peer| peer.block.is_none()) {
            let named =
                |policy: &&rules::Policy| peer.customer.as_deref().is_none_or(|name| policy.name() == name);
            let code = peer.allow.code();
            for policy in policies.policies().iter().filter(named) {
                if refusals(policy).any(|response| said(response).contains(&Some(code))) {
                    found.push(format!(
                        "the policy of \"{}\" refuses with {code}, which peer \"{}\" takes for leave: give the peer \
                         another `allow`, or a `block`",
                        policy.name(),
                        peer.name
                    ));
                }
            }
        }
        found
    }
}

/// Everything that `policy` may refuse with.
fn refusals(policy: &rules::Policy) -> impl Iterator<Item = Response> + '_ {
    let customer = &policy.text().customer;
    let by_rule = policy.text().firewall.iter().filter_map(|rule| match rule.action {
        RuleAction::Block(response) => Some(response),
        _ => None,
    });
    let by_threshold = policy.thresholds().iter().flat_map(|threshold| {
        [false, true].into_iter().filter_map(|critical| match threshold.action(critical)?.deed {
            Deed::Block(response) => response,
            _ => None,
        })
    });
    [customer.list_response, customer.threshold_response].into_iter().chain(by_rule).chain(by_threshold)
}

/// Whether `policy` may refuse with `response`.
pub(super) fn may_refuse_with(policy: &rules::Policy, response: Response) -> bool {
    refusals(policy).any(|refusal| refusal == response)
}

/// The codes that `response` may be said with.
pub(super) fn said(response: Response) -> [Option<u16>; 2] {
    match response {
        Response::Rejected { fallback } => [response.code(), Some(fallback)],
        _ => [response.code(), None],
    }
}
