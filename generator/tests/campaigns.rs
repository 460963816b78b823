//! Each attack is what it is named for, in the numbers of its truth, for every customer.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use ringwall_generator::{Attack, Campaign, Campaigns, Customer, Day, Direction, Settings, Truth};

/// What is asked of one campaign.
type Check<'a> = &'a dyn Fn(&Customer, &Campaign, &[Truth]);

/// Asks it of eight campaigns of `attack` at each customer.
fn check(attack: Attack, ask: Check<'_>) {
    for (seed, customer) in (100..).zip(Customer::all()) {
        let day = Day::new(Settings {
            seed,
            customer: customer.clone(),
            duration_micros: 4 * 86_400_000_000,
            calls_per_hour: 0.0,
            attacks: vec![attack],
            campaigns: Campaigns::Each(8),
            confounders: Vec::new(),
            ..Settings::default()
        });
        let mut calls: BTreeMap<u32, Vec<Truth>> = BTreeMap::new();
        for truth in day.truths() {
            if let Some(campaign) = truth.campaign {
                calls.entry(campaign).or_default().push(truth);
            }
        }
        for campaign in day.campaigns() {
            ask(&customer, &campaign, &calls[&campaign.id]);
        }
    }
}

fn number(text: &str) -> u64 {
    text.trim_start_matches('+').parse().unwrap_or(0)
}

fn share(calls: &[Truth], test: impl Fn(&Truth) -> bool) -> f64 {
    calls.iter().filter(|call| test(call)).count() as f64 / calls.len() as f64
}

fn seconds(campaign: &Campaign) -> f64 {
    (campaign.last_micros - campaign.first_micros) as f64 / 1e6
}

/// Most calls of the list that are up at the same time.
fn together(calls: &[Truth]) -> usize {
    let mut moments: Vec<(i64, isize)> = calls
        .iter()
        .filter_map(|call| Some((call.start_micros, call.duration_seconds?)))
        .flat_map(|(start, duration)| [(start, 1), (start + (duration * 1e6) as i64, -1)])
        .collect();
    moments.sort_unstable();
    let (mut up, mut most) = (0, 0);
    for (_, change) in moments {
        up += change;
        most = most.max(up);
    }
    most as usize
}

/// Most calls of the list that begin within any hour.
fn in_an_hour(calls: &[Truth]) -> usize {
    let starts: Vec<i64> = calls.iter().map(|call| call.start_micros).collect();
    (0..starts.len())
        .map(|first| starts.partition_point(|&start| start < starts[first] + 3_600_000_000) - first)
        .max()
        .unwrap_or(0)
}

#[test]
fn denial_of_service_is_many_calls_at_few_numbers_or_at_all() {
    check(Attack::TelephonyDenialOfService, &|customer, campaign, calls| {
        let called: BTreeSet<&str> = calls.iter().map(|call| call.called.as_str()).collect();
        assert!(calls.len() >= 80 && seconds(campaign) < 4.0 * 3_600.0 + 1.0, "{campaign:?}");
        assert!(campaign.variant == "flood-of-all" || called.len() <= 4, "{campaign:?}");
        assert!(called.iter().all(|called| customer.owns(number(called))));
    });
}

#[test]
fn war_dialling_covers_a_run_of_numbers() {
    check(Attack::WarDialling, &|customer, campaign, calls| {
        let called: BTreeSet<u64> = calls.iter().map(|call| number(&call.called)).collect();
        let own: Vec<u64> = customer.each_number().collect();
        let places: Vec<usize> =
            called.iter().map(|called| own.iter().position(|own| own == called).unwrap()).collect();
        assert!(called.len() >= 20.min(own.len()), "{campaign:?}");
        let (least, most) = (*places.iter().min().unwrap(), *places.iter().max().unwrap());
        assert_eq!(most - least + 1, places.len(), "no gap: {campaign:?}");
    });
}

#[test]
fn spoofed_callers_are_neighbours_own_numbers_or_numbers_that_never_call() {
    check(Attack::NeighbourSpoofing, &|customer, campaign, calls| {
        for call in calls {
            let (caller, called) = (number(&call.caller), number(&call.called));
            assert!(caller / 10_000 == called / 10_000 && !customer.owns(caller), "{campaign:?} {call:?}");
        }
    });
    check(Attack::OwnNumberSpoofing, &|customer, _, calls| {
        let own = |call: &Truth| call.direction == Direction::Inbound && customer.owns(number(&call.caller));
        assert_eq!(share(calls, own), 1.0);
    });
    check(Attack::DoNotOriginate, &|customer, _, calls| {
        assert_eq!(share(calls, |call| customer.do_not_originate.contains(&number(&call.caller))), 1.0);
    });
}

