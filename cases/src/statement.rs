//! A statement of clocks: its rows from cases, and the same rows recomputed. Whoever was sent one can hold it against the
//! calendar.

use rules::Timestamp;

use crate::calendar::{Mistake, Mistakes};
use crate::clock::{Clock, ClockKind, Standing};
use crate::schedule::Covered;
use crate::terms::Term;
use crate::{Case, Service};

/// One clock, as a statement tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockRow {
    /// The case.
    pub case: String,
    /// Whose.
    pub customer: String,
    /// What is counted.
    pub clock: ClockKind,
    /// When it began.
    pub start: Timestamp,
    /// When it was met.
    pub stop: Option<Timestamp>,
    /// By when it was to be met, as we want it.
    pub target: Timestamp,
    /// By when, as it was promised.
    pub contract: Timestamp,
    /// Whether it was met in time; `None` while it runs. One that runs and is overdue is not in time (M23).
    pub in_time: Option<bool>,
    /// The same against the target.
    pub in_target: Option<bool>,
    /// Times in which the customer had to act; the last may still last.
    pub pauses: Vec<(Timestamp, Option<Timestamp>)>,
    /// The version of the calendar that it was judged by.
    pub calendar: String,
    /// How often its due times were replaced, and why the last time.
    pub replaced: Vec<String>,
    /// Business minutes until it was met, without those in which the customer had to act.
    pub net_minutes: i64,
}

impl ClockRow {
    /// Its cells, in the order of [`COLUMNS`] and [`MORE_COLUMNS`].
    pub fn cells(&self) -> [String; 13] {
        let utc = |at: Timestamp| shown(at).to_string();
        let word = |is_met: bool| if is_met { "yes" } else { "no" }.to_owned();
        let pause = |(from, to): &(Timestamp, Option<Timestamp>)| {
            format!("{}/{}", utc(*from), to.map(utc).unwrap_or_default())
        };
        // An open clock that is overdue has no stop, and nothing to be in time.
        let (in_time, overdue) =
            if self.stop.is_some() { (self.in_time, None) } else { (None, self.in_time) };
        [
            self.case.clone(),
            self.customer.clone(),
            self.clock.name().to_owned(),
            utc(self.start),
            self.stop.map(utc).unwrap_or_default(),
            utc(self.target),
            utc(self.contract),
            in_time.map(word).unwrap_or_default(),
            self.pauses.iter().map(pause).collect::<Vec<_>>().join(" "),
            self.calendar.clone(),
            self.replaced.len().to_string(),
            self.net_minutes.to_string(),
            overdue.map(|_| "overdue".to_owned()).unwrap_or_default(),
        ]
    }
}

/// The clocks of `cases` that began, ran or were met in `covered`, each once, in the order of their start.
pub fn rows(service: &Service, cases: &[Case], covered: Option<Covered>, now: Timestamp) -> Vec<ClockRow> {
    let is_in = |clock: &Clock| {
        covered.is_none_or(|it| clock.start < it.to && clock.stopped.is_none_or(|stop| stop >= it.from))
    };
    let mut rows: Vec<ClockRow> = Vec::new();
    for case in cases {
        let clocks = case.clocks.iter().filter(|clock| is_in(clock));
        rows.extend(clocks.map(|clock| row(service, case, clock, now)));
    }
    rows.sort_by(|one, other| {
        (one.start, &one.case, one.clock).cmp(&(other.start, &other.case, other.clock))
    });
    rows
}

fn row(service: &Service, case: &Case, clock: &Clock, now: Timestamp) -> ClockRow {
    let is_paused = clock.standing(service.terms().pause_on_customer, now) == Standing::Paused;
    let until = |limit: Timestamp| match clock.stopped {
        Some(stop) => Some(stop <= limit),
        None => (now > limit && !is_paused).then_some(false),
    };
    ClockRow {
        case: case.number.to_string(),
        customer: case.customer.clone(),
        clock: clock.kind,
        start: clock.start,
        stop: clock.stopped,
        target: clock.due.target,
        contract: clock.due.contract,
        in_time: until(clock.due.contract),
        in_target: until(clock.due.target),
        pauses: clock.waits.iter().map(|wait| (wait.from, wait.to)).collect(),
        calendar: clock.calendar.clone(),
        replaced: clock.replaced.iter().map(|it| it.why.clone()).collect(),
        net_minutes: clock.net_business_time(service.calendar_of(&case.customer), now) / MINUTE_MICROS,
    }
}

