//! `[[ips]]`: thresholds on calling patterns.

use toml::de::DeValue;

use super::Reader;
use super::fields::{Fields, Node};
use crate::policy::detection::DETECTIONS;
use crate::policy::ips::{
    Also, Baseline, BreachAction, Count, Deed, Key, Outcome, WINDOW_MICROS_MAX, WINDOW_MICROS_MIN,
};
use crate::policy::threshold::RATIO_CALLS_MIN;
use crate::policy::{Code, IpsRule, Level, Span};

impl Reader<'_> {
    pub(super) fn read_ips(&mut self, node: Node<'_>) -> Vec<IpsRule> {
        self.rules(node, "ips").into_iter().filter_map(|item| self.ips_rule(item)).collect()
    }

    fn ips_rule(&mut self, node: Node<'_>) -> Option<IpsRule> {
        let fields = self.fields(node, "a threshold", KEYS)?;
        let detection = self.detection(&fields);
        let shipped = fields.get("use").is_some();
        let name = match (&detection, fields.get("name")) {
            (Some(detection), None) => {
                let span = fields.get("use").map_or_else(|| fields.span.clone(), |node| node.span());
                self.unique_name(detection, span);
                Some((*detection).to_owned())
            }
            (None, None) if shipped => None,
            _ => self.rule_name(&fields, "a threshold"),
        };
        let mut rule = self.threshold(&fields, name.unwrap_or_default(), detection);
        self.note_blocking_conditions(&rule.block_when, &fields.span);
        if let Some(detection) = detection {
            rule.shipped = self.shipped(detection, &fields, rule.mode);
            self.check_tuned(&rule, &fields);
        }
        if !shipped {
            self.check_written(&rule, &fields);
        }
        self.check_threshold(&rule, &fields);
        (!rule.name.is_empty()).then_some(rule)
    }

    /// What one table says, whether a policy's or a shipped detection's.
    pub(super) fn threshold(
        &mut self,
        fields: &Fields<'_>,
        name: String,
        detection: Option<&'static str>,
    ) -> IpsRule {
        let when = self.clause(fields, "when");
        let unless = self.clause(fields, "unless");
        let count = self.count(fields);
        let per = self.per(fields);
        let within_micros = self.window(fields);
        let (warning, critical) = self.limits(fields, count);
        let baseline = fields.get("baseline").and_then(|node| self.baseline(node));
        let (warning_action, critical_action) = self.breach_actions(fields);
        let outcome = self.outcomes(fields);
        let also = self.also(fields);
        let block_key = self.block_key(fields);
        let block_when = self.clause(fields, "block_when");
        let about = self.about(fields);
        IpsRule {
            name,
            detection,
            shipped: Vec::new(),
            when,
            unless,
            count,
            per,
            within_micros,
            warning,
            critical,
            baseline,
            at_least: self.optional_integer(fields, "at_least", (1, COUNT_MAX)),
            hold_micros: self.optional_duration(fields, "hold"),
            clear: self.optional_float(fields, "clear", (0.0, 1.0)),
            cool_down_micros: self.optional_duration(fields, "cool_down"),
            warning_action,
            critical_action,
            outcome,
            also,
            block_key,
            block_when,
            shorter_than_micros: self.optional_duration(fields, "shorter_than"),
            gap: self.optional_integer(fields, "gap", (1, 1000)),
            mode: about.mode,
            alert: about.alert,
            case: about.case,
            expires: about.expires,
            owner: about.owner,
            reason: about.reason,
            span: fields.span.clone(),
        }
    }

    fn detection(&mut self, fields: &Fields<'_>) -> Option<&'static str> {
        let node = fields.get("use")?;
        let name = self.text(node, "use")?;
        let Some(shipped) = DETECTIONS.iter().copied().find(|known| *known == name) else {
            let meant = super::nearest::nearest(name, DETECTIONS.iter().copied());
            let help = meant.map_or_else(
                || format!("the shipped detections are: {}", DETECTIONS.join(", ")),
                |meant| format!("did you mean \"{meant}\"?"),
            );
            self.report(
                Code::UnknownDetection,
                node.span(),
                format!("no shipped detection is named `{name}`"),
            )
            .help(help);
            return None;
        };
        if let Some(entry) = fields.entry("count") {
            self.report(
                Code::ConflictingKeys,
                entry.key_span.clone(),
                format!("`{name}` brings its own `count`"),
            )
            .help("leave `count` out, or leave `use` out and write the whole threshold");
        }
        Some(shipped)
    }

    fn count(&mut self, fields: &Fields<'_>) -> Option<Count> {
        let node = fields.get("count")?;
        let word = self.text(node, "count")?;
        let count = self.count_word(word, node.span())?;
        if count == Count::Cost && !self.has_rates {
            self.report(Code::MissingRates, node.span(), "`cost` needs prices")
                .help("add rates_file = \"rates.csv\" to [customer], with prefix,per_minute,currency");
        }
        Some(count)
    }

    fn count_word(&mut self, word: &str, span: Span) -> Option<Count> {
        let count = Count::from_word(word);
        if count.is_none() {
            let known: Vec<&str> = Count::ALL.iter().map(|count| count.word()).collect();
            self.unknown_word(span, word, "count", &known);
        }
        count
    }

    fn per(&mut self, fields: &Fields<'_>) -> Option<Vec<Key>> {
        let node = fields.get("per")?;
        let mut keys = Vec::new();
        for (word, span) in self.texts(node, "per") {
            let Some(key) = self.key_word(word, span.clone()) else { continue };
            if keys.contains(&key) {
                self.report(Code::PointlessKey, span, format!("`{word}` is in the key already"));
                continue;
            }
            keys.push(key);
        }
        Some(keys)
    }

    fn key_word(&mut self, word: &str, span: Span) -> Option<Key> {
        let key = Key::from_word(word);
        match (key, word.split_once(':')) {
            (None, Some(("caller_block" | "called_block", _))) => {
                self.report(Code::OutOfBounds, span, format!("`{word}` leaves off 1 to 14 digits"));
            }
            (None, Some(("source_net", _))) => {
                self.report(Code::OutOfBounds, span, format!("`{word}` keeps 1 to 128 bits"));
            }
            (None, _) => self.unknown_word(span, word, "part of a key", Key::WORDS),
            (Some(Key::Trunk), _) if !self.has_trunks => self.no_trunks(span, "`trunk`"),
            _ => {}
        }
        key
    }

    fn window(&mut self, fields: &Fields<'_>) -> Option<i64> {
        let node = fields.get("within")?;
        let micros = self.duration(node, "within")?;
        if !(WINDOW_MICROS_MIN..=WINDOW_MICROS_MAX).contains(&micros) {
            self.report(Code::BadWindow, node.span(), "a window is from one second to 31 days");
            return None;
        }
        Some(micros)
    }

    fn limits(&mut self, fields: &Fields<'_>, count: Option<Count>) -> (Option<f64>, Option<f64>) {
        let high = if count.is_some_and(Count::is_share) { 1.0 } else { 1e12 };
        let warning = self.optional_float(fields, "warning", (f64::MIN_POSITIVE, high));
        let critical = self.optional_float(fields, "critical", (f64::MIN_POSITIVE, high));
        if let (Some(low), Some(top), Some(entry)) = (warning, critical, fields.entry("critical"))
            && top <= low
        {
            self.report(
                Code::SwappedLimits,
                entry.value.span(),
                format!("critical ({top}) is not above warning ({low})"),
            );
        }
        (warning, critical)
    }

    fn baseline(&mut self, node: Node<'_>) -> Option<Baseline> {
        let fields = self.fields(node, "a baseline", &["times", "hours_of_week", "samples", "floor"])?;
        self.required(&fields, "times", "a baseline");
        Some(Baseline {
            times: self.optional_float(&fields, "times", (1.0, 1e6))?,
            hours_of_week: self.flag(&fields, "hours_of_week").unwrap_or(true),
            samples: self.optional_integer(&fields, "samples", (1, 1000)).unwrap_or(4),
            floor: self.optional_float(&fields, "floor", (0.0, 1e12)).unwrap_or(0.0),
        })
    }

    fn outcomes(&mut self, fields: &Fields<'_>) -> Vec<Outcome> {
        let mut found = Vec::new();
        for (word, span) in self.optional_texts(fields, "outcome") {
            match Outcome::from_word(word) {
                Some(outcome) => found.push(outcome),
                None => {
                    let known: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.word()).collect();
                    self.unknown_word(span, word, "outcome", &known);
                }
            }
        }
        found
    }

    fn also(&mut self, fields: &Fields<'_>) -> Vec<Also> {
        let Some(node) = fields.get("also") else { return Vec::new() };
        match node.get_ref() {
            DeValue::Array(array) => array.iter().filter_map(|item| self.one_also(item)).collect(),
            _ => self.one_also(node).into_iter().collect(),
        }
    }

    fn one_also(&mut self, node: Node<'_>) -> Option<Also> {
        let fields = self.fields(node, "`also`", &["count", "at_least", "above", "below"])?;
        self.required(&fields, "count", "`also`");
        let count = self.count(&fields);
        let high = if count.is_some_and(Count::is_share) { 1.0 } else { 1e12 };
        let above = self.optional_float(&fields, "above", (0.0, high));
        let below = self.optional_float(&fields, "below", (0.0, high));
        let at_least = self.optional_integer(&fields, "at_least", (1, COUNT_MAX));
        if fields.get("above").or_else(|| fields.get("below")).is_none() {
            self.report(Code::MissingLimit, node.span(), "`also` needs `above` or `below`");
        }
        if let (Some(above), Some(below), Some(entry)) = (above, below, fields.entry("below"))
            && below <= above
        {
            let why = format!("nothing is above {above} and below {below}");
            self.report(Code::SwappedLimits, entry.value.span(), why);
        }
        let ratio = count.is_some_and(Count::is_ratio);
        if ratio && at_least.is_none() {
            self.missing_minimum(node.span());
        }
        Some(Also {
            count: count?,
            at_least: at_least.unwrap_or(if ratio { RATIO_CALLS_MIN } else { 1 }),
            above,
            below,
        })
    }

    fn block_key(&mut self, fields: &Fields<'_>) -> Option<Key> {
        let node = fields.get("block_key")?;
        let word = self.text(node, "block_key")?;
        let key = self.key_word(word, node.span())?;
        if !key.is_caller_side() {
            self.report(
                Code::CutsOffVictim,
                node.span(),
                format!("a block by `{word}` is no block of callers"),
            )
            .help("write block_key = \"caller\"");
            return None;
        }
        Some(key)
    }

    /// What a threshold that is not shipped must say.
    pub(super) fn check_written(&mut self, rule: &IpsRule, fields: &Fields<'_>) {
        for key in ["count", "within"] {
            self.required(fields, key, "a threshold that is not shipped");
        }
        let limited = LIMITS.iter().any(|key| fields.get(key).is_some());
        if !limited && !LIMITS.iter().any(|key| fields.may_mean(key)) {
            self.report(Code::MissingLimit, fields.span.clone(), "the threshold has no limit")
                .help("add `warning`, `critical` or `baseline`");
        }
        if rule.count.is_some_and(Count::is_ratio)
            && rule.at_least.is_none()
            && fields.get("at_least").is_none()
        {
            let span = fields.entry("count").map_or_else(|| fields.span.clone(), |entry| entry.value.span());
            self.missing_minimum(span);
        }
        let short = rule.count.is_some_and(Count::has_short)
            || rule.outcome.contains(&Outcome::Short)
            || rule.also.iter().any(|also| also.count.has_short());
        let run = rule.count == Some(Count::SequentialCalled)
            || rule.also.iter().any(|also| also.count == Count::SequentialCalled);
        let ratio = rule.count.is_some_and(Count::is_ratio);
        let begun = rule.count.is_some_and(Count::takes_outcome);
        for (key, useful, why) in [
            ("outcome", begun, "it chooses among counts of attempts, and this is none"),
            ("shorter_than", short, "nothing that is counted here is short"),
            ("gap", run, "only `sequential called` has gaps"),
            ("at_least", ratio, "only ratios have a minimum"),
        ] {
            if let Some(entry) = fields.entry(key).filter(|_| !useful && rule.count.is_some()) {
                self.report(
                    Code::PointlessKey,
                    entry.key_span.clone(),
                    format!("`{key}` has no effect: {why}"),
                );
            }
        }
        let least = [rule.warning, rule.critical].into_iter().flatten().reduce(f64::min);
        if let (Some(count), Some(entry)) = (rule.count, fields.entry("count"))
            && let Some(key) = rule.per.iter().flatten().find(|key| count.is_held_by(**key))
            && least.is_some_and(|least| least > 1.0)
        {
            let why = format!("`{}` is 1 at most where `per` has `{key}`: no limit is reached", count.word());
            self.report(Code::PointlessKey, entry.value.span(), why).help("count by another key");
        }
        if let (Some(_), Some(entry)) =
            (fields.get("baseline"), fields.entry("warning").or_else(|| fields.entry("critical")))
        {
            self.report(
                Code::ConflictingKeys,
                entry.key_span.clone(),
                "a baseline stands instead of fixed limits",
            )
            .help("use `floor` of the baseline for the least value");
        }
    }

    fn missing_minimum(&mut self, span: Span) {
        self.report(
            Code::MissingMinimum,
            span,
            format!("the ratio has no `at_least`, so it counts from {RATIO_CALLS_MIN} calls on"),
        )
        .help(format!("say so: at_least = {RATIO_CALLS_MIN}"));
    }

    /// What holds for every threshold.
    pub(super) fn check_threshold(&mut self, rule: &IpsRule, fields: &Fields<'_>) {
        for (key, action, limit) in [
            ("warning", &rule.warning_action, fields.get("warning")),
            ("critical", &rule.critical_action, fields.get("critical")),
        ] {
            let levels = fields.get("action").and_then(Fields::of);
            let entry = levels.as_ref().and_then(|levels| levels.entry(key));
            if let (Some(_), None, Some(entry), false) = (action, limit, entry, rule.detection.is_some())
                && fields.get("baseline").is_none()
            {
                self.report(
                    Code::PointlessKey,
                    entry.key_span.clone(),
                    format!("there is no `{key}` limit to breach"),
                );
            }
        }
        let blocks = [&rule.warning_action, &rule.critical_action].into_iter().flatten().any(is_block);
        let narrows = fields.get("block_when").is_some_and(|node| self.narrows(node, fields.get("when")));
        let aimed = rule.block_key.is_some() || narrows;
        let keyed = rule.per.as_ref().map(|per| per.iter().any(|key| key.is_caller_side()));
        // Of a shipped detection the key is known where its file is.
        let victim = keyed.map_or_else(|| rule.detection.is_none(), |caller_side| !caller_side);
        let keys = fields.entry("block_key").or_else(|| fields.entry("block_when"));
        // What could not be read was reported where it stands.
        let unread = fields.get("block_key").is_some() && rule.block_key.is_none();
        if blocks && victim && !aimed && !unread {
            let span = fields.entry("action").map_or_else(|| fields.span.clone(), |entry| entry.value.span());
            self.report(
                Code::CutsOffVictim,
                span,
                "the key has no caller side, so a block would cut off who is called",
            )
            .help("add block_key = \"caller\", or block_when, or limit, divert or alert instead");
        }
        // The variants of a shipped detection are looked at with what is changed of them.
        if rule.detection.is_none() && ends_victims(rule) {
            self.ends_victims(fields);
        }
        let says_what_it_does = fields.get("action").is_some() || rule.detection.is_none();
        if let Some(entry) = keys.filter(|_| !blocks && says_what_it_does) {
            self.report(
                Code::PointlessKey,
                entry.key_span.clone(),
                format!("`{}` has no effect: nothing blocks", entry.key),
            );
        }
    }

    /// Done once and over, so that it is no error as a block is.
    pub(super) fn ends_victims(&mut self, fields: &Fields<'_>) {
        let entry = fields.entry("action").or_else(|| fields.entry("per"));
        let span = entry.map_or_else(|| fields.span.clone(), |entry| entry.value.span());
        let found = self.report(
            Code::CutsOffVictim,
            span,
            "the key has no caller side, so `terminate` ends whatever calls who is called has",
        );
        found.level = Level::Warning;
        found.help("count by the caller as well, or use limit, divert or alert instead");
    }

    /// Whether the clause at `node` asks for anything that `when` does not ask for in the same words.
    fn narrows(&self, node: Node<'_>, when: Option<Node<'_>>) -> bool {
        let written = |node: Node<'_>| self.source.get(node.span()).map(str::to_owned);
        let Some(clause) = Fields::of(node) else { return true };
        let when = when.and_then(Fields::of);
        clause.entries().iter().any(|entry| {
            let known = when.as_ref().and_then(|when| when.get(entry.key));
            known.is_none_or(|known| written(known) != written(entry.value))
        })
    }
}

/// Whether a breach ends calls that are up, which share who is called and not who calls.
pub(super) fn ends_victims(rule: &IpsRule) -> bool {
    let mut actions = [&rule.warning_action, &rule.critical_action].into_iter().flatten();
    let keys = rule.per.as_deref().unwrap_or_default();
    actions.any(|action| action.deed == Deed::Terminate)
        && keys.iter().any(|key| matches!(key, Key::Called | Key::CalledBlock(_)))
        && !keys.iter().any(|key| key.is_caller_side())
}

/// Whether a breach refuses calls so.
pub(super) fn is_block(action: &BreachAction) -> bool {
    matches!(action.deed, Deed::Block(_))
}

pub(super) const KEYS: &[&str] = &[
    "use",
    "name",
    "when",
    "unless",
    "count",
    "per",
    "within",
    "warning",
    "critical",
    "at_least",
    "hold",
    "clear",
    "cool_down",
    "action",
    "baseline",
    "mode",
    "outcome",
    "also",
    "block_key",
    "block_when",
    "shorter_than",
    "gap",
    "alert",
    "case",
    "expires",
    "owner",
    "reason",
];
const LIMITS: [&str; 3] = ["warning", "critical", "baseline"];
const COUNT_MAX: i64 = 1_000_000_000;
