//! Where cases are kept: SQLite in the folder of the service, or PostgreSQL.
//!
//! What a method returns as done is on disk. What belongs to a customer is reached through that customer only:
//! [`Store::customer`]; the desk, which serves all of them, through [`Store::desk`].

mod accounts;
mod alert_list;
mod alerts;
mod appeals;
mod asked;
mod authorisation;
mod batch;
mod bulk;
mod condition;
mod copy;
mod desk;
mod duty;
mod evidence;
mod feed;
mod figures;
mod groupings;
mod inbox;
mod links;
mod list;
mod mails;
mod moves;
mod notices;
mod observables;
mod office;
mod outgoing;
mod part;
mod portal;
mod preferences;
mod readings;
mod registry;
mod replies;
mod reports;
mod runs;
mod schedules;
mod schema;
mod set_aside;
mod silent;
mod undo;
mod void;
mod waiting;
mod writing;
mod written;

use std::fmt;
use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use sqlx::{Executor as _, Row as _};

pub use alert_list::KeptAlert;
pub use alerts::{AlertFilter, AlertRow, AlertsBy, OpenKey};
pub use appeals::{Appeal, Appealed};
pub use asked::{Asked, understood};
pub use authorisation::{Asking, Proof};
pub use bulk::{Act, Before, Item};
pub use condition::{Claim, Once};
pub use desk::{Desk, Done, Event, Mail, MailKept, Visible};
pub use evidence::{Evidence, StoredMail};
pub use feed::{Changed, Turn};
pub use figures::Figures;
pub use inbox::{Became, Office};
pub use links::{Link, LinkFor};
pub use list::{By, Condition, Cursor, Filter, Is, Page};
pub use mails::KeptMail;
pub use notices::Sent;
pub use observables::Observable;
pub use office::{AuditFilter, AuditPage, Checked, MailFilter, MailRow};
pub use part::Part;
pub use registry::Draft;
pub use reports::{Fetched, ReportLink};
pub use runs::Taken;
pub use set_aside::{SetAside, Spooled};
pub use writing::{Proposed, Writing};

use crate::audit::{Entry, Head};
use crate::{Case, CaseNumber};

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    /// Whether it is PostgreSQL, where it does something else than SQLite by the same words.
    is_postgres: bool,
}

/// What one customer has in it; nothing else can be reached from here.
#[derive(Clone, Copy, Debug)]
pub struct OfCustomer<'a> {
    store: &'a Store,
    customer: &'a str,
}

/// Why the database did not do what it was asked.
#[derive(Debug)]
pub enum Error {
    /// The database says no; its own words.
    Database(sqlx::Error),
    /// What is stored cannot be read.
    Stored(serde_json::Error),
    /// A newer program has written it.
    Newer {
        /// Steps that were taken.
        found: usize,
        /// Steps that this program knows.
        known: usize,
    },
    /// Somebody else wrote the same case in between.
    Overtaken(CaseNumber),
    /// Somebody else changed it in between.
    Changed,
    /// There is none.
    NoCase(CaseNumber),
    /// The same was done before.
    Repeated {
        /// What it was: the number of a case, the name of something else.
        reference: String,
        /// Whether the very same was asked then.
        is_same: bool,
    },
    /// It was asked for something that cannot be.
    Refused(String),
}

impl Store {
    /// Opens `place`: `postgres://…`, or the path of an SQLite file, which is made when it is not there.
    ///
    /// # Errors
    /// It cannot be opened, or a newer program has written it.
    pub async fn open(place: &str) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let is_postgres = place.starts_with("postgres://") || place.starts_with("postgresql://");
        let url = if is_postgres { place.to_owned() } else { sqlite_url(Path::new(place)) };
        let options = AnyPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(PATIENCE);
        let options = options.after_connect(move |connection, _| {
            Box::pin(async move {
                if !is_postgres {
                    // FULL: what was committed is still there when the power was cut.
                    connection
                        .execute("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
                        .await?;
                }
                Ok(())
            })
        });
        if !is_postgres {
            owners_only(Path::new(place)).map_err(sqlx::Error::Io)?;
        }
        let pool = match options.connect(&url).await {
            Err(sqlx::Error::PoolTimedOut) if is_postgres => return Err(silent::why(place).await.into()),
            opened => opened?,
        };
        let mut connection = pool.acquire().await?;
        schema::migrate(&mut connection).await?;
        drop(connection);
        let store = Self { pool, is_postgres };
        store.fill_columns().await?;
        Ok(store)
    }

    /// Fills columns that a former version did not have, from what is in the rows.
    async fn fill_columns(&self) -> Result<(), Error> {
        self.fill_subjects().await?;
        loop {
            let rows = sqlx::query("SELECT body FROM cases WHERE contract = 0 LIMIT 500");
            let rows = rows.fetch_all(&self.pool).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut writing = self.write().await?;
            for row in &rows {
                let case: Case = writing::body(row)?;
                let query = "UPDATE cases SET contract = $2, rule = $3 WHERE serial = $1 AND contract = 0";
                sqlx::query(query)
                    .bind(stored(case.number.serial()))
                    .bind(case.next_contract().map_or(i64::MAX, |limit| limit.0))
                    .bind(case.rule())
                    .execute(writing.connection())
                    .await?;
            }
            writing.commit().await?;
        }
    }

