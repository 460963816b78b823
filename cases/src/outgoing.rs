//! What goes out: to one recipient, by one channel, once.

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::CaseNumber;

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
    /// A whole mail in base64, sent with an empty return path: an automatic answer.
    AutomaticReply(String),
    /// Words for a person.
    Notice {
        /// One line.
        subject: String,
        /// The text.
        text: String,
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
