//! Blocks that engines share: one sees a caller at work, the other refuses the next call.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by its panic what is wrong")]

use std::sync::Arc;

use ringwall_engine::{Budget, Engine, Imposed, Packet, Seeds};
use rules::policy::{MemoryFiles, PolicySet};
use rules::{Action, Flags, Policy, Timestamp, Transport};

/// Refuses who called three times within a minute, and calls of `listed`.
fn policies(listed: &str) -> Arc<PolicySet> {
    with_levels(listed, "critical = 3\naction = { critical = { block = \"1h\" } }")
}

fn with_levels(listed: &str, levels: &str) -> Arc<PolicySet> {
    let text = format!(
        "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n\
         [[firewall]]\nname = \"listed\"\nwhen = {{ caller = \"{listed}\" }}\naction = \"block\"\n\
         [[ips]]\nname = \"keeps calling\"\ncount = \"attempts\"\nper = [\"caller\", \"source_net:24\"]\nwithin = \"1m\"\n{levels}\n"
    );
    let reading = rules::policy::read("acme.toml", &text, &MemoryFiles::new(), Timestamp::default());
    Arc::new(PolicySet::new(vec![Policy::new(
        reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)),
    )]))
}

fn engine(policies: &Arc<PolicySet>, seeds: Seeds) -> Engine {
    let mut engine = Engine::with_seeds(Arc::clone(policies), Budget::default(), seeds);
    engine.share_blocks();
    engine
}

/// A call of `caller` in second `second` of the test.
fn call(engine: &mut Engine, caller: &str, second: i64) -> Action {
    let message = format!(
        "INVITE sip:+12105550101@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{caller}{second}\r\n\
         From: <sip:{caller}@example.com>;tag=f\r\nTo: <sip:+12105550101@example.com>\r\nCall-ID: {caller}-{second}\r\n\
         CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
    let handled = engine.handle(&Packet {
        at: at(second),
        source: "192.0.2.1:5060".parse().unwrap(),
        destination: "198.51.100.1:5060".parse().unwrap(),
        transport: Transport::Udp,
        payload: message.as_bytes(),
        flags: Flags::NONE,
    });
    handled.decision.unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_791_979_200 + second)
}

fn told(engine: &mut Engine) -> Vec<Imposed> {
    std::iter::from_fn(|| engine.poll_imposed()).collect()
}

/// Three calls, of which the last reaches the limit.
fn reach_limit(engine: &mut Engine, caller: &str) -> Vec<Imposed> {
    (1..=3).for_each(|second| _ = call(engine, caller, second));
    told(engine)
}

const WRONG: &str = "+13035550142";
const RIGHT: &str = "+13035550143";

#[test]
fn what_one_sets_the_other_holds_as_long_and_does_not_tell_on() {
    let (policies, seeds) = (policies("+13035550177"), Seeds::random());
    let (mut one, mut other) = (engine(&policies, seeds), engine(&policies, seeds));
    let set = reach_limit(&mut one, WRONG);
    assert_eq!(set.len(), 1);
    assert_eq!(call(&mut other, WRONG, 4), Action::Allow);
    assert!(other.impose(&set[0]));
    assert_eq!((call(&mut other, WRONG, 5), call(&mut other, RIGHT, 5)), (Action::Block, Action::Allow));
    assert_eq!(call(&mut other, WRONG, 6), Action::Block);
    // It has counted three as well, of which it refused two.
    assert!(
        other.poll_breach().is_some() && told(&mut other).is_empty(),
        "calls that it refuses do not prolong it"
    );
    let (here, there) =
        (one.restraints(at(6)).next().unwrap().clone(), other.restraints(at(6)).next().unwrap());
    assert_eq!((here.since, here.until, &here.key), (there.since, there.until, &there.key));
    assert_eq!(
        (here.hits, there.hits),
        (1, 2),
        "hits are those of each, from the call on that reached the limit"
    );
    assert_eq!(call(&mut other, WRONG, 3_604), Action::Allow, "it ends by itself");
}

#[test]
fn what_a_person_lifted_stays_lifted_and_a_lift_comes_along() {
    let (policies, seeds) = (policies("+13035550177"), Seeds::random());
    let (mut one, mut other) = (engine(&policies, seeds), engine(&policies, seeds));
    let set = reach_limit(&mut one, WRONG);
    assert!(other.impose(&set[0]));
    other.restraints_mut(at(4)).for_each(|restraint| restraint.lifted = true);
    assert!(other.impose(&set[0]));
    assert_eq!(call(&mut other, WRONG, 5), Action::Allow);
    // Told again, with the lift.
    other.share_blocks();
    let lifted = told(&mut other);
    assert_eq!(call(&mut one, WRONG, 6), Action::Block);
    assert!(one.impose(&lifted[0]));
    assert_eq!(call(&mut one, WRONG, 7), Action::Allow);
}

