//! `when` and `unless`: the dimensions a call is judged by.

use std::net::IpAddr;

use ipnet::IpNet;
use toml::de::DeValue;

use super::Reader;
use super::fields::{Entry, Fields, Node};
use super::lists::Kind;
use crate::flag::{Flag, Flags};
use crate::policy::{
    Code, Condition, NetworkField, NetworkTerm, NumberField, Span, Term, TextField, TextTerm,
};
use crate::subject::{Attestation, CallType, Direction, Method, Transport};

impl Reader<'_> {
    /// The conditions of `when`, `unless` or `block_when`.
    pub(super) fn conditions(&mut self, node: Node<'_>, what: &str) -> Vec<Condition> {
        let Some(fields) = Fields::of(node) else {
            self.wrong_type(node, &format!("`{what}` is a table of dimensions"));
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in fields.entries() {
            if self.is_overridden(what, entry.key) {
                continue;
            }
            match entry.key.strip_prefix("header.") {
                Some(name) => found.extend(self.header(name, entry)),
                None if entry.key == "header" => {
                    let Some(headers) = Fields::of(entry.value) else {
                        self.wrong_type(entry.value, "`header` is a table of header names");
                        continue;
                    };
                    for entry in headers.entries() {
                        found.extend(self.header(entry.key, entry));
                    }
                }
                None => found.extend(self.condition(entry, what)),
            }
        }
        found
    }

    fn condition(&mut self, entry: &Entry<'_>, what: &str) -> Option<Condition> {
        if !DIMENSIONS.contains(&entry.key) {
            self.unknown_key(entry, what, DIMENSIONS);
            return None;
        }
        if entry.key == "identity_mismatch" {
            let DeValue::Boolean(value) = entry.value.get_ref() else {
                self.wrong_type(entry.value, "`identity_mismatch` is true or false");
                return None;
            };
            return Some(Condition::IdentityMismatch(*value));
        }
        if matches!(entry.value.get_ref(), DeValue::Array(array) if array.is_empty()) {
            self.empty(entry);
            return None;
        }
        let values = self.texts(entry.value, entry.key);
        let span = entry.value.span();
        match entry.key {
            "direction" => self
                .bits(&values, "direction", Direction::ALL, Direction::word, &span)
                .map(|bits| Condition::Direction(bits as u8)),
            "transport" => self
                .bits(&values, "transport", Transport::ALL, Transport::word, &span)
                .map(|bits| Condition::Transport(bits as u8)),
            "method" => self.bits(&values, "method", Method::ALL, Method::word, &span).map(Condition::Method),
            "call_type" => self
                .bits(&values, "call type", CallType::ALL, CallType::word, &span)
                .map(|bits| Condition::CallType(bits as u8)),
            "attestation" => self
                .bits(&values, "attestation", Attestation::ALL, Attestation::word, &span)
                .map(|bits| Condition::Attestation(bits as u8)),
            "flag" => self.flags(&values),
            "time" => {
                let terms = values
                    .into_iter()
                    .filter_map(|(text, span)| {
                        Some(Term { value: self.time_term(text, &span)?, text: text.to_owned(), span })
                    })
                    .collect::<Vec<_>>();
                (!terms.is_empty()).then_some(Condition::Time(terms))
            }
            "caller" => self.numbers(NumberField::Caller, values),
            "called" => self.numbers(NumberField::Called, values),
            "identity" => self.numbers(NumberField::Identity, values),
            "forwarded_by" => self.numbers(NumberField::ForwardedBy, values),
            "source" => self.network_terms(NetworkField::Source, values),
            "trunk" => {
                if !self.has_trunks {
                    self.no_trunks(entry.key_span.clone(), "`trunk`");
                }
                self.network_terms(NetworkField::Trunk, values)
            }
            "display_name" => self.text_terms(TextField::DisplayName, values),
            "user_agent" => self.text_terms(TextField::UserAgent, values),
            "host" => self.text_terms(TextField::Host, values),
            _ => self.text_terms(TextField::Signer, values),
        }
    }

    fn empty(&mut self, entry: &Entry<'_>) {
        self.report(Code::EmptyCondition, entry.value.span(), format!("`{}` has no values", entry.key))
            .help("leave the dimension out, or name what it should match");
    }

    fn numbers(&mut self, field: NumberField, values: Vec<(&str, Span)>) -> Option<Condition> {
        if let Some((_, span)) = values.iter().find(|(text, _)| text.trim() == "own")
            && !self.has_trunks
            && matches!(field, NumberField::Caller | NumberField::Identity)
        {
            self.no_trunks(span.clone(), "`own`");
        }
        let terms = self.number_terms(values);
        (!terms.is_empty()).then_some(Condition::Numbers(field, terms))
    }

    pub(super) fn no_trunks(&mut self, span: Span, what: &str) {
        self.report(Code::NoTrunks, span, format!("{what} needs to know the customer's own side"))
            .help("add trunks = [\"10.20.0.0/16\"] to [customer]; without them a claimed own number cannot be told from a real one");
    }

    /// The set of `values` as bits in the order of `all`.
    fn bits<T: Copy>(
        &mut self,
        values: &[(&str, Span)],
        what: &str,
        all: &[T],
        word: fn(T) -> &'static str,
        whole: &Span,
    ) -> Option<u16> {
        let mut bits = 0u16;
        for (text, span) in values {
            match all.iter().position(|value| word(*value) == *text) {
                Some(index) => bits |= 1 << index,
                None => {
                    let known: Vec<&str> = all.iter().map(|value| word(*value)).collect();
                    self.unknown_word(span.clone(), text, what, &known);
                }
            }
        }
        if bits.count_ones() as usize == all.len() && what != "attestation" {
            self.report(
                Code::MatchesEverything,
                whole.clone(),
                format!("every {what} is named, so every call fits"),
            )
            .help("leave the dimension out");
        }
        (bits != 0).then_some(bits)
    }

    fn flags(&mut self, values: &[(&str, Span)]) -> Option<Condition> {
        let mut flags = Flags::NONE;
        for (text, span) in values {
            match Flag::from_name(text) {
                Some(flag) => flags.raise(flag),
                None => {
                    let known: Vec<&str> = Flag::ALL.iter().map(|flag| flag.name()).collect();
                    self.unknown_word(span.clone(), text, "flag", &known);
                }
            }
        }
        (!flags.is_empty()).then_some(Condition::Flag(flags))
    }

    fn header(&mut self, name: &str, entry: &Entry<'_>) -> Option<Condition> {
        if !is_header_name(name) {
            self.report(Code::BadHeader, entry.key_span.clone(), format!("`{name}` is no header name"))
                .help("write \"header.X-Carrier\" = \"…\" with the quotes around the whole key");
            return None;
        }
        let name = name.to_ascii_lowercase();
        if let Some((_, dimension)) = KNOWN_HEADERS.iter().find(|(header, _)| *header == name) {
            self.report(
                Code::KnownHeader,
                entry.key_span.clone(),
                format!("the header {name} is read as `{dimension}`"),
            )
            .help(format!("use `{dimension}`, which also sees compact, folded and escaped forms"));
        }
        if matches!(entry.value.get_ref(), DeValue::Array(array) if array.is_empty()) {
            self.empty(entry);
            return None;
        }
        let values = self.texts(entry.value, entry.key);
        self.text_terms(TextField::Header(name), values)
    }

    fn text_terms(&mut self, field: TextField, values: Vec<(&str, Span)>) -> Option<Condition> {
        let mut terms = Vec::new();
        for (text, span) in values {
            if let Some(value) = self.text_term(&field, text, &span) {
                terms.push(Term { value, text: text.to_owned(), span });
            }
        }
        (!terms.is_empty()).then_some(Condition::Text(field, terms))
    }

    fn text_term(&mut self, field: &TextField, text: &str, span: &Span) -> Option<TextTerm> {
        if let Some(name) = text.strip_prefix('@') {
            return self.list_of(name, Kind::Texts, span).map(TextTerm::List);
        }
        if let Some(pattern) = text.strip_prefix("re:") {
            return self.regex(pattern, span);
        }
        if text.trim().is_empty() {
            self.report(Code::MatchesEverything, span.clone(), "an empty text is part of every text");
        } else if self.is_missing_at(text, span) {
            return None;
        }
        self.check_literal(field, text, span);
        Some(TextTerm::Literal(text.to_owned()))
    }

    fn regex(&mut self, pattern: &str, span: &Span) -> Option<TextTerm> {
        match regex::bytes::RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build() {
            Ok(regex) => {
                if PROBES.iter().all(|probe| regex.is_match(probe)) {
                    self.report(
                        Code::MatchesEverything,
                        span.clone(),
                        format!("`{pattern}` matches every text"),
                    );
                }
                Some(TextTerm::Regex(pattern.to_owned()))
            }
            Err(error) => {
                let message = match &error {
                    regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
                    error => {
                        let text = error.to_string();
                        let last = text.lines().last().unwrap_or_default().trim();
                        format!(
                            "`{pattern}` is no regular expression: {}",
                            last.trim_start_matches("error: ")
                        )
                    }
                };
                self.report(Code::BadRegex, span.clone(), message).help(
                    "look-around and back-references do not exist here; every expression runs in linear time",
                );
                None
            }
        }
    }

    fn network_terms(&mut self, field: NetworkField, values: Vec<(&str, Span)>) -> Option<Condition> {
        let mut terms = Vec::new();
        for (text, span) in values {
            let value = match text.strip_prefix('@') {
                Some(name) => self.list_of(name, Kind::Networks, &span).map(NetworkTerm::List),
                None if self.is_missing_at(text, &span) => None,
                None => self.network(text, &span).map(NetworkTerm::Network),
            };
            if let Some(value) = value {
                if matches!(&value, NetworkTerm::Network(network) if network.prefix_len() == 0) {
                    self.report(Code::MatchesEverything, span.clone(), format!("`{text}` is every address"));
                }
                terms.push(Term { value, text: text.to_owned(), span });
            }
        }
        (!terms.is_empty()).then_some(Condition::Networks(field, terms))
    }

    /// Networks of a key that may be absent; `then` is what follows from one that holds strangers.
    pub(super) fn networks(&mut self, fields: &Fields<'_>, key: &str, then: &str) -> Vec<IpNet> {
        let mut networks = Vec::new();
        for (text, span) in self.optional_texts(fields, key) {
            let Some(network) = self.network(text, &span) else { continue };
            if holds_strangers(&network) {
                let much =
                    if network.prefix_len() == 0 { "every address" } else { "a large part of all addresses" };
                self.report(Code::TooWide, span, format!("`{text}` is {much}: {then}"))
                    .help(format!("name the addresses and networks that `{key}` is for"));
            }
            networks.push(network);
        }
        networks
    }

    /// An address or a network; bits behind the prefix are a mistake of the pen and cleared.
    pub(super) fn network(&mut self, text: &str, span: &Span) -> Option<IpNet> {
        let text = text.trim();
        let network = text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)));
        if network.is_none() {
            self.report(Code::BadNetwork, span.clone(), format!("`{text}` is no address or network"))
                .help("write 198.51.100.7, 10.20.0.0/16 or 2001:db8::/32");
        }
        network.map(|network| network.trunc())
    }
}

