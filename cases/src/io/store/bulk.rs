//! The same done with many cases at once: each succeeds or fails for itself, and what can be taken back is, for a while.

use super::desk::{refused, write};
use super::writing::Writing;
use super::{Desk, Done, Error, Visible};
use crate::case::{Closure, Feedback, Severity};
use crate::flow::{Reason, Signal, State};
use crate::{Case, CaseNumber, Clock};

/// What is done with each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Whoever does it takes it.
    Take,
    /// It belongs to this analyst from now on; an empty name means nobody.
    Assign(String),
    /// It matters so much.
    Rate(Severity),
    /// It ends.
    Close {
        /// Why.
        reason: Reason,
        /// At least a sentence.
        text: String,
        /// What shall become of the rule.
        feedback: Option<Feedback>,
    },
    /// It is joined into this one.
    MergeInto(CaseNumber),
}

/// What became of one.
#[derive(Clone, Debug)]
pub struct Item {
    /// Which.
    pub number: CaseNumber,
    /// How it was, where that can be brought back; otherwise `None`.
    pub before: Option<Before>,
    /// Why nothing was done, in words; `None` when it was done.
    pub refused: Option<String>,
}

/// How a case was before something was done that can be taken back.
#[derive(Clone, Debug)]
pub struct Before {
    /// The case.
    pub number: CaseNumber,
    /// The version that the act made: what was written since is never taken back.
    version: u64,
    what: &'static str,
    state: State,
    owner: Option<String>,
    severity: Severity,
    is_high_priority: bool,
    clocks: Vec<Clock>,
}

impl Before {
    /// Whether nothing was written to the case since, which is at this version now: then it can be taken back.
    #[must_use]
    pub const fn is_newest(&self, version: u64) -> bool {
        self.version == version
    }
}

impl Act {
    /// The verb that is stored and shown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Assign(_) => "assign",
            Self::Rate(_) => "rate",
            Self::Close { .. } => "close",
            Self::MergeInto(_) => "merge",
        }
    }

    /// Whether it can be taken back.
    pub const fn can_be_undone(&self) -> bool {
        !matches!(self, Self::MergeInto(_))
    }

    /// Does it to `case`, in memory only.
    fn apply(&self, case: &mut Case, done: Done<'_>) -> Result<(), Error> {
        let said = |text: String| Err(Error::Refused(text));
        match self {
            Self::Take => case.step(&Signal::Take, done.who, done.service, done.now).map_err(refused),
            Self::Close { reason, text, feedback } => {
                let closure = Closure {
                    at: done.now,
                    by: done.who.to_owned(),
                    reason: *reason,
                    text: text.clone(),
                    feedback: *feedback,
                };
                case.close(closure, done.service).map_err(refused)
            }
            Self::Assign(_) | Self::Rate(_) if case.state.is_over() => {
                said(format!("it is {}: open it again first", case.state))
            }
            Self::Assign(owner) => {
                let owner = Some(owner.clone()).filter(|owner| !owner.is_empty());
                if case.owner == owner {
                    let whose = owner.unwrap_or_else(|| "nobody".to_owned());
                    return said(format!("it belongs to {whose} already"));
                }
                case.owner = owner;
                Ok(())
            }
            Self::Rate(severity) if case.severity == *severity && !case.is_high_priority => {
                said(format!("it is {} already", severity.name()))
            }
            Self::Rate(severity) => {
                case.severity = *severity;
                case.is_high_priority = false;
                Ok(())
            }
            Self::MergeInto(_) => said("joining touches two cases".to_owned()),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Take => String::new(),
            Self::Assign(owner) if owner.is_empty() => "to nobody".to_owned(),
            Self::Assign(owner) => format!("to {owner}"),
            Self::Rate(severity) => severity.name().to_owned(),
            Self::Close { reason, text, .. } => format!("{}: {text}", reason.name()),
            Self::MergeInto(number) => format!("into {number}"),
        }
    }

    /// As the event of a single case is seen.
    const fn visible(&self) -> Visible {
        if matches!(self, Self::Take) { Visible::Customer } else { Visible::Desk }
    }
}

