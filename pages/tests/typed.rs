//! What people typed is theirs until it is done: sessions end, forms are refused, and a note is no message.

use serde_json::json;

use crate::browser::Browser;
use crate::demo::Demo;

/// Words of the page's own line about what was done last.
const TOLD: &str = "main [role=status]";

#[test]
fn what_was_typed_outlives_the_session_in_which_it_was_typed() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("typed");
    demo.log_in(&browser, "anna");
    let case = a_case(&browser);
    let typed = json!("the caller is known\nsince May");
    browser.fill("#note", "the caller is known\nsince May");
    browser.fill("#message", "we look into it");
    browser.lose_session();
    browser.submit("form[action$='/note'] button");
    browser.wait_at("/login?cut_off=yes&next=");
    browser.wait_for("main", "what you sent was not taken");
    demo.enter(&browser, "anna");
    assert_eq!(browser.place(), case);
    assert_eq!(value(&browser, "#note"), typed);
    assert_eq!(value(&browser, "#message"), json!("we look into it"));
    browser.submit("form[action$='/note'] button");
    browser.wait_for(TOLD, "Customers never see it");
    browser.wait_for(".timeline", "since May");
    // What is done is not there again, what was not sent is.
    browser.reload();
    assert_eq!(value(&browser, "#note"), json!(""));
    assert_eq!(value(&browser, "#message"), json!("we look into it"));
    assert!(browser.complaints().is_empty());
}

#[test]
fn a_policy_that_is_refused_is_there_again_with_the_reason() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("studio");
    demo.log_in(&browser, "anna");
    let studio = "/policies/Acme%20Insurance/edit";
    demo.go(&browser, studio);
    let in_force = value(&browser, "#text");
    browser.run(
        "const text = document.querySelector('#text'); text.value += '\\n# typed by hand\\n'; \
         text.dispatchEvent(new Event('input', { bubbles: true }))",
    );
    let typed = value(&browser, "#text");
    assert_ne!(typed, in_force);
    // Nothing is sent without a reason, and nothing that is said to have one and has none is put in force.
    browser.click("button[formaction$='/install']");
    assert_eq!(browser.place(), studio);
    browser.fill("#why", "  ");
    browser.submit("button[formaction$='/install']");
    browser.wait_for("[role=alert]", "Say why");
    assert_eq!(value(&browser, "#text"), typed);
    // The page can be loaded again, and its text is there after another one was looked at.
    assert_eq!(browser.place(), studio);
    demo.go(&browser, "/queue");
    demo.go(&browser, studio);
    assert_eq!(value(&browser, "#text"), typed);
    // Nobody finds it who comes after.
    demo.log_out(&browser);
    demo.log_in(&browser, "anna");
    demo.go(&browser, studio);
    assert_eq!(value(&browser, "#text"), in_force);
}

#[test]
fn x3_the_key_that_keeps_a_note_sends_no_message() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("keys-of-two");
    demo.log_in(&browser, "anna");
    let case = a_case(&browser);
    browser.fill("#message", "for the desk only: the customer does not pay");
    browser.press_with_control(thirtyfour::Key::Enter);
    browser.wait_for("#toasts", "The customer reads this");
    assert_eq!(browser.place(), case);
    browser.fill("#note", "for the customer");
    browser.press_with_control_and_shift(thirtyfour::Key::Enter);
    browser.wait_for("#toasts .toast:last-child", "A note stays here");
    assert_eq!(browser.place(), case);
    browser.fill("#message", "we have looked into it");
    browser.leave(|| browser.press_with_control_and_shift(thirtyfour::Key::Enter));
    browser.wait_for(TOLD, "Written to the customer");
    browser.fill("#note", "they were glad");
    browser.send_by_keys();
    browser.wait_for(TOLD, "Customers never see it");
    let timeline = browser.text(".timeline");
    assert!(!timeline.contains("does not pay") && !timeline.contains("for the customer\n"), "{timeline}");
}

/// Opens the first case of the queue; its place.
fn a_case(browser: &Browser) -> String {
    browser.wait_for("tbody", "RW-");
    browser.leave(|| browser.click("[data-row] a.through"));
    browser.wait_at("/case/RW-");
    browser.place()
}

fn value(browser: &Browser, css: &str) -> serde_json::Value {
    browser.run(&format!("return document.querySelector({css:?}).value"))
}