#[test]
fn wangiri_rings_once_from_abroad() {
    check(Attack::Wangiri, &|customer, campaign, calls| {
        let one_ring = |call: &Truth| !call.answered() && call.ring_seconds.is_some_and(|ring| ring < 5.0);
        assert!(share(calls, one_ring) > 0.75, "{campaign:?}");
        assert!(share(calls, |call| customer.owns(number(&call.called))) == 1.0);
    });
}

#[test]
fn fraud_goes_out_to_other_countries_and_pays_by_the_minute() {
    check(Attack::RevenueShareFraud, &|customer, campaign, calls| {
        let out = |call: &Truth| call.direction == Direction::Outbound && customer.owns(number(&call.caller));
        assert_eq!(share(calls, out), 1.0, "{campaign:?}");
        let minutes: f64 = calls.iter().filter_map(|call| call.duration_seconds).sum::<f64>() / 60.0;
        assert!(minutes > 20.0, "{minutes} {campaign:?}");
    });
    check(Attack::FraudTestCalls, &|_, campaign, calls| {
        assert!(
            calls.len() <= 14 && share(calls, |call| call.duration_seconds.is_none_or(|it| it < 16.0)) == 1.0
        );
        let callers: BTreeSet<&str> = calls.iter().map(|call| call.caller.as_str()).collect();
        assert_eq!(callers.len(), 1, "{campaign:?}");
    });
    check(Attack::TrafficPumping, &|_, campaign, calls| {
        let (answered, total) = calls
            .iter()
            .filter_map(|call| call.duration_seconds)
            .fold((0, 0.0), |(count, total), duration| (count + 1, total + duration));
        assert!(answered >= 20 && total / f64::from(answered) > 200.0, "{campaign:?}");
    });
    check(Attack::ConcurrentCallTheft, &|_, campaign, calls| {
        assert!(together(calls) >= 5, "{} at once: {campaign:?}", together(calls));
    });
    check(Attack::AfterHoursOutbound, &|customer, campaign, calls| {
        let out = |call: &Truth| call.direction == Direction::Outbound && customer.owns(number(&call.caller));
        assert_eq!(share(calls, out), 1.0, "{campaign:?}");
    });
}

#[test]
fn harassment_and_break_ins_have_one_victim() {
    check(Attack::Harassment, &|_, campaign, calls| {
        let called: BTreeSet<&str> = calls.iter().map(|call| call.called.as_str()).collect();
        let callers: BTreeSet<&str> = calls.iter().map(|call| call.caller.as_str()).collect();
        assert_eq!((called.len(), callers.len()), (1, 1), "{campaign:?}");
        assert!(calls.len() >= 12);
    });
    check(Attack::VoicemailBreakIn, &|customer, campaign, calls| {
        let to_voicemail = |call: &Truth| {
            number(&call.called) == customer.voicemail() && call.duration_seconds.is_some_and(|it| it <= 31.0)
        };
        assert!(share(calls, to_voicemail) > 0.5, "{campaign:?}");
    });
}

#[test]
fn robocalls_burst_stay_low_or_rotate() {
    check(Attack::RobocallBurst, &|_, campaign, calls| {
        let callers: BTreeSet<&str> = calls.iter().map(|call| call.caller.as_str()).collect();
        assert!(calls.len() >= 30 && callers.len() <= 25 && seconds(campaign) <= 7_200.0, "{campaign:?}");
    });
    check(Attack::LowAndSlowRobocall, &|_, campaign, calls| {
        assert!(in_an_hour(calls) <= 18 && calls.len() >= 12, "{} {campaign:?}", in_an_hour(calls));
        assert!(seconds(campaign) > 4.0 * 3_600.0, "{campaign:?}");
    });
    check(Attack::RotatingCallers, &|_, campaign, calls| {
        let callers: BTreeSet<&str> = calls.iter().map(|call| call.caller.as_str()).collect();
        assert!(callers.len() >= 25, "{} of {}: {campaign:?}", callers.len(), calls.len());
    });
    check(Attack::SimBox, &|customer, campaign, calls| {
        let inside =
            |call: &Truth| customer.owns(number(&call.caller)) != customer.owns(number(&call.called));
        assert!(calls.len() >= 80 && share(calls, inside) == 1.0, "{campaign:?}");
    });
}
