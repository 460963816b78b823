//! Reads telephone numbers out of user parts.
