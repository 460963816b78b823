//! Customers and their people as a file tells of them, for `ringwall contact import` and `ringwall case mail --contacts`.

pub(crate) mod directory;

use std::path::{Path, PathBuf};

use cases::change::Standing;
use cases::intake::{Directory, Language, Role};
use cases::registry::{Person, Registration};
use rules::policy::Customer;
use rules::{NumberSet, Timestamp};
use serde::Deserialize;

use self::directory::Ours;
use crate::outcome::Failure;
use crate::policies;

/// What a file says: ourselves, and customers with those policies that it names.
pub(crate) struct Contacts {
    ours: Ours,
    /// In the order of the file.
    pub(crate) customers: Vec<Told>,
}

/// What is said of one customer.
pub(crate) struct Told {
    /// Its people; what it agreed to beforehand only where the file speaks of that.
    pub(crate) registration: Registration,
    /// Whether the file speaks of what it agreed to beforehand.
    pub(crate) has_standing: bool,
    policy: Option<Customer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    /// The name by which our own mail server signs what it found of senders.
    authserv_id: Option<String>,
    /// Servers of ours that add `Received` above those results.
    #[serde(default)]
    hops_behind: usize,
    /// Our own addresses.
    #[serde(default)]
    own_addresses: Vec<String>,
    #[serde(default)]
    customer: Vec<CustomerText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomerText {
    /// Its name, as its policy has it.
    customer: Option<String>,
    /// Its policy instead: name, region, time zone, own and protected numbers come from there.
    policy: Option<PathBuf>,
    /// Domains that its people write from.
    #[serde(default)]
    domains: Vec<String>,
    /// Domains whose seal on forwarded mail is believed as far as it goes.
    #[serde(default)]
    forwarders: Vec<String>,
    /// Domains outside that reports may go to.
    #[serde(default)]
    report_domains: Vec<String>,
    /// Whether reports come with mail; otherwise by link only.
    #[serde(default)]
    report_attachments: bool,
    #[serde(default)]
    spanish: bool,
    #[serde(default)]
    contact: Vec<ContactText>,
    standing: Option<Vec<StandingText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactText {
    name: String,
    addresses: Vec<String>,
    #[serde(default)]
    phones: Vec<String>,
    roles: Vec<Role>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    verified_at: Option<String>,
    zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StandingText {
    name: String,
    lists: Vec<String>,
    entries_max: usize,
    days_max: u32,
    expires: String,
}

impl Contacts {
    /// Reads the file, and the policies that it names, which lie relative to it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
        let text: Text =
            toml::from_str(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        let customers = text.customer.into_iter().map(|customer| customer.read(path));
        let customers = customers.collect::<Result<_, _>>()?;
        let Text { authserv_id, hops_behind, own_addresses, .. } = text;
        Ok(Self {
            ours: Ours { authserv_id, hops_behind, own_addresses, desk_numbers: NumberSet::EMPTY },
            customers,
        })
    }

    /// The same as intake knows it.
    pub(crate) fn directory(self) -> Directory {
        let (registrations, policies): (Vec<_>, Vec<_>) =
            self.customers.into_iter().map(|told| (told.registration, told.policy)).unzip();
        let policies: Vec<_> = policies.into_iter().flatten().collect();
        self.ours.directory(&registrations, &policies)
    }
}

impl CustomerText {
    fn read(self, path: &Path) -> Result<Told, Failure> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let policy = match &self.policy {
            None => None,
            Some(policy) => {
                let set = policies::load(&[folder.join(policy)], None)?;
                Some(set.policies().first().ok_or(Failure::Said)?.text().customer.clone())
            }
        };
        let of_policy = policy.as_ref().map(|customer| customer.name.clone());
        let customer = match (self.customer, of_policy) {
            (Some(said), Some(meant)) if said != meant => {
                let wrong = format!("{}: the policy of {said:?} is {meant:?}'s", path.display());
                return Err(Failure::Usage(wrong));
            }
            (_, Some(name)) | (Some(name), None) => name,
            (None, None) => {
                let wrong = format!(
                    "{}: each [[customer]] needs `customer`, its name, or `policy`, its policy",
                    path.display()
                );
                return Err(Failure::Usage(wrong));
            }
        };
        let people = self.contact.into_iter().map(|contact| contact.read(path));
        let has_standing = self.standing.is_some();
        let standing = self.standing.unwrap_or_default().into_iter();
        let standing = standing.map(|it| it.read(&customer, path)).collect::<Result<_, _>>()?;
        let registration = Registration {
            domains: self.domains.iter().map(|domain| domain.to_lowercase()).collect(),
            forwarders: self.forwarders.iter().map(|domain| domain.to_lowercase()).collect(),
            report_attachments: self.report_attachments,
            report_domains: self.report_domains.iter().map(|domain| domain.to_lowercase()).collect(),
            languages: if self.spanish { vec![Language::Spanish] } else { Vec::new() },
            people: people.collect::<Result<_, _>>()?,
            standing,
            customer,
        };
        Ok(Told { registration, has_standing, policy })
    }
}

impl ContactText {
    fn read(self, path: &Path) -> Result<Person, Failure> {
        let at = |text: Option<&String>| text.map(|text| moment(text, &self.name, path)).transpose();
        Ok(Person {
            valid_from: at(self.valid_from.as_ref())?,
            valid_until: at(self.valid_until.as_ref())?,
            verified_at: at(self.verified_at.as_ref())?,
            roles: self.roles.into_iter().collect(),
            name: self.name,
            addresses: self.addresses,
            phones: self.phones,
            zone: self.zone,
        })
    }
}

impl StandingText {
    fn read(self, customer: &str, path: &Path) -> Result<Standing, Failure> {
        let expires = moment(&self.expires, &self.name, path)?;
        let Self { name, lists, entries_max, days_max, .. } = self;
        let (customer, lists) = (customer.to_owned(), lists.into_iter().collect());
        Ok(Standing { name, customer, lists, entries_max, days_max, expires })
    }
}

fn moment(text: &str, name: &str, path: &Path) -> Result<Timestamp, Failure> {
    let wrong = || Failure::Usage(format!("{}: {text:?} of {name} is no moment: RFC 3339", path.display()));
    let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    Ok(Timestamp(at.as_microsecond()))
}
