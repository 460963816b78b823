//! Verification in a running service: what each engine verifies with, and who fetches certificates for all of them.

use std::path::Path;
use std::sync::Arc;

use collector::certificates::{
    Egress, Fetched, Fetcher, Wanted, WantedQueue, system_resolver, wanted, web_roots,
};
use collector::judge::{Counters, Handle};
use engine::Engine;
use stir::{Anchors, Settings, Verifier};

use super::config::Stir;
use crate::outcome::Failure;
use crate::signatures::anchors;

/// What signatures are verified with; nothing without trust anchors.
pub(super) struct Signing {
    anchors: Arc<Anchors>,
    settings: Settings,
    wanted: Wanted,
    queue: WantedQueue,
    fetcher: Fetcher,
}

impl Signing {
    pub(super) fn new(config: &Stir, data: &Path, counters: &Arc<Counters>) -> Result<Option<Self>, Failure> {
        if config.anchors.is_empty() {
            return Ok(None);
        }
        let egress = Egress {
            hosts: config.hosts.clone(),
            places: config.places.clone(),
            roots: Arc::new(web_roots(&config.web_anchors).map_err(Failure::Usage)?),
            resolve: system_resolver(),
        };
        let folder = data.join("certificates");
        let fetcher =
            Fetcher::new(egress, folder.clone(), Arc::clone(counters)).map_err(Failure::file(&folder))?;
        let (wanted, queue) = wanted();
        let settings =
            Settings { fresh_seconds: config.fresh_seconds, checks_each_second: config.checks_each_second };
        Ok(Some(Self { anchors: Arc::new(anchors(&config.anchors)?), settings, wanted, queue, fetcher }))
    }

    /// Has `engine` verify signatures.
    pub(super) fn equip(&self, engine: &mut Engine) {
        engine.verify_with(Verifier::new(Arc::clone(&self.anchors), self.settings));
    }

    /// Whom to tell which certificates are wanted.
    pub(super) fn wanted(&self) -> Wanted {
        self.wanted.clone()
    }

    /// Fetches what is wanted for as long as anybody judges, and brings it to all who do.
    pub(super) fn start(self, handles: Vec<Handle>) {
        let Self { queue, fetcher, .. } = self;
        tokio::spawn(fetcher.run(queue, move |address, fetched| {
            for handle in &handles {
                let (address, fetched) = (address.to_owned(), fetched.clone());
                // One that is too busy asks again.
                handle.ask(move |engine, at| {
                    let Some(verifier) = engine.verifier() else { return };
                    match fetched {
                        Fetched::Certificates(bytes, came) => verifier.learn(&address, &bytes, came),
                        Fetched::Nothing { until } => verifier.give_up(&address, until, at),
                    }
                });
            }
        }));
    }
}
