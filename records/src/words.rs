//! A column of texts, of which most come again and again.

use std::collections::HashMap;

/// Texts of a column: each distinct one is kept once. Row `n` has the text that its code stands for; code 0 is no text.
#[derive(Clone, Debug, Default)]
pub struct Words {
    codes: Vec<u32>,
    words: Vec<String>,
    known: HashMap<String, u32>,
}

impl Words {
    /// The code of each row.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The distinct texts: code `n` stands for the one at place `n - 1`.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// What `code` stands for.
    pub fn word(&self, code: u32) -> Option<&str> {
        let place = usize::try_from(code).ok()?.checked_sub(1)?;
        self.words.get(place).map(String::as_str)
    }

    /// The text of `row`.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.word(*self.codes.get(row)?)
    }

    /// The code of `word`, if a row has had it.
    pub fn code(&self, word: &str) -> Option<u32> {
        self.known.get(word).copied()
    }

    /// For each code whether its text is one that `wanted` takes: the place of code 0 says whether it takes none.
    pub fn which(&self, mut wanted: impl FnMut(Option<&str>) -> bool) -> Vec<bool> {
        let all = std::iter::once(None).chain(self.words.iter().map(|word| Some(word.as_str())));
        all.map(&mut wanted).collect()
    }

    /// The code for `word`, which is new or known; it is in no row yet.
    pub fn code_for(&mut self, word: &str) -> u32 {
        if let Some(code) = self.known.get(word) {
            return *code;
        }
        self.words.push(word.to_owned());
        let code = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.known.insert(word.to_owned(), code);
        code
    }

    /// One more row.
    pub fn push(&mut self, word: Option<&str>) {
        let last = self.codes.last().copied().unwrap_or_default();
        let code = match word {
            None => 0,
            // Most often it is that of the row before.
            Some(word) if self.word(last) == Some(word) => last,
            Some(word) => self.code_for(word),
        };
        self.codes.push(code);
    }

    /// One more row, by the code of a text that is known.
    pub fn push_code(&mut self, code: u32) {
        self.codes.push(code);
    }

    pub(crate) fn codes_mut(&mut self) -> &mut Vec<u32> {
        &mut self.codes
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.codes.as_slice())
            + self.words.iter().map(|word| word.len() + BYTES_OF_WORD).sum::<usize>()
    }

    /// No rows any more. Texts stay, so that their codes do.
    pub fn clear_rows(&mut self) {
        self.codes.clear();
    }
}

/// What a distinct text takes beside itself: two strings, a code, room in a table.
const BYTES_OF_WORD: usize = 96;
