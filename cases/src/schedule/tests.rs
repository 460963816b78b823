use super::*;
use crate::{Calendar, Service};

fn moment(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
}

fn shown(at: Timestamp, zone: &TimeZone) -> String {
    crate::calendar::instant(at).to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M %Z").to_string()
}

/// The first times after `after` that `when` runs, in Chicago.
fn runs(when: &str, after: &str, count: usize, calendar: &Calendar) -> Vec<String> {
    let zone = TimeZone::get("America/Chicago").unwrap();
    let when: When = when.parse().unwrap();
    assert_eq!(serde_json::from_str::<When>(&serde_json::to_string(&when).unwrap()).unwrap(), when);
    let mut times = Vec::new();
    let mut last = moment(after);
    while let Some(next) = when.next(last, &zone, calendar).filter(|_| times.len() < count) {
        assert!(next > last, "{when}");
        times.push(shown(next, &zone));
        last = next;
    }
    times
}

#[test]
fn a_schedule_says_when_it_runs_in_words() {
    for (when, words) in [
        ("once", "once"),
        ("daily 07:00", "every day at 07:00"),
        ("business-days 17:15", "every business day at 17:15"),
        ("weekly mon 07:00", "every Monday at 07:00"),
        ("biweekly-odd fri 16:00", "every second Friday at 16:00"),
        ("monthly 31 07:00", "on the last day of every month at 07:00"),
        ("monthly 15 07:00", "on day 15 of every month at 07:00"),
        ("business-day 2 07:00", "on business day 2 of every month at 07:00"),
        ("last-business-day 07:00", "on the last business day of every month at 07:00"),
        ("quarterly 07:00", "on the first day of every quarter at 07:00"),
        ("cron 0 7 * * 1-5", "by the cron expression 0 7 * * 1-5"),
    ] {
        assert_eq!(when.parse::<When>().unwrap().words(), words);
    }
    for (span, words) in
        [("1 day", "the day before"), ("7 days", "the 7 days before"), ("month", "the month before")]
    {
        assert_eq!(span.parse::<Span>().unwrap().words(), words);
    }
}

#[test]
fn a_schedule_runs_on_the_days_that_it_names() {
    let service = Service::sample();
    let calendar = service.calendar();
    for (when, after, expected) in [
        (
            "weekly mon 07:00",
            "2026-10-05T11:59:59Z",
            ["Mon 2026-10-05 07:00 CDT", "Mon 2026-10-12 07:00 CDT"],
        ),
        (
            "weekly mon 07:00",
            "2026-10-05T12:00:00Z",
            ["Mon 2026-10-12 07:00 CDT", "Mon 2026-10-19 07:00 CDT"],
        ),
        ("daily 07:00", "2026-10-31T17:00:00Z", ["Sun 2026-11-01 07:00 CST", "Mon 2026-11-02 07:00 CST"]),
        // Thanksgiving and the day after are closed.
        (
            "business-days 17:15",
            "2026-11-25T12:00:00Z",
            ["Wed 2026-11-25 17:15 CST", "Mon 2026-11-30 17:15 CST"],
        ),
        (
            "business-day 2 07:00",
            "2026-12-30T00:00:00Z",
            ["Tue 2027-01-05 07:00 CST", "Tue 2027-02-02 07:00 CST"],
        ),
        (
            "last-business-day 07:00",
            "2026-11-01T12:00:00Z",
            ["Mon 2026-11-30 07:00 CST", "Thu 2026-12-31 07:00 CST"],
        ),
        (
            "monthly 31 07:00",
            "2027-01-31T14:00:00Z",
            ["Sun 2027-02-28 07:00 CST", "Wed 2027-03-31 07:00 CDT"],
        ),
        (
            "monthly 29 07:00",
            "2028-02-01T14:00:00Z",
            ["Tue 2028-02-29 07:00 CST", "Wed 2028-03-29 07:00 CDT"],
        ),
        ("quarterly 07:00", "2026-10-05T12:00:00Z", ["Fri 2027-01-01 07:00 CST", "Thu 2027-04-01 07:00 CDT"]),
        (
            "biweekly mon 07:00",
            "2026-10-05T12:00:00Z",
            ["Mon 2026-10-12 07:00 CDT", "Mon 2026-10-26 07:00 CDT"],
        ),
        (
            "biweekly-odd mon 07:00",
            "2026-10-05T12:00:00Z",
            ["Mon 2026-10-19 07:00 CDT", "Mon 2026-11-02 07:00 CST"],
        ),
        (
            "cron 0 7 * * 1-5",
            "2026-10-09T12:00:00Z",
            ["Mon 2026-10-12 07:00 CDT", "Tue 2026-10-13 07:00 CDT"],
        ),
        ("cron 15 6 l * *", "2027-02-01T12:00:00Z", ["Sun 2027-02-28 06:15 CST", "Wed 2027-03-31 06:15 CDT"]),
    ] {
        assert_eq!(runs(when, after, 2, calendar), expected, "{when}");
    }
    assert!(runs("once", "2026-10-05T12:00:00Z", 2, calendar).is_empty());
}

