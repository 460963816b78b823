//! An authoriser says yes to some lines of a change: they are drafted as a change of their own, and approved as that (Z-4).

use cases::change::{Approval, Choice, Method};
use cases::io::store::{Done, Link, Part, Store};
use cases::{Case, CaseNumber};

use super::Office;
use crate::case::said;
use crate::changes::Declined;
use crate::drafting::Wish;

/// What an authoriser wants of a change, and how they said so.
pub(crate) struct Chosen<'a> {
    /// Whose authoriser.
    pub(crate) customer: &'a str,
    pub(crate) approver: &'a str,
    pub(crate) method: Method,
    /// The hash of what was shown.
    pub(crate) shown: &'a str,
    pub(crate) choice: &'a Choice,
    /// What they followed.
    pub(crate) link: Option<&'a Link>,
}

impl Office {
    /// Takes a yes to some lines of what a case proposes; whether that is enough to make them.
    pub(crate) async fn approve_part(
        &self,
        store: &Store,
        number: CaseNumber,
        chosen: Chosen<'_>,
        done: Done<'_>,
    ) -> Result<(Case, bool), Declined> {
        let Chosen { customer, approver, method, shown, choice, link } = chosen;
        let of_customer = store.customer(customer);
        let nobodys = || Declined::usage(format!("{number} is no case of {customer}"));
        let case = of_customer.case(number).await.map_err(said)?.ok_or_else(nobodys)?;
        let whole = self.proposed(store, &case).await?.change;
        let (wanted, _) = whole.parted(&choice.wanted).map_err(Declined::usage)?;
        let (draft, impact) = self.draft(customer, Wish::Lines(wanted), done.now)?;
        let registration = of_customer.registration().await.map_err(said)?;
        let mut asking = self.asking(&case, (&draft.change, &impact), &registration, done)?;
        asking.retain(|it| it.link.contact != approver);
        draft.keep(&self.data)?;
        let (shown, why) = (shown.to_owned(), choice.why.clone());
        let part = Part { shown, change: draft.change, impact, rest: choice.rest, why, asking };
        let approval = Approval::now(part.change.hash(), approver, method, done.now);
        let approved = of_customer.approve_part(number, (&part, link), &approval, done).await;
        let (case, authority) = approved.map_err(said)?.ok_or_else(nobodys)?;
        Ok((case, authority.is_some()))
    }
}
