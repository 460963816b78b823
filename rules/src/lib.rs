//! What is a bad call? Facts in, verdict out.
//!
//! This crate knows policy text, its compiler and its prover. It opens no socket, asks no clock and holds no
//! call state; all it decides, it decides from a [`Subject`].
#![forbid(unsafe_code)]

pub mod exchange;
pub mod flag;
pub mod limits;
pub mod matching;
pub mod number;
pub mod number_set;
pub mod plan;
pub mod policy;
pub mod proof;
pub mod subject;
pub mod time;
pub mod verdict;

pub use flag::{Flag, Flags};
pub use number::{Number, eight_digits};
pub use number_set::NumberSet;
pub use policy::Policy;
pub use subject::{
    Attestation, CallType, Direction, Headers, Identity, Method, Origin, Party, Subject, Transport,
};
pub use time::Timestamp;
pub use verdict::{Action, Measure, Reason, Verdict};
