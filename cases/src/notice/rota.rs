//! Who is on duty, and when nobody is.
//!
//! A wall time that comes twice begins a duty the first time and ends one the second time, so that nobody is missing in the hour
//! that comes twice; one that is left out is the moment of the change (E-5).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use rules::Timestamp;
use serde::Deserialize;
use toml::Spanned;

use crate::calendar::{Reader, instant};

/// People who take turns.
#[derive(Clone, Debug)]
pub struct Rota {
    /// Whose wall time.
    pub zone: TimeZone,
    /// When the first of `people` begins.
    pub start: DateTime,
    /// When it ends; `None` for never.
    pub until: Option<DateTime>,
    /// So many weeks each.
    pub weeks: i64,
    /// In order; they begin anew after the last.
    pub people: Vec<String>,
    /// People who learn: they are told what the others are, and nobody counts on them. In turns as well.
    pub shadow: Vec<String>,
    /// Exceptions, the later winning.
    pub overrides: Vec<Override>,
    /// Whether who hands over has to say what the next one should know.
    pub needs_note: bool,
}

/// Somebody else, or nobody, for a time.
#[derive(Clone, Debug)]
pub struct Override {
    /// From when, on the wall.
    pub from: DateTime,
    /// Until when.
    pub to: DateTime,
    /// Who; `None` for nobody.
    pub person: Option<String>,
}

/// A stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// Who has it; nobody when it is empty. Two while one hands over in an hour that comes twice.
    pub people: Vec<String>,
    /// Who learns.
    pub shadow: Vec<String>,
}

impl Rota {
    /// Who is on duty at `at`, and who learns.
    pub fn on_duty(&self, at: Timestamp) -> (Vec<String>, Vec<String>) {
        if let Some(exception) = self.overrides.iter().rev().find(|it| self.holds(it.from, it.to, at)) {
            return (exception.person.iter().cloned().collect(), Vec::new());
        }
        let Some(turn) = self.turn(at) else { return (Vec::new(), Vec::new()) };
        // The turn before lasts until the second time that the hand-over shows on the wall.
        let mut people = Vec::new();
        for turn in [turn - 1, turn, turn + 1] {
            let (from, to) = (self.turn_start(turn), self.turn_start(turn + 1));
            let to = to.zip(self.until).map(|(to, until)| to.min(until)).or(to);
            if let (true, Some(from), Some(to)) = (turn >= 0, from, to)
                && self.holds(from, to, at)
            {
                people.extend(of_turn(&self.people, turn));
            }
        }
        people.dedup();
        let shadow = if people.is_empty() { Vec::new() } else { of_turn(&self.shadow, turn).collect() };
        (people, shadow)
    }

    /// Duties from `from` to `to`, stretch by stretch.
    pub fn duties(&self, from: Timestamp, to: Timestamp) -> Vec<Duty> {
        let mut edges = vec![from];
        let walls = self.overrides.iter().flat_map(|it| [it.from, it.to]).chain(self.until);
        let mut walls: Vec<DateTime> = walls.chain([self.start]).collect();
        let first = self.turn(from).unwrap_or(0).max(0);
        walls.extend(
            (first..first + TURNS_MAX)
                .map_while(|turn| self.turn_start(turn))
                .take_while(|wall| self.moment(*wall, Edge::First).is_some_and(|at| at <= to)),
        );
        for wall in walls {
            edges.extend([Edge::First, Edge::Last].into_iter().filter_map(|edge| self.moment(wall, edge)));
        }
        edges.retain(|at| (from..to).contains(at));
        edges.sort_unstable();
        edges.dedup();
        let mut duties: Vec<Duty> = Vec::new();
        for (place, at) in edges.iter().enumerate() {
            let (people, shadow) = self.on_duty(*at);
            let end = edges.get(place + 1).copied().unwrap_or(to);
            match duties.last_mut().filter(|duty| duty.people == people && duty.shadow == shadow) {
                Some(duty) => duty.to = end,
                None => duties.push(Duty { from: *at, to: end, people, shadow }),
            }
        }
        duties
    }

    /// When nobody is on duty within `micros` from `now`.
    pub fn gaps(&self, now: Timestamp, micros: i64) -> Vec<Duty> {
        let mut gaps = self.duties(now, now.plus_micros(micros));
        gaps.retain(|duty| duty.people.is_empty());
        gaps
    }

