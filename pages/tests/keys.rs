//! What somebody without a mouse does: no click, no script, nothing but keys.

use serde_json::Value;

use crate::browser::Browser;
use crate::demo::Demo;

/// Words of the page's own line about what was done last.
const TOLD: &str = "main [role=status]";

#[test]
fn a_first_case_is_done_by_keys_alone() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("keys");
    log_in(&browser, &demo);
    browser.wait_for("tbody", "RW-");
    // 1. A case is opened from the queue and acknowledged.
    browser.press("j");
    assert_eq!(browser.count("tr.at"), 1);
    browser.leave(|| browser.press_enter());
    browser.wait_at("/case/RW-");
    let number = browser.text("main code");
    browser.leave(|| browser.press("a"));
    browser.wait_for("main", "Owner\nanna");
    assert!(browser.place().contains(&number), "{}", browser.place());
    // 2. A note is written. Letters type where one types.
    browser.press("n");
    browser.press("the caller is known");
    assert_eq!(typed(&browser), "the caller is known");
    browser.send_by_keys();
    browser.wait_for(TOLD, "Customers never see it");
    browser.wait_for(".timeline", "the caller is known");
    // 3. How much it matters.
    browser.press("p");
    let wanted = if typed(&browser) == "critical" { "warning" } else { "critical" };
    browser.press(wanted);
    browser.send_by_keys();
    browser.wait_for("section[aria-label=Facts]", wanted);
    // 4. The next step of its state.
    let before = state(&browser);
    browser.leave(|| browser.press("s"));
    assert_ne!(state(&browser), before);
    // 5. Findings are written, found by their words in the list of all commands.
    browser.command("Findings");
    browser.press("one caller, forty calls, nobody answered");
    browser.send_by_keys();
    browser.wait_for(".timeline", "forty calls");
    // 6. It is linked to another case.
    let other = another(&browser, &demo, &number);
    demo.go(&browser, &format!("/case/{number}"));
    browser.press("l");
    browser.press(&other);
    browser.send_by_keys();
    browser.wait_for("section[aria-label=Facts]", &other);
    // 7. The customer is told what was found, and it is closed with a reason.
    browser.leave(|| browser.press("s"));
    browser.press("e");
    let reason = typed(&browser);
    browser.tab_to("#closing");
    browser.press("the people concerned expected it");
    browser.send_by_keys();
    browser.wait_for("section[aria-label=Facts]", &format!("Closed as {}", reason.as_str().unwrap()));
    browser.leave(|| browser.press_escape());
    browser.wait_at("/queue");
    browser.press("?");
    browser.wait_for("dialog[open]", "next, previous row");
    browser.press_escape();
    assert!(browser.complaints().is_empty());
}

