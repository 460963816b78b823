//! Pages of one column of a row group, decoded into codes, numbers or texts without one allocation for each row.

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};

use super::bits::{delta, flags, hybrid};
use super::error::Wrong;
use super::schema::ROWS_OF_GROUP;
use crate::texts::Texts;
use crate::words::Words;

/// What one page has: for each row whether there is a value, and the values.
struct Values {
    /// For each row 1 where it has a value; `None` where all have.
    present: Option<Vec<u8>>,
    rows: usize,
    /// Rows that have one.
    count: usize,
    encoding: Encoding,
    bytes: bytes::Bytes,
}

/// Reads a column of texts as codes of a dictionary.
pub(super) fn words(pages: Box<dyn PageReader>, is_optional: bool) -> Result<Words, Wrong> {
    let mut words = Words::default();
    // Codes of the dictionary as codes of `words`.
    let mut known: Vec<u32> = Vec::new();
    let mut codes: Vec<u32> = Vec::new();
    each(pages, is_optional, |page| {
        match page {
            Either::Dictionary(bytes, count) => {
                known = Vec::with_capacity(count);
                plain_texts(&bytes, count, |text| {
                    known.push(words.code_for(text));
                    Ok(())
                })?;
            }
            Either::Values(values) => {
                let count = values.count;
                codes.clear();
                match values.encoding {
                    Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                        let (width, bytes) = values.bytes.split_first().ok_or("a page without its width")?;
                        hybrid(bytes, u32::from(*width), count, &mut codes)?;
                        let known = as_far_as(&known, &codes)?;
                        for code in &mut codes {
                            *code = known.get(*code as usize).copied().unwrap_or_default();
                        }
                    }
                    _ => texts(&values, |text| {
                        codes.push(words.code_for(text));
                        Ok(())
                    })?,
                }
                spread(&values, &codes, 0, words.codes_mut())?;
            }
        }
        Ok(())
    })?;
    Ok(words)
}

/// Reads a column of texts one by one: for columns where hardly one comes again.
pub(super) fn each_text(pages: Box<dyn PageReader>, is_optional: bool) -> Result<Texts, Wrong> {
    let mut all = Texts::default();
    let mut known = Texts::default();
    each(pages, is_optional, |page| {
        match page {
            Either::Dictionary(bytes, count) => plain_texts(&bytes, count, |text| {
                known.push(Some(text));
                Ok(())
            })?,
            Either::Values(values) => {
                let mut present = values.present.iter().flatten();
                let mut push = |text: &str| {
                    // Rows without a text that come before it.
                    present.by_ref().take_while(|there| **there != 1).for_each(|_| all.push(None));
                    all.push(Some(text));
                    Ok(())
                };
                match values.encoding {
                    Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                        let (width, bytes) = values.bytes.split_first().ok_or("a page without its width")?;
                        let mut codes = Vec::new();
                        hybrid(bytes, u32::from(*width), values.count, &mut codes)?;
                        for code in codes {
                            push(known.get(code as usize).ok_or("a code that is in no dictionary")?)?;
                        }
                    }
                    _ => texts(&values, push)?,
                }
                present.for_each(|_| all.push(None));
            }
        }
        Ok(())
    })?;
    Ok(all)
}

/// Reads a column of whole numbers of `bytes` bytes each; a row without one has `nothing`.
pub(super) fn numbers(
    pages: Box<dyn PageReader>,
    is_optional: bool,
    (size, rows): (usize, usize),
    nothing: i64,
) -> Result<Vec<i64>, Wrong> {
    let mut all = Vec::with_capacity(rows);
    let mut known: Vec<i64> = Vec::new();
    let mut codes: Vec<u32> = Vec::new();
    let mut found: Vec<i64> = Vec::new();
    each(pages, is_optional, |page| {
        match page {
            Either::Dictionary(bytes, count) => {
                known.clear();
                plain_numbers(&bytes, size, count, &mut known)?;
            }
            Either::Values(values) => {
                let count = values.count;
                found.clear();
                match values.encoding {
                    Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                        codes.clear();
                        let (width, bytes) = values.bytes.split_first().ok_or("a page without its width")?;
                        hybrid(bytes, u32::from(*width), count, &mut codes)?;
                        let known = as_far_as(&known, &codes)?;
                        found.extend(
                            codes.iter().map(|code| known.get(*code as usize).copied().unwrap_or_default()),
                        );
                    }
                    Encoding::DELTA_BINARY_PACKED => {
                        delta(&values.bytes, size, &mut found)?;
                    }
                    Encoding::PLAIN => plain_numbers(&values.bytes, size, count, &mut found)?,
                    other => return Err(unknown(other)),
                }
                spread(&values, &found, nothing, &mut all)?;
            }
        }
        Ok(())
    })?;
    Ok(all)
}

