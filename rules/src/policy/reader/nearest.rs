//! What was probably meant.

/// The word of `known` that is closest to `word`, if any is close enough to be meant.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().replace('-', "_").chars().take(WORD_MAX).collect();
    // Of one letter nothing is left when it is another.
    let allowed = if word.len() < 2 { 0 } else { (word.len() / 3).clamp(1, 3) };
    known
        .map(|candidate| {
            let letters: Vec<char> = candidate.to_lowercase().replace('-', "_").chars().collect();
            (distance(&word, &letters), candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters inserted, deleted, replaced or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut left = i + 1;
        let mut previous_b = None;
        for (j, &y) in b.iter().enumerate() {
            let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(left + 1);
            if previous_a == Some(y) && previous_b == Some(x) && j > 0 {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
            left = best;
            previous_b = Some(y);
        }
        before = std::mem::replace(&mut last, row);
        previous_a = Some(x);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

/// Letters of an unknown word that are looked at.
const WORD_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen_are_understood() {
        let known = ["action", "caller", "called", "direction", "user_agent", "toll-free"];
        for (slip, meant) in [
            ("actoin", Some("action")),
            ("cal1er", Some("caller")),
            ("user-agent", Some("user_agent")),
            ("Direction", Some("direction")),
            ("tollfree", Some("toll-free")),
            ("banana", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(slip, known.into_iter()), meant, "{slip}");
        }
    }
}
