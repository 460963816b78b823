//! What customers' own pages ask: how their numbers are read, and what is in force for them.

use cases::intake::Directory;
use console::{BlockInForce, Entry, InForce, ListInForce};
use engine::Engine;
use reporter::Block;
use rules::policy::{Condition, ListContent, Mode, NumberField, NumberTerm, PolicyText, RuleAction, Term};
use rules::{Direction, Policy, Timestamp};
use tokio::sync::oneshot;

use crate::blocks;
use crate::contacts::directory::Ours;
use crate::serve::pages::Running;

/// Plans, own and protected numbers of everybody who has a policy.
pub(super) fn directory(running: &Running, ours: &Ours) -> Directory {
    let policies = running.redirect.handle().policies();
    let customers: Vec<_> = policies.policies().iter().map(|it| it.text().customer.clone()).collect();
    ours.directory(&[], &customers)
}

/// Tells lists and blocks of `customer` when the thread that judges has a moment. One that is too busy lets go of `tell`.
pub(super) fn in_force(running: &Running, customer: String, tell: oneshot::Sender<Result<InForce, String>>) {
    let policies = running.redirect.handle().policies();
    let policy = policies.policies().iter().find(|policy| policy.name() == customer);
    let lists = policy.map(lists).unwrap_or_default();
    running.redirect.handle().ask(move |engine, at| {
        let blocks = blocks_of(engine, &customer, at);
        // Whoever asked may have gone away.
        let _ = tell.send(Ok(InForce { lists, blocks }));
    });
}

fn lists(policy: &Policy) -> Vec<ListInForce> {
    let text: &PolicyText = policy.text();
    let numbers = text.lists.iter().filter(|list| matches!(list.content, ListContent::Numbers { .. }));
    numbers
        .map(|list| {
            let mut entries = std::collections::VecDeque::new();
            let mut count = 0;
            // A list is read from its end: what came last is what somebody looks for.
            for listed in list.listed(text).take(ENTRIES_LOOKED_AT) {
                count += 1;
                if entries.len() == ENTRIES_SHOWN {
                    entries.pop_front();
                }
                entries.push_back(Entry {
                    number: listed.entry.number,
                    reason: listed.entry.reason.unwrap_or_default(),
                    expires: listed.entry.expires.filter(|expires| !expires.is_empty()),
                });
            }
            ListInForce {
                name: list.name.clone(),
                refuses: list.refuses,
                refuses_callers: refuses_callers(text, &list.name),
                count,
                entries: entries.into_iter().rev().collect(),
            }
        })
        .collect()
}

/// Whether a rule refuses calls from whoever is on the list of this name, with no other condition than where they go.
fn refuses_callers(text: &PolicyText, name: &str) -> bool {
    let Some(id) = text.lists.iter().position(|list| list.name == name) else { return false };
    let is_it =
        |term: &Term<NumberTerm>| matches!(term.value, NumberTerm::List(list) if list.0 as usize == id);
    let is_simple = |condition: &Condition| match condition {
        Condition::Numbers(NumberField::Caller | NumberField::Identity, terms) => terms.iter().any(is_it),
        Condition::Direction(directions) => {
            let inbound = Direction::ALL.iter().position(|it| *it == Direction::Inbound);
            inbound.is_some_and(|place| directions & (1 << place) != 0)
        }
        _ => false,
    };
    text.firewall.iter().any(|rule| {
        rule.mode == Mode::Enforce
            && matches!(rule.action, RuleAction::Block(_))
            && rule.unless.is_empty()
            && rule.expires.is_none()
            && rule.when.iter().any(|condition| matches!(condition, Condition::Numbers(..)))
            && rule.when.iter().all(is_simple)
    })
}

fn blocks_of(engine: &mut Engine, customer: &str, at: Timestamp) -> Vec<BlockInForce> {
    let all = blocks::list(engine, at);
    let own = all.into_iter().filter(|block: &Block| block.customer == customer && !block.lifted);
    own.take(BLOCKS_SHOWN)
        .map(|block| {
            let until = block.until.parse::<jiff::Timestamp>().map(|it| Timestamp(it.as_microsecond()));
            let words: Vec<_> = block.key.iter().map(|(name, value)| format!("{name} {value}")).collect();
            BlockInForce {
                id: block.id,
                key: words.join(", "),
                rule: block.rule,
                action: block.action.to_owned(),
                until: until.unwrap_or(at),
                hits: block.hits,
            }
        })
        .collect()
}

/// Of each list, on a page.
const ENTRIES_SHOWN: usize = 100;
/// A feed may have millions: its count is then said to be this.
const ENTRIES_LOOKED_AT: usize = 100_000;
const BLOCKS_SHOWN: usize = 200;
