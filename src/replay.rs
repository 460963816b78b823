//! `ringwall replay`: inspects captures in capture time.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use collector::{Assembler, Merge};
use engine::sip::Message;
use engine::{Attempt, Engine, Handled, Packet};
use reporter::{Alert, Alerts, Amount, CallLine, Dropped, InOrder, Reconciliation, Recount, Sensor, Summary};
use rules::policy::{AlertLevel, Mode, PolicySet};
use rules::{Reason, Timestamp};

use crate::files::is_same_file;
use crate::outcome::{Failure, Outcome};
use crate::progress::Progress;
use crate::signatures::Signatures;
use crate::stored::Stored;
use crate::{policies, state};

/// Inspect captures (pcap, pcapng, compressed or not) at full speed in capture time.
///
/// Without --policy nothing is judged. Exit code 0 whatever the verdicts, 1 when --reconcile finds a difference, 2 when
/// a file could not be read at all (the others are read first).
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall replay --policy acme.toml --calls calls.jsonl --alerts alerts.jsonl monday.pcap tuesday.pcapng\n  \
ringwall replay --policy acme.toml --reconcile monday.pcap\n  \
ringwall replay --policy acme.toml --records records monday.pcap\n  \
ringwall replay --policy acme.toml --anchors sti-ca.pem --certificates fetched --calls - monday.pcap\n  \
zcat old.pcap.gz | ringwall replay --json -"
)]
pub(crate) struct Arguments {
    /// A customer's policy; may be given several times.
    #[arg(long)]
    policy: Vec<PathBuf>,
    /// Write one JSON object per call attempt to this file (`-`: standard output, the summary then goes to stderr).
    #[arg(long, value_name = "OUT")]
    calls: Option<PathBuf>,
    /// Write one JSON object per alert to this file (`-`: standard output).
    #[arg(long, value_name = "OUT")]
    alerts: Option<PathBuf>,
    /// Write the call records into this folder, as a service keeps them: Parquet files by customer and day.
    #[arg(long, value_name = "DIR")]
    records: Option<PathBuf>,
    /// Use this mode instead of each policy's and rule's own, except `off`.
    #[arg(long, value_enum)]
    mode: Option<ModeArgument>,
    /// Usual values that limits with a `baseline` are multiples of: a JSON object a line, `customer`, `threshold`,
    /// `hour_of_week` (0 is Monday at midnight), `value`, `samples`.
    #[arg(long, value_name = "FILE")]
    usual: Option<PathBuf>,
    /// Go on with the state in this file, under the same policies: calls that are up, counters, blocks in force.
    #[arg(long, value_name = "FILE")]
    restore: Option<PathBuf>,
    /// Write the state at the end to this file; calls that are up go on there and are not told here.
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
    /// Count every threshold a second time, plainly, from the call lines, and compare with the alerts; exit code 1 when
    /// they differ.
    #[arg(long, conflicts_with_all = ["restore", "snapshot"])]
    reconcile: bool,
    #[command(flatten)]
    signatures: Signatures,
    /// Print the summary as one JSON object.
    #[arg(long)]
    json: bool,
    /// Captures; `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ModeArgument {
    Enforce,
    Shadow,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let mode = arguments.mode.map(|mode| match mode {
        ModeArgument::Enforce => Mode::Enforce,
        ModeArgument::Shadow => Mode::Shadow,
    });
    if [&arguments.calls, &arguments.alerts].iter().all(|out| out.as_deref() == Some(Path::new("-"))) {
        return Err(Failure::Usage("--calls and --alerts cannot both go to standard output".to_owned()));
    }
    arguments.spare_inputs()?;
    let policies = policies::load(&arguments.policy, mode)?;
    let mut replay = match &arguments.restore {
        Some(path) => Replay::with(state::read(path, policies)?),
        None => Replay::new(policies),
    };
    replay.goes_on = arguments.snapshot.is_some();
    if let Some(verifier) = arguments.signatures.verifier(Timestamp::default())? {
        replay.engine.verify_with(verifier);
    }
    if let Some(path) = &arguments.usual {
        let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
        let usual = reporter::read_usual(&text, &replay.engine.policies())
            .map_err(|bad| Failure::Usage(format!("{}, {bad}", path.display())))?;
        replay.engine.set_usual(&usual);
    }
    let mut calls = arguments.calls.as_deref().map(Lines::create).transpose()?;
    let mut alerts = arguments.alerts.as_deref().map(Lines::create).transpose()?;
    let mut recount = arguments.reconcile.then(|| Recount::new(replay.engine.policies()));
    let mut stored = arguments
        .records
        .as_deref()
        .map(|folder| Stored::create(folder, &replay.engine.policies()))
        .transpose()?;
    replay.tell_calls = calls.is_some() || recount.is_some() || stored.is_some();
    let said = replay.run(&arguments.files, &mut |told| match told {
        Told::Call { line, sequence } => {
            if let Some(recount) = &mut recount {
                recount.see_line(line);
            }
            if let Some(stored) = &mut stored {
                stored.take(line)?;
            }
            calls.as_mut().map_or(Ok(()), |lines| lines.write_in_order(sequence, line))
        }
        Told::Unordered { call_id, handled, at, counted } => {
            if let Some(recount) = &mut recount {
                recount.see_message(call_id, handled, at, counted);
            }
            Ok(())
        }
        Told::Alert(alert) => {
            if let Some(recount) = &mut recount {
                recount.see_alert(alert);
            }
            alerts.as_mut().map_or(Ok(()), |lines| lines.write(alert))
        }
    })?;
    stored.map_or(Ok(()), Stored::finish)?;
    let reconciliation = recount.map(|recount| recount.finish(replay.last_message));
    if let Some(path) = &arguments.snapshot {
        state::write(path, &replay.engine)?;
    }
    let to_stdout = [&calls, &alerts].into_iter().flatten().any(|lines| lines.is_stdout);
    for lines in [calls, alerts].into_iter().flatten() {
        lines.finish()?;
    }
    for sentence in &said {
        eprintln!("ringwall: {sentence}");
    }
    print(&replay.summary, reconciliation.as_ref(), arguments.json, to_stdout).map_err(Failure::Output)?;
    let differs = reconciliation.is_some_and(|reconciliation| !reconciliation.agree);
    Ok(match () {
        () if replay.refused => Outcome::Refused,
        () if differs => Outcome::Findings,
        () => Outcome::Done,
    })
}

