//! What is proposed in a case: drafted, shown in words, asked for, proven.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::Response;
use cases::case::Case;
use cases::change::{Line, Method, Risk, Standing};
use cases::flow::{Flow, Signal, State as Stand};
use cases::intake::Category;
use cases::io::store::{Error, Once};
use cases::{CaseNumber, Registration};
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::acts::back;
use super::mails::MailShown;
use super::parse;
use crate::Service;
use crate::access::{Viewer, told_at};
use crate::failure::Failure;
use crate::question::{InCase, Wish, ask as question};
use crate::text::Moment;

/// What a page shows of it.
#[derive(Default)]
pub(super) struct Proposal {
    /// Line by line, in words.
    pub(super) lines: Vec<String>,
    pub(super) effects: Vec<String>,
    pub(super) risk: &'static str,
    /// What it is known by.
    pub(super) hash: String,
    /// Who has said yes, how and when.
    pub(super) approvals: Vec<(String, &'static str, Moment)>,
    pub(super) used_standing: Option<String>,
    pub(super) proof: Option<String>,
    /// What the customer agreed to beforehand, and why each covers this or not.
    pub(super) standing: Vec<(String, Option<String>)>,
    pub(super) can_propose: bool,
    /// Whether nothing is proposed yet.
    pub(super) is_first: bool,
    /// Whether what is proposed is found first, from the words that say why.
    pub(super) finds: bool,
    pub(super) can_ask: bool,
    /// Why whoever looks at the page cannot be the one who asks.
    pub(super) asks_not: Option<String>,
    /// How many authorisers the customer needs for it and has, where those are too few.
    pub(super) too_few: Option<(usize, usize)>,
    pub(super) can_be_told: bool,
    /// Lists that numbers can be put on.
    pub(super) lists: Vec<String>,
    /// Why there are none.
    pub(super) no_lists: Option<String>,
    /// What is filled in: an entry a line, the category's word, why.
    pub(super) entries: String,
    pub(super) category: &'static str,
    pub(super) why: String,
}

pub(super) async fn of(
    service: &Service,
    viewer: &Viewer,
    case: &Case,
    (mails, registration): (&[MailShown], &Registration),
) -> Result<Proposal, Failure> {
    let book = service.book()?;
    let now = (service.now)();
    let way = way(case);
    let mut shown = Proposal {
        can_propose: way.is_some(),
        is_first: !is_proposed(case.state),
        finds: way.iter().flatten().any(|step| matches!(step, Signal::Find)),
        can_ask: case.state.after(case.flow, &Signal::AskAuthorisation).is_ok(),
        can_be_told: case.state.after(case.flow, &Signal::Prove).is_ok(),
        entries: entries(case, mails),
        category: case.wanted.category.map(Category::word).unwrap_or_default(),
        why: case.wanted.reason.clone(),
        ..Proposal::default()
    };
    if let Some(hash) = &case.change
        && let Some((proposed, approvals)) = book.store().await?.desk().change(hash).await?
    {
        let (change, impact) = (&proposed.change, &proposed.impact);
        let zone = book.calendar(&case.customer).zone();
        let method = |method| match method {
            Method::Portal => "in the portal",
            Method::Link => "by a link",
            Method::Reply => "by a mail",
        };
        shown.lines = change.lines.iter().take(LINES_SHOWN).map(ToString::to_string).collect();
        if let Some(more) = change.lines.len().checked_sub(LINES_SHOWN + 1) {
            shown.lines.push(format!("and {} more", more + 1));
        }
        shown.effects = impact.effects();
        shown.risk = change.risk(impact).in_words();
        shown.hash = hash.get(..super::timeline::HASH_SHOWN).unwrap_or_default().to_owned();
        shown.approvals = approvals
            .into_iter()
            .map(|yes| (yes.approver, method(yes.method), Moment::new(yes.at, zone)))
            .collect();
        let risk = change.risk(impact);
        let (needed, there) = (if risk == Risk::High { 2 } else { 1 }, registration.authorisers(now).0.len());
        shown.too_few = Some((needed, there)).filter(|_| shown.can_ask && there < needed);
        let released = proposed.hands.release(risk, &viewer.who);
        shown.asks_not = released.as_ref().err().map(ToString::to_string).filter(|_| shown.can_ask);
        let is_open =
            matches!(case.state, Stand::Proposed | Stand::AwaitingAuthorisation | Stand::Investigating);
        let today = today(now, &TimeZone::UTC);
        // What was asked for was looked at then; otherwise whoever uses it has looked at it.
        let hands = match (shown.can_ask, &released) {
            (true, Ok(released)) => released,
            _ => &proposed.hands,
        };
        let covers = |standing: &Standing| {
            let covered = change.authorise_standing((impact, hands), standing, today, now);
            (standing.name.clone(), covered.err().map(|why| why.to_string()))
        };
        if is_open && proposed.proof.is_none() {
            shown.standing = registration.standing.iter().take(STANDING_SHOWN).map(covers).collect();
        }
        shown.used_standing = proposed.standing;
        shown.proof = proposed.proof;
    }
    if shown.can_propose && viewer.may_work() {
        match question(&service.questions.desk.lists_of, case.customer.clone()).await {
            Ok(lists) if lists.is_empty() => {
                shown.no_lists = Some(format!("No policy of {} with a list is in force.", case.customer));
            }
            Ok(lists) => shown.lists = lists,
            Err(failure) => shown.no_lists = Some(failure.text()),
        }
    }
    Ok(shown)
}

/// What is filled in: numbers that a contact asks to have blocked, or the caller of an alert.
fn entries(case: &Case, mails: &[MailShown]) -> String {
    let of_mails = mails.iter().flat_map(|mail| mail.wanted.iter());
    let mut entries: Vec<&str> = case.wanted.numbers.iter().chain(of_mails).map(String::as_str).collect();
    if let Some(key) = &case.key {
        entries.extend(key.split('|').filter_map(|part| part.strip_prefix("caller=")));
    }
    entries.dedup();
    entries.join("\n")
}

const fn is_proposed(state: Stand) -> bool {
    matches!(state, Stand::Proposed | Stand::AwaitingAuthorisation)
}

/// The steps by which a case gets to where a change can be proposed, that one not among them; `None` when there is no way.
fn way(case: &Case) -> Option<Vec<Signal>> {
    // What is proposed already is replaced by another proposal.
    let ready = |state: Stand| is_proposed(state) || state.after(case.flow, &Signal::Propose).is_ok();
    let mut state = case.state;
    let mut steps = Vec::new();
    while !ready(state) {
        let next = match case.flow {
            Flow::Alert => [Signal::Take, Signal::Investigate, Signal::Find].as_slice(),
            Flow::Request => [Signal::Take].as_slice(),
        };
        let (signal, after) =
            next.iter().find_map(|signal| Some((signal.clone(), state.after(case.flow, signal).ok()?)))?;
        state = after;
        steps.push(signal);
    }
    Some(steps)
}

#[derive(Deserialize)]
pub(crate) struct Proposed {
    list: String,
    /// One a line, or parted by commas.
    entries: String,
    /// `on` or `off`.
    #[serde(default)]
    direction: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    back: String,
}

/// Drafts a change, and proposes it. What has to happen before that, happens: taken, looked into, findings written.
pub(crate) async fn propose(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Proposed>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let book = service.book()?;
    let case = book.store().await?.desk().case(number).await?;
    let lines = lines(&form, &today((service.now)(), book.calendar(&case.customer).zone()))?;
    propose_lines(&service, &viewer, &case, Wanted { lines, reason: reason(&form), seen: None }, None)
        .await?;
    service.own.desk.did_for_good(&viewer);
    Ok(told_at(
        &back(number, &form.back),
        "It is proposed. Nothing changes before somebody of the customer says yes.",
    ))
}

/// What somebody wants to have proposed.
pub(crate) struct Wanted {
    pub(crate) lines: Vec<Line>,
    pub(crate) reason: String,
    /// The version of the case that they have seen, where they say.
    pub(crate) seen: Option<u64>,
}

/// Drafts a change, and proposes it in `case`. What has to happen before that, happens.
pub(crate) async fn propose_lines(
    service: &Service,
    viewer: &Viewer,
    case: &Case,
    wanted: Wanted,
    once: Option<Once<'_>>,
) -> Result<Case, Failure> {
    let Wanted { lines, reason, seen } = wanted;
    let book = service.book()?;
    let (number, now) = (case.number, (service.now)());
    if lines.is_empty() || lines.len() > ENTRIES_MAX {
        return Err(Failure::Wrong(format!("A change has 1 to {ENTRIES_MAX} lines.")));
    }
    let steps = way(case)
        .ok_or_else(|| Failure::Refused(format!("A case that is {} takes no proposal.", case.state)))?;
    if steps.iter().any(|step| matches!(step, Signal::Find)) && reason.trim().is_empty() {
        return Err(Failure::Wrong("Say why: that is what was found, too.".to_owned()));
    }
    // First on paper: what cannot be proposed changes nothing in the case.
    let wish = Wish { customer: case.customer.clone(), lines };
    let (change, impact) = question(&service.questions.desk.draft, wish).await?;
    let done = book.done(&viewer.who, now);
    let desk = book.store().await?.desk();
    let mut version = seen;
    for step in &steps {
        let desk = version.map_or(desk, |version| desk.expecting(number, version));
        let case = match step {
            Signal::Find => desk.find(number, &reason, done).await?,
            step => desk.step(number, step, "", done).await?,
        };
        version = version.and(Some(case.version));
    }
    let desk = version.map_or(desk, |version| desk.expecting(number, version));
    match desk.once(once).propose(number, change, impact, done).await {
        // It was proposed by the same request before.
        Err(Error::Repeated { is_same: true, .. }) => Ok(desk.case(number).await?),
        proposed => Ok(proposed?),
    }
}

/// The last day on which an entry of this category counts that is put on a list at `today` for so many days, or for as long as
/// is usual.
pub(crate) fn until(today: &Date, days: Option<i32>, category: Option<Category>) -> Result<String, Failure> {
    let days = days.unwrap_or_else(|| Category::days_usual(category));
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Failure::Wrong(format!("A block lasts 1 to {DAYS_MAX} days.")));
    }
    Ok(today.saturating_add(Span::new().days(days)).to_string())
}

