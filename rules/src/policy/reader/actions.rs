//! What a rule does: answers, limits, and the table form `{ block = 403 }`.

use toml::de::DeValue;

use super::Reader;
use super::customer::is_plain_uri;
use super::fields::{Fields, Node};
use crate::policy::{AlertLevel, Code, Limit, Response, RuleAction, Span};

impl Reader<'_> {
    /// The action of a firewall rule.
    pub(super) fn action(&mut self, node: Node<'_>) -> Option<RuleAction> {
        if let DeValue::String(word) = node.get_ref() {
            return match &**word {
                "allow" => Some(RuleAction::Allow),
                "bypass-ips" => Some(RuleAction::BypassIps),
                "block" => Some(RuleAction::Block(self.list_response)),
                "terminate" => Some(RuleAction::Terminate),
                "log" => Some(RuleAction::Log),
                "divert" | "tag" | "limit" => {
                    self.incomplete(node.span(), word);
                    None
                }
                _ => {
                    self.unknown_word(node.span(), word, "action", WORDS);
                    None
                }
            };
        }
        let fields = self.fields(node, "an action", &["block", "divert", "tag", "limit", "fallback"])?;
        let fallback = self.fallback(&fields);
        let mut deeds = fields.entries().iter().filter(|entry| DEEDS.contains(&entry.key));
        let Some(deed) = deeds.next() else {
            if !fields.has_strangers() {
                self.report(Code::MissingKey, node.span(), "the action does nothing").help(ACTION_HELP);
            }
            return None;
        };
        if let Some(other) = deeds.next() {
            self.report(Code::ConflictingKeys, other.key_span.clone(), "an action does one thing")
                .help("write one rule for each thing to do");
        }
        match deed.key {
            "block" => self.response(deed.value, fallback).map(RuleAction::Block),
            "divert" => self.divert(deed.value).map(RuleAction::Divert),
            "tag" => self.tag(deed.value).map(RuleAction::Tag),
            "limit" => self.limit(deed.value).map(RuleAction::Limit),
            _ => None,
        }
    }

    fn incomplete(&mut self, span: Span, word: &str) {
        self.report(Code::MissingKey, span, format!("`{word}` needs to know more")).help(ACTION_HELP);
    }

    /// The address calls are diverted to.
    pub(super) fn divert(&mut self, node: Node<'_>) -> Option<String> {
        let uri = self.text(node, "divert")?;
        let rest = ["sip:", "sips:", "tel:"].iter().find_map(|scheme| uri.strip_prefix(scheme));
        let target = rest.map(|rest| rest.rsplit('@').next().unwrap_or_default());
        if target.is_some_and(|target| !target.is_empty()) && is_plain_uri(uri) {
            return Some(uri.to_owned());
        }
        self.report(Code::BadUri, node.span(), format!("`{uri}` is no address for calls"))
            .help("write sip:honeypot@192.0.2.9");
        None
    }

    /// The mark of a call.
    pub(super) fn tag(&mut self, node: Node<'_>) -> Option<String> {
        let tag = self.text(node, "tag")?;
        let plain =
            !tag.trim().is_empty() && tag.len() <= TAG_BYTES_MAX && !tag.chars().any(char::is_control);
        if !plain {
            self.report(Code::BadName, node.span(), "a tag is a short text without control characters");
        }
        plain.then(|| tag.to_owned())
    }

    /// `{ calls = 10, per = "1s" }` or `{ concurrent = 30 }`.
    pub(super) fn limit(&mut self, node: Node<'_>) -> Option<Limit> {
        let fields = self.fields(node, "a limit", &["calls", "per", "concurrent"])?;
        let calls = fields.entry("calls").or_else(|| fields.entry("per"));
        match (fields.get("concurrent"), calls) {
            (Some(_), Some(entry)) => {
                self.report(
                    Code::ConflictingKeys,
                    entry.key_span.clone(),
                    "a limit counts calls in a time, or calls at once",
                )
                .help("write two rules");
                None
            }
            (Some(node), None) => self.limit_count(node, "concurrent").map(Limit::Concurrent),
            (None, Some(_)) => self.rate(&fields),
            (None, None) => {
                if !fields.has_strangers() {
                    self.report(Code::BadLimit, node.span(), "the limit has no number").help(LIMIT_HELP);
                }
                None
            }
        }
    }

    fn rate(&mut self, fields: &Fields<'_>) -> Option<Limit> {
        let (Some(calls), Some(per)) = (fields.get("calls"), fields.get("per")) else {
            if !fields.has_strangers() {
                self.report(Code::BadLimit, fields.span.clone(), "a limit needs both `calls` and `per`")
                    .help(LIMIT_HELP);
            }
            return None;
        };
        let calls = self.limit_count(calls, "calls");
        let per_micros = self.duration(per, "per");
        Some(Limit::Rate { calls: calls?, per_micros: per_micros? })
    }

    /// How many calls a limit lets through.
    fn limit_count(&mut self, node: Node<'_>, what: &str) -> Option<u32> {
        let count = self.integer(node, what, (0, i64::from(u32::MAX)))?;
        if count == 0 {
            self.report(Code::BadLimit, node.span(), "a limit of 0 lets no call through")
                .help("a rule that refuses every call has action = \"block\"");
            return None;
        }
        u32::try_from(count).ok()
    }

    /// What is answered where 608 is not understood.
    pub(super) fn fallback(&mut self, fields: &Fields<'_>) -> Option<u16> {
        let node = fields.get("fallback")?;
        match self.response(node, None)? {
            Response::Code(code) => Some(code),
            _ => {
                self.report(Code::BadResponse, node.span(), "`fallback` is a plain code");
                None
            }
        }
    }

    /// The answer to a blocked call.
    pub(super) fn response(&mut self, node: Node<'_>, fallback: Option<u16>) -> Option<Response> {
        let text = match node.get_ref() {
            DeValue::String(text) => text.trim().to_owned(),
            DeValue::Integer(code) => code.to_string(),
            _ => {
                self.wrong_type(node, "an answer is a code or a preset");
                return None;
            }
        };
        let response = match text.as_str() {
            "603+" => {
                if self.customer_done && !self.has_redress {
                    self.missing_redress(node.span());
                }
                Response::NetworkBlocked
            }
            "608" => Response::Rejected { fallback: fallback.unwrap_or(FALLBACK) },
            "drop" => Response::Drop,
            code => match code.parse::<u16>().ok().filter(|code| (400..700).contains(code)) {
                Some(401 | 407 | 422 | 423 | 491 | 494) | None => {
                    self.report(Code::BadResponse, node.span(), format!("`{text}` does not refuse a call"))
                        .help("write a code such as 603, 403 or 486, \"603+\", \"608\" or \"drop\"");
                    return None;
                }
                Some(code) => {
                    if matches!(code, 408 | 500 | 502 | 503 | 504) {
                        self.report(
                            Code::OverloadResponse,
                            node.span(),
                            format!("peers take {code} for trouble and try another way"),
                        )
                        .help("603, 403 or 486 end the call");
                    }
                    Response::Code(code)
                }
            },
        };
        if fallback.is_some() && !matches!(response, Response::Rejected { .. }) && self.customer_done {
            self.report(Code::PointlessKey, node.span(), "`fallback` is for 608 alone");
        }
        Some(response)
    }

    /// How loudly a rule reports.
    pub(super) fn alert(&mut self, fields: &Fields<'_>) -> Option<AlertLevel> {
        self.choice(
            fields,
            "alert",
            &[
                ("none", AlertLevel::None),
                ("info", AlertLevel::Info),
                ("warning", AlertLevel::Warning),
                ("critical", AlertLevel::Critical),
            ],
        )
    }
}

/// What a table can do; the other keys say how.
pub(super) const DEEDS: &[&str] = &["block", "divert", "tag", "limit"];
const WORDS: &[&str] = &["allow", "bypass-ips", "block", "divert", "tag", "limit", "terminate", "log"];
const ACTION_HELP: &str = "write { block = 403 }, { divert = \"sip:…\" }, { tag = \"…\" } or { limit = { calls = 10, per = \"1s\" } }";
const LIMIT_HELP: &str = "write { calls = 10, per = \"1s\" } or { concurrent = 30 }";
/// What is answered where 608 is not understood and the policy does not say.
const FALLBACK: u16 = 603;
/// Longest tag.
const TAG_BYTES_MAX: usize = 128;
