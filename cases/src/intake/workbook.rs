//! The first sheet of an attached workbook (XLSX), unpacked within bounds.

use flate2::{Decompress, FlushDecompress, Status};
use memchr::memmem;

use super::limits::{COLUMNS_MAX, ROWS_MAX, WORKBOOK_BYTES_MAX, WORKBOOK_FILES_MAX};

/// The cells of the first sheet, row by row. `None` when it is no workbook, or one beyond bounds.
pub(super) fn rows(file: &[u8]) -> Option<Vec<Vec<String>>> {
    let entries = entries(file)?;
    let mut left = WORKBOOK_BYTES_MAX;
    let shared = match entries.iter().find(|it| it.name == b"xl/sharedStrings.xml") {
        Some(entry) => shared_strings(&unpack(file, entry, &mut left)?),
        None => Vec::new(),
    };
    let sheets =
        entries.iter().filter(|it| it.name.starts_with(b"xl/worksheets/sheet") && it.name.ends_with(b".xml"));
    let sheet = sheets.min_by_key(|it| (it.name.len(), it.name))?;
    Some(sheet_rows(&unpack(file, sheet, &mut left)?, &shared))
}

/// A file inside the archive.
struct Entry<'a> {
    name: &'a [u8],
    method: u16,
    packed_bytes: usize,
    offset: usize,
}

/// The central directory of the archive (APPNOTE 4.3.12).
fn entries(file: &[u8]) -> Option<Vec<Entry<'_>>> {
    let tail = file.len().saturating_sub(22 + 0xffff);
    let end = tail + memmem::rfind(file.get(tail..)?, b"PK\x05\x06")?;
    let count = usize::from(short(file, end + 10)?);
    let mut at = long(file, end + 16)?;
    if count > WORKBOOK_FILES_MAX {
        return None;
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        if file.get(at..at + 4)? != b"PK\x01\x02" {
            return None;
        }
        let (name, extra, comment) = (short(file, at + 28)?, short(file, at + 30)?, short(file, at + 32)?);
        entries.push(Entry {
            name: file.get(at + 46..at + 46 + usize::from(name))?,
            method: short(file, at + 10)?,
            packed_bytes: long(file, at + 20)?,
            offset: long(file, at + 42)?,
        });
        at += 46 + usize::from(name) + usize::from(extra) + usize::from(comment);
    }
    Some(entries)
}

/// Unpacks a file that takes no more than `left` bytes, and takes them off.
fn unpack(file: &[u8], entry: &Entry<'_>, left: &mut usize) -> Option<Vec<u8>> {
    let at = entry.offset;
    if file.get(at..at.checked_add(4)?)? != b"PK\x03\x04" {
        return None;
    }
    let begin = at + 30 + usize::from(short(file, at + 26)?) + usize::from(short(file, at + 28)?);
    let packed = file.get(begin..begin.checked_add(entry.packed_bytes)?)?;
    let unpacked = match entry.method {
        0 if packed.len() <= *left => packed.to_vec(),
        8 => inflate(packed, *left)?,
        _ => return None,
    };
    *left -= unpacked.len();
    Some(unpacked)
}

/// What the archive says of the size is not believed: it ends when there is too much.
fn inflate(packed: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
    let mut stream = Decompress::new(false);
    let mut unpacked = Vec::new();
    loop {
        let read = usize::try_from(stream.total_in()).ok()?;
        unpacked.reserve(STEP_BYTES);
        let before = unpacked.len();
        let status = stream.decompress_vec(packed.get(read..)?, &mut unpacked, FlushDecompress::Finish);
        if unpacked.len() > bytes_max {
            return None;
        }
        match status {
            Ok(Status::StreamEnd) => return Some(unpacked),
            Ok(_) if unpacked.len() > before => {}
            _ => return None,
        }
    }
}

fn short(file: &[u8], at: usize) -> Option<u16> {
    file.get(at..at.checked_add(2)?).and_then(|it| it.try_into().ok()).map(u16::from_le_bytes)
}

