//! Where a link leads.

use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize};

/// An address that can stand in any format as it is: `https:`, `http:`, `mailto:`, or a path of the desk that begins with `/`.
/// Nothing in it can run, and nothing in it has to be escaped but `&`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Href(String);

impl Href {
    /// The address in `text`, where it is one; characters that addresses have not are percent-encoded.
    pub fn parse(text: &str) -> Option<Self> {
        let is_path = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
        let is_known = ["https://", "http://", "mailto:"].iter().any(|scheme| text.starts_with(scheme));
        (text.len() <= BYTES_MAX && (is_path || is_known)).then(|| {
            let mut kept = String::with_capacity(text.len());
            encode(&mut kept, text, |byte| {
                byte.is_ascii_alphanumeric() || b"-._~:/?#@!$()*+,;=%&".contains(&byte)
            });
            Self(kept)
        })
    }

    /// As it is written, before `&` is escaped.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With the desk before it, where it is a path. `None` where nobody knows the desk.
    pub(super) fn absolute(&self, desk: Option<&str>) -> Option<String> {
        if !self.0.starts_with('/') {
            return Some(self.0.clone());
        }
        let desk = Self::parse(desk?)?;
        (!desk.0.starts_with('/')).then(|| format!("{}{}", desk.0.trim_end_matches('/'), self.0))
    }
}

impl<'de> Deserialize<'de> for Href {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a link leads nowhere that is known"))
    }
}

/// A page of the desk with what it is asked: `Address::new(["calls"]).with("caller", "+13125550123").href()`.
#[derive(Clone, Debug)]
pub struct Address {
    text: String,
    has_query: bool,
}

impl Address {
    /// The page at `path`, part by part.
    pub fn new<'a>(path: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for part in path {
            text.push('/');
            encode(&mut text, part, is_plain);
        }
        Self { text, has_query: false }
    }

    /// The same, asked for `name` as `value`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        encode(&mut self.text, name, is_plain);
        self.text.push('=');
        encode(&mut self.text, value, is_plain);
        self.has_query = true;
        self
    }

    /// The link. An address too long to be opened by everybody's programs leads to the first page.
    pub fn href(self) -> Href {
        let is_usable = (1..=BYTES_MAX).contains(&self.text.len());
        Href(if is_usable { self.text } else { "/".to_owned() })
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn encode(out: &mut String, text: &str, is_kept: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if is_kept(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Sheets take links of no more than 2,079 characters, a desk before them included.
const BYTES_MAX: usize = 1_900;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_no_link() {
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil.example.com",
            "/\\evil",
            " https://x",
            "vbscript:x",
            "",
            "x",
        ] {
            assert_eq!(Href::parse(bad), None, "{bad}");
        }
        assert_eq!(serde_json::from_str::<Href>("\"javascript:alert(1)\"").ok(), None);
    }

    #[test]
    fn what_a_stranger_wrote_cannot_end_a_link() {
        let link = Address::new(["calls", "a/../b"]).with("caller", "\"><script>&x=1#\u{202e}").href();
        assert_eq!(link.as_str(), "/calls/a%2F..%2Fb?caller=%22%3E%3Cscript%3E%26x%3D1%23%E2%80%AE");
        let parsed = Href::parse("https://desk.example.com/a b?\"'<>").unwrap();
        assert_eq!(parsed.as_str(), "https://desk.example.com/a%20b?%22%27%3C%3E");
    }

    #[test]
    fn a_path_needs_a_desk_to_be_opened_elsewhere() {
        let link = Address::new(["cases", "RW-104233-3"]).href();
        assert_eq!(
            link.absolute(Some("https://desk.example.com/")).unwrap(),
            "https://desk.example.com/cases/RW-104233-3"
        );
        assert_eq!(link.absolute(None), None);
        assert_eq!(link.absolute(Some("javascript:alert(1)//")), None);
    }
}
