//! Changes on their way into force: proposed, shown to who may authorise them, approved or refused, installed, proven.

use std::collections::BTreeSet;

use rules::Timestamp;

use super::desk::{Done, Visible, new_case, refused, write};
use super::links::Link;
use super::writing::{Proposed, Writing, body};
use super::{Desk, Error};
use crate::case::{Closure, Kind, Relation, Severity};
use crate::change::{Approval, Authorisers, Authority, Change, Hands, Impact, Method};
use crate::flow::{Reason, Signal, State};
use crate::outgoing::Outgoing;
use crate::{Case, CaseNumber};

/// A request to one authoriser, or what one of them is told that may be taken back.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The way to answer that is sent.
    pub link: Link,
    /// What is sent; `None` when there is no way to.
    pub outgoing: Option<Outgoing>,
}

/// What test calls have shown of a change that came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// What was promised, in words; and what the customer is told.
    Shown(String, Vec<Outgoing>),
    /// Something else, or it did not come into force: it was taken back.
    Failed(String),
}

impl Writing<'_> {
    async fn put_asking(&mut self, case: &Case, asked: &[Asking]) -> Result<(), Error> {
        for Asking { link, outgoing } in asked {
            self.put_link(case, link).await?;
            if let Some(outgoing) = outgoing {
                self.put_outgoing(outgoing).await?;
            }
        }
        Ok(())
    }
}

