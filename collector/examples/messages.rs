//! Lists the SIP messages of captures: frame, carriage, first line. With `--count`, only how many of what.

use std::env;

use ringwall_collector::{Assembler, Merge};

#[allow(clippy::print_stdout, reason = "an example prints")]
fn main() {
    let (options, files): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let lists = !options.iter().any(|option| option == "--count");
    let mut merge = Merge::open(files);
    let mut assembler = Assembler::new();
    let (mut number, mut bytes) = (0_u64, 0);
    while let Some(frame) = merge.next_frame() {
        number += 1;
        assembler.assemble(frame, &mut |packet| {
            bytes += packet.payload.len();
            if lists {
                let line = packet.payload.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let (source, flags) = (packet.source, packet.flags);
                println!("{number} {source} {:?} {flags:?} {}", packet.transport, line.escape_ascii());
            }
        });
    }
    assembler.finish(&mut |packet| bytes += packet.payload.len());
    println!("{bytes} bytes of SIP; {}", assembler.counters());
    for note in merge.notes() {
        println!("{note}");
    }
    for error in merge.refused() {
        println!("{error}");
    }
}
