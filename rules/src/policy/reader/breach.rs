//! What a breach does: one action a level, each with its end.

use toml::de::DeValue;

use super::Reader;
use super::actions::DEEDS;
use super::fields::{Fields, Node};
use crate::policy::Code;
use crate::policy::ips::{BreachAction, Deed};

impl Reader<'_> {
    /// The actions of the warning and of the critical level.
    pub(super) fn breach_actions(
        &mut self,
        fields: &Fields<'_>,
    ) -> (Option<BreachAction>, Option<BreachAction>) {
        let Some(node) = fields.get("action") else { return (None, None) };
        if !matches!(node.get_ref(), DeValue::Table(_)) {
            self.wrong_type(node, "the action of a threshold is a table of levels")
                .help("write action = { critical = { block = \"1h\" } }");
            return (None, None);
        }
        let Some(levels) = self.fields(node, "`action` of a threshold", &["warning", "critical"]) else {
            return (None, None);
        };
        let mut level = |key: &str| levels.get(key).and_then(|node| self.breach_action(node));
        (level("warning"), level("critical"))
    }

    fn breach_action(&mut self, node: Node<'_>) -> Option<BreachAction> {
        if let DeValue::String(word) = node.get_ref() {
            let deed = match &**word {
                "alert" => Deed::Alert,
                "terminate" => Deed::Terminate,
                "block" | "divert" | "limit" | "tag" => {
                    self.report(Code::NoExpiry, node.span(), format!("`{word}` does not say for how long"))
                        .help("every action of a threshold ends by itself: { block = \"1h\" }");
                    return None;
                }
                _ => {
                    self.unknown_word(
                        node.span(),
                        word,
                        "action of a threshold",
                        &["alert", "terminate", "block"],
                    );
                    return None;
                }
            };
            return Some(BreachAction { deed, for_micros: 0 });
        }
        let fields = self.fields(
            node,
            "an action of a threshold",
            &["block", "response", "fallback", "divert", "tag", "limit", "for"],
        )?;
        let mut deeds = fields.entries().iter().filter(|entry| DEEDS.contains(&entry.key));
        let Some(deed) = deeds.next() else {
            if !fields.has_strangers() {
                self.report(Code::MissingKey, node.span(), "the action does nothing")
                    .help("write { block = \"1h\" }, or { divert = \"sip:…\", for = \"1h\" }");
            }
            return None;
        };
        if let Some(other) = deeds.next() {
            self.report(Code::ConflictingKeys, other.key_span.clone(), "an action does one thing");
        }
        if deed.key == "block" {
            return self.breach_block(&fields, deed.value);
        }
        if let Some(entry) = fields.entry("response") {
            self.report(Code::PointlessKey, entry.key_span.clone(), "`response` is for `block` alone");
        }
        let for_micros = match fields.get("for") {
            Some(node) => self.duration(node, "for"),
            None if fields.may_mean("for") => None,
            None => {
                self.report(Code::NoExpiry, node.span(), format!("`{}` does not say for how long", deed.key))
                    .help("add for = \"1h\"");
                None
            }
        };
        let deed = match deed.key {
            "divert" => Deed::Divert(self.divert(deed.value)?),
            "tag" => Deed::Tag(self.tag(deed.value)?),
            "limit" => Deed::Limit(self.limit(deed.value)?),
            _ => return None,
        };
        Some(BreachAction { deed, for_micros: for_micros? })
    }

    fn breach_block(&mut self, fields: &Fields<'_>, node: Node<'_>) -> Option<BreachAction> {
        let fallback = self.fallback(fields);
        let response = fields.get("response").and_then(|node| self.response(node, fallback));
        if let Some(entry) = fields.entry("for") {
            self.report(Code::ConflictingKeys, entry.key_span.clone(), "`block` says for how long itself");
        }
        let for_micros = match node.get_ref() {
            DeValue::String(_) => self.duration(node, "block")?,
            _ => {
                self.report(Code::NoExpiry, node.span(), "`block` of a threshold is a duration")
                    .help("write { block = \"1h\" }, with response = 403 beside it if need be");
                return None;
            }
        };
        Some(BreachAction { deed: Deed::Block(response), for_micros })
    }
}
