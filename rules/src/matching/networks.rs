//! Networks by address.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

/// Networks, each with a value.
///
/// IPv4 has a direct index on the first 16 bits when there are many networks, and disjoint ranges behind it;
/// IPv6 has disjoint ranges alone. IPv4-mapped IPv6 addresses are IPv4 addresses.
#[derive(Clone, Debug, Default)]
pub struct NetworkTable {
    /// First address of each range and its value plus one; 0 where no network is.
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    /// The number of IPv4 ranges that begin before each /16.
    index: Vec<u32>,
}

impl NetworkTable {
    /// The table of `networks`; of those that hold one address the lowest value is found.
    pub fn new(networks: impl IntoIterator<Item = (IpNet, u32)>) -> Self {
        Self::with(networks, u32::min)
    }

    /// The table of `networks`; of those that hold one address the value of the smallest network is found.
    pub fn innermost(networks: impl IntoIterator<Item = (IpNet, u32)>) -> Self {
        Self::with(networks, |_, inner| inner)
    }

    fn with(networks: impl IntoIterator<Item = (IpNet, u32)>, choose: fn(u32, u32) -> u32) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (network, value) in networks {
            match canonical(network) {
                IpNet::V4(net) => v4.push((u32::from(net.network()), u32::from(net.broadcast()), value)),
                IpNet::V6(net) => v6.push((u128::from(net.network()), u128::from(net.broadcast()), value)),
            }
        }
        let v4 = Ranges::new(v4, |address| address.checked_add(1), choose);
        let v6 = Ranges::new(v6, |address| address.checked_add(1), choose);
        let index = if v4.lows.len() < INDEX_FROM { Vec::new() } else { index(&v4.lows) };
        Self { v4, v6, index }
    }

    /// The value of the network that holds `address`.
    #[inline]
    pub fn value(&self, address: IpAddr) -> Option<u32> {
        match address.to_canonical() {
            IpAddr::V4(address) => self.value_v4(address),
            IpAddr::V6(address) => {
                self.v6.value_before(self.v6.lows.partition_point(|&low| low <= u128::from(address)))
            }
        }
    }

    /// Whether it holds no network.
    pub fn is_empty(&self) -> bool {
        self.v4.lows.is_empty() && self.v6.lows.is_empty()
    }

    /// Memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + (self.v4.lows.capacity() + self.v4.values.capacity() + self.index.capacity()) * 4
            + self.v6.lows.capacity() * 16
            + self.v6.values.capacity() * 4
    }

    fn value_v4(&self, address: Ipv4Addr) -> Option<u32> {
        let address = u32::from(address);
        let bucket = address as usize >> 16;
        let (from, to) = match self.index.get(bucket..bucket + 2) {
            Some([from, to]) => (*from as usize, *to as usize),
            _ => (0, self.v4.lows.len()),
        };
        let inside = self.v4.lows.get(from..to)?;
        self.v4.value_before(from + inside.partition_point(|&low| low <= address))
    }
}

/// Disjoint ranges: where each begins, and its value plus one.
#[derive(Clone, Debug)]
struct Ranges<A> {
    lows: Vec<A>,
    values: Vec<u32>,
}

impl<A> Default for Ranges<A> {
    fn default() -> Self {
        Self { lows: Vec::new(), values: Vec::new() }
    }
}

