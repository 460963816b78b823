//! Files that say wrong things of themselves, in all ways that we could think of: an error, and nothing worse.

use jiff::civil::date;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::file_reader::FileReader;
use super::find::may_have;
use super::forget::copy;
use super::place::Place;
use super::tests::{Scratch, batch, call};
use super::*;
use crate::{Batch, Call, Column, Columns};

/// What is done to the bytes of a file from `at` on.
fn damage(bytes: &mut Vec<u8>, at: usize, how: usize, noise: u64) {
    let put = |bytes: &mut Vec<u8>, with: &[u8]| {
        for (byte, with) in bytes.iter_mut().skip(at).zip(with) {
            *byte = *with;
        }
    };
    match how {
        0 => put(bytes, &noise.to_le_bytes()[..1]),
        1 => put(bytes, &noise.to_le_bytes()[..2]),
        // The greatest number that is written in so many bytes, and the least: what counts, and what is a place.
        2..6 => put(bytes, &[&[0xff; 9][..(how - 1) * 2], &[0x01]].concat()),
        6..10 => put(bytes, &[&[0xfe][..], &[0xff; 8][..(how - 5) * 2], &[0x01]].concat()),
        10..13 => put(bytes, &[&[0x80; 9][..(how - 9) * 3], &[noise as u8 & 0x7f]].concat()),
        13 => drop(bytes.remove(at)),
        14 => bytes.insert(at, noise as u8),
        15 => {
            // A number of more bytes in the place of one of one.
            bytes[at] = 0xff;
            (0..4).for_each(|_| bytes.insert(at + 1, 0xff));
            bytes.insert(at + 5, 0x07);
        }
        _ => {
            let from = noise as usize % bytes.len();
            let end = bytes.len().min(from + 24);
            let with = bytes[from..end].to_vec();
            put(bytes, &with);
        }
    }
}

/// Goes all ways that lead through a file. How many of them end in an error.
fn read(place: &Place, name: &str, number: u64) -> usize {
    let Ok(file) = place.open(name).map_err(error::Wrong::from).and_then(FileReader::open) else { return 1 };
    let mut errors = 0;
    for group in 0..file.groups() {
        errors += usize::from(file.read(group, Columns::ALL).is_err());
        errors += usize::from(may_have(&file, group, Column::Caller, number).is_err());
        errors += usize::from(file.rows_with(group, Column::Called, number).is_err());
        let _ = file.span(group);
    }
    errors + usize::from(copy(&file, place.create("copy").unwrap()).is_err())
}

#[test]
fn whatever_a_damaged_file_says_is_an_error_and_nothing_worse() {
    let rounds = std::env::var("RINGWALL_DAMAGES").map_or(1, |count| count.parse().unwrap());
    let scratch = Scratch::new("damage");
    let place = Place::folder(scratch.path());
    let mut runner = TestRunner::deterministic();
    let calls: Vec<Call> = (0..40).map(|_| call().new_tree(&mut runner).unwrap().current()).collect();
    let mut rows: Batch = batch(&calls);
    rows.sort();
    let mut writer = Writer::open(scratch.path(), 0).unwrap();
    writer.append(vec![Part { customer: None, day: date(1970, 1, 1), rows }], 0, (0, 0)).unwrap();
    let name = writer.store().entries().next().unwrap().file.clone();
    let path = scratch.path().join(&name);
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(read(&place, &name, calls[0].caller.number), 0);
    let footer = u32::from_le_bytes(whole[whole.len() - 8..whole.len() - 4].try_into().unwrap()) as usize;
    let mut noise = 1_u64;
    let (mut errors, mut all) = (0, 0);
    for at in (0..whole.len() - 8).cycle().take(rounds * (whole.len() - 8)) {
        // What it says of itself is all tried, texts of rows only here and there.
        let is_said = at >= whole.len() - 8 - footer;
        for how in 0..17 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if rounds == 1 && !(noise >> 33).is_multiple_of(if is_said { 16 } else { 256 }) {
                continue;
            }
            let mut bytes = whole.clone();
            damage(&mut bytes, at, how, noise >> 16);
            if is_said {
                // It is still found where it is.
                let length = (footer + bytes.len() - whole.len()) as u32;
                let end = bytes.len() - 8;
                bytes[end..end + 4].copy_from_slice(&length.to_le_bytes());
            }
            std::fs::write(&path, &bytes).unwrap();
            errors += usize::from(read(&place, &name, calls[0].caller.number) > 0);
            all += 1;
        }
    }
    println!("{all} damages, {errors} errors");
    assert!(errors > all / 3, "{errors} of {all}");
}