/// Rows as CSV, as [`check`] reads it. No cell is a formula.
pub fn write(rows: &[ClockRow]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(COLUMNS.iter().chain(&MORE_COLUMNS));
    for row in rows {
        let _ = writer.write_record(row.cells().map(|cell| text_cell(&cell)));
    }
    writer.into_inner().map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

/// What a spreadsheet would take for a formula becomes text.
pub fn text_cell(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// What a statement was found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Clocks it holds.
    pub clocks: usize,
    /// Where it differs from the calendar.
    pub findings: Vec<Finding>,
}

/// A cell that is not what the calendar says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Line in the statement, from 1.
    pub line: usize,
    /// The case, as the statement writes it.
    pub case: String,
    /// What it says, and what would be right.
    pub what: String,
}

/// The columns of a statement, in any order; others are passed over. Times are RFC 3339, `stop` is empty for a clock that
/// runs, `in_time` is `yes` or `no`, empty while it runs.
pub const COLUMNS: [&str; 8] =
    ["case", "customer", "clock", "start", "stop", "target", "contract", "in_time"];
/// Further columns of ours: times in which the customer had to act (`from/to`, the last may be open), the version of the
/// calendar, how often due times were replaced, business minutes without the customer's, and `overdue` for what runs past its limit.
/// [`check`] uses the first two where they are there.
pub const MORE_COLUMNS: [&str; 5] = ["pauses", "calendar", "replaced", "net_minutes", "overdue"];

/// Recomputes every due time of `text`, CSV with a header. The error holds the lines that cannot be read.
pub fn check(service: &Service, text: &str) -> Result<Checked, Mistakes> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let wrong = |line: usize, what: String| Mistakes(vec![Mistake { line, what }]);
    let header = reader.headers().map_err(|error| wrong(1, error.to_string()))?.clone();
    let column = |name: &str| header.iter().position(|it| it.eq_ignore_ascii_case(name));
    let missing: Vec<_> = COLUMNS.into_iter().filter(|name| column(name).is_none()).collect();
    if !missing.is_empty() {
        return Err(wrong(1, format!("no column {}", missing.join(", "))));
    }
    let places = COLUMNS.map(|name| column(name).unwrap_or_default());
    let more = [column("pauses"), column("calendar")];
    let (mut checked, mut mistakes) = (Checked::default(), Mistakes::default());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                mistakes.0.push(Mistake {
                    line: usize::try_from(line).unwrap_or_default(),
                    what: error.to_string(),
                });
                continue;
            }
        };
        let line = usize::try_from(record.position().map_or(0, csv::Position::line)).unwrap_or_default();
        let cells = places.map(|place| record.get(place).unwrap_or_default());
        let more = more.map(|place| place.and_then(|place| record.get(place)).unwrap_or_default());
        checked.clocks += 1;
        match Row::parse(cells, more) {
            Ok(row) => {
                let findings = row.findings(service).into_iter();
                checked.findings.extend(findings.map(|what| Finding {
                    line,
                    case: cells[0].to_owned(),
                    what,
                }));
            }
            Err(what) => mistakes.0.push(Mistake { line, what }),
        }
    }
    if mistakes.0.is_empty() { Ok(checked) } else { Err(mistakes) }
}

struct Row<'a> {
    customer: &'a str,
    clock: &'a str,
    start: Timestamp,
    stop: Option<Timestamp>,
    target: Timestamp,
    contract: Timestamp,
    in_time: Option<bool>,
    pauses: Vec<(Timestamp, Option<Timestamp>)>,
    /// Empty where the statement does not say.
    calendar: &'a str,
}

