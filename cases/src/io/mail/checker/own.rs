//! The checker itself.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::TokioResolver;
use mail_auth::hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use mail_auth::hickory_resolver::net::runtime::TokioRuntimeProvider;
use mail_auth::hickory_resolver::system_conf::read_system_conf;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, MessageAuthenticator, SpfOutput,
    SpfResult,
};
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Asking;
use super::dkim::{Signatures, TAGS_MAX};
use crate::intake::limits::HEADER_BYTES_MAX;
use crate::intake::{Checks, Client, Envelope, Outcome, ReturnPath, one_line};

/// Checks who may have sent a mail.
#[derive(Clone)]
pub struct Checker {
    authenticator: MessageAuthenticator,
    patience: Duration,
    host_name: Arc<str>,
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Checker {
    /// A checker that asks these resolvers.
    ///
    /// # Errors
    /// There is none to ask, in words.
    pub fn new(asking: &Asking) -> Result<Self, String> {
        let (config, mut options) = if asking.resolvers.is_empty() {
            read_system_conf().map_err(|error| format!("the resolvers of the system: {error}"))?
        } else {
            let servers = asking.resolvers.iter().map(|at| {
                let mut server = NameServerConfig::udp_and_tcp(at.ip());
                server.connections.iter_mut().for_each(|it| it.port = at.port());
                server
            });
            (ResolverConfig::from_parts(None, Vec::new(), servers.collect()), ResolverOpts::default())
        };
        // One question is asked twice before its step is over.
        options.timeout = asking.patience.mul_f64(0.4);
        options.attempts = 1;
        options.edns0 = true;
        options.cache_size = ANSWERS_KEPT;
        options.use_hosts_file = ResolveHosts::Never;
        // Nobody is asked over TLS: no authorities of the system are wanted, which a bare machine does not have.
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .with_tls_config(tls)
            .build();
        let authenticator = MessageAuthenticator(resolver.map_err(|error| error.to_string())?);
        Ok(Self { authenticator, patience: asking.patience, host_name: asking.host_name.as_str().into() })
    }

    /// Checks a mail that came like this: SPF where the server that sent it is known, and what the mail holds. Never fails, and
    /// ends within three times the patience of the checker; what could not be checked makes nobody believed.
    pub async fn check(&self, mail: &[u8], envelope: &Envelope) -> Checks {
        let client = envelope.checks.as_ref().and_then(|it| it.client.clone());
        let mut checks = Checks { client, ..Checks::default() };
        let Some(mut message) = AuthenticatedMessage::parse(mail) else {
            checks.found.push("nothing was checked: the mail has no header".to_owned());
            return checks;
        };
        if message.body_offset as usize > HEADER_BYTES_MAX {
            checks.found.push("nothing was checked: the header is too long".to_owned());
            return checks;
        }
        let mail_from = checks.client.as_ref().and_then(|client| mail_from(&envelope.return_path, client));
        let signatures = Signatures::take(&mut message);
        let (spf, dkim) = tokio::join!(
            async {
                match (&checks.client, &mail_from) {
                    (Some(client), Some(from)) => Some(self.spf(client, from).await),
                    _ => None,
                }
            },
            signatures.verify(&self.authenticator, self.patience)
        );
        if let (Some(spf), Some(client)) = (&spf, &checks.client) {
            let address = client.address.to_canonical();
            checks.spf = Some(outcome_of_spf(spf.result()));
            checks.found.push(format!(
                "SPF {} for {} from {address}",
                word(spf.result()),
                domain(spf.domain())
            ));
        }
        checks.dkim = Some(signatures.outcome(&dkim));
        checks.found.extend(signatures.words(&dkim));

        let from = mail_from.as_ref().map_or("", |it| it.domain.as_str());
        let spf = spf.unwrap_or_else(|| SpfOutput::new(String::new()));
        let dmarc = self.dmarc(&message, from, &spf, &dkim).await;
        let (outcome, of, words) = dmarc;
        checks.found.push(words);
        checks.dmarc = Some((outcome, of));
        if outcome == Outcome::Fail {
            self.arc(&message, &mut checks).await;
        }
        checks
    }

    /// Whether the domain that mail is sent back to lets this server send.
    async fn spf(&self, client: &Client, from: &MailFrom) -> SpfOutput {
        let address: IpAddr = client.address.to_canonical();
        let asked = SpfParameters::verify_mail_from(address, &client.name, &self.host_name, &from.address);
        let late = || SpfOutput::new(from.domain.clone()).with_result(SpfResult::TempError);
        self.soon(self.authenticator.verify_spf(asked)).await.unwrap_or_else(late)
    }

    /// What the domain of `From` says of mail that nothing vouches for: how that went, whose it is, and in words.
    async fn dmarc(
        &self,
        message: &AuthenticatedMessage<'_>,
        mail_from: &str,
        spf: &SpfOutput,
        dkim: &[DkimOutput<'_>],
    ) -> (Outcome, String, String) {
        let is_from = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"from");
        if message.headers.iter().filter(|(name, _)| is_from(name)).count() != 1 || message.from.len() != 1 {
            // RFC 9989 §11.5: nobody's policy can hold for it.
            return (
                Outcome::None,
                String::new(),
                "DMARC none: the mail does not name one sender".to_owned(),
            );
        }
        let asked = DmarcParameters {
            message,
            dkim_output: dkim,
            dkim2_output: None,
            rfc5321_mail_from_domain: mail_from,
            spf_output: spf,
        };
        let Some(found) = self.soon(self.authenticator.verify_dmarc(asked)).await else {
            return (Outcome::None, String::new(), "DMARC temperror: DNS did not answer in time".to_owned());
        };
        let name = domain(found.domain());
        let policy = found.policy();
        let words = match found.result() {
            DmarcResult::Pass => format!("DMARC pass for {name} by {}, policy {policy}", means(&found)),
            DmarcResult::Fail(_) => {
                format!("DMARC fail for {name}, policy {policy}: nothing of that domain vouches for the mail")
            }
            DmarcResult::TempError(_) => format!("DMARC temperror for {name}: DNS does not answer"),
            DmarcResult::PermError(_) => format!("DMARC permerror for {name}: its record cannot be read"),
            DmarcResult::None => format!("DMARC none for {name}: it has no record"),
        };
        let outcome = match found.result() {
            DmarcResult::Pass => Outcome::Pass,
            DmarcResult::Fail(_) => Outcome::Fail,
            DmarcResult::TempError(_) | DmarcResult::PermError(_) | DmarcResult::None => Outcome::None,
        };
        (outcome, found.into_domain(), words)
    }

    /// Whether a forwarder vouches for what it got (T-3); whom a customer believes is decided later.
    async fn arc(&self, message: &AuthenticatedMessage<'_>, checks: &mut Checks) {
        if message.ams_headers.is_empty() || message.ams_headers.iter().any(|it| it.header.h.len() > TAGS_MAX)
        {
            return;
        }
        let found = self.soon(self.authenticator.verify_arc(message)).await;
        let sealer =
            found.as_ref().and_then(|it| it.sets().last()).map(|it| it.seal.header.d.to_ascii_lowercase());
        let is_met = found.is_some_and(|it| *it.result() == DkimResult::Pass);
        checks.arc = Some(if is_met { Outcome::Pass } else { Outcome::None });
        let by = sealer.as_deref().map(domain).unwrap_or_default();
        checks.found.push(format!("ARC {}, sealed by {by}", if is_met { "pass" } else { "not met" }));
        checks.sealer = sealer;
    }

    async fn soon<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        timeout(self.patience, work).await.ok()
    }
}