    /// All customers at once: for the desk that serves them.
    pub const fn desk(&self) -> Desk<'_> {
        Desk { store: self, conditions: condition::Conditions::NONE }
    }

    /// What `customer` has.
    pub const fn customer<'a>(&'a self, customer: &'a str) -> OfCustomer<'a> {
        OfCustomer { store: self, customer }
    }

    /// Begins to write. Writers wait for each other; nothing is kept before [`Writing::commit`].
    ///
    /// # Errors
    /// The database does not answer, or is busy for longer than ten seconds.
    pub async fn write(&self) -> Result<Writing<'_>, Error> {
        Writing::begin(&self.pool, condition::Conditions::NONE).await
    }

    /// Goes through the audit chain of `customer`, at most `count` entries after place `after`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn audit(&self, customer: &str, after: u64, count: u32) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query(
            "SELECT body FROM audit WHERE customer = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
        )
        .bind(customer)
        .bind(stored(after))
        .bind(i64::from(count))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(serde_json::from_str(row.try_get(0)?)?)).collect()
    }

    /// Where each audit chain ends, by customer.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn audit_heads(&self) -> Result<Vec<(String, Head)>, Error> {
        let rows =
            self.pool.fetch_all("SELECT customer, sequence, hash FROM audit_heads ORDER BY customer").await?;
        let head = |row: &sqlx::any::AnyRow| {
            let sequence = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
            Ok((row.try_get(0)?, Head { sequence, hash: row.try_get(2)? }))
        };
        rows.iter().map(head).collect()
    }

    /// How far the spool has been worked on.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn spool_position(&self) -> Result<u64, Error> {
        let row = self.pool.fetch_one("SELECT value FROM counters WHERE name = 'spool'").await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
    }

    /// Writes what is in memory to the main file, and closes all connections.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

impl OfCustomer<'_> {
    /// The case of this number, if it is this customer's.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn case(&self, number: CaseNumber) -> Result<Option<Case>, Error> {
        let row = sqlx::query("SELECT body FROM cases WHERE serial = $1 AND customer = $2")
            .bind(stored(number.serial()))
            .bind(self.customer)
            .fetch_optional(&self.store.pool)
            .await?;
        row.map(|row| Ok(serde_json::from_str(row.try_get(0)?)?)).transpose()
    }

    /// What the customer may see of the history of a case: never what people of the desk wrote for each other.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn events(&self, number: CaseNumber) -> Result<Vec<Event>, Error> {
        let all = desk::events(self.store, number, Some(self.customer)).await?;
        Ok(all.into_iter().filter(|event| event.visible == Visible::Customer).collect())
    }

    /// All cases, the oldest first, those that are over among them.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn cases(&self) -> Result<Vec<Case>, Error> {
        let query =
            sqlx::query("SELECT body FROM cases WHERE customer = $1 ORDER BY serial").bind(self.customer);
        query.fetch_all(&self.store.pool).await?.iter().map(writing::body).collect()
    }

    /// Cases in the order of the queue.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Page, Error> {
        let own = Filter { customer: Some(self.customer.to_owned()), ..filter.clone() };
        list::list(self.store, &own).await
    }
}

/// Whether SQLite or PostgreSQL says that the disk has no room.
fn is_full(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["13", "53100"].contains(&&*code))
}

/// Numbers of ours are below 2^63.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// It holds mail: nobody else reads it. What SQLite puts beside it gets the same mode.
fn owners_only(path: &Path) -> io::Result<()> {
    // Made here, so that it never was readable.
    match OpenOptions::new().write(true).create_new(true).mode(OWNERS_ONLY).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map(drop),
    }
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let Ok(found) = fs::metadata(&name) else { continue };
        let mode = found.permissions().mode() & 0o777;
        if mode & !OWNERS_ONLY != 0 {
            // Of a former version. Who may work with it and does not own it cannot change that, and need not.
            let _ = fs::set_permissions(&name, Permissions::from_mode(mode & OWNERS_ONLY));
        }
    }
    Ok(())
}

/// A path as a URL: what is special in one is escaped.
fn sqlite_url(path: &Path) -> String {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite://{escaped}?mode=rwc")
}

impl Error {
    /// Whether there is no room for more.
    pub fn is_full(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        // `SQLITE_FULL`; PostgreSQL's `disk_full`.
        error.code().is_some_and(|code| code == "13" || code == "53100")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) if is_full(error) => {
                f.write_str("the disk of the database of cases is full: nothing of it was kept; make room and do it again")
            }
            Self::Database(sqlx::Error::PoolTimedOut) => {
                write!(f, "the database of cases does not answer: no connection within {} seconds", PATIENCE.as_secs())
            }
            Self::Database(error) => write!(f, "the database of cases: {error}"),
            Self::Stored(error) => write!(f, "the database of cases holds what cannot be read: {error}"),
            Self::Newer { found, known } => {
                write!(
                    f,
                    "the database of cases is of a newer version ({found}) than this program knows ({known})"
                )
            }
            Self::Overtaken(number) => {
                write!(f, "{number} was changed by somebody else meanwhile: look again")
            }
            Self::Changed => f.write_str("it was changed by somebody else meanwhile: look again"),
            Self::NoCase(number) => write!(f, "there is no case {number}"),
            Self::Repeated { reference, is_same: true } => write!(f, "that was done before: {reference}"),
            Self::Repeated { is_same: false, .. } => {
                f.write_str("this Idempotency-Key was used for something else")
            }
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Stored(error)
    }
}

const CONNECTIONS_MAX: u32 = 4;
const OWNERS_ONLY: u32 = 0o600;
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