    /// `at` on the wall of whoever takes turns, with the day.
    pub fn wall_words(&self, at: Timestamp) -> String {
        instant(at).to_zoned(self.zone.clone()).strftime("%a %-d %b %Y %H:%M %Z").to_string()
    }

    fn holds(&self, from: DateTime, to: DateTime, at: Timestamp) -> bool {
        let (from, to) = (self.moment(from, Edge::First), self.moment(to, Edge::Last));
        from.is_some_and(|from| from <= at) && to.is_some_and(|to| at < to)
    }

    /// Which turn it is by the wall; `None` before the first and after the last.
    fn turn(&self, at: Timestamp) -> Option<i64> {
        let wall = self.zone.to_datetime(instant(at));
        if self.until.is_some_and(|until| self.moment(until, Edge::Last).is_some_and(|until| at >= until)) {
            return None;
        }
        let days = i64::from(self.start.date().until(wall.date()).ok()?.get_days());
        let is_before = wall.time() < self.start.time();
        let turn = (days - i64::from(is_before)).div_euclid(7 * self.weeks);
        (turn >= 0).then_some(turn)
    }

    fn turn_start(&self, turn: i64) -> Option<DateTime> {
        self.start.checked_add(jiff::Span::new().try_days(turn * 7 * self.weeks).ok()?).ok()
    }

    fn moment(&self, wall: DateTime, edge: Edge) -> Option<Timestamp> {
        let at = match (self.zone.to_ambiguous_timestamp(wall).offset(), edge) {
            (AmbiguousOffset::Unambiguous { offset }, _) => offset.to_timestamp(wall).ok()?,
            (AmbiguousOffset::Fold { before, .. }, Edge::First) => before.to_timestamp(wall).ok()?,
            (AmbiguousOffset::Fold { after, .. }, Edge::Last) => after.to_timestamp(wall).ok()?,
            (AmbiguousOffset::Gap { after, .. }, _) => {
                self.zone.following(after.to_timestamp(wall).ok()?).next()?.timestamp()
            }
        };
        Some(Timestamp(at.as_microsecond()))
    }
}

#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
}

fn of_turn(people: &[String], turn: i64) -> impl Iterator<Item = String> {
    let count = i64::try_from(people.len()).unwrap_or(1).max(1);
    let place = usize::try_from(turn.rem_euclid(count)).unwrap_or_default();
    people.get(place).cloned().into_iter()
}

/// `[rota.NAME]` as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RotaText {
    tz: Spanned<String>,
    start: Spanned<String>,
    until: Option<Spanned<String>>,
    weeks: Option<Spanned<i64>>,
    people: Vec<Spanned<String>>,
    #[serde(default)]
    shadow: Vec<Spanned<String>>,
    #[serde(default, rename = "override")]
    overrides: Vec<OverrideText>,
    handover_note: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideText {
    from: Spanned<String>,
    to: Spanned<String>,
    person: Option<Spanned<String>>,
}

impl RotaText {
    pub(super) fn read(
        self,
        name: &str,
        reader: &mut Reader<'_>,
        is_person: &dyn Fn(&str) -> bool,
    ) -> Option<Rota> {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(self.tz.get_ref()).ok();
        if zone.is_none() {
            reader.mistake(self.tz.span(), format!("no time zone {:?}", self.tz.get_ref()));
        }
        if self.people.is_empty() {
            reader.mistake(self.tz.span(), format!("rota {name:?} has no people"));
        }
        let of_overrides = self.overrides.iter().filter_map(|it| it.person.as_ref());
        for person in self.people.iter().chain(&self.shadow).chain(of_overrides) {
            if !is_person(person.get_ref()) {
                reader.mistake(person.span(), format!("no person {:?}", person.get_ref()));
            }
        }
        let weeks = self.weeks.as_ref().map_or(1, |weeks| *weeks.get_ref());
        if !(1..=52).contains(&weeks) {
            reader.mistake(
                self.weeks.as_ref().map_or(0..0, Spanned::span),
                format!("{weeks} weeks: from 1 to 52"),
            );
        }
        let start = wall(&self.start, reader);
        let until = self.until.as_ref().map(|until| wall(until, reader));
        let mut overrides = Vec::new();
        for text in self.overrides {
            let (from, to) = (wall(&text.from, reader), wall(&text.to, reader));
            if let (Some(from), Some(to)) = (from, to) {
                if from >= to {
                    reader.mistake(text.to.span(), "it ends before it begins".to_owned());
                }
                overrides.push(Override { from, to, person: text.person.map(Spanned::into_inner) });
            }
        }
        let names = |people: Vec<Spanned<String>>| people.into_iter().map(Spanned::into_inner).collect();
        Some(Rota {
            zone: zone?,
            start: start?,
            until: until.flatten(),
            weeks: weeks.clamp(1, 52),
            people: names(self.people),
            shadow: names(self.shadow),
            overrides,
            needs_note: self.handover_note.unwrap_or(true),
        })
    }
}

