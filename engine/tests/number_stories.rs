//! Ways to write a number that the corpus does not have.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "helpers of tests")]

mod number_support;

use number_support::{plan, uri, us, word};
use ringwall_engine::number::{Role, Verstat, display_number, is_display_mismatch, read, read_user};
use rules::plan::{Bare, DialPlan, PlanError};
use rules::{Flag, Flags, Number, Party};

fn check(text: &[u8], plan: &DialPlan, role: Role, expected: &str, flags: &[Flag]) {
    let uri = uri(text);
    let reading = read(&uri, plan, role);
    let shown = String::from_utf8_lossy(text);
    assert_eq!(word(reading.party, b"name"), expected, "{shown}: {:?}", reading.flags);
    assert_eq!(reading.flags, flags.iter().copied().collect::<Flags>(), "{shown}");
}

#[test]
fn the_united_states_dial_as_they_do() {
    let us = us();
    for (text, expected, flags) in [
        ("sip:+12025550143@h", "+12025550143", &[][..]),
        ("sip:2025550143@h", "+12025550143", &[]),
        ("sip:12025550143@h", "+12025550143", &[]),
        ("sip:5550143@h", "+12025550143", &[]),
        ("sip:011442079460123@h", "+442079460123", &[]),
        ("sip:01442079460123@h", "+442079460123", &[]),
        ("sip:02025550143@h", "+12025550143", &[]),
        ("sip:442079460123@h", "+442079460123", &[Flag::BareInternational]),
        ("sip:+011442079460123@h", "+442079460123", &[Flag::PlusAndPrefix]),
        ("sip:+1011442079460123@h", "+442079460123", &[Flag::PlusAndPrefix]),
        ("sip:00+12025550143@h", "+12025550143", &[Flag::PlusAndPrefix]),
        ("sip:101028801112025550143@h", "+12025550143", &[Flag::ServiceCode]),
        ("sip:1010288011442079460123@h", "+442079460123", &[Flag::ServiceCode]),
        ("sip:10102882025550143@h", "+12025550143", &[Flag::ServiceCode]),
        ("sip:116719005550100@h", "+19005550100", &[Flag::ServiceCode]),
        ("sip:118219005550100@h", "+19005550100", &[Flag::ServiceCode]),
        ("sip:*67101028819005550100@h", "+19005550100", &[Flag::ServiceCode]),
        ("sip:%23%33%31%2319005550100@h", "+19005550100", &[Flag::ServiceCode]),
        ("sip:*21*19005550100%23@h", "+19005550100", &[Flag::ServiceCode]),
        ("sip:*67@h", "name", &[Flag::ServiceCode]),
        ("sip:*98@h", "name", &[Flag::ServiceCode]),
        ("sip:190055501009999@h", "+19005550100", &[Flag::Overlong]),
        ("sip:900555010099999@h", "+19005550100", &[Flag::Overlong]),
        ("sip:+12101111111@h", "+12101111111", &[]),
        ("sip:+1202555014@h", "invalid", &[]),
        ("sip:202555014@h", "invalid", &[]),
        ("sip:+1202555@h", "invalid", &[]),
        ("sip:+@h", "none", &[]),
        ("sip:0@h", "invalid", &[]),
        ("sip:0000000000@h", "invalid", &[]),
        ("sip:1042@h", "1042", &[]),
        ("sip:0042@h", "0042", &[]),
        ("sip:+1202555014300000@h", "+12025550143", &[Flag::Overlong]),
        ("sip:+4930231251234567@h", "invalid", &[]),
        ("sip:+999123456789012345@h", "invalid", &[]),
        ("sip:+9991234567@h", "+9991234567", &[]),
        ("sip:+1-800-FLOWERS@h", "invalid", &[Flag::AlphaInNumber]),
        ("sip:1800FLOWERS@h", "invalid", &[Flag::AlphaInNumber]),
        ("sip:O2O2555O143@h", "invalid", &[Flag::AlphaInNumber]),
        ("sip:2O25550143@h", "invalid", &[Flag::AlphaInNumber]),
        ("sip:alice42@h", "name", &[]),
        ("sip:3com@h", "name", &[]),
    ] {
        check(text.as_bytes(), &us, Role::Called, expected, flags);
    }
}

