//! How an attempt ended, as bits that counters ask about.

/// 2xx.
pub(super) const ANSWERED: u64 = 1;
/// 486 and 600.
pub(super) const BUSY: u64 = 1 << 1;
/// 487.
pub(super) const CANCELLED: u64 = 1 << 2;
/// 404, 410, 484 and 604.
pub(super) const NOT_FOUND: u64 = 1 << 3;
/// 4xx to 6xx but for 401, 407 and 487, and those that a repeat answered.
pub(super) const FAILED: u64 = 1 << 4;
/// What RFC 6076 §4.7 counts as effective: 2xx, 480, 486, 600 and 603.
pub(super) const EFFECTIVE: u64 = 1 << 5;
/// What the network did its part for (ITU-T E.425): answered, busy, no answer, given up by the caller.
pub(super) const NETWORK: u64 = 1 << 6;
/// 3xx.
pub(super) const REDIRECTED: u64 = 1 << 7;
/// 401 and 407 that nobody answered.
pub(super) const CHALLENGED: u64 = 1 << 8;

/// The bits of a final `status`.
pub(super) fn bits(status: u16) -> u64 {
    let is = |condition: bool, bit: u64| if condition { bit } else { 0 };
    is((200..300).contains(&status), ANSWERED)
        | is(matches!(status, 486 | 600), BUSY)
        | is(status == 487, CANCELLED)
        | is(matches!(status, 404 | 410 | 484 | 604), NOT_FOUND)
        | is((400..700).contains(&status) && !matches!(status, 401 | 407 | 487), FAILED)
        | is(matches!(status, 200..300 | 480 | 486 | 600 | 603), EFFECTIVE)
        | is(matches!(status, 200..300 | 408 | 480 | 486 | 487 | 600 | 603), NETWORK)
        | is((300..400).contains(&status), REDIRECTED)
        | is(matches!(status, 401 | 407), CHALLENGED)
}

/// Whether a repeat of the INVITE may answer a final `status`, so that it is not the end yet.
pub(crate) fn may_be_repeated(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 407 | 415 | 420 | 422 | 488 | 494)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_counts_where_the_definitions_say() {
        assert_eq!(bits(200), ANSWERED | EFFECTIVE | NETWORK);
        assert_eq!(bits(486), BUSY | FAILED | EFFECTIVE | NETWORK);
        assert_eq!(bits(487), CANCELLED | NETWORK);
        assert_eq!(bits(404), NOT_FOUND | FAILED);
        assert_eq!(bits(503), FAILED);
        assert_eq!(bits(407), CHALLENGED);
        assert_eq!(bits(302), REDIRECTED);
    }
}
