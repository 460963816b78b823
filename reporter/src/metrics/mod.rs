//! What is counted from call records and from cases, one file for each metric.
//!
//! A metric of calls is a [`Fold`]: it takes batches of rows and merges with what another took, in any order, so that a closed
//! day is folded once and a month is a merge of days. A metric of the desk is a [`Measure`]: cases are few, and are gone through
//! each time.

mod compare;
mod context;
mod coverage;
mod definition;
mod desk;
mod desk_measures;
#[cfg(test)]
mod desk_tests;
mod figures;
#[cfg(test)]
mod fold_tests;
mod gather;
mod index;
mod judged;
mod local;
mod m01_attempts;
mod m02_outcomes;
mod m03_unwanted;
mod m04_catch;
mod m05_wrong_blocks;
mod m06_harassment;
mod m07_containment;
mod m08_let_through;
mod m09_pressure;
mod m10_concurrency;
mod m11_attestation;
mod m12_impossible_callers;
mod m13_toll_fraud;
mod m14_after_hours;
mod m15_time_saved;
mod m16_quality;
mod m17_fraud_cases;
mod m18_funnel;
mod m19_precision;
mod m20_idle_rules;
mod m21_changes;
mod m22_expiring;
mod m23_attainment;
mod m24_response_times;
mod m25_backlog;
mod m26_reopened;
mod m27_intake;
mod m28_unverified;
mod m29_phone;
mod m30_communication;
mod m31_authorisation;
mod m32_thresholds;
mod m33_contacts;
mod policies;
mod questions;
mod rows;
mod series;
mod share;
mod spread;
mod stamp;
mod summary;
mod tally;

pub use compare::Compared;
pub use context::{Campaign, Context, Entry, Fingerprints, Judged, Label, Rate, RuleName, Trunk};
pub use coverage::{Coverage, Presence};
pub use definition::{Definition, Unit};
pub use desk::{Desk, Measure, Times};
pub use desk_measures::Measures;
pub use figures::{Answers, Figures};
pub use gather::{Gather, Gathered};
pub use judged::Judgements;
pub use local::{Hour, LocalTime, Period};
pub use m01_attempts::{Attempts, ByEverything, InHour};
pub use m02_outcomes::{BlockRate, Outcomes};
pub use m03_unwanted::{Unwanted, UnwantedShare};
pub use m04_catch::{Catch, CatchRate};
pub use m05_wrong_blocks::{WrongBlockRate, WrongBlocks};
pub use m06_harassment::{Caller, Callers, Harassment};
pub use m07_containment::Containment;
pub use m08_let_through::{GotThrough, LetThrough, Through};
pub use m09_pressure::{Pressure, PressureAnswer};
pub use m10_concurrency::{Concurrency, Load, Peak};
pub use m11_attestation::{AttestationMix, AttestationShare, Attestations};
pub use m12_impossible_callers::{Impossible, ImpossibleCallers};
pub use m13_toll_fraud::{Exposure, OfRate, TollFraud};
pub use m14_after_hours::{AfterHours, AfterHoursAnswer, AfterHoursCaller};
pub use m15_time_saved::{HoursSaved, TimeSaved};
pub use m16_quality::{Quality, QualityAnswer};
pub use m17_fraud_cases::FraudCases;
pub use m18_funnel::Funnel;
pub use m19_precision::{Precision, RulePrecision};
pub use m20_idle_rules::{RuleHits, RuleUse};
pub use m21_changes::Changes;
pub use m22_expiring::{Expiring, ExpiringBlock};
pub use m23_attainment::{Attainment, Kept, Voided};
pub use m24_response_times::{ResponseTimes, Responses};
pub use m25_backlog::Backlog;
pub use m26_reopened::Reopened;
pub use m27_intake::Intake;
pub use m28_unverified::Unverified;
pub use m29_phone::PhoneMessages;
pub use m30_communication::Communication;
pub use m31_authorisation::Authorisation;
pub use m32_thresholds::{Ringing, Thresholds};
pub use m33_contacts::Contacts;
pub use policies::Policies;
pub use questions::{Asked, Busy, OneCall};
pub use rows::{Attempt, Class, Reader, Rows};
pub use share::{Interval, Share};
pub use spread::{Quartiles, Spread};
pub use stamp::Stamp;
pub use summary::{MadeFrom, NoSummary, Shelf, Summary};

use records::Columns;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A metric of calls.
///
/// The fold of all rows is the same as the merge of the folds of its parts, however they are cut and in whatever order they are
/// merged.
pub trait Fold: Default + Clone + PartialEq + Serialize + DeserializeOwned {
    /// What it says.
    const DEFINITION: Definition;
    /// What it reads of rows, beside the columns of [`Rows::NEEDS`].
    const NEEDS: Columns;
    /// What it says of the calls that it took, in plain data.
    type Answer: Serialize;

    /// Takes rows.
    fn take(&mut self, rows: &Rows<'_>);

    /// Takes over what `other` took.
    fn merge(&mut self, other: Self);

    /// Forgets what a closed day need not keep: what is left is merged with other days.
    fn seal(&mut self) {}

    /// What it says of what it took in `period`.
    fn answer(&self, context: &Context, period: &Period) -> Self::Answer;
}
