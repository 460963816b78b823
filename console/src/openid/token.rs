//! What a provider signed about who logs in (OpenID Connect Core §3.1.3.7), checked before a word of it is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use rules::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The keys that a provider publishes (RFC 7517); those of other kinds are left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    /// Its name; `None` where the provider has but one.
    id: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    /// For RS256: modulus and exponent, big-endian.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// For ES256: the point, uncompressed.
    P256(Vec<u8>),
}

/// What a token has to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// What a token says of somebody, once it was checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claims(Value);

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It names a key that is not among those known: the provider may have a new one.
    UnknownKey,
    /// Anything else, in words.
    Bad(&'static str),
}

impl Keys {
    /// What stands in a JSON Web Key Set; `None` when it is none.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(text).ok()?;
        Some(Self(set.keys.iter().take(KEYS_MAX).filter_map(Key::read).collect()))
    }

    /// Those by which a token with this algorithm may be signed: the one that it names, or all when it names none.
    fn fitting<'a>(&'a self, algorithm: &str, id: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        let is_rsa = algorithm == "RS256";
        let fits = move |key: &&Key| matches!(key.material, Material::Rsa { .. }) == is_rsa;
        self.0.iter().filter(fits).filter(move |key| id.is_none() || key.id.as_deref() == id)
    }
}

impl Key {
    fn read(key: &Value) -> Option<Self> {
        let word = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(word(name)?).ok();
        if word("use").is_some_and(|it| it != "sig") {
            return None;
        }
        let is_for = |algorithm: &str| word("alg").is_none_or(|it| it == algorithm);
        let material = match word("kty")? {
            "RSA" if is_for("RS256") => Material::Rsa { n: bytes("n")?, e: bytes("e")? },
            "EC" if is_for("ES256") && word("crv") == Some("P-256") => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                Material::P256([&[4], x.as_slice(), y.as_slice()].concat())
            }
            _ => return None,
        };
        Some(Self { id: word("kid").map(str::to_owned), material })
    }

    /// Whether it has signed `message`. Short keys sign nothing here: RSA from 2048 bits on.
    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            Material::P256(point) => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
        }
    }
}

/// Believes `token` if one of `keys` has signed it and it is for us, for this log-in and for now.
pub(super) fn check(token: &str, keys: &Keys, expected: Expected<'_>) -> Result<Claims, Wrong> {
    let bad = Wrong::Bad;
    if token.len() > TOKEN_BYTES_MAX {
        return Err(bad("it is too long"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Wrong::Bad("it has no signature"))?;
    let (header, claims) = message.split_once('.').ok_or(Wrong::Bad("it has no claims"))?;
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| bad("it is not written in base64url"));
    let object = |text: &str| -> Result<Value, Wrong> {
        serde_json::from_slice(&part(text)?).map_err(|_| bad("it holds no JSON"))
    };
    let (header, signature) = (object(header)?, part(signature)?);
    let word = |name: &str| header.get(name).and_then(Value::as_str);
    // Which algorithms count is ours to say, never the token's: not `none`, and no key of ours that both sides know.
    let algorithm = word("alg").filter(|it| matches!(*it, "RS256" | "ES256"));
    let algorithm = algorithm.ok_or(Wrong::Bad("it is signed by neither RS256 nor ES256"))?;
    if header.get("crit").is_some() {
        return Err(bad("it wants something understood that is not"));
    }
    let mut fitting = keys.fitting(algorithm, word("kid")).peekable();
    if fitting.peek().is_none() {
        return Err(Wrong::UnknownKey);
    }
    if !fitting.any(|key| key.has_signed(message.as_bytes(), &signature)) {
        return Err(bad("its signature is not the provider's"));
    }
    let claims = Claims(object(claims)?);
    claims.check(expected)?;
    Ok(claims)
}

impl Claims {
    fn check(&self, expected: Expected<'_>) -> Result<(), Wrong> {
        let bad = |words| Err(Wrong::Bad(words));
        let Expected { issuer, client, nonce, now } = expected;
        let seconds = now.0.div_euclid(1_000_000);
        let moment = |name: &str| self.0.get(name).and_then(Value::as_f64).map(|at| at as i64);
        if self.word("iss") != Some(issuer) {
            return bad("another issuer made it");
        }
        let audience = self.words("aud");
        if !audience.contains(&client) {
            return bad("it is for somebody else");
        }
        let party = self.word("azp");
        if audience.len() > 1 && party.is_none() || party.is_some_and(|it| it != client) {
            return bad("it was made for another party");
        }
        if moment("exp").is_none_or(|until| seconds >= until.saturating_add(SKEW_SECONDS)) {
            return bad("its time is over");
        }
        let made = moment("iat");
        if made.is_none_or(|made| made > seconds + SKEW_SECONDS || made < seconds - AGE_SECONDS_MAX) {
            return bad("it was not made just now");
        }
        if moment("nbf").is_some_and(|from| from > seconds + SKEW_SECONDS) {
            return bad("its time has not come");
        }
        if self.word("nonce") != Some(nonce) {
            return bad("it answers another log-in");
        }
        if self.word("sub").is_none_or(str::is_empty) {
            return bad("it is about nobody");
        }
        Ok(())
    }

    /// What a claim says, if it is text.
    pub(super) fn word(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// What a claim says, if it is text or a list of texts.
    pub(super) fn words(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the provider has seen for itself that the address in `email` is theirs. Some write it as text.
    pub(super) fn has_verified_email(&self) -> bool {
        self.0.get("email_verified").is_some_and(|it| it == true || it == "true")
    }
}

const TOKEN_BYTES_MAX: usize = 16 << 10;
const KEYS_MAX: usize = 64;
/// How far the provider's clock may be off.
const SKEW_SECONDS: i64 = 60;
/// A token that was asked for now was made now.
const AGE_SECONDS_MAX: i64 = 600;
