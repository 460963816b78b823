//! Copies of the desk that are taken while it works, and a service that goes on from one elsewhere.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::cases::{POLICY, Terminal, call};
use super::desk_faults::postgres;
use super::{Service, within};
use crate::support::{Scratch, ringwall, stdout};

fn backup(service: &Service, to: &Path) -> Output {
    let config = service.data().with_file_name("ringwall.toml");
    ringwall(["backup", "--to", to.to_str().unwrap(), "--config", config.to_str().unwrap()])
}

fn restore(from: &Path, to: &Path) -> Output {
    ringwall(["restore", from.to_str().unwrap(), "--data", to.to_str().unwrap()])
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}", stdout(output));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Ids of the alerts in all cases of `data`.
fn known(data: &Path) -> Vec<(String, String)> {
    let desk = Terminal { data };
    let mut known = Vec::new();
    for case in desk.list(&[]) {
        let number = case["number"].as_str().unwrap();
        let shown: Value = serde_json::from_str(&desk.done(&["show", number, "--json"])).unwrap();
        for alert in shown["alerts"].as_array().unwrap() {
            known.push((alert["id"].as_str().unwrap().to_owned(), number.to_owned()));
        }
        for event in shown["events"].as_array().unwrap() {
            known.push((event["text"].as_str().unwrap().to_owned(), number.to_owned()));
        }
    }
    known
}

