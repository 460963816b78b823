//! Reports that run by themselves: when, about which days, for whom (P-1 to P-8). Who makes them stands behind [`Make`].

mod order;
mod run;
mod span;
mod when;
mod words;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use order::{Format, Made, MadeFile, Make, NotMade, Order, Sight, Which};
pub use run::{KeptFile, Lease, Run, RunState};
pub use span::{Covered, Span};
pub use when::{Days, Expression, When};
pub use words::{LINK_DAYS, Told, words};

use crate::intake::{self, Recurrence, ReportRequest, Role};
use crate::tag::tag_of;
use crate::{CaseNumber, Registration};

/// A report that runs by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// `RS-` and eight hexadecimal digits over all that says what it does: the same one added twice is one.
    pub id: String,
    /// Whose.
    pub customer: String,
    /// The name of the report in the catalogue.
    pub report: String,
    /// What it is written as.
    pub format: Format,
    /// When it runs.
    pub when: When,
    /// Which days each run is about.
    pub span: Span,
    /// Which calls, where it shows calls.
    #[serde(default)]
    pub which: Which,
    /// The customer's zone, such as `America/Chicago`.
    pub zone: String,
    /// Addresses of those who are to get it. Who of them may is asked at each run.
    pub recipients: Vec<String>,
    /// The case that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseNumber>,
    /// The authoriser who said yes to recipients outside the customer's contacts, and when (P-7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorised: Option<(String, Timestamp)>,
    /// Who added it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Who gets a run, and who does not (P-5, P-7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// Addresses that it goes to.
    pub allowed: Vec<String>,
    /// Those that may not have it, each with why.
    pub pending: Vec<(String, &'static str)>,
}

impl Schedule {
    /// Names it by what it does.
    #[must_use]
    pub fn named(mut self) -> Self {
        let what = (&self.customer, &self.report, self.format, &self.when, self.span, &self.which);
        let case = self.case.filter(|_| self.when == When::Once);
        let text = serde_json::to_string(&(what, &self.zone, &self.recipients, case)).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        self.id = format!("RS-{digits}");
        self
    }

