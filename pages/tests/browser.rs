//! A browser that nobody sees: Chromium by its driver, each story with its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use thirtyfour::prelude::*;
use thirtyfour::{DesiredCapabilities, LoggingPrefsLogLevel, WindowHandle};

use crate::support::within;

/// A driver and one window.
pub(crate) struct Browser {
    chromedriver: Child,
    runtime: tokio::runtime::Runtime,
    window: Option<WebDriver>,
}

impl Browser {
    /// Opens a window; `None`, with a line, where there is no Chromium. In CI there is one.
    pub(crate) fn open() -> Option<Self> {
        let started =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut chromedriver) = started else {
            assert!(std::env::var_os("CI").is_none(), "chromedriver is missing in CI");
            println!("left out: there is no chromedriver");
            return None;
        };
        let mut lines = BufReader::new(chromedriver.stdout.take().unwrap()).lines();
        let port: u16 = lines
            .find_map(|line| {
                let line = line.ok()?;
                line.strip_suffix('.')?.rsplit_once("on port ")?.1.parse().ok()
            })
            .expect("chromedriver says its port");
        // What it says further is nobody's concern, but the pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        let window = runtime.block_on(WebDriver::new(format!("http://127.0.0.1:{port}"), wanted)).unwrap();
        let browser = Self { chromedriver, runtime, window: Some(window) };
        browser.size(1_280, 900);
        Some(browser)
    }

    fn window(&self) -> &WebDriver {
        self.window.as_ref().unwrap()
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        self.runtime.block_on(self.window().set_window_rect(0, 0, width, height)).unwrap();
    }

    pub(crate) fn go(&self, address: &str) {
        self.runtime.block_on(self.window().goto(address.to_owned())).unwrap();
    }

    pub(crate) fn place(&self) -> String {
        let url = self.runtime.block_on(self.window().current_url()).unwrap();
        format!("{}{}", url.path(), url.query().map(|query| format!("?{query}")).unwrap_or_default())
    }

    /// What `script` returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        let returned = self.runtime.block_on(self.window().execute(script.to_owned(), Vec::new()));
        returned.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// What `script` hands to `done`, whenever it does.
    pub(crate) fn run_later(&self, script: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        let returned = self.runtime.block_on(self.window().execute_async(script.clone(), Vec::new()));
        returned.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// The text of the first that fits; empty when nothing does, or while the page goes.
    pub(crate) fn text(&self, css: &str) -> String {
        let script = format!("return document.querySelector({css:?})?.innerText ?? ''");
        let found = self.runtime.block_on(self.window().execute(script, Vec::new())).ok();
        found.and_then(|found| found.json().as_str().map(str::to_owned)).unwrap_or_default()
    }

    pub(crate) fn count(&self, css: &str) -> usize {
        let found = self.run(&format!("return document.querySelectorAll({css:?}).length"));
        found.as_u64().unwrap_or_default() as usize
    }

    /// Clicks the first that fits, once it is there.
    pub(crate) fn click(&self, css: &str) {
        let element = self.find(css);
        self.runtime.block_on(element.click()).unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Sends the form of the first that fits and waits for the page that answers.
    pub(crate) fn submit(&self, css: &str) {
        self.leave(|| self.click(css));
    }

    /// Waits until a page is there with its scripts, for which `condition` holds; pages come and go meanwhile.
    fn arrive(&self, condition: &str) {
        let script = format!("return document.readyState === 'complete' && ({condition})");
        let seen = within(15, || {
            let asked = self.runtime.block_on(self.window().execute(script.clone(), Vec::new()));
            (asked.ok()?.json() == &Value::Bool(true)).then_some(())
        });
        assert!(seen.is_some(), "no page with {condition} at {}: {}", self.place(), self.text("main"));
    }

    /// Types `text` into the first that fits; what was in it goes.
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.runtime.block_on(async {
            element.clear().await.unwrap();
            element.send_keys(text.to_owned()).await.unwrap();
        });
    }

    /// Presses keys wherever the page is, one at once after the other.
    pub(crate) fn press(&self, keys: &str) {
        self.arrive("true");
        let chain = self.window().action_chain().send_keys(keys);
        self.runtime.block_on(chain.perform()).unwrap();
    }

    /// Presses `key` while Control is held.
    pub(crate) fn press_with_control(&self, key: impl Into<char>) {
        let key = key.into();
        self.arrive("true");
        let chain = self.window().action_chain().key_down(Key::Control).send_keys(key.to_string());
        self.runtime.block_on(chain.key_up(Key::Control).perform()).unwrap();
    }

    /// Presses `key` while Control and Shift are held.
    pub(crate) fn press_with_control_and_shift(&self, key: impl Into<char>) {
        let key = key.into();
        self.arrive("true");
        let chain = self.window().action_chain().key_down(Key::Control).key_down(Key::Shift);
        let chain = chain.send_keys(key.to_string()).key_up(Key::Shift).key_up(Key::Control);
        self.runtime.block_on(chain.perform()).unwrap();
    }

    /// Sends the form in which one types, by Control and Enter, and waits for the page that answers.
    pub(crate) fn send_by_keys(&self) {
        self.leave(|| self.press_with_control(Key::Enter));
    }

    /// Presses Tab until what has the focus fits `css`, as somebody without a mouse does.
    pub(crate) fn tab_to(&self, css: &str) {
        let has_it = format!("return document.activeElement.matches({css:?})");
        for _ in 0..TABS_MAX {
            if self.run(&has_it) == Value::Bool(true) {
                return;
            }
            self.press(&char::from(Key::Tab).to_string());
        }
        panic!("no Tab leads to {css} at {}: {}", self.place(), self.text("main"));
    }

    /// Goes on in the window that was opened last, by a link that opens one.
    pub(crate) fn look_at_the_newest(&self) {
        let opened = within(15, || {
            let windows = self.runtime.block_on(self.window().windows()).unwrap();
            (windows.len() > 1).then(|| windows.into_iter().next_back())
        });
        let newest = opened.flatten().expect("a window was opened");
        self.runtime.block_on(self.window().switch_to_window(newest)).unwrap();
        self.arrive("true");
    }

    /// Goes on in a window of its own, and returns the one it leaves.
    pub(crate) fn another_window(&self) -> WindowHandle {
        self.runtime.block_on(async {
            let before = self.window().window().await.unwrap();
            let other = self.window().new_window().await.unwrap();
            self.window().switch_to_window(other).await.unwrap();
            before
        })
    }

    /// Goes on in a tab of its own, in front of the one it leaves, and returns that one.
    pub(crate) fn another_tab(&self) -> WindowHandle {
        self.runtime.block_on(async {
            let before = self.window().window().await.unwrap();
            let other = self.window().new_tab().await.unwrap();
            self.window().switch_to_window(other).await.unwrap();
            before
        })
    }

    /// Forgets who is logged in, as after a day.
    pub(crate) fn lose_session(&self) {
        self.runtime.block_on(self.window().delete_all_cookies()).unwrap();
    }

    /// Loads the page again.
    pub(crate) fn reload(&self) {
        self.runtime.block_on(self.window().refresh()).unwrap();
    }

    /// Goes on in this window.
    pub(crate) fn look_at(&self, window: &WindowHandle) {
        self.runtime.block_on(self.window().switch_to_window(window.clone())).unwrap();
    }

    /// Chooses a command by its words from the list of all commands.
    pub(crate) fn command(&self, words: &str) {
        self.press_with_control('k');
        self.press(words);
        self.wait_for("#commands ul button", words);
        self.press_enter();
    }

    /// Does what leads to another page, and waits for that page: what is done returns before the browser leaves.
    pub(crate) fn leave(&self, act: impl FnOnce()) {
        self.run("window.isLeaving = true");
        act();
        self.arrive("!window.isLeaving");
    }

    pub(crate) fn press_enter(&self) {
        self.press(&char::from(Key::Enter).to_string());
    }

    pub(crate) fn press_escape(&self) {
        self.press(&char::from(Key::Escape).to_string());
    }

    /// Waits until `css` fits something that shows `text`.
    pub(crate) fn wait_for(&self, css: &str, text: &str) {
        let seen = within(15, || self.text(css).contains(text).then_some(()));
        assert!(seen.is_some(), "no {text:?} in {css} at {}: {:?}", self.place(), self.text("main"));
    }

    /// Looks again and again until `css` fits something that shows `text`.
    pub(crate) fn wait_reloading(&self, css: &str, text: &str) {
        let seen = within(60, || {
            if self.text(css).contains(text) {
                return Some(());
            }
            self.runtime.block_on(self.window().refresh()).unwrap();
            None
        });
        assert!(seen.is_some(), "no {text:?} in {css} at {}: {:?}", self.place(), self.text("main"));
    }

    /// Waits until the address begins so.
    pub(crate) fn wait_at(&self, place: &str) {
        let seen = within(15, || self.place().starts_with(place).then_some(()));
        assert!(seen.is_some(), "at {} and not at {place}: {}", self.place(), self.text("main"));
        self.arrive("true");
    }

    /// A picture of the page.
    pub(crate) fn picture(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        self.runtime.block_on(self.window().screenshot(path)).unwrap();
    }

    /// What the browser complained of since it was last asked: scripts that failed, and what the policy of content kept out.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.runtime.block_on(self.window().browser_log()).unwrap();
        let bad =
            log.into_iter().filter(|entry| format!("{:?}", entry.level).to_lowercase().contains("severe"));
        bad.map(|entry| entry.message).collect()
    }

    fn find(&self, css: &str) -> WebElement {
        let found = within(15, || self.runtime.block_on(self.window().find(By::Css(css.to_owned()))).ok());
        found.unwrap_or_else(|| panic!("no {css} at {}: {}", self.place(), self.text("main")))
    }
}

/// More than any page of a demo has places to go to.
const TABS_MAX: usize = 400;

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(window) = self.window.take() {
            let _ = self.runtime.block_on(window.quit());
        }
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}

/// axe-core, which finds what keeps people out; `None`, with a line, where it is not installed.
pub(crate) fn axe() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = root.join("target/python/bin/python3");
    let find = "import axe_playwright_python as a, os; print(os.path.dirname(a.__file__))";
    let found =
        Command::new(program).args(["-c", find]).output().ok().filter(|output| output.status.success());
    let folder = found.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let script = folder.and_then(|folder| std::fs::read_to_string(folder.join("axe.min.js")).ok());
    if script.is_none() {
        assert!(std::env::var_os("CI").is_none(), "axe-core is missing in CI");
        println!("left out: axe-core is not installed");
    }
    script
}
