//! Days and periods as people write them, read against the day the mail came (P-2).

use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::words::words;

/// Days from the first to the last, both whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub first: Date,
    /// The last day, to its 24:00.
    pub last: Date,
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", plainly(self.first), plainly(self.last))
    }
}

/// A day that nobody reads as another: `2026-03-04 (4 March)`.
pub fn plainly(date: Date) -> String {
    format!("{date} ({} {})", date.day(), month_name(date))
}

fn month_name(date: Date) -> &'static str {
    usize::try_from(date.month() - 1).ok().and_then(|index| NAMES.get(index)).copied().unwrap_or_default()
}

/// What `3/4/2026` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    MonthFirst,
    DayFirst,
}

impl Order {
    /// As it is usual in an ISO region.
    pub(super) fn of_region(region: &str) -> Self {
        if ["US", "PR", "VI", "GU", "AS", "MP", "PH"].contains(&region) {
            Self::MonthFirst
        } else {
            Self::DayFirst
        }
    }
}

/// The period that `text` names, when it names one.
pub(super) fn period(text: &str, today: Date, order: Order) -> Option<Period> {
    let text = text.chars().take(TEXT_CHARACTERS_MAX).collect::<String>().to_lowercase();
    // A day that no calendar has is asked about, not left out.
    if pieces(&text).any(|piece| is_shaped(piece) && numeric(piece, order).is_none()) {
        return None;
    }
    let words = words(&text);
    let dates = dates(&text, today, order);
    match dates.as_slice() {
        [] => relative(&words, today),
        [only] => {
            let is_open = SINCE.iter().any(|it| words.iter().any(|word| word == it));
            Some(Period { first: *only, last: if is_open { today } else { *only } })
        }
        [first, last, ..] => Some(Period { first: *first, last: *last }),
    }
}

/// Every day that `text` names, from the left.
pub(super) fn dates(text: &str, today: Date, order: Order) -> Vec<Date> {
    let text = text.to_lowercase();
    let pieces: Vec<&str> = pieces(&text).collect();
    let mut found = Vec::new();
    let mut rest = pieces.as_slice();
    while let [piece, behind @ ..] = rest {
        let (date, taken) = match numeric(piece, order) {
            Some(date) => (Some(date), 1),
            None => spelt(rest, today),
        };
        if let Some(date) = date {
            found.push(date);
        }
        rest = if taken > 1 { rest.get(taken..).unwrap_or_default() } else { behind };
    }
    found
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let parts =
        |it: char| it.is_whitespace() || matches!(it, ',' | ';' | '(' | ')' | '"' | '–' | '—' | '[' | ']');
    text.split(parts).map(|it| it.trim_matches(['.', ':', '\'', '*', '-'])).filter(|it| !it.is_empty())
}

/// Whether `piece` is written as a day with its year, whether or not there is such a day.
fn is_shaped(piece: &str) -> bool {
    ['-', '/', '.'].into_iter().any(|separator| {
        let groups: Vec<&str> = piece.split(separator).collect();
        let digits = groups.iter().all(|it| it.bytes().all(|it| it.is_ascii_digit()));
        digits
            && matches!(
                groups.iter().map(|it| it.len()).collect::<Vec<_>>().as_slice(),
                [1..=2, 1..=2, 4] | [4, 1..=2, 1..=2]
            )
    })
}

/// `2026-10-05`, `10/5/2026`, `05.10.2026`.
fn numeric(piece: &str, order: Order) -> Option<Date> {
    let separator = piece.chars().find(|it| !it.is_ascii_digit())?;
    let mut parts = piece.split(separator);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !matches!(separator, '-' | '/' | '.') {
        return None;
    }
    let number = |text: &str| text.parse::<i16>().ok().filter(|_| text.len() <= 4);
    let (x, y, z) = (number(a)?, number(b)?, number(c)?);
    let (year, month, day) = match (a.len(), order) {
        (4, _) => (x, y, z),
        _ if separator == '.' => (z, y, x),
        (_, Order::MonthFirst) if y > 12 || x <= 12 => (z, x, y),
        (_, Order::MonthFirst) => (z, y, x),
        (_, Order::DayFirst) if y > 12 => (z, x, y),
        (_, Order::DayFirst) => (z, y, x),
    };
    let year = if (0..100).contains(&year) && a.len() != 4 && c.len() == 2 { year + 2000 } else { year };
    date(year, month, day)
}

fn date(year: i16, month: i16, day: i16) -> Option<Date> {
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(year, month, day).ok().filter(|_| (2000..2100).contains(&year))
}

