//! Stories of mail that comes to the desk: what is read of it, and what is not.

#![cfg(test)]

mod bounds;
mod customers;
mod fixtures;
mod random;
mod receiver;
mod replies;
mod sender;
mod spoof;
mod variants;
