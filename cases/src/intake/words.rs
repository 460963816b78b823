//! Words as people mistype them.

/// `text` as lower-case words of letters and digits, without accents.
pub(super) fn words(text: &str) -> Vec<String> {
    use unicode_normalization::UnicodeNormalization;
    let folded: String =
        text.to_lowercase().nfd().filter(|it| !('\u{300}'..='\u{36f}').contains(it)).collect();
    folded
        .replace(['\'', '’'], "")
        .split(|it: char| !it.is_alphanumeric())
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether `word` is one of `known`, or so near to a long one that it is a mistyped one.
pub(super) fn is_like(word: &str, known: &[&str]) -> bool {
    let begins_alike = |known: &str| word.as_bytes().first() == known.as_bytes().first();
    known
        .iter()
        .any(|known| word == *known || begins_alike(known) && distance(word, known, slips(known)).is_some())
}

/// Whether `words` hold `phrase`, word by word; long words may be mistyped.
pub(super) fn holds(words: &[String], phrase: &str) -> bool {
    position(words, phrase).is_some()
}

/// Where `phrase` begins in `words`.
pub(super) fn position(words: &[String], phrase: &str) -> Option<usize> {
    let count = phrase.split(' ').count();
    let first = phrase.split(' ').next().unwrap_or_default();
    words.windows(count).position(|window| {
        window.first().is_some_and(|it| is_like(it, &[first]))
            && window.iter().zip(phrase.split(' ')).all(|(word, known)| is_like(word, &[known]))
    })
}

/// How many letters are more, less, other or swapped between the two, when at most `most`.
pub(super) fn distance(left: &str, right: &str, most: usize) -> Option<usize> {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len().abs_diff(right.len()) > most || left.len() > LETTERS_MAX {
        return None;
    }
    // Three rows of the table are enough to see swaps.
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (row, &letter) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        let mut last = None;
        for (column, &other) in right.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&above, column) + usize::from(letter != other))
                .min(at(&above, column + 1) + 1)
                .min(at(&line, column) + 1);
            if previous == Some(other) && last == Some(letter) && column > 0 {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
            last = Some(other);
        }
        previous = Some(letter);
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().filter(|distance| *distance <= most)
}

/// How many slips a word of this length may have and still be itself.
const fn slips(word: &str) -> usize {
    match word.len() {
        0..=5 => 0,
        6..=7 => 1,
        _ => 2,
    }
}

const LETTERS_MAX: usize = 260;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b9_slips_of_long_words_are_forgiven() {
        for (word, known, most, expected) in [
            ("harrasing", "harassing", 2, Some(2)),
            ("harasing", "harassing", 2, Some(1)),
            ("catgeory", "category", 2, Some(1)),
            ("exampel", "example", 1, Some(1)),
            ("fraud", "fraud", 0, Some(0)),
            ("lock", "block", 0, None),
            ("abc", "xyz", 2, None),
        ] {
            assert_eq!(distance(word, known, most), expected, "{word}");
        }
        assert!(is_like("harrasing", &["harassing"]) && !is_like("lock", &["block"]));
        assert_eq!(words("¿Número(s) de teléfono? don't"), ["numero", "s", "de", "telefono", "dont"]);
        assert!(holds(&words("please STOP blocking it"), "stop blocking"));
    }
}
