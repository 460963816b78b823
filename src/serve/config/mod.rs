//! `ringwall.toml`: every key, its default, and what is wrong with a file.

mod bridge;
mod capture;
mod cases;
mod feed;
mod hep;
mod mail;
mod mirror;
mod openid;
mod privacy;
mod records;
mod reports;
mod spool;
mod status;
mod stir;
mod wording;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use collector::redirect::NextHop;
use ipnet::IpNet;
use rules::policy::Response;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::proxy::Proxy;
use crate::outcome::Failure;

pub(crate) use self::bridge::Bridge;
pub(crate) use self::capture::{Backend, Capture};
pub(crate) use self::cases::{Cases, CasesKeys};
pub(crate) use self::feed::Feed;
pub(crate) use self::hep::Hep;
pub(crate) use self::mail::{MailKeys, WANTS_ADDRESSES};
pub(crate) use self::mirror::{Carriage, Mirror};
pub(crate) use self::openid::OpenIdKeys;
pub(crate) use self::privacy::PrivacyKeys;
pub(crate) use self::records::{Recorded, Records};
pub(crate) use self::reports::ReportsKeys;
pub(crate) use self::spool::Spool;
pub(crate) use self::status::StatusKeys;
pub(crate) use self::stir::Stir;

/// All of it. ringwall.toml in the root says what each key means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) policy: Vec<PathBuf>,
    pub(crate) data: PathBuf,
    pub(crate) calls_without_policy: Calls,
    pub(crate) calls_refused_code: u16,
    pub(crate) share_blocks: bool,
    pub(crate) redirect: Redirect,
    pub(crate) proxy: Proxy,
    pub(crate) bridge: Bridge,
    /// A file without `[hep]` takes none: where it is not spoken of, no port is opened.
    #[serde(default = "Hep::off")]
    pub(crate) hep: Hep,
    pub(crate) capture: Capture,
    pub(crate) mirror: Mirror,
    pub(crate) stir: Stir,
    pub(crate) http: Http,
    pub(crate) records: Records,
    pub(crate) spool: Spool,
    pub(crate) cases: CasesKeys,
    pub(crate) mail: MailKeys,
    pub(crate) reports: ReportsKeys,
    pub(crate) privacy: PrivacyKeys,
    pub(crate) status: StatusKeys,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) feed: Vec<Feed>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Redirect {
    pub(crate) udp: Vec<SocketAddr>,
    pub(crate) tcp: Vec<SocketAddr>,
    pub(crate) tls: Vec<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    pub(crate) strangers: Strangers,
    pub(crate) calls_on_fault: Calls,
    pub(crate) overload_after_milliseconds: u32,
    pub(crate) calls_in_overload: Calls,
    pub(crate) retry_after_seconds: u32,
    pub(crate) connections_max: usize,
    pub(crate) connections_of_one_address_max: usize,
    pub(crate) message_seconds_max: u32,
    pub(crate) idle_seconds_max: u32,
    pub(crate) peer: Vec<Peer>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) from: Vec<Network>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) customer: Option<String>,
    #[serde(default)]
    pub(crate) trusted: bool,
    #[serde(default)]
    pub(crate) allow: Allow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_hop: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) block: Option<Block>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
    pub(crate) name: String,
    pub(crate) requests_per_second: u32,
    pub(crate) log_ins_per_minute: u32,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) oidc: OpenIdKeys,
}

