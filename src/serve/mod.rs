//! `ringwall serve`: answers the SBCs and PBXs that ask per call.

mod answers;
mod archive;
mod authorised;
mod checking;
mod config;
mod control;
mod desk;
mod feeds;
mod first;
mod glance;
mod keeper;
mod kept;
mod mail;
mod mounts;
mod notice_file;
mod notices;
mod pages;
pub(crate) mod presence;
mod proxy;
mod records;
mod redress;
mod schedules;
mod sharing;
mod signing;
mod start;
mod status;
mod undecided;
mod watched;
mod watching;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::outcome::{Failure, Outcome};
pub(crate) use archive::FOLDER as RECORDS;
pub(crate) use config::{Cases, Config, Hep};
pub(crate) use kept::Kept;
pub(crate) use records::FOLDER as SPOOL;

/// Answer SBCs and PBXs that ask per call, and pass calls on, by policy.
///
/// A peer sends its INVITE, and is told to go on (302 to its next hop) or not (the answer of the policy). Other switches
/// ask over HTTP, POST /v1/decide. As a proxy it stands in the path: calls go through it to the next hop, and those that a
/// policy wants ended are hung up; as a bridge it is asked by the kernel about each packet. What capture agents tell (HEP) and what passes an interface is judged and recorded without
/// anybody being answered. Policies are read again on SIGHUP and when their files change, without losing a call;
/// one with mistakes is refused and the old one stays. SIGTERM stops it in order.
#[derive(Args)]
#[command(after_help = "Example:\n  ringwall serve --policy acme.toml\n  \
ringwall serve --config ringwall.toml --redirect 192.0.2.5:5060\n  \
ringwall serve --policy acme.toml --hep 192.0.2.5:9060\n  \
curl -s http://127.0.0.1:8080/v1/decide -H 'content-type: application/json' -d '{\"caller\":\"+13035550142\",\"called\":\"+12105550100\"}'")]
pub(crate) struct Arguments {
    /// The configuration; ringwall.toml in the repository is the complete example. Without it the defaults hold.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A customer's policy; may be given several times.
    #[arg(long)]
    policy: Vec<PathBuf>,
    /// Where everything is kept that outlives a restart.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where peers ask, over UDP and TCP. Port 0 lets the system choose.
    #[arg(long, value_name = "ADDR")]
    redirect: Option<SocketAddr>,
    /// Where calls go through us over UDP, to the next hops that the configuration names.
    #[arg(long, value_name = "ADDR")]
    proxy: Option<SocketAddr>,
    /// Where HEP is taken, over UDP and TCP. Port 0 lets the system choose.
    #[arg(long, value_name = "ADDR")]
    hep: Option<SocketAddr>,
    /// Where decisions, health and metrics are asked for.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let config = arguments.config()?;
    if config.data.exists() && !config.data.is_dir() {
        let data = config.data.display();
        return Err(Failure::Usage(format!("{data} is no folder: `data` names the one of the service")));
    }
    force_faults()?;
    allow_connections(&config);
    let interfaces = watching::open(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(Failure::Output)?.block_on(start::run(config, interfaces, Around::default()))?;
    Ok(Outcome::Done)
}

/// What is around a service that another command runs.
#[derive(Default)]
pub(crate) struct Around {
    /// Told once it is ready.
    pub(crate) on_ready: Option<Box<dyn FnOnce(Ready) + Send>>,
    /// After how long it ends by itself.
    pub(crate) ends_after: Option<Duration>,
    /// What the pages for logging in say; `true` where a code is asked for.
    pub(crate) hints: Option<Hints>,
}

/// Lines that help somebody to log in.
pub(crate) type Hints = Box<dyn Fn(bool) -> Vec<String> + Send + Sync>;

/// Where a service is reached.
pub(crate) struct Ready {
    /// The redirect server, over UDP.
    pub(crate) redirect: SocketAddr,
}

/// Serves by `config`, without a command line.
pub(crate) fn run_with(config: Config, around: Around) -> Result<(), Failure> {
    allow_connections(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(Failure::Output)?.block_on(start::run(config, Vec::new(), around))
}

/// A port of this machine that the system chooses.
pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Has room for all connections that the configuration allows; says so where the system gives less.
fn allow_connections(config: &Config) {
    let wanted = (config.redirect.connections_max + config.proxy.connections_max() + FILES_BESIDE) as u64;
    match sys::raise_open_files() {
        Ok(files) if files < wanted => eprintln!(
            "ringwall: the system allows {files} open files, and connections_max asks for {wanted}: raise LimitNOFILE"
        ),
        Ok(_) => {}
        Err(error) => eprintln!("ringwall: it is unknown how many connections there may be: {error}"),
    }
}

/// Forces what tests ask for in the environment. It is said aloud: nobody is to rely on such a service.
fn force_faults() -> Result<(), Failure> {
    let Some(wanted) = std::env::var_os(FAULTS) else { return Ok(()) };
    let wanted = wanted.to_string_lossy();
    collector::faults::force(wanted.parse().map_err(|wrong| Failure::Usage(format!("{FAULTS}: {wrong}")))?);
    eprintln!("ringwall: {FAULTS} forces faults ({wanted}): this is a test, and no service to rely on");
    Ok(())
}

impl Arguments {
    fn config(&self) -> Result<Config, Failure> {
        let mut config = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
        if !self.policy.is_empty() {
            config.policy.clone_from(&self.policy);
        }
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        if let Some(address) = self.redirect {
            (config.redirect.udp, config.redirect.tcp) = (vec![address], vec![address]);
        }
        if let Some(address) = self.proxy {
            config.proxy.udp = vec![address];
            config.proxy.check().map_err(Failure::Usage)?;
        }
        if let Some(address) = self.hep {
            (config.hep.udp, config.hep.tcp) = (vec![address], vec![address]);
        }
        if let Some(address) = self.http {
            config.http.listen = address;
        }
        Ok(config)
    }
}

/// Files that are open beside connections: the spool, databases, sockets.
const FILES_BESIDE: usize = 256;
/// The variable of the environment by which tests force faults.
const FAULTS: &str = "RINGWALL_FAULTS";
