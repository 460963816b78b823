//! Reads a story: a day, events in order, and what is expected of them. fixtures/detections/README.md has the language.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// A story, ready to be sent.
pub(super) struct Story {
    pub zone: TimeZone,
    pub events: Vec<Event>,
    /// Each with its line.
    pub expectations: Vec<(usize, Expectation)>,
}

/// One call or request.
#[derive(Debug)]
pub(super) struct Event {
    pub line: usize,
    /// Microseconds since 1970.
    pub at: i64,
    pub who: String,
    /// Where it comes from, if the story says so.
    pub from: Option<IpAddr>,
    pub method: String,
    pub whom: String,
    /// What happens to it, step by step.
    pub course: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Expectation {
    /// A detection rings; `None` is the story's own.
    Rings { detection: Option<String>, critical: bool, calls_max: Option<usize>, micros_max: Option<i64> },
    /// The last event is refused, or none is.
    Blocked(bool),
    /// Nothing rings but these, and nothing is refused.
    Nothing { but: Vec<String> },
}

impl Story {
    /// Reads `text`; a line that is not understood ends the test.
    pub(super) fn parse(text: &str) -> Self {
        let mut story = Self { zone: TimeZone::UTC, events: Vec::new(), expectations: Vec::new() };
        let mut day = None;
        for (index, line) in text.lines().enumerate() {
            let (number, line) = (index + 1, line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let understood = if let Some(header) = line.strip_prefix("day ") {
                day = read_day(header);
                day.as_ref().map(|(_, zone)| story.zone = zone.clone())
            } else if let Some(expected) = line.strip_prefix("expect ") {
                read_expectation(expected).map(|expected| story.expectations.push((number, expected)))
            } else {
                let day = day.as_ref().unwrap_or_else(|| panic!("line {number}: no day yet"));
                read_events(line, number, day).map(|events| story.events.extend(events))
            };
            assert!(understood.is_some(), "line {number} is not understood: {line}");
        }
        assert!(!story.events.is_empty() && !story.expectations.is_empty(), "a story without events or end");
        story
    }
}

fn read_day(text: &str) -> Option<(Date, TimeZone)> {
    let (date, zone) = text.split_once(" in ")?;
    Some((date.parse().ok()?, TimeZone::get(zone).ok()?))
}

fn read_expectation(text: &str) -> Option<Expectation> {
    match text {
        "block" => return Some(Expectation::Blocked(true)),
        "no block" => return Some(Expectation::Blocked(false)),
        "nothing" => return Some(Expectation::Nothing { but: Vec::new() }),
        _ => {}
    }
    if let Some(names) = text.strip_prefix("nothing but ") {
        return Some(Expectation::Nothing { but: names.split(", ").map(str::to_owned).collect() });
    }
    let mut words = text.split(' ').peekable();
    let detection = words.next_if(|word| !matches!(*word, "warning" | "critical")).map(str::to_owned);
    let critical = words.next()? == "critical";
    let (mut calls_max, mut micros_max) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "within" => calls_max = Some(words.next()?.parse().ok()?),
            "before" => micros_max = Some(duration(words.next()?)?),
            "calls" | "call" => {}
            _ => return None,
        }
    }
    Some(Expectation::Rings { detection, critical, calls_max, micros_max })
}

/// `at [day N] CLOCK[, every TIME x COUNT]: WHO [from ADDRESS] DOES [WHOM][: COURSE]`
fn read_events(line: &str, number: usize, (date, zone): &(Date, TimeZone)) -> Option<Vec<Event>> {
    let (when, what) = line.strip_prefix("at ")?.split_once(": ")?;
    let (clock, pace) = when.split_once(", every ").unwrap_or((when, "0s x 1"));
    let (step, count) = pace.split_once(" x ")?;
    let (step, count) = (duration(step)?, count.parse::<usize>().ok()?);
    let (day, clock) = clock.strip_prefix("day ").map_or(Some(("1", clock)), |rest| rest.split_once(' '))?;
    let date = date.checked_add(jiff::Span::new().days(day.parse::<i64>().ok()? - 1)).ok()?;
    let start: Timestamp = zone.to_timestamp(date.to_datetime(clock.parse::<Time>().ok()?)).ok()?;
    (0..count)
        .map(|index| {
            let at = start.as_microsecond() + step * index as i64;
            read_event(&expand(what, index)?, number, at)
        })
        .collect()
}

