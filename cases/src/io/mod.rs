//! What cannot be pure: the database, mail, notices. Nothing outside this folder waits for anything.

pub mod store;
