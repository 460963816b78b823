//! Stories of pages in a real browser: see `tests/pages.rs`. Nothing else is here.
#![forbid(unsafe_code)]
