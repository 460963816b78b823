//! A report that is ordered, looked at and kept; those that run by themselves.

use cases::account::Role;
use cases::io::store::{Office, Taken};
use cases::letter::DeskAddress;
use cases::schedule::{Made, MadeFile};

use super::{Console, HOSTILE, NOW};

const ORDER: [(&str, &str); 5] = [
    ("report", "weekly-operations"),
    ("customer", "Acme"),
    ("from", "2026-11-01"),
    ("to", "2026-11-07"),
    ("format", "html"),
];

fn with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut order: Vec<_> = ORDER.into_iter().filter(|(it, _)| *it != name).collect();
    order.push((name, value));
    order
}

fn office() -> Office {
    Office {
        desk: DeskAddress { address: "case@desk.example.com".to_owned(), name: "Desk".to_owned() },
        portal: "https://desk.example.com".to_owned(),
        escalation: String::new(),
        sends: true,
    }
}

async fn take(console: &Console) -> Option<Taken> {
    let desk = console.store.desk();
    desk.take_run(("maker", 60_000_000), &office(), console.done("ringwall")).await.unwrap()
}

#[tokio::test]
async fn a_report_is_ordered_made_and_opened_and_goes_to_nobody() {
    let console = Console::start("order").await;
    console.logged_in("anna", Role::Analyst).await;
    console
        .register(r#"{"customer":"Acme","people":[{"name":"Bob","addresses":["bob@acme.example.com"],"roles":["authorizer"]}]}"#)
        .await;
    let page = console.get("anna", "/reports").await;
    page.is_sound();
    page.has("Nothing was ordered yet");
    page.has("ringwall-typeset");
    page.has_not("<option>pdf");
    let ordered =
        console.post("anna", "/reports/order", &with("number", "+1 210 555 0142, +12105550143")).await;
    assert_eq!(ordered.status, 303, "{}", ordered.body);
    let page = console.get("anna", "/reports").await;
    page.has("○ waits");
    page.has("every 2s");
    let taken = take(&console).await.expect("it waits to be made");
    assert_eq!(taken.schedule.which.numbers, ["+12105550142", "+12105550143"]);
    assert_eq!(taken.schedule.zone, "America/Chicago", "days are those of the policy");
    // Midnight in Chicago on 1 November, still in summer time, to midnight on 8 November.
    let (from, to) = (taken.run.covered.from.0 / 1_000_000, taken.run.covered.to.0 / 1_000_000);
    assert_eq!((from, to - from), (1_793_509_200, 7 * 86_400 + 3_600));
    let html =
        "<!doctype html><html><head><style>h1{color:red}</style></head><body><h1>Week</h1></body></html>";
    let file = MadeFile {
        name: "weekly-2026-11-01.html".to_owned(),
        media_type: "text/html; charset=utf-8",
        bytes: html.as_bytes().to_vec(),
        holds_calls: false,
    };
    let made = Ok(Made { files: vec![file], rows: 1, notes: vec![HOSTILE.to_owned()] });
    let desk = console.store.desk();
    let run = desk.settle_run(&taken, &made, &office(), console.done("ringwall")).await.unwrap().unwrap();
    assert!(run.sent_to.is_empty() && run.pending.is_empty());
    let mails = desk.due_by(cases::outgoing::Channel::Mail, NOW.plus_micros(1), 10).await.unwrap();
    assert!(mails.is_empty(), "nobody is written to: {mails:?}");
    let page = console.get("anna", "/reports").await;
    page.is_sound();
    page.has("✓ made");
    page.has_not("every 2s");
    let place = page.body.split("href=\"").find_map(|it| it.strip_prefix("/reports/file?")).unwrap();
    let place = place.split('"').next().unwrap().replace("&amp;", "&");
    let file = console.get("anna", &format!("/reports/file?{place}")).await;
    assert_eq!((file.status, file.body.as_str()), (200, html));
    // Of SHA-256 over `h1{color:red}`, made with openssl.
    let hash = "style-src 'sha256-/d8wwmrwsojed/k4ihepvrvjjpxqjboucb3qbqmbaqy='";
    assert!(file.head.contains("sandbox; default-src 'none'"), "{}", file.head);
    assert!(file.head.contains(hash) && !file.head.contains("unsafe-inline"), "{}", file.head);
    assert!(console.audited("Acme").await.last().unwrap().starts_with("anna fetch-report RO-"));
    assert_eq!(console.get("anna", "/reports/file?run=RO-1&name=x").await.status, 404);
    console.get("anna", "/reports/schedules").await.has("No report runs by itself");
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_in_words_and_orders_have_a_bound() {
    let console = Console::start("refused").await;
    console.logged_in("anna", Role::Analyst).await;
    for (name, value, words) in [
        ("report", "nonsense", "Choose one of the reports"),
        ("report", "dossier", "is about one number"),
        ("report", "custody", "is written as csv, json"),
        ("customer", "Bay", "Choose one of the customers"),
        ("format", "pdf", "ringwall-typeset"),
        ("format", "docx", "is no format"),
        ("from", "2026-11-09", "the last day lies before the first"),
        ("to", "soon", "is no span"),
        ("number", "+1210555x", "is no number"),
        ("direction", "sideways", "inbound, outbound"),
    ] {
        let answer = console.post("anna", "/reports/order", &with(name, value)).await;
        assert_eq!(answer.status, 400, "{name}={value}: {}", answer.body);
        answer.has(words);
    }
    let mut made = 0;
    for day in 1..=28 {
        let to = format!("2026-12-{day:02}");
        let answer = console.post("anna", "/reports/order", &with("to", &to)).await;
        made += i32::from(answer.status == 303);
        if answer.status != 303 {
            assert_eq!(answer.status, 409);
            answer.has("20 reports are being made");
        }
    }
    assert_eq!(made, 20);
}

#[tokio::test]
async fn p7_a_schedule_is_added_in_plain_fields_authorised_run_and_removed() {
    let console = Console::start("schedule").await;
    console.logged_in("anna", Role::Analyst).await;
    console
        .register(
            r#"{"customer":"Acme","report_domains":["partner.example.net"],"people":[
            {"name":"Bob","addresses":["bob@acme.example.com"],"roles":["authorizer"]}]}"#,
        )
        .await;
    let fields = [
        ("report", "weekly-operations"),
        ("customer", "Acme"),
        ("often", "weekly"),
        ("weekday", "mon"),
        ("time", "07:00"),
        ("format", "csv"),
        ("to", "eve@partner.example.net"),
    ];
    let added = console.post("anna", "/reports/schedules", &fields).await;
    assert_eq!(added.status, 303, "{}", added.body);
    assert!(added.head.contains("goes%20to%20nobody%20yet"), "{}", added.head);
    let place = added.head.split("location: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let place = place.replace("/rs-", "/RS-");
    let list = console.get("anna", "/reports/schedules").await;
    list.is_sound();
    list.has("every Monday at 07:00");
    // Monday 16 November, seven in Chicago.
    list.has("datetime=\"2026-11-16T13:00:00Z\"");
    let one = console.get("anna", &place).await;
    one.has("an authoriser has not said yes yet");
    assert_eq!(console.post("anna", &format!("{place}/authorise"), &[("contact", "Eve")]).await.status, 409);
    assert_eq!(console.post("anna", &format!("{place}/authorise"), &[("contact", "Bob")]).await.status, 303);
    console.get("anna", &place).await.has_not("an authoriser has not said yes yet");
    assert_eq!(console.post("anna", &format!("{place}/run"), &[]).await.status, 303);
    console.get("anna", &place).await.has("○ waits");
    assert_eq!(console.post("anna", &format!("{place}/remove"), &[]).await.status, 303);
    assert_eq!(console.get("anna", &place).await.status, 404);
    let acts = console.audited("Acme").await;
    for verb in ["add-schedule", "authorise-schedule", "run-schedule", "remove-schedule"] {
        assert!(acts.iter().any(|it| it.starts_with(&format!("anna {verb} RS-"))), "{verb}: {acts:?}");
    }
    let mut cron = fields.to_vec();
    cron.retain(|(name, _)| *name != "often");
    cron.extend([("often", "cron"), ("cron", "* * * * *")]);
    let wrong = console.post("anna", "/reports/schedules", &cron).await;
    assert_eq!(wrong.status, 400);
    wrong.has("once an hour at most");
    // With all that was filled in.
    for kept in [
        "<option value=\"cron\" selected>",
        "name=\"cron\" value=\"* * * * *\"",
        "<option selected>csv</option>",
        "name=\"to\" value=\"eve@partner.example.net\"",
    ] {
        wrong.has(kept);
    }
    let mut empty = cron.clone();
    empty.retain(|(name, _)| *name != "cron");
    console.post("anna", "/reports/schedules", &empty).await.has("five fields, such as 0 7 * * 1-5");
}