impl Arguments {
    /// Refuses to write over what is read, by whatever name it is called, and to write two things into one file.
    fn spare_inputs(&self) -> Result<(), Failure> {
        let outputs = [("--calls", &self.calls), ("--alerts", &self.alerts), ("--snapshot", &self.snapshot)];
        let outputs = outputs.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)));
        let outputs: Vec<(&str, &Path)> = outputs.filter(|(_, path)| *path != Path::new("-")).collect();
        let inputs = self.files.iter().chain(&self.policy).chain(&self.usual).map(PathBuf::as_path);
        // A run that goes on may keep its state where it found it: it is read whole before.
        let restored = self.restore.as_deref();
        for (option, output) in &outputs {
            let others = restored.filter(|_| *option != "--snapshot");
            if let Some(input) = inputs.clone().chain(others).find(|input| is_same_file(input, output)) {
                return Err(Failure::Usage(format!(
                    "{option} {} would overwrite {}, which is read; name another file",
                    output.display(),
                    input.display()
                )));
            }
        }
        let mut left = outputs.as_slice();
        while let [(option, output), rest @ ..] = left {
            if let Some((other, _)) = rest.iter().find(|(_, other)| is_same_file(output, other)) {
                return Err(Failure::Usage(format!(
                    "{option} and {other} would both write {}; name two files",
                    output.display()
                )));
            }
            left = rest;
        }
        Ok(())
    }
}

/// One run over captures.
pub(crate) struct Replay {
    engine: Engine,
    summary: Summary,
    alerts: Alerts,
    tell_calls: bool,
    /// Whether somebody goes on where it ends.
    goes_on: bool,
    refused: bool,
    /// When the last message was seen.
    last_message: Timestamp,
}

