//! A report for programs.

use super::Document;
use crate::json::to_line;

impl Document {
    /// One object on one line, by the structure of [`Document`]: [`super::SCHEMA`] says which version of it. What would act on
    /// a terminal or a page is escaped.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        // Memory takes everything, and a document has nothing that JSON has not.
        let _ = to_line(&mut out, self);
        String::from_utf8(out).unwrap_or_default()
    }
}
