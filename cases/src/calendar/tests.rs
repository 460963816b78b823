use jiff::civil::date;

use super::*;
use crate::explanation::wall_time;
use crate::terms::MICROS_A_MINUTE;
use crate::{Due, Explanation, Service, Terms};

const CENTRAL: &str = r#"[calendar.central]
tz = "America/Chicago"
week = { mon = ["08:00-17:00"], tue = ["08:00-17:00"], wed = ["08:00-17:00"], thu = ["08:00-17:00"], fri = ["08:00-17:00"] }
closed = ["2026-01-01", "2026-05-25", "2026-07-03", "2026-09-07", "2026-11-26", "2026-11-27", "2026-12-25", "2027-01-01"]
"#;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn dues(service: &Service, received: Timestamp) -> (Due, Due) {
    let calendar = service.calendar();
    let terms = service.terms();
    (terms.acknowledge.due(calendar, received).unwrap(), terms.complete.due(calendar, received).unwrap())
}

/// `expected` is acknowledgement target and contract, completion target and contract, on the desk's wall.
fn check(service: &Service, received: &str, expected: [&str; 4]) {
    let (ack, complete) = dues(service, at(received));
    let shown = [ack.target, ack.contract, complete.target, complete.contract]
        .map(|due| wall_time(service.calendar(), due));
    assert_eq!(shown, expected, "{received}");
}

/// Some vectors of the specification; all of them are read in the root stories.
#[test]
fn s1_to_s3_due_times_around_the_edges_of_a_day() {
    let service = Service::parse(CENTRAL).unwrap();
    let monday = "Mon 5 Oct 2026 17:00 CDT";
    let tuesday = "Tue 6 Oct 2026 17:00 CDT";
    // Midday, exact open, a second before it, exact close.
    check(
        &service,
        "2026-10-05T10:00:00-05:00",
        ["Mon 5 Oct 2026 11:00 CDT", "Mon 5 Oct 2026 11:00 CDT", "Mon 5 Oct 2026 14:00 CDT", tuesday],
    );
    check(
        &service,
        "2026-10-05T08:00:00-05:00",
        ["Mon 5 Oct 2026 09:00 CDT", "Mon 5 Oct 2026 09:00 CDT", "Mon 5 Oct 2026 12:00 CDT", tuesday],
    );
    check(
        &service,
        "2026-10-05T07:59:59-05:00",
        ["Mon 5 Oct 2026 09:00 CDT", monday, "Mon 5 Oct 2026 12:00 CDT", monday],
    );
    check(
        &service,
        "2026-10-05T17:00:00-05:00",
        ["Tue 6 Oct 2026 09:00 CDT", tuesday, "Tue 6 Oct 2026 12:00 CDT", tuesday],
    );
    // Four hours that end with the day; over the end of summer time.
    check(
        &service,
        "2026-10-05T13:00:00-05:00",
        ["Mon 5 Oct 2026 14:00 CDT", "Mon 5 Oct 2026 14:00 CDT", monday, tuesday],
    );
    check(
        &service,
        "2026-10-30T16:30:00-05:00",
        [
            "Mon 2 Nov 2026 08:30 CST",
            "Mon 2 Nov 2026 08:30 CST",
            "Mon 2 Nov 2026 11:30 CST",
            "Mon 2 Nov 2026 17:00 CST",
        ],
    );
}

#[test]
fn s1_the_contract_holds_the_target_on_a_short_day() {
    let short = format!("{CENTRAL}short = {{ \"2026-12-24\" = [\"08:00-11:00\"] }}\n");
    let service = Service::parse(&short).unwrap();
    let thursday = "Thu 24 Dec 2026 11:00 CST";
    check(
        &service,
        "2026-12-23T16:59:00-06:00",
        ["Thu 24 Dec 2026 08:59 CST", "Thu 24 Dec 2026 08:59 CST", thursday, thursday],
    );
    // The vectors H1 to H3: the same day closes at noon.
    let service = Service::parse(&short.replace("11:00", "12:00")).unwrap();
    let monday = "Mon 28 Dec 2026 17:00 CST";
    check(
        &service,
        "2026-12-23T16:59:00-06:00",
        [
            "Thu 24 Dec 2026 08:59 CST",
            "Thu 24 Dec 2026 08:59 CST",
            "Thu 24 Dec 2026 11:59 CST",
            "Thu 24 Dec 2026 12:00 CST",
        ],
    );
    check(
        &service,
        "2026-12-24T11:30:00-06:00",
        ["Mon 28 Dec 2026 08:30 CST", "Mon 28 Dec 2026 08:30 CST", "Mon 28 Dec 2026 11:30 CST", monday],
    );
    check(
        &service,
        "2026-12-24T12:00:00-06:00",
        ["Mon 28 Dec 2026 09:00 CST", monday, "Mon 28 Dec 2026 12:00 CST", monday],
    );
}

