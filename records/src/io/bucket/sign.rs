//! Signatures of requests: AWS Signature Version 4, which every server of this kind knows.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::{digest, hmac};

use super::keys::Keys;

/// What is signed of one request.
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// The path as it goes out, already encoded.
    pub(super) path: &'a str,
    /// Names and values of the query, already encoded.
    pub(super) query: &'a [(String, String)],
    /// The host with its port.
    pub(super) host: &'a str,
    /// Other headers, their names in lower case.
    pub(super) headers: &'a [(&'static str, String)],
    /// SHA-256 of the body, in hexadecimal.
    pub(super) body: &'a str,
}

impl Signed<'_> {
    /// The headers that sign it at the moment `now` for the region `region`.
    pub(super) fn headers(&self, keys: &Keys, region: &str, now: Timestamp) -> Vec<(&'static str, String)> {
        let moment = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = moment.get(..8).unwrap_or_default();
        let mut more = vec![("x-amz-content-sha256", self.body.to_owned()), ("x-amz-date", moment.clone())];
        more.extend(keys.token.clone().map(|token| ("x-amz-security-token", token)));
        let mut signed: Vec<(&str, &str)> = vec![("host", self.host)];
        signed.extend(self.headers.iter().chain(&more).map(|(name, value)| (*name, value.trim())));
        signed.sort_unstable();
        let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let mut query = self.query.to_vec();
        query.sort_unstable();
        let query = query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let canonical = format!("{}\n{}\n{query}\n{lines}\n{names}\n{}", self.method, self.path, self.body);
        let scope = format!("{day}/{region}/s3/aws4_request");
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let mut key = hmac::sign(&key(format!("AWS4{}", keys.secret).as_bytes()), day.as_bytes());
        for part in [region, "s3", "aws4_request"] {
            key = hmac::sign(&self::key(key.as_ref()), part.as_bytes());
        }
        let signature = hex(hmac::sign(&self::key(key.as_ref()), text.as_bytes()).as_ref());
        more.push((
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
                keys.id
            ),
        ));
        more
    }
}

/// SHA-256 of `bytes`, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// `text` as it stands in a path or a query; a slash stays one where it parts a path.
pub(super) fn encode(text: &str, keeps_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b'/' if keeps_slash => out.push('/'),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn key(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of the documentation of Signature Version 4 for S3.
    #[test]
    fn signatures_are_those_that_are_documented() {
        let keys = Keys {
            id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
        };
        let now: Timestamp = "2013-05-24T00:00:00Z".parse().unwrap();
        let range = [("range", "bytes=0-9".to_owned())];
        let put = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT".to_owned()),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY".to_owned()),
        ];
        let list =
            [("prefix", "J"), ("max-keys", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let text = encode("/test$file.text", true);
        for (method, path, query, headers, body, signature) in [
            (
                "GET",
                "/test.txt",
                &[][..],
                &range[..],
                "",
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                "PUT",
                &text,
                &[],
                &put,
                "Welcome to Amazon S3.",
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            ),
            ("GET", "/", &list, &[], "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ] {
            let body = sha256(body.as_bytes());
            let signed =
                Signed { method, path, query, host: "examplebucket.s3.amazonaws.com", headers, body: &body };
            let headers = signed.headers(&keys, "us-east-1", now);
            let (_, authorization) = headers.last().unwrap();
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{method} {path}");
        }
    }

    #[test]
    fn a_token_that_passes_is_signed_with_the_rest() {
        let keys = Keys { id: "id".to_owned(), secret: "secret".to_owned(), token: Some("token".to_owned()) };
        let body = sha256(b"");
        let signed = Signed { method: "GET", path: "/", query: &[], host: "host", headers: &[], body: &body };
        let headers = signed.headers(&keys, "us-east-1", Timestamp::UNIX_EPOCH);
        assert!(headers.contains(&("x-amz-security-token", "token".to_owned())));
        let (_, authorization) = headers.last().unwrap();
        assert!(
            authorization.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token")
        );
        assert!(!authorization.contains("secret"));
    }
}
