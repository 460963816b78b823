//! The keys of `[cases]`: where cases are kept, and when the desk is open.

use std::path::{Path, PathBuf};

use cases::notice::Settings;
use records::io::Place;
use serde::{Deserialize, Serialize};

use super::Config;
use super::records::BucketKeys;
use crate::outcome::Failure;
use crate::{audit_heads, desk_key, sla};

/// How alerts become cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CasesKeys {
    pub(crate) on: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_hours: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notices: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audit_heads: Option<PathBuf>,
    pub(crate) audit_bucket: BucketKeys,
}

impl Default for CasesKeys {
    fn default() -> Self {
        Self {
            on: true,
            database: None,
            service_hours: None,
            key: None,
            notices: None,
            audit_heads: None,
            audit_bucket: BucketKeys::default(),
        }
    }
}

/// The database of cases and the service hours, as a configuration and a folder say.
pub(crate) struct Cases {
    keys: CasesKeys,
    data: PathBuf,
}

impl Cases {
    /// By the configuration in `config`, or the defaults; `data` wins over its folder.
    pub(crate) fn of(config: Option<&Path>, data: Option<&Path>) -> Result<Self, Failure> {
        let config = config.map_or_else(|| Ok(Config::default()), Config::read)?;
        let data = data.map_or_else(|| config.data.clone(), Path::to_owned);
        Ok(Self { keys: config.cases, data })
    }

    /// By a configuration that was read.
    pub(crate) fn new(config: &Config) -> Self {
        Self { keys: config.cases.clone(), data: config.data.clone() }
    }

    /// Where the database is: a file in the folder of the service unless the configuration names another.
    pub(crate) fn place(&self) -> String {
        self.keys.database.clone().unwrap_or_else(|| self.file().display().to_string())
    }

    /// Whether there is something to open; a server is asked when it is opened.
    pub(crate) fn is_there(&self) -> bool {
        self.keys.database.is_some() || self.file().exists()
    }

    /// Calendars and terms.
    pub(crate) fn service(&self) -> Result<cases::Service, Failure> {
        self.keys.service_hours.as_deref().map_or_else(|| Ok(cases::Service::sample()), sla::read)
    }

    /// The file of the desk's key, whether there is one already or not.
    pub(crate) fn key(&self) -> PathBuf {
        self.keys.key.clone().unwrap_or_else(|| self.data.join(desk_key::NAME))
    }

    /// Where ends of audit chains are kept.
    pub(crate) fn audit_heads(&self) -> PathBuf {
        self.keys.audit_heads.clone().unwrap_or_else(|| self.data.join(audit_heads::FOLDER))
    }

    /// The bucket in which ends of audit chains are kept as well, if there is one. Whether its server is there is not asked.
    pub(crate) fn audit_bucket(&self) -> Result<Option<Place>, Failure> {
        let Some(remote) = self.keys.audit_bucket.remote() else { return Ok(None) };
        Place::bucket(&remote, &self.data).map(Some).map_err(|error| Failure::Usage(error.to_string()))
    }

    /// The file that says when the desk is open; `None` for the sample.
    pub(crate) fn service_hours(&self) -> Option<&Path> {
        self.keys.service_hours.as_deref()
    }

    /// The folder of the service.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Who is told of what; every mistake is said with its line.
    pub(crate) fn notices(&self, service: &cases::Service) -> Result<Settings, Failure> {
        let Some(path) = self.keys.notices.as_deref() else { return Ok(Settings::usual()) };
        let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
        let calendars: Vec<_> = service.calendars().map(cases::Calendar::name).collect();
        let mut settings = Settings::parse(&text, &calendars).map_err(|mistakes| {
            for mistake in &mistakes.0 {
                eprintln!("ringwall: {}:{}: {}", path.display(), mistake.line, mistake.what);
            }
            Failure::Said
        })?;
        let promised = service.terms().best_effort_seconds;
        for late in settings.late_routes(promised) {
            eprintln!(
                "ringwall: {}: route {late:?} waits for longer than the {promised} s within which notices of violations leave, as \
                 `best_effort` of the service hours says",
                path.display()
            );
        }
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        settings.resolve(|relative| folder.join(relative).display().to_string());
        if let Some(answers) = settings.sms.as_mut().and_then(|sms| sms.answers.as_mut()) {
            let path = Path::new(&answers.authorization_file);
            let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
            answers.authorization = text.lines().next().unwrap_or_default().trim().to_owned();
            if answers.authorization.is_empty() {
                return Err(Failure::Usage(format!("{}: its first line is empty", path.display())));
            }
        }
        Ok(settings)
    }

    fn file(&self) -> PathBuf {
        self.data.join("cases.db")
    }
}