fn read_event(text: &str, line: usize, at: i64) -> Option<Event> {
    let (deed, course) = text.split_once(": ").unwrap_or((text, ""));
    let (who, method, whom) = if let Some((who, whom)) = deed.split_once(" calls ") {
        (who, "INVITE", whom)
    } else if let Some(who) = deed.strip_suffix(" registers") {
        (who, "REGISTER", who.split(" from ").next()?)
    } else {
        let (who, rest) = deed.split_once(" sends ")?;
        let (method, whom) = rest.split_once(" to ")?;
        (who, method, whom)
    };
    let (who, from) = match who.split_once(" from ") {
        Some((who, address)) => (who, Some(address.parse().ok()?)),
        None => (who, None),
    };
    let course = course.split(", ").filter(|step| !step.is_empty()).map(str::to_owned).collect();
    Some(Event { line, at, who: name(who), from, method: method.to_owned(), whom: name(whom), course })
}

/// A number without its spaces, an extension without its word, another name as it is.
pub(super) fn name(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('+') {
        text.replace(' ', "")
    } else {
        text.trim_start_matches("extension ").to_owned()
    }
}

/// Braces give the `index`-th of what stands in them, from the front again after the last: `{00..39}`, `{07,12}`, both.
fn expand(text: &str, index: usize) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (items, behind) = behind.split_once('}')?;
        let mut choices = Vec::new();
        for item in items.split(',') {
            match item.split_once("..") {
                Some((first, last)) => {
                    let width = first.len();
                    let range = first.parse::<u32>().ok()?..=last.parse().ok()?;
                    choices.extend(range.map(|value| format!("{value:0width$}")));
                }
                None => choices.push(item.to_owned()),
            }
        }
        out += before;
        out += choices.get(index % choices.len())?;
        rest = behind;
    }
    Some(out + rest)
}

/// Microseconds of `300ms`, `1.5s`, `4m`, `2h`.
pub(super) fn duration(text: &str) -> Option<i64> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (value, unit) = text.split_at(unit);
    let micros = match unit {
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        "h" => 3_600e6,
        _ => return None,
    };
    Some((value.parse::<f64>().ok()? * micros) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stands_for_as_many_events_as_it_says() {
        let story = Story::parse(
            "day 2026-10-13 in America/Chicago\n\
             at day 2 09:00, every 2s x 3: +1 212 555 01{08..10} from 203.0.113.9 calls +1 210 555 01{07,12}: rings 4s, busy\n\
             expect critical within 3 calls before 1.5m\n",
        );
        let told: Vec<_> =
            story.events.iter().map(|event| (event.who.as_str(), event.whom.as_str())).collect();
        assert_eq!(
            told,
            [
                ("+12125550108", "+12105550107"),
                ("+12125550109", "+12105550112"),
                ("+12125550110", "+12105550107")
            ]
        );
        // 09:00 in Chicago is 14:00 UTC while summer time lasts.
        assert_eq!(story.events[2].at, 1_791_986_404_000_000);
        assert_eq!(story.events[0].course, ["rings 4s", "busy"]);
        assert_eq!(story.events[0].from, Some("203.0.113.9".parse().unwrap()));
        let Expectation::Rings { detection: None, critical: true, calls_max, micros_max } =
            story.expectations[0].1
        else {
            panic!("{:?}", story.expectations)
        };
        assert_eq!((calls_max, micros_max), (Some(3), Some(90_000_000)));
    }
}
