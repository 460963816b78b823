//! Instructions per message, counted by callgrind, against the limits in `benches/gates.tsv`.
//!
//! A gate runs its driver twice, with few and with many messages. What the difference costs is what messages
//! cost; reading lists and making input costs the same both times and falls out.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::report::Report;
use crate::{built, cargo, has, root};

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Gate {
    /// What the driver calls it.
    name: String,
    /// Messages of the shorter and the longer run.
    few: u64,
    many: u64,
    /// Most instructions that one message may take.
    limit: u64,
}

/// Checks the gate `wanted`, or all of them.
pub(crate) fn run(report: &mut Report, wanted: Option<&str>) {
    if !has("valgrind", "--version") {
        return report.skip("instruction gates", "valgrind is not installed");
    }
    let begin = Instant::now();
    let gates = match fs::read_to_string(root().join(TABLE))
        .map_err(|error| error.to_string())
        .and_then(|text| parse(&text))
    {
        Ok(gates) => gates,
        Err(wrong) => {
            println!("{TABLE}: {wrong}");
            report.check("instruction gates", begin, false);
            return;
        }
    };
    // An example, because for a bench cargo would build the whole binary beside it.
    let mut build = cargo(&["build", "--locked", "--release", "--package", "ringwall", "--example", "gates"]);
    if !report.step("build of the gates' driver", &mut build) {
        return;
    }
    let driver = built("release/examples/gates");
    for gate in gates.iter().filter(|gate| wanted.is_none_or(|wanted| wanted == gate.name)) {
        let begin = Instant::now();
        let passed = match gate.measure_least(&driver) {
            Ok(measured) => {
                println!("{}: {measured} instructions a message, limit {}", gate.name, gate.limit);
                measured <= gate.limit
            }
            Err(wrong) => {
                println!("{}: {wrong}", gate.name);
                false
            }
        };
        report.check(&format!("gate {}", gate.name), begin, passed);
    }
}

impl Gate {
    /// What it costs at the least. Seeds of hash tables differ from run to run, and now and then one of them has a table grow
    /// once more: what is over the limit is looked at again.
    fn measure_least(&self, driver: &Path) -> Result<u64, String> {
        let mut least = self.measure(driver)?;
        for _ in 1..RUNS_MAX {
            if least <= self.limit {
                break;
            }
            least = least.min(self.measure(driver)?);
        }
        Ok(least)
    }

    fn measure(&self, driver: &Path) -> Result<u64, String> {
        let [few, many] = [self.few, self.many].map(|messages| self.instructions(driver, messages));
        let (few, many) = (few?, many?);
        match many.saturating_sub(few) / (self.many - self.few) {
            0 => Err("the driver does nothing more for more messages".to_owned()),
            measured => Ok(measured),
        }
    }

    fn instructions(&self, driver: &Path, messages: u64) -> Result<u64, String> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(driver)
            .args([&self.name, &messages.to_string()])
            .current_dir(root())
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stderr);
        collected(&text)
            .filter(|_| output.status.success())
            .ok_or_else(|| format!("the driver failed:\n{text}"))
    }
}

/// Reads the table: name, messages of the shorter and the longer run, limit; what follows is for people.
fn parse(text: &str) -> Result<Vec<Gate>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            let fields: Vec<&str> = line.split('\t').collect();
            let gate = match fields.as_slice() {
                [name, few, many, limit, ..] => few
                    .parse()
                    .ok()
                    .zip(many.parse().ok())
                    .zip(limit.parse().ok())
                    .map(|((few, many), limit)| Gate { name: (*name).to_owned(), few, many, limit }),
                _ => None,
            };
            gate.filter(|gate| gate.few < gate.many)
                .ok_or_else(|| format!("line {} is no gate: {line}", index + 1))
        })
        .collect()
}

/// The number of instructions that callgrind says it collected.
fn collected(text: &str) -> Option<u64> {
    text.split_once("Collected : ")?.1.split_whitespace().next()?.parse().ok()
}

const TABLE: &str = "benches/gates.tsv";
const RUNS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_repository_can_be_read() {
        let gates = parse(&fs::read_to_string(root().join(TABLE)).unwrap()).unwrap();
        assert!(!gates.is_empty());
    }

    #[test]
    fn a_line_that_is_no_gate_is_named() {
        let gate = Gate { name: "read".to_owned(), few: 10, many: 20, limit: 3_800 };
        assert_eq!(parse("# c\n\nread\t10\t20\t3800\tone INVITE"), Ok(vec![gate]));
        for wrong in ["read", "read\t10\t20", "read\t20\t10\t5", "read\tx\t20\t5"] {
            assert_eq!(parse(wrong), Err(format!("line 1 is no gate: {wrong}")));
        }
    }

    #[test]
    fn the_count_is_read_from_what_callgrind_prints() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 123456\n==7==\n"), Some(123_456));
        assert_eq!(collected("==7== no count"), None);
    }
}
