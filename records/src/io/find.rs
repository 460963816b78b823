//! Whether a row group can have a number at all.

use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ColumnChunkMetaData;
use twox_hash::XxHash64;

use super::error::Wrong;
use super::file_reader::FileReader;
use super::schema::place;
use crate::column::Column;

/// Whether `group` of `file` may have `number` in `column`. No is certain.
pub(super) fn may_have(file: &FileReader, group: usize, column: Column, number: u64) -> Result<bool, Wrong> {
    // A row without a number stands in no filter.
    if number == 0 {
        return Ok(true);
    }
    let number = number.cast_signed();
    if let Some((least, most)) = file.bounds(group, column.name())
        && !(least..=most).contains(&number)
    {
        return Ok(false);
    }
    let schema = file.metadata().file_metadata().schema_descr();
    let Some(at) = place(schema, column.name()) else { return Ok(true) };
    let chunk = file.group(group)?.columns().get(at).ok_or("a row group with too few columns")?;
    let Some((at, blocks)) = filter(chunk) else { return Ok(true) };
    // A number is in one block of the filter: no other is read.
    let hash = XxHash64::oneshot(0, &number.to_le_bytes());
    let block = (hash >> 32).saturating_mul(blocks) >> 32;
    let bytes = file.source().read(at + block * BLOCK_BYTES, BLOCK_BYTES as usize)?;
    Ok(Sbbf::new(&bytes).check(&number))
}

/// Where the blocks of the column's filter begin, and how many there are.
fn filter(chunk: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let offset = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
    let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
    // Blocks are a power of two, and what stands before them is shorter than one.
    let bytes = 1_u64 << length.checked_ilog2()?;
    (bytes >= BLOCK_BYTES).then(|| (offset + length - bytes, bytes / BLOCK_BYTES))
}

const BLOCK_BYTES: u64 = 32;
