//! How somebody of a customer is told of what concerns it: what they chose, and a trial of whether it reaches them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use cases::notice::{Preference, Way};
use cases::outgoing::Channel;
use cases::registry::Person;
use serde::Deserialize;

use super::{Place, page, shell};
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::limits::Door;
use crate::office::{Channels, Trial};
use crate::question::ask;
use crate::shell::Shell;

#[derive(Template)]
#[template(path = "portal_told.html")]
struct Page<'a> {
    shell: Shell<'a>,
    mail: Option<String>,
    phone: Option<String>,
    /// Whether mails go out at all.
    has_mail: bool,
    /// Whether text messages do.
    has_sms: bool,
    is_told: bool,
    /// What the desk arranged for the customer.
    is_at_any_hour: bool,
    chosen: Preference,
    /// Whether a trial was taken, and what it was.
    tried: Option<(bool, String)>,
}

impl Page<'_> {
    const WAYS: [(Way, &'static str); 3] = [
        (Way::Arranged, "as the desk arranged"),
        (Way::Mail, "by mail instead of text messages"),
        (Way::Sms, "by text message as well"),
    ];

    fn hours(&self) -> [(&'static str, bool, &'static str); 3] {
        let is = |wanted| self.chosen.at_any_hour == wanted;
        let arranged = if self.is_at_any_hour {
            "as arranged: at any hour"
        } else {
            "as arranged: while the desk is open"
        };
        [
            ("arranged", is(None), arranged),
            ("any", is(Some(true)), "at any hour"),
            ("open", is(Some(false)), "while the desk is open"),
        ]
    }
}

/// What they choose, by the words of the form.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    by: Way,
    hours: String,
}

/// A trial by one of their own ways.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    channel: Channel,
}

pub(crate) async fn show(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    shown(&service, &viewer, &place, None).await
}

/// Everybody chooses for themselves: nothing that binds their customer.
pub(crate) async fn choose(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Chosen>,
) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let at_any_hour = match form.hours.as_str() {
        "any" => Some(true),
        "open" => Some(false),
        "arranged" => None,
        _ => {
            return Err(Failure::Wrong(
                "It is at any hour, while the desk is open, or as arranged.".to_owned(),
            ));
        }
    };
    place.store.prefer(Preference { by: form.by, at_any_hour }, place.done()).await?;
    Ok(told_at("/portal/told", "Kept: alarms come to you like that from now on."))
}

/// Sends them a trial by the way that a real message takes.
pub(crate) async fn test(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Wanted>,
) -> Result<Response, Failure> {
    let place = Place::of(&service, &viewer).await?;
    let channels = ask(&service.questions.office.channels, ()).await?;
    let (mail, phone) = ways(&channels, place.store.registration().await?.person(place.contact));
    let to = match form.channel {
        Channel::Mail => mail,
        Channel::Sms => phone,
        _ => None,
    };
    let to = to.ok_or_else(|| Failure::Wrong("You are not reached like that.".to_owned()))?;
    let by = format!("{} of {}", place.contact, place.customer);
    service.own.limits.take(Door::Trial, &by, place.now).map_err(Failure::TooOften)?;
    let channel = form.channel;
    let detail = serde_json::json!({ "channel": channel.name() }).to_string();
    let desk = place.book.store().await?.desk();
    desk.note_act(Some(place.customer), ("send-trial", &to, &detail), place.done()).await?;
    let tried = ask(&service.questions.office.trial, Trial { channel, to: to.clone(), by }).await?;
    // What the other side said names machines of the desk.
    shown(&service, &viewer, &place, Some((tried.is_taken, to))).await
}

async fn shown(
    service: &Service,
    viewer: &Viewer,
    place: &Place<'_>,
    tried: Option<(bool, String)>,
) -> Result<Response, Failure> {
    let channels = ask(&service.questions.office.channels, ()).await?;
    let registration = place.store.registration().await?;
    let me = registration.person(place.contact);
    let (mail, phone) = ways(&channels, me);
    Ok(page(&Page {
        shell: shell(service, viewer, "How you are told"),
        mail,
        phone,
        has_mail: channels.smarthost.is_some(),
        has_sms: channels.settings.sms.is_some(),
        is_told: me.is_some_and(|it| it.roles.contains(&cases::intake::Role::IncidentNotify)),
        is_at_any_hour: channels.settings.is_told_at_any_hour(place.customer),
        chosen: place.store.preference(place.contact).await?,
        tried,
    }))
}

/// Where mail and text messages reach them, as far as any go out.
fn ways(channels: &Channels, person: Option<&Person>) -> (Option<String>, Option<String>) {
    let mail = person.and_then(|it| it.addresses.first()).filter(|_| channels.smarthost.is_some());
    let phone = person.and_then(|it| it.phones.first()).filter(|_| channels.settings.sms.is_some());
    (mail.cloned(), phone.cloned())
}
