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

#[test]
fn what_is_usual_is_drawn_once_there_are_four_weeks_and_the_next_threshold_waits_for_nothing() {
    let Some(browser) = Browser::open() else { return };
    let demo = Demo::start_after("usual", 5);
    demo.log_in(&browser, "anna");
    demo.go(&browser, "/thresholds");
    let links = browser.run(
        "return [...document.querySelectorAll('main td a[href*=\"/thresholds/\"]')].map(it => it.getAttribute('href'))",
    );
    let links: Vec<&str> = links.as_array().unwrap().iter().filter_map(serde_json::Value::as_str).collect();
    // Those that rang most stand first: there is something to draw.
    demo.go(&browser, links[0]);
    assert_eq!(browser.count("#chart canvas"), 1, "{}", browser.text("main"));
    assert!(!browser.text("main").contains("Nobody knows yet what is usual"), "{}", browser.text("main"));
    // The median of each hour, and some of them more than nothing.
    let usual = browser.run(
        "return [...document.querySelectorAll('#hours tbody tr')].map(it => it.cells[3].textContent.trim())",
    );
    let usual: Vec<f64> =
        usual.as_array().unwrap().iter().map(|it| it.as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(usual.len(), 168);
    assert!(usual.iter().any(|it| *it > 0.0), "{usual:?}");
    // What is drawn is no empty frame: it has points of more colours than its ground.
    let colours = browser.run(
        "const canvas = document.querySelector('#chart canvas'); \
         const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; \
         const seen = new Set(); for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 200) seen.add([data[at], data[at + 1], data[at + 2]].join()); \
         return seen.size",
    );
    assert!(colours.as_u64().unwrap() > 3, "{colours}");
    // All calls were gone through for all thresholds.
    let [first, next] = [links[0], links[1]].map(|link| {
        demo.go(&browser, link);
        browser.run("return performance.getEntriesByType('navigation')[0].responseEnd").as_f64().unwrap()
    });
    println!("a threshold anew after {first:.0} ms, another one after {next:.0} ms");
    assert!(next < 1_000.0, "{next} ms");
    assert!(browser.complaints().is_empty());
}