#[test]
fn s2_a_lunch_break_does_not_begin_a_business_day() {
    let service =
        Service::parse(&CENTRAL.replace("08:00-17:00\"", "08:00-12:00\", \"13:00-17:00\"")).unwrap();
    let tuesday = "Tue 6 Oct 2026 17:00 CDT";
    check(
        &service,
        "2026-10-05T11:30:00-05:00",
        ["Mon 5 Oct 2026 13:30 CDT", "Mon 5 Oct 2026 13:30 CDT", "Mon 5 Oct 2026 16:30 CDT", tuesday],
    );
    check(
        &service,
        "2026-10-05T12:30:00-05:00",
        ["Mon 5 Oct 2026 14:00 CDT", tuesday, "Mon 5 Oct 2026 17:00 CDT", tuesday],
    );
}

#[test]
fn s8_a_desk_that_never_closes_has_no_hole_at_midnight() {
    let week =
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].map(|day| format!("{day} = [\"00:00-24:00\"]"));
    // Zones whose clocks change at midnight, by half an hour, and in the night.
    for zone in
        ["America/Havana", "America/Sao_Paulo", "Australia/Lord_Howe", "Europe/Berlin", "Africa/Cairo"]
    {
        let text = format!("[calendar.always]\ntz = \"{zone}\"\nweek = {{ {} }}\n", week.join(", "));
        let service = Service::parse(&text).unwrap();
        let start = at("2017-01-01T00:00:00Z");
        for window in service.calendar().windows_from(start).take(1_500).collect::<Vec<_>>().windows(2) {
            assert_eq!(window[0].close, window[1].open, "{zone} {}", window[0].date);
        }
        let later = service.calendar().add(start, 1_000_000 * MICROS_A_MINUTE).unwrap();
        assert_eq!(later.micros_since(start), 1_000_000 * MICROS_A_MINUTE, "{zone}");
    }
}

#[test]
fn a_window_over_a_change_of_clocks_is_as_long_as_it_was() {
    let hours = |window: &str, on: Date| {
        let text = format!("[calendar.night]\ntz = \"America/Chicago\"\nweek = {{ sun = [\"{window}\"] }}\n");
        let calendar = Service::parse(&text).unwrap().calendar().clone();
        calendar.windows(on).iter().map(|it| it.close.micros_since(it.open) / MICROS_A_MINUTE).sum::<i64>()
    };
    let (autumn, spring) = (date(2026, 11, 1), date(2026, 3, 8));
    assert_eq!((hours("00:00-06:00", autumn), hours("00:00-06:00", spring)), (7 * 60, 5 * 60));
    assert_eq!((hours("01:00-03:00", autumn), hours("01:00-03:00", spring)), (3 * 60, 60));
    // What ends where the repeated hour begins is not longer for it; what ends in it ends with its second half.
    assert_eq!((hours("00:00-01:00", autumn), hours("00:00-01:30", autumn)), (60, 150));
    // What would open in the hour that is left out opens with the next minute there is; what lies in it has no length.
    assert_eq!((hours("02:30-04:00", spring), hours("02:00-03:00", spring)), (60, 0));
}

/// Another way to the same: a table of every minute of seven years, open or not, and how many were open before it.
struct Minutes {
    first: i64,
    /// Open minutes before each minute, and the date on the wall.
    open_before: Vec<u32>,
    dates: Vec<Date>,
}

impl Minutes {
    fn new(calendar: &Calendar) -> Self {
        let first = at("2023-12-25T00:00:00Z").0 / MICROS_A_MINUTE;
        let last = at("2031-01-20T00:00:00Z").0 / MICROS_A_MINUTE;
        let (mut open_before, mut dates, mut open) = (vec![0], Vec::new(), 0);
        for minute in first..last {
            let wall = calendar.zone().to_datetime(instant(Timestamp(minute * MICROS_A_MINUTE)));
            let of_day = wall.hour() as u16 * 60 + wall.minute() as u16;
            open += u32::from(
                calendar.hours(wall.date()).iter().any(|it| it.open <= of_day && of_day < it.close),
            );
            open_before.push(open);
            dates.push(wall.date());
        }
        Self { first, open_before, dates }
    }

    fn index(&self, at: Timestamp) -> usize {
        usize::try_from(at.0.div_euclid(MICROS_A_MINUTE) - self.first).unwrap()
    }

