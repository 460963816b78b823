//! What `notices.toml` says, once it is known to be meant.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::Severity;
use crate::intake::Role;
use crate::notice::{Answers, Fact, Happening, Rota};
use crate::outgoing::Channel;

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The manager who stands in every footer and at the end of every chain (E-8).
    pub escalation: Option<String>,
    /// Where people open a case; its number is put behind.
    pub page: Option<String>,
    /// People of the desk.
    pub people: BTreeMap<String, Member>,
    /// Who is on duty.
    pub rotas: BTreeMap<String, Rota>,
    /// Who is told, one after the other.
    pub chains: BTreeMap<String, Chain>,
    /// Which chain for what; the first that fits, and those after it while it says so.
    pub routes: Vec<Route>,
    /// What keeps what quiet.
    pub inhibitions: Vec<Inhibition>,
    /// Machines.
    pub targets: BTreeMap<String, Target>,
    /// How text messages go out; none without it.
    pub sms: Option<SmsGateway>,
    /// How many notices one person gets.
    pub limits: Limits,
    /// Customers whose contacts are told at any hour; `*` stands for all.
    pub at_any_hour: BTreeSet<String>,
    /// Whether everybody is told once a month, by each channel, that it works (E-7).
    pub monthly_trials: bool,
    /// Who watches from outside; nobody without it.
    pub heartbeat: Option<Heartbeat>,
}

/// Somebody outside who hears that notices go out, and tells people when that stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The file with the URL that is posted to: whoever knows it may keep the watcher quiet.
    pub url_file: String,
    /// See [`TargetKind::Webhook`].
    pub authorities: Option<String>,
    /// So often; from 10 seconds to an hour.
    pub every_micros: i64,
}

/// A person of the desk.
#[derive(Clone, Debug, Default)]
pub struct Member {
    /// As it stands in texts.
    pub name: String,
    /// Address.
    pub mail: Option<String>,
    /// E.164 with a plus.
    pub phone: Option<String>,
    /// The name of a chat target.
    pub chat: Option<String>,
    /// Told at any hour of what others hear of in the morning (S-5).
    pub is_duty_manager: bool,
}

/// Who is told, one after the other, until somebody has it.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// In order.
    pub steps: Vec<Step>,
}

/// One step of a chain.
#[derive(Clone, Debug)]
pub struct Step {
    /// Who.
    pub who: Vec<Who>,
    /// By what.
    pub channels: Channels,
    /// So long after the step before.
    pub wait_micros: i64,
    /// Only then.
    pub condition: Condition,
    /// Waits until this calendar is open.
    pub hold_until_open: bool,
    /// Again after so long, while nobody has it.
    pub repeat_micros: i64,
    /// At most so often again.
    pub repeat_max: u32,
}

/// Channels of a step; a person gets it by those that there is an address for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels(pub Vec<Channel>);

/// When a step is taken.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    /// While the calendar is open, or while it is not; `None` at any hour.
    pub is_open: Option<bool>,
    /// By which calendar; the customer's unless named.
    pub calendar: Option<String>,
    /// At least so severe.
    pub severity: Severity,
    /// Only while nobody has it.
    pub unacknowledged: bool,
}

/// Whom a step tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A person of the desk.
    Person(String),
    /// Whoever is on duty.
    Rota(String),
    /// The customer's contacts with this role.
    Contacts(Role),
    /// The manager.
    Escalation,
    /// People of the desk whom it concerns: who has the case, wrote the silence, hands duty over or takes it.
    Concerned,
    /// A machine.
    Target(String),
}

