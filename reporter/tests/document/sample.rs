//! A report that uses every kind of block, of one week in which an hour comes twice.

use ringwall_reporter::document::{
    Address, Bar, Block, Button, Callout, Cell, Change, Chart, Column, Coverage, Definition, Document, Dot,
    Drawing, Figure, Headline, Href, Hue, Kind, Line, Metric, Panel, Period, SCHEMA, Section, Series, Share,
    Stamp, Table, Text, Tone, Unit, Value, Wanted,
};
use rules::Timestamp;

/// 19 October 2026, midnight in Berlin.
const MONDAY: i64 = 1_792_360_800;
const HOUR: i64 = 3_600;

/// The report, each of whose texts is what `say` makes of it.
pub(crate) fn weekly(say: &dyn Fn(&str) -> String) -> Document {
    let hours = 169;
    let document = Document {
        schema: SCHEMA,
        title: say("Weekly operations"),
        subtitle: Some(say(
            "Calls to the main site and both branches, with what was done about unwanted ones",
        )),
        customer: say("Acme Maschinenbau"),
        period: Period {
            from: Timestamp::from_seconds(MONDAY),
            to: Timestamp::from_seconds(MONDAY + hours * HOUR),
            zone: "Europe/Berlin".to_owned(),
        },
        desk: Some("https://desk.example.com".to_owned()),
        stamp: Stamp {
            definitions: say("2026-11"),
            coverage: Coverage { complete_hours: 166, hours: 169 },
            policies: Some((say("v41"), say("v43"))),
            generated: Timestamp::from_seconds(MONDAY + (hours + 7) * HOUR),
            maker: say("ringwall 0.1.0"),
            hash: String::new(),
        },
        sections: vec![
            Section::new(say("At a glance"), glance(say)),
            Section::new(say("Calls by day"), vec![days(say), trend(say)]),
            Section::new(say("When unwanted calls come"), vec![heat(say)]),
            Section::new(say("Callers who call most"), vec![callers(say), bars(say)]),
            Section::new(say("New campaigns"), vec![campaigns(say)]),
            Section::new(say("Thresholds"), thresholds(say)),
            Section::new(say("Cases and their due times"), vec![cases(say)]),
            Section::new(say("Waiting for you"), waiting(say)),
            Section::appendix(say("Method"), method(say)),
        ],
    };
    document.seal()
}

fn calls(name: &str, value: &str) -> Href {
    Address::new(["calls"]).with(name, value).href()
}

fn case(number: &str) -> Href {
    Address::new(["cases", number]).href()
}

fn glance(say: &dyn Fn(&str) -> String) -> Vec<Block> {
    let before = |week, year| {
        vec![
            Change { when: say("previous week"), value: week },
            Change { when: say("52 weeks ago"), value: year },
        ]
    };
    let figure = |label: &str, value, metric, wanted, before, link| Figure {
        label: say(label),
        value,
        metric: Some(Metric(metric)),
        before,
        wanted,
        link: Some(link),
    };
    let week = calls("week", "2026-W43");
    vec![
        Block::Headline(Headline {
            figures: vec![
                figure(
                    "Attempts",
                    Value::Count(12_408),
                    1,
                    Wanted::Either,
                    before(Value::Count(11_920), Value::Count(9_871)),
                    week,
                ),
                figure(
                    "Blocked",
                    Value::share(1_117, 12_408),
                    2,
                    Wanted::Less,
                    before(Value::share(830, 11_920), Value::share(402, 9_871)),
                    calls("verdict", "block"),
                ),
                figure(
                    "Blocked by mistake",
                    Value::Estimate(Share::new(3, 1_117)),
                    5,
                    Wanted::Less,
                    before(Value::Estimate(Share::new(5, 830)), Value::Unknown),
                    calls("label", "mistake"),
                ),
                figure(
                    "Open cases",
                    Value::Count(4),
                    25,
                    Wanted::Less,
                    before(Value::Count(4), Value::Count(0)),
                    Address::new(["cases"]).with("open", "yes").href(),
                ),
                figure(
                    "Clocks met",
                    Value::share(27, 29),
                    23,
                    Wanted::More,
                    before(Value::share(25, 25), Value::Unknown),
                    Address::new(["clocks"]).href(),
                ),
                figure(
                    "Staff time saved",
                    Value::range(Value::seconds(19 * 3_600), Value::seconds(31 * 3_600)),
                    15,
                    Wanted::More,
                    Vec::new(),
                    calls("answerable", "yes"),
                ),
            ],
        }),
        Block::Paragraph(
            Text::from(say("Of all attempts, "))
                .figure(Value::share(1_117, 12_408), Metric(2), Some(calls("verdict", "block")))
                .plain(say(" were blocked: "))
                .strong(say("a third more than the week before"))
                .plain(say(". Most belong to one campaign, "))
                .link(say("RW-104233-3"), case("RW-104233-3"))
                .plain(say(", which the rule "))
                .code(say("one-ring-campaign"))
                .plain(say(" stopped after "))
                .figure(Value::seconds(412), Metric(7), Some(case("RW-104233-3")))
                .plain(say(". "))
                .emphasis(say("No wanted call was lost that we know of"))
                .plain(say(", beyond the three that were released by hand.")),
        ),
        Block::Bullets(vec![
            Text::from(say(
                "The night from Saturday to Sunday has 25 hours: the hour from two to three comes twice.",
            )),
            Text::from(say("Extension 555-0117 was called by "))
                .value(Value::Count(214))
                .plain(say(" different numbers.")),
        ]),
        Block::Callout(Callout {
            tone: Tone::Alarm,
            title: say("One block expires on Friday while its caller still tries"),
            text: Text::from(say("The block of "))
                .value(Value::Person(say("+13125550143")))
                .plain(say(" ends on Friday. It was tried 31 times in this week.")),
        }),
        Block::Callout(Callout {
            tone: Tone::Good,
            title: say("All proofs are in"),
            text: Text::from(say("Each change of this week has its test call.")),
        }),
        Block::Callout(Callout {
            tone: Tone::Note,
            title: say("Next week"),
            text: Text::from(say("31 October is a holiday in your calendar.")),
        }),
    ]
}

