//! Where a call goes on: an address that takes the user part of each call.

use std::fmt;
use std::str::FromStr;

use crate::answer::hex_digit;

/// An address without user part, such as `sip:198.51.100.20:5080;transport=tcp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    scheme: &'static str,
    /// Host, port and parameters.
    place: String,
}

impl NextHop {
    /// Writes the address with `user` before it (RFC 3261 §19.1.1). Bytes that no user part may hold are escaped, so that
    /// nothing in it can end the address.
    pub fn write(&self, out: &mut Vec<u8>, user: &[u8]) {
        out.extend_from_slice(self.scheme.as_bytes());
        for &byte in user {
            if is_user(byte) {
                out.push(byte);
            } else {
                out.extend_from_slice(&[b'%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
            }
        }
        if !user.is_empty() {
            out.push(b'@');
        }
        out.extend_from_slice(self.place.as_bytes());
    }
}

impl FromStr for NextHop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no next hop: write sip:HOST, sip:HOST:PORT or sips:HOST, without a user part"
            )
        };
        let (scheme, place) = match text.split_once(':') {
            Some((scheme, place)) if scheme.eq_ignore_ascii_case("sip") => ("sip:", place),
            Some((scheme, place)) if scheme.eq_ignore_ascii_case("sips") => ("sips:", place),
            _ => return Err(wrong()),
        };
        let host = place.split(';').next().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[];=".contains(&byte);
        if host.is_empty() || !place.bytes().all(plain) {
            return Err(wrong());
        }
        Ok(Self { scheme, place: place.to_owned() })
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme, self.place)
    }
}

/// Whether a user part may hold `byte`: unreserved, user-unreserved and what begins an escape (RFC 3261 §25.1).
fn is_user(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(next_hop: &str, user: &[u8]) -> String {
        let mut out = Vec::new();
        next_hop.parse::<NextHop>().unwrap().write(&mut out, user);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_user_part_goes_before_the_place() {
        assert_eq!(
            written("sip:192.0.2.9:5080;transport=tcp", b"+12105550100"),
            "sip:+12105550100@192.0.2.9:5080;transport=tcp"
        );
        assert_eq!(written("SIPS:[2001:db8::1]", b"%2b1210;npdi"), "sips:%2b1210;npdi@[2001:db8::1]");
        assert_eq!(written("sip:sbc.example.com", b""), "sip:sbc.example.com");
    }

    #[test]
    fn nothing_in_the_user_part_ends_the_address() {
        assert_eq!(
            written("sip:a.example", b"1>\r\nX: y@\"\xff"),
            "sip:1%3E%0D%0AX%3A%20y%40%22%FF@a.example"
        );
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            "192.0.2.1",
            "sip:",
            "sip:;a=b",
            "tel:+1",
            "sip:user@host",
            "sip:a b",
            "sip:a>b",
            "sip:a?b=c",
        ] {
            assert!(text.parse::<NextHop>().is_err(), "{text}");
        }
    }
}
