//! What pages ask of the rest of the service: each question a function that answers when it is ready.

use cases::CaseNumber;
use cases::change::{Change, Choice, Impact, Line};
use cases::intake::Directory;
use cases::io::store::Store;
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
    /// Calls, blocks, lists, policies and thresholds.
    pub known: crate::known::Known,
    /// Of the desk: cases and what is proposed in them.
    pub desk: DeskQuestions,
    /// Reports, channels, intake.
    pub office: crate::office::OfficeQuestions,
    /// What the customers' own pages ask.
    pub portal: portal::Questions,
    /// The call that a blocked caller's token is about; `None` where it is none of ours, or not on record any more.
    pub refused: Asked<String, Option<Refused>>,
    /// How each part of the service is.
    pub status: Asked<(), Vec<Component>>,
}

/// What pages of cases ask.
pub struct DeskQuestions {
    /// Names of the lists in a customer's policy that numbers can be put on.
    pub lists_of: Asked<String, Vec<String>>,
    /// Drafts a change on what is in force, with what it would have done; it is kept for the day on which it is made.
    pub draft: Asked<Wish, (Change, Impact)>,
    /// Asks all who may authorise what a case proposes.
    pub ask_authorisers: Asked<InCase, Reached>,
    /// Takes an authoriser's yes to some lines of what a case proposes; whether that is enough to make them.
    pub approve_part: Asked<Chosen, bool>,
    /// Goes ahead by a standing authorisation of this name.
    pub use_standing: Asked<(InCase, String), ()>,
    /// What is known of those who write mail.
    pub directory: Asked<Store, Directory>,
}

/// What somebody wants changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// In whose policy.
    pub customer: String,
    /// What comes on lists and leaves them.
    pub lines: Vec<Line>,
}

/// Somebody of the desk acts in a case.
#[derive(Clone, Debug)]
pub struct InCase {
    /// Where it is kept.
    pub store: Store,
    /// Which.
    pub number: CaseNumber,
    /// Who.
    pub who: String,
}

/// Lines that an authoriser wants of a change.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// In which case, and who: the contact.
    pub in_case: InCase,
    /// Whose authoriser.
    pub customer: String,
    /// The hash of what was shown.
    pub shown: String,
    /// Which lines, and what becomes of the others.
    pub choice: Choice,
}

/// Who was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// By mail.
    pub by_mail: Vec<String>,
    /// Nobody sent them anything: they have to be told.
    pub otherwise: Vec<String>,
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