#[test]
fn without_an_area_seven_digits_stay_local() {
    let us = DialPlan::default();
    check(b"sip:5550143@h", &us, Role::Called, "5550143", &[]);
    check(b"sip:6831234@h", &us, Role::Called, "6831234", &[]);
}

#[test]
fn every_dress_of_a_number_is_seen_through() {
    let us = us();
    let non_ascii = &[Flag::NonAsciiNumber][..];
    for (text, flags) in [("sip:+1\u{966}\u{967}@h", non_ascii), ("sip:+1\u{2460}@h", non_ascii)] {
        check(text.as_bytes(), &us, Role::Caller, "invalid", flags);
    }
    for (user, flags) in [
        ("+1202555014३", non_ascii),
        ("+①②⓪②⑤⑤⑤⓪①④③", non_ascii),
        ("+₁₂₀₂₅₅₅₀₁₄₃", non_ascii),
        ("﹢12025550143", non_ascii),
        ("⁺12025550143", non_ascii),
        ("+1202\u{ad}555\u{2060}0143", non_ascii),
        ("+1\u{a0}202\u{2007}555\u{3000}0143", non_ascii),
        ("+1–202—555−0143", non_ascii),
        ("+1（202）555·0143", non_ascii),
        ("\u{200e}+12025550143\u{200f}", non_ascii),
        ("+1\u{fe0f}\u{20e3}2025550143", non_ascii),
        ("+1\u{e0031}2025550143", non_ascii),
        ("+𝟙𝟚𝟘𝟚𝟝𝟝𝟝𝟘𝟙𝟜𝟛", non_ascii),
        ("+𝟷𝟸𝟶𝟸𝟻𝟻𝟻𝟶𝟷𝟺𝟹", non_ascii),
        ("+一二〇二五五五〇一四三", non_ascii),
        ("+🄂\u{200b}2025550143", non_ascii),
        ("+1%2E202%2E555%2E0143", &[]),
        ("+1 (202) 555-0143", &[]),
        ("+1%09202%095550143", &[]),
        ("%25252B12025550143", &[Flag::DoubleEscape]),
        ("+1%3202025550143", &[Flag::Overlong]),
        ("+1202555%3", &[Flag::BadEscape, Flag::OddSeparator]),
        ("+'1202'5550143", &[Flag::OddSeparator]),
        ("\"+12025550143\"", &[Flag::OddSeparator]),
        ("+12025550143x123", &[Flag::OddTail]),
        ("+12025550143ext123", &[Flag::OddTail]),
        ("+12025550143 ext. 123", &[Flag::OddTail]),
        ("+12025550143%3Bext=1", &[Flag::OddTail]),
        ("+12025550143w9", &[Flag::Pause]),
        ("+12025550143FF", &[Flag::FillerDigit]),
        ("+12025550143%00999", &[Flag::Nul]),
        ("+12025550143%0A", &[Flag::Malformed]),
        ("+12025550143+18005550111", &[Flag::Malformed, Flag::OddTail]),
        ("+12025550143$8005550111", &[Flag::OddTail]),
        ("sips%3A+12025550143", &[Flag::NestedUri]),
        ("sip%3Atel%3A+12025550143%40x", &[Flag::NestedUri]),
        ("%73%69%70%3A+12025550143", &[Flag::NestedUri]),
        ("tel:+12025550143", &[Flag::NestedUri]),
        ("TEL%3a+12025550143", &[Flag::NestedUri]),
    ] {
        let expected = match user {
            "+1202555%3" => "invalid",
            "+1%3202025550143" => "+12020255501",
            _ => "+12025550143",
        };
        check(format!("sip:{user}@h").as_bytes(), &us, Role::Caller, expected, flags);
    }
    check(b"sip:+1202\xb2555\xb20143@h", &us, Role::Caller, "invalid", &[Flag::BadUtf8]);
    check("sip:+12О25550143@h".as_bytes(), &us, Role::Caller, "invalid", &[Flag::AlphaInNumber]);
}

