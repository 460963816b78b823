//! The socket under `--data` over which commands ask a running service.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use std::sync::mpsc::Sender;

use collector::judge::Handle;
use engine::Engine;
use rules::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::keeper::Order;
use super::mounts::Snapshot;
use super::records::Keeping;
use crate::blocks::{self, Change};
use crate::changes::Declined;
use crate::control::{self, Answer, Asked, Told};
use crate::outcome::Failure;
use crate::trial::Shown;

/// Who answers.
pub(super) struct Control {
    /// Where the service keeps everything.
    pub(super) data: PathBuf,
    /// All threads that judge.
    pub(super) mounts: Vec<Controlled>,
    /// Who writes their states.
    pub(super) keeping: Keeping,
    /// Who keeps policies in force.
    pub(super) keeper: Sender<Order>,
    /// What is in force, as that one tells it.
    pub(super) in_force: Arc<Mutex<Vec<Told>>>,
}

/// A thread that judges, as far as it is asked.
pub(super) struct Controlled {
    /// What it is called in words to people.
    pub(super) name: &'static str,
    /// The file of its state.
    pub(super) file: &'static str,
    pub(super) handle: Handle,
    pub(super) snapshot: Snapshot,
}

/// Listens in `data`. No two services may work in one folder: each would write over what the other knows.
pub(super) fn listen(data: &Path) -> Result<UnixListener, Failure> {
    let path = data.join(control::NAME);
    match Probe::connect(&path) {
        Ok(_) => {
            let wrong = format!("another ringwall serve works in {}", data.display());
            return Err(Failure::Usage(wrong));
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(&path).map_err(Failure::file(&path))?;
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(&path).map_err(Failure::file(&path))?;
    let owner_only = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, owner_only).map_err(Failure::file(&path))?;
    Ok(listener)
}

/// Answers on `listener` until `stop` says so, and takes the socket away.
pub(super) async fn serve(listener: UnixListener, control: Control, mut stop: watch::Receiver<bool>) {
    let control = Arc::new(control);
    let places = Arc::new(Semaphore::new(CONVERSATIONS_MAX));
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, _)) = taken else {
            // Out of file descriptors: asking again at once would only burn time.
            sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let control = Arc::clone(&control);
        tokio::spawn(async move {
            // Whoever goes away gets nothing.
            let _ = control.converse(stream).await;
            drop(place);
        });
    }
    let _ = std::fs::remove_file(control.data.join(control::NAME));
}

impl Control {
    async fn converse(&self, mut stream: UnixStream) -> io::Result<()> {
        let (reader, mut writer) = stream.split();
        let mut line = Vec::new();
        let mut reader = BufReader::new(reader.take(LINE_BYTES_MAX));
        // Whoever asks too slowly gets nothing.
        timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await??;
        let answer = match serde_json::from_slice(&line) {
            Ok(asked) => {
                let patience = if matches!(asked, Asked::Change(_)) { LONG_PATIENCE } else { PATIENCE };
                timeout(patience, self.answer(asked)).await?
            }
            Err(error) => Err(Declined::usage(format!("this cannot be asked: {error}"))),
        };
        let mut said = serde_json::to_vec(&answer)?;
        said.push(b'\n');
        timeout(PATIENCE, writer.write_all(&said)).await?
    }

    async fn answer(&self, asked: Asked) -> Answer {
        match asked {
            Asked::Blocks => {
                let blocks = self.of_each(|_| blocks::list).await?.into_iter().flatten();
                Ok(blocks::merge(blocks).iter().map(Told::new).collect())
            }
            Asked::ChangeBlock(change) => self.change(change).await,
            Asked::InForce => Ok(self.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            Asked::Try { customer, probes } => {
                let shown = self
                    .of_each(|mount| {
                        let (customer, probes, name) = (customer.clone(), probes.clone(), mount.name);
                        move |engine: &mut Engine, at| {
                            Shown::new(name, &customer, engine.policies().policies(), &probes, at)
                        }
                    })
                    .await?;
                let told = |shown: Shown| Told {
                    text: shown.mount.clone(),
                    value: serde_json::to_value(shown).unwrap_or_default(),
                };
                Ok(shown.into_iter().map(told).collect())
            }
            Asked::Change(wanted) => {
                self.ask_keeper(|tell| Order::Change(wanted, tell)).await?.map(|made| vec![made])
            }
        }
    }

    /// Writes down who wants it, makes it, and has it on disk before it is acknowledged.
    async fn change(&self, change: Change) -> Answer {
        let previews = self
            .of_each(|_| {
                let change = change.clone();
                move |engine: &mut Engine, at| change.preview(engine, at)
            })
            .await?;
        let Some((before, after)) = previews.into_iter().flatten().next() else {
            return Err(Declined::usage(change.unknown()));
        };
        change.note(&self.data, &before, &after)?;
        let changed = self
            .of_each(|mount| {
                let (change, snapshot) = (change.clone(), mount.snapshot);
                move |engine: &mut Engine, at| Some((change.apply(engine, at)?, snapshot(engine)))
            })
            .await?;
        let mut blocks = Vec::new();
        for (mount, (block, state)) in
            self.mounts.iter().zip(changed).filter_map(|(mount, it)| Some((mount, it?)))
        {
            self.keeping.keep(mount.file, state).await.map_err(Declined::usage)?;
            blocks.push(block);
        }
        // It may have ended by itself in between.
        if blocks.is_empty() {
            return Err(Declined::usage(change.unknown()));
        }
        Ok(blocks::merge(blocks).iter().map(Told::new).collect())
    }

    /// Has whoever keeps policies in force do something.
    async fn ask_keeper<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Declined> {
        let (tell, told) = oneshot::channel();
        let is_asked = self.keeper.send(order(tell)).is_ok();
        let gone = || Declined::usage("the service ends");
        if is_asked { told.await.map_err(|_| gone()) } else { Err(gone()) }
    }

    /// Has what `job` makes done by each thread that judges; what they find, in order.
    async fn of_each<T, J>(&self, job: impl Fn(&Controlled) -> J) -> Result<Vec<T>, Declined>
    where
        T: Send + 'static,
        J: FnOnce(&mut Engine, Timestamp) -> T + Send + 'static,
    {
        let mut found = Vec::new();
        for mount in &self.mounts {
            let (tell, told) = oneshot::channel();
            let job = job(mount);
            mount.handle.ask(move |engine, at| {
                // Whoever asked may have gone away.
                let _ = tell.send(job(engine, at));
            });
            found.push(told.await.map_err(|_| Declined::usage("too much waits to be judged; ask again"))?);
        }
        Ok(found)
    }
}

const CONVERSATIONS_MAX: usize = 16;
const LINE_BYTES_MAX: u64 = 64 << 10;
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(5);
/// For a change of policies: lists of ten million numbers are read and compiled.
const LONG_PATIENCE: Duration = Duration::from_secs(600);
