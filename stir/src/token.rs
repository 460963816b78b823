//! PASSporTs, read as strictly as what is believed must be (RFC 8225, RFC 8588, RFC 8946).

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rules::{Attestation, Number};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::authority::number;
use crate::call::Signed;
use crate::limits::{DESTINATIONS_MAX, TOKEN_BYTES_MAX};
use crate::outcome::Fault;
use crate::signatures::Signature;

/// What a PASSporT is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extension {
    /// None: it says who calls whom, and nothing else.
    None,
    /// `shaken`.
    Shaken,
    /// `div`: why the call goes elsewhere.
    Diversion,
    /// One that is not understood, such as `rcd` or `rph`.
    Other,
}

/// One PASSporT.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) extension: Extension,
    /// Where the certificate lies.
    pub(crate) x5u: String,
    pub(crate) signature: Signature,
    pub(crate) form: Form<'a>,
}

/// How it was sent.
#[derive(Debug)]
pub(crate) enum Form<'a> {
    /// With all that was signed.
    Full {
        /// What was signed.
        text: &'a [u8],
        /// What it says.
        claims: Claims,
    },
    /// With the signature only: all else stands in the message (RFC 8224 §4.1.2).
    Compact,
    /// With an extension that is not understood: it is passed over, whatever it says.
    Unread,
}

/// What a PASSporT says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) orig: Number,
    pub(crate) dest: Vec<Number>,
    /// The number that the call was diverted from, of a `div`.
    pub(crate) div: Option<Number>,
    pub(crate) iat: i64,
    /// Of a `shaken`.
    pub(crate) attest: Option<Attestation>,
}

impl<'a> Token<'a> {
    /// Reads `signed`. One with an extension that is not understood is not read further.
    pub(crate) fn read(signed: &Signed<'a>) -> Result<Self, Fault> {
        if signed.token.len() > TOKEN_BYTES_MAX {
            return Err(Fault::Malformed);
        }
        let mut dots = (0..signed.token.len()).filter(|&at| signed.token.get(at) == Some(&b'.'));
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(Fault::Malformed);
        };
        let part = |from: usize, to: usize| signed.token.get(from..to).unwrap_or_default();
        let (header, claims) = (part(0, first), part(first + 1, second));
        let signature = decode(part(second + 1, signed.token.len()))?;
        let of_token = (part(0, second), claims, signature);
        let token = if header.is_empty() && claims.is_empty() {
            Self::compact(signed, &of_token.2)?
        } else {
            Self::full(signed, header, of_token)?
        };
        if !signed.alg.is_empty() && signed.alg != ES256.as_bytes() {
            return Err(Fault::Algorithm);
        }
        // Both say where the certificate lies; who could make them differ could have another one fetched.
        if signed.info != token.x5u.as_bytes() {
            return Err(Fault::Address);
        }
        Ok(token)
    }

    fn full(
        signed: &Signed<'a>,
        header: &[u8],
        (text, claims, signature): (&'a [u8], &[u8], Vec<u8>),
    ) -> Result<Self, Fault> {
        let header: HeaderText = json(header)?;
        if header.typ != "passport" || header.crit.is_some() {
            return Err(Fault::Malformed);
        }
        if header.alg != ES256 {
            return Err(Fault::Algorithm);
        }
        let ppt = header.ppt.unwrap_or_default();
        if !signed.ppt.is_empty() && signed.ppt != ppt.as_bytes() {
            return Err(Fault::Malformed);
        }
        let extension = Extension::named(ppt.as_bytes());
        let form = if extension == Extension::Other {
            Form::Unread
        } else {
            Form::Full { text, claims: Claims::read(extension, json(claims)?).ok_or(Fault::Malformed)? }
        };
        Ok(Self { extension, x5u: header.x5u, signature: signature_of(&signature)?, form })
    }

    fn compact(signed: &Signed<'a>, signature: &[u8]) -> Result<Self, Fault> {
        let extension = Extension::named(signed.ppt);
        // What these claim beside the two numbers does not stand anywhere else in the message.
        if matches!(extension, Extension::Shaken | Extension::Diversion) {
            return Err(Fault::Malformed);
        }
        let x5u = std::str::from_utf8(signed.info).map_err(|_| Fault::Address)?.to_owned();
        Ok(Self { extension, x5u, signature: signature_of(signature)?, form: Form::Compact })
    }

    /// What was signed in the compact form, if the call was signed as from `orig` to `dest` at `iat`: the JSON texts that
    /// RFC 8225 §9 makes of that, with names in order and without white space.
    pub(crate) fn rebuilt(&self, orig: Number, dest: Number, iat: i64) -> Vec<u8> {
        // An address that may be fetched has no byte that JSON writes another way.
        let header = format!(r#"{{"alg":"{ES256}","typ":"passport","x5u":"{}"}}"#, self.x5u);
        let (orig, dest) = (orig.digits(), dest.digits());
        let claims = format!(
            r#"{{"dest":{{"tn":["{}"]}},"iat":{iat},"orig":{{"tn":"{}"}}}}"#,
            dest.as_str(),
            orig.as_str()
        );
        let encode = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}", encode(header), encode(claims)).into_bytes()
    }
}

