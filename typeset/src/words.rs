//! Words of a report as pages can have them: each character is in a font, and endless words can break.

use serde_json::Value;

/// Makes every text in `value` one that can be set; `is_there` says which characters the fonts have.
pub fn fit(value: &mut Value, is_there: &impl Fn(char) -> bool) {
    match value {
        Value::String(text) => *text = breakable(&known(text, is_there)),
        Value::Array(items) => items.iter_mut().for_each(|item| fit(item, is_there)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("link" | "hash" | "colour" | "kind" | "style" | "tone", _) => {}
                    ("svg", Value::String(text)) => *text = known(text, is_there),
                    ("title", Value::String(text)) if text.trim().is_empty() => "–".clone_into(text),
                    (_, field) => fit(field, is_there),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A document for everybody has no character without a shape: such become the sign for them.
fn known(text: &str, is_there: &impl Fn(char) -> bool) -> String {
    let keep = |letter: char| letter == '\n' || is_there(letter);
    text.chars().map(|letter| if keep(letter) { letter } else { '\u{fffd}' }).collect()
}

/// Puts places where a line may break into words that are longer than most: invisible, and of no width.
fn breakable(text: &str) -> String {
    if !text.split(' ').any(|word| word.chars().nth(WORD_MAX).is_some()) {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len() * 2);
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            kept.push(' ');
        }
        let is_long = word.chars().nth(WORD_MAX).is_some();
        for (at, letter) in word.chars().enumerate() {
            if is_long && at > 0 && at % PIECE == 0 {
                kept.push('\u{200b}');
            }
            kept.push(letter);
        }
    }
    kept
}

/// Longer words break; numbers of people are shorter.
const WORD_MAX: usize = 14;
const PIECE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_and_words_break() {
        let long = "A".repeat(30);
        let mut value =
            serde_json::json!({ "link": long, "text": [long, "short", "\u{1f600}"], "title": "" });
        fit(&mut value, &|letter| letter.is_ascii());
        let broken = "AAAA\u{200b}".repeat(7) + "AA";
        let expected =
            serde_json::json!({ "link": long, "text": [broken, "short", "\u{fffd}"], "title": "–" });
        assert_eq!(value, expected);
    }
}