/// Rows that have `number`, in order, of a column of whole numbers of 64 bits. Most of what the others have is never unpacked.
pub(super) fn rows_with(
    pages: Box<dyn PageReader>,
    is_optional: bool,
    number: i64,
) -> Result<Vec<usize>, Wrong> {
    let mut rows = Vec::new();
    let mut known: Vec<i64> = Vec::new();
    let mut codes: Vec<u32> = Vec::new();
    let mut found: Vec<i64> = Vec::new();
    let mut first = 0;
    each(pages, is_optional, |page| {
        let values = match page {
            Either::Dictionary(bytes, count) => {
                known.clear();
                return plain_numbers(&bytes, 8, count, &mut known);
            }
            Either::Values(values) => values,
        };
        let places: Vec<usize> = match values.encoding {
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                match known.iter().position(|it| *it == number) {
                    None => Vec::new(),
                    Some(wanted) => {
                        codes.clear();
                        let (width, bytes) = values.bytes.split_first().ok_or("a page without its width")?;
                        hybrid(bytes, u32::from(*width), values.count, &mut codes)?;
                        let wanted = u32::try_from(wanted).map_err(|_| "a dictionary that is too long")?;
                        places_of(&codes, wanted)
                    }
                }
            }
            Encoding::DELTA_BINARY_PACKED => {
                found.clear();
                delta(&values.bytes, 8, &mut found)?;
                places_of(&found, number)
            }
            Encoding::PLAIN => {
                found.clear();
                plain_numbers(&values.bytes, 8, values.count, &mut found)?;
                places_of(&found, number)
            }
            other => return Err(unknown(other)),
        };
        match &values.present {
            _ if places.is_empty() => {}
            None => rows.extend(places.iter().map(|place| first + place)),
            Some(present) => {
                let mut places = places.iter().copied().peekable();
                let there = present.iter().enumerate().filter(|(_, there)| **there == 1);
                for (place, (row, _)) in there.enumerate() {
                    if places.next_if_eq(&place).is_some() {
                        rows.push(first + row);
                    }
                }
            }
        }
        first += values.rows;
        Ok(())
    })?;
    Ok(rows)
}

/// Where `wanted` is among `all`.
fn places_of<T: PartialEq + Copy>(all: &[T], wanted: T) -> Vec<usize> {
    let mut places = Vec::new();
    for (at, some) in all.chunks(PLACES_AT_ONCE).enumerate() {
        // Hardly one has it: a look at many at once is quick where it is nowhere.
        if some.iter().fold(false, |found, it| found | (*it == wanted)) {
            let here = some.iter().enumerate().filter(|(_, it)| **it == wanted);
            places.extend(here.map(|(place, _)| at * PLACES_AT_ONCE + place));
        }
    }
    places
}

const PLACES_AT_ONCE: usize = 64;

enum Either {
    Dictionary(bytes::Bytes, usize),
    Values(Values),
}

fn each(
    mut pages: Box<dyn PageReader>,
    is_optional: bool,
    mut take: impl FnMut(Either) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    let bounded = |count: u32| {
        let count = count as usize;
        // Room is made for what a page says that it has.
        if count > ROWS_OF_GROUP {
            Err(Wrong::from("a page of more values than were ever written"))
        } else {
            Ok(count)
        }
    };
    while let Some(page) = pages.get_next_page()? {
        match page {
            Page::DictionaryPage { buf, num_values, .. } => {
                take(Either::Dictionary(buf, bounded(num_values)?))?
            }
            Page::DataPage { buf, num_values, encoding, .. } => {
                let rows = bounded(num_values)?;
                let (present, bytes) = if is_optional { levels(buf, rows)? } else { (None, buf) };
                let there = |present: &Vec<u8>| present.iter().map(|there| usize::from(*there)).sum();
                let count = present.as_ref().map_or(rows, there);
                take(Either::Values(Values { present, rows, count, encoding, bytes }))?;
            }
            Page::DataPageV2 { .. } => return Err("a page of version 2, which was never written".into()),
        }
    }
    Ok(())
}

