//! What formats say about one report.

use std::collections::BTreeSet;

use ringwall_reporter::document::Document;

use crate::{check, weekly};

#[test]
fn pages_files_and_drawings_are_as_they_were() {
    let document = weekly();
    let page = document.to_html();
    check("weekly.html", &page);
    for (name, text) in document.to_csv() {
        check(&name, &text);
    }
    check("weekly.printed.json", &(document.to_printed() + "\n"));
    let drawings: Vec<&str> =
        page.split("<svg ").skip(1).map(|rest| rest.split("</svg>").next().unwrap()).collect();
    assert_eq!(drawings.len(), 6);
}

#[test]
fn the_same_report_gives_the_same_bytes_and_another_one_another_hash() {
    let (one, other) = (weekly(), weekly());
    assert_eq!(one.to_html(), other.to_html());
    assert_eq!(one.to_xlsx().unwrap(), other.to_xlsx().unwrap());
    assert_eq!(one.to_json(), other.to_json());
    assert_eq!(one.stamp.hash, one.hash(), "a seal does not change what is sealed");
    let mut changed = weekly();
    changed.customer.push('x');
    assert_ne!(changed.hash(), one.hash());
}

#[test]
fn a_program_reads_back_what_was_written() {
    let document = weekly();
    let read: Document = serde_json::from_str(&document.to_json()).unwrap();
    assert_eq!(read, document);
    assert_eq!(read.hash(), document.stamp.hash);
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_forbids_it() {
    let page = weekly().to_html();
    for word in
        ["<script", "javascript:", "onload", "@import", "url(http", "<img", "<link", "<iframe", " style=\""]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert!(
        page.contains("default-src &#39;none&#39;; style-src &#39;sha256-"),
        "its style is allowed by its hash"
    );
}

#[test]
fn a_page_can_be_heard() {
    let page = weekly().to_html();
    for landmark in [
        "<header>",
        "<nav aria-label=\"Contents\">",
        "<main id=\"report\"",
        "<footer>",
        "<a class=\"skip\" href=\"#report\">",
    ] {
        assert_eq!(page.matches(landmark).count(), 1, "{landmark}");
    }
    assert!(page.contains("<html lang=\"en\">"));
    let heads = page.matches("<th").count() - page.matches("<thead").count();
    assert_eq!(heads, page.matches("<th scope=\"").count(), "each heading says of what it is one");
    assert_eq!(page.matches("<table>").count(), page.matches("<caption ").count());
    let drawings = page.matches("<svg ").count();
    assert_eq!(drawings, page.matches("<desc ").count());
    assert_eq!(drawings, page.matches("<summary>The figures as a table</summary>").count());
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let once: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(once.len(), ids.len(), "each id is there once");
    for reference in page.split(" aria-labelledby=\"").skip(1) {
        for id in reference.split('"').next().unwrap().split(' ') {
            assert!(once.contains(&id), "{id}");
        }
    }
}

#[test]
fn missing_data_is_said_before_anything_else() {
    let low = weekly();
    let page = low.to_html();
    let banner = page.find("Only 98.2\u{a0}% of the period was seen").unwrap();
    assert!(banner < page.find("<h2").unwrap());
    assert!(low.to_printed().contains("of the period was seen"));
    let mut whole = weekly();
    whole.stamp.coverage.complete_hours = 168;
    assert!(!whole.to_html().contains("of the period was seen"), "99.4 % are enough");
}

#[test]
fn without_a_desk_paths_are_links_in_the_console_only() {
    let mut document = weekly();
    document.desk = None;
    assert!(document.to_html().contains("href=\"/cases/RW-104233-3\""));
    assert!(!document.to_printed().contains("/cases/RW-104233-3\""));
}

/// WCAG 2.2 AA: 4.5 to one for words, in light and in dark, on each ground that they stand on.
#[test]
fn words_of_a_page_stand_out_from_their_ground() {
    let page = weekly().to_html();
    let light = variables(page.split(":root{").nth(1).unwrap());
    let mut dark = light.clone();
    for block in page.split(":root{").skip(2) {
        dark.extend(variables(block));
    }
    assert_ne!(light, dark);
    for (name, colours) in [("light", light), ("dark", dark)] {
        let contrast = |one: &str, other: &str| contrast(&colours[one], &colours[other]);
        for ground in ["ground", "card", "warn-ground", "alarm-ground", "good-ground"] {
            for ink in ["ink", "accent"] {
                assert!(contrast(ink, ground) >= 4.5, "{name}: {ink} on {ground}");
            }
        }
        for ink in ["soft", "good", "bad", "warn"] {
            for ground in ["ground", "card"] {
                assert!(contrast(ink, ground) >= 4.5, "{name}: {ink} on {ground}: {}", contrast(ink, ground));
            }
        }
        assert!(contrast("on-accent", "accent") >= 4.5, "{name}: buttons");
    }
    for ink in ["#1c2126", "#58616a"] {
        assert!(contrast(ink, "#ffffff") >= 4.5, "drawings: {ink}");
    }
}

fn variables(block: &str) -> std::collections::BTreeMap<String, String> {
    let block = block.split('}').next().unwrap();
    let pairs = block.split(';').filter_map(|pair| pair.trim().strip_prefix("--")?.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn contrast(one: &str, other: &str) -> f64 {
    let [one, other] = [one, other].map(|text| {
        let digits = text.trim_start_matches('#');
        let digits = if digits.len() == 3 {
            digits.chars().flat_map(|digit| [digit, digit]).collect()
        } else {
            digits.to_owned()
        };
        let [red, green, blue] = [0, 2, 4].map(|at| {
            let part = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
    });
    if one > other { one / other } else { other / one }
}
