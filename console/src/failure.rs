//! Why a page or an answer is not what was asked for.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cases::io::store::Error;

/// Why not. Whoever guards the way makes a page of it, or an object for a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is none, or none of theirs.
    NotFound,
    /// They may not.
    Forbidden(String),
    /// It cannot be done, in words.
    Refused(String),
    /// It cannot be understood, in words.
    Wrong(String),
    /// Somebody else was faster: what they wrote against is not what is there.
    Stale(String),
    /// Too much was asked for; after so many seconds again.
    TooOften(u64),
    /// Not now, in words.
    Down(String),
    /// Whoever changes something says first what they have seen.
    Unseen,
    /// It is no JSON, or does not say that it is.
    NotJson,
    /// It is more than is taken.
    TooLong,
    /// The same name was used for another request.
    Reused,
}

impl Failure {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::Stale(_) => StatusCode::PRECONDITION_FAILED,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Down(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unseen => StatusCode::PRECONDITION_REQUIRED,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Reused => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// In a few words.
    pub(crate) const fn title(&self) -> &'static str {
        match self {
            Self::NotFound => "There is no such page",
            Self::Forbidden(_) => "That is not yours to do",
            Self::Refused(_) => "That was not done",
            Self::Wrong(_) => "That was not understood",
            Self::Stale(_) => "Somebody else was faster",
            Self::TooOften(_) => "Too many at once",
            Self::Down(_) => "Not now",
            Self::Unseen => "Say what you have seen",
            Self::NotJson => "That is no JSON",
            Self::TooLong => "That is too long",
            Self::Reused => "That name was used before",
        }
    }

    /// And why.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::NotFound => "It does not exist, or it belongs to somebody else.".to_owned(),
            Self::TooOften(seconds) => format!("Try again in {seconds} seconds."),
            Self::Unseen => {
                "Send the ETag that you have read as If-Match, so that nobody's work is lost.".to_owned()
            }
            Self::NotJson => "Send JSON, with Content-Type: application/json.".to_owned(),
            Self::TooLong => "It is longer than anything that is taken here.".to_owned(),
            Self::Reused => "This Idempotency-Key was used for another request.".to_owned(),
            Self::Forbidden(why)
            | Self::Refused(why)
            | Self::Wrong(why)
            | Self::Stale(why)
            | Self::Down(why) => why.clone(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NoCase(_) => Self::NotFound,
            Error::Overtaken(_) | Error::Changed => Self::Stale(error.to_string()),
            Error::Refused(why) => Self::Refused(why),
            Error::Repeated { is_same: false, .. } => Self::Reused,
            Error::Repeated { .. } => Self::Refused(error.to_string()),
            Error::Database(_) | Error::Stored(_) | Error::Newer { .. } => Self::Down(error.to_string()),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.text()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