#[test]
fn a_wall_time_that_is_left_out_runs_after_the_gap_and_one_that_comes_twice_runs_once() {
    let service = Service::sample();
    let calendar = service.calendar();
    // In Chicago 2:00 to 3:00 is left out on 2026-03-08, and 1:00 to 2:00 comes twice on 2026-11-01.
    for when in ["daily 02:30", "cron 30 2 * * *"] {
        let expected = ["Sat 2026-03-07 02:30 CST", "Sun 2026-03-08 03:00 CDT", "Mon 2026-03-09 02:30 CDT"];
        assert_eq!(runs(when, "2026-03-07T00:00:00Z", 3, calendar), expected, "{when}");
    }
    for when in ["daily 01:30", "cron 30 1 * * *"] {
        let expected = ["Sat 2026-10-31 01:30 CDT", "Sun 2026-11-01 01:30 CDT", "Mon 2026-11-02 01:30 CST"];
        assert_eq!(runs(when, "2026-10-31T00:00:00Z", 3, calendar), expected, "{when}");
    }
}

#[test]
fn dates_and_cron_agree_over_four_years_in_zones_with_all_kinds_of_changes() {
    let service = Service::sample();
    let calendar = service.calendar();
    for zone in
        ["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata"]
    {
        let zone = TimeZone::get(zone).unwrap();
        for (own, cron) in [
            ("daily 02:30", "cron 30 2 * * *"),
            ("daily 01:15", "cron 15 1 * * *"),
            ("daily 00:00", "cron 0 0 * * *"),
            ("weekly sun 02:00", "cron 0 2 * * 0"),
            ("monthly 31 02:10", "cron 10 2 l * *"),
        ] {
            let (own, cron): (When, When) = (own.parse().unwrap(), cron.parse().unwrap());
            let (mut one, mut other) = (moment("2026-01-01T00:00:00Z"), moment("2026-01-01T00:00:00Z"));
            let end = moment("2030-01-01T00:00:00Z");
            while one < end {
                one = own.next(one, &zone, calendar).unwrap();
                other = cron.next(other, &zone, calendar).unwrap();
                assert_eq!(shown(one, &zone), shown(other, &zone), "{own} {cron}");
            }
        }
    }
}

