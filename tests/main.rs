//! Stories about the whole of Ringwall, in one binary.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]

// By the name that the server of their own tests knows it by.
extern crate records as ringwall_records;

mod architecture;
mod stories;
mod support;
