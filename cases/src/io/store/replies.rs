//! Which case a mail belongs to, and what a contact may do by an answer: approve what is of low risk (Z-2).

use ring::rand::{SecureRandom as _, SystemRandom};
use sqlx::Row as _;

use super::{Desk, Done, Error, Link, LinkFor, Office, stored};
use crate::change::{Approval, Change, Method, Risk};
use crate::flow::State;
use crate::intake::{Intake, KnownCase, Role, Segment, Standing, Thread, ThreadToken};
use crate::{Case, CaseNumber, Outgoing};

impl Desk<'_> {
    /// Which case `intake` belongs to (C-4).
    ///
    /// # Errors
    /// Cases cannot be read.
    pub async fn thread_of(&self, intake: &Intake) -> Result<Thread, Error> {
        let mut known = Vec::new();
        for number in intake.claims.cases().into_iter().take(CLAIMS_MAX) {
            let statement = "SELECT cases.customer, threads.token FROM cases LEFT JOIN threads
                ON threads.serial = cases.serial WHERE cases.serial = $1";
            let query = sqlx::query(statement).bind(stored(number.serial()));
            let Some(row) = query.fetch_optional(&self.store.pool).await? else { continue };
            let token = row.try_get::<Option<&str>, _>(1)?.and_then(ThreadToken::parse);
            // A case that nothing was written about has no secret that anybody could know.
            let token = token.map_or_else(random_token, Ok)?;
            known.push(KnownCase { number, tenant: Some(row.try_get(0)?), token });
        }
        Ok(intake.thread(&known))
    }

    /// Takes `APPROVE CODE` in the own words of an authoriser's answer. What came of it, in words; nothing without such a
    /// line.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn approve_by_reply(
        &self,
        intake: &Intake,
        thread: &Thread,
        office: &Office,
        done: Done<'_>,
    ) -> Result<Option<String>, Error> {
        let (Thread::Joins(number, Standing::Reply), Some(code)) = (thread, code(intake)) else {
            return Ok(None);
        };
        match self.approve_with(intake, *number, &code, office, done).await {
            Ok(words) => Ok(Some(words)),
            Err(Error::Refused(why)) => Ok(Some(format!("not approved: {why}"))),
            Err(error) => Err(error),
        }
    }

    /// Tells all who could have approved it that `contact` did, by mail: each has a quarter of an hour to take it back (Z-10).
    async fn tell_approved(
        &self,
        case: &Case,
        change: &Change,
        contact: &str,
        office: &Office,
        done: Done<'_>,
    ) -> Result<(), Error> {
        if !office.sends || office.portal.is_empty() {
            return Ok(());
        }
        let registration = self.registration(&case.customer).await?;
        let mut writing = self.store.write().await?;
        let key = format!("approved/{}/{}", change.hash(), done.now.0);
        for person in registration.with_role(Role::Authorizer, done.now) {
            let expires = done.now.plus_micros(DISOWN_MICROS);
            let (link, secret) = Link::draw(case, &person.name, LinkFor::Disown(change.hash()), expires)?;
            writing.put_link(case, &link).await?;
            let words = change.approved(case.number, contact, &link.place(&office.portal, &secret));
            let letter = Outgoing::letter(case, person.address(), &key, words, done.now);
            writing.put_outgoing(&letter).await?;
        }
        writing.commit().await
    }

    async fn approve_with(
        &self,
        intake: &Intake,
        number: CaseNumber,
        code: &str,
        office: &Office,
        done: Done<'_>,
    ) -> Result<String, Error> {
        let refused = |why: &str| Err(Error::Refused(why.to_owned()));
        let sender = &intake.sender;
        let (Some(contact), true) = (&sender.contact, sender.may(Role::Authorizer)) else {
            return refused("who answers may not authorise");
        };
        let case = self.case(number).await?;
        let hash = case.change.as_deref().filter(|_| case.state == State::AwaitingAuthorisation);
        let Some(hash) = hash else { return refused("the case does not wait for authorisation") };
        let Some((proposed, _)) = self.change(hash).await? else {
            return refused("the change is not there any more");
        };
        if proposed.change.code() != code {
            return refused("the code is that of another change: look at what is proposed now");
        }
        if proposed.change.risk(&proposed.impact) != Risk::Low {
            return refused("by mail only what is of low risk is approved; the portal takes this one");
        }
        let authorisers = self.registration(&case.customer).await?.authorisers(done.now);
        let approval = Approval {
            hash: hash.to_owned(),
            approver: contact.clone(),
            method: Method::Reply,
            at: done.now,
            expires: done.now.plus_micros(APPROVED_MICROS),
        };
        let (case, authority) = self.approve(number, approval, &authorisers, done).await?;
        self.tell_approved(&case, &proposed.change, contact, office, done).await?;
        let more = if authority.is_some() { "" } else { "; more authorisers are needed" };
        Ok(format!("{contact} approves change {hash} by answer{more}"))
    }
}

/// The code in the author's own words; nothing where there are two different ones.
fn code(intake: &Intake) -> Option<String> {
    let mut codes = intake.lines.iter().filter(|line| line.segment == Segment::Own).filter_map(|line| {
        let shown = line.shown();
        let mut words = shown.split_whitespace();
        let is_order = words.next()?.eq_ignore_ascii_case("approve");
        let code = words.next()?.trim_end_matches(['.', '!']).to_ascii_uppercase();
        let is_code = code.len() == CODE_CHARACTERS && code.bytes().all(|it| it.is_ascii_alphanumeric());
        (is_order && is_code && words.next().is_none()).then_some(code)
    });
    let first = codes.next()?;
    codes.all(|code| code == first).then_some(first)
}

/// A secret that nobody knows yet.
pub(super) fn random_token() -> Result<ThreadToken, Error> {
    let mut token = [0; 16];
    let drawn = SystemRandom::new().fill(&mut token);
    drawn.map_err(|_| Error::Refused("the system gives no random numbers".to_owned()))?;
    Ok(ThreadToken(token))
}

const CODE_CHARACTERS: usize = 6;
/// How long an approval by mail can be disowned.
const DISOWN_MICROS: i64 = 15 * 60 * 1_000_000;
/// Cases that one mail may name.
const CLAIMS_MAX: usize = 20;
/// As long as a one-time link: 72 hours.
const APPROVED_MICROS: i64 = 72 * 3_600 * 1_000_000;
