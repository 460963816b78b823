//! Whether a row group can have a number at all.

use parquet::bloom_filter::Sbbf;

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
    Ok(Sbbf::read_from_column_chunk(chunk, file.source())?.is_none_or(|filter| filter.check(&number)))
}