impl Desk<'_> {
    /// The change of this hash, what it would do, and who has approved it.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn change(&self, hash: &str) -> Result<Option<(Proposed, Vec<Approval>)>, Error> {
        let query = sqlx::query("SELECT body FROM changes WHERE hash = $1").bind(hash);
        let Some(row) = query.fetch_optional(&self.store.pool).await? else { return Ok(None) };
        let query = sqlx::query("SELECT body FROM approvals WHERE hash = $1 ORDER BY approver").bind(hash);
        let approvals = query.fetch_all(&self.store.pool).await?;
        let approvals = approvals.iter().map(body).collect::<Result<_, _>>()?;
        Ok(Some((body(&row)?, approvals)))
    }

    /// Proposes `change`. One that was proposed before is replaced. What was approved before counts no more, and were it of the
    /// very same change.
    ///
    /// # Errors
    /// It is not on the way, another case is about to have the same made, or it is not kept.
    pub async fn propose(
        &self,
        number: CaseNumber,
        change: Change,
        impact: Impact,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        if change.customer != case.customer {
            return Err(Error::Refused(format!(
                "the change is of {}, the case of {}",
                change.customer, case.customer
            )));
        }
        case.check_wanted(&change).map_err(refused)?;
        if matches!(case.state, State::Proposed | State::AwaitingAuthorisation) {
            case.step(&Signal::AskChanges, done.who, done.service, done.now).map_err(refused)?;
        }
        case.step(&Signal::Propose, done.who, done.service, done.now).map_err(refused)?;
        let hash = change.hash();
        writing.allow_proposal(number, &hash).await?;
        let why = format!("the same is proposed in {number}");
        let mut void = BTreeSet::from_iter(writing.void_approvals(&hash, (number, &why), done).await?);
        if let Some(before) = case.change.replace(hash.clone()).filter(|before| *before != hash) {
            void.extend(writing.approvals(&before).await?.into_iter().map(|approval| approval.approver));
        }
        let lines: Vec<_> = change.lines.iter().map(ToString::to_string).collect();
        let mut text = format!("risk {}, change {hash}: {}", change.risk(&impact), lines.join("; "));
        if !void.is_empty() {
            let names: Vec<_> = void.into_iter().collect();
            text += &format!("; what {} approved before counts no more", names.join(", "));
        }
        writing.put_change(&case, &Proposed::new(change, impact, Hands::of(done.who))).await?;
        write(&mut writing, &mut case, "propose", &text, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// The change that was proposed last is the same on another base: `change` has the same lines, and takes its place with
    /// what was approved of it, unless what it would do is another thing (Z-1).
    ///
    /// # Errors
    /// It is another change, it would do something else, or it is not kept.
    pub async fn rebase(
        &self,
        number: CaseNumber,
        change: Change,
        impact: Impact,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        let (before, approvals) = writing.proposed(&case).await?;
        if before.change.lines != change.lines || before.change.customer != change.customer {
            return Err(Error::Refused("that is another change, not the same on another base".to_owned()));
        }
        if impact.differs_from(&before.impact) || change.risk(&impact) > before.change.risk(&before.impact) {
            return Err(Error::Refused(
                "the policy was changed meanwhile, and the change would now do something else: propose it again"
                    .to_owned(),
            ));
        }
        let hash = change.hash();
        for approval in approvals {
            writing.put_approval(&case.customer, &Approval { hash: hash.clone(), ..approval }).await?;
        }
        let text = format!("the same change on the policy of now, {} after {}", hash, before.change.hash());
        case.change = Some(hash);
        let first = Some(before.change.hash());
        writing.put_change(&case, &Proposed { change, impact, before: first, ..before }).await?;
        write(&mut writing, &mut case, "rebase", &text, Visible::Desk, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Takes back what is proposed: nobody waits for a yes to it any more, links to it lead nowhere, and what was approved of it
    /// counts no more, should the same be proposed again; unless another case stands on it.
    ///
    /// # Errors
    /// Nothing is proposed, it is authorised already, or it is not kept.
    pub async fn withdraw_proposal(
        &self,
        number: CaseNumber,
        why: &str,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        case.step(&Signal::AskChanges, done.who, done.service, done.now).map_err(refused)?;
        let hash = case.change.take().unwrap_or_default();
        // What a case that was brought onto the same change stands on is the customer's yes still.
        if writing.allow_proposal(number, &hash).await.is_ok() {
            let taken_back = format!("the same was taken back in {number}");
            writing.void_approvals(&hash, (number, &taken_back), done).await?;
        }
        writing.void_links(number, &hash).await?;
        let text = format!("change {hash}: {why}");
        write(&mut writing, &mut case, "withdraw-proposal", &text, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Asks those who may authorise; what they are sent, and the ways to answer in it, are kept with it. Whoever asks has looked at
    /// the change: where much may go wrong, that is not who wrote it (Z-7).
    ///
    /// # Errors
    /// It is not on the way, `done` names its author and its risk is high, or it is not kept.
    pub async fn ask_authorisation(
        &self,
        number: CaseNumber,
        asked: &[Asking],
        done: Done<'_>,
    ) -> Result<Case, Error> {
        if asked.is_empty() {
            return Err(Error::Refused(
                "nobody of the customer may authorise: see `ringwall contact`".to_owned(),
            ));
        }
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        case.step(&Signal::AskAuthorisation, done.who, done.service, done.now).map_err(refused)?;
        writing.release(&case, done.who).await?;
        writing.put_asking(&case, asked).await?;
        let names: Vec<&str> = asked.iter().map(|it| it.link.contact.as_str()).collect();
        let text = format!("asked {}", names.join(", "));
        write(&mut writing, &mut case, "ask-authorisation", &text, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Takes an authoriser's yes; when it is enough the case goes on to be implemented, and the authority for that is
    /// returned. What the approval names is what the authoriser has seen: another change than the one proposed now is refused.
    ///
    /// # Errors
    /// Nobody waits for it, it is for another change, or it is not kept.
    pub async fn approve(
        &self,
        number: CaseNumber,
        approval: Approval,
        authorisers: &Authorisers,
        done: Done<'_>,
    ) -> Result<(Case, Option<Authority>), Error> {
        let mut writing = self.write().await?;
        let approved = approve(&mut writing, number, approval, authorisers, done).await?;
        writing.commit().await?;
        Ok(approved)
    }

    /// The same by a link, which leads nowhere afterwards.
    ///
    /// # Errors
    /// See [`Desk::approve`]; or the link was used.
    pub async fn approve_by_link(
        &self,
        link: &Link,
        approval: Approval,
        authorisers: &Authorisers,
        done: Done<'_>,
    ) -> Result<(Case, Option<Authority>), Error> {
        let mut writing = self.write().await?;
        writing.use_link(link, done.now).await?;
        let approved = approve(&mut writing, link.case, approval, authorisers, done).await?;
        writing.commit().await?;
        Ok(approved)
    }

    /// Takes an authoriser's no, which ends the case. By `link`, if there is one, which leads nowhere afterwards.
    ///
    /// # Errors
    /// Nobody waits for it, a reason is wanting, or it is not kept.
    pub async fn refuse(
        &self,
        number: CaseNumber,
        (approver, why): (&str, &str),
        link: Option<&Link>,
        done: Done<'_>,
    ) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        if let Some(link) = link {
            writing.use_link(link, done.now).await?;
        }
        let mut case = writing.case(number).await?;
        let closure = Closure {
            at: done.now,
            by: approver.to_owned(),
            reason: Reason::Refused,
            text: why.to_owned(),
            feedback: None,
        };
        case.close(closure, done.service).map_err(refused)?;
        let text = format!("{approver} refuses: {why}");
        write(&mut writing, &mut case, "refuse", &text, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok(case)
    }

    /// Somebody says that an approval in their customer's name was none (Z-10): nothing that was approved of the change counts
    /// any more, on whatever base, and what made that possible becomes a case of its own. Returns that, and the hash that the
    /// change has now.
    ///
    /// # Errors
    /// The link was used, or it is not kept.
    pub async fn disown(&self, link: &Link, hash: &str, done: Done<'_>) -> Result<(Case, String), Error> {
        let mut writing = self.write().await?;
        writing.use_link(link, done.now).await?;
        let why = format!("in {} it was not the customer's", link.case);
        let mut case = writing.case(link.case).await?;
        let hashes = writing.hashes_of(&case, hash).await?;
        for hash in &hashes {
            writing.void_approvals(hash, (link.case, &why), done).await?;
        }
        if matches!(case.state, State::Implementing | State::Verifying) {
            case.step(&Signal::RollBack, done.who, done.service, done.now).map_err(refused)?;
        }
        let number = writing.next_number().await?;
        let line = format!("an approval of {} was not the customer's", case.number);
        let of = (Kind::ReportedIncident, State::New);
        let mut incident = new_case(number, &case.customer, of, &line, done);
        incident.severity = Severity::Critical;
        incident.links.push((case.number, Relation::RelatesTo));
        case.links.push((number, Relation::RelatesTo));
        let text = format!("{} says that change {hash} was not approved in their name", link.contact);
        write(&mut writing, &mut case, "disown", &text, Visible::Customer, done).await?;
        write(&mut writing, &mut incident, "open", &text, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok((incident, hashes.into_iter().next().unwrap_or_else(|| hash.to_owned())))
    }

    /// Uses what the customer agreed to beforehand: the case goes on to be implemented.
    ///
    /// # Errors
    /// It is not covered, not on the way, or not kept.
    pub async fn use_standing(
        &self,
        number: CaseNumber,
        name: &str,
        today: jiff::civil::Date,
        told: &[Asking],
        done: Done<'_>,
    ) -> Result<(Case, Authority), Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        let registration = self.registration(&case.customer).await?;
        let Some(standing) = registration.standing.iter().find(|standing| standing.name == name) else {
            return Err(Error::Refused(format!(
                "{} has given no standing authorisation {name:?}",
                case.customer
            )));
        };
        // What was asked for already was looked at then.
        let proposed = match case.state {
            State::AwaitingAuthorisation => writing.proposed(&case).await?.0,
            _ => writing.release(&case, done.who).await?,
        };
        let shown = (&proposed.impact, &proposed.hands);
        let covered = proposed.change.authorise_standing(shown, standing, today, done.now);
        let authority = covered.map_err(|why| Error::Refused(why.to_string()))?;
        if case.state == State::Proposed {
            case.step(&Signal::AskAuthorisation, done.who, done.service, done.now).map_err(refused)?;
        }
        let signal = Signal::Authorise(Box::new(authority.clone()));
        case.step(&signal, done.who, done.service, done.now).map_err(refused)?;
        writing.put_change(&case, &Proposed { standing: Some(name.to_owned()), ..proposed }).await?;
        writing.put_asking(&case, told).await?;
        let text = format!("by the standing authorisation {name}");
        write(&mut writing, &mut case, "authorise", &text, Visible::Customer, done).await?;
        writing.commit().await?;
        Ok((case, authority))
    }

    /// The authority for what a case is about to implement, from the approvals that count now.
    ///
    /// # Errors
    /// It is not to be implemented, or not authorised any more.
    pub async fn authority(
        &self,
        number: CaseNumber,
        today: jiff::civil::Date,
        now: Timestamp,
    ) -> Result<(Proposed, Authority), Error> {
        let case = self.case(number).await?;
        let hash = case.change.as_deref().filter(|_| case.state == State::Implementing);
        let Some(hash) = hash else {
            return Err(Error::Refused(format!("{number} is {}: nothing is to be implemented", case.state)));
        };
        let gone = || Error::Refused("the change is not there any more".to_owned());
        let (proposed, approvals) = self.change(hash).await?.ok_or_else(gone)?;
        let registration = self.registration(&case.customer).await?;
        let shown = (&proposed.impact, &proposed.hands);
        let authority = match &proposed.standing {
            Some(name) => {
                let standing = registration.standing.iter().find(|standing| standing.name == *name);
                let standing = standing.ok_or_else(|| {
                    Error::Refused(format!("{name:?} is no standing authorisation any more"))
                })?;
                proposed.change.authorise_standing(shown, standing, today, now)
            }
            None => proposed.change.authorise(shown, &approvals, &registration.authorisers(now), now),
        };
        let authority = authority.map_err(|why| Error::Refused(why.to_string()))?;
        Ok((proposed, authority))
    }

    /// Writes what test calls have shown of what was installed. What was shown is kept with the change, and the case is
    /// over once the customer was told ([`Desk::told`]); what failed goes back to who authorises.
    ///
    /// # Errors
    /// Nothing was to be implemented, or it is not kept.
    pub async fn prove(&self, number: CaseNumber, proof: Proof, done: Done<'_>) -> Result<Case, Error> {
        let mut writing = self.write().await?;
        let mut case = writing.case(number).await?;
        match proof {
            Proof::Shown(text, outgoing) => {
                case.step(&Signal::Install, done.who, done.service, done.now).map_err(refused)?;
                let (proposed, _) = writing.proposed(&case).await?;
                writing.put_change(&case, &Proposed { proof: Some(text.clone()), ..proposed }).await?;
                for outgoing in &outgoing {
                    writing.put_outgoing(outgoing).await?;
                }
                write(&mut writing, &mut case, "install", &text, Visible::Customer, done).await?;
            }
            Proof::Failed(text) => {
                case.step(&Signal::RollBack, done.who, done.service, done.now).map_err(refused)?;
                write(&mut writing, &mut case, "roll-back", &text, Visible::Customer, done).await?;
            }
        }
        writing.commit().await?;
        Ok(case)
    }

    /// The customer was told that a change is proven: what was asked is done.
    ///
    /// # Errors
    /// Nothing was proven, or it is not kept.
    pub async fn told(&self, number: CaseNumber, how: &str, done: Done<'_>) -> Result<Case, Error> {
        self.change_case(number, "prove", how, Visible::Customer, done, |case| {
            case.step(&Signal::Prove, done.who, done.service, done.now).map_err(refused)
        })
        .await
    }
}

impl Writing<'_> {
    /// The change that `case` proposes, and who has approved it.
    pub(super) async fn proposed(&mut self, case: &Case) -> Result<(Proposed, Vec<Approval>), Error> {
        let nothing = || Error::Refused(format!("{}: no change is proposed", case.number));
        let hash = case.change.as_deref().ok_or_else(nothing)?;
        let proposed = self.change(hash).await?.ok_or_else(nothing)?;
        Ok((proposed, self.approvals(hash).await?))
    }

    /// Writes down that `who` has looked at what `case` proposes, and lets it go on.
    async fn release(&mut self, case: &Case, who: &str) -> Result<Proposed, Error> {
        let (proposed, _) = self.proposed(case).await?;
        let risk = proposed.change.risk(&proposed.impact);
        let hands = proposed.hands.release(risk, who).map_err(|why| Error::Refused(why.to_string()))?;
        let proposed = Proposed { hands, ..proposed };
        self.put_change(case, &proposed).await?;
        Ok(proposed)
    }
}

pub(super) async fn approve(
    writing: &mut Writing<'_>,
    number: CaseNumber,
    approval: Approval,
    authorisers: &Authorisers,
    done: Done<'_>,
) -> Result<(Case, Option<Authority>), Error> {
    let case = may_approve(writing, number, (&approval.hash, &approval.approver), authorisers).await?;
    let (proposed, _) = writing.proposed(&case).await?;
    if approval.method == Method::Reply && !proposed.change.takes_replies(&proposed.impact) {
        return Err(Error::Refused(
            "this change may go wrong in ways for which a reply by mail is not enough: use the link"
                .to_owned(),
        ));
    }
    count_approval(writing, case, &proposed, &approval, authorisers, done).await
}

/// The case, if it waits for a yes to what was `shown`, and `approver` may say it.
pub(super) async fn may_approve(
    writing: &mut Writing<'_>,
    number: CaseNumber,
    (shown, approver): (&str, &str),
    authorisers: &Authorisers,
) -> Result<Case, Error> {
    let case = writing.case(number).await?;
    let why = if case.state != State::AwaitingAuthorisation {
        format!("{number} is {}: it does not wait for authorisation", case.state)
    } else if case.change.as_deref() != Some(shown) {
        "the change was edited since it was shown: look at it again".to_owned()
    } else if !authorisers.0.contains(approver) {
        format!("{approver} may not authorise for {}", case.customer)
    } else {
        return Ok(case);
    };
    Err(Error::Refused(why))
}

/// Keeps a yes; when it is enough the case goes on to be implemented.
pub(super) async fn count_approval(
    writing: &mut Writing<'_>,
    mut case: Case,
    proposed: &Proposed,
    approval: &Approval,
    authorisers: &Authorisers,
    done: Done<'_>,
) -> Result<(Case, Option<Authority>), Error> {
    writing.put_approval(&case.customer, approval).await?;
    let text = format!("{} approves change {}", approval.approver, approval.hash);
    write(writing, &mut case, "approve", &text, Visible::Customer, done).await?;
    let approvals = writing.approvals(&approval.hash).await?;
    let shown = (&proposed.impact, &proposed.hands);
    let authority = proposed.change.authorise(shown, &approvals, authorisers, done.now).ok();
    if let Some(authority) = &authority {
        let signal = Signal::Authorise(Box::new(authority.clone()));
        case.step(&signal, done.who, done.service, done.now).map_err(refused)?;
        let text = format!("by {}", authority.by().join(", "));
        write(writing, &mut case, "authorise", &text, Visible::Customer, done).await?;
    }
    Ok((case, authority))
}