/// The dimensions of `when` and `unless`, `header.NAME` aside.
pub(super) const DIMENSIONS: &[&str] = &[
    "direction",
    "caller",
    "called",
    "identity",
    "display_name",
    "forwarded_by",
    "source",
    "trunk",
    "host",
    "user_agent",
    "transport",
    "method",
    "time",
    "call_type",
    "attestation",
    "signer",
    "identity_mismatch",
    "flag",
];

/// Headers that are dimensions of their own.
const KNOWN_HEADERS: &[(&str, &str)] = &[
    ("from", "caller"),
    ("f", "caller"),
    ("p-asserted-identity", "caller"),
    ("remote-party-id", "caller"),
    ("p-preferred-identity", "caller"),
    ("diversion", "forwarded_by"),
    ("history-info", "forwarded_by"),
    ("to", "called"),
    ("t", "called"),
    ("user-agent", "user_agent"),
    ("identity", "attestation"),
];

/// Texts that together only an expression matches that matches every text.
const PROBES: &[&[u8]] = &[b"", b"a", b"Z9 -_", b"+12105550100", b"\xff\x00", b"friendly-scanner/1.0 (x)"];
/// Compiled size of one regular expression.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Whether nobody has so many addresses. Private ones (RFC 4193, link-local) are nobody else's.
fn holds_strangers(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 16 && network.network().to_bits() >> 112 < 0xfc00,
    }
}

/// Whether `name` is a token (RFC 3261 §25.1).
pub(super) fn is_header_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}
