//! Changes on their way into force, as the desk does them: drafted, asked for, approved, made, proven, told.

mod implement;
mod page;
mod part;

use std::path::PathBuf;

use cases::change::{Approval, Change, Impact, Line, Method, Risk};
use cases::explanation::wall_time;
use cases::intake::Role;
use cases::io::store::{Asking, Done, Link, LinkFor, Proposed, Store};
use cases::{Case, CaseNumber, Outgoing, Registration};
use rules::{Number, Timestamp};

use crate::case::{Only, said};
use crate::changes::Declined;
use crate::drafting::{Draft, Wish, base};
use crate::history::{History, seen};
use crate::outcome::Failure;
use crate::serve::{Cases, Config};
use crate::trial;

pub(crate) use self::page::Sessions;
pub(crate) use self::part::Chosen;

/// Where changes are made, and how customers are reached.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    /// The folder of the service.
    pub(crate) data: PathBuf,
    /// Policy files of the configuration.
    pub(crate) policies: Vec<PathBuf>,
    /// The desk's key.
    pub(crate) key: PathBuf,
    /// Where customers find us over HTTP.
    pub(crate) portal: Option<String>,
    /// Whether mail goes out.
    pub(crate) has_mail: bool,
    /// Our own telephone numbers, which nobody has blocked (B-11).
    pub(crate) desk_numbers: Vec<Number>,
}

/// What became of a request to authorise.
pub(crate) struct Asked {
    pub(crate) case: Case,
    /// Who was asked by mail, and who has to be reached another way.
    pub(crate) by_mail: Vec<String>,
    pub(crate) otherwise: Vec<String>,
}

