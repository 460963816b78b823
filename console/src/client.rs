//! Where somebody asks from: the address of the connection, or, behind a proxy that is trusted, what that one says of it.
//!
//! A header is written by whoever sends it. What a proxy of ours appended stands at its end, so it is read from there: hops that
//! are proxies of ours are passed over, and the first one that is not is who asks. What stands before that one is theirs.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

/// Where somebody asks from, as it was found once.
#[derive(Clone, Copy, Debug)]
struct Client(IpAddr);

/// Finds out where `request` comes from; [`address`] tells it from then on.
pub(crate) fn find(request: &mut Parts, trusted: &[IpNet]) {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    if let Some(peer) = peer {
        request.extensions.insert(Client(client(peer, &request.headers, trusted)));
    }
}

/// Where somebody asks from.
pub(crate) fn address(request: &Parts) -> String {
    let from = request.extensions.get::<Client>();
    from.map_or_else(|| "unknown".to_owned(), |Client(address)| address.to_string())
}

/// Whoever has one address of IPv6 has its whole /64.
pub(crate) fn neighbourhood(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.to_string(),
            None => format!("{:x?}", ip.segments().get(..4).unwrap_or_default()),
        },
        _ => address.to_owned(),
    }
}

/// Who asks, when `peer` is at the other end of the connection.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !is_trusted(peer) {
        return peer;
    }
    let last = |hops: &mut dyn Iterator<Item = Option<IpAddr>>| {
        let mut nearest = peer;
        for hop in hops {
            // A proxy that does not know, or does not say so that it can be read: it is all that is known.
            let Some(hop) = hop else { return nearest };
            nearest = hop;
            if !is_trusted(hop) {
                break;
            }
        }
        nearest
    };
    let (old, new) = (headers.contains_key(X_FORWARDED_FOR), headers.contains_key(header::FORWARDED));
    let of_old = || last(&mut lines(headers, X_FORWARDED_FOR).flat_map(|line| line.rsplit(',').map(node)));
    let of_new = || last(&mut lines(headers, header::FORWARDED.as_str()).flat_map(forwarded));
    match (old, new) {
        (false, false) => peer,
        (true, false) => of_old(),
        (false, true) => of_new(),
        // One of them may be what a stranger sent and the proxy passed on: nobody can tell which.
        (true, true) => {
            let (old, new) = (of_old(), of_new());
            if old == new { old } else { peer }
        }
    }
}

/// Lines of a header, the last first. What is no text is a line that says nothing.
fn lines<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().rev().map(|line| line.to_str().unwrap_or_default())
}

/// The hops of a line of `Forwarded` (RFC 7239 §4), the last first. A line that is not well formed says nothing of anybody: in
/// it nobody can tell what a stranger began and a proxy of ours ended.
fn forwarded(line: &str) -> Vec<Option<IpAddr>> {
    let mut hops = elements(line).unwrap_or_else(|| vec![None]);
    hops.reverse();
    hops
}

fn elements(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut hop = None;
    let mut rest = line.trim_start();
    loop {
        let (name, value, after) = pair(rest)?;
        if name.eq_ignore_ascii_case("for") {
            // Twice in one element is no element.
            if hop.is_some() {
                return None;
            }
            hop = Some(node(&value));
        }
        rest = after.trim_start();
        let mut left = rest.chars();
        match left.next() {
            Some(';') => {}
            Some(',') => hops.push(hop.take().flatten()),
            None => {
                hops.push(hop.flatten());
                return Some(hops);
            }
            Some(_) => return None,
        }
        rest = left.as_str().trim_start();
    }
}

/// The first `name=value` of a text, and what comes after it.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, after) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    let Some(mut inside) = after.strip_prefix('"') else {
        let end = after.bytes().position(|byte| !is_token(byte)).unwrap_or(after.len());
        let (value, rest) = after.split_at_checked(end)?;
        return (!value.is_empty()).then(|| (name, value.to_owned(), rest));
    };
    let mut value = String::new();
    loop {
        let mut left = inside.chars();
        match left.next()? {
            '"' => return Some((name, value, left.as_str())),
            '\\' => value.push(left.next()?),
            other => value.push(other),
        }
        inside = left.as_str();
    }
}

/// A character of a token (RFC 9110 §5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// The address of a hop, with or without a port. `unknown`, names that hide one, and nonsense are none.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            if !is_port {
                return None;
            }
            IpAddr::V6(address.parse().ok()?)
        }
        None => match (text.parse(), text.split_once(':')) {
            (Ok(address), _) => address,
            (Err(_), Some((address, port))) if is_port(port) => IpAddr::V4(address.parse().ok()?),
            _ => return None,
        },
    };
    Some(address.to_canonical())
}

fn is_port(text: &str) -> bool {
    let is_number = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    // A port may be hidden as well (RFC 7239 §6.3).
    is_number || text.strip_prefix('_').is_some_and(|name| !name.is_empty() && name.bytes().all(is_token))
}