/// What happens to calls that nobody decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Calls {
    #[serde(rename = "pass")]
    Pass,
    #[serde(rename = "are refused")]
    AreRefused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Strangers {
    #[serde(rename = "drop")]
    Drop,
    #[serde(rename = "403")]
    Refuse,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Allow {
    #[default]
    #[serde(rename = "302")]
    Redirect,
    #[serde(rename = "404")]
    NotFound,
    #[serde(rename = "503")]
    Unavailable,
}

/// A network, or one address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network(pub(crate) IpNet);

/// A next hop.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place(pub(crate) NextHop);

/// How every refusal is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Block(pub(crate) Response);

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: Vec::new(),
            data: PathBuf::from("ringwall-data"),
            calls_without_policy: Calls::Pass,
            calls_refused_code: 500,
            share_blocks: true,
            redirect: Redirect::default(),
            proxy: Proxy::default(),
            bridge: Bridge::default(),
            hep: Hep::default(),
            capture: Capture::default(),
            mirror: Mirror::default(),
            stir: Stir::default(),
            http: Http::default(),
            records: Records::default(),
            spool: Spool::default(),
            cases: CasesKeys::default(),
            mail: MailKeys::default(),
            reports: ReportsKeys::default(),
            privacy: PrivacyKeys::default(),
            status: StatusKeys::default(),
            feed: Vec::new(),
        }
    }
}

impl Default for Redirect {
    fn default() -> Self {
        Self {
            udp: vec![local(5060)],
            tcp: vec![local(5060)],
            tls: Vec::new(),
            certificate: None,
            key: None,
            strangers: Strangers::Drop,
            calls_on_fault: Calls::Pass,
            overload_after_milliseconds: 200,
            calls_in_overload: Calls::Pass,
            retry_after_seconds: 2,
            connections_max: 1024,
            connections_of_one_address_max: 64,
            message_seconds_max: 5,
            idle_seconds_max: 300,
            peer: vec![Peer::of_this_machine()],
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: local(8080),
            name: "Ringwall".to_owned(),
            requests_per_second: 50,
            log_ins_per_minute: 120,
            trusted_proxies: Vec::new(),
            oidc: OpenIdKeys::default(),
        }
    }
}