/// `4 March 2026`, `March 4th, 2026`, `4 de marzo de 2026`; without a year the last such day that has been. And how many
/// words it took.
fn spelt(pieces: &[&str], today: Date) -> (Option<Date>, usize) {
    let useful: Vec<(usize, &str)> = pieces
        .iter()
        .enumerate()
        .take(6)
        .filter(|(_, it)| !matches!(**it, "de" | "del" | "of" | "the"))
        .map(|(at, it)| (at, *it))
        .collect();
    let day_of = |text: &str| {
        let digits =
            text.trim_end_matches("st").trim_end_matches("nd").trim_end_matches("rd").trim_end_matches("th");
        digits.parse::<i16>().ok().filter(|it| (1..=31).contains(it) && digits.len() <= 2)
    };
    let (Some((first_at, first)), Some((second_at, second))) = (useful.first(), useful.get(1)) else {
        return (None, 1);
    };
    if *first_at != 0 {
        return (None, 1);
    }
    let (day, month) = match (day_of(first), month(second), month(first), day_of(second)) {
        (Some(day), Some(month), _, _) => (day, month),
        (_, _, Some(month), Some(day)) => (day, month),
        _ => return (None, 1),
    };
    let year = useful
        .get(2)
        .and_then(|(at, it)| Some((*at, it.parse::<i16>().ok().filter(|it| (2000..2100).contains(it))?)));
    let found = match year {
        Some((_, year)) => date(year, month, day),
        None => date(today.year(), month, day)
            .filter(|it| *it <= today)
            .or_else(|| date(today.year() - 1, month, day)),
    };
    (found, year.map_or(*second_at, |(at, _)| at) + 1)
}