/// Which chain for what.
#[derive(Clone, Debug)]
pub struct Route {
    /// What it is called in explanations.
    pub name: String,
    /// What it is for.
    pub matcher: Matcher,
    /// What belongs together: names of labels.
    pub group_by: Vec<String>,
    /// So long further things are collected before anything is told.
    pub wait_micros: i64,
    /// So long after that before further things are told.
    pub interval_micros: i64,
    /// Again after so long, while nobody has it.
    pub repeat_micros: i64,
    /// How urgent it is.
    pub urgency: Urgency,
    /// Along which chain; empty for what is only recorded.
    pub chain: String,
    /// Whether further routes are looked at.
    pub goes_on: bool,
}

/// How urgent something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// At any hour.
    Page,
    /// While the desk is open; a duty manager at any hour.
    Notify,
    /// Written down, and told to nobody.
    Record,
}

/// Labels and the values that fit; a value may end with `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Matcher(pub BTreeMap<String, Vec<String>>);

/// What keeps what quiet, where these labels are the same.
#[derive(Clone, Debug)]
pub struct Inhibition {
    /// What it is called in explanations.
    pub name: String,
    /// An open case of this keeps quiet
    pub source: Matcher,
    /// what fits this.
    pub target: Matcher,
    /// Labels that both have, with one value.
    pub equal: Vec<String>,
}

/// A machine that is told.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// What is written to it.
    pub format: Format,
    /// Follows every alert, whatever routes say.
    pub streams_alerts: bool,
    /// Follows every change of a case, whatever routes say.
    pub streams_cases: bool,
    /// Takes where audit chains end, each hour, signed.
    pub streams_audit: bool,
}

/// What kind of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A signed POST.
    Webhook {
        /// Where to.
        url: String,
        /// The file with the secret that it is signed with.
        secret_file: String,
        /// PEM file with the authorities that are believed; those of the system unless named.
        authorities: Option<String>,
    },
    /// A chat hook.
    Chat {
        /// The file with the URL: whoever knows it may write.
        url_file: String,
        /// See `Webhook`.
        authorities: Option<String>,
    },
    /// Syslog.
    Syslog {
        /// How it is carried.
        carriage: Carriage,
        /// Host and port.
        address: String,
        /// See `Webhook`.
        authorities: Option<String>,
    },
}

/// How syslog is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// A datagram each: what is lost is lost.
    Udp,
    /// With counted octets (RFC 6587).
    Tcp,
    /// The same over TLS (RFC 5425).
    Tls,
}

/// What is written to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON of our own.
    Ringwall,
    /// OCSF 1.8.
    Ocsf,
    /// Common Event Format.
    Cef,
}

/// A gateway for text messages over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsGateway {
    /// Where to.
    pub url: String,
    /// The body, with `{to}`, `{text}` and `{id}`.
    pub body: String,
    /// Whether the body is a form; JSON otherwise.
    pub is_form: bool,
    /// The header that carries the id, so that one message is sent once.
    pub idempotency_header: String,
    /// The file with the value of `Authorization`.
    pub authorization_file: Option<String>,
    /// See [`TargetKind::Webhook`].
    pub authorities: Option<String>,
    /// How answers come in; nobody is asked for one without it.
    pub answers: Option<Answers>,
}

/// How many notices one person gets by one channel; what is more comes as a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Text messages an hour.
    pub sms_an_hour: u32,
    /// Mails an hour.
    pub mail_an_hour: u32,
    /// So long after the first that was held back the digest goes.
    pub digest_micros: i64,
}

impl Settings {
    /// What holds without a file: who is told of critical violations are the customer's contacts, by mail, and by text message
    /// where there is a gateway; authorisers are asked by mail, and the rest is recorded.
    pub fn usual() -> Self {
        Self::parse(USUAL, &[]).expect("a test reads it")
    }

    /// The routes that take `fact`, in order, with their places.
    pub fn routes_of(&self, fact: &Fact) -> Vec<(usize, &Route)> {
        let mut taken = Vec::new();
        for (place, route) in self.routes.iter().enumerate().filter(|(_, route)| route.matcher.fits(fact)) {
            taken.push((place, route));
            if !route.goes_on {
                break;
            }
        }
        taken
    }

