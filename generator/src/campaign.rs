//! One attack that happens: which, when, how often, and who would be right about it.

use crate::attack::Attack;

/// What is true of all calls of one campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Unlike that of every other campaign of the traffic; from 1, in order of their first calls.
    pub id: u32,
    /// What it is.
    pub attack: Attack,
    /// Which way it goes, such as `shuffled`; each attack has its own words.
    pub variant: &'static str,
    /// When its first exchange begins, Unix microseconds.
    pub first_micros: i64,
    /// When its last exchange begins, Unix microseconds.
    pub last_micros: i64,
    /// How many exchanges it has.
    pub calls: usize,
    /// The detections that are right to report it, the one of its own name first if there is one.
    pub fits: Vec<&'static str>,
}

/// An honest event that looks like an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is.
    pub confounder: crate::Confounder,
    /// When its first exchange begins, Unix microseconds.
    pub first_micros: i64,
    /// When its last exchange begins, Unix microseconds.
    pub last_micros: i64,
    /// How many exchanges it has.
    pub calls: usize,
}
