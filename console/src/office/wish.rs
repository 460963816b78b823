//! A report that somebody wants, once or time after time: what has to be so before it is made.

use cases::intake::{Direction, Side};
use cases::schedule::{Format, Schedule, Span, When, Which};

use super::{customers, zone_of};
use crate::Service;
use crate::failure::Failure;
use crate::question::ask;

/// What somebody wants, on a page or by the API.
pub(crate) struct Wish {
    pub(crate) customer: String,
    pub(crate) report: String,
    pub(crate) format: Format,
    pub(crate) when: When,
    pub(crate) span: Span,
    pub(crate) direction: Direction,
    pub(crate) numbers: Vec<String>,
    /// Nobody for one that is looked at here.
    pub(crate) recipients: Vec<String>,
}

impl Wish {
    /// The schedule that it is, added by `by`; it has its name from what is in it.
    pub(crate) async fn schedule(self, service: &Service, by: &str) -> Result<Schedule, Failure> {
        let catalogue = ask(&service.questions.office.catalogue, ()).await?;
        let kind = catalogue.reports.iter().find(|it| it.name == self.report);
        let kind = kind.ok_or_else(|| {
            let names: Vec<_> = catalogue.reports.iter().map(|it| it.name).collect();
            Failure::Wrong(format!("Choose one of the reports: {}.", names.join(", ")))
        })?;
        if !kind.formats.contains(&self.format) {
            let formats: Vec<_> = kind.formats.iter().map(|it| it.name()).collect();
            let why = format!("{} is written as {}, not as {}.", kind.name, formats.join(", "), self.format);
            return Err(Failure::Wrong(why));
        }
        // Whoever makes those that run by themselves may be another service, which has it.
        let is_made_now = self.recipients.is_empty();
        if is_made_now && self.format == Format::Pdf && !catalogue.has_typesetter {
            return Err(Failure::Wrong(NO_TYPESETTER.to_owned()));
        }
        if !customers(service).await?.contains(&self.customer) {
            return Err(Failure::Wrong("Choose one of the customers of the list.".to_owned()));
        }
        if kind.wants_number && self.numbers.len() != 1 {
            return Err(Failure::Wrong(format!("{} is about one number: give it.", kind.name)));
        }
        let zone = zone_of(service, &self.customer).await?;
        let schedule = Schedule {
            id: String::new(),
            customer: self.customer,
            report: self.report,
            format: self.format,
            when: self.when,
            span: self.span,
            which: Which { side: Side::Both, direction: self.direction, numbers: self.numbers },
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            recipients: self.recipients,
            case: None,
            authorised: None,
            by: by.to_owned(),
            at: (service.now)(),
        };
        Ok(schedule.named())
    }
}

/// Which way, as it is typed.
pub(crate) fn direction(text: &str) -> Result<Direction, Failure> {
    match text {
        "inbound" => Ok(Direction::Inbound),
        "outbound" => Ok(Direction::Outbound),
        "" | "both" => Ok(Direction::Both),
        _ => Err(Failure::Wrong("The direction is inbound, outbound, or both.".to_owned())),
    }
}

/// Numbers with commas or line ends between them.
pub(crate) fn numbers(text: &str) -> Result<Vec<String>, Failure> {
    let words = text.split([',', ';', '\n', '\t']).map(|it| it.split_whitespace().collect::<String>());
    let numbers: Vec<String> = words.filter(|it| !it.is_empty()).collect();
    let is_number = |it: &String| {
        let digits = it.strip_prefix('+').unwrap_or_default();
        (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    if let Some(wrong) = numbers.iter().find(|it| !is_number(it)) {
        return Err(Failure::Wrong(format!("{wrong} is no number such as +12105550142.")));
    }
    if numbers.len() > NUMBERS_MAX {
        return Err(Failure::Wrong(format!("More than {NUMBERS_MAX} numbers.")));
    }
    Ok(numbers)
}

const NUMBERS_MAX: usize = 100;
const NO_TYPESETTER: &str =
    "No PDF can be set here: the program ringwall-typeset is not there. HTML prints as well.";
