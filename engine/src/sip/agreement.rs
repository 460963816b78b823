//! Quick readings against thorough ones: whatever is done to a message, both see the same.

use rules::{Flag, Flags};

use super::address::NameAddr;
use super::header::Header;
use super::message::Message;
use super::text::{cut, trim};
use super::uri::{Scheme, Uri};
use super::via::Via;

const SEEDS: [&[u8]; 3] = [
    include_bytes!("../../../fixtures/torture/carrier-invite.sip"),
    include_bytes!("../../../fixtures/torture/carrier-ok.sip"),
    b"INVITE sip:a:b;c@h.example:5070;lr?x=y SIP/2.0\r\nv: SIP/2.0/TCP h ;Branch=a;branch=b,x\r\nf: \"A\\\" <b\" <sip:a@h>;x=\"1,;\";tag=a1 , <sip:c@h>;tag=b2\r\n\
      To : Joe <tel:+1202>;tag=\"q;r\"\r\nSubject:   \r\nl:0\r\n\r\n",
];

#[test]
fn quick_readings_agree_with_thorough_ones_on_a_hundred_thousand_mutations() {
    let mut next = random();
    for round in 0..100_000 {
        check_agreement(&mutate(SEEDS[round % SEEDS.len()], &mut next));
    }
}

fn check_agreement(bytes: &[u8]) {
    let message = Message::read(bytes);
    let text = bytes.escape_ascii();
    let lines: Vec<_> = message.lines().collect();
    for &header in Header::ALL {
        let thorough: Vec<_> = lines
            .iter()
            .filter(|line| line.header == Some(header))
            .map(|line| cut(bytes, line.value.0, line.value.1))
            .collect();
        assert_eq!(message.values(header).collect::<Vec<_>>(), thorough, "{header:?} of {text}");
        assert_eq!(message.value(header), thorough.first().copied(), "{header:?} of {text}");
        assert_eq!(message.index.empty(header.bit()) != 0, thorough.iter().any(|v| v.is_empty()), "{text}");
    }
    let flags = lines.iter().fold(Flags::NONE, |flags, line| flags.union(line.flags));
    assert_eq!(message.flags.union(flags), message.flags, "{text}");
    assert_eq!(message.from_tag(), message.from().and_then(|from| from.tag()), "{text}");
    assert_eq!(message.to_tag(), message.to().and_then(|to| to.tag()), "{text}");
    assert_eq!(message.branch(), message.top_via().and_then(|via| via.branch()), "{text}");
    for via in message.values(Header::Via) {
        assert_eq!(Via::is_lawful(via), Via::read(via).lawful, "{text}");
    }
    let untouched = Message::read(bytes);
    assert_eq!(message.defects(), untouched.defects(), "{text}");
    let header = &bytes[..message.body_at];
    let is_paired = !header.windows(2).any(|two| (two[0] == b'\r') != (two[1] == b'\n'));
    if message.is_plain {
        assert!(header.is_ascii() && !header.contains(&0) && is_paired, "{text}");
    }
    check_uri(message.request_uri());
    let addresses = [Header::From, Header::To, Header::Contact, Header::AssertedIdentity];
    for value in addresses.iter().flat_map(|&header| message.values(header)) {
        check_address(value);
    }
}

/// An address alone, of a list, and read whatever it is: each field of each is the same.
fn check_address(value: &[u8]) {
    let (quick, thorough) = (NameAddr::read(value), NameAddr::read_any(value));
    assert_eq!(format!("{quick:?}"), format!("{thorough:?}"), "{}", value.escape_ascii());
    check_uri(quick.uri);
}

/// A URI read quickly has each field that it has when it is read whatever it is.
#[test]
fn each_field_of_a_quickly_read_uri_is_the_thorough_ones() {
    const URIS: [&[u8]; 4] = [
        b"sip:+12025550143;npdi=yes@192.0.2.20:5060;user=phone;x=a:b",
        b"sip:alice@host-1.carrier_2.example",
        b"sip:1!a#b$c@[2001:db8::1]:5060;lr",
        b"sip:u:p@h?x=y",
    ];
    let (mut next, mut plain) = (random(), 0);
    for round in 0..100_000 {
        let uri = mutate(URIS[round % URIS.len()], &mut next);
        let (quick, thorough) = (Uri::read(&uri), Uri::read_any(&uri));
        assert_eq!(format!("{quick:?}"), format!("{thorough:?}"), "{}", uri.escape_ascii());
        check_uri(quick);
        plain += u32::from(quick.flags == Flags::NONE);
    }
    assert!(plain > 20_000, "{plain} of the mutations are left without a flaw");
}

/// Numbers below a bound, the same in each run.
fn random() -> impl FnMut(usize) -> usize {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    move |below| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    }
}

/// `seed` with one to four bytes changed.
fn mutate(seed: &[u8], next: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    const ODD: &[u8] = b"\r\n\t\0 :;,<>\"\\@?=%bB.tS7~\x7f\x80\xff";
    let mut bytes = seed.to_vec();
    for _ in 0..=next(3) {
        let at = next(bytes.len().max(1));
        match next(4) {
            _ if bytes.is_empty() => break,
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, ODD[next(ODD.len())]),
            2 => bytes.truncate(at + 1),
            _ => bytes[at] = ODD[next(ODD.len())],
        }
    }
    bytes
}

/// Takes a URI apart with the searches of the standard library.
fn check_uri(uri: Uri<'_>) {
    let at = uri.text.iter().position(|&byte| byte == b':').map_or(0, |colon| colon + 1);
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return;
    }
    let behind = &uri.text[at..];
    let user_end = behind.iter().position(|&byte| byte == b'@');
    let user = user_end.map(|end| behind[..end].split(|&byte| byte == b':').next().unwrap());
    assert_eq!(uri.user, user);
    let hostport = &behind[user_end.map_or(0, |end| end + 1)..];
    let hostport = trim(hostport.split(|&byte| byte == b';' || byte == b'?').next().unwrap());
    assert!(hostport.starts_with(uri.host));
    let odd = behind.iter().any(|&byte| byte <= b' ');
    assert!(!odd || uri.flags.contains(Flag::Malformed));
}
