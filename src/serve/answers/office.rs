//! What the pages of the office ask: reports that can be ordered, how people are reached, what intake knows.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cases::io::send::{MailWay, machines};
use cases::notice::{Fact, Happening, Settings, TargetKind, document};
use cases::outgoing::{Came, Channel, Content, Delivery, Outgoing};
use console::{Asked, Catalogue, Channels, OfficeQuestions, Trial, Tried};
use tokio::sync::{Semaphore, oneshot};

use super::{at_once, running_of};
use crate::serve::config::Config;
use crate::serve::notice_file::NoticeFile;
use crate::serve::pages::Running;
use crate::{policies, report};

/// Answers of a service with `config`.
pub(in crate::serve) fn office(
    config: &Config,
    running: &Arc<OnceLock<Running>>,
    notices: &Arc<NoticeFile>,
) -> OfficeQuestions {
    let config = Arc::new(config.clone());
    let [of_catalogue, of_channels, of_trial, of_directory] = [(); 4].map(|()| Arc::clone(&config));
    let (for_channels, for_trial, for_directory) =
        (Arc::clone(notices), Arc::clone(notices), Arc::clone(running));
    OfficeQuestions {
        catalogue: at_once(move |()| {
            Ok(Catalogue {
                reports: report::kinds(),
                has_typesetter: report::has_typesetter(),
                is_made_here: of_catalogue.reports.on,
            })
        }),
        channels: at_once(move |()| Ok(channels(&of_channels, &for_channels))),
        trial: trial(of_trial, for_trial),
        directory: at_once(move |registrations: Vec<cases::Registration>| {
            let policies = running_of(&for_directory)?.redirect.handle().policies();
            let customers: Vec<_> =
                policies.policies().iter().map(|policy| policy.text().customer.clone()).collect();
            Ok(of_directory.mail.ours().directory(&registrations, &customers))
        }),
    }
}

fn channels(config: &Config, notices: &NoticeFile) -> Channels {
    let settings = notices.settings();
    let mail = &config.mail;
    let mut inward: Vec<String> =
        mail.listen.iter().map(|address| format!("{} on {address}", mail.protocol.word())).collect();
    if let Some(mailbox) = &mail.mailbox {
        inward.push(format!("mailbox {} of {mailbox}", mail.mailbox_folder));
    }
    let smarthost = mail.smarthost.as_ref().filter(|_| mail.desk().is_some());
    let smarthost = smarthost.map(|place| format!("{place}, {}", mail.smarthost_tls.told()));
    let has_file = config.cases.notices.is_some();
    Channels { settings, has_file, office: mail.office(), smarthost, inward }
}

/// Sends trials, a few at a time: each waits for somebody else's machine.
fn trial(config: Arc<Config>, notices: Arc<NoticeFile>) -> Asked<Trial, Tried> {
    let room = Arc::new(Semaphore::new(TRIALS_MAX));
    Box::new(move |trial: Trial| {
        let (tell, told) = oneshot::channel();
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            let _ = tell.send(Err("Other trials are on their way: wait for them.".to_owned()));
            return told;
        };
        let (config, settings) = (Arc::clone(&config), notices.settings());
        tokio::spawn(async move {
            let sent = tokio::time::timeout(PATIENCE, send(&config, &settings, &trial)).await;
            let silent = || Tried {
                is_taken: false,
                said: format!("the other side says nothing within {} s", PATIENCE.as_secs()),
            };
            // Whoever asked may have gone away.
            let _ = tell.send(sent.unwrap_or_else(|_| Ok(silent())));
            drop(permit);
        });
        told
    })
}

/// One trial, kept nowhere, by the way that a real one takes.
async fn send(config: &Config, settings: &Settings, trial: &Trial) -> Result<Tried, String> {
    let now = policies::now();
    let id = format!("trial-{}", now.0);
    let subject = "Trial of a channel";
    let text = format!(
        "This is a trial, asked for by {} at the desk {}: nothing has happened.\n",
        trial.by, config.http.name
    );
    if trial.channel == Channel::Mail {
        let way = config.mail.smarthost().map_err(|error| error.to_string())?.zip(config.mail.desk());
        let (smarthost, desk) = way.ok_or("No mail goes out here: [mail] names no smarthost.")?;
        let came = MailWay::new(smarthost, desk).try_once(&trial.to, (subject, &text), &id, now).await;
        return Ok(match came {
            Came::Accepted(said) => Tried { is_taken: true, said },
            Came::Later(said) | Came::Refused(said) => Tried { is_taken: false, said },
        });
    }
    let mut fact = Fact::of_service(Happening::Trial, now, &id);
    fact.text = "a trial: nothing has happened".to_owned();
    let target = settings.targets.get(&trial.to);
    let content = match target.filter(|target| !matches!(target.kind, TargetKind::Chat { .. })) {
        Some(target) if trial.channel != Channel::Sms => {
            Content::Document(document(target.format, &fact, &id, now))
        }
        _ => Content::Notice { subject: subject.to_owned(), text },
    };
    let outgoing = Outgoing {
        id,
        customer: String::new(),
        case: None,
        thread: None,
        channel: trial.channel,
        to: trial.to.clone(),
        content,
        due: now,
        state: Delivery::Waiting,
        tries: Vec::new(),
    };
    Ok(match machines::try_once(settings, &outgoing, "ringwall", policies::now).await {
        Ok(said) => Tried { is_taken: true, said },
        Err(error) => Tried { is_taken: false, said: error.why },
    })
}

const TRIALS_MAX: usize = 2;
const PATIENCE: Duration = Duration::from_secs(25);
