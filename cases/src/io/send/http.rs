//! One POST, bounded in time and size, on a thread that may wait; it follows no redirect.

use std::path::Path;
use std::time::Duration;

use super::SendError;
use crate::intake::one_line;

/// What is posted.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) url: String,
    /// PEM file with the authorities that are believed.
    pub(super) authorities: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Post {
    /// Sends it. Returns what was answered, in a few words.
    pub(super) async fn send(self) -> Result<String, SendError> {
        let sent = tokio::task::spawn_blocking(move || self.call());
        sent.await.unwrap_or_else(|_| Err(SendError::passing("the sender died")))
    }

    fn call(&self) -> Result<String, SendError> {
        let authorities = self.authorities.as_deref().map(Path::new);
        // Somebody may put the file there: it is tried again.
        let agent = outgoing::agent(&self.url, authorities, |config| config.timeout_global(Some(PATIENCE)))
            .map_err(|error| SendError::passing(error.to_string()))?;
        let mut request = agent.post(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = request.send(&self.body).map_err(|error| match error {
            // Neither the address nor the headers get better by waiting.
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => SendError::permanent(error.to_string()),
            error => SendError::passing(error.to_string()),
        })?;
        let status = response.status();
        let said =
            response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().unwrap_or_default();
        let said = format!("{status} {}", one_line(&said, ANSWER_CHARACTERS_MAX)).trim_end().to_owned();
        match status.as_u16() {
            200..=299 => Ok(said),
            300..=399 => Err(SendError::permanent(format!("{said}: redirects are not followed"))),
            408 | 425 | 429 | 500.. => Err(SendError::passing(said)),
            _ => Err(SendError::permanent(said)),
        }
    }
}

/// The first line of a file with a secret.
pub(super) fn secret(path: &str) -> Result<String, SendError> {
    let path = Path::new(path);
    let text = std::fs::read_to_string(path).map_err(|error| unread(path, &error))?;
    let secret = text.lines().next().unwrap_or_default().trim().to_owned();
    if secret.is_empty() {
        return Err(SendError::passing(format!("{}: there is no secret in it", path.display())));
    }
    Ok(secret)
}

/// Somebody may put it there: it is tried again.
pub(super) fn unread(path: &Path, error: &std::io::Error) -> SendError {
    SendError::passing(format!("{}: {error}", path.display()))
}

const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
const ANSWER_CHARACTERS_MAX: usize = 160;
