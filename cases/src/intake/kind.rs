//! What a mail asks for, by its words. Words choose a queue and a form, never an action (T-5, F19).

use super::phrase::CLOSINGS;
use super::segment::{Line, Segment, is_borrowed};
use super::words::{holds, is_like, words};

/// What kind of case a request becomes (C-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum RequestKind {
    /// Block numbers.
    Block,
    /// Block them no longer.
    Unblock,
    /// A report.
    Report,
    /// Another change of policy: ranges, areas.
    PolicyChange,
    /// Another threshold.
    ThresholdChange,
    /// Something is happening.
    ReportedIncident,
    /// Anything else.
    Question,
}

impl RequestKind {
    /// The word for people and for queries.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Report => "report",
            Self::PolicyChange => "policy_change",
            Self::ThresholdChange => "threshold_change",
            Self::ReportedIncident => "reported_incident",
            Self::Question => "question",
        }
    }
}

/// What the words of a mail hint at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hints {
    pub block: bool,
    pub unblock: bool,
    pub report: bool,
    pub threshold: bool,
    pub incident: bool,
}

impl Hints {
    /// Reads the author's own words and the subject.
    pub(super) fn read(lines: &[Line], subject: &str) -> Self {
        let mut hints = Self::default();
        let own = lines.iter().filter(|it| it.segment == Segment::Own).map(|it| it.text.as_str());
        let subject = Some(subject).filter(|it| !is_borrowed(it));
        for text in own {
            // A label is no wish: the empty template asks for nothing.
            if super::template::label_of(text).is_some() {
                hints.unblock |= words(text).iter().any(|it| UNBLOCK_WORDS.contains(&it.as_str()));
                continue;
            }
            hints.take(&words(&super::characters::shown(text)));
        }
        if let Some(subject) = subject {
            let mut said = Self::default();
            said.take(&words(&super::characters::shown(subject)));
            // "Block/unblock request" is the name of a form.
            said.unblock &= !asks_to_block(&words(subject));
            said.block |= asks_to_block(&words(subject));
            hints = hints.or(said);
        }
        hints
    }

    const fn or(self, other: Self) -> Self {
        Self {
            block: self.block || other.block,
            unblock: self.unblock || other.unblock,
            report: self.report || other.report,
            threshold: self.threshold || other.threshold,
            incident: self.incident || other.incident,
        }
    }

    fn take(&mut self, words: &[String]) {
        let any = |phrases: &[&str]| phrases.iter().any(|it| holds(words, it));
        let unblock = any(UNBLOCK) || words.iter().any(|it| UNBLOCK_WORDS.contains(&it.as_str()));
        self.unblock |= unblock;
        self.block |= !unblock && (asks_to_block(words) || any(BLOCK));
        let is_report = |at: usize, word: &String| {
            let before = at.checked_sub(1).and_then(|at| words.get(at)).map_or("", String::as_str);
            REPORT_WORDS.contains(&word.as_str()) && !OTHER_REPORTS.contains(&before)
        };
        let ends = words.iter().any(|it| REPORT_ENDS.contains(&it.as_str()));
        self.report |=
            !ends && any(REPORT_WISHES) && words.iter().enumerate().any(|(at, word)| is_report(at, word));
        self.threshold |= words.iter().any(|it| is_like(it, THRESHOLDS)) && any(CHANGES);
        self.incident |= any(INCIDENTS);
    }
}

/// whether `High Priority` stands in the subject or in the author's own text, and is meant.
pub(super) fn is_high_priority(lines: &[Line], subject: &str) -> bool {
    let own = lines.iter().filter(|it| it.segment == Segment::Own).map(|it| it.text.as_str());
    own.chain([subject]).any(|text| {
        let words = words(&super::characters::shown(text));
        let at = |index: usize, word: &str| words.get(index).is_some_and(|it| it == word);
        (0..words.len()).any(|index| {
            let is_there = at(index, "highpriority") || at(index, "high") && at(index + 1, "priority");
            let before = words.get(index.saturating_sub(3)..index).unwrap_or_default();
            is_there && !before.iter().any(|it| NOT.contains(&it.as_str()))
        })
    })
}

/// Whether the words say that something is excepted.
pub(super) fn is_excepting(words: &[String]) -> bool {
    let is_denied_block = |pair: &[String]| matches!(pair, [no, verb] if no == "no" && asks_to_block(std::slice::from_ref(verb)));
    words.iter().any(|it| EXCEPTING.contains(&it.as_str()))
        || words.windows(2).any(|pair| is_denied_block(pair) || stays_open(pair))
}

/// "keep open", "leave open": to keep calling is something else.
fn stays_open(pair: &[String]) -> bool {
    matches!(pair, [keep, open] if matches!(keep.as_str(), "keep" | "leave") && matches!(open.as_str(), "open" | "alone" | "out" | "unblocked"))
}

