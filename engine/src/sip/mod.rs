//! Reads SIP from bytes: a message and its defects, never an error.
