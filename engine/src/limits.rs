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

/// Attempts and transactions kept at once; past it the one that would end first ends now, and is counted.
pub const CALLS_MAX: usize = 1 << 20;
/// So often the INVITE of one attempt may come again with a higher CSeq, after a challenge, a redirection, an offer that did not
/// fit; beyond it opens another attempt.
pub const REPEATS_MAX: u8 = 4;
/// Other legs that are joined to one call (RFC 7989): room for a group of telephones that all ring. Further ones count as calls,
/// so that nobody hides a flood behind one call.
pub const LEGS_MAX: u8 = 32;
/// A call that is up and silent for so long has ended (policy.md, *Thresholds*).
pub const IDLE_SECONDS_MAX: i64 = 4 * 3600;
/// An attempt that got neither answer nor refusal for so long is given up; above Timer C of RFC 3261 §16.6.
pub const UNANSWERED_SECONDS_MAX: i64 = 600;
/// How long after a refusal a repeat or another fork may still follow; Timer B of RFC 3261 §17.1.1.2.
pub const REFUSED_SECONDS: i64 = 32;
/// How long retransmissions of a finished call are still recognised.
pub const LINGER_SECONDS: i64 = 300;
/// How long a transaction outside a dialog waits for its answer; Timer F of RFC 3261 §17.1.2.2.
pub const TRANSACTION_SECONDS: i64 = 32;
/// To tags remembered per attempt: so many forks of one INVITE are told apart.
pub const FORKS_MAX: usize = 8;
/// Callers of emergency numbers remembered for their call-back.
pub const CALLBACKS_MAX: usize = 65_536;
/// Numbers of one emergency call that may be called back: From and what is asserted. A long list of identities is no caller.
pub const CALLBACKS_OF_ONE_CALL: usize = 2;
/// Bytes kept of any one text of a message: display name, User-Agent, user part.
pub const TEXT_BYTES_MAX: usize = 1024;
/// Addresses of one message that are read.
pub const FACTS_MAX: usize = 64;
/// Attempts with one Call-ID that are looked through for the one a message belongs to.
pub const SAME_CALL_ID_MAX: usize = 64;
/// Messages of one attempt of which it is kept that thresholds counted them.
pub const TALLIES_MAX: usize = 16;
/// Flags of one call that are noticed later than its messages, each with its moment.
pub const NOTICED_MAX: usize = 4;
/// Values of headers that policies ask for, kept of one message.
pub const HEADERS_KEPT_MAX: usize = 8;
/// Addresses remembered as taking part in one call: two ends, and what stands between them.
pub const PARTIES_MAX: usize = 6;
/// PASSporTs remembered, so that one that comes again is known.
pub const PASSPORTS_MAX: usize = 65_536;
