//! Checks that take too long for every run, in full. Results go into `benches/README.md`, with date, commit and machine.

use std::process::Command;

use crate::cargo;
use crate::report::Report;
use crate::suite;

/// One check: its name, and the command that does it.
type Soak = (&'static str, fn() -> Command);

/// Runs the check `wanted`, or all of them.
pub(crate) fn run(report: &mut Report, wanted: Option<&str>) -> Result<(), String> {
    if let Some(name) = wanted.filter(|wanted| SOAKS.iter().all(|(name, _)| name != wanted)) {
        let names: Vec<&str> = SOAKS.iter().map(|(name, _)| *name).collect();
        return Err(format!("soak knows {}, not {name}", names.join(", ")));
    }
    for (name, command) in SOAKS.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name)) {
        report.step(&format!("soak {name}"), &mut command());
    }
    Ok(())
}

/// Fifty million callers that never come again, a thousand that do.
fn flood() -> Command {
    let mut command = cargo(&[
        "test",
        "--locked",
        "--release",
        "--package",
        "ringwall-engine",
        "--test",
        "threshold_flood",
    ]);
    command.args(["--", "--show-output"]).env("RINGWALL_FLOOD_CALLERS", "50000000");
    command
}

/// Ten million numbers in two to four dresses each, and as many neighbours one digit off.
fn numbers() -> Command {
    let mut command = cargo(&[
        "test",
        "--locked",
        "--release",
        "--package",
        "ringwall-engine",
        "--test",
        "number_properties",
    ]);
    command.env("RINGWALL_COMPOSITIONS", "10000000");
    command
}

/// A thousand policies taken up under load.
fn reloads() -> Command {
    let mut command = story("each_call_is_judged_by_one_version_whole_and_none_is_lost");
    command.env("RINGWALL_RELOADS", "1000");
    command
}

/// A list of ten million numbers that is swapped under load.
fn lists() -> Command {
    let mut command = story("a_large_list_is_swapped_while_calls_are_judged");
    command.env("RINGWALL_LIST_ENTRIES", "10000000").env("RINGWALL_LIST_SWAPS", "10");
    command
}

/// A million messages that chance has spoilt.
fn mutated() -> Command {
    let mut command = story("spoilt_messages_harm_nobody");
    command.env("RINGWALL_MUTATED", "1000000");
    command
}

/// Twenty thousand power cuts on a disk in memory that fails, then ten thousand kills of a writer and a reader.
fn kills() -> Command {
    let mut command = cargo(&["test", "--locked", "--release", "--package", "ringwall-spool", "--"]);
    command.args(["power_cut", "a_hundred_kills", "--show-output"]);
    command.env("RINGWALL_POWER_CUTS", "20000").env("RINGWALL_KILLS", "10000");
    command
}

/// Fifty thousand cases that are listed while alerts come in.
fn queue() -> Command {
    let mut command =
        cargo(&["test", "--locked", "--release", "--package", "ringwall-cases", "--", "the_queue_answers"]);
    command.arg("--show-output").env("RINGWALL_QUEUE_CASES", "50000");
    command
}

/// Pages of the queue over fifty thousand cases.
fn pages() -> Command {
    let mut command = cargo(&[
        "test",
        "--locked",
        "--release",
        "--package",
        "ringwall-console",
        "--",
        "the_queue_stays_quick",
    ]);
    command.arg("--show-output").env("RINGWALL_QUEUE_CASES", "50000");
    command
}

/// Fifty thousand cases in a browser, two hundred alerts a second for a minute, connections that break; needs a release build.
fn browser() -> Command {
    let mut command = suite::pages();
    command.arg("a_rush_of_alerts").env("RINGWALL_QUEUE_CASES", "50000");
    command
}

/// A million alerts at once.
fn storm() -> Command {
    let mut command =
        cargo(&["test", "--locked", "--release", "--package", "ringwall-cases", "--", "no_alert_of_a_storm"]);
    command.arg("--show-output").env("RINGWALL_STORM_ALERTS", "1000000");
    command
}

/// A service killed a thousand times under load.
fn service_kills() -> Command {
    let mut command = story("kills_under_load_take_back_nothing_that_was_read_and_double_no_line");
    command.env("RINGWALL_SERVICE_KILLS", "1000");
    command
}

/// A desk whose service and whose people's commands are killed a thousand times.
fn desk_kills() -> Command {
    let mut command = story("kills_of_service_and_terminal_lose_and_double_nothing_of_the_desk");
    command.env("RINGWALL_DESK_KILLS", "1000");
    command
}

/// A service killed a thousand times while it puts calls into files.
fn records_kills() -> Command {
    let mut command = story("kills_leave_every_call_in_exactly_one_file");
    command.env("RINGWALL_RECORDS_KILLS", "1000");
    command
}

/// Whoever writes the store of call records killed a thousand times.
fn store_kills() -> Command {
    let mut command =
        cargo(&["test", "--locked", "--release", "--package", "ringwall-records", "--test", "kills", "--"]);
    command.arg("--show-output").env("RINGWALL_STORE_KILLS", "1000");
    command
}

/// Ten minutes of ten times as much as can be judged.
fn overload() -> Command {
    let mut command = story("ten_times_as_much_as_can_be_judged");
    command.env("RINGWALL_OVERLOAD_SECONDS", "600");
    command
}

/// Ten thousand connections that begin a message and do not end it.
fn slow() -> Command {
    let mut command = story("a_thousand_slow_connections");
    command.env("RINGWALL_SLOW", "10000").env("RINGWALL_SLOW_ROUNDS", "15");
    command
}

/// A hundred thousand calls, on one in a hundred of which judging fails.
fn panics() -> Command {
    let mut command = story("one_call_in_a_hundred_on_which_judging_fails");
    command.env("RINGWALL_PANICS", "100000");
    command
}

/// One story, with what it says of itself.
fn story(name: &str) -> Command {
    let mut command =
        cargo(&["test", "--locked", "--release", "--package", "ringwall", "--test", "ringwall", "--", name]);
    command.arg("--show-output");
    command
}

const SOAKS: &[Soak] = &[
    ("flood", flood),
    ("numbers", numbers),
    ("reloads", reloads),
    ("lists", lists),
    ("mutated", mutated),
    ("kills", kills),
    ("queue", queue),
    ("pages", pages),
    ("browser", browser),
    ("storm", storm),
    ("service-kills", service_kills),
    ("desk-kills", desk_kills),
    ("records-kills", records_kills),
    ("store-kills", store_kills),
    ("overload", overload),
    ("slow", slow),
    ("panics", panics),
];
