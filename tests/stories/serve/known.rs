//! What people of the desk see of calls, lists and policies in a browser, and what they change there.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::authorised::Desk;
use super::cases::POLICY;
use super::{Call, Phone, Service, fresh, status, within};
use crate::support::Scratch;

/// Somebody who has logged in.
pub(super) struct Browser {
    address: SocketAddr,
    cookie: String,
    csrf: String,
}

/// An answer to a browser.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Where it leads to.
    place: String,
    pub(super) text: String,
}

impl Browser {
    /// The first log-in of `service`: its link is followed, and a password chosen.
    pub(super) fn new(service: &Service) -> Self {
        let mark = "/welcome/";
        let link = within(10, || service.errors().split(mark).nth(1).map(str::to_owned)).unwrap();
        let secret: String = link.chars().take_while(char::is_ascii_alphanumeric).collect();
        let address = service.address("http://");
        let mut browser = Self { address, cookie: String::new(), csrf: String::new() };
        let (head, _) =
            browser.exchange("POST", &format!("{mark}{secret}"), "password=a+horse+that+no+battery+staples");
        let cookie = head.lines().find(|line| line.to_lowercase().starts_with("set-cookie: "));
        let cookie = cookie.unwrap_or_else(|| panic!("no session: {head}"));
        browser.cookie = cookie["set-cookie: ".len()..].split(';').next().unwrap().to_owned();
        let page = browser.get("/calls").text;
        let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap();
        browser.csrf = token.chars().take_while(char::is_ascii_hexdigit).collect();
        browser
    }

    /// What a program sends along that acts as they do.
    pub(super) fn headers(&self) -> [String; 2] {
        [format!("Cookie: {}", self.cookie), format!("X-CSRF-Token: {}", self.csrf)]
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let hx = if body.contains("&hx=yes") { "HX-Request: true\r\n" } else { "" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: desk\r\nOrigin: http://desk\r\nConnection: close\r\nCookie: {}\r\n{hx}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
            self.cookie,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), text.to_owned())
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let (head, text) = self.exchange(method, path, body);
        let place = head.lines().find_map(|line| {
            line.to_lowercase().starts_with("location: ").then(|| line["location: ".len()..].to_owned())
        });
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, place: place.unwrap_or_default(), text }
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Sends a form with the token of this session.
    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = format!("csrf={}", self.csrf);
        for (name, value) in fields {
            let _ = write!(body, "&{name}={}", encoded(value));
        }
        self.ask("POST", path, &body)
    }

    /// The page of the latest call with this caller, once it is there.
    fn call_of(&self, caller: &str) -> String {
        let search = format!("/calls?customer=Acme&caller={}", encoded(caller));
        let found = within(10, || {
            let page = self.get(&search).text;
            let place = page.split("class=\"through\" href=\"").nth(1)?.split('"').next()?;
            Some(place.to_owned())
        });
        found.unwrap_or_else(|| panic!("no call of {caller}: {}", self.get(&search).text))
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = if byte.is_ascii_alphanumeric() {
            write!(all, "{}", char::from(byte))
        } else {
            write!(all, "%{byte:02X}")
        };
        all
    })
}

/// What the service says to a call of `caller`.
fn answer(service: &Service, caller: &str) -> u16 {
    let phone = Phone::new(service.udp());
    let call_id = fresh();
    status(&phone.ask(&Call { call_id: &call_id, ..Call::new(caller, "+12105550101") }.by(phone.port())))
}

const LISTED: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
response = { list = 603 }

[lists.harassment]
numbers_file = "harassment.csv"

[[firewall]]
name = "harassment"
when = { direction = "inbound", caller = "@harassment" }
action = "block"

[[expect]]
call = { from = "+1 303 555 0199", to = "+1 210 555 0101", direction = "inbound" }
verdict = "block"
"#;

/// A service of Acme with a list in a file, by `policy`.
fn start(name: &str, policy: &str) -> Service {
    let scratch = Scratch::new(name);
    scratch.write("acme.toml", policy);
    scratch.write("harassment.csv", "number,reason,expires\n+13035550199,calls at night,\n");
    Service::resume(scratch, "")
}

const WANTED: &str = "+13035550177";

