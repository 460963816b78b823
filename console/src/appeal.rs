//! Where somebody complains whose call was stopped: the address stood in the answer to the call, and leads to what was decided
//! about it. It says nothing about the customer that the caller does not know, and opens one case for each call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::extract::{Form, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};
use cases::CaseNumber;
use cases::intake::{one_line, several_lines};
use cases::io::store::{Appeal, Appealed};
use jiff::tz::TimeZone;
use rules::Timestamp;
use serde::Deserialize;

use crate::Service;
use crate::client::{self, neighbourhood};
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::Moment;

/// A call that was refused, as its record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Whose policy refused it. Never shown to who asks.
    pub customer: String,
    /// The token as we write it.
    pub token: String,
    /// Who called.
    pub caller: String,
    /// Whom.
    pub called: String,
    /// When.
    pub at: Timestamp,
    /// What was decided and why, in words for the desk.
    pub verdict: String,
}

/// How often strangers may ask: by where from, and by what about.
#[derive(Default)]
pub(crate) struct Turnstile(Mutex<HashMap<String, (Timestamp, u32)>>);

/// Where somebody asks from.
pub(crate) struct From(String);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self(neighbourhood(&client::address(parts))))
    }
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    token: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Said {
    text: String,
    #[serde(default)]
    contact: String,
}

#[derive(Template)]
#[template(path = "appeal.html")]
struct Page<'a> {
    shell: Shell<'a>,
    step: Step,
}

