//! Who belongs to a customer, and what each of them may do (C-1). Two people change it together.

use std::collections::BTreeSet;

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::account::DESK;
use crate::case::UNASSIGNED;
use crate::change::{Authorisers, Standing};
use crate::intake::{self, Language, Role};
use crate::tag::tag_of;

/// What a customer has told about its people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The customer, as its policy names it.
    pub customer: String,
    /// Domains its people write from, lower case.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Domains whose seal on forwarded mail is believed as far as it goes (T-3).
    #[serde(default)]
    pub forwarders: Vec<String>,
    /// Domains outside that an authoriser confirmed as recipients of reports (P-5).
    #[serde(default)]
    pub report_domains: Vec<String>,
    /// Whether reports come with mail (P-6); otherwise by link only. Rows of single calls never do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub report_attachments: bool,
    /// Languages whose labels are read beside English.
    #[serde(default)]
    pub languages: Vec<Language>,
    /// Its people, those of former times among them.
    #[serde(default)]
    pub people: Vec<Person>,
    /// What it agreed to beforehand (Z-6).
    #[serde(default)]
    pub standing: Vec<Standing>,
}

/// A person of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What they are called by; no two of a customer have one name.
    pub name: String,
    /// Addresses they write from; the first is written to.
    pub addresses: Vec<String>,
    /// Telephone numbers, E.164 with a plus; text messages go to the first.
    #[serde(default)]
    pub phones: Vec<String>,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// Since when; `None` for always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Until when; `None` for ever. Who leaves stays here with a date, so that their mail is known for what it is (N-7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// When somebody made sure that the addresses are theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
    /// Their time zone, such as `Europe/Berlin`; the customer's unless named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

