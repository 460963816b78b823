//! What pages ask of the rest of the service: each question a function that answers when it is ready.

use tokio::sync::oneshot;

use crate::appeal::Refused;
use crate::failure::Failure;
use crate::portal;
use crate::status::Component;

/// A question of kind `Q` that is answered with an `A`, or with words that say why not.
pub type Asked<Q, A> = Box<dyn Fn(Q) -> oneshot::Receiver<Result<A, String>> + Send + Sync>;

/// All of them.
pub struct Questions {
    /// Whose policies are in force.
    pub customers: Asked<(), Vec<Customer>>,
    /// What the customers' own pages ask.
    pub portal: portal::Questions,
    /// The call that a blocked caller's token is about; `None` where it is none of ours, or not on record any more.
    pub refused: Asked<String, Option<Refused>>,
    /// How each part of the service is.
    pub status: Asked<(), Vec<Component>>,
}

/// A customer with a policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    /// Its name.
    pub name: String,
    /// The version of its policy: the hash that verdicts carry.
    pub version: String,
    /// Its time zone.
    pub zone: String,
}

/// Asks, and waits for the answer.
pub(crate) async fn ask<Q, A>(asked: &Asked<Q, A>, question: Q) -> Result<A, Failure> {
    match asked(question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(why)) => Err(Failure::Refused(why)),
        Err(_) => Err(Failure::Down("The service is too busy to answer, or it ends. Try again.".to_owned())),
    }
}
