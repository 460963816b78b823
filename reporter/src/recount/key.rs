//! Keys of thresholds, from what a call line says.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use rules::policy::ips::{Count, Key};
use rules::policy::{Customer, Threshold};

use super::call::country;
use crate::line::{CallLine, Counting};

/// Who calls and who is called in one message.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) caller: &'a str,
    pub(super) caller_kind: &'a str,
    called: &'a str,
    pub(super) called_kind: &'a str,
}

impl<'a> Sides<'a> {
    pub(super) fn of(line: &'a CallLine<'_>, counting: &'a Counting<'_>) -> Self {
        match &counting.parties {
            Some(parties) => Self {
                caller: &parties.caller,
                caller_kind: parties.caller_kind,
                called: &parties.called,
                called_kind: parties.called_kind,
            },
            None => Self {
                caller: &line.caller,
                caller_kind: line.caller_kind,
                called: &line.called,
                called_kind: line.called_kind,
            },
        }
    }

    /// Who calls, or the address that somebody without a name calls from.
    pub(super) fn caller_or_source(&self, line: &CallLine<'_>, customer: &Customer) -> String {
        if is_named(self.caller, self.caller_kind) {
            self.caller.to_owned()
        } else {
            address(&line.source).map_or_else(String::new, |source| sender(source, customer))
        }
    }

    /// Who is called, as dialled where it is no number; `None` when nobody is.
    pub(super) fn called(&self) -> Option<Cow<'a, str>> {
        let is_dialled = self.called_kind == "invalid" && !self.called.is_empty();
        (is_dialled || is_named(self.called, self.called_kind)).then_some(Cow::Borrowed(self.called))
    }
}

/// The key that `threshold` counts a call by: its parts by name; `None` when the call lacks one.
pub(super) fn text(
    line: &CallLine<'_>,
    sides: &Sides<'_>,
    threshold: &Threshold,
    customer: &Customer,
) -> Option<String> {
    let mut keys = threshold.per.clone();
    if threshold.count == Count::Repeats {
        let pair = [Key::Caller, Key::Called].into_iter().filter(|key| !threshold.per.contains(key));
        keys.extend(pair);
    }
    let mut parts = Vec::new();
    for key in keys {
        let name = key.to_string();
        let name = name.split(':').next().unwrap_or_default().to_owned();
        parts.push(format!("{name}={}", part(line, sides, key, customer)?));
    }
    parts.sort();
    Some(parts.join(" "))
}

fn part(line: &CallLine<'_>, sides: &Sides<'_>, key: Key, customer: &Customer) -> Option<String> {
    let source = address(&line.source);
    let caller_number = || (sides.caller_kind == "number").then_some(sides.caller);
    let called_number = || (sides.called_kind == "number").then_some(sides.called);
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match key {
        Key::Caller => Some(sides.caller_or_source(line, customer)),
        Key::CallerBlock(left) => match caller_number() {
            Some(number) => Some(block(number, left)),
            None => Some(sides.caller_or_source(line, customer)),
        },
        Key::CallerCountry => caller_number().and_then(country).map(str::to_owned),
        Key::Called => sides.called().map(Cow::into_owned),
        Key::CalledBlock(left) => match called_number() {
            Some(number) => Some(block(number, left)),
            None => sides.called().map(Cow::into_owned),
        },
        Key::CalledCountry => called_number().and_then(country).map(str::to_owned),
        Key::ForwardedBy => {
            let first = line.diverting.iter().next();
            first.filter(|text| !matches!(&**text, "" | "anonymous" | "none")).map(|text| text.to_string())
        }
        Key::Source => source.map(|source| sender(source, customer)),
        Key::SourceNet(length) => source.map(|source| network(source, length)),
        Key::Trunk => {
            let ends = [source, address(&line.destination)];
            let mut trunks = customer.trunks.iter().chain(&customer.trusted);
            let used = trunks.find(|net| ends.iter().flatten().any(|end| net.contains(end)));
            used.map(ToString::to_string)
        }
        Key::UserAgent => some(line.user_agent.as_deref()?),
        Key::DisplayName => some(line.display_name.as_deref()?),
        Key::Transport => some(line.transport),
        Key::Direction => line.direction.map(str::to_owned),
        Key::CallType => some(line.call_type),
        Key::Attestation => line.attestation.map(str::to_owned),
        Key::Signer => some(line.signer.as_deref()?),
        Key::Host => None,
    }
}

fn is_named(text: &str, kind: &str) -> bool {
    matches!(kind, "number" | "name" | "emergency") && !text.is_empty()
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse::<SocketAddr>().ok().map(|address| address.ip().to_canonical())
}

/// A number without its last digits; one that has no more is its own block, and so is a local one.
fn block(number: &str, left: u8) -> String {
    let left = usize::from(left);
    match number.len().checked_sub(left).and_then(|kept| number.get(..kept)) {
        Some(kept) if kept.len() > 1 && kept.starts_with('+') => format!("{kept}{}", "x".repeat(left)),
        _ => number.to_owned(),
    }
}

/// Of an IPv6 address outside the network of 64 bits.
fn sender(source: IpAddr, customer: &Customer) -> String {
    if source.is_ipv6() && !customer.is_own_side(source) { network(source, 64) } else { source.to_string() }
}

fn network(address: IpAddr, length: u8) -> String {
    match address {
        IpAddr::V4(address) => {
            let length = length.min(32);
            let kept = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            format!("{}/{length}", std::net::Ipv4Addr::from(u32::from(address) & kept))
        }
        IpAddr::V6(address) => {
            let length = length.min(128);
            let kept = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            format!("{}/{length}", std::net::Ipv6Addr::from(u128::from(address) & kept))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_networks_are_written_as_alerts_write_them() {
        assert_eq!(block("+12105550142", 2), "+121055501xx");
        assert_eq!((block("+142", 3), block("142", 2)), ("+142".to_owned(), "142".to_owned()));
        assert_eq!(network("192.0.2.200".parse().unwrap(), 25), "192.0.2.128/25");
        assert_eq!(network("2001:db8::1:2".parse().unwrap(), 112), "2001:db8::1:0/112");
    }
}