fn days(say: &dyn Fn(&str) -> String) -> Block {
    let part = |name: &str, hue, values: [u32; 7]| Series {
        name: say(name),
        hue,
        values: values.map(|value| Some(f64::from(value))).to_vec(),
    };
    Block::Chart(Chart {
        name: "calls-by-day".to_owned(),
        message: say("Blocked calls doubled on Wednesday, when the campaign began"),
        alternative: String::new(),
        metric: Some(Metric(1)),
        unit: Unit::Count(say("calls")),
        drawing: Drawing::Stacked {
            days: ["Mon 19", "Tue 20", "Wed 21", "Thu 22", "Fri 23", "Sat 24", "Sun 25"].map(say).to_vec(),
            parts: vec![
                part("Passed", Hue::Passed, [2_010, 1_960, 1_985, 2_102, 1_870, 640, 402]),
                part("Blocked", Hue::Blocked, [92, 88, 310, 274, 198, 96, 59]),
                part("Redirected", Hue::Redirected, [40, 38, 44, 51, 37, 22, 12]),
                part("Challenged", Hue::Challenged, [12, 9, 16, 21, 11, 6, 3]),
                part("Failed", Hue::Failed, [21, 25, 19, 24, 30, 11, 20]),
            ],
        },
        link: Some(calls("week", "2026-W43")),
        notes: vec![Text::from(say("A redirected leg is not a new attempt."))],
        table: None,
    })
}

fn trend(say: &dyn Fn(&str) -> String) -> Block {
    let months = [
        "Oct 25", "Nov 25", "Dec 25", "Jan 26", "Feb 26", "Mar 26", "Apr 26", "May 26", "Jun 26", "Jul 26",
        "Aug 26", "Sep 26", "Oct 26",
    ];
    let line = |name: &str, hue, values: [f64; 13], gap: Option<usize>| Line {
        name: say(name),
        hue,
        values: values.iter().enumerate().map(|(at, value)| (gap != Some(at)).then_some(*value)).collect(),
    };
    Block::Chart(Chart {
        name: "shares-by-month".to_owned(),
        message: say("The share of unwanted calls has tripled in a year; what is blocked follows it"),
        alternative: say(
            "Two lines over thirteen months, from 3 % to 11 % and from 4 % to 12 %. August has no data.",
        ),
        metric: Some(Metric(3)),
        unit: Unit::Percent,
        drawing: Drawing::Trend {
            points: months.map(say).to_vec(),
            lines: vec![
                line(
                    "Unwanted",
                    Hue::Unwanted,
                    [0.041, 0.039, 0.045, 0.052, 0.048, 0.061, 0.066, 0.071, 0.083, 0.09, 0.0, 0.101, 0.118],
                    Some(10),
                ),
                line(
                    "Blocked",
                    Hue::Blocked,
                    [0.03, 0.031, 0.036, 0.041, 0.04, 0.052, 0.058, 0.066, 0.074, 0.081, 0.0, 0.094, 0.106],
                    Some(10),
                ),
            ],
        },
        link: None,
        notes: Vec::new(),
        table: None,
    })
}

