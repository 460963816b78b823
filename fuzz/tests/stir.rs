//! Any bytes are an Identity value or a certificate: nothing panics, and only what was signed passes.

#[path = "../../stir/tests/support/mod.rs"]
mod support;

use std::sync::{Arc, Mutex};

use engine::sip::passport::signed;
use ringwall_fuzz::{duration, seeds, vary};
use rules::{Number, Timestamp};
use stir::{Anchors, Called, Outcome, Settings, SignedCall, Verifier};

use support::{Authority, Holder, Said};

const X5U: &str = "https://certificates.example.com/a";
const SAID: Said<'_> = Said { level: "A", orig: "12025550143", dest: "12025550100", iat: NOW };
const NOW: i64 = 1_790_000_000;

fn outcome(verifier: &mut Verifier, value: &[u8]) -> Outcome {
    let number = |digits: &str| Number::international(digits.as_bytes());
    let callers: Vec<Number> = number(SAID.orig).into_iter().collect();
    let called = Called { target: number(SAID.dest), to: number(SAID.dest) };
    let at = Timestamp::from_seconds(NOW);
    let call = SignedCall { at, date: b"Mon, 21 Sep 2026 14:13:20 GMT", callers: &callers, called };
    verifier.verify(&call, [signed(value)].into_iter()).outcome
}

#[test]
fn stir() {
    let root = Authority::new("Root");
    let carrier = root.issue(&Holder::default());
    let mut anchors = Anchors::default();
    anchors.add(root.pem.as_bytes()).expect("an authority of our own is one");
    let settings = Settings { checks_each_second: u32::MAX, ..Settings::default() };
    let mut verifier = Verifier::new(Arc::new(anchors), settings);
    let at = Timestamp::from_seconds(NOW);
    verifier.learn(X5U, carrier.pem.as_bytes(), at);

    let values = [
        carrier.shaken(X5U, SAID),
        carrier.plain(X5U, SAID, false),
        carrier.plain(X5U, SAID, true),
        carrier.diverted(X5U, SAID, "12025550101"),
    ];
    let token =
        |value: &[u8]| value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii().to_vec();
    let good: Vec<Vec<u8>> = values[..3].iter().map(|value| token(value.as_bytes())).collect();
    for value in &values[..3] {
        assert!(matches!(outcome(&mut verifier, value.as_bytes()), Outcome::Passed(_)), "{value}");
    }
    let mut all = seeds(&[], &["captures/stir"], &["pem", "crt"], 64 << 10);
    all.extend([carrier.pem.into_bytes(), carrier.der]);
    all.extend(values.map(String::into_bytes));
    let verifier = Mutex::new(verifier);
    let check = |bytes: &[u8]| {
        let verifier = &mut verifier.lock().expect("nobody panicked with it");
        if matches!(outcome(verifier, bytes), Outcome::Passed(_)) {
            assert!(good.contains(&token(bytes)), "{}", bytes.escape_ascii());
        }
        // Under another address, so that what is known stays.
        verifier.learn("https://certificates.example.com/b", bytes, at);
        let _ = Anchors::default().add(bytes);
    };
    all.iter().for_each(|seed| check(seed));
    bolero::check!()
        .with_max_len(256)
        .with_test_time(duration())
        .for_each(|script: &[u8]| check(&vary(&all, script)));
}
