//! The REST API below `/v1`: every object as JSON, for programs with keys and for pages of ours (O-1).
//!
//! A handler takes what it is told through the types of `taken`, answers with those of `told`, and is scoped by its viewer:
//! what belongs to another customer is not there.

pub(crate) mod accounts;
pub(crate) mod acts;
pub(crate) mod alerts;
#[allow(unused_qualifications, reason = "utoipa writes the names of parameters in full")]
pub(crate) mod audit;
pub(crate) mod blocks;
pub(crate) mod bulk;
#[allow(unused_qualifications, reason = "utoipa writes the names of parameters in full")]
pub(crate) mod calls;
#[allow(unused_qualifications, reason = "utoipa writes the names of parameters in full")]
pub(crate) mod cases;
pub(crate) mod changes;
pub(crate) mod customers;
pub(crate) mod invitations;
pub(crate) mod keys;
#[allow(unused_qualifications, reason = "utoipa writes the names of parameters in full")]
pub(crate) mod lists;
pub(crate) mod outside;
pub(crate) mod policies;
pub(crate) mod proposals;
pub(crate) mod registrations;
pub(crate) mod reports;
pub(crate) mod schedules;
mod shown;
pub(crate) mod silences;
pub(crate) mod standing;
mod taken;
pub(crate) mod told;
mod words;

/// Objects on a page of a list unless told, and at most.
const COUNT: u32 = 50;
const COUNT_MAX: u32 = 200;
/// Bytes of a body below `/v1`.
pub(crate) const BODY_BYTES_MAX: usize = 256 << 10;
/// Characters of a text that somebody writes.
const TEXT_CHARACTERS_MAX: usize = 20_000;
/// Characters of a name or a line.
const LINE_CHARACTERS_MAX: usize = 500;

#[cfg(test)]
mod tests;