/// News of a run.
pub(crate) enum Told<'a> {
    /// An attempt ended. Sequences begin at 1 and leave none out; several customers share one.
    Call { line: &'a CallLine<'a>, sequence: u64 },
    /// A message that does not come after all others by its stamp, and when it counted; only where calls are told.
    Unordered { call_id: &'a str, handled: &'a Handled<'a>, at: Timestamp, counted: Timestamp },
    /// An alert.
    Alert(&'a Alert),
}

impl Replay {
    pub(crate) fn new(policies: PolicySet) -> Self {
        Self::with(Engine::new(Arc::new(policies)))
    }

    fn with(engine: Engine) -> Self {
        Self {
            engine,
            summary: Summary::default(),
            alerts: Alerts::default(),
            tell_calls: true,
            goes_on: false,
            refused: false,
            last_message: Timestamp::default(),
        }
    }

    /// What was seen.
    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Runs over `files`, merged by time. Returns sentences about files that could not be read, or not to their end.
    pub(crate) fn run(
        &mut self,
        files: &[PathBuf],
        tell: &mut dyn FnMut(Told<'_>) -> Result<(), Failure>,
    ) -> Result<Vec<String>, Failure> {
        if !self.tell_calls {
            self.engine.leave_out_others();
        }
        let mut merge = Merge::open(files);
        let bytes = files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|data| data.len()).sum();
        let progress = Progress::new(bytes, QUICK_BYTES);
        let mut assembler = Assembler::default();
        let (mut first, mut last) = (None, None);
        let mut failed = None;
        while let Some(frame) = merge.next_frame() {
            first.get_or_insert(frame.at);
            last = last.max(Some(frame.at));
            progress.see(frame.data.len() as u64 + FRAME_HEADER_BYTES);
            let Self { engine, summary, alerts, tell_calls, last_message, .. } = self;
            // The loss before this frame.
            let lost = assembler.lost(frame.at);
            assembler.assemble(frame, &mut |packet| {
                if let Err(failure) = take(engine, summary, last_message, *tell_calls, &packet, tell) {
                    failed.get_or_insert(failure);
                }
                if let Err(failure) = drain(engine, summary, alerts, *tell_calls, lost, tell) {
                    failed.get_or_insert(failure);
                }
            });
            if let Some(failure) = failed.take() {
                return Err(failure);
            }
        }
        let Self { engine, summary, tell_calls, last_message, .. } = &mut *self;
        assembler.finish(&mut |packet| {
            if let Err(failure) = take(engine, summary, last_message, *tell_calls, &packet, tell) {
                failed.get_or_insert(failure);
            }
        });
        failed.map_or(Ok(()), Err)?;
        if !self.goes_on {
            self.engine.finish();
        }
        let drops = merge.drops();
        let lost = assembler.lost(self.last_message) + drops.lost();
        self.summary.frames_cut = assembler.counters().frames_cut;
        self.summary.messages_truncated = assembler.counters().messages_truncated;
        self.summary.dropped = Dropped {
            packets: drops.lost(),
            by_interface: drops.by_interface,
            by_system: drops.by_system,
            between_packets: drops.between_packets,
        };
        drain(&mut self.engine, &mut self.summary, &mut self.alerts, self.tell_calls, lost, tell)?;
        self.finish_alerts(lost, tell)?;
        progress.finish();
        self.summary.frames = merge.frames();
        self.summary.seconds = first
            .zip(last)
            .map_or(0.0, |(first, last): (Timestamp, Timestamp)| last.micros_since(first) as f64 / 1e6);
        self.summary.finish();
        self.refused = !merge.refused().is_empty();
        let notes = merge.notes().map(ToString::to_string);
        Ok(notes.chain(merge.refused().iter().map(ToString::to_string)).collect())
    }

    fn finish_alerts(
        &mut self,
        lost: u64,
        tell: &mut dyn FnMut(Told<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let alerts = std::mem::take(&mut self.alerts);
        self.summary.alerts += alerts.raised();
        let sensor = sensor(&self.engine, lost);
        alerts.finish().into_iter().try_for_each(|alert| tell(Told::Alert(&Alert { sensor, ..alert })))
    }
}

/// Takes one message, and tells when it counted where its stamp does not say so.
fn take(
    engine: &mut Engine,
    summary: &mut Summary,
    last_message: &mut Timestamp,
    tell_calls: bool,
    packet: &Packet<'_>,
    tell: &mut dyn FnMut(Told<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let is_unordered = packet.at <= *last_message;
    *last_message = packet.at.max(*last_message);
    let handled = engine.handle(packet);
    summary.see(&handled);
    if !is_unordered || !tell_calls {
        return Ok(());
    }
    let call_id = String::from_utf8_lossy(Message::read(packet.payload).call_id());
    tell(Told::Unordered {
        call_id: &call_id,
        handled: &handled,
        at: packet.at,
        counted: engine.counted_until(),
    })
}

/// Tells of every attempt that ended.
fn drain(
    engine: &mut Engine,
    summary: &mut Summary,
    alerts: &mut Alerts,
    tell_calls: bool,
    lost: u64,
    tell: &mut dyn FnMut(Told<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let policies = engine.policies();
    while let Some(attempt) = engine.poll_ended() {
        for view in &attempt.views {
            if attempt.is_call() && !attempt.is_leg() {
                summary.judge(view.verdict.map_or(rules::Action::Allow, |verdict| verdict.action).word());
            }
            // What a threshold decided it has told already.
            let by_rule = view.verdict.filter(|verdict| verdict.reason != Reason::Threshold);
            let alert = by_rule.map_or(AlertLevel::None, |verdict| verdict.alert);
            if tell_calls || alert != AlertLevel::None {
                let line = CallLine::new(attempt, view, &policies);
                alerts.see(&line, alert, attempt.progress.started);
                tell_call(tell_calls, attempt, &line, tell)?;
            }
        }
    }
    while let Some(alert) = alerts.pop() {
        tell(Told::Alert(&Alert { sensor: sensor(engine, lost), ..alert }))?;
    }
    while let Some(breach) = engine.poll_breach() {
        summary.alerts += 1;
        if let Some(alert) = Alert::of_breach(&breach, &policies) {
            tell(Told::Alert(&Alert { sensor: sensor(engine, lost), ..alert }))?;
        }
    }
    while let Some(silence) = engine.poll_silence() {
        summary.alerts += 1;
        if let Some(alert) = Alert::of_silence(&silence, &policies) {
            tell(Told::Alert(&Alert { sensor: sensor(engine, lost), ..alert }))?;
        }
    }
    Ok(())
}

/// How well could be seen so far.
fn sensor(engine: &Engine, lost: u64) -> Option<Sensor> {
    Some(Sensor { lost, answers_seen: Amount(engine.answers_seen()) })
}

fn tell_call(
    wanted: bool,
    attempt: &Attempt,
    line: &CallLine<'_>,
    tell: &mut dyn FnMut(Told<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if wanted { tell(Told::Call { line, sequence: attempt.sequence }) } else { Ok(()) }
}

fn print(
    summary: &Summary,
    reconciliation: Option<&Reconciliation>,
    json: bool,
    stdout_is_taken: bool,
) -> io::Result<()> {
    let mut text = Vec::new();
    if json {
        reporter::to_line(&mut text, &Report { summary, reconciliation })?;
    } else {
        writeln!(text, "{summary}")?;
        if let Some(reconciliation) = reconciliation {
            writeln!(text, "{reconciliation}")?;
        }
    }
    if stdout_is_taken { io::stderr().write_all(&text) } else { io::stdout().write_all(&text) }
}

/// The object that `--json` prints.
#[derive(serde::Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    reconciliation: Option<&'a Reconciliation>,
}

/// JSON lines on their way to a file or to standard output.
struct Lines {
    out: BufWriter<Box<dyn Write>>,
    path: PathBuf,
    is_stdout: bool,
    held: InOrder<Vec<u8>>,
}

impl Lines {
    fn create(path: &Path) -> Result<Self, Failure> {
        let is_stdout = path == Path::new("-");
        let out: Box<dyn Write> = if is_stdout {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path).map_err(Failure::file(path))?)
        };
        Ok(Self { out: BufWriter::new(out), path: path.to_owned(), is_stdout, held: InOrder::default() })
    }

    fn write(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        reporter::to_line(&mut self.out, value).map_err(|error| failure(&self.path, self.is_stdout, error))
    }

    /// Writes lines in the order in which their calls began.
    fn write_in_order(&mut self, sequence: u64, line: &CallLine<'_>) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        reporter::to_line(&mut bytes, line).map_err(Failure::Output)?;
        self.held.push(sequence, bytes);
        while let Some(line) = self.held.pop() {
            self.out.write_all(&line).map_err(|error| failure(&self.path, self.is_stdout, error))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Failure> {
        for line in self.held.finish() {
            self.out.write_all(&line).map_err(|error| failure(&self.path, self.is_stdout, error))?;
        }
        self.out.flush().map_err(|error| failure(&self.path, self.is_stdout, error))
    }
}

fn failure(path: &Path, is_stdout: bool, error: io::Error) -> Failure {
    if is_stdout { Failure::Output(error) } else { Failure::File(path.to_owned(), error) }
}

/// Bytes that a capture adds to each frame.
const FRAME_HEADER_BYTES: u64 = 16;
/// Files that are read within a second show no bar.
const QUICK_BYTES: u64 = 500 << 20;