fn lines(form: &Proposed, today: &Date) -> Result<Vec<Line>, Failure> {
    let wrong = |text: String| Failure::Wrong(text);
    let entries: Vec<&str> =
        form.entries.split(['\n', '\r', ',', ';']).map(str::trim).filter(|it| !it.is_empty()).collect();
    if entries.is_empty() || entries.len() > ENTRIES_MAX {
        return Err(wrong(format!("Name what it is about: one number a line, {ENTRIES_MAX} at most.")));
    }
    if form.list.trim().is_empty() {
        return Err(wrong("Say on which list.".to_owned()));
    }
    let list = form.list.trim().to_owned();
    if form.direction == "off" {
        let line = |entry: &&str| Line::Remove { list: list.clone(), entry: (*entry).to_owned() };
        return Ok(entries.iter().map(line).collect());
    }
    let days = match form.days.trim() {
        "" => None,
        days => Some(days.parse().map_err(|_| wrong(format!("{days} is no number of days.")))?),
    };
    let until = until(today, days, Category::parse(&form.category))?;
    let reason = reason(form);
    let line = |entry: &&str| Line::Add {
        list: list.clone(),
        entry: (*entry).to_owned(),
        expires: Some(until.clone()),
        reason: reason.clone(),
    };
    Ok(entries.iter().map(line).collect())
}

