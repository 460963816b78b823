//! Access and contact review: who may do what, when they last did, and who has to be looked at (M33).

use rules::Timestamp;

use crate::Registration;
use crate::audit::Entry;
use crate::intake::{Role, normal_address};
use crate::registry::Person;

/// One contact, as a review shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRow {
    /// Whose.
    pub customer: String,
    /// What they are called by.
    pub name: String,
    /// Addresses they write from.
    pub addresses: Vec<String>,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Until when; `None` for ever.
    pub valid_until: Option<Timestamp>,
    /// When somebody made sure of their addresses.
    pub verified_at: Option<Timestamp>,
    /// What they did last, and when, by the audit chain.
    pub last_use: Option<(Timestamp, String)>,
    /// When somebody last said that they keep what they may do.
    pub certified_at: Option<Timestamp>,
    /// What is to be done about them.
    pub standing: Standing,
}

/// What is to be done about a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing.
    Good,
    /// They have left, and can do nothing.
    Left,
    /// Nobody has made sure of their addresses for 180 days.
    Unverified,
    /// They have a role, and used none for 180 days.
    Unused,
    /// They are the only one who authorises: a second one is needed.
    OnlyAuthoriser,
}

/// The contacts of `registration`, those who need looking at first. `audit` is the customer's chain, or its last part.
pub fn contacts(registration: &Registration, audit: &[Entry], now: Timestamp) -> Vec<ContactRow> {
    let authorisers = registration.with_role(Role::Authorizer, now).count();
    let row = |person: &Person| {
        let last_use = audit.iter().rev().find(|entry| is_by(person, entry));
        let certified =
            audit.iter().rev().find(|entry| entry.action == CERTIFY && entry.subject == person.name);
        ContactRow {
            customer: registration.customer.clone(),
            name: person.name.clone(),
            addresses: person.addresses.clone(),
            roles: person.roles.iter().copied().collect(),
            valid_until: person.valid_until,
            verified_at: person.verified_at,
            last_use: last_use.map(|entry| (entry.at, entry.action.clone())),
            certified_at: certified.map(|entry| entry.at),
            standing: standing(person, (last_use, certified), authorisers, now),
        }
    };
    let mut rows: Vec<_> = registration.people.iter().map(row).collect();
    rows.sort_by(|one, other| (other.standing, &one.name).cmp(&(one.standing, &other.name)));
    rows
}

fn standing(
    person: &Person,
    (used, certified): (Option<&Entry>, Option<&Entry>),
    authorisers: usize,
    now: Timestamp,
) -> Standing {
    let is_recent = |at: Option<Timestamp>| at.is_some_and(|at| now.micros_since(at) <= REVIEW_MICROS);
    let certified = certified.map(|entry| entry.at);
    if !person.is_valid_at(now) {
        Standing::Left
    } else if authorisers < 2 && person.roles.contains(&Role::Authorizer) {
        Standing::OnlyAuthoriser
    } else if !person.roles.is_empty() && !is_recent(used.map(|entry| entry.at)) && !is_recent(certified) {
        Standing::Unused
    } else if !is_recent(person.verified_at) && !is_recent(certified) {
        Standing::Unverified
    } else {
        Standing::Good
    }
}

/// Whether a contact did it: by name, or by an address that they wrote from.
fn is_by(person: &Person, entry: &Entry) -> bool {
    let actor = normal_address(&entry.actor);
    entry.actor == person.name || person.addresses.iter().any(|address| normal_address(address) == actor)
}

impl Standing {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Good => "nothing to do",
            Self::Left => "has left",
            Self::Unverified => "addresses not verified for 180 days",
            Self::Unused => "roles not used for 180 days: certify or remove",
            Self::OnlyAuthoriser => "the only authoriser: a second one is needed",
        }
    }
}

/// What the audit calls it when somebody says that a contact keeps what they may do.
pub(crate) const CERTIFY: &str = "certify-contact";
/// 180 days (M33).
const REVIEW_MICROS: i64 = 180 * 86_400 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Act, Head};

    #[test]
    fn m33_who_has_to_be_looked_at_comes_first() {
        let registration: Registration = serde_json::from_str(
            r#"{"customer":"Acme","people":[
                {"name":"Ann","addresses":["ann@acme.example.com"],"roles":["authorizer","requester"],"verified_at":20000000000000},
                {"name":"Bob","addresses":["Bob@acme.example.com"],"roles":["requester"],"verified_at":20000000000000},
                {"name":"Cid","addresses":["cid@acme.example.com"],"roles":["requester"]},
                {"name":"Dan","addresses":["dan@acme.example.com"],"roles":["requester"],"valid_until":1},
                {"name":"Eve","addresses":["eve@acme.example.com"],"roles":["requester"]}]}"#,
        )
        .unwrap();
        let now = Timestamp(30_000_000_000_000);
        let mut head = Head::default();
        let mut entry = |seconds: i64, actor: &str, action: &str, subject: &str| {
            let act = Act { at: Timestamp::from_seconds(seconds), actor, action, subject, detail: "{}" };
            head.append("Acme", act)
        };
        let audit = [
            entry(1_000_000, "ann@acme.example.com", "open", "RW-100001-9"),
            entry(29_000_000, "bob@acme.example.com", "open", "RW-100002-7"),
            entry(29_000_001, "anna", CERTIFY, "Eve"),
        ];
        let rows = contacts(&registration, &audit, now);
        let shown: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.standing)).collect();
        assert_eq!(
            shown,
            [
                ("Ann", Standing::OnlyAuthoriser),
                ("Cid", Standing::Unused),
                ("Dan", Standing::Left),
                ("Bob", Standing::Good),
                ("Eve", Standing::Good),
            ]
        );
        assert_eq!(rows[3].last_use, Some((Timestamp::from_seconds(29_000_000), "open".to_owned())));
    }
}
