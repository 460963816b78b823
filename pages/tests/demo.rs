//! `ringwall demo` as a person starts it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::browser::Browser;
use crate::support::{Scratch, binary};

/// A demo that runs, and who may log in to it.
pub(crate) struct Demo {
    child: Child,
    address: String,
    /// Where its redirect server takes SIP over UDP.
    pub(crate) redirect: String,
    /// Log-ins and passwords, in the order in which they are printed.
    logins: Vec<(String, String)>,
    pub(crate) seconds: f64,
    _scratch: Scratch,
}

impl Demo {
    /// On embedded storage, as it is usually started.
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    /// On a database of PostgreSQL.
    pub(crate) fn start_on(name: &str, database: &str) -> Self {
        Self::start_with(name, &["--database", database])
    }

    /// With so many weeks of calls before it, and few calls in each hour.
    pub(crate) fn start_after(name: &str, weeks: u32) -> Self {
        Self::start_with(name, &["--weeks", &weeks.to_string(), "--calls-per-hour", "6"])
    }

    #[allow(clippy::disallowed_methods, reason = "how long it takes is what is asked")]
    fn start_with(name: &str, arguments: &[&str]) -> Self {
        let scratch = Scratch::new(name);
        let begin = Instant::now();
        let mut child = Command::new(binary())
            .args(["demo", "--port", "0", "--for", "10m", "--data"])
            .arg(scratch.path().join("demo"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.find(|line| line.starts_with("ready: ")).expect("a demo says when it is ready");
        let seconds = begin.elapsed().as_secs_f64();
        let address = ready.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        let redirect =
            ready.split_whitespace().find_map(|word| word.strip_prefix("udp:")).unwrap().to_owned();
        let told: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("Begin with")).collect();
        let login = |line: &String| {
            let (login, rest) = line.split_once(" password ")?;
            Some((login.trim().to_owned(), rest.split_whitespace().next()?.to_owned()))
        };
        let logins = told.iter().filter_map(login).collect();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, redirect, logins, seconds, _scratch: scratch }
    }

    pub(crate) fn go(&self, browser: &Browser, place: &str) {
        browser.go(&format!("{}{place}", self.address));
    }

    /// Logs in as whoever begins so; a code that the page shows is typed.
    pub(crate) fn log_in(&self, browser: &Browser, who: &str) {
        self.go(browser, "/login");
        self.enter(browser, who);
    }

    /// The same on the log-in page where the browser is.
    pub(crate) fn enter(&self, browser: &Browser, who: &str) {
        let (login, password) = self.login(who);
        browser.fill("#login", login);
        browser.fill("#password", password);
        browser.submit("button.primary");
        if browser.place().starts_with("/login/code") {
            let hints = browser.text(".told");
            let code = hints.lines().find_map(|line| line.strip_prefix(&format!("{login}: "))).unwrap();
            browser.fill("#code", code);
            browser.submit("button.primary");
        }
        let is_in = browser.count("a.who") == 1;
        assert!(is_in, "{who}: {}", browser.text("main"));
    }

    /// The log-in that begins so, and its password.
    pub(crate) fn login(&self, who: &str) -> (&str, &str) {
        let (login, password) = self.logins.iter().find(|(login, _)| login.starts_with(who)).unwrap();
        (login, password)
    }

    pub(crate) fn log_out(&self, browser: &Browser) {
        self.go(browser, "/account");
        browser.submit("form[action='/logout'] button");
        browser.wait_at("/login");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