fn long(file: &[u8], at: usize) -> Option<usize> {
    let value = file.get(at..at.checked_add(4)?).and_then(|it| it.try_into().ok()).map(u32::from_le_bytes)?;
    usize::try_from(value).ok()
}

/// A piece of XML: a tag, or text between two.
enum Xml<'a> {
    Tag(&'a str),
    Text(&'a str),
}

fn pieces(xml: &str) -> impl Iterator<Item = Xml<'_>> {
    let mut rest = xml;
    std::iter::from_fn(move || {
        if let Some(inside) = rest.strip_prefix('<') {
            let end = inside.find('>').unwrap_or(inside.len());
            rest = inside.get(end + 1..).unwrap_or_default();
            return Some(Xml::Tag(inside.get(..end).unwrap_or_default()));
        }
        let end = rest.find('<').unwrap_or(rest.len());
        let (text, behind) = rest.split_at(end);
        rest = behind;
        (!text.is_empty()).then_some(Xml::Text(text))
    })
}

fn name(tag: &str) -> &str {
    let tag = tag.split([' ', '/', '\n', '\t']).next().unwrap_or_default();
    tag.rsplit_once(':').map_or(tag, |(_, name)| name)
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_whitespace()
        .skip(1)
        .filter_map(|it| it.split_once('='))
        .find(|(it, _)| *it == name)
        .map(|(_, value)| value.trim_end_matches('/').trim_matches(['"', '\'']))
}

fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

fn shared_strings(xml: &[u8]) -> Vec<String> {
    let xml = String::from_utf8_lossy(xml);
    let mut strings: Vec<String> = Vec::new();
    let (mut is_text, mut is_phonetic) = (false, false);
    for piece in pieces(&xml) {
        match piece {
            Xml::Tag("/t") => is_text = false,
            Xml::Tag("/rPh") => is_phonetic = false,
            Xml::Tag(tag) => match name(tag) {
                "si" if !tag.starts_with('/') => strings.push(String::new()),
                "t" => is_text = !tag.ends_with('/'),
                "rPh" => is_phonetic = true,
                _ => {}
            },
            Xml::Text(text) if is_text && !is_phonetic => {
                if let Some(last) = strings.last_mut().filter(|it| it.len() < CELL_BYTES_MAX) {
                    last.push_str(&plain(text));
                }
            }
            Xml::Text(_) => {}
        }
    }
    strings
}

fn sheet_rows(xml: &[u8], shared: &[String]) -> Vec<Vec<String>> {
    let xml = String::from_utf8_lossy(xml);
    let mut rows: Vec<Vec<String>> = Vec::new();
    let (mut is_value, mut is_shared) = (false, false);
    for piece in pieces(&xml) {
        match piece {
            Xml::Tag(tag) if tag.starts_with('/') => is_value = false,
            Xml::Tag(tag) => match name(tag) {
                "row" if rows.len() == ROWS_MAX => break,
                "row" => rows.push(Vec::new()),
                "c" => {
                    is_shared = attribute(tag, "t") == Some("s");
                    let row = rows.last_mut();
                    if let Some(row) = row.filter(|it| it.len() < COLUMNS_MAX) {
                        let column =
                            attribute(tag, "r").map_or(row.len(), column).clamp(row.len(), COLUMNS_MAX - 1);
                        row.resize(column + 1, String::new());
                    }
                }
                "v" | "t" => is_value = !tag.ends_with('/'),
                _ => {}
            },
            Xml::Text(text) if is_value => {
                let value = if is_shared {
                    text.trim()
                        .parse::<usize>()
                        .ok()
                        .and_then(|at| shared.get(at))
                        .cloned()
                        .unwrap_or_default()
                } else {
                    whole(&plain(text))
                };
                if let Some(cell) =
                    rows.last_mut().and_then(|it| it.last_mut()).filter(|it| it.len() < CELL_BYTES_MAX)
                {
                    cell.push_str(&value);
                }
            }
            Xml::Text(_) => {}
        }
    }
    rows
}

/// The column that a reference such as `AB12` names, from 0.
fn column(reference: &str) -> usize {
    let letters = reference.bytes().take_while(u8::is_ascii_uppercase).take(3);
    letters.fold(0_usize, |column, letter| column * 26 + usize::from(letter - b'A') + 1).saturating_sub(1)
}

