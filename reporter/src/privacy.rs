//! Who sees which numbers, how long what is kept, and whether a report tells of somebody: rules that documents, exports and
//! erasure ask.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use cases::intake::Role;
use cases::schedule::Sight;
use jiff::ToSpan as _;
use jiff::civil::Date;

/// The rules of all customers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// What holds for customers that have no rules of their own.
    pub usual: Rules,
    /// Customers that do.
    pub of_customers: BTreeMap<String, Rules>,
}

/// The rules of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Days that call records are kept; `None` for ever.
    pub rows_days: Option<u32>,
    /// Days that details of them are kept: display names, user agents, Call-IDs, reasons; `None` as long as the rows.
    pub details_days: Option<u32>,
    /// Days that reports are kept.
    pub reports_days: u32,
    /// Roles of contacts who see whole numbers in what is made for them.
    pub whole_numbers_for: BTreeSet<Role>,
    /// Digits at the end of a number that others do not see.
    pub hidden_digits: u8,
}

/// From which days on something is kept; `None` keeps all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptSince {
    /// Rows of earlier days go.
    pub rows: Option<Date>,
    /// Details of earlier days go.
    pub details: Option<Date>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            rows_days: Some(400),
            details_days: Some(90),
            reports_days: 400,
            whole_numbers_for: BTreeSet::from([Role::Requester, Role::Authorizer, Role::ReportRecipient]),
            hidden_digits: 4,
        }
    }
}

impl Privacy {
    /// The rules of `customer`.
    pub fn of(&self, customer: &str) -> &Rules {
        self.of_customers.get(customer).unwrap_or(&self.usual)
    }
}

impl Rules {
    /// What is kept at `today`, a date of the customer's zone.
    pub fn kept_since(&self, today: Date) -> KeptSince {
        let since = |days: Option<u32>| today.checked_sub(i64::from(days?).days()).ok();
        let rows = since(self.rows_days);
        // Details are not kept longer than their rows.
        KeptSince { rows, details: since(self.details_days).max(rows) }
    }

    /// What somebody with `roles` sees; without any of them, as little as there is.
    pub fn sight(&self, roles: &BTreeSet<Role>) -> Sight {
        if self.whole_numbers_for.is_disjoint(roles) {
            Sight::Masked { digits: self.hidden_digits }
        } else {
            Sight::Whole
        }
    }
}

/// A number as `sight` shows it: `+1210555****`. What is too short to be anybody's, such as 911, is shown.
pub fn number(text: &str, sight: Sight) -> Cow<'_, str> {
    let Sight::Masked { digits } = sight else { return Cow::Borrowed(text) };
    let all = text.bytes().filter(u8::is_ascii_digit).count();
    if all < PERSONAL_DIGITS_MIN {
        return Cow::Borrowed(text);
    }
    // A mask that would leave nothing hidden hides what it can.
    let shown = all.saturating_sub(usize::from(digits.max(1)));
    let mut seen = 0;
    let masked = text.chars().map(|it| {
        seen += usize::from(it.is_ascii_digit());
        if it.is_ascii_digit() && seen > shown { '*' } else { it }
    });
    Cow::Owned(masked.collect())
}

/// Free text as `sight` shows it: each number in it is masked, however it is written.
pub fn text(text: &str, sight: Sight) -> Cow<'_, str> {
    if sight == Sight::Whole || text.bytes().filter(u8::is_ascii_digit).count() < PERSONAL_DIGITS_MIN {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    let flush = |run: &mut String, out: &mut String| {
        out.push_str(&number(run, sight));
        run.clear();
    };
    for it in text.chars() {
        if it.is_ascii_digit() || (!run.is_empty() && is_between(it)) || it == '+' {
            run.push(it);
        } else {
            flush(&mut run, &mut out);
            out.push(it);
        }
    }
    flush(&mut run, &mut out);
    Cow::Owned(out)
}

/// Whether a file of a report tells of `number`, E.164 with a plus. What cannot be searched (PDF, workbooks) does: such a file can
/// be made again. Only the last digits are looked for, so that national spellings are found as well.
pub fn tells_of(number: &str, name: &str, bytes: &[u8]) -> bool {
    let is_text = [".csv", ".json", ".html", ".txt"].iter().any(|ending| name.ends_with(ending));
    if !is_text {
        return true;
    }
    let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
    let wanted = digits.get(digits.len().saturating_sub(SEARCHED_DIGITS)..).unwrap_or_default();
    if wanted.len() < PERSONAL_DIGITS_MIN {
        return true;
    }
    // Digits of the text with what may stand between those of one number left out; anything else ends a number.
    let mut run: Vec<u8> = Vec::new();
    let mut between = 0;
    for byte in bytes.iter().copied().chain([b'\n']) {
        if byte.is_ascii_digit() {
            run.push(byte);
            between = 0;
        } else if is_between(char::from(byte)) && between < BETWEEN_MAX {
            between += 1;
        } else {
            if run.windows(wanted.len()).any(|window| window == wanted) {
                return true;
            }
            run.clear();
            between = 0;
        }
    }
    false
}

