//! What waits is looked at again and again: what ends by itself ends, and requesters hear what waits for them (N-2, N-4).

use rules::Timestamp;
use sqlx::Row as _;

use super::desk::{events, refused, write};
use super::inbox::Office;
use super::writing::Writing;
use super::{Desk, Done, Error, Event, Filter, OfCustomer, Visible, stored};
use crate::case::{Case, Closure, UNASSIGNED};
use crate::flow::{Reason, Signal, State};
use crate::intake::Role;
use crate::outgoing::{Channel, Content, Delivery};
use crate::{CaseNumber, Outgoing, waiting};

impl Desk<'_> {
    /// Makes the request of somebody unknown the request of `contact`, who may ask for it (N-2), or has `contact` say that what
    /// is in quarantine is theirs: the promised time for it begins now.
    ///
    /// # Errors
    /// The contact may not ask for it, the case is neither unverified nor in quarantine, or it is not kept.
    pub async fn adopt(&self, number: CaseNumber, contact: &str, done: Done<'_>) -> Result<Case, Error> {
        let mut writing = self.store.write().await?;
        let case = writing.case(number).await?;
        let signal = if case.state == State::Quarantine { Signal::Release } else { Signal::Adopt };
        let text = format!("{contact} makes it their request; written down by {}", done.who);
        let case = adopt(&mut writing, case, &signal, &text, Done { who: contact, ..done }).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Ends what has waited long enough, and tells requesters what waits for them. How many cases were touched.
    ///
    /// # Errors
    /// The database does not answer: what was not done is done the next time.
    pub async fn work_waiting(&self, office: &Office, done: Done<'_>) -> Result<usize, Error> {
        let mut touched = 0;
        let mut unverified = Vec::new();
        for state in waiting::STATES {
            for case in self.standing(state).await? {
                let history = match state {
                    State::Unverified | State::Quarantine => Vec::new(),
                    _ => events(self.store, case.number, None).await?,
                };
                let since = since(&case, &history);
                let calendar = done.service.calendar_of(&case.customer);
                match waiting::due(&case, since, calendar, done.now) {
                    Some(signal) => touched += usize::from(self.end(&case, &signal, office, done).await?),
                    None if state == State::Unverified
                        && case.customer != UNASSIGNED
                        && !case.is_appeal() =>
                    {
                        unverified.push(case);
                    }
                    None if state == State::NeedsInfo && office.sends => {
                        touched += usize::from(self.remind(&case, &history, office, done).await? > 0);
                    }
                    None => {}
                }
            }
        }
        unverified.sort_by(|a, b| a.customer.cmp(&b.customer).then(a.number.cmp(&b.number)));
        for cases in unverified.chunk_by(|a, b| a.customer == b.customer) {
            if office.sends {
                self.tell_requesters(cases, done).await?;
            }
        }
        Ok(touched)
    }

    /// Recomputes the due times of all clocks that run, by the hours and promises that hold now: the service may have stopped
    /// while they were written anew (S-6). How many cases have others.
    ///
    /// # Errors
    /// The database does not answer: those before are kept.
    pub async fn recompute_clocks(&self, done: Done<'_>) -> Result<usize, Error> {
        let mut filter = Filter { count: Some(500), ..Filter::default() };
        let mut changed = 0;
        loop {
            let page = self.list(&filter).await?;
            for mut case in page.cases {
                if case.recompute(done.service, HOURS_CHANGED, done.now).is_empty() {
                    continue;
                }
                let mut writing = self.store.write().await?;
                let mut now = writing.case(case.number).await?;
                let words = now.recompute(done.service, HOURS_CHANGED, done.now);
                if !words.is_empty() {
                    write(&mut writing, &mut now, "recompute", &words, Visible::Desk, done).await?;
                    writing.commit().await?;
                    changed += 1;
                }
            }
            if page.next.is_none() {
                return Ok(changed);
            }
            filter.after = page.next;
        }
    }

    async fn standing(&self, state: State) -> Result<Vec<Case>, Error> {
        let mut filter =
            Filter { state: Some(state), is_over: state.is_over(), count: Some(500), ..Filter::default() };
        let mut cases = Vec::new();
        loop {
            let page = self.list(&filter).await?;
            cases.extend(page.cases);
            if page.next.is_none() || cases.len() >= CASES_MAX {
                return Ok(cases);
            }
            filter.after = page.next;
        }
    }

    async fn end(
        &self,
        case: &Case,
        signal: &Signal,
        office: &Office,
        done: Done<'_>,
    ) -> Result<bool, Error> {
        let mut writing = self.store.write().await?;
        let mut now = writing.case(case.number).await?;
        if now.version != case.version {
            return Ok(false);
        }
        let words = waiting::words(signal);
        match signal {
            Signal::Close(reason) => {
                let closure = Closure {
                    at: done.now,
                    by: done.who.to_owned(),
                    reason: *reason,
                    text: words.to_owned(),
                    feedback: None,
                };
                now.close(closure, done.service).map_err(refused)?;
            }
            _ => now.step(signal, done.who, done.service, done.now).map_err(refused)?,
        }
        write(&mut writing, &mut now, signal.name(), words, Visible::Desk, done).await?;
        if let (State::Unverified, true) = (case.state, office.sends) {
            tell_sender(&mut writing, &now, done.now).await?;
        }
        writing.commit().await?;
        Ok(true)
    }

    /// N-2: one digest of what nobody known asked for, at most once an hour, with what came since the last one.
    async fn tell_requesters(&self, cases: &[Case], done: Done<'_>) -> Result<(), Error> {
        let Some(customer) = cases.first().map(|case| &case.customer) else { return Ok(()) };
        let registration = self.registration(customer).await?;
        let mut writing = self.store.write().await?;
        let told = writing.counter(&format!("digest:{customer}")).await?;
        let last = writing.counter(&format!("digest-at:{customer}")).await?;
        let new: Vec<_> = cases.iter().filter(|case| stored(case.number.serial()) > told).collect();
        let (Some(latest), true) = (new.last(), done.now.0 - last >= DIGEST_MICROS) else { return Ok(()) };
        let mut text = "These requests reached us in your name, from people who may not ask for them. Nothing has been \
            changed. A requester of yours can make one their own; without that each is closed after 5 business days.\n\n"
            .to_owned();
        for case in &new {
            let sender = writing.sender(case.number).await?.unwrap_or_else(|| "somebody".to_owned());
            text += &format!("{}: {sender} asked for: {}\n", case.number, case.kind.name());
        }
        for person in registration.with_role(Role::Requester, done.now) {
            let Some(to) = person.addresses.first() else { continue };
            let subject = format!("[{}] {} requests wait for a word of yours", latest.number, new.len());
            let id = format!("digest:{}:{to}", latest.number);
            writing.put_outgoing(&notice(id, latest, to, (subject, text.clone()), done.now)).await?;
        }
        writing.count(&format!("digest:{customer}"), stored(latest.number.serial())).await?;
        writing.count(&format!("digest-at:{customer}"), done.now.0).await?;
        writing.commit().await
    }
}