    /// Names it as one that somebody of the desk orders to look at: two orders of the same are two.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self = Self { when: When::Once, case: None, recipients: Vec::new(), ..self }.named();
        let digest = Sha256::digest(format!("{} {} {}", self.id, self.by, self.at.0).as_bytes());
        let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        self.id = format!("{ORDERED}{digits}");
        self
    }

    /// What tells it from what it was before.
    pub fn tag(&self) -> String {
        tag_of(self)
    }

    /// Whether somebody of the desk ordered it to look at: it goes to nobody.
    pub fn is_ordered(&self) -> bool {
        self.id.starts_with(ORDERED)
    }

    /// What a request asks for; `None` while it cannot be read from when to when. `by` is who wrote it.
    pub fn of_request(
        request: &ReportRequest,
        numbers: Vec<String>,
        customer: &str,
        zone: &str,
        (case, by, at): (CaseNumber, &str, Timestamp),
    ) -> Option<Self> {
        let time = Time::constant(REQUEST_HOUR, 0, 0, 0);
        let today = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let today = today.to_datetime(crate::calendar::instant(at)).date();
        let when = match request.recurrence {
            Recurrence::OneTime => When::Once,
            Recurrence::Daily => When::On(Days::Every, time),
            Recurrence::Weekly { every_weeks: 1, day } => When::On(Days::Weekly(day), time),
            Recurrence::Weekly { day, .. } => When::On(Days::fortnightly(day, today), time),
            Recurrence::Monthly { day } => When::On(Days::Monthly(day), time),
            Recurrence::MonthlyLastBusinessDay => When::On(Days::LastBusiness, time),
            Recurrence::Quarterly => When::On(Days::Quarterly, time),
        };
        let span = match (&when, request.period) {
            (When::Once, Some(period)) => Span::Fixed(period.first, period.last),
            (When::Once, None) => return None,
            (when, _) => Span::usual(when),
        };
        let schedule = Self {
            id: String::new(),
            customer: customer.to_owned(),
            report: AD_HOC.to_owned(),
            format: Format::Html,
            when,
            span,
            which: Which { side: request.side, direction: request.direction, numbers },
            zone: zone.to_owned(),
            recipients: request.recipients.iter().map(|it| it.address.clone()).collect(),
            case: Some(case),
            authorised: None,
            by: by.to_owned(),
            at,
        };
        Some(schedule.named())
    }

    /// What is wrong with it, in words.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if TimeZone::get(&self.zone).is_err() {
            mistakes.push(format!("{:?} is no time zone, such as America/Chicago", self.zone));
        }
        if self.recipients.is_empty() && !self.is_ordered() {
            mistakes.push("it has no recipient".to_owned());
        }
        if self.recipients.len() > intake::limits::RECIPIENTS_MAX {
            mistakes.push(format!("more than {} recipients", intake::limits::RECIPIENTS_MAX));
        }
        for address in self.recipients.iter().filter(|it| !intake::is_plain_address(it)) {
            mistakes.push(format!("{address:?} is no plain mail address"));
        }
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.report.is_empty() || !self.report.bytes().all(is_word) {
            mistakes.push(format!("{:?} is no name of a report", self.report));
        }
        mistakes
    }

    /// Who gets it at `now`: contacts that may get reports, and, once an authoriser said yes, whom the customer's list of
    /// domains allows. Whoever was removed drops out at once.
    pub fn readers(&self, registration: &Registration, now: Timestamp) -> Readers {
        let mut readers = Readers::default();
        for address in &self.recipients {
            match may_read(registration, address, self.authorised.is_some(), now) {
                Ok(()) => readers.allowed.push(address.clone()),
                Err(why) => readers.pending.push((address.clone(), why)),
            }
        }
        readers
    }

    /// What is asked of whoever makes reports.
    pub fn order(&self, run: &Run, sight: Sight) -> Order {
        Order {
            report: self.report.clone(),
            customer: self.customer.clone(),
            covered: run.covered,
            zone: self.zone.clone(),
            format: self.format,
            which: self.which.clone(),
            sight,
        }
    }

    /// Its zone; UTC for one that nobody knows any more.
    pub fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }
}

/// Whether a report may go to `address` (P-5, P-7).
///
/// # Errors
/// Why not.
pub fn may_read(
    registration: &Registration,
    address: &str,
    is_authorised: bool,
    now: Timestamp,
) -> Result<(), &'static str> {
    let address = intake::normal_address(address);
    let mut with_address = registration
        .people
        .iter()
        .filter(|person| person.addresses.iter().any(|it| intake::normal_address(it) == address))
        .peekable();
    if with_address.peek().is_some() {
        let mut valid = with_address.filter(|person| person.is_valid_at(now)).peekable();
        if valid.peek().is_none() {
            return Err("is no contact any more");
        }
        let has_role = valid.any(|person| person.roles.contains(&Role::ReportRecipient));
        return if has_role { Ok(()) } else { Err("is a contact without the role report-recipient") };
    }
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    if !registration.report_domains.iter().any(|it| it == domain) {
        return Err("is no contact, and in no domain that reports go to");
    }
    if is_authorised { Ok(()) } else { Err("is outside: an authoriser has not said yes yet") }
}

/// After so long a report is late, and its recipients are told: well within the hour of P-8.
pub const LATE_MICROS: i64 = 45 * 60 * 1_000_000;
/// As often a run is begun before it is given up.
pub const ATTEMPTS_MAX: u32 = 3;
/// What the names of ordered reports begin with.
pub(crate) const ORDERED: &str = "RO-";
/// The report that requests ask for: calls by numbers, side, direction and days.
pub const AD_HOC: &str = "ad-hoc";
/// Reports that requests ask for are there when people come to work.
const REQUEST_HOUR: i8 = 7;

#[cfg(test)]
mod tests;
