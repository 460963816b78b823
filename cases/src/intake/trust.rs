//! How far the sender of one mail is believed (T-1 to T-5).

use std::collections::BTreeSet;
use std::fmt;

use super::address::{domain_of, is_look_alike};
use super::directory::{Directory, Role};
use super::envelope::{Checks, Envelope, Outcome};
use super::header::Header;

/// How far a sender is believed. Higher is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Trust {
    /// T0: pretends to be somebody on record.
    Spoof,
    /// T1: nothing vouches for the sender.
    Unknown,
    /// T2: the address is the sender's, and on nobody's record.
    Authentic,
    /// T3: the address of a contact, and the sender's.
    Contact,
    /// T4: a contact that also proved to be itself in another way. No mail alone gets here.
    Proven,
}

impl Trust {
    /// The level's number.
    pub const fn level(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T{}", self.level())
    }
}

/// What is known of the sender of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The address that `From` names; empty when it names none.
    pub address: String,
    /// How far it is believed.
    pub trust: Trust,
    /// Why, in sentences for the desk.
    pub reasons: Vec<String>,
    /// What the desk must see at once: tricks.
    pub warnings: Vec<String>,
    /// The customer that the address or its domain belongs to. That is a claim below T3.
    pub tenant: Option<String>,
    /// The contact whose address it is, at T3.
    pub contact: Option<String>,
    /// What the contact may do; nothing below T3.
    pub roles: BTreeSet<Role>,
    /// Whether the address was a contact's and is one no longer (N-7), or not yet.
    pub is_contact_out_of_time: bool,
    /// Whether DMARC failed, whatever else was found.
    pub is_dmarc_failed: bool,
}

impl Sender {
    pub(super) fn read(header: &Header, envelope: &Envelope, directory: &Directory) -> Self {
        let address = header.from.first().map(|it| it.address.clone()).unwrap_or_default();
        let domain = domain_of(&address);
        let own = envelope.checks.as_ref();
        let checks = own.cloned().unwrap_or_else(|| {
            let server = directory.authserv_id.as_deref();
            server.map(|server| results(header, server, directory.hops_behind)).unwrap_or_default()
        });
        let warnings = warnings(header, &address, &domain, directory);
        let on_record = directory.contact(&address);
        let tenant = on_record.map(|(tenant, _)| tenant).or_else(|| directory.tenant_of_domain(&domain));
        let contact = on_record.filter(|(_, contact)| contact.is_valid_at(envelope.received_at));

        let dmarc = checks.dmarc.as_ref().filter(|(_, of)| domain_of(&format!("@{of}")) == domain);
        let dmarc = dmarc.map_or(Outcome::None, |(outcome, _)| *outcome);
        let both_failed = checks.spf == Some(Outcome::Fail) && checks.dkim == Some(Outcome::Fail);
        let none_passed = |outcome: Option<Outcome>| outcome.is_some_and(|it| it != Outcome::Pass);
        let is_contradiction = dmarc == Outcome::Pass && none_passed(checks.spf) && none_passed(checks.dkim);
        let sealer = if own.is_some() { checks.sealer.clone() } else { sealer(header) };
        let is_listed_forwarder = tenant.is_some_and(|tenant| {
            checks.arc == Some(Outcome::Pass) && sealer.is_some_and(|it| tenant.forwarders.contains(&it))
        });

        let mut reasons = Vec::new();
        let mut say = |text: &str| reasons.push(text.to_owned());
        let found = if dmarc == Outcome::Fail && is_listed_forwarder {
            say("DMARC failed, but a forwarder that the customer listed vouches for what it got (ARC)");
            Trust::Authentic
        } else if tenant.is_some() && (dmarc == Outcome::Fail || both_failed) {
            say("the domain is on record, and DMARC failed, or SPF and DKIM both did");
            Trust::Spoof
        } else if dmarc == Outcome::Fail {
            say("DMARC failed");
            Trust::Unknown
        } else if dmarc == Outcome::None || is_contradiction {
            say(if checks.are_open() && own.is_some() {
                "its sender was to be checked by us and was not"
            } else if is_contradiction {
                "DMARC is said to have passed, and SPF and DKIM not to have"
            } else {
                "no DMARC result of our own server says that the address is the sender's"
            });
            Trust::Unknown
        } else if contact.is_some() {
            say("DMARC passed, and the address is a contact's");
            Trust::Contact
        } else {
            say("DMARC passed; the address is no contact's");
            Trust::Authentic
        };
        reasons.extend(checks.found);
        let trust = if warnings.is_empty() { found } else { found.min(Trust::Unknown) };
        let believed = contact.filter(|_| trust >= Trust::Contact);
        Self {
            trust,
            reasons,
            warnings,
            tenant: tenant.map(|it| it.id.clone()),
            contact: believed.map(|(_, contact)| contact.id.clone()),
            roles: believed.map(|(_, contact)| contact.roles.clone()).unwrap_or_default(),
            is_contact_out_of_time: on_record.is_some() && contact.is_none(),
            is_dmarc_failed: dmarc == Outcome::Fail,
            address,
        }
    }

    /// The sender of a mail that could not be read.
    pub(super) fn unread() -> Self {
        Self {
            address: String::new(),
            trust: Trust::Unknown,
            reasons: vec!["the mail could not be read".to_owned()],
            warnings: Vec::new(),
            tenant: None,
            contact: None,
            roles: BTreeSet::new(),
            is_contact_out_of_time: false,
            is_dmarc_failed: false,
        }
    }

    /// Whether the sender is believed to be a contact that may do what `role` may.
    pub fn may(&self, role: Role) -> bool {
        self.trust >= Trust::Contact && self.roles.contains(&role)
    }
}

