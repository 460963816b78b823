//! How people and machines are reached: what is configured, a trial of each way, and the texts that go out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use cases::notice::{Member, Settings, Silence, TargetKind};
use cases::outgoing::Channel;
use rules::Timestamp;
use serde::Deserialize;

use super::rota::reached;
use super::sample::{self, Text};
use super::{Channels, Trial, Tried};
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::Moment;

#[derive(Template)]
#[template(path = "office_channels.html")]
struct Page<'a> {
    shell: Shell<'a>,
    has_file: bool,
    people: Vec<(String, Member, String)>,
    targets: Vec<(String, &'static str, String)>,
    routes: Vec<(String, String, &'static str, String)>,
    smarthost: Option<String>,
    inward: Vec<String>,
    sms: Option<String>,
    desk: String,
    ways: Vec<Way>,
    silences: Vec<(Silence, Moment, String)>,
    tried: Option<(String, Tried)>,
}

/// A way that a trial may go: to nobody whom the service does not know already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) channel: Channel,
    pub(super) to: String,
    /// Whose it is.
    pub(super) whose: String,
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    /// `mail ann@acme.example.com`: a channel and where to.
    way: String,
}

#[derive(Template)]
#[template(path = "office_texts.html")]
struct TextsPage<'a> {
    shell: Shell<'a>,
    texts: Vec<Text>,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    show(&service, &viewer, None).await
}

/// Sends a trial by the real way, and says what came of it.
pub(crate) async fn test(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Chosen>,
) -> Result<Response, Failure> {
    let (book, now) = (service.book()?, (service.now)());
    let channels = ask(&service.questions.office.channels, ()).await?;
    let desk = book.store().await?.desk();
    let ways = ways(&channels, &desk.registrations().await?, now);
    let way = ways.into_iter().find(|way| way.value() == form.way);
    let way = way.ok_or_else(|| {
        Failure::Wrong("A trial goes only to people and machines that are known here.".to_owned())
    })?;
    // First it is written down, then it goes.
    let detail = serde_json::json!({ "channel": way.channel.name(), "whose": way.whose }).to_string();
    desk.note_act(None, ("send-trial", &way.to, &detail), book.done(&viewer.who, now)).await?;
    let trial = Trial { channel: way.channel, to: way.to.clone(), by: viewer.who.clone() };
    let tried = ask(&service.questions.office.trial, trial).await?;
    let whom = format!("{} to {} ({})", way.channel.name(), way.whose, way.to);
    show(&service, &viewer, Some((whom, tried))).await
}

/// The texts that go out, for a sample: nothing in them is of a customer.
pub(crate) async fn texts(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let channels = ask(&service.questions.office.channels, ()).await?;
    let book = service.book()?;
    let texts = sample::texts(book.service(), &channels, (service.now)());
    let shell = Shell::of(&service, Some(&viewer), "Texts");
    Ok(shell::page(&TextsPage { shell, texts }))
}

async fn show(
    service: &Service,
    viewer: &Viewer,
    tried: Option<(String, Tried)>,
) -> Result<Response, Failure> {
    let channels = ask(&service.questions.office.channels, ()).await?;
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let zone = book.service().calendar().zone();
    let now = (service.now)();
    let ways = ways(&channels, &desk.registrations().await?, now);
    let silences = desk.silences(true).await?.into_iter().rev().take(SILENCES_SHOWN);
    let silences = silences.map(|it| {
        let standing = if now < it.from {
            "begins later"
        } else if now >= it.end() {
            "over"
        } else {
            "in force"
        };
        (it.clone(), Moment::new(it.end(), zone), standing.to_owned())
    });
    let silences = silences.collect();
    let Channels { settings, has_file, office, smarthost, inward } = channels;
    let people = settings.people.iter().map(|(name, it)| (name.clone(), it.clone(), reached(it))).collect();
    let desk = if office.desk.address.is_empty() {
        "no address of its own".to_owned()
    } else {
        format!("{} <{}>", office.desk.name, office.desk.address)
    };
    let shell = Shell::of(service, Some(viewer), "Channels");
    Ok(shell::page(&Page {
        shell,
        has_file,
        people,
        targets: targets(&settings),
        routes: routes(&settings),
        smarthost,
        inward,
        // Where to, without what identifies us there.
        sms: settings.sms.as_ref().map(|it| host(&it.url)),
        desk,
        ways,
        silences,
        tried,
    }))
}

