//! Who is on duty, and when nobody is (E-5).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use cases::notice::{Duty, Member, Rota, Settings};
use rules::Timestamp;

use super::hours::special;
use crate::Service;
use crate::access::Viewer;
use crate::failure::Failure;
use crate::question::ask;
use crate::shell::{self, Shell};
use crate::text::{Moment, span};

#[derive(Template)]
#[template(path = "office_rota.html")]
struct Page<'a> {
    shell: Shell<'a>,
    rotas: Vec<RotaShown>,
    holidays: Vec<Holidays>,
    managers: Vec<(String, String)>,
}

struct RotaShown {
    name: String,
    zone: String,
    now: Vec<(String, String)>,
    learns: Vec<String>,
    duties: Vec<DutyShown>,
    gaps: Vec<DutyShown>,
}

struct DutyShown {
    from: Moment,
    to: Moment,
    long: String,
    who: String,
    learns: String,
    is_now: bool,
}

struct Holidays {
    calendar: String,
    days: Vec<(String, &'static str)>,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let settings = ask(&service.questions.office.channels, ()).await?.settings;
    let (book, now) = (service.book()?, (service.now)());
    let rotas =
        settings.rotas.iter().map(|(name, rota)| RotaShown::new(name, rota, &settings, now)).collect();
    let holidays = book.service().calendars().map(|calendar| Holidays {
        calendar: calendar.name().to_owned(),
        days: special(calendar, calendar.date(now), HOLIDAY_DAYS),
    });
    let holidays = holidays.collect();
    let managers = settings.people.iter().filter(|(_, member)| member.is_duty_manager);
    let managers = managers.map(|(name, member)| (called(name, &settings), reached(member))).collect();
    let shell = Shell::of(&service, Some(&viewer), "Rota");
    Ok(shell::page(&Page { shell, rotas, holidays, managers }))
}

impl RotaShown {
    fn new(name: &str, rota: &Rota, settings: &Settings, now: Timestamp) -> Self {
        let (people, shadow) = rota.on_duty(now);
        let of = |name: &String| {
            let ways = settings.people.get(name).map(reached).unwrap_or_default();
            (called(name, settings), ways)
        };
        let shown = |duty: Duty| {
            let names =
                |all: &[String]| all.iter().map(|it| called(it, settings)).collect::<Vec<_>>().join(", ");
            DutyShown {
                from: Moment::new(duty.from, &rota.zone),
                to: Moment::new(duty.to, &rota.zone),
                long: span(duty.to.micros_since(duty.from)),
                who: names(&duty.people),
                learns: names(&duty.shadow),
                is_now: duty.from <= now && now < duty.to,
            }
        };
        Self {
            name: name.to_owned(),
            zone: rota.zone.iana_name().unwrap_or("UTC").to_owned(),
            now: people.iter().map(of).collect(),
            learns: shadow.iter().map(|it| called(it, settings)).collect(),
            duties: rota.duties(now, now.plus_micros(AHEAD_MICROS)).into_iter().map(shown).collect(),
            gaps: rota.gaps(now, AHEAD_MICROS).into_iter().map(shown).collect(),
        }
    }
}

/// What somebody of the desk is called: their name, and what the file calls them where that is something else.
fn called(name: &str, settings: &Settings) -> String {
    match settings.people.get(name) {
        Some(member) if !member.name.is_empty() && member.name != name => format!("{} ({name})", member.name),
        _ => name.to_owned(),
    }
}

/// How somebody is reached.
pub(super) fn reached(member: &Member) -> String {
    let ways = [member.phone.as_ref(), member.mail.as_ref(), member.chat.as_ref()];
    let ways: Vec<&str> = ways.into_iter().flatten().map(String::as_str).collect();
    if ways.is_empty() { "no address, no number".to_owned() } else { ways.join(", ") }
}

/// Two weeks are looked ahead.
const AHEAD_MICROS: i64 = 14 * 24 * 3_600 * 1_000_000;
const HOLIDAY_DAYS: i64 = 92;
