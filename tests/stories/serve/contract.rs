//! The REST API held against its own description, by a program that makes up requests: schemathesis; as a
//! program of the desk, as one of a customer, and as somebody who administers the desk.

use std::path::Path;
use std::process::Command;

use super::known::Browser;
use super::reports::run;
use super::{Call, POLICY, Phone, Service};

/// Requests that are made up for each way in, beside those at the bounds of what is described.
const EXAMPLES: &str = "4";
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

#[test]
fn no_request_that_is_made_up_gets_an_answer_that_is_not_described() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("target/python/bin/schemathesis");
    if !program.exists() {
        assert!(std::env::var_os("CI").is_none(), "in CI there is schemathesis");
        println!("SKIPPED: made-up requests, because schemathesis is not installed");
        return;
    }
    let service = Service::start("serve-contract", POLICY, "");
    let phone = Phone::new(service.udp());
    for at in 0..10 {
        let call_id = format!("contract-{at}");
        phone.ask(&Call { call_id: &call_id, ..Call::new("+13035550105", "+12105550150") }.by(phone.port()));
    }
    for title in ["who calls?", "and who else?"] {
        run(&service, &["case", "open", "--customer", "Acme", "--kind", "question", title, "--by", "anna"]);
    }
    let key = |name: &str, more: &[&str]| {
        let told = run(
            &service,
            &[&["key", "add", name, "--may-work", "--days", "1", "--by", "anna"][..], more].concat(),
        );
        let key = told.split_whitespace().find(|word| word.starts_with("rw_")).unwrap();
        format!("Authorization: Bearer {key}")
    };
    let held = |who: &[String], ways: &[&str], least: u32| {
        let output = Command::new(&program)
            .arg("run")
            .arg(root.join("docs/openapi.json"))
            .args(["--url", &format!("http://{}", service.address("http://"))])
            .args(who.iter().flat_map(|header| ["--header", header.as_str()]))
            .args(ways)
            .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
            .args(["--max-examples", EXAMPLES, "--seed", "1", "--no-color"])
            .current_dir(service.scratch.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        let mut counts =
            said.lines().filter_map(|line| line.trim().split_once(" generated")?.0.parse::<u32>().ok());
        assert!(counts.next().is_some_and(|count| count > least), "{said}");
    };
    // What changes is followed as long as one likes: a stream has no end to wait for.
    let all = ["--exclude-path", "/v1/events"];
    held(&[key("contract", &[])], &all, 500);
    held(&[key("of a customer", &["--customer", "Acme"])], &all, 500);
    // Where keys are nobody, people of the desk are let in.
    let admin = Browser::new(&service);
    for list in ["accounts", "invitations", "keys", "customers/Acme/registration/drafts"] {
        assert_eq!(admin.get(&format!("/v1/{list}")).status, 200, "{list}");
    }
    let of_people = "^/v1/(audit|accounts|invitations|keys|customers/[^/]+/registration/drafts)";
    held(&admin.headers(), &["--include-path-regex", of_people], 100);
    // Nothing broke inside, which is told there; nor anything else but how to log in first.
    let errors = service.errors();
    assert!(errors.lines().all(|line| line.contains("nobody can log in yet")), "{errors}");
}
