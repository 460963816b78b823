//! Reads SIP from bytes: a message and its defects, never an error.

mod address;
#[cfg(test)]
mod agreement;
mod block;
mod body;
mod defects;
mod disposition;
mod guess;
mod header;
mod index;
mod lines;
mod message;
mod params;
pub mod passport;
mod plain;
mod reading;
mod start;
mod stream;
mod text;
mod uri;
mod values;
mod via;

pub use address::NameAddr;
pub use disposition::Disposition;
pub use guess::{looks_like_sip, start_of};
pub use header::Header;
pub use message::{ContentLength, Message};
pub use params::{Param, Params};
pub use passport::Passport;
pub use stream::{Frame, Framer};
pub use text::{spoken, unfold};
pub use uri::{Scheme, Uri};
pub use values::{Addresses, Values};
pub use via::Via;
