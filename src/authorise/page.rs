//! What somebody sees and does who has followed a link.

use std::collections::{BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cases::change::{Choice, Method};
use cases::explanation::wall_time;
use cases::flow::State;
use cases::io::store::{Done, Error, Link, LinkFor, Store, Visible};
use console::{Proposal, Said, Shown, Step, Visit};
use ring::rand::{SecureRandom as _, SystemRandom};
use rules::Timestamp;

use super::implement::Back;
use super::{Chosen, Office, approval};
use crate::versions::Versions;

/// Who has shown a code, and may decide for a while.
#[derive(Default)]
pub(crate) struct Sessions(HashMap<String, (String, Timestamp)>);

impl Office {
    /// Does what `visit` wants, if the link is good; what is shown then.
    pub(crate) async fn visit(
        &self,
        store: &Store,
        sessions: &mut Sessions,
        visit: Visit,
        done: Done<'_>,
    ) -> Shown {
        let Visit { secret, step } = visit;
        let link = match store.desk().link_of(&secret).await {
            Ok(link) => link.filter(|link| link.is_good_at(done.now)),
            Err(error) => return refused(&error),
        };
        let Some(link) = link else { return Shown::Nothing };
        let who = Done { who: &link.contact, ..done };
        let shown = match (&link.is_for, step) {
            (LinkFor::Approve(hash), Step::Look) => self.look(store, &link, hash).await,
            (LinkFor::Approve(hash), Step::LogIn { code }) => {
                self.log_in(store, sessions, (&link, hash), &code, who).await
            }
            (LinkFor::Approve(hash), Step::Decide { session, change, decision }) => {
                if !sessions.is_open(&session, &link, done.now) || change != *hash {
                    let wrong = "You have looked at it for a long time: show another code.";
                    return ask_code(&link, Some(wrong.to_owned()));
                }
                self.decide(store, (&link, hash), decision, who).await
            }
            (LinkFor::Disown(hash), Step::Look) => ask_disown(store, (&link, hash), done).await,
            (LinkFor::Disown(hash), Step::Disown) => self.disown(store, (&link, hash), who).await,
            _ => Ok(Shown::Nothing),
        };
        shown.unwrap_or_else(|error| refused(&error))
    }

    async fn look(&self, store: &Store, link: &Link, hash: &str) -> Result<Shown, Error> {
        Ok(match self.stale(store, link, hash).await? {
            Some(why) => Shown::Refused(why),
            None => ask_code(link, None),
        })
    }

    async fn log_in(
        &self,
        store: &Store,
        sessions: &mut Sessions,
        (link, hash): (&Link, &str),
        code: &str,
        done: Done<'_>,
    ) -> Result<Shown, Error> {
        let desk = store.desk();
        if let Some(why) = self.stale(store, link, hash).await? {
            return Ok(Shown::Refused(why));
        }
        match desk.take_code(&link.customer, &link.contact, code, done.now).await {
            Ok(()) => {}
            Err(Error::Refused(wrong)) => {
                return Ok(ask_code(link, Some(wrong)));
            }
            Err(error) => return Err(error),
        }
        let Some((proposed, _)) = desk.change(hash).await? else { return Ok(Shown::Nothing) };
        let Some(session) = sessions.begin(link, done.now) else {
            return Ok(Shown::Refused("The system gives no random bytes.".to_owned()));
        };
        let until = wall_time(done.service.calendar_of(&link.customer), link.expires);
        Ok(Shown::Change(Box::new(Proposal {
            session,
            change: hash.to_owned(),
            case: link.case.to_string(),
            customer: link.customer.clone(),
            lines: proposed.change.lines.clone(),
            effects: [
                proposed.impact.effects(),
                vec![proposed.change.risk(&proposed.impact).in_words().to_owned()],
            ]
            .concat(),
            until,
            is_divisible: proposed.change.parted(&BTreeSet::from([0])).is_ok(),
        })))
    }

    async fn decide(
        &self,
        store: &Store,
        (link, hash): (&Link, &str),
        decision: Said,
        done: Done<'_>,
    ) -> Result<Shown, Error> {
        let desk = store.desk();
        let authorisers = desk.registration(&link.customer).await?.authorisers(done.now);
        if let Said::No(why) = &decision {
            if !authorisers.0.contains(&link.contact) {
                return Ok(Shown::Refused(format!("{} may not decide any more.", link.contact)));
            }
            desk.refuse(link.case, (&link.contact, why), Some(link), done).await?;
            let text =
                format!("Nothing is changed, and case {} is closed with what you have said.", link.case);
            return Ok(Shown::Done { title: "You have said no".to_owned(), text });
        }
        // Every line is wanted: that is a yes to the whole.
        let proposed = desk.change(hash).await?;
        let all: BTreeSet<usize> =
            (0..proposed.map_or(0, |(proposed, _)| proposed.change.lines.len())).collect();
        let part = if let Said::Some(choice) = &decision { Some(choice) } else { None };
        let is_part = |choice: &&Choice| choice.wanted.is_empty() || choice.wanted != all;
        let is_enough = if let Some(choice) = part.filter(is_part) {
            let chosen = Chosen {
                customer: &link.customer,
                approver: &link.contact,
                method: Method::Link,
                shown: hash,
                choice,
                link: Some(link),
            };
            match self.approve_part(store, link.case, chosen, done).await {
                Ok((_, is_enough)) => is_enough,
                Err(why) => return Ok(Shown::Refused(why.said)),
            }
        } else {
            let yes = approval(hash.to_owned(), &link.contact, Method::Link, done.now);
            desk.approve_by_link(link, yes, &authorisers, done).await?.1.is_some()
        };
        let text = if is_enough {
            format!(
                "The change of case {} is made now. You are told when test calls have shown that it does what it should.",
                link.case
            )
        } else {
            "Another authoriser of yours has to say yes as well. Nothing is changed before.".to_owned()
        };
        Ok(Shown::Done { title: "You have said yes".to_owned(), text })
    }

    /// Why a link does not lead to a decision any more.
    async fn stale(&self, store: &Store, link: &Link, hash: &str) -> Result<Option<String>, Error> {
        let case = store.desk().case(link.case).await?;
        if case.change.as_deref() != Some(hash) {
            return Ok(Some(
                "The change was edited since this link was sent. You are asked anew, with another link."
                    .to_owned(),
            ));
        }
        let is_open = case.state == State::AwaitingAuthorisation;
        Ok((!is_open).then(|| {
            format!("Case {} does not wait for a decision any more: it is {}.", link.case, case.state)
        }))
    }

    async fn disown(
        &self,
        store: &Store,
        (link, hash): (&Link, &str),
        done: Done<'_>,
    ) -> Result<Shown, Error> {
        let turn = Versions::of(&self.data).turn();
        let _turn = match turn {
            Ok(turn) => turn,
            Err(failure) => return Ok(Shown::Refused(failure.to_string())),
        };
        let desk = store.desk();
        let (incident, change) = desk.disown(link, hash, done).await?;
        let ringwall = Done { who: "ringwall", ..done };
        let back = self.take_back(store, link.case, &change, &link.contact).await;
        let back = back.unwrap_or_else(|failure| Back::Stays(failure.to_string()));
        desk.note(incident.number, &back.to_string(), Visible::Customer, ringwall).await?;
        let (title, what_next) = match &back {
            Back::Taken | Back::NotMade => ("It is taken back", "Somebody looks into it"),
            Back::Stays(_) => {
                ("It is not taken back yet", "Somebody of the desk has to take it back by hand")
            }
        };
        let text =
            format!("What was approved counts no more; {back}. {what_next}: case {}.", incident.number);
        Ok(Shown::Done { title: title.to_owned(), text })
    }
}

/// Asks whoever has followed `link` for the code of their app.
fn ask_code(link: &Link, wrong: Option<String>) -> Shown {
    let about = format!("case {} of {}", link.case, link.customer);
    Shown::AskCode { name: link.contact.clone(), about, wrong }
}

async fn ask_disown(store: &Store, (link, hash): (&Link, &str), done: Done<'_>) -> Result<Shown, Error> {
    let desk = store.desk();
    let case = desk.case(link.case).await?;
    let at = |moment| wall_time(done.service.calendar_of(&case.customer), moment);
    let mut text = format!(
        "A change of case {} of {} was approved in the name of your organisation: {}\n",
        case.number, case.customer, case.title
    );
    for approval in desk.change(hash).await?.into_iter().flat_map(|(_, approvals)| approvals) {
        let how = match approval.method {
            Method::Portal => "in the portal",
            Method::Link => "by the link in a mail",
            Method::Reply => "by an answer to a mail",
        };
        text += &format!("{} said yes {how}, {}.\n", approval.approver, at(approval.at));
    }
    text += &format!(
        "The button takes it back: the policy becomes what it was before, as far as that can be done by itself, and the desk \
         looks into who said yes. This page does that until {}.",
        at(link.expires)
    );
    Ok(Shown::AskDisown { text })
}

impl Sessions {
    fn begin(&mut self, link: &Link, now: Timestamp) -> Option<String> {
        self.0.retain(|_, (_, until)| now < *until);
        if self.0.len() >= SESSIONS_MAX {
            return None;
        }
        let mut secret = [0_u8; 16];
        SystemRandom::new().fill(&mut secret).ok()?;
        let session = URL_SAFE_NO_PAD.encode(secret);
        self.0.insert(session.clone(), (link.hash.clone(), now.plus_micros(SESSION_MICROS)));
        Some(session)
    }

    fn is_open(&self, session: &str, link: &Link, now: Timestamp) -> bool {
        self.0.get(session).is_some_and(|(of, until)| *of == link.hash && now < *until)
    }
}

fn refused(error: &Error) -> Shown {
    match error {
        Error::Refused(why) => Shown::Refused(why.clone()),
        // What the database says is not for customers.
        _ => {
            eprintln!("ringwall: a page of approval: {error}");
            Shown::Refused("The desk does not answer now. Nothing was decided; try again.".to_owned())
        }
    }
}

/// How long somebody may look at a change before another code is asked for.
const SESSION_MICROS: i64 = 15 * 60 * 1_000_000;
/// Each begins with a code that was right.
const SESSIONS_MAX: usize = 10_000;