impl Office {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            data: config.data.clone(),
            policies: config.policy.clone(),
            key: Cases::new(config).key(),
            portal: config.mail.portal.clone(),
            has_mail: config.mail.smarthost.is_some(),
            desk_numbers: config.mail.desk_numbers().collect(),
        }
    }

    /// Drafts `wish` for a case, looks at what it would have done, and proposes it.
    pub(crate) async fn propose(
        &self,
        store: &Store,
        number: CaseNumber,
        wish: Wish,
        done: Done<'_>,
    ) -> Result<(Case, Draft, Impact), Declined> {
        let desk = store.desk();
        let case = desk.case(number).await.map_err(said)?;
        let draft = self.draft(&case.customer, wish, done.now)?;
        self.propose_draft(store, number, draft, done).await
    }

    /// Proposes what was drafted.
    pub(crate) async fn propose_draft(
        &self,
        store: &Store,
        number: CaseNumber,
        (draft, impact): (Draft, Impact),
        done: Done<'_>,
    ) -> Result<(Case, Draft, Impact), Declined> {
        draft.keep(&self.data)?;
        let proposed = store.desk().propose(number, draft.change.clone(), impact.clone(), done).await;
        Ok((proposed.map_err(said)?, draft, impact))
    }

    /// A draft on what is in force now, and what it would have done. What it promises must hold on paper.
    pub(crate) fn draft(
        &self,
        customer: &str,
        wish: Wish,
        now: Timestamp,
    ) -> Result<(Draft, Impact), Declined> {
        let base = base(&self.data, &self.policies, customer)?;
        let draft = Draft::new(base.as_ref(), customer, wish, now)?;
        let history = History::of(&self.data, customer, now);
        trial::promises(&draft, base.as_ref(), &history, now)?;
        trial::stay_open(&draft, &self.desk_numbers, now)?;
        let mut impact = draft.impact(base.as_ref(), &history);
        impact.numbers = seen(&self.data, &draft.admitted.text().customer, &draft.change.numbers(), now);
        Ok((draft, impact))
    }

    /// Asks everybody who may authorise, each by a link of their own.
    pub(crate) async fn ask(
        &self,
        store: &Store,
        number: CaseNumber,
        done: Done<'_>,
    ) -> Result<Asked, Failure> {
        let desk = store.desk();
        let case = desk.case(number).await.map_err(said)?;
        let Proposed { change, impact, .. } = self.proposed(store, &case).await?;
        let registration = desk.registration(&case.customer).await.map_err(said)?;
        let asking = self.asking(&case, (&change, &impact), &registration, done)?;
        let (mailed, others): (Vec<_>, Vec<_>) = asking.iter().partition(|it| it.outgoing.is_some());
        let names = |asked: Vec<&Asking>| asked.iter().map(|it| it.link.contact.clone()).collect();
        let (by_mail, otherwise) = (names(mailed), names(others));
        let case = desk.ask_authorisation(number, &asking, done).await.map_err(said)?;
        Ok(Asked { case, by_mail, otherwise })
    }

    /// A link to `change` for each of those who may authorise, and the mail that carries it.
    fn asking(
        &self,
        case: &Case,
        (change, impact): (&Change, &Impact),
        registration: &Registration,
        done: Done<'_>,
    ) -> Result<Vec<Asking>, Failure> {
        let needed = if change.risk(impact) == Risk::High { 2 } else { 1 };
        let there = registration.with_role(Role::Authorizer, done.now).count();
        if there < needed {
            return Err(Failure::Usage(format!(
                "this change needs {needed} authorisers, and {} has {there}: see `ringwall contact`",
                reporter::printable(&case.customer)
            )));
        }
        let mut asking = Vec::new();
        let expires = done.now.plus_micros(LINK_MICROS);
        for person in registration.with_role(Role::Authorizer, done.now) {
            let hash = change.hash();
            let is_for = LinkFor::Approve(hash.clone());
            let (link, secret) = Link::draw(case, &person.name, is_for, expires).map_err(said)?;
            let portal = self.portal.as_deref().filter(|_| self.has_mail);
            let outgoing = portal.map(|portal| {
                let place = link.place(portal, &secret);
                let until = wall_time(done.service.calendar_of(&case.customer), expires);
                let words = change.request(case.number, impact, &person.name, (&place, &until));
                let key = format!("authorise/{hash}/{}", expires.0);
                Outgoing::letter(case, person.address(), &key, words, done.now)
            });
            asking.push(Asking { link, outgoing });
        }
        Ok(asking)
    }

    /// Takes the yes of `approver`, who has shown a code of their app, to the change whose hash begins with `shown`, or to the
    /// lines of it that `only` names.
    pub(crate) async fn approve(
        &self,
        store: &Store,
        number: CaseNumber,
        (approver, code, shown): (&str, &str, &str),
        only: &Only,
        done: Done<'_>,
    ) -> Result<Case, Failure> {
        let desk = store.desk();
        let case = desk.case(number).await.map_err(said)?;
        let change = self.proposed(store, &case).await?.change;
        let (hash, choice) = (change.hash(), only.choice(&change)?);
        if shown.len() < HASH_CHARACTERS_MIN || !hash.starts_with(shown) {
            return Err(Failure::Usage(format!(
                "{shown:?} is not what is proposed now: that is {}; `ringwall case show` tells what it is",
                hash.get(..12).unwrap_or_default()
            )));
        }
        desk.take_code(&case.customer, approver, code, done.now).await.map_err(said)?;
        if let Some(choice) = &choice {
            let (customer, method) = (case.customer.as_str(), Method::Portal);
            let chosen = Chosen { customer, approver, method, shown: &hash, choice, link: None };
            let approved = self.approve_part(store, number, chosen, done).await;
            return approved.map(|(case, _)| case).map_err(|why| Failure::Usage(why.said));
        }
        let approval = approval(hash, approver, Method::Portal, done.now);
        let authorisers = desk.registration(&case.customer).await.map_err(said)?.authorisers(done.now);
        let approved = desk.approve(number, approval, &authorisers, done).await;
        Ok(approved.map_err(said)?.0)
    }

    /// Goes ahead by what the customer agreed to beforehand, and tells its authorisers at once.
    pub(crate) async fn use_standing(
        &self,
        store: &Store,
        number: CaseNumber,
        name: &str,
        done: Done<'_>,
    ) -> Result<Case, Failure> {
        let desk = store.desk();
        let case = desk.case(number).await.map_err(said)?;
        let proposed = self.proposed(store, &case).await?;
        let registration = desk.registration(&case.customer).await.map_err(said)?;
        let hash = proposed.change.hash();
        let (key, expires) = (format!("standing/{hash}"), done.now.plus_micros(LINK_MICROS));
        let until = wall_time(done.service.calendar_of(&case.customer), expires);
        let portal = self.portal.as_deref().filter(|_| self.has_mail);
        let mut told = Vec::new();
        for person in registration.with_role(Role::Authorizer, done.now).filter(|_| portal.is_some()) {
            let is_for = LinkFor::Disown(hash.clone());
            let (link, secret) = Link::draw(&case, &person.name, is_for, expires).map_err(said)?;
            let outgoing = portal.map(|portal| {
                let place = link.place(portal, &secret);
                let words = proposed.change.used_standing(number, name, (&place, &until));
                Outgoing::letter(&case, person.address(), &key, words, done.now)
            });
            told.push(Asking { link, outgoing });
        }
        let used = desk.use_standing(number, name, today(done.now), &told, done).await;
        Ok(used.map_err(said)?.0)
    }

    /// What a case proposes.
    pub(crate) async fn proposed(&self, store: &Store, case: &Case) -> Result<Proposed, Failure> {
        let nothing = || Failure::Usage(format!("{}: no change is proposed", case.number));
        let hash = case.change.as_deref().ok_or_else(nothing)?;
        let (proposed, _) = store.desk().change(hash).await.map_err(said)?.ok_or_else(nothing)?;
        Ok(proposed)
    }
}

/// A yes that counts from now on.
pub(crate) fn approval(hash: String, approver: &str, method: Method, now: Timestamp) -> Approval {
    Approval::now(hash, approver, method, now)
}

fn today(now: Timestamp) -> jiff::civil::Date {
    let moment = jiff::Timestamp::from_microsecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Lines of a change that adds `entries` to a list.
pub(crate) fn additions(list: &str, entries: &[String], expires: Option<String>, reason: &str) -> Vec<Line> {
    let line = |entry: &String| Line::Add {
        list: list.to_owned(),
        entry: entry.clone(),
        expires: expires.clone(),
        reason: reason.to_owned(),
    };
    entries.iter().map(line).collect()
}

/// The same that takes them off.
pub(crate) fn removals(list: &str, entries: &[String]) -> Vec<Line> {
    entries.iter().map(|entry| Line::Remove { list: list.to_owned(), entry: entry.clone() }).collect()
}

/// With fewer characters a hash says too little about what is approved.
const HASH_CHARACTERS_MIN: usize = 8;
/// A link is good for 72 hours (Z-2).
const LINK_MICROS: i64 = 72 * 3_600 * 1_000_000;
