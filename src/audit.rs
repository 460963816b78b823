//! `ringwall audit`: whether what was written about every act is still what was written.

use std::io::{self, Write as _};
use std::path::PathBuf;

use cases::audit::Head;
use cases::io::store::Store;
use clap::{Args, Subcommand};
use reporter::printable;
use serde_json::json;

use crate::audit_heads::Kept;
use crate::case::{Place, said};
use crate::outcome::{Failure, Outcome};
use crate::{audit_heads, desk_key};

/// The audit chains: every act of everybody, each entry with the hash of the one before.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall audit heads > heads.jsonl\n  ringwall audit verify --heads heads.jsonl"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Go through all chains, as far as the ends that the service has kept at least; exit code 1 and the first bad entry of each
    /// that is not as it was written.
    Verify {
        #[command(flatten)]
        place: Place,
        /// What `heads` printed earlier: entries cut off since then are missed.
        #[arg(long, value_name = "FILE")]
        heads: Option<PathBuf>,
    },
    /// Print where each chain ends, one JSON object a line; keep it where nobody can change it.
    Heads {
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    runtime.block_on(async {
        match &arguments.task {
            Task::Verify { place, heads } => {
                let cases = place.cases()?;
                let mut kept = audit_heads::read(&cases.audit_heads(), || {
                    desk_key::verifier(&desk_key::public(&cases.key()))
                })?;
                if let Some(bucket) = cases.audit_bucket()? {
                    audit_heads::read_bucket(&mut kept, &bucket, || {
                        desk_key::verifier(&desk_key::public(&cases.key()))
                    })?;
                }
                for (customer, head) in heads.as_deref().map_or_else(|| Ok(Vec::new()), read_heads)? {
                    kept.note(customer, head);
                }
                verify(&place.open().await?.0, kept).await
            }
            Task::Heads { place } => heads(&place.open().await?.0).await,
        }
    })
}

async fn heads(store: &Store) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    for (customer, head) in store.audit_heads().await.map_err(said)? {
        let line = json!({ "customer": customer, "sequence": head.sequence, "hash": head.hash });
        writeln!(out, "{line}").map_err(Failure::Output)?;
    }
    Ok(Outcome::Done)
}

async fn verify(store: &Store, kept: Kept) -> Result<Outcome, Failure> {
    let mut ends = store.audit_heads().await.map_err(said)?;
    for (customer, head) in &kept.heads {
        // A chain that is gone altogether has no end any more.
        if !ends.iter().any(|(of, _)| of == customer) {
            ends.push((customer.clone(), head.clone()));
        }
    }
    let mut outcome = Outcome::Done;
    let mut out = io::stdout().lock();
    for foreign in &kept.foreign {
        outcome = Outcome::Findings;
        writeln!(out, "{foreign}").map_err(Failure::Output)?;
    }
    if kept.cut > 0 {
        let lines = reporter::counted(kept.cut, "kept end");
        writeln!(out, "{lines} cannot be read: cut short, as by a power cut").map_err(Failure::Output)?;
    }
    for (customer, end) in ends {
        let anchor = kept.heads.get(&customer);
        let cases::io::store::Checked { good: count, broken, .. } =
            store.check_audit(&customer, &end, anchor).await.map_err(said)?;
        let shown =
            if customer.is_empty() { "(the service itself)".to_owned() } else { printable(&customer) };
        let line = match broken {
            None => format!("{shown}: {count} entries are as they were written"),
            Some(broken) => {
                outcome = Outcome::Findings;
                format!("{shown}: {broken}")
            }
        };
        writeln!(out, "{line}").map_err(Failure::Output)?;
    }
    Ok(outcome)
}

/// What is wrong with the chains of `store`; nothing, when all of it is as it was written.
pub(crate) async fn findings(store: &Store) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for (customer, end) in store.audit_heads().await.map_err(said)? {
        let broken = store.check_audit(&customer, &end, None).await.map_err(said)?.broken;
        found.extend(broken.map(|broken| format!("audit of {}: {broken}", printable(&customer))));
    }
    Ok(found)
}

fn read_heads(path: &std::path::Path) -> Result<Vec<(String, Head)>, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
    let line = |(index, line): (usize, &str)| {
        let wrong = || Failure::Usage(format!("{}:{}: no head of a chain", path.display(), index + 1));
        let value: serde_json::Value = serde_json::from_str(line).map_err(|_| wrong())?;
        let text =
            |name: &str| value.get(name).and_then(|it| it.as_str()).map(str::to_owned).ok_or_else(wrong);
        let sequence = value.get("sequence").and_then(serde_json::Value::as_u64).ok_or_else(wrong)?;
        Ok((text("customer")?, Head { sequence, hash: text("hash")? }))
    };
    text.lines().enumerate().map(line).collect()
}
