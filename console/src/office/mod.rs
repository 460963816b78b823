//! The office of the desk: reports, the audit, administration, rotas, and mail as it came.

pub(crate) mod audit;
pub(crate) mod channels;
pub(crate) mod contacts;
pub(crate) mod customers;
mod explained;
pub(crate) mod hours;
pub(crate) mod intake;
pub(crate) mod persons;
mod question;
pub(crate) mod reports;
pub(crate) mod rota;
mod sample;
pub(crate) mod schedules;
pub(crate) mod wish;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::tz::TimeZone;
use rules::Timestamp;

pub use question::{Catalogue, Channels, OfficeQuestions, ReportKind, Trial, Tried};

use crate::failure::Failure;
use crate::{Service, question::ask};

/// Whose cases, policies or people there are, by name.
pub(crate) async fn customers(service: &Service) -> Result<Vec<String>, Failure> {
    let registrations = service.book()?.store().await?.desk().registrations().await?;
    // While policies are loading, those who told of their people are there.
    let policies = ask(&service.questions.customers, ()).await.unwrap_or_default();
    let names = registrations.into_iter().map(|it| it.customer).chain(policies.into_iter().map(|it| it.name));
    Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
}

/// In which zone the days of `customer` are counted: its policy's, else that of its service hours.
async fn zone_of(service: &Service, customer: &str) -> Result<TimeZone, Failure> {
    let policies = ask(&service.questions.customers, ()).await.unwrap_or_default();
    let of_policy = policies.iter().find(|it| it.name == customer);
    let zone = of_policy.and_then(|it| TimeZone::get(&it.zone).ok());
    Ok(match zone {
        Some(zone) => zone,
        None => service.book()?.calendar(customer).zone().clone(),
    })
}

/// `now` as a day of `zone`, and days before it.
fn day(now: Timestamp, zone: &TimeZone, before: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default().to_zoned(zone.clone()).date();
    at.checked_sub(jiff::Span::new().days(before)).unwrap_or(at).to_string()
}

/// A file that a browser keeps or shows; whatever stands in it, it runs nothing and loads nothing.
fn file(name: &str, media_type: &str, is_shown: bool, body: Body) -> (HeaderMap, Body) {
    let plain = |it: char| if it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_') { it } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let how = if is_shown { "inline" } else { "attachment" };
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, media_type);
    set(header::CONTENT_DISPOSITION, &format!("{how}; filename=\"{name}\""));
    set(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-store");
    (headers, body)
}

#[cfg(test)]
mod tests;
