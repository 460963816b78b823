//! Thresholds on calling patterns: read and checked here, counted by the engine.

use crate::policy::Span;

/// One `[[ips]]` table.
#[derive(Clone, Debug)]
pub struct IpsRule {
    /// Its name, or the shipped detection's.
    pub name: String,
    /// Where it stands in the file.
    pub span: Span,
}
