//! What figures of a customer are computed by: its policy, its hours, and what its cases say.

use std::collections::BTreeSet;

use cases::Calendar;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use reporter::metrics::{self, Context, Judgements, Period, RuleName, Trunk};
use rules::policy::{Code, Policy, PolicyText, Rates, Span};
use rules::proof::Prover;
use rules::{Number, Timestamp, plan};

/// By the policy in force, if there is one, and by what cases say.
pub(super) fn context(
    policy: Option<&Policy>,
    zone: TimeZone,
    (hours, judgements): (&Calendar, Judgements),
    period: &Period,
) -> Context {
    let mut context = Context::of_zone(zone);
    context.hours = Some(hours.clone());
    context.labels = judgements.labels;
    context.campaigns = judgements.campaigns;
    if let Some(policy) = policy {
        of_policy(&mut context, policy, period);
    }
    context
}

fn of_policy(context: &mut Context, policy: &Policy, period: &Period) {
    let text = policy.text();
    let customer = &text.customer;
    let networks = customer.trusted.iter().chain(&customer.trunks);
    let trunk = |network: &ipnet::IpNet| Trunk {
        name: network.to_string(),
        site: String::new(),
        networks: vec![*network],
        channels: None,
    };
    context.trunks = networks.map(trunk).collect();
    context.own = customer.numbers.clone();
    context.suspect = vec![("unallocated".to_owned(), plan::unallocated().clone())];
    context.rates = customer.rates.rows().iter().map(rate).collect();
    context.national = plan::national(&customer.dial_plan.region).cloned();
    context.rules = rule_names(policy, period.to);
    context.expiring = expiring(text, &context.zone, period);
}

fn rate(rate: &rules::policy::Rate) -> metrics::Rate {
    let prefix = rate.prefix();
    // The plan knows numbers: any of the range will do.
    let number = Number::international(format!("{prefix:0<12}").as_bytes());
    metrics::Rate {
        name: if rate.name.is_empty() { format!("+{prefix}") } else { rate.name.clone() },
        per_minute: f64::from(rate.per_minute) / f64::from(Rates::UNIT),
        is_risk: number
            .is_some_and(|number| plan::risk(number).is_some() || plan::premium().contains(number)),
        prefix,
    }
}

/// The rules, in their order, and which of them no call reaches.
fn rule_names(policy: &Policy, now: Timestamp) -> Vec<RuleName> {
    let text = policy.text();
    let mut prover = Prover::new(text, policy.emergency(), now);
    let findings = prover.findings();
    let is_in = |part: &Span, whole: &Span| whole.start <= part.start && part.end <= whole.end;
    let named =
        |span: &Span| text.firewall.iter().find(|rule| is_in(span, &rule.span)).map(|rule| rule.name.clone());
    let shadows = |of: &Span| {
        let shadowed = findings.iter().filter(|finding| finding.code == Code::ShadowedRule);
        let finding = shadowed.into_iter().find(|finding| is_in(&finding.span, of))?;
        let by = finding.related.as_ref().and_then(|(span, _)| named(span));
        Some(by.unwrap_or_else(|| "earlier rules".to_owned()))
    };
    let firewall = text.firewall.iter().map(|rule| (&rule.name, shadows(&rule.span)));
    let ips = text.ips.iter().map(|rule| (&rule.name, None));
    let mut seen = BTreeSet::new();
    let names = firewall.chain(ips).filter(|(name, _)| seen.insert(name.as_str()));
    names.map(|(name, shadowed_by)| RuleName { name: name.clone(), shadowed_by }).collect()
}

/// Entries of lists that refuse calls, whose last day lies in the next period.
fn expiring(text: &PolicyText, zone: &TimeZone, period: &Period) -> Vec<metrics::Entry> {
    let date = |at: Timestamp| {
        jiff::Timestamp::from_microsecond(at.0).map(|at| zone.to_datetime(at).date()).unwrap_or_default()
    };
    let length = period.to.micros_since(period.from);
    let (first, last) = (date(period.to), date(period.to.plus_micros(length)));
    let mut found = Vec::new();
    for list in text.lists.iter().filter(|list| list.refuses && list.has_expiring()) {
        for listed in list.listed(text) {
            let Some(expires) = listed.entry.expires.as_deref() else { continue };
            let day: Option<Date> = expires.get(..10).and_then(|day| day.parse().ok());
            let rules::policy::Pattern::Exact(number) = listed.pattern else { continue };
            if day.is_some_and(|day| first <= day && day < last) && found.len() < EXPIRING_MAX {
                found.push(metrics::Entry {
                    number: number.value(),
                    list: list.name.clone(),
                    expires: expires.to_owned(),
                    since: period.from,
                });
            }
        }
    }
    found
}

/// Of more a report could show none.
const EXPIRING_MAX: usize = 1_000;
