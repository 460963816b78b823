//! `ringwall backup` and `ringwall restore`: everything that cannot be had again, taken while the service runs.

mod contents;
mod postgres;
mod restore;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use cases::io::store::Store;
use clap::Args;
use spool::{Kind, Reader};

use self::contents::{ALERTS, CONFIGURATION, Contents, DATABASE, DUMP, FORMAT, HOURS, NAME, files, hash};
use crate::case::{Place, said};
use crate::evidence::moment;
use crate::outcome::{Failure, Outcome};
use crate::serve::Cases;
use crate::versions::Versions;
use crate::{audit, audit_heads, desk_key, policies};

pub(crate) use self::restore::{Arguments as RestoreArguments, run as restore};

/// Copy what cannot be had again: cases, policies, states, the desk's key, the configuration; while the service runs.
///
/// The copy is checked before it gets its name: the database is whole, every audit chain fits, and all of it is on disk.
/// It holds mail and the desk's key: only its owner reads it. Spooled records and signalling are not in it.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall backup --data /var/lib/ringwall --to /srv/backups\n  \
ringwall restore /srv/backups/ringwall-2026-10-05T150000Z --data /var/lib/ringwall")]
pub(crate) struct Arguments {
    /// The folder to make; in one that is there, one named after the time is made. Not in a backup, nor in the folder of the
    /// service.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// A backup in the making, under a name that nobody takes for one; gone unless it is finished.
struct Draft {
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    let text = runtime.block_on(arguments.make())?;
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

impl Arguments {
    async fn make(&self) -> Result<String, Failure> {
        let cases = self.place.cases()?;
        is_of_service(cases.data(), cases.is_there())?;
        let made_at = moment(policies::now());
        let to = if self.to.is_dir() {
            self.to.join(format!("ringwall-{}", plain(&made_at)))
        } else {
            self.to.clone()
        };
        if to.exists() {
            return Err(Failure::Usage(format!("{} is there already", to.display())));
        }
        is_apart(&to, cases.data())?;
        let draft = Draft::begin(&to)?;
        // Ends of audit chains before the chains: a copy is to hold no end that its chain did not reach.
        draft.audit_heads(cases.data())?;
        let (spool_position, waiting) = match cases.is_there() {
            true => self.database(&cases, &draft).await?,
            false => (0, 0),
        };
        draft.data(cases.data(), &cases.key())?;
        if let Some(config) = self.place.config_file() {
            draft.copy(config, CONFIGURATION)?;
        }
        if let Some(hours) = cases.service_hours() {
            draft.copy(hours, HOURS)?;
        }
        let mut all = BTreeMap::new();
        for name in files(&draft.folder)? {
            let path = draft.folder.join(&name);
            fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(Failure::file(&path))?;
            File::open(&path).and_then(|file| file.sync_all()).map_err(Failure::file(&path))?;
            all.insert(name, hash(&path)?);
        }
        let count = all.len();
        let contents = Contents {
            format: FORMAT.to_owned(),
            made_at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spool_position,
            readers: readers(&cases.data().join(crate::serve::SPOOL)),
            files: all,
        };
        draft.finish(&contents, &to)?;
        Ok(format!("{}: {count} files, checked; {waiting} alerts were not in cases yet\n", to.display()))
    }

    /// Copies the database, and the alerts of the spool that are not in the copy. Returns how far the copy is, and how many.
    async fn database(&self, cases: &Cases, draft: &Draft) -> Result<(u64, usize), Failure> {
        let (store, _) = self.place.open().await?;
        if !store.is_file().await.map_err(said)? {
            let position = store.spool_position().await.map_err(said)?;
            postgres::dump(&cases.place(), &draft.folder.join(DUMP))?;
            return draft.waiting(cases.data(), position);
        }
        let path = draft.folder.join(DATABASE);
        // Empty and ours before there is anything in it to be read.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(Failure::file(&path))?;
        let of_copy = |error: cases::io::store::Error| match error.is_full() {
            // Of the database itself nothing is full, and nothing of it is lost.
            true => Failure::Usage(format!(
                "the disk that the backup is written to is full: nothing is left there of it; make room for {}, or name another folder",
                self.to.display()
            )),
            false => said(error),
        };
        store.copy_to(&path).await.map_err(of_copy)?;
        store.close().await;
        let copy = Store::open(&path.display().to_string()).await.map_err(of_copy)?;
        whole(&copy).await?;
        let position = copy.spool_position().await.map_err(said)?;
        copy.close().await;
        draft.waiting(cases.data(), position)
    }
}

/// Whether there is anything to copy: a copy of whatever folder would pass for a backup until it is needed.
fn is_of_service(data: &Path, has_cases: bool) -> Result<(), Failure> {
    let is_known = [crate::serve::SPOOL, POLICIES].iter().any(|name| data.join(name).is_dir());
    if is_known || has_cases && data.is_dir() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} is no folder of a service: it has no cases, no spool and no policies; --data and --config say where it is",
        data.display()
    )))
}

/// Whether a backup at `to` would be part of nothing else: of an earlier one, which could not be brought back then, or of
/// what is copied, whose next copy would hold it.
fn is_apart(to: &Path, data: &Path) -> Result<(), Failure> {
    let within = to.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let within = within.canonicalize().map_err(Failure::file(within))?;
    if let Some(backup) = within.ancestors().find(|folder| folder.join(NAME).is_file()) {
        return Err(Failure::Usage(format!(
            "{} is a backup itself, and with another one in it could not be restored: name a new folder, or one in which backups are \
to stand side by side",
            backup.display()
        )));
    }
    let data = data.canonicalize().map_err(Failure::file(data))?;
    match within.starts_with(&data) {
        true => Err(Failure::Usage(format!(
            "{} is within {}, which is what is copied: name a folder outside of it",
            to.display(),
            data.display()
        ))),
        false => Ok(()),
    }
}

