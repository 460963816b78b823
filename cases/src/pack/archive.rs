//! ZIP as packs use it: the part that everybody's programs read, and nothing that two programs could read differently.
//!
//! A header holds the same in both its places, files stand without gaps in the order of the directory, and there is no comment,
//! no extra field, no ZIP64, no encryption and no time. So bytes are read only if they are exactly those that would be written.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{Read as _, Write as _};

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use crate::limits::{PACK_BYTES_MAX, PACK_FILES_MAX};

/// One file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    /// What it holds.
    pub(super) bytes: Vec<u8>,
    /// The same as it stands there.
    pub(super) packed: Vec<u8>,
    is_deflated: bool,
}

/// Why bytes are no archive as packs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The end is missing.
    Truncated,
    /// More bytes than a pack may have, packed or not.
    TooLarge,
    /// More files than a pack may have.
    TooMany(usize),
    /// Two files of one name.
    Twice(String),
    /// A name that leads elsewhere, or that no pack has.
    Name(String),
    /// A link, a folder or another thing that is no file.
    NoFile(String),
    /// A file that is packed in another way, or encrypted.
    Method(String),
    /// What was packed is not what comes out.
    Damaged(String),
    /// A header is not as it was written; what it belongs to.
    Header(String),
}

impl Member {
    /// A file that is compressed.
    pub(super) fn deflate(name: String, bytes: Vec<u8>) -> Result<Self, String> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
        let packed = packed.map_err(|error| error.to_string())?;
        Ok(Self { name, bytes, packed, is_deflated: true })
    }

    /// A file that stands there as it is.
    pub(super) fn store(name: String, text: String) -> Self {
        let bytes = text.into_bytes();
        Self { name, packed: bytes.clone(), bytes, is_deflated: false }
    }

    /// What both headers say of it.
    fn common(&self) -> [u8; COMMON_BYTES] {
        let mut crc = Crc::new();
        crc.update(&self.bytes);
        let mut head = Vec::with_capacity(COMMON_BYTES);
        put16(&mut head, VERSION_NEEDED);
        put16(&mut head, 0);
        put16(&mut head, if self.is_deflated { DEFLATED } else { STORED });
        put16(&mut head, 0);
        put16(&mut head, FIRST_DAY);
        put32(&mut head, crc.sum());
        put32(&mut head, self.packed.len() as u32);
        put32(&mut head, self.bytes.len() as u32);
        put16(&mut head, self.name.len() as u16);
        put16(&mut head, 0);
        head.try_into().unwrap_or([0; COMMON_BYTES])
    }
}

/// The archive of `members`, which are in order already.
pub(super) fn write(members: &[Member]) -> Result<Vec<u8>, String> {
    let bytes: u64 = members.iter().map(|member| member.bytes.len() as u64).sum();
    if bytes > PACK_BYTES_MAX || members.len() > PACK_FILES_MAX {
        return Err(format!(
            "{} files of {bytes} bytes are more than a pack may have: {PACK_FILES_MAX} files, {PACK_BYTES_MAX} bytes",
            members.len()
        ));
    }
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let at = out.len() as u32;
        let common = member.common();
        out.extend(LOCAL);
        out.extend(common);
        out.extend(member.name.as_bytes());
        out.extend(&member.packed);
        directory.extend(ENTRY);
        put16(&mut directory, MADE_ON_UNIX);
        directory.extend(common);
        directory.extend([0; 6]);
        put32(&mut directory, PLAIN_FILE);
        put32(&mut directory, at);
        directory.extend(member.name.as_bytes());
    }
    let (begin, length) = (out.len() as u32, directory.len() as u32);
    out.extend(directory);
    out.extend(END);
    put32(&mut out, 0);
    put16(&mut out, members.len() as u16);
    put16(&mut out, members.len() as u16);
    put32(&mut out, length);
    put32(&mut out, begin);
    put16(&mut out, 0);
    Ok(out)
}

/// Any files in one archive that everybody's programs read, in the order given, compressed; no name may come twice, and names
/// are ASCII. The same files give the same bytes.
///
/// # Errors
/// Where they are more than a pack may have, in words.
pub fn zip(files: Vec<(String, Vec<u8>)>) -> Result<Vec<u8>, String> {
    let members = files.into_iter().map(|(name, bytes)| Member::deflate(name, bytes));
    write(&members.collect::<Result<Vec<_>, _>>()?)
}

