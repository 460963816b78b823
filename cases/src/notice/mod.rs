//! Who is told of what happens to cases: events are routed, grouped, inhibited, silenced, and go along chains of people until
//! somebody has the case.
//!
//! All of it is a function of facts, settings and time; what has to outlive a restart is plain data ([`Memory`]).

mod answer;
mod awake;
mod budget;
mod cef;
mod document;
mod engine;
mod fact;
mod group;
mod hand_over;
mod monthly;
mod news;
mod ocsf;
mod preference;
mod rota;
mod settings;
mod silence;
mod syslog;
mod text;
mod words;

pub use answer::{Answer, Answers};
pub use awake::{AWAKE_HOURS, AWAKE_HOURS_MAX, Awake};
pub use cef::cef;
pub use document::{alert_fact, anchors, document, stream};
pub use engine::{Engine, Memory, Stored, World};
pub use fact::{Fact, Happening, Violation};
pub use group::{Acknowledged, Group, Ledger, Outcome, Position, Stage, Telling};
pub use hand_over::{HandOver, NOTE_CHARACTERS_MAX, Note, Notes, hand_over_facts, hand_overs, spoken_of};
pub use monthly::{TRIALS, failed_trial, trials};
pub use news::{Seen, news};
pub use ocsf::{case_finding, detection_finding};
pub use preference::{Preference, Preferences, Way};
pub use rota::{Duty, Override, Rota};
pub use settings::{
    Carriage, Chain, Channels, Condition, Format, Heartbeat, Inhibition, Limits, Matcher, Member, Route,
    Settings, SmsGateway, Step, Target, TargetKind, Urgency, Who,
};
pub use silence::Silence;
pub use syslog::syslog;
pub use words::{Audience, gsm_segments, notice, sms};

#[cfg(test)]
mod tests;