#[test]
fn what_is_no_schedule_is_refused_in_words() {
    for (text, said) in [
        ("", "time such as"),
        ("weekly 07:00", "wants one weekday"),
        ("weekly someday 07:00", "no weekday"),
        ("monthly 32 07:00", "from 1 to 31"),
        ("business-day 0 07:00", "from 1 to 15"),
        ("hourly 07:00", "no schedule"),
        ("daily 25:00", "time such as"),
        ("daily mon 07:00", "no schedule"),
        ("cron * * * * *", "once an hour"),
        ("cron */5 * * * *", "once an hour"),
        ("cron 0 7 * *", "no cron expression"),
        ("cron 0 0 7 * * *", "no cron expression"),
        ("cron 0 7 * * * 2027", "no cron expression"),
    ] {
        let why = text.parse::<When>().unwrap_err();
        assert!(why.contains(said), "{text}: {why}");
    }
    for text in ["0 days", "week", "2026-03-10..2026-03-04", "2026-02-30..2026-03-04", "99999 days"] {
        text.parse::<Span>().unwrap_err();
    }
}

#[test]
fn a_run_is_about_whole_days_of_the_zone() {
    let zone = TimeZone::get("America/Chicago").unwrap();
    let hours = |covered: Covered| covered.to.micros_since(covered.from) / 3_600_000_000;
    for (span, due, words, expected) in [
        ("1 day", "2026-11-02T13:00:00Z", "2026-11-01", 25),
        ("1 day", "2026-03-09T13:00:00Z", "2026-03-08", 23),
        ("7 days", "2026-10-05T12:00:00Z", "2026-09-28 to 2026-10-04", 168),
        ("today", "2026-10-05T22:15:00Z", "2026-10-05", 17),
        ("month", "2026-12-02T13:00:00Z", "2026-11-01 to 2026-11-30", 721),
        ("this-month", "2026-10-30T12:00:00Z", "2026-10-01 to 2026-10-30", 703),
        ("quarter", "2027-01-01T13:00:00Z", "2026-10-01 to 2026-12-31", 2_209),
        ("2026-03-04..2026-03-10", "2026-10-05T12:00:00Z", "2026-03-04 to 2026-03-10", 167),
    ] {
        let span: Span = span.parse().unwrap();
        assert_eq!(span.to_string().parse(), Ok(span));
        let covered = span.covered(moment(due), &zone).unwrap();
        assert_eq!((covered.words(&zone).as_str(), hours(covered)), (words, expected), "{span}");
    }
}

#[test]
fn missed_times_are_counted_and_the_latest_are_named() {
    let service = Service::sample();
    let zone = TimeZone::get("America/Chicago").unwrap();
    let when: When = "daily 07:00".parse().unwrap();
    let (times, all) = when.between(
        moment("2026-09-01T12:00:00Z"),
        moment("2026-10-05T12:00:00Z"),
        3,
        (&zone, service.calendar()),
    );
    assert_eq!((all, times.len()), (34, 3));
    assert_eq!(shown(times[2], &zone), "Mon 2026-10-05 07:00 CDT");
}

fn registration() -> Registration {
    serde_json::from_str(
        r#"{"customer":"Acme","domains":["acme.example.com"],"report_domains":["auditor.example.com"],"people":[
            {"name":"Ann","addresses":["ann@acme.example.com"],"roles":["requester","report-recipient"]},
            {"name":"Bob","addresses":["bob@acme.example.com"],"roles":["requester"]},
            {"name":"Eve","addresses":["eve@acme.example.com"],"roles":["report-recipient"],"valid_until":1000000},
            {"name":"Out","addresses":["out@auditor.example.com"],"roles":["requester"]}]}"#,
    )
    .unwrap()
}

