//! Makes a change that was authorised, has test calls prove it, and takes it back when they show something else.

use std::fmt;

use cases::change::Line;
use cases::flow::State;
use cases::intake::Role;
use cases::io::store::{Done, Proof, Proposed, Store};
use cases::{Case, CaseNumber, Outgoing};

use super::{Office, today};
use crate::admission::look;
use crate::case::said;
use crate::changes::{self, Change, Declined, Wanted};
use crate::desk_key;
use crate::drafting::{Draft, Wish, base};
use crate::history::History;
use crate::outcome::Failure;
use crate::trial;
use crate::versions::Versions;

impl Office {
    /// Makes the change of a case that is to be implemented. What stands in its way ends up in the case. Where somebody else has
    /// made it meanwhile, there is nothing to do.
    pub(crate) async fn implement(
        &self,
        store: &Store,
        number: CaseNumber,
        done: Done<'_>,
    ) -> Result<Case, Failure> {
        let _turn = Versions::of(&self.data).turn()?;
        let desk = store.desk();
        let case = desk.case(number).await.map_err(said)?;
        if matches!(case.state, State::Verifying | State::Done | State::Informed) {
            return Ok(case);
        }
        let proof = match self.make(store, &case, done).await {
            Ok((proposed, shown)) => {
                Proof::Shown(shown.clone(), self.done_letters(store, &case, &proposed, &shown, done).await?)
            }
            Err(Declined { said, .. }) => Proof::Failed(said),
        };
        desk.prove(number, proof, done).await.map_err(said)
    }

    /// Takes back the change of this hash where it is the last that was made of its customer's policy, and says what came of it.
    pub(super) async fn take_back(
        &self,
        store: &Store,
        number: CaseNumber,
        hash: &str,
        who: &str,
    ) -> Result<Back, Failure> {
        let desk = store.desk();
        let case = desk.case(number).await.map_err(said)?;
        let Some((proposed, _)) = desk.change(hash).await.map_err(said)? else {
            return Ok(Back::Stays("nothing is known of the change any more".to_owned()));
        };
        let change = &proposed.change;
        let base = base(&self.data, &self.policies, &case.customer)?;
        let version = base.as_ref().map(|base| base.version()).unwrap_or_default();
        if version == change.base || !Versions::of(&self.data).was_made(&case.customer, &change.result)? {
            return Ok(Back::NotMade);
        }
        Ok(match self.change(undo(change), &case, (who, &[]), Vec::new()) {
            Ok(()) => Back::Taken,
            Err(why) => Back::Stays(why.said),
        })
    }

    async fn make(&self, store: &Store, case: &Case, done: Done<'_>) -> Result<(Proposed, String), Declined> {
        let desk = store.desk();
        let (mut proposed, mut authority) =
            desk.authority(case.number, today(done.now), done.now).await.map_err(said)?;
        let base = base(&self.data, &self.policies, &case.customer)?;
        let version = base.as_ref().map(|base| base.version().to_owned()).unwrap_or_default();
        // A service that died between installing and writing it down finds its work done.
        let is_in_force = version == proposed.change.result;
        if !is_in_force && version != proposed.change.base {
            let wish = rebased(&proposed)?;
            let (draft, impact) = self.draft(&case.customer, wish, done.now)?;
            draft.keep(&self.data)?;
            desk.rebase(case.number, draft.change, impact, done).await.map_err(said)?;
            (proposed, authority) =
                desk.authority(case.number, today(done.now), done.now).await.map_err(said)?;
        }
        let versions = Versions::of(&self.data);
        let gone = || Declined::usage("the policy that was drafted is not kept any more: propose it again");
        let offered = versions.draft(&proposed.change.result)?.ok_or_else(gone)?;
        let admitted = look(versions.offered(&offered)?)?;
        let draft = Draft { change: proposed.change.clone(), admitted };
        let history = History::of(&self.data, &case.customer, done.now);
        let promises = trial::promises(&draft, base.as_ref(), &history, done.now)?;
        if !is_in_force {
            let signer = desk_key::open_at(&self.key)?;
            let permit = authority.permit(&case.customer, done.now, &signer);
            let mut permits = vec![permit];
            if base.is_some() {
                // Kept with it, so that taking it back needs nobody to be asked again.
                permits.push(authority.permit_to_return(&case.customer, done.now, &signer));
            }
            let install = Change::Install(vec![offered]);
            if let Err(why) = self.change(install, case, (done.who, authority.by()), permits) {
                // A service that took too long to answer may have made it all the same.
                let back = self.take_back(store, case.number, authority.hash(), done.who).await?;
                return Err(Declined::usage(format!("{}; {back}", why.said)));
            }
        }
        // Where nobody can be asked nothing is shown either.
        let shown = trial::show((&self.data, &self.policies), &draft.admitted, &promises)
            .unwrap_or_else(|failure| Err(failure.to_string()));
        match shown {
            Ok(shown) => Ok((proposed, shown)),
            Err(other) => {
                let back = self.change(undo(&proposed.change), case, (done.who, &[]), Vec::new());
                let back = back.map_or_else(
                    |why| format!("taking it back failed: {}", why.said),
                    |()| "it was taken back".to_owned(),
                );
                Err(Declined::usage(format!("a test call showed something else: {other}; {back}")))
            }
        }
    }

    fn change(
        &self,
        change: Change,
        case: &Case,
        (who, authorised_by): (&str, &[String]),
        permits: Vec<cases::change::Permit>,
    ) -> Result<(), Declined> {
        let why = match authorised_by {
            [] => case.number.to_string(),
            by => format!("{}, authorised by {}", case.number, by.join(", ")),
        };
        let wanted = Wanted { change, by: who.to_owned(), why, permits };
        changes::make(&self.data, &self.policies, wanted)?.map(drop)
    }

    /// What tells the customer that it is done, with the proof.
    async fn done_letters(
        &self,
        store: &Store,
        case: &Case,
        proposed: &Proposed,
        shown: &str,
        done: Done<'_>,
    ) -> Result<Vec<Outgoing>, Failure> {
        if !self.has_mail {
            return Ok(Vec::new());
        }
        let registration = store.desk().registration(&case.customer).await.map_err(said)?;
        let key = format!("done/{}", proposed.change.hash());
        let people = registration.people.iter().filter(|person| {
            let is_told = person.roles.contains(&Role::Requester) || person.roles.contains(&Role::Authorizer);
            is_told && person.is_valid_at(done.now)
        });
        let words = proposed.change.done(case.number, shown, &proposed.left_out);
        Ok(people
            .map(|person| Outgoing::letter(case, person.address(), &key, words.clone(), done.now))
            .collect())
    }
}

/// What came of taking a change back.
pub(super) enum Back {
    /// The policy from before is in force again.
    Taken,
    /// There is nothing to be taken back.
    NotMade,
    /// What was changed is still in force, and why.
    Stays(String),
}

impl fmt::Display for Back {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => out.write_str("the policy from before is in force again"),
            Self::NotMade => out.write_str("the change is not in force"),
            Self::Stays(why) => write!(out, "the change could not be taken back: {why}"),
        }
    }
}

fn undo(change: &cases::change::Change) -> Change {
    Change::Undo { customer: change.customer.clone(), policy: change.result.clone() }
}

/// The same wish, for another base.
fn rebased(proposed: &Proposed) -> Result<Wish, Declined> {
    if proposed.change.lines.iter().any(|line| matches!(line, Line::Text { .. })) {
        return Err(Declined::usage("the policy was changed since this one was drafted: propose it again"));
    }
    Ok(Wish::Lines(proposed.change.lines.clone()))
}
