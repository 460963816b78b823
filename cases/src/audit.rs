//! What was done, by whom, in a chain that shows when an entry was changed or left out.

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the chain of its customer, from 1.
    pub sequence: u64,
    /// Whose chain.
    pub customer: String,
    /// When.
    pub at: Timestamp,
    /// Who: the name of a person, or `ringwall` for what happened by itself.
    pub actor: String,
    /// What: a verb.
    pub action: String,
    /// To what, such as a case number.
    pub subject: String,
    /// Before, after, reason: JSON.
    pub detail: String,
    /// The hash of the entry before it, in hexadecimal; empty for the first.
    pub previous: String,
    /// The hash of all of the above.
    pub hash: String,
}

/// Where a chain ends: what is kept elsewhere, so that entries cut off its end are missed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last place.
    pub sequence: u64,
    /// The hash of the last entry; empty for a chain without any.
    pub hash: String,
}

/// The first entry that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its place, or the place where one is missing.
    pub sequence: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// An entry of which nothing is told but where it stands: what leads from one that is shown to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its place in the chain.
    pub sequence: u64,
    /// The hash of the entry before it.
    pub previous: String,
    /// Its own.
    pub hash: String,
}

/// An entry in a part of a chain that is shown to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shown {
    /// All of it.
    Whole(Entry),
    /// Only where it stands.
    Hidden(Link),
}

/// Goes along a part of a chain that begins anywhere.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    last: Option<Link>,
    entries: u64,
}

/// What is about to be written.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: &'a str,
    /// What.
    pub action: &'a str,
    /// To what.
    pub subject: &'a str,
    /// Before, after, reason: JSON.
    pub detail: &'a str,
}

impl Head {
    /// Adds an entry to the chain of `customer` that ends here.
    pub fn append(&mut self, customer: &str, act: Act<'_>) -> Entry {
        let mut entry = Entry {
            sequence: self.sequence + 1,
            customer: customer.to_owned(),
            at: act.at,
            actor: act.actor.to_owned(),
            action: act.action.to_owned(),
            subject: act.subject.to_owned(),
            detail: act.detail.to_owned(),
            previous: std::mem::take(&mut self.hash),
            hash: String::new(),
        };
        entry.hash = entry.content_hash();
        *self = Self { sequence: entry.sequence, hash: entry.hash.clone() };
        entry
    }
}

impl Entry {
    /// Where it stands, and nothing of what it says.
    pub fn link(&self) -> Link {
        Link { sequence: self.sequence, previous: self.previous.clone(), hash: self.hash.clone() }
    }

    fn content_hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut put = |part: &[u8]| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        put(&self.sequence.to_be_bytes());
        put(&self.at.0.to_be_bytes());
        let texts = [&self.customer, &self.actor, &self.action, &self.subject, &self.detail, &self.previous];
        texts.into_iter().for_each(|text| put(text.as_bytes()));
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Slice {
    /// Takes the next entry of `customer`'s chain.
    ///
    /// # Errors
    /// It does not follow, is another customer's, or is shown and not as it was written.
    pub fn take(&mut self, customer: &str, shown: &Shown) -> Result<(), Broken> {
        let link = shown.link();
        let wrong = |why| Err(Broken { sequence: link.sequence, why });
        if let Some(last) = &self.last {
            if link.sequence != last.sequence + 1 {
                return Err(Broken { sequence: last.sequence + 1, why: "it is missing" });
            }
            if link.previous != last.hash {
                return wrong("it does not follow from the one before");
            }
        }
        if let Shown::Whole(entry) = shown {
            if entry.customer != customer {
                return wrong("it is of another customer's chain");
            }
            if entry.hash != entry.content_hash() {
                return wrong("it is not as it was written");
            }
            self.entries += 1;
        }
        self.last = Some(link);
        Ok(())
    }

    /// Entries that were shown whole, and fit.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Where it ends.
    pub const fn last(&self) -> Option<&Link> {
        self.last.as_ref()
    }
}

impl Shown {
    /// Where it stands.
    pub fn link(&self) -> Link {
        match self {
            Self::Whole(entry) => entry.link(),
            Self::Hidden(link) => link.clone(),
        }
    }
}

/// Goes along a chain, entry by entry.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    head: Head,
}

