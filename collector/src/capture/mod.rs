//! Capture files: pcap and pcapng in all their dialects, plain or compressed with gzip.

mod drops;
mod kind;
mod pcap;
mod pcapng;
mod window;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use rules::Timestamp;

use self::pcap::Pcap;
use self::pcapng::Pcapng;
use self::window::Window;
use crate::error::{Error, Note};
use crate::frame::{Frame, LinkType};

pub use self::drops::Drops;
pub use self::kind::Kind;

/// A capture being read from its beginning, in bounded memory.
///
/// What is damaged or cut off is read as far as it goes; [`Capture::note`] then says what was found.
pub struct Capture {
    name: String,
    window: Window,
    format: Format,
    span: Span,
    lent: usize,
    frames: u64,
    note: Option<Note>,
    ended: bool,
}

impl Capture {
    /// Opens the file at `path`; `-` is standard input.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Self::from_reader("standard input", io::stdin());
        }
        let name = path.display().to_string();
        if path.is_dir() {
            return Err(Error::Refused { name, kind: Kind::DIRECTORY });
        }
        match File::open(path) {
            Ok(file) => Self::from_reader(&name, file),
            Err(reason) => Err(Error::Io { name, reason }),
        }
    }

    /// Reads from `reader`; `name` is what messages call it.
    pub fn from_reader(name: &str, reader: impl Read + Send + 'static) -> Result<Self, Error> {
        let io_error = |reason| Error::Io { name: name.to_owned(), reason };
        let mut window = Window::new(unpacked(reader).map_err(io_error)?);
        let format = match Format::read(&mut window) {
            Ok(format) => format,
            Err(kind) => {
                return Err(match window.failure() {
                    Some(reason) => io_error(io::Error::new(reason.kind(), reason.to_string())),
                    None => Error::Refused { name: name.to_owned(), kind },
                });
            }
        };
        Ok(Self {
            name: name.to_owned(),
            window,
            format,
            span: Span::default(),
            lent: 0,
            frames: 0,
            note: None,
            ended: false,
        })
    }

    /// The next frame, until the file ends or is too damaged to go on.
    #[inline]
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        self.advance().then(|| self.frame())
    }

    /// What was wrong with the file, once it was read; `None` while nothing was.
    pub fn note(&self) -> Option<&Note> {
        self.note.as_ref()
    }

    /// How many frames were read so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// What the file says was lost before it was written, as far as it was read. Only pcapng says.
    pub fn drops(&self) -> Drops {
        match &self.format {
            Format::Pcap(_) => Drops::default(),
            Format::Pcapng(pcapng) => pcapng.drops(),
        }
    }

    /// The file's name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Steps to the next frame; `false` at the end.
    #[inline]
    pub(crate) fn advance(&mut self) -> bool {
        if self.ended {
            return false;
        }
        self.window.pass(self.lent);
        self.lent = 0;
        let step = match &mut self.format {
            Format::Pcap(pcap) => pcap.step(&mut self.window),
            Format::Pcapng(pcapng) => pcapng.step(&mut self.window),
        };
        match step {
            Step::Frame { span, lent } => {
                self.span = span;
                self.lent = lent;
                self.frames += 1;
                true
            }
            Step::End { damage } => {
                self.end(damage);
                false
            }
        }
    }

    /// The frame that [`Capture::advance`] stepped to.
    #[inline]
    pub(crate) fn frame(&self) -> Frame<'_> {
        let Span { at, link, offset, length, original_length } = self.span;
        let data = self.window.bytes().get(offset..offset + length).unwrap_or_default();
        Frame { at, link, data, original_length }
    }

    #[cold]
    fn end(&mut self, damage: Option<String>) {
        self.ended = true;
        let what = match self.window.failure() {
            Some(failure) => Some(format!("reading stopped ({failure})")),
            None => damage,
        };
        let slip = match &mut self.format {
            Format::Pcap(_) => None,
            Format::Pcapng(pcapng) => pcapng.take_slip(),
        };
        self.note = match (what, slip) {
            (Some(what), _) => Some((what, self.window.position(), self.frames)),
            (None, slip) => slip,
        }
        .map(|(what, byte, frames)| Note { name: self.name.clone(), what, byte, frames });
    }
}

/// What a reader of one format found.
enum Step {
    /// A frame, to be found at `span`; `lent` bytes of the window are its record.
    Frame { span: Span, lent: usize },
    /// Nothing more can be read.
    End { damage: Option<String> },
}

/// Where a frame lies, from the start of the window.
#[derive(Clone, Copy, Default)]
struct Span {
    at: Timestamp,
    link: LinkType,
    offset: usize,
    length: usize,
    original_length: u32,
}

impl Default for LinkType {
    fn default() -> Self {
        Self::NULL
    }
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Format {
    fn read(window: &mut Window) -> Result<Self, Kind> {
        window.ensure(HEAD_BYTES);
        let head = window.bytes();
        if let Some((pcap, header_bytes)) = Pcap::read(head) {
            window.pass(header_bytes);
            Ok(Self::Pcap(pcap))
        } else if Pcapng::begins(head) {
            Ok(Self::Pcapng(Pcapng::default()))
        } else {
            Err(Kind::read(head.get(..HEAD_BYTES).unwrap_or(head)))
        }
    }
}

/// The reader itself, or what gzip makes of it.
fn unpacked(mut reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut head = Vec::new();
    reader.by_ref().take(2).read_to_end(&mut head)?;
    let is_gzip = head == [0x1f, 0x8b];
    let whole = Cursor::new(head).chain(reader);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(io::BufReader::new(whole))) } else { Box::new(whole) })
}

/// Bytes by which a file's format is told.
const HEAD_BYTES: usize = 512;
