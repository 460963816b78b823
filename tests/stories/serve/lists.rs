//! Lists that people change while calls come, and while nobody serves.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{Call, Phone, Service, fresh, lines, status};
use crate::support::{Scratch, ringwall, stdout};

/// A policy of `customer` whose list `bad` is written so.
fn policy(customer: &str, list: &str) -> String {
    format!(
        "[customer]\nname = \"{customer}\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100 - +1 210 555 0199\"]\n\
         [[firewall]]\nname = \"bad\"\nwhen = {{ caller = \"@bad\" }}\naction = {{ block = 486 }}\n[lists.bad]\n{list}\n"
    )
}

const IN_FILE: &str = "numbers_file = \"bad.csv\"";
const BAD: &str = "+13035550142";
const WORSE: &str = "+13035550143";

fn command(data: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(crate::support::binary());
    command.arg("list").args(words).arg("--data").arg(data);
    command
}

fn run(data: &Path, words: &[&str]) -> Output {
    command(data, words).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn answer(service: &Service, caller: &str) -> u16 {
    let phone = Phone::new(service.udp());
    let call_id = fresh();
    status(&phone.ask(&Call { call_id: &call_id, ..Call::new(caller, "+12105550101") }.by(phone.port())))
}

/// A service with a list in a file beside its policy.
fn service(name: &str) -> Service {
    let scratch = Scratch::new(name);
    scratch.write("acme.toml", policy("Acme", IN_FILE));
    scratch.write("bad.csv", "number,reason\n+13035550150,old\n");
    Service::resume(scratch, "")
}

#[test]
fn a_number_that_is_added_is_refused_at_once_and_written_where_the_list_is() {
    let service = service("list-add");
    let data = service.data();
    assert_eq!((answer(&service, BAD), answer(&service, WORSE)), (302, 302));
    let added = run(
        &data,
        &[
            "add",
            "bad",
            "(303) 555-0142",
            "303 555 0142",
            BAD,
            "911",
            "--comment",
            "calls, daily",
            "--by",
            "anna",
            "--json",
        ],
    );
    assert_eq!(added.status.code(), Some(1), "one was refused: {added:?}");
    assert!(errors(&added).contains("911: is an emergency number"), "{added:?}");
    let told: Value = serde_json::from_str(&stdout(&added)).unwrap();
    let tally = &told["tally"];
    assert_eq!((&tally["done"], &tally["needless"], &tally["refused"]), (&1.into(), &2.into(), &1.into()));
    assert_eq!((answer(&service, BAD), answer(&service, WORSE)), (486, 302));
    let file = std::fs::read_to_string(service.scratch.path().join("bad.csv")).unwrap();
    assert!(
        file.starts_with("number,reason,added\n+13035550150,old\n+13035550142,\"calls, daily\",20"),
        "{file}"
    );
    let account = lines(&data.join("policies/versions.jsonl"));
    assert_eq!(
        (&account[0]["by"], &account[0]["how"], &account[0]["policies"][0]["stored"]),
        (&"anna".into(), &"list".into(), &Value::Null)
    );
    // The same file is not news to whoever watches files.
    let exported = stdout(&run(&data, &["export", "bad"]));
    assert_eq!(exported, "+13035550150\n+13035550142\n");
    let removed = run(&data, &["remove", "bad", BAD, "+13035550199"]);
    assert!(
        removed.status.success() && stdout(&removed).contains("1 removed, 1 there was nothing to do for"),
        "{removed:?}"
    );
    assert_eq!(answer(&service, BAD), 302);
    let again = run(&data, &["remove", "bad", BAD]);
    assert!(stdout(&again).contains("nothing is changed"), "{again:?}");
    assert!(errors(&again).contains(&format!("not on the list bad: {BAD}")), "{again:?}");
    assert_eq!(lines(&data.join("policies/versions.jsonl")).len(), 2, "what changes nothing is no version");
}

#[test]
fn numbers_in_an_installed_policy_change_in_its_versions_and_come_back() {
    let service = service("list-installed");
    let data = service.data();
    let policy_command = |words: &[&str]| {
        let output = ringwall(["policy"].iter().chain(words).chain(&["--data", data.to_str().unwrap()]));
        assert!(output.status.success(), "{}", errors(&output));
        stdout(&output)
    };
    let path = service.scratch.write("inline.toml", policy("Acme", "numbers = [\"+1 303 555 0150\"]"));
    policy_command(&["install", path.to_str().unwrap()]);
    assert!(run(&data, &["add", "bad", BAD, "+1 303 555 9*"]).status.success());
    assert_eq!(
        (answer(&service, BAD), answer(&service, "+13035559001"), answer(&service, WORSE)),
        (486, 486, 302)
    );
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        policy("Acme", "numbers = [\"+1 303 555 0150\"]"),
        "whose file it was is not touched"
    );
    let service = Service::resume(service.kill(), "");
    assert_eq!(answer(&service, BAD), 486, "it was acknowledged");
    assert!(
        policy_command(&["diff", "1", "2"])
            .contains("list \"bad\": 1 added (+13035550142), prefixes or ranges hold more")
    );
    policy_command(&["rollback"]);
    assert_eq!(answer(&service, BAD), 302);
    // There is no place for a reason in the policy itself: the list gets a file for it.
    let reasoned = run(&data, &["add", "bad", WORSE, "--comment", "why"]);
    assert!(reasoned.status.success(), "{reasoned:?}");
    assert_eq!((answer(&service, WORSE), answer(&service, BAD)), (486, 302));
    let service = Service::resume(service.kill(), "");
    assert_eq!(answer(&service, WORSE), 486, "it was acknowledged");
}

