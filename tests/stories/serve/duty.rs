//! People on duty leave word to each other, and who is up is not rung: with a real gateway, and a real mail server.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::mail::Mailbox;
use super::notices::{DESK, KEYS, Sink, call, cases, desk, prepare};
use super::{Service, http_of, within};

/// Dana's turn ends in a few seconds, a week after it began; Ben's begins.
fn rota(handed: Timestamp) -> String {
    let start = handed - SignedDuration::from_hours(7 * 24);
    let start = start.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    format!(
        "{DESK}[person.ben]\nname = \"Ben\"\nmail = \"ben@desk.example.com\"\n\
         [rota.first]\ntz = \"UTC\"\nstart = \"{start}\"\npeople = [\"dana\", \"ben\"]\n\
         [chain.duty]\nsteps = [{{ who = \"concerned\", channels = [\"mail\"], unacknowledged = false }}]\n\
         [[route]]\nname = \"duty\"\nmatch = {{ event = [\"handover-asked\", \"handover\"] }}\nwait = \"0 s\"\n\
         urgency = \"page\"\nchain = \"duty\"\n"
    )
}

fn start(name: &str, sink: &Sink, mailbox: &Mailbox, more: &str) -> Service {
    let scratch = prepare(name, sink.address, more);
    let text = std::fs::read_to_string(scratch.path().join("notices.toml")).unwrap();
    let goes_on = text.replace("name = \"machines\"\n", "name = \"machines\"\ncontinue = true\n");
    scratch.write("notices.toml", goes_on);
    scratch.write("answers.key", "Bearer of answers\n");
    Service::resume(scratch, &keys(mailbox))
}

fn keys(mailbox: &Mailbox) -> String {
    format!(
        "{KEYS}[mail]\naddresses = [\"case@desk.example.com\"]\nsmarthost = \"{}\"\nsmarthost_tls = \"none\"\n",
        mailbox.address
    )
}

/// Mails to `to`, as text.
fn mails(mailbox: &Mailbox, to: &str) -> Vec<String> {
    let line = format!("\r\nTo: <{to}>\r\n");
    let texts = mailbox.all().into_iter().map(|mail| String::from_utf8_lossy(&mail.bytes).into_owned());
    texts.filter(|text| text.contains(&line)).collect()
}

#[test]
fn e5_who_goes_off_duty_is_asked_and_who_comes_on_hears_what_they_said() {
    let (sink, mailbox) = (Sink::start(), Mailbox::new());
    let handed = Timestamp::now() + Duration::from_secs(25);
    let service = start("serve-duty-handover", &sink, &mailbox, &rota(handed));
    let asked = within(20, || mails(&mailbox, "dana@desk.example.com").into_iter().next()).unwrap();
    assert!(asked.contains("what should the next one know"), "{asked}");
    let said = desk(
        &service,
        &["notify", "handover", "first", "--by", "dana", "--note", "The fax line rings.\nAsk Acme."],
    );
    assert!(said.starts_with("ben is told on "), "{said}");
    assert!(mails(&mailbox, "ben@desk.example.com").is_empty());
    let heard = within(60, || mails(&mailbox, "ben@desk.example.com").into_iter().next()).unwrap();
    assert!(Timestamp::now() >= handed);
    assert!(heard.contains("dana:\r\nThe fax line rings.\r\nAsk Acme.\r\n"), "{heard}");
    let list = desk(&service, &["notify", "handover"]);
    assert!(list.contains("first: dana to ben\n  dana:\n    The fax line rings.\n    Ask Acme.\n"), "{list}");
    // What is added is told at once; once is enough.
    let more = ["notify", "handover", "first", "--by", "dana", "--note", "And mind the trunk."];
    assert!(desk(&service, &more).contains("is told now"));
    let second = within(30, || mails(&mailbox, "ben@desk.example.com").into_iter().nth(1)).unwrap();
    assert!(second.contains("And mind the trunk."), "{second}");
    // A restart tells nothing again: what comes after it has come once it is there.
    let third = "Of after the restart.";
    let service = Service::resume(service.stop(), &keys(&mailbox));
    desk(&service, &["notify", "handover", "first", "--by", "dana", "--note", third]);
    let heard =
        within(30, || Some(mails(&mailbox, "ben@desk.example.com")).filter(|it| it.len() > 2)).unwrap();
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert!(heard[2].contains(third));
    service.stop();
}