#[test]
fn a_context_joins_whatever_its_dress() {
    let (us, gb) = (us(), plan("GB", None, &[]));
    for (text, expected, flags) in [
        ("sip:2025550143;phone-context=%2B1@h", "+12025550143", &[][..]),
        ("sip:2025550143;PHONE-Context=+1@h", "+12025550143", &[]),
        ("sip:2025550143;phone%2Dcontext=+1@h", "+12025550143", &[]),
        ("sip:5550143;phone-context=+1-202@h", "+12025550143", &[]),
        ("sip:5550143;ext=7;phone-context=\"+1 (202)\"@h", "+12025550143", &[]),
        ("sip:12025550143;phone-context=+1@h", "+12025550143", &[]),
        ("sip:2025550143;phone-context=1@h", "+12025550143", &[]),
        ("sip:020%207946%200123;phone-context=+44@h", "+442079460123", &[]),
        ("sip:442079460123;phone-context=+44@h", "+442079460123", &[]),
        ("sip:90055501009999;phone-context=+1@h", "+19005550100", &[Flag::Overlong]),
        ("sip:2025550143;phone-context=+1;phone-context=+44@h", "+12025550143", &[Flag::DupParam]),
        ("sip:2025550143;phone-context=example.com@h", "+12025550143", &[]),
        ("sip:2025550143;phone-context=192.0.2.1@h", "+12025550143", &[]),
        ("sip:5550143;phone-context=+999@h", "invalid", &[]),
        ("sip:+12025550143;phone-context=example.com@h", "+12025550143", &[Flag::Malformed]),
    ] {
        check(text.as_bytes(), &us, Role::Caller, expected, flags);
    }
    check(b"tel:0143;phone-context=example.com", &gb, Role::Caller, "name", &[]);
    let private = uri(b"tel:0143;phone-context=example.com");
    assert_eq!(read(&private, &gb, Role::Caller).domain, b"example.com");
}

#[test]
fn parameters_never_leak_into_the_number() {
    let us = us();
    for parameter in [
        "ext=99",
        "isub=12025550199",
        "postd=pp22",
        "cpc=payphone",
        "oli=27",
        "cic=+10288",
        "npdi",
        "tgrp=+1800",
        "trunk-context=+1",
        "x=+18005550111",
        "=",
        ";",
        "rn-context=+44",
    ] {
        let text = format!("sip:+12025550143;{parameter}@h;user=phone;{parameter}");
        check(text.as_bytes(), &us, Role::Called, "+12025550143", &[]);
    }
    let routed = uri(b"sip:+12025550100;npdi;rn=+1-900-555-0100@h");
    assert_eq!(
        read(&routed, &us, Role::Called).routing.map(|party| word(party, b"")),
        Some("+19005550100".into())
    );
    let routed = uri(b"sip:+12025550100@h;RN=%2B19005550100");
    assert_eq!(
        read(&routed, &us, Role::Called).routing.map(|party| word(party, b"")),
        Some("+19005550100".into())
    );
    for (value, verstat) in [
        ("TN-Validation-Passed", Verstat::Passed),
        ("tn-validation-passed-A", Verstat::Passed),
        ("TN-Validation-Failed", Verstat::Failed),
        ("No-TN-Validation", Verstat::Absent),
        ("yes", Verstat::Other),
    ] {
        for text in [
            format!("sip:+12025550143;verstat={value}@h"),
            format!("sip:+12025550143@h;user=phone;verstat={value}"),
        ] {
            let uri = uri(text.as_bytes());
            assert_eq!(read(&uri, &us, Role::Caller).verstat, Some(verstat), "{text}");
        }
    }
}

