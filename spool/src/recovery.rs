//! What a writer finds when it opens a lane: where events end, and what was never finished.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::error::Damage;
use crate::kind::Lane;
use crate::lane::{Active, LaneFiles, Sealed};
use crate::mark::End;
use crate::scanner::{Scanner, Step};
use crate::segment::{Header, START, name, numbers};

/// What was found, beside the files.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// The highest number that was given to an event, as far as can be seen.
    pub(crate) last_sequence: u64,
    /// Bytes that were begun and never finished, cut off.
    pub(crate) cut_bytes: u64,
    /// Damage behind the mark with events behind it.
    pub(crate) damages: Vec<Damage>,
}

/// Opens the files of `lane`, of which all before `committed` was once on disk.
pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    lane: Lane,
    segment_bytes: u64,
    committed: Option<End>,
) -> io::Result<(LaneFiles, Recovered)> {
    let mut found = Recovered::default();
    let mut files = LaneFiles {
        lane,
        disk: Arc::clone(disk),
        segment_bytes,
        sealed: VecDeque::new(),
        active: None,
        last_number: committed.map_or(0, |end| end.segment),
        pending: Vec::new(),
        trouble: None,
        is_half_written: false,
    };
    let mut segments = Vec::new();
    for number in numbers(&**disk, lane)? {
        let (name, file) = (name(lane, number), disk.open_to_write(&name(lane, number))?);
        match Header::read(&*file)? {
            Some(header) => {
                // All numbers before its first were given to somebody.
                found.last_sequence = found.last_sequence.max(header.first_sequence.saturating_sub(1));
                segments.push((number, header, file));
            }
            // One that was begun when everything ended.
            None if committed.is_none_or(|end| number > end.segment) => disk.remove(&name)?,
            None => {
                found.damages.push(Damage {
                    path: disk.path(&name),
                    offset: 0,
                    bytes: file.length()?,
                    sequence: None,
                });
            }
        }
        files.last_number = files.last_number.max(number);
    }
    let from = committed.filter(|end| segments.iter().any(|(number, ..)| *number == end.segment));
    let from = from.or_else(|| segments.last().map(|(number, ..)| End { segment: *number, offset: START }));
    let mut segments = segments.into_iter().peekable();
    while let Some((number, header, file)) = segments.next() {
        let length = file.length()?;
        let next = segments.peek().map(|(_, next, _)| next);
        let Some(from) = from.filter(|from| number >= from.segment) else {
            files.sealed.push_back(Sealed { number, bytes: length, header });
            continue;
        };
        let begin = if number == from.segment { from.offset.max(START) } else { START };
        let limit = next.map_or(length, |next| next.previous_end);
        let path = disk.path(&name(lane, number));
        let tail = Tail::read(disk.open(&name(lane, number))?, &header, (begin, limit))?;
        found.last_sequence = found.last_sequence.max(tail.last_sequence);
        found.damages.extend(tail.damages.into_iter().map(|damage| Damage { path: path.clone(), ..damage }));
        if next.is_some() {
            files.sealed.push_back(Sealed { number, bytes: length, header });
            continue;
        }
        found.cut_bytes += tail.torn_bytes;
        // What a crash left behind the end must never be taken for something: it goes, and zeros come.
        let allocated = segment_bytes.max(tail.end);
        file.set_length(tail.end)?;
        let allocated = match file.allocate(allocated) {
            Ok(()) => allocated,
            // On a full disk it stays as it is, and the next event asks for another file.
            Err(_) => tail.end,
        };
        file.sync()?;
        files.active = Some(Active {
            number,
            file,
            header,
            end: tail.end,
            synced_end: tail.end,
            allocated,
            is_failed: false,
        });
    }
    Ok((files, found))
}

/// What stands in a file behind what was committed.
#[derive(Default)]
struct Tail {
    end: u64,
    last_sequence: u64,
    torn_bytes: u64,
    damages: Vec<Damage>,
}

impl Tail {
    fn read(file: Box<dyn DiskFile>, header: &Header, (begin, limit): (u64, u64)) -> io::Result<Self> {
        let mut tail = Self { end: begin, ..Self::default() };
        let before = header.first_sequence.saturating_sub(1);
        let mut scanner = Scanner::new(file, header.salt, (begin, limit), before);
        // Damage with nothing behind it is what was never finished.
        let mut open = Vec::new();
        loop {
            match scanner.step()? {
                Step::Event(head, _) => {
                    tail.damages.append(&mut open);
                    tail.end = scanner.offset();
                    tail.last_sequence = head.sequence;
                }
                Step::Damage { offset, bytes, sequence } => {
                    open.push(Damage { path: Default::default(), offset, bytes, sequence });
                }
                Step::End => break,
            }
        }
        if !open.is_empty() {
            tail.torn_bytes = written(&scanner, (tail.end, limit))?;
        }
        Ok(tail)
    }
}

/// How many bytes stand between `begin` and `limit` up to the last that is not zero.
fn written(scanner: &Scanner, (begin, limit): (u64, u64)) -> io::Result<u64> {
    let mut room = vec![0; 64 << 10];
    let (mut at, mut last) = (begin, begin);
    while at < limit {
        let count = scanner.file().read_at(&mut room, at)?;
        let count = count.min((limit - at) as usize);
        if count == 0 {
            break;
        }
        if let Some(place) = room.iter().take(count).rposition(|byte| *byte != 0) {
            last = at + place as u64 + 1;
        }
        at += count as u64;
    }
    Ok(last - begin)
}
