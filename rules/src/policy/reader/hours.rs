//! `[hours.NAME]`: opening hours and closed days.

use jiff::civil::Date;
use toml::de::DeValue;

use super::Reader;
use super::fields::{Fields, Node};
use super::nearest::nearest;
use super::times;
use crate::policy::{Code, Hours, HoursId, Span, TimeTerm, WeekSet};

impl Reader<'_> {
    pub(super) fn read_hours(&mut self, node: Node<'_>) {
        let Some(tables) = Fields::of(node) else {
            self.wrong_type(node, "`hours` holds one table per name");
            return;
        };
        for entry in tables.entries() {
            self.check_name(entry.key, &entry.key_span, "hours");
            let (week, closed) = self.read_week(entry.value).unwrap_or((WeekSet::EMPTY, Vec::new()));
            self.hours.push(Hours { name: entry.key.to_owned(), week, closed });
            self.hours_spans.push(entry.key_span.clone());
        }
    }

    fn read_week(&mut self, node: Node<'_>) -> Option<(WeekSet, Vec<Date>)> {
        let fields = self.fields(node, "hours", &["days", "open", "closed"])?;
        self.required(&fields, "open", "hours");
        let mut days = [false; 7];
        for (text, span) in self.optional_texts(&fields, "days") {
            match times::days(text) {
                Some(found) => days.iter_mut().zip(found).for_each(|(day, found)| *day |= found),
                None => self.bad_time(text, span, "days are Mon-Fri, or Mon,Wed,Fri, or daily"),
            }
        }
        if fields.get("days").is_none() {
            days = [true; 7];
        }
        let mut week = WeekSet::EMPTY;
        let mut ranges: Vec<(usize, usize, Span)> = Vec::new();
        for (text, span) in self.optional_texts(&fields, "open") {
            let Some((from, to)) = times::clock_range(text) else {
                self.bad_time(text, span, "hours are 08:00-17:00");
                continue;
            };
            let end = if to > from { to } else { to + 1440 };
            if let Some((_, _, other)) = ranges.iter().find(|(low, high, _)| from < *high && *low < end) {
                let other = other.clone();
                self.report(Code::OverlappingHours, span.clone(), format!("`{text}` overlaps other hours"))
                    .related(other, "these");
            }
            ranges.push((from, end, span));
            for (weekday, _) in days.iter().enumerate().filter(|(_, on)| **on) {
                week.add(weekday, from, to);
            }
        }
        let closed = fields.get("closed").map(|node| self.dates(node)).unwrap_or_default();
        Some((week, closed))
    }

    fn dates(&mut self, node: Node<'_>) -> Vec<Date> {
        let one = [node];
        let items: Vec<Node<'_>> = match node.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => one.to_vec(),
        };
        let mut dates = Vec::new();
        for item in items {
            let text = match item.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Datetime(date) => date.to_string(),
                _ => {
                    self.wrong_type(item, "`closed` is a date or an array of dates");
                    continue;
                }
            };
            match text.trim().parse::<Date>() {
                Ok(date) if text.trim().len() == 10 => dates.push(date),
                _ => {
                    self.report(Code::BadDate, item.span(), format!("`{text}` is no date"))
                        .help("write 2026-12-24");
                }
            }
        }
        dates
    }

    /// `inside NAME`, `outside NAME`, or a time of the week.
    pub(super) fn time_term(&mut self, text: &str, span: &Span) -> Option<TimeTerm> {
        let text = text.trim();
        if let Some(name) = text.strip_prefix("inside ") {
            return self.hours_of(name.trim(), span).map(TimeTerm::Inside);
        }
        if let Some(name) = text.strip_prefix("outside ") {
            return self.hours_of(name.trim(), span).map(TimeTerm::Outside);
        }
        if let Some(week) = times::weekly(text) {
            return Some(TimeTerm::Weekly(Box::new(week)));
        }
        let help = if let Some(index) = self.hours.iter().position(|hours| hours.name == text) {
            self.used_hours.insert(HoursId(index as u32));
            format!("write \"inside {text}\" or \"outside {text}\"")
        } else {
            "a time is inside NAME, outside NAME, or Mon-Fri 18:00-06:00".to_owned()
        };
        self.bad_time(text, span.clone(), &help);
        None
    }

    fn hours_of(&mut self, name: &str, span: &Span) -> Option<HoursId> {
        let Some(index) = self.hours.iter().position(|hours| hours.name == name) else {
            let help = match nearest(name, self.hours.iter().map(|hours| hours.name.as_str())) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if times::weekly(name).is_some() => IN_PLACE_HELP.to_owned(),
                None => {
                    "define them: [hours.NAME] with days = \"Mon-Fri\", open = \"08:00-17:00\"".to_owned()
                }
            };
            self.report(Code::UnknownHours, span.clone(), format!("no hours are named `{name}`")).help(help);
            return None;
        };
        let id = HoursId(index as u32);
        self.used_hours.insert(id);
        Some(id)
    }

    fn bad_time(&mut self, text: &str, span: Span, help: &str) {
        self.report(Code::BadTime, span, format!("`{text}` is no time of the week")).help(help);
    }
}

const IN_PLACE_HELP: &str = "define [hours.NAME] with `days` and `open`, and write \"inside NAME\" or \"outside NAME\"; \
    or write the plain time in which the rule holds";
