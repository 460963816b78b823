//! Every shipped detection in two stories: an attack that rings, and honest people who look like one and do not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod detection_support;

use std::collections::BTreeSet;

use detection_support::{check, folder};

macro_rules! detections {
    ($($module:ident $name:literal,)+) => {
        $(mod $module {
            #[test]
            fn rings() {
                super::check($name, "rings");
            }

            #[test]
            fn stays_silent() {
                super::check($name, "silent");
            }
        })+

        const TOLD: &[&str] = &[$($name),+];
    };
}

detections! {
    after_hours_outbound "after-hours-outbound",
    call_type_abuse "call-type-abuse",
    concurrent_call_theft "concurrent-call-theft",
    digest_leak "digest-leak",
    do_not_originate "do-not-originate",
    extension_enumeration "extension-enumeration",
    fraud_test_calls "fraud-test-calls",
    harassment "harassment",
    international_revenue_share_fraud "international-revenue-share-fraud",
    low_and_slow_robocall "low-and-slow-robocall",
    message_flood "message-flood",
    neighbour_spoofing "neighbour-spoofing",
    own_number_spoofing "own-number-spoofing",
    passport_replay "passport-replay",
    registration_cracking "registration-cracking",
    robocall_burst "robocall-burst",
    rotating_callers "rotating-callers",
    scanner "scanner",
    sim_box "sim-box",
    teardown_spoofing "teardown-spoofing",
    telephony_denial_of_service "telephony-denial-of-service",
    traffic_pumping "traffic-pumping",
    transfer_fraud "transfer-fraud",
    voicemail_break_in "voicemail-break-in",
    wangiri "wangiri",
    war_dialling "war-dialling",
}

#[test]
fn calls_that_a_telephone_sends_on_ring_without_the_calls_that_follow() {
    check("transfer-fraud", "moved");
}

#[test]
fn the_name_that_a_machine_shows_gives_it_away() {
    check("rotating-callers", "named");
}

#[test]
fn every_shipped_detection_has_both_stories() {
    let told: BTreeSet<&str> = TOLD.iter().copied().collect();
    let builtin = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/builtin");
    for file in std::fs::read_dir(builtin).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(told.contains(name), "{name} is no test here");
        for which in ["rings", "silent"] {
            let story = folder().join(name).join(format!("{which}.story"));
            assert!(story.is_file(), "{name} has no {which}.story");
        }
    }
}

#[test]
fn every_story_begins_with_what_happens_and_why() {
    for name in TOLD {
        for which in ["rings", "silent"] {
            let text = std::fs::read_to_string(folder().join(name).join(format!("{which}.story"))).unwrap();
            let header: String = text.lines().take_while(|line| line.starts_with('#')).collect();
            assert!(header.len() > 80, "{name}/{which}.story: {header}");
        }
    }
}
