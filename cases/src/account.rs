//! Who logs in: people of the desk by their role, people of customers as the contacts they are, and programs by keys.

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Registration;
use crate::intake;
use crate::tag::tag_of;

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What they type, and what the audit calls them: lower case, no blanks.
    pub login: String,
    /// Which side they are on.
    pub side: Side,
    /// Their password as Argon2id keeps it (PHC string); `None` until they have chosen one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether they may log in no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_closed: bool,
    /// When they last logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<Timestamp>,
    /// How the pages are shown to them.
    #[serde(default)]
    pub taste: Taste,
}

/// Which side somebody is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// They work at the desk, for all customers.
    Desk(Role),
    /// They are a contact of a customer; what they may do stands in its registration, and ends with it.
    Contact {
        /// The customer.
        customer: String,
        /// Their name in its registration.
        name: String,
    },
}

/// What somebody does at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// First level: looks, and writes notes.
    FirstLevel,
    /// Works on cases.
    Analyst,
    /// Reviews what analysts propose.
    Senior,
    /// Leads in an incident.
    IncidentCommander,
    /// Reads, verifies and exports, and changes nothing.
    Auditor,
    /// Decides who is who, and works on cases.
    Admin,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// See what belongs to their side.
    See,
    /// Write notes of the desk.
    Note,
    /// Work on cases, lists, blocks and schedules.
    Work,
    /// Read and export the audit.
    Audit,
    /// Change accounts, keys and registrations.
    Administer,
    /// Ask the desk for something, as a contact.
    Ask,
    /// Authorise changes, as a contact.
    Authorise,
}

impl Right {
    /// What somebody may with it, behind "may".
    pub const fn words(self) -> &'static str {
        match self {
            Self::See => "see this",
            Self::Note => "write notes",
            Self::Work => "work on cases, lists, blocks and schedules",
            Self::Audit => "read the audit",
            Self::Administer => "change accounts, keys and registrations",
            Self::Ask => "ask the desk for something",
            Self::Authorise => "authorise changes",
        }
    }
}

/// How pages are shown to somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taste {
    /// Whether rows stand close together.
    pub is_dense: bool,
    /// Whether single keys do nothing (WCAG 2.1.4).
    pub no_keys: bool,
    /// `Some(true)` for dark, `Some(false)` for light; what their machine says otherwise.
    pub dark: Option<bool>,
}

/// A link by which somebody chooses a password, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// SHA-256 of the secret in it.
    pub hash: String,
    /// Who.
    pub login: String,
    /// Which side they will be on.
    pub side: Side,
    /// Until when it can be used.
    pub expires: Timestamp,
}

/// Somebody who has logged in, on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 of what their browser holds.
    pub hash: String,
    /// Who.
    pub login: String,
    /// Since when.
    pub began: Timestamp,
    /// When it was last used, to the minute.
    pub seen: Timestamp,
    /// When they showed the code of their app; `None` where they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Timestamp>,
    /// Whether the code is still asked for: it opens nothing yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_half: bool,
    /// Where from.
    pub address: String,
}

/// A key by which a program asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// What it is called by in lists and in the audit.
    pub id: String,
    /// What it is for, in words.
    pub purpose: String,
    /// SHA-256 of the key.
    pub hash: String,
    /// Whose data it reaches; `None` for all customers.
    pub customer: Option<String>,
    /// Whether it may change anything.
    pub may_work: bool,
    /// Who made it.
    pub made_by: String,
    /// Until when it is good.
    pub expires: Timestamp,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Timestamp>,
}

impl Account {
    /// What they may do at `now`; `registration` is that of their customer.
    pub fn rights(&self, registration: Option<&Registration>, now: Timestamp) -> Vec<Right> {
        if self.is_closed {
            return Vec::new();
        }
        match &self.side {
            Side::Desk(role) => role.rights().to_vec(),
            Side::Contact { customer, name } => {
                let of = registration.filter(|it| it.customer == *customer);
                let person = of.and_then(|it| it.person(name)).filter(|person| person.is_valid_at(now));
                let Some(person) = person else { return Vec::new() };
                let mut rights = vec![Right::See];
                if person.roles.contains(&intake::Role::Requester) {
                    rights.push(Right::Ask);
                }
                if person.roles.contains(&intake::Role::Authorizer) {
                    rights.push(Right::Authorise);
                }
                rights
            }
        }
    }

    /// The customer that they belong to.
    pub fn customer(&self) -> Option<&str> {
        match &self.side {
            Side::Desk(_) => None,
            Side::Contact { customer, .. } => Some(customer),
        }
    }

    /// What pages call them.
    pub fn name(&self) -> &str {
        match &self.side {
            Side::Desk(_) => &self.login,
            Side::Contact { name, .. } => name,
        }
    }

    /// Under whom and what their second factor is kept.
    pub fn factor_place(&self) -> (&str, &str) {
        match &self.side {
            Side::Desk(_) => (DESK, &self.login),
            Side::Contact { customer, name } => (customer, name),
        }
    }

    /// What tells it from what it was before: that they log in does not make it another one.
    pub fn tag(&self) -> String {
        tag_of(&(&self.login, &self.side, self.is_closed))
    }

