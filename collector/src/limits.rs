//! Bounds of everything that a capture, or a stranger in it, can grow.

/// Bytes a capture file is read in at a time, and the usual size of its buffer.
pub const READ_BYTES: usize = 256 << 10;
/// Bytes of one captured frame; a longer one is damage (Wireshark draws the line at the same place).
pub const FRAME_BYTES_MAX: usize = 256 << 10;
/// Bytes of one pcapng block that is read whole; longer ones of unknown kinds are skipped.
pub const BLOCK_BYTES_MAX: usize = 16 << 20;
/// Interfaces described in one pcapng section.
pub const INTERFACES_MAX: usize = 65_536;

/// Layers peeled off one frame, tunnels included.
pub const LAYERS_MAX: u8 = 24;
/// Labels of one MPLS stack, tags of one VLAN stack, extension headers of one IPv6 packet.
pub const STACK_MAX: usize = 16;

/// Microseconds of capture time in which all fragments of a datagram must arrive: as long as Linux waits, so that no receiver puts
/// together what is given up here.
pub const FRAGMENT_WAIT_MICROS_MAX: i64 = 30_000_000;
/// Unfinished datagrams of one source address.
pub const FRAGMENTED_PER_SOURCE_MAX: usize = 4_096;
/// Bytes kept for unfinished datagrams of one source address, bookkeeping included.
pub const FRAGMENT_BYTES_PER_SOURCE_MAX: usize = 8 << 20;
/// Bytes kept for unfinished datagrams of all, bookkeeping included.
pub const FRAGMENT_BYTES_MAX: usize = 32 << 20;
/// Bytes of bookkeeping charged for one fragment.
pub const FRAGMENT_OVERHEAD_BYTES: usize = 64;
/// Bytes of bookkeeping charged for one unfinished datagram: its places in tables and queues, measured.
pub const FRAGMENTED_OVERHEAD_BYTES: usize = 1_024;

/// Directions of TCP connections followed at a time.
pub const STREAMS_MAX: usize = 65_536;
/// Bytes that wait in one direction of a connection behind a gap.
pub const STREAM_WAITING_BYTES_MAX: usize = 256 << 10;
/// Bytes of streams held in all: what waits behind gaps, and messages still incomplete.
pub const STREAM_BYTES_MAX: usize = 64 << 20;
/// Microseconds of capture time that a gap may stay open before it is given up.
pub const GAP_WAIT_MICROS_MAX: i64 = 3_000_000;
/// Bytes by which a segment may run ahead of what was read before it belongs to another connection.
pub const WINDOW_BYTES_MAX: i32 = 1 << 20;
/// Bytes of a stream's first line, within which it must turn out to be SIP, HEP or a WebSocket.
pub const FIRST_LINE_BYTES_MAX: usize = 8 << 10;
/// Bytes of the HTTP header that opens a WebSocket.
pub const HANDSHAKE_BYTES_MAX: usize = 16 << 10;
/// Bytes of one SIP message over WebSocket, its frames put together.
pub const WEBSOCKET_MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Bytes of the SIP message that a compressed HEP payload may grow to.
pub const INFLATED_BYTES_MAX: usize = 256 << 10;

/// Datagrams that one system call takes or gives at most.
pub const BATCH_MAX: usize = 64;
/// Bytes of one datagram: the most that UDP carries.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;
/// What waits for a thread that judges, from everybody. More than the two that follow, so that who has one of those places
/// finds room.
pub const QUEUE_MAX: usize = 4_096;
/// Requests of connections that wait to be judged; past it they are refused as overload. A quarter is kept for emergency
/// calls and trusted peers.
pub const STREAM_REQUESTS_MAX: usize = 2_048;
/// Calls asked about over HTTP that wait to be judged; a quarter is kept for emergency calls.
pub const HTTP_QUESTIONS_MAX: usize = 1_024;
/// Chunks of HEP that were read from connections and wait to be judged, of up to 128 KiB each; who finds no place is not
/// read from. Fewer than [`QUEUE_MAX`], so that one that was read always finds room.
pub const HEP_CHUNKS_MAX: usize = 256;
/// Frames that wait to be judged where the system has no ring for them.
pub const FRAMES_WAITING_MAX: usize = 8_192;
/// Decisions that wait to be mirrored; past it they are left out.
pub const MIRRORED_WAITING_MAX: usize = 4_096;
/// Bytes of HEP that wait to be sent.
pub const MIRROR_BYTES_MAX: usize = 16 << 20;
/// Responses that wait for a connection that does not read; past it the connection is closed.
pub const UNREAD_MAX: usize = 256;

/// Connections to next hops and others that a proxy makes, at once.
pub const CONNECTIONS_MADE_MAX: usize = 1_024;
/// Connections that wait to be made.
pub const WANTED_CONNECTIONS_MAX: usize = 1_024;
/// Addresses of one name that are taken.
pub const ADDRESSES_OF_NAME_MAX: usize = 32;

/// Route values of one request; a request with more is refused.
pub const ROUTES_MAX: usize = 32;
/// Via values of one request; a request with more has come in a circle, or wants to fill memory.
pub const VIAS_MAX: usize = 64;
/// Bytes of a message that goes on in one datagram over IPv4.
pub const SENT_BYTES_MAX: usize = 65_507;
/// Bytes kept of what it takes to hang up one call: its parties and its Call-ID, and as many for each route.
pub const DIALOG_BYTES_MAX: usize = 4 << 10;
/// Bytes of a Contact that is kept.
pub const CONTACT_BYTES_MAX: usize = 1 << 10;
/// Questions in a row that a place of a next hop may leave without an answer before it counts as down.
pub const HEALTH_MISSES_MAX: u32 = 2;
/// BYEs of our own that wait for an answer at once; past it no further call is hung up until some were answered.
pub const BYES_MAX: usize = 65_536;
/// Addresses for which it is remembered by which socket they are reached.
pub const REACHED_MAX: usize = 4_096;
/// Messages of refused and alarming calls that wait to be told, between two batches.
pub(crate) const EVIDENCE_BYTES_MAX: usize = 4 << 20;
/// Calls that reached a threshold and went on, of which the rest is set aside too.
pub(crate) const RINGING_CALLS_MAX: usize = 4_096;

/// Addresses of certificates that wait to be fetched.
pub const WANTED_WAITING_MAX: usize = 1_024;
/// Certificates that are fetched at once.
pub const FETCHES_MAX: usize = 32;
/// How long one fetch may take, the look-up of the name among it.
pub const FETCH_DURATION_MAX: std::time::Duration = std::time::Duration::from_secs(2);
/// Addresses remembered that gave no certificate.
pub const REFUSED_ADDRESSES_MAX: usize = 8_192;
/// How long such an address is not tried again, after the first failure.
pub const RETRY_SECONDS_MIN: i64 = 30;
/// The same after many in a row.
pub const RETRY_SECONDS_MAX: i64 = 600;