/// Whether the words behind a number say that it is excepted.
pub(super) fn is_keeping(words: &[String]) -> bool {
    let denies = |at: usize| {
        let before = words.get(at.saturating_sub(3)..at).unwrap_or_default();
        before.iter().any(|it| DENYING.contains(&it.as_str()))
    };
    let verbs = words.iter().enumerate().filter(|(_, it)| asks_to_block(std::slice::from_ref(it)));
    words.iter().any(|it| KEEPING.contains(&it.as_str()))
        || words.windows(2).any(stays_open)
        || verbs.into_iter().any(|(at, _)| denies(at))
}

/// Whether the words say that the number behind them is none of a caller: whom it called, an account, a file.
pub(super) fn means_another(words: &[String]) -> bool {
    words.iter().any(|it| OTHERS.contains(&it.as_str())) || words.last().is_some_and(|it| it == "to")
}

/// Whether a line begins as people end a letter, and asks for nothing.
pub(super) fn is_farewell(words: &[String]) -> bool {
    let begins = |closing: &str| {
        let count = closing.split(' ').count();
        words.len() >= count && words.iter().zip(closing.split(' ')).all(|(word, known)| word == known)
    };
    CLOSINGS.iter().any(|it| begins(it)) && !asks_to_block(words)
}

/// Whether the words speak of the author's own telephone.
pub(super) fn is_own_telephone(words: &[String]) -> bool {
    words.iter().any(|it| OWN_TELEPHONE.contains(&it.as_str()))
}

/// Whether a word only leads to a number.
pub(super) fn leads_to_number(word: &str) -> bool {
    LEADING.contains(&word) || BLOCK_WORDS.contains(&word) || UNBLOCK_WORDS.contains(&word)
}

/// Whether one of the words asks to block.
pub(super) fn asks_to_block(words: &[String]) -> bool {
    words.iter().any(|it| BLOCK_WORDS.contains(&it.as_str()))
}

