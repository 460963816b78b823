//! M28: requests of people we do not know, or do not believe.

use serde::Serialize;

use super::{Definition, Desk, Measure, Period, Unit};

/// What M28 says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unverified {
    /// Cases that were unverified in the period.
    pub unverified: u64,
    /// Cases that were in quarantine in the period.
    pub quarantined: u64,
    /// A registered contact made them its own.
    pub adopted: u64,
    /// They were let out of quarantine.
    pub released: u64,
    /// They were thrown away unread.
    pub dropped: u64,
}

impl Measure for Unverified {
    const DEFINITION: Definition = Definition {
        id: "M28",
        name: "Unverified and quarantined intake",
        formula: "cases opened in the period that were unverified or in quarantine; adopted, released and dropped ones",
        unit: Unit::Count,
        version: 1,
        counts: "Mail that came from nobody we know or that seemed to come from somebody else, and what became of it.",
        omits: "The domain that it claims to come from stands in the mail, not in the case.",
    };

    fn measure(desk: &Desk<'_>, period: &Period) -> Self {
        let mut measured = Self::default();
        let of = desk.by_case();
        for case in desk.cases.iter().filter(|case| period.contains(case.opened)) {
            let number = case.number.to_string();
            let entries = of.get(number.as_str()).map_or(&[][..], Vec::as_slice);
            let was =
                |state: &str| entries.iter().any(|entry| state_of(&entry.detail).as_deref() == Some(state));
            let has = |action: &str| entries.iter().any(|entry| entry.action == action);
            let (is_unverified, is_quarantined) = (was("unverified"), was("quarantine"));
            measured.unverified += u64::from(is_unverified);
            measured.quarantined += u64::from(is_quarantined);
            if is_unverified || is_quarantined {
                measured.adopted += u64::from(has("adopt"));
                measured.released += u64::from(has("release"));
                measured.dropped += u64::from(has("drop"));
            }
        }
        measured
    }
}

/// The state that an entry of the audit leaves a case in.
fn state_of(detail: &str) -> Option<String> {
    let detail: serde_json::Value = serde_json::from_str(detail).ok()?;
    Some(detail.get("state")?.as_str()?.to_owned())
}
