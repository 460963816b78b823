//! Parameters behind a semicolon: of addresses, of Via, of URIs, of Identity.

use memchr::memchr3;

use super::text::{cut, find, find_either, is_space, rest, trim, trim_start};

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name as written; compare it without regard to case.
    pub name: &'a [u8],
    /// Its value without quotes, escapes kept; `None` without an equals sign.
    pub value: Option<&'a [u8]>,
}

impl Param<'_> {
    /// Whether it bears `name`, in any case.
    pub fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Reads parameters one by one; a value may be quoted or in angle brackets, and then hold semicolons.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    text: &'a [u8],
}

impl<'a> Params<'a> {
    /// Reads `text`, the parameters with or without the first semicolon.
    pub fn read(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// The value of the first parameter `name`; empty when it has none, `None` when there is no such one.
    pub fn value(self, name: &[u8]) -> Option<&'a [u8]> {
        self.into_iter().find(|param| param.is(name)).map(|param| param.value.unwrap_or_default())
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        while let [first, tail @ ..] = self.text {
            if *first != b';' && !is_space(*first) {
                break;
            }
            self.text = tail;
        }
        if self.text.is_empty() {
            return None;
        }
        let Some(name_end) = find_either(b'=', b';', self.text) else {
            let name = trim(self.text);
            self.text = &[];
            return Some(Param { name, value: None });
        };
        let name = trim(cut(self.text, 0, name_end));
        if self.text.get(name_end) == Some(&b';') {
            self.text = rest(self.text, name_end);
            return Some(Param { name, value: None });
        }
        let value = trim_start(rest(self.text, name_end + 1));
        let end = value_end(value);
        self.text = rest(value, end);
        Some(Param { name, value: Some(unquoted(trim(cut(value, 0, end)))) })
    }
}

/// Where the parameter value that `text` begins with ends: at a semicolon outside quotes and brackets.
fn value_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr3(b';', b'"', b'<', rest(text, at)) {
        at += found;
        match text.get(at) {
            Some(b'"') => at = quoted_end(text, at).unwrap_or(text.len()),
            Some(b'<') => at = find(b'>', rest(text, at)).map_or(text.len(), |end| at + end + 1),
            _ => return at,
        }
    }
    text.len()
}

/// Where the quoted string that opens at `at` ends, behind its closing quote; `None` when it never closes.
pub(super) fn quoted_end(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += find_either(b'"', b'\\', rest(text, at))?;
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        // A backslash escapes whatever follows it (RFC 3261 §25.1, quoted-pair).
        at += 2;
    }
}

/// `text` without the quotes round it, if it has them.
pub(super) fn unquoted(text: &[u8]) -> &[u8] {
    match text {
        [b'"', inner @ .., b'"'] => inner,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, Option<&str>)]) {
        let read: Vec<_> = Params::read(text.as_bytes())
            .map(|param| {
                let text = |bytes| std::str::from_utf8(bytes).unwrap();
                (text(param.name), param.value.map(text))
            })
            .collect();
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn parameters_come_apart_where_the_grammar_says() {
        check(";tag=a1", &[("tag", Some("a1"))]);
        check(" ;\r\n  tag = 98asjd8", &[("tag", Some("98asjd8"))]);
        check(";lr;q=0.5;x", &[("lr", None), ("q", Some("0.5")), ("x", None)]);
        check(";a=\"x;y=z\";b=2", &[("a", Some("x;y=z")), ("b", Some("2"))]);
        check(";a=\"x\\\";y\";b", &[("a", Some("x\\\";y")), ("b", None)]);
        check(
            ";info=<https://cert.example.com/a;b>;alg=ES256",
            &[("info", Some("<https://cert.example.com/a;b>")), ("alg", Some("ES256"))],
        );
        check(";;,;", &[(",", None)]);
        check(";a=\"never closed;b", &[("a", Some("\"never closed;b"))]);
        check("", &[]);
    }
}