impl Verifier {
    /// Takes the next entry.
    ///
    /// # Errors
    /// It is not the one that follows, or not as it was written.
    pub fn take(&mut self, entry: &Entry) -> Result<(), Broken> {
        let wrong = |why| Err(Broken { sequence: self.head.sequence + 1, why });
        if entry.sequence != self.head.sequence + 1 {
            return wrong("it is missing");
        }
        if entry.previous != self.head.hash {
            return wrong("it does not follow from the one before");
        }
        if entry.hash != entry.content_hash() {
            return wrong("it is not as it was written");
        }
        self.head = Head { sequence: entry.sequence, hash: entry.hash.clone() };
        Ok(())
    }

    /// Whether the chain reaches as far as `anchor`, which was kept elsewhere.
    ///
    /// # Errors
    /// It ends before.
    pub fn finish(self, anchor: &Head) -> Result<Head, Broken> {
        if self.head.sequence < anchor.sequence {
            return Err(Broken { sequence: self.head.sequence + 1, why: "it is missing" });
        }
        Ok(self.head)
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "entry {}: {}", self.sequence, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: u64) -> (Vec<Entry>, Head) {
        let mut head = Head::default();
        let entries = (0..length).map(|index| {
            let detail = format!("{{\"to\":\"{index}\"}}");
            let act = Act {
                at: Timestamp(7),
                actor: "anna",
                action: "take",
                subject: "RW-104233-3",
                detail: &detail,
            };
            head.append("Acme", act)
        });
        (entries.collect(), head)
    }

    fn verify(entries: &[Entry], anchor: &Head) -> Result<Head, Broken> {
        let mut verifier = Verifier::default();
        entries.iter().try_for_each(|entry| verifier.take(entry))?;
        verifier.finish(anchor)
    }

    #[test]
    fn x4_whatever_is_changed_the_first_bad_entry_is_named() {
        let (entries, head) = chain(20);
        assert_eq!(verify(&entries, &head), Ok(head.clone()));
        let edits: [fn(&mut Entry); 8] = [
            |it| it.actor = "ben".to_owned(),
            |it| it.action.push('x'),
            |it| it.subject.push('x'),
            |it| it.detail = "{}".to_owned(),
            |it| it.at.0 += 1,
            |it| it.customer = "Other".to_owned(),
            // Text moved from one field to its neighbour.
            |it| (it.actor, it.action) = ("annat".to_owned(), "ake".to_owned()),
            // Hashed anew, so that only the next one tells.
            |it| {
                it.actor = "ben".to_owned();
                it.hash = it.content_hash();
            },
        ];
        for (index, edit) in edits.iter().enumerate() {
            let mut forged = entries.clone();
            edit(&mut forged[8]);
            let expected = if index + 1 == edits.len() { 10 } else { 9 };
            assert_eq!(verify(&forged, &head).unwrap_err().sequence, expected, "edit {index}");
        }
    }

    #[test]
    fn x4_what_is_left_out_is_missed() {
        let (entries, head) = chain(20);
        let mut without = entries.clone();
        without.remove(4);
        assert_eq!(verify(&without, &head).unwrap_err().sequence, 5);
        let mut swapped = entries.clone();
        swapped.swap(3, 4);
        assert_eq!(verify(&swapped, &head).unwrap_err().sequence, 4);
        // A chain alone does not show that its end was cut off; the anchor does.
        assert!(verify(&entries[..15], &Head::default()).is_ok());
        assert_eq!(verify(&entries[..15], &head).unwrap_err().sequence, 16);
    }
}
