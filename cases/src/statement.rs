//! A statement of clocks, recomputed: whoever was sent one can hold it against the calendar.

use rules::Timestamp;

use crate::Service;
use crate::calendar::{Mistake, Mistakes};
use crate::terms::Term;

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
        checked.clocks += 1;
        match Row::parse(cells) {
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
}

impl<'a> Row<'a> {
    fn parse(
        [_, customer, clock, start, stop, target, contract, in_time]: [&'a str; 8],
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
        })
    }

    fn findings(&self, service: &Service) -> Vec<String> {
        let terms = service.terms();
        let term: &Term = match self.clock {
            "acknowledge" => &terms.acknowledge,
            "complete" => &terms.complete,
            "notify" => &terms.notify,
            _ => return vec![format!("no clock {:?}: acknowledge, complete, notify", self.clock)],
        };
        let calendar = service.calendar_of(self.customer);
        let Some(due) = term.due(calendar, self.start) else {
            return vec![format!("the calendar {} has no business time after its start", calendar.name())];
        };
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

fn parse_time(name: &str, text: &str) -> Result<Timestamp, String> {
    let at: jiff::Timestamp = text.parse().map_err(|_| format!("{name} is {text:?}: RFC 3339 is wanted"))?;
    Ok(Timestamp(at.as_microsecond()))
}

fn shown(at: Timestamp) -> jiff::Timestamp {
    crate::calendar::instant(at)
}

#[cfg(test)]
mod tests {
    use super::*;

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
