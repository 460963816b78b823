//! Numbers that somebody types into a form: read and checked as those of mails are.

use super::candidate::{self, Shape};
use super::characters::{one_line, plain};
use super::directory::{Directory, Tenant};
use super::limits::NUMBERS_PER_REQUEST_MAX;
use super::number::{self, Fate, FoundNumber, Place, Reading, Why};
use super::segment::Segment;

/// Every number in `text`, a form of `tenant` that asks for numbers: what it is, and, where `blocks`, whether it may be blocked
/// (B-11). At most one more than a request takes: more is an import.
pub fn typed(text: &str, tenant: Option<&Tenant>, directory: &Directory, blocks: bool) -> Vec<FoundNumber> {
    let default = [rules::plan::DialPlan::default()];
    let plans = tenant.map(|it| it.plans.as_slice()).filter(|it| !it.is_empty()).unwrap_or(&default);
    let text: String = text.chars().take(CHARACTERS_MAX).collect();
    let mut found: Vec<FoundNumber> = Vec::new();
    for (index, line) in plain(&text).split(['\n', ',', ';']).enumerate() {
        for it in candidate::find(line) {
            if let Shape::Range(range) = &it.shape {
                let place = Place { file: None, line: index + 1, segment: Segment::Own, label: None };
                let (reading, fate) = (Reading::None, Fate::Unclear(Why::Range));
                found.push(FoundNumber {
                    written: one_line(range, 60),
                    place,
                    reading,
                    notes: Vec::new(),
                    fate,
                });
                if found.len() > NUMBERS_PER_REQUEST_MAX {
                    return found;
                }
                continue;
            }
            for read in number::read(&it, line, plans) {
                let stop = read.reading.number().filter(|_| blocks);
                let stop = stop.and_then(|number| number::stop(number, tenant, directory));
                let is_again = read.reading.number().is_some()
                    && found.iter().any(|before| before.reading == read.reading);
                let fate = match (stop, read.trouble) {
                    (Some(stop), _) => Fate::Stopped(stop),
                    (None, Some(why)) => Fate::Unclear(why),
                    (None, None) if is_again => Fate::Left(Why::Twice),
                    (None, None) => Fate::Taken,
                };
                let place = Place { file: None, line: index + 1, segment: Segment::Own, label: None };
                let (written, reading, notes) = (read.written, read.reading, read.notes);
                found.push(FoundNumber { written, place, reading, notes, fate });
                if found.len() > NUMBERS_PER_REQUEST_MAX {
                    return found;
                }
            }
        }
    }
    found
}

/// Lines of the same text in which no number was found. None where there are more numbers than a request takes, of which the rest
/// was not looked at.
pub fn unread_lines(text: &str, found: &[FoundNumber]) -> Vec<String> {
    let mut unread = Vec::new();
    if found.len() > NUMBERS_PER_REQUEST_MAX {
        return unread;
    }
    let text: String = text.chars().take(CHARACTERS_MAX).collect();
    let mut last = 0;
    for line in plain(&text).split('\n') {
        let first = last + 1;
        last += line.split([',', ';']).count();
        let is_read = found.iter().any(|it| (first..=last).contains(&it.place.line));
        if !is_read && !line.trim().is_empty() {
            unread.push(line.trim().to_owned());
        }
    }
    unread
}

/// So many numbers of a request, each on a line with a comment.
const CHARACTERS_MAX: usize = 40_000;

#[cfg(test)]
mod tests {
    use super::super::number::Stop;
    use super::*;

    fn fates(text: &str, blocks: bool) -> Vec<(String, Fate)> {
        let set =
            |text: &str| rules::NumberSet::exact(rules::Number::international(text.as_bytes()).unwrap());
        let tenant = Tenant {
            id: "Acme".to_owned(),
            plans: vec![rules::plan::DialPlan::default()],
            own_numbers: set("12105550100"),
            ..Tenant::default()
        };
        let other = Tenant { id: "Other".to_owned(), own_numbers: set("13035550100"), ..Tenant::default() };
        let directory = Directory { tenants: vec![tenant.clone(), other], ..Directory::default() };
        let found = typed(text, Some(&tenant), &directory, blocks);
        found
            .into_iter()
            .map(|it| {
                let shown = match it.reading {
                    Reading::Number(number) => number.to_string(),
                    _ => it.written,
                };
                (shown, it.fate)
            })
            .collect()
    }

    #[test]
    fn b11_what_cannot_be_blocked_is_said_while_it_is_typed() {
        let found =
            fates("(303) 555-0142\n911\n+1 210 555 0100, 1-303-555-0100; +13035550142\n+1303555O143", true);
        let expected = [
            ("+13035550142", Fate::Taken),
            ("911", Fate::Stopped(Stop::Emergency)),
            ("+12105550100", Fate::Stopped(Stop::Own)),
            ("+13035550100", Fate::Stopped(Stop::OtherCustomer)),
            ("+13035550142", Fate::Left(Why::Twice)),
        ];
        for (at, (number, fate)) in expected.iter().enumerate() {
            assert_eq!((found[at].0.as_str(), &found[at].1), (*number, fate), "{found:?}");
        }
        assert!(matches!(found[5].1, Fate::Unclear(_)), "{found:?}");
        assert!(fates("+12105550100", false).iter().all(|(_, fate)| *fate == Fate::Taken));
    }

    #[test]
    fn b8_the_beginning_of_a_range_is_no_number() {
        let german = rules::plan::DialPlan::new("DE", rules::plan::Bare::National, None, &[], &[]).unwrap();
        let tenant = Tenant { plans: vec![german], ..Tenant::default() };
        for text in ["+49 30 9018 *", "030 9018 2xx", "+49 30 901 82*"] {
            let found = typed(text, Some(&tenant), &Directory::default(), true);
            assert!(found.len() == 1 && found[0].fate == Fate::Unclear(Why::Range), "{text}: {found:?}");
        }
    }

    #[test]
    fn b8_a_range_is_said_to_be_one() {
        let found = fates("+1 800 555 01*\n2105550100 - 2105550199\n(303) 555-0142", true);
        let ranges: Vec<&str> =
            found.iter().filter(|it| it.1 == Fate::Unclear(Why::Range)).map(|it| it.0.as_str()).collect();
        assert_eq!(
            (ranges, found.len()),
            (vec!["+1 800 555 01*", "2105550100 - 2105550199"], 3),
            "{found:?}"
        );
    }

    #[test]
    fn a_flood_ends() {
        let many: String = (0..5_000).map(|at| format!("+1303556{at:04}\n")).collect();
        assert_eq!(fates(&many, true).len(), NUMBERS_PER_REQUEST_MAX + 1);
        assert_eq!(fates(&"+1303*\n".repeat(5_000), true).len(), NUMBERS_PER_REQUEST_MAX + 1);
    }
}
