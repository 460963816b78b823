//! Numbers that are hidden: behind what nobody sees, in display names of any encoding, in the host.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says by its panic what is wrong")]

mod number_support;

use number_support::{us, word};
use ringwall_engine::number::{Reading, Role, is_display_mismatch, read};
use ringwall_engine::sip::Uri;
use rules::{Flag, Flags, Number, Party};

#[test]
fn what_nobody_sees_around_or_in_a_number_does_not_hide_it() {
    for unseen in [
        &b"\xc2\xa0"[..],
        b"\xa0",
        b"%A0",
        b"%C2%A0",
        b"\xad",
        b"\x96",
        b"\xe2\x80\x8b",
        b"%E2%80%8B",
        b"\xef\xbb\xbf",
        b"%EF%BB%BF",
        b"\xe2\x81\xa0",
        b"\xe3\x80\x80",
    ] {
        for parts in [["", "+12025550143"], ["+1202555", "0143"], ["+12025550143", ""], ["+", "12025550143"]]
        {
            let [before, behind] = parts.map(str::as_bytes);
            for text in [
                [b"sip:", before, unseen, behind, b"@h.example"].concat(),
                [b"tel:", before, unseen, behind].concat(),
            ] {
                let reading = read_role(&text);
                assert_eq!(word(reading.party, b"name"), "+12025550143", "{}", text.escape_ascii());
                assert!(reading.flags.contains(Flag::NonAsciiNumber), "{}", text.escape_ascii());
            }
        }
        for scheme in ["sip", "tel"] {
            let text = [unseen, scheme.as_bytes(), b":+12025550143@h.example"].concat();
            assert_eq!(word(read_role(&text).party, b"name"), "+12025550143", "{}", text.escape_ascii());
        }
    }
    // An overlong 5 is never decoded, and a letter of Latin-1 stays a letter.
    for text in [&b"sip:+1202\xc0\xb5550143@h"[..], b"sip:+1202555\xe90143@h", b"sip:+1202\xe2\x80550143@h"] {
        assert_eq!(word(read_role(text).party, b"name"), "invalid", "{}", text.escape_ascii());
    }
}

/// The caller as the reader of messages takes the URI apart.
fn read_role(text: &[u8]) -> Reading<'_> {
    read(&Uri::read(text), &us(), Role::Caller)
}

#[test]
fn a_display_name_in_any_encoding_still_shows_its_number() {
    let caller = Party::Number(Number::international(b"12025550143").unwrap());
    for (name, mismatch) in [
        (&b"Caf\xe9 +18005550111"[..], true),
        ("Café 8005550111".as_bytes(), true),
        (b"\xa08005550111\xa0", true),
        (b"800\xa0555\xa00111", true),
        (b"8005550111 M\xfcnchen", true),
        (b"\xef\xbb\xbf+1 800\xe2\x80\x8b5550111", true),
        (b"Caf\xe9 +12025550143", false),
        (b"Caf\xe9", false),
        ("Zürich 8001, Büro 12".as_bytes(), false),
    ] {
        assert_eq!(is_display_mismatch(name, caller, &us()), mismatch, "{}", name.escape_ascii());
    }
}

/// The URI as the reader of messages takes it apart.
fn in_host(text: &[u8], role: Role) -> (String, Flags) {
    let uri = Uri::read(text);
    let reading = read(&uri, &us(), role);
    (word(reading.party, b"name"), reading.flags)
}

#[test]
fn a_number_in_the_host_is_read_however_it_is_written() {
    for text in [
        &b"sip:+12025550143"[..],
        b"sip:%2B12025550143",
        b"sip:%2b1%32025550143:5060",
        b"sip:%252B12025550143",
        b"sip:+1-202-555-0143",
        b"sip:+1.202.555.0143:5060",
        b"sip:+1(202)5550143:5060",
        b"sip:+1%20(202)%20555%200143",
        b"sips:+12025550143:5061;transport=tls",
        b"sip:12025550143;user=phone",
        b"sip:12025550143:5060",
        b"sip:1.202.555.0143",
        b"sip:202.555.0143",
        b"sip:202_555_0143",
        b"sip:2025550143?Subject=x",
        b"sip:@+12025550143",
        b"sip:%20@+1-202-555-0143",
        b"sip:;x=y@+12025550143",
        b"sip:\xef\xbc\x8b12025550143",
        b"sip:+1\xc2\xa0202\xe2\x80\x8b555\xef\xbb\xbf0143",
    ] {
        for role in [Role::Caller, Role::Called] {
            let (party, flags) = in_host(text, role);
            assert_eq!(party, "+12025550143", "{}", text.escape_ascii());
            assert!(flags.contains(Flag::NumberInHost), "{}: {flags:?}", text.escape_ascii());
        }
    }
}

#[test]
fn a_true_host_never_becomes_a_number() {
    for text in [
        &b"sip:192.0.2.1"[..],
        b"sip:1.2.3.4:5060",
        b"sip:192.168.100.100:5060",
        b"sip:192.168.100.100:99999",
        b"sip:192.168.100.100;transport=tcp",
        b"sip:192.168.001.001",
        b"sip:@192.168.100.100",
        b"192.168.100.100:5060",
        b"sip:[2001:db8::10]:5060",
        b"sip:[2001:0db8:1111:2222:3333:4444:5555:6666]",
        b"sip:2001:db8::10",
        b"sip:911.example.com",
        b"sip:12025550143.example.com",
        b"sip:1-202-555-0143.ext.example.com:5060",
        b"sip:2025550143.f",
        b"sip:pbx12025550143",
        b"sip:sbc_2025550143.example.com",
        b"sip:911",
        b"sip:12345",
        b"sip:",
        b"sip:@",
    ] {
        for role in [Role::Caller, Role::Called] {
            let (party, flags) = in_host(text, role);
            assert_eq!(party, "none", "{}", text.escape_ascii());
            assert!(!flags.contains(Flag::NumberInHost), "{}", text.escape_ascii());
        }
    }
}
