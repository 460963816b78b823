use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use rules::Timestamp;

use super::*;
use crate::audit::{Act, Head, Shown};
use crate::change::{Approval, Change, Line, Method};

/// What somebody does to the files of a pack.
type Repack = fn(&mut Vec<archive::Member>);
/// What somebody does to a slice of the chain.
type Edit = fn(&mut Vec<Shown>);

fn member(name: &str) -> archive::Member {
    archive::Member::deflate(name.to_owned(), b"x".to_vec()).unwrap()
}

fn signer() -> Signer {
    Signer::parse(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref()).unwrap()
}

fn about() -> About<'static> {
    About {
        case: "RW-100001-9",
        customer: "Acme",
        audience: Audience::Desk,
        made_at: "2026-10-05T15:00:00Z",
        made_by: "anna",
        version: "0.1.0",
    }
}

/// Six entries of a chain, the middle ones hidden.
fn slice() -> Vec<Shown> {
    let mut head = Head { sequence: 40, hash: "aa".to_owned() };
    let entry = |index: u64| {
        let act =
            Act { at: Timestamp(7), actor: "anna", action: "note", subject: "RW-100001-9", detail: "{}" };
        let entry = head.append("Acme", act);
        if (2..4).contains(&index) { Shown::Hidden(entry.link()) } else { Shown::Whole(entry) }
    };
    (0..6).map(entry).collect()
}

fn lines(slice: &[Shown]) -> Vec<u8> {
    slice.iter().flat_map(|entry| (serde_json::to_string(entry).unwrap() + "\n").into_bytes()).collect()
}

fn filled() -> Pack {
    let mut pack = Pack::default();
    pack.put("case.json", "application/json", b"{\"number\":\"RW-100001-9\"}".to_vec());
    pack.put("mails/0001.eml", "message/rfc822", b"Subject: block\r\n\r\nplease ".repeat(9));
    pack.put("empty", "text/plain", Vec::new());
    pack.put(AUDIT, "application/jsonl", lines(&slice()));
    pack.leave_out("nothing of the weather".to_owned());
    pack
}

/// What is wrong with it: nothing, or a sentence at least.
fn wrong(bytes: &[u8], key: Option<&Verifier>) -> Vec<String> {
    check(bytes, key).map_or_else(|broken| vec![broken.to_string()], |checked| checked.findings)
}

#[test]
fn the_same_files_words_and_time_give_the_same_bytes_and_they_are_good() {
    let signer = signer();
    let pack = filled().seal(about(), &signer).unwrap();
    assert_eq!(filled().seal(about(), &signer).unwrap(), pack);
    let checked = check(&pack, Some(&signer.verifier())).unwrap();
    assert_eq!(checked.findings, Vec::<String>::new());
    assert_eq!((checked.entries, checked.last.map(|last| last.sequence)), (4, Some(46)));
    assert_eq!(checked.manifest.unwrap().left_out, ["nothing of the weather"]);
    assert!(wrong(&pack, None).is_empty());
    let other = wrong(&pack, Some(&self::signer().verifier()));
    assert!(other[0].contains("another key"), "{other:?}");
}

#[test]
fn whatever_byte_of_a_pack_is_changed_it_is_not_good() {
    let signer = signer();
    let pack = filled().seal(about(), &signer).unwrap();
    for at in 0..pack.len() {
        for flip in [1, 0x80, 0xff] {
            let mut forged = pack.clone();
            forged[at] ^= flip;
            // Also for who has no key but the one inside.
            assert!(!wrong(&forged, None).is_empty(), "byte {at} of {}, {flip:#x}", pack.len());
        }
    }
    for length in 0..pack.len() {
        assert!(check(&pack[..length], None).is_err(), "cut to {length}");
    }
    assert!(check(&[&pack[..], b"x"].concat(), None).is_err());
    assert!(check(&[b"x", &pack[..]].concat(), None).is_err());
}

/// An archive whose own files are made anew after `edit`, as somebody would who has no key of the desk.
fn repacked(edit: impl Fn(&mut Vec<archive::Member>)) -> Vec<u8> {
    let mut members = archive::read(&filled().seal(about(), &signer()).unwrap()).unwrap();
    edit(&mut members);
    archive::write(&members).unwrap()
}

