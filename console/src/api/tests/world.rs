//! The rest of a service, as far as the API asks of it: lists, blocks and policies of two customers that change as they are told
//! to, and are changed by nothing else.

use std::sync::{Arc, Mutex};

use cases::change::{Change, Impact};
use cases::schedule::Format;
use tokio::sync::oneshot;

use super::NOW;
use crate::known::{
    Block, BlockChange, Checked, EntriesFound, EntriesWanted, Entry, Install, List, ListChange, Made, Policy,
    PolicyText, Version,
};
use crate::office::{Catalogue, ReportKind};
use crate::question::{InCase, Reached, Wish};
use crate::{Asked, Customer, Questions};

/// The list that each customer has.
pub(super) const LIST: &str = "harassment";

/// The Call-ID of the call that Acme's alert is about, as a stranger chose it.
pub(super) const CALL_ID: &str = "a\"><b>&from=1#?x@203.0.113.5";

/// What there is, and what was asked.
#[derive(Default)]
pub(super) struct World {
    pub(super) changes: Mutex<Vec<ListChange>>,
    pub(super) blocks: Mutex<Vec<BlockChange>>,
    pub(super) installs: Mutex<Vec<Install>>,
    pub(super) asked: Mutex<Vec<String>>,
}

fn at_hand<Q, A: Send + 'static>(
    world: &Arc<World>,
    answer: impl Fn(&World, Q) -> Result<A, String> + Send + Sync + 'static,
) -> Asked<Q, A> {
    let world = Arc::clone(world);
    Box::new(move |question| {
        let (tell, told) = oneshot::channel();
        let _ = tell.send(answer(&world, question));
        told
    })
}

impl World {
    pub(super) fn questions(world: &Arc<Self>) -> Questions {
        let mut questions = Questions::silent();
        questions.customers = at_hand(world, |_, ()| Ok(["Acme", "Bay"].map(customer).to_vec()));
        questions.known.lists = at_hand(world, |_, ()| Ok(["Acme", "Bay"].map(list).to_vec()));
        questions.known.entries = at_hand(world, |world, wanted| Ok(world.entries(&wanted)));
        questions.known.change_list = at_hand(world, Self::change);
        questions.known.call_named = at_hand(world, |_, wanted: crate::known::CallNamed| {
            let is_there = wanted.customer == "Acme" && wanted.call_id == CALL_ID;
            Ok((is_there && wanted.from == NOW && wanted.to == NOW)
                .then(|| "1791212400000000-0a1b2c3d".to_owned()))
        });
        questions.known.blocks =
            at_hand(world, |world, ()| Ok(["Acme", "Bay"].map(|it| world.block(it)).to_vec()));
        questions.known.change_block = at_hand(world, |world, change| {
            world.blocks.lock().unwrap().push(change);
            Ok("done".to_owned())
        });
        questions.known.policies =
            at_hand(world, |world, ()| Ok(["Acme", "Bay"].map(|it| world.policy(it)).to_vec()));
        questions.known.policy = at_hand(world, |world, wanted: crate::known::PolicyWanted| {
            let version = |number| Version { number, is_kept: true, how: "install", ..Version::default() };
            Ok(PolicyText {
                policy: world.policy(&wanted.customer),
                text: format!("# {} {:?}", wanted.customer, wanted.number),
                difference: wanted.number.map(|_| vec!["-old".to_owned()]).unwrap_or_default(),
                versions: vec![version(2), version(1)],
            })
        });
        questions.known.check = at_hand(world, |_, _| Ok(Checked { expects: (3, 1), ..Checked::default() }));
        questions.known.install = at_hand(world, |world, install: Install| {
            let is_proposal = install.is_proposal;
            world.installs.lock().unwrap().push(install);
            let proposed = Made::Proposed { case: "RW-100009-9".to_owned(), said: "asked".to_owned() };
            Ok(if is_proposal { proposed } else { Made::Done("in force".to_owned()) })
        });
        questions.known.roll_back = at_hand(world, |_, _| Ok("back".to_owned()));
        questions.desk.draft = at_hand(world, |_, wish: Wish| {
            let (base, result) = ("a".repeat(64), "b".repeat(64));
            let change = Change { customer: wish.customer, base, result, lines: wish.lines };
            Ok((change, Impact { days: 7, ..Impact::default() }))
        });
        questions.desk.ask_authorisers = at_hand(world, |world, asked: InCase| {
            world.asked.lock().unwrap().push(asked.number.to_string());
            Ok(Reached { by_mail: vec!["Ann".to_owned()], otherwise: Vec::new() })
        });
        questions.desk.use_standing = at_hand(world, |world, (of, name): (InCase, String)| {
            if name != "small" {
                return Err(format!("there is no {name}"));
            }
            world.asked.lock().unwrap().push(format!("{} by {name}", of.number));
            Ok(())
        });
        let kind = |name, wants_number| ReportKind {
            name,
            about: "for a test",
            formats: vec![Format::Html, Format::Csv],
            wants_number,
        };
        questions.office.catalogue = at_hand(world, move |_, ()| {
            let reports = vec![kind("weekly-operations", false), kind("caller", true)];
            Ok(Catalogue { reports, has_typesetter: false, is_made_here: true })
        });
        questions
    }

