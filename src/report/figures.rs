//! Reports over calls: their facts are gathered here, what they say is in `reporter`.

use cases::schedule::{Format, Made, MadeFile, NotMade, Order};
use cases::{intake, statement};
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use records::io::{Store, Wanted};
use records::{Call, Column, Columns};
use reporter::document::{Coverage, Document, Stamp};
use reporter::metrics::{Answers, Context, Desk, Figures, Gather, Judgements, Measures, Period, Shelf};
use reporter::report::{Facts, Report};
use rules::Action;
use rules::policy::Policy;

use super::catalogue::{Kept, finally, later};
use super::context::context;
use crate::policies;
use crate::present;
use crate::serve::{Config, RECORDS, presence};

/// Makes `report` as `order` says.
pub(super) fn make(report: &Report, config: &Config, kept: &Kept<'_>) -> Result<Made, NotMade> {
    let order = kept.order;
    let policy = policy(config, &order.customer)?;
    let zone = TimeZone::get(&order.zone).map_err(|error| finally(error.to_string()))?;
    let period = Period { from: order.covered.from, to: order.covered.to };
    let hours = kept.service.calendar_of(&order.customer);
    let by = context(
        policy.as_ref(),
        zone.clone(),
        (hours, Judgements::of(&kept.cases, &kept.changes, &kept.audit)),
        &period,
    );
    let store = Store::open(&config.data.join(RECORDS)).map_err(|error| later(error.to_string()))?;
    let shelf = Shelf::new(&config.data.join(SUMMARIES));
    let gather = Gather {
        store: &store,
        shelf: Some(&shelf),
        customer: Some(&order.customer),
        context: &by,
        now: policies::now(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let gathered = gather.gather(&period).map_err(|error| later(error.to_string()))?;
    let answers = gathered.figures.answers(&by, &period);
    let compared = |period: Option<Period>| -> Result<Option<Answers>, NotMade> {
        let Some(period) = period.filter(|_| report.wants.comparison) else { return Ok(None) };
        let gathered = gather.gather(&period).map_err(|error| later(error.to_string()))?;
        Ok((gathered.figures.rows > 0).then(|| gathered.figures.answers(&by, &period)))
    };
    let before = compared(period.previous(&zone))?;
    let year_ago = compared(period.a_year_before(&zone))?;
    let months = if report.wants.months { months(&gather, &zone, &period)? } else { Vec::new() };
    let chosen = if report.wants.calls { choose(&store, order, &by, &period)? } else { Chosen::default() };
    let caller = if report.name == DOSSIER { Some(caller(order)?) } else { None };
    let clocks = statement::rows(kept.service, &kept.cases, Some(order.covered), kept.at);
    let measures = Measures::of(
        &Desk {
            cases: &kept.cases,
            entries: &kept.audit,
            registrations: std::slice::from_ref(&kept.registration),
            outgoing: &kept.outgoing,
            calendar: hours,
            context: &by,
            attempts: Some(answers.attempts.total),
            alerts_a_week: ALERTS_A_WEEK,
            now: kept.at,
        },
        &period,
    );
    let versions = gathered.figures.policies.in_order();
    let versions = versions.first().zip(versions.last());
    let facts = Facts {
        customer: &order.customer,
        period,
        zone: &zone,
        stamp: Stamp {
            definitions: Figures::version().chars().take(12).collect(),
            coverage: coverage(config, &period, &zone),
            policies: versions.map(|((first, ..), (last, ..))| ((*first).to_owned(), (*last).to_owned())),
            generated: kept.at,
            maker: concat!("ringwall ", env!("CARGO_PKG_VERSION")).to_owned(),
            hash: String::new(),
        },
        desk: None,
        currency: policy.as_ref().map_or("", |policy| policy.text().customer.rates.currency()),
        answers: &answers,
        before: before.as_ref(),
        year_ago: year_ago.as_ref(),
        months: &months,
        measures: &measures,
        cases: &kept.cases,
        audit: &kept.audit,
        clocks: &clocks,
        calls: &chosen.calls,
        calls_left_out: chosen.left_out,
        calls_blocked: chosen.blocked,
        calls_wanted: &in_words(order),
        caller,
    };
    let document = report.write(&facts).seen_with(order.sight);
    let mut notes = Vec::new();
    if document.stamp.coverage.is_low() {
        let share = document.stamp.coverage.share().ratio().unwrap_or_default() * 100.0;
        notes.push(format!("data is complete for {share:.1} % of the hours"));
    }
    notes.extend(gathered.not_kept.map(|why| format!("summaries of closed days are not kept: {why}")));
    Ok(Made { files: files(report, &document, order)?, rows: answers.attempts.total, notes })
}

fn policy(config: &Config, customer: &str) -> Result<Option<Policy>, NotMade> {
    let found = present::policies(&config.data, &config.policy, Some(customer));
    let found = found.map_err(|_| later("the policies in force cannot be read".to_owned()))?;
    Ok(found.into_iter().next().map(|admitted| admitted.into_parts().1))
}

/// The figures of thirteen months, the last of which ends with `period`.
fn months(gather: &Gather<'_>, zone: &TimeZone, period: &Period) -> Result<Vec<(String, Answers)>, NotMade> {
    let last = jiff::Timestamp::from_microsecond(period.to.0 - 1).unwrap_or_default();
    let last = zone.to_datetime(last).date().first_of_month();
    let mut months = Vec::new();
    for back in (0..MONTHS).rev() {
        let Ok(first) = last.checked_sub(back.months()) else { continue };
        let Ok(behind) = first.checked_add(1.month()) else { continue };
        let Some(month) = Period::of_days(zone, first, behind) else { continue };
        let gathered = gather.gather(&month).map_err(|error| later(error.to_string()))?;
        if gathered.figures.rows > 0 {
            months.push((
                first.strftime("%b %y").to_string(),
                gathered.figures.answers(gather.context, &month),
            ));
        }
    }
    Ok(months)
}

/// Single calls.
#[derive(Default)]
struct Chosen {
    calls: Vec<Call>,
    /// How many there are beyond those that a report shows.
    left_out: u64,
    /// Of all of them those that were refused.
    blocked: u64,
}

/// What `order` narrows calls down by.
fn in_words(order: &Order) -> Vec<(&'static str, String)> {
    let mut words = Vec::new();
    if !order.which.numbers.is_empty() {
        words.push(("Numbers", order.which.numbers.join(", ")));
    }
    match order.which.direction {
        intake::Direction::Both => {}
        intake::Direction::Inbound => words.push(("Direction", "inbound".to_owned())),
        intake::Direction::Outbound => words.push(("Direction", "outbound".to_owned())),
    }
    match order.which.side {
        intake::Side::Both => {}
        intake::Side::Internal => words.push(("Callers", "numbers of the customer's own".to_owned())),
        intake::Side::External => words.push(("Callers", "numbers of others".to_owned())),
    }
    words
}

/// The single calls that `order` asks for.
fn choose(store: &Store, order: &Order, context: &Context, period: &Period) -> Result<Chosen, NotMade> {
    let numbers: Vec<u64> = order.which.numbers.iter().filter_map(|number| digits(number)).collect();
    if numbers.len() < order.which.numbers.len() {
        return Err(finally("the numbers that calls are wanted of are E.164, with a plus".to_owned()));
    }
    let columns = Columns::of(&[
        Column::Start,
        Column::Kind,
        Column::Direction,
        Column::Caller,
        Column::CallerText,
        Column::Called,
        Column::CalledText,
        Column::Source,
        Column::Verdict,
        Column::Rule,
        Column::Status,
        Column::RangAfter,
        Column::AnsweredAfter,
        Column::EndedAfter,
        Column::CallId,
        Column::DisplayName,
        Column::UserAgent,
    ]);
    let during = period.from..period.to;
    let customer = Some(order.customer.as_str());
    // One caller is looked up; of several all calls are gone through.
    let wanted =
        Wanted { caller: numbers.first().copied().filter(|_| order.report == DOSSIER), called: None };
    let scan = store.find(customer, during, columns, wanted);
    let mut chosen = Chosen::default();
    for batch in scan {
        let batch = batch.map_err(|error| later(error.to_string()))?;
        for row in 0..batch.len() {
            let call = batch.call(row);
            if !is_wanted(&call, order, &numbers, context) {
                continue;
            }
            chosen.blocked += u64::from(matches!(call.verdict, Action::Block));
            if chosen.calls.len() < CALLS_MAX { chosen.calls.push(call) } else { chosen.left_out += 1 }
        }
    }
    Ok(chosen)
}

fn is_wanted(call: &Call, order: &Order, numbers: &[u64], context: &Context) -> bool {
    let has = |digits: u64| numbers.contains(&digits);
    let is_of_numbers = numbers.is_empty() || has(call.caller.number) || has(call.called.number);
    let direction = match order.which.direction {
        intake::Direction::Both => true,
        intake::Direction::Inbound => call.direction == Some(rules::Direction::Inbound),
        intake::Direction::Outbound => call.direction == Some(rules::Direction::Outbound),
    };
    // Whose number the caller's is (P-3).
    let is_own = rules::Number::international(call.caller.number.to_string().as_bytes())
        .is_some_and(|number| context.own.contains(number));
    let side = match order.which.side {
        intake::Side::Both => true,
        intake::Side::Internal => is_own,
        intake::Side::External => !is_own,
    };
    call.is_call() && is_of_numbers && direction && side
}

/// Whom a dossier is about.
fn caller(order: &Order) -> Result<u64, NotMade> {
    match order.which.numbers.as_slice() {
        [number] => {
            digits(number).ok_or_else(|| finally(format!("{number:?} is no E.164 number with a plus")))
        }
        _ => Err(finally("a dossier is about one number: --number +12105550142".to_owned())),
    }
}

fn digits(number: &str) -> Option<u64> {
    let digits = number.strip_prefix('+')?;
    rules::Number::international(digits.as_bytes()).map(rules::Number::value)
}

/// How much of the period was seen. What lies ahead is not missing.
fn coverage(config: &Config, period: &Period, zone: &TimeZone) -> Coverage {
    let past = Period { from: period.from, to: period.to.min(policies::now()) };
    let seen = presence::read(&config.data).coverage(&past, zone).share;
    Coverage { complete_hours: seen.part, hours: seen.whole }
}

/// `document` as what was ordered.
pub(super) fn files(report: &Report, document: &Document, order: &Order) -> Result<Vec<MadeFile>, NotMade> {
    let zone = TimeZone::get(&order.zone).unwrap_or(TimeZone::UTC);
    let first = jiff::Timestamp::from_microsecond(order.covered.from.0).unwrap_or_default();
    let base = format!("{}-{}", report.name, zone.to_datetime(first).date());
    let file = |name: String, bytes: Vec<u8>| MadeFile {
        name,
        media_type: order.format.media_type(),
        bytes,
        holds_calls: report.holds_calls,
    };
    let whole = |bytes: Vec<u8>| vec![file(format!("{base}.{}", order.format), bytes)];
    Ok(match order.format {
        Format::Html => whole(document.to_html().into_bytes()),
        Format::Json => whole(document.to_json().into_bytes()),
        Format::Xlsx => whole(document.to_xlsx().map_err(finally)?),
        Format::Csv => {
            let tables = document.to_csv().into_iter();
            tables.map(|(name, text)| file(format!("{base}-{name}"), text.into_bytes())).collect()
        }
        Format::Pdf => whole(super::pdf::write(document)?),
    })
}

/// The folder of summaries of closed days, under that of the service.
pub(crate) const SUMMARIES: &str = "summaries";
/// The report about one caller.
/// The report about one number.
pub(super) const DOSSIER: &str = "dossier";
/// What a customer tolerates unless it says otherwise.
const ALERTS_A_WEEK: f64 = 5.0;
/// A year and the month before it.
const MONTHS: i64 = 13;
/// Single calls that one report shows.
const CALLS_MAX: usize = 50_000;
