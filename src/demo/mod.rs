//! `ringwall demo`: the whole service in one process, on embedded storage, fed over real sockets with generated traffic.

mod day;
mod desk;
mod past;
mod people;
mod traffic;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cases::io::store::Store;
use clap::Args;
use generator::LISTED_CALLERS;

use crate::case::said;
use crate::outcome::{Failure, Outcome};
use crate::serve::{self, Around, Config};

/// Run everything on generated traffic with attacks in it, and look at it in a browser.
///
/// Two weeks of a customer's calls are made and worked on, then the service starts: SIP goes over loopback sockets to its redirect
/// server, calls are blocked, alerts rise, cases have clocks, a report is ready, a customer waits for your word. The console's
/// address and all log-ins are printed. It ends with Ctrl-C, or after `--for`.
///
/// With `--day` nothing is served: one day is inspected, and the truth shown beside every verdict.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall demo\n  ringwall demo --for 60s --port 8080\n  \
ringwall demo --database postgres://ringwall@localhost/demo\n  ringwall demo --day --seed 7 --calls-per-hour 2000")]
pub(crate) struct Arguments {
    /// End after so long, such as 60s, 5m or 1h; otherwise with Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, conflicts_with = "day")]
    time: Option<Duration>,
    /// The port of the console on 127.0.0.1; 0 lets the system choose.
    #[arg(long, default_value_t = 8080, conflicts_with = "day")]
    port: u16,
    /// Inspect one day, show what was found, and end.
    ///
    /// Writes the capture, the policy and its list to the data folder, so that the same can be done step by step with `check`,
    /// `replay` and `explain`.
    #[arg(long)]
    day: bool,
    /// The same seed makes the same traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Honest calls in the busiest hour: 200 in a day, 40 in the weeks before and 1200 while it runs unless told.
    #[arg(long)]
    calls_per_hour: Option<f64>,
    /// Weeks before it. From four on there is enough to say what is usual in each hour of the week.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(i64).range(2..=8), conflicts_with = "day")]
    weeks: i64,
    /// Where to write. What a demo left there is written anew.
    #[arg(long, default_value = "ringwall-data/demo")]
    data: PathBuf,
    /// Keep the cases in this PostgreSQL database, instead of a file in the data folder.
    ///
    /// It has to be empty: what is in a database is not taken away for a demo. Each run wants a new one.
    #[arg(long, value_name = "URL", value_parser = database, conflicts_with = "day")]
    database: Option<String>,
    /// Print one JSON object instead of a table.
    #[arg(long, requires = "day")]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    if arguments
        .calls_per_hour
        .is_some_and(|calls| !(calls.is_finite() && (0.0..=100_000.0).contains(&calls)))
    {
        return Err(Failure::Usage("--calls-per-hour must lie between 0 and 100000".to_owned()));
    }
    if arguments.day { day::run(arguments) } else { live(arguments) }
}

/// Makes the weeks before, and serves.
fn live(arguments: &Arguments) -> Result<Outcome, Failure> {
    let console = std::net::SocketAddr::from(([127, 0, 0, 1], arguments.port));
    // Said before the week is made, and not after.
    std::net::TcpListener::bind(console).map_err(|error| {
        Failure::Usage(format!("cannot listen on {console}: {error}; give another --port"))
    })?;
    let folder = arguments.data.join("service");
    if let Some(database) = &arguments.database {
        check_empty(database)?;
    }
    begin_anew(&folder)?;
    let policy = write_policy(&folder)?;
    let mut config = Config { policy: vec![policy.clone()], data: folder.clone(), ..Config::default() };
    config.cases.service_hours =
        Some(write(&folder, "hours.toml", include_str!("../../fixtures/demo/hours.toml"))?);
    config.cases.database.clone_from(&arguments.database);
    config.http.listen = console;
    config.http.name = "Ringwall demo".to_owned();
    (config.redirect.udp, config.redirect.tcp) = (vec![serve::any_port()], vec![serve::any_port()]);
    config.hep = serve::Hep::off();
    eprintln!("ringwall: making {} weeks of calls and the cases that came of them …", arguments.weeks);
    let week = past::make(&config, &policy, arguments)?;
    let logins = people::make(&config, &week)?;
    let (seed, calls_per_hour) = (arguments.seed, arguments.calls_per_hour.unwrap_or(LIVE_CALLS_PER_HOUR));
    let for_desk = config.clone();
    let hints = logins.clone();
    let around = Around {
        on_ready: Some(Box::new(move |ready| {
            // Whoever closed the pipe reads no log-ins.
            let _ = write!(std::io::stdout(), "{logins}");
            traffic::start(ready.redirect, seed, calls_per_hour);
            desk::start(for_desk);
        })),
        ends_after: arguments.time,
        hints: Some(Box::new(move |login| hints.hints(login))),
    };
    serve::run_with(config, around)?;
    Ok(Outcome::Done)
}

