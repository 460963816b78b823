//! What is measured now and then, beside what is counted: the database of cases, the disk, certificates, feeds, this process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cases::io::store::Figures;
use console::{Kind, Sample};
use rules::Timestamp;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::config::Config;
use crate::feeds::Feeds;
use crate::policies;

/// What was measured last.
#[derive(Clone)]
pub(super) struct Watched {
    of_desk: Arc<Mutex<Vec<Sample>>>,
    /// What was counted, and when.
    figures: Arc<Mutex<Option<(Figures, Timestamp)>>>,
    data: PathBuf,
    began: Timestamp,
    /// What a certificate is for, and its file.
    certificates: Arc<Vec<(&'static str, PathBuf)>>,
    feeds: Arc<Vec<String>>,
}

impl Watched {
    pub(super) fn new(config: &Config) -> Self {
        let of = |name, path: &Option<PathBuf>| path.clone().map(|path| (name, path));
        let certificates = [
            of("redirect", &config.redirect.certificate),
            of("proxy", config.proxy.certificate_file()),
            of("mail", &config.mail.certificate),
        ];
        Self {
            of_desk: Arc::default(),
            figures: Arc::default(),
            data: config.data.clone(),
            began: policies::now(),
            certificates: Arc::new(certificates.into_iter().flatten().collect()),
            feeds: Arc::new(config.feed.iter().map(|feed| feed.name.clone()).collect()),
        }
    }

    /// Takes what was counted in the database.
    pub(super) fn take(&self, figures: &Figures, now: Timestamp) {
        *self.of_desk.lock().unwrap_or_else(PoisonError::into_inner) = of_desk(figures, now);
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = Some((figures.clone(), now));
    }

    /// What was counted in the database last, and when.
    pub(super) fn figures(&self) -> Option<(Figures, Timestamp)> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of it.
    pub(super) fn samples(&self, now: Timestamp) -> Vec<Sample> {
        let mut samples = self.of_desk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        samples.extend(self.of_disk());
        samples.extend(self.certificates.iter().filter_map(|(name, path)| of_certificate(name, path)));
        let known = Feeds::of(&self.data);
        for name in self.feeds.iter() {
            let seen = known.known(name).seen.and_then(|seen| seen.parse::<jiff::Timestamp>().ok());
            // One that never came is as old as this run.
            let seen = seen.map_or(self.began, |seen| Timestamp(seen.as_microsecond()));
            let age = now.micros_since(seen) as f64 / 1e6;
            let help = "Seconds since a feed was fetched, or found unchanged.";
            samples.push(gauge("feed_age_seconds", help, Some(("feed", name.clone())), age));
        }
        samples.extend(self.of_process());
        // Lines of one metric stand together.
        samples.sort_by_key(|sample| sample.name);
        samples
    }

    fn of_disk(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        if let Ok(found) = nix::sys::statvfs::statvfs(&self.data) {
            let block = found.fragment_size() as f64;
            let free = found.blocks_available() as f64 * block;
            let help = "Bytes that are free where the service keeps everything.";
            samples.push(gauge("disk_free_bytes", help, None, free));
            let help = "Bytes of the disk where the service keeps everything.";
            samples.push(gauge("disk_bytes", help, None, found.blocks() as f64 * block));
        }
        let spool = folder_bytes(&self.data.join(super::SPOOL));
        samples.push(gauge("spool_bytes", "Bytes that the spool takes on the disk.", None, spool));
        samples
    }

    fn of_process(&self) -> Vec<Sample> {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = status.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok());
        let files = std::fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or_default();
        let began = self.began.0 as f64 / 1e6;
        let version = Some(("version", env!("CARGO_PKG_VERSION").to_owned()));
        vec![
            gauge(
                "memory_bytes",
                "Memory that this process has.",
                None,
                pages.unwrap_or_default() * PAGE_BYTES,
            ),
            gauge("open_files", "Files and sockets that this process has open.", None, files as f64),
            gauge("start_time_seconds", "When this process began, in seconds since 1970.", None, began),
            gauge("build_info", "Always 1; says which version runs.", version, 1.0),
        ]
    }
}

fn of_desk(figures: &Figures, now: Timestamp) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut by_word = |name, help, label, counted: &[(String, i64)]| {
        let sample =
            |(word, count): &(String, i64)| gauge(name, help, Some((label, word.clone())), *count as f64);
        samples.extend(counted.iter().map(sample));
    };
    by_word("cases_open", "Open cases, by where they stand.", "state", &figures.cases);
    by_word(
        "outgoing_failed",
        "Messages that reached nobody and are given up, by channel.",
        "channel",
        &figures.failed,
    );
    by_word(
        "report_runs",
        "Runs of reports that run by themselves, by where they stand.",
        "state",
        &figures.runs,
    );
    let waiting: Vec<_> =
        figures.waiting.iter().map(|(channel, count, _)| (channel.clone(), *count)).collect();
    by_word("outgoing_waiting", "Messages that wait to go out, by channel.", "channel", &waiting);
    for (channel, _, oldest) in &figures.waiting {
        let late = now.micros_since(*oldest).max(0) as f64 / 1e6;
        let help = "Seconds for which the oldest message that waits has been due, by channel.";
        samples.push(gauge("outgoing_late_seconds", help, Some(("channel", channel.clone())), late));
    }
    for (name, help, count) in [
        ("cases_overdue", "Open cases whose next due time is over.", figures.cases_overdue),
        (
            "cases_critical_untaken",
            "Open critical cases that nobody has taken.",
            figures.cases_critical_untaken,
        ),
        ("mails_unread", "Mails that were taken and are not read yet.", figures.mails_unread),
        ("alerts_set_aside", "Alerts that are in no case.", figures.set_aside),
        (
            "notices_behind",
            "Cases that changed and that notices have not looked at yet.",
            figures.notices_behind,
        ),
        ("report_schedules", "Reports that run by themselves.", figures.schedules),
        ("report_runs_late", "Runs that are due for 45 minutes or longer, and not over.", figures.runs_late),
        ("report_bytes", "Bytes of reports that are kept, as they are stored.", figures.report_bytes),
    ] {
        samples.push(gauge(name, help, None, count as f64));
    }
    samples
}

/// When a certificate ends; nothing of one that cannot be read, which would not have let the service start.
fn of_certificate(name: &str, path: &Path) -> Option<Sample> {
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    let der = CertificateDer::from_pem_file(path).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let end = certificate.validity().not_after.timestamp() as f64;
    let help = "When the certificate of a listener ends, in seconds since 1970, by listener.";
    Some(gauge("certificate_not_after_seconds", help, Some(("listener", name.to_owned())), end))
}

fn folder_bytes(folder: &Path) -> f64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let lengths = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
        Ok(found) => found.len() as f64,
        Err(_) => 0.0,
    });
    lengths.sum()
}

fn gauge(
    name: &'static str,
    help: &'static str,
    label: Option<(&'static str, String)>,
    value: f64,
) -> Sample {
    Sample { name, help, label, kind: Kind::Gauge(value) }
}

/// Of Linux on the machines that this runs on.
const PAGE_BYTES: f64 = 4_096.0;
