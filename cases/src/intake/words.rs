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
    if most == 0 || left == right {
        return (left == right).then_some(0);
    }
    let (rows, columns) = (left.chars().count(), right.chars().count());
    if rows.abs_diff(columns) > most || rows > LETTERS_MAX {
        return None;
    }
    let right: Vec<char> = right.chars().collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    // Three rows of the table are enough to see swaps.
    let (mut before, mut line) = (Vec::new(), Vec::with_capacity(columns + 1));
    let mut above: Vec<usize> = (0..=columns).collect();
    let mut previous = None;
    for (row, letter) in left.chars().enumerate() {
        line.clear();
        line.push(row + 1);
        let mut last = None;
        for (column, &other) in right.iter().enumerate() {
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
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut line);
        // Neither of the rows that the next ones build upon comes below them again.
        if before.iter().chain(&above).all(|it| *it > most) {
            return None;
        }
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

    /// By its definition, cell by cell.
    fn slowly(left: &[char], right: &[char]) -> usize {
        match (left, right) {
            ([], rest) | (rest, []) => rest.len(),
            ([a, left_rest @ ..], [b, right_rest @ ..]) => {
                let mut best = (slowly(left_rest, right_rest) + usize::from(a != b))
                    .min(slowly(left_rest, right) + 1)
                    .min(slowly(left, right_rest) + 1);
                if let ([a, c, left_rest @ ..], [b, d, right_rest @ ..]) = (left, right)
                    && (a, b) == (d, c)
                {
                    best = best.min(slowly(left_rest, right_rest) + 1);
                }
                best
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_distance_is_the_fewest_slips(left in "[abc]{0,6}", right in "[abc]{0,6}", most in 0..4_usize) {
            let of = |text: &str| text.chars().collect::<Vec<_>>();
            let fewest = slowly(&of(&left), &of(&right));
            proptest::prop_assert_eq!(distance(&left, &right, most), Some(fewest).filter(|it| *it <= most));
        }
    }

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
            ("ab", "ba", 1, Some(1)),
            ("xab", "xba", 1, Some(1)),
            ("phone numbers to block", "hpone nubmers to blokc", 3, Some(3)),
            ("phone numbers to block", "hpone nubmers to blokc", 2, None),
            ("año", "ano", 1, Some(1)),
        ] {
            assert_eq!(distance(word, known, most), expected, "{word}");
        }
        assert!(is_like("harrasing", &["harassing"]) && !is_like("lock", &["block"]));
        assert_eq!(words("¿Número(s) de teléfono? don't"), ["numero", "s", "de", "telefono", "dont"]);
        assert!(holds(&words("please STOP blocking it"), "stop blocking"));
    }
}
