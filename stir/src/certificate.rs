//! Certificates of signers, and the anchors that vouch for them (RFC 8226, ATIS-1000080).

use std::sync::Arc;
use std::time::Duration;

use rules::Timestamp;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::authority::Authority;
use crate::limits::{CHAIN_BYTES_MAX, CHAIN_MAX, SIGNER_BYTES_MAX};
use crate::outcome::Fault;
use crate::signatures::Key;

/// Whom to believe: certificates of the authorities that may issue others, in North America those of the list of the STI-PA.
#[derive(Clone, Debug, Default)]
pub struct Anchors {
    anchors: Vec<TrustAnchor<'static>>,
    windows: Vec<Window>,
}

impl Anchors {
    /// Takes the certificates in `pem` as well. Returns how many there were; the error says what is wrong with one.
    ///
    /// # Errors
    /// When there is none, or one that is no certificate.
    pub fn add(&mut self, pem: &[u8]) -> Result<usize, String> {
        let mut count = 0;
        for der in CertificateDer::pem_slice_iter(pem) {
            let der = der.map_err(|error| format!("is no PEM: {error}"))?;
            let nth = self.anchors.len() + 1;
            let anchor = webpki::anchor_from_trusted_cert(&der)
                .map_err(|error| format!("certificate {nth} cannot be a trust anchor: {error}"))?;
            let window = Window::of(&der).ok_or_else(|| format!("certificate {nth} cannot be read"))?;
            self.anchors.push(anchor.to_owned());
            self.windows.push(window);
            count += 1;
        }
        if count == 0 { Err("holds no certificate".to_owned()) } else { Ok(count) }
    }

    /// Whether nobody is believed.
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// Whether the anchor of `path` was valid at `second`. That is nothing webpki asks: an anchor is believed as long as it
    /// is configured, but an authority that has expired vouches for nobody.
    fn is_valid(&self, path: &VerifiedPath<'_>, second: i64) -> bool {
        let of_path = |anchor: &TrustAnchor<'_>| {
            anchor.subject == path.anchor().subject
                && anchor.subject_public_key_info == path.anchor().subject_public_key_info
        };
        let mut known = self.anchors.iter().zip(&self.windows);
        known.any(|(anchor, window)| of_path(anchor) && window.holds(second))
    }
}

/// The certificate of a signer with those above it.
#[derive(Clone, Debug)]
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    leaf: Leaf,
    /// The hour for which the anchors were asked, and what they said.
    asked: Option<(i64, Result<(), Fault>)>,
}

/// What is used of the certificate of a signer.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) key: Key,
    pub(crate) authority: Authority,
    pub(crate) signer: Arc<str>,
    window: Window,
}

impl Chain {
    /// Reads a file of certificates, PEM or a single one in DER, the signer's own first.
    ///
    /// # Errors
    /// Why a signer who shows it is not believed.
    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > CHAIN_BYTES_MAX {
            return Err(Fault::Chain);
        }
        // DER begins with a sequence; no PEM does.
        let certificates = if bytes.first() == Some(&0x30) {
            vec![CertificateDer::from(bytes.to_vec())]
        } else {
            let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
            read.map_err(|_| Fault::Chain)?
        };
        if certificates.len() > CHAIN_MAX {
            return Err(Fault::Chain);
        }
        let leaf = Leaf::read(certificates.first().ok_or(Fault::Chain)?)?;
        Ok(Self { certificates, leaf, asked: None })
    }

    /// What the certificate may be used for at `at`.
    pub(crate) fn credential(&mut self, anchors: &Anchors, at: Timestamp) -> Result<&Leaf, Fault> {
        let second = at.0.div_euclid(1_000_000);
        if !self.leaf.window.holds(second) {
            return Err(Fault::Expired);
        }
        // What stands above it seldom changes its mind: it is asked once for each hour of calls.
        let hour = second.div_euclid(3600);
        let said = match self.asked {
            Some((asked, said)) if asked == hour => said,
            _ => {
                let said = self.ask(anchors, second);
                self.asked = Some((hour, said));
                said
            }
        };
        said.map(|()| &self.leaf)
    }

    fn ask(&self, anchors: &Anchors, second: i64) -> Result<(), Fault> {
        let [first, above @ ..] = self.certificates.as_slice() else { return Err(Fault::Chain) };
        let leaf = EndEntityCert::try_from(first).map_err(|_| Fault::Chain)?;
        let seconds = u64::try_from(second).map_err(|_| Fault::Expired)?;
        let path = leaf
            .verify_for_usage(
                &[webpki::ring::ECDSA_P256_SHA256],
                &anchors.anchors,
                above,
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                // STI certificates have no extended usage; one for servers of the web is none.
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map_err(|error| fault(&error))?;
        if anchors.is_valid(&path, second) { Ok(()) } else { Err(Fault::Expired) }
    }
}

impl Leaf {
    fn read(der: &CertificateDer<'_>) -> Result<Self, Fault> {
        let (behind, certificate) = X509Certificate::from_der(der).map_err(|_| Fault::Chain)?;
        if !behind.is_empty() {
            return Err(Fault::Chain);
        }
        let usage = certificate.key_usage().map_err(|_| Fault::Chain)?;
        if usage.is_some_and(|usage| !usage.value.digital_signature()) {
            return Err(Fault::Usage);
        }
        let key = match certificate.public_key().parsed() {
            Ok(PublicKey::EC(point)) => Key::try_from(point.data()).map_err(|_| Fault::Usage)?,
            _ => return Err(Fault::Usage),
        };
        let curve = certificate.public_key().algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        if curve.is_none_or(|curve| curve.as_bytes() != P_256) {
            return Err(Fault::Usage);
        }
        let mut lists = certificate.extensions().iter().filter(|one| one.oid.as_bytes() == TN_AUTH_LIST);
        let (Some(list), None) = (lists.next(), lists.next()) else { return Err(Fault::Authority) };
        let authority = Authority::parse(list.value).ok_or(Fault::Authority)?;
        let subject = certificate.subject();
        let named = subject.iter_common_name().chain(subject.iter_organization());
        let names = named.filter_map(|name| name.as_str().ok());
        let mut signer = authority.providers().chain(names).collect::<Vec<_>>().join(", ");
        let end = (0..=SIGNER_BYTES_MAX).rev().find(|&end| signer.is_char_boundary(end.min(signer.len())));
        signer.truncate(end.unwrap_or_default());
        Ok(Self { key, authority, signer: signer.into(), window: Window::of(der).ok_or(Fault::Chain)? })
    }
}

/// Seconds since 1970 between which something is valid, both included.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: i64,
    until: i64,
}

impl Window {
    fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(Self { from: validity.not_before.timestamp(), until: validity.not_after.timestamp() })
    }

    fn holds(self, second: i64) -> bool {
        (self.from..=self.until).contains(&second)
    }
}

fn fault(error: &Error) -> Fault {
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => Fault::Expired,
        Error::CaUsedAsEndEntity | Error::RequiredEkuNotFoundContext(_) => Fault::Usage,
        _ => Fault::Chain,
    }
}

/// 1.3.6.1.5.5.7.1.26, id-pe-TNAuthList.
const TN_AUTH_LIST: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 26];
/// 1.2.840.10045.3.1.7, prime256v1.
const P_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
