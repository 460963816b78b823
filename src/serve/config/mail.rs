//! The keys of `[mail]`: where mail comes in, who we are in it, and where ours goes out.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use cases::intake::limits::MAIL_BYTES_MAX;
use cases::intake::{Checks, Client, ReturnPath, is_checked_by};
use cases::io::mail::{Asking, Checker, Mailbox, Protocol, ReceivedMail, Settings};
use cases::io::send::{Encryption, Smarthost};
use cases::io::store::Office;
use cases::letter::DeskAddress;
use rules::{Number, NumberSet};
use serde::{Deserialize, Serialize};

use super::Network;
use crate::contacts::directory::Ours;
use crate::outcome::Failure;

/// How mail comes and goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MailKeys {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) protocol: ProtocolWord,
    pub(crate) from: Vec<Network>,
    pub(crate) addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authserv_id: Option<String>,
    pub(crate) hops_behind: usize,
    pub(crate) check: CheckWord,
    pub(crate) servers: Vec<Network>,
    pub(crate) resolvers: Vec<SocketAddr>,
    pub(crate) check_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host_name: Option<String>,
    pub(crate) desk_name: String,
    pub(crate) desk_numbers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) portal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) escalation: Option<String>,
    pub(crate) megabytes_max: usize,
    pub(crate) connections_max: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mailbox: Option<String>,
    pub(crate) mailbox_tls: TlsWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mailbox_authorities: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mailbox_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mailbox_password_file: Option<PathBuf>,
    pub(crate) mailbox_folder: String,
    pub(crate) mailbox_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) smarthost: Option<String>,
    pub(crate) smarthost_tls: TlsWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) smarthost_authorities: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) smarthost_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) smarthost_password_file: Option<PathBuf>,
}

/// How mail servers talk to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProtocolWord {
    Lmtp,
    Smtp,
}

/// Who checks senders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckWord {
    Server,
    Own,
}

/// How the connection to the smarthost is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsWord {
    StartTls,
    Tls,
    None,
}

impl Default for MailKeys {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"].iter().filter_map(|text| text.parse().ok());
        let loopback: Vec<_> = loopback.map(Network).collect();
        Self {
            listen: Vec::new(),
            protocol: ProtocolWord::Lmtp,
            from: loopback.clone(),
            addresses: Vec::new(),
            authserv_id: None,
            hops_behind: 0,
            check: CheckWord::Server,
            servers: loopback,
            resolvers: Vec::new(),
            check_seconds: 5,
            host_name: None,
            desk_name: "Ringwall desk".to_owned(),
            desk_numbers: Vec::new(),
            portal: None,
            escalation: None,
            megabytes_max: MAIL_BYTES_MAX >> 20,
            connections_max: 50,
            certificate: None,
            key: None,
            mailbox: None,
            mailbox_tls: TlsWord::Tls,
            mailbox_authorities: None,
            mailbox_user: None,
            mailbox_password_file: None,
            mailbox_folder: "INBOX".to_owned(),
            mailbox_seconds: 30,
            smarthost: None,
            smarthost_tls: TlsWord::StartTls,
            smarthost_authorities: None,
            smarthost_user: None,
            smarthost_password_file: None,
        }
    }
}

