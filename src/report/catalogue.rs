//! Which reports there are, and who makes each: the one list that a schedule and a terminal ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use cases::io::store::Store;
use cases::schedule::{Format, Made, MadeFile, Make, NotMade, Order};
use cases::{CaseNumber, Change, Service, statement};
use console::ReportKind;
use rules::Timestamp;

use reporter::report::Report;

use super::{figures, tables};
use crate::outcome::Failure;
use crate::policies;
use crate::serve::{Cases, Config};

/// A report that is made from what the desk keeps.
struct OfDesk {
    name: &'static str,
    /// What it is for, in one sentence.
    about: &'static str,
    /// Whether it tells of single calls.
    holds_calls: bool,
    rows: fn(&Kept<'_>) -> Table,
}

/// What the desk keeps of one customer.
pub(super) struct Kept<'a> {
    pub(super) service: &'a Service,
    pub(super) order: &'a Order,
    pub(super) cases: Vec<cases::Case>,
    /// The changes that they propose or made.
    pub(super) changes: BTreeMap<CaseNumber, Change>,
    pub(super) audit: Vec<cases::audit::Entry>,
    pub(super) registration: cases::Registration,
    /// What went out to its people.
    pub(super) outgoing: Vec<cases::Outgoing>,
    /// The end of what it is about, or now if that is earlier: what clocks are judged by.
    pub(super) at: Timestamp,
}

/// A table: what its columns are called, and its rows.
pub(super) struct Table {
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Whoever makes reports, from what a service with `config` keeps.
pub(crate) fn maker(config: &Config) -> Result<Arc<Make>, Failure> {
    let cases = Cases::new(config);
    let service = cases.service()?;
    let place = cases.is_there().then(|| cases.place());
    let config = config.clone();
    Ok(Arc::new(move |order: &Order| make(&config, place.as_deref(), &service, order)))
}

/// All of them, as somebody chooses one.
pub(crate) fn kinds() -> Vec<ReportKind> {
    let of_calls = Report::ALL.iter().map(|report| ReportKind {
        name: report.name,
        about: report.about,
        formats: Format::ALL.to_vec(),
        wants_number: report.name == figures::DOSSIER,
    });
    let of_desk = OF_DESK.iter().map(|report| ReportKind {
        name: report.name,
        about: report.about,
        formats: OF_DESK_FORMATS.to_vec(),
        wants_number: false,
    });
    of_calls.chain(of_desk).collect()
}

/// The names of all reports.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    OF_DESK.iter().map(|report| report.name).chain(Report::ALL.iter().map(|report| report.name))
}

/// Whether a report of this name can be made in `format` with `numbers`.
///
/// # Errors
/// It cannot, and why.
pub(super) fn check(name: &str, format: Format, numbers: &[String]) -> Result<(), Failure> {
    let Some(kind) = kinds().into_iter().find(|kind| kind.name == name) else {
        let known: Vec<_> = names().collect();
        return Err(Failure::Usage(format!(
            "no report is called {}: {}",
            reporter::printable(name),
            known.join(", ")
        )));
    };
    if !kind.formats.contains(&format) {
        let formats: Vec<_> = kind.formats.iter().map(ToString::to_string).collect();
        let known = formats.join(" or ");
        return Err(Failure::Usage(format!("{name} is written as {known}, not {format}")));
    }
    if kind.wants_number && numbers.is_empty() {
        return Err(Failure::Usage(format!("{name} is about one caller: --number says who")));
    }
    Ok(())
}

fn make(config: &Config, place: Option<&str>, service: &Service, order: &Order) -> Result<Made, NotMade> {
    if let Some(report) = Report::named(&order.report) {
        return figures::make(report, config, &keep(place, service, order)?);
    }
    let Some(report) = OF_DESK.iter().find(|report| report.name == order.report) else {
        let known: Vec<_> = names().collect();
        return Err(finally(format!("no report is called {}: {}", order.report, known.join(", "))));
    };
    if !OF_DESK_FORMATS.contains(&order.format) {
        return Err(finally(format!("{} is written as csv or json, not {}", report.name, order.format)));
    }
    let kept = keep(place, service, order)?;
    let table = (report.rows)(&kept);
    let bytes = match order.format {
        Format::Json => json(&table),
        _ => csv(&table),
    };
    let day = |at: Timestamp| {
        let zone = jiff::tz::TimeZone::get(&order.zone).unwrap_or(jiff::tz::TimeZone::UTC);
        jiff::Timestamp::from_microsecond(at.0).unwrap_or_default().to_zoned(zone).date()
    };
    let name = format!("{}-{}.{}", report.name, day(order.covered.from), order.format);
    let media_type = order.format.media_type();
    Ok(Made {
        rows: table.rows.len() as u64,
        files: vec![MadeFile { name, media_type, bytes, holds_calls: report.holds_calls }],
        notes: Vec::new(),
    })
}