#[test]
fn emergency_calls_are_seen_in_every_dress() {
    let us = plan("US", Some("202"), &["9", "81"]);
    for text in [
        "sip:911@h",
        "tel:911",
        "sip:9911@h",
        "sip:81911@h",
        "sip:9,911@h",
        "sip:1911@h",
        "sip:+1911@h",
        "sip:+911@h",
        "sip:91911@h",
        "sip:9-1-1@h",
        "sip:%39%31%31@h",
        "sip:911;phone-context=+1@h",
        "sip:*67911@h",
        "sip:911;phone-context=example.com@h",
        "sip:911%23@h",
        "sip:９１１@h",
        "sip:911;user=phone@h",
    ] {
        check_party(text, &us, "911");
    }
    check_party("sip:112@h", &us, "112");
    check_party("sip:999@h", &plan("GB", None, &["9"]), "999");
    check_party("sip:9999@h", &plan("GB", None, &["9"]), "999");
    check_party("sip:000@h", &plan("AU", None, &["0"]), "000");
    check_party("sip:0000@h", &plan("AU", None, &["0"]), "000");
    check_party("sip:+49110@h", &plan("DE", None, &[]), "110");
    for urn in ["urn:service:sos", "URN:SERVICE:SOS.police", "urn:service:sos?x"] {
        check_party(urn, &us, "emergency");
    }
}

#[test]
fn the_emergency_guard_is_no_way_round_a_block() {
    let us = plan("US", Some("202"), &["9"]);
    for (text, expected) in [
        ("sip:911;phone-context=+252@h", "invalid"),
        ("sip:+252911@h", "invalid"),
        ("sip:+25290000911@h", "+25290000911"),
        ("sip:9115550100@h", "+19115550100"),
        ("urn:service:sosumi", "name"),
        ("urn:service:counseling", "name"),
    ] {
        check_party(text, &us, expected);
    }
    for text in
        ["sip:911,19005550100@h", "sip:911x19005550100@h", "sip:911%3B19005550100@h", "sip:911p19005550100@h"]
    {
        let uri = uri(text.as_bytes());
        let party = read(&uri, &us, Role::Called).party;
        assert_ne!(word(party, b""), "911", "{text}");
    }
}

fn check_party(text: &str, plan: &DialPlan, expected: &str) {
    let uri = uri(text.as_bytes());
    assert_eq!(word(read(&uri, plan, Role::Called).party, b"name"), expected, "{text}");
}

#[test]
fn an_outside_line_is_dialled_and_forgotten() {
    let us = plan("US", Some("202"), &["9"]);
    for (text, expected) in [
        ("sip:912025550143@h", "+12025550143"),
        ("sip:92025550143@h", "+12025550143"),
        ("sip:95550143@h", "+12025550143"),
        ("sip:9011442079460123@h", "+442079460123"),
        ("sip:9,12025550143@h", "+12025550143"),
        ("sip:9p12025550143@h", "+12025550143"),
        ("sip:9+12025550143@h", "+12025550143"),
        ("sip:9*6719005550100@h", "+19005550100"),
        ("sip:9005550100@h", "+19005550100"),
        ("sip:9101028819005550100@h", "+19005550100"),
    ] {
        check_party(text, &us, expected);
    }
    check_party("sip:003023125123@h", &plan("DE", None, &["0"]), "+493023125123");
}

#[test]
fn an_extension_stands_for_its_number_on_the_customers_side() {
    let extensions = [("1xxx".to_string(), "+1 210 555 1xxx".to_string())];
    let acme = DialPlan::new("us", Bare::National, Some("210"), &["9".into()], &extensions).unwrap();
    for (role, expected) in
        [(Role::Called, "+12105551042"), (Role::OwnCaller, "+12105551042"), (Role::Caller, "1042")]
    {
        check(b"sip:1042@pbx.example", &acme, role, expected, &[]);
    }
    check(b"sip:2042@pbx.example", &acme, Role::Called, "2042", &[]);
    check(b"sip:10420@pbx.example", &acme, Role::Called, "10420", &[]);
    for (pattern, number) in [
        ("1xxx", "+1 210 555 1xx"),
        ("1xxx", "210 555 1xxx"),
        ("1yyy", "+12105551yyy"),
        ("x", "+1210555100x"),
    ] {
        let extensions = [(pattern.to_string(), number.to_string())];
        let refused = DialPlan::new("US", Bare::National, None, &[], &extensions);
        assert_eq!(refused, Err(PlanError::BadExtension(pattern.into(), number.into())));
    }
    assert_eq!(
        DialPlan::new("QQ", Bare::National, None, &[], &[]),
        Err(PlanError::UnknownRegion("QQ".into()))
    );
    assert!(DialPlan::new("US", Bare::National, Some("2l0"), &[], &[]).is_err());
    assert!(DialPlan::new("US", Bare::National, None, &["9,".into()], &[]).is_err());
}

