//! What it costs to put call records into the store: lines of `calls.jsonl`, as the spool has them, read, gathered and written.
//!
//! `cargo bench --package ringwall-records --bench intake -- FOLDER [LINES]`: FOLDER is filled anew; LINES is a `calls.jsonl`,
//! without it lines are invented.

use std::error::Error;
use std::path::Path;

use jiff::civil::date;
use jiff::tz::TimeZone;
use ringwall_records::invented::Invented;
use ringwall_records::io::{Intake, Writer};
use ringwall_records::{Call, Columns};
use rustix::time::{ClockId, clock_gettime};

/// The service's: another one copies less, or more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TURNS: usize = 3;
/// What the service takes between two looks at the clock.
const CALLS_AT_ONCE: usize = 10_000;

#[allow(clippy::print_stdout, reason = "figures are its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [folder, rest @ ..] = arguments.as_slice() else { return Err("FOLDER [LINES]".into()) };
    let lines = match rest {
        [lines, ..] => std::fs::read_to_string(lines)?,
        [] => invented()?,
    };
    let lines: Vec<&str> = lines.lines().collect();
    for _ in 0..TURNS {
        // As in the service on a thread of its own, whose memory is not that of the lines.
        let turn = std::thread::scope(|scope| {
            scope.spawn(|| turn(Path::new(folder), &lines).map_err(|error| error.to_string())).join()
        });
        println!("{}", turn.map_err(|_| "it died")??);
    }
    Ok(())
}

fn turn(folder: &Path, lines: &[&str]) -> Result<String, Box<dyn Error>> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let mut writer = Writer::open(folder, 0)?;
    let mut intake = Intake::default();
    let (mut gathered, mut written, mut taken) = (0.0, 0.0, 0);
    for some in lines.chunks(CALLS_AT_ONCE) {
        gathered += timed(|| {
            some.iter().try_for_each(|line| {
                taken += 1;
                Call::of_line(line.as_bytes()).map(|call| intake.take(&call, &TimeZone::UTC))
            })
        })?;
        if intake.is_full() {
            written += timed(|| intake.write(&mut writer, 0, taken))?;
        }
    }
    written += timed(|| intake.write(&mut writer, 0, taken))?;
    let each = |micros: f64| micros / taken as f64;
    let bytes: u64 = writer.store().entries().map(|entry| entry.bytes).sum();
    let files = writer.store().entries().count();
    Ok(format!(
        "{taken} calls, CPU µs each: read and gathered {:.2}, written {:.2}; {files} files, {:.1} bytes each",
        each(gathered),
        each(written),
        bytes as f64 / taken as f64
    ))
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<f64, E> {
    let begin = cpu_time();
    work()?;
    Ok(cpu_time() - begin)
}

/// CPU time of this thread in microseconds, that of the kernel with it.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn invented() -> Result<String, Box<dyn Error>> {
    let zone = TimeZone::get("America/New_York")?;
    let invented = Invented { seed: 1, rows_per_day: 300_000, zone, columns: Columns::ALL };
    let mut lines = String::new();
    invented.day(date(2026, 3, 4), usize::MAX, |batch| {
        for row in 0..batch.len() {
            let call = Call { customer: Some("acme".to_owned()), ..batch.call(row) };
            lines.push_str(&call.to_json().to_string());
            lines.push('\n');
        }
    });
    Ok(lines)
}
