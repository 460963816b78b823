//! A certificate authority and signers of stories: keys that are made when they are needed, and numbers that are nobody's.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "not every story needs all of it; one that fails says where"
)]

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

/// Who issues certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub(crate) pem: String,
}

/// Who signs calls.
pub(crate) struct Signer {
    key: EcdsaKeyPair,
    /// Its certificate, and those above it but for the anchor.
    pub(crate) pem: String,
    /// The same in DER, its own only.
    pub(crate) der: Vec<u8>,
}

/// What stands in the certificate of a signer.
pub(crate) struct Holder<'a> {
    pub(crate) name: &'a str,
    /// The content of the TNAuthList; empty for none.
    pub(crate) numbers: Vec<u8>,
    /// First and last year in which it is valid.
    pub(crate) years: (i32, i32),
    pub(crate) usage: KeyUsagePurpose,
}

impl Default for Holder<'_> {
    fn default() -> Self {
        let usage = KeyUsagePurpose::DigitalSignature;
        Self { name: "SHAKEN 709J", numbers: provider("709J"), years: (2026, 2027), usage }
    }
}

/// The claims of a PASSporT in JSON.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) level: &'a str,
    pub(crate) orig: &'a str,
    pub(crate) dest: &'a str,
    pub(crate) iat: i64,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::of_years(name, (2020, 2040))
    }

    pub(crate) fn of_years(name: &str, years: (i32, i32)) -> Self {
        let (params, key) = (authority(name, years), KeyPair::generate().unwrap());
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// One that this one vouches for.
    pub(crate) fn below(&self, name: &str) -> Self {
        let (params, key) = (authority(name, (2020, 2040)), KeyPair::generate().unwrap());
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn issue(&self, holder: &Holder<'_>) -> Signer {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, holder.name);
        params.distinguished_name.push(DnType::OrganizationName, "Example Carrier");
        (params.not_before, params.not_after) =
            (date_time_ymd(holder.years.0, 1, 1), date_time_ymd(holder.years.1, 1, 1));
        params.key_usages = vec![holder.usage];
        if !holder.numbers.is_empty() {
            let list = CustomExtension::from_oid_content(TN_AUTH_LIST, holder.numbers.clone());
            params.custom_extensions.push(list);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let secret = key.serialize_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &secret, &SystemRandom::new())
            .unwrap();
        Signer { key, pem: certificate.pem(), der: certificate.der().to_vec() }
    }
}

fn authority(name: &str, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
    params
}

impl Signer {
    /// Header, claims and signature.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", encode(signature.as_ref()))
    }

    /// The Identity value of a SHAKEN PASSporT.
    pub(crate) fn shaken(&self, x5u: &str, said: Said<'_>) -> String {
        let header = format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{x5u}"}}"#);
        let token = self.sign(&header, &said.shaken());
        format!("{token};info=<{x5u}>;alg=ES256;ppt=shaken")
    }

    /// The Identity value that says that the call was diverted from `div`.
    pub(crate) fn diverted(&self, x5u: &str, said: Said<'_>, div: &str) -> String {
        let Said { orig, dest, iat, .. } = said;
        let header = format!(r#"{{"alg":"ES256","ppt":"div","typ":"passport","x5u":"{x5u}"}}"#);
        let claims = format!(
            r#"{{"dest":{{"tn":["{dest}"]}},"div":{{"tn":"{div}"}},"iat":{iat},"orig":{{"tn":"{orig}"}}}}"#
        );
        format!("{};info=<{x5u}>;alg=ES256;ppt=div", self.sign(&header, &claims))
    }

    /// The Identity value of a PASSporT without extension, in full or only its signature.
    pub(crate) fn plain(&self, x5u: &str, said: Said<'_>, compact: bool) -> String {
        let Said { orig, dest, iat, .. } = said;
        let header = format!(r#"{{"alg":"ES256","typ":"passport","x5u":"{x5u}"}}"#);
        let claims = format!(r#"{{"dest":{{"tn":["{dest}"]}},"iat":{iat},"orig":{{"tn":"{orig}"}}}}"#);
        let token = self.sign(&header, &claims);
        let token = if compact { format!("..{}", token.rsplit('.').next().unwrap()) } else { token };
        format!("{token};info=<{x5u}>;alg=ES256")
    }
}

impl Said<'_> {
    pub(crate) fn shaken(&self) -> String {
        let Said { level, orig, dest, iat } = self;
        format!(
            r#"{{"attest":"{level}","dest":{{"tn":["{dest}"]}},"iat":{iat},"orig":{{"tn":"{orig}"}},"origid":"5b0a2c9e-0000-4000-8000-0123456789ab"}}"#
        )
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A TNAuthList with the code of one service provider.
pub(crate) fn provider(code: &str) -> Vec<u8> {
    tagged(0x30, &tagged(0xa0, &tagged(0x16, code.as_bytes())))
}

/// One with so many numbers from the first on, fewer than 128.
pub(crate) fn range(first: &str, count: u8) -> Vec<u8> {
    let range = [tagged(0x16, first.as_bytes()), tagged(0x02, &[count])].concat();
    tagged(0x30, &tagged(0xa1, &tagged(0x30, &range)))
}

/// One with one number.
pub(crate) fn one(number: &str) -> Vec<u8> {
    tagged(0x30, &tagged(0xa2, &tagged(0x16, number.as_bytes())))
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// What a server shows over TLS as the host `name`, in PEM: who vouches for it, its certificate, its key.
pub(crate) fn host(name: &str) -> [String; 3] {
    let years = (2020, 2090);
    let (params, key) = (authority("Web", years), KeyPair::generate().unwrap());
    let root = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    [root, certificate, key.serialize_pem()]
}

/// 1.3.6.1.5.5.7.1.26.
const TN_AUTH_LIST: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 26];
