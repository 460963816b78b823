//! Where cases meet the outside: everything here may wait, ask a clock and open sockets, and nothing else in this crate may.

pub mod mail;
pub mod send;
pub mod store;
