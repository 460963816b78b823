//! The main tasks of the desk and of a customer, done as they do them.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use serde_json::Value;

use crate::browser::Browser;
use crate::demo::Demo;
use crate::postgres;
use crate::support::{binary, within};

/// Words of the page's own line about what was done last.
const TOLD: &str = "main [role=status]";

/// Has `story` happen on embedded storage, and on PostgreSQL.
fn on_both(name: &str, story: impl Fn(&Browser, &Demo)) {
    let Some(browser) = Browser::open() else { return };
    story(&browser, &Demo::start(name));
    let Some(database) = postgres::database() else { return };
    let Some(browser) = Browser::open() else { return };
    story(&browser, &Demo::start_on(&format!("{name}-postgres"), &database));
}

#[test]
fn twenty_cases_are_acknowledged_with_two_keys_each_and_one() {
    on_both("twenty", |browser, demo| {
        demo.log_in(browser, "anna");
        demo.go(browser, "/queue?q=owner:nobody");
        browser.press(&"jx".repeat(20));
        let chosen = browser.run(
            "return [...document.querySelectorAll('input[data-select]:checked')].map(it => it.closest('[data-row]').dataset.number)",
        );
        let chosen: Vec<&str> = chosen.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(chosen.len(), 20);
        browser.press("a");
        browser.wait_for(TOLD, "20 cases are taken");
        demo.go(browser, "/queue?q=owner:me");
        for number in chosen {
            assert_eq!(browser.count(&format!("[data-row][data-number=\"{number}\"]")), 1, "{number}");
        }
    });
}

#[test]
fn two_hundred_alerts_come_into_one_case_in_one_act() {
    on_both("alerts", |browser, demo| {
        scan(demo, 200);
        demo.log_in(browser, "anna");
        // Gathered, it says how many alerts there are, and in how many cases: beyond sixty a minute of one rule they come into one.
        let gathered = "return [...document.querySelectorAll('[data-row]')].map(it => [it.cells[1].innerText, it.cells[2].innerText].map(Number)) \
                        .reduce((sum, it) => [sum[0] + it[0], sum[1] + it[1]], [0, 0])";
        let counted = within(60, || {
            demo.go(browser, "/alerts?within=1h&group=rule");
            let row = browser.run(gathered);
            Some((row[0].as_u64()?, row[1].as_u64()?)).filter(|(alerts, _)| *alerts >= 200)
        });
        let Some((alerts, cases)) = counted else {
            panic!("no two hundred alerts: {}", browser.text("main"));
        };
        assert!(cases > 60, "{alerts} alerts stand in {cases} cases already");
        demo.go(browser, "/alerts?within=1h");
        browser.click("input[data-select-all]");
        browser.click("form[data-bulk] input[name=all]");
        browser.press("m");
        browser.wait_for(TOLD, "now.");
        let told = browser.text(TOLD);
        let into = told.split_whitespace().find(|word| word.starts_with("RW-")).unwrap().to_owned();
        demo.go(browser, &format!("/case/{into}"));
        let facts = browser.text("section[aria-label=Facts] dl");
        let holds = facts
            .split_once("Alerts")
            .and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<u32>().ok());
        assert!(holds.unwrap() >= 200, "{told} {facts}");
        // Whatever of it is open stands in that case, or in one that came in meanwhile.
        demo.go(browser, "/alerts?within=1h&open=yes");
        let others = browser.run(&format!(
            "return [...document.querySelectorAll('[data-row] input[data-select]')].map(it => it.closest('[data-row]').innerText) \
             .filter(it => !it.includes({into:?})).length"
        ));
        assert!(others.as_u64().unwrap() <= 5, "{told}: {others} elsewhere");
    });
}

/// So many programs try the demo's server, each from an address of its own: what they send has a From without a tag.
pub(crate) fn scan(demo: &Demo, count: u8) {
    for at in 1..=count {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 9, 8, at), 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let here = socket.local_addr().unwrap();
        let message = format!(
            "INVITE sip:+12105550107@ringwall.example SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKscan{at}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{at}@{here}>\r\nTo: <sip:+12105550107@ringwall.example>\r\nCall-ID: scan-{at}\r\n\
             CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        let answered = within(20, || {
            socket.send_to(message.as_bytes(), &demo.redirect).unwrap();
            socket.recv(&mut [0; 4_096]).ok()
        });
        assert!(answered.is_some(), "the server answers {here}");
    }
}

