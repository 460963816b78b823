//! Quick readings against thorough ones: whatever is done to a message, both see the same.

use rules::{Flag, Flags};

use super::header::Header;
use super::message::Message;
use super::text::{cut, trim};
use super::uri::{Scheme, Uri};

const SEEDS: [&[u8]; 3] = [
    include_bytes!("../../../fixtures/torture/carrier-invite.sip"),
    include_bytes!("../../../fixtures/torture/carrier-ok.sip"),
    b"INVITE sip:a:b;c@h.example:5070;lr?x=y SIP/2.0\r\nv: SIP/2.0/TCP h ;Branch=a;branch=b,x\r\nf: \"A\\\" <b\" <sip:a@h>;x=\"1,;\";tag=a1 , <sip:c@h>;tag=b2\r\n\
      To : Joe <tel:+1202>;tag=\"q;r\"\r\nSubject:   \r\nl:0\r\n\r\n",
];

#[test]
fn quick_readings_agree_with_thorough_ones_on_a_hundred_thousand_mutations() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    const ODD: &[u8] = b"\r\n\t\0 :;,<>\"\\@?=%bB.tS7~\x7f\x80\xff";
    for round in 0..100_000 {
        let mut bytes = SEEDS[round % 3].to_vec();
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
        check_agreement(&bytes);
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
    let header = &bytes[..message.body_at];
    let is_paired = !header.windows(2).any(|two| (two[0] == b'\r') != (two[1] == b'\n'));
    if message.is_plain {
        assert!(header.is_ascii() && !header.contains(&0) && is_paired, "{text}");
    }
    check_uri(message.request_uri());
    message.from().into_iter().chain(message.to()).for_each(|address| check_uri(address.uri));
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
