//! What intake knows of customers, made of registrations and policies.

use cases::Registration;
use cases::intake::{Directory, Protected, Tenant};
use rules::NumberSet;
use rules::policy::Customer;

/// What is ours: the same for all customers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ours {
    /// The name by which our own mail server signs what it found of senders.
    pub(crate) authserv_id: Option<String>,
    /// Servers of ours that add `Received` above those results.
    pub(crate) hops_behind: usize,
    /// Our own addresses.
    pub(crate) own_addresses: Vec<String>,
    /// Our own telephone numbers: nobody has them blocked.
    pub(crate) desk_numbers: NumberSet,
}

impl Ours {
    /// Everybody who has a policy or has told of its people. Region, zone and numbers of a customer come from its policy:
    /// without one its numbers are read as those of the United States, and none is known to be its own.
    pub(crate) fn directory(&self, registrations: &[Registration], policies: &[Customer]) -> Directory {
        let told = |name: &str| registrations.iter().find(|it| it.customer == name);
        let with_policy = policies.iter().map(|policy| tenant(told(&policy.name), Some(policy)));
        let has_none = |it: &&Registration| !policies.iter().any(|policy| policy.name == it.customer);
        let without = registrations.iter().filter(has_none).map(|it| tenant(Some(it), None));
        Directory {
            authserv_id: self.authserv_id.clone(),
            hops_behind: self.hops_behind,
            own_addresses: self.own_addresses.clone(),
            desk_numbers: self.desk_numbers.clone(),
            tenants: with_policy.chain(without).collect(),
        }
    }
}

fn tenant(told: Option<&Registration>, policy: Option<&Customer>) -> Tenant {
    let mut tenant = Tenant { zone: "UTC".to_owned(), ..Tenant::default() };
    if let Some(policy) = policy {
        let reason = "it is on the list of numbers that stay open".to_owned();
        tenant.id.clone_from(&policy.name);
        tenant.plans = vec![policy.dial_plan.clone()];
        policy.time_zone.iana_name().unwrap_or("UTC").clone_into(&mut tenant.zone);
        tenant.own_numbers = policy.numbers.clone();
        tenant.main_numbers = policy.numbers.clone();
        tenant.protected = vec![Protected { numbers: policy.protected.clone(), reason }];
    } else {
        tenant.plans = vec![rules::plan::DialPlan::default()];
    }
    if let Some(told) = told {
        tenant.id.clone_from(&told.customer);
        tenant.domains.clone_from(&told.domains);
        tenant.forwarders.clone_from(&told.forwarders);
        tenant.report_domains.clone_from(&told.report_domains);
        tenant.languages.clone_from(&told.languages);
        tenant.contacts = told.contacts();
    }
    tenant
}
