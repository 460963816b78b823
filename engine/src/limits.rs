//! Bounds of everything that a stranger can grow.

/// Known headers of one message that the reader indexes; behind them it searches line by line.
pub const HEADERS_MAX: usize = 96;
/// Bytes of one message with its body; what exceeds them is not read.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Bytes of the header block of one message on a stream, start line and blank line included.
pub const HEADER_BYTES_MAX: usize = 64 << 10;
/// Bytes of one header value, beyond which a message counts as oversized.
pub const HEADER_VALUE_BYTES_MAX: usize = 8 << 10;
/// Bytes of a start line; a stream whose first line is longer is not SIP.
pub const START_LINE_BYTES_MAX: usize = 8 << 10;
/// Bytes that are skipped in search of the next start line after a gap in a stream, before it is given up.
pub const RESYNC_BYTES_MAX: usize = 512 << 10;
/// Bytes of the JSON texts of one PASSporT, header and claims together.
pub const PASSPORT_BYTES_MAX: usize = 4 << 10;
/// Destination numbers that are read from one PASSporT.
pub const PASSPORT_NUMBERS_MAX: usize = 4;
