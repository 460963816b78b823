//! A policy that can judge.

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {}
