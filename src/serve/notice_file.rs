//! The file that says who is told of what: read at the start, and again when it changes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cases::Service;
use cases::notice::Settings;
use collector::judge::{Count, Counters};

use super::config::{Cases, Config};
use super::glance::Glance;
use crate::outcome::Failure;

/// What it said when it was right the last time, for whoever tells and for the pages.
pub(super) struct NoticeFile {
    cases: Cases,
    path: Option<PathBuf>,
    service: Service,
    current: Mutex<Arc<Settings>>,
    glance: Mutex<Glance>,
    is_asked: AtomicBool,
}

impl NoticeFile {
    /// Reads it; without one, the usual holds.
    pub(super) fn read(config: &Config) -> Result<Self, Failure> {
        let cases = Cases::new(config);
        // Hours of a desk that there is not are nobody's concern.
        let service = if config.cases.on { cases.service()? } else { Service::sample() };
        let path = config.cases.notices.clone().filter(|_| config.cases.on);
        let before = Glance::at(&path);
        let current = if path.is_some() { cases.notices(&service)? } else { Settings::usual() };
        let file = Self {
            cases,
            path,
            service,
            current: Mutex::new(Arc::new(current)),
            glance: Mutex::new(before),
            is_asked: AtomicBool::new(false),
        };
        file.narrow();
        Ok(file)
    }

    /// What is in force.
    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has it read anew with the next [`follow`](Self::follow).
    pub(super) fn ask(&self) {
        self.is_asked.store(true, Ordering::Relaxed);
    }

    /// Reads it again when it has changed and then stood still since the last call, or somebody asked; says so, and returns whether
    /// something else is in force. One with mistakes is counted, and what was right before stays.
    pub(super) fn follow(&self, counters: &Counters) -> bool {
        let Some(path) = &self.path else { return false };
        let is_asked = self.is_asked.swap(false, Ordering::Relaxed);
        let mut glance = self.glance.lock().unwrap_or_else(PoisonError::into_inner);
        if !glance.has_changed() && !is_asked {
            return false;
        }
        *glance = Glance::at(glance.paths());
        drop(glance);
        match self.cases.notices(&self.service) {
            Ok(settings) => {
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
                self.narrow();
                counters.add(Count::NoticesReloaded);
                eprintln!("ringwall: {} is in force", path.display());
                true
            }
            Err(failure) => {
                failure.report();
                counters.add(Count::NoticesRefused);
                eprintln!("ringwall: {}: what was in force stays in force", path.display());
                false
            }
        }
    }

    /// Looks at the file and at the one with the secret of answers, whose contents are a part of the settings.
    fn narrow(&self) {
        let settings = self.settings();
        let secret = settings.sms.as_ref().and_then(|sms| sms.answers.as_ref());
        let secret = secret.map(|answers| PathBuf::from(&answers.authorization_file));
        let paths = self.path.iter().cloned().chain(secret).collect();
        self.glance.lock().unwrap_or_else(PoisonError::into_inner).narrow(paths);
    }
}