#[test]
fn a_block_waits_for_its_policies_and_is_told_again_under_the_next() {
    let (before, after, seeds) = (policies("+13035550177"), policies("+13035550178"), Seeds::random());
    let (mut one, mut other) = (engine(&before, seeds), engine(&before, seeds));
    one.take_up(Arc::clone(&after), Budget::default());
    let set = reach_limit(&mut one, WRONG);
    assert!(other.impose(&set[0]));
    assert_eq!(call(&mut other, WRONG, 4), Action::Allow, "its number means nothing under these");
    other.take_up(Arc::clone(&after), Budget::default());
    assert_eq!(call(&mut other, WRONG, 5), Action::Block);
    // Who took up policies tells what still holds: to whoever came later, or missed it.
    let mut late = engine(&before, seeds);
    late.take_up(Arc::clone(&after), Budget::default());
    other.take_up(Arc::clone(&after), Budget::default());
    assert!(told(&mut other).iter().all(|imposed| late.impose(imposed)));
    assert_eq!(call(&mut late, WRONG, 6), Action::Block);
}

#[test]
fn with_other_seeds_nothing_is_shared_and_a_state_keeps_its_own() {
    let policies = policies("+13035550177");
    let (mut one, mut other) = (engine(&policies, Seeds::random()), engine(&policies, Seeds::random()));
    let set = reach_limit(&mut one, WRONG);
    assert!(!other.impose(&set[0]), "its hashes mean nothing here");
    assert_eq!(call(&mut other, WRONG, 4), Action::Allow);

    let state = one.snapshot();
    assert_eq!(Engine::seeds_of(&state), Ok(one.seeds()));
    assert!(Engine::seeds_of(&state[..state.len() - 1]).is_err() && Engine::seeds_of(b"").is_err());
    let mut again = Engine::restore(Arc::clone(&policies), Budget::default(), &state).unwrap();
    assert!(told(&mut again).is_empty(), "nobody has asked");
    again.share_blocks();
    let mut third = engine(&policies, one.seeds());
    assert!(told(&mut again).iter().all(|imposed| third.impose(imposed)));
    assert_eq!(call(&mut third, WRONG, 5), Action::Block);
}

#[test]
fn what_only_marked_refuses_once_another_reached_the_higher_level() {
    let levels = "warning = 2\ncritical = 3\n\
                  action = { warning = { tag = \"twice\", for = \"1h\" }, critical = { block = \"1h\" } }";
    let (policies, seeds) = (with_levels("+13035550177", levels), Seeds::random());
    let (mut one, mut other) = (engine(&policies, seeds), engine(&policies, seeds));
    let set = reach_limit(&mut one, WRONG);
    assert_eq!(set.len(), 2);
    assert!(other.impose(&set[0]));
    assert_eq!(call(&mut other, WRONG, 4), Action::Tag);
    assert!(other.impose(&set[1]));
    assert_eq!(call(&mut other, WRONG, 5), Action::Block);
    // Whatever comes late does not make it milder.
    assert!(other.impose(&set[0]));
    assert_eq!(call(&mut other, WRONG, 6), Action::Block);
}

#[test]
fn who_was_let_off_once_is_refused_by_the_next_block() {
    let (policies, seeds) = (policies("+13035550177"), Seeds::random());
    let (mut one, mut other) = (engine(&policies, seeds), engine(&policies, seeds));
    assert!(other.impose(&reach_limit(&mut one, WRONG)[0]));
    for engine in [&mut one, &mut other] {
        engine.restraints_mut(at(4)).for_each(|restraint| restraint.lifted = true);
    }
    // It is over, and nobody has looked at it since.
    (7_201..=7_203).for_each(|second| _ = call(&mut one, WRONG, second));
    let again = told(&mut one);
    assert_eq!(again.len(), 1);
    assert!(other.impose(&again[0]));
    assert_eq!(
        (call(&mut one, WRONG, 7_204), call(&mut other, WRONG, 7_204)),
        (Action::Block, Action::Block)
    );
    let held = other.restraints(at(7_205)).next().unwrap();
    assert_eq!((held.since, held.lifted), (at(7_203), false));
}
