//! Who works with a demo: two people of the customer, three of the desk, each with a log-in that is made anew each time.

use std::collections::BTreeSet;
use std::fmt;

use cases::account::{Role as DeskRole, Side};
use cases::case::{Kind, Wanted};
use cases::flow::{Signal, State};
use cases::intake::{Category, Role};
use cases::io::store::{Done, Store};
use cases::registry::{Person, Registration};
use cases::schedule::{Format, Schedule, Span, When, Which};
use cases::second_factor::{SECRET_BYTES, SecondFactor};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::past::Week;
use crate::account::invitation;
use crate::case::said;
use crate::outcome::Failure;
use crate::policies;
use crate::serve::{Cases, Config};

/// How to log in.
#[derive(Clone)]
pub(super) struct Logins {
    people: Vec<Login>,
    cases: usize,
}

#[derive(Clone)]
struct Login {
    login: String,
    password: String,
    what: &'static str,
    factor: Option<SecondFactor>,
}

impl Logins {
    /// What the log-in page says; the code of an app only for whoever has one.
    pub(super) fn hints(&self, at_code: bool) -> Vec<String> {
        let now = policies::now();
        let people = self.people.iter();
        if at_code {
            let coded = people.filter_map(|it| Some((it, it.factor.as_ref()?.code_at(now)?)));
            return coded.map(|(it, code)| format!("{}: {code}", it.login)).collect();
        }
        people.map(|it| format!("{} / {} ({})", it.login, it.password, it.what)).collect()
    }
}

impl fmt::Display for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{} cases of the weeks before wait there or are closed. Log in as", self.cases)?;
        for Login { login, password, what, factor } in &self.people {
            writeln!(f, "  {login:<24} password {password}   {what}")?;
            if let Some(factor) = factor {
                writeln!(
                    f,
                    "  {:<24} its app's secret is {}; the log-in page shows the code",
                    "",
                    factor.secret()
                )?;
            }
        }
        writeln!(f, "Begin with anna: the queue leads through a first case. Ctrl-C ends it.\n")
    }
}

/// Makes them, with something for each to do.
pub(super) fn make(config: &Config, week: &Week) -> Result<Logins, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    runtime.block_on(all(config, week))
}

async fn all(config: &Config, week: &Week) -> Result<Logins, Failure> {
    let cases = Cases::new(config);
    let service = cases.service()?;
    let store = Store::open(&cases.place()).await.map_err(said)?;
    let desk = store.desk();
    let done = |who| Done { who, now: policies::now(), service: &service };
    let people = vec![
        person(
            "Ann",
            "ann@acme.example.com",
            "+12105550142",
            &[Role::Authorizer, Role::Requester, Role::ReportRecipient],
        ),
        person(
            "Bob",
            "bob@acme.example.com",
            "+12105550143",
            &[Role::Requester, Role::ReportRecipient, Role::IncidentNotify],
        ),
    ];
    let domains = vec!["acme.example.com".to_owned()];
    let registration =
        Registration { customer: CUSTOMER.to_owned(), domains, people, ..Registration::default() };
    let draft = desk.draft_registration(registration, done("anna")).await.map_err(said)?;
    desk.confirm_registration(&draft.hash, done("ben")).await.map_err(said)?;

    let contact = |name: &str| Side::Contact { customer: CUSTOMER.to_owned(), name: name.to_owned() };
    let wanted = [
        ("anna", Side::Desk(DeskRole::Analyst), "analyst"),
        ("admin", Side::Desk(DeskRole::Admin), "administers the desk"),
        ("audit", Side::Desk(DeskRole::Auditor), "auditor: looks, verifies, changes nothing"),
        ("ann@acme.example.com", contact("Ann"), "the customer: authorises changes"),
        ("bob@acme.example.com", contact("Bob"), "the customer: asks for things"),
    ];
    let mut people = Vec::new();
    for (login, side, what) in wanted {
        let password = password()?;
        let hash = console::hash_password(&password)
            .ok_or_else(|| Failure::Usage("this machine keeps no passwords".to_owned()))?;
        let (secret, invitation) = invitation(login, side, policies::now())?;
        desk.invite(&invitation, done("ringwall")).await.map_err(said)?;
        let account = desk.accept(&secret, hash, done(login)).await.map_err(said)?;
        let mut factor = None;
        if login.starts_with("ann@") {
            let new = SecondFactor::new(random()?);
            desk.enrol_account(&account, &new, None, done(login)).await.map_err(said)?;
            factor = Some(new);
        }
        people.push(Login { login: login.to_owned(), password, what, factor });
    }

    request(&store, &done, week).await?;
    report(&store, &done).await?;
    store.close().await;
    Ok(Logins { people, cases: week.cases })
}

