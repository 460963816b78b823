//! Who may tell us what it saw: capture agents, by address, by key, or by both.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use rules::policy::PolicySet;
use subtle::ConstantTimeEq as _;

/// One capture agent, or several alike.
#[derive(Clone, Debug)]
pub struct Sender {
    /// What it is called in messages to people.
    pub name: String,
    /// Where it sends from; empty is anywhere.
    pub from: Vec<IpNet>,
    /// What it shows in chunk 14; `None` asks for nothing.
    pub key: Option<Key>,
    /// Whose policy judges what it saw; `None` lets trunks and numbers say.
    pub customer: Option<String>,
}

/// A secret that a sender shares with us. It is never printed.
#[derive(Clone)]
pub struct Key(Vec<u8>);

/// All senders.
#[derive(Debug, Default)]
pub struct Senders(Vec<Sender>);

impl Key {
    /// A key of these bytes; `None` when there are none.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (!bytes.is_empty()).then(|| Self(bytes.to_vec()))
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `shown` is it, found in a time that says nothing about where they differ.
    fn is(&self, shown: &[u8]) -> bool {
        self.0.as_slice().ct_eq(shown).into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Sender {
    fn sends_from(&self, address: IpAddr) -> bool {
        self.from.is_empty() || self.from.iter().any(|network| network.contains(&address))
    }

    fn has_shown(&self, key: Option<&[u8]>) -> bool {
        match (&self.key, key) {
            (None, _) => true,
            (Some(key), Some(shown)) => key.is(shown),
            (Some(_), None) => false,
        }
    }
}

impl Senders {
    /// All of `senders`; the first that fits holds.
    pub fn new(senders: Vec<Sender>) -> Self {
        Self(senders)
    }

    /// The senders, in order.
    pub fn all(&self) -> &[Sender] {
        &self.0
    }

    /// Whether anybody may send from `address`, whatever key is shown.
    pub(crate) fn may_send_from(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|sender| sender.sends_from(address))
    }

    /// The place of whoever sends from `address` with this key.
    pub(crate) fn find(&self, address: IpAddr, key: Option<&[u8]>) -> Option<usize> {
        let address = address.to_canonical();
        self.0.iter().position(|sender| sender.sends_from(address) && sender.has_shown(key))
    }

    /// Of each sender the place of the policy that judges what it saw.
    pub(crate) fn judges(&self, policies: &PolicySet) -> Vec<Option<u32>> {
        let place = |sender: &Sender| {
            let name = sender.customer.as_deref()?;
            policies.policies().iter().position(|policy| policy.name() == name).map(|place| place as u32)
        };
        self.0.iter().map(place).collect()
    }

    /// Customers that senders name and no policy has, in words.
    pub fn misfits(&self, policies: &PolicySet) -> Vec<String> {
        let missing = self.0.iter().filter_map(|sender| {
            let customer = sender.customer.as_deref()?;
            let is_there = policies.policies().iter().any(|policy| policy.name() == customer);
            (!is_there).then(|| {
                format!("sender \"{}\" names customer \"{customer}\", which no policy has", sender.name)
            })
        });
        missing.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(name: &str, from: &[&str], key: &str) -> Sender {
        Sender {
            name: name.to_owned(),
            from: from.iter().map(|text| text.parse().unwrap()).collect(),
            key: Key::new(key.as_bytes()),
            customer: None,
        }
    }

    #[test]
    fn address_key_or_both_let_in() {
        let senders = Senders::new(vec![
            sender("by address", &["192.0.2.0/24", "2001:db8::/32"], ""),
            sender("by both", &["198.51.100.7/32"], "s3cret"),
            sender("by key", &[], "other"),
        ]);
        for (address, key, expected) in [
            ("192.0.2.9", None, Some(0)),
            ("192.0.2.9", Some("nonsense"), Some(0)),
            ("::ffff:192.0.2.9", None, Some(0)),
            ("2001:db8::1", None, Some(0)),
            ("198.51.100.7", Some("s3cret"), Some(1)),
            ("198.51.100.7", None, None),
            ("198.51.100.7", Some("s3creT"), None),
            ("198.51.100.7", Some("s3cret "), None),
            ("198.51.100.8", Some("s3cret"), None),
            ("203.0.113.1", Some("other"), Some(2)),
            ("203.0.113.1", Some(""), None),
        ] {
            let found = senders.find(address.parse().unwrap(), key.map(str::as_bytes));
            assert_eq!(found, expected, "{address} {key:?}");
        }
    }

    #[test]
    fn an_address_that_nobody_has_is_known_before_any_key() {
        let senders = Senders::new(vec![sender("a", &["192.0.2.0/24"], "k")]);
        assert!(senders.may_send_from("192.0.2.1".parse().unwrap()));
        assert!(!senders.may_send_from("203.0.113.1".parse().unwrap()));
        assert!(!Senders::default().may_send_from("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_key_is_never_printed_and_never_empty() {
        assert!(!format!("{:?}", sender("a", &[], "s3cret")).contains("s3cret"));
        assert!(Key::new(b"").is_none());
    }
}
