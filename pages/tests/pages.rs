//! Pages as people see them: every page of a demo in a real browser, and the main tasks done in it.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]

mod browser;
mod demo;
mod follow;
mod hostile;
mod keys;
#[path = "../../cases/src/io/store/tests/postgres.rs"]
#[allow(dead_code, reason = "other stories stop and start it")]
mod postgres;
mod relay;
mod rush;
mod support;
mod tasks;
mod typed;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use browser::{Browser, axe};
use demo::Demo;

/// Holds one page against what every page promises. `name` is that of its picture.
fn inspect(browser: &Browser, axe: Option<&str>, name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    // What is fetched is no page.
    if browser.run("return document.contentType") != "text/html" {
        return wrong;
    }
    let place = browser.place();
    let mut note = |what: String| wrong.push(format!("{name} ({place}): {what}"));
    let overflow =
        browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    if overflow.as_i64().unwrap_or_default() > 1 {
        let widest = browser.run(
            "const w = document.documentElement.clientWidth; return [...document.querySelectorAll('main *')].filter(e => \
             e.getBoundingClientRect().right > w + 1 && !e.closest('.tablebox, pre, .diff')).slice(0, 3).map(e => e.outerHTML.slice(0, 120))",
        );
        note(format!("{overflow} pixels stick out: {widest}"));
    }
    let bytes = browser.run("return document.documentElement.outerHTML.length").as_u64().unwrap_or_default();
    if bytes > PAGE_BYTES_MAX {
        note(format!("{bytes} bytes"));
    }
    if browser.text("body").contains("<time") {
        note("markup is shown as text".to_owned());
    }
    let heading = browser.count("h1");
    if heading != 1 {
        note(format!("{heading} first headings"));
    }
    for complaint in browser.complaints() {
        // A page that says no is no fault of a script.
        if !complaint.contains("favicon") && !complaint.contains("the server responded with a status") {
            note(complaint);
        }
    }
    if let Some(axe) = axe {
        browser.run(&format!("{axe}; return 1"));
        let found = browser.run_later(
            "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })\
             .then(found => done(found.violations.filter(it => ['serious', 'critical'].includes(it.impact)).map(it => \
             `${it.id}: ${it.help}: ${it.nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + (node.any[0]?.message ?? '')).join(' | ')}`)))\
             .catch(error => done([String(error)]))",
        );
        for violation in found.as_array().into_iter().flatten() {
            note(violation.as_str().unwrap_or_default().to_owned());
        }
    }
    if let Some(folder) = pictures() {
        browser.picture(&folder.join(format!("{name}.png")));
    }
    wrong
}

/// Where pictures go, if somebody wants them.
fn pictures() -> Option<PathBuf> {
    std::env::var_os("RINGWALL_PICTURES").map(PathBuf::from)
}

/// All places that the menu leads to, and one of each kind that its pages lead to.
fn places(browser: &Browser) -> Vec<String> {
    let links = |browser: &Browser, css: &str| -> Vec<String> {
        let found = browser.run(&format!(
            "return [...document.querySelectorAll({css:?})].map(it => it.getAttribute('href')).filter(it => it && it.startsWith('/'))"
        ));
        found.as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect()
    };
    let origin = browser.run("return location.origin").as_str().unwrap_or_default().to_owned();
    let mut places = links(browser, "nav.side a");
    places.push("/account".to_owned());
    let mut kinds: BTreeSet<String> = places.iter().map(|place| kind(place)).collect();
    let mut further = Vec::new();
    for place in &places {
        browser.go(&format!("{origin}{place}"));
        for link in links(browser, "main a") {
            if kinds.insert(kind(&link)) {
                further.push(link);
            }
        }
    }
    places.extend(further);
    // What is fetched is no page.
    places.retain(|place| !place.contains("/raw") && !place.contains("/file") && !place.contains("export"));
    places
}

/// A place without what it is about, so that one case stands for all.
fn kind(place: &str) -> String {
    let path = place.split(['?', '#']).next().unwrap_or_default();
    let word = |part: &str| {
        if part.chars().any(|it| it.is_ascii_digit() || it == '%') { "…" } else { part }.to_owned()
    };
    path.split('/').map(word).collect::<Vec<_>>().join("/")
}