    fn is_open(&self, at: Timestamp) -> bool {
        let index = self.index(at);
        self.open_before[index + 1] > self.open_before[index]
    }

    /// The end of the minute in which the `minutes`th open minute after `from` is over.
    fn add(&self, from: Timestamp, minutes: u32) -> Timestamp {
        let into_minute = from.0.rem_euclid(MICROS_A_MINUTE);
        let index = self.index(from);
        let wanted = self.open_before[index] + minutes;
        let carried = if self.is_open(from) { into_minute } else { 0 };
        // What was used up of an open minute at the start is owed by one at the end.
        let whole = self.open_before.partition_point(|open| *open < wanted);
        if carried > 0 {
            let next = self.open_before.partition_point(|open| *open < wanted + 1);
            Timestamp((self.first + next as i64 - 1) * MICROS_A_MINUTE + carried)
        } else {
            Timestamp((self.first + whole as i64) * MICROS_A_MINUTE)
        }
    }

    fn end_of_next_business_day(&self, at: Timestamp) -> Timestamp {
        let index = self.index(at);
        let mut day = index;
        // A day that has been open already is not the next one, nor is one that opens at this very instant.
        let opened = (0..=index).rev().take_while(|it| self.dates[*it] == self.dates[index]);
        if opened.into_iter().any(|it| self.open_before[it + 1] > self.open_before[it]) {
            day += self.dates[index..].iter().take_while(|it| **it == self.dates[index]).count();
        }
        while self.open_before[day + 1] == self.open_before[day] {
            day += 1;
        }
        let today = self.dates[day];
        let close = (day..).take_while(|it| self.dates[*it] == today);
        let last = close.filter(|it| self.open_before[it + 1] > self.open_before[*it]).last().unwrap();
        Timestamp((self.first + last as i64 + 1) * MICROS_A_MINUTE)
    }
}

#[test]
fn a_table_of_every_minute_gives_the_same_due_times() {
    let lunch = CENTRAL.replace("08:00-17:00\"", "08:00-12:00\", \"12:30-17:00\"");
    let night = r#"[calendar.night]
tz = "Europe/Berlin"
week = { sat = ["00:00-24:00"], sun = ["00:00-06:00", "22:00-24:00"], mon = ["00:00-02:30"], wed = ["12:00-18:00"] }
closed = ["2025-03-29"]
short = { "2025-10-22" = ["09:00-09:01"], "2026-01-01" = ["23:59-24:00"] }
"#;
    for text in [CENTRAL, lunch.as_str(), night] {
        let service = Service::parse(text).unwrap();
        let calendar = service.calendar();
        let table = Minutes::new(calendar);
        let first = at("2024-01-01T00:00:00Z").0 / 1_000_000;
        let last = at("2030-12-31T00:00:00Z").0 / 1_000_000;
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..100_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut seconds = first + i64::try_from(random >> 16).unwrap() % (last - first);
            if round % 4 == 0 {
                // Around full hours, where it matters.
                seconds = seconds / 3_600 * 3_600 + i64::from(round % 3) - 1;
            }
            let received = Timestamp::from_seconds(seconds);
            let (ack, complete) = dues(&service, received);
            let next_day = table.end_of_next_business_day(received);
            let ack_target = table.add(received, 60);
            let contract = if table.is_open(received) { ack_target } else { next_day };
            assert_eq!(calendar.is_open(received), table.is_open(received), "{}", instant(received));
            let expected = Due { target: ack_target.min(contract), contract };
            assert_eq!(ack, expected, "ack {}", instant(received));
            let expected = Due { target: table.add(received, 240).min(next_day), contract: next_day };
            assert_eq!(complete, expected, "complete {}", instant(received));
        }
    }
}

proptest::proptest! {
    #[test]
    fn business_time_adds_up(start in 1_704_067_200_i64..1_924_905_600, a in 1_i64..3_000, b in 1_i64..3_000) {
        let service = Service::parse(CENTRAL).unwrap();
        let calendar = service.calendar();
        let start = Timestamp::from_seconds(start);
        let add = |from, minutes| calendar.add(from, minutes * MICROS_A_MINUTE).unwrap();
        let end = add(start, a + b);
        proptest::prop_assert_eq!(end, add(add(start, a), b));
        proptest::prop_assert_eq!(calendar.between(start, end), (a + b) * MICROS_A_MINUTE);
        proptest::prop_assert!(add(start.plus_micros(1_000_000), a) >= add(start, a));
        let windows = calendar.windows(calendar.date(end));
        proptest::prop_assert!(windows.iter().any(|it| it.open < end && end <= it.close));
        let (ack, complete) = dues(&service, start);
        proptest::prop_assert!(ack.target <= ack.contract && complete.target <= complete.contract);
    }
}