fn heat(say: &dyn Fn(&str) -> String) -> Block {
    let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let value = |day: usize, hour: usize| {
        let busy =
            if (8..18).contains(&hour) && day < 5 { 4 + (hour * 7 + day * 3) % 9 } else { (hour + day) % 3 };
        let campaign = if (2..5).contains(&day) && (10..13).contains(&hour) { 31 } else { 0 };
        // Nobody knows about Thursday from three to six.
        (!(day == 3 && (3..6).contains(&hour))).then(|| (busy + campaign) as f64)
    };
    Block::Chart(Chart {
        name: "unwanted-by-hour".to_owned(),
        message: say("Unwanted calls come before noon, from Wednesday to Friday"),
        alternative: String::new(),
        metric: Some(Metric(3)),
        unit: Unit::Count(say("unwanted calls")),
        drawing: Drawing::Heat {
            rows: weekdays.map(say).to_vec(),
            columns: (0..24).map(|hour| format!("{hour:02}")).collect(),
            values: (0..7).map(|day| (0..24).map(|hour| value(day, hour)).collect()).collect(),
            hue: Hue::Unwanted,
        },
        link: None,
        notes: vec![Text::from(say(
            "Empty cells are hours without data. Sunday from two to three has two hours in one cell.",
        ))],
        table: None,
    })
}

fn callers(say: &dyn Fn(&str) -> String) -> Block {
    let columns = vec![
        Column::new(say("Caller"), Kind::Person),
        Column::new(say("Name shown"), Kind::Text),
        Column::new(say("Calls"), Kind::Count).of(Metric(6)),
        Column::new(say("Index"), Kind::Number).of(Metric(6)),
        Column::new(say("Below 6 s"), Kind::Share),
        Column::new(say("First seen"), Kind::Day),
        Column::new(say("Last seen"), Kind::Time),
        Column::new(say("Action"), Kind::Text),
        Column::new(say("Case"), Kind::Text),
    ];
    let names = [
        "Card services",
        "",
        "=HYPERLINK(\"http://192.0.2.1/\",\"x\")",
        "Bank of Example",
        "<script>alert(1)</script>",
        "+1+1",
    ];
    let rows = (0..20_u64).map(|rank| {
        let number = format!("+1312555{:04}", 100 + rank);
        let calls_count = 214 - rank * 9;
        let (hue, action) = if rank % 3 == 0 { (Hue::Passed, "allowed") } else { (Hue::Blocked, "blocked") };
        let days = 1 + rank % 6;
        vec![
            Cell::new(Value::Person(say(&number))).to(calls("caller", &number)),
            Cell::new(Value::Text(say(names[rank as usize % names.len()]))),
            Cell::new(Value::Count(calls_count)).to(calls("caller", &number)),
            Cell::new(Value::Number(calls_count as f64 * days as f64 * 1.25, 1)),
            Cell::new(Value::share(
                calls_count / 5 + rank % 3,
                if rank > 15 { 20 + rank % 5 } else { calls_count - rank },
            )),
            Cell::new(Value::Day(Timestamp::from_seconds(MONDAY - rank as i64 * 50 * HOUR))),
            Cell::new(Value::Time(Timestamp::from_seconds(
                MONDAY + 146 * HOUR + 1_800 + rank as i64 * 1_200,
            ))),
            Cell::new(Value::Text(say(action))).hue(hue),
            if rank < 6 {
                Cell::new(Value::text(say(&format!("RW-10423{rank}-3"))))
                    .to(case(&format!("RW-10423{rank}-3")))
            } else {
                Cell::new(Value::Unknown)
            },
        ]
    });
    Block::Table(Table {
        rows: rows.collect(),
        rows_left_out: 187,
        notes: vec![Text::from(say(
            "The index is calls times days times one plus the share below six seconds.",
        ))],
        ..Table::new("top-callers", say("The twenty callers with the highest index"), columns)
    })
}

