//! An authoriser approves some lines of a change: they become a change of their own in the case, and the rest is refused or goes
//! back to the desk (Z-4).

use super::Error;
use super::authorisation::{Asking, count_approval, may_approve};
use super::desk::{Done, Visible, write};
use super::writing::{Proposed, Writing};
use crate::change::{Approval, Authorisers, Authority, Change, Impact, LeftOut, Method, Rest};
use crate::{Case, CaseNumber};

/// What an authoriser approves of a change.
#[derive(Clone, Debug)]
pub struct Part {
    /// The hash of the whole change, as it was shown.
    pub shown: String,
    /// The lines that are wanted, drafted on what is in force now.
    pub change: Change,
    /// What these would do.
    pub impact: Impact,
    /// What becomes of the others.
    pub rest: Rest,
    /// Why they are not wanted.
    pub why: String,
    /// How those are asked who have to say yes as well, should it take two.
    pub asking: Vec<Asking>,
}

/// See [`OfCustomer::approve_part`](super::OfCustomer::approve_part).
pub(super) async fn approve_part(
    writing: &mut Writing<'_>,
    number: CaseNumber,
    part: &Part,
    approval: &Approval,
    authorisers: &Authorisers,
    done: Done<'_>,
) -> Result<(Case, Option<Authority>), Error> {
    let no = |why: &str| Err(Error::Refused(why.to_owned()));
    let mut case = may_approve(writing, number, (&part.shown, &approval.approver), authorisers).await?;
    let (whole, _) = writing.proposed(&case).await?;
    let hash = part.change.hash();
    let Some(lines) = part.change.left_out_of(&whole.change) else {
        return no("that is no part of the change that was shown: look at it again");
    };
    if approval.hash != hash || approval.method == Method::Reply {
        return no("a part is approved where it is shown, and not by a reply");
    }
    if part.why.trim().len() < SENTENCE_MIN {
        return no("say in a few words why the rest is not wanted");
    }
    if part.impact.exceeds(&whole.impact) {
        return no("the policy was changed meanwhile, and this part would now do more than was shown: \
                   ask the desk to propose it again");
    }
    // What is left of a change may be of a higher risk than the whole, which its author was free to ask for.
    if let Err(why) = whole.hands.check(part.change.risk(&part.impact)) {
        return no(&format!("for this part alone {why}"));
    }
    writing.allow_proposal(number, &hash).await?;
    let why = format!("a part of it was approved in {number}");
    let mut void = writing.void_approvals(&part.shown, (number, &why), done).await?;
    let why = format!("the same is proposed in {number}");
    void.extend(writing.void_approvals(&hash, (number, &why), done).await?);
    writing.void_links(number, &part.shown).await?;
    let mut left_out = LeftOut { by: approval.approver.clone(), why: part.why.clone(), lines, case: None };
    let mut returned = None;
    if part.rest == Rest::Returned {
        let next = writing.next_number().await?;
        left_out.case = Some(next);
        returned = Some(case.return_lines(next, &left_out, done.service, done.now));
    }
    case.change = Some(hash.clone());
    let mut all = whole.left_out;
    all.push(left_out.clone());
    let change = part.change.clone();
    let proposed = Proposed { left_out: all, ..Proposed::new(change, part.impact.clone(), whole.hands) };
    writing.put_change(&case, &proposed).await?;
    let said = left_out.in_words();
    let mut text = format!("change {hash} is what remains of {}. {}", part.shown, said.trim_end());
    if !void.is_empty() {
        text += &format!("\nWhat {} approved of it before counts no more.", void.join(", "));
    }
    write(writing, &mut case, "leave-out", &text, Visible::Customer, done).await?;
    if let Some(mut returned) = returned {
        let text = format!("what {} did not want of {number}: {}", left_out.by, said.trim_end());
        write(writing, &mut returned, "open", &text, Visible::Customer, done).await?;
    }
    let (mut case, authority) = count_approval(writing, case, &proposed, approval, authorisers, done).await?;
    if authority.is_none() {
        for Asking { link, outgoing } in &part.asking {
            writing.put_link(&case, link).await?;
            if let Some(outgoing) = outgoing {
                writing.put_outgoing(outgoing).await?;
            }
        }
        let names: Vec<&str> = part.asking.iter().map(|it| it.link.contact.as_str()).collect();
        let text = format!("asked {} for what remains", names.join(", "));
        write(writing, &mut case, "ask-authorisation", &text, Visible::Customer, done).await?;
    }
    Ok((case, authority))
}

/// Shorter says nothing: the same as for a case that is closed.
const SENTENCE_MIN: usize = 8;
