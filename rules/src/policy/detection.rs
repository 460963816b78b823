//! The shipped detections: what each is, and its thresholds in the policy language itself.

use toml::de::{DeTable, DeValue};

/// One shipped detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detection {
    /// Its name: the bad thing, and the name of its file.
    pub name: &'static str,
    /// Its file, whole.
    pub source: &'static str,
}

/// What a detection says about itself, as plain sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// What it finds.
    pub what: String,
    /// Why that is bad.
    pub why: String,
    /// Where more about it stands.
    pub reference: String,
    /// Why its limits are what they are, and whom they must not meet.
    pub limits: String,
    /// What it needs to know.
    pub needs: Vec<Need>,
}

/// Something that a detection needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The customer's own side.
    Trunks,
    /// When somebody is at work.
    Hours,
    /// Prices.
    Rates,
    /// Numbers that answer with a mailbox.
    Voicemail,
    /// Numbers that never call.
    DoNotOriginate,
    /// Responses: a mount that sees how calls end. No policy can give it.
    Answers,
}

impl Detection {
    /// The detection named `name`.
    pub fn named(name: &str) -> Option<Self> {
        SHIPPED.iter().copied().find(|detection| detection.name == name)
    }

    /// What it says about itself.
    pub fn about(&self) -> About {
        let (table, _) = DeTable::parse_recoverable(self.source);
        let table = table.into_inner();
        let text = |key: &str| match table.get(key).map(|node| node.get_ref()) {
            Some(DeValue::String(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            _ => String::new(),
        };
        About {
            what: text("what"),
            why: text("why"),
            reference: text("reference"),
            limits: text("limits"),
            needs: table.get("needs").map(|node| needs(node.get_ref())).unwrap_or_default(),
        }
    }
}

impl Need {
    /// Every need.
    pub const ALL: &'static [Self] =
        &[Self::Trunks, Self::Hours, Self::Rates, Self::Voicemail, Self::DoNotOriginate, Self::Answers];

    /// The word in detection files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trunks => "trunks",
            Self::Hours => "hours",
            Self::Rates => "rates",
            Self::Voicemail => "voicemail",
            Self::DoNotOriginate => "do_not_originate",
            Self::Answers => "answers",
        }
    }

    /// What fills it, as the end of a sentence that begins with "it needs".
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Trunks => "[customer] trunks, the addresses of your own side",
            Self::Hours => "[hours.business], or a `time` of its own in `when`",
            Self::Rates => "[customer] rates_file, a file of prices",
            Self::Voicemail => {
                "[lists.voicemail], the numbers that answer with a mailbox, or a `called` of its own in `when`"
            }
            Self::DoNotOriginate => "[customer] do_not_originate, a list of numbers that never call",
            Self::Answers => "a place where responses are seen",
        }
    }

    /// Whether the policy can fill it.
    pub const fn is_of_policy(self) -> bool {
        !matches!(self, Self::Answers)
    }
}

/// The needs that an array of their words names.
pub(crate) fn needs(node: &DeValue<'_>) -> Vec<Need> {
    let DeValue::Array(array) = node else { return Vec::new() };
    let word = |node: &DeValue<'_>| match node {
        DeValue::String(word) => Need::ALL.iter().copied().find(|need| need.word() == &**word),
        _ => None,
    };
    array.iter().filter_map(|item| word(item.get_ref())).collect()
}

macro_rules! shipped {
    ($($name:literal,)+) => {
        /// Every shipped detection.
        pub const SHIPPED: &[Detection] = &[
            $(Detection { name: $name, source: include_str!(concat!("../../builtin/", $name, ".toml")) },)+
        ];

        /// Their names.
        pub const DETECTIONS: &[&str] = &[$($name),+];
    };
}

shipped! {
    "telephony-denial-of-service",
    "war-dialling",
    "neighbour-spoofing",
    "own-number-spoofing",
    "wangiri",
    "international-revenue-share-fraud",
    "traffic-pumping",
    "harassment",
    "robocall-burst",
    "low-and-slow-robocall",
    "scanner",
    "registration-cracking",
    "extension-enumeration",
    "after-hours-outbound",
    "concurrent-call-theft",
    "sim-box",
    "do-not-originate",
    "call-type-abuse",
    "rotating-callers",
    "transfer-fraud",
    "fraud-test-calls",
    "digest-leak",
    "teardown-spoofing",
    "passport-replay",
    "voicemail-break-in",
    "message-flood",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detection_says_what_it_is_and_why_its_limits_are_sound() {
        for detection in SHIPPED {
            let About { what, why, reference, limits, needs: said } = detection.about();
            for (key, text) in [("what", what), ("why", why), ("limits", limits)] {
                assert!(text.ends_with('.') && text.len() > 20, "{}: {key} = {text:?}", detection.name);
            }
            assert!(reference.len() > 5, "{}", detection.name);
            let (table, errors) = DeTable::parse_recoverable(detection.source);
            assert!(errors.is_empty(), "{}: {errors:?}", detection.name);
            let written = table.get_ref().get("needs").map(|node| match node.get_ref() {
                DeValue::Array(array) => array.len(),
                _ => usize::MAX,
            });
            assert_eq!(said.len(), written.unwrap_or(0), "{}: an unknown need", detection.name);
        }
    }

    #[test]
    fn every_file_is_shipped() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/builtin");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, SHIPPED.len());
    }
}
