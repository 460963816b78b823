//! `ringwall case mail`: what a mail asks for, how far its sender is believed, and why each number is taken or not.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use cases::intake::{self, Authority, Envelope, Fate, Intake, Reading, ReturnPath, Trust};
use cases::io::store::{Asked, Done, Mail as Stored, MailKept, understood};
use clap::Args;
use reporter::{counted, printable};
use rules::Timestamp;

use super::{Account, Place, said};
use crate::contacts::Contacts;
use crate::outcome::Failure;
use crate::policies;

/// What `mail` is asked.
#[derive(Args)]
pub(super) struct Mail {
    /// The mail as it came, headers and all; `-` is standard input.
    file: PathBuf,
    /// Customers and their people: a TOML file, see docs/cases.md. Without it those of the service hold.
    #[arg(long, value_name = "FILE")]
    contacts: Option<PathBuf>,
    /// When our own server took it: RFC 3339; now unless given. Clocks begin here.
    #[arg(long, value_name = "TIME")]
    received: Option<String>,
    /// Open a case for each thing that it asks for, in the name of --by. The mail itself is kept first.
    #[arg(long, requires = "by")]
    open: bool,
    /// Who does it.
    #[arg(long)]
    by: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Mail {
    pub(super) async fn answer(&self) -> Result<String, Failure> {
        let directory = match &self.contacts {
            Some(path) => Contacts::read(path)?.directory(),
            None => {
                let (store, _) = self.place.open().await?;
                self.place.directory(&store).await?
            }
        };
        let mail = read(&self.file)?;
        let received_at = self.received.as_deref().map_or_else(|| Ok(policies::now()), moment)?;
        // What a file says of its way here is not known; the headers that our own server wrote tell.
        let mut envelope =
            Envelope { return_path: ReturnPath::Unknown, recipients: Vec::new(), received_at, checks: None };
        if self.contacts.is_none() {
            let keys = self.place.config()?.mail;
            envelope.checks = keys.open_checks_behind_a_server(&mail);
            if envelope.checks.is_some()
                && let Some(checker) = keys.checker()?
            {
                envelope.checks = Some(checker.check(&mail, &envelope).await);
            }
        }
        let intake = intake::read(&mail, &envelope, &directory);
        let mut text = shown(&intake);
        if let (true, Some(by)) = (self.open, &self.by) {
            text += &self.keep(&mail, &intake, by, received_at).await?;
        }
        Ok(text)
    }

    /// Keeps the mail and opens its cases, together or not at all.
    async fn keep(&self, mail: &[u8], intake: &Intake, by: &str, at: Timestamp) -> Result<String, Failure> {
        let Some(customer) = &intake.sender.tenant else {
            return Err(Failure::Usage(
                "neither the address nor its domain belongs to a customer: `case open` opens a case by hand"
                    .to_owned(),
            ));
        };
        let (store, service) = self.place.open().await?;
        let account = Account { by: by.to_owned() };
        let asked: Vec<_> = intake.requests.iter().map(|request| Asked::of(intake, request)).collect();
        let stored = Stored { raw: mail, key: &intake.key, customer, received: at };
        let done = Done { now: at, ..account.done(&service) };
        match store.desk().take_mail(&stored, &asked, done).await.map_err(said)? {
            MailKept::Already => Ok("this mail is in a case already: nothing was done\n".to_owned()),
            MailKept::Opened(cases) => {
                Ok(cases.iter().map(|case| format!("{} is {}\n", case.number, case.state)).collect())
            }
        }
    }
}

/// All that was read, for a terminal.
fn shown(intake: &Intake) -> String {
    let sender = &intake.sender;
    let mut text = format!("from {}: {}\n", printable(&sender.address), sender.trust);
    for reason in &sender.reasons {
        text += &format!("  {reason}\n");
    }
    for warning in &sender.warnings {
        text += &format!("  WARNING: {}\n", printable(warning));
    }
    let customer = sender.tenant.as_deref().unwrap_or("none");
    let claim = if sender.trust < Trust::Contact && sender.tenant.is_some() { " (claimed)" } else { "" };
    text += &format!("customer {}{claim}\nsubject {}\n", printable(customer), printable(&intake.subject));
    if intake.is_high_priority() {
        text += "HIGH PRIORITY\n";
    }
    match &intake.state {
        intake::State::Read => {}
        intake::State::TooComplex(limit) => text += &format!("too complex to be read: {limit:?}\n"),
        intake::State::Unparsed => text += "could not be read: a person reads it\n",
    }
    for request in &intake.requests {
        let authority = match request.authority {
            Authority::Requester => "a contact that may ask for it",
            Authority::WrongRole => "a contact that may not ask for it",
            Authority::Unverified => "nobody known: a contact has to adopt it",
        };
        let ready = if request.is_ready() { "ready to be drafted" } else { "not ready" };
        text += &format!("asks: {}\n  by {authority}; {ready}\n", printable(&understood(request)));
        for found in &request.numbers {
            let reading = match &found.reading {
                Reading::Number(number) => number.to_string(),
                Reading::Either(numbers) => {
                    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
                }
                Reading::DidYouMean(number) => format!("perhaps {number}"),
                Reading::None => "no number".to_owned(),
            };
            let fate = match &found.fate {
                Fate::Taken => "taken".to_owned(),
                Fate::Suggested(why) => format!("suggested: {why}"),
                Fate::Unclear(why) => format!("unclear: {why}"),
                Fate::Stopped(stop) => format!("cannot be blocked: {stop:?}"),
                Fate::Left(why) => format!("left: {why}"),
            };
            let place = printable(&found.place.in_words());
            let notes: String = found.notes.iter().map(|note| format!(", {note}")).collect();
            text += &format!("  {place}: {} is {reading}{notes}: {fate}\n", printable(&found.written));
        }
        for range in &request.ranges {
            text +=
                &format!("  line {}: {} needs a change of policy\n", range.line, printable(&range.written));
        }
        if request.bad_line_count > 0 {
            text +=
                &format!("  without a number: {} of lists\n", counted(request.bad_line_count as u64, "line"));
        }
    }
    match &intake.no_answer {
        Some(why) => text += &format!("no automatic answer: {why}\n"),
        None => text += "an automatic answer may go to the sender\n",
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if path != Path::new("-") {
        return std::fs::read(path).map_err(Failure::file(path));
    }
    let mut mail = Vec::new();
    std::io::stdin().lock().read_to_end(&mut mail).map_err(Failure::file(Path::new("standard input")))?;
    Ok(mail)
}

fn moment(text: &str) -> Result<Timestamp, Failure> {
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        Failure::Usage(format!("{text:?} is no moment: RFC 3339, such as 2026-10-05T16:30:00-05:00"))
    })?;
    Ok(Timestamp(at.as_microsecond()))
}