fn bars(say: &dyn Fn(&str) -> String) -> Block {
    let bars = [
        ("one-ring-campaign", 612.0, Hue::Blocked),
        ("invite-flood", 261.0, Hue::Blocked),
        ("spoofed-caller", 144.0, Hue::Redirected),
        ("premium-rate", 58.0, Hue::Challenged),
        ("dictionary-scan", 42.0, Hue::Blocked),
    ];
    Block::Chart(Chart {
        name: "rules-that-acted".to_owned(),
        message: say("Five rules did all the work"),
        alternative: String::new(),
        metric: Some(Metric(19)),
        unit: Unit::Count(say("calls")),
        drawing: Drawing::Bars {
            bars: bars
                .into_iter()
                .map(|(label, value, hue)| Bar {
                    label: say(label),
                    value,
                    hue,
                    link: Some(calls("rule", label)),
                })
                .collect(),
        },
        link: None,
        notes: Vec::new(),
        table: None,
    })
}

fn campaigns(say: &dyn Fn(&str) -> String) -> Block {
    let panel = |title: &str, from: usize, number: &str| Panel {
        title: say(title),
        values: (0..24)
            .map(|hour| Some(if hour < from { 0.0 } else { ((hour - from + 1) * (24 - hour) % 37) as f64 }))
            .collect(),
        ends: (say("Wed 0:00"), say("24:00")),
        link: Some(case(number)),
    };
    Block::Chart(Chart {
        name: "new-campaigns".to_owned(),
        message: say("All five campaigns began in office hours and were over by night"),
        alternative: String::new(),
        metric: Some(Metric(8)),
        unit: Unit::Count(say("calls an hour")),
        drawing: Drawing::Multiples {
            panels: vec![
                panel("One ring, +1 312 555", 8, "RW-104233-3"),
                panel("Bank, own number shown", 9, "RW-104234-3"),
                panel("Scan of extensions 555-0100 to 555-0199", 2, "RW-104235-3"),
                panel("Robot, parcel", 12, "RW-104236-3"),
                panel("Wangiri, +44 1632 960", 15, "RW-104237-3"),
            ],
            hue: Hue::Unwanted,
        },
        link: None,
        notes: Vec::new(),
        table: None,
    })
}

fn thresholds(say: &dyn Fn(&str) -> String) -> Vec<Block> {
    let points: Vec<String> = (0..168)
        .map(|hour| {
            if hour % 24 == 0 {
                say(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][hour / 24])
            } else {
                String::new()
            }
        })
        .collect();
    let median = |hour: usize| {
        let day = hour / 24;
        let shape =
            [2, 1, 1, 1, 1, 2, 4, 9, 22, 36, 41, 40, 33, 34, 38, 37, 31, 22, 14, 9, 7, 5, 4, 3][hour % 24];
        f64::from(shape) * if day < 5 { 1.0 } else { 0.35 }
    };
    let at =
        |scale: f64, more: f64| (0..168).map(|hour| Some((median(hour) * scale + more).round())).collect();
    let dot = |at: usize, value: f64, label: &str| Dot {
        at,
        value,
        label: say(label),
        link: Some(case("RW-104233-3")),
    };
    vec![
        Block::Heading(say("Callers of one number per hour")),
        Block::Chart(Chart {
            name: "callers-per-hour".to_owned(),
            message: say(
                "A limit of 67 on Monday morning would have rung twice in eight weeks, both times rightly",
            ),
            alternative: String::new(),
            metric: Some(Metric(32)),
            unit: Unit::Count(say("callers")),
            drawing: Drawing::Ribbon {
                points,
                low: at(0.8, 0.0),
                median: at(1.0, 0.0),
                high: at(1.25, 1.0),
                limit: at(1.3, 14.0),
                dots: vec![dot(10, 210.0, "Mon 5 Oct 10:00"), dot(57, 74.0, "Wed 14 Oct 09:00")],
            },
            link: Some(Address::new(["thresholds", "callers-per-hour"]).href()),
            notes: Vec::new(),
            table: None,
        }),
        Block::Table(Table {
            rows: vec![
                vec![
                    Value::text(say("quiet")).into(),
                    Value::Count(89).into(),
                    Value::Number(0.4, 1).into(),
                    Value::share(4, 5).into(),
                    Value::seconds(540).into(),
                    Value::Money { micros: 1_240_500_000, currency: "EUR".to_owned() }.into(),
                ],
                vec![
                    Value::text(say("balanced")).into(),
                    Value::Count(67).into(),
                    Value::Number(1.6, 1).into(),
                    Value::share(5, 5).into(),
                    Value::seconds(300).into(),
                    Value::Money { micros: 1_610_250_000, currency: "EUR".to_owned() }.into(),
                ],
                vec![
                    Value::text(say("sensitive")).into(),
                    Value::Count(54).into(),
                    Value::Number(6.9, 1).into(),
                    Value::share(5, 5).into(),
                    Value::seconds(185).into(),
                    Value::Money { micros: -12_340_000, currency: "EUR".to_owned() }.into(),
                ],
            ],
            ..Table::new(
                "options",
                say("Three options for the limit"),
                vec![
                    Column::new(say("Option"), Kind::Text),
                    Column::new(say("Limit"), Kind::Count),
                    Column::new(say("Alerts a week"), Kind::Number).of(Metric(32)),
                    Column::new(say("Attacks found"), Kind::Share),
                    Column::new(say("After"), Kind::Duration),
                    Column::new(say("Loss avoided"), Kind::Money).of(Metric(13)),
                ],
            )
        }),
        Block::Buttons(vec![
            Button {
                label: say("Authorise"),
                about: say("Authorise the balanced limit of callers per hour"),
                link: Address::new(["authorise", "callers-per-hour"]).href(),
                is_first: true,
            },
            Button {
                label: say("Discuss"),
                about: say("Discuss the limit of callers per hour"),
                link: Address::new(["discuss", "callers-per-hour"]).href(),
                is_first: false,
            },
            Button {
                label: say("Keep"),
                about: say("Keep the limit of callers per hour as it is"),
                link: Address::new(["keep", "callers-per-hour"]).href(),
                is_first: false,
            },
        ]),
    ]
}