#[test]
fn every_page_holds_together_in_both_themes_and_keeps_nobody_out() {
    let Some(browser) = Browser::open() else { return };
    let axe = axe();
    let demo = Demo::start("pages");
    println!("the demo was ready after {:.1} s", demo.seconds);
    assert!(
        demo.seconds <= READY_SECONDS_MAX * PATIENCE,
        "the demo was ready after {:.1} s only",
        demo.seconds
    );
    let look_at = |name: &str, place: &str| {
        let looks = ["light", "dark"].map(|look| {
            if !place.is_empty() {
                demo.go(&browser, place);
            }
            browser.run(&format!("document.documentElement.className = '{look}'"));
            inspect(&browser, axe.as_deref(), &format!("{name}-{look}"))
        });
        looks.concat()
    };
    let mut wrong = Vec::new();
    // What no menu leads to: what anybody gets, on a telephone too.
    for size in [(390, 844), (1_280, 900)] {
        browser.size(size.0, size.1);
        for (name, place) in OPEN {
            wrong.extend(look_at(&format!("{name}-{}", size.0), place));
        }
        let (login, password) = demo.login("ann@");
        demo.go(&browser, "/login");
        browser.fill("#login", login);
        browser.fill("#password", password);
        browser.submit("button.primary");
        browser.wait_at("/login/code");
        wrong.extend(look_at(&format!("code-{}", size.0), ""));
    }
    let mut seen = BTreeSet::new();
    for (who, size) in [("anna", (1_280, 900)), ("admin", (1_280, 900)), ("ann@", (390, 844))] {
        browser.size(size.0, size.1);
        demo.log_in(&browser, who);
        let who = who.trim_end_matches('@');
        for place in places(&browser) {
            // A page that somebody before has looked at is the same page, at the same width.
            if seen.insert((size.0, kind(&place))) {
                wrong.extend(look_at(&format!("{who}{}", kind(&place).replace(['/', '…'], "-")), &place));
            }
        }
        wrong.extend(look_at(&format!("{who}-nowhere"), "/nowhere"));
        match who {
            // Many cases at once are closed with words.
            "anna" => {
                demo.go(&browser, "/queue");
                browser.press("jxjx");
                browser.leave(|| browser.press("e"));
                browser.wait_for("h1", "2 cases?");
                wrong.extend(look_at("anna-bulk", ""));
                // One that is refused: there is no such case.
                demo.go(&browser, "/queue");
                browser.leave(|| browser.press("j\u{e007}"));
                browser.run("document.querySelector('#link').closest('details').open = true");
                browser.fill("#link", "RW-1");
                browser.submit("form[action$='/link'] button");
                browser.wait_for("main", "Back to the page");
                wrong.extend(look_at("anna-refused", ""));
            }
            "admin" => {
                demo.go(&browser, "/people");
                browser.fill("#login", "newcomer");
                browser.run("document.querySelector('#role').value = 'analyst'");
                browser.submit("main form button.primary");
                wrong.extend(look_at("admin-invited", ""));
                let link = browser.text(".told code");
                demo.log_out(&browser);
                for width in [390, 1_280] {
                    browser.size(width, 900);
                    wrong.extend(look_at(
                        &format!("welcome-{width}"),
                        &link[link.find("/welcome/").unwrap()..],
                    ));
                }
                continue;
            }
            _ => {}
        }
        demo.log_out(&browser);
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

/// Pages for whoever has not logged in: names of their pictures, and where they are.
const OPEN: [(&str, &str); 8] = [
    ("login", "/login"),
    ("cut-off", "/login?cut_off=yes&next=%2Fqueue"),
    ("nowhere", "/nowhere"),
    ("appeal", "/appeal"),
    ("appeal-of-nothing", "/appeal/none"),
    ("approve-nothing", "/approve/none"),
    ("disown-nothing", "/disown/none"),
    ("status", "/status"),
];
/// A demo is promised to be ready after so long, on a machine with nothing else to do.
const READY_SECONDS_MAX: f64 = 20.0;
/// How much longer it may take beside the other stories of CI.
const PATIENCE: f64 = 5.0;
/// What every page keeps below.
const PAGE_BYTES_MAX: u64 = 300_000;

/// Pictures of the README, taken from a demo: places, who looks, how large the window is.
const PICTURES: [(&str, &str, &str, (u32, u32)); 4] = [
    ("queue", "anna", "/queue", (1_280, 800)),
    ("board", "anna", "/board", (1_280, 800)),
    ("authorise", "ann@", "/portal/authorise", (480, 900)),
    ("call", "anna", "/calls?rule=harassing+caller", (1_280, 1_200)),
];

/// With `RINGWALL_WRITE=1` they are taken anew; otherwise they only have to be there.
#[test]
fn pictures_of_the_readme_are_of_the_demo() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let path = |name: &str| format!("docs/pictures/{name}.png");
    if std::env::var_os("RINGWALL_WRITE").is_some() {
        let browser = Browser::open().expect("a browser takes them");
        let demo = Demo::start("pictures");
        for (name, who, place, (width, height)) in PICTURES {
            browser.size(width, height);
            demo.log_in(&browser, who);
            demo.go(&browser, place);
            // What a list is about says more than the list.
            if name == "call" || name == "authorise" {
                let found = browser.run("return document.querySelector('main [data-row] a.through, main a[href*=\"/authorise/\"]').href");
                browser.go(found.as_str().unwrap());
            }
            browser.run("document.documentElement.className = 'light'");
            browser.picture(&root.join(path(name)));
            demo.log_out(&browser);
        }
    }
    for (name, ..) in PICTURES {
        assert!(root.join(path(name)).is_file(), "{name}: RINGWALL_WRITE=1 takes it");
        assert!(readme.contains(&path(name)), "the README does not show {name}");
    }
}
