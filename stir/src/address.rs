//! Addresses of certificates, which a stranger wrote: which of them must never be fetched.

/// `address` in the one form in which all ways to write it are one: scheme and host in lower case, the port left out where
/// it says nothing. `None` when it must not be fetched.
pub fn normal_address(address: &[u8]) -> Option<String> {
    if is_refused_address(address) {
        return None;
    }
    let behind = std::str::from_utf8(address.get(SCHEME.len()..)?).ok()?;
    let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
    let host = authority.strip_suffix(":443").unwrap_or(authority).to_ascii_lowercase();
    Some(format!("https://{host}{}", if path.is_empty() { "/" } else { path }))
}

/// Whether a certificate must never be fetched from `address`, which a stranger wrote: anything but https on port
/// 443 or 8443, user information, a query or a fragment, and hosts that name this machine or a special-purpose
/// network. A name may still resolve to such an address, so that whoever fetches asks
/// [`is_special_address`] about the addresses it resolved.
pub fn is_refused_address(address: &[u8]) -> bool {
    let is_https = address.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
    if !is_https {
        return true;
    }
    let behind = address.get(SCHEME.len()..).unwrap_or_default();
    if behind
        .iter()
        .any(|&byte| byte <= b' ' || byte >= 0x7f || matches!(byte, b'?' | b'#' | b'\\' | b'"' | b'<' | b'>'))
    {
        return true;
    }
    let authority = split_at(behind, b'/').0;
    if authority.contains(&b'@') {
        return true;
    }
    let (host, port) = match authority {
        [b'[', inner @ ..] => {
            let (host, behind) = split_at(inner, b']');
            match behind {
                Some([]) => (host, None),
                Some([b':', port @ ..]) => (host, Some(port)),
                _ => return true,
            }
        }
        _ => split_at(authority, b':'),
    };
    if !matches!(port, None | Some(b"443" | b"8443")) {
        return true;
    }
    is_refused_host(host, authority.starts_with(b"["))
}

fn is_refused_host(host: &[u8], bracketed: bool) -> bool {
    let Ok(text) = std::str::from_utf8(host) else { return true };
    if bracketed {
        return text.parse().map_or(true, |address: std::net::Ipv6Addr| is_special_address(address.into()));
    }
    // Most names begin with a letter, and no address does.
    if text.starts_with(|first: char| first.is_ascii_digit())
        && let Ok(address) = text.parse::<std::net::Ipv4Addr>()
    {
        return is_special_address(address.into());
    }
    let name = text.trim_end_matches('.');
    let labels_end = name.rsplit('.').next().unwrap_or_default();
    // A last label that is a number makes an address in forms that only some resolvers read: 127.1, 0x7f000001,
    // 2130706433, 0177.0.0.1.
    let numeric = labels_end.starts_with(|first: char| first.is_ascii_digit());
    let local =
        ["localhost", "local", "internal", "localdomain", "lan", "home", "corp", "intranet", "arpa", "onion"];
    let lawful = name.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    !lawful
        || numeric
        || !name.contains('.')
        || local.iter().any(|local| labels_end.eq_ignore_ascii_case(local))
}

/// Whether `address` belongs to a special-purpose network (IANA registries, RFC 6890): loopback, private, shared,
/// link-local, documentation, benchmarking, multicast, reserved, and IPv6 forms that carry an IPv4 address.
pub fn is_special_address(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(address) => is_special_v4(address),
        std::net::IpAddr::V6(address) => is_special_v6(address),
    }
}

fn is_special_v4(address: std::net::Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || matches!(first, 0 | 127 | 224..)
        || (first == 100 && second & 0xc0 == 64)
        || (first == 192 && second == 0 && third == 0)
        || (first == 192 && second == 88 && third == 99)
        || (first == 198 && second & 0xfe == 18)
}

fn is_special_v6(address: std::net::Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only global unicast is left, without what is carved out of it: Teredo and other protocol assignments,
    // documentation, 6to4.
    let global = first & 0xe000 == 0x2000;
    !global
        || (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        || first == 0x2002
        || first == 0x3fff
}

/// What stands before the first `separator` and what stands behind it, if it is there.
fn split_at(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |&byte| byte == separator);
    (parts.next().unwrap_or_default(), parts.next())
}

/// The only lawful one.
const SCHEME: &[u8] = b"https://";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_an_address_are_one() {
        for (written, normal) in [
            ("HTTPS://Cert.Example.COM:443/A.pem", "https://cert.example.com/A.pem"),
            ("https://cert.example.com:8443/a/b", "https://cert.example.com:8443/a/b"),
            ("https://cert.example.com", "https://cert.example.com/"),
        ] {
            assert_eq!(normal_address(written.as_bytes()).as_deref(), Some(normal));
        }
        assert_eq!(normal_address(b"http://cert.example.com/"), None);
    }

    #[test]
    fn addresses_that_lead_inside_are_refused() {
        for address in [
            "http://cert.example.com/a",
            "ftp://cert.example.com/a",
            "https://cert.example.com:80/a",
            "https://cert.example.com:0443/a",
            "https://user@cert.example.com/a",
            "https://cert.example.com@127.0.0.1/a",
            "https://cert.example.com/a?b",
            "https://cert.example.com/a#b",
            "https://cert.example.com\\@127.0.0.1/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/",
            "https://198.18.0.1/",
            "https://203.0.113.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:8.8.8.8]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[fe80::1]/",
            "https://[fe80::1%25eth0]/",
            "https://[fc00::1]/",
            "https://[2001:db8::1]/",
            "https://[2002:7f00:1::]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost:8443/",
            "https://printer.local/",
            "https://intranet/",
            "https:///a",
            "https://",
            "https://cert.example.com\r\nHost: x/",
            "https://127.0.0.1\0.example.com/",
            "",
        ] {
            assert!(is_refused_address(address.as_bytes()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_let_through() {
        for address in [
            "https://cert.example.com/a.crt",
            "HTTPS://Cert.Example.COM:8443/shaken/a.pem",
            "https://cert.example.com:443",
            "https://8.8.8.8/a",
            "https://[2606:4700::1111]:443/a",
        ] {
            assert!(!is_refused_address(address.as_bytes()), "{address}");
        }
    }
}