#[test]
fn equal_habits_are_one_plan() {
    assert_eq!(us(), us());
    assert_ne!(us(), DialPlan::default());
    assert_eq!(DialPlan::new("us", Bare::National, None, &[], &[]), Ok(DialPlan::default()));
}

#[test]
fn every_country_dials_its_own_way() {
    for (region, text, expected) in [
        ("GB", "02079460123", "+442079460123"),
        ("GB", "14102079460123", "+442079460123"),
        ("GB", "147002079460123", "+442079460123"),
        ("GB", "44442079460123", "+442079460123"),
        ("IT", "0612345678", "+390612345678"),
        ("IT", "390612345678", "+390612345678"),
        ("IT", "0044 20 7946 0123", "+442079460123"),
        ("DE", "030 23125123", "+493023125123"),
        ("DE", "+49 (0)30 23125123", "+493023125123"),
        ("FR", "01 99 00 12 34", "+33199001234"),
        ("RU", "8 (495) 123-45-67", "+74951234567"),
        ("RU", "810442079460123", "+442079460123"),
        ("HU", "06 1 234 5678", "+3612345678"),
        ("JP", "010442079460123", "+442079460123"),
        ("JP", "03-1234-5678", "+81312345678"),
        ("AU", "0011442079460123", "+442079460123"),
        ("AU", "02 5550 1234", "+61255501234"),
        ("AU", "1831 02 5550 1234", "+61255501234"),
        ("FI", "990 44 20 7946 0123", "+442079460123"),
        ("BR", "0 15 11 2345 6789", "+551123456789"),
        ("BR", "0015 44 20 7946 0123", "+442079460123"),
        ("MX", "+52 1 55 1234 5678", "+525512345678"),
        ("MX", "044 55 1234 5678", "+525512345678"),
        ("MX", "01 55 1234 5678", "+525512345678"),
        ("AR", "011 15 2345 6789", "+5491123456789"),
        ("AR", "+54 11 15 2345 6789", "+5491123456789"),
        ("AR", "+54 9 11 2345 6789", "+5491123456789"),
        ("AR", "+54 11 2345 6789", "+541123456789"),
        ("KR", "082 2 312 3456", "+8223123456"),
        ("AG", "4641234", "+12684641234"),
        ("GG", "01481 256789", "+441481256789"),
        ("NZ", "0161 44 20 7946 0123", "+442079460123"),
        ("HK", "001 44 20 7946 0123", "+442079460123"),
    ] {
        let plan = plan(region, None, &[]);
        let reading = read_user(text.as_bytes(), &plan, Role::Called);
        assert_eq!(word(reading.party, b"name"), expected, "{region} {text}: {:?}", reading.flags);
    }
}

