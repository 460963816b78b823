//! `ringwall case propose`, and what follows until a change is in force and proven.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cases::CaseNumber;
use cases::change::{Change, Choice, Line, Rest};
use cases::intake::Category;
use clap::{Args, Subcommand};
use reporter::printable;

use super::{Account, Place, print, said};
use crate::authorise::{Office, additions, removals};
use crate::changes::Declined;
use crate::drafting::Wish;
use crate::outcome::Failure;
use crate::policies;

#[derive(Subcommand)]
pub(super) enum Task {
    /// Draft a change of the customer's policy, and say what it would have done.
    #[command(
        after_help = "Example:\n  ringwall case propose RW-100001-9 --list harassment --block +12105550142 --by anna \
--reason 'threats'\n  ringwall case propose RW-100001-9 --policy acme.toml --by anna"
    )]
    Propose(Propose),
    /// Ask all who may authorise for the customer, each by a link that is good once.
    Ask {
        number: CaseNumber,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Say yes for a customer, with the code of the authoriser's app. Nobody of the desk can.
    #[command(
        after_help = "Example:\n  ringwall case approve RW-100001-9 --as Ann --change 3fa2b1c0 --code 123456\n  \
ringwall case approve RW-100001-9 --as Ann --change 3fa2b1c0 --code 123456 --only +12105550142 --because 'the other is ours'"
    )]
    Approve {
        number: CaseNumber,
        #[command(flatten)]
        authoriser: Authoriser,
        /// What is approved: the hash that `show` prints, or the first eight characters of it or more.
        #[arg(long)]
        change: String,
        #[command(flatten)]
        part: Only,
        #[command(flatten)]
        place: Place,
    },
    /// Say no for a customer; this ends the case.
    Refuse {
        number: CaseNumber,
        /// Why.
        reason: String,
        #[command(flatten)]
        authoriser: Authoriser,
        #[command(flatten)]
        place: Place,
    },
    /// Make the change that was approved, and have test calls prove it; what shows something else is taken back.
    ///
    /// A running service does this by itself.
    Implement {
        number: CaseNumber,
        /// By what the customer agreed to beforehand: the name of a standing authorisation. Its authorisers are told.
        #[arg(long, value_name = "NAME")]
        standing: Option<String>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
    /// Say that the customer was told of a change that is proven, where no mail did.
    Told {
        number: CaseNumber,
        /// How.
        text: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        account: Account,
    },
}

#[derive(Args)]
pub(super) struct Propose {
    number: CaseNumber,
    /// Put a number, prefix, range or wildcard on the list; may be given several times.
    #[arg(long, value_name = "ENTRY", requires = "list")]
    block: Vec<String>,
    /// Take an entry off the list; may be given several times.
    #[arg(long, value_name = "ENTRY", requires = "list")]
    unblock: Vec<String>,
    /// The list, without an at sign.
    #[arg(long)]
    list: Option<String>,
    /// Another policy instead, with the files beside it that it reads.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["block", "unblock", "list"])]
    policy: Option<PathBuf>,
    /// The last day of what is put on the list: 90 days from today unless said, 180 where the case is about fraud.
    #[arg(long, value_name = "DATE", conflicts_with = "for_ever")]
    until: Option<String>,
    /// It stays for ever; then --reason is needed.
    #[arg(long, requires = "reason")]
    for_ever: bool,
    /// Why, as the authoriser and the list will say.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: Account,
}

/// Which lines of a change are wanted; all of them unless given.
#[derive(Args)]
pub(crate) struct Only {
    /// Say yes to this number or entry only, as the change names it; may be given several times. The rest is refused.
    #[arg(long, value_name = "ENTRY", requires = "because")]
    only: Vec<String>,
    /// Why the rest is not wanted.
    #[arg(long, value_name = "TEXT", requires = "only")]
    because: Option<String>,
    /// The rest is not refused, but goes back to the desk as a case of its own.
    #[arg(long, requires = "only")]
    return_rest: bool,
}

/// Who says yes or no, and shows it.
#[derive(Args)]
pub(super) struct Authoriser {
    /// The contact.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// The code that their app shows now.
    #[arg(long)]
    code: String,
}

