//! What the pages of the office ask of the service beyond cases.

use std::sync::Arc;

use cases::Registration;
use cases::intake::Directory;
use cases::io::store::Office;
use cases::notice::Settings;
use cases::outgoing::Channel;
use cases::schedule::Format;

use crate::question::Asked;

/// All of them.
pub struct OfficeQuestions {
    /// Which reports there are.
    pub catalogue: Asked<(), Catalogue>,
    /// Who is told of what, and how mail goes in and out.
    pub channels: Asked<(), Channels>,
    /// Sends a trial at once, kept nowhere; answers what the other side said.
    pub trial: Asked<Trial, Tried>,
    /// What intake knows of ourselves and of customers, with these registrations.
    pub directory: Asked<Vec<Registration>, Directory>,
}

/// The reports that can be ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// They, in the order in which they are shown.
    pub reports: Vec<ReportKind>,
    /// Whether the program that sets PDFs is there.
    pub has_typesetter: bool,
    /// Whether this service makes reports; another one on the same database may.
    pub is_made_here: bool,
}

/// A report that can be ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportKind {
    /// By which it is ordered.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    /// What it can be written as.
    pub formats: Vec<Format>,
    /// Whether it is about one number, which has to be given.
    pub wants_number: bool,
}

/// How the service reaches people and machines.
#[derive(Clone, Debug)]
pub struct Channels {
    /// What the file of notices says.
    pub settings: Arc<Settings>,
    /// Whether there is such a file; without one the usual holds.
    pub has_file: bool,
    /// Who the desk is in its mails.
    pub office: Office,
    /// Where mail goes out, such as `mail.example.com:587, starttls`; nothing where none does.
    pub smarthost: Option<String>,
    /// Where mail comes in, a line each.
    pub inward: Vec<String>,
}

/// A trial of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// How it goes.
    pub channel: Channel,
    /// An address, a number or the name of a target: one that the service knows already.
    pub to: String,
    /// Who asked for it.
    pub by: String,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Whether the other side took it.
    pub is_taken: bool,
    /// What it said, or why not.
    pub said: String,
}
