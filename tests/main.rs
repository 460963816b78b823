//! Stories about the whole of Ringwall, in one binary.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]

mod architecture;
mod stories;
mod support;
