//! The file that says when the desk is open and what it promised.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::calendar::{Calendar, CalendarText, Mistakes, Reader};
use crate::terms::{Contract, Term, Terms};

/// Calendars, and the terms of the service.
#[derive(Clone, Debug)]
pub struct Service {
    calendars: BTreeMap<String, Calendar>,
    terms: Terms,
    of_customers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    calendar: BTreeMap<Spanned<String>, CalendarText>,
    #[serde(default)]
    sla: SlaText,
    /// Calendars of customers that have one of their own.
    #[serde(default)]
    customers: BTreeMap<String, Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlaText {
    service_action: Option<ActionText>,
    incident_response: Option<IncidentText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionText {
    calendar: Option<Spanned<String>>,
    ack: Option<TermText>,
    complete: Option<TermText>,
    #[serde(default)]
    auto_reply_counts_as_ack: bool,
    #[serde(default)]
    pause_on_customer: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IncidentText {
    notify: NotifyText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermText {
    target: Spanned<String>,
    contract: Option<Spanned<String>>,
    contract_outside: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotifyText {
    from: Option<Spanned<String>>,
    target: Spanned<String>,
    contract: Option<Spanned<String>>,
    contract_outside: Option<Spanned<String>>,
    best_effort: Option<Spanned<String>>,
}

impl Service {
    /// Reads `[calendar.NAME]`, `[sla.…]` and `[customers]`. The error holds every mistake with its line.
    pub fn parse(text: &str) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(text);
        let Some(read) = reader.parse::<Text>() else { return reader.finish(None) };
        let calendars = reader.calendars(&read.calendar);
        let terms = terms(&mut reader, &read, &calendars);
        let mut of_customers = BTreeMap::new();
        for (customer, calendar) in &read.customers {
            known(&mut reader, calendar, &calendars);
            of_customers.insert(customer.clone(), calendar.get_ref().clone());
        }
        reader.finish(Some(Self { calendars, terms, of_customers }))
    }

    /// The sample of `cases/sample.toml`: Monday to Friday from 8 to 5, Central Time.
    pub fn sample() -> Self {
        Self::parse(SAMPLE).expect("a test reads the sample")
    }

    /// What was promised.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The calendar by which the service counts when a customer has none of its own.
    pub fn calendar(&self) -> &Calendar {
        self.named(&self.terms.calendar).expect("parse refuses a calendar that is not there")
    }

    /// The calendar by which the cases of `customer` are counted.
    pub fn calendar_of(&self, customer: &str) -> &Calendar {
        self.of_customers.get(customer).and_then(|name| self.named(name)).unwrap_or_else(|| self.calendar())
    }

    /// The calendar of this name.
    pub fn named(&self, name: &str) -> Option<&Calendar> {
        self.calendars.get(name)
    }

    /// All of them, by name.
    pub fn calendars(&self) -> impl Iterator<Item = &Calendar> {
        self.calendars.values()
    }
}

fn known(reader: &mut Reader<'_>, name: &Spanned<String>, calendars: &BTreeMap<String, Calendar>) {
    if !calendars.contains_key(name.get_ref()) {
        reader.mistake(name.span(), format!("no calendar {:?}", name.get_ref()));
    }
}

fn terms(reader: &mut Reader<'_>, text: &Text, calendars: &BTreeMap<String, Calendar>) -> Terms {
    let action = text.sla.service_action.as_ref();
    let mut terms = Terms::usual(String::new());
    match (action.and_then(|action| action.calendar.as_ref()), text.calendar.first_key_value()) {
        (Some(name), _) => {
            known(reader, name, calendars);
            terms.calendar.clone_from(name.get_ref());
        }
        (None, Some((only, _))) if text.calendar.len() == 1 => terms.calendar.clone_from(only.get_ref()),
        (None, Some((first, _))) => {
            let what =
                "there are several calendars: [sla.service_action] says by which one is counted".to_owned();
            reader.mistake(first.span(), what);
        }
        (None, None) => reader.mistake(0..0, "no [calendar.NAME]".to_owned()),
    }
    if let Some(action) = action {
        if let Some(ack) = &action.ack {
            terms.acknowledge = ack.read(reader);
        }
        if let Some(complete) = &action.complete {
            terms.complete = complete.read(reader);
        }
        terms.auto_reply_counts_as_ack = action.auto_reply_counts_as_ack;
        terms.pause_on_customer = action.pause_on_customer;
    }
    if let Some(IncidentText { notify }) = &text.sla.incident_response {
        terms.notify =
            term(reader, &notify.target, notify.contract.as_ref(), notify.contract_outside.as_ref());
        if let Some(from) = notify.from.as_ref().filter(|from| from.get_ref() != "detected_at") {
            reader.mistake(from.span(), "notices count from \"detected_at\"".to_owned());
        }
        if let Some(within) = &notify.best_effort {
            match within.get_ref().strip_suffix('s').and_then(|number| number.trim_end().parse().ok()) {
                Some(seconds) => terms.best_effort_seconds = seconds,
                None => reader.mistake(
                    within.span(),
                    format!("{:?} are no seconds, such as \"60 s\"", within.get_ref()),
                ),
            }
        }
    }
    terms
}

impl TermText {
    fn read(&self, reader: &mut Reader<'_>) -> Term {
        term(reader, &self.target, self.contract.as_ref(), self.contract_outside.as_ref())
    }
}

fn term(
    reader: &mut Reader<'_>,
    target: &Spanned<String>,
    contract: Option<&Spanned<String>>,
    contract_outside: Option<&Spanned<String>>,
) -> Term {
    let target_minutes = parse_minutes(target.get_ref()).unwrap_or_else(|| {
        let what = format!("{:?} is no business time, such as \"60 bm\" or \"4 bh\"", target.get_ref());
        reader.mistake(target.span(), what);
        0
    });
    for limit in [contract, contract_outside].into_iter().flatten() {
        if limit.get_ref() != NEXT_BUSINESS_DAY {
            reader
                .mistake(limit.span(), format!("{:?} is no limit: \"{NEXT_BUSINESS_DAY}\"", limit.get_ref()));
        }
    }
    let contract = match (contract, contract_outside) {
        (Some(_), Some(outside)) => {
            reader.mistake(
                outside.span(),
                "contract holds at any hour: contract_outside says nothing more".to_owned(),
            );
            Contract::NextBusinessDay
        }
        (Some(_), None) => Contract::NextBusinessDay,
        (None, Some(_)) => Contract::NextBusinessDayOutsideHours,
        (None, None) => Contract::Target,
    };
    Term { target_minutes, contract }
}

/// Minutes of business time, a year of them at most.
fn parse_minutes(text: &str) -> Option<u32> {
    let number = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let minutes: u32 = number.trim_end().parse().ok()?;
    let minutes = match &text[number.len()..] {
        "bm" => minutes,
        "bh" => minutes.checked_mul(60)?,
        _ => return None,
    };
    (1..=366 * 24 * 60).contains(&minutes).then_some(minutes)
}

const NEXT_BUSINESS_DAY: &str = "end_of_next_business_day";
const SAMPLE: &str = include_str!("../sample.toml");
