//! `ringwall verify`: whether an evidence pack is what the desk made, by the file alone.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use cases::limits::PACK_BYTES_MAX;
use cases::pack::{self, Audience};
use clap::Args;
use reporter::printable;

use crate::desk_key;
use crate::outcome::{Failure, Outcome};

/// Check an evidence pack: offline, without a database.
///
/// Every file against its hash, the manifest against its signature, the slice of the audit chain, each approval against what was
/// shown. Exit code 0: it is good; 1: it is not what was signed; 2: it is no pack, or none that may be unpacked, because it is damaged
/// or was packed anew.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall verify pack.zip --key desk.pub")]
pub(crate) struct Arguments {
    /// What `ringwall case pack` made.
    #[arg(value_name = "PACK.zip")]
    pack: PathBuf,
    /// The public key of the desk, had by another way than the pack: `desk.pub` in the folder of its service.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let key = arguments.key.as_deref().map(desk_key::verifier).transpose()?;
    let path = &arguments.pack;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Failure::file(path))?;
    // One byte more than there may be tells that there is more.
    file.take(PACK_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(Failure::file(path))?;
    let checked = pack::check(&bytes, key.as_ref())
        .map_err(|broken| Failure::Usage(format!("{}: {}{broken}", path.display(), what(&bytes))))?;
    let mut text = String::new();
    for finding in &checked.findings {
        text += &format!("{}\n", printable(finding));
    }
    match checked.manifest.filter(|_| checked.findings.is_empty()) {
        None => text += "not good: it is not what was signed\n",
        Some(manifest) => {
            let audience = match manifest.audience {
                Audience::Desk => "everything",
                Audience::Customer => "what the customer may see",
            };
            text += &format!(
                "good: {}, {}, {audience}; {} files as {} made them at {}\n",
                printable(&manifest.case),
                printable(&manifest.customer),
                manifest.files.len(),
                printable(&manifest.made_by),
                printable(&manifest.made_at),
            );
            if let Some(last) = &checked.last {
                let (whole, hash) = (checked.entries, printable(&last.hash));
                text += &format!(
                    "audit: {whole} entries as they were written; the last is {} of its chain, {hash}\n",
                    last.sequence
                );
            }
            if key.is_none() {
                let named = printable(&manifest.key);
                text += &format!("signed by {named}, the key inside: give --key to know whose it is\n");
            }
            manifest.left_out.iter().for_each(|sentence| text += &format!("{}\n", printable(sentence)));
        }
    }
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(if checked.findings.is_empty() { Outcome::Done } else { Outcome::Findings })
}

/// That it is another file, where nothing in it looks like a pack.
fn what(bytes: &[u8]) -> &'static str {
    let has_manifest = bytes.windows(MANIFEST.len()).any(|some| some == MANIFEST);
    if has_manifest { "" } else { "it is no pack of Ringwall; " }
}

/// The name of the file in which a pack says what it is.
const MANIFEST: &[u8] = b"manifest.json";
