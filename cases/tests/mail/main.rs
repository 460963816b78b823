//! Stories of mail that comes to the desk: what is read of it, and what is not.

#![cfg(test)]

mod bounds;
#[cfg(feature = "mail-auth")]
mod checker;
mod customers;
#[cfg(feature = "mail-auth")]
mod dns;
mod fixtures;
mod random;
mod receiver;
mod replies;
mod sender;
#[cfg(feature = "mail-auth")]
mod signer;
mod spoof;
mod strangers;
mod variants;