fn cases(say: &dyn Fn(&str) -> String) -> Block {
    let mut rows: Vec<Vec<Cell>> =
        (0..8)
            .map(|index: i64| {
                let number = format!("RW-10423{index}-3");
                vec![
                    Cell::new(Value::text(say(&number))).to(case(&number)),
                    Value::text(say([
                        "One ring campaign to the main number",
                        "Own number shown by a stranger",
                        "Calls at night to 555-0117",
                    ][index as usize % 3]))
                    .into(),
                    Value::Time(Timestamp::from_seconds(MONDAY + index * 19 * HOUR)).into(),
                    Value::Time(Timestamp::from_seconds(MONDAY + index * 19 * HOUR + 8 * HOUR)).into(),
                    Value::seconds(1_800 + index * 4_000).into(),
                    Cell::new(Value::text(say(if index == 5 { "missed" } else { "met" })))
                        .hue(if index == 5 { Hue::Blocked } else { Hue::Passed }),
                ]
            })
            .collect();
    rows.push(vec![
        Value::text(say("All")).into(),
        Value::Unknown.into(),
        Value::Unknown.into(),
        Value::Unknown.into(),
        Value::seconds(126_400).into(),
        Value::text(say("7 of 8")).into(),
    ]);
    Block::Table(Table {
        rows,
        has_total: true,
        ..Table::new(
            "cases",
            say("Cases of this week"),
            vec![
                Column::new(say("Case"), Kind::Text),
                Column::new(say("What"), Kind::Text),
                Column::new(say("Opened"), Kind::Time),
                Column::new(say("Due"), Kind::Time),
                Column::new(say("Took"), Kind::Duration).of(Metric(24)),
                Column::new(say("Clock"), Kind::Text).of(Metric(23)),
            ],
        )
    })
}

fn waiting(say: &dyn Fn(&str) -> String) -> Vec<Block> {
    vec![
        Block::Paragraph(Text::from(say(
            "Two changes wait for a yes or a no. Following a link decides nothing.",
        ))),
        Block::Buttons(vec![Button {
            label: say("Look at both"),
            about: say("Look at both changes that wait"),
            link: Href::parse("https://desk.example.com/changes?waiting=yes").unwrap(),
            is_first: true,
        }]),
        Block::Table(Table::new(
            "questions",
            say("Questions to you: none"),
            vec![Column::new(say("Question"), Kind::Text), Column::new(say("Since"), Kind::Time)],
        )),
    ]
}

fn method(say: &dyn Fn(&str) -> String) -> Vec<Block> {
    let item = |term: &str, text: &str| Definition { term: say(term), text: Text::from(say(text)) };
    vec![
        Block::Paragraph(Text::from(say("Each figure cites its metric; metrics are defined as follows."))),
        Block::Definitions(vec![
            item("M1 Attempts", "Call attempts seen in the period; a redirected leg is not a new attempt."),
            item("M2 Block rate", "Attempts whose final action is block, of all attempts."),
            item(
                "M5 Wrong-block rate",
                "Blocked and then released as a mistake, of all blocked. A lower bound: many callers never appeal.",
            ),
        ]),
    ]
}