impl Registration {
    /// SHA-256 over its canonical form, in hexadecimal: what the second person confirms.
    ///
    /// # Errors
    /// It cannot be written as JSON, which plain data always can.
    pub fn hash(&self) -> Result<String, serde_json::Error> {
        let digest = Sha256::digest(serde_json::to_vec(self)?);
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What tells it from what it was before.
    pub fn tag(&self) -> String {
        tag_of(self)
    }

    /// What is wrong with it, in words.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if [UNASSIGNED, DESK].contains(&self.customer.as_str()) {
            mistakes.push(format!("no customer is called {:?}: what belongs to nobody is", self.customer));
        }
        let mut names = BTreeSet::new();
        let mut addresses = BTreeSet::new();
        for person in &self.people {
            let name = &person.name;
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                mistakes.push(format!("{name:?} is no name"));
            }
            if !names.insert(name.as_str()) {
                mistakes.push(format!("two people are called {name:?}"));
            }
            if person.addresses.is_empty() {
                mistakes.push(format!("{name} has no address"));
            }
            for address in &person.addresses {
                if address.is_empty() {
                    mistakes.push(format!("{name} has no mail address"));
                } else if !intake::is_plain_address(address) {
                    mistakes.push(format!("{address:?} of {name} is no plain mail address"));
                }
                if !addresses.insert(intake::normal_address(address)) {
                    mistakes.push(format!("{address} belongs to two people"));
                }
            }
            for phone in &person.phones {
                let digits = phone.strip_prefix('+').unwrap_or_default();
                if !(PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len())
                    || !digits.bytes().all(|byte| byte.is_ascii_digit())
                {
                    mistakes.push(format!("{phone:?} of {name} is no number such as +12105550142"));
                }
            }
            if person.valid_from.is_some()
                && person.valid_until.is_some_and(|until| Some(until) <= person.valid_from)
            {
                mistakes.push(format!("{name} ends before they begin"));
            }
            if person.zone.as_deref().is_some_and(|zone| jiff::tz::TimeZone::get(zone).is_err()) {
                mistakes.push(format!(
                    "{:?} of {name} is no time zone",
                    person.zone.as_deref().unwrap_or_default()
                ));
            }
        }
        for domain in
            self.domains.iter().filter(|domain| domain.to_lowercase() != **domain || !domain.contains('.'))
        {
            mistakes.push(format!("{domain:?} is no domain in lower case"));
        }
        let mut names = BTreeSet::new();
        for standing in &self.standing {
            let name = &standing.name;
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                mistakes.push(format!("{name:?} is no name of a standing authorisation"));
            }
            if !names.insert(name.as_str()) {
                mistakes.push(format!("two standing authorisations are called {name:?}"));
            }
            if standing.customer != self.customer {
                mistakes.push(format!("the standing authorisation {name:?} is of {:?}", standing.customer));
            }
            if standing.lists.is_empty() || standing.entries_max == 0 || standing.days_max == 0 {
                mistakes.push(format!("the standing authorisation {name:?} covers nothing"));
            }
        }
        mistakes
    }

    /// What sets it apart from `before`, a line each, for who confirms it and for the audit.
    pub fn differences(&self, before: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let lists = [
            ("domain", &before.domains, &self.domains),
            ("forwarder", &before.forwarders, &self.forwarders),
            ("domain for reports", &before.report_domains, &self.report_domains),
        ];
        for (what, old, new) in lists {
            lines.extend(old.iter().filter(|it| !new.contains(it)).map(|it| format!("- {what} {it}")));
            lines.extend(new.iter().filter(|it| !old.contains(it)).map(|it| format!("+ {what} {it}")));
        }
        match (before.report_attachments, self.report_attachments) {
            (false, true) => lines.push("+ reports come with mail".to_owned()),
            (true, false) => lines.push("- reports come with mail".to_owned()),
            (true, true) | (false, false) => {}
        }
        if before.languages != self.languages {
            lines.push(format!("languages: {:?}, before {:?}", self.languages, before.languages));
        }
        lines.extend(before.people.iter().filter(|it| !self.people.contains(it)).map(|it| format!("- {it}")));
        lines.extend(self.people.iter().filter(|it| !before.people.contains(it)).map(|it| format!("+ {it}")));
        let standing =
            |sign: &str, it: &Standing| format!("{sign} standing authorisation {}: {}", it.name, it.words());
        let (old, new) = (&before.standing, &self.standing);
        lines.extend(old.iter().filter(|it| !new.contains(it)).map(|it| standing("-", it)));
        lines.extend(new.iter().filter(|it| !old.contains(it)).map(|it| standing("+", it)));
        lines
    }

    /// Who has `role` at `moment`.
    pub fn with_role(&self, role: Role, moment: Timestamp) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(move |person| person.roles.contains(&role) && person.is_valid_at(moment))
    }

    /// What the person with `address` may do at `moment`; nothing for others.
    pub fn roles_of(&self, address: &str, moment: Timestamp) -> BTreeSet<Role> {
        let address = intake::normal_address(address);
        let is_theirs =
            |person: &&Person| person.addresses.iter().any(|it| intake::normal_address(it) == address);
        let people = self.people.iter().filter(is_theirs).filter(|person| person.is_valid_at(moment));
        people.flat_map(|person| person.roles.iter().copied()).collect()
    }

    /// Who may authorise at `moment`.
    pub fn authorisers(&self, moment: Timestamp) -> Authorisers {
        Authorisers(self.with_role(Role::Authorizer, moment).map(|person| person.name.clone()).collect())
    }

    /// The person called `name`.
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    /// Its people, as intake knows them.
    pub fn contacts(&self) -> Vec<intake::Contact> {
        let contact = |person: &Person| intake::Contact {
            id: person.name.clone(),
            addresses: person.addresses.clone(),
            roles: person.roles.clone(),
            valid_from: person.valid_from,
            valid_until: person.valid_until,
        };
        self.people.iter().map(contact).collect()
    }
}

impl Person {
    /// Where mail to them goes.
    pub fn address(&self) -> &str {
        self.addresses.first().map(String::as_str).unwrap_or_default()
    }

    /// Whether they belong to the customer at `moment`.
    pub fn is_valid_at(&self, moment: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= moment)
            && self.valid_until.is_none_or(|until| moment < until)
    }
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let roles: Vec<_> = self.roles.iter().map(|role| role.name()).collect();
        write!(f, "{} <{}>", self.name, self.addresses.join(">, <"))?;
        if !self.phones.is_empty() {
            write!(f, ", {}", self.phones.join(", "))?;
        }
        write!(f, ": {}", if roles.is_empty() { "no role".to_owned() } else { roles.join(", ") })?;
        for (word, moment) in [("from", self.valid_from), ("until", self.valid_until)] {
            if let Some(moment) = moment {
                write!(f, ", {word} {}", crate::calendar::instant(moment))?;
            }
        }
        Ok(())
    }
}

/// E.164 has at most fifteen digits; below seven there is no subscriber.
const PHONE_DIGITS_MAX: usize = 15;
const PHONE_DIGITS_MIN: usize = 7;