#[test]
fn files_of_a_stopped_service_are_changed_where_they_are_named() {
    let service = service("list-stopped");
    let path = service.scratch.path().join("acme.toml");
    let scratch = service.stop();
    let data = scratch.path().join("data");
    let nameless = run(&data, &["add", "bad", BAD]);
    assert_eq!(nameless.status.code(), Some(2));
    assert!(errors(&nameless).contains("no policy in force has a list \"bad\""), "{nameless:?}");
    let added = run(&data, &["add", "bad", BAD, "--policy", path.to_str().unwrap()]);
    assert!(added.status.success(), "{added:?}");
    let names = stdout(&run(&data, &["names", "--policy", path.to_str().unwrap()]));
    assert_eq!(names, "Acme: bad, 2 numbers, bad.csv\n");
    let service = Service::resume(scratch, "");
    assert_eq!(answer(&service, BAD), 486);
    let nowhere = run(Path::new("/nowhere/data"), &["add", "bad", BAD]);
    assert!(errors(&nowhere).contains("there is no folder /nowhere/data"), "{nowhere:?}");
}

#[test]
fn whose_list_is_meant_must_be_clear() {
    let service = service("list-whose");
    let other = service
        .scratch
        .write("beta.toml", policy("Beta", "numbers = [\"+1 303 555 0150\"]").replace("210 555", "212 555"));
    let data = service.data();
    let output = ringwall(["policy", "install", other.to_str().unwrap(), "--data", data.to_str().unwrap()]);
    assert!(output.status.success(), "{}", errors(&output));
    let unclear = run(&data, &["add", "bad", BAD]);
    assert_eq!(unclear.status.code(), Some(2));
    assert!(
        errors(&unclear).contains("several have a list \"bad\": Beta, Acme; say whose with --customer"),
        "{unclear:?}"
    );
    assert!(run(&data, &["add", "bad", BAD, "--customer", "Beta"]).status.success());
    assert_eq!(stdout(&run(&data, &["export", "bad", "--customer", "Acme"])), "+13035550150\n");
    assert_eq!(
        stdout(&run(&data, &["export", "bad", "--customer", "Beta"])),
        "+1 303 555 0150\n+13035550142\n"
    );
    let unknown = run(&data, &["add", "worse", BAD]);
    assert!(errors(&unknown).contains("no policy in force has a list \"worse\""), "{unknown:?}");
}

