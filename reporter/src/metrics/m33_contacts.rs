//! M33: whether the people of a customer can still be reached and asked.

use std::collections::BTreeSet;

use cases::intake::Role;
use cases::outgoing::{Channel, Delivery};
use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Unit};

/// What M33 says of the end of the period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contacts {
    /// People who may act.
    pub people: u64,
    /// Customer and name of those whose addresses nobody verified in 180 days.
    pub not_verified: Vec<(String, String)>,
    /// Customers with fewer than two authorisers.
    pub few_authorisers: Vec<String>,
    /// Customer and address or number to which mail or a text message failed in the period.
    pub bounced: Vec<(String, String)>,
}

impl Measure for Contacts {
    const DEFINITION: Definition = Definition {
        id: "M33",
        name: "Contact hygiene",
        formula: "contacts valid at the end without verification in the 180 days before; customers with fewer than two authorisers; addresses and numbers \
                  to which mail or a text message failed in the period",
        unit: Unit::Count,
        version: 2,
        counts: "People of yours whose addresses should be looked at again, and whether enough of them may authorise.",
        omits: "Mail and text messages that a provider took and did not deliver: only what it refused is known.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let end = period.to.min(desk.now);
        let mut measured = Self::default();
        for registration in desk.registrations {
            for person in registration.people.iter().filter(|person| person.is_valid_at(end)) {
                measured.people += 1;
                if person.verified_at.is_none_or(|at| end.micros_since(at) > VERIFIED_MICROS) {
                    measured.not_verified.push((registration.customer.clone(), person.name.clone()));
                }
            }
            if registration.with_role(Role::Authorizer, end).count() < 2 {
                measured.few_authorisers.push(registration.customer.clone());
            }
        }
        let failed = desk.outgoing.iter().filter(|sent| {
            let at = sent.tries.last().map(|(at, _)| *at);
            matches!(sent.channel, Channel::Mail | Channel::Sms)
                && sent.state == Delivery::Failed
                && at.is_some_and(|at| period.contains(at))
        });
        let bounced: BTreeSet<_> = failed.map(|sent| (sent.customer.clone(), sent.to.clone())).collect();
        measured.bounced = bounced.into_iter().collect();
        measured
    }
}

const VERIFIED_MICROS: i64 = 180 * 86_400 * 1_000_000;