impl<A: Copy + Ord> Ranges<A> {
    /// Networks nest or are disjoint, so that those open at one place are a stack.
    fn new(
        mut networks: Vec<(A, A, u32)>,
        next: impl Fn(A) -> Option<A>,
        choose: fn(u32, u32) -> u32,
    ) -> Self {
        networks.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)));
        let mut ranges = Self::default();
        // Last address, and the value chosen on the way to here, plus one.
        let mut open: Vec<(A, u32)> = Vec::new();
        for (low, high, value) in networks {
            ranges.close(&mut open, |last| last < low, &next);
            let value = open.last().map_or(value + 1, |outer| choose(outer.1, value + 1));
            open.push((high, value));
            ranges.begin(low, value);
        }
        ranges.close(&mut open, |_| true, &next);
        ranges.lows.shrink_to_fit();
        ranges.values.shrink_to_fit();
        ranges
    }

    /// Ends the open networks that `ended` names by their last address.
    fn close(&mut self, open: &mut Vec<(A, u32)>, ended: impl Fn(A) -> bool, next: &impl Fn(A) -> Option<A>) {
        while let Some((last, _)) = open.pop_if(|(last, _)| ended(*last)) {
            if let Some(low) = next(last) {
                self.begin(low, open.last().map_or(0, |outer| outer.1));
            }
        }
    }

    fn begin(&mut self, low: A, value: u32) {
        if self.lows.last() == Some(&low) {
            self.lows.pop();
            self.values.pop();
        }
        if self.values.last().copied().unwrap_or(0) != value {
            self.lows.push(low);
            self.values.push(value);
        }
    }

    #[inline]
    fn value_before(&self, after: usize) -> Option<u32> {
        self.values.get(after.checked_sub(1)?)?.checked_sub(1)
    }
}

/// The network without host bits, as IPv4 when it only maps IPv4.
pub(crate) fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network.trunc() else { return network.trunc() };
    let mapped = v6.network().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS));
    let v4 = mapped.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    v4.map_or(IpNet::V6(v6), IpNet::V4)
}

fn index(lows: &[u32]) -> Vec<u32> {
    let mut index = vec![0u32; (1 << 16) + 1];
    for low in lows {
        if let Some(after) = index.get_mut((low >> 16) as usize + 1) {
            *after += 1;
        }
    }
    let mut sum = 0;
    for entry in &mut index {
        sum += *entry;
        *entry = sum;
    }
    index
}

/// Bits before the IPv4 address in `::ffff:0:0/96`.
const MAPPED_BITS: u8 = 96;
/// Below this many ranges a search through all of them is as quick as the index.
const INDEX_FROM: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(networks: &[(IpNet, u32)], address: IpAddr) {
        let expected =
            networks.iter().filter(|(net, _)| net.contains(&address)).map(|&(_, value)| value).min();
        assert_eq!(NetworkTable::new(networks.iter().copied()).value(address), expected, "{address}");
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        let table = NetworkTable::new([("192.0.2.0/24".parse().unwrap(), 5)]);
        assert_eq!(table.value("::ffff:192.0.2.9".parse().unwrap()), Some(5));
        assert_eq!(table.value("::ffff:192.0.3.9".parse().unwrap()), None);
    }

    #[test]
    fn the_whole_space_is_a_network_too() {
        for text in ["0.0.0.0", "255.255.255.255", "::", "ffff::"] {
            check(&[("0.0.0.0/0".parse().unwrap(), 1), ("::/0".parse().unwrap(), 0)], text.parse().unwrap());
        }
    }

    #[test]
    fn many_networks_are_found_through_the_index() {
        let networks: Vec<_> =
            (0..5_000u32).map(|n| (format!("10.{}.{}.0/24", n / 256, n % 256).parse().unwrap(), n)).collect();
        let table = NetworkTable::new(networks);
        assert_eq!(table.value("10.3.9.77".parse().unwrap()), Some(3 * 256 + 9));
        assert_eq!(table.value("11.3.9.77".parse().unwrap()), None);
        assert_eq!(table.value("9.255.255.255".parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn the_lowest_value_is_found_as_by_looking_at_every_network(
            nets in prop::collection::vec((0u32..4096, 20u8..=32), 0..20),
            probes in prop::collection::vec(0u32..4096, 20),
        ) {
            let networks: Vec<(IpNet, u32)> = nets
                .into_iter()
                .zip(0..)
                .map(|((low, length), value)| {
                    (IpNet::new(IpAddr::V4(Ipv4Addr::from(low)), length).unwrap().trunc(), value)
                })
                .collect();
            for probe in probes {
                check(&networks, IpAddr::V4(Ipv4Addr::from(probe)));
            }
        }
    }
}
