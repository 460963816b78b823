//! Whatever strangers write stays words, in every format.

use std::path::PathBuf;

use proptest::prelude::*;
use ringwall_reporter::document::{Document, safe_cell};

use crate::{check, sample};

/// Texts that mean something to some program.
fn own() -> Vec<String> {
    let mut texts: Vec<String> = [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        " =1+1",
        "\u{a0}=1+1",
        "\u{200b}=1+1",
        "\u{ff1d}1+1",
        "\u{2212}1",
        "'=1+1",
        "\"=1+1\"",
        "=cmd|' /C calc'!A0",
        "=HYPERLINK(\"http://192.0.2.1/\",\"x\")",
        "\",=1+1,\"",
        "a,b;c\td",
        "</style><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\"><svg onload=alert(1)>",
        "' onmouseover='alert(1)",
        "]]></t></is></c><c><f>1+1</f>",
        "_x003D_1+1",
        "_x005F_x000D_",
        "&lt;b&gt; &amp;",
        "{{7*7}}",
        "#set page(width: 1pt)",
        "#include \"/etc/passwd\"",
        "$ x^2 $",
        "*bold* _it_ `raw` = heading",
        "@ref <label>",
        "\\u{41}",
        "https://evil.example.com/",
        "\u{202e}gpj.exe",
        "\u{2066}a\u{2069}",
        "a\u{2028}b\u{2029}c",
        "nul\0byte",
        "\x1b[31mred\x07",
        "\u{85}\u{9b}",
        "\u{fffe}\u{ffff}",
        "\u{1f600}\u{1f468}\u{200d}\u{1f469}",
        "שלום עולם",
        "مرحبا",
        "漢字かな",
        "Ünïcödé ﬁ Ωμέγα Привет",
        "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        "",
        " ",
        "%0d%0a",
        "javascript:alert(1)",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("A".repeat(40_000));
    texts.push("W ".repeat(3_000));
    texts.push("\u{1f600}".repeat(20_000));
    texts
}

/// The same, and those that were collected elsewhere.
pub(crate) fn texts() -> Vec<String> {
    let mut texts = own();
    let path =
        std::env::var_os("RINGWALL_SHARED").map(|shared| PathBuf::from(shared).join("data/evasion.tsv"));
    match path.as_ref().and_then(|path| std::fs::read_to_string(path).ok()) {
        Some(rows) => {
            let before = texts.len();
            for row in rows.lines().filter(|row| row.starts_with("inj-")) {
                let written = row.split('\t').nth(1).unwrap().replace("\\x", "%");
                texts.push(written.replace("\\t", "\t").replace("\\\"", "\"").replace("\\\\\"", "\""));
            }
            assert!(texts.len() > before + 10, "rows of injections");
        }
        None => println!("SKIPPED rows of injections: RINGWALL_SHARED names no folder with them"),
    }
    texts
}

/// The sample with hostile words in every place that takes words: `first` says with which it begins.
pub(crate) fn hostile(first: usize) -> Document {
    with(&texts(), first)
}

fn with(texts: &[String], first: usize) -> Document {
    let next = std::cell::Cell::new(first);
    let say = |_: &str| {
        next.set(next.get() + 1);
        texts[next.get() % texts.len()].clone()
    };
    sample::weekly(&say)
}

/// What the typesetter has to set as it is.
#[test]
fn hostile_words_for_the_typesetter_are_as_they_were() {
    check("hostile.printed.json", &(with(&own(), 0).to_printed() + "\n"));
}

#[test]
fn hostile_words_stay_words_on_a_page() {
    for first in (0..texts().len()).step_by(4) {
        let page = hostile(first).to_html();
        let body = page.split("</style>").nth(1).unwrap();
        assert_eq!(page.matches("</style>").count(), 1);
        for tag in body.split('<').skip(1) {
            let name: String = tag
                .trim_start_matches('/')
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric())
                .collect();
            assert!(TAGS.contains(&name.as_str()), "<{name}");
            // Values of attributes stand between quotes; what is outside of them is ours.
            let ours: String = tag.split('>').next().unwrap().split('"').step_by(2).collect();
            assert!(!ours.contains(" on") && !ours.contains("style"), "{tag}");
        }
        for address in body.split(" href=\"").skip(1) {
            assert!(
                address.starts_with("https://desk.example.com/") || address.starts_with('#'),
                "{address}"
            );
        }
        assert!(page.chars().all(|character| character == '\n' || !acts(character)));
    }
}

#[test]
fn hostile_words_stay_words_for_programs() {
    for first in (0..texts().len()).step_by(4) {
        let document = hostile(first);
        let line = document.to_json();
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.trim_end().chars().all(|character| !acts(character)));
        let read: Document = serde_json::from_str(&line).unwrap();
        assert_eq!(read, document, "nothing is lost");
        for (name, file) in document.to_csv() {
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
            );
            assert!(file.replace("\r\n", "").chars().all(|character| !acts(character)), "{name}");
        }
    }
}

#[test]
fn a_second_table_of_a_name_has_a_file_of_its_own() {
    let mut document = hostile(0);
    let sections = document.sections.clone();
    document.sections.extend(sections);
    let names: std::collections::BTreeSet<String> =
        document.to_csv().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), document.tables().len());
}

proptest! {
    #[test]
    fn no_cell_begins_as_a_formula(text in "[=+@'\\-\\t\\r\\n \u{200b}\u{a0}]{0,4}.{0,20}") {
        let cell = safe_cell(&text);
        let first = cell.trim_start().chars().next();
        prop_assert!(!matches!(first, Some('=' | '+' | '-' | '@')), "{:?}", cell);
        // Whoever takes one apostrophe off has the words back, but for what acts.
        let back = cell.strip_prefix('\'').unwrap_or(&cell);
        let inert = |text: &str| text.chars().filter(|it| !it.is_control() && !acts(*it) && *it != '\u{fffd}' && *it != ' ').collect::<String>();
        prop_assert_eq!(inert(back), inert(&text));
    }
}

/// Control and invisible characters, and those that turn text around.
pub(crate) fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{180e}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

const TAGS: &[&str] = &[
    "body",
    "a",
    "header",
    "p",
    "bdi",
    "h1",
    "h2",
    "h3",
    "nav",
    "ul",
    "li",
    "span",
    "main",
    "div",
    "section",
    "dl",
    "dt",
    "dd",
    "strong",
    "em",
    "code",
    "figure",
    "figcaption",
    "svg",
    "title",
    "desc",
    "defs",
    "pattern",
    "rect",
    "path",
    "line",
    "polyline",
    "polygon",
    "circle",
    "text",
    "details",
    "summary",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "footer",
    "html",
    "head",
];
