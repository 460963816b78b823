//! Goes through the events of one file, past what is damaged.

use std::io;

use crate::disk::DiskFile;
use crate::limits::READ_BYTES;
use crate::record::{HEAD_BYTES, Head, next_mark};

/// Goes through the events of one file.
pub(crate) struct Scanner {
    file: Box<dyn DiskFile>,
    salt: u32,
    offset: u64,
    limit: u64,
    /// The number of the event before: what comes has a higher one.
    after: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// What stands next.
#[derive(Debug)]
pub(crate) enum Step {
    /// An event as it was written.
    Event(Head, Vec<u8>),
    /// So many bytes from this place on that are not what was written, perhaps of the event with this number.
    Damage { offset: u64, bytes: u64, sequence: Option<u64> },
    /// Nothing before the limit.
    End,
}

impl Scanner {
    /// Of `file`, whose events have higher numbers than `after`, from `offset` on and no further than `limit`.
    pub(crate) fn new(file: Box<dyn DiskFile>, salt: u32, (offset, limit): (u64, u64), after: u64) -> Self {
        Self { file, salt, offset, limit, after, window: Vec::new(), window_at: 0 }
    }

    /// Goes on to `limit`.
    pub(crate) fn extend(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Where it is.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The file.
    pub(crate) fn file(&self) -> &dyn DiskFile {
        &*self.file
    }

    /// What stands next.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        if self.offset >= self.limit {
            return Ok(Step::End);
        }
        let (offset, Some(head)) = (self.offset, self.head(self.offset)?) else { return self.skip() };
        self.offset += head.bytes();
        self.after = head.sequence;
        let salt = self.salt;
        let payload = self.payload(offset, &head)?;
        if head.guards(payload, salt) {
            return Ok(Step::Event(head, payload.to_vec()));
        }
        Ok(Step::Damage { offset, bytes: head.bytes(), sequence: Some(head.sequence) })
    }

    /// Goes to the next event that is as it was written.
    fn skip(&mut self) -> io::Result<Step> {
        let begin = self.offset;
        let mut at = begin + 1;
        while at < self.limit {
            let bytes = self.bytes(at, HEAD_BYTES)?;
            if bytes.is_empty() {
                break;
            }
            let Some(found) = next_mark(bytes, 0) else {
                // The last bytes may be the beginning of one.
                at += bytes.len().saturating_sub(3).max(1) as u64;
                continue;
            };
            at += found as u64;
            if self.is_event(at)? {
                self.offset = at;
                return Ok(Step::Damage { offset: begin, bytes: at - begin, sequence: None });
            }
            at += 1;
        }
        self.offset = self.limit;
        Ok(Step::Damage { offset: begin, bytes: self.limit - begin, sequence: None })
    }

    fn is_event(&mut self, offset: u64) -> io::Result<bool> {
        let Some(head) = self.head(offset)? else { return Ok(false) };
        let salt = self.salt;
        Ok(head.guards(self.payload(offset, &head)?, salt))
    }

    fn head(&mut self, offset: u64) -> io::Result<Option<Head>> {
        let (salt, after, limit) = (self.salt, self.after, self.limit);
        let head = Head::parse(self.bytes(offset, HEAD_BYTES)?, salt);
        Ok(head.filter(|head| head.sequence > after && offset + head.bytes() <= limit))
    }

    fn payload(&mut self, offset: u64, head: &Head) -> io::Result<&[u8]> {
        let bytes = self.bytes(offset, HEAD_BYTES + head.length)?;
        Ok(bytes.get(HEAD_BYTES..HEAD_BYTES + head.length).unwrap_or_default())
    }

    /// At least so many bytes from `offset` on, as far as they are there.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let inside = offset.checked_sub(self.window_at).map(|from| from as usize);
        let has_all = inside.is_some_and(|from| from + length <= self.window.len());
        if !has_all {
            let room = usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.window.resize(length.max(READ_BYTES).min(room), 0);
            let count = self.file.read_at(&mut self.window, offset)?;
            self.window.truncate(count);
            self.window_at = offset;
        }
        Ok(self.window.get((offset - self.window_at) as usize..).unwrap_or_default())
    }
}