#[test]
fn a_caller_is_blocked_with_four_keys_and_let_through_again_with_one() {
    on_both("block", |browser, demo| {
        demo.log_in(browser, "anna");
        demo.go(browser, "/calls?verdict=allow&direction=inbound");
        let caller =
            browser.run("return document.querySelectorAll('[data-row]')[0].innerText.match(/\\+\\d+/)[0]");
        let caller = caller.as_str().unwrap().to_owned();
        browser.press("j");
        browser.press_enter();
        browser.wait_for("h1", &caller);
        browser.press("b");
        browser.press_enter();
        browser.wait_for(TOLD, &format!("{caller} is on the list harassment until"));
        let call = browser.place();
        let entries = "/lists/Acme%20Insurance/harassment";
        demo.go(browser, entries);
        browser.wait_for("main", &caller);
        demo.go(browser, &call);
        browser.press("z");
        browser.wait_for(TOLD, &format!("{caller} is off the list harassment"));
        demo.go(browser, entries);
        assert!(!browser.text("main").contains(&caller), "{}", browser.text("main"));
    });
}

#[test]
fn a_block_is_proposed_approved_by_the_customer_and_proven() {
    on_both("approve", |browser, demo| {
        // Asked for in the portal, by who may ask.
        demo.log_in(browser, "bob@");
        demo.go(browser, "/portal/ask?kind=block");
        browser.fill("#numbers", "(303) 555-0177");
        browser.run("document.querySelector('[name=category]').value = 'Harassing'");
        browser.fill("textarea[name=text]", "calls every night");
        browser.submit("main form button.primary");
        browser.wait_at("/portal/request/RW-");
        let number = browser.place().rsplit('/').next().unwrap().to_owned();
        demo.log_out(browser);
        // Proposed at the desk, with what was asked for filled in.
        demo.log_in(browser, "anna");
        demo.go(browser, &format!("/case/{number}"));
        browser.press("b");
        let filled = browser
            .run("return [...document.querySelectorAll('#entries, #category, #why')].map(it => it.value)");
        assert_eq!(filled, serde_json::json!(["+13035550177", "Harassing", "calls every night"]));
        browser.click("form[action$='/propose'] button.primary");
        browser.wait_for(TOLD, "It is proposed");
        browser.click("form[action$='/ask'] button");
        browser.wait_for(TOLD, "Ann");
        demo.log_out(browser);
        // Nothing has changed yet; who authorises reads what would, and says yes.
        demo.log_in(browser, "ann@");
        demo.go(browser, &format!("/portal/authorise/{number}"));
        browser.wait_for("main", "Calls from +13035550177 will be rejected");
        browser.submit("main form button.primary");
        browser.wait_for(TOLD, "You have said yes");
        browser.wait_reloading("main", "+13035550177 to +12105550100: block (603");
        assert!(browser.text("main").contains("allow (no rule matched)"), "wanted callers still pass");
        assert!(browser.complaints().is_empty());
    });
}

#[test]
fn a_report_is_ordered_and_read() {
    on_both("report", |browser, demo| {
        demo.log_in(browser, "admin");
        order(browser, demo, "html");
        browser.click("main table a[href*='/reports/']");
        browser.look_at_the_newest();
        browser.wait_for("body", "Acme Insurance");
    });
}

#[test]
fn a_report_is_ordered_and_its_pdf_opened() {
    let typesetter = binary().with_file_name("ringwall-typeset");
    if !typesetter.is_file() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing in CI", typesetter.display());
        println!("LEFT OUT: a report as PDF, because {} is not built", typesetter.display());
        return;
    }
    on_both("pdf", |browser, demo| {
        demo.log_in(browser, "admin");
        order(browser, demo, "pdf");
        // The bytes as the browser gets them, and the document as it shows them.
        let place = "document.querySelector('main table a[href*=\"/reports/\"]').href";
        let begins = browser.run_later(&format!(
            "fetch({place}).then(it => Promise.all([it.headers.get('content-type'), it.arrayBuffer()])) \
             .then(([kind, bytes]) => done([kind, new TextDecoder('latin1').decode(bytes.slice(0, 5)), bytes.byteLength]))"
        ));
        assert_eq!(begins[0], "application/pdf");
        assert_eq!(begins[1], "%PDF-");
        assert!(begins[2].as_u64().unwrap() > 10_000, "{begins}");
        browser.click("main table a[href*='/reports/']");
        browser.look_at_the_newest();
        let shown = within(15, || {
            Some(browser.run("return document.contentType")).filter(|it| it == "application/pdf")
        });
        assert!(shown.is_some(), "{}", browser.place());
    });
}

/// Orders a report of the week in `format`, and waits until it is made.
fn order(browser: &Browser, demo: &Demo, format: &str) {
    demo.go(browser, "/reports?report=weekly-operations");
    browser.run(&format!("document.querySelector('[name=format]').value = '{format}'"));
    browser.submit("main form button.primary");
    browser.wait_reloading("main table", "Open weekly-operations");
}