    /// In whose audit it stands what is done with this account.
    pub fn audited_at(&self) -> &str {
        self.customer().unwrap_or(DESK)
    }
}

impl Role {
    /// All of them.
    pub const EVERY: [Self; 6] =
        [Self::FirstLevel, Self::Analyst, Self::Senior, Self::IncidentCommander, Self::Auditor, Self::Admin];

    /// The word that is stored, shown and typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstLevel => "first-level",
            Self::Analyst => "analyst",
            Self::Senior => "senior",
            Self::IncidentCommander => "incident-commander",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|it| it.name() == name)
    }

    const fn rights(self) -> &'static [Right] {
        match self {
            Self::FirstLevel => &[Right::See, Right::Note],
            Self::Analyst => &[Right::See, Right::Note, Right::Work],
            Self::Senior | Self::IncidentCommander => &[Right::See, Right::Note, Right::Work, Right::Audit],
            Self::Auditor => &[Right::See, Right::Audit],
            Self::Admin => &[Right::See, Right::Note, Right::Work, Right::Audit, Right::Administer],
        }
    }
}

impl Invitation {
    /// What tells it from another one to the same log-in.
    pub fn tag(&self) -> String {
        tag_of(&(&self.hash, &self.login, &self.side, self.expires))
    }
}

impl ApiKey {
    /// What tells it from what it was before: that it is used does not make it another one.
    pub fn tag(&self) -> String {
        tag_of(&(&self.id, &self.purpose, &self.customer, self.may_work, self.expires))
    }

    /// What it may do at `now`.
    pub fn rights(&self, now: Timestamp) -> &'static [Right] {
        match (now < self.expires, self.may_work) {
            (false, _) => &[],
            (true, false) => &[Right::See],
            (true, true) => &[Right::See, Right::Note, Right::Work],
        }
    }
}

/// Why `login` cannot be one; `None` when it can.
pub fn wrong_login(login: &str) -> Option<&'static str> {
    let is_plain = |it: char| {
        it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '.' | '-' | '_' | '@' | '+')
    };
    if login.is_empty() || login.len() > LOGIN_BYTES_MAX || !login.chars().all(is_plain) {
        return Some("a log-in has 1 to 64 of a-z, 0-9, . - _ @ and +");
    }
    // It would be taken for the service itself.
    (login == "ringwall").then_some("that name is the service's own")
}

/// How a secret is stored and found: its SHA-256 in hexadecimal. Secrets are drawn, never chosen, so nothing slower is needed.
pub fn hash_of(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Under which name the audit and second factors of the desk are kept; no customer can be called so.
pub const DESK: &str = "(desk)";
const LOGIN_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Person;

    fn contact(roles: &[intake::Role], until: Option<Timestamp>) -> (Account, Registration) {
        let person = Person {
            name: "Ann".to_owned(),
            addresses: vec!["ann@acme.example.com".to_owned()],
            phones: Vec::new(),
            roles: roles.iter().copied().collect(),
            valid_from: None,
            valid_until: until,
            verified_at: None,
            zone: None,
        };
        let registration =
            Registration { customer: "Acme".to_owned(), people: vec![person], ..Registration::default() };
        let side = Side::Contact { customer: "Acme".to_owned(), name: "Ann".to_owned() };
        let account = Account {
            login: "ann@acme.example.com".to_owned(),
            side,
            password: None,
            is_closed: false,
            last_login: None,
            taste: Taste::default(),
        };
        (account, registration)
    }

    #[test]
    fn x1_who_is_no_contact_any_more_may_do_nothing() {
        let now = Timestamp(1_000);
        let (account, registration) = contact(&[intake::Role::Authorizer], None);
        assert_eq!(account.rights(Some(&registration), now), [Right::See, Right::Authorise]);
        assert_eq!(account.rights(None, now), [], "a customer without a registration has no contacts");
        let (account, left) = contact(&[intake::Role::Authorizer], Some(now));
        assert_eq!(account.rights(Some(&left), now), []);
        let other = Registration { customer: "Bay".to_owned(), ..registration };
        assert_eq!(
            account.rights(Some(&other), now),
            [],
            "the same name at another customer is another person"
        );
    }

    #[test]
    fn x1_an_auditor_changes_nothing_and_only_contacts_authorise() {
        for role in Role::EVERY {
            let rights = role.rights();
            assert!(rights.contains(&Right::See), "{role:?}");
            assert!(!rights.contains(&Right::Authorise) && !rights.contains(&Right::Ask), "Z-7: {role:?}");
            assert_eq!(Role::parse(role.name()), Some(role));
        }
        assert_eq!(Role::Auditor.rights(), [Right::See, Right::Audit]);
    }

    #[test]
    fn a_login_is_plain_and_not_the_service() {
        assert_eq!(wrong_login("anna"), None);
        assert_eq!(wrong_login("ann+x@acme.example.com"), None);
        for wrong in ["", "Anna", "a b", "ringwall", "a\n", "é", &"a".repeat(65)] {
            assert!(wrong_login(wrong).is_some(), "{wrong:?}");
        }
    }
}
