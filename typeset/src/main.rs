//! `ringwall-typeset`: a report comes in as JSON, a PDF goes out.
//!
//! A process of its own, so that what strangers wrote can cost no service its time or memory, and so that nobody builds a
//! typesetter who prints nothing. It reads standard input and writes standard output; it opens no file and no connection.
#![forbid(unsafe_code)]

mod paper;
mod words;
mod world;

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use typst::diag::SourceDiagnostic;
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::paper::Paper;
use crate::world::Desk;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let paper = match words.as_slice() {
        [] => Some(Paper::A4),
        ["--paper", word] => Paper::parse(word),
        _ => None,
    };
    let Some(paper) = paper else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(paper) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("ringwall-typeset: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(paper: Paper) -> Result<(), String> {
    let mut text = String::new();
    let read = io::stdin().lock().take(BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| format!("cannot read the report: {error}"))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(format!("the report has more than {BYTES_MAX} bytes"));
    }
    let pdf = set(&text, paper)?;
    let mut out = io::stdout().lock();
    out.write_all(&pdf).and_then(|()| out.flush()).map_err(|error| format!("cannot write the PDF: {error}"))
}

/// The report in `text` as a PDF that conforms to PDF/UA-1. The same text gives the same bytes.
fn set(text: &str, paper: Paper) -> Result<Vec<u8>, String> {
    let mut report: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("the report is not as reports are: {error}"))?;
    match report.get("format").and_then(serde_json::Value::as_u64) {
        Some(FORMAT) => {}
        Some(other) => return Err(format!("the report has format {other}, and this program reads {FORMAT}")),
        None => return Err("the report names no format".to_owned()),
    }
    let fonts = world::fonts();
    let is_there = |letter| fonts.iter().any(|font| font.info().coverage.contains(u32::from(letter)));
    words::fit(&mut report, &is_there);
    let desk = Desk::new(fonts.clone(), report.to_string(), paper)?;
    let document = typst::compile::<PagedDocument>(&desk).output.map_err(|errors| told(&errors))?;
    let standards = PdfStandards::new(&[PdfStandard::Ua_1]).map_err(|error| error.message().to_string())?;
    let options = PdfOptions { standards, ..PdfOptions::default() };
    typst_pdf::pdf(&document, &options).map_err(|errors| told(&errors))
}

fn told(errors: &[SourceDiagnostic]) -> String {
    let said: Vec<&str> = errors.iter().take(5).map(|error| error.message.as_str()).collect();
    format!("the report cannot be set: {}", said.join("; "))
}

/// Of a report; one of forty pages has less than one million.
const BYTES_MAX: u64 = 64 << 20;
/// The version of what it reads.
const FORMAT: u64 = 1;
const USAGE: &str = "usage: ringwall-typeset [--paper a4|letter] < REPORT.json > REPORT.pdf
`ringwall report --format pdf` calls it; it has to be beside `ringwall` or in PATH.";