/// Only a database in which nobody has done anything is a demo's to fill.
fn check_empty(database: &str) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Output)?;
    let is_empty = runtime.block_on(async {
        let store = Store::open(database).await.map_err(said)?;
        let heads = store.audit_heads().await.map_err(said)?;
        store.close().await;
        Ok::<_, Failure>(heads.is_empty())
    })?;
    if is_empty {
        return Ok(());
    }
    Err(Failure::Usage(
        "the database that --database names holds cases or accounts already: a demo wants a new one, as createdb makes it"
            .to_owned(),
    ))
}

/// An empty folder. Only what a demo made is taken away for it.
fn begin_anew(folder: &Path) -> Result<(), Failure> {
    let mark = folder.join(MARK);
    let is_used = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_used && !mark.exists() {
        return Err(Failure::Usage(format!(
            "{} holds something that no demo made: give another folder with --data",
            folder.display()
        )));
    }
    if crate::control::is_served(folder) {
        return Err(Failure::Usage(format!(
            "another demo runs in {}: give another --data",
            folder.display()
        )));
    }
    if is_used {
        fs::remove_dir_all(folder).map_err(Failure::file(folder))?;
    }
    fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    fs::write(&mark, "Everything in here is made anew by every `ringwall demo`.\n")
        .map_err(Failure::file(&mark))
}

/// The policy and its list, in `folder`. Traffic over loopback comes from 127.x.y.z where a capture has a.x.y.z.
fn write_policy(folder: &Path) -> Result<PathBuf, Failure> {
    let mut list = "number,category,reason\n".to_owned();
    for caller in LISTED_CALLERS {
        list.push_str(&format!("+{caller},Harassing,keeps calling and threatens our agents\n"));
    }
    write(folder, "harassment.csv", &list)?;
    let policy = include_str!("../../fixtures/demo/acme.toml")
        .replace(r#"trunks       = ["192.0.2.0/24"]"#, r#"trunks       = ["192.0.2.0/24", "127.0.2.0/24"]"#)
        .replace(
            r#"trusted      = ["198.51.100.0/24"]"#,
            r#"trusted      = ["198.51.100.0/24", "127.51.100.0/24"]"#,
        );
    write(folder, "acme.toml", &policy)
}

fn write(folder: &Path, name: &str, content: &str) -> Result<PathBuf, Failure> {
    let path = folder.join(name);
    fs::write(&path, content).map_err(Failure::file(&path))?;
    Ok(path)
}

/// The address of a PostgreSQL database.
fn database(text: &str) -> Result<String, String> {
    let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
    is_postgres.then(|| text.to_owned()).ok_or_else(|| "such as postgres://user@host/name".to_owned())
}

/// A time such as `60s`, `5m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, factor) = match text.char_indices().last() {
        Some((at, 's')) => (text.get(..at), 1),
        Some((at, 'm')) => (text.get(..at), 60),
        Some((at, 'h')) => (text.get(..at), 3_600),
        _ => (Some(text), 1),
    };
    let seconds = number.and_then(|number| number.parse::<u64>().ok()).and_then(|it| it.checked_mul(factor));
    let seconds = seconds.filter(|it| (1..=SECONDS_MAX).contains(it));
    seconds.map(Duration::from_secs).ok_or_else(|| "such as 60s, 5m or 1h; at most 30 days".to_owned())
}

const MARK: &str = "made-by-ringwall-demo.txt";
const LIVE_CALLS_PER_HOUR: f64 = 1_200.0;
const SECONDS_MAX: u64 = 30 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_seconds_minutes_and_hours() {
        let told = ["60s", "5m", "1h", "7"].map(|text| duration(text).unwrap().as_secs());
        assert_eq!(told, [60, 300, 3_600, 7]);
        for wrong in ["", "s", "0s", "-1s", "1d", "999999999999h", "1.5m"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("ringwall-demo-folder-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("mine.txt"), "x").unwrap();
        assert!(begin_anew(&folder).is_err());
        assert!(folder.join("mine.txt").exists());
        fs::remove_dir_all(&folder).unwrap();
        begin_anew(&folder).unwrap();
        fs::write(folder.join("old.txt"), "x").unwrap();
        begin_anew(&folder).unwrap();
        assert!(!folder.join("old.txt").exists() && folder.join(MARK).exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
