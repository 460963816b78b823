//! Who is up anyway: what would ring comes into one thread meanwhile (E-6).

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use super::engine::hash;

/// Somebody of the desk is awake, and reads what comes without being rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awake {
    /// Who.
    pub who: String,
    /// Since when; saying it again while it counts only moves the end.
    pub since: Timestamp,
    /// Until when; it ends by itself.
    pub until: Timestamp,
}

impl Awake {
    /// What names the thread that all of it hangs under.
    pub fn thread(&self) -> String {
        format!("awake-{}", hash(&["awake", &self.who, &self.since.0.to_string()]))
    }
}

/// Hours that somebody is awake unless they say how many.
pub const AWAKE_HOURS: i64 = 2;
/// At most so many.
pub const AWAKE_HOURS_MAX: i64 = 12;