#[test]
fn e6_who_is_up_gets_pages_in_one_thread_and_is_rung_again_when_asleep() {
    let (sink, mailbox) = (Sink::start(), Mailbox::new());
    let service = start("serve-duty-awake", &sink, &mailbox, DESK);
    let texts = || {
        let all = sink.taken().into_iter().filter(|it| it.path == "/sms");
        let read = |body: String| serde_json::from_str::<Value>(&body).unwrap();
        let of_dana = all.map(|it| read(it.body)).filter(|it| it["to"] == "+12105550100");
        of_dana.map(|it| it["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let answer = |body: &str| {
        let kind = "application/x-www-form-urlencoded\r\nAuthorization: Bearer of answers";
        http_of(kind, (service.address("http://"), "POST", "/answers"), body).0
    };
    assert_eq!(answer("From=%2B12105550100&Body=awake+13"), 204);
    within(10, || texts().iter().any(|it| it.contains("or AWAKE, or ASLEEP")).then_some(())).unwrap();
    assert_eq!(answer("From=%2B12105550100&Body=Awake+3+h"), 204);
    // Whoever forges the sender's number does not see the digits.
    let asked = within(10, || texts().into_iter().find(|it| it.contains("if that was you"))).unwrap();
    let (_, code) = asked.split_once("answer AWAKE 3 ").unwrap();
    let code: u32 = code.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(answer(&format!("From=%2B12105550100&Body=Awake+3+{:06}", (code + 1) % 1_000_000)), 204);
    within(10, || texts().iter().any(|it| it.contains("never sent")).then_some(())).unwrap();
    assert_eq!(answer(&format!("From=%2B12105550100&Body=Awake+3+{code:06}")), 204);
    within(10, || texts().iter().any(|it| it.contains("pages come by mail or chat")).then_some(())).unwrap();
    call(&service, "+13035550142", "awake-1");
    call(&service, "+13035550143", "awake-2");
    let pages = || {
        let all = mails(&mailbox, "dana@desk.example.com");
        all.into_iter().filter(|it| it.contains("Subject: Pages while you are awake")).collect::<Vec<_>>()
    };
    let read = within(20, || Some(pages()).filter(|it| it.len() == 2));
    let read = read.unwrap_or_else(|| panic!("{:?}", mails(&mailbox, "dana@desk.example.com")));
    let of = |mail: &str, name: &str| {
        mail.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{mail}")).to_owned()
    };
    for name in ["References: <thread.", "Subject: "] {
        assert_eq!(of(&read[0], name), of(&read[1], name));
    }
    assert_ne!(of(&read[0], "Message-ID: "), of(&read[1], "Message-ID: "));
    assert_eq!(texts().len(), 4, "no page came as a text message: {:?}", texts());
    let numbers: Vec<_> =
        cases(&service).iter().map(|it| it["number"].as_str().unwrap().to_owned()).collect();
    assert!(
        numbers.iter().all(|number| read.iter().any(|mail| mail.contains(number.as_str()))),
        "{numbers:?}"
    );
    let why = desk(&service, &["notify", "explain", &numbers[0]]);
    assert!(why.contains("limit: step 1 of desk: dana is awake until"), "{why}");
    assert_eq!(answer("From=%2B12105550100&Body=asleep"), 204);
    within(10, || texts().iter().any(|it| it.contains("what comes rings again")).then_some(())).unwrap();
    call(&service, "+13035550144", "awake-3");
    within(15, || texts().iter().any(|it| it.contains("Answer ACK")).then_some(())).unwrap();
    service.stop();
}
