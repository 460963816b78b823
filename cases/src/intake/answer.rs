//! Whether a mail is answered by itself, so that no two machines keep each other company.

use std::fmt;

use rules::Timestamp;

use super::address::is_plain;
use super::directory::Directory;
use super::envelope::{Envelope, ReturnPath};
use super::header::Header;
use super::trust::{Sender, Trust};

/// Why a mail gets no automatic answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It says that a machine sent it (RFC 3834).
    AutoSubmitted,
    /// Bounces of it go to nobody.
    NullReturnPath,
    /// It tells of another mail's delivery.
    DeliveryReport,
    /// Its `Precedence`.
    Precedence(String),
    /// It came over a mailing list.
    MailingList,
    /// Nobody reads what is sent to its sender.
    MachineAddress,
    /// It is from ourselves.
    OwnAddress,
    /// It asks for no answers. A person may have sent it all the same.
    Suppressed,
    /// Its sender is not who it says: the answer would go to somebody else.
    Spoof,
    /// It names no sender whose address can be answered.
    NoSender,
    /// It belongs to a case that was answered.
    Threaded,
    /// Its sender was answered not long ago, or often enough today.
    TooSoon,
    /// Many unverified mails claim the same customer (N-5).
    Wave,
}

impl NoAnswer {
    /// Whether a machine sent the mail: it reopens nothing.
    pub const fn is_machine(&self) -> bool {
        matches!(
            self,
            Self::AutoSubmitted
                | Self::NullReturnPath
                | Self::DeliveryReport
                | Self::Precedence(_)
                | Self::MailingList
                | Self::MachineAddress
                | Self::OwnAddress
        )
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AutoSubmitted => "a machine sent it (Auto-Submitted)",
            Self::NullReturnPath => "bounces of it go to nobody",
            Self::DeliveryReport => "it tells of another mail's delivery",
            Self::Precedence(value) => return write!(f, "its precedence is {value}"),
            Self::MailingList => "it came over a mailing list",
            Self::MachineAddress => "nobody reads what is sent to its sender",
            Self::OwnAddress => "it is from one of our own addresses",
            Self::Suppressed => "it asks for no automatic answers",
            Self::Spoof => "its sender is not who it says",
            Self::NoSender => "it names no sender that can be answered",
            Self::Threaded => "it belongs to a case that was answered",
            Self::TooSoon => "its sender was answered not long ago, or often enough today",
            Self::Wave => "many unverified mails claim the same customer",
        })
    }
}

/// what the mail itself says. The first reason that holds; those that tell of a machine come first.
pub(super) fn reason_against(
    header: &Header,
    envelope: &Envelope,
    directory: &Directory,
    sender: &Sender,
) -> Option<NoAnswer> {
    let lower = |name: &'static str| header.first(name).map(|it| it.trim().to_ascii_lowercase());
    // Any of several fields: some programs write one beside another's.
    let words = |name: &'static str| {
        let fields = header.fields().filter(move |(it, _)| it.trim_end() == name);
        fields.map(|(_, value)| {
            let value = value.trim().to_ascii_lowercase();
            value.split([';', ' ', '(']).next().unwrap_or_default().to_owned()
        })
    };
    let mut auto_submitted = words("auto-submitted");
    let precedence =
        words("precedence").find(|it| ["bulk", "list", "junk", "auto_reply"].contains(&it.as_str()));
    let is_null = match &envelope.return_path {
        ReturnPath::Nobody => true,
        ReturnPath::Address(_) => false,
        ReturnPath::Unknown => header.first("return-path").is_some_and(|it| it.trim() == "<>"),
    };
    let content = lower("content-type").unwrap_or_default();
    let local = sender.address.split_once('@').map_or(sender.address.as_str(), |(local, _)| local);
    let is_machine = ["mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply"]
        .iter()
        .any(|it| {
            let parts = ['-', '.', '+', '_'];
            let behind =
                local.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with(parts));
            behind || local.strip_suffix(it).is_some_and(|before| before.ends_with(parts))
        });
    let suppress = lower("x-auto-response-suppress").unwrap_or_default();
    if auto_submitted.any(|it| it != "no") {
        Some(NoAnswer::AutoSubmitted)
    } else if is_null {
        Some(NoAnswer::NullReturnPath)
    } else if content.starts_with("multipart/report") {
        Some(NoAnswer::DeliveryReport)
    } else if let Some(value) = precedence {
        Some(NoAnswer::Precedence(value))
    } else if header.fields().any(|(name, _)| name.starts_with("list-")) {
        Some(NoAnswer::MailingList)
    } else if is_machine {
        Some(NoAnswer::MachineAddress)
    } else if directory.is_own(&sender.address) {
        Some(NoAnswer::OwnAddress)
    } else if sender.trust == Trust::Spoof || sender.is_dmarc_failed {
        Some(NoAnswer::Spoof)
    } else if !is_plain(&sender.address) {
        Some(NoAnswer::NoSender)
    } else {
        suppress.split([',', ' ']).any(|it| matches!(it, "all" | "autoreply")).then_some(NoAnswer::Suppressed)
    }
}

/// whether a sender that was answered at these moments, for one customer, may be answered now.
pub fn may_answer_again(before: &[Timestamp], now: Timestamp) -> bool {
    let age = |at: &Timestamp| now.micros_since(*at);
    let today = before.iter().filter(|at| age(at) < DAY_MICROS).count();
    today < ANSWERS_PER_DAY_MAX && before.iter().all(|at| age(at) >= BETWEEN_ANSWERS_MICROS)
}

/// N-5: whether unverified mails that came at these moments and claim one customer are a wave of phishing.
pub fn is_wave(unverified: &[Timestamp], now: Timestamp) -> bool {
    unverified.iter().filter(|at| (0..HOUR_MICROS).contains(&now.micros_since(**at))).count()
        >= UNVERIFIED_PER_HOUR_MAX
}

const MINUTE_MICROS: i64 = 60 * 1_000_000;
const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;
/// Between two automatic answers to one sender.
const BETWEEN_ANSWERS_MICROS: i64 = 10 * MINUTE_MICROS;
const ANSWERS_PER_DAY_MAX: usize = 5;
const UNVERIFIED_PER_HOUR_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a6_a_sender_is_answered_once_in_ten_minutes_and_five_times_a_day() {
        let at = Timestamp::from_seconds;
        assert!(may_answer_again(&[], at(0)));
        assert!(!may_answer_again(&[at(0)], at(599)));
        assert!(may_answer_again(&[at(0)], at(600)));
        let five: Vec<Timestamp> = (0..5).map(|it| at(it * 3_600)).collect();
        assert!(!may_answer_again(&five, at(80_000)));
        assert!(may_answer_again(&five, at(86_400)));
    }

    #[test]
    fn n5_five_unverified_mails_in_an_hour_are_a_wave() {
        let at = Timestamp::from_seconds;
        let five: Vec<Timestamp> = (0..5).map(|it| at(it * 60)).collect();
        assert!(is_wave(&five, at(3_599)) && !is_wave(&five, at(3_600)) && !is_wave(&five[1..], at(3_599)));
    }
}
