//! Who was blocked and says that it was wrong: one case for each call that was refused.

use super::desk::{new_case, write};
use super::writing::body;
use super::{Desk, Done, Error, Event, Visible};
use crate::case::{APPEAL_KEY, Kind};
use crate::flow::State;
use crate::limits::APPEALS_OF_HOUR_MAX;
use crate::{Case, CaseNumber};

/// What a blocked caller says about one call.
#[derive(Clone, Copy, Debug)]
pub struct Appeal<'a> {
    /// Whose policy refused it.
    pub customer: &'a str,
    /// What was in the answer to the call: it opens one case.
    pub token: &'a str,
    /// One line, in our words.
    pub title: &'a str,
    /// What was decided, and why, as it is on record.
    pub verdict: &'a str,
    /// What they say. Nobody knows who they are.
    pub text: &'a str,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Appealed {
    /// It opened this case.
    Opened(Box<Case>),
    /// This one was opened by it before; nothing was added.
    Before(CaseNumber),
    /// There were too many about this customer within the hour.
    TooMany,
}

impl Desk<'_> {
    /// The case that an appeal with this token opened.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn appeal_of(&self, customer: &str, token: &str) -> Result<Option<CaseNumber>, Error> {
        let query =
            sqlx::query("SELECT body FROM cases WHERE customer = $1 AND join_key = $2 ORDER BY serial")
                .bind(customer)
                .bind(key(token));
        let row = query.fetch_optional(&self.store.pool).await?;
        row.map(|row| Ok(body::<Case>(&row)?.number)).transpose()
    }

    /// Opens a case for an appeal: unverified, with the verdict, and what was said as the words of a stranger. The same token
    /// opens no second one.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn appeal(&self, appeal: &Appeal<'_>, done: Done<'_>) -> Result<Appealed, Error> {
        let mut writing = self.store.write().await?;
        let key = key(appeal.token);
        if let Some(case) = writing.latest(appeal.customer, &key).await? {
            return Ok(Appealed::Before(case.number));
        }
        let since = done.now.plus_micros(-HOUR_MICROS);
        let query =
            sqlx::query("SELECT body FROM cases WHERE customer = $1 AND is_over = 0 AND join_key LIKE $2");
        let query = query.bind(appeal.customer).bind(format!("{APPEAL_KEY}%"));
        let rows = query.fetch_all(writing.connection()).await?;
        let cases = rows.iter().map(body).collect::<Result<Vec<Case>, _>>()?;
        if cases.iter().filter(|case| case.opened > since).count() >= APPEALS_OF_HOUR_MAX {
            return Ok(Appealed::TooMany);
        }
        let number = writing.next_number().await?;
        let of = (Kind::Unblock, State::Unverified);
        let mut case = new_case(number, appeal.customer, of, appeal.title, done);
        case.key = Some(key);
        let desk = Visible::Desk;
        write(&mut writing, &mut case, "open", "a blocked caller appeals", desk, done).await?;
        let event = |what: &str, text: &str| Event {
            at: done.now,
            who: done.who.to_owned(),
            what: what.to_owned(),
            text: text.to_owned(),
            visible: desk,
            act: None,
        };
        writing.put_event(&case, 1, &event("verdict", appeal.verdict)).await?;
        writing.put_event(&case, 2, &event("untrusted-note", appeal.text)).await?;
        writing.commit().await?;
        Ok(Appealed::Opened(Box::new(case)))
    }
}

fn key(token: &str) -> String {
    format!("{APPEAL_KEY}{token}")
}

const HOUR_MICROS: i64 = 3_600 * 1_000_000;