    /// What was put onto the list, with what each customer has from the start.
    fn entries(&self, wanted: &EntriesWanted) -> EntriesFound {
        let entry = |number: &str| Entry { number: number.to_owned(), ..Entry::default() };
        let mut entries = vec![entry("+12105550142"), entry("+12105550143")];
        for change in self.changes.lock().unwrap().iter().filter(|it| it.customer == wanted.customer) {
            entries.retain(|it| it.number != change.entry);
            if !change.is_removal {
                entries.push(entry(&change.entry));
            }
        }
        let more = entries.len() > wanted.after + wanted.count;
        EntriesFound {
            list: list(&wanted.customer),
            entries: entries.into_iter().skip(wanted.after).take(wanted.count).collect(),
            next: more.then_some(wanted.after + wanted.count),
            is_controlled: wanted.customer == "Bay",
        }
    }

    /// Bay has to agree to changes.
    fn change(&self, change: ListChange) -> Result<Made, String> {
        if change.is_proposal {
            self.changes.lock().unwrap().push(ListChange { entry: String::new(), ..change });
            return Ok(Made::Proposed { case: "RW-100009-9".to_owned(), said: "asked".to_owned() });
        }
        if change.customer == "Bay" {
            return Ok(Made::Refused { why: "Bay has to agree".to_owned(), may_propose: true });
        }
        self.changes.lock().unwrap().push(change);
        Ok(Made::Done("done".to_owned()))
    }

    fn block(&self, customer: &str) -> Block {
        let id = format!("block-{customer}");
        let mut block = Block {
            customer: customer.to_owned(),
            rule: "burst".to_owned(),
            key: vec![("caller".to_owned(), "+12105550142".to_owned())],
            since: NOW,
            until: NOW.plus_micros(3_600_000_000),
            account: Some("extended by anna".to_owned()),
            id,
            ..Block::default()
        };
        for change in self.blocks.lock().unwrap().iter().filter(|it| it.id == block.id) {
            match change.longer {
                Some(longer) => block.until = block.until.plus_micros(longer),
                None => block.is_lifted = true,
            }
        }
        block
    }

    fn policy(&self, customer: &str) -> Policy {
        let installs = self.installs.lock().unwrap();
        let count = installs.iter().filter(|it| it.draft.customer == customer && !it.is_proposal).count();
        Policy {
            customer: customer.to_owned(),
            version: format!("v{count}"),
            mode: "enforce",
            ..Policy::default()
        }
    }
}

fn customer(name: &str) -> Customer {
    Customer { name: name.to_owned(), version: "v".to_owned(), zone: "UTC".to_owned() }
}

fn list(customer: &str) -> List {
    List {
        customer: customer.to_owned(),
        name: LIST.to_owned(),
        kind: "numbers",
        entries: 2,
        files: vec!["/var/lib/secret-place".to_owned()],
        refuses: true,
        feed: None,
    }
}