const BLOCK_WORDS: &[&str] = &[
    "block",
    "blocks",
    "blocking",
    "blocked",
    "blacklist",
    "ban",
    "bloquear",
    "bloquee",
    "bloqueen",
    "bloqueo",
    "sperren",
    "bloquer",
    "reject",
    "rejected",
    "rejecting",
    "deny",
    "denied",
    "blacklisted",
    "blacklisting",
    "blocklist",
    "blocklisted",
    "banned",
    "barred",
    "gesperrt",
    "bloqueado",
    "bloqueados",
];
const BLOCK: &[&str] = &[
    "stop calls from",
    "stop the calls from",
    "stop all calls from",
    "prevent calls from",
    "bar calls",
    "bar this",
    "bar these",
    "bar the number",
    "black list",
    "block list",
];
const UNBLOCK_WORDS: &[&str] = &[
    "unblock",
    "unblocked",
    "unblocking",
    "desbloquear",
    "desbloquee",
    "whitelist",
    "allowlist",
    "entsperren",
];
const UNBLOCK: &[&str] = &[
    "un block",
    "un blocked",
    "un blocking",
    "stop blocking",
    "remove the block",
    "remove block",
    "lift the block",
    "no longer block",
    "no longer be blocked",
    "release the block",
    "dejar de bloquear",
    "deje de bloquear",
    "quitar el bloqueo",
    "quite el bloqueo",
];
const REPORT_WORDS: &[&str] = &["report", "reports", "reporte", "informe", "informes", "reporting"];
const REPORT_WISHES: &[&str] = &[
    "report request",
    "send",
    "need",
    "run",
    "generate",
    "create",
    "provide",
    "want",
    "would like",
    "please",
    "request",
    "get",
    "receive",
    "solicito",
    "necesito",
    "enviar",
    "envie",
    "quisiera",
    "weekly report",
    "monthly report",
    "daily report",
    "report of",
    "report on",
    "report for",
];
/// Reports of others.
const OTHER_REPORTS: &[&str] = &["police", "credit", "bug", "crime", "fraud"];
/// Who says so wants a report no longer.
const REPORT_ENDS: &[&str] = &["stop", "cancel", "unsubscribe", "discontinue", "cancelar", "abbestellen"];
const THRESHOLDS: &[&str] = &["threshold", "thresholds", "umbral", "umbrales"];
const CHANGES: &[&str] = &[
    "raise", "lower", "increase", "decrease", "change", "set", "adjust", "reduce", "move", "cambiar",
    "subir", "bajar", "ajustar",
];
const INCIDENTS: &[&str] = &[
    "under attack",
    "denial of service",
    "tdos",
    "outage",
    "flooded with calls",
    "flood of calls",
    "being flooded",
    "calls are failing",
    "calls fail",
    "cannot make calls",
    "can not make calls",
    "cannot receive calls",
    "can not receive calls",
    "lines are down",
    "phones are down",
    "phone system is down",
    "no inbound calls",
    "report an incident",
    "reporting an incident",
    "incident report",
    "ataque",
    "caida del servicio",
    "no podemos recibir llamadas",
    "no podemos llamar",
    "security incident",
];
const NOT: &[&str] = &["not", "no", "isnt", "non"];
const EXCEPTING: &[&str] = &[
    "not",
    "except",
    "excepting",
    "excluding",
    "dont",
    "never",
    "unless",
    "without",
    "but",
    "exception",
    "exceptions",
    "excluded",
    "exclude",
    "instead",
    "rather",
    "replaces",
    "replacing",
    "allow",
    "allowed",
    "whitelist",
    "allowlist",
    "excepto",
    "excepciones",
    "salvo",
    "nunca",
    "pero",
    "menos",
    "aber",
    "nicht",
    "außer",
    "ausser",
    "ausnahme",
    "ausnahmen",
    "sauf",
    "pas",
    "mais",
];
const KEEPING: &[&str] = &[
    "allow",
    "allowed",
    "exception",
    "excepted",
    "excluded",
    "whitelist",
    "whitelisted",
    "allowlist",
    "allowlisted",
];
const DENYING: &[&str] = &["not", "dont", "never", "no", "nicht", "pas"];
const OTHERS: &[&str] = &[
    "account",
    "acct",
    "ref",
    "reference",
    "order",
    "member",
    "invoice",
    "ticket",
    "called",
    "callee",
    "dnis",
    "victim",
    "dialed",
    "dialled",
    "destination",
    "dest",
    "policy",
    "claim",
    "serial",
    "tracking",
    "ssn",
    "zip",
    "amount",
    "cuenta",
    "referencia",
    "factura",
    "pedido",
    "destino",
    "konto",
    "rechnung",
    "agent",
    "cnam",
    "impersonating",
    "impersonates",
    "pretending",
    "claiming",
    "questions",
    "helpdesk",
];
const OWN_TELEPHONE: &[&str] = &[
    "me",
    "my",
    "our",
    "us",
    "mine",
    "back",
    "contact",
    "reach",
    "callback",
    "ours",
    "mi",
    "nuestro",
    "nuestra",
    "contacto",
    "llamarme",
    "llameme",
    "pbx",
    "desk",
    "extension",
];
const LEADING: &[&str] = &[
    "and",
    "or",
    "y",
    "o",
    "tel",
    "phone",
    "telephone",
    "number",
    "numbers",
    "no",
    "nr",
    "please",
    "the",
    "these",
    "this",
    "following",
    "from",
    "calls",
    "also",
    "caller",
    "id",
    "callers",
    "are",
    "is",
    "plus",
    "then",
    "por",
    "favor",
    "los",
    "el",
    "estos",
    "numero",
    "numeros",
    "e",
    "und",
    "first",
    "second",
    "third",
    "us",
    "usa",
    "uk",
    "mobile",
    "cell",
    "toll",
    "free",
    "as",
    "well",
    "another",
    "one",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        text.lines().map(|it| Line { text: it.to_owned(), segment: Segment::Own }).collect()
    }

    #[test]
    fn a8_high_priority_counts_where_it_is_meant() {
        for (text, is) in [
            ("High Priority", true),
            ("please treat as HIGH-PRIORITY!", true),
            ("high_priority", true),
            ("this is not a high priority", false),
            ("It isn't high priority", false),
            ("not urgent in any way but high priority", true),
            ("highest priority", false),
            ("high", false),
        ] {
            assert_eq!(is_high_priority(&lines(text), ""), is, "{text}");
            assert_eq!(is_high_priority(&[], text), is, "{text}");
        }
        let quoted = vec![Line { text: "High Priority".to_owned(), segment: Segment::Quoted }];
        assert!(!is_high_priority(&quoted, ""), "F23");
    }

    #[test]
    fn f20_words_hint_at_what_is_wanted() {
        let hints = |text: &str| Hints::read(&lines(text), "");
        assert!(hints("please unblock it").unblock && !hints("please unblock it").block);
        assert!(hints("please stop blocking her").unblock && !hints("please stop blocking her").block);
        assert!(hints("please block them").block);
        assert!(hints("please raise the threshold").threshold);
        assert!(hints("please send us a report of all calls").report);
        assert!(hints("We are under attack").incident);
        assert_eq!(hints("Phone number(s) that you want to be blocked:"), Hints::default());
        assert_eq!(hints("hello"), Hints::default());
    }
}
