//! A PDF is set by a program of its own: what strangers wrote can cost it time and memory, and costs a service neither.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use cases::schedule::NotMade;
use reporter::document::Document;

use super::catalogue::{finally, later};

/// `document` as a PDF.
pub(super) fn write(document: &Document) -> Result<Vec<u8>, NotMade> {
    let program = program();
    let spawned =
        Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| {
        finally(format!(
            "a PDF is set by {}, which cannot be run: {error}; docs/reports.md says how it is built; html prints as well",
            program.display()
        ))
    })?;
    let (tell, told) = channel();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let text = document.to_printed();
    std::thread::scope(|scope| {
        // One that ends before it has read all says why on its standard error.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(text.as_bytes())));
        let read = scope.spawn(move || {
            let (mut pdf, mut said) = (Vec::new(), String::new());
            let read = stdout.map(|stdout| stdout.take(BYTES_MAX).read_to_end(&mut pdf));
            let _ = stderr.map(|stderr| stderr.take(WORDS_MAX).read_to_string(&mut said));
            let _ = tell.send(());
            read.unwrap_or(Ok(0)).map(|_| (pdf, said))
        });
        let is_over = told.recv_timeout(TIME_MAX).is_err();
        let status = end(&mut child, is_over);
        let read = read.join().map_err(|_| later("the PDF cannot be read".to_owned()))?;
        let (pdf, said) = read.map_err(|error| later(error.to_string()))?;
        if is_over {
            return Err(finally(format!("setting the PDF took longer than {} s", TIME_MAX.as_secs())));
        }
        if !status || !pdf.starts_with(b"%PDF-") {
            return Err(finally(format!("the PDF was not set: {}", reporter::printable(said.trim()))));
        }
        Ok(pdf)
    })
}

/// Whether the program is there.
pub(crate) fn is_there() -> bool {
    let program = program();
    let of_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(&program).is_file())
    };
    program.is_file() || of_path()
}

fn end(child: &mut Child, is_over: bool) -> bool {
    if is_over {
        let _ = child.kill();
    }
    child.wait().is_ok_and(|status| status.success())
}

/// The one that lies beside this program, else the one that the shell would find.
fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|this| Some(this.parent()?.join(NAME)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(NAME))
}

const NAME: &str = "ringwall-typeset";
/// A report of a thousand pages takes a few seconds.
const TIME_MAX: Duration = Duration::from_secs(120);
const BYTES_MAX: u64 = 256 << 20;
const WORDS_MAX: u64 = 64 << 10;
