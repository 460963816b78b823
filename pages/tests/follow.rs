//! What comes in is told wherever somebody looks: in many tabs, in an empty list, in gathered ones.

use crate::browser::Browser;
use crate::demo::Demo;

#[test]
fn eight_tabs_are_open_and_each_tells_what_came_while_nobody_looked() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("tabs");
    demo.log_in(&browser, "anna");
    browser.leave(|| browser.click("[data-row] a.through"));
    let case = browser.place();
    let first = browser.another_tab();
    // A browser has six connections to a host: with one for each tab the seventh would wait for ever.
    for place in ["/queue", "/queue", "/queue", "/queue", "/queue", "/alerts"] {
        demo.go(&browser, place);
        browser.another_tab();
    }
    demo.go(&browser, &case);
    browser.fill("#note", "the caller is known");
    browser.submit("form[action$='/note'] button");
    browser.look_at(&first);
    browser.wait_for("#moved", "Something was written to this case meanwhile");
    assert_eq!(browser.run("return document.querySelector('#offline').hidden"), true);
}
