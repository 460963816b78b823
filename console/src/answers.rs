//! What people answer to text messages, brought by the gateway: that they look at something is written in its case (E-4), that they
//! are awake spares them further ones (E-6).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequest as _, Request, State};
use axum::http::{StatusCode, header};
use axum::{Form, Json};
use cases::explanation::wall_time;
use cases::io::store::{Done, Error};
use cases::notice::Answer;
use cases::outgoing::{Channel, Content, Delivery, Outgoing};
use rules::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Service;
use crate::failure::Failure;
use crate::limits::Door;
use crate::question::ask;

/// Takes one answer. 204 whatever it says: only the gateway's own mistakes are told to the gateway, and what is wrong with an answer
/// to whoever wrote it. What could not be kept is a 503, so that it is brought again.
pub(crate) async fn take(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<StatusCode, Failure> {
    let settings = ask(&service.questions.office.channels, ()).await?.settings;
    let Some(answers) = settings.sms.as_ref().and_then(|sms| sms.answers.as_ref()) else {
        return Ok(StatusCode::NOT_FOUND);
    };
    // As digests: how long it takes tells nothing of what is the same.
    let shown = request.headers().get(header::AUTHORIZATION).map(|shown| Sha256::digest(shown.as_bytes()));
    if shown != Some(Sha256::digest(answers.authorization.as_bytes())) {
        return Ok(StatusCode::UNAUTHORIZED);
    }
    let Some(fields) = fields(request).await else { return Ok(StatusCode::BAD_REQUEST) };
    let (Some(from), Some(text)) = (fields.get(&answers.from), fields.get(&answers.text)) else {
        return Ok(StatusCode::UNPROCESSABLE_ENTITY);
    };
    let people = settings.people_at(from);
    let phone = people.first().and_then(|name| settings.people.get(*name)?.phone.as_ref());
    let Some(phone) = phone else { return Ok(StatusCode::NO_CONTENT) };
    let now = (service.now)();
    // Who tries codes is not told when one was right.
    if service.own.limits.take(Door::Answer, phone, now).is_err() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let said = match Answer::of(text) {
        Some(Answer::Look(code)) => {
            match desk.answer(&code, (&people, answers), now, book.service()).await? {
                Some((_, numbers)) => {
                    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
                    format!(
                        "RINGWALL: you look at {}; nobody further is called for 30 minutes.",
                        some(&numbers)
                    )
                }
                None => format!("RINGWALL: nothing that is open has the code {code}."),
            }
        }
        // A sender's number is easily forged, and this spares a telephone: whoever holds it confirms.
        Some(Answer::Awake { hours, code: None }) => {
            let code = answers.wake_code(phone, now);
            format!("RINGWALL: if that was you, answer AWAKE {hours} {code} within ten minutes.")
        }
        Some(Answer::Awake { code: Some(code), .. }) if !answers.is_wake_code(&code, phone, now) => {
            "RINGWALL: this code is over, or was never sent; answer AWAKE for a new one.".to_owned()
        }
        Some(Answer::Awake { hours, .. }) => {
            let mut until = now.plus_micros(hours * HOUR_MICROS);
            for who in &people {
                let done = Done { who, now, service: book.service() };
                until = desk.wake(until, done).await?.until;
            }
            format!(
                "RINGWALL: until {} pages come by mail or chat, and ring when nobody acts. ASLEEP ends it.",
                wall_time(book.service().calendar(), until)
            )
        }
        Some(Answer::Asleep) => {
            for who in &people {
                match desk.rest(Done { who, now, service: book.service() }).await {
                    Ok(()) | Err(Error::Refused(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            "RINGWALL: what comes rings again.".to_owned()
        }
        None => {
            "RINGWALL: answer ACK and the six digits of a message, such as ACK 482113; or AWAKE, or ASLEEP."
                .to_owned()
        }
    };
    desk.send(&[reply(phone, text, said, now)]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The fields of a form or of a JSON object, as far as they are texts.
async fn fields(request: Request) -> Option<BTreeMap<String, String>> {
    let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
    if kind.is_some_and(|kind| kind.starts_with(b"application/json")) {
        let Json(object): Json<BTreeMap<String, Value>> = Json::from_request(request, &()).await.ok()?;
        let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
        return Some(object.into_iter().filter_map(text).collect());
    }
    let Form(form) = Form::from_request(request, &()).await.ok()?;
    Some(form)
}

/// The first few of `numbers`.
fn some(numbers: &[String]) -> String {
    match numbers.split_at_checked(NUMBERS_MAX) {
        Some((first, rest @ [_, ..])) => format!("{} and {} more", first.join(", "), rest.len()),
        _ => numbers.join(", "),
    }
}

/// One that the gateway brings twice is answered once.
fn reply(to: &str, text: &str, said: String, now: Timestamp) -> Outgoing {
    let digest = Sha256::digest(format!("{to}\n{text}\n{said}\n{}", now.0 / BROUGHT_AGAIN_MICROS));
    let id: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Outgoing {
        id: format!("answer/{id}"),
        customer: String::new(),
        case: None,
        thread: None,
        channel: Channel::Sms,
        to: to.to_owned(),
        content: Content::Notice { subject: String::new(), text: said },
        due: now,
        state: Delivery::Waiting,
        tries: Vec::new(),
    }
}

const NUMBERS_MAX: usize = 5;
const HOUR_MICROS: i64 = 3_600 * 1_000_000;
/// Within so long a gateway brings what it could not bring the first time.
const BROUGHT_AGAIN_MICROS: i64 = 600 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_form_and_json_say_the_same() {
        let of = |kind: &str, body: &'static [u8]| {
            fields(Request::post("/answers").header(header::CONTENT_TYPE, kind).body(body.into()).unwrap())
        };
        let form =
            of("application/x-www-form-urlencoded; charset=UTF-8", b"From=%2B12105550171&Body=ACK+482113")
                .await;
        let json = of("application/json", br#"{"From":"+12105550171","Body":"ACK 482113","parts":1}"#).await;
        assert_eq!(form, json);
        assert_eq!(json.unwrap()["Body"], "ACK 482113");
        for body in [&b""[..], b"[]", b"From=x", b"\xff\xfe"] {
            assert!(of("application/json", body).await.is_none() && of("text/plain", body).await.is_none());
        }
    }

    #[test]
    fn many_cases_are_told_in_a_few_words() {
        let numbers: Vec<_> = (0..7).map(|it| format!("RW-{it}")).collect();
        assert_eq!(some(&numbers), "RW-0, RW-1, RW-2, RW-3, RW-4 and 2 more");
        assert_eq!(some(&numbers[..2]), "RW-0, RW-1");
    }
}
