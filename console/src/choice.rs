//! A form that says which lines of a change are wanted, and what becomes of the others (Z-4).

use std::collections::BTreeSet;

use cases::change::{Choice, Rest};

/// Reads one: `line` for each that is wanted, `rest`, and `reason`.
pub(crate) fn read(fields: &[(String, String)]) -> Option<Choice> {
    let lines = fields.iter().filter(|(name, _)| name == "line").map(|(_, place)| place.parse().ok());
    let wanted = lines.collect::<Option<BTreeSet<usize>>>()?;
    let rest = match field(fields, "rest") {
        "refused" => Rest::Refused,
        "returned" => Rest::Returned,
        _ => return None,
    };
    let why = cases::intake::several_lines(field(fields, "reason").trim(), REASON_CHARACTERS_MAX);
    Some(Choice { wanted, rest, why })
}

/// What stands in the field of this name; nothing where it is not there.
pub(crate) fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value)
}

/// Whether a page offers to choose among so many lines: a longer list is for the terminal, or for the desk to propose anew.
pub(crate) const fn is_short(lines: usize) -> bool {
    lines <= LINES_MAX
}

const LINES_MAX: usize = 50;
const REASON_CHARACTERS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_is_not_whole_is_none() {
        let form = |fields: &[(&str, &str)]| {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            read(&fields)
        };
        let whole =
            form(&[("line", "2"), ("line", "0"), ("rest", "returned"), ("reason", " not\u{202e} ours ")]);
        let whole = whole.unwrap();
        assert_eq!((whole.wanted, whole.rest), (BTreeSet::from([0, 2]), Rest::Returned));
        assert!(whole.why.starts_with("not") && !whole.why.contains('\u{202e}'), "{:?}", whole.why);
        assert_eq!(form(&[("line", "-1"), ("rest", "refused")]), None);
        assert_eq!(form(&[("line", "0"), ("rest", "")]), None);
        assert_eq!(form(&[("line", "0")]), None);
    }
}