    /// Names of routes that tell of violations later than the contract says: it promises that notices leave within `seconds`.
    pub fn late_routes(&self, seconds: u32) -> impl Iterator<Item = &str> {
        let most = i64::from(seconds) * 1_000_000;
        let tells = |route: &&Route| {
            let events = route.matcher.0.get("event");
            route.urgency != Urgency::Record
                && events.is_some_and(|events| events.iter().any(|it| it == Happening::Violation.name()))
        };
        self.routes.iter().filter(tells).filter(move |it| it.wait_micros > most).map(|it| it.name.as_str())
    }

    /// Whether contacts of `customer` are told at any hour.
    pub fn is_told_at_any_hour(&self, customer: &str) -> bool {
        self.at_any_hour.contains("*") || self.at_any_hour.contains(customer)
    }

    /// Replaces every path by what `of` makes of it: paths are relative to the file.
    pub fn resolve(&mut self, of: impl Fn(&str) -> String) {
        let mut paths = Vec::new();
        for target in self.targets.values_mut() {
            let (own, authorities) = match &mut target.kind {
                TargetKind::Webhook { secret_file, authorities, .. } => (Some(secret_file), authorities),
                TargetKind::Chat { url_file, authorities } => (Some(url_file), authorities),
                TargetKind::Syslog { authorities, .. } => (None, authorities),
            };
            paths.extend(own.into_iter().chain(authorities));
        }
        if let Some(sms) = &mut self.sms {
            paths.extend(sms.authorization_file.iter_mut().chain(&mut sms.authorities));
            paths.extend(sms.answers.iter_mut().map(|answers| &mut answers.authorization_file));
        }
        if let Some(heartbeat) = &mut self.heartbeat {
            paths.push(&mut heartbeat.url_file);
            paths.extend(&mut heartbeat.authorities);
        }
        for path in paths {
            *path = of(path);
        }
    }

    /// The manager, as a footer names them.
    pub fn escalation_line(&self) -> Option<String> {
        let member = self.people.get(self.escalation.as_deref()?)?;
        let ways =
            [&member.phone, &member.mail].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        Some(format!("{}, {ways}", member.name))
    }
}

impl Matcher {
    /// Whether every label has one of its values. What is not an alarm needs to be named: a route without `event` takes alarms.
    pub fn fits(&self, fact: &Fact) -> bool {
        (self.0.contains_key("event") || fact.event.is_alarm()) && self.fits_labels(fact)
    }

    /// The same, whatever the event.
    pub fn fits_labels(&self, fact: &Fact) -> bool {
        self.0.iter().all(|(name, values)| {
            let label = fact.label(name).unwrap_or_default();
            values.iter().any(|value| match value.strip_suffix('*') {
                Some(beginning) => label.starts_with(beginning),
                None => label == *value,
            })
        })
    }

    /// The words that stand for it in explanations.
    pub fn words(&self) -> String {
        let words = self.0.iter().map(|(name, values)| format!("{name}={}", values.join("|")));
        words.collect::<Vec<_>>().join(" ")
    }

    /// Labels that no fact has by itself, but by what its rule counts by.
    pub(super) fn is_known_event(word: &str) -> bool {
        Happening::ROUTED.iter().any(|event| event.name() == word)
    }
}

impl Who {
    /// As it is written.
    pub fn words(&self) -> String {
        match self {
            Self::Person(name) => format!("person:{name}"),
            Self::Rota(name) => format!("rota:{name}"),
            Self::Contacts(role) => format!("role:{}", role.name()),
            Self::Escalation => "escalation".to_owned(),
            Self::Concerned => "concerned".to_owned(),
            Self::Target(name) => format!("target:{name}"),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { sms_an_hour: 20, mail_an_hour: 60, digest_micros: 15 * 60 * 1_000_000 }
    }
}

const USUAL: &str = include_str!("../../notices.toml");
