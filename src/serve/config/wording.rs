//! What is wrong with a value, in words of people who write configurations instead of types.

/// `message` of the reader, with its types in words.
pub(super) fn plain(message: &str) -> String {
    WORDS.iter().fold(message.to_owned(), |said, (theirs, ours)| said.replace(theirs, ours))
}

const WORDS: &[(&str, &str)] = &[
    ("invalid socket address syntax", "this is no ADDRESS:PORT, such as 127.0.0.1:8080"),
    ("invalid IP address syntax", "this is no IP address, such as 192.0.2.7"),
    ("expected u16", "expected a whole number up to 65535"),
    ("expected u32", "expected a whole number up to 4294967295"),
    ("expected u64", "expected a whole number, 0 or more"),
    ("expected usize", "expected a whole number, 0 or more"),
    ("expected a boolean", "expected true or false"),
];

#[cfg(test)]
mod tests {
    use crate::serve::Config;

    #[test]
    fn types_are_said_in_words() {
        for (text, said) in [
            ("[http]\nlisten = \"localhost:8080\"\n", "ADDRESS:PORT"),
            ("calls_refused_code = \"x\"\n", "a whole number up to 65535"),
            ("[redirect]\nidle_seconds_max = -1\n", "a whole number up to 4294967295"),
        ] {
            let wrong = Config::parse(text).unwrap_err();
            assert!(wrong.contains(said), "{wrong}");
        }
    }
}
