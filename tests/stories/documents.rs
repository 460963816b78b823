//! What the documents say is what the code does.

use rules::Flag;
use stir::Outcome;

#[test]
fn the_page_of_flags_lists_every_flag() {
    let page = include_str!("../../docs/flags.md");
    for &flag in Flag::ALL {
        let row = format!("| `{}` | {} |", flag.name(), flag.meaning());
        assert!(page.contains(&row), "docs/flags.md lacks: {row}");
    }
}

#[test]
fn the_page_of_signatures_lists_every_outcome() {
    let page = include_str!("../../docs/stir.md");
    for outcome in Outcome::all() {
        let word = outcome.complaint().map_or_else(String::new, |word| format!("`{word}` "));
        let code = outcome.code().map_or_else(String::new, |code| format!("{code} "));
        let flag = match outcome {
            Outcome::Failed(fault) => format!("`{}` ", fault.flag()),
            _ => String::new(),
        };
        let row = format!("| `{}` | {word}| {code}| {flag}| {} |", outcome.verstat(), outcome.meaning());
        assert!(page.contains(&row), "docs/stir.md lacks: {row}");
    }
}
