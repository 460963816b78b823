//! Quick readings against thorough ones: whatever is done to a message, both see the same.

use rules::{Flag, Flags};

use super::address::NameAddr;
use super::defects::party_defects;
use super::header::Header;
use super::message::Message;
use super::plain::PlainUri;
use super::text::{cut, is_space, trim};
use super::uri::{Scheme, Uri};
use super::via::Via;

const SEEDS: [&[u8]; 5] = [
    include_bytes!("../../../fixtures/torture/carrier-invite.sip"),
    include_bytes!("../../../fixtures/torture/carrier-ok.sip"),
    b"INVITE sip:a:b;c@h.example:5070;lr?x=y SIP/2.0\r\nv: SIP/2.0/TCP h ;Branch=a;branch=b,x\r\nf: \"A\\\" <b\" <sip:a@h>;x=\"1,;\";tag=a1 , <sip:c@h>;tag=b2\r\n\
      To : Joe <tel:+1202>;tag=\"q;r\"\r\nSubject:   \r\nl:0\r\n\r\n",
    b"BYE sip:a@h:5060;lr SIP/2.0\r\nv: SIP/2.0/TLS h:1;rport;branch=z9hG4bKa;x\r\nf: <sip:a@h;x=y>;tag=1;b\r\nt: <sip:a@h>;tag=a;tag=b\r\n\
      P-Charging-Vector: a\r\nRemote-Party-ID: <sip:a@h>  \r\nX: y\r\nP-Asserted-Identity:<sip:a@h>\r\ni: 1\r\nCSeq: 1 BYE\r\n\r\n",
    b"SIP/2.0 200 OK\nVia: SIP/2.0/UDP h;branch=a\nFrom: <sip:a@h>;tag=1\nTo: \"x\"<sip:a;b@h>\nm: <sip:a@h>\nCSeq: 1 INVITE\nX-Y_Z: 1\n\n",
];

/// Mutations of each test.
const ROUNDS: usize = 100_000;

#[test]
fn quick_readings_agree_with_thorough_ones_on_a_hundred_thousand_mutations() {
    let mut next = random();
    for round in 0..ROUNDS {
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
        assert_eq!(Via::is_lawful(via, via.len()), Via::read(via).lawful, "{text}");
    }
    let untouched = Message::read(bytes);
    assert_eq!(message.defects(), untouched.defects(), "{text}");
    let header = &bytes[..message.body_at];
    let is_paired = !header.windows(2).any(|two| (two[0] == b'\r') != (two[1] == b'\n'));
    if message.is_plain {
        assert!(header.is_ascii() && !header.contains(&0) && is_paired, "{text}");
    }
    check_uri(message.request_uri());
    assert_eq!(format!("{:?}", message.request_uri()), format!("{:?}", thorough_target(&message)), "{text}");
    let text_of = |header| message.value(header).unwrap_or_default();
    let thorough = |header| message.value(header).map(NameAddr::read_any);
    for (header, quick) in [
        (Header::From, message.from()),
        (Header::To, message.to()),
        (Header::Contact, message.address(Header::Contact)),
        (Header::AssertedIdentity, message.address(Header::AssertedIdentity)),
        (Header::RemotePartyId, message.address(Header::RemotePartyId)),
    ] {
        assert_eq!(format!("{quick:?}"), format!("{:?}", thorough(header)), "{text}");
        let first = message.addresses(header).next().map(|address| address.uri.text);
        let is_blank = text_of(header).iter().all(|&byte| byte == b',' || is_space(byte));
        if !is_blank && !text_of(header).starts_with(b",") {
            assert_eq!(first, quick.map(|address| address.uri.text), "{text}");
        }
    }
    assert_eq!(message.from_tag(), thorough(Header::From).and_then(|from| from.tag()), "{text}");
    assert_eq!(message.to_tag(), thorough(Header::To).and_then(|to| to.tag()), "{text}");
    for (header, defects) in [(Header::From, &message.from_defects), (Header::To, &message.to_defects)] {
        let Some(value) = message.value(header) else { continue };
        let party = NameAddr::read_any(value);
        let mut flags = party_defects(&party, header);
        flags.raise_if(party.behind(value) > 0, Flag::Malformed);
        assert_eq!(defects.get(), Some(flags), "{text}");
    }
    let via = message.value(Header::Via);
    assert_eq!(message.branch(), via.and_then(|via| Via::read(via).branch()), "{text}");
    if let Some((via, length)) = message.open(Header::Via) {
        assert_eq!(Via::is_lawful(via, length), Via::read(&via[..length]).lawful, "{text}");
    }
    let addresses = [Header::From, Header::To, Header::Contact, Header::AssertedIdentity];
    for value in addresses.iter().flat_map(|&header| message.values(header)) {
        check_address(value);
    }
}

fn thorough_target<'a>(message: &Message<'a>) -> Uri<'a> {
    if message.is_request() { Uri::read_any(message.start.uri) } else { Uri::default() }
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
    for round in 0..ROUNDS {
        let uri = mutate(URIS[round % URIS.len()], &mut next);
        let text = [&uri, &b" SIP/2.0\r\nVia: x\r\n"[..]].concat();
        let thorough = Uri::read_any(&uri);
        check_uri(thorough);
        if let Some(quick) = PlainUri::read(&text, uri.len()) {
            assert_eq!(format!("{:?}", quick.into_uri()), format!("{thorough:?}"), "{}", uri.escape_ascii());
            plain += 1;
        }
    }
    assert!(plain > 10_000, "{plain} of the mutations are left plain");
}

/// Numbers below a bound, the same in each run.
pub(super) fn random() -> impl FnMut(usize) -> usize {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    move |below| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    }
}

/// `seed` with one to four bytes changed.
pub(super) fn mutate(seed: &[u8], next: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
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
