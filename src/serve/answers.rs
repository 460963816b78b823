//! Answers to what pages ask of the service beyond cases.

mod blocks;
mod call;
mod calls;
mod desk;
mod drafts;
mod known;
mod lists;
mod office;
mod policies;
mod portal;
mod proposals;
mod thresholds;
mod trials;

use std::sync::{Arc, OnceLock};

use collector::redress::Tokens;
use console::{Asked, Customer, PortalQuestions, Questions};
use tokio::sync::oneshot;

use super::config::Config;
use super::notice_file::NoticeFile;
use super::pages::Running;
use super::redress;
use super::status::Parts;
use crate::outcome::Failure;

/// Everything that pages may ask of a service with `config`.
pub(super) fn answers(
    config: &Arc<Config>,
    running: &Arc<OnceLock<Running>>,
    parts: &Arc<Parts>,
    notices: &Arc<NoticeFile>,
    tokens: Tokens,
) -> Result<Questions, Failure> {
    let for_customers = Arc::clone(running);
    let parts = Arc::clone(parts);
    Ok(Questions {
        customers: at_once(move |()| Ok(customers(running_of(&for_customers)?))),
        known: known::known(config, running),
        desk: desk::answers(config, running)?,
        office: office::office(config, running, notices),
        portal: for_portal(config, running),
        refused: redress::finder(&config.data, tokens, running)?,
        status: at_once(move |()| Ok(parts.look(crate::policies::now()))),
    })
}

fn for_portal(config: &Config, running: &Arc<OnceLock<Running>>) -> PortalQuestions {
    let ours = config.mail.ours();
    let [for_directory, for_force] = [(); 2].map(|()| Arc::clone(running));
    PortalQuestions {
        directory: at_once(move |()| Ok(portal::directory(running_of(&for_directory)?, &ours))),
        in_force: Box::new(move |customer| {
            let (tell, told) = oneshot::channel();
            match running_of(&for_force) {
                Ok(running) => portal::in_force(running, customer, tell),
                Err(why) => drop(tell.send(Err(why))),
            }
            told
        }),
    }
}

/// A question whose answer is at hand.
fn at_once<Q, A: Send + 'static>(
    answer: impl Fn(Q) -> Result<A, String> + Send + Sync + 'static,
) -> Asked<Q, A> {
    Box::new(move |question| {
        let (tell, told) = oneshot::channel();
        // Whoever asked may have gone away.
        let _ = tell.send(answer(question));
        told
    })
}

fn running_of(running: &OnceLock<Running>) -> Result<&Running, String> {
    running
        .get()
        .ok_or_else(|| "The service is still loading its policies: try again in a moment.".to_owned())
}

fn customers(running: &Running) -> Vec<Customer> {
    let policies = running.redirect.handle().policies();
    let customer = |policy: &rules::Policy| Customer {
        name: policy.name().to_owned(),
        version: policy.version().to_string(),
        zone: policy.text().customer.time_zone.iana_name().unwrap_or("UTC").to_owned(),
    };
    policies.policies().iter().map(customer).collect()
}