impl OfCustomer<'_> {
    /// Requests of people whom nobody here knows, in this customer's name, that nobody has made theirs: next due first, at most
    /// `count`, each with the address it came from.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn unadopted(&self, count: u32) -> Result<Vec<(Case, Option<String>)>, Error> {
        let filter = Filter { state: Some(State::Unverified), count: Some(count), ..Filter::default() };
        let mut found = Vec::new();
        for case in self.list(&filter).await?.cases.into_iter().filter(|case| !case.is_appeal()) {
            let query = sqlx::query(SENDER).bind(stored(case.number.serial()));
            let row = query.fetch_optional(&self.store.pool).await?;
            let sender = row.map(|row| row.try_get(0)).transpose()?;
            found.push((case, sender.filter(|it: &String| crate::intake::is_plain_address(it))));
        }
        Ok(found)
    }

    /// Makes such a request that of the contact who acts (N-2): the promised time for it begins now. `None` where it is none
    /// of this customer's.
    ///
    /// # Errors
    /// They may not ask for it, it does not wait for that any more, or it is not kept.
    pub async fn adopt(&self, number: CaseNumber, done: Done<'_>) -> Result<Option<Case>, Error> {
        let mut writing = self.store.write().await?;
        let Some(case) = self.own(&mut writing, number).await? else { return Ok(None) };
        let text = format!("{} makes it their request", done.who);
        let case = adopt(&mut writing, case, &Signal::Adopt, &text, done).await?;
        writing.commit().await?;
        Ok(Some(case))
    }

    /// Ends such a request, of which the contact who acts says that it is nobody's here. `None` where it is none of this
    /// customer's.
    ///
    /// # Errors
    /// They may not ask for anything either, it does not wait for that any more, or it is not kept.
    pub async fn disown(&self, number: CaseNumber, done: Done<'_>) -> Result<Option<Case>, Error> {
        let mut writing = self.store.write().await?;
        let Some(mut case) = self.own(&mut writing, number).await? else { return Ok(None) };
        let by = done.who.to_owned();
        check_requester(&mut writing, &case.customer, done).await?;
        if case.state != State::Unverified {
            return Err(Error::Refused(format!("{number} is {}: it is decided already", case.state)));
        }
        let text = format!("{by} says that nobody of theirs has asked for it");
        let reason = Reason::NotAuthorised;
        let closure = Closure { at: done.now, by, reason, text: text.clone(), feedback: None };
        case.close(closure, done.service).map_err(refused)?;
        write(&mut writing, &mut case, "disown", &text, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok(Some(case))
    }
}