#[test]
fn s13_a_due_time_is_explained_window_by_window() {
    let service = Service::parse(CENTRAL).unwrap();
    let calendar = service.calendar();
    let (_, complete) = dues(&service, at("2026-10-30T16:30:00-05:00"));
    let lines = Explanation::new(calendar, at("2026-10-30T16:30:00-05:00"), complete.target).lines(calendar);
    assert_eq!(
        lines,
        [
            "Fri 30 Oct 2026 16:30 CDT to 17:00  30 min, 30 min in all",
            "Sat 31 Oct  no hours",
            "Sun 1 Nov  the clocks change: this day has 25 h",
            "Sun 1 Nov  no hours",
            "Mon 2 Nov 2026 08:00 CST to 11:30  3 h 30 min, 4 h in all",
        ]
    );
    let start = at("2026-11-25T16:30:00-06:00");
    let lines = Explanation::new(calendar, start, dues(&service, start).0.target).lines(calendar);
    assert_eq!(lines[1..3], ["Thu 26 Nov to Fri 27 Nov  closed", "Sat 28 Nov to Sun 29 Nov  no hours"]);
}

#[test]
fn a_customer_s_calendar_says_only_what_differs() {
    let text = format!(
        "{CENTRAL}[calendar.example]\nbase = \"central\"\nclosed = [\"2026-10-12\"]\n\
         short = {{ \"2026-11-27\" = [\"08:00-12:00\"] }}\n[sla.service_action]\ncalendar = \"central\"\n\
         [customers]\n\"Example Ltd\" = \"example\"\n"
    );
    let service = Service::parse(&text).unwrap();
    let (own, usual) = (service.calendar_of("Example Ltd"), service.calendar_of("another"));
    assert_eq!((own.name(), usual.name()), ("example", "central"));
    assert_eq!((own.shut(date(2026, 10, 12)), usual.shut(date(2026, 10, 12))), (Some(Shut::Holiday), None));
    assert!(own.is_short(date(2026, 11, 27)) && usual.shut(date(2026, 11, 27)) == Some(Shut::Holiday));
    assert_eq!(own.last_listed(), Some(date(2027, 1, 1)));
    // S-7: whoever keeps it hears of it 60 days before, by the desk's days.
    let ends = |text: &str| own.list_ends(at(text));
    assert_eq!(ends("2026-11-03T05:59:59Z"), None);
    assert_eq!(ends("2026-11-03T06:00:00Z"), Some(date(2027, 1, 1)));
    assert_eq!(ends("2028-01-01T12:00:00Z"), Some(date(2027, 1, 1)));
    assert_ne!(own.version(), usual.version());
}

#[test]
fn every_mistake_is_named_with_its_line() {
    let text = r#"[calendar.one]
tz = "Amerika/Chicago"
week = { mon = ["08:00-17:00", "16:00-18:00"], monday = ["08:00-17:00"], tue = ["8-17", "17:00-08:00", "00:00-24:01"] }
closed = ["2026-02-29", "2026-11-26", "2026-11-26"]
short = { "2026-11-26" = [] }
[calendar.two]
base = "three"
[calendar.three]
base = "two"
[calendar.four]
[sla.service_action]
ack = { target = "60", contract = "soon" }
[customers]
"Example Ltd" = "five"
"#;
    let mistakes = Service::parse(text).unwrap_err();
    let lines: Vec<_> = mistakes.0.iter().map(|it| it.line).collect();
    assert_eq!(lines, [2, 3, 3, 3, 3, 3, 4, 4, 5, 7, 9, 10, 10, 10, 12, 12, 14], "{mistakes}");
    let unknown = Service::parse("[calendar.one]\ntz = \"UTC\"\nweek = {}\nholidays = []\n").unwrap_err();
    assert_eq!(unknown.0[0].line, 4, "{unknown}");
}

#[test]
fn a_calendar_without_hours_has_no_due_time() {
    let service = Service::parse("[calendar.never]\ntz = \"UTC\"\nweek = {}\n").unwrap();
    assert_eq!(service.terms().acknowledge.due(service.calendar(), at("2026-01-01T00:00:00Z")), None);
}

#[test]
fn the_sample_is_the_calendar_of_the_specification() {
    let (sample, central) = (Service::sample(), Service::parse(CENTRAL).unwrap());
    assert_eq!(sample.calendar().version(), central.calendar().version());
    assert_eq!(sample.terms(), &Terms::usual("central".to_owned()));
}
