//! What is kept first? Events on their way from packets to everything else, on disk before anybody relies on them.
//!
//! One writer per folder. [`Spool::append`] writes, [`Spool::commit`] has it on disk: one wait for all that was appended.
//! Any number of [`Reader`]s, in this process or another, are handed what was committed, and nothing else.
//!
//! # Exactly once
//! A number belongs to one event for ever, and a reader hands out each event once, in order of numbers. So a consumer with a
//! database of its own handles each event exactly once, whatever dies when:
//!
//! 1. begin a transaction; do what the event asks for; write its number into the same transaction; commit;
//! 2. call [`Reader::acknowledge`] with that number: the spool may forget what lies before it;
//! 3. at start, read the number from the database and go on there: [`Reader::seek`].
//!
//! The position that `acknowledge` keeps is behind the database after a crash between 1 and 2, which is why it is not what the
//! consumer starts from. A consumer whose own state is small keeps it beside the position, in one write:
//! [`Reader::acknowledge_with`].
#![forbid(unsafe_code)]

mod cursor;
mod disk;
mod error;
#[cfg(test)]
mod faults;
mod kind;
mod lane;
pub mod limits;
mod mark;
mod position;
mod reader;
mod record;
mod recovery;
mod scanner;
mod segment;
#[cfg(test)]
mod shaky;
pub mod signal;
mod spool;

pub use error::{Damage, Error};
pub use kind::{Kind, Lane};
pub use reader::Reader;
pub use record::{Event, Record};
pub use signal::Signal;
pub use spool::{Appended, Found, Refused, Settings, Spool};