/// What the desk keeps; nothing where no case was ever opened.
fn keep<'a>(place: Option<&str>, service: &'a Service, order: &'a Order) -> Result<Kept<'a>, NotMade> {
    let Some(place) = place else {
        let at = order.covered.to.min(policies::now());
        let registration =
            cases::Registration { customer: order.customer.clone(), ..cases::Registration::default() };
        return Ok(Kept {
            service,
            order,
            cases: Vec::new(),
            changes: BTreeMap::new(),
            audit: Vec::new(),
            registration,
            outgoing: Vec::new(),
            at,
        });
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| later(error.to_string()))?;
    runtime.block_on(read(place, service, order)).map_err(|error| later(error.to_string()))
}

async fn read<'a>(
    place: &str,
    service: &'a Service,
    order: &'a Order,
) -> Result<Kept<'a>, cases::io::store::Error> {
    let store = Store::open(place).await?;
    let cases = store.customer(&order.customer).cases().await?;
    let mut audit = Vec::new();
    loop {
        let after = audit.last().map_or(0, |entry: &cases::audit::Entry| entry.sequence);
        let more = store.audit(&order.customer, after, AUDIT_AT_ONCE).await?;
        if more.is_empty() {
            break;
        }
        audit.extend(more);
    }
    let mut changes = BTreeMap::new();
    for case in &cases {
        let Some(hash) = &case.change else { continue };
        if let Some((proposed, _)) = store.desk().change(hash).await? {
            changes.insert(case.number, proposed.change);
        }
    }
    let registration = store.desk().registration(&order.customer).await?;
    let mut outgoing = store.desk().outgoing_since(&order.customer, order.covered.from).await?;
    store.close().await;
    let to_people = |to: &String| {
        registration.people.iter().any(|it| it.addresses.contains(to) || it.phones.contains(to))
    };
    outgoing.retain(|it| to_people(&it.to));
    let at = order.covered.to.min(policies::now());
    Ok(Kept { service, order, cases, changes, audit, registration, outgoing, at })
}

fn csv(table: &Table) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(&table.columns);
    for row in &table.rows {
        let _ = writer.write_record(row.iter().map(|cell| statement::text_cell(cell)));
    }
    writer.into_inner().unwrap_or_default()
}

fn json(table: &Table) -> Vec<u8> {
    let row = |row: &Vec<String>| {
        let cells = table.columns.iter().zip(row);
        serde_json::Value::Object(
            cells.map(|(name, cell)| ((*name).to_owned(), cell.as_str().into())).collect(),
        )
    };
    let rows: Vec<_> = table.rows.iter().map(row).collect();
    serde_json::to_vec_pretty(&rows).unwrap_or_default()
}

pub(super) fn finally(why: String) -> NotMade {
    NotMade { is_final: true, why }
}

pub(super) fn later(why: String) -> NotMade {
    NotMade { is_final: false, why }
}

const OF_DESK: &[OfDesk] = &[
    OfDesk {
        name: "sla-statement",
        about: "Every clock of every case: when it began, when it was due, when it stopped, and whether that was in time.",
        holds_calls: false,
        rows: tables::statement,
    },
    OfDesk {
        name: "access-review",
        about: "Who may do what for the customer, what they did last, and who has to be looked at.",
        holds_calls: false,
        rows: tables::access,
    },
    OfDesk {
        name: "monitoring-log",
        about: "What was looked at in these days, what was seen, and the evidence for it, for an auditor of the customer.",
        holds_calls: false,
        rows: tables::monitoring,
    },
    OfDesk {
        name: "custody",
        about: "What was done with the cases of these days, by whom, each act with the hash of its entry in the audit.",
        holds_calls: false,
        rows: tables::custody,
    },
];
/// What they are written as.
const OF_DESK_FORMATS: [Format; 2] = [Format::Csv, Format::Json];
/// Entries of an audit chain that are read at once.
const AUDIT_AT_ONCE: u32 = 1_000;
