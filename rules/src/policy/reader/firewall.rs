//! `[[firewall]]`: rules in file order.

use ipnet::IpNet;
use toml::de::DeValue;

use super::Reader;
use super::customer::MODES;
use super::fields::{Fields, Node};
use super::times;
use crate::limits::RULES_MAX;
use crate::policy::{
    AlertLevel, Code, Condition, FirewallRule, ListContent, ListId, Mode, NetworkField, NetworkTerm,
    NumberField, NumberTerm, RuleAction, Span, Term,
};
use crate::subject::Direction;
use crate::time::Timestamp;

/// What every rule may say about itself.
pub(super) struct About {
    pub(super) mode: Mode,
    pub(super) alert: Option<AlertLevel>,
    pub(super) case: bool,
    pub(super) expires: Option<Timestamp>,
    pub(super) owner: Option<String>,
    pub(super) reason: Option<String>,
}

impl Reader<'_> {
    pub(super) fn read_firewall(&mut self, node: Node<'_>) -> Vec<FirewallRule> {
        let mut rules: Vec<FirewallRule> = Vec::new();
        for item in self.rules(node, "firewall") {
            if let Some(rule) = self.firewall_rule(item) {
                rules.push(rule);
            }
        }
        rules
    }

    /// The tables of `[[what]]`.
    pub(super) fn rules<'a>(&mut self, node: Node<'a>, what: &str) -> Vec<Node<'a>> {
        let DeValue::Array(array) = node.get_ref() else {
            self.wrong_type(node, &format!("`{what}` is an array of tables"))
                .help(format!("write [[{what}]] with two brackets"));
            return Vec::new();
        };
        if array.len() > RULES_MAX {
            self.report(
                Code::TooManyRules,
                node.span(),
                format!("{} rules; at most {RULES_MAX} may be", array.len()),
            )
            .help("put numbers on lists rather than in rules of their own");
        }
        array.iter().take(RULES_MAX).collect()
    }

    fn firewall_rule(&mut self, node: Node<'_>) -> Option<FirewallRule> {
        let before = self.diagnostics.len();
        let fields = self.fields(node, "a firewall rule", KEYS)?;
        let span = fields.span.clone();
        let name = self.rule_name(&fields, "a firewall rule");
        let when = self.clause(&fields, "when");
        let unless = self.clause(&fields, "unless");
        let action = self.required(&fields, "action", "a firewall rule").and_then(|node| self.action(node));
        let about = self.about(&fields);
        let clean = self.diagnostics.len() == before;
        let rule = FirewallRule {
            name: name?,
            when,
            unless,
            action: action?,
            mode: about.mode,
            alert: about.alert.unwrap_or(AlertLevel::None),
            case: about.case,
            expires: about.expires,
            owner: about.owner,
            reason: about.reason,
            span,
        };
        self.note_blocking(&rule);
        if clean {
            self.check_rule(&rule, &fields);
        }
        Some(rule)
    }

    pub(super) fn clause(&mut self, fields: &Fields<'_>, key: &str) -> Vec<Condition> {
        fields.get(key).map(|node| self.conditions(node, key)).unwrap_or_default()
    }

    /// The name of a rule, unique in the file.
    pub(super) fn rule_name(&mut self, fields: &Fields<'_>, what: &str) -> Option<String> {
        let node = self.required(fields, "name", what)?;
        let name = self.text(node, "name")?;
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            self.report(Code::BadName, node.span(), "a name is a text without control characters");
            return None;
        }
        self.unique_name(name, node.span());
        Some(name.to_owned())
    }

    pub(super) fn unique_name(&mut self, name: &str, span: Span) {
        if let Some(first) = self.rule_names.get(name).cloned() {
            self.report(Code::DuplicateName, span, format!("another rule is named `{name}`"))
                .related(first, "first here");
        } else {
            self.rule_names.insert(name.to_owned(), span);
        }
    }

    pub(super) fn about(&mut self, fields: &Fields<'_>) -> About {
        let own = self.choice(fields, "mode", MODES).unwrap_or(Mode::Enforce);
        let expires = fields.get("expires").and_then(|node| {
            let ends = self.moment(node, "expires", times::end)?;
            if ends <= self.now {
                self.report(Code::ExpiredRule, node.span(), "the rule is past its date")
                    .help("take the rule out, or give it a new date");
            }
            Some(ends)
        });
        About {
            mode: own.min(self.customer_mode),
            alert: self.alert(fields),
            case: self.flag(fields, "case").unwrap_or(false),
            expires,
            owner: self.optional_text(fields, "owner"),
            reason: self.optional_text(fields, "reason"),
        }
    }

    /// Remembers which lists refuse calls: what no list may block must not stand on them.
    fn note_blocking(&mut self, rule: &FirewallRule) {
        if matches!(rule.action, RuleAction::Block(_) | RuleAction::Divert(_) | RuleAction::Limit(_)) {
            self.note_blocking_conditions(&rule.when, &rule.span);
        }
    }

    pub(super) fn note_blocking_conditions(&mut self, conditions: &[Condition], span: &Span) {
        let lists: Vec<ListId> = conditions.iter().flat_map(number_lists).collect();
        for list in lists {
            self.blocking_lists.entry(list).or_insert_with(|| span.clone());
        }
    }

    fn check_rule(&mut self, rule: &FirewallRule, fields: &Fields<'_>) {
        let refuses = matches!(rule.action, RuleAction::Block(_) | RuleAction::Divert(_));
        if refuses && rule.when.iter().all(is_always) {
            let name = &rule.name;
            self.report(
                Code::BlocksEverything,
                rule.span.clone(),
                format!("`{name}` has no `when`, so it fits every call"),
            )
            .help("emergency calls still pass; say which calls it is for");
        }
        if self.is_inbound_from_inside(&rule.when) {
            let span = fields.entry("when").map_or_else(|| rule.span.clone(), |entry| entry.value.span());
            let why = "what comes from the customer's own trunks is not inbound";
            self.report(Code::DeadRule, span, format!("rule \"{}\" matches no call: {why}", rule.name))
                .help("leave `direction` out, or name a source outside of `trunks`");
        }
        let by_caller = rule.when.iter().any(|condition| {
            matches!(condition, Condition::Numbers(NumberField::Caller | NumberField::Identity, _))
        });
        let opens = matches!(rule.action, RuleAction::Allow | RuleAction::BypassIps);
        if opens && by_caller && !self.has_trusted {
            let span = fields.entry("when").map_or_else(|| rule.span.clone(), |entry| entry.key_span.clone());
            self.report(Code::UntrustedAllow, span, "nobody is trusted to say who calls, so this never allows anybody")
                .help("add trusted = [\"198.51.100.0/24\"] to [customer]: the peers whose P-Asserted-Identity is believed");
        }
    }

    /// Whether only inbound calls fit, and of them only such as come from the customer's own trunks.
    fn is_inbound_from_inside(&self, conditions: &[Condition]) -> bool {
        let is_own = |network: &IpNet| self.trunks.iter().any(|trunk| trunk.contains(network));
        let is_inside = |term: &Term<NetworkTerm>| match &term.value {
            NetworkTerm::Network(network) => is_own(network),
            NetworkTerm::List(list) => match self.lists.get(list.0 as usize).map(|list| &list.content) {
                Some(ListContent::Networks(networks)) => !networks.is_empty() && networks.iter().all(is_own),
                _ => false,
            },
        };
        let mut inbound = false;
        let mut inside = false;
        for condition in conditions {
            match condition {
                Condition::Direction(bits) => inbound = *bits == 1 << Direction::Inbound as u8,
                Condition::Networks(NetworkField::Source, terms) => inside = terms.iter().all(is_inside),
                _ => {}
            }
        }
        inbound && inside
    }
}

/// Whether the condition is true of every call because a network is every address.
fn is_always(condition: &Condition) -> bool {
    matches!(condition, Condition::Networks(_, terms)
        if terms.iter().any(|term| matches!(&term.value, NetworkTerm::Network(network) if network.prefix_len() == 0)))
}

fn number_lists(condition: &Condition) -> Vec<ListId> {
    let Condition::Numbers(_, terms) = condition else { return Vec::new() };
    terms
        .iter()
        .filter_map(|term| if let NumberTerm::List(list) = term.value { Some(list) } else { None })
        .collect()
}

const KEYS: &[&str] =
    &["name", "when", "unless", "action", "mode", "alert", "case", "expires", "owner", "reason"];