/// Ofcom's numbers for drama: possible, and in no plan.
#[test]
fn a_number_out_of_service_is_read_as_it_was_dialled() {
    let us = plan("US", Some("210"), &[]);
    let behind_nine = plan("US", Some("210"), &["9"]);
    let (gb, de) = (plan("GB", None, &[]), plan("DE", None, &[]));
    let carrier = DialPlan::new("US", Bare::International, None, &[], &[]).unwrap();
    for (plan, text, expected, flags) in [
        (&us, "011447700900999", "+447700900999", &[][..]),
        (&us, "01447700900999", "+447700900999", &[]),
        (&us, "00447700900999", "+447700900999", &[]),
        (&us, "+447700900999", "+447700900999", &[]),
        (&us, "+011447700900999", "+447700900999", &[Flag::PlusAndPrefix]),
        (&us, "447700900999", "+447700900999", &[Flag::BareInternational]),
        (&us, "1010288011447700900999", "+447700900999", &[Flag::ServiceCode]),
        (&us, "*67011447700900999", "+447700900999", &[Flag::ServiceCode]),
        (&us, "12101111111", "+12101111111", &[]),
        (&behind_nine, "011447700900999", "+447700900999", &[]),
        (&behind_nine, "9011447700900999", "+447700900999", &[]),
        (&behind_nine, "447700900999", "+447700900999", &[Flag::BareInternational]),
        (&gb, "00447700900999", "+447700900999", &[]),
        (&gb, "0012101111111", "+12101111111", &[]),
        (&gb, "+447700900999", "+447700900999", &[]),
        (&gb, "447700900999", "+447700900999", &[]),
        (&gb, "07700900999", "+447700900999", &[]),
        (&de, "00447700900999", "+447700900999", &[]),
        (&de, "+447700900999", "+447700900999", &[]),
        // Germany has long numbers, and nothing says that this one is meant for abroad.
        (&de, "447700900999", "+49447700900999", &[]),
        (&carrier, "011447700900999", "+447700900999", &[]),
        (&carrier, "00447700900999", "+447700900999", &[]),
        (&carrier, "447700900999", "+447700900999", &[]),
    ] {
        let reading = read_user(text.as_bytes(), plan, Role::Called);
        let shown = format!("{} {text}: {:?}", plan.region, reading.flags);
        assert_eq!(word(reading.party, b"name"), expected, "{shown}");
        assert_eq!(reading.flags, flags.iter().copied().collect::<Flags>(), "{shown}");
    }
}

#[test]
fn a_carrier_may_leave_the_plus_off() {
    let e164 = DialPlan::new("US", Bare::International, None, &[], &[]).unwrap();
    for (text, expected) in [
        ("12025550143", "+12025550143"),
        ("442079460123", "+442079460123"),
        // Possible under +20, in service only under +1.
        ("2025550143", "+12025550143"),
        ("9005550100", "+19005550100"),
        ("011442079460123", "+442079460123"),
        ("911", "911"),
        ("1042", "1042"),
    ] {
        let reading = read_user(text.as_bytes(), &e164, Role::Called);
        assert_eq!(word(reading.party, b"name"), expected, "{text}");
        assert!(reading.flags.is_empty(), "{text}");
    }
}

#[test]
fn a_withheld_number_is_anonymous_and_a_name_a_name() {
    let us = us();
    for user in [
        "anonymous",
        "ANONYMOUS",
        "Unknown",
        "unavailable",
        "restricted",
        "private",
        "Withheld",
        "anon",
        "No%20Caller%20ID",
        "out-of-area",
    ] {
        check(format!("sip:{user}@h").as_bytes(), &us, Role::Caller, "anonymous", &[]);
    }
    check(b"sip:thisis@anonymous.invalid", &us, Role::Caller, "anonymous", &[]);
    check(b"sip:+12025550143@anonymous.invalid", &us, Role::Caller, "+12025550143", &[]);
    check(b"sip:alice@h", &us, Role::Caller, "name", &[]);
    check(b"sip:@h", &us, Role::Caller, "none", &[]);
    check(b"sip:h.example", &us, Role::Caller, "none", &[]);
    check(b"sip:192.0.2.1", &us, Role::Caller, "none", &[]);
    check(b"sip:+12025550143", &us, Role::Caller, "+12025550143", &[Flag::NumberInHost]);
    check(b"im:+12025550143@h", &us, Role::Caller, "+12025550143", &[Flag::Scheme]);
}

#[test]
fn a_display_name_speaks_only_when_it_clearly_is_a_number() {
    let us = us();
    let caller = Party::Number(Number::international(b"12025550143").unwrap());
    for (name, mismatch) in [
        ("+18005550111 support", true),
        ("8005550111", true),
        ("1 (800) 555-0111", true),
        ("%2B18005550111", true),
        ("+1 202 555 0143", false),
        ("2025550143", false),
        ("Alice", false),
        ("Office 12, Room 345", false),
        ("2026-11-22 18:00", false),
        ("+1+1", false),
        ("", false),
    ] {
        assert_eq!(is_display_mismatch(name.as_bytes(), caller, &us), mismatch, "{name}");
    }
    assert_eq!(display_number("８００５５５０１１１".as_bytes(), &us).unwrap().to_string(), "+18005550111");
}
