//! `use`: the thresholds of a shipped detection, read for this customer by the same rules as its own.

use toml::de::{DeTable, DeValue};

use super::Reader;
use super::fields::{Fields, Node};
use super::ips::{KEYS, ends_victims, is_block};
use crate::policy::detection::{Need, needs};
use crate::policy::ips::Count;
use crate::policy::{Code, Detection, IpsRule, Level, ListId, Mode, Span};

impl Reader<'_> {
    /// The thresholds of the detection `name`, for the table `fields` that uses it. Without what the detection needs
    /// there are none; that is said, unless the table is off.
    pub(super) fn shipped(&mut self, name: &str, fields: &Fields<'_>, mode: Mode) -> Vec<IpsRule> {
        let Some(detection) = Detection::named(name) else { return Vec::new() };
        let when = fields.get("when").and_then(Fields::of);
        let overridden: Vec<String> = when
            .map(|when| when.entries().iter().map(|entry| entry.key.to_owned()).collect())
            .unwrap_or_default();
        let span = fields.get("use").map_or_else(|| fields.span.clone(), |node| node.span());
        let lacks: Vec<Need> =
            detection.about().needs.into_iter().filter(|need| !self.has(*need, &overridden)).collect();
        if !lacks.is_empty() {
            if mode != Mode::Off {
                lacks.iter().for_each(|need| self.missing_need(name, *need, span.clone()));
            }
            return Vec::new();
        }
        let outer = (self.file, self.source, std::mem::take(&mut self.diagnostics));
        (self.file, self.source) = (detection.name, detection.source);
        self.in_shipped = Some(overridden);
        let rules = self.variants(detection.source);
        self.in_shipped = None;
        let found = std::mem::replace(&mut self.diagnostics, outer.2);
        (self.file, self.source) = (outer.0, outer.1);
        // What is wrong then is wrong with something of the customer's that the detection names.
        for mistake in found.into_iter().filter(|found| found.level == Level::Error) {
            let said = self.report(mistake.code, span.clone(), format!("`{name}`: {}", mistake.message));
            said.help = mistake.help;
        }
        rules
    }

    fn variants(&mut self, source: &str) -> Vec<IpsRule> {
        let (table, errors) = DeTable::parse_recoverable(source);
        self.report_syntax(&errors);
        let root = toml::Spanned::new(0..0, DeValue::Table(table.into_inner()));
        let Some(fields) = self.fields(&root, "a detection", TABLES) else { return Vec::new() };
        let nodes = fields.get("ips").map(|node| self.rules(node, "ips")).unwrap_or_default();
        nodes.into_iter().filter_map(|node| self.variant(node)).collect()
    }

    /// One way of counting; `None` when the policy does not have what this one needs beside what all need.
    fn variant(&mut self, node: Node<'_>) -> Option<IpsRule> {
        let fields = self.fields(node, "a detection's threshold", &[KEYS, &["needs"]].concat())?;
        let needed = fields.get("needs").map(|node| needs(node.get_ref())).unwrap_or_default();
        let overridden = self.in_shipped.as_deref().unwrap_or_default();
        if needed.iter().any(|need| !self.has(*need, overridden)) {
            return None;
        }
        let rule = self.threshold(&fields, String::new(), None);
        self.check_written(&rule, &fields);
        self.check_threshold(&rule, &fields);
        Some(rule)
    }

    fn has(&self, need: Need, overridden: &[String]) -> bool {
        let fills = |dimension: &str| overridden.iter().any(|key| key == dimension);
        match need {
            Need::Trunks => self.has_trunks,
            Need::Hours => fills("time") || self.hours.iter().any(|hours| hours.name == "business"),
            Need::Rates => self.has_rates,
            Need::Voicemail => fills("called") || self.list_names().any(|list| list == "voicemail"),
            Need::DoNotOriginate => fills("caller") || self.do_not_originate.is_some(),
            Need::Answers => true,
        }
    }

    fn missing_need(&mut self, name: &str, need: Need, span: Span) {
        if need == Need::Trunks {
            self.no_trunks(span, &format!("`{name}`"));
            return;
        }
        self.report(Code::MissingNeed, span, format!("`{name}` sleeps: it needs {}", need.remedy()))
            .help("add it, or say mode = \"off\" if you do without this detection");
    }

    /// Whether the policy's own `when` stands instead of this dimension of the shipped one.
    pub(super) fn is_overridden(&self, clause: &str, dimension: &str) -> bool {
        let overridden = self.in_shipped.as_ref().filter(|_| clause == "when");
        overridden.is_some_and(|keys| keys.iter().any(|key| key == dimension))
    }

    /// The list that a detection's file means by `name`, if it is not one by that name.
    pub(super) fn list_of_shipped(&self, name: &str) -> Option<ListId> {
        self.do_not_originate.filter(|_| self.in_shipped.is_some() && name == "do-not-originate")
    }

    /// Reports what `own` changes of the variants that makes no sense with what they are.
    pub(super) fn check_tuned(&mut self, own: &IpsRule, fields: &Fields<'_>) {
        let Some(first) = own.shipped.first() else { return };
        let tuned = own.over(first, true);
        let entry = fields.entry("critical").or_else(|| fields.entry("warning"));
        if let (Some(low), Some(top), Some(entry)) = (tuned.warning, tuned.critical, entry)
            && top <= low
            && (own.warning.is_none() || own.critical.is_none())
        {
            let (shipped, value) = if own.critical.is_none() { ("critical", top) } else { ("warning", low) };
            self.report(
                Code::SwappedLimits,
                entry.value.span(),
                format!("critical ({top}) is not above warning ({low})"),
            )
            .help(format!("the shipped {shipped} limit is {value}; set both"));
        }
        if tuned.count.is_some_and(Count::is_share) {
            for (key, limit) in [("warning", own.warning), ("critical", own.critical)] {
                if let Some(entry) = fields.entry(key).filter(|_| limit.is_some_and(|limit| limit > 1.0)) {
                    self.report(
                        Code::OutOfBounds,
                        entry.value.span(),
                        format!("`{key}` is a share, from 0 to 1"),
                    );
                }
            }
        }
        let variants =
            || own.shipped.iter().enumerate().map(|(place, shipped)| own.over(shipped, place == 0));
        if variants().any(|tuned| ends_victims(&tuned)) {
            self.ends_victims(fields);
        }
        let victims = variants().any(|tuned| {
            let blocks = [&tuned.warning_action, &tuned.critical_action].into_iter().flatten().any(is_block);
            let keys = tuned.per.unwrap_or_default();
            let aimed = tuned.block_key.is_some() || !tuned.block_when.is_empty();
            blocks && !aimed && !keys.iter().any(|key| key.is_caller_side())
        });
        if let Some(entry) = fields.entry("action").or_else(|| fields.entry("per")).filter(|_| victims) {
            self.report(
                Code::CutsOffVictim,
                entry.value.span(),
                "one way in which this detection counts has no caller in its key, so a block would cut off who is called",
            )
            .help("add block_key = \"caller\", or block_when, or limit, divert or alert instead");
        }
    }
}

const TABLES: &[&str] = &["what", "why", "reference", "limits", "needs", "ips"];
