//! What a command asks of a running service, over a socket under `--data`: one line of JSON there, one back.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reporter::Block;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blocks::Change;
use crate::changes::{Declined, Wanted};
use crate::outcome::Failure;
use crate::trial::Probe;

/// The name of the socket under `--data`.
pub(crate) const NAME: &str = "control.socket";

/// What can be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asked {
    /// The blocks in force.
    Blocks,
    /// That one is changed.
    ChangeBlock(Change),
    /// The policies in force.
    InForce,
    /// That policies or lists are changed.
    Change(Box<Wanted>),
    /// What all who judge decide about calls that nobody makes.
    Try { customer: String, probes: Vec<Probe> },
}

/// A block, or whatever was asked about, for people and for machines.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// In one line.
    pub(crate) text: String,
    /// As an object.
    pub(crate) value: Value,
}

/// A policy in force.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InForce {
    pub(crate) customer: String,
    /// Its version: the hash that verdicts carry.
    pub(crate) version: String,
    /// The change that installed it; `None` when it comes from a file.
    pub(crate) number: Option<u64>,
    /// The file that it came from.
    pub(crate) path: Option<PathBuf>,
}

/// What the service that works in `data` judges by; `None` when none does.
pub(crate) fn in_force(data: &Path) -> Result<Option<Vec<InForce>>, Failure> {
    let Some(answer) = ask(data, &Asked::InForce)? else { return Ok(None) };
    let told = answer.map_err(|declined| Failure::Usage(declined.said))?;
    Ok(Some(told.into_iter().filter_map(|told| serde_json::from_value(told.value).ok()).collect()))
}

/// What was asked about, or why there is nothing.
pub(crate) type Answer = Result<Vec<Told>, Declined>;

impl Asked {
    /// The change of a block that is asked for.
    pub(crate) fn change(&self) -> Option<&Change> {
        match self {
            Self::ChangeBlock(change) => Some(change),
            _ => None,
        }
    }
}

impl Told {
    pub(crate) fn new(block: &Block) -> Self {
        // Plain data: there is nothing in it that is no JSON.
        Self { text: block.to_string(), value: serde_json::to_value(block).unwrap_or_default() }
    }
}

/// Asks the service that works in `data`; `None` when none does.
pub(crate) fn ask(data: &Path, asked: &Asked) -> Result<Option<Answer>, Failure> {
    let path = data.join(NAME);
    let stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error) if is_nobody(&error) => return Ok(None),
        Err(error) => return Err(Failure::file(&path)(error)),
    };
    converse(stream, asked).map(Some).map_err(Failure::file(&path))
}

/// Whether a service works in `data`.
pub(crate) fn is_served(data: &Path) -> bool {
    UnixStream::connect(data.join(NAME)).is_ok()
}

/// Whether `error` says that no service listens.
pub(crate) fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn converse(mut stream: UnixStream, asked: &Asked) -> io::Result<Answer> {
    let patience = if matches!(asked, Asked::Change(_)) { LONG_PATIENCE } else { PATIENCE };
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(asked)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut said = String::new();
    BufReader::new(stream).read_line(&mut said)?;
    if said.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the service ended without an answer"));
    }
    Ok(serde_json::from_str(&said)?)
}

/// How long a service may take: longer than it gives itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for a change of policies, which may be large.
const LONG_PATIENCE: Duration = Duration::from_secs(630);
