//! A running service whose call records are in a bucket, on a real server that goes away and comes back.

use super::archive::{quick, stored};
use super::known::Browser;
use super::{Call, POLICY, Phone, Service, status, within};
use crate::support::{ringwall, stdout};

#[allow(clippy::disallowed_methods, reason = "a server lives in real time")]
#[path = "../../../records/tests/moto/mod.rs"]
mod moto;

use moto::{Moto, Proxy};

#[test]
fn calls_come_into_a_bucket_and_wait_for_it_while_it_is_gone() {
    let place = moto::Scratch::new("serve");
    let Some(mut server) = Moto::start(&place) else { return };
    let proxy = Proxy::start(server.port());
    let keys = server.remote(&place, "desk").credentials_file.unwrap();
    let bucket = format!(
        "{}\n[records.bucket]\nname = \"records\"\nendpoint = {:?}\nprefix = \"desk\"\nregion = \"us-east-1\"\n\
         credentials_file = {keys:?}\n",
        quick().replace("on = false", "on = true"),
        proxy.endpoint()
    );
    let service = Service::start("serve-bucket", POLICY, &bucket);
    let phone = Phone::new(service.udp());
    let ask = |from: usize, to: usize| {
        for at in from..to {
            let call_id = format!("bucket-{at}");
            let caller = ["+13035550142", "+13035550105"][at % 2];
            let call = Call { call_id: &call_id, ..Call::new(caller, "+12105550150") };
            assert_eq!(status(&phone.ask(&call.by(phone.port()))), [302, 486][at % 2]);
        }
    };
    let rows = || service.metric("ringwall_records_total{kind=\"stored\"}");
    let wait = |count: u64| {
        within(60, || (rows() == count).then_some(()))
            .unwrap_or_else(|| panic!("{} rows of {count}: {}", rows(), service.errors()))
    };
    ask(0, 20);
    wait(20);
    let data = service.data();
    assert_eq!(stored(&data).len(), 20);
    assert!(!server.files("desk/customer=").is_empty(), "{:?}", server.files(""));
    let said = std::fs::read_to_string(data.join("records/bucket.json")).unwrap();
    assert!(said.contains("desk") && !said.contains("secret"), "{said}");

    let browser = Browser::new(&service);
    let page = browser.get("/calls?caller=%2B13035550105");
    assert!(page.status == 200 && page.text.contains("+13035550105"), "{}", page.text);
    assert!(!page.text.contains("can be read now"), "{}", page.text);

    // Gone: calls are judged as ever, it is said once, and nothing is lost.
    let kept = server.keep();
    server.kill();
    ask(20, 40);
    within(60, || (service.metric("ringwall_records_failures_total") >= 2).then_some(()))
        .unwrap_or_else(|| panic!("no failure is counted: {}", service.errors()));
    ask(40, 50);
    // Its page says so, and shows what waits in the spool.
    let page = within(30, || {
        let page = browser.get("/calls?caller=%2B13035550105");
        page.text.contains("+13035550105").then_some(page)
    });
    let page = page.unwrap_or_else(|| panic!("{}", browser.get("/calls").text));
    assert!(
        page.status == 200 && page.text.contains("Not all stored calls can be read now"),
        "{}",
        page.text
    );
    let errors = service.errors();
    assert_eq!(errors.matches("call records").count(), 1, "{errors}");
    server.again(&kept);
    proxy.send_to(server.port());
    wait(50);
    let mut ids: Vec<String> =
        stored(&data).iter().map(|line| line["call_id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 50, "each call is there once");
}

#[test]
fn x4_who_cuts_the_audit_and_what_is_kept_beside_it_is_found_out_by_the_bucket() {
    let place = moto::Scratch::new("audit");
    let Some(server) = Moto::start(&place) else { return };
    let remote = server.remote(&place, "desk");
    let bucket = format!(
        "[cases.audit_bucket]\nname = \"records\"\nendpoint = {:?}\nprefix = \"desk\"\nregion = \"us-east-1\"\n\
         credentials_file = {:?}\n",
        remote.endpoint,
        remote.credentials_file.unwrap()
    );
    let service = Service::start("serve-audit-bucket", POLICY, &bucket);
    let data = service.data();
    let opened = ringwall([
        "case",
        "open",
        "--customer",
        "Acme",
        "--kind",
        "question",
        "why so?",
        "--by",
        "anna",
        "--data",
        data.to_str().unwrap(),
    ]);
    assert!(opened.status.success(), "{opened:?}");
    // What is kept each hour is kept at the end as well.
    let scratch = service.stop();
    assert!(!server.files("desk/heads/").is_empty(), "{:?}", server.files(""));
    let data = scratch.path().join("data");
    let cut = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],timeout=20)\n\
        c.execute(\"DELETE FROM audit WHERE customer='Acme'\")\n\
        c.execute(\"DELETE FROM audit_heads WHERE customer='Acme'\")\nassert c.total_changes==2\nc.commit()\n";
    let done = std::process::Command::new("python3").args(["-c", cut]).arg(data.join("cases.db")).status();
    assert!(done.unwrap().success());
    std::fs::remove_dir_all(data.join("audit")).unwrap();
    let config = scratch.path().join("ringwall.toml");
    let audit =
        ringwall(["audit", "verify", "--config", config.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    assert_eq!(audit.status.code(), Some(1), "{audit:?}");
    assert!(stdout(&audit).contains("Acme: entry 1: it is missing"), "{}", stdout(&audit));
}