/// Category and reason on one line, as the authoriser and the list say it.
fn reason(form: &Proposed) -> String {
    let words = cases::intake::one_line(form.reason.trim(), REASON_CHARACTERS);
    match form.category.as_str() {
        category @ ("Fraud" | "Harassing") if words.is_empty() => category.to_owned(),
        category @ ("Fraud" | "Harassing") => format!("{category}: {words}"),
        _ => words,
    }
}

#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    back: String,
}

/// Asks all who may authorise.
pub(crate) async fn ask(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Back>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let reached =
        question(&service.questions.desk.ask_authorisers, in_case(&service, &viewer, number).await?).await?;
    service.own.desk.did_for_good(&viewer);
    let mut words = match reached.by_mail.is_empty() {
        true => String::new(),
        false => format!("Asked by mail: {}. ", reached.by_mail.join(", ")),
    };
    if !reached.otherwise.is_empty() {
        words += &format!(
            "To be told, as no mail goes out: {}; they find it in the portal.",
            reached.otherwise.join(", ")
        );
    }
    Ok(told_at(&back(number, &form.back), words.trim()))
}

#[derive(Deserialize)]
pub(crate) struct Named {
    name: String,
    #[serde(default)]
    back: String,
}

/// Goes ahead by what the customer agreed to beforehand.
pub(crate) async fn standing(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Named>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    let who = in_case(&service, &viewer, number).await?;
    question(&service.questions.desk.use_standing, (who, form.name.clone())).await?;
    Ok(told_at(
        &back(number, &form.back),
        "It comes into force by the standing authorisation; its authorisers are told.",
    ))
}

#[derive(Deserialize)]
pub(crate) struct Told {
    text: String,
    #[serde(default)]
    back: String,
}

/// That the customer was told of what is in force and proven, where no mail did.
pub(crate) async fn told(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Told>,
) -> Result<Response, Failure> {
    let number = parse(&number)?;
    if form.text.trim().is_empty() {
        return Err(Failure::Wrong("Say how the customer was told.".to_owned()));
    }
    let book = service.book()?;
    let done = book.done(&viewer.who, (service.now)());
    let case = book.store().await?.desk().told(number, form.text.trim(), done).await?;
    Ok(told_at(&back(number, &form.back), &format!("{number} is {} now.", case.state)))
}

async fn in_case(service: &Service, viewer: &Viewer, number: CaseNumber) -> Result<InCase, Failure> {
    let store = service.book()?.store().await?;
    // One that is not there is not there.
    store.desk().case(number).await?;
    Ok(InCase { store: store.clone(), number, who: viewer.who.clone() })
}

pub(crate) fn today(now: rules::Timestamp, zone: &TimeZone) -> Date {
    let now = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
    now.to_zoned(zone.clone()).date()
}

const LINES_SHOWN: usize = 50;
const STANDING_SHOWN: usize = 10;
/// Numbers that one request holds (B-7).
const ENTRIES_MAX: usize = 500;
const DAYS_MAX: i32 = 730;
pub(crate) const REASON_CHARACTERS: usize = 300;

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn b13_fraud_stays_on_a_list_for_180_days_and_all_else_for_90() {
        let until = |days, category| until(&date(2026, 10, 5), days, category).unwrap();
        assert_eq!(until(None, Category::parse("fraud")), "2027-04-03");
        assert_eq!(until(None, Category::parse("Harassing")), "2027-01-03");
        assert_eq!(until(None, Category::parse("")), "2027-01-03");
        assert_eq!(until(Some(30), Some(Category::Fraud)), "2026-11-04");
    }
}