impl MailKeys {
    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(wrong) = self.addresses.iter().find(|it| !cases::intake::is_plain_address(it)) {
            return Err(format!("[mail] {wrong:?} is no plain address such as case@desk.example.com"));
        }
        if let Some(wrong) = self.desk_numbers.iter().find(|it| number(it).is_none()) {
            return Err(format!("[mail] {wrong:?} is no number such as +1 210 555 0100"));
        }
        if self.mailbox.as_deref().is_some_and(|it| place(it).is_none()) {
            return Err("[mail] `mailbox` is a name and a port, such as imap.example.com:993".to_owned());
        }
        let login =
            [self.mailbox.is_some(), self.mailbox_user.is_some(), self.mailbox_password_file.is_some()];
        if login.contains(&true) && login.contains(&false) {
            let all = "`mailbox`, `mailbox_user` and `mailbox_password_file`";
            return Err(format!("[mail] needs all of {all}, or none"));
        }
        if !(5..=3_600).contains(&self.mailbox_seconds) {
            return Err("[mail] `mailbox_seconds` is from 5 to 3600".to_owned());
        }
        if !(1..=30).contains(&self.check_seconds) {
            return Err("[mail] `check_seconds` is from 1 to 30".to_owned());
        }
        if !self.listen.is_empty() && self.addresses.is_empty() {
            return Err(format!("[mail] {WANTS_ADDRESSES}"));
        }
        if self.certificate.is_some() != self.key.is_some() {
            return Err("[mail] needs `certificate` and `key`, or neither".to_owned());
        }
        if !(1..=MAIL_BYTES_MAX >> 20).contains(&self.megabytes_max) {
            return Err(format!("[mail] `megabytes_max` is from 1 to {}", MAIL_BYTES_MAX >> 20));
        }
        if self.smarthost.as_deref().is_some_and(|it| place(it).is_none()) {
            return Err("[mail] `smarthost` is a name and a port, such as mail.example.com:587".to_owned());
        }
        if self.smarthost_user.is_some() != self.smarthost_password_file.is_some() {
            return Err("[mail] needs `smarthost_user` and `smarthost_password_file`, or neither".to_owned());
        }
        if self.smarthost_user.is_some() && self.smarthost_tls == TlsWord::None {
            return Err("[mail] no password goes over a connection in clear: `smarthost_tls`".to_owned());
        }
        Ok(())
    }

    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let tls = self.certificate.iter_mut().chain(&mut self.key);
        let of_mailbox = self.mailbox_authorities.iter_mut().chain(&mut self.mailbox_password_file);
        let of_smarthost = self.smarthost_authorities.iter_mut().chain(&mut self.smarthost_password_file);
        tls.chain(of_mailbox).chain(of_smarthost)
    }

    /// What intake knows of ourselves.
    pub(crate) fn ours(&self) -> Ours {
        Ours {
            authserv_id: self.authserv_id.clone(),
            hops_behind: self.hops_behind,
            own_addresses: self.addresses.clone(),
            desk_numbers: self
                .desk_numbers()
                .fold(NumberSet::EMPTY, |set, it| set.union(&NumberSet::exact(it))),
        }
    }

    /// Our own telephone numbers; a text that is none was refused by [`Self::check`].
    pub(crate) fn desk_numbers(&self) -> impl Iterator<Item = Number> {
        self.desk_numbers.iter().filter_map(|text| number(text))
    }

    /// Who we are in our mails; nobody without an address.
    pub(crate) fn desk(&self) -> Option<DeskAddress> {
        let address = self.addresses.first()?.clone();
        Some(DeskAddress { address, name: self.desk_name.clone() })
    }

    /// Who we are towards those who read what we send.
    pub(crate) fn office(&self) -> Office {
        let nobody = || DeskAddress { address: String::new(), name: self.desk_name.clone() };
        Office {
            desk: self.desk().unwrap_or_else(nobody),
            portal: self.portal.as_deref().unwrap_or_default().trim_end_matches('/').to_owned(),
            escalation: self.escalation.clone().unwrap_or_default(),
            sends: self.smarthost.is_some() && !self.addresses.is_empty(),
        }
    }

    /// What the receiver is told.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            host_name: self.own_name(),
            protocol: match self.protocol {
                ProtocolWord::Lmtp => Protocol::Lmtp,
                ProtocolWord::Smtp => Protocol::Smtp,
            },
            allowed: self.from.iter().map(|Network(network)| *network).collect(),
            recipients: self.addresses.clone(),
            mail_bytes_max: self.megabytes_max << 20,
            connections_max: self.connections_max,
        }
    }

    /// Who checks senders, where that is us.
    pub(crate) fn checker(&self) -> Result<Option<Checker>, Failure> {
        if self.check == CheckWord::Server {
            return Ok(None);
        }
        let asking = Asking {
            resolvers: self.resolvers.clone(),
            patience: Duration::from_secs(u64::from(self.check_seconds)),
            host_name: self.own_name(),
        };
        let checker = Checker::new(&asking);
        checker.map(Some).map_err(|error| Failure::Usage(format!("[mail] check = \"own\": {error}")))
    }

    /// The checks that we have to make of a mail, open as yet; `None` where what a server of ours wrote on it counts.
    pub(crate) fn open_checks(&self, mail: &ReceivedMail) -> Option<Checks> {
        if self.check == CheckWord::Server {
            return None;
        }
        // A mailbox of somebody else's server does not tell who brought it, and LMTP is spoken within one house.
        let is_handed_on = self.protocol == ProtocolWord::Lmtp
            || mail.return_path == ReturnPath::Unknown
            || self.is_own_server(mail.client);
        if !is_handed_on {
            let client = Client { address: mail.client, name: mail.client_name.clone() };
            return Some(Checks { client: Some(client), ..Checks::default() });
        }
        self.open_checks_behind_a_server(&mail.bytes)
    }

    /// The same of a mail of which nothing but its bytes is known.
    pub(crate) fn open_checks_behind_a_server(&self, mail: &[u8]) -> Option<Checks> {
        let own = self.authserv_id.as_deref();
        let is_checked = own.is_some_and(|server| is_checked_by(server, self.hops_behind, mail));
        (self.check == CheckWord::Own && !is_checked).then(Checks::default)
    }

    fn is_own_server(&self, address: IpAddr) -> bool {
        self.servers.iter().any(|Network(network)| network.contains(&address.to_canonical()))
    }

    /// The server that passes our mail on, with its secrets read.
    pub(crate) fn smarthost(&self) -> Result<Option<Smarthost>, Failure> {
        let Some((host, port)) = self.smarthost.as_deref().and_then(place) else { return Ok(None) };
        let password = self.smarthost_password_file.as_ref().map(secret).transpose()?;
        Ok(Some(Smarthost {
            host: host.to_owned(),
            port,
            encryption: self.smarthost_tls.meant(),
            authorities: self.smarthost_authorities.as_ref().map(bytes).transpose()?,
            credentials: self.smarthost_user.clone().zip(password),
            own_name: self.own_name(),
        }))
    }

    /// The mailbox that is looked into, with its secrets read.
    pub(crate) fn mailbox(&self) -> Result<Option<Mailbox>, Failure> {
        let Some((host, port)) = self.mailbox.as_deref().and_then(place) else { return Ok(None) };
        let password = self.mailbox_password_file.as_ref().map(secret).transpose()?;
        Ok(Some(Mailbox {
            host: host.to_owned(),
            port,
            encryption: self.mailbox_tls.meant(),
            authorities: self.mailbox_authorities.as_ref().map(bytes).transpose()?,
            user: self.mailbox_user.clone().unwrap_or_default(),
            password: password.unwrap_or_default(),
            folder: self.mailbox_folder.clone(),
        }))
    }

    fn own_name(&self) -> String {
        let of_address = self.addresses.first().and_then(|it| it.split_once('@')).map(|(_, domain)| domain);
        self.host_name.as_deref().or(of_address).unwrap_or("localhost").to_owned()
    }
}