/// Months, quarters, weeks, and days counted back from today.
fn relative(words: &[String], today: Date) -> Option<Period> {
    let at = |index: usize| words.get(index).map_or("", String::as_str);
    for index in 0..words.len() {
        let (word, next, third) = (at(index), at(index + 1), at(index + 2));
        let year_of = |text: &str| text.parse::<i16>().ok().filter(|it| (2000..2100).contains(it));
        let found = match (word, next) {
            ("last" | "past" | "previous", "month") | ("mes", "pasado" | "anterior") => month_before(today),
            ("this" | "current", "month") | ("este", "mes") => {
                Some(Period { first: today.first_of_month(), last: today })
            }
            ("last" | "past" | "previous", "week") | ("semana", "pasada" | "anterior") => {
                week(today.checked_sub(7.days()).ok()?)
            }
            ("this" | "current", "week") | ("esta", "semana") => {
                Some(Period { first: week(today)?.first, last: today })
            }
            ("last" | "past" | "previous", "quarter") | ("trimestre", "pasado" | "anterior") => {
                let before = quarter_of(today)?.first.yesterday().ok()?;
                quarter_of(before)
            }
            ("this" | "current", "quarter") => Some(Period { first: quarter_of(today)?.first, last: today }),
            ("last" | "past" | "previous", "year") | ("ano", "pasado") => {
                Some(Period { first: date(today.year() - 1, 1, 1)?, last: date(today.year() - 1, 12, 31)? })
            }
            ("year", "to") if third == "date" => Some(Period { first: today.first_of_year(), last: today }),
            ("last" | "past" | "previous" | "ultimos" | "ultimas", count) if count.parse::<i64>().is_ok() => {
                let count = count.parse::<i64>().ok().filter(|it| (1..=3_660).contains(it))?;
                let days = match third {
                    "days" | "day" | "dias" => count,
                    "weeks" | "week" | "semanas" => count * 7,
                    "months" | "month" | "meses" => {
                        let first = today.checked_sub(i32::try_from(count).ok()?.months()).ok()?;
                        return Some(Period { first, last: today });
                    }
                    _ => continue,
                };
                Some(Period { first: today.checked_sub((days - 1).days()).ok()?, last: today })
            }
            ("yesterday" | "ayer", _) => today.yesterday().ok().map(|day| Period { first: day, last: day }),
            ("today" | "hoy", _) => Some(Period { first: today, last: today }),
            ("week" | "semana", number) if number.parse::<i8>().is_ok() => {
                iso_week(number.parse().ok()?, year_of(third), today)
            }
            ("since" | "desde", day) => weekday(day)
                .and_then(|day| last_weekday(day, today))
                .map(|first| Period { first, last: today }),
            ("q1" | "q2" | "q3" | "q4", _) => quarter(word, year_of(next), today),
            _ => match month(word) {
                // "may" is a verb more often than a month.
                Some(number) if word != "may" || year_of(next).is_some() => {
                    whole_month(number, year_of(next), today)
                }
                _ => None,
            },
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn month_before(today: Date) -> Option<Period> {
    let last = today.first_of_month().yesterday().ok()?;
    Some(Period { first: last.first_of_month(), last })
}

/// Monday to Sunday.
fn week(day: Date) -> Option<Period> {
    let first = day.checked_sub(i64::from(day.weekday().to_monday_zero_offset()).days()).ok()?;
    Some(Period { first, last: first.checked_add(6.days()).ok()? })
}

fn iso_week(number: i8, year: Option<i16>, today: Date) -> Option<Period> {
    let of = |year: i16| {
        let first = jiff::civil::ISOWeekDate::new(year, number, Weekday::Monday).ok()?.date();
        Some(Period { first, last: first.checked_add(6.days()).ok()? })
    };
    match year {
        Some(year) => of(year),
        None => of(today.year()).filter(|it| it.first <= today).or_else(|| of(today.year() - 1)),
    }
}

fn quarter_of(day: Date) -> Option<Period> {
    let month = i16::from((day.month() - 1) / 3 * 3 + 1);
    let first = date(day.year(), month, 1)?;
    Some(Period { first, last: first.checked_add(2.months()).ok()?.last_of_month() })
}

fn quarter(name: &str, year: Option<i16>, today: Date) -> Option<Period> {
    let number: i16 = name.trim_start_matches('q').parse().ok()?;
    let of = |year| quarter_of(date(year, number * 3 - 2, 1)?);
    match year {
        Some(year) => of(year),
        None => of(today.year()).filter(|it| it.first <= today).or_else(|| of(today.year() - 1)),
    }
}

fn whole_month(number: i16, year: Option<i16>, today: Date) -> Option<Period> {
    let of = |year| date(year, number, 1).map(|first| Period { first, last: first.last_of_month() });
    match year {
        Some(year) => of(year),
        None => of(today.year()).filter(|it| it.first <= today).or_else(|| of(today.year() - 1)),
    }
}

fn last_weekday(day: Weekday, today: Date) -> Option<Date> {
    if today.weekday() == day { Some(today) } else { today.nth_weekday(-1, day).ok() }
}

/// The day of a week by its name.
pub(super) fn weekday(word: &str) -> Option<Weekday> {
    let days = [
        (Weekday::Monday, ["monday", "mondays", "mon", "lunes"]),
        (Weekday::Tuesday, ["tuesday", "tuesdays", "tue", "martes"]),
        (Weekday::Wednesday, ["wednesday", "wednesdays", "wed", "miercoles"]),
        (Weekday::Thursday, ["thursday", "thursdays", "thu", "jueves"]),
        (Weekday::Friday, ["friday", "fridays", "fri", "viernes"]),
        (Weekday::Saturday, ["saturday", "saturdays", "sat", "sabado"]),
        (Weekday::Sunday, ["sunday", "sundays", "sun", "domingo"]),
    ];
    days.iter().find(|(_, names)| names.contains(&word)).map(|(day, _)| *day)
}

/// The month by its name, from 1.
fn month(word: &str) -> Option<i16> {
    let is_named = |names: &&str| {
        let spanish = SPANISH_MONTHS.iter().position(|it| it == names);
        spanish.is_some()
    };
    let english = NAMES.iter().position(|name| {
        let name = name.to_lowercase();
        word == name || word.len() >= 3 && word.len() <= 4 && name.starts_with(word)
    });
    let at = english.or_else(|| {
        Some(word).filter(is_named).and_then(|word| SPANISH_MONTHS.iter().position(|it| *it == word))
    });
    at.and_then(|at| i16::try_from(at).ok()).map(|at| at + 1)
}

const NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const SPANISH_MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];
const SINCE: &[&str] = &["since", "from", "desde", "starting", "onwards"];
const TEXT_CHARACTERS_MAX: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as day;

    fn check(text: &str, expected: &str) {
        // A Monday.
        let today = day(2026, 10, 5);
        let found = period(text, today, Order::MonthFirst).map(|it| format!("{}..{}", it.first, it.last));
        assert_eq!(found.unwrap_or_default(), expected, "{text}");
    }

    #[test]
    fn p2_periods_are_read_as_people_write_them() {
        check("2026-03-04 to 2026-03-10", "2026-03-04..2026-03-10");
        check("3/4/2026 - 3/10/2026", "2026-03-04..2026-03-10");
        check("from March 4, 2026 through March 10th, 2026", "2026-03-04..2026-03-10");
        check("4 de marzo de 2026 al 10 de marzo de 2026", "2026-03-04..2026-03-10");
        check("between 4 March and 10 March", "2026-03-04..2026-03-10");
        check("1 Nov to 5 Nov", "2025-11-01..2025-11-05");
        check("04.03.2026", "2026-03-04..2026-03-04");
        check("since 2026-10-01", "2026-10-01..2026-10-05");
        check("last month", "2026-09-01..2026-09-30");
        check("the last 7 days", "2026-09-29..2026-10-05");
        check("Q3", "2026-07-01..2026-09-30");
        check("Q4 2025", "2025-10-01..2025-12-31");
        check("week 40", "2026-09-28..2026-10-04");
        check("week 50", "2025-12-08..2025-12-14");
        check("since Friday", "2026-10-02..2026-10-05");
        check("since Monday", "2026-10-05..2026-10-05");
        check("September", "2026-09-01..2026-09-30");
        check("December", "2025-12-01..2025-12-31");
        check("last quarter", "2026-07-01..2026-09-30");
        check("el mes pasado", "2026-09-01..2026-09-30");
        check("yesterday", "2026-10-04..2026-10-04");
        check("it may be", "");
        check("soon", "");
        assert_eq!(plainly(day(2026, 3, 4)), "2026-03-04 (4 March)");
        assert_eq!(dates("3/4/2026", day(2026, 10, 5), Order::DayFirst), [day(2026, 4, 3)]);
        assert_eq!(
            dates("13/4/2026 30/2/2026 1/1/1800", day(2026, 10, 5), Order::MonthFirst),
            [day(2026, 4, 13)]
        );
    }
}