#[test]
fn tables_of_other_servers_are_read_in_and_what_cannot_be_said_is_named() {
    let service = service("list-import");
    let data = service.data();
    let table = service.scratch.write(
        "globalblocklist",
        "id(int,auto) prefix(string) allowlist(int) description(string,null) \n1:1900:0:premium\n2:44909:0:\n3:449098:1:the clinic\n\
         4:1210555:0:our own\n5:sip:0:no digits\n6:1900:0:again\n",
    );
    let imported = run(
        &data,
        &["import", "bad", table.to_str().unwrap(), "--format", "kamailio", "--international", "--json"],
    );
    assert_eq!(imported.status.code(), Some(1), "{imported:?}");
    let said = errors(&imported);
    assert!(said.contains("globalblocklist:6: \"sip\" is no prefix of digits"), "{said}");
    assert!(
        said.contains("globalblocklist:5: +1210555*: holds +12105550100, a number of the customer"),
        "{said}"
    );
    let told: Value = serde_json::from_str(&stdout(&imported)).unwrap();
    assert_eq!((&told["tally"]["done"], &told["tally"]["needless"]), (&10.into(), &1.into()), "{told}");
    let fates =
        ["+19005550100", "+449091234567", "+449098123456", BAD].map(|caller| answer(&service, caller));
    assert_eq!(fates, [486, 486, 302, 302]);
    let piped = command(&data, &["import", "bad", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut piped = piped.unwrap();
    std::io::Write::write_all(&mut piped.stdin.take().unwrap(), b"number\n+13035550142\n").unwrap();
    assert!(piped.wait().unwrap().success());
    assert_eq!(answer(&service, BAD), 486);
    let missing = run(&data, &["import", "bad", "/nowhere/dump.sql"]);
    assert_eq!(missing.status.code(), Some(2));
    let unclear = service.scratch.write(
        "dump.sql",
        "INSERT INTO dr_rules (ruleid, prefix) VALUES (1,'44');\nINSERT INTO globalblacklist (prefix, whitelist) VALUES ('1900',0);\n",
    );
    let unclear = run(&data, &["import", "bad", unclear.to_str().unwrap(), "--format", "opensips"]);
    assert!(errors(&unclear).contains("say which is meant with --table"), "{unclear:?}");
}

#[test]
fn what_is_written_out_makes_the_same_list_again() {
    let service = service("list-round");
    let data = service.data();
    let entries = "+13035550142\n+1 303 555 02xx\n+4420*\n+1 303 555 0300 - +1 303 555 0399\n911\n";
    let file = service.scratch.write("numbers.txt", entries);
    run(&data, &["import", "bad", file.to_str().unwrap()]);
    for format in ["plain", "csv"] {
        let exported = run(&data, &["export", "bad", "--format", format]);
        let file = service.scratch.write("exported.csv", &exported.stdout);
        let again = run(&data, &["import", "bad", file.to_str().unwrap(), "--format", format]);
        assert!(
            again.status.success()
                && stdout(&again).contains("5 there was nothing to do for, 0 refused: nothing is changed"),
            "{format}: {again:?}"
        );
    }
}

#[test]
fn hostile_entries_and_names_stay_what_they_are() {
    let service = service("list-hostile");
    let data = service.data();
    let file = service.scratch.write("hostile.csv", b"number,reason\n+13035550142,\"a\x1b[31m\nb\",\n\x00\xff\xfe,\n../../etc/passwd,\n=cmd|' /C calc'!A0,\n+13035550143\t,x\n" as &[u8]);
    let imported = run(&data, &["import", "bad", file.to_str().unwrap()]);
    assert_eq!(imported.status.code(), Some(1), "{imported:?}");
    assert!(!errors(&imported).contains(['\u{1b}', '\0']), "{imported:?}");
    let capture = service.scratch.write("day.pcap", crate::support::packets::Capture::new().into_bytes());
    let binary = run(&data, &["import", "bad", capture.to_str().unwrap()]);
    assert_eq!(binary.status.code(), Some(2), "{binary:?}");
    assert!(errors(&binary).contains("is no text, and so no list"), "{binary:?}");
    assert_eq!((answer(&service, BAD), answer(&service, WORSE)), (486, 486));
    for list in ["../bad", "bad\n", "", "\u{1b}[31m", "@bad"] {
        let output = run(&data, &["add", list, BAD]);
        assert_eq!(output.status.code(), Some(2), "{list:?}: {output:?}");
        assert!(!errors(&output).contains('\u{1b}'), "{output:?}");
    }
    let file = std::fs::read_to_string(service.scratch.path().join("bad.csv")).unwrap();
    assert!(!file.contains('\u{1b}') && file.lines().count() == 4, "{file}");
}

#[test]
fn two_who_change_one_list_at_once_both_get_what_they_asked_for() {
    let service = service("list-two");
    let data = service.data();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let data = &data;
            scope.spawn(move || {
                let number = format!("+1303555020{number}");
                let output = run(data, &["add", "bad", &number]);
                assert!(output.status.success(), "{output:?}");
            });
        }
    });
    assert_eq!(stdout(&run(&data, &["export", "bad"])).lines().count(), 9);
    assert_eq!(answer(&service, "+13035550207"), 486);
}

