//! Lines of a change in the words of who has to approve them, next to the exact ones.

use std::collections::BTreeSet;
use std::time::Duration;

use cases::change::Line;
use jiff::civil::Date;
use tokio::time::timeout;

use crate::Service;
use crate::question::ask;

/// `lines` of a change for `customer`, in plain words: as they are where it is not known that a list refuses callers.
pub(crate) async fn lines(service: &Service, customer: &str, lines: &[Line]) -> Vec<String> {
    let is_plain = lines.iter().all(|line| matches!(line, Line::Text { .. }));
    let refusing = if is_plain { BTreeSet::new() } else { refusing(service, customer).await };
    lines.iter().map(|line| said(line, &refusing)).collect()
}

/// Lists of `customer` on which a number is enough to have its calls refused.
async fn refusing(service: &Service, customer: &str) -> BTreeSet<String> {
    let in_force = timeout(PATIENCE, ask(&service.questions.portal.in_force, customer.to_owned())).await;
    let Ok(Ok(in_force)) = in_force else { return BTreeSet::new() };
    in_force.lists.into_iter().filter(|list| list.refuses_callers).map(|list| list.name).collect()
}

fn said(line: &Line, refusing: &BTreeSet<String>) -> String {
    match line {
        Line::Add { list, entry, expires, reason } if refusing.contains(list) => {
            let until = match expires {
                Some(until) => format!("until {}", day(until)),
                None => "for good".to_owned(),
            };
            format!("Calls from {entry} will be rejected {until}: {reason}")
        }
        Line::Remove { list, entry } if refusing.contains(list) => {
            format!("Calls from {entry} will no longer be rejected by the list {list}")
        }
        line => line.to_string(),
    }
}

/// `2027-02-26` as `26 Feb 2027`; as it is, where it is no day.
fn day(text: &str) -> String {
    text.parse::<Date>().map_or_else(|_| text.to_owned(), |day| day.strftime("%-d %b %Y").to_string())
}

/// Whoever decides is not kept waiting for words.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_by_what_happens_to_calls_only_where_that_is_so() {
        let add = |list: &str, expires: Option<&str>| Line::Add {
            list: list.to_owned(),
            entry: "+12101111111".to_owned(),
            expires: expires.map(str::to_owned),
            reason: "<threats>".to_owned(),
        };
        let refusing = BTreeSet::from(["harassment".to_owned()]);
        let told = |line: &Line| said(line, &refusing);
        assert_eq!(
            told(&add("harassment", Some("2027-02-26"))),
            "Calls from +12101111111 will be rejected until 26 Feb 2027: <threats>"
        );
        assert_eq!(
            told(&add("harassment", None)),
            "Calls from +12101111111 will be rejected for good: <threats>"
        );
        let watched = add("watched", Some("2027-02-26"));
        assert_eq!(told(&watched), watched.to_string(), "that list refuses nobody");
        let off = Line::Remove { list: "harassment".to_owned(), entry: "+1".to_owned() };
        assert_eq!(told(&off), "Calls from +1 will no longer be rejected by the list harassment");
        assert_eq!(day("soon"), "soon");
    }
}
