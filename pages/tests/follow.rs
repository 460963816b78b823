//! What comes in is told wherever somebody looks: in many tabs, in an empty list, in gathered ones.

use crate::browser::Browser;
use crate::demo::Demo;
use crate::tasks::scan;

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

#[test]
fn an_empty_queue_gathered_ones_and_alerts_tell_what_comes_in() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start("empty");
    demo.log_in(&browser, "anna");
    let ask = |title: &str| {
        let status = browser.run_later(&format!(
            "fetch('/v1/cases', {{ method: 'POST', headers: {{ 'content-type': 'application/json', \
             ...JSON.parse(document.body.getAttribute('hx-headers')) }}, \
             body: JSON.stringify({{ customer: 'Acme Insurance', kind: 'question', title: {title:?} }}) }}).then(it => done(it.status))"
        ));
        assert_eq!(status, 201, "{title}");
    };
    demo.go(&browser, "/queue?q=zebra");
    browser.wait_for("main .empty", "Nothing matches zebra");
    ask("a zebra on the line");
    browser.wait_for("#fresh", "1 new");
    browser.submit("#fresh");
    browser.wait_for("[data-row]", "a zebra on the line");
    demo.go(&browser, "/queue?q=zebra&group=customer");
    browser.wait_for(".group", "a zebra on the line");
    ask("another zebra");
    browser.wait_for("#fresh", "1 new");
    // Alerts: those that are looked for, and no others.
    demo.go(&browser, "/alerts?within=1h&customer=nobody");
    let other = browser.another_tab();
    demo.go(&browser, "/alerts?within=1h&group=rule");
    scan(&demo, 3);
    browser.wait_for("#fresh", "new");
    browser.look_at(&other);
    browser.wait_for("main", "None fits");
    assert_eq!(browser.run("return document.querySelector('#fresh').hidden"), true);
    assert!(browser.complaints().is_empty());
}
