//! How wide a text becomes at most.

/// Width of `text` at `size`, in the widest of DejaVu Sans, Liberation Sans (as wide as Arial and Helvetica) and Libertinus Serif.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let thousandths: u32 = text.chars().map(|character| u32::from(advance(character))).sum();
    f64::from(thousandths) * size / 1_000.0
}

/// As much of `text` as fits into `room`, with a mark where some is left out. What has no room even for the mark has no text.
pub(super) fn fit(text: &str, size: f64, room: f64) -> String {
    // A room that was reckoned from this very text may be a rounding error too small.
    let room = room + 0.01;
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = width("…", size);
    if used > room {
        return kept;
    }
    for character in text.chars() {
        used += f64::from(advance(character)) * size / 1_000.0;
        if used > room {
            break;
        }
        kept.push(character);
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

fn advance(character: char) -> u16 {
    let index = u32::from(character).wrapping_sub(0x20) as usize;
    match character {
        '\u{a0}' => 318,
        '\u{202f}' => 200,
        '–' => 500,
        '\u{2212}' => 838,
        '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{5ff}' => 1_000,
        _ => ADVANCES.get(index).copied().unwrap_or(1_100),
    }
}

/// Thousandths of the size, from space to tilde.
const ADVANCES: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636,
    636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 556, 1015, 695, 686, 722, 770, 667, 611, 778, 752, 297,
    500, 667, 557, 863, 748, 787, 667, 787, 722, 667, 611, 732, 684, 989, 685, 667, 685, 390, 337, 390, 838,
    556, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521,
    392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];