/// The files of an archive.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Member>, Broken> {
    if bytes.len() as u64 > PACK_BYTES_MAX {
        return Err(Broken::TooLarge);
    }
    let end = bytes.len().checked_sub(END_BYTES).and_then(|at| bytes.get(at..)).ok_or(Broken::Truncated)?;
    if !end.starts_with(&END) {
        return Err(Broken::Truncated);
    }
    let count = usize::from(take16(end, 10));
    let begin = take32(end, 16) as usize;
    let mut directory = bytes.get(begin..bytes.len() - END_BYTES).ok_or(Broken::Truncated)?;
    if count > PACK_FILES_MAX {
        return Err(Broken::TooMany(count));
    }
    let (mut members, mut names, mut room) = (Vec::new(), BTreeSet::new(), PACK_BYTES_MAX);
    for _ in 0..count {
        let header = directory.get(..ENTRY_BYTES).ok_or(Broken::Truncated)?;
        let length = usize::from(take16(header, 28));
        let name = directory.get(ENTRY_BYTES..ENTRY_BYTES + length).ok_or(Broken::Truncated)?;
        directory = directory.get(ENTRY_BYTES + length..).ok_or(Broken::Truncated)?;
        let name = String::from_utf8_lossy(name).into_owned();
        // Programs that do not say what it is mean a file.
        let is_file = matches!((take32(header, 38) >> 16) & KIND_OF_FILE, 0 | REGULAR);
        if !is_name(&name) {
            return Err(Broken::Name(name));
        }
        if !is_file {
            return Err(Broken::NoFile(name));
        }
        if !names.insert(name.clone()) {
            return Err(Broken::Twice(name));
        }
        let member = unpack(bytes, header, name, &mut room)?;
        members.push(member);
    }
    // Whatever is not exactly as it is written here could be read differently elsewhere.
    let again = write(&members).map_err(|_| Broken::TooLarge)?;
    if again != bytes {
        let differs = again.iter().zip(bytes).position(|(one, other)| one != other);
        return Err(Broken::Header(format!(
            "byte {}",
            differs.unwrap_or_else(|| again.len().min(bytes.len()))
        )));
    }
    Ok(members)
}

fn unpack(bytes: &[u8], header: &[u8], name: String, room: &mut u64) -> Result<Member, Broken> {
    let is_deflated = match (take16(header, 8), take16(header, 10)) {
        (0, DEFLATED) => true,
        (0, STORED) => false,
        _ => return Err(Broken::Method(name)),
    };
    let (packed, size) = (take32(header, 20) as usize, u64::from(take32(header, 24)));
    // Before anything is unpacked: a bomb says how large it is, or is damaged.
    *room = room.checked_sub(size).ok_or(Broken::TooLarge)?;
    let at = (take32(header, 42) as usize)
        .checked_add(4 + COMMON_BYTES + name.len())
        .and_then(|at| Some((at, at.checked_add(packed)?)));
    let packed = at.and_then(|(from, to)| bytes.get(from..to)).ok_or(Broken::Truncated)?.to_vec();
    let content = if is_deflated {
        let mut content = Vec::new();
        let mut decoder = DeflateDecoder::new(packed.as_slice());
        let unpacked = (&mut decoder).take(size + 1).read_to_end(&mut content);
        // What stands behind the end of the compressed bytes would be nobody's.
        if unpacked.is_err() || decoder.total_in() != packed.len() as u64 {
            return Err(Broken::Damaged(name));
        }
        content
    } else {
        packed.clone()
    };
    let mut crc = Crc::new();
    crc.update(&content);
    if content.len() as u64 != size || crc.sum() != take32(header, 16) {
        return Err(Broken::Damaged(name));
    }
    Ok(Member { name, bytes: content, packed, is_deflated })
}

/// Whether a pack may have a file of this name: it leads nowhere else, on no system.
pub(super) fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && part.bytes().all(|it| it.is_ascii_alphanumeric() || b"._-".contains(&it))
    };
    name.len() <= NAME_BYTES_MAX && name.split('/').all(is_part)
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

fn take16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |it| u16::from_le_bytes(*it))
}

fn take32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |it| u32::from_le_bytes(*it))
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("it is no ZIP file, or its end is missing"),
            Self::TooLarge => {
                write!(f, "it would be larger than {} MiB when it is unpacked", PACK_BYTES_MAX >> 20)
            }
            Self::TooMany(count) => write!(f, "{count} files are more than {PACK_FILES_MAX}"),
            Self::Twice(name) => write!(f, "there are two files {name:?}"),
            Self::Name(name) => write!(f, "{name:?} is no name that a pack has: it may lead elsewhere"),
            Self::NoFile(name) => write!(f, "{name:?} is no file but a link, a folder or another thing"),
            Self::Method(name) => write!(f, "{name:?} is encrypted, or packed as no pack is"),
            Self::Damaged(name) => write!(f, "{name:?} is damaged"),
            Self::Header(place) => {
                write!(f, "{place} is not as Ringwall writes it: it was changed or packed anew")
            }
        }
    }
}

impl std::error::Error for Broken {}

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const COMMON_BYTES: usize = 26;
const ENTRY_BYTES: usize = 46;
const END_BYTES: usize = 22;
const VERSION_NEEDED: u16 = 20;
/// Unix, version 2.0.
const MADE_ON_UNIX: u16 = 0x0314;
/// What Unix says of a file: which kind it is.
const KIND_OF_FILE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
/// A regular file with mode 0600.
const PLAIN_FILE: u32 = (REGULAR | 0o600) << 16;
/// 1980-01-01, the first that ZIP knows: when a file was put there says nothing.
const FIRST_DAY: u16 = 0x0021;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const NAME_BYTES_MAX: usize = 200;
