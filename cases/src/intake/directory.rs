//! What intake knows of customers: plain data that the registry fills.

use std::collections::BTreeSet;

use rules::plan::DialPlan;
use rules::{NumberSet, Timestamp};
use serde::{Deserialize, Serialize};

/// What intake knows of ourselves and of all customers.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The name by which our own mail server signs what it found of senders (RFC 8601 `authserv-id`).
    pub authserv_id: Option<String>,
    /// How many servers of ours add a `Received` above those results.
    pub hops_behind: usize,
    /// Our own addresses; `case@desk.example.com` also stands for `case+…@desk.example.com`.
    pub own_addresses: Vec<String>,
    /// Numbers of our own desk.
    pub desk_numbers: NumberSet,
    /// All customers.
    pub tenants: Vec<Tenant>,
}

/// A customer.
#[derive(Clone, Debug, Default)]
pub struct Tenant {
    /// What names it in the store.
    pub id: String,
    /// Domains its people write from, lower case.
    pub domains: Vec<String>,
    /// How its people write numbers, by region, the likeliest first. At least one.
    pub plans: Vec<DialPlan>,
    /// Its time zone, such as `America/Chicago`.
    pub zone: String,
    /// Languages whose labels are read.
    pub languages: Vec<Language>,
    /// Numbers that are its own.
    pub own_numbers: NumberSet,
    /// Its main numbers, which no other customer may have blocked unasked.
    pub main_numbers: NumberSet,
    /// Numbers that are never blocked for it.
    pub protected: Vec<Protected>,
    /// Domains whose seal on forwarded mail is believed as far as T-3 goes.
    pub forwarders: Vec<String>,
    /// Domains outside that an authoriser confirmed as recipients of reports.
    pub report_domains: Vec<String>,
    /// How many days back there are records; `None` when it is not known.
    pub records_days: Option<i64>,
    /// Its people.
    pub contacts: Vec<Contact>,
}

/// Numbers that are never blocked, and why.
#[derive(Clone, Debug)]
pub struct Protected {
    /// Which.
    pub numbers: NumberSet,
    /// Why, as people read it.
    pub reason: String,
}

/// A person of a customer.
#[derive(Clone, Debug)]
pub struct Contact {
    /// What names it in the store.
    pub id: String,
    /// Addresses it writes from.
    pub addresses: Vec<String>,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// From when on it is one; `None` for always.
    pub valid_from: Option<Timestamp>,
    /// Until when it is one; `None` for ever.
    pub valid_until: Option<Timestamp>,
}

/// What a contact may do (C-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Ask for changes and reports.
    Requester,
    /// Authorise changes.
    Authorizer,
    /// Get reports.
    ReportRecipient,
    /// Be told of incidents.
    IncidentNotify,
    /// Be called when nothing else helped.
    Escalation,
}

/// A language whose labels and quoting are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// English; labels in it are always read.
    English,
    /// Spanish.
    Spanish,
}

impl Role {
    /// The word that is stored, shown and typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requester => "requester",
            Self::Authorizer => "authorizer",
            Self::ReportRecipient => "report-recipient",
            Self::IncidentNotify => "incident-notify",
            Self::Escalation => "escalation",
        }
    }
}

impl Directory {
    /// Whether `address` is one of ours.
    pub fn is_own(&self, address: &str) -> bool {
        let address = super::address::normal(address);
        let plain = address.split_once('@').map(|(local, domain)| {
            let local = local.split_once('+').map_or(local, |(local, _)| local);
            format!("{local}@{domain}")
        });
        self.own_addresses.iter().any(|own| {
            let own = super::address::normal(own);
            own == address || plain.as_ref() == Some(&own)
        })
    }

    /// The customer that this address belongs to as a contact, at any time.
    pub(super) fn contact(&self, address: &str) -> Option<(&Tenant, &Contact)> {
        let address = super::address::normal(address);
        self.tenants.iter().find_map(|tenant| {
            let is_its =
                |contact: &&Contact| contact.addresses.iter().any(|it| super::address::normal(it) == address);
            tenant.contacts.iter().find(is_its).map(|contact| (tenant, contact))
        })
    }

    /// The customer whose domain this is.
    pub(super) fn tenant_of_domain(&self, domain: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.domains.iter().any(|it| it == domain))
    }

    /// The customer called `id`.
    pub fn tenant(&self, id: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.id == id)
    }
}

impl Contact {
    /// Whether it is a contact at `moment`.
    pub fn is_valid_at(&self, moment: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= moment)
            && self.valid_until.is_none_or(|until| moment < until)
    }
}