fn is_between(it: char) -> bool {
    matches!(it, ' ' | '-' | '.' | '(' | ')' | '/')
}

/// A number with fewer digits is a service, and nobody's.
const PERSONAL_DIGITS_MIN: usize = 7;
/// Of a number that is looked for: those at its end, without country and trunk prefix.
const SEARCHED_DIGITS: usize = 9;
/// Characters between two digits of one number: `) ` and ` - `.
const BETWEEN_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const MASKED: Sight = Sight::Masked { digits: 4 };

    #[test]
    fn who_may_not_see_a_number_sees_where_it_is_from() {
        for (shown, expected) in [
            ("+12105550142", "+1210555****"),
            ("(210) 555-0142", "(210) 555-****"),
            ("911", "911"),
            ("555013", "555013"),
            ("anonymous", "anonymous"),
        ] {
            assert_eq!(number(shown, MASKED), expected);
            assert_eq!(number(shown, Sight::Whole), shown);
        }
        assert_eq!(number("+12105550142", Sight::Masked { digits: 40 }), "+***********");
        assert_eq!(number("+12105550142", Sight::Masked { digits: 0 }), "+1210555014*");
        assert_eq!(
            text("call +12105550142, or (210) 555-0143. Extension 12", MASKED),
            "call +1210555****, or (210) 555-****. Extension 12"
        );
        // No number leaks by standing beside another.
        let two = text("+12105550142+12105550143", MASKED);
        assert!(!two.contains("0142") || !two.contains("0143"), "{two}");
    }

    #[test]
    fn roles_say_who_sees_whole_numbers() {
        let rules = Rules { whole_numbers_for: BTreeSet::from([Role::Authorizer]), ..Rules::default() };
        assert_eq!(rules.sight(&BTreeSet::from([Role::ReportRecipient])), MASKED);
        assert_eq!(rules.sight(&BTreeSet::from([Role::ReportRecipient, Role::Authorizer])), Sight::Whole);
        assert_eq!(rules.sight(&BTreeSet::new()), MASKED);
        let privacy =
            Privacy { of_customers: BTreeMap::from([("Acme".to_owned(), rules)]), ..Privacy::default() };
        assert_eq!(privacy.of("Other").sight(&BTreeSet::from([Role::ReportRecipient])), Sight::Whole);
        assert_eq!(privacy.of("Acme").sight(&BTreeSet::from([Role::ReportRecipient])), MASKED);
    }

    #[test]
    fn details_go_no_later_than_their_rows() {
        let today = jiff::civil::date(2026, 10, 5);
        let of =
            |rows_days, details_days| Rules { rows_days, details_days, ..Rules::default() }.kept_since(today);
        let day = |text: &str| Some(text.parse().unwrap());
        assert_eq!(
            of(Some(400), Some(90)),
            KeptSince { rows: day("2025-08-31"), details: day("2026-07-07") }
        );
        assert_eq!(of(Some(30), Some(90)), KeptSince { rows: day("2026-09-05"), details: day("2026-09-05") });
        assert_eq!(of(Some(30), None), KeptSince { rows: day("2026-09-05"), details: day("2026-09-05") });
        assert_eq!(of(None, None), KeptSince::default());
    }

    #[test]
    fn a_report_that_tells_of_somebody_is_found_however_the_number_is_written() {
        let tells = |text: &str| tells_of("+12105550142", "a.csv", text.as_bytes());
        for text in
            ["+12105550142", "x,2105550142\n", "(210) 555-0142", "1-210-555-0142", "tel:+1.210.555.0142"]
        {
            assert!(tells(text), "{text}");
        }
        for text in ["", "+12105550143", "210,555,0142", "2105550\n142"] {
            assert!(!tells(text), "{text}");
        }
        // What cannot be searched, and a number too short to be told apart, are on the safe side.
        assert!(tells_of("+12105550142", "a.pdf", b"") && tells_of("+12105550142", "a.xlsx", b""));
        assert!(tells_of("911", "a.csv", b""));
    }
}
