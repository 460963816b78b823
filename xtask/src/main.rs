//! Chores: test, bench, fuzz.
fn main() {}
