//! Whatever is done to a message on its way here, who is behind us reads it as we did.

use engine::Packet;
use engine::sip::{Header, Message};
use proptest::prelude::{any, prop_assert_eq};
use proptest::sample::select;
use rules::{Flags, Transport};

use super::leaving::Entry;
use super::scenes::{CARRIER, Scene, request};
use crate::judge::Count;

/// What somebody behind us judges and routes by.
fn meaning(message: &Message<'_>) -> Vec<Vec<u8>> {
    let flat = |value: &[u8]| {
        let mut out = Vec::new();
        crate::answer::put(&mut out, value);
        out
    };
    let mut found =
        vec![message.method_text().to_vec(), message.request_uri().text.to_vec(), message.body().to_vec()];
    for header in [Header::From, Header::To, Header::AssertedIdentity, Header::Diversion, Header::Contact] {
        found.extend(message.values(header).map(flat));
    }
    found.extend(message.header_values("X-Other").map(flat));
    found.push(flat(message.call_id()));
    found
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(3_000))]

    /// Whatever goes on is read behind us as it was read here: nothing of ours joins what came, or hides it.
    #[test]
    fn what_goes_on_means_what_was_judged(
        edits in proptest::collection::vec((any::<u16>(), select(NASTY), 0_usize..3), 0..6),
    ) {
        let lines = "P-Asserted-Identity: <sip:+13035550199@carrier.example>\r\nRoute: <sip:192.0.2.1;lr>\r\nX-Other: 1\r\n";
        let mut text = request("INVITE", "+13035550142", lines).into_bytes();
        for (at, bytes, gone) in edits {
            let at = usize::from(at) % text.len();
            let end = (at + gone).min(text.len());
            text.splice(at..end, bytes.iter().copied());
        }
        let mut scene = Scene::new();
        let mut out = Vec::new();
        let packet = Packet {
            at: scene.now,
            source: CARRIER.parse().unwrap(),
            destination: "192.0.2.1:5060".parse().unwrap(),
            transport: Transport::Udp,
            payload: &text,
            flags: Flags::NONE,
        };
        let leaving = scene.relay.handle(&packet, Entry::of(0), &mut out);
        proptest::prop_assert!(scene.count(Count::FaultUnanswered) == 0 && scene.count(Count::FaultPassed) == 0);
        if leaving.is_some_and(|leaving| leaving.to.to_string() != CARRIER) && scene.count(Count::RequestPassed) > 0 {
            let (came, went) = (Message::read(&text), Message::read(&out));
            prop_assert_eq!(meaning(&came), meaning(&went), "{}", String::from_utf8_lossy(&out));
            let own = went.top_via().unwrap();
            prop_assert_eq!((own.host, own.port), (&b"192.0.2.1"[..], Some(5060)));
            let before = came.via_count();
            prop_assert_eq!(went.via_count(), before + 1, "{}", String::from_utf8_lossy(&out));
        }
    }
}

const NASTY: &[&[u8]] = &[
    b"",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"\"",
    b"<",
    b">",
    b"\0",
    b"\r\n ",
    b"\r\n\r\n",
    b"\xff",
    b"Via: SIP/2.0/UDP h\r\n",
    b"v:x\r\n",
    b"\r\nFrom: <sip:1@h>",
    b"Route:\r\n <sip:10.0.0.7;lr>\r\n",
    b"Max-Forwards:1\r\n",
    b"l: 4\r\n",
    b"%",
    b"@",
    b";received=1.2.3.4",
    b";rport",
    b"\\",
];
