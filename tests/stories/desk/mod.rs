//! The desk: clocks, cases, what people do with them.

mod clocks;
mod contacts;
mod mail;
