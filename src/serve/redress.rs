//! The call that a blocked caller's token is about: looked for in the spool, then in the store of records, on a thread of its
//! own. Nothing is remembered when a call is refused: whoever has its record makes the same token of it again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use collector::redress::{PLACE, Token, Tokens};
use console::{Asked, Refused};
use records::{Call, Columns};
use rules::Action;
use spool::{Kind, Reader};
use tokio::sync::oneshot;

use super::pages::Running;
use super::proxy::key_of;
use crate::outcome::Failure;
use crate::policies;
use crate::recorded::{Source, Wanted};

type Answer = oneshot::Sender<Result<Option<Refused>, String>>;

/// What makes tokens: the same after a restart.
pub(super) fn tokens(data: &Path) -> Result<Tokens, Failure> {
    key_of(&data.join("redress.key")).map(Tokens::new)
}

/// Answers which call a token is about.
pub(super) fn finder(
    data: &Path,
    tokens: Tokens,
    running: &Arc<OnceLock<Running>>,
) -> Result<Asked<String, Option<Refused>>, Failure> {
    let (to, from) = sync_channel(WAITING_MAX);
    let finder =
        Finder { data: data.to_owned(), tokens, running: Arc::clone(running), known: HashMap::new() };
    let thread = std::thread::Builder::new().name("redress".to_owned());
    thread.spawn(move || finder.run(&from)).map_err(Failure::Output)?;
    Ok(Box::new(move |text| ask(&tokens, &to, &text)))
}

/// What somebody made up never gets as far as the disk.
fn ask(
    tokens: &Tokens,
    to: &SyncSender<(Token, Answer)>,
    text: &str,
) -> oneshot::Receiver<Result<Option<Refused>, String>> {
    let (tell, told) = oneshot::channel();
    match tokens.read(text) {
        // One that finds no room is dropped with its `tell`, which says so.
        Some(token) => drop(to.try_send((token, tell))),
        None => drop(tell.send(Ok(None))),
    }
    told
}

struct Finder {
    data: PathBuf,
    tokens: Tokens,
    running: Arc<OnceLock<Running>>,
    /// What was found: a page that is loaded again costs nothing.
    known: HashMap<Token, Refused>,
}

impl Finder {
    fn run(mut self, from: &Receiver<(Token, Answer)>) {
        while let Ok((token, tell)) = from.recv() {
            let found = self.find(&token).map_err(|failure| {
                eprintln!("ringwall: a call that somebody complains about: {failure}");
                "The records cannot be read now. Try again in a few minutes.".to_owned()
            });
            // Whoever asked may have gone away.
            let _ = tell.send(found);
        }
    }

    fn find(&mut self, token: &Token) -> Result<Option<Refused>, Failure> {
        if let Some(known) = self.known.get(token) {
            return Ok(Some(known.clone()));
        }
        let customers = self.customers();
        let mut found = None;
        let mut take = |call: &Call| {
            if found.is_none() {
                found = self.refused(token, call, &customers);
            }
        };
        self.in_spool(&mut take)?;
        let day = token.day(policies::now());
        for customer in &customers {
            let wanted = Wanted {
                customer,
                // A call may have begun before midnight, or be counted by a clock that is a little off.
                from: day.plus_micros(-HOUR_MICROS),
                to: day.plus_micros(25 * HOUR_MICROS),
                columns: Columns::ALL,
            };
            Source::Data(&self.data).read(&wanted, &mut |batch| {
                (0..batch.len()).for_each(|row| take(&batch.call(row)));
            })?;
        }
        if let Some(refused) = &found {
            if self.known.len() >= KNOWN_MAX {
                self.known.clear();
            }
            self.known.insert(*token, refused.clone());
        }
        Ok(found)
    }

    /// Whose answers hold tokens.
    fn customers(&self) -> Vec<String> {
        let Some(running) = self.running.get() else { return Vec::new() };
        let policies = running.redirect.handle().policies();
        let has_place = |policy: &rules::Policy| {
            let redress = policy.text().customer.redress.as_ref();
            redress.and_then(|redress| redress.url.as_deref()).is_some_and(|url| url.contains(PLACE))
        };
        policies
            .policies()
            .iter()
            .filter(|policy| has_place(policy))
            .map(|policy| policy.name().to_owned())
            .collect()
    }

    fn in_spool(&self, take: &mut dyn FnMut(&Call)) -> Result<(), Failure> {
        let said = |error: spool::Error| Failure::Usage(error.to_string());
        // It reads beside the service, and holds nothing.
        let mut reader = Reader::open(&self.data.join(super::SPOOL), "redress").map_err(said)?;
        reader.only(&[Kind::CALL]);
        reader.seek(0);
        while let Some(record) = reader.next().map_err(said)? {
            if let Ok(call) = Call::from_json(&record.payload) {
                take(&call);
            }
        }
        Ok(())
    }

    fn refused(&self, token: &Token, call: &Call, customers: &[String]) -> Option<Refused> {
        let customer = call.customer.as_deref()?;
        let call_id = call.call_id.as_deref()?;
        let is_refused = matches!(call.verdict, Action::Block | Action::Limit | Action::Divert);
        let is_it = is_refused
            && customers.iter().any(|it| it == customer)
            && self.tokens.is_of(token, customer, call_id.as_bytes());
        is_it.then(|| Refused {
            customer: customer.to_owned(),
            token: token.to_string(),
            caller: call.caller.to_string(),
            called: call.called.to_string(),
            at: call.start,
            verdict: verdict(call),
        })
    }
}

/// What was decided and why, a line each.
fn verdict(call: &Call) -> String {
    let mut lines = vec![
        format!("{} to {} at {}", call.caller, call.called, reporter::rfc3339(call.start)),
        format!("verdict: {}", call.verdict.word()),
    ];
    let status = call.action_status.map(|status| status.to_string());
    for (name, value) in [
        ("rule", &call.rule),
        ("reason", &call.reason),
        ("answered with", &status),
        ("policy", &call.policy),
        ("Call-ID", &call.call_id),
    ] {
        lines.extend(value.as_ref().map(|value| format!("{name}: {}", reporter::printable(value))));
    }
    lines.join("\n")
}

/// Questions that wait; more are told to come again.
const WAITING_MAX: usize = 8;
/// Calls that were found and are kept in mind.
const KNOWN_MAX: usize = 1_000;
const HOUR_MICROS: i64 = 3_600 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_up_is_answered_without_looking() {
        let tokens = Tokens::new([7; 16]);
        let (to, from) = sync_channel(1);
        let mut told = ask(&tokens, &to, "00000000000000000");
        assert_eq!(told.try_recv().unwrap(), Ok(None));
        assert!(from.try_recv().is_err());
        let ours = tokens.of("Acme", b"a", rules::Timestamp(0)).to_string();
        let _told = ask(&tokens, &to, &ours);
        assert!(from.try_recv().is_ok());
    }
}