#[test]
fn the_rest_of_a_day_is_done_by_keys_alone() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("day");
    log_in(&browser, &demo);
    // 8. Something is searched for.
    browser.press("/");
    browser.press("kind:block");
    browser.leave(|| browser.press_enter());
    browser.wait_at("/queue?q=kind");
    browser.wait_for("tbody", "Block +");
    // 9. What was found is kept as a view, and is a key away.
    browser.command("Save view");
    browser.press("wanted blocks");
    browser.leave(|| browser.press_enter());
    browser.wait_for("nav.tabs", "wanted blocks");
    let key = browser.run("return [...document.querySelectorAll('nav.tabs a')].find(it => it.innerText.includes('wanted blocks')).dataset.key");
    browser.leave(|| browser.press("2"));
    browser.leave(|| browser.press(key.as_str().unwrap()));
    browser.wait_at("/queue?q=kind");
    // 10. A change is proposed for what a customer wants; it fills itself in.
    browser.press("j");
    browser.leave(|| browser.press_enter());
    browser.wait_at("/case/RW-");
    browser.press("b");
    browser.tab_to("#why");
    browser.send_by_keys();
    browser.wait_for(TOLD, "It is proposed");
    // 11. A case is claimed, and given back within ten seconds.
    browser.leave(|| browser.press("gq"));
    demo.go(&browser, "/queue?q=owner:nobody");
    browser.press("j");
    let number = here(&browser);
    browser.leave(|| browser.press("i"));
    browser.wait_for(TOLD, "is anna's now");
    // No key acts on another row before one goes there; the next one is next.
    assert_eq!(browser.count("tr.at"), 0);
    browser.press("j");
    assert_ne!(here(&browser), number);
    browser.leave(|| browser.press("z"));
    browser.wait_for(TOLD, "1 taken back");
    demo.go(&browser, "/queue?q=owner:nobody");
    assert_eq!(
        browser.count(&format!("[data-row][data-number=\"{number}\"]")),
        1,
        "{number} is nobody's again"
    );
    // Whoever looks into one comes back to its row.
    browser.press("jj");
    let second = here(&browser);
    browser.leave(|| browser.press_enter());
    browser.wait_at(&format!("/case/{second}"));
    browser.leave(|| browser.press_escape());
    browser.wait_at("/queue?q=owner");
    assert_eq!(here(&browser), second);
    demo.go(&browser, "/queue?q=owner:nobody");
    // 12. Two cases become one.
    browser.press("jxjx");
    browser.leave(|| browser.press("m"));
    browser.wait_for(TOLD, " in RW-");
    // 13. Alerts like these make no noise for a while.
    browser.leave(|| browser.press("ga"));
    browser.wait_at("/alerts");
    browser.leave(|| browser.command("Silence alerts like these"));
    browser.wait_at("/silences");
    browser.tab_to("#rule");
    browser.press("scanner");
    browser.tab_to("#reason");
    browser.press("a drill of our own until noon");
    browser.leave(|| browser.press_enter());
    browser.wait_for(TOLD, "It would have hidden");
    browser.tab_to("button[name=sure][value=yes]");
    browser.leave(|| browser.press_enter());
    browser.wait_for("main table", "a drill of our own until noon");
    // 14. A caller is blocked from a call, and let through again.
    browser.leave(|| browser.press("gk"));
    demo.go(&browser, "/calls?verdict=allow&direction=inbound");
    browser.press("j");
    browser.leave(|| browser.press_enter());
    browser.press("b");
    browser.leave(|| browser.press_enter());
    browser.wait_for(TOLD, "is on the list harassment until");
    browser.leave(|| browser.press("z"));
    browser.wait_for(TOLD, "is off the list harassment");
    // 15. A report is ordered, and opened once it is there.
    browser.leave(|| browser.command("Reports"));
    browser.wait_at("/reports");
    browser.tab_to("#report");
    browser.press("weekly");
    browser.leave(|| browser.send_by_keys());
    browser.wait_reloading("main table", "Open weekly-operations");
    browser.press("j");
    browser.press_enter();
    browser.look_at_the_newest();
    browser.wait_for("h1", "Weekly operations");
}

/// From the log-in page, where the first field has the focus.
fn log_in(browser: &Browser, demo: &Demo) {
    let (login, password) = demo.login("anna");
    demo.go(browser, "/login");
    browser.press(login);
    browser.tab_to("#password");
    browser.press(password);
    browser.leave(|| browser.press_enter());
    browser.wait_at("/queue");
}

/// What stands where one types.
fn typed(browser: &Browser) -> Value {
    browser.run("return document.activeElement.value")
}

/// The case at which the keys are.
fn here(browser: &Browser) -> String {
    let number = browser.run("return document.querySelector('[data-row].at').dataset.number");
    number.as_str().unwrap().to_owned()
}

/// The state of the case that is shown.
fn state(browser: &Browser) -> String {
    let facts = browser.text("section[aria-label=Facts] dl");
    facts.split_once("State").and_then(|(_, rest)| rest.split_once("Severity")).unwrap().0.trim().to_owned()
}

/// A case of the queue that is not `number`.
fn another(browser: &Browser, demo: &Demo, number: &str) -> String {
    demo.go(browser, "/queue");
    let other = browser.run(&format!(
        "return [...document.querySelectorAll('[data-row]')].map(it => it.dataset.number).find(it => it !== {number:?})"
    ));
    other.as_str().unwrap().to_owned()
}
