//! The part of a file that is in memory.

use std::io::{self, Read};

use crate::limits::READ_BYTES;

/// A buffer that slides over a stream of bytes.
pub(crate) struct Window {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    passed: u64,
    ended: bool,
    failure: Option<io::Error>,
}

impl Window {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader, buffer: vec![0; READ_BYTES], start: 0, end: 0, passed: 0, ended: false, failure: None }
    }

    /// Whether `need` bytes are in memory, after reading more if that takes it.
    #[inline]
    pub(crate) fn ensure(&mut self, need: usize) -> bool {
        self.end - self.start >= need || self.fill(need)
    }

    /// The bytes in memory that were not passed yet.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Passes `count` bytes, at most those in memory.
    #[inline]
    pub(crate) fn pass(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.passed += count as u64;
    }

    /// Passes `count` bytes, reading on as needed; `false` when the file ends before.
    pub(crate) fn skip(&mut self, mut count: u64) -> bool {
        while count > 0 {
            let here = (self.end - self.start).min(usize::try_from(count).unwrap_or(usize::MAX));
            if here == 0 && !self.ensure(1) {
                return false;
            }
            self.pass(here);
            count -= here as u64;
        }
        true
    }

    /// How many bytes of the file were passed.
    pub(crate) fn position(&self) -> u64 {
        self.passed
    }

    /// Why reading stopped, when it was not the end of the file.
    pub(crate) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    #[cold]
    fn fill(&mut self, need: usize) -> bool {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < need {
            self.buffer.resize(need, 0);
        }
        while self.end < need && !self.ended {
            let Some(room) = self.buffer.get_mut(self.end..) else { break };
            match self.reader.read(room) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count.min(room.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                }
            }
        }
        self.end >= need
    }
}