fn wall(text: &Spanned<String>, reader: &mut Reader<'_>) -> Option<DateTime> {
    let written = text.get_ref();
    let whole = written.parse::<DateTime>().ok();
    let wall = whole
        .filter(|_| written.contains('T'))
        .or_else(|| written.parse::<Date>().ok().map(|date| date.to_datetime(Time::midnight())));
    if wall.is_none() {
        reader.mistake(text.span(), format!("{written:?} is no wall time such as 2026-09-07T09:00"));
    }
    wall
}

/// Weeks of a rota that are looked at in one go: ten years.
const TURNS_MAX: i64 = 530;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Settings;

    fn rota(more: &str) -> Rota {
        let text = format!(
            "[person.anna]\n[person.ben]\n[person.carl]\n[rota.first]\ntz = \"America/Chicago\"\nstart = \"2026-10-25T01:30\"\n\
             people = [\"anna\", \"ben\"]\nshadow = [\"carl\"]\n{more}"
        );
        Settings::parse(&text, &[]).unwrap().rotas.remove("first").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn names(rota: &Rota, text: &str) -> String {
        rota.on_duty(at(text)).0.join("+")
    }

    #[test]
    fn e5_an_hour_that_comes_twice_begins_the_first_time_and_ends_the_second() {
        let rota = rota("");
        // Handed over at 01:30 on 1 November, which comes at 06:30Z and again at 07:30Z.
        for (when, expected) in [
            ("2026-10-25T06:29:59Z", ""),
            ("2026-10-25T06:30:00Z", "anna"),
            ("2026-11-01T06:29:59Z", "anna"),
            ("2026-11-01T06:30:00Z", "anna+ben"),
            ("2026-11-01T07:29:59Z", "anna+ben"),
            ("2026-11-01T07:30:00Z", "ben"),
            ("2026-11-08T07:29:59Z", "ben"),
            ("2026-11-08T07:30:00Z", "anna"),
        ] {
            assert_eq!(names(&rota, when), expected, "{when}");
        }
        assert_eq!(rota.on_duty(at("2026-11-03T00:00:00Z")).1, ["carl"]);
    }

    #[test]
    fn e5_a_time_that_is_left_out_is_the_moment_of_the_change() {
        let spring = rota(
            "[[rota.first.override]]\nfrom = \"2027-03-14T02:30\"\nto = \"2027-03-14T04:00\"\nperson = \"carl\"\n",
        );
        // From 01:59:59 CST to 03:00:00 CDT at 08:00Z.
        assert_ne!(names(&spring, "2027-03-14T07:59:59Z"), "carl");
        assert_eq!(names(&spring, "2027-03-14T08:00:00Z"), "carl");
        assert_ne!(names(&spring, "2027-03-14T09:00:00Z"), "carl");
    }

    #[test]
    fn e5_gaps_are_found_two_weeks_ahead_and_overrides_win() {
        let rota = rota(
            "until = \"2026-12-01T09:00\"\n[[rota.first.override]]\nfrom = \"2026-11-20T09:00\"\nto = \"2026-11-21T09:00\"\n\
             [[rota.first.override]]\nfrom = \"2026-11-20T12:00\"\nto = \"2026-11-20T13:00\"\nperson = \"carl\"\n",
        );
        let day = 24 * 3_600_000_000;
        let gaps = rota.gaps(at("2026-11-10T00:00:00Z"), 14 * day);
        let shown: Vec<_> = gaps.iter().map(|gap| (gap.from, gap.to)).collect();
        assert_eq!(
            shown,
            [
                (at("2026-11-20T15:00:00Z"), at("2026-11-20T18:00:00Z")),
                (at("2026-11-20T19:00:00Z"), at("2026-11-21T15:00:00Z"))
            ]
        );
        assert_eq!(rota.gaps(at("2026-11-22T00:00:00Z"), 14 * day)[0].from, at("2026-12-01T15:00:00Z"));
    }
}