/// Holds a database against its own sums and chains.
async fn whole(store: &Store) -> Result<(), Failure> {
    let mut wrong = store.damages().await.map_err(said)?;
    wrong.extend(audit::findings(store).await?);
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Failure::Usage(format!("the copy of the database is not good: {}", wrong.join("; ")))),
    }
}

impl Draft {
    fn begin(to: &Path) -> Result<Self, Failure> {
        let folder = crate::files::beside(to);
        DirBuilder::new().mode(0o700).create(&folder).map_err(Failure::file(&folder))?;
        Ok(Self { folder })
    }

    /// Alerts that are in the spool of the service and not in the copy of its database.
    fn waiting(&self, data: &Path, position: u64) -> Result<(u64, usize), Failure> {
        let said = |error: spool::Error| Failure::Usage(error.to_string());
        let mut reader = Reader::open(&data.join(crate::serve::SPOOL), "backup").map_err(said)?;
        reader.only(&[Kind::ALERT]);
        reader.seek(position);
        let (mut text, mut count) = (Vec::new(), 0);
        while let Some(record) = reader.next().map_err(said)? {
            text.extend(record.payload);
            text.push(b'\n');
            count += 1;
        }
        let path = self.folder.join(ALERTS);
        fs::write(&path, text).map_err(Failure::file(&path))?;
        Ok((position, count))
    }

    /// Copies the ends of audit chains that are kept beside the service.
    fn audit_heads(&self, data: &Path) -> Result<(), Failure> {
        let mut names = files(data)?.into_iter().filter(|name| is_audit_head(name));
        names.try_for_each(|name| self.copy(&data.join(&name), &name))
    }

    /// Copies what the service keeps beside cases and spool.
    fn data(&self, data: &Path, key: &Path) -> Result<(), Failure> {
        // Nobody installs a policy, or forgets one, while they are copied.
        let versions = Versions::of(data);
        let _lock = data.join(POLICIES).exists().then(|| versions.lock()).transpose()?;
        for name in files(data)?.into_iter().filter(|name| is_kept(name)) {
            match self.copy(&data.join(&name), &name) {
                // A state or a certificate that was replaced in this moment is there under its name again, or gone for good.
                Err(Failure::File(_, error)) if error.kind() == io::ErrorKind::NotFound => {}
                copied => copied?,
            }
        }
        if key.exists() && !self.folder.join(desk_key::NAME).exists() {
            self.copy(key, desk_key::NAME)?;
            self.copy(&desk_key::public(key), "desk.pub")?;
        }
        Ok(())
    }

    fn copy(&self, from: &Path, name: &str) -> Result<(), Failure> {
        let to = self.folder.join(name);
        let within = to.parent().unwrap_or(&self.folder);
        DirBuilder::new().mode(0o700).recursive(true).create(within).map_err(Failure::file(within))?;
        copy(from, &to).map_err(Failure::file(from))
    }

    /// Gives it its name, once all of it is on disk.
    fn finish(mut self, contents: &Contents, to: &Path) -> Result<(), Failure> {
        let text =
            serde_json::to_string_pretty(contents).map_err(|error| Failure::Usage(error.to_string()))?;
        let path = self.folder.join(NAME);
        crate::files::put_new(&path, (text + "\n").as_bytes(), 0o600).map_err(Failure::file(&path))?;
        Contents::check(&self.folder)?;
        place(&self.folder, to)?;
        self.folder = PathBuf::new();
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.folder.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Copies one file, only for its owner to read.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// Renames the folder `from`, all of whose folders are on disk then, to `to`.
fn place(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut folders = vec![from.to_owned()];
    for name in files(from)? {
        let within = Path::new(&name).ancestors().skip(1);
        folders.extend(within.map(|folder| from.join(folder)));
    }
    folders.sort();
    folders.dedup();
    for folder in folders {
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(Failure::file(&folder))?;
    }
    fs::rename(from, to).map_err(Failure::file(to))?;
    crate::files::sync_folder_of(to).map_err(Failure::file(to))
}

/// Whether a file of the service is copied as it is. The spool and its copies are not, nor what is only half written.
fn is_kept(name: &str) -> bool {
    let is_of_spool = name.starts_with("spool/") || ["calls.jsonl", "alerts.jsonl"].contains(&name);
    let is_database = name.starts_with("cases.db");
    let is_passing = [".new", ".staged", ".lock", "/lock"].iter().any(|end| name.ends_with(end));
    // What an earlier restore has brought is not taken for something of this one.
    let is_of_backup = [NAME, DUMP, ALERTS, CONFIGURATION, HOURS].contains(&name);
    !is_of_spool && !is_database && !is_passing && !is_of_backup && !is_audit_head(name)
}

fn is_audit_head(name: &str) -> bool {
    name.strip_prefix(audit_heads::FOLDER).is_some_and(|rest| rest.starts_with('/'))
}

/// How far each reader of the spool is.
fn readers(folder: &Path) -> BTreeMap<String, u64> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.filter_map(|it| it.file_name().to_str()?.strip_suffix(".position").map(str::to_owned));
    names
        .filter_map(|name| Some((Reader::open(folder, &name).ok()?.acknowledged(), name)))
        .map(|(at, name)| (name, at))
        .collect()
}

/// A time as part of a name.
fn plain(time: &str) -> String {
    let seconds = time.split('.').next().unwrap_or_default().trim_end_matches('Z');
    seconds.chars().filter(|it| *it != ':').chain(['Z']).collect()
}

const POLICIES: &str = "policies";