/// Something that a customer asks for, and something that waits for an answer.
async fn request<'a>(store: &Store, done: &impl Fn(&'a str) -> Done<'a>, week: &Week) -> Result<(), Failure> {
    let desk = store.desk();
    let title = format!("Block {}: keeps calling and threatens our agents", week.nuisance);
    let reason = "keeps calling and threatens our agents".to_owned();
    let wanted = Wanted { numbers: vec![week.nuisance.clone()], category: Some(Category::Harassing), reason };
    let of = store.customer(CUSTOMER);
    of.ask(Kind::Block, (&title, &title), wanted, done("Bob")).await.map_err(said)?;
    let title = "Why was a call from our own branch office tagged as suspicious?";
    let asked = desk.open(CUSTOMER, Kind::Question, State::New, title, done("Bob")).await.map_err(said)?;
    desk.step(asked.number, &Signal::Take, "We look into it.", done("ben")).await.map_err(said)?;
    let ask = "Which number does the branch office show, and at what time was the call?";
    desk.step(asked.number, &Signal::AskInfo, ask, done("ben")).await.map_err(said)?;
    Ok(())
}

/// A report of the week that runs each Monday, and now.
async fn report<'a>(store: &Store, done: &impl Fn(&'a str) -> Done<'a>) -> Result<(), Failure> {
    let done = done("anna");
    let Ok(when) = "weekly mon 07:00".parse::<When>() else { return Ok(()) };
    let schedule = Schedule {
        id: String::new(),
        customer: CUSTOMER.to_owned(),
        report: "weekly-operations".to_owned(),
        format: Format::Html,
        span: Span::usual(&when),
        when,
        which: Which::default(),
        zone: "America/Chicago".to_owned(),
        recipients: vec!["ann@acme.example.com".to_owned()],
        case: None,
        authorised: None,
        by: "anna".to_owned(),
        at: done.now,
    }
    .named();
    store.desk().add_schedule(&schedule, done).await.map_err(said)?;
    store.desk().run_schedule(&schedule.id, done.now, done).await.map_err(said)?;
    Ok(())
}

fn person(name: &str, address: &str, phone: &str, roles: &[Role]) -> Person {
    Person {
        name: name.to_owned(),
        addresses: vec![address.to_owned()],
        phones: vec![phone.to_owned()],
        roles: roles.iter().copied().collect::<BTreeSet<_>>(),
        valid_from: None,
        valid_until: None,
        verified_at: Some(policies::now()),
        zone: None,
    }
}

/// Four groups of letters that nobody has seen before.
fn password() -> Result<String, Failure> {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let bytes: [u8; 16] = random()?;
    let letter =
        |byte: &u8| char::from(LETTERS.get(usize::from(*byte) % LETTERS.len()).copied().unwrap_or(b'x'));
    let groups: Vec<String> = bytes.chunks(4).map(|group| group.iter().map(letter).collect()).collect();
    Ok(groups.join("-"))
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    const { assert!(SECRET_BYTES == 20, "as RFC 4226 wants") };
    let mut bytes = [0; N];
    let none = |_| Failure::Usage("this machine gives no random numbers".to_owned());
    SystemRandom::new().fill(&mut bytes).map_err(none)?;
    Ok(bytes)
}

pub(super) const CUSTOMER: &str = "Acme Insurance";
