//! Any user part is read as the number it reaches or as none, and a number once read is read as itself.

use engine::number::{Reading, Role, display_number, is_display_mismatch, read, read_user};
use engine::sip::Uri;
use ringwall_fuzz::{assert_inside, duration, vary};
use rules::plan::{Bare, DialPlan};
use rules::{Number, Party};

const SEEDS: [&str; 24] = [
    "sip:+12105550100@example.com;user=phone",
    "<sip:2105550100@example.com>",
    "tel:+1-210-555-0100",
    "tel:555-0100;phone-context=+1210",
    "tel:0100;phone-context=example.com",
    "sip:+12105550100;npdi;rn=+12105550199@example.com",
    "sip:011442079460100@example.com",
    "sip:0044 20 7946 0100@example.com",
    "sip:9911@example.com",
    "sip:112@example.com",
    "urn:service:sos.fire",
    "sip:anonymous@anonymous.invalid",
    "sip:%2B12105550100@example.com",
    "sip:%252B12105550100@example.com",
    "sip:+1+12105550100@example.com",
    "sip:+4402079460100@example.com",
    "sip:+49891234567890123@example.com",
    "sip:12105550100F@example.com",
    "sip:2105550100,,123#@example.com",
    "sip:*672105550100@example.com",
    "sip:١٢٣@example.com",
    "sip:1-800-FLOWERS@example.com",
    "sip:sip:+12105550100@example.com@example.com",
    "sip:1042@example.com",
];

fn plans() -> Vec<DialPlan> {
    let extensions = [("1xxx".to_owned(), "+12105551xxx".to_owned())];
    let plan = |region, bare, area| DialPlan::new(region, bare, area, &["9".to_owned()], &extensions);
    [
        plan("US", Bare::National, Some("210")),
        plan("US", Bare::International, None),
        plan("GB", Bare::National, Some("20")),
        plan("IT", Bare::National, None),
    ]
    .into_iter()
    .map(|plan| plan.expect("these regions have plans"))
    .collect()
}

fn check(text: &[u8], plans: &[DialPlan]) {
    let uri = Uri::read(text);
    for part in [uri.text, uri.user.unwrap_or_default(), uri.password, uri.host, uri.params, uri.headers] {
        assert_inside(text, part);
    }
    for plan in plans {
        for role in [Role::Caller, Role::OwnCaller, Role::Called] {
            let reading = read(&uri, plan, role);
            assert_eq!(reading, read(&uri, plan, role));
            check_reading(&reading, plan, role);
            check_reading(&read_user(text, plan, role), plan, role);
        }
        let shown = display_number(text, plan);
        shown.into_iter().for_each(|number| check_number(number, plan, Role::Caller));
        if let Some(number) = shown {
            assert!(!is_display_mismatch(text, Party::Number(number), plan), "{number} differs from itself");
        }
    }
}

fn check_reading(reading: &Reading<'_>, plan: &DialPlan, role: Role) {
    for party in [Some(reading.party), reading.routing].into_iter().flatten() {
        party.number().into_iter().for_each(|number| check_number(number, plan, role));
    }
}

/// What was read is normal: written out, it is read as itself and nothing is repaired.
fn check_number(number: Number, plan: &DialPlan, role: Role) {
    assert!((1..=15).contains(&number.len()));
    if !number.is_local() {
        let written = number.to_string();
        let again = read_user(written.as_bytes(), plan, role);
        assert_eq!(again.party, Party::Number(number), "{number} is read as another number");
        assert!(again.flags.is_empty(), "{number} is repaired again: {:?}", again.flags);
    }
}

#[test]
fn number() {
    let plans = plans();
    let seeds: Vec<Vec<u8>> = SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    seeds.iter().for_each(|seed| check(seed, &plans));
    bolero::check!()
        .with_max_len(128)
        .with_test_time(duration())
        .for_each(|script: &[u8]| check(&vary(&seeds, script), &plans));
}
