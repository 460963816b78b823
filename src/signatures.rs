//! Trust anchors and certificates that lie on disk: signatures are checked without a network.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rules::Timestamp;
use stir::limits::{CERTIFICATES_MAX, CHAIN_BYTES_MAX};
use stir::{Anchors, Settings, Verifier};

use crate::outcome::Failure;

/// What signatures of callers' numbers are checked with.
#[derive(Args)]
pub(crate) struct Signatures {
    /// Certificates (PEM) of authorities that are believed about who may sign for a caller's number; may be given several
    /// times. Without any no signature is checked.
    #[arg(long, value_name = "FILE")]
    anchors: Vec<PathBuf>,
    /// Certificates of signers: what is fetched from https://HOST/PATH lies in this folder under HOST/PATH, as wget -x puts
    /// it. Nothing is fetched over the network.
    #[arg(long, value_name = "FOLDER", requires = "anchors")]
    certificates: Option<PathBuf>,
}

impl Signatures {
    /// Who checks them; `None` when nobody is believed. What lies on disk counts as fetched at `at`.
    pub(crate) fn verifier(&self, at: Timestamp) -> Result<Option<Verifier>, Failure> {
        if self.anchors.is_empty() {
            return Ok(None);
        }
        let mut verifier = Verifier::new(
            Arc::new(anchors(&self.anchors)?),
            Settings {
                // Nobody floods a file; each call of it gets its answer.
                checks_each_second: u32::MAX,
                ..Settings::default()
            },
        );
        if let Some(folder) = &self.certificates {
            let mut found = Vec::new();
            collect(folder, String::from("https://"), &mut found)?;
            for (address, path) in found {
                let Some(address) = stir::normal_address(address.as_bytes()) else {
                    eprintln!("ringwall: {}: {address} is no address that may be fetched", path.display());
                    continue;
                };
                verifier.learn(&address, &fs::read(&path).map_err(Failure::file(&path))?, at);
            }
        }
        Ok(Some(verifier))
    }
}

/// The certificates in `files`, which are believed.
pub(crate) fn anchors(files: &[PathBuf]) -> Result<Anchors, Failure> {
    let mut anchors = Anchors::default();
    for path in files {
        let pem = fs::read(path).map_err(Failure::file(path))?;
        anchors.add(&pem).map_err(|wrong| Failure::Usage(format!("{}: {wrong}", path.display())))?;
    }
    Ok(anchors)
}

/// Files below `folder` with the addresses that they stand for.
fn collect(folder: &Path, prefix: String, found: &mut Vec<(String, PathBuf)>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
        let entry = entry.map_err(Failure::file(folder))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let about = entry.metadata().map_err(Failure::file(&path))?;
        if about.is_dir() {
            collect(&path, format!("{prefix}{name}/"), found)?;
        } else if about.len() <= CHAIN_BYTES_MAX as u64 {
            found.push((format!("{prefix}{name}"), path));
        }
        if found.len() > CERTIFICATES_MAX {
            return Err(Failure::Usage(format!(
                "{}: there are more than {CERTIFICATES_MAX} files",
                folder.display()
            )));
        }
    }
    Ok(())
}
