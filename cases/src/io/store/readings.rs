//! Who has read what is not for everybody: it is written down.

use super::Error;
use super::desk::{Desk, Done};
use crate::audit::Act;
use crate::schedule::Run;

impl Desk<'_> {
    /// Writes down that somebody read the audit of `chain`; `detail` is JSON.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn note_reading(&self, chain: &str, detail: &str, done: Done<'_>) -> Result<(), Error> {
        let act = Act { at: done.now, actor: done.who, action: "read-audit", subject: chain, detail };
        let mut writing = self.write().await?;
        writing.audit(chain, act).await?;
        writing.commit().await
    }

    /// Writes down that somebody fetched a file of a run.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn note_fetch(&self, run: &Run, file: &str, done: Done<'_>) -> Result<(), Error> {
        let detail = serde_json::json!({ "file": file, "to": done.who }).to_string();
        let act =
            Act { at: done.now, actor: done.who, action: "fetch-report", subject: &run.id, detail: &detail };
        let mut writing = self.write().await?;
        writing.audit(&run.customer, act).await?;
        writing.commit().await
    }
}
