//! The Identity header of a signing carrier (RFC 8224, RFC 8588). Its signature is well-formed and wrong: no
//! key of anybody's is needed, and nobody may take it for verified.

use std::fmt::Write;

use crate::call::Call;
use crate::message::mix;

/// Writes the Identity header that claims attestation `level`.
pub(crate) fn write(call: &Call, level: char, out: &mut Vec<u8>) {
    let digits = |number: &str| number.trim_start_matches('+').to_owned();
    let mut claims = String::with_capacity(200);
    let replayed = call.special.as_ref().and_then(|special| special.replayed.as_ref());
    let (caller, called, at, id) = match replayed {
        Some(signed) => (&signed.caller, &signed.called, signed.at, signed.id),
        None => (&call.caller.number, &call.called.number, call.at, call.id),
    };
    write!(
        claims,
        r#"{{"attest":"{level}","dest":{{"tn":["{}"]}},"iat":{},"orig":{{"tn":"{}"}},"origid":"{:08x}-0000-4000-8000-{:012x}"}}"#,
        digits(called),
        at / 1_000_000,
        digits(caller),
        id as u32,
        id >> 16
    )
    .expect("text takes every character");
    out.extend_from_slice(b"Identity: ");
    base64url(HEADER.as_bytes(), out);
    out.push(b'.');
    base64url(claims.as_bytes(), out);
    out.push(b'.');
    let mut word = id;
    let signature: Vec<u8> = (0..8)
        .flat_map(|_| {
            word = mix(word.wrapping_add(1));
            word.to_be_bytes()
        })
        .collect();
    base64url(&signature, out);
    out.extend_from_slice(b";info=<https://certificates.example.com/c.pem>;alg=ES256;ppt=shaken\r\n");
}

/// Base64 with the URL alphabet and no padding (RFC 7515 §2).
fn base64url(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let value =
            chunk.iter().fold(0u32, |value, &byte| value << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let index = value >> (18 - 6 * place) & 0x3f;
            out.push(ALPHABET.get(index as usize).copied().unwrap_or(b'A'));
        }
    }
}

const HEADER: &str =
    r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://certificates.example.com/c.pem"}"#;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_rfc_4648() {
        for (plain, coded) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            let mut out = Vec::new();
            base64url(plain.as_bytes(), &mut out);
            assert_eq!(out, coded.as_bytes());
        }
    }
}