impl Peer {
    fn of_this_machine() -> Self {
        let networks = ["127.0.0.0/8", "::1/128"].iter().filter_map(|text| text.parse().ok());
        Self {
            name: "this machine".to_owned(),
            from: networks.map(Network).collect(),
            customer: None,
            trusted: false,
            allow: Allow::Redirect,
            next_hop: "sip:127.0.0.1:5070".parse().ok().map(Place),
            block: None,
        }
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Config {
    /// Reads the file at `path`. Paths in it are relative to it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
        let mut config =
            Self::parse(&text).map_err(|wrong| Failure::Usage(format!("{}:{wrong}", path.display())))?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let paths = config.policy.iter_mut().chain([&mut config.data]);
        let of_redirect = config.redirect.certificate.iter_mut().chain(&mut config.redirect.key);
        let keys = config.hep.paths().chain(&mut config.mirror.key_file).chain(config.proxy.paths());
        let of_feeds = config.feed.iter_mut().flat_map(Feed::paths);
        let of_others = config.stir.paths().chain(of_feeds).chain(&mut config.cases.service_hours);
        let of_others = of_others.chain(config.mail.paths());
        let of_others = of_others
            .chain(&mut config.cases.key)
            .chain(&mut config.cases.audit_heads)
            .chain(config.cases.audit_bucket.paths())
            .chain(config.records.bucket.paths())
            .chain(&mut config.cases.notices)
            .chain(&mut config.status.export)
            .chain(config.http.oidc.paths());
        for relative in paths.chain(of_redirect).chain(keys).chain(of_others) {
            *relative = folder.join(&*relative);
        }
        Ok(config)
    }

    /// Where people reach the console from outside; no slash at the end.
    pub(crate) fn address(&self) -> String {
        let portal = self.mail.portal.as_deref().map(|portal| portal.trim_end_matches('/').to_owned());
        portal.unwrap_or_else(|| format!("http://{}", self.http.listen))
    }

    /// The same from its text. What is wrong begins with line and column.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("{line}:{column}: {}", wording::plain(error.message()))
        })?;
        config.check().map_err(|wrong| format!(" {wrong}"))?;
        Ok(config)
    }

    /// What no key says alone.
    fn check(&self) -> Result<(), String> {
        self.proxy.check()?;
        let redirect = &self.redirect;
        if !redirect.tls.is_empty() && (redirect.certificate.is_none() || redirect.key.is_none()) {
            return Err("`tls` needs `certificate` and `key`".to_owned());
        }
        if !(500..600).contains(&self.calls_refused_code) {
            return Err(
                "`calls_refused_code` is from 500 to 599: others are for what a policy blocks".to_owned()
            );
        }
        let refuses = [self.calls_without_policy, redirect.calls_on_fault, redirect.calls_in_overload]
            .contains(&Calls::AreRefused);
        for peer in &redirect.peer {
            let name = &peer.name;
            if peer.allow == Allow::Unavailable && refuses {
                return Err(format!(
                    "peer \"{name}\" takes its next route at 503, and so at most of 5xx: `allow = \"503\"` cannot stand where \
                     calls \"are refused\""
                ));
            }
            if peer.from.is_empty() {
                return Err(format!("peer \"{name}\" has no address in `from`"));
            }
            let is_shared = |other: &&Peer| {
                !std::ptr::eq(*other, peer) && other.from.iter().any(|network| peer.from.contains(network))
            };
            if let Some(other) = redirect.peer.iter().find(is_shared) {
                return Err(format!(
                    "peers \"{name}\" and \"{}\" have the same address in `from`",
                    other.name
                ));
            }
            if peer.allow == Allow::Redirect && peer.next_hop.is_none() {
                return Err(format!("peer \"{name}\" needs a `next_hop`, or another `allow` than \"302\""));
            }
            let allowed = peer.allow.code();
            match peer.block.and_then(|Block(response)| response.code()) {
                Some(code) if code == allowed => {
                    return Err(format!(
                        "peer \"{name}\" is told {code} both when a call goes on and when it is refused"
                    ));
                }
                Some(code) if code == self.calls_refused_code => {
                    return Err(format!(
                        "peer \"{name}\": {code} is `calls_refused_code`, and so it cannot say `block`"
                    ));
                }
                Some(503) => {
                    return Err(format!("peer \"{name}\": 503 means overload, and so it cannot say `block`"));
                }
                _ => {}
            }
        }
        self.http.oidc.check()?;
        self.hep.check()?;
        self.capture.check()?;
        self.stir.check()?;
        self.mirror.check()?;
        self.records.check()?;
        self.cases.audit_bucket.check("cases.audit_bucket")?;
        self.spool.check()?;
        self.mail.check()?;
        self.reports.check()?;
        self.privacy.check()?;
        Feed::check(&self.feed)
    }
}

