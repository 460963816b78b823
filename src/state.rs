//! The file in which the state of an engine outlives a restart.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use engine::{Budget, Engine};
use rules::policy::PolicySet;

use crate::outcome::Failure;

/// The name of the file under `--data`.
pub(crate) const NAME: &str = "counters.state";

/// The same for the proxy, whose calls go on after they were judged.
pub(crate) const PROXY_NAME: &str = "proxy.state";
/// The same for the bridge.
pub(crate) const BRIDGE_NAME: &str = "bridge.state";

/// The same for what only watches.
pub(crate) const SENSOR_NAME: &str = "sensor.state";

/// All of them.
pub(crate) const NAMES: [&str; 4] = [NAME, PROXY_NAME, BRIDGE_NAME, SENSOR_NAME];

/// An engine that goes on where the state in `path` ends, under the same policies.
pub(crate) fn read(path: &Path, policies: PolicySet) -> Result<Engine, Failure> {
    let state = fs::read(path).map_err(Failure::file(path))?;
    Engine::restore(Arc::new(policies), Budget::default(), &state)
        .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

/// Writes what `engine` knows. Whoever reads `path` finds the old state or the new one, whole, whatever happens meanwhile.
pub(crate) fn write(path: &Path, engine: &Engine) -> Result<(), Failure> {
    write_bytes(path, &engine.snapshot())
}

/// The same with a state that was taken before.
pub(crate) fn write_bytes(path: &Path, state: &[u8]) -> Result<(), Failure> {
    let beside = path.with_extension("new");
    let written = write_beside(path, &beside, state);
    if written.is_err() {
        // What is half written helps nobody; that it is there would only be confusing.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(Failure::file(path))
}

fn write_beside(path: &Path, beside: &Path, state: &[u8]) -> io::Result<()> {
    let mut file = File::create(beside)?;
    file.write_all(state)?;
    file.sync_all()?;
    fs::rename(beside, path)?;
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}