const X_FORWARDED_FOR: &str = "x-forwarded-for";

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn asked(peer: &str, lines: &[(&str, &str)]) -> String {
        let trusted = ["127.0.0.0/8", "192.0.2.0/24", "2001:db8:1::/48"].map(|it| it.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    const OLD: &str = "x-forwarded-for";
    const NEW: &str = "forwarded";

    #[test]
    fn nobody_but_a_trusted_proxy_says_who_asks() {
        for name in [OLD, NEW] {
            for line in ["198.51.100.7", "for=198.51.100.7", "for=\"[2001:db8::7]\""] {
                assert_eq!(asked("203.0.113.9", &[(name, line)]), "203.0.113.9", "{name}: {line}");
            }
        }
        assert_eq!(asked("::ffff:203.0.113.9", &[(OLD, "198.51.100.7")]), "203.0.113.9");
        assert_eq!(asked("::ffff:192.0.2.1", &[(OLD, "198.51.100.7")]), "198.51.100.7", "the same machine");
        assert_eq!(asked("192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn behind_a_trusted_proxy_the_last_hop_that_is_not_one_asks() {
        for (lines, expected) in [
            // What a stranger wrote stands before what the proxy appended, on one line or on lines of their own.
            (vec![(OLD, "10.0.0.1, 198.51.100.7")], "198.51.100.7"),
            (vec![(OLD, "10.0.0.1"), (OLD, "198.51.100.7")], "198.51.100.7"),
            (vec![(OLD, "127.0.0.1, 198.51.100.7, 192.0.2.8,192.0.2.9")], "198.51.100.7"),
            (vec![(OLD, "198.51.100.7:51820")], "198.51.100.7"),
            (vec![(OLD, "2001:db8::7")], "2001:db8::7"),
            (vec![(OLD, "[2001:db8::7]:443")], "2001:db8::7"),
            (vec![(OLD, "::ffff:198.51.100.7")], "198.51.100.7"),
            (vec![(OLD, "192.0.2.7, 192.0.2.8")], "192.0.2.7"),
            (vec![(NEW, "for=10.0.0.1, for=198.51.100.7")], "198.51.100.7"),
            (vec![(NEW, "for=10.0.0.1"), (NEW, "For=198.51.100.7;proto=https;by=_x")], "198.51.100.7"),
            (vec![(NEW, "proto=https;for=\"198.51.100.7:4711\" , for=192.0.2.8")], "198.51.100.7"),
            (vec![(NEW, "for=\"[2001:db8::7]:_p\";host=\"a, b\"")], "2001:db8::7"),
            (vec![(NEW, "for=\"[2001:db8:1::7]\", for=\"[2001:db8:1::8]\"")], "2001:db8:1::7"),
            // They agree.
            (vec![(OLD, "198.51.100.7"), (NEW, "for=198.51.100.7")], "198.51.100.7"),
        ] {
            assert_eq!(asked("192.0.2.1", &lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_a_stranger_wrote_into_the_header_makes_them_nobody_else() {
        for (lines, expected) in [
            (vec![(OLD, "")], "192.0.2.1"),
            (vec![(OLD, "198.51.100.7,")], "192.0.2.1"),
            (vec![(OLD, "unknown")], "192.0.2.1"),
            (vec![(OLD, "198.51.100.7, unknown, 192.0.2.8")], "192.0.2.8"),
            (vec![(OLD, "999.1.1.1")], "192.0.2.1"),
            (vec![(OLD, "198.51.100.7:port")], "192.0.2.1"),
            (vec![(OLD, "[198.51.100.7]")], "192.0.2.1"),
            (vec![(OLD, "[2001:db8::7]x")], "192.0.2.1"),
            (vec![(OLD, "\u{fc}198.51.100.7")], "192.0.2.1"),
            (vec![(NEW, "for=unknown")], "192.0.2.1"),
            (vec![(NEW, "for=_hidden, for=192.0.2.8")], "192.0.2.8"),
            (vec![(NEW, "by=198.51.100.7")], "192.0.2.1"),
            (vec![(NEW, "for=198.51.100.7;for=203.0.113.1")], "192.0.2.1"),
            (vec![(NEW, "for=2001:db8::7")], "192.0.2.1"),
            (vec![(NEW, "198.51.100.7")], "192.0.2.1"),
            (vec![(NEW, ",,,")], "192.0.2.1"),
            // A quotation mark that a stranger left open swallows nothing.
            (vec![(NEW, "for=10.0.0.1;x=\", for=198.51.100.7")], "192.0.2.1"),
            (vec![(NEW, "for=10.0.0.1;x=\", for=\"[2001:db8::7]\"")], "192.0.2.1"),
            (vec![(NEW, "for=10.0.0.1;x=\"\\, for=\"[2001:db8::7]\";proto=https")], "192.0.2.1"),
            (vec![(NEW, "for=10.0.0.1;x=\""), (NEW, "for=198.51.100.7")], "198.51.100.7"),
            // The proxy wrote one of them, and passed the other on: nobody can tell which.
            (vec![(OLD, "198.51.100.7"), (NEW, "for=10.0.0.1")], "192.0.2.1"),
        ] {
            assert_eq!(asked("192.0.2.1", &lines), expected, "{lines:?}");
        }
        let long = vec!["10.0.0.1"; 10_000].join(",");
        assert_eq!(asked("192.0.2.1", &[(OLD, &format!("{long},198.51.100.7"))]), "198.51.100.7");
        let long = "for=\"".repeat(10_000);
        assert_eq!(asked("192.0.2.1", &[(NEW, &long)]), "192.0.2.1");
    }
}
