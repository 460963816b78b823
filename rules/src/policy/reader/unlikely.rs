//! Texts that are looked for as they stand, and are hardly meant so.

use super::Reader;
use crate::policy::{Code, Span, TextField};

impl Reader<'_> {
    /// Reports a literal text of a condition that no call can be expected to hold.
    pub(super) fn check_literal(&mut self, field: &TextField, text: &str, span: &Span) {
        // What stands in other headers is for their makers to say: `Contact: *` is one.
        if matches!(field, TextField::Header(_)) {
            return;
        }
        if let Some(host) = host_in(text).filter(|_| *field == TextField::Host) {
            self.report(Code::UnlikelyText, span.clone(), format!("`{text}` is more than a host"))
                .help(format!("write \"{host}\""));
        } else if let Some(meant) = pattern_in(text) {
            let message = format!("`{text}` is looked for as it stands, not as a pattern");
            self.report(Code::UnlikelyText, span.clone(), message).help(match meant {
                Meant::Expression(pattern) => format!("a text pattern begins with `re:`: 're:{pattern}'"),
                Meant::Part(part) => format!("a text is found anywhere in the field: write \"{part}\""),
            });
        }
    }
}

/// What a text that looks like a pattern was probably written for.
#[derive(Debug, PartialEq)]
enum Meant {
    Expression(String),
    Part(String),
}

fn pattern_in(text: &str) -> Option<Meant> {
    if let Some(rest) = text.strip_prefix('/')
        && let Some((inner, flags)) = rest.rsplit_once('/')
        && !inner.is_empty()
        && flags.bytes().all(|byte| byte.is_ascii_lowercase())
    {
        let folded = if flags.contains('i') { "(?i)" } else { "" };
        return Some(Meant::Expression(format!("{folded}{inner}")));
    }
    let is_anchored = text.strip_prefix('^').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '(' | '[' | '\\'))
    });
    let has_choice = text.contains('(') && text.contains('|') && text.contains(')');
    if is_anchored || has_choice || OPERATORS.iter().any(|operator| text.contains(operator)) {
        return Some(Meant::Expression(text.to_owned()));
    }
    // Several stars are an ornament: `*** WINNER ***`.
    let part = text.strip_suffix('*').unwrap_or(text);
    let part = part.strip_prefix('*').unwrap_or(part);
    let is_glob = part.len() < text.len()
        && part.starts_with(|c: char| c.is_alphanumeric())
        && part.ends_with(|c: char| c.is_alphanumeric());
    is_glob.then(|| Meant::Part(part.to_owned()))
}

/// The host inside of a URI.
fn host_in(text: &str) -> Option<&str> {
    let scheme =
        ["https://", "http://", "sip:", "sips:"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
    let rest = scheme.or_else(|| text.contains('@').then_some(text))?;
    let rest = rest.rsplit('@').next()?;
    Some(rest.split(['/', ';', ':', '?']).next().unwrap_or(rest))
}

const OPERATORS: &[&str] = &[".*", ".+", "\\d", "\\w", "\\s", "\\.", "[0-9", "[a-z", "[A-Z"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_told_from_names() {
        let expression = |pattern: &str| Some(Meant::Expression(pattern.to_owned()));
        let part = |part: &str| Some(Meant::Part(part.to_owned()));
        for (text, expected) in [
            ("^sip.*", expression("^sip.*")),
            ("/sipvicious/i", expression("(?i)sipvicious")),
            ("sip(vicious|cli)", expression("sip(vicious|cli)")),
            ("pplsip*", part("pplsip")),
            ("*cruise*", part("cruise")),
            ("friendly-scanner/1.0 (x)", None),
            ("*** WINNER ***", None),
            ("^_^", None),
            ("win $$$", None),
            ("+1*", None),
            ("/", None),
        ] {
            assert_eq!(pattern_in(text), expected, "{text}");
        }
        for (text, host) in [
            ("https://example.com/a", Some("example.com")),
            ("sip:bob@example.com:5060", Some("example.com")),
            ("bob@example.com", Some("example.com")),
            ("example.com", None),
            ("2001:db8::1", None),
        ] {
            assert_eq!(host_in(text), host, "{text}");
        }
    }
}
