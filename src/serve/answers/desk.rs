//! What the pages of the desk ask: drafts of changes, authorisations, who writes mail.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use cases::Service;
use cases::change::Method;
use cases::intake::Directory;
use cases::io::store::{Done, Store};
use console::{Asked, DeskQuestions, InCase, Reached, Wish};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::config::{Cases, Config, MailKeys};
use super::super::pages::Running;
use super::running_of;
use crate::authorise::{Chosen, Office};
use crate::case::said;
use crate::changes::Declined;
use crate::drafting;
use crate::history::refused_by_others;
use crate::outcome::Failure;
use crate::policies;

/// All of them.
pub(super) fn answers(config: &Config, running: &Arc<OnceLock<Running>>) -> Result<DeskQuestions, Failure> {
    let answerer = Arc::new(Answerer::new(config, running)?);
    Ok(DeskQuestions {
        lists_of: lists_of(&answerer),
        draft: draft(&answerer),
        ask_authorisers: ask_authorisers(&answerer),
        approve_part: approve_part(&answerer),
        use_standing: use_standing(&answerer),
        directory: directory(&answerer),
    })
}

/// What the answers are made from.
struct Answerer {
    running: Arc<OnceLock<Running>>,
    office: Office,
    service: Service,
    mail: MailKeys,
}

impl Answerer {
    fn new(config: &Config, running: &Arc<OnceLock<Running>>) -> Result<Self, Failure> {
        Ok(Self {
            running: Arc::clone(running),
            office: Office::new(config),
            service: Cases::new(config).service()?,
            mail: config.mail.clone(),
        })
    }

    fn done<'a>(&'a self, who: &'a str) -> Done<'a> {
        Done { who, now: policies::now(), service: &self.service }
    }
}

type Answer<'a, A> = Pin<Box<dyn Future<Output = Result<A, String>> + 'a>>;

/// A question that takes its time: it reads recorded calls, or waits for the database.
fn at_length<Q: Send + 'static, A: Send + 'static>(
    answerer: &Arc<Answerer>,
    answer: for<'a> fn(&'a Answerer, Q) -> Answer<'a, A>,
) -> Asked<Q, A> {
    let answerer = Arc::clone(answerer);
    Box::new(move |question| {
        let (tell, told) = oneshot::channel();
        let answerer = Arc::clone(&answerer);
        tokio::task::spawn_blocking(move || {
            // Whoever asked may have gone away.
            let _ = tell.send(Handle::current().block_on(answer(&answerer, question)));
        });
        told
    })
}

fn lists_of(answerer: &Arc<Answerer>) -> Asked<String, Vec<String>> {
    at_length(answerer, |answerer, customer| {
        Box::pin(async move {
            let policies = running_of(&answerer.running)?.redirect.handle().policies();
            let policy = policies.policies().iter().find(|policy| policy.name() == customer);
            let lists = policy.map(|policy| policy.text().lists.as_slice()).unwrap_or_default();
            Ok(lists.iter().map(|list| list.name.clone()).collect())
        })
    })
}

fn draft(answerer: &Arc<Answerer>) -> Asked<Wish, (cases::change::Change, cases::change::Impact)> {
    at_length(answerer, |answerer, Wish { customer, lines }| {
        Box::pin(async move {
            let wish = drafting::Wish::Lines(lines);
            let drafted = answerer.office.draft(&customer, wish, policies::now());
            let (draft, mut impact) = drafted.map_err(|Declined { said, .. }| said)?;
            let policies = running_of(&answerer.running)?.redirect.handle().policies();
            refused_by_others(&policies, &customer, &mut impact.numbers, policies::now());
            draft.keep(&answerer.office.data).map_err(|failure| failure.to_string())?;
            Ok((draft.change, impact))
        })
    })
}

fn ask_authorisers(answerer: &Arc<Answerer>) -> Asked<InCase, Reached> {
    at_length(answerer, |answerer, InCase { store, number, who }| {
        Box::pin(async move {
            let asked = answerer.office.ask(&store, number, answerer.done(&who)).await;
            let asked = asked.map_err(|failure| failure.to_string())?;
            Ok(Reached { by_mail: asked.by_mail, otherwise: asked.otherwise })
        })
    })
}

fn approve_part(answerer: &Arc<Answerer>) -> Asked<console::Chosen, bool> {
    at_length(answerer, |answerer, console::Chosen { in_case, customer, shown, choice }| {
        Box::pin(async move {
            let InCase { store, number, who } = in_case;
            let chosen = Chosen {
                customer: &customer,
                approver: &who,
                method: Method::Portal,
                shown: &shown,
                choice: &choice,
                link: None,
            };
            let approved = answerer.office.approve_part(&store, number, chosen, answerer.done(&who)).await;
            approved.map(|(_, is_enough)| is_enough).map_err(|Declined { said, .. }| said)
        })
    })
}

fn use_standing(answerer: &Arc<Answerer>) -> Asked<(InCase, String), ()> {
    at_length(answerer, |answerer, (InCase { store, number, who }, name)| {
        Box::pin(async move {
            let used = answerer.office.use_standing(&store, number, &name, answerer.done(&who)).await;
            used.map(drop).map_err(|failure| failure.to_string())
        })
    })
}

fn directory(answerer: &Arc<Answerer>) -> Asked<Store, Directory> {
    at_length(answerer, |answerer, store| {
        Box::pin(async move {
            let policies = running_of(&answerer.running)?.redirect.handle().policies();
            let customers: Vec<_> =
                policies.policies().iter().map(|policy| policy.text().customer.clone()).collect();
            let registrations = store.desk().registrations().await.map_err(said);
            let registrations = registrations.map_err(|failure| failure.to_string())?;
            Ok(answerer.mail.ours().directory(&registrations, &customers))
        })
    })
}
