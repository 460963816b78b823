//! Codes of an authenticator app, by RFC 6238 and nothing of ours.

use ring::hmac;

/// The code of now for a key in base 32.
#[allow(clippy::disallowed_methods, reason = "an app goes by the clock")]
pub(crate) fn code(key: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    code_at(key, now)
}

fn code_at(key: &str, seconds: u64) -> String {
    let bits: String = key
        .bytes()
        .map(|byte| {
            format!("{:05b}", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|it| *it == byte).unwrap())
        })
        .collect();
    let secret: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|it| u8::from_str_radix(std::str::from_utf8(it).unwrap(), 2).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let tag = hmac::sign(&key, &(seconds / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[test]
fn codes_are_those_of_the_standard() {
    assert_eq!(code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59), "287082");
}
