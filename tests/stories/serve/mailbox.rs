//! A mailbox of somebody else's server (Dovecot): what is unseen there becomes cases, and is seen once it is kept.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::mail::Desk;
use super::within;
use crate::support::Scratch;

/// A server of mailboxes with one user, `case`, whose password is `secret`.
struct Dovecot {
    child: Child,
    scratch: Scratch,
    port: u16,
}

impl Dovecot {
    /// Nothing where there is none, or it may not be started.
    fn start() -> Option<Self> {
        let is_there = Command::new("dovecot").arg("--version").output().is_ok();
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|it| it.stdout == b"0\n");
        if !is_there || !is_root {
            assert!(std::env::var_os("CI").is_none(), "dovecot is not installed, or may not be started");
            println!("SKIPPED: dovecot is not installed, or may not be started here");
            return None;
        }
        let scratch = Scratch::new("dovecot");
        let folder = scratch.path();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["run", "mail/new", "mail/cur", "mail/tmp"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let users = scratch.write("users", "case:{PLAIN}secret:::::\n");
        let (run, mail) = (folder.join("run"), folder.join("mail"));
        let config = format!(
            "protocols = imap\nlisten = 127.0.0.1\nbase_dir = {run}\nstate_dir = {run}\nssl = no\ndisable_plaintext_auth = no\n\
             mail_location = maildir:{mail}\nlog_path = {folder}/log\nfirst_valid_uid = 1\nmail_uid = mail\nmail_gid = mail\n\
             passdb {{\n driver = passwd-file\n args = {users}\n}}\n\
             userdb {{\n driver = static\n args = uid=mail gid=mail home={mail}\n}}\n\
             service imap-login {{\n inet_listener imap {{\n  port = {port}\n }}\n inet_listener imaps {{\n  port = 0\n }}\n}}\n\
             service stats {{\n unix_listener stats-writer {{\n  mode = 0666\n }}\n}}\n",
            run = run.display(),
            mail = mail.display(),
            folder = folder.display(),
            users = users.display(),
        );
        let config = scratch.write("dovecot.conf", config);
        let owned = Command::new("chown").args(["-R", "mail:mail"]).arg(&mail).status().unwrap();
        assert!(owned.success());
        let mut command = Command::new("dovecot");
        command.arg("-F").arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let dovecot = Self { child: command.spawn().unwrap(), scratch, port };
        let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).ok();
        assert!(within(10, answers).is_some(), "{}", dovecot.log());
        Some(dovecot)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }

    /// Puts a mail into the mailbox, as a server does that takes it.
    fn deliver(&self, name: &str, mail: &str) {
        let path = self.scratch.write(&format!("mail/tmp/{name}"), mail);
        assert!(Command::new("chown").arg("mail:mail").arg(&path).status().unwrap().success());
        std::fs::rename(&path, self.folder("new").join(name)).unwrap();
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.scratch.path().join("mail").join(name)
    }

    /// How many mails were seen.
    fn seen(&self) -> usize {
        let names = std::fs::read_dir(self.folder("cur")).unwrap();
        names.filter(|it| it.as_ref().unwrap().file_name().to_string_lossy().ends_with(":2,S")).count()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // Its own children end with it when it is asked.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn keys(dovecot: &Dovecot, password: &Path) -> String {
    format!(
        "[mail]\naddresses = [\"case@desk.example.com\"]\nauthserv_id = \"mx.desk.example.com\"\n\
         mailbox = \"127.0.0.1:{}\"\nmailbox_tls = \"none\"\nmailbox_user = \"case\"\nmailbox_password_file = \"{}\"\nmailbox_seconds = 5\n",
        dovecot.port,
        password.display()
    )
}

#[test]
fn what_is_unseen_in_a_mailbox_becomes_cases_and_is_seen() {
    let Some(dovecot) = Dovecot::start() else { return };
    let mail = |number: u32, result: &str| {
        format!(
            "Authentication-Results: mx.desk.example.com; {result}\r\nFrom: Ann <ann@acme.example.com>\r\nTo: case@desk.example.com\r\n\
             Subject: mail {number}\r\nMessage-ID: <{number}@acme.example.com>\r\n\r\nPlease block 303-555-0142\r\n"
        )
    };
    dovecot.deliver("1", &mail(1, "dmarc=pass header.from=acme.example.com"));
    dovecot.deliver("2", &mail(2, "dmarc=none"));
    let password = dovecot.scratch.write("password", "secret\n");
    let desk = Desk::start("serve-mailbox", &keys(&dovecot, &password));
    let is_seen = within(15, || (dovecot.seen() == 2).then_some(()));
    assert!(is_seen.is_some(), "{}{}", desk.service.errors(), dovecot.log());
    let cases = desk.wait(2);
    let state = |title: &str| cases.iter().find(|case| case["title"] == title).unwrap()["state"].clone();
    assert_eq!(state("mail 2"), "unverified", "{cases:?}");
    // Who is registered was confirmed meanwhile or not: a third mail is a contact's.
    dovecot.deliver("3", &mail(3, "dmarc=pass header.from=acme.example.com"));
    let cases = desk.wait(3);
    assert!(cases.iter().any(|case| case["title"] == "mail 3" && case["state"] == "new"), "{cases:?}");
    desk.service.stop();
}