/// What `codes` stand for, which are all in it.
fn as_far_as<'a, T>(known: &'a [T], codes: &[u32]) -> Result<&'a [T], Wrong> {
    let greatest = codes.iter().max().map_or(0, |code| *code as usize + 1);
    Ok(known.get(..greatest).ok_or("a code that is in no dictionary")?)
}

/// Which rows have a value, and the bytes that follow.
fn levels(bytes: bytes::Bytes, rows: usize) -> Result<(Option<Vec<u8>>, bytes::Bytes), Wrong> {
    let length = bytes.first_chunk::<4>().ok_or("a page without its levels")?;
    let end = 4 + u32::from_le_bytes(*length) as usize;
    let present = flags(bytes.get(4..end).ok_or("a page without its levels")?, rows)?;
    let all = present.iter().fold(1, |all, there| all & there) == 1;
    Ok(((!all).then_some(present), bytes.slice(end..)))
}

/// Gives each row its value, or `nothing`.
fn spread<T: Copy>(values: &Values, found: &[T], nothing: T, to: &mut Vec<T>) -> Result<(), Wrong> {
    if found.len() != values.count {
        return Err("a page with another number of values than it says".into());
    }
    let Some(present) = &values.present else {
        to.extend_from_slice(found);
        return Ok(());
    };
    let mut next = 0;
    // Without a branch: whether a row has a value is no better to guess than who calls.
    to.extend(present.iter().map(|there| {
        let value = found.get(next).copied().unwrap_or(nothing);
        next += usize::from(*there);
        if *there == 1 { value } else { nothing }
    }));
    Ok(())
}

fn texts(values: &Values, take: impl FnMut(&str) -> Result<(), Wrong>) -> Result<(), Wrong> {
    match values.encoding {
        Encoding::PLAIN => plain_texts(&values.bytes, values.count, take),
        Encoding::DELTA_LENGTH_BYTE_ARRAY => delta_texts(&values.bytes, values.count, take),
        other => Err(unknown(other)),
    }
}

fn plain_texts(
    mut bytes: &[u8],
    count: usize,
    mut take: impl FnMut(&str) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    for _ in 0..count {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or("a text without its length")?;
        let (text, rest) =
            rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or("a text that is cut off")?;
        take(std::str::from_utf8(text).map_err(|_| "a text that is not UTF-8")?)?;
        bytes = rest;
    }
    Ok(())
}

fn delta_texts(
    bytes: &[u8],
    count: usize,
    mut take: impl FnMut(&str) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    let mut lengths = Vec::with_capacity(count);
    let used = delta(bytes, 4, &mut lengths)?;
    let mut rest = bytes.get(used..).unwrap_or_default();
    if lengths.len() != count {
        return Err("a page with another number of texts than it says".into());
    }
    for length in lengths {
        let length = usize::try_from(length).map_err(|_| "a text of a length below nothing")?;
        let (text, after) = rest.split_at_checked(length).ok_or("a text that is cut off")?;
        take(std::str::from_utf8(text).map_err(|_| "a text that is not UTF-8")?)?;
        rest = after;
    }
    Ok(())
}

fn plain_numbers(bytes: &[u8], size: usize, count: usize, out: &mut Vec<i64>) -> Result<(), Wrong> {
    if bytes.len() < size.saturating_mul(count) {
        return Err("a page with too few numbers".into());
    }
    match size {
        4 => out
            .extend(bytes.as_chunks::<4>().0.iter().take(count).map(|it| i64::from(i32::from_le_bytes(*it)))),
        _ => out.extend(bytes.as_chunks::<8>().0.iter().take(count).map(|it| i64::from_le_bytes(*it))),
    }
    Ok(())
}

fn unknown(encoding: Encoding) -> Wrong {
    Wrong::Said(format!("encoding {encoding:?}, which was never written"))
}