impl<'a> Row<'a> {
    fn parse(
        [_, customer, clock, start, stop, target, contract, in_time]: [&'a str; 8],
        [pauses, calendar]: [&'a str; 2],
    ) -> Result<Self, String> {
        let in_time = match in_time {
            "yes" => Some(true),
            "no" => Some(false),
            "" => None,
            _ => return Err(format!("in_time is {in_time:?}: yes, no, or empty")),
        };
        let stop = if stop.is_empty() { None } else { Some(parse_time("stop", stop)?) };
        let (start, target) = (parse_time("start", start)?, parse_time("target", target)?);
        Ok(Self {
            customer,
            clock,
            start,
            stop,
            target,
            contract: parse_time("contract", contract)?,
            in_time,
            pauses: pauses.split_whitespace().map(parse_pause).collect::<Result<_, _>>()?,
            calendar,
        })
    }

    fn findings(&self, service: &Service) -> Vec<String> {
        let terms = service.terms();
        let (kind, term): (ClockKind, &Term) = match self.clock {
            "acknowledge" => (ClockKind::Acknowledge, &terms.acknowledge),
            "complete" => (ClockKind::Complete, &terms.complete),
            "notify" => (ClockKind::Notify, &terms.notify),
            _ => return vec![format!("no clock {:?}: acknowledge, complete, notify", self.clock)],
        };
        let calendar = service.calendar_of(self.customer);
        let version = calendar.version();
        if !self.calendar.is_empty() && self.calendar != version {
            // It was right by its own calendar, or not: this one cannot tell (S-6).
            return vec![format!(
                "was judged by the calendar version {}, and {} is {version} now",
                self.calendar,
                calendar.name()
            )];
        }
        let Some(mut clock) = Clock::start(kind, term, calendar, self.start) else {
            return vec![format!("the calendar {} has no business time after its start", calendar.name())];
        };
        if terms.pause_on_customer {
            for (from, to) in &self.pauses {
                clock.begin_wait(*from);
                match to {
                    Some(to) => clock.resume(calendar, *to),
                    None => break,
                }
            }
        }
        let due = clock.due;
        let mut findings = Vec::new();
        for (name, stated, right) in
            [("target", self.target, due.target), ("contract", self.contract, due.contract)]
        {
            if stated != right {
                findings.push(format!("{name} is {}, by the calendar {}", shown(stated), shown(right)));
            }
        }
        let in_time = self.stop.map(|stop| stop <= due.contract);
        if self.in_time.is_some() != in_time.is_some() {
            findings.push("in_time and stop do not fit: both are there, or neither".to_owned());
        } else if self.in_time != in_time {
            let word = if in_time == Some(true) { "yes" } else { "no" };
            findings.push(format!("in_time: by the calendar {word}"));
        }
        findings
    }
}

fn parse_pause(text: &str) -> Result<(Timestamp, Option<Timestamp>), String> {
    let (from, to) = text.split_once('/').ok_or_else(|| format!("pauses is {text:?}: FROM/TO is wanted"))?;
    let to = if to.is_empty() { None } else { Some(parse_time("pauses", to)?) };
    Ok((parse_time("pauses", from)?, to))
}

fn parse_time(name: &str, text: &str) -> Result<Timestamp, String> {
    let at: jiff::Timestamp = text.parse().map_err(|_| format!("{name} is {text:?}: RFC 3339 is wanted"))?;
    Ok(Timestamp(at.as_microsecond()))
}

fn shown(at: Timestamp) -> jiff::Timestamp {
    crate::calendar::instant(at)
}

const MINUTE_MICROS: i64 = 60_000_000;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::case::Kind;
    use crate::flow::State;

    /// A case that somebody asked for, with its clocks.
    pub(crate) fn case(customer: &str, opened: Timestamp, service: &Service) -> Case {
        let clock =
            |kind, term: &Term| Clock::start(kind, term, service.calendar_of(customer), opened).unwrap();
        Case {
            number: crate::CaseNumber::new(104_233),
            customer: customer.to_owned(),
            kind: Kind::Block,
            kinds_before: Vec::new(),
            flow: Kind::Block.flow(),
            state: State::New,
            title: "block".to_owned(),
            severity: crate::case::Severity::Info,
            is_high_priority: false,
            owner: None,
            opened,
            clocks: vec![
                clock(ClockKind::Acknowledge, &service.terms().acknowledge),
                clock(ClockKind::Complete, &service.terms().complete),
            ],
            informal: crate::Informal::default(),
            key: None,
            alerts: 0,
            first: opened,
            last: opened,
            contained: None,
            spark: Vec::new(),
            by_rule: std::collections::BTreeMap::new(),
            closure: None,
            findings: None,
            change: None,
            wanted: crate::case::Wanted::default(),
            links: Vec::new(),
            version: 1,
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn rows_of_cases_agree_with_their_check_with_and_without_pauses() {
        let pausing =
            include_str!("../sample.toml").replace("pause_on_customer = false", "pause_on_customer = true");
        for service in [Service::sample(), Service::parse(&pausing).unwrap()] {
            let pauses = service.terms().pause_on_customer;
            let opened = at("2026-10-05T15:00:00Z");
            let mut worked = case("=Acme", opened, &service);
            let clock = worked.clocks.iter_mut().find(|clock| clock.kind == ClockKind::Complete).unwrap();
            clock.begin_wait(at("2026-10-05T16:00:00Z"));
            if pauses {
                clock.resume(service.calendar(), at("2026-10-06T16:00:00Z"));
            }
            clock.stop(at("2026-10-06T17:00:00Z"));
            let now = at("2026-10-09T17:00:00Z");
            let made = rows(&service, std::slice::from_ref(&worked), None, now);
            assert_eq!(made.len(), worked.clocks.len());
            let complete = made.iter().find(|row| row.clock == ClockKind::Complete).unwrap();
            assert_eq!((complete.in_time, complete.pauses.len()), (Some(true), 1));
            // The other one runs, and is overdue.
            let open = made.iter().find(|row| row.stop.is_none()).unwrap();
            assert_eq!(open.in_time, Some(false));
            let text = write(&made);
            assert!(text.contains("'=Acme"), "{text}");
            let checked = check(&service, &text).unwrap();
            assert_eq!((checked.clocks, checked.findings), (made.len(), Vec::new()), "{text}");
            // One cell is changed: it is named.
            let contract = shown(complete.contract).to_string();
            let wrong = text.replacen(&contract, "2026-10-20T22:00:00Z", 1);
            assert!(!check(&service, &wrong).unwrap().findings.is_empty());
            // Another calendar says nothing about it.
            let other = text.replace(&complete.calendar, "0123456789abcdef");
            let found = check(&service, &other).unwrap().findings;
            assert!(found.iter().all(|it| it.what.contains("0123456789abcdef")) && found.len() == made.len());
        }
    }

    #[test]
    fn a_statement_holds_the_clocks_of_its_time() {
        let service = Service::sample();
        let mut early = case("Acme", at("2026-09-01T15:00:00Z"), &service);
        early.clocks.iter_mut().for_each(|clock| clock.stop(at("2026-09-01T16:00:00Z")));
        let late = case("Acme", at("2026-10-05T15:00:00Z"), &service);
        let of = |from, to| {
            let covered = Covered { from: at(from), to: at(to) };
            rows(&service, &[early.clone(), late.clone()], Some(covered), at(to)).len()
        };
        assert_eq!(of("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"), early.clocks.len());
        assert_eq!(of("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"), late.clocks.len());
        assert_eq!(of("2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"), 0);
    }

    /// A word that is owed without a promise is no row, however late it is.
    #[test]
    fn what_nobody_promised_is_in_no_statement() {
        let service = Service::sample();
        let mut case = case("Acme", at("2026-10-05T15:00:00Z"), &service);
        let promised = rows(&service, std::slice::from_ref(&case), None, at("2026-10-06T15:00:00Z"));
        case.informal.told = Some(at("2026-09-01T15:00:00Z"));
        case.informal.asked = Some(at("2026-09-01T15:00:00Z"));
        assert_eq!(rows(&service, &[case.clone()], None, at("2026-10-06T15:00:00Z")), promised);
        assert_eq!(case.standing(&service, at("2026-10-05T15:10:00Z")), Some(Standing::Runs));
    }

    #[test]
    fn a_statement_is_held_against_the_calendar() {
        let text = "case,customer,clock,start,stop,target,contract,in_time,owner\n\
            RW-104233-3,,acknowledge,2026-10-05T21:30:00Z,2026-10-06T13:30:00Z,2026-10-06T13:30:00Z,2026-10-06T13:30:00Z,yes,anna\n\
            RW-104233-3,,complete,2026-10-05T21:30:00Z,,2026-10-06T16:30:00Z,2026-10-06T22:00:00Z,,\n\
            RW-100001-9,,complete,2026-10-05T21:30:00Z,2026-10-07T22:00:00Z,2026-10-06T16:30:00Z,2026-10-06T23:00:00Z,yes,\n\
            RW-100001-9,,lunch,2026-10-05T21:30:00Z,,2026-10-06T16:30:00Z,2026-10-06T22:00:00Z,,\n";
        let checked = check(&Service::sample(), text).unwrap();
        assert_eq!(checked.clocks, 4);
        let found: Vec<_> = checked.findings.iter().map(|it| format!("{} {}", it.line, it.what)).collect();
        assert_eq!(
            found,
            [
                "4 contract is 2026-10-06T23:00:00Z, by the calendar 2026-10-06T22:00:00Z",
                "4 in_time: by the calendar no",
                "5 no clock \"lunch\": acknowledge, complete, notify",
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let header = "case,customer,clock,start,stop,target,contract,in_time\n";
        let rows = "a,,complete,yesterday,,,,\nb,,complete\nc,,complete,2026-10-05T21:30:00Z,,,,perhaps\n";
        let mistakes = check(&Service::sample(), &format!("{header}{rows}")).unwrap_err();
        assert_eq!(mistakes.0.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 3, 4], "{mistakes}");
        assert_eq!(check(&Service::sample(), "case,start\n").unwrap_err().0[0].line, 1);
    }
}
