//! How rows look in a file: one leaf for each column, two for a party that is no number.

use std::sync::{Arc, LazyLock};

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, SchemaDescriptor, TypePtr};

use crate::column::{Column, Columns};

/// A leaf of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) name: &'static str,
    pub(super) column: Column,
    pub(super) shape: Shape,
    /// Whether a row may have nothing there.
    pub(super) is_optional: bool,
}

/// What a leaf holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Microseconds since 1970, in UTC.
    Moment,
    /// A whole number of 64 bits.
    Long,
    /// A whole number of 32 bits.
    Short,
    /// UTF-8, of which most come again.
    Word,
    /// UTF-8, of which hardly one comes again.
    Text,
}

/// All of them, in the order of files.
pub(super) static LEAVES: LazyLock<Vec<Leaf>> =
    LazyLock::new(|| Column::ALL.iter().flat_map(|column| leaves_of(*column)).collect());

/// What can be dropped after some days, and the row still counts: who exactly it was, in whose words.
pub const DETAILS: Columns =
    Columns::of(&[Column::CallId, Column::DisplayName, Column::UserAgent, Column::Reason, Column::More]);

/// The schema of a file that holds `columns`.
pub(super) fn schema(columns: Columns) -> TypePtr {
    let mut text = String::from("message call {\n");
    for leaf in LEAVES.iter().filter(|leaf| columns.has(leaf.column)) {
        let needed = if leaf.is_optional { "optional" } else { "required" };
        let (physical, logical) = match leaf.shape {
            Shape::Moment => ("int64", " (TIMESTAMP(MICROS,true))"),
            Shape::Long => ("int64", ""),
            Shape::Short => ("int32", ""),
            Shape::Word | Shape::Text => ("binary", " (STRING)"),
        };
        text.push_str(&format!("{needed} {physical} {}{logical};\n", leaf.name));
    }
    text.push('}');
    Arc::new(parse_message_type(&text).expect("it is made of names that are none of the language's own"))
}

/// Where the leaf `name` is in a file.
pub(super) fn place(schema: &SchemaDescriptor, name: &str) -> Option<usize> {
    schema.columns().iter().position(|column| column.name() == name)
}

/// How long a file is likely to be there: what is soon written anew with others is packed quickly, not tightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    Short,
    Long,
}

/// How a file is written. `wide` names leaves whose texts hardly come again, so that a dictionary costs more than it spares.
pub(super) fn properties(wide: &[&str], words: Vec<(String, String)>, stay: Stay) -> WriterProperties {
    let zstd = |level| {
        let level = if stay == Stay::Long { level } else { ZSTD_LEVEL_OF_NOISE };
        Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default())
    };
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(zstd(ZSTD_LEVEL))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_data_page_size_limit(PAGE_BYTES_MAX)
        .set_data_page_row_count_limit(ROWS_OF_GROUP)
        .set_write_batch_size(ROWS_AT_ONCE)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_write_page_header_statistics(false)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(
            words.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect(),
        ));
    for leaf in LEAVES.iter() {
        let path = ColumnPath::from(leaf.name);
        let is_wide = wide.contains(&leaf.name);
        let encoding = match leaf.shape {
            Shape::Moment | Shape::Long | Shape::Short => Encoding::DELTA_BINARY_PACKED,
            Shape::Word | Shape::Text => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        };
        let repeats = match leaf.shape {
            Shape::Moment | Shape::Text => false,
            Shape::Long | Shape::Short | Shape::Word => !is_wide,
        };
        builder = builder.set_column_encoding(path.clone(), encoding);
        builder = builder.set_column_dictionary_enabled(path.clone(), repeats);
        if matches!(leaf.shape, Shape::Word | Shape::Text) {
            builder = builder.set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
        }
        if let Column::CallId | Column::More = leaf.column {
            let level = if leaf.column == Column::More { ZSTD_LEVEL_OF_MORE } else { ZSTD_LEVEL_OF_NOISE };
            builder = builder.set_column_compression(path.clone(), zstd(level));
        }
        if matches!(leaf.column, Column::Caller | Column::Called) {
            builder = builder
                .set_column_bloom_filter_enabled(path.clone(), true)
                .set_column_bloom_filter_fpp(path.clone(), BLOOM_FALSE)
                .set_column_bloom_filter_max_ndv(path, ROWS_OF_GROUP as u64);
        }
    }
    builder.build()
}

/// How a file is written whose columns are copied from another.
pub(super) fn copied(words: Option<Vec<KeyValue>>) -> WriterProperties {
    WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_offset_index_disabled(true)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(words)
        .build()
}

fn leaves_of(column: Column) -> Vec<Leaf> {
    let leaf = |name, shape, is_optional| Leaf { name, column, shape, is_optional };
    match column {
        Column::Start => vec![leaf("start", Shape::Moment, false)],
        Column::Kind | Column::Source | Column::Verdict | Column::CallType => {
            vec![leaf(column.name(), Shape::Word, false)]
        }
        Column::Caller | Column::Called => vec![leaf(column.name(), Shape::Long, true)],
        Column::CallerText => {
            vec![leaf("caller_kind", Shape::Word, false), leaf("caller_text", Shape::Word, true)]
        }
        Column::CalledText => {
            vec![leaf("called_kind", Shape::Word, false), leaf("called_text", Shape::Word, true)]
        }
        Column::ActionStatus | Column::Status => vec![leaf(column.name(), Shape::Short, true)],
        Column::RangAfter | Column::AnsweredAfter | Column::EndedAfter => {
            vec![leaf(column.name(), Shape::Long, true)]
        }
        Column::Direction
        | Column::Would
        | Column::Rule
        | Column::HungUp
        | Column::Attestation
        | Column::Flags
        | Column::Policy
        | Column::DisplayName
        | Column::UserAgent
        | Column::Reason => vec![leaf(column.name(), Shape::Word, true)],
        Column::CallId | Column::More => vec![leaf(column.name(), Shape::Text, true)],
    }
}

const CREATED_BY: &str = concat!("ringwall-records ", env!("CARGO_PKG_VERSION"));
/// Rows of a row group at most: what is read at once.
pub const ROWS_OF_GROUP: usize = 131_072;
const ZSTD_LEVEL: i32 = 3;
/// Of texts that are drawn: what looks as if it came again costs more than it spares (16.8 bytes a Call-ID, 18.5 at level 3, 19.3
/// at level 9).
const ZSTD_LEVEL_OF_NOISE: i32 = 1;
/// Of texts that are mostly one text with other digits in it.
const ZSTD_LEVEL_OF_MORE: i32 = 6;
/// Past it a column goes on without a dictionary.
const DICTIONARY_BYTES_MAX: usize = 2 << 20;
/// A page that is longer takes memory anew each time, which the kernel has to clear: a third of what writing cost.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// Rows between two looks at how long a page is.
const ROWS_AT_ONCE: usize = 16_384;
/// How often a filter takes a number for one that it has seen.
const BLOOM_FALSE: f64 = 0.01;
