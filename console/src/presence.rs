//! Who looks at a case now, for whoever looks at the same one. Pages ask again and again; who asks no more is gone. Each service
//! knows of its own pages only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use cases::CaseNumber;
use rules::Timestamp;

use crate::access::Viewer;
use crate::failure::Failure;
use crate::{Service, case, shell};

/// Who looks at which case, and when their page last said so.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    seen: Mutex<HashMap<CaseNumber, Vec<(String, Timestamp)>>>,
}

impl Presence {
    /// Notes that `who` looks at a case; who else does, by name.
    fn look(&self, number: CaseNumber, who: &str, now: Timestamp) -> Vec<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_here = |(_, at): &(String, Timestamp)| now.micros_since(*at).abs() <= HERE_MICROS;
        if seen.len() >= CASES_MAX && !seen.contains_key(&number) {
            seen.retain(|_, people| people.iter().any(is_here));
            if seen.len() >= CASES_MAX {
                return Vec::new();
            }
        }
        let people = seen.entry(number).or_default();
        people.retain(|person| is_here(person) && person.0 != who);
        let mut others: Vec<String> = people.iter().map(|(name, _)| name.clone()).collect();
        others.sort();
        others.truncate(SHOWN_MAX);
        if people.len() < PEOPLE_MAX {
            people.push((who.to_owned(), now));
        }
        others
    }
}

#[derive(Template)]
#[template(path = "present.html")]
struct Others {
    others: Vec<String>,
}

/// Who else looks at a case, as a piece of its page.
pub(crate) async fn others(
    State(service): State<Arc<Service>>,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Failure> {
    let number = case::parse(&number)?;
    service.book()?.store().await?.desk().case(number).await?;
    let others = service.own.presence.look(number, &viewer.who, (service.now)());
    Ok(shell::page(&Others { others }))
}

/// Pages ask every ten seconds; one may be slow.
const HERE_MICROS: i64 = 25 * 1_000_000;
const CASES_MAX: usize = 10_000;
const PEOPLE_MAX: usize = 100;
const SHOWN_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_no_more_is_gone_and_nobody_sees_themselves() {
        let (presence, number, other) =
            (Presence::default(), CaseNumber::new(100_001), CaseNumber::new(100_002));
        let at = |seconds: i64| Timestamp(1_000_000_000).plus_micros(seconds * 1_000_000);
        assert_eq!(presence.look(number, "anna", at(0)), [""; 0]);
        assert_eq!(presence.look(number, "ben", at(5)), ["anna"]);
        assert_eq!(presence.look(other, "cleo", at(5)), [""; 0], "another case");
        assert_eq!(presence.look(number, "anna", at(10)), ["ben"]);
        assert_eq!(presence.look(number, "anna", at(40)), [""; 0], "ben has gone");
    }

    #[test]
    fn more_cases_than_there_is_room_for_show_nobody_until_people_have_gone() {
        let presence = Presence::default();
        let now = Timestamp(1_000_000_000);
        for serial in 0..=CASES_MAX as u64 {
            presence.look(CaseNumber::new(serial), "anna", now);
        }
        assert_eq!(presence.seen.lock().unwrap().len(), CASES_MAX);
        let later = now.plus_micros(HERE_MICROS + 1);
        presence.look(CaseNumber::new(999_999), "anna", later);
        assert_eq!(presence.seen.lock().unwrap().len(), 1);
    }
}
