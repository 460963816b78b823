//! `notices.toml` as a person writes it: every mistake at once, each with its line.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::calendar::{Mistakes, Reader};
use crate::case::Severity;
use crate::intake::Role;
use crate::notice::answer::Answers;
use crate::notice::rota::RotaText;
use crate::notice::settings::*;
use crate::outgoing::Channel;

type Words = OneOrMore<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    escalation: Option<Spanned<String>>,
    page: Option<String>,
    #[serde(default)]
    at_any_hour: BTreeSet<String>,
    #[serde(default)]
    person: BTreeMap<String, MemberText>,
    #[serde(default)]
    rota: BTreeMap<String, RotaText>,
    #[serde(default)]
    chain: BTreeMap<Spanned<String>, ChainText>,
    #[serde(default)]
    route: Vec<RouteText>,
    #[serde(default)]
    inhibit: Vec<InhibitText>,
    #[serde(default)]
    target: BTreeMap<String, Spanned<TargetText>>,
    sms: Option<SmsText>,
    #[serde(default)]
    limits: LimitsText,
    #[serde(default)]
    monthly_trials: bool,
    heartbeat: Option<HeartbeatText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeartbeatText {
    url_file: String,
    every: Option<Spanned<String>>,
    authorities: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberText {
    name: Option<String>,
    mail: Option<Spanned<String>>,
    phone: Option<Spanned<String>>,
    chat: Option<Spanned<String>>,
    #[serde(default)]
    duty_manager: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainText {
    steps: Vec<Spanned<StepText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepText {
    who: Spanned<Words>,
    #[serde(default)]
    channels: Vec<Spanned<String>>,
    wait: Option<Spanned<String>>,
    when: Option<Spanned<String>>,
    calendar: Option<Spanned<String>>,
    severity: Option<Severity>,
    unacknowledged: Option<bool>,
    #[serde(default)]
    hold_until_open: bool,
    repeat: Option<Spanned<String>>,
    repeat_max: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteText {
    name: Spanned<String>,
    #[serde(default, rename = "match")]
    matcher: BTreeMap<Spanned<String>, Words>,
    #[serde(default)]
    group_by: Vec<String>,
    wait: Option<Spanned<String>>,
    interval: Option<Spanned<String>>,
    repeat: Option<Spanned<String>>,
    urgency: Urgency,
    chain: Option<Spanned<String>>,
    #[serde(default, rename = "continue")]
    goes_on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InhibitText {
    name: String,
    source: BTreeMap<Spanned<String>, Words>,
    target: BTreeMap<Spanned<String>, Words>,
    #[serde(default)]
    equal: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetText {
    kind: String,
    url: Option<String>,
    url_file: Option<String>,
    secret_file: Option<String>,
    address: Option<String>,
    authorities: Option<String>,
    format: Option<String>,
    #[serde(default)]
    stream: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SmsText {
    url: Spanned<String>,
    body: Spanned<String>,
    form: Option<bool>,
    idempotency_header: Option<String>,
    authorization_file: Option<String>,
    authorities: Option<String>,
    answers: Option<AnswersText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswersText {
    authorization_file: String,
    from: Option<String>,
    text: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsText {
    sms_an_hour: Option<u32>,
    mail_an_hour: Option<u32>,
    digest: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl Settings {
    /// Reads the text of `notices.toml`. `calendars` are the names that steps may use. The error holds every mistake with its
    /// line.
    pub fn parse(text: &str, calendars: &[&str]) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(text);
        let Some(read) = reader.parse::<Text>() else { return reader.finish(None) };
        let mut settings = Self { page: read.page, at_any_hour: read.at_any_hour, ..Self::default() };
        for (name, target) in read.target {
            let span = target.span();
            match target.into_inner().read(&mut reader) {
                Ok(target) => drop(settings.targets.insert(name, target)),
                Err(what) => reader.mistake(span, format!("target {name:?}: {what}")),
            }
        }
        for (name, member) in read.person {
            let member = member.read(&name, &settings, &mut reader);
            settings.people.insert(name, member);
        }
        if let Some(name) = &read.escalation {
            known(&mut reader, "person", name, settings.people.contains_key(name.get_ref()));
            settings.escalation = Some(name.get_ref().clone());
        }
        for (name, rota) in read.rota {
            if let Some(rota) = rota.read(&name, &mut reader, &|person| settings.people.contains_key(person))
            {
                settings.rotas.insert(name, rota);
            }
        }
        for (name, chain) in read.chain {
            let chain = read_chain(&name, chain, &settings, calendars, &mut reader);
            settings.chains.insert(name.get_ref().clone(), chain);
        }
        for route in read.route {
            let route = route.read(&settings, &mut reader);
            settings.routes.push(route);
        }
        for InhibitText { name, source, target, equal } in read.inhibit {
            let (source, target) = (matcher(source, &mut reader), matcher(target, &mut reader));
            settings.inhibitions.push(Inhibition { name, source, target, equal });
        }
        settings.sms = read.sms.map(|sms| sms.read(&mut reader));
        settings.monthly_trials = read.monthly_trials;
        settings.heartbeat = read.heartbeat.map(|it| it.read(&mut reader));
        let usual = Limits::default();
        settings.limits = Limits {
            sms_an_hour: read.limits.sms_an_hour.unwrap_or(usual.sms_an_hour).max(1),
            mail_an_hour: read.limits.mail_an_hour.unwrap_or(usual.mail_an_hour).max(1),
            digest_micros: span(&mut reader, read.limits.digest.as_ref(), usual.digest_micros),
        };
        reader.finish(Some(settings))
    }
}

impl HeartbeatText {
    fn read(self, reader: &mut Reader<'_>) -> Heartbeat {
        let every_micros = span(reader, self.every.as_ref(), 60 * SECOND);
        if let Some(every) = self.every.filter(|_| !(10 * SECOND..=3600 * SECOND).contains(&every_micros)) {
            reader.mistake(every.span(), "a heartbeat comes every 10 s to every hour".to_owned());
        }
        Heartbeat { url_file: self.url_file, authorities: self.authorities, every_micros }
    }
}

impl MemberText {
    fn read(self, name: &str, settings: &Settings, reader: &mut Reader<'_>) -> Member {
        if let Some(mail) = self.mail.as_ref().filter(|mail| !crate::intake::is_plain_address(mail.get_ref()))
        {
            reader.mistake(mail.span(), format!("{:?} is no plain mail address", mail.get_ref()));
        }
        if let Some(phone) = self.phone.as_ref().filter(|phone| !is_phone(phone.get_ref())) {
            reader.mistake(phone.span(), format!("{:?} is no number such as +12105550142", phone.get_ref()));
        }
        if let Some(chat) = &self.chat {
            let is_chat = settings
                .targets
                .get(chat.get_ref())
                .is_some_and(|target| matches!(target.kind, TargetKind::Chat { .. }));
            known(reader, "target that is a chat", chat, is_chat);
        }
        Member {
            name: self.name.unwrap_or_else(|| name.to_owned()),
            mail: self.mail.map(Spanned::into_inner),
            phone: self.phone.map(Spanned::into_inner),
            chat: self.chat.map(Spanned::into_inner),
            is_duty_manager: self.duty_manager,
        }
    }
}

fn read_chain(
    name: &Spanned<String>,
    text: ChainText,
    settings: &Settings,
    calendars: &[&str],
    reader: &mut Reader<'_>,
) -> Chain {
    if text.steps.is_empty() {
        reader.mistake(name.span(), "a chain has at least one step".to_owned());
    }
    let mut steps = Vec::new();
    let mut last = name.span();
    for step in text.steps {
        last = step.span();
        let step = step.into_inner().read(settings, calendars, reader);
        steps.push(step);
    }
    let wakes = |step: &Step| step.who.iter().any(|who| matches!(who, Who::Person(_) | Who::Rota(_)));
    let ends_well = steps.last().is_none_or(|step| step.who.contains(&Who::Escalation));
    if steps.iter().any(wakes) && !ends_well {
        reader.mistake(
            last,
            "the last step of a chain that calls people of the desk names \"escalation\"".to_owned(),
        );
    }
    Chain { steps }
}

impl StepText {
    fn read(self, settings: &Settings, calendars: &[&str], reader: &mut Reader<'_>) -> Step {
        let at = self.who.span();
        let written = self.who.into_inner().into_vec();
        let who: Vec<Who> =
            written.iter().filter_map(|written| read_who((written, &at), settings, reader)).collect();
        let mut channels = Vec::new();
        for written in &self.channels {
            match channel(written.get_ref()) {
                Some(channel) => channels.push(channel),
                None => reader.mistake(
                    written.span(),
                    format!("{:?} is no channel: mail, sms, chat", written.get_ref()),
                ),
            }
        }
        if channels.is_empty() {
            channels.push(Channel::Mail);
        }
        if channels.contains(&Channel::Chat) && who.iter().any(|who| matches!(who, Who::Contacts(_))) {
            let at = self.channels.first().map_or(0..0, Spanned::span);
            reader.mistake(at, "contacts of customers are told by mail and sms".to_owned());
        }
        let is_open = self.when.as_ref().and_then(|when| match when.get_ref().as_str() {
            "open" => Some(true),
            "closed" => Some(false),
            other => {
                reader
                    .mistake(when.span(), format!("{other:?}: a step is taken when \"open\" or \"closed\""));
                None
            }
        });
        if let Some(calendar) = &self.calendar {
            known(reader, "calendar", calendar, calendars.contains(&calendar.get_ref().as_str()));
        }
        // Who is called out need not be when somebody has it; who was promised word gets it.
        let calls_out = who.iter().any(|who| matches!(who, Who::Person(_) | Who::Rota(_) | Who::Escalation));
        let repeat_micros = span(reader, self.repeat.as_ref(), 0);
        Step {
            who,
            channels: Channels(channels),
            wait_micros: span(reader, self.wait.as_ref(), 0),
            condition: Condition {
                is_open,
                calendar: self.calendar.map(Spanned::into_inner),
                severity: self.severity.unwrap_or_default(),
                unacknowledged: self.unacknowledged.unwrap_or(calls_out),
            },
            hold_until_open: self.hold_until_open,
            repeat_micros,
            repeat_max: if repeat_micros == 0 { 0 } else { self.repeat_max.unwrap_or(REPEATS) },
        }
    }
}

fn read_who((text, at): (&str, &Range<usize>), settings: &Settings, reader: &mut Reader<'_>) -> Option<Who> {
    if text == "escalation" {
        if settings.escalation.is_none() {
            reader.mistake(
                at.clone(),
                "nobody is the escalation: escalation = \"NAME\" names a person".to_owned(),
            );
        }
        return Some(Who::Escalation);
    }
    if text == "concerned" {
        return Some(Who::Concerned);
    }
    let (kind, name) = text.split_once(':').unwrap_or((text, ""));
    let (who, is_known) = match kind {
        "person" => (Who::Person(name.to_owned()), settings.people.contains_key(name)),
        "rota" => (Who::Rota(name.to_owned()), settings.rotas.contains_key(name)),
        "target" => (Who::Target(name.to_owned()), settings.targets.contains_key(name)),
        "role" => match serde_json::from_value::<Role>(name.into()) {
            Ok(role) => (Who::Contacts(role), true),
            Err(_) => (Who::Escalation, false),
        },
        _ => {
            let what = format!(
                "{text:?}: who is told is person:, rota:, role: or target: with a name, \"concerned\" or \"escalation\""
            );
            reader.mistake(at.clone(), what);
            return None;
        }
    };
    if !is_known {
        reader.mistake(at.clone(), format!("no {kind} {name:?}"));
    }
    is_known.then_some(who)
}

impl RouteText {
    fn read(self, settings: &Settings, reader: &mut Reader<'_>) -> Route {
        if let Some(chain) = &self.chain {
            known(reader, "chain", chain, settings.chains.contains_key(chain.get_ref()));
        } else if self.urgency != Urgency::Record {
            reader.mistake(self.name.span(), "a route that tells somebody needs a chain".to_owned());
        }
        Route {
            name: self.name.into_inner(),
            matcher: matcher(self.matcher, reader),
            group_by: self.group_by,
            wait_micros: span(reader, self.wait.as_ref(), 30 * SECOND),
            interval_micros: span(reader, self.interval.as_ref(), 300 * SECOND),
            repeat_micros: span(reader, self.repeat.as_ref(), 4 * 3600 * SECOND),
            urgency: self.urgency,
            chain: self.chain.map(Spanned::into_inner).unwrap_or_default(),
            goes_on: self.goes_on,
        }
    }
}

fn matcher(text: BTreeMap<Spanned<String>, Words>, reader: &mut Reader<'_>) -> Matcher {
    let mut labels = BTreeMap::new();
    for (name, values) in text {
        let values = values.into_vec();
        for value in values.iter().filter(|value| !value.ends_with('*')) {
            let is_known = match name.get_ref().as_str() {
                "event" => Matcher::is_known_event(value),
                "severity" => ["info", "warning", "critical"].contains(&value.as_str()),
                _ => true,
            };
            if !is_known {
                reader.mistake(name.span(), format!("no {} {value:?}", name.get_ref()));
            }
        }
        labels.insert(name.into_inner(), values);
    }
    Matcher(labels)
}

impl TargetText {
    fn read(self, reader: &mut Reader<'_>) -> Result<Target, String> {
        let (mut streams_alerts, mut streams_cases, mut streams_audit) = (false, false, false);
        for word in &self.stream {
            match word.get_ref().as_str() {
                "alerts" => streams_alerts = true,
                "cases" => streams_cases = true,
                "audit" => streams_audit = true,
                other => {
                    let what = format!("{other:?} is no stream: \"alerts\", \"cases\", \"audit\"");
                    reader.mistake(word.span(), what);
                }
            }
        }
        let wants = |value: Option<String>, name: &str| value.ok_or_else(|| format!("it needs {name}"));
        let kind = match self.kind.as_str() {
            "webhook" => TargetKind::Webhook {
                url: checked_url(wants(self.url, "url")?)?,
                secret_file: wants(self.secret_file, "secret_file")?,
                authorities: self.authorities,
            },
            "chat" => TargetKind::Chat {
                url_file: wants(self.url_file, "url_file")?,
                authorities: self.authorities,
            },
            "syslog" => {
                let address = wants(self.address, "address, such as \"tls://siem.example.com:6514\"")?;
                let (carriage, rest) = match address.split_once("://") {
                    Some(("udp", rest)) => (Carriage::Udp, rest),
                    Some(("tcp", rest)) => (Carriage::Tcp, rest),
                    Some(("tls", rest)) => (Carriage::Tls, rest),
                    _ => {
                        return Err(format!(
                            "{address:?} is no address: udp://, tcp:// or tls:// with host and port"
                        ));
                    }
                };
                let has_port = rest
                    .rsplit_once(':')
                    .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
                if !has_port {
                    return Err(format!("{address:?} has no port"));
                }
                TargetKind::Syslog { carriage, address: rest.to_owned(), authorities: self.authorities }
            }
            other => return Err(format!("{other:?} is no kind: webhook, chat, syslog")),
        };
        let is_syslog = matches!(kind, TargetKind::Syslog { .. });
        let format = match self.format.as_deref() {
            None if is_syslog => Format::Cef,
            None | Some("ringwall") => Format::Ringwall,
            Some("ocsf") => Format::Ocsf,
            Some("cef") => Format::Cef,
            Some(other) => return Err(format!("{other:?} is no format: ringwall, ocsf, cef")),
        };
        Ok(Target { kind, format, streams_alerts, streams_cases, streams_audit })
    }
}

impl SmsText {
    fn read(self, reader: &mut Reader<'_>) -> SmsGateway {
        if let Err(what) = checked_url(self.url.get_ref().clone()) {
            reader.mistake(self.url.span(), what);
        }
        for place in ["{to}", "{text}"] {
            if !self.body.get_ref().contains(place) {
                reader.mistake(self.body.span(), format!("the body has no {place}"));
            }
        }
        let is_form = self.form.unwrap_or_else(|| !self.body.get_ref().trim_start().starts_with('{'));
        let filled = self.body.get_ref().replace("{to}", "1").replace("{text}", "1").replace("{id}", "1");
        if !is_form && serde_json::from_str::<serde_json::Value>(&filled).is_err() {
            reader.mistake(
                self.body.span(),
                "the body is no JSON; form = true says that it is a form".to_owned(),
            );
        }
        SmsGateway {
            url: self.url.into_inner(),
            body: self.body.into_inner(),
            is_form,
            idempotency_header: self.idempotency_header.unwrap_or_else(|| "Idempotency-Key".to_owned()),
            authorization_file: self.authorization_file,
            authorities: self.authorities,
            answers: self.answers.map(|answers| Answers {
                authorization_file: answers.authorization_file,
                authorization: String::new(),
                from: answers.from.unwrap_or_else(|| "from".to_owned()),
                text: answers.text.unwrap_or_else(|| "text".to_owned()),
            }),
        }
    }
}

fn checked_url(url: String) -> Result<String, String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    match host.is_empty() || host.contains('@') || url.chars().any(|it| it.is_control() || it == ' ') {
        true => Err(format!("{url:?} is no address of HTTP without a password in it")),
        false => Ok(url),
    }
}

fn known(reader: &mut Reader<'_>, what: &str, name: &Spanned<String>, is_known: bool) {
    if !is_known {
        reader.mistake(name.span(), format!("no {what} {:?}", name.get_ref()));
    }
}

fn channel(word: &str) -> Option<Channel> {
    [("mail", Channel::Mail), ("sms", Channel::Sms), ("chat", Channel::Chat)]
        .into_iter()
        .find_map(|(name, channel)| (name == word).then_some(channel))
}

/// Microseconds of `"30 s"`, `"5 min"` or `"4 h"`.
fn span(reader: &mut Reader<'_>, text: Option<&Spanned<String>>, usual: i64) -> i64 {
    let Some(text) = text else { return usual };
    let written = text.get_ref();
    let number = written.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match &written[number.len()..] {
        "s" => Some(SECOND),
        "min" => Some(60 * SECOND),
        "h" => Some(3600 * SECOND),
        _ => None,
    };
    let count = number.trim_end().parse::<i64>().ok().filter(|count| (0..=86_400).contains(count));
    match (count, unit) {
        (Some(count), Some(unit)) => count * unit,
        _ => {
            reader.mistake(text.span(), format!("{written:?} is no time: \"30 s\", \"5 min\", \"4 h\""));
            usual
        }
    }
}

fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit())
}

impl<T> OneOrMore<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

const SECOND: i64 = 1_000_000;
/// How often a step is repeated unless told.
const REPEATS: u32 = 3;
