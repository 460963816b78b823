//! Where do packets come from? Capture files, and what is wrapped in them.
