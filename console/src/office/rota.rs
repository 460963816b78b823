//! Who is on duty, when nobody is, what they leave to each other (E-5), and who of them is awake (E-6).

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use cases::notice::{
    AWAKE_HOURS, AWAKE_HOURS_MAX, Awake, Duty, HandOver, Member, NOTE_CHARACTERS_MAX, Notes, Rota, Settings,
    hand_overs, spoken_of,
};
use rules::Timestamp;
use serde::Deserialize;

use super::hours::special;
use crate::Service;
use crate::access::{Viewer, told_at};
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
    /// Whoever looks, where they are one of the desk's people.
    own: Option<Own>,
}

/// What somebody says of themselves.
struct Own {
    awake_until: Option<Moment>,
    hours: i64,
    hours_max: i64,
}

struct RotaShown {
    name: String,
    zone: String,
    now: Vec<OnDuty>,
    learns: Vec<String>,
    duties: Vec<DutyShown>,
    gaps: Vec<DutyShown>,
    hand_overs: Vec<HandOverShown>,
    /// What whoever looks may say something for.
    next: Option<HandOverShown>,
    note_characters: usize,
}

struct OnDuty {
    who: String,
    ways: String,
    awake_until: Option<Moment>,
}

struct HandOverShown {
    at: Moment,
    from: String,
    to: String,
    /// Who said what, when.
    notes: Vec<(String, Moment, String)>,
    is_over: bool,
    is_owed: bool,
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
    let desk = book.store().await?.desk();
    // The one that is spoken of may be as far away as a turn is long; notes for it are of those who look at the page.
    let notes = desk.notes(now.plus_micros(-AHEAD_MICROS), Timestamp(i64::MAX)).await?;
    let awake = desk.awake(now).await?;
    let seen = Seen { settings: &settings, notes: &notes, awake: &awake, who: &viewer.who, now };
    let rotas = settings.rotas.iter().map(|(name, rota)| RotaShown::new(name, rota, &seen)).collect();
    let holidays = book.service().calendars().map(|calendar| Holidays {
        calendar: calendar.name().to_owned(),
        days: special(calendar, calendar.date(now), HOLIDAY_DAYS),
    });
    let holidays = holidays.collect();
    let managers = settings.people.iter().filter(|(_, member)| member.is_duty_manager);
    let managers = managers.map(|(name, member)| (called(name, &settings), reached(member))).collect();
    let zone = book.service().calendar().zone();
    let own = settings.people.contains_key(&viewer.who).then(|| Own {
        awake_until: awake.get(&viewer.who).map(|it| Moment::new(it.until, zone)),
        hours: AWAKE_HOURS,
        hours_max: AWAKE_HOURS_MAX,
    });
    let shell = Shell::of(&service, Some(&viewer), "Rota");
    Ok(shell::page(&Page { shell, rotas, holidays, managers, own }))
}

/// What somebody leaves to whoever comes on duty.
#[derive(Deserialize)]
pub(crate) struct Said {
    rota: String,
    note: String,
}

pub(crate) async fn hand_over(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Said>,
) -> Result<Response, Failure> {
    let settings = ask(&service.questions.office.channels, ()).await?.settings;
    let (book, now) = (service.book()?, (service.now)());
    let desk = book.store().await?.desk();
    let of = desk.hand_over(&settings, &form.rota, &form.note, book.done(&viewer.who, now)).await?;
    let to = names(&of.to, &settings);
    let text =
        if of.at > now { format!("{to} is told when duty begins.") } else { format!("{to} is told now.") };
    Ok(told_at("/rota", &text))
}

/// For how long somebody is awake.
#[derive(Deserialize)]
pub(crate) struct Up {
    hours: i64,
}

pub(crate) async fn awake(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Form(form): Form<Up>,
) -> Result<Response, Failure> {
    let settings = ask(&service.questions.office.channels, ()).await?.settings;
    if !settings.people.contains_key(&viewer.who) {
        return Err(Failure::Refused(format!("{} is nobody whom notices go to", viewer.who)));
    }
    let (book, now) = (service.book()?, (service.now)());
    let until = now.plus_micros(form.hours.clamp(0, AWAKE_HOURS_MAX + 1) * HOUR_MICROS);
    book.store().await?.desk().wake(until, book.done(&viewer.who, now)).await?;
    Ok(told_at("/rota", "What would ring comes in one thread, and rings when nobody acts."))
}

pub(crate) async fn asleep(State(service): State<Arc<Service>>, viewer: Viewer) -> Result<Response, Failure> {
    let book = service.book()?;
    book.store().await?.desk().rest(book.done(&viewer.who, (service.now)())).await?;
    Ok(told_at("/rota", "What comes rings again."))
}

/// What rotas are shown by.
struct Seen<'a> {
    settings: &'a Settings,
    notes: &'a Notes,
    awake: &'a BTreeMap<String, Awake>,
    /// Who looks.
    who: &'a str,
    now: Timestamp,
}

impl RotaShown {
    fn new(name: &str, rota: &Rota, seen: &Seen<'_>) -> Self {
        let Seen { settings, notes, awake, who, now } = *seen;
        let (people, shadow) = rota.on_duty(now);
        let of = |name: &String| OnDuty {
            who: called(name, settings),
            ways: settings.people.get(name).map(reached).unwrap_or_default(),
            awake_until: awake.get(name).map(|it| Moment::new(it.until, &rota.zone)),
        };
        let shown = |duty: Duty| DutyShown {
            from: Moment::new(duty.from, &rota.zone),
            to: Moment::new(duty.to, &rota.zone),
            long: span(duty.to.micros_since(duty.from)),
            who: names(&duty.people, settings),
            learns: names(&duty.shadow, settings),
            is_now: duty.from <= now && now < duty.to,
        };
        let handed = |it: HandOver| HandOverShown {
            at: Moment::new(it.at, &rota.zone),
            from: names(&it.from, settings),
            to: names(&it.to, settings),
            is_over: it.at <= now,
            is_owed: rota.needs_note,
            notes: it
                .notes
                .into_iter()
                .map(|note| (called(&note.by, settings), Moment::new(note.at, &rota.zone), note.text))
                .collect(),
        };
        let all = hand_overs(settings, notes, now.plus_micros(-AHEAD_MICROS), now.plus_micros(AHEAD_MICROS));
        Self {
            name: name.to_owned(),
            zone: rota.zone.iana_name().unwrap_or("UTC").to_owned(),
            now: people.iter().map(of).collect(),
            learns: shadow.iter().map(|it| called(it, settings)).collect(),
            duties: rota.duties(now, now.plus_micros(AHEAD_MICROS)).into_iter().map(shown).collect(),
            gaps: rota.gaps(now, AHEAD_MICROS).into_iter().map(shown).collect(),
            hand_overs: all.into_iter().filter(|it| it.rota == name).map(handed).collect(),
            next: spoken_of(settings, notes, (name, who), now).ok().map(handed),
            note_characters: NOTE_CHARACTERS_MAX,
        }
    }
}

fn names(all: &[String], settings: &Settings) -> String {
    all.iter().map(|it| called(it, settings)).collect::<Vec<_>>().join(", ")
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

const HOUR_MICROS: i64 = 3_600 * 1_000_000;
/// Two weeks are looked ahead, and back.
const AHEAD_MICROS: i64 = 14 * 24 * HOUR_MICROS;
const HOLIDAY_DAYS: i64 = 92;