#[test]
fn p5_p7_only_contacts_with_the_role_and_authorised_outsiders_get_reports() {
    let named = [
        "Ann@ACME.example.com",
        "bob@acme.example.com",
        "eve@acme.example.com",
        "x@auditor.example.com",
        "x@sub.auditor.example.com",
        "y@evil.example.net",
        "out@auditor.example.com",
    ];
    let mut schedule = Schedule {
        id: String::new(),
        customer: "Acme".to_owned(),
        report: "weekly-operations".to_owned(),
        format: Format::Html,
        when: "weekly mon 07:00".parse().unwrap(),
        span: Span::Days(7),
        which: Which::default(),
        zone: "America/Chicago".to_owned(),
        recipients: named.map(str::to_owned).to_vec(),
        case: None,
        authorised: None,
        by: "anna".to_owned(),
        at: moment("2026-10-05T12:00:00Z"),
    };
    let now = moment("2026-10-05T12:00:00Z");
    let readers = schedule.readers(&registration(), now);
    assert_eq!(readers.allowed, ["Ann@ACME.example.com"]);
    let why: Vec<_> = readers.pending.iter().map(|(_, why)| *why).collect();
    assert_eq!(
        why,
        [
            "is a contact without the role report-recipient",
            "is no contact any more",
            "is outside: an authoriser has not said yes yet",
            "is no contact, and in no domain that reports go to",
            "is no contact, and in no domain that reports go to",
            // A contact is judged by its own roles, wherever it writes from.
            "is a contact without the role report-recipient",
        ]
    );
    schedule.authorised = Some(("Zoe".to_owned(), now));
    assert_eq!(
        schedule.readers(&registration(), now).allowed,
        ["Ann@ACME.example.com", "x@auditor.example.com"]
    );
}

#[test]
fn a_schedule_is_named_by_what_it_does() {
    let text = r#"{"id":"","customer":"Acme","report":"weekly-operations","format":"html","when":"weekly mon 07:00",
        "span":"7 days","zone":"America/Chicago","recipients":["ann@acme.example.com"],"by":"anna","at":0}"#;
    let one: Schedule = serde_json::from_str(text).unwrap();
    let (named, by_another) = (one.clone().named(), Schedule { by: "ben".to_owned(), ..one.clone() }.named());
    assert_eq!((named.id.len(), &named.id), (11, &by_another.id));
    assert_ne!(named.id, Schedule { format: Format::Csv, ..one.clone() }.named().id);
    assert!(named.mistakes().is_empty());
    let wrong = Schedule { zone: "Mars/North".to_owned(), recipients: vec!["a@b, c@d".to_owned()], ..one };
    assert_eq!(wrong.mistakes().len(), 2);
}

#[test]
fn p4_a_request_becomes_a_schedule() {
    let request = |recurrence, period| ReportRequest {
        side: intake::Side::Internal,
        direction: intake::Direction::Inbound,
        period,
        recurrence,
        first_run: None,
        recipients: vec![intake::Recipient { address: "ann@acme.example.com".to_owned(), is_allowed: true }],
        notices: Vec::new(),
    };
    let of = |recurrence, period| {
        let told = (CaseNumber::new(104_233), "Ann", moment("2026-10-05T15:00:00Z"));
        Schedule::of_request(&request(recurrence, period), Vec::new(), "Acme", "America/Chicago", told)
    };
    let monday = jiff::civil::Weekday::Monday;
    for (recurrence, when, span) in [
        (Recurrence::Daily, "daily 07:00", "1 day"),
        (Recurrence::Weekly { every_weeks: 1, day: monday }, "weekly mon 07:00", "7 days"),
        // The first one is the Monday that the reply names: 12 October.
        (Recurrence::Weekly { every_weeks: 2, day: monday }, "biweekly mon 07:00", "14 days"),
        (Recurrence::Monthly { day: 31 }, "monthly 31 07:00", "month"),
        (Recurrence::MonthlyLastBusinessDay, "last-business-day 07:00", "this-month"),
        (Recurrence::Quarterly, "quarterly 07:00", "quarter"),
    ] {
        let schedule = of(recurrence, None).unwrap();
        assert_eq!((schedule.when.to_string().as_str(), schedule.span.to_string().as_str()), (when, span));
        assert_eq!((schedule.report.as_str(), schedule.which.side), (AD_HOC, intake::Side::Internal));
    }
    assert!(of(Recurrence::OneTime, None).is_none());
    let days = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    let period = intake::Period { first: days("2026-03-04"), last: days("2026-03-10") };
    let once = of(Recurrence::OneTime, Some(period)).unwrap();
    assert_eq!(once.span.to_string(), "2026-03-04..2026-03-10");
}