/// Spreadsheets write long numbers as `1.2105550101E10`.
fn whole(text: &str) -> String {
    let is_short_form = text.contains(['E', 'e', '.'])
        && text.bytes().all(|it| it.is_ascii_digit() || b"+-.eE".contains(&it));
    match text.parse::<f64>() {
        Ok(value) if is_short_form && value.fract() == 0.0 && (0.0..1e15).contains(&value) => {
            format!("{value:.0}")
        }
        _ => text.to_owned(),
    }
}

const STEP_BYTES: usize = 64 << 10;
const CELL_BYTES_MAX: usize = 1_000;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use std::io::Write;

    /// An archive of these files.
    pub(in super::super) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Vec::new();
        let mut directory = Vec::new();
        for (name, content) in files {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(content).unwrap();
            let packed = encoder.finish().unwrap();
            let offset = archive.len() as u32;
            let sizes = [(packed.len() as u32).to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
            let lengths = [(name.len() as u16).to_le_bytes(), [0, 0]].concat();
            archive.extend(
                [
                    &b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0"[..],
                    &sizes,
                    &lengths,
                    name.as_bytes(),
                    &packed,
                ]
                .concat(),
            );
            directory.extend(
                [
                    &b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0"[..],
                    &sizes,
                    &lengths,
                    &[0; 10],
                    &offset.to_le_bytes(),
                    name.as_bytes(),
                ]
                .concat(),
            );
        }
        let at = archive.len() as u32;
        let count = (files.len() as u16).to_le_bytes();
        archive.extend(&directory);
        archive.extend(
            [
                &b"PK\x05\x06\0\0\0\0"[..],
                &count,
                &count,
                &(directory.len() as u32).to_le_bytes(),
                &at.to_le_bytes(),
                &[0, 0],
            ]
            .concat(),
        );
        archive
    }

    /// A workbook with these cells in its first column, texts and numbers.
    pub(in super::super) fn workbook(cells: &[&str]) -> Vec<u8> {
        let strings: String = cells.iter().map(|it| format!("<si><t>{it}</t></si>")).collect();
        let rows: String = cells
            .iter()
            .enumerate()
            .map(|(row, cell)| {
                let at = row + 1;
                if cell.bytes().all(|it| it.is_ascii_digit()) {
                    format!(
                        "<row r=\"{at}\"><c r=\"B{at}\"><v>{}</v></c></row>",
                        format_args!("{:E}", cell.parse::<f64>().unwrap())
                    )
                } else {
                    format!("<row r=\"{at}\"><c r=\"B{at}\" t=\"s\"><v>{row}</v></c></row>")
                }
            })
            .collect();
        archive(&[
            (
                "xl/worksheets/sheet1.xml",
                format!("<worksheet><sheetData>{rows}</sheetData></worksheet>").as_bytes(),
            ),
            ("xl/sharedStrings.xml", format!("<sst>{strings}</sst>").as_bytes()),
        ])
    }

    #[test]
    fn b7_cells_are_read_as_they_are_shown() {
        let rows = rows(&workbook(&["Number", "+1 210 555 0101", "2105550102", "a &amp; b"])).unwrap();
        let cells: Vec<&str> = rows.iter().map(|it| it[1].as_str()).collect();
        assert_eq!(cells, ["Number", "+1 210 555 0101", "2105550102", "a & b"]);
    }

    #[test]
    fn f17_a_workbook_that_unpacks_to_too_much_is_none() {
        let bomb = archive(&[("xl/worksheets/sheet1.xml", &vec![b' '; WORKBOOK_BYTES_MAX + 1])]);
        assert!(bomb.len() < 100_000);
        assert_eq!(rows(&bomb), None);
    }

    #[test]
    fn a_damaged_workbook_is_none() {
        let whole = workbook(&["5", "6"]);
        for at in 0..whole.len() {
            rows(&whole[..at]);
            let mut other = whole.clone();
            other[at] ^= 0xff;
            rows(&other);
        }
        assert_eq!(rows(b""), None);
    }
}
