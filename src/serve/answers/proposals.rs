//! Changes that a contact of the customer has to agree to: a case is opened, the change is drafted and proposed, and those are
//! asked who may say yes.

use cases::case::Kind;
use cases::flow::{Signal, State};
use cases::io::store::{Done, Store, Visible};
use console::known::Made;

use super::known::Around;
use crate::authorise::Office;
use crate::case::said;
use crate::changes::Declined;
use crate::drafting::Wish;
use crate::history::refused_by_others;
use crate::outcome::Failure;
use crate::serve::config::Cases;

/// What somebody of the desk wants for a customer.
pub(super) struct Proposal {
    pub(super) customer: String,
    pub(super) kind: Kind,
    /// The line of the case.
    pub(super) title: String,
    /// For the desk alone; empty for nothing.
    pub(super) note: String,
    pub(super) wish: Wish,
    pub(super) by: String,
}

/// Proposes it.
pub(super) fn propose(around: &Around, proposal: Proposal) -> Result<Made, String> {
    let cases = Cases::new(&around.config);
    if !around.config.cases.on || !cases.is_there() {
        return Err("This service keeps no cases, so nobody can be asked.".to_owned());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let store = Store::open(&cases.place()).await.map_err(|error| error.to_string())?;
        let made = open(around, &store, proposal).await;
        store.close().await;
        made
    })
}

async fn open(around: &Around, store: &Store, proposal: Proposal) -> Result<Made, String> {
    let office = Office::new(&around.config);
    let service = Cases::new(&around.config).service().map_err(told)?;
    let Proposal { customer, kind, title, note, wish, by } = proposal;
    let done = Done { who: &by, now: around.now(), service: &service };
    let desk = store.desk();
    // What cannot be drafted opens no case.
    let (draft, mut impact) = office.draft(&customer, wish, done.now).map_err(|declined| declined.said)?;
    refused_by_others(&*around.policies()?, &customer, &mut impact.numbers, done.now);
    let case = desk.open(&customer, kind, State::New, &title, done).await.map_err(said).map_err(told)?;
    let number = case.number;
    desk.step(number, &Signal::Take, "", done).await.map_err(said).map_err(told)?;
    if !note.is_empty() {
        desk.note(number, &note, Visible::Desk, done).await.map_err(said).map_err(told)?;
    }
    let proposed = office.propose_draft(store, number, (draft, impact), done).await;
    if let Err(Declined { said, .. }) = proposed {
        return Err(format!("{number} is open, and nothing is proposed in it yet: {said}"));
    }
    let said = match office.ask(store, number, done).await {
        Ok(asked) if asked.otherwise.is_empty() => {
            format!(
                "{number}: {} {} asked by mail.",
                asked.by_mail.join(", "),
                is_or_are(asked.by_mail.len())
            )
        }
        Ok(asked) => {
            let names = asked.otherwise.join(", ");
            format!(
                "{number}: tell {names}: no mail with a link goes out, and they can say yes in the portal."
            )
        }
        Err(failure) => format!("{number}: it is proposed, and nobody is asked yet: {failure}"),
    };
    Ok(Made::Proposed { case: number.to_string(), said })
}

fn told(failure: Failure) -> String {
    failure.to_string()
}

const fn is_or_are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}
