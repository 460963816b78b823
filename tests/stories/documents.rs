//! What the documents say is what the code does.

use rules::Flag;

#[test]
fn the_page_of_flags_lists_every_flag() {
    let page = include_str!("../../docs/flags.md");
    for &flag in Flag::ALL {
        let row = format!("| `{}` | {} |", flag.name(), flag.meaning());
        assert!(page.contains(&row), "docs/flags.md lacks: {row}");
    }
}