#[test]
fn a_backup_under_load_is_whole_and_a_service_goes_on_from_it_elsewhere() {
    let service = Service::start("serve-backup", POLICY, "");
    let data = service.data();
    let place = Scratch::new("serve-backup-place");
    let taken = place.path().join("taken");
    call(&service, "+13035550100", "backup-first");
    let number = within(10, || Some(Terminal { data: &data }.list(&[]).first()?["number"].clone())).unwrap();
    let number = number.as_str().unwrap();
    ringwall([
        "case",
        "pack",
        number,
        "--by",
        "anna",
        "--to",
        place.path().join("p.zip").to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ]);
    let stop = AtomicBool::new(false);
    let mut before = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                call(&service, &format!("+130355501{:02}", at % 100), &format!("backup-{at}"));
            }
        });
        for at in 0..5 {
            Terminal { data: &data }.done(&["note", number, &format!("noted {at}"), "--by", "anna"]);
        }
        // What is acknowledged before the backup begins.
        before = known(&data);
        let made = backup(&service, &taken);
        stop.store(true, Ordering::Relaxed);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        println!("{}", stdout(&made));
    });
    for name in ["cases.db", "desk.key", "backup.json", "configuration.toml"] {
        let mode = std::fs::metadata(taken.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    assert_eq!(std::fs::metadata(&taken).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(refused(&backup(&service, &taken.join("cases.db"))).contains("is there already"));
    // Not into what is in use, and not beside anything.
    assert!(refused(&restore(&taken, &data)).contains("is in use"));
    let scratch = Scratch::new("serve-backup-elsewhere");
    scratch.write("full/something", "");
    assert!(refused(&restore(&taken, &scratch.path().join("full"))).contains("is not empty"));
    let elsewhere = scratch.path().join("data");
    let restored = restore(&taken, &elsewhere);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    scratch.write("acme.toml", POLICY);
    let second = Service::resume(scratch, "");
    let audit = ringwall(["audit", "verify", "--data", elsewhere.to_str().unwrap()]);
    assert!(audit.status.success(), "{}", stdout(&audit));
    let after = known(&elsewhere);
    for one in &before {
        assert_eq!(after.iter().filter(|other| *other == one).count(), 1, "{one:?} is there once");
    }
    // The desk has its key still, and new alerts come into cases, though the spool counts from one again.
    assert_eq!(
        std::fs::read(elsewhere.join("desk.key")).unwrap(),
        std::fs::read(data.join("desk.key")).unwrap()
    );
    let counted = Terminal { data: &elsewhere }.counted();
    assert_eq!(call(&second, "+13035550199", "backup-after"), 486);
    within(10, || (Terminal { data: &elsewhere }.counted() > counted).then_some(())).unwrap();
    second.stop();
    service.stop();
}

#[test]
fn a_backup_that_was_damaged_is_not_brought_back() {
    let service = Service::start("serve-backup-damaged", POLICY, "");
    call(&service, "+13035550100", "damaged");
    let data = service.data();
    within(10, || Terminal { data: &data }.list(&[]).into_iter().next()).unwrap();
    let place = Scratch::new("serve-backup-damaged");
    // Into a folder that is there, each under its time.
    assert!(backup(&service, place.path()).status.success());
    let taken = std::fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
    assert!(taken.file_name().unwrap().to_str().unwrap().starts_with("ringwall-20"));
    let to = place.path().join("to");
    let database = taken.join("cases.db");
    let good = std::fs::read(&database).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    std::fs::write(&database, &bad).unwrap();
    assert!(refused(&restore(&taken, &to)).contains("is damaged or was changed"));
    std::fs::write(&database, &good).unwrap();
    std::fs::write(taken.join("more"), "").unwrap();
    assert!(refused(&restore(&taken, &to)).contains("is no part of the backup"));
    std::fs::remove_file(taken.join("more")).unwrap();
    let moved = place.path().join("moved");
    std::fs::rename(&database, &moved).unwrap();
    assert!(refused(&restore(&taken, &to)).contains("is missing"));
    std::fs::rename(&moved, &database).unwrap();
    assert!(refused(&restore(place.path(), &to)).contains("is no backup"));
    assert!(!to.exists());
    assert!(restore(&taken, &to).status.success());
    assert!(to.join("cases.db").exists());
    service.stop();
}

#[test]
fn a_backup_is_made_of_a_service_only_and_neither_in_it_nor_in_another_backup() {
    let scratch = Scratch::new("backup-places");
    let (data, taken, beside) =
        (scratch.path().join("data"), scratch.path().join("taken"), scratch.path().join("beside"));
    let make = |data: &Path, to: &Path| {
        ringwall(["backup", "--data", data.to_str().unwrap(), "--to", to.to_str().unwrap()])
    };
    scratch.write("anything/letter.txt", "");
    let anything = scratch.path().join("anything");
    assert!(refused(&make(&anything, &taken)).contains("is no folder of a service"));
    assert!(refused(&make(&scratch.path().join("missing"), &taken)).contains("is no folder of a service"));
    scratch.write("data/policies/one", "");
    assert!(refused(&make(&data, &data.join("taken"))).contains("name a folder outside of it"));
    assert!(refused(&make(&data, &data)).contains("name a folder outside of it"));
    let made = make(&data, &taken);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // The second one under the same name would make the first one one that cannot be restored.
    assert!(refused(&make(&data, &taken)).contains("is a backup itself"));
    assert!(refused(&make(&data, &taken.join("policies/more"))).contains("is a backup itself"));
    let restored = restore(&taken, &scratch.path().join("restored"));
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    // Side by side with anything else they may stand.
    scratch.write("beside/lost+found/one", "");
    assert!(make(&data, &beside).status.success());
}

#[test]
fn a_full_disk_of_the_backup_is_not_said_to_be_that_of_the_cases() {
    let folder = Scratch::new("serve-backup-full");
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"]).arg(folder.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "a file system of its own cannot be mounted in CI");
        println!("SKIPPED: a file system of its own cannot be mounted");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let service = Service::start("serve-backup-full", POLICY, "");
        let said = refused(&backup(&service, &folder.path().join("taken")));
        assert!(said.contains("the disk that the backup is written to is full"), "{said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        service.stop();
    });
    let unmounted = Command::new("umount").arg(folder.path()).status().unwrap();
    assert!(unmounted.success());
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_database_of_postgresql_is_dumped_and_a_service_goes_on_from_the_dump() {
    let Some(server) = postgres::Own::start() else { return };
    let keys = |place: String| format!("[cases]\ndatabase = \"{place}\"\n");
    let service = Service::start("serve-backup-postgres", POLICY, &keys(server.place()));
    let place = Scratch::new("serve-backup-postgres");
    let listed = |service: &Service| -> Vec<Value> {
        let config = service.data().with_file_name("ringwall.toml");
        let listed = ringwall(["case", "list", "--json", "--config", config.to_str().unwrap()]);
        stdout(&listed).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    for at in 0..3 {
        call(&service, &format!("+1303555010{at}"), &format!("dumped-{at}"));
    }
    within(10, || (listed(&service).len() == 3).then_some(())).unwrap();
    // Without the program that can do it nothing is made, and it is said what to do.
    let to = place.path().join("taken");
    let config = service.data().with_file_name("ringwall.toml");
    let without = Command::new(crate::support::binary())
        .args(["backup", "--to", to.to_str().unwrap(), "--config", config.to_str().unwrap()])
        .env("PATH", "/nonexistent")
        .output();
    assert!(refused(&without.unwrap()).contains("copy it with `pg_dump --format=custom`"));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    let made = backup(&service, &to);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let scratch = Scratch::new("serve-backup-postgres-elsewhere");
    scratch.write("acme.toml", POLICY);
    let data = scratch.path().join("data");
    let said = stdout(&restore(&to, &data));
    assert!(said.contains("pg_restore"), "{said}");
    server.run("createdb", &["again"]);
    // The server's own user reads it.
    let dump = server.readable(&data.join("cases.dump"));
    server.run("pg_restore", &["--dbname", "again", dump.to_str().unwrap()]);
    let second = Service::resume(scratch, &keys(server.place_of("again")));
    assert_eq!(listed(&second).len(), 3);
    // Its spool ends before what the database knows.
    assert_eq!(call(&second, "+13035550109", "dumped-after"), 486);
    within(10, || (listed(&second).len() == 4).then_some(())).unwrap();
    assert!(second.errors().contains("it began anew, and all of it is taken"), "{}", second.errors());
    second.stop();
    // In one go: all of it, into an empty database, or nothing.
    let scratch = Scratch::new("serve-backup-postgres-into");
    scratch.write("acme.toml", POLICY);
    let data = scratch.path().join("data");
    let into = |name: &str| {
        let (from, to) = (to.to_str().unwrap(), data.to_str().unwrap());
        ringwall(["restore", from, "--data", to, "--into", &server.place_of(name)])
    };
    assert!(refused(&into("again")).contains("nothing was changed"));
    assert!(refused(&into("nowhere")).contains("has to be there and empty"));
    assert!(!data.exists());
    server.run("createdb", &["third"]);
    let brought = into("third");
    let said = stdout(&brought);
    assert!(said.contains("cases and audit are whole"), "{said}{}", String::from_utf8_lossy(&brought.stderr));
    assert!(!data.join("cases.dump").exists() && !said.contains("pg_restore"), "{said}");
    let third = Service::resume(scratch, &keys(server.place_of("third")));
    assert_eq!(listed(&third).len(), 3);
    assert_eq!(call(&third, "+13035550108", "dumped-third"), 486);
    within(10, || (listed(&third).len() == 4).then_some(())).unwrap();
    third.stop();
    service.stop();
}

#[test]
fn a_backup_that_is_killed_leaves_nothing_that_would_be_brought_back() {
    let service = Service::start("serve-backup-killed", POLICY, "");
    for at in 0..3 {
        call(&service, &format!("+1303555010{at}"), &format!("killed-{at}"));
    }
    let place = Scratch::new("serve-backup-killed");
    let config = service.data().with_file_name("ringwall.toml");
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(place.path()).unwrap().map(|it| it.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    };
    let (mut halves, mut whole) = (0, 0);
    for round in 0..60 {
        let to = place.path().join(format!("taken-{round}"));
        let mut child = Command::new(crate::support::binary())
            .args(["backup", "--to", to.to_str().unwrap(), "--config", config.to_str().unwrap()])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(round * 4));
        // One that is done already cannot be killed.
        let _ = child.kill();
        child.wait().unwrap();
        whole += usize::from(to.exists());
        for name in names() {
            let (from, data) = (place.path().join(&name), place.path().join("brought"));
            let brought = restore(&from, &data);
            if name.ends_with(".new") && !from.join("backup.json").exists() {
                assert!(refused(&brought).contains("is no backup"), "{name}");
                assert!(!data.exists());
                halves += 1;
            } else if name.ends_with(".new") && !brought.status.success() {
                // The list of its files was being put there.
                assert!(refused(&brought).contains("is no part of the backup"), "{name}");
            } else {
                assert!(brought.status.success(), "{name}: {}", String::from_utf8_lossy(&brought.stderr));
                std::fs::remove_dir_all(&data).unwrap();
            }
            std::fs::remove_dir_all(&from).unwrap();
        }
    }
    assert!(halves > 0, "none of 60 was killed midway, {whole} were whole");
    service.stop();
}
