//! What is dialled in front of a number: services, carriers, outside lines, prefixes for abroad.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod number_support;

use number_support::{plan, word};
use ringwall_engine::number::{Role, read_user};
use rules::plan::DialPlan;

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
fn a_service_code_hides_no_number_behind_a_plus_or_a_pause() {
    let codes = [
        "*67", "*70", "*82", "#31#", "*31#", "*67w", "*70,", "*70p", "*679", "*67*", "1167", "1167,",
        "1182w", "1010288", "91167", "9*67",
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
