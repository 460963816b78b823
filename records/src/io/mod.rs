//! Call records on disk or in a bucket: files that every engine reads, one folder for each customer and day, and a log of which count.

mod bits;
mod bucket;
mod compact;
#[cfg(test)]
mod damage_tests;
mod error;
mod file_reader;
mod file_writer;
mod find;
mod fold;
mod folder;
mod forget;
mod intake;
#[cfg(test)]
mod life_tests;
mod manifest;
mod merge;
mod name;
mod owner;
mod pages;
mod place;
mod scan;
mod schema;
mod store;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use self::bucket::Remote;
pub use self::error::Error;
pub use self::forget::{Forgotten, Keep};
pub use self::intake::Intake;
pub use self::manifest::Entry;
pub use self::place::Place;
pub use self::scan::{Scan, Wanted};
pub use self::schema::{DETAILS, ROWS_OF_GROUP};
pub use self::store::{Day, Store};
pub use self::verify::Verified;
pub use self::writer::{Part, Writer};
