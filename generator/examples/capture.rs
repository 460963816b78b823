//! Writes a capture of exactly so many messages: `capture MESSAGES SEED FILE`.
#![allow(missing_docs, clippy::print_stdout, reason = "a tool for benches")]

use std::fs::File;
use std::io::{self, BufWriter};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [messages, seed, file] = arguments.as_slice() else {
        println!("usage: capture MESSAGES SEED FILE");
        return Ok(());
    };
    let number = |text: &String| text.parse::<u64>().map_err(|why| io::Error::other(why.to_string()));
    ringwall_generator::capture::write(number(messages)?, number(seed)?, BufWriter::new(File::create(file)?))
}