#[test]
fn a_refused_call_is_found_with_its_signalling_and_the_rule_behind_it() {
    let service = Service::start("known-call", POLICY, "");
    let phone = Phone::new(service.udp());
    let hostile = "</pre><script>alert(1)</script>\u{202e}evil";
    let extra = format!("User-Agent: {hostile}\r\n");
    let call_id = "<img/src=x>@evil";
    let call = Call { call_id, extra: &extra, ..Call::new("+13035550142", "+12105550150") };
    assert_eq!(status(&phone.ask(&call.by(phone.port()))), 486);
    let browser = Browser::new(&service);
    let place = browser.call_of("(303) 555-0142");
    let page = browser.get(&place);
    assert_eq!(page.status, 200, "{}", page.text);
    for part in
        ["unwanted", "1 INVITE", "2 486", "<svg class=\"ladder\"", "INVITE sip:+12105550150@acme.example"]
    {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert!(page.text.contains("&lt;script&gt;alert(1)") && !page.text.contains("<script>alert"));
    assert!(!page.text.contains('\u{202e}') && !page.text.contains("<img/src"), "what hides is drawn");
    let judged = browser.get(&format!("{place}?judge=now")).text;
    assert!(judged.contains("rule \"unwanted\"") || judged.contains("rule &quot;unwanted&quot;"), "{judged}");
    assert!(judged.contains("would be allow if"), "{judged}");
    // Others are not found by it, and nothing is by what is no call.
    let none = browser.get("/calls?customer=Acme&caller=%2B1303555%30143").text;
    assert!(none.contains("No such call"), "{none}");
    assert_eq!(browser.get("/calls/Acme/7-00000000").status, 404);
    assert_eq!(browser.get("/calls/Nobody/7-00000000").status, 404);
    let of_rule = browser.get("/calls?customer=Acme&rule=UNWANTED&verdict=block&answered=no").text;
    assert!(of_rule.contains("+13035550142"), "{of_rule}");
    assert!(browser.get("/calls?customer=Acme&verdict=allow").text.contains("No such call"));
    let thresholds = browser.get("/thresholds").text;
    assert!(thresholds.contains("keeps calling"), "{thresholds}");
    let hits = browser.get("/policies/Acme/hits").text;
    assert!(
        hits.contains("1 calls and other requests were looked at") && hits.contains("unwanted"),
        "{hits}"
    );
    programs_are_told_the_same(&browser, &place, hostile);
}

/// The refused call at `place` as the REST API tells it, with `hostile` in a message.
fn programs_are_told_the_same(browser: &Browser, place: &str, hostile: &str) {
    let told = |place: &str| {
        let said = browser.get(place);
        assert_eq!(said.status, 200, "{place}: {}", said.text);
        serde_json::from_str::<Value>(&said.text).unwrap()
    };
    let found = told("/v1/customers/Acme/calls?rule=unwanted&caller=%2B1303555*&answered=false&count=1");
    let call = &found["items"][0];
    assert_eq!((&call["caller"], &call["verdict"]), (&"+13035550142".into(), &"block".into()), "{found}");
    assert_eq!((&call["status"], &found["next"]), (&486.into(), &Value::Null), "{found}");
    let id = call["id"].as_str().unwrap();
    assert!(place.ends_with(id), "{place} {call}");
    let one = format!("/v1/customers/Acme/calls/{id}");
    let whole = told(&one);
    assert_eq!(&whole["call"], call);
    let first = whole["messages"][0]["text"].as_str().unwrap();
    assert!(first.contains(hostile), "what was said stands there as it was: {whole}");
    let judged = told(&format!("{one}/judgement"));
    assert_eq!((&judged["action"], judged["rules"][0]["name"].as_str()), (&"block".into(), Some("unwanted")));
    assert!(judged["turning_points"][0].as_str().unwrap().contains("would be allow if"), "{judged}");
    assert_eq!(told("/v1/thresholds?count=1")["items"][0]["name"], "keeps calling");
    for (place, status) in [
        ("/v1/customers/Acme/calls?from=yesterday", 400),
        ("/v1/customers/Acme/calls?after=x", 400),
        ("/v1/customers/Acme/calls?who=me", 400),
        ("/v1/customers/Acme/calls/7-00000000", 404),
        ("/v1/customers/Nobody/calls/7-00000000/judgement", 404),
        (&format!("{one}/judgement?version=99"), 409),
        ("/policies/Nobody", 404),
        ("/policies/Nobody/hits", 404),
        ("/policies/Acme?version=99", 409),
        ("/lists/Nobody/unwanted", 404),
        ("/lists/Acme/none", 404),
        ("/thresholds/Nobody?name=keeps+calling", 404),
        ("/thresholds/Acme?name=none", 404),
    ] {
        let said = browser.get(place);
        assert_eq!(said.status, status, "{place}: {}", said.text);
    }
}

#[test]
fn a_caller_is_blocked_from_a_call_and_the_block_is_taken_back() {
    let service = start("known-block", LISTED);
    assert_eq!(answer(&service, WANTED), 302);
    let browser = Browser::new(&service);
    let place = browser.call_of(WANTED);
    let page = browser.get(&place).text;
    assert!(page.contains("data-key=\"b\"") && page.contains("<option>harassment</option>"), "{page}");
    let form = [("number", WANTED), ("list", "harassment"), ("until", "2099-12-31"), ("reason", "threats")];
    let path = format!("{place}/block");
    assert_eq!(browser.ask("POST", &path, "number=1").status, 403, "nobody else's page blocks");
    assert_eq!(answer(&service, WANTED), 302);
    let done = browser.post(&path, &form);
    assert_eq!((done.status, done.place.as_str()), (303, place.as_str()), "{}", done.text);
    assert_eq!(answer(&service, WANTED), 603);
    let page = browser.get(&place).text;
    assert!(
        page.contains("<strong>harassment</strong>") && page.contains("until 2099-12-31: threats"),
        "{page}"
    );
    let undo = [("number", WANTED), ("list", "harassment"), ("reason", "a mistake")];
    assert_eq!(browser.post(&format!("{place}/unblock"), &undo).status, 303);
    assert_eq!(answer(&service, WANTED), 302);
    // Somebody answers for both.
    let versions = std::fs::read_to_string(service.data().join("policies/versions.jsonl")).unwrap();
    assert_eq!(versions.matches("\"by\":\"admin\"").count(), 2, "{versions}");
    assert!(versions.contains("\"why\":\"threats\"") && versions.contains("\"why\":\"a mistake\""));
}

#[test]
fn a_block_from_a_call_may_be_proposed_to_the_customer_instead() {
    let service = start("known-propose", LISTED);
    let _desk = Desk::new(&service.scratch);
    assert_eq!(answer(&service, WANTED), 302);
    let browser = Browser::new(&service);
    let place = browser.call_of(WANTED);
    let form = [("number", WANTED), ("list", "harassment"), ("until", "2099-12-31"), ("reason", "threats")];
    let asked = browser.post(&format!("{place}/block"), &[&form[..], &[("proposal", "yes")]].concat());
    assert!(asked.status == 303 && asked.place.starts_with("/case/RW-"), "{} {}", asked.place, asked.text);
    let case = browser.get(&asked.place).text;
    assert!(case.contains("awaiting-authorisation") && case.contains(WANTED), "{case}");
    assert_eq!(answer(&service, WANTED), 302, "nobody has agreed");
}

#[test]
fn a_number_comes_onto_a_list_and_leaves_it_over_the_page() {
    let service = start("known-list", LISTED);
    let browser = Browser::new(&service);
    let lists = browser.get("/lists").text;
    assert!(lists.contains("href=\"/lists/Acme/harassment\""), "{lists}");
    let place = "/lists/Acme/harassment";
    let hostile = "<b onclick=x>\u{202e}";
    let add = [("number", "(303) 555-0177"), ("until", "2099-12-31"), ("reason", hostile)];
    assert_eq!(browser.post(&format!("{place}/add"), &add).status, 303);
    assert_eq!(answer(&service, WANTED), 603);
    let page = browser.get(&format!("{place}?q=5550177")).text;
    assert!(
        page.contains("+13035550177") && !page.contains("+13035550199") && !page.contains("<b onclick"),
        "{page}"
    );
    let own = browser.post(&format!("{place}/add"), &[("number", "+12105550101"), ("reason", "x")]);
    assert_eq!(own.status, 409, "the customer's own number is guarded: {}", own.text);
    let removed = browser.post(&format!("{place}/remove"), &[("number", WANTED), ("reason", "off")]);
    assert_eq!(removed.status, 303, "{}", removed.text);
    assert_eq!(answer(&service, WANTED), 302);
}

#[test]
fn the_studio_says_what_is_wrong_where_and_puts_in_force_what_is_not() {
    let service = start("known-studio", LISTED);
    let browser = Browser::new(&service);
    let page = browser.get("/policies/Acme/edit").text;
    let base = page.split("name=\"base\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let check = |text: &str| browser.post("/policies/Acme/check", &[("text", text), ("hx", "yes")]).text;
    let wrong = check(&LISTED.replace("@harassment", "@harrassment"));
    assert!(wrong.contains("data-line=\"14\"") && wrong.contains("mistakes"), "{wrong}");
    assert!(!wrong.contains("<html"), "a part of the page");
    let unmet = check(&LISTED.replace("verdict = \"block\"", "verdict = \"allow\""));
    assert!(unmet.contains("expected allow") && unmet.contains("0 of 1 cases"), "{unmet}");
    let text = LISTED.replace("response = { list = 603 }", "response = { list = 607 }");
    let good = check(&text);
    assert!(
        good.contains("no mistake") && good.contains("proof") && good.contains("class=\"add\""),
        "{good}"
    );
    // It is tried on what was recorded.
    assert_eq!(answer(&service, "+13035550199"), 603);
    browser.call_of("+13035550199");
    let tried = browser.post("/policies/Acme/try", &[("text", &text), ("base", &base), ("days", "7")]);
    assert!(tried.text.contains("id=\"tried\""), "{}", tried.text);
    let install = |base: &str, why: &str| {
        browser.post("/policies/Acme/install", &[("text", &text), ("base", base), ("why", why)])
    };
    assert_eq!(install(&base, "").status, 409, "nobody answers for it");
    assert_eq!(install("0000", "x").status, 409, "another one is in force");
    let installed = install(&base, "as agreed");
    assert_eq!((installed.status, installed.place.as_str()), (303, "/policies/Acme"), "{}", installed.text);
    assert_eq!(answer(&service, "+13035550199"), 607);
    let page = browser.get("/policies/Acme").text;
    assert!(page.contains("as agreed") && page.contains("list = 607"), "{page}");
    let back = browser.post("/policies/Acme/rollback", &[("to", ""), ("why", "too loud")]);
    assert_eq!(back.status, 303, "{}", back.text);
    assert_eq!(answer(&service, "+13035550199"), 603);
}

#[test]
fn the_board_says_what_the_metrics_say() {
    let service = Service::start("known-board", POLICY, "");
    for place in 0..7 {
        let caller = if place % 2 == 0 { "+13035550142" } else { "+13035559999" };
        answer(&service, caller);
    }
    let browser = Browser::new(&service);
    let (judged, refused) = (
        service.total("ringwall_decisions_total"),
        service.metric("ringwall_decisions_total{kind=\"block\"}"),
    );
    let board = browser.get("/board/figures").text;
    let sentence = format!("{judged} calls were judged since the start, {refused} of them refused");
    assert!(judged == 7 && refused > 3 && board.contains(&sentence), "{sentence}: {board}");
    assert!(board.contains("redirect") && board.contains("deciding calls"), "{board}");
    let blocks = browser.get("/blocks").text;
    let id = blocks.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let lifted = browser.post("/blocks", &[("id", id), ("why", "the clinic")]);
    assert_eq!(lifted.status, 303, "{}", lifted.text);
    let blocks = browser.get("/blocks").text;
    assert!(blocks.contains("lifted by admin: the clinic"), "{blocks}");
}

#[test]
fn a_day_of_100_000_calls_is_searched_within_a_second() {
    use jiff::civil::date;
    use records::Columns;
    use records::invented::Invented;
    use records::io::{Part, Writer};
    let scratch = Scratch::new("known-large");
    scratch.write("acme.toml", LISTED);
    scratch.write("harassment.csv", "number,reason,expires\n");
    let mut writer = Writer::open(&scratch.path().join("data/records"), 0).unwrap();
    let zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let invented = Invented { seed: 1, rows_per_day: 100_000, zone, columns: Columns::ALL };
    // A Wednesday.
    let day = date(2026, 3, 4);
    let mut parts = Vec::new();
    invented.day(day, 20_000, |rows| parts.push(Part { customer: Some("Acme".to_owned()), day, rows }));
    parts.into_iter().for_each(|part| writer.append(vec![part], 0, (0, 0)).unwrap());
    drop(writer);
    let service = Service::resume(scratch, "");
    let browser = Browser::new(&service);
    let day = "/calls?customer=Acme&from=2026-03-04T00:00&to=2026-03-05T00:00";
    for what in ["", "&verdict=block", "&caller=%2B1303*", "&rule=nothing+of+this", "&called=%2B12105550150"]
    {
        let mut best = std::time::Duration::MAX;
        for _ in 0..3 {
            let begun = super::now();
            let page = browser.get(&format!("{day}{what}"));
            best = best.min(begun.elapsed());
            assert_eq!(page.status, 200, "{}", page.text);
            assert!(page.text.len() < 300_000);
        }
        println!("{what:30} {best:?}");
        assert!(best.as_millis() < 1_000, "{what}: {best:?}");
    }
    // Each row that a rule is looked for in is one that it decided, and where it decided none there is no row.
    assert!(browser.get(&format!("{day}&rule=nothing+of+this")).text.contains("No such call"));
    let of_rule = browser.get(&format!("{day}&rule=WANGIRI")).text;
    let rows = of_rule.matches("<tr data-row>").count();
    let decided = of_rule.matches("<td class=\"rule\">wangiri</td>").count();
    assert_eq!((rows, decided), (100, 100), "{of_rule}");
    // Page behind page there are no fewer than all, and none twice.
    let (mut place, mut seen) = (format!("{day}&verdict=block"), std::collections::BTreeSet::new());
    for _ in 0..5 {
        let page = browser.get(&place).text;
        let ids = page
            .split("class=\"through\" href=\"")
            .skip(1)
            .map(|it| it.split('"').next().unwrap().to_owned());
        for id in ids {
            assert!(seen.insert(id.clone()), "{id} twice");
        }
        let more = page.split("<a class=\"button\" href=\"").nth(1).unwrap();
        place = more.split('"').next().unwrap().replace("&amp;", "&");
    }
    assert_eq!(seen.len(), 500);
}