impl Way {
    pub(super) fn value(&self) -> String {
        format!("{} {}", self.channel.name(), self.to)
    }
}

/// All ways that there are: people of the desk, contacts, machines.
fn ways(channels: &Channels, registrations: &[cases::Registration], now: Timestamp) -> Vec<Way> {
    let mut ways = Vec::new();
    let settings = &channels.settings;
    let mut add = |channel, to: &str, whose: &str| {
        ways.push(Way { channel, to: to.to_owned(), whose: whose.to_owned() });
    };
    for (name, member) in &settings.people {
        for address in member.mail.iter().filter(|_| channels.smarthost.is_some()) {
            add(Channel::Mail, address, name);
        }
        for number in member.phone.iter().filter(|_| settings.sms.is_some()) {
            add(Channel::Sms, number, name);
        }
    }
    for (name, target) in &settings.targets {
        let channel = match target.kind {
            TargetKind::Webhook { .. } => Channel::Webhook,
            TargetKind::Chat { .. } => Channel::Chat,
            TargetKind::Syslog { .. } => Channel::Syslog,
        };
        add(channel, name, name);
    }
    let contacts = registrations.iter().flat_map(|it| it.people.iter().map(|person| (&it.customer, person)));
    for (customer, person) in contacts.filter(|(_, person)| person.is_valid_at(now)) {
        let whose = format!("{} of {customer}", person.name);
        for address in person.addresses.first().into_iter().filter(|_| channels.smarthost.is_some()) {
            add(Channel::Mail, address, &whose);
        }
        for number in person.phones.first().into_iter().filter(|_| settings.sms.is_some()) {
            add(Channel::Sms, number, &whose);
        }
    }
    ways
}

fn targets(settings: &Settings) -> Vec<(String, &'static str, String)> {
    let shown = settings.targets.iter().map(|(name, target)| {
        let (kind, place) = match &target.kind {
            TargetKind::Webhook { url, .. } => ("webhook", host(url)),
            // Whoever knows its address may write there.
            TargetKind::Chat { .. } => ("chat", "its address is a secret".to_owned()),
            TargetKind::Syslog { address, .. } => ("syslog", address.clone()),
        };
        let mut what = vec![place];
        if target.streams_alerts {
            what.push("follows every alert".to_owned());
        }
        if target.streams_cases {
            what.push("follows every change of a case".to_owned());
        }
        if target.streams_audit {
            what.push("takes where the audit ends, each hour".to_owned());
        }
        (name.clone(), kind, what.join(", "))
    });
    shown.collect()
}

fn routes(settings: &Settings) -> Vec<(String, String, &'static str, String)> {
    let shown = settings.routes.iter().map(|route| {
        let steps = settings.chains.get(&route.chain).map(|chain| {
            let step = |it: &cases::notice::Step| {
                let who = it.who.iter().map(cases::notice::Who::words).collect::<Vec<_>>().join(", ");
                let by = it.channels.0.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ");
                if by.is_empty() { who } else { format!("{who} by {by}") }
            };
            chain.steps.iter().map(step).collect::<Vec<_>>().join(" → ")
        });
        let urgency = match route.urgency {
            cases::notice::Urgency::Page => "at any hour",
            cases::notice::Urgency::Notify => "in service hours",
            cases::notice::Urgency::Record => "only written down",
        };
        (route.name.clone(), route.matcher.words(), urgency, steps.unwrap_or_else(|| "nobody".to_owned()))
    });
    shown.collect()
}

/// The machine in a URL: what follows may be a secret.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    place.rsplit_once('@').map_or(place, |(_, place)| place).to_owned()
}

const SILENCES_SHOWN: usize = 50;
