//! Bounds of everything that the sender of a mail can grow.

/// Bytes of one mail; the receiver takes no more, and nothing behind them is looked at.
pub const MAIL_BYTES_MAX: usize = 10 << 20;
/// Bytes of the header of one mail.
pub const HEADER_BYTES_MAX: usize = 256 << 10;
/// Parts of one mail, those that only hold others included.
pub const PARTS_MAX: usize = 100;
/// Parts inside parts.
pub const DEPTH_MAX: usize = 10;
/// Parts that hold others. Each may be searched for up to the end of the mail.
pub const MULTIPARTS_MAX: usize = 32;
/// Bytes of the mail times [parts that hold others](MULTIPARTS_MAX): what searching for their ends may cost.
pub const SEARCHED_BYTES_MAX: usize = 128 << 20;
/// Bytes of one boundary between parts (RFC 2046 §5.1.1 allows 70).
pub const BOUNDARY_BYTES_MAX: usize = 74;
/// Links in one mail.
pub const LINKS_MAX: usize = 2_000;
/// Bytes of text that is read of one mail.
pub const TEXT_BYTES_MAX: usize = 256 << 10;
/// Characters of one line; what is longer goes on as a line of its own.
pub const LINE_CHARACTERS_MAX: usize = 4_096;
/// Elements of HTML inside each other that are told apart.
pub const ELEMENTS_OPEN_MAX: usize = 256;
/// Bytes of one attached list.
pub const ATTACHMENT_BYTES_MAX: usize = 1 << 20;
/// Bytes that an attached workbook may unpack to, all its files together.
pub const WORKBOOK_BYTES_MAX: usize = 16 << 20;
/// Files inside a workbook.
pub const WORKBOOK_FILES_MAX: usize = 200;
/// Attached lists that are read of one mail.
pub const LISTS_MAX: usize = 10;
/// Rows read of all lists of one mail together.
pub const ROWS_MAX: usize = 10_000;
/// Rows that tell which column of a list holds the numbers.
pub const SAMPLE_ROWS: usize = 100;
/// Columns looked at in one row.
pub const COLUMNS_MAX: usize = 32;
/// Numbers drafted of one request; with more it is an import.
pub const NUMBERS_PER_REQUEST_MAX: usize = 500;
/// Numbers found in one mail, suggestions included; the others are counted.
pub const NUMBERS_FOUND_MAX: usize = 25_000;
/// Bad lines told one by one.
pub const BAD_LINES_MAX: usize = 100;
/// Characters of one field that are kept.
pub const FIELD_CHARACTERS_MAX: usize = 4_000;
/// Characters of a subject that are kept.
pub const SUBJECT_CHARACTERS_MAX: usize = 500;
/// Message-IDs that a mail may say it answers.
pub const REFERENCES_MAX: usize = 50;
/// Recipients named in one report request.
pub const RECIPIENTS_MAX: usize = 50;
