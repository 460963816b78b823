//! What people of a customer see and do through their portal. Whatever number or name they give: it is found only among what
//! belongs to their customer, in the transaction that changes it.

use sqlx::Row as _;

use super::authorisation::approve;
use super::desk::{new_case, refused, write};
use super::part::{Part, approve_part};
use super::registry::Draft;
use super::reports::Fetched;
use super::writing::{Proposed, Writing, body};
use super::{Done, Error, Link, OfCustomer, Visible, stored};
use crate::audit::{Act, Entry, Head};
use crate::case::{Closure, Kind, Wanted};
use crate::change::{Approval, Authority};
use crate::flow::{Reason, Signal, State};
use crate::limits::REOPENED_MICROS;
use crate::schedule::{Run, Schedule, may_read};
use crate::{Case, CaseNumber, Registration};

impl OfCustomer<'_> {
    /// What the customer has told about its people.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn registration(&self) -> Result<Registration, Error> {
        self.store.desk().registration(self.customer).await
    }

    /// Changes of it that wait for a second person, the oldest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn registration_drafts(&self) -> Result<Vec<Draft>, Error> {
        let mut drafts = self.store.desk().registration_drafts().await?;
        drafts.retain(|draft| draft.registration.customer == self.customer);
        Ok(drafts)
    }

    /// Drafts another registration of this customer. It holds when another person has confirmed it.
    ///
    /// # Errors
    /// It is another customer's, has mistakes, changes nothing, or is not kept.
    pub async fn draft_registration(
        &self,
        registration: Registration,
        done: Done<'_>,
    ) -> Result<Draft, Error> {
        if registration.customer != self.customer {
            return Err(Error::Refused("that is no registration of this customer".to_owned()));
        }
        self.store.desk().draft_registration(registration, done).await
    }

    /// Confirms the draft with this hash, as somebody else than who drafted it.
    ///
    /// # Errors
    /// This customer has no such draft, who confirms it has drafted it, or it is not kept.
    pub async fn confirm_registration(&self, hash: &str, done: Done<'_>) -> Result<Draft, Error> {
        let drafts = self.registration_drafts().await?;
        if !drafts.iter().any(|draft| draft.hash == hash) {
            return Err(Error::Refused("that change waits no more: look at the page again".to_owned()));
        }
        self.store.desk().confirm_registration(hash, done).await
    }

    /// The change that a case proposes, what it would do, and who has approved it; `None` where nothing is proposed or the
    /// case is not this customer's.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn change(&self, number: CaseNumber) -> Result<Option<(Proposed, Vec<Approval>)>, Error> {
        let Some(hash) = self.case(number).await?.and_then(|case| case.change) else { return Ok(None) };
        let change = self.store.desk().change(&hash).await?;
        Ok(change.filter(|(proposed, _)| proposed.change.customer == self.customer))
    }

    /// Opens a case that a contact asks for, which is who acts. `line` is its title, `understood` what the desk reads first,
    /// `wanted` what a proposal is filled in with.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn ask(
        &self,
        kind: Kind,
        (line, understood): (&str, &str),
        wanted: Wanted,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let mut writing = self.store.write().await?;
        let number = writing.next_number().await?;
        let mut case = new_case(number, self.customer, (kind, State::New), line, done);
        case.wanted = wanted;
        write(&mut writing, &mut case, "open", understood, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Writes a contact's words into a case. What waited for them goes on, and what is over for less than two weeks begins
    /// again. `None` where the case is not this customer's.
    ///
    /// # Errors
    /// It is over for longer, or not kept.
    pub async fn answer(
        &self,
        number: CaseNumber,
        text: &str,
        done: Done<'_>,
    ) -> Result<Option<Case>, Error> {
        let mut writing = self.store.write().await?;
        let Some(mut case) = self.own(&mut writing, number).await? else { return Ok(None) };
        let mut signal = None;
        if case.state.is_over() {
            let closed = case.closure.as_ref().map_or(case.last, |closure| closure.at);
            let is_long_ago = done.now.micros_since(closed) > REOPENED_MICROS;
            if is_long_ago || case.state == State::Dropped || case.merged_into().is_some() {
                return Err(Error::Refused(format!("{number} is over: ask anew, and name it")));
            }
            signal = Some(Signal::Reopen);
        } else if case.state == State::NeedsInfo {
            signal = Some(Signal::Answer);
        }
        write(&mut writing, &mut case, "reply", text, Visible::Customer, done).await?;
        if let Some(signal) = signal {
            case.step(&signal, done.who, done.service, done.now).map_err(refused)?;
            write(&mut writing, &mut case, signal.name(), "", Visible::Customer, done).await?;
        }
        writing.commit().await?;
        Ok(Some(case))
    }

    /// Takes an authoriser's yes to exactly what was shown; see [`Desk::approve`](super::Desk::approve). `None` where the case
    /// is not this customer's.
    ///
    /// # Errors
    /// Nobody waits for it, it is for another change, the approver may not, or it is not kept.
    pub async fn approve(
        &self,
        number: CaseNumber,
        approval: Approval,
        done: Done<'_>,
    ) -> Result<Option<(Case, Option<Authority>)>, Error> {
        let mut writing = self.store.write().await?;
        if self.own(&mut writing, number).await?.is_none() {
            return Ok(None);
        }
        // Read in the same transaction: who was removed a moment ago authorises nothing (N-7).
        let authorisers = writing.registration(self.customer).await?.authorisers(done.now);
        let approved = approve(&mut writing, number, approval, &authorisers, done).await?;
        writing.commit().await?;
        Ok(Some(approved))
    }

    /// Takes an authoriser's yes to some lines of what was shown, by `link` if there is one, which leads nowhere afterwards.
    /// `approval` is for [`Part::change`]; whatever was approved of the whole counts no more. `None` where the case is not this
    /// customer's.
    ///
    /// # Errors
    /// See [`Desk::approve`](super::Desk::approve). Or it is no part of what was shown, it would do more than that, or nothing
    /// says why the rest is not wanted.
    pub async fn approve_part(
        &self,
        number: CaseNumber,
        (part, link): (&Part, Option<&Link>),
        approval: &Approval,
        done: Done<'_>,
    ) -> Result<Option<(Case, Option<Authority>)>, Error> {
        let mut writing = self.store.write().await?;
        if self.own(&mut writing, number).await?.is_none() {
            return Ok(None);
        }
        if let Some(link) = link {
            writing.use_link(link, done.now).await?;
        }
        // Read in the same transaction: who was removed a moment ago authorises nothing (N-7).
        let authorisers = writing.registration(self.customer).await?.authorisers(done.now);
        let approved = approve_part(&mut writing, number, part, approval, &authorisers, done).await?;
        writing.commit().await?;
        Ok(Some(approved))
    }

    /// Takes an authoriser's no to exactly what was shown, which ends the case. `None` where the case is not this customer's.
    ///
    /// # Errors
    /// Nobody waits for it, it is for another change, who refuses may not, a reason is wanting, or it is not kept.
    pub async fn refuse(
        &self,
        number: CaseNumber,
        (hash, why): (&str, &str),
        done: Done<'_>,
    ) -> Result<Option<Case>, Error> {
        let mut writing = self.store.write().await?;
        let Some(mut case) = self.own(&mut writing, number).await? else { return Ok(None) };
        if case.state != State::AwaitingAuthorisation {
            return Err(Error::Refused(format!(
                "{number} is {}: it does not wait for authorisation",
                case.state
            )));
        }
        if case.change.as_deref() != Some(hash) {
            return Err(Error::Refused(
                "the change was edited since it was shown: look at it again".to_owned(),
            ));
        }
        if !writing.registration(self.customer).await?.authorisers(done.now).0.contains(done.who) {
            return Err(Error::Refused(format!("{} may not authorise for {}", done.who, self.customer)));
        }
        let closure = Closure {
            at: done.now,
            by: done.who.to_owned(),
            reason: Reason::Refused,
            text: why.to_owned(),
            feedback: None,
        };
        case.close(closure, done.service).map_err(refused)?;
        let text = format!("{} refuses: {why}", done.who);
        write(&mut writing, &mut case, "refuse", &text, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok(Some(case))
    }

    /// Reports that run by themselves for this customer.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, Error> {
        let schedules = self.store.desk().schedules(Some(self.customer)).await?;
        Ok(schedules.into_iter().map(|(schedule, _)| schedule).collect())
    }

    /// Runs of them, the latest first, at most `count`. What the desk ordered to look at is the desk's.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn runs(&self, count: u32) -> Result<Vec<Run>, Error> {
        let statement = "SELECT body FROM schedule_runs WHERE customer = $1 AND id NOT LIKE 'RO-%'
            ORDER BY due DESC, id LIMIT $2";
        let query = sqlx::query(statement).bind(self.customer).bind(i64::from(count));
        query.fetch_all(&self.store.pool).await?.iter().map(body).collect()
    }

    /// A file of a run, for the contact who acts, if they may read reports (P-5). That it was fetched is written down.
    ///
    /// # Errors
    /// They may not, or it cannot be read or written down.
    pub async fn report_file(&self, run: &str, name: &str, done: Done<'_>) -> Result<Option<Fetched>, Error> {
        let desk = self.store.desk();
        let is_theirs = |run: &Run| run.customer == self.customer && !run.is_ordered();
        let Some(run) = desk.run_of(run).await?.filter(is_theirs) else { return Ok(None) };
        let Some(kept) = run.files.iter().find(|file| file.name == name) else { return Ok(None) };
        let registration = self.registration().await?;
        let address = registration.person(done.who).map(|person| person.address()).unwrap_or_default();
        may_read(&registration, address, false, done.now)
            .map_err(|why| Error::Refused(format!("{} {why}", done.who)))?;
        let Some(bytes) = desk.report_file(&run.id, name).await? else { return Ok(None) };
        let detail = serde_json::json!({ "file": name, "to": address }).to_string();
        let mut writing = self.store.write().await?;
        let act =
            Act { at: done.now, actor: done.who, action: "fetch-report", subject: &run.id, detail: &detail };
        writing.audit(self.customer, act).await?;
        writing.commit().await?;
        Ok(Some(Fetched { name: kept.name.clone(), media_type: kept.media_type.clone(), bytes }))
    }

    /// Entries of this customer's audit before place `before`, at most `count`, the oldest of them first; and where the chain
    /// ends.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn audit(&self, before: u64, count: u32) -> Result<(Vec<Entry>, Head), Error> {
        let statement =
            "SELECT body FROM audit WHERE customer = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3";
        let query = sqlx::query(statement).bind(self.customer).bind(stored(before)).bind(i64::from(count));
        let rows = query.fetch_all(&self.store.pool).await?;
        let mut entries = rows.iter().map(body).collect::<Result<Vec<Entry>, _>>()?;
        entries.reverse();
        let query = sqlx::query("SELECT sequence, hash FROM audit_heads WHERE customer = $1");
        let row = query.bind(self.customer).fetch_optional(&self.store.pool).await?;
        let head = row.map_or(Ok(Head::default()), |row| {
            let sequence = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default();
            Ok::<_, Error>(Head { sequence, hash: row.try_get(1)? })
        })?;
        Ok((entries, head))
    }

    /// The case of this number in a transaction, if it is this customer's.
    pub(super) async fn own(
        &self,
        writing: &mut Writing<'_>,
        number: CaseNumber,
    ) -> Result<Option<Case>, Error> {
        match writing.case(number).await {
            Ok(case) => Ok(Some(case).filter(|case| case.customer == self.customer)),
            Err(Error::NoCase(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
