//! Brings a backup to an empty folder, from which a service goes on.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use cases::alert::Storm;
use cases::io::store::{Done, Store};
use cases::{Alert, Service};
use clap::Args;

use super::contents::{ALERTS, CONFIGURATION, Contents, DATABASE, DUMP, HOURS, NAME};
use super::{copy, place, postgres, whole};
use crate::case::said;
use crate::outcome::{Failure, Outcome};
use crate::{control, policies, sla};

/// Bring a backup to a folder that is empty or not there; `ringwall serve --data DIR` goes on from it.
///
/// The backup is checked first. Alerts that were not in cases when it was made are put there now.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall restore /srv/backups/ringwall-2026-10-05T150000Z --data /var/lib/ringwall"
)]
pub(crate) struct Arguments {
    /// What `ringwall backup` made.
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// The folder of the service that shall be.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The empty PostgreSQL database that a copy of such a one is brought to, as `database` of [cases] will name it.
    #[arg(long, value_name = "URL")]
    into: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    let text = runtime.block_on(arguments.bring())?;
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

impl Arguments {
    async fn bring(&self) -> Result<String, Failure> {
        let (from, data) = (&self.from, &self.data);
        is_free(data)?;
        let contents = Contents::check(from)?;
        let draft = super::Draft { folder: crate::files::beside(data) };
        DirBuilder::new().mode(0o700).create(&draft.folder).map_err(Failure::file(&draft.folder))?;
        let has_file = contents.files.contains_key(DATABASE);
        let has_dump = contents.files.contains_key(DUMP);
        if self.into.is_some() && !has_dump {
            return Err(Failure::Usage(format!(
                "{} holds no copy of a PostgreSQL database: restore it without --into",
                from.display()
            )));
        }
        let is_left = |name: &str| match (name, &self.into) {
            (ALERTS, into) => has_file || into.is_some(),
            (DUMP, into) => into.is_some(),
            _ => false,
        };
        for name in contents.files.keys().filter(|name| !is_left(name)) {
            let to = draft.folder.join(name);
            let within = to.parent().unwrap_or(&draft.folder);
            DirBuilder::new().mode(0o700).recursive(true).create(within).map_err(Failure::file(within))?;
            copy(&from.join(name), &to).map_err(Failure::file(&to))?;
        }
        let mut text =
            format!("{}: as of {}, {} files\n", data.display(), contents.made_at, contents.files.len());
        let database = match &self.into {
            Some(into) => {
                postgres::restore(&from.join(DUMP), into)?;
                Some(into.clone())
            }
            None => has_file.then(|| draft.folder.join(DATABASE).display().to_string()),
        };
        if let Some(database) = database {
            let store = Store::open(&database).await.map_err(said)?;
            let alerts = read_alerts(&from.join(ALERTS))?;
            let count = alerts.len();
            let hours = from.join(HOURS);
            let service = if hours.exists() { sla::read(&hours)? } else { Service::sample() };
            let restored = go_on(&store, alerts, &service).await;
            store.close().await;
            restored?;
            text += &format!("cases and audit are whole; {count} alerts that waited are in cases\n");
        }
        if has_dump && self.into.is_none() {
            text += &format!(
                "the database of cases is not there yet: restore with --into, or pg_restore --dbname postgres://… {}; alerts that were not in it \
                 are in {}\n",
                data.join(DUMP).display(),
                data.join(ALERTS).display()
            );
        }
        if contents.files.contains_key(CONFIGURATION) {
            text += &format!("the configuration of then is {}\n", data.join(CONFIGURATION).display());
        }
        place(&draft.folder, data)?;
        Ok(text)
    }
}

/// Checks the copy, and has it go on with a spool that begins at one.
async fn go_on(store: &Store, alerts: Vec<(Alert, String)>, service: &Service) -> Result<(), Failure> {
    whole(store).await?;
    store.begin_spool_anew().await.map_err(said)?;
    let mut storm = Storm::default();
    for some in alerts.chunks(ALERTS_AT_ONCE) {
        let done = Done { who: "ringwall", now: policies::now(), service };
        store.desk().take_alerts(some, 0, &mut storm, done).await.map_err(said)?;
    }
    whole(store).await
}

fn read_alerts(path: &Path) -> Result<Vec<(Alert, String)>, Failure> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(Failure::file(path))?,
    };
    // What the service could not read is not read here either.
    Ok(text.lines().filter_map(|line| Some((serde_json::from_str(line).ok()?, line.to_owned()))).collect())
}

/// Nothing is put beside what is there.
fn is_free(data: &Path) -> Result<(), Failure> {
    let is_locked = File::open(data.join(crate::serve::SPOOL).join("lock"))
        .is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)));
    if control::is_served(data) || is_locked {
        return Err(Failure::Usage(format!("{} is in use: a service runs there", data.display())));
    }
    match fs::read_dir(data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::File(data.to_owned(), error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::Usage(format!(
                "{} is not empty: a backup is brought to an empty folder, and {NAME} says what it holds",
                data.display()
            ))),
        },
    }
}

const ALERTS_AT_ONCE: usize = 500;
