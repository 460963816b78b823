//! What is dialled in front of a number: services, carriers, outside lines, prefixes for abroad.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod number_support;

use number_support::{plan, word};
use ringwall_engine::number::{Role, read_user};
use rules::plan::{Bare, DialPlan};

/// Reads each text as a called number in its region, with `access` for an outside line.
fn check(access: &[&str], rows: &[(&str, &str, &str)]) {
    let wrong: Vec<String> =
        rows.iter().filter_map(|row| difference(&plan(row.0, None, access), row)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn difference(plan: &DialPlan, &(region, text, expected): &(&str, &str, &str)) -> Option<String> {
    let reading = read_user(text.as_bytes(), plan, Role::Called);
    let found = word(reading.party, b"name");
    (found != expected).then(|| format!("{region} {text}: {found}, not {expected} {:?}", reading.flags))
}

#[test]
fn a_nine_for_an_outside_line_hides_no_number_though_the_customer_dials_none() {
    let rows = [
        ("US", "9011442079460123", "+442079460123"),
        ("DE", "900442079460123", "+442079460123"),
        // A number that exists, and more digits than it has.
        ("US", "90125550143007", "+19012555014"),
        ("US", "92025550143", "+19202555014"),
        ("US", "9011", "9011"),
    ];
    check(&[], &rows);
}

#[test]
fn another_countrys_prefix_for_abroad_makes_nobody_elses_number() {
    let rows = [
        ("GB", "011441614960999", "+441614960999"),
        ("DE", "011498912345678", "+498912345678"),
        ("US", "00442079460123", "+442079460123"),
        // Nothing that exists stands behind it.
        ("GB", "02012345678999", "+442012345678"),
    ];
    check(&[], &rows);
}

#[test]
fn a_service_code_hides_no_number_behind_a_plus_or_a_pause() {
    let codes = [
        "*67", "*70", "*82", "#31#", "*31#", "*67w", "*70,", "*70p", "*679", "*67*", "1167", "1167,",
        "1182w", "1010288", "91167", "9*67", "9#31#",
    ];
    for code in codes {
        for (number, expected) in
            [("+19005550100", "+19005550100"), ("+442079460123", "+442079460123"), ("+1900555010", "invalid")]
        {
            check(&["9"], &[("US", &format!("{code}{number}"), expected)]);
        }
    }
    check(
        &["9"],
        &[
            ("US", "*70w19005550100", "+19005550100"),
            ("US", "*70,19005550100", "+19005550100"),
            ("US", "*70pp9005550100", "+19005550100"),
            ("US", "*67w9w19005550100", "+19005550100"),
            ("US", "1167w19005550100", "+19005550100"),
            ("US", "1167+1 900 555 0100", "+19005550100"),
            ("US", "*+19005550100", "+19005550100"),
            ("US", "*67011+19005550100", "+19005550100"),
            ("US", "1167011+19005550100", "+19005550100"),
            ("AU", "0011+19005550100", "+19005550100"),
            ("AU", "18310011+19005550100", "+19005550100"),
            ("GB", "1470+19005550100", "+19005550100"),
            ("GB", "141+19005550100", "+19005550100"),
            ("AU", "1831+19005550100", "+19005550100"),
            ("FR", "3651+19005550100", "+19005550100"),
            // One digit beside the code.
            ("US", "1168+19005550100", "1168"),
            ("US", "1168w19005550100", "1168"),
            ("GB", "1471+19005550100", "1471"),
            ("AU", "1833+19005550100", "1833"),
            ("FR", "3652+19005550100", "3652"),
            // Nothing behind the code.
            ("US", "*70w", "name"),
            ("US", "1167w", "1167"),
            ("US", "911w19005550100", "invalid"),
            ("US", "*67w911", "911"),
        ],
    );
}

#[test]
fn a_trunk_zero_in_parentheses_is_no_digit_of_the_number() {
    for region in ["US", "GB", "JP", "IT", "DE", "AU"] {
        check(
            &[],
            &[
                (region, "+81(0)312345678", "+81312345678"),
                (region, "+81 (0) 3-1234-5678", "+81312345678"),
                (region, "%2B81%280%29312345678", "+81312345678"),
                (region, "+81（0）312345678", "+81312345678"),
                (region, "+44(0)2079460123", "+442079460123"),
                (region, "+49 (0)30 23125123", "+493023125123"),
                (region, "+61(0)255501234", "+61255501234"),
                (region, "+1(0)2025550143", "+12025550143"),
                // Italy has no trunk prefix: its zero is a digit.
                (region, "+39(0)612345678", "+390612345678"),
                (region, "+39 (06) 12345678", "+390612345678"),
                // Other digits in parentheses.
                (region, "+81(3)12345678", "+81312345678"),
                (region, "+81(03)12345679", "+81312345679"),
                // One digit beside.
                (region, "+81(0)312345679", "+81312345679"),
            ],
        );
    }
    check(
        &["9"],
        &[
            ("US", "011 81 (0)3 1234 5678", "+81312345678"),
            ("US", "9 011 81 (0)3 1234 5678", "+81312345678"),
            ("GB", "0081(0)312345678", "+81312345678"),
            ("GB", "44(0)2079460123", "+442079460123"),
            ("JP", "81(0)312345678", "+81312345678"),
            ("DE", "(0)30 23125123", "+493023125123"),
        ],
    );
}

#[test]
fn argentinas_mobile_numbers_need_no_leading_zero() {
    check(
        &[],
        &[
            ("AR", "11 15 2345 6789", "+5491123456789"),
            ("AR", "011 15 2345 6789", "+5491123456789"),
            ("AR", "11 15 2345 6780", "+5491123456780"),
            ("AR", "11 2345 6789", "+541123456789"),
            ("AR", "15 2345 6789", "+541523456789"),
        ],
    );
}

#[test]
fn an_emergency_number_is_seen_behind_what_stands_in_front() {
    let extensions = [("1xxx".to_owned(), "+1 210 555 1xxx".to_owned())];
    let us = DialPlan::new("US", Bare::National, Some("210"), &["9".to_owned()], &extensions).unwrap();
    for row in [
        ("US", "91911", "911"),
        ("US", "9 1 911", "911"),
        ("US", "9,1911", "911"),
        ("US", "9911", "911"),
        ("US", "*67911", "911"),
        ("US", "9#31#911", "911"),
        // The customer's own extension, which is dialled without an outside line.
        ("US", "1911", "+12105551911"),
        // One digit beside; an extension of four digits behind an outside line is none.
        ("US", "91912", "91912"),
        ("US", "91042", "91042"),
        ("US", "19911", "19911"),
    ] {
        assert_eq!(difference(&us, &row), None);
    }
    check(
        &["0"],
        &[
            ("FR", "365115", "15"),
            ("FR", "365117", "17"),
            ("FR", "365118", "18"),
            ("FR", "3651112", "112"),
            ("FR", "0365115", "15"),
            ("FR", "365116", "365116"),
            ("FR", "365215", "365215"),
            ("BR", "0#31#190", "190"),
            ("BR", "0#31#192", "192"),
            ("BR", "#31#190", "190"),
            ("BR", "0*31*190", "190"),
            ("IT", "0039112", "112"),
            ("IT", "0039118", "118"),
            ("IT", "00039112", "112"),
            ("IT", "+39112", "112"),
            // Monza's area is 039.
            ("IT", "039112", "+39039112"),
            ("IT", "0039 02 12345678", "+390212345678"),
            ("DE", "0049110", "110"),
            ("DE", "0049 30 23125123", "+493023125123"),
            ("AU", "001161000", "000"),
        ],
    );
    for (region, text) in [
        ("BR", "0#31#191"),
        ("BR", "0#31#1900"),
        ("BR", "0#"),
        ("IT", "0039114"),
        ("IT", "0040112"),
        ("IT", "00391120"),
        ("DE", "0048110"),
        ("FR", "0033016"),
    ] {
        let plan = plan(region, None, &["0"]);
        let party = read_user(text.as_bytes(), &plan, Role::Called).party;
        let is_emergency = party.number().is_some_and(|number| plan.habits().emergency.contains(number));
        assert!(!is_emergency, "{region} {text}: {party:?}");
    }
}

#[test]
fn a_carriers_code_hides_no_number_that_exists() {
    check(
        &["9"],
        &[
            ("DE", "0101309001234567", "+499001234567"),
            ("DE", "01001309001234567", "+499001234567"),
            ("DE", "010130019005550100", "+19005550100"),
            ("DE", "0100130019005550100", "+19005550100"),
            ("DE", "01013+19005550100", "+19005550100"),
            ("DE", "01013w09001234567", "+499001234567"),
            ("AU", "14111900123456", "+611900123456"),
            ("AU", "1456 1900 123 456", "+611900123456"),
            ("AU", "1411001119005550100", "+19005550100"),
            ("JP", "006101019005550100", "+19005550100"),
            ("JP", "0041 010 1 900 555 0100", "+19005550100"),
            ("JP", "003301019005550100", "+19005550100"),
            ("JP", "00101019005550100", "+19005550100"),
            ("JP", "005345 010 1 900 555 0100", "+19005550100"),
            ("JP", "009130 010 1 900 555 0100", "+19005550100"),
            ("JP", "1840061010 19005550100", "+19005550100"),
            ("JP", "0033 0990 123456", "+81990123456"),
            ("GB", "1280 0909 879 0000", "+449098790000"),
            ("GB", "1899 0909 879 0000", "+449098790000"),
            ("GB", "18185 0909 8790000", "+449098790000"),
            ("GB", "1280 0019005550100", "+19005550100"),
            ("GB", "9 1280 00 1 900 555 0100", "+19005550100"),
            ("IT", "1055 899123456", "+39899123456"),
            ("IT", "1088 0019005550100", "+19005550100"),
            ("IT", "10 55 0019005550100", "+19005550100"),
            // One digit beside the code.
            ("DE", "0201309001234567", "invalid"),
            ("AU", "15111900123456", "invalid"),
            ("JP", "0161 010 1 900 555 0100", "invalid"),
            ("IT", "1155899123456", "invalid"),
            // One digit beside a number that exists.
            ("AU", "1411190012345", "invalid"),
            ("IT", "1055 0019005550", "invalid"),
            // Numbers that look like a code and a number.
            ("GB", "01280 812345", "+441280812345"),
            ("GB", "01899 830123", "+441899830123"),
            ("JP", "00 81 3 1234 5678", "+81312345678"),
            ("DE", "0100 1234", "+491001234"),
        ],
    );
}

#[test]
fn no_digits_are_cut_off_to_make_another_number() {
    check(
        &[],
        &[
            ("US", "00013035550142", "invalid"),
            ("US", "00000013035550142", "+13035550142"),
            ("US", "000013035550142", "+13035550142"),
            ("US", "01101113035550142", "+13035550142"),
            ("US", "001113035550142", "+13035550142"),
            ("US", "00113035550142", "+13035550142"),
            ("US", "001113035550143", "+13035550143"),
            ("US", "0011130355501420", "+13035550142"),
            ("US", "00013035550143", "invalid"),
            ("US", "190055501009999", "+19005550100"),
            ("GB", "00002079460123", "invalid"),
            ("GB", "0000442079460123", "+442079460123"),
            ("AU", "0001112025550143", "invalid"),
        ],
    );
}
