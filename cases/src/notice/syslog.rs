//! One message of syslog (RFC 5424).

use rules::Timestamp;

use crate::calendar::instant;
use crate::case::Severity;

/// `message` with its header. `host` and `id` are cut to what a header may hold.
pub fn syslog(severity: Severity, at: Timestamp, host: &str, id: &str, message: &str) -> String {
    // Facility 13 (log audit) and 4, 3 or 6 of severity: warning, error, informational.
    let priority = 13 * 8
        + match severity {
            Severity::Critical => 3,
            Severity::Warning => 4,
            Severity::Info => 6,
        };
    let at = instant(at).strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
    let (host, id) = (word(host, 255), word(id, 32));
    // The mark says that what follows is UTF-8; a message is one line.
    let message: String = message.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    format!("<{priority}>1 {at} {host} ringwall - {id} - \u{feff}{message}")
}

/// Printable ASCII without spaces, or the sign for nothing.
fn word(text: &str, length_max: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(length_max).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}
