//! What goes out: to one recipient, by one channel, once.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::Words;
use crate::intake::one_line;
use crate::schedule::{Run, Schedule};
use crate::{Case, CaseNumber};

/// Something to be sent, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// What names it, made from what it is about, the recipient, the channel and the step: a second one with it is not kept,
    /// so that nobody gets the same twice (E-3).
    pub id: String,
    /// Whose.
    pub customer: String,
    /// The case that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseNumber>,
    /// What it hangs under with others, where that is not its case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// How it goes.
    pub channel: Channel,
    /// The address, number or name of a target that it goes to.
    pub to: String,
    /// What is sent.
    pub content: Content,
    /// When it is to go, or to be tried again.
    pub due: Timestamp,
    /// Where it stands.
    pub state: Delivery,
    /// What was tried, the oldest first: when, and what came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<(Timestamp, String)>,
}

impl Outgoing {
    /// A mail to `to` about a run of a report, from `now` on; there is one for each `key`, run and address.
    pub fn about_run(
        (schedule, run): (&Schedule, &Run),
        to: &str,
        key: &str,
        (words, files): (Words, Vec<String>),
        now: Timestamp,
    ) -> Self {
        let Words { subject, text } = words;
        let content = match files.is_empty() {
            true => Content::Notice { subject, text },
            false => Content::Report { subject, text, run: run.id.clone(), files },
        };
        Self {
            id: format!("{}/{key}/mail/{to}", run.id),
            customer: schedule.customer.clone(),
            case: schedule.case,
            thread: None,
            channel: Channel::Mail,
            to: to.to_owned(),
            content,
            due: now,
            state: Delivery::Waiting,
            tries: Vec::new(),
        }
    }

    /// A mail about `case` to the address `to`, from `now` on. There is one for each `key`, case and address, however often it is
    /// asked for.
    pub fn letter(case: &Case, to: &str, key: &str, words: Words, now: Timestamp) -> Self {
        Self {
            id: format!("{}/{key}/mail/{to}", case.number),
            customer: case.customer.clone(),
            case: Some(case.number),
            thread: None,
            channel: Channel::Mail,
            to: to.to_owned(),
            content: Content::Notice { subject: words.subject, text: words.text },
            due: now,
            state: Delivery::Waiting,
            tries: Vec::new(),
        }
    }
}

/// How something goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Electronic mail.
    Mail,
    /// A text message.
    Sms,
    /// A signed HTTP request.
    Webhook,
    /// A chat that takes what Slack takes.
    Chat,
    /// Syslog.
    Syslog,
}

impl Channel {
    /// The word that is stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sms => "sms",
            Self::Webhook => "webhook",
            Self::Chat => "chat",
            Self::Syslog => "syslog",
        }
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// A whole mail in base64, sent with an empty return path: an automatic answer (A-4).
    AutomaticReply(String),
    /// Words for a person.
    Notice {
        /// One line.
        subject: String,
        /// The text.
        text: String,
    },
    /// Words for a person with files of a report, which are read when it goes.
    Report {
        /// One line.
        subject: String,
        /// The text.
        text: String,
        /// The run that made them.
        run: String,
        /// Names of the files.
        files: Vec<String>,
    },
    /// A document for a machine.
    Document(String),
}

/// Where something that goes out stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// It is still to go.
    Waiting,
    /// A provider has taken it.
    Accepted,
    /// It will not be tried again.
    Failed,
}

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A provider has taken it, with these words.
    Accepted(String),
    /// Not now: it is tried again.
    Later(String),
    /// Never: trying again would change nothing.
    Refused(String),
}

impl Outgoing {
    /// Writes down what came of a try at `now`: when it is to be tried again, or that it will not be.
    pub fn handle_try(&mut self, came: Came, now: Timestamp) {
        let first = self.tries.first().map_or(now, |(at, _)| *at);
        let (state, words) = match came {
            Came::Accepted(words) => (Delivery::Accepted, words),
            Came::Refused(words) => (Delivery::Failed, words),
            Came::Later(words) if now.micros_since(first) >= TRIED_MICROS_MAX => (Delivery::Failed, words),
            Came::Later(words) => {
                let doublings = u32::try_from(self.tries.len()).unwrap_or(u32::MAX).min(DOUBLINGS_MAX);
                self.due = Timestamp(now.0.saturating_add(WAIT_MICROS << doublings));
                (Delivery::Waiting, words)
            }
        };
        self.state = state;
        self.tries.push((now, one_line(&words, WORDS_CHARACTERS_MAX)));
    }
}

impl Delivery {
    /// The word that is stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
        }
    }
}

/// Before the second try; each further one waits twice as long, up to an hour and four minutes.
const WAIT_MICROS: i64 = 30 * 1_000_000;
const DOUBLINGS_MAX: u32 = 7;
/// Tried for two days, it is given up.
const TRIED_MICROS_MAX: i64 = 2 * 86_400 * 1_000_000;
/// Of what a provider says.
const WORDS_CHARACTERS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_go_now_is_tried_again_ever_more_slowly_and_given_up_after_two_days() {
        let mut outgoing = Outgoing {
            id: "one".to_owned(),
            customer: "Acme".to_owned(),
            case: None,
            thread: None,
            channel: Channel::Mail,
            to: "ann@acme.example.com".to_owned(),
            content: Content::Document(String::new()),
            due: Timestamp::from_seconds(0),
            state: Delivery::Waiting,
            tries: Vec::new(),
        };
        let mut waits = Vec::new();
        while outgoing.state == Delivery::Waiting {
            let now = outgoing.due;
            outgoing.handle_try(Came::Later("451 greylisted\r\nBcc: x".to_owned()), now);
            waits.push(outgoing.due.micros_since(now) / 1_000_000);
        }
        assert_eq!(waits[..9], [30, 60, 120, 240, 480, 960, 1_920, 3_840, 3_840]);
        let (first, last) = (outgoing.tries.first().unwrap().0, outgoing.tries.last().unwrap().0);
        assert!((172_800..176_640).contains(&(last.micros_since(first) / 1_000_000)));
        assert_eq!((outgoing.state, outgoing.tries.len() < 60), (Delivery::Failed, true));
        assert!(!outgoing.tries[0].1.contains(['\r', '\n']));
    }

    #[test]
    fn a_refusal_is_not_tried_again() {
        for (came, state) in [
            (Came::Refused("550 no such user".to_owned()), Delivery::Failed),
            (Came::Accepted("250 queued".to_owned()), Delivery::Accepted),
        ] {
            let mut outgoing: Outgoing = serde_json::from_str(
                r#"{"id":"1","customer":"A","channel":"mail","to":"a@b","content":{"document":""},"due":0,"state":"waiting"}"#,
            )
            .unwrap();
            outgoing.handle_try(came, Timestamp::from_seconds(1));
            assert_eq!(outgoing.state, state);
        }
    }
}
