//! The `ringwall` command: one file per command, wiring only.

mod account;
mod admission;
mod audit;
mod audit_heads;
mod authorise;
mod backtest;
mod backup;
mod baseline;
mod block;
mod blocks;
mod case;
mod changes;
mod check;
mod contact;
mod contacts;
mod control;
mod customers;
mod demo;
mod desk_key;
mod drafting;
mod evidence;
mod explain;
mod feeds;
mod files;
mod history;
mod init;
mod key;
mod limits_written;
mod list;
mod mount;
mod notify;
mod outcome;
mod permits;
mod policies;
mod policy;
mod present;
mod progress;
mod recorded;
mod records;
mod replay;
mod report;
mod serve;
mod signatures;
mod silence;
mod sla;
mod state;
mod stored;
mod trial;
mod verify;
mod versions;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::outcome::Outcome;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Voice firewall and voice intrusion prevention: reads SIP, judges every call, explains every verdict.
#[derive(Parser)]
#[command(name = "ringwall", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Init(init::Arguments),
    Check(check::Arguments),
    Replay(replay::Arguments),
    Explain(explain::Arguments),
    Backtest(backtest::Arguments),
    Baseline(baseline::Arguments),
    Block(block::Arguments),
    Case(case::Arguments),
    Contact(contact::Arguments),
    Account(account::Arguments),
    Key(key::Arguments),
    Audit(audit::Arguments),
    Verify(verify::Arguments),
    Backup(backup::Arguments),
    Restore(backup::RestoreArguments),
    Notify(notify::Arguments),
    Silence(silence::Arguments),
    Report(Box<report::Arguments>),
    Sla(sla::Arguments),
    Policy(policy::Arguments),
    Records(records::Arguments),
    List(list::Arguments),
    Serve(serve::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Baseline(arguments) => baseline::run(&arguments),
        Command::Block(arguments) => block::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Case(arguments) => case::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Contact(arguments) => contact::run(&arguments),
        Command::Account(arguments) => account::run(&arguments),
        Command::Key(arguments) => key::run(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Notify(arguments) => notify::run(&arguments),
        Command::Silence(arguments) => silence::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Sla(arguments) => sla::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::Records(arguments) => records::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
    };
    match outcome {
        Ok(outcome) => outcome.into(),
        Err(error) => error.report(),
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Findings => Self::from(1),
            Outcome::Refused => Self::from(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// clap itself looks at that in debug builds only.
    #[test]
    fn no_command_has_two_arguments_of_one_name() {
        fn check(command: &clap::Command) {
            let mut names = std::collections::BTreeSet::new();
            for argument in command.get_arguments() {
                let long = argument.get_long().map(|long| format!("--{long}"));
                for name in long.into_iter().chain([argument.get_id().to_string()]) {
                    assert!(names.insert(name.clone()), "{}: {name}", command.get_name());
                }
            }
            command.get_subcommands().for_each(check);
        }
        let mut command = <Cli as clap::CommandFactory>::command();
        command.build();
        check(&command);
    }
}
