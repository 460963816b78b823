//! The main tasks of the desk and of a customer, done as they do them.

use serde_json::Value;

use crate::browser::Browser;
use crate::demo::Demo;

/// Words of the page's own line about what was done last.
const TOLD: &str = "main [role=status]";

#[test]
fn twenty_cases_are_acknowledged_with_two_keys_each_and_one() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("twenty");
    demo.log_in(&browser, "anna");
    demo.go(&browser, "/queue?q=owner:nobody");
    browser.press(&"jx".repeat(20));
    let chosen = browser.run(
        "return [...document.querySelectorAll('input[data-select]:checked')].map(it => it.closest('[data-row]').dataset.number)",
    );
    let chosen: Vec<&str> = chosen.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(chosen.len(), 20);
    browser.press("a");
    browser.wait_for(TOLD, "20 cases are taken");
    demo.go(&browser, "/queue?q=owner:me");
    for number in chosen {
        assert_eq!(browser.count(&format!("[data-row][data-number=\"{number}\"]")), 1, "{number}");
    }
}

#[test]
fn all_alerts_that_match_come_into_one_case() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("alerts");
    demo.log_in(&browser, "anna");
    demo.go(&browser, "/alerts?within=30d");
    browser.click("input[data-select-all]");
    browser.click("form[data-bulk] input[name=all]");
    browser.press("m");
    browser.wait_for(TOLD, "now.");
    let told = browser.text(TOLD);
    let into = told.split_whitespace().find(|word| word.starts_with("RW-")).unwrap().to_owned();
    // Whatever of it is open stands in that case, or in one that came in meanwhile.
    let others = browser.run(&format!(
        "return [...document.querySelectorAll('[data-row] input[data-select]')].map(it => it.closest('[data-row]').innerText).filter(it => \
         !it.includes({into:?})).length"
    ));
    assert!(others.as_u64().unwrap() <= 2, "{told}: {others} elsewhere");
    assert!(told.split_whitespace().next().unwrap().parse::<u32>().unwrap() >= 40, "{told}");
}

#[test]
fn a_caller_is_blocked_with_four_keys_and_let_through_again_with_one() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("block");
    demo.log_in(&browser, "anna");
    demo.go(&browser, "/calls?verdict=allow&direction=inbound");
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
    demo.go(&browser, entries);
    browser.wait_for("main", &caller);
    demo.go(&browser, &call);
    browser.press("z");
    browser.wait_for(TOLD, &format!("{caller} is off the list harassment"));
    demo.go(&browser, entries);
    assert!(!browser.text("main").contains(&caller), "{}", browser.text("main"));
}

#[test]
fn a_block_is_proposed_approved_by_the_customer_and_proven() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("approve");
    // Asked for in the portal, by who may ask.
    demo.log_in(&browser, "bob@");
    demo.go(&browser, "/portal/ask?kind=block");
    browser.fill("#numbers", "(303) 555-0177");
    browser.run("document.querySelector('[name=category]').value = 'Harassing'");
    browser.fill("textarea[name=text]", "calls every night");
    browser.submit("main form button.primary");
    browser.wait_at("/portal/request/RW-");
    let number = browser.place().rsplit('/').next().unwrap().to_owned();
    demo.log_out(&browser);
    // Proposed at the desk, with what was asked for filled in.
    demo.log_in(&browser, "anna");
    demo.go(&browser, &format!("/case/{number}"));
    browser.press("b");
    let filled =
        browser.run("return [...document.querySelectorAll('#entries, #category, #why')].map(it => it.value)");
    assert_eq!(filled, serde_json::json!(["+13035550177", "Harassing", "calls every night"]));
    browser.click("form[action$='/propose'] button.primary");
    browser.wait_for(TOLD, "It is proposed");
    browser.click("form[action$='/ask'] button");
    browser.wait_for(TOLD, "Ann");
    demo.log_out(&browser);
    // Nothing has changed yet; who authorises reads what would, and says yes.
    demo.log_in(&browser, "ann@");
    demo.go(&browser, &format!("/portal/authorise/{number}"));
    browser.wait_for("main", "put +13035550177 on harassment until");
    browser.submit("main form button.primary");
    browser.wait_for(TOLD, "You have said yes");
    browser.wait_reloading("main", "+13035550177 to +12105550100: block (603");
    assert!(browser.text("main").contains("allow (no rule matched)"), "wanted callers still pass");
    assert!(browser.complaints().is_empty());
}

#[test]
fn a_report_is_ordered_and_read() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("report");
    demo.log_in(&browser, "admin");
    demo.go(&browser, "/reports?report=weekly-operations");
    browser.run("document.querySelector('[name=format]').value = 'html'");
    browser.submit("main form button.primary");
    browser.wait_reloading("main table", "html");
    browser.click("main table a[href*='/reports/']");
    browser.wait_for("body", "Acme Insurance");
}