impl Allow {
    fn code(self) -> u16 {
        match self {
            Self::Redirect => 302,
            Self::NotFound => 404,
            Self::Unavailable => 503,
        }
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from));
        network.map(Self).ok_or_else(|| D::Error::custom(format!("{text:?} is no address and no network")))
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Code(u16),
            Word(String),
        }
        match Written::deserialize(from)? {
            Written::Code(code @ 400..700) => Ok(Self(Response::Code(code))),
            Written::Word(word) if word == "603+" => Ok(Self(Response::NetworkBlocked)),
            Written::Word(word) if word == "drop" => Ok(Self(Response::Drop)),
            Written::Code(_) | Written::Word(_) => {
                Err(D::Error::custom("`block` is a code from 400 to 699, \"603+\" or \"drop\""))
            }
        }
    }
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Response::NetworkBlocked => to.serialize_str("603+"),
            Response::Drop => to.serialize_str("drop"),
            Response::Code(code) | Response::Rejected { fallback: code } => to.serialize_u16(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../ringwall.toml");

    #[test]
    fn the_example_says_every_default_and_no_other() {
        assert_eq!(Config::parse(EXAMPLE).unwrap(), Config::default());
        let written: toml::Table = EXAMPLE.parse().unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(written, defaults, "a key is missing in the example");
    }

    #[test]
    fn the_example_shows_keys_without_a_default_as_comments() {
        let shown: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key) if (key.contains(" = ") && !key.contains(". ")) || key.starts_with("[[") => key,
                _ => line,
            })
            .collect::<Vec<_>>()
            .join("\n");
        let config = Config::parse(&shown).unwrap();
        assert!(config.redirect.certificate.is_some() && config.redirect.key.is_some());
        assert_eq!(config.clone().proxy.paths().count(), 4);
        assert!(config.bridge.queue.is_some());
        assert!(config.hep.sender[0].customer.is_some() && config.hep.sender[0].key_file.is_some());
        let mail = &config.mail;
        assert!(mail.authserv_id.is_some() && mail.portal.is_some() && mail.escalation.is_some());
        assert!(mail.certificate.is_some() && mail.smarthost.is_some() && mail.smarthost_user.is_some());
        assert!(mail.host_name.is_some() && mail.smarthost_authorities.is_some());
        assert!(mail.mailbox.is_some() && mail.mailbox_user.is_some() && mail.mailbox_authorities.is_some());
        assert!(config.cases.database.is_some() && config.cases.service_hours.is_some());
        assert!(config.cases.notices.is_some());
        assert!(config.http.oidc.issuer.is_some() && config.http.oidc.clone().paths().count() == 2);
        assert!(config.records.bucket.remote().is_some());
        assert_eq!(config.clone().records.bucket.paths().count(), 2);
        assert!(config.cases.audit_bucket.remote().is_some());
        assert_eq!(config.clone().cases.audit_bucket.paths().count(), 2);
        assert!(config.mirror.address.is_some() && config.mirror.key_file.is_some());
        assert!(config.redirect.peer[0].customer.is_some() && config.redirect.peer[0].block.is_some());
    }

    #[test]
    fn the_example_of_a_feed_can_be_used() {
        let start = EXAMPLE.find("#[[feed]]").unwrap();
        let keys = EXAMPLE[start..]
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(' '));
        let config = Config::parse(&keys.collect::<Vec<_>>().join("\n")).unwrap();
        let feed = &config.feed[0];
        let usual =
            Feed { authorities: None, authorization_file: None, customer: None, table: None, ..feed.clone() };
        let least =
            format!("[[feed]]\nname = \"{}\"\nurl = \"{}\"\nlist = \"{}\"\n", feed.name, feed.url, feed.list);
        assert_eq!(Config::parse(&least).unwrap().feed, [usual], "the example says another default");
        assert!(
            feed.authorities.is_some()
                && feed.authorization_file.is_some()
                && feed.customer.is_some()
                && feed.table.is_some()
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("[[feed]]\nname = \"a\"\nurl = \"ftp://x\"\nlist = \"l\"\n", "no address of HTTP"),
            ("[[feed]]\nname = \"../a\"\nurl = \"https://x.example\"\nlist = \"l\"\n", "letters, digits"),
            ("[[feed]]\nname = \"a\"\nurl = \"https://u:p@x.example\"\nlist = \"l\"\n", "authorization_file"),
            ("policy = []\nport = 1\n", "2:1: unknown field `port`"),
            ("[redirect]\nudp = [\"here\"]\n", "2:8: this is no ADDRESS:PORT, such as 127.0.0.1:8080"),
            (
                "[[redirect.peer]]\nname = \"a\"\nfrom = [\"10.0.0.0/40\"]\n",
                "3:8: \"10.0.0.0/40\" is no address",
            ),
            ("[redirect]\nstrangers = \"ignore\"\n", "2:13: unknown variant `ignore`"),
            (
                "[[redirect.peer]]\nname = \"a\"\nfrom = [\"10.0.0.1\"]\nallow = \"302\"\n",
                "needs a `next_hop`",
            ),
            (
                "[[redirect.peer]]\nname = \"a\"\nfrom = [\"10.0.0.1\"]\nallow = \"404\"\nblock = 404\n",
                "is told 404 both",
            ),
            (
                "[[redirect.peer]]\nname = \"a\"\nfrom = [\"10.0.0.1\"]\nallow = \"404\"\nblock = 503\n",
                "503 means overload",
            ),
            ("calls_refused_code = 603\n", "from 500 to 599"),
            (
                "calls_without_policy = \"are refused\"\n[[redirect.peer]]\nname = \"a\"\nfrom = [\"10.0.0.1\"]\nallow = \"503\"\n",
                "cannot stand where",
            ),
            (
                "[redirect]\ncalls_on_fault = \"are refused\"\n[[redirect.peer]]\nname = \"a\"\nfrom = [\"10.0.0.1\"]\nallow = \"503\"\n",
                "cannot stand where",
            ),
            (
                "[[redirect.peer]]\nname = \"a\"\nfrom = [\"10.0.0.1\"]\nallow = \"404\"\nblock = 500\n",
                "500 is `calls_refused_code`",
            ),
            ("[proxy]\nudp = [\"0.0.0.0:5060\"]\n", "needs `advertised`"),
            ("[proxy]\nadvertised = [\"sip:a\"]\n", "\"sip:a\" is no name"),
            (
                "[[proxy.next_hop]]\nname = \"a\"\nto = [\"pbx.example..com\"]\n",
                "\"pbx.example..com\" is no place",
            ),
            (
                "[proxy]\nudp = [\"127.0.0.1:5060\"]\n[[proxy.next_hop]]\nname = \"a\"\nto = [\"tcp:pbx.example.com\"]\n",
                "no address of its own with that transport",
            ),
            ("[proxy]\ntls = [\"127.0.0.1:5061\"]\n", "`tls` of the proxy needs"),
            ("[[proxy.next_hop]]\nname = \"a\"\nto = []\n", "has no place"),
            (
                "[[proxy.peer]]\nname = \"a\"\nfrom = [\"10.0.0.1\"]\nnext_hop = \"nowhere\"\n",
                "there is no next hop \"nowhere\"",
            ),
            ("[[proxy.peer]]\nname = \"a\"\nfrom = [\"10.0.0.1\"]\nblock = 503\n", "503 means overload"),
            ("[[hep.sender]]\nname = \"a\"\n", "so anybody would be it"),
            (
                "[[hep.sender]]\nname = \"a\"\nkey_file = \"k\"\nkey_environment = \"K\"\n",
                "sender \"a\" has two keys",
            ),
            ("[capture]\nfilter = \"ports\"\nports = []\n", "from one to 32 `ports`"),
            ("[capture]\nbackend = \"pnet\"\nfilter = \"ports\"\n", "\"pnet\" filters nothing"),
            ("[capture]\nring_megabytes = 1\n", "from 4 to 4096"),
            ("[records]\nstore_seconds = 0\n", "from 1 to 3600"),
            ("[spool]\nsegment_kilobytes = 1\n", "from 64 to 65536"),
            ("[spool]\nmegabytes_max = 8\n", "at least 4 times"),
            ("[mail]\nlisten = [\"127.0.0.1:0\"]\n", "needs `addresses`"),
            ("[mail]\naddresses = [\"case@desk, x@y\"]\n", "is no plain address"),
            ("[mail]\naddresses = [\"a@b.example\"]\nsmarthost = \"mail\"\n", "a name and a port"),
            (
                "[mail]\nsmarthost_user = \"u\"\nsmarthost_password_file = \"p\"\nsmarthost_tls = \"none\"\n",
                "no password goes",
            ),
            ("[mail]\nmailbox = \"imap.example.com:993\"\n", "needs all of"),
            ("[mail]\nmegabytes_max = 0\n", "from 1 to"),
            ("[mail]\ncheck_seconds = 0\n", "from 1 to 30"),
            ("[stir]\nfresh_seconds = 0\n", "from 1 to 3600"),
            ("[stir]\nhosts = [\"*\"]\n", "\"*\" is no name of a host"),
            ("[stir]\nplaces = { localhost = \"127.0.0.1:443\" }\n", "is no host that a certificate"),
            ("[redirect]\ntls = [\"127.0.0.1:5061\"]\n", "`tls` needs"),
        ] {
            let said = Config::parse(text).unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
