//! Policies that are installed, compared and taken back while calls come, and while nobody serves.

use std::process::Output;

use serde_json::{Value, json};

use super::{Call, Phone, Service, fresh, lines, status, within};
use crate::support::{Scratch, ringwall, stdout};

/// A policy of `customer` that blocks calls to one number, with a code of its own.
fn policy(customer: &str, blocked: &str, code: u16) -> String {
    format!(
        "[customer]\nname = \"{customer}\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n\
         [[firewall]]\nname = \"to one\"\nwhen = {{ called = \"{blocked}\" }}\naction = {{ block = {code} }}\n"
    )
}

const ONE: &str = "+12105550101";
const OTHER: &str = "+12105550102";

fn run(scratch: &Scratch, words: &[&str]) -> Output {
    let data = scratch.path().join("data");
    ringwall(["policy"].iter().chain(words).chain(&["--data", data.to_str().unwrap()]))
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn versions(scratch: &Scratch) -> Vec<Value> {
    let output = run(scratch, &["versions", "--json"]);
    assert!(output.status.success(), "{}", errors(&output));
    stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn answer(service: &Service, called: &str) -> u16 {
    let phone = Phone::new(service.udp());
    let call_id = fresh();
    status(&phone.ask(&Call { call_id: &call_id, ..Call::new("+13035550142", called) }.by(phone.port())))
}

#[test]
fn an_installed_policy_is_in_force_when_the_command_comes_back_and_after_a_power_cut() {
    let service = Service::start("policy-install", &policy("Acme", ONE, 486), "");
    assert_eq!((answer(&service, ONE), answer(&service, OTHER)), (486, 302));
    let of_file = versions(&service.scratch);
    assert_eq!((of_file.len(), &of_file[0]["number"], &of_file[0]["how"]), (1, &Value::Null, &"file".into()));
    let new = service.scratch.write("new.toml", policy("Acme", OTHER, 480));
    let installed = run(
        &service.scratch,
        &["install", new.to_str().unwrap(), "--by", "anna", "--why", "the other one", "--json"],
    );
    assert!(installed.status.success(), "{}", errors(&installed));
    let told: Value = serde_json::from_str(&stdout(&installed)).unwrap();
    assert_eq!((&told["number"], &told["policies"][0]["customer"]), (&1.into(), &"Acme".into()));
    assert_eq!((answer(&service, ONE), answer(&service, OTHER)), (302, 480));
    // The file of the configuration no longer decides, whatever becomes of it.
    service.scratch.write("acme.toml", policy("Acme", ONE, 404));
    service.signal("-HUP");
    within(10, || service.errors().contains("acme.toml is not read").then_some(()))
        .unwrap_or_else(|| panic!("{}", service.errors()));
    assert_eq!((answer(&service, ONE), answer(&service, OTHER)), (302, 480));
    let service = Service::resume(service.kill(), "");
    assert_eq!((answer(&service, ONE), answer(&service, OTHER)), (302, 480));
    let all = versions(&service.scratch);
    assert_eq!(all.len(), 1);
    assert_eq!(
        (&all[0]["by"], &all[0]["why"], &all[0]["how"]),
        (&"anna".into(), &"the other one".into(), &"install".into())
    );
    assert_eq!(all[0]["in_force"], json!(["Acme"]));
    assert_eq!(all[0]["policies"][0]["version"], told["policies"][0]["version"]);
    let record = service.decide(&json!({ "caller": "+13035550142", "called": OTHER })).1;
    assert_eq!(
        record["policy_version"], told["policies"][0]["version"],
        "the version is the hash that verdicts carry"
    );
}

#[test]
fn a_step_back_is_a_new_version_with_the_old_bytes_and_release_lets_files_hold_again() {
    let service = Service::start("policy-rollback", &policy("Acme", ONE, 486), "");
    let install = |code: u16| {
        let new = service.scratch.write("new.toml", policy("Acme", ONE, code));
        let output = run(&service.scratch, &["install", new.to_str().unwrap()]);
        assert!(output.status.success(), "{}", errors(&output));
    };
    install(480);
    install(404);
    assert_eq!(answer(&service, ONE), 404);
    let back = run(&service.scratch, &["rollback", "--why", "too much"]);
    assert!(stdout(&back).contains("without version 2: version 3"), "{back:?}");
    assert_eq!(answer(&service, ONE), 480);
    let all = versions(&service.scratch);
    assert_eq!(all[0]["policies"][0]["version"], all[2]["policies"][0]["version"]);
    // Once more goes one step further, and does not bring back what was undone.
    let further = run(&service.scratch, &["rollback"]);
    assert!(stdout(&further).contains("without version 1: version 4"), "{further:?}");
    assert_eq!(answer(&service, ONE), 486);
    let too_far = run(&service.scratch, &["rollback"]);
    assert!(errors(&too_far).contains("every change is undone already"), "{too_far:?}");
    let again = run(&service.scratch, &["rollback", "2"]);
    assert!(stdout(&again).contains("as in version 2: version 5"), "{again:?}");
    assert_eq!(answer(&service, ONE), 404);
    let unknown = run(&service.scratch, &["rollback", "99"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(errors(&unknown).contains("there is no version 99"), "{unknown:?}");
    let released = run(&service.scratch, &["release", "Acme", "--why", "git again"]);
    assert!(released.status.success(), "{}", errors(&released));
    assert_eq!(answer(&service, ONE), 486);
    service.scratch.write("acme.toml", policy("Acme", ONE, 403));
    within(10, || (answer(&service, ONE) == 403).then_some(())).expect("files are live again");
    let nobody = run(&service.scratch, &["release", "Acme"]);
    assert!(errors(&nobody).contains("no policy of \"Acme\" is installed"), "{nobody:?}");
}

#[test]
fn the_first_version_undone_leaves_what_the_files_say() {
    let service = Service::start("policy-first", &policy("Acme", ONE, 486), "");
    let new = service.scratch.write("new.toml", policy("Acme", ONE, 480));
    assert!(run(&service.scratch, &["install", new.to_str().unwrap()]).status.success());
    assert_eq!(answer(&service, ONE), 480);
    assert!(run(&service.scratch, &["rollback"]).status.success());
    assert_eq!(answer(&service, ONE), 486);
    let service = Service::resume(service.stop(), "");
    assert_eq!(answer(&service, ONE), 486);
}

#[test]
fn what_is_wrong_with_a_policy_is_all_said_and_nothing_changes() {
    let service = Service::start("policy-wrong", &policy("Acme", ONE, 486), "");
    let wrong = policy("Acme", OTHER, 480).replace("called =", "caled =").replace("\"US\"", "\"XX\"");
    let unexpected = format!(
        "{}[[expect]]\ncall = {{ from = \"+13035550142\", to = \"{ONE}\", direction = \"inbound\" }}\nverdict = \"block\"\n",
        policy("Acme", OTHER, 480)
    );
    for (text, said) in [
        (wrong, &["caled", "XX", "nothing is installed"][..]),
        (unexpected, &["failed-expect", "nothing is installed"]),
        (format!("\u{1b}[31m{}", policy("Acme", OTHER, 480)), &["nothing is installed"]),
    ] {
        let path = service.scratch.write("wrong.toml", text);
        // A good one beside it is not installed either.
        let good = service.scratch.write("good.toml", policy("Beta", ONE, 480));
        let output = run(&service.scratch, &["install", good.to_str().unwrap(), path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let errors = errors(&output);
        assert!(said.iter().all(|word| errors.contains(word)) && !errors.contains('\u{1b}'), "{errors}");
    }
    let missing = run(&service.scratch, &["install", "/nowhere/acme.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert_eq!((answer(&service, ONE), answer(&service, OTHER)), (486, 302));
    assert_eq!(versions(&service.scratch)[0]["how"], "file");
    assert!(!service.data().join("policies/versions.jsonl").exists());
}

#[test]
fn a_policy_that_the_configuration_contradicts_is_refused_by_the_service() {
    let peer = "[[redirect.peer]]\nname = \"sbc\"\nfrom = [\"127.0.0.1\"]\nallow = \"404\"\n";
    let service = Service::start("policy-misfit", &policy("Acme", ONE, 486), peer);
    let new = service.scratch.write("new.toml", policy("Acme", ONE, 404));
    let output = run(&service.scratch, &["install", new.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(errors(&output).contains("404"), "{output:?}");
    assert_eq!(answer(&service, ONE), 486);
    assert_eq!(versions(&service.scratch).len(), 1);
}

#[test]
fn a_stopped_service_starts_with_what_was_installed_meanwhile() {
    let scratch = Scratch::new("policy-stopped");
    let new = scratch.write("new.toml", policy("Acme", ONE, 480));
    let output = run(&scratch, &["install", new.to_str().unwrap(), "--by", "anna"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert!(errors(&output).contains("no service runs in"), "{}", errors(&output));
    assert_eq!(versions(&scratch)[0]["in_force"], json!(["Acme"]));
    std::fs::remove_file(new).unwrap();
    let config = "policy = []\ndata = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[redirect]\nudp = [\"127.0.0.1:0\"]\ntcp = []\n";
    let service = Service::with_config(scratch, config);
    let (_, verdict) = service.decide(&json!({ "caller": "+13035550142", "called": ONE }));
    assert_eq!((&verdict["verdict"], &verdict["code"]), (&"block".into(), &480.into()));
}

#[test]
fn nothing_is_asked_of_a_folder_that_is_not_there() {
    let scratch = Scratch::new("policy-nowhere");
    for words in [&["versions"][..], &["rollback"], &["release", "Acme"]] {
        let output = run(&scratch, words);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(errors(&output).contains("--data names that of the service"), "{output:?}");
        assert!(!scratch.path().join("data").exists());
    }
}

#[test]
fn versions_are_compared_by_rules_and_by_lines() {
    let scratch = Scratch::new("policy-diff");
    let install = |text: String| {
        let new = scratch.write("new.toml", text);
        let output = run(&scratch, &["install", new.to_str().unwrap()]);
        assert!(output.status.success(), "{}", errors(&output));
    };
    let listed = |numbers: &str| {
        scratch.write("bad.csv", format!("number\n{numbers}"));
        format!(
            "{}[[firewall]]\nname = \"listed\"\nwhen = {{ caller = \"@bad\" }}\naction = \"block\"\n[lists.bad]\nnumbers_file = \"bad.csv\"\n",
            policy("Acme", ONE, 480)
        )
    };
    install(policy("Acme", ONE, 486));
    install(listed("+13035550101\n"));
    install(listed("+13035550102\n+13035550103\n"));
    let diff = |words: &[&str]| {
        let output = run(&scratch, &[&["diff"], words].concat());
        assert!(output.status.success(), "{}", errors(&output));
        stdout(&output)
    };
    let first = diff(&["1", "2"]);
    for said in [
        "rule \"to one\": action.block was 486, is 480",
        "rule \"listed\" is new",
        "list \"bad\" is new",
        "-action = { block = 486 }",
    ] {
        assert!(first.contains(said), "{said}: {first}");
    }
    let second = diff(&["2"]);
    assert!(
        second.contains("list \"bad\": 2 added (+13035550102, +13035550103), 1 removed (+13035550101)"),
        "{second}"
    );
    assert_eq!(diff(&["3"]), "there is no difference\n");
    let file = scratch.write("new.toml", policy("Acme", OTHER, 480));
    let planned = diff(&[file.to_str().unwrap()]);
    assert!(planned.contains("rule \"listed\" is gone"), "{planned}");
    let machine: Value = serde_json::from_str(diff(&["1", "2", "--json"]).lines().next().unwrap()).unwrap();
    assert_eq!(machine["differences"][0]["change"], "added");
    assert_eq!(run(&scratch, &["diff", "9"]).status.code(), Some(2));
}

#[test]
fn two_who_install_at_once_both_get_their_version() {
    let service = Service::start("policy-two", &policy("Acme", ONE, 486), "");
    let paths: Vec<_> = (0..6)
        .map(|index| {
            service.scratch.write(&format!("{index}.toml"), policy(&format!("Customer {index}"), ONE, 480))
        })
        .collect();
    std::thread::scope(|scope| {
        for path in &paths {
            let scratch = &service.scratch;
            scope.spawn(move || {
                let output = run(scratch, &["install", path.to_str().unwrap()]);
                assert!(output.status.success(), "{}", errors(&output));
            });
        }
    });
    let all = versions(&service.scratch);
    let numbers: Vec<u64> = all.iter().filter_map(|line| line["number"].as_u64()).collect();
    assert_eq!(numbers, [6, 5, 4, 3, 2, 1]);
    assert!(all.iter().all(|line| line["in_force"].as_array().unwrap().len() == 1), "{all:?}");
}

#[test]
fn whatever_ends_the_service_in_between_leaves_one_version_or_the_other() {
    let mut scratch = Service::start("policy-kill", &policy("Acme", ONE, 486), "").stop();
    let mut code = 486;
    // A hundred times more by hand; each round takes a tenth of a second.
    let rounds = std::env::var("RINGWALL_KILLS").map_or(12, |count| count.parse().unwrap());
    for round in 0..rounds {
        let service = Service::resume(scratch, "");
        assert_eq!(answer(&service, ONE), code, "round {round}");
        let wanted = if code == 480 { 404 } else { 480 };
        let new = service.scratch.write("new.toml", policy("Acme", ONE, wanted));
        let mut command = std::process::Command::new(crate::support::binary());
        command.args(["policy", "install"]).arg(&new).arg("--data").arg(service.data());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut asking = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(2_500 * round as u64));
        scratch = service.kill();
        let is_acknowledged = asking.wait().unwrap().success();
        let recorded = lines(&scratch.path().join("data/policies/versions.jsonl")).len();
        let service = Service::resume(scratch, "");
        let found = answer(&service, ONE);
        assert!(found == wanted || found == code, "round {round}: {found}");
        assert!(!is_acknowledged || found == wanted, "round {round}: it was acknowledged");
        assert_eq!(
            versions(&service.scratch).iter().filter(|it| it["number"].is_u64()).count(),
            recorded.max(if found == wanted { 1 } else { 0 })
        );
        code = found;
        scratch = service.stop();
    }
}

#[test]
fn half_a_line_of_a_power_cut_is_no_version_and_a_changed_one_is_told() {
    let scratch = Scratch::new("policy-torn");
    let new = scratch.write("new.toml", policy("Acme", ONE, 480));
    assert!(run(&scratch, &["install", new.to_str().unwrap()]).status.success());
    let path = scratch.path().join("data/policies/versions.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{whole}{}", &whole[..whole.len() / 2])).unwrap();
    assert_eq!(versions(&scratch).len(), 1);
    assert!(run(&scratch, &["install", new.to_str().unwrap()]).status.success());
    assert_eq!(versions(&scratch).len(), 2);
    let content = scratch.path().join("data/policies/content");
    for entry in std::fs::read_dir(content).unwrap() {
        std::fs::write(entry.unwrap().path(), policy("Acme", OTHER, 480)).unwrap();
    }
    let output = run(&scratch, &["rollback"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("was changed"), "{output:?}");
}