/// Nobody can write to us, nor know who writes to them.
pub(crate) const WANTS_ADDRESSES: &str = "needs `addresses`: those that are ours, the desk's first";

impl ProtocolWord {
    /// As it is typed.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Lmtp => "lmtp",
            Self::Smtp => "smtp",
        }
    }
}

impl TlsWord {
    /// How the connection is kept secret, in words.
    pub(crate) const fn told(self) -> &'static str {
        match self {
            Self::StartTls => "STARTTLS",
            Self::Tls => "TLS",
            Self::None => "in clear",
        }
    }

    const fn meant(self) -> Encryption {
        match self {
            Self::StartTls => Encryption::StartTls,
            Self::Tls => Encryption::Tls,
            Self::None => Encryption::None,
        }
    }
}

fn bytes(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::file(path))
}

/// A password: the content of a file, but for the end of its line.
fn secret(path: &PathBuf) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&bytes(path)?).trim_end_matches(['\r', '\n']).to_owned())
}

/// A number in E.164, with a plus; spaces and hyphens may stand in it.
fn number(text: &str) -> Option<Number> {
    let digits: String = text.strip_prefix('+')?.chars().filter(|it| !matches!(it, ' ' | '-')).collect();
    Number::international(digits.as_bytes())
}

fn place(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host, port.parse().ok()?)).filter(|(host, _)| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use rules::Timestamp;

    use super::*;

    fn brought(client: &str, return_path: ReturnPath, fields: &str) -> ReceivedMail {
        ReceivedMail {
            return_path,
            recipients: Vec::new(),
            client: client.parse().unwrap(),
            client_name: "mx.example.net".to_owned(),
            is_encrypted: false,
            received_at: Timestamp::from_seconds(5),
            bytes: format!("{fields}From: <ann@acme.example.com>\r\n\r\nhello\r\n").into_bytes(),
        }
    }

    #[test]
    fn what_a_mail_says_of_checks_counts_only_where_a_server_of_ours_handed_it_on() {
        let results = "Authentication-Results: mx; dmarc=pass header.from=acme.example.com\r\n";
        let ann = || ReturnPath::Address("ann@acme.example.com".to_owned());
        let own = |protocol| MailKeys {
            check: CheckWord::Own,
            authserv_id: Some("mx".to_owned()),
            protocol,
            servers: vec![Network("10.0.0.25/32".parse().unwrap())],
            ..MailKeys::default()
        };
        let smtp = own(ProtocolWord::Smtp);
        for client in ["203.0.113.9", "127.0.0.1", "::1"] {
            let open = smtp.open_checks(&brought(client, ann(), results)).unwrap();
            assert_eq!(open.client.unwrap().address, client.parse::<IpAddr>().unwrap());
        }
        for client in ["10.0.0.25", "::ffff:10.0.0.25"] {
            assert_eq!(smtp.open_checks(&brought(client, ann(), results)), None);
            assert_eq!(smtp.open_checks(&brought(client, ann(), "")), Some(Checks::default()));
        }
        let unknown = |fields| brought("0.0.0.0", ReturnPath::Unknown, fields);
        assert_eq!(smtp.open_checks(&unknown(results)), None);
        assert_eq!(smtp.open_checks(&unknown("")), Some(Checks::default()));
        let lmtp = own(ProtocolWord::Lmtp);
        assert_eq!(lmtp.open_checks(&brought("127.0.0.1", ann(), results)), None);
        assert_eq!(lmtp.open_checks(&brought("127.0.0.1", ann(), "")), Some(Checks::default()));
        let nameless = MailKeys { authserv_id: None, ..own(ProtocolWord::Lmtp) };
        assert_eq!(nameless.open_checks(&brought("127.0.0.1", ann(), results)), Some(Checks::default()));
        assert_eq!(MailKeys::default().open_checks(&brought("203.0.113.9", ann(), "")), None);
    }
}
