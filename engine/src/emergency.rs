//! Whether a request dials an emergency service, for whoever has no time, or no policy, to judge it.

use rules::plan::{DialPlan, everywhere};
use rules::policy::PolicySet;
use rules::{Method, Party};

use crate::number;
use crate::sip::{Header, Message, Scheme, Uri};

/// Whether `message` dials what the guard of one of `policies` lets pass: `urn:service:sos` and what is below it, or an
/// emergency number of a customer's region. Without any policy those of every region count. Who calls, and which way,
/// is left out of it: in doubt it is an emergency.
pub fn dials_emergency(message: &Message<'_>, policies: &PolicySet) -> bool {
    let plans = match policies.plans() {
        [] => everywhere(),
        plans => plans,
    };
    is_emergency(&message.request_uri(), plans)
        // A transfer dials as well.
        || message.method() == Method::Refer
            && message.addresses(Header::ReferTo).any(|target| is_emergency(&target.uri, plans))
}

/// Whether what `uri` names is as short as an emergency number with a country code or an access code before it, or is a
/// service.
pub fn is_short(uri: &Uri<'_>) -> bool {
    let user = uri.user.unwrap_or_default();
    let number = user.split(|&byte| byte == b';').next().unwrap_or_default();
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    uri.scheme == Scheme::Urn || digits <= SHORT_DIGITS_MAX
}

fn is_emergency(uri: &Uri<'_>, plans: &[DialPlan]) -> bool {
    // Most are told apart by their length alone, which costs nothing.
    is_short(uri)
        && plans.iter().any(|plan| match number::read(uri, plan, number::Role::Called).party {
            Party::EmergencyService => true,
            Party::Number(number) => plan.habits().emergency.contains(number),
            Party::Anonymous | Party::Invalid | Party::Name | Party::Absent => false,
        })
}

/// Digits of an emergency number with a country code or an access code before it, at most.
const SHORT_DIGITS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use rules::policy::{MemoryFiles, read};
    use rules::{Policy, Timestamp};

    use super::*;

    fn policies(regions: &[&str]) -> PolicySet {
        let policy = |region: &&str| {
            let text = format!(
                "[customer]\nname = \"{region}\"\nregion = \"{region}\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\n"
            );
            let reading = read("a.toml", &text, &MemoryFiles::new(), Timestamp::default());
            Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)))
        };
        PolicySet::new(regions.iter().map(policy).collect())
    }

    fn dials(target: &str, policies: &PolicySet) -> bool {
        let text = format!("INVITE {target} SIP/2.0\r\nResource-Priority: ets.0\r\n\r\n");
        dials_emergency(&Message::read(text.as_bytes()), policies)
    }

    const ALWAYS: [&str; 8] = [
        "urn:service:sos",
        "urn:service:sos.police",
        "sip:911@a.example",
        "sip:112@a.example",
        "sip:9-1-1@a.example",
        "sip:%39%31%31@a.example",
        "tel:911;phone-context=+1",
        "sip:+1911@a.example",
    ];
    const NEVER: [&str; 9] = [
        "sip:1234@a.example",
        "sip:123456@a.example",
        "sip:anna@a.example",
        "sip:a.example",
        "sip:+12105550100@a.example",
        "sip:5550100@a.example",
        "sip:91112105550100@a.example",
        "urn:service:counseling",
        "sip:12345678@a.example",
    ];

    #[test]
    fn what_a_policy_calls_an_emergency_number_is_one_and_nothing_else() {
        let us = policies(&["US"]);
        for target in ALWAYS {
            assert!(dials(target, &us), "{target}");
        }
        for target in NEVER.into_iter().chain(["sip:999@a.example", "sip:110@a.example"]) {
            assert!(!dials(target, &us), "{target}");
        }
        let both = policies(&["US", "GB"]);
        assert!(dials("sip:999@a.example", &both) && !dials("sip:110@a.example", &both));
    }

    #[test]
    fn without_a_policy_emergency_numbers_of_every_region_count() {
        let none = policies(&[]);
        let others = ["999", "000", "110", "119", "15", "9911", "0112", "+44999"];
        let others = others.map(|number| format!("sip:{number}@a.example"));
        for target in ALWAYS.into_iter().chain(others.iter().map(String::as_str)) {
            assert!(dials(target, &none), "{target}");
        }
        for target in NEVER {
            assert!(!dials(target, &none), "{target}");
        }
    }

    #[test]
    fn a_transfer_dials_whom_it_names() {
        let text = |target: &str| {
            format!("REFER sip:desk@a.example SIP/2.0\r\nRefer-To: <sip:{target}@a.example>\r\n\r\n")
        };
        let us = policies(&["US"]);
        assert!(dials_emergency(&Message::read(text("911").as_bytes()), &us));
        assert!(!dials_emergency(&Message::read(text("1234").as_bytes()), &us));
    }
}
