//! Who writes for which customer: the file that `--contacts` names.

use std::path::{Path, PathBuf};

use cases::intake::{Contact, Directory, Language, Protected, Role, Tenant};
use rules::Timestamp;
use serde::Deserialize;

use crate::outcome::Failure;
use crate::policies;

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
    /// Its policy: name, region, time zone, own and protected numbers come from there.
    policy: PathBuf,
    /// Domains that its people write from.
    #[serde(default)]
    domains: Vec<String>,
    /// Domains whose seal on forwarded mail is believed as far as it goes.
    #[serde(default)]
    forwarders: Vec<String>,
    #[serde(default)]
    spanish: bool,
    #[serde(default)]
    contact: Vec<ContactText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactText {
    name: String,
    addresses: Vec<String>,
    roles: Vec<RoleWord>,
    valid_from: Option<String>,
    valid_until: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RoleWord {
    Requester,
    Authorizer,
    ReportRecipient,
    IncidentNotify,
    Escalation,
}

/// Reads the file, and the policies that it names, which lie relative to it.
pub(super) fn read(path: &Path) -> Result<Directory, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
    let text: Text =
        toml::from_str(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let customers = text.customer.into_iter().map(|customer| customer.read(path, folder));
    Ok(Directory {
        authserv_id: text.authserv_id,
        hops_behind: text.hops_behind,
        own_addresses: text.own_addresses,
        tenants: customers.collect::<Result<_, _>>()?,
        ..Directory::default()
    })
}

impl CustomerText {
    fn read(self, path: &Path, folder: &Path) -> Result<Tenant, Failure> {
        let set = policies::load(&[folder.join(&self.policy)], None)?;
        let Some(policy) = set.policies().first() else { return Err(Failure::Said) };
        let customer = &policy.text().customer;
        let contacts = self.contact.into_iter().map(|contact| contact.read(path));
        let reason = "it is on the list of numbers that stay open".to_owned();
        Ok(Tenant {
            id: customer.name.clone(),
            domains: self.domains.iter().map(|domain| domain.to_lowercase()).collect(),
            plans: vec![customer.dial_plan.clone()],
            zone: customer.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            languages: if self.spanish { vec![Language::Spanish] } else { Vec::new() },
            own_numbers: customer.numbers.clone(),
            main_numbers: customer.numbers.clone(),
            protected: vec![Protected { numbers: customer.protected.clone(), reason }],
            forwarders: self.forwarders,
            contacts: contacts.collect::<Result<_, _>>()?,
            ..Tenant::default()
        })
    }
}

impl ContactText {
    fn read(self, path: &Path) -> Result<Contact, Failure> {
        let moment = |text: Option<&String>| -> Result<Option<Timestamp>, Failure> {
            let Some(text) = text else { return Ok(None) };
            let wrong = || {
                Failure::Usage(format!(
                    "{}: {text:?} of {} is no moment: RFC 3339",
                    path.display(),
                    self.name
                ))
            };
            let at: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
            Ok(Some(Timestamp(at.as_microsecond())))
        };
        let (valid_from, valid_until) =
            (moment(self.valid_from.as_ref())?, moment(self.valid_until.as_ref())?);
        let roles = self.roles.iter().map(|role| role.meant()).collect();
        Ok(Contact { id: self.name, addresses: self.addresses, roles, valid_from, valid_until })
    }
}

impl RoleWord {
    const fn meant(self) -> Role {
        match self {
            Self::Requester => Role::Requester,
            Self::Authorizer => Role::Authorizer,
            Self::ReportRecipient => Role::ReportRecipient,
            Self::IncidentNotify => Role::IncidentNotify,
            Self::Escalation => Role::Escalation,
        }
    }
}
