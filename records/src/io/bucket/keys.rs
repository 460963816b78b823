//! Who we are to the server: keys from a file or from the environment, which nothing prints.

use std::path::Path;
use std::{fmt, fs, io};

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: String,
    /// Of keys that pass.
    pub(super) token: Option<String>,
}

impl Keys {
    /// Reads them, as they are now: whoever changes keys changes a file.
    pub(super) fn read(file: Option<&Path>) -> io::Result<Self> {
        match file {
            Some(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|error| missing(&format!("{}: {error}", path.display())))?;
                Self::from_file(&text)
                    .ok_or_else(|| missing(&format!("{}: it holds no access key", path.display())))
            }
            None => Self::from_words(|name| std::env::var(name.to_ascii_uppercase()).ok()).ok_or_else(|| {
                missing("there is no access key: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
            }),
        }
    }

    /// As tools of AWS keep them: `name = value` under `[default]`, or without a heading.
    fn from_file(text: &str) -> Option<Self> {
        let mut is_ours = true;
        let mut words = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(heading) = line.strip_prefix('[') {
                is_ours = heading.strip_suffix(']').map(str::trim) == Some("default");
            } else if let Some((name, value)) = line.split_once('=').filter(|_| is_ours) {
                words.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Self::from_words(|name| words.iter().find(|(word, _)| word == name).map(|(_, value)| value.clone()))
    }

    fn from_words(word: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let word = |name| word(name).filter(|value| !value.is_empty());
        Some(Self {
            id: word("aws_access_key_id")?,
            secret: word("aws_secret_access_key")?,
            token: word("aws_session_token"),
        })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

fn missing(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_a_file_and_not_printed() {
        let keys = |text| Keys::from_file(text);
        let ours = Some(Keys { id: "A".to_owned(), secret: "b=c".to_owned(), token: None });
        assert_eq!(keys("[default]\naws_access_key_id = A\naws_secret_access_key=b=c\n"), ours);
        assert_eq!(keys("AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=b=c\n# more\n"), ours);
        assert_eq!(keys("[other]\naws_access_key_id = A\naws_secret_access_key=b\n"), None);
        assert_eq!(keys("[default]\naws_access_key_id = A\naws_secret_access_key=\n"), None);
        let text = "[x]\naws_access_key_id=B\n[default]\naws_access_key_id=A\naws_secret_access_key=b=c\naws_session_token=t";
        let found = keys(text).unwrap();
        assert_eq!((found.id.as_str(), found.token.as_deref()), ("A", Some("t")));
        assert_eq!(format!("{found:?}"), "Keys");
    }
}
