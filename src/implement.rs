//! Makes authorised changes.