/// Since when a case stands where it does, by its history.
fn since(case: &Case, history: &[Event]) -> Timestamp {
    let acts: &[&str] = match case.state {
        State::NeedsInfo => &["ask-info"],
        State::Informed | State::Done => &["inform", "prove", "deliver"],
        _ => &[],
    };
    let act = history.iter().rev().find(|event| acts.contains(&event.what.as_str()));
    act.map_or(case.opened, |event| event.at)
}

/// Makes `case` the request of the contact who acts.
async fn adopt(
    writing: &mut Writing<'_>,
    mut case: Case,
    signal: &Signal,
    text: &str,
    done: Done<'_>,
) -> Result<Case, Error> {
    check_requester(writing, &case.customer, done).await?;
    case.step(signal, done.who, done.service, done.now).map_err(refused)?;
    write(writing, &mut case, signal.name(), text, Visible::Customer, done).await?;
    Ok(case)
}

/// Read in the same transaction: who was removed a moment ago makes nothing theirs (N-7).
async fn check_requester(writing: &mut Writing<'_>, customer: &str, done: Done<'_>) -> Result<(), Error> {
    let registration = writing.registration(customer).await?;
    if registration.with_role(Role::Requester, done.now).any(|person| person.name == done.who) {
        return Ok(());
    }
    Err(Error::Refused(format!("{} may not ask for anything for {customer}", done.who)))
}

/// N-4: whoever asked, and was answered then, hears once that it was closed.
async fn tell_sender(writing: &mut Writing<'_>, case: &Case, now: Timestamp) -> Result<(), Error> {
    let Some(to) = writing.answered_sender(case.number).await? else { return Ok(()) };
    let subject = format!("[{}] Closed: nobody confirmed it", case.number);
    let text = "No registered contact of the organisation concerned confirmed your request, so it is closed. Nothing has \
        been changed.\n"
        .to_owned();
    let id = format!("unadopted:{}", case.number);
    writing.put_outgoing(&notice(id, case, &to, (subject, text), now)).await?;
    Ok(())
}

fn notice(id: String, case: &Case, to: &str, (subject, text): (String, String), due: Timestamp) -> Outgoing {
    Outgoing {
        id,
        customer: case.customer.clone(),
        case: Some(case.number),
        thread: None,
        channel: Channel::Mail,
        to: to.to_owned(),
        content: Content::Notice { subject, text },
        due,
        state: Delivery::Waiting,
        tries: Vec::new(),
    }
}

impl Writing<'_> {
    async fn counter(&mut self, name: &str) -> Result<i64, Error> {
        let query = sqlx::query("SELECT value FROM counters WHERE name = $1").bind(name);
        let row = query.fetch_optional(self.connection()).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }

    async fn count(&mut self, name: &str, value: i64) -> Result<(), Error> {
        let statement = "INSERT INTO counters (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        sqlx::query(statement).bind(name).bind(value).execute(self.connection()).await?;
        Ok(())
    }

    /// The address that wrote the mail which began this case.
    async fn sender(&mut self, number: CaseNumber) -> Result<Option<String>, Error> {
        let query = sqlx::query(SENDER).bind(stored(number.serial()));
        let sender: Option<String> =
            query.fetch_optional(self.connection()).await?.map(|row| row.try_get(0)).transpose()?;
        Ok(sender.filter(|sender| crate::intake::is_plain_address(sender)))
    }
}

/// The address that wrote the mail which began a case.
const SENDER: &str = "SELECT sender FROM mails WHERE serial = $1 ORDER BY received LIMIT 1";
const HOURS_CHANGED: &str = "the hours of the desk or its promises are others now";
/// Between two digests to one customer.
const DIGEST_MICROS: i64 = 3_600 * 1_000_000;
/// As many as are looked at in one go.
const CASES_MAX: usize = 10_000;