impl Desk<'_> {
    /// Does `act` with each of `numbers`. What one refuses keeps no other from it.
    ///
    /// # Errors
    /// The database does not answer. What was done by then is done.
    pub async fn each(&self, numbers: &[CaseNumber], act: &Act, done: Done<'_>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(numbers.len());
        for chunk in numbers.chunks(AT_ONCE) {
            let mut writing = self.store.write().await?;
            // What takes the others in is not joined into itself.
            for number in chunk.iter().filter(|number| *act != Act::MergeInto(**number)) {
                items.push(writing.act(*number, act, done).await?);
            }
            writing.commit().await?;
        }
        Ok(items)
    }

    /// How many of `numbers` would be done, and why others would not, by the words for it. Nothing is kept.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn each_tried(
        &self,
        numbers: &[CaseNumber],
        act: &Act,
        done: Done<'_>,
    ) -> Result<(usize, Vec<(String, usize)>), Error> {
        let mut why: Vec<(String, usize)> = Vec::new();
        let mut count = 0;
        let into = match act {
            Act::MergeInto(into) => Some(self.case(*into).await?),
            _ => None,
        };
        for number in numbers {
            let mut case = self.case(*number).await?;
            let tried = match &into {
                Some(into) if into.number == *number => continue,
                Some(into) => into.clone().merge(&mut case, done.who, done.now).map(drop).map_err(refused),
                None => act.apply(&mut case, done),
            };
            match tried {
                Ok(()) => count += 1,
                Err(error) => {
                    let words = error.to_string();
                    match why.iter_mut().find(|(known, _)| *known == words) {
                        Some((_, many)) => *many += 1,
                        None => why.push((words, 1)),
                    }
                }
            }
        }
        Ok((count, why))
    }

    /// For which reasons at least one of these can be closed where it stands.
    ///
    /// # Errors
    /// A case is not there, or cannot be read.
    pub async fn closing_reasons(&self, numbers: &[CaseNumber]) -> Result<Vec<Reason>, Error> {
        let mut stands = Vec::new();
        for number in numbers {
            let case = self.case(*number).await?;
            if !stands.contains(&(case.state, case.flow)) {
                stands.push((case.state, case.flow));
            }
        }
        let fits = |reason: &Reason| {
            stands.iter().any(|(state, flow)| state.after(*flow, &Signal::Close(*reason)).is_ok())
        };
        Ok(Reason::EVERY.into_iter().filter(fits).collect())
    }

    /// Brings cases back to where they were. What somebody has written since stays as it is, and is named with why.
    ///
    /// # Errors
    /// The database does not answer. What was done by then is done.
    pub async fn undo(
        &self,
        before: &[Before],
        done: Done<'_>,
    ) -> Result<Vec<(CaseNumber, Option<String>)>, Error> {
        let mut undone = Vec::with_capacity(before.len());
        for chunk in before.chunks(AT_ONCE) {
            let mut writing = self.store.write().await?;
            for before in chunk {
                let mut case = writing.case(before.number).await?;
                if !before.is_newest(case.version) {
                    undone.push((before.number, Some("something was written to it since".to_owned())));
                    continue;
                }
                case.state = before.state;
                case.owner.clone_from(&before.owner);
                case.severity = before.severity;
                case.is_high_priority = before.is_high_priority;
                case.clocks.clone_from(&before.clocks);
                case.closure = None;
                let text = format!("{} is taken back", before.what);
                write(&mut writing, &mut case, "undo", &text, Visible::Desk, done).await?;
                undone.push((before.number, None));
            }
            writing.commit().await?;
        }
        Ok(undone)
    }
}

impl Writing<'_> {
    /// One of many. Only the database itself ends all of them.
    async fn act(&mut self, number: CaseNumber, act: &Act, done: Done<'_>) -> Result<Item, Error> {
        let not = |why: String| Item { number, before: None, refused: Some(why) };
        let mut case = match self.case(number).await {
            Ok(case) => case,
            Err(Error::NoCase(number)) => return Ok(not(format!("there is no case {number}"))),
            Err(error) => return Err(error),
        };
        if let Act::MergeInto(into) = act {
            return Ok(match self.join(*into, case, done).await {
                Ok(_) => Item { number, before: None, refused: None },
                Err(Error::Refused(why)) => not(why),
                Err(error) => return Err(error),
            });
        }
        let mut before = Before {
            number,
            version: case.version + 1,
            what: act.name(),
            state: case.state,
            owner: case.owner.clone(),
            severity: case.severity,
            is_high_priority: case.is_high_priority,
            clocks: case.clocks.clone(),
        };
        match act.apply(&mut case, done) {
            Ok(()) => {}
            Err(Error::Refused(why)) => return Ok(not(why)),
            Err(error) => return Err(error),
        }
        write(self, &mut case, act.name(), &act.words(), act.visible(), done).await?;
        before.version = case.version;
        Ok(Item { number, before: Some(before), refused: None })
    }
}

/// Cases of one transaction: other writers wait meanwhile.
const AT_ONCE: usize = 50;
