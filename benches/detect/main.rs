//! The driver of `cargo xtask detect`: generated days with the truth beside them, judged by the shipped detections.
//!
//! What counts as found, as a false alert and as a block that should not be is defined in `docs/detection-quality.md`.
#![allow(clippy::print_stdout, reason = "a chore talks to a person")]

mod customer;
mod score;
mod table;
mod trial;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use generator::Customer;
use rules::policy::PolicySet;

use score::Score;
use table::Table;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Bounds::parse(&arguments) {
        Ok(bounds) => bounds.run(),
        Err(wrong) => {
            eprintln!(
                "{wrong}\nusage: detect --seeds A-B [--days N] [--profile NAME]... [--detections FOLDER] [--wrong] \
                 [--floor FILE | --write-floor FILE]"
            );
            ExitCode::from(2)
        }
    }
}

/// What is to be judged.
struct Bounds {
    seeds: RangeInclusive<u64>,
    days: u64,
    /// Words of the names of profiles; all of them when empty.
    profiles: Vec<String>,
    /// Where the detections are read from, when it is not those that are built in.
    detections: Option<PathBuf>,
    /// Whether everything that went wrong is listed.
    wrong: bool,
    /// Where it stands what each detection reached when somebody last looked: falling below that, or below [`FLOOR`], is a
    /// failure.
    floor: Option<PathBuf>,
    /// Where to write that.
    write_floor: Option<PathBuf>,
}

impl Bounds {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut bounds = Self {
            seeds: 101..=120,
            days: 7,
            profiles: Vec::new(),
            detections: None,
            wrong: false,
            floor: None,
            write_floor: None,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--seeds" => bounds.seeds = seeds(value()?)?,
                "--days" => bounds.days = value()?.parse().map_err(|_| "--days wants a number".to_owned())?,
                "--profile" => bounds.profiles.push(value()?.to_lowercase()),
                "--detections" => bounds.detections = Some(value()?.into()),
                "--wrong" => bounds.wrong = true,
                "--floor" => bounds.floor = Some(value()?.into()),
                "--write-floor" => bounds.write_floor = Some(value()?.into()),
                _ => return Err(format!("no such option: {word}")),
            }
        }
        Ok(bounds)
    }

    fn run(&self) -> ExitCode {
        let wanted = |customer: &Customer| {
            let name = customer.name.to_lowercase();
            self.profiles.is_empty() || self.profiles.iter().any(|word| name.contains(word.as_str()))
        };
        let customers: Vec<(Customer, Arc<PolicySet>)> = Customer::all()
            .into_iter()
            .filter(wanted)
            .map(|customer| {
                let policy = customer::policy(&customer, self.detections.as_deref());
                (customer, Arc::new(PolicySet::new(vec![policy])))
            })
            .collect();
        if customers.is_empty() {
            eprintln!("no profile is called so; there are:");
            Customer::all().iter().for_each(|customer| eprintln!("  {}", customer.name));
            return ExitCode::from(2);
        }
        let trials: Vec<(usize, u64)> = self
            .seeds
            .clone()
            .flat_map(|seed| (0..customers.len()).map(move |index| (index, seed)))
            .collect();
        let scores = judge_all(&customers, &trials, self.days);
        let mut table = Table::default();
        for ((index, seed), score) in trials.iter().zip(&scores) {
            let Some((customer, _)) = customers.get(*index) else { continue };
            if self.wrong {
                score.wrong.iter().for_each(|line| println!("{} seed {seed}: {line}", customer.name));
            }
            table.add(customer.name, score);
        }
        println!("{table}");
        match self.hold(&table) {
            Ok(below) => {
                below.iter().for_each(|sentence| println!("below the floor: {sentence}"));
                ExitCode::from(u8::from(!below.is_empty()))
            }
            Err((file, error)) => {
                eprintln!("{}: {error}", file.display());
                ExitCode::from(2)
            }
        }
    }

    /// Holds `table` against what was reached before, or writes it down.
    fn hold(&self, table: &Table) -> Result<Vec<String>, (&Path, std::io::Error)> {
        if let Some(file) = &self.write_floor {
            std::fs::write(file, table.each()).map_err(|error| (file.as_path(), error))?;
        }
        let Some(file) = &self.floor else { return Ok(Vec::new()) };
        let before = std::fs::read_to_string(file).map_err(|error| (file.as_path(), error))?;
        Ok(table.below(&FLOOR).into_iter().chain(table.below_each(&before)).collect())
    }
}

/// Judges every trial, on as many cores as there are.
fn judge_all(customers: &[(Customer, Arc<PolicySet>)], trials: &[(usize, u64)], days: u64) -> Vec<Score> {
    let next = AtomicUsize::new(0);
    let scores = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((index, seed)) = trials.get(place) else { return };
                    let Some((customer, policies)) = customers.get(*index) else { return };
                    let score = trial::run(customer, policies, *seed, days);
                    scores.lock().expect("no other trial has panicked").push((place, score));
                }
            });
        }
    });
    let mut scores = scores.into_inner().expect("no trial has panicked");
    scores.sort_by_key(|(place, _)| *place);
    scores.into_iter().map(|(_, score)| score).collect()
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err(format!("--seeds wants A-B, not {text}")),
    }
}

/// Detection may not get worse than this in the run that `cargo xtask test` makes.
const FLOOR: table::Floor =
    table::Floor { found: 0.85, precision: 0.9, stopped: 0.24, blocked_per_thousand: 0.5 };
