//! Any bytes are a message: nothing panics, every part lies within the packet, reading again says the same.

use engine::sip::{Header, Message, NameAddr, Uri, Via, looks_like_sip, passport, unfold};
use ringwall_fuzz::{assert_inside, duration, seeds, vary};

const ADDRESSES: [Header; 4] = [Header::From, Header::To, Header::Contact, Header::Diversion];
const NAMES: [&str; 6] = ["Via", "v", "Identity", "x-probe", "P-Asserted-Identity", ""];

fn check(bytes: &[u8]) {
    let message = Message::read(bytes);
    assert_eq!(message.flags(), Message::read(bytes).flags());
    assert!(message.body_at() <= bytes.len());
    assert!(!(message.is_request() && message.is_response()));
    let inside = |part: &[u8]| assert_inside(bytes, part);
    for part in [
        message.bytes(),
        message.method_text(),
        message.reason_phrase(),
        message.call_id(),
        message.user_agent(),
        message.privacy(),
        message.body(),
    ] {
        inside(part);
    }
    message.content_type().into_iter().chain(message.session_id()).for_each(inside);
    message.cseq().into_iter().for_each(|(_, method)| inside(method));
    message.resource_priority().chain(message.feature_caps()).for_each(inside);
    if let Some(status) = message.status() {
        assert!((100..700).contains(&status), "{status}");
    }
    check_uri(bytes, &message.request_uri());
    for header in ADDRESSES {
        message.address(header).into_iter().for_each(|address| check_address(bytes, &address));
        message.addresses(header).for_each(|address| check_address(bytes, &address));
        message.values(header).for_each(inside);
        assert!(!message.is_repeated(header) || message.has(header));
    }
    message.froms().for_each(|address| check_address(bytes, &address));
    message.vias().chain(message.top_via()).for_each(|via| check_via(bytes, &via));
    for name in NAMES {
        for value in message.header_values(name) {
            inside(value);
            check_unfolding(value);
        }
    }
    for identity in message.identities() {
        let mut room = passport::Room::default();
        let read = passport::Passport::read(identity, &mut room);
        assert!(read.dests().count() <= read.dest.len());
    }
    let _ = (message.call_type(), message.content_length(), message.max_forwards(), message.via_count());
    let _ = (message.cseq_method(), message.has_privacy("id"), looks_like_sip(bytes));
}

fn check_uri(bytes: &[u8], uri: &Uri<'_>) {
    for part in [uri.text, uri.password, uri.host, uri.params, uri.headers] {
        assert_inside(bytes, part);
    }
    assert_inside(bytes, uri.user.unwrap_or_default());
    for param in uri.params() {
        assert_inside(bytes, param.name);
        assert_inside(bytes, param.value.unwrap_or_default());
    }
}

fn check_address(bytes: &[u8], address: &NameAddr<'_>) {
    assert_inside(bytes, address.display);
    assert_inside(bytes, address.params);
    assert_inside(bytes, address.tag().unwrap_or_default());
    check_uri(bytes, &address.uri);
}

fn check_via(bytes: &[u8], via: &Via<'_>) {
    for part in [via.transport, via.host, via.params] {
        assert_inside(bytes, part);
    }
    assert_inside(bytes, via.branch().unwrap_or_default());
    assert_inside(bytes, via.received().unwrap_or_default());
}

/// Unfolding never grows a value, and unfolds nothing twice.
fn check_unfolding(value: &[u8]) {
    let (mut room, mut again) = (vec![0; value.len()], vec![0; value.len()]);
    let once = unfold(value, &mut room).to_vec();
    assert!(once.len() <= value.len());
    assert_eq!(unfold(&once, &mut again), once);
}

#[test]
fn message() {
    let seeds =
        seeds(&["fixtures/torture"], &["captures/torture"], &["sip", "txt", "dat", "bin", ""], 64 << 10);
    seeds.iter().for_each(|seed| check(seed));
    bolero::check!()
        .with_max_len(256)
        .with_test_time(duration())
        .for_each(|script: &[u8]| check(&vary(&seeds, script)));
}
