//! What the desk did is written to whoever asked: with the news of it, in one transaction.

use sqlx::Row as _;

use super::desk::{Done, Event};
use super::inbox::Office;
use super::writing::Writing;
use super::{Desk, Error, stored};
use crate::notice::World;
use crate::written::{is_told, letters, reminders};
use crate::{Case, CaseNumber};

impl Writing<'_> {
    /// Writes of what is told of `events`; nothing where no mail goes out, or the customer has nobody.
    pub(super) async fn write_of(
        &mut self,
        case: &Case,
        events: &[(u64, Event)],
        world: World<'_>,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let office = world.office.filter(|office| office.sends);
        let (Some(office), Some(registration)) = (office, world.people.get(&case.customer)) else {
            return Ok(());
        };
        if !events.iter().any(|(_, event)| is_told(&event.what)) {
            return Ok(());
        }
        let history = self.history(case.number).await?;
        let calendar = done.service.calendar_of(&case.customer);
        for letter in letters(case, (events, &history), (registration, office), calendar, done.now) {
            self.put_outgoing(&letter).await?;
        }
        Ok(())
    }

    async fn history(&mut self, number: CaseNumber) -> Result<Vec<Event>, Error> {
        let rows = sqlx::query("SELECT body FROM events WHERE serial = $1 ORDER BY version, place")
            .bind(stored(number.serial()))
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(|row| Ok(serde_json::from_str(row.try_get(0)?)?)).collect()
    }
}

impl Desk<'_> {
    /// Reminds whoever was asked what is missing and has not answered: after three business days, and after seven. How many
    /// reminders are new.
    pub(super) async fn remind(
        &self,
        case: &Case,
        history: &[Event],
        office: &Office,
        done: Done<'_>,
    ) -> Result<usize, Error> {
        let Some(asked) = history.iter().rev().find(|event| event.what == "ask-info") else { return Ok(0) };
        let calendar = done.service.calendar_of(&case.customer);
        let passed = REMINDED_DAYS.iter().zip(1..).filter(|(days, _)| {
            calendar.end_of_business_day_after(asked.at, **days).is_some_and(|end| end <= done.now)
        });
        // After a long silence of our own one is enough.
        let Some((_, count)) = passed.last() else { return Ok(0) };
        let registration = self.registration(&case.customer).await?;
        let people = (&registration, office);
        let letters = reminders(case, (asked, history, count), people, calendar, done.now);
        let mut kept = Vec::new();
        for letter in letters {
            if !self.is_kept(&letter.id).await? {
                kept.push(letter);
            }
        }
        if kept.is_empty() {
            return Ok(0);
        }
        let mut writing = self.write().await?;
        for letter in &kept {
            writing.put_outgoing(letter).await?;
        }
        writing.commit().await?;
        Ok(kept.len())
    }

    async fn is_kept(&self, id: &str) -> Result<bool, Error> {
        let query = sqlx::query("SELECT 1 FROM outgoing WHERE id = $1").bind(id);
        Ok(query.fetch_optional(&self.store.pool).await?.is_some())
    }
}

/// Business days after the question.
const REMINDED_DAYS: [u32; 2] = [3, 7];