#[test]
fn what_is_added_taken_or_exchanged_is_named() {
    let cases: [(&str, Repack); 5] = [
        ("\"more\" is in it", |it| it.insert(0, member("more"))),
        ("\"case.json\" is missing", |it| it.retain(|it| it.name != "case.json")),
        ("\"empty\" is not what was signed", |it| {
            let at = it.iter().position(|it| it.name == "empty").unwrap();
            it[at] = member("empty");
        }),
        ("no manifest.json", |it| it.retain(|it| it.name != MANIFEST)),
        ("manifest.sig is missing", |it| it.retain(|it| it.name != SIGNATURE)),
    ];
    for (expected, edit) in cases {
        let found = wrong(&repacked(edit), None);
        assert!(found.iter().any(|it| it.contains(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn archives_that_would_harm_are_refused() {
    let written =
        |names: &[&str]| archive::write(&names.iter().map(|it| member(it)).collect::<Vec<_>>()).unwrap();
    for name in
        ["../etc/passwd", "/etc/passwd", "a/../b", "a//b", "c:\\x", "a\\b", ".ssh", "", "a/", "ä", "a\0b"]
    {
        assert_eq!(check(&written(&[name]), None).unwrap_err(), Broken::Name(name.to_owned()), "{name:?}");
    }
    assert_eq!(check(&written(&["a", "b", "a"]), None).unwrap_err(), Broken::Twice("a".to_owned()));
    // A symbolic link, and a folder.
    for kind in [0o120_777_u32, 0o040_755] {
        let mut bytes = written(&["a"]);
        let at = bytes.windows(4).position(|it| it == b"PK\x01\x02").unwrap();
        bytes[at + 38..at + 42].copy_from_slice(&(kind << 16).to_le_bytes());
        assert_eq!(check(&bytes, None).unwrap_err(), Broken::NoFile("a".to_owned()));
    }
    // A bomb that says so, and one that lies.
    let bomb = archive::Member::deflate("bomb".to_owned(), vec![0; 64 << 20]).unwrap();
    let bytes = archive::write(&[bomb]).unwrap();
    assert!(bytes.len() < 1 << 20);
    let at = bytes.windows(4).position(|it| it == b"PK\x01\x02").unwrap();
    for (said, expected) in [(u32::MAX, Broken::TooLarge), (100, Broken::Damaged("bomb".to_owned()))] {
        let mut bytes = bytes.clone();
        bytes[at + 24..at + 28].copy_from_slice(&said.to_le_bytes());
        assert_eq!(check(&bytes, None).unwrap_err(), expected);
    }
    // Many files that share the same compressed bytes.
    let mut end = written(&["a"]);
    let count = end.len() - 12;
    end[count..count + 2].copy_from_slice(&u16::MAX.to_le_bytes());
    assert_eq!(check(&end, None).unwrap_err(), Broken::TooMany(65_535));
}

#[test]
fn x4_a_slice_of_the_chain_is_checked_though_others_entries_are_hidden() {
    let edits: [(&str, Edit); 5] = [
        ("it is missing", |it| drop(it.remove(3))),
        ("it is not as it was written", |it| {
            if let Shown::Whole(entry) = &mut it[1] {
                entry.actor = "ben".to_owned()
            }
        }),
        ("it does not follow", |it| {
            if let Shown::Hidden(link) = &mut it[2] {
                link.hash = "bb".to_owned()
            }
        }),
        ("another customer", |it| {
            if let Shown::Whole(entry) = &mut it[0] {
                entry.customer = "Other".to_owned()
            }
        }),
        ("it is missing", |it| it.swap(0, 1)),
    ];
    for (expected, edit) in edits {
        let mut forged = slice();
        edit(&mut forged);
        let mut pack = filled();
        pack.put(AUDIT, "application/jsonl", lines(&forged));
        // Signed all the same: the chain is looked at for itself.
        let found = wrong(&pack.seal(about(), &signer()).unwrap(), None);
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
    }
}

#[test]
fn z1_an_approval_stands_with_the_very_change_that_was_shown() {
    let change = Change {
        customer: "Acme".to_owned(),
        base: "r0".to_owned(),
        result: "r1".to_owned(),
        lines: vec![Line::Text { diff: "+ limit = 200".to_owned() }],
    };
    let approval = |hash: &str| Approval {
        hash: hash.to_owned(),
        approver: "anna".to_owned(),
        method: Method::Portal,
        at: Timestamp(1),
        expires: Timestamp(2),
    };
    let found = |name: &str, change: &Change, approved: &str| {
        let whole =
            serde_json::json!({ "change": change, "risk": "high", "approvals": [approval(approved)] });
        let mut pack = filled();
        pack.put(&format!("{CHANGES}{name}.json"), "application/json", whole.to_string().into_bytes());
        wrong(&pack.seal(about(), &signer()).unwrap(), None).join("; ")
    };
    let hash = change.hash();
    assert_eq!(found(&hash, &change, &hash), "");
    assert!(found(&hash, &change, "another").contains("\"anna\" approved another change"));
    let edited = Change { lines: vec![Line::Text { diff: "+ limit = 900".to_owned() }], ..change.clone() };
    assert!(found(&hash, &edited, &hash).contains("holds another change than its name says"));
    let others = Change { customer: "Other".to_owned(), ..change };
    assert!(found(&others.hash(), &others, &others.hash()).contains("a change of another customer"));
}

#[test]
fn names_that_are_none_are_not_packed() {
    for name in ["../x", MANIFEST, "a b"] {
        let mut pack = Pack::default();
        pack.put(name, "text/plain", Vec::new());
        assert!(pack.seal(about(), &signer()).is_err(), "{name}");
    }
}
