//! Several captures as one run, in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;

use rules::Timestamp;

use crate::capture::{Capture, Drops};
use crate::error::{Error, Note};
use crate::frame::Frame;

/// Captures merged by time stamp. Frames of one capture keep their order even where its clock jumps back.
#[derive(Default)]
pub struct Merge {
    captures: Vec<Capture>,
    /// The next frame of each capture but the one whose frame is lent.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    lent: Option<usize>,
    refused: Vec<Error>,
}

impl Merge {
    /// Opens the files at `paths`; those that cannot be read are kept in [`Merge::refused`].
    pub fn open<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut merge = Self::default();
        for path in paths {
            match Capture::open(path) {
                Ok(capture) => merge.add(capture),
                Err(error) => merge.refused.push(error),
            }
        }
        merge
    }

    /// Adds a capture that was opened.
    pub fn add(&mut self, mut capture: Capture) {
        if capture.advance() {
            self.heads.push(Reverse((capture.frame().at, self.captures.len())));
        }
        self.captures.push(capture);
    }

    /// The earliest frame not yet seen of all captures.
    #[inline]
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        if let Some(lent) = self.lent.take()
            && let Some(capture) = self.captures.get_mut(lent)
            && capture.advance()
        {
            let at = capture.frame().at;
            let is_alone_or_first = self.heads.peek().is_none_or(|Reverse(head)| (at, lent) <= *head);
            if is_alone_or_first {
                self.lent = Some(lent);
                return self.captures.get(lent).map(Capture::frame);
            }
            self.heads.push(Reverse((at, lent)));
        }
        let Reverse((_, first)) = self.heads.pop()?;
        self.lent = Some(first);
        self.captures.get(first).map(Capture::frame)
    }

    /// How many frames were read ahead or handed out, of all captures.
    pub fn frames(&self) -> u64 {
        self.captures.iter().map(Capture::frames).sum()
    }

    /// What all captures say was lost before they were written, as far as they were read.
    pub fn drops(&self) -> Drops {
        self.captures.iter().map(Capture::drops).fold(Drops::default(), Drops::and)
    }

    /// What was wrong with captures that were read as far as they went.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.captures.iter().filter_map(Capture::note)
    }

    /// The files of which nothing was read.
    pub fn refused(&self) -> &[Error] {
        &self.refused
    }
}