#[test]
fn whatever_ends_the_service_in_between_leaves_the_list_whole() {
    let mut scratch = service("list-kill").stop();
    let rounds = std::env::var("RINGWALL_KILLS").map_or(10, |count| count.parse().unwrap());
    let mut known = 1;
    for round in 0..rounds {
        let service = Service::resume(scratch, "");
        let number = format!("+1303556{round:04}");
        let mut asking = command(&service.data(), &["add", "bad", &number]);
        let mut asking = asking.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(2_500 * round as u64));
        scratch = service.kill();
        let is_acknowledged = asking.wait().unwrap().success();
        let service = Service::resume(scratch, "");
        let listed = stdout(&run(&service.data(), &["export", "bad"]));
        let found = listed.lines().count();
        assert!(found == known || found == known + 1, "round {round}: {listed}");
        assert!(!is_acknowledged || listed.contains(&number), "round {round}: it was acknowledged");
        assert_eq!(answer(&service, &number) == 486, listed.contains(&number), "round {round}");
        known = found;
        scratch = service.stop();
    }
}

#[test]
fn a_disk_without_room_changes_nothing() {
    let folder = Scratch::new("list-full");
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(folder.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "a file system of its own cannot be mounted in CI");
        println!("SKIPPED: a file system of its own cannot be mounted");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let install = |text: String| {
            let path = folder.path().join("acme.toml");
            std::fs::write(&path, text).unwrap();
            ringwall(["policy", "install", path.to_str().unwrap(), "--data", data.to_str().unwrap()])
        };
        assert!(
            install(policy("Acme", IN_FILE).replace(IN_FILE, "numbers = [\"+13035550150\"]"))
                .status
                .success()
        );
        let before = std::fs::read(data.join("policies/versions.jsonl")).unwrap();
        // What is left of the disk is taken by somebody else.
        let _ = std::fs::write(folder.path().join("full"), vec![0; 1 << 20]);
        let full = run(&data, &["add", "bad", BAD]);
        assert_eq!(full.status.code(), Some(2), "{full:?}");
        assert!(errors(&full).contains("No space left"), "{full:?}");
        assert_eq!(std::fs::read(data.join("policies/versions.jsonl")).unwrap(), before);
        std::fs::remove_file(folder.path().join("full")).unwrap();
        assert!(run(&data, &["add", "bad", BAD]).status.success());
        assert_eq!(stdout(&run(&data, &["export", "bad"])), "+13035550150\n+13035550142\n");
    });
    let unmounted = Command::new("umount").arg(folder.path()).status().unwrap();
    assert!(unmounted.success());
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_list_of_a_policy_that_is_named_without_a_folder_is_written_where_it_is() {
    let scratch = Scratch::new("list-bare");
    scratch.write("acme.toml", policy("Acme", "numbers = []"));
    let data = scratch.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let words = ["add", "bad", BAD, "--comment", "rings at night", "--policy", "acme.toml"];
    let added = command(&data, &words).current_dir(scratch.path()).output().unwrap();
    assert!(added.status.success(), "{added:?}");
    let policy = std::fs::read_to_string(scratch.path().join("acme.toml")).unwrap();
    assert!(policy.contains("bad.csv"), "{policy}");
    assert!(std::fs::read_to_string(scratch.path().join("bad.csv")).unwrap().contains(BAD));
}