/// Whom bounces of a mail go to, or who its server says to be where they go to nobody (RFC 7208 §2.4).
struct MailFrom {
    address: String,
    domain: String,
}

fn mail_from(return_path: &ReturnPath, client: &Client) -> Option<MailFrom> {
    let address = match return_path {
        ReturnPath::Address(address) => address.clone(),
        ReturnPath::Nobody => format!("postmaster@{}", client.name),
        ReturnPath::Unknown => return None,
    };
    let (_, domain) = address.rsplit_once('@')?;
    Some(MailFrom { domain: domain.to_ascii_lowercase(), address })
}

/// Which of the two vouches for the mail.
fn means(found: &DmarcOutput) -> &'static str {
    match (found.spf_result(), found.dkim_result()) {
        (DmarcResult::Pass, DmarcResult::Pass) => "SPF and DKIM",
        (DmarcResult::Pass, _) => "SPF",
        _ => "DKIM",
    }
}

const fn outcome_of_spf(result: SpfResult) -> Outcome {
    match result {
        SpfResult::Pass => Outcome::Pass,
        SpfResult::Fail | SpfResult::SoftFail => Outcome::Fail,
        SpfResult::Neutral | SpfResult::None | SpfResult::TempError | SpfResult::PermError => Outcome::None,
    }
}

/// As RFC 8601 §2.7.2 has it.
const fn word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::None => "none",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
    }
}

/// A name that a stranger wrote, on one line and no longer than a domain can be.
pub(super) fn domain(name: &str) -> String {
    one_line(name, 255)
}

/// Answers of DNS that are kept until they are too old.
const ANSWERS_KEPT: u64 = 4_096;