impl Task {
    pub(super) async fn answer(&self) -> Result<String, Failure> {
        match self {
            Self::Propose(propose) => propose.answer().await,
            Self::Ask { number, place, account } => {
                let (store, service) = place.open().await?;
                let office = Office::new(&place.config()?);
                let asked = office.ask(&store, *number, account.done(&service)).await?;
                let mut text = print::told(&asked.case);
                for (names, how) in [
                    (asked.by_mail, "is asked by mail"),
                    (asked.otherwise, "has to be told: no mail with a link goes out"),
                ] {
                    text.extend(names.iter().map(|name| format!("  {} {how}\n", printable(name))));
                }
                Ok(text)
            }
            Self::Approve { number, authoriser, change, part, place } => {
                let (store, service) = place.open().await?;
                let office = Office::new(&place.config()?);
                let account = Account { by: authoriser.name.clone() };
                let shown = (authoriser.name.as_str(), authoriser.code.as_str(), change.as_str());
                let case = office.approve(&store, *number, shown, part, account.done(&service)).await?;
                Ok(print::told(&case))
            }
            Self::Refuse { number, reason, authoriser, place } => {
                let (store, service) = place.open().await?;
                let desk = store.desk();
                let customer = desk.case(*number).await.map_err(said)?.customer;
                let now = policies::now();
                desk.take_code(&customer, &authoriser.name, &authoriser.code, now).await.map_err(said)?;
                if !desk
                    .registration(&customer)
                    .await
                    .map_err(said)?
                    .authorisers(now)
                    .0
                    .contains(&authoriser.name)
                {
                    return Err(Failure::Usage(format!("{} may not refuse for {customer}", authoriser.name)));
                }
                let account = Account { by: authoriser.name.clone() };
                let who = (authoriser.name.as_str(), reason.as_str());
                let refused = desk.refuse(*number, who, None, account.done(&service)).await;
                Ok(print::told(&refused.map_err(said)?))
            }
            Self::Implement { number, standing, place, account } => {
                let (store, service) = place.open().await?;
                let office = Office::new(&place.config()?);
                let done = account.done(&service);
                if let Some(name) = standing {
                    office.use_standing(&store, *number, name, done).await?;
                }
                let case = office.implement(&store, *number, done).await?;
                let events = store.desk().events(*number).await.map_err(said)?;
                let last = events.last().map(|event| printable(&event.text)).unwrap_or_default();
                Ok(format!("{}  {last}\n", print::told(&case)))
            }
            Self::Told { number, text, place, account } => {
                let (store, service) = place.open().await?;
                let told = store.desk().told(*number, text, account.done(&service)).await;
                Ok(print::told(&told.map_err(said)?))
            }
        }
    }
}

impl Only {
    /// What is wanted of `change`; `None` for all of it.
    pub(crate) fn choice(&self, change: &Change) -> Result<Option<Choice>, Failure> {
        let Some(why) = &self.because else { return Ok(None) };
        let mut wanted = BTreeSet::new();
        for entry in &self.only {
            let is_it = |line: &Line| match line {
                Line::Add { entry: of, .. } | Line::Remove { entry: of, .. } => of == entry,
                Line::Text { .. } => false,
            };
            let before = wanted.len();
            wanted.extend((0..).zip(&change.lines).filter(|(_, line)| is_it(line)).map(|(place, _)| place));
            if wanted.len() == before {
                return Err(Failure::Usage(format!(
                    "--only {}: the change has no such entry",
                    printable(entry)
                )));
            }
        }
        change.parted(&wanted).map_err(|why| Failure::Usage(why.to_owned()))?;
        let rest = if self.return_rest { Rest::Returned } else { Rest::Refused };
        Ok(Some(Choice { wanted, rest, why: why.clone() }))
    }
}

impl Propose {
    async fn answer(&self) -> Result<String, Failure> {
        let (store, service) = self.place.open().await?;
        let office = Office::new(&self.place.config()?);
        let case = store.desk().case(self.number).await.map_err(said)?;
        let wish = self.wish(case.wanted.category)?;
        let proposed = office.propose(&store, self.number, wish, self.account.done(&service)).await;
        let (case, draft, impact) = proposed.map_err(|Declined { said, .. }| Failure::Usage(said))?;
        let hash = draft.change.hash();
        let lines: String = draft
            .change
            .lines
            .iter()
            .map(|line| format!("  {}\n", printable_lines(&line.to_string())))
            .collect();
        let effects: String =
            impact.effects().iter().map(|effect| format!("  {}\n", printable_lines(effect))).collect();
        Ok(format!(
            "{}change {hash}\n{lines}{effects}  {}\n",
            print::told(&case),
            draft.change.risk(&impact).in_words(),
        ))
    }

    fn wish(&self, category: Option<Category>) -> Result<Wish, Failure> {
        if let Some(path) = &self.policy {
            let read = policies::read(path, policies::now())?;
            read.say_errors();
            return if read.policy.is_some() {
                Ok(Wish::Policy(Box::new(read.contents)))
            } else {
                Err(Failure::Said)
            };
        }
        let Some(list) = &self.list else {
            return Err(Failure::Usage("say what: --list with --block or --unblock, or --policy".to_owned()));
        };
        let expires = match (&self.until, self.for_ever) {
            (_, true) => None,
            (Some(until), _) => Some(until.clone()),
            (None, _) => Some(in_days(Category::days_usual(category))),
        };
        let mut lines = removals(list, &self.unblock);
        lines.extend(additions(list, &self.block, expires, &self.reason));
        if lines.is_empty() {
            return Err(Failure::Usage(
                "name what comes on the list or leaves it: --block, --unblock".to_owned(),
            ));
        }
        Ok(Wish::Lines(lines))
    }
}

/// Lines of a stranger's text, each as a terminal may show it.
fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n  ")
}

/// The day so many days from now.
fn in_days(days: i32) -> String {
    let now = jiff::Timestamp::from_microsecond(policies::now().0).unwrap_or_default();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    today.saturating_add(jiff::Span::new().days(days)).to_string()
}
