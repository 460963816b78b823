//! An Identity header (RFC 8224): readable, signed by nobody.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HEADER: &str =
    r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://certificates.example.com/c.pem"}"#;

/// The value for a call of `caller` to `called` at so many microseconds since 1970. `name` makes the signature.
pub(super) fn write(name: &str, caller: &str, called: &str, at: i64) -> String {
    let (orig, dest) = (caller.trim_start_matches('+'), called.trim_start_matches('+'));
    let claims = format!(
        r#"{{"attest":"A","dest":{{"tn":["{dest}"]}},"iat":{},"orig":{{"tn":"{orig}"}},"origid":"{name}"}}"#,
        at / 1_000_000
    );
    let signature = format!("{name:~^64}");
    let parts = [HEADER, &claims, &signature].map(|part| base64url(part.as_bytes()));
    format!("{};info=<https://certificates.example.com/c.pem>;alg=ES256;ppt=shaken", parts.join("."))
}

/// Base64 with the URL alphabet and no padding (RFC 7515 §2).
fn base64url(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let value =
            chunk.iter().fold(0u32, |value, &byte| value << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        out.extend(
            (0..=chunk.len()).map(|place| char::from(ALPHABET[(value >> (18 - 6 * place) & 0x3f) as usize])),
        );
    }
    out
}
