//! `[[expect]]`: tests that live in the policy file.

use std::net::{IpAddr, SocketAddr};

use super::Reader;
use super::fields::Node;
use super::times;
use crate::policy::{Code, Expect, ExpectedCall, FirewallRule};
use crate::subject::{Attestation, CallType, Direction, Method, Transport};
use crate::verdict::Action;

impl Reader<'_> {
    pub(super) fn read_expects(&mut self, node: Node<'_>, firewall: &[FirewallRule]) -> Vec<Expect> {
        self.rules(node, "expect").into_iter().filter_map(|item| self.expect(item, firewall)).collect()
    }

    fn expect(&mut self, node: Node<'_>, firewall: &[FirewallRule]) -> Option<Expect> {
        let fields = self.fields(node, "an expectation", &["call", "verdict", "rule"])?;
        let call = self.required(&fields, "call", "an expectation").and_then(|node| self.expected_call(node));
        self.required(&fields, "verdict", "an expectation");
        let verdict = self.choice(&fields, "verdict", VERDICTS);
        let rule = self.optional_text(&fields, "rule");
        if let (Some(rule), Some(entry)) = (&rule, fields.entry("rule"))
            && !firewall.iter().any(|known| known.name == *rule)
            && !self.rule_names.contains_key(rule.as_str())
        {
            let meant = super::nearest::nearest(rule, firewall.iter().map(|rule| rule.name.as_str()));
            let help = meant.map(|meant| format!("did you mean \"{meant}\"?"));
            let found =
                self.report(Code::UnknownRule, entry.value.span(), format!("no rule is named `{rule}`"));
            found.help = help;
        }
        Some(Expect { call: call?, verdict: verdict?, rule, span: fields.span.clone() })
    }

    fn expected_call(&mut self, node: Node<'_>) -> Option<ExpectedCall> {
        let fields = self.fields(node, "`call`", KEYS)?;
        let from = self.required(&fields, "from", "`call`").and_then(|node| self.party(node, "from"));
        let to = self.required(&fields, "to", "`call`").and_then(|node| self.party(node, "to"));
        let mut party = |key: &str| fields.get(key).and_then(|node| self.party(node, key));
        let (asserted, diverted_by) = (party("asserted"), party("diverted_by"));
        Some(ExpectedCall {
            asserted,
            diverted_by,
            direction: self.choice(&fields, "direction", &worded(Direction::ALL, Direction::word)),
            source: fields.get("source").and_then(|node| self.source(node)),
            at: fields.get("at").and_then(|node| self.moment(node, "at", times::moment)),
            display_name: self.optional_text(&fields, "display_name").unwrap_or_default(),
            user_agent: self.optional_text(&fields, "user_agent").unwrap_or_default(),
            method: self.choice(&fields, "method", &worded(Method::ALL, Method::word)),
            transport: self.choice(&fields, "transport", &worded(Transport::ALL, Transport::word)),
            call_type: self.choice(&fields, "call_type", &worded(CallType::ALL, CallType::word)),
            attestation: self.choice(&fields, "attestation", &worded(Attestation::ALL, Attestation::word)),
            from: from?,
            to: to?,
        })
    }

    /// The user part of an address, as a message would carry it.
    fn party(&mut self, node: Node<'_>, what: &str) -> Option<String> {
        let text = self.text(node, what)?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            self.report(
                Code::BadExpect,
                node.span(),
                format!("`{what}` is a number or a name, as a message carries it"),
            );
            return None;
        }
        Some(text.to_owned())
    }

    fn source(&mut self, node: Node<'_>) -> Option<SocketAddr> {
        let text = self.text(node, "source")?;
        let address = text.parse::<SocketAddr>().ok();
        let address = address.or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, 5060)));
        if address.is_none() {
            self.report(Code::BadNetwork, node.span(), format!("`{text}` is no address"))
                .help("write 198.51.100.7 or 198.51.100.7:5060");
        }
        address
    }
}

fn worded<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.iter().map(|value| (word(*value), *value)).collect()
}

const VERDICTS: &[(&str, Action)] = &[
    ("allow", Action::Allow),
    ("tag", Action::Tag),
    ("limit", Action::Limit),
    ("divert", Action::Divert),
    ("block", Action::Block),
    ("terminate", Action::Terminate),
];
const KEYS: &[&str] = &[
    "from",
    "to",
    "asserted",
    "diverted_by",
    "direction",
    "source",
    "at",
    "display_name",
    "user_agent",
    "method",
    "transport",
    "call_type",
    "attestation",
];
