//! What was approved of a change and counts no more, and who has to know.

use super::Error;
use super::desk::{Done, Visible, write};
use super::writing::{Writing, body};
use crate::{Case, CaseNumber};

impl Writing<'_> {
    /// Nobody has approved the change of this hash any more: because of what `why` says, which is done in `number`. Other cases
    /// that stand on such an approval have it written into their history, and who has them hears of it. Returns who had approved.
    pub(super) async fn void_approvals(
        &mut self,
        hash: &str,
        (number, why): (CaseNumber, &str),
        done: Done<'_>,
    ) -> Result<Vec<String>, Error> {
        let approvals = self.approvals(hash).await?;
        if approvals.is_empty() {
            return Ok(Vec::new());
        }
        let void = sqlx::query("DELETE FROM approvals WHERE hash = $1").bind(hash);
        void.execute(self.connection()).await?;
        let by: Vec<String> = approvals.into_iter().map(|approval| approval.approver).collect();
        for mut other in self.cases_with(hash).await? {
            if other.number == number {
                continue;
            }
            let text = format!("what {} approved of change {hash} counts no more: {why}", by.join(", "));
            write(self, &mut other, "void-approval", &text, Visible::Customer, done).await?;
        }
        Ok(by)
    }

    /// The hashes that the change of this hash has had in `case`, that of now first: brought onto another base it gets another one,
    /// and what was approved of it goes along.
    pub(super) async fn hashes_of(&mut self, case: &Case, hash: &str) -> Result<Vec<String>, Error> {
        let mut hashes = Vec::new();
        let mut next = case.change.clone();
        // A policy that was taken back makes of a base one from before.
        while let Some(one) = next.filter(|one| !hashes.contains(one)) {
            next = self.change(&one).await?.and_then(|proposed| proposed.before);
            hashes.push(one);
        }
        let is_it = hashes.iter().any(|one| one == hash);
        Ok(if is_it { hashes } else { vec![hash.to_owned()] })
    }

    /// Fails when another case than `number` is about to have exactly the change of this hash made: the customer would be asked
    /// twice for one thing, and a yes in one case be none in the other.
    pub(super) async fn allow_proposal(&mut self, number: CaseNumber, hash: &str) -> Result<(), Error> {
        let Some(first) = self.cases_with(hash).await?.into_iter().find(|case| case.number != number) else {
            return Ok(());
        };
        Err(Error::Refused(format!(
            "exactly this change is proposed in {} already, which is {}: join the cases, or have it withdrawn there",
            first.number, first.state
        )))
    }

    /// Cases in which the change of this hash is proposed, waits for a yes, or is made.
    async fn cases_with(&mut self, hash: &str) -> Result<Vec<Case>, Error> {
        let statement = "SELECT cases.body FROM cases JOIN changes ON changes.customer = cases.customer
            WHERE changes.hash = $1 AND cases.is_over = 0
                AND cases.state IN ('proposed', 'awaiting-authorisation', 'implementing', 'verifying')
            ORDER BY cases.serial";
        let rows = sqlx::query(statement).bind(hash).fetch_all(self.connection()).await?;
        let mut cases = rows.iter().map(body).collect::<Result<Vec<Case>, _>>()?;
        cases.retain(|case| case.change.as_deref() == Some(hash));
        Ok(cases)
    }
}
