//! The keys of `[status]`: where a copy of the status page is written that others serve.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where it goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StatusKeys {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) export: Option<PathBuf>,
}