/// Whether the mail server of ours that signs as `server` wrote on the mail what it found of the sender, with `hops_behind`
/// more of our servers above.
pub fn is_checked_by(server: &str, hops_behind: usize, mail: &[u8]) -> bool {
    results(&Header::read(mail), server, hops_behind) != Checks::default()
}

/// T-1: what our own server wrote above everything that came with the mail, and nothing else.
fn results(header: &Header, own: &str, hops_behind: usize) -> Checks {
    let mut checks = Checks::default();
    let mut hops = 0;
    for (name, value) in header.fields() {
        hops += usize::from(name == "received");
        if hops > hops_behind {
            break;
        }
        if name == "authentication-results" {
            take_results(&mut checks, value, own);
        }
    }
    checks
}

/// Takes the results of one field, if `own` wrote it. Where two contradict each other the worse one holds; of several
/// DKIM signatures one that is met is enough.
fn take_results(checks: &mut Checks, value: &str, own: &str) {
    let value = without_comments(value);
    let mut parts = value.split(';');
    let writer = parts.next().unwrap_or_default().split_whitespace().next().unwrap_or_default();
    if !writer.trim_matches('"').eq_ignore_ascii_case(own) {
        return;
    }
    for part in parts {
        let part = part.replace(" = ", "=").replace("= ", "=").replace(" =", "=");
        let mut pairs = part.split_whitespace().filter_map(|it| it.split_once('='));
        let Some((method, result)) = pairs.next() else { continue };
        let outcome = Outcome::read(result);
        let worse = |known: Option<Outcome>| Some(known.map_or(outcome, |it| it.max(outcome)));
        match method.split('/').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "spf" => checks.spf = worse(checks.spf),
            "dkim" => checks.dkim = Some(checks.dkim.map_or(outcome, |it| it.min(outcome))),
            "arc" => checks.arc = worse(checks.arc),
            "dmarc" => {
                let of =
                    pairs.find(|(name, _)| name.eq_ignore_ascii_case("header.from")).map_or("", |(_, it)| it);
                let of = of.trim_matches('"').trim_start_matches('@').to_ascii_lowercase();
                checks.dmarc = Some(match checks.dmarc.take() {
                    Some((known, known_of)) if known_of == of => (known.max(outcome), of),
                    Some((known, _)) => (known.max(Outcome::None).max(outcome), String::new()),
                    None => (outcome, of),
                });
            }
            _ => {}
        }
    }
}

fn without_comments(value: &str) -> String {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut text = String::new();
    for character in value.chars() {
        let was_escaped = escaped;
        escaped = character == '\\' && !was_escaped;
        match character {
            '"' if depth == 0 && !was_escaped => quoted = !quoted,
            '(' if !quoted && !was_escaped => depth += 1,
            ')' if !quoted && !was_escaped && depth > 0 => {
                depth -= 1;
                text.push(' ');
                continue;
            }
            // What ends a result does not end it inside quotes.
            ';' | '=' if quoted => continue,
            _ => {}
        }
        if depth == 0 {
            text.push(character);
        }
    }
    text
}

/// The domain of the last forwarder's seal.
fn sealer(header: &Header) -> Option<String> {
    let seals = header.all("arc-seal").filter_map(|value| {
        let tag = |name: &str| {
            value
                .split(';')
                .filter_map(|it| it.trim().split_once('='))
                .find(|(it, _)| it.trim() == name)
                .map(|(_, it)| it.trim())
        };
        Some((tag("i")?.parse::<u8>().ok()?, tag("d")?.to_ascii_lowercase()))
    });
    seals.max_by_key(|(instance, _)| *instance).map(|(_, domain)| domain)
}

/// T-2: whatever makes `From` look like somebody it is not.
fn warnings(header: &Header, address: &str, domain: &str, directory: &Directory) -> Vec<String> {
    let mut warnings = Vec::new();
    let raw: Vec<&str> = header.all("from").collect();
    let at_signs: usize = raw.iter().map(|it| addresses_in(it)).sum();
    if header.from.is_empty() || domain.is_empty() {
        warnings.push("the mail names no sender".to_owned());
    } else if raw.len() > 1 || header.from.len() > 1 || at_signs > 1 {
        warnings.push("the mail names several senders".to_owned());
    }
    if let Some(name) = header.from.first().map(|it| &it.name).filter(|it| it.contains('@')) {
        let names_own = name
            .split_whitespace()
            .any(|word| super::address::normal(word.trim_matches(['"', '\'', '(', ')'])) == address);
        if !names_own || name.matches('@').count() > 1 {
            warnings.push(format!("the name of the sender is another address: {name}"));
        }
    }
    let is_on_record = directory.tenant_of_domain(domain).is_some();
    let known = directory.tenants.iter().flat_map(|it| &it.domains);
    if let Some(known) = known.filter(|_| !is_on_record).find(|known| is_look_alike(domain, known)) {
        warnings.push(format!("the domain {domain} looks like {known} and is not"));
    }
    for other in header.reply_to.iter().map(|it| domain_of(&it.address)).filter(|it| it != domain) {
        warnings.push(format!("answers are asked for at another domain: {other}"));
    }
    if header.all("reply-to").next().is_some() && header.reply_to.is_empty() {
        warnings.push("answers are asked for at no address".to_owned());
    }
    warnings
}

/// How many addresses stand in a value of `From` outside quotes and comments.
fn addresses_in(value: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let mut count = 0;
    for character in without_comments(value).chars() {
        let was_escaped = escaped;
        escaped = character == '\\' && !was_escaped;
        match character {
            '"' if !was_escaped => quoted = !quoted,
            '@' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}
