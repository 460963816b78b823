//! Sets of addresses as intervals, of both families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A set of addresses: sorted, disjoint intervals of IPv4 and of IPv6 addresses as integers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Networks([Vec<Interval>; 2]);

type Interval = (u128, u128);

impl Networks {
    /// The addresses of all `networks`.
    pub(super) fn new(networks: impl Iterator<Item = IpNet>) -> Self {
        let mut families = [Vec::new(), Vec::new()];
        let [v4, v6] = &mut families;
        for network in networks {
            match network {
                IpNet::V4(net) => v4.push((net.network().to_bits().into(), net.broadcast().to_bits().into())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Self(families.map(merged))
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let [v4, v6] = &self.0;
        let (intervals, value) = match address {
            IpAddr::V4(address) => (v4, u128::from(address.to_bits())),
            IpAddr::V6(address) => (v6, address.to_bits()),
        };
        let after = intervals.partition_point(|&(low, _)| low <= value);
        after.checked_sub(1).and_then(|index| intervals.get(index)).is_some_and(|&(_, high)| value <= high)
    }

    /// An address that is in all of `inside` and in none of `outside`; `None` when there is none: proven.
    pub(super) fn witness(inside: &[&Self], outside: &[&Self]) -> Option<IpAddr> {
        let free = |&address: &IpAddr| {
            inside.iter().all(|set| set.contains(address)) && !outside.iter().any(|set| set.contains(address))
        };
        let quick = match inside.first() {
            Some(set) => set.samples().into_iter().find(free),
            None => HABIT.into_iter().find(free),
        };
        quick.or_else(|| {
            let mut rest = inside.iter().fold(Self::all(), |all, set| all.intersection(set));
            for set in outside {
                rest = rest.intersection(&set.complement());
            }
            rest.samples().into_iter().next()
        })
    }

    fn all() -> Self {
        Self([vec![(0, u32::MAX.into())], vec![(0, u128::MAX)]])
    }

    fn samples(&self) -> Vec<IpAddr> {
        let [v4, v6] = &self.0;
        let first = |&(low, high): &Interval| if low < high { low + 1 } else { low };
        let v4 = v4.iter().take(8).map(|net| IpAddr::V4(Ipv4Addr::from_bits(first(net) as u32)));
        let v6 = v6.iter().take(8).map(|net| IpAddr::V6(Ipv6Addr::from_bits(first(net))));
        v4.chain(v6).collect()
    }

    fn intersection(&self, other: &Self) -> Self {
        let ([a4, a6], [b4, b6]) = (&self.0, &other.0);
        Self([common(a4, b4), common(a6, b6)])
    }

    fn complement(&self) -> Self {
        let [v4, v6] = &self.0;
        Self([gaps(v4, u32::MAX.into()), gaps(v6, u128::MAX)])
    }
}

fn merged(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut kept: Vec<Interval> = Vec::with_capacity(intervals.len());
    for (low, high) in intervals {
        match kept.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => kept.push((low, high)),
        }
    }
    kept
}

fn common(a: &[Interval], b: &[Interval]) -> Vec<Interval> {
    let (mut a, mut b) = (a, b);
    let mut found = Vec::new();
    while let ([first, a_rest @ ..], [second, b_rest @ ..]) = (a, b) {
        let (low, high) = (first.0.max(second.0), first.1.min(second.1));
        if low <= high {
            found.push((low, high));
        }
        if first.1 <= second.1 { a = a_rest } else { b = b_rest }
    }
    found
}

fn gaps(intervals: &[Interval], last: u128) -> Vec<Interval> {
    let mut found = Vec::new();
    let mut next = Some(0);
    for &(low, high) in intervals {
        if let Some(start) = next.filter(|&start| start < low) {
            found.push((start, low - 1));
        }
        next = high.checked_add(1);
    }
    found.extend(next.filter(|&start| start <= last).map(|start| (start, last)));
    found
}

/// Addresses for documentation (RFC 5737, RFC 3849), for witnesses that may come from anywhere.
const HABIT: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9)),
];
