//! Chain of custody: what was done with cases, by whom, each entry with the hash that the chain gives it.

use std::collections::BTreeSet;

use rules::Timestamp;

use crate::audit::{Broken, Entry, Verifier};

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyRow {
    /// Its place in the chain of the customer.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What: a verb.
    pub action: String,
    /// The case, or what else it was done to.
    pub subject: String,
    /// The hash of the entry: with the chain it shows that nothing was changed.
    pub hash: String,
}

/// What was done to `subjects`, the oldest first, out of the whole chain of a customer; the chain is verified on the way.
///
/// # Errors
/// The chain is broken: where, and how.
pub fn custody(chain: &[Entry], subjects: &BTreeSet<String>) -> Result<Vec<CustodyRow>, Broken> {
    let mut verifier = Verifier::default();
    let mut rows = Vec::new();
    for entry in chain {
        verifier.take(entry)?;
        if subjects.contains(&entry.subject) {
            rows.push(CustodyRow {
                sequence: entry.sequence,
                at: entry.at,
                actor: entry.actor.clone(),
                action: entry.action.clone(),
                subject: entry.subject.clone(),
                hash: entry.hash.clone(),
            });
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Act, Head};

    #[test]
    fn custody_is_taken_from_an_unbroken_chain_only() {
        let mut head = Head::default();
        let mut entry = |second, subject: &str| {
            let at = Timestamp::from_seconds(second);
            head.append("Acme", Act { at, actor: "anna", action: "note", subject, detail: "{}" })
        };
        let mut chain = vec![entry(1, "RW-100001-9"), entry(2, "RW-100002-7"), entry(3, "RW-100001-9")];
        let subjects = BTreeSet::from(["RW-100001-9".to_owned()]);
        let rows = custody(&chain, &subjects).unwrap();
        assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(rows[1].hash, chain[2].hash);
        chain[1].actor = "mallory".to_owned();
        assert_eq!(custody(&chain, &subjects).unwrap_err().sequence, 2);
        chain.remove(1);
        assert_eq!(custody(&chain, &subjects).unwrap_err().sequence, 2);
    }
}