enum Step {
    /// The token is asked for.
    Ask,
    /// There is no such call, or not any more.
    Nothing,
    /// The call; what was said of it so far, and what is wrong with that.
    Call(Box<Refused>, Moment, Option<(&'static str, Said)>),
    /// It is with the desk.
    Done(CaseNumber),
}

/// Where a token is typed.
pub(crate) async fn start(State(service): State<Arc<Service>>, Query(typed): Query<Typed>) -> Response {
    // As people read it out: with blanks and dashes.
    let token: String = typed.token.chars().filter(|it| !it.is_whitespace() && *it != '-').collect();
    if token.is_empty() {
        return show(&service, Step::Ask);
    }
    Redirect::to(&format!("/appeal/{}", crate::text::url_part(&one_line(&token, TOKEN_BYTES_MAX))))
        .into_response()
}

pub(crate) async fn look(
    State(service): State<Arc<Service>>,
    from: From,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let Some(refused) = find(&service, &from, &token).await? else { return Ok(nothing(&service)) };
    let desk = service.book()?.store().await?.desk();
    let before = desk.appeal_of(&refused.customer, &refused.token).await?;
    Ok(show(&service, before.map_or_else(|| call(refused, None), Step::Done)))
}

pub(crate) async fn send(
    State(service): State<Arc<Service>>,
    from: From,
    Path(token): Path<String>,
    Form(said): Form<Said>,
) -> Result<Response, Failure> {
    let Some(refused) = find(&service, &from, &token).await? else { return Ok(nothing(&service)) };
    let text = several_lines(said.text.trim(), TEXT_CHARACTERS_MAX);
    if text.chars().count() < TEXT_CHARACTERS_MIN {
        let wrong = "Say in a sentence who you are and why you call. Nothing was sent yet.";
        return Ok(crate::portal::not_yet(show(&service, call(refused, Some((wrong, said))))));
    }
    let contact = one_line(said.contact.trim(), CONTACT_CHARACTERS_MAX);
    let text = if contact.is_empty() { text } else { format!("{text}\n\nTo be reached at: {contact}") };
    let title = format!("a blocked caller appeals: {} to {}", refused.caller, refused.called);
    let appeal = Appeal {
        customer: &refused.customer,
        token: &refused.token,
        title: &title,
        verdict: &refused.verdict,
        text: &text,
    };
    let book = service.book()?;
    let done = book.done("a blocked caller", (service.now)());
    match book.store().await?.desk().appeal(&appeal, done).await? {
        Appealed::Opened(case) => Ok(show(&service, Step::Done(case.number))),
        Appealed::Before(number) => Ok(show(&service, Step::Done(number))),
        Appealed::TooMany => Err(Failure::TooOften(3_600)),
    }
}

/// The call that `token` is about. Strangers who try many are told to wait.
async fn find(service: &Service, from: &From, token: &str) -> Result<Option<Refused>, Failure> {
    let now = (service.now)();
    service.own.turnstile.pass(&format!("from {}", from.0), FROM_MAX, now)?;
    if token.len() > TOKEN_BYTES_MAX || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    service.own.turnstile.pass(&format!("about {}", token.to_ascii_lowercase()), ABOUT_MAX, now)?;
    ask(&service.questions.refused, token.to_owned()).await
}

fn call(refused: Refused, wrong: Option<(&'static str, Said)>) -> Step {
    // The customer's zone would say where it is.
    let at = Moment::new(refused.at, &TimeZone::UTC);
    Step::Call(Box::new(refused), at, wrong)
}

fn nothing(service: &Service) -> Response {
    let mut response = show(service, Step::Nothing);
    *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
    response
}

fn show(service: &Service, step: Step) -> Response {
    shell::page(&Page { shell: Shell::of(service, None, "Your call was stopped"), step })
}

impl Turnstile {
    /// Counts one more of `key`.
    ///
    /// # Errors
    /// There were `max` within ten minutes, or too many strangers at once to tell them apart.
    pub(crate) fn pass(&self, key: &str, max: u32, now: Timestamp) -> Result<(), Failure> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since: Timestamp| now.micros_since(since) >= WINDOW_MICROS;
        if seen.len() >= KEYS_MAX {
            seen.retain(|_, (since, _)| !is_over(*since));
            if seen.len() >= KEYS_MAX {
                return Err(Failure::TooOften(60));
            }
        }
        let (since, count) = seen.entry(key.to_owned()).or_insert((now, 0));
        if is_over(*since) {
            (*since, *count) = (now, 0);
        }
        if *count >= max {
            let left = WINDOW_MICROS - now.micros_since(*since);
            return Err(Failure::TooOften(u64::try_from(left / 1_000_000 + 1).unwrap_or(1)));
        }
        *count += 1;
        Ok(())
    }
}

const TOKEN_BYTES_MAX: usize = 40;
const TEXT_CHARACTERS_MIN: usize = 10;
const TEXT_CHARACTERS_MAX: usize = 2_000;
const CONTACT_CHARACTERS_MAX: usize = 120;
const WINDOW_MICROS: i64 = 10 * 60 * 1_000_000;
/// Within ten minutes, by one address and about one call.
const FROM_MAX: u32 = 30;
const ABOUT_MAX: u32 = 20;
const KEYS_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tries_too_often_waits_and_others_do_not() {
        let turnstile = Turnstile::default();
        let now = Timestamp(1_791_212_400_000_000);
        assert!((0..3).all(|_| turnstile.pass("a", 3, now).is_ok()));
        assert_eq!(turnstile.pass("a", 3, now), Err(Failure::TooOften(601)));
        assert!(turnstile.pass("b", 3, now).is_ok());
        assert!(turnstile.pass("a", 3, now.plus_micros(WINDOW_MICROS)).is_ok());
        for at in 0..KEYS_MAX {
            let _ = turnstile.pass(&format!("flood {at}"), 3, now.plus_micros(WINDOW_MICROS));
        }
        assert!(turnstile.0.lock().unwrap().len() <= KEYS_MAX);
        assert_eq!(neighbourhood("2001:db8::1"), neighbourhood("2001:db8::ffff"));
        assert_ne!(neighbourhood("2001:db8::1"), neighbourhood("2001:db8:0:1::1"));
        assert_eq!(neighbourhood("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
