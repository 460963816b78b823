//! The intake desk: mails as they came, above all those that no machine could place.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use cases::io::store::{MailFilter, MailRow};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::explained::Explained;
use super::file;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::Moment;

#[derive(Template)]
#[template(path = "office_intake.html")]
struct Page<'a> {
    shell: Shell<'a>,
    views: Vec<View>,
    rows: Vec<Row>,
    empty: &'static str,
}

struct View {
    name: &'static str,
    words: &'static str,
    is_this: bool,
}

struct Row {
    mail: MailRow,
    received: Moment,
}

#[derive(Template)]
#[template(path = "office_mail.html")]
struct One<'a> {
    shell: Shell<'a>,
    row: Row,
    return_path: String,
    recipients: Vec<String>,
    raw: String,
    bytes: usize,
    is_raw_cut: bool,
    /// Nothing where reading it took too long.
    read: Option<Explained>,
    is_deadly: bool,
}

#[derive(Deserialize)]
pub(crate) struct Shown {
    #[serde(default)]
    show: String,
}

/// What can be looked at: a word for addresses, what it is called, what it says when there is nothing, and which mails.
#[rustfmt::skip] // A table: a view a line.
fn views() -> [(&'static str, &'static str, &'static str, MailFilter); 5] {
    let of = |filter: MailFilter| MailFilter { count: ROWS, ..filter };
    let state = |case_state| of(MailFilter { case_state: Some(case_state), ..MailFilter::default() });
    [
        ("quarantine", "Quarantined", "Mails that pretend to be somebody on record wait here for a person, and are dropped after 30 days.", state("quarantine")),
        ("unverified", "Unverified", "Mails that ask for something their sender could not ask for wait here until a contact adopts them.", of(MailFilter { is_unverified: true, ..MailFilter::default() })),
        ("needs-info", "Answer awaited", "Requests that lack something, and whose sender was asked for it, are here.", state("needs-info")),
        ("unread", "Not read yet", "A mail is kept before it is read. Here are those that came a moment ago, or that no machine could read.", of(MailFilter { is_unread: true, ..MailFilter::default() })),
        ("all", "All", "Mail of customers appears here when it comes in: [mail] in the configuration says where it is taken.", of(MailFilter::default())),
    ]
}

pub(crate) async fn page(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Query(shown): Query<Shown>,
) -> Result<Response, Failure> {
    let all = views();
    let place = all.iter().position(|(name, ..)| *name == shown.show).unwrap_or(0);
    let desk = service.book()?.store().await?.desk();
    let (mut rows, mut empty) = (Vec::new(), "");
    let mut tabs = Vec::new();
    for (index, (name, words, nothing, filter)) in all.into_iter().enumerate() {
        tabs.push(View { name, words, is_this: index == place });
        if index == place {
            let found = desk.mails(&filter).await?;
            rows = found.into_iter().map(|mail| row(&service, mail)).collect::<Result<_, _>>()?;
            empty = nothing;
        }
    }
    let shell = Shell::of(&service, Some(&viewer), "Intake");
    Ok(shell::page(&Page { shell, views: tabs, rows, empty }))
}

pub(crate) async fn one(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(key): Path<String>,
) -> Result<Response, Failure> {
    let desk = service.book()?.store().await?.desk();
    let (mail, kept) = desk.mail(&key).await?.ok_or(Failure::NotFound)?;
    let registrations = desk.registrations().await?;
    let directory = ask(&service.questions.office.directory, registrations).await?;
    let (bytes, is_deadly) = (kept.raw.len(), kept.is_deadly);
    // Line ends of mails would be drawn as what hides.
    let text = String::from_utf8_lossy(&kept.raw).replace("\r\n", "\n");
    let raw: String = text.chars().take(RAW_CHARACTERS_MAX).collect();
    let is_raw_cut = raw.len() < text.len();
    let return_path = match &kept.envelope.return_path {
        cases::intake::ReturnPath::Unknown => "not known".to_owned(),
        cases::intake::ReturnPath::Nobody => "nobody: a machine wrote it".to_owned(),
        cases::intake::ReturnPath::Address(address) => address.clone(),
    };
    let recipients = kept.envelope.recipients.clone();
    // As it reads today: who is a contact may have changed since it came.
    let reading = tokio::task::spawn_blocking(move || Explained::new(&kept.read(&directory)));
    let read = tokio::time::timeout(READING_MAX, reading).await.ok().and_then(Result::ok);
    let row = row(&service, mail)?;
    let shell = Shell::of(&service, Some(&viewer), "Mail");
    Ok(shell::page(&One { shell, row, return_path, recipients, raw, bytes, is_raw_cut, read, is_deadly }))
}

/// The mail as it came, to be kept: a browser shows none of it.
pub(crate) async fn raw(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(key): Path<String>,
) -> Result<Response, Failure> {
    let book = service.book()?;
    let desk = book.store().await?.desk();
    let (mail, kept) = desk.mail(&key).await?.ok_or(Failure::NotFound)?;
    let customer = Some(mail.customer.as_str()).filter(|it| !it.is_empty());
    let done = book.done(&viewer.who, (service.now)());
    desk.note_act(customer, ("fetch-mail", &key, "{}"), done).await?;
    let name: String = key.chars().take(16).collect();
    let body = Body::from(kept.raw);
    Ok(file(&format!("mail-{name}.eml"), "application/octet-stream", false, body).into_response())
}

fn row(service: &Service, mail: MailRow) -> Result<Row, Failure> {
    let zone = match mail.customer.as_str() {
        "" => TimeZone::UTC,
        customer => service.book()?.calendar(customer).zone().clone(),
    };
    Ok(Row { received: Moment::new(mail.received, &zone), mail })
}

const ROWS: u32 = 100;
/// Characters of a mail that a page shows; the rest is in its file.
const RAW_CHARACTERS_MAX: usize = 30_000;
/// What takes longer to read is not explained.
const READING_MAX: Duration = Duration::from_secs(8);
