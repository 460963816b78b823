//! What kind of nuisance a number is (B-9).

use std::collections::BTreeSet;

use super::words::{is_like, words};

/// What kind of nuisance a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Category {
    /// It cheats.
    Fraud,
    /// It molests.
    Harassing,
}

impl Category {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fraud => "Fraud",
            Self::Harassing => "Harassing",
        }
    }

    /// One by its word, whatever its letters' case.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Fraud, Self::Harassing].into_iter().find(|it| it.word().eq_ignore_ascii_case(word))
    }

    /// Days that a number stays on a list unless somebody says (B-13): fraud comes back later than what molests, which is also
    /// what stands for numbers of no known category.
    pub fn days_usual(category: Option<Self>) -> i32 {
        if category == Some(Self::Fraud) { 180 } else { 90 }
    }
}

/// The categories that the field's text names. The template's own text, untouched, names none.
pub(super) fn read(text: &str) -> BTreeSet<Category> {
    let ticked = ticked(text);
    let words = words(ticked.as_deref().unwrap_or(text));
    // "Harassing, not fraud".
    let is_denied = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| words.get(at)).map_or("", String::as_str);
        matches!(before, "not" | "no" | "nicht")
    };
    let names =
        |known: &[&str]| words.iter().enumerate().any(|(at, it)| is_like(it, known) && !is_denied(at));
    let is_choice = ticked.is_none() && words.iter().any(|it| matches!(it.as_str(), "or" | "o"));
    let found: BTreeSet<Category> = [(Category::Fraud, FRAUD), (Category::Harassing, HARASSING)]
        .into_iter()
        .filter(|(_, known)| names(known))
        .map(|(category, _)| category)
        .collect();
    // "Fraud or harassing" leaves it open.
    if is_choice && found.len() == 2 { BTreeSet::new() } else { found }
}

/// What stands behind ticked boxes, when there are boxes.
fn ticked(text: &str) -> Option<String> {
    let plain =
        text.replace(['☑', '☒', '✓', '✔', '✅'], "[x]").replace(['☐', '□'], "[ ]").replace("( )", "[ ]");
    let plain = plain.replace("[]", "[ ]").replace("[X]", "[x]").replace("(x)", "[x]").replace("(X)", "[x]");
    if !plain.contains("[x]") && !plain.contains("[ ]") {
        return None;
    }
    let mut parts = plain.split('[').skip(1);
    let mut marked = String::new();
    for part in &mut parts {
        if let Some(name) = part.strip_prefix("x]") {
            marked.push_str(name);
            marked.push(' ');
        }
    }
    Some(marked)
}

const FRAUD: &[&str] = &[
    "fraud",
    "fraudulent",
    "fraude",
    "scam",
    "scammer",
    "scams",
    "phishing",
    "vishing",
    "estafa",
    "spoofing",
    "robocall",
];
const HARASSING: &[&str] = &[
    "harassing",
    "harassment",
    "harass",
    "harrassing",
    "harrasing",
    "harrassment",
    "acoso",
    "hostigamiento",
    "threats",
    "threatening",
    "amenazas",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[Category]) {
        assert_eq!(read(text).into_iter().collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn b9_categories_are_read_as_people_write_them() {
        use Category::{Fraud, Harassing};
        check("<Harassing>", &[Harassing]);
        check("<Fraud>", &[Fraud]);
        check("harrasing", &[Harassing]);
        check("HARRASMENT", &[Harassing]);
        check("fraud/scam", &[Fraud]);
        check("Fraud and Harassing", &[Fraud, Harassing]);
        check("[x] Fraud [x] Harassing", &[Fraud, Harassing]);
        check("[ ] Fraud [X] Harassing", &[Harassing]);
        check("☑ Fraud ☐ Harassing", &[Fraud]);
        check("Acoso", &[Harassing]);
        check("<Fraud> or <Harassing>", &[]);
        check("<Fraud> or\n<Harassing>", &[]);
        check("< Fraud > o < Harassing >", &[]);
        check("[ ] Fraud [ ] Harassing", &[]);
        check("not sure", &[]);
        check("", &[]);
    }
}