impl Extension {
    fn named(ppt: &[u8]) -> Self {
        match ppt {
            b"" => Self::None,
            b"shaken" => Self::Shaken,
            b"div" => Self::Diversion,
            _ => Self::Other,
        }
    }
}

impl Claims {
    fn read(extension: Extension, text: ClaimsText) -> Option<Self> {
        let dest = text.dest.tn;
        let claims = Self {
            orig: number(text.orig.tn.as_bytes())?,
            dest: dest.iter().map(|one| number(one.as_bytes())).collect::<Option<_>>()?,
            div: match &text.div {
                Some(div) => Some(number(div.tn.as_bytes())?),
                None => None,
            },
            iat: i64::try_from(text.iat).ok()?,
            attest: match text.attest.as_deref() {
                Some("A") => Some(Attestation::Full),
                Some("B") => Some(Attestation::Partial),
                Some("C") => Some(Attestation::Gateway),
                Some(_) => return None,
                None => None,
            },
        };
        let has_dest = (1..=DESTINATIONS_MAX).contains(&claims.dest.len());
        let has_origid = text.origid.is_some_and(|origid| !origid.is_empty());
        let is_whole = has_dest
            && match extension {
                Extension::Shaken => claims.attest.is_some() && has_origid,
                Extension::Diversion => claims.div.is_some(),
                Extension::None | Extension::Other => true,
            };
        is_whole.then_some(claims)
    }
}

/// The JOSE header. A name that stands twice is an error, as everywhere here: who verifies and who looks on would read
/// different ones.
#[derive(Deserialize)]
struct HeaderText {
    alg: String,
    typ: String,
    x5u: String,
    ppt: Option<String>,
    /// Names what must be understood (RFC 7515 §4.1.11): nothing is.
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ClaimsText {
    orig: OrigText,
    dest: DestText,
    iat: u64,
    div: Option<OrigText>,
    attest: Option<String>,
    origid: Option<String>,
}

#[derive(Deserialize)]
struct OrigText {
    tn: String,
}

#[derive(Deserialize)]
struct DestText {
    tn: Vec<String>,
}

/// Base64 without padding and without bits left over (RFC 7515 §2): there is one way to write each signature.
fn decode(part: &[u8]) -> Result<Vec<u8>, Fault> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Malformed)
}

fn signature_of(bytes: &[u8]) -> Result<Signature, Fault> {
    Signature::try_from(bytes).map_err(|_| Fault::Signature)
}

fn json<T: for<'de> Deserialize<'de>>(part: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(&decode(part)?).map_err(|_| Fault::Malformed)
}

/// The only algorithm there is (RFC 8225 §8, RFC 8588 §6).
const ES256: &str = "ES256";
