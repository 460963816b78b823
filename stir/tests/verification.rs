//! Calls that are signed well, badly, for somebody else, too late, by whom nobody vouches for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails says where")]

mod support;

use std::sync::Arc;

use rcgen::KeyUsagePurpose;
use ringwall_stir::{
    Anchors, Called, Doubt, Fault, Outcome, Settings, Signed, SignedCall, Verified, Verifier,
};
use rules::{Attestation, Number, Timestamp};

use support::{Authority, Holder, Said, Signer, encode, one, provider, range};

const X5U: &str = "https://certificates.example.com/carrier.pem";
const ALICE: &str = "12025550143";
const BOB: &str = "12025550100";
const CAROL: &str = "12025550101";
const DAVE: &str = "12025550102";
/// 2026-09-21.
const NOW: i64 = 1_790_000_000;
const SAID: Said<'_> = Said { level: "A", orig: ALICE, dest: BOB, iat: NOW };

fn number(digits: &str) -> Number {
    Number::international(digits.as_bytes()).unwrap()
}

/// A call of Alice to Bob, now.
#[derive(Clone, Copy)]
struct Call<'a> {
    callers: &'a [&'a str],
    target: Option<&'a str>,
    to: Option<&'a str>,
    at: i64,
    date: &'a str,
}

const CALL: Call<'_> = Call { callers: &[ALICE], target: Some(BOB), to: Some(BOB), at: NOW, date: "" };

/// Everybody in the stories.
struct World {
    root: Authority,
    carrier: Signer,
    verifier: Verifier,
}

impl World {
    fn new() -> Self {
        Self::with(Settings::default(), &Holder::default())
    }

    fn with(settings: Settings, holder: &Holder<'_>) -> Self {
        let root = Authority::new("Root");
        let carrier = root.issue(holder);
        let mut anchors = Anchors::default();
        assert_eq!(anchors.add(root.pem.as_bytes()), Ok(1));
        let mut verifier = Verifier::new(Arc::new(anchors), settings);
        verifier.learn(X5U, carrier.pem.as_bytes(), Timestamp::from_seconds(NOW));
        Self { root, carrier, verifier }
    }

    fn verify(&mut self, call: Call<'_>, identities: &[&str]) -> Verified {
        let callers: Vec<Number> = call.callers.iter().map(|digits| number(digits)).collect();
        let call = SignedCall {
            at: Timestamp::from_seconds(call.at),
            date: call.date.as_bytes(),
            callers: &callers,
            called: Called { target: call.target.map(number), to: call.to.map(number) },
        };
        self.verifier.verify(&call, identities.iter().map(|value| signed(value)))
    }

    fn outcome(&mut self, call: Call<'_>, identities: &[&str]) -> Outcome {
        self.verify(call, identities).outcome
    }
}

/// Parts a value as the reader of headers does.
fn signed(value: &str) -> Signed<'_> {
    let mut parts = value.split(';');
    let mut signed = Signed { token: parts.next().unwrap_or_default().as_bytes(), ..Signed::default() };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim_matches(|quote| matches!(quote, '<' | '>' | '"')).as_bytes();
        match name {
            "info" => signed.info = value,
            "alg" => signed.alg = value,
            "ppt" => signed.ppt = value,
            _ => {}
        }
    }
    signed
}

const PASSED: Outcome = Outcome::Passed(Some(Attestation::Full));

fn failed(fault: Fault) -> Outcome {
    Outcome::Failed(fault)
}

#[test]
fn what_is_signed_for_this_call_passes_with_its_level_and_its_signer() {
    let mut world = World::new();
    for (level, attestation) in
        [("A", Attestation::Full), ("B", Attestation::Partial), ("C", Attestation::Gateway)]
    {
        let identity = world.carrier.shaken(X5U, Said { level, ..SAID });
        let verified = world.verify(CALL, &[&identity]);
        assert_eq!(verified.outcome, Outcome::Passed(Some(attestation)));
        assert_eq!(verified.orig, Some(number(ALICE)));
        assert_eq!(verified.signer.as_deref(), Some("709J, SHAKEN 709J, Example Carrier"));
    }
    let identity = world.carrier.shaken(X5U, Said { level: "D", ..SAID });
    assert_eq!(world.outcome(CALL, &[&identity]), failed(Fault::Malformed));
}

#[test]
fn a_signature_for_another_call_is_worth_nothing() {
    let mut world = World::new();
    let identity = world.carrier.shaken(X5U, SAID);
    let other_caller = Call { callers: &[CAROL], ..CALL };
    assert_eq!(world.outcome(other_caller, &[&identity]), failed(Fault::Caller));
    let other_called = Call { target: Some(CAROL), to: Some(CAROL), ..CALL };
    assert_eq!(world.outcome(other_called, &[&identity]), failed(Fault::Called));
    // To still says Bob, but the call goes elsewhere: it may have been diverted, or the signature copied.
    let elsewhere = Call { target: Some(CAROL), ..CALL };
    assert_eq!(world.outcome(elsewhere, &[&identity]), Outcome::Open(Doubt::Retargeted));
    let withheld = Call { callers: &[], ..CALL };
    assert_eq!(world.outcome(withheld, &[&identity]), Outcome::Open(Doubt::Incomparable));
    // Signed for P-Asserted-Identity behind another From: it passes, and says for whom.
    let verified = world.verify(Call { callers: &[CAROL, ALICE], ..CALL }, &[&identity]);
    assert_eq!((verified.outcome, verified.orig), (PASSED, Some(number(ALICE))));
}

#[test]
fn a_signature_is_good_for_a_minute() {
    let mut world = World::new();
    let identity = world.carrier.shaken(X5U, SAID);
    for (at, expected) in [
        (NOW - 61, failed(Fault::Stale)),
        (NOW - 60, PASSED),
        (NOW + 60, PASSED),
        (NOW + 61, failed(Fault::Stale)),
    ] {
        assert_eq!(world.outcome(Call { at, ..CALL }, &[&identity]), expected, "{at}");
    }
    // Mon, 21 Sep 2026 14:13:20 GMT is NOW.
    let dated = |date| Call { date, ..CALL };
    assert_eq!(world.outcome(dated("Mon, 21 Sep 2026 14:13:50 GMT"), &[&identity]), PASSED);
    let later = dated("Mon, 21 Sep 2026 14:15:50 GMT");
    assert_eq!(world.outcome(later, &[&identity]), failed(Fault::Stale));
    let far = world.carrier.shaken(X5U, Said { iat: i64::MAX, ..SAID });
    assert_eq!(world.outcome(CALL, &[&far]), failed(Fault::Stale));
}

#[test]
fn only_certificates_that_may_sign_for_the_number_count() {
    let shaken = |holder: &Holder<'_>| {
        let mut world = World::with(Settings::default(), holder);
        let identity = world.carrier.shaken(X5U, SAID);
        world.outcome(CALL, &[&identity])
    };
    let plain = |numbers: Vec<u8>| {
        let mut world = World::with(Settings::default(), &Holder { numbers, ..Holder::default() });
        let identity = world.carrier.plain(X5U, SAID, false);
        world.outcome(CALL, &[&identity])
    };
    let holder = Holder::default;
    // SHAKEN is for service providers; who owns a number signs without extension.
    assert_eq!(shaken(&Holder { numbers: one(ALICE), ..holder() }), failed(Fault::Authority));
    assert_eq!(shaken(&Holder { numbers: Vec::new(), ..holder() }), failed(Fault::Authority));
    assert_eq!(shaken(&Holder { numbers: vec![0x30, 0], ..holder() }), failed(Fault::Authority));
    assert_eq!(plain(one(ALICE)), Outcome::Passed(None));
    assert_eq!(plain(one(CAROL)), failed(Fault::Authority));
    assert_eq!(plain(range("12025550100", 100)), Outcome::Passed(None));
    assert_eq!(plain(range("12025550100", 43)), failed(Fault::Authority));
    assert_eq!(plain(provider("709J")), Outcome::Passed(None));
    assert_eq!(shaken(&Holder { years: (2024, 2026), ..holder() }), failed(Fault::Expired));
    assert_eq!(shaken(&Holder { years: (2027, 2028), ..holder() }), failed(Fault::Expired));
    assert_eq!(shaken(&Holder { usage: KeyUsagePurpose::KeyEncipherment, ..holder() }), failed(Fault::Usage));
}

#[test]
fn nobody_vouches_for_what_no_anchor_is_above() {
    let mut world = World::new();
    let at = Timestamp::from_seconds(NOW);
    let mut after = |pem: &str, signer: &Signer| {
        world.verifier.learn(X5U, pem.as_bytes(), at);
        let identity = signer.shaken(X5U, SAID);
        world.outcome(CALL, &[&identity])
    };
    let stranger = Authority::new("Root").issue(&Holder::default());
    assert_eq!(after(&stranger.pem, &stranger), failed(Fault::Chain));
    assert_eq!(after("no certificate", &stranger), failed(Fault::Chain));
    let below = world.root.below("Below");
    let signer = below.issue(&Holder::default());
    let mut after = |pem: &str| {
        world.verifier.learn(X5U, pem.as_bytes(), at);
        let identity = signer.shaken(X5U, SAID);
        world.outcome(CALL, &[&identity])
    };
    assert_eq!(after(&signer.pem), failed(Fault::Chain));
    assert_eq!(after(&[signer.pem.as_str(), &below.pem].concat()), PASSED);
    assert_eq!(after(&[below.pem.as_str(), &signer.pem].concat()), failed(Fault::Usage));
    assert_eq!(after(&signer.pem.repeat(7)), failed(Fault::Chain));

    // An authority that has expired vouches for nobody, though it is configured.
    let old = Authority::of_years("Old", (2020, 2025));
    let signer = old.issue(&Holder::default());
    let mut anchors = Anchors::default();
    assert_eq!(anchors.add(old.pem.as_bytes()), Ok(1));
    assert!(anchors.add(b"nothing").is_err());
    world.verifier = Verifier::new(Arc::new(anchors), Settings::default());
    world.verifier.learn(X5U, &signer.der, at);
    let identity = signer.shaken(X5U, SAID);
    assert_eq!(world.outcome(CALL, &[&identity]), failed(Fault::Expired));
}

#[test]
fn what_is_no_passport_is_not_believed() {
    let mut world = World::new();
    let header = |alg: &str, rest: &str| format!(r#"{{"alg":"{alg}","typ":"passport","x5u":"{X5U}"{rest}}}"#);
    let shaken = header("ES256", r#","ppt":"shaken""#);
    let claims = SAID.shaken();
    let info = format!(";info=<{X5U}>");
    let mut check = |header: &str, claims: &str, params: &str, expected: Outcome| {
        let identity = format!("{}{params}", world.carrier.sign(header, claims));
        assert_eq!(world.outcome(CALL, &[&identity]), expected, "{header} {claims} {params}");
    };
    check(&shaken, &claims, &info, PASSED);
    check(&shaken, &claims, &format!("{info};alg=RS256"), failed(Fault::Algorithm));
    check(&shaken, &claims, &format!("{info};ppt=div"), failed(Fault::Malformed));
    check(&shaken, &claims, ";info=<https://other.example.com/a>", failed(Fault::Address));
    check(&shaken, &claims, "", failed(Fault::Address));
    for alg in ["none", "HS256", "es256", "ES384", "RS256"] {
        check(&header(alg, r#","ppt":"shaken""#), &claims, &info, failed(Fault::Algorithm));
    }
    let lawless = "http://certificates.example.com/a";
    let of_lawless = shaken.replace(X5U, lawless);
    check(&of_lawless, &claims, &format!(";info=<{lawless}>"), failed(Fault::Address));
    check(&header("ES256", r#","ppt":"shaken","crit":["exp"]"#), &claims, &info, failed(Fault::Malformed));
    check(&shaken.replace("passport", "JWT"), &claims, &info, failed(Fault::Malformed));
    check(&header("ES256", r#","ppt":"rcd""#), &claims, &info, Outcome::Open(Doubt::Extension));
    for broken in [
        claims.replace(r#""attest":"A","#, ""),
        claims.replace("origid", "originid"),
        claims.replace(r#"["12025550100"]"#, r#""12025550100""#),
        claims.replace(r#"["12025550100"]"#, "[]"),
        claims.replace(r#""12025550143""#, "12025550143"),
        claims.replace(r#""12025550143""#, r#""+12025550143""#),
        claims.replace(r#"{"tn":"12025550143"}"#, r#""{\"tn\":\"12025550143\"}""#),
        claims.replace(r#""iat":1790000000"#, r#""iat":"1790000000""#),
        claims.replace(r#""iat":1790000000"#, r#""iat":1790000000,"iat":1790000001"#),
        claims.replace(r#""iat":1790000000"#, r#""iat":-1"#),
        "[]".to_owned(),
        "not json".to_owned(),
    ] {
        check(&shaken, &broken, &info, failed(Fault::Malformed));
    }
    for token in ["", "a.b", "a.b.c.d", "..", "!.!.!", &".".repeat(100_000), &"A".repeat(100_000)] {
        let identity = format!("{token}{info}");
        assert!(matches!(world.outcome(CALL, &[&identity]), Outcome::Failed(_)), "{}", token.len());
    }
}

#[test]
fn the_compact_form_is_rebuilt_from_the_message() {
    let mut world = World::new();
    let date = "Mon, 21 Sep 2026 14:13:20 GMT";
    let identity = world.carrier.plain(X5U, SAID, true);
    let call = Call { date, ..CALL };
    let passed = Outcome::Passed(None);
    assert_eq!(world.outcome(call, &[&identity]), passed);
    let verified = world.verify(Call { callers: &[CAROL, ALICE], ..call }, &[&identity]);
    assert_eq!((verified.outcome, verified.orig), (passed, Some(number(ALICE))));
    assert_eq!(world.outcome(CALL, &[&identity]), failed(Fault::Stale));
    let other = Call { date: "Mon, 21 Sep 2026 14:13:21 GMT", ..call };
    assert_eq!(world.outcome(other, &[&identity]), failed(Fault::Signature));
    assert_eq!(world.outcome(Call { callers: &[CAROL], ..call }, &[&identity]), failed(Fault::Signature));
    let elsewhere = Call { target: Some(CAROL), ..call };
    assert_eq!(world.outcome(elsewhere, &[&identity]), Outcome::Open(Doubt::Retargeted));
    // What SHAKEN claims stands nowhere else in the message.
    let shaken = format!("{identity};ppt=shaken");
    assert_eq!(world.outcome(call, &[&shaken]), failed(Fault::Malformed));
}

#[test]
fn a_diverted_call_passes_when_every_station_signed() {
    let mut world = World::new();
    let first = world.carrier.shaken(X5U, SAID);
    let to_carol = world.carrier.diverted(X5U, Said { dest: CAROL, ..SAID }, BOB);
    let to_dave = world.carrier.diverted(X5U, Said { dest: DAVE, ..SAID }, CAROL);
    let at_carol = Call { target: Some(CAROL), ..CALL };
    let at_dave = Call { target: Some(DAVE), ..CALL };
    assert_eq!(world.outcome(at_carol, &[&first, &to_carol]), PASSED);
    assert_eq!(world.outcome(at_dave, &[&to_dave, &first, &to_carol]), PASSED);
    assert_eq!(world.outcome(at_dave, &[&first, &to_dave]), failed(Fault::Diversion));
    assert_eq!(world.outcome(at_carol, &[&to_carol]), failed(Fault::Diversion));
    let of_other = world.carrier.diverted(X5U, Said { orig: CAROL, dest: CAROL, ..SAID }, BOB);
    assert_eq!(world.outcome(at_carol, &[&first, &of_other]), failed(Fault::Diversion));
    let old = world.carrier.diverted(X5U, Said { dest: CAROL, iat: NOW - 61, ..SAID }, BOB);
    assert_eq!(world.outcome(at_carol, &[&first, &old]), failed(Fault::Stale));
    // A loop leads nowhere, and to an end.
    let back = world.carrier.diverted(X5U, SAID, CAROL);
    assert_eq!(world.outcome(at_dave, &[&first, &to_carol, &back]), failed(Fault::Diversion));

    // Who diverts must be vouched for as well, for the number that is diverted.
    let elsewhere = "https://certificates.example.com/other.pem";
    let other = world.root.issue(&Holder { numbers: one(BOB), ..Holder::default() });
    world.verifier.learn(elsewhere, other.pem.as_bytes(), Timestamp::from_seconds(NOW));
    let by_bob = other.diverted(elsewhere, Said { dest: CAROL, ..SAID }, BOB);
    assert_eq!(world.outcome(at_carol, &[&first, &by_bob]), PASSED);
    let forged = world.carrier.diverted(elsewhere, Said { dest: CAROL, ..SAID }, BOB);
    assert_eq!(world.outcome(at_carol, &[&first, &forged]), failed(Fault::Signature));
    let by_bob = other.diverted(elsewhere, Said { dest: DAVE, ..SAID }, CAROL);
    assert_eq!(world.outcome(at_dave, &[&first, &to_carol, &by_bob]), failed(Fault::Authority));
}

#[test]
fn one_signature_that_holds_is_enough() {
    let mut world = World::new();
    let good = world.carrier.shaken(X5U, SAID);
    let bad = Authority::new("Other").issue(&Holder::default()).shaken(X5U, SAID);
    let unknown = bad.replace("carrier.pem", "nowhere.pem");
    let rich =
        world.carrier.sign(&format!(r#"{{"alg":"ES256","ppt":"rcd","typ":"passport","x5u":"{X5U}"}}"#), "{}")
            + &format!(";info=<{X5U}>;ppt=rcd");
    assert_eq!(world.outcome(CALL, &[&bad, &rich, &good]), PASSED);
    assert_eq!(world.outcome(CALL, &[&bad]), failed(Fault::Signature));
    assert_eq!(world.outcome(CALL, &[&rich]), Outcome::Open(Doubt::Extension));
    assert_eq!(world.outcome(CALL, &[&bad, &rich]), failed(Fault::Signature));
    // `info` was changed along, the signed header was not.
    assert_eq!(world.outcome(CALL, &[&unknown]), failed(Fault::Address));
    let many: Vec<&str> = std::iter::repeat_n(bad.as_str(), 8).chain([good.as_str()]).collect();
    assert_eq!(world.outcome(CALL, &many), failed(Fault::Signature), "the ninth is not looked at");
}

#[test]
fn an_unknown_certificate_is_wanted_once_and_then_known() {
    let mut world = World::new();
    let x5u = "https://Certificates.Example.com:443/new.pem";
    let identity = world.carrier.shaken(x5u, SAID);
    for _ in 0..3 {
        assert_eq!(world.outcome(CALL, &[&identity]), Outcome::Open(Doubt::Awaited));
    }
    let wanted = world.verifier.poll_wanted().unwrap();
    assert_eq!(wanted, "https://certificates.example.com/new.pem");
    assert_eq!(world.verifier.poll_wanted(), None);
    let at = Timestamp::from_seconds(NOW);
    world.verifier.give_up(&wanted, Timestamp::from_seconds(NOW + 30), at);
    assert_eq!(world.outcome(CALL, &[&identity]), Outcome::Open(Doubt::Unavailable));
    world.verifier.learn(&wanted, world.carrier.pem.as_bytes(), at);
    assert_eq!(world.outcome(CALL, &[&identity]), PASSED);
    // What is certainly false has nothing fetched.
    let stale = world.carrier.shaken("https://far.example.com/a", Said { iat: NOW - 100, ..SAID });
    assert_eq!(world.outcome(CALL, &[&stale]), failed(Fault::Stale));
    assert_eq!(world.verifier.poll_wanted(), None);
}

#[test]
fn a_certificate_that_was_changed_is_fetched_again() {
    let mut world = World::new();
    let renewed = world.root.issue(&Holder::default());
    let later = Call { at: NOW + 700, ..CALL };
    let identity = renewed.shaken(X5U, Said { iat: NOW + 700, ..SAID });
    assert_eq!(world.outcome(later, &[&identity]), failed(Fault::Signature));
    assert_eq!(world.verifier.poll_wanted().as_deref(), Some(X5U));
    world.verifier.learn(X5U, renewed.pem.as_bytes(), Timestamp::from_seconds(NOW + 701));
    assert_eq!(world.outcome(later, &[&identity]), PASSED);
}

#[test]
fn a_flood_of_garbage_is_cut_off_and_counted() {
    let settings = Settings { checks_each_second: 5, ..Settings::default() };
    let mut world = World::with(settings, &Holder::default());
    let good = world.carrier.shaken(X5U, SAID);
    assert_eq!(world.outcome(CALL, &[&good]), PASSED);
    let outcomes: Vec<Outcome> = (0..10)
        .map(|number| {
            let signature = encode(&[number + 1; 64]);
            let garbage = good.replace(good.split(['.', ';']).nth(2).unwrap(), &signature);
            assert_ne!(garbage, good);
            world.outcome(CALL, &[&garbage])
        })
        .collect();
    assert_eq!(outcomes[..4], [failed(Fault::Signature); 4]);
    assert_eq!(outcomes[4..], [Outcome::Open(Doubt::Budget); 6]);
    // What was checked is known, and the next second has checks of its own.
    assert_eq!(world.outcome(CALL, &[&good]), PASSED);
    let next = Call { at: NOW + 1, ..CALL };
    let other = world.carrier.shaken(X5U, Said { level: "B", ..SAID });
    assert_eq!(world.outcome(CALL, &[&other]), Outcome::Open(Doubt::Budget));
    assert_eq!(world.outcome(next, &[&other]), Outcome::Passed(Some(Attestation::Partial)));
    let count = |wanted: Outcome| world.verifier.counts().find(|(one, _)| *one == wanted).unwrap().1;
    let counted = [Outcome::Passed(None), failed(Fault::Signature), Outcome::Open(Doubt::Budget)].map(count);
    assert_eq!(counted, [3, 4, 7]);
}

/// Every bit of what is signed and of the signature counts.
#[test]
fn no_bit_can_be_changed() {
    let settings = Settings { checks_each_second: u32::MAX, ..Settings::default() };
    let mut world = World::with(settings, &Holder::default());
    let good = world.carrier.shaken(X5U, SAID);
    let end = good.find(';').unwrap();
    let mut changed = 0;
    for at in 0..end {
        for bit in 0..8 {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let (token, params) = bytes.split_at(end);
            let identity = Signed { token, ..signed(std::str::from_utf8(params).unwrap()) };
            let callers = [number(ALICE)];
            let called = Called { target: Some(number(BOB)), to: Some(number(BOB)) };
            let now = Timestamp::from_seconds(NOW);
            let call = SignedCall { at: now, date: b"", callers: &callers, called };
            let outcome = world.verifier.verify(&call, [identity].into_iter()).outcome;
            assert!(!matches!(outcome, Outcome::Passed(_)), "bit {bit} of byte {at}: {outcome:?}");
            changed += 1;
        }
    }
    assert!(changed > 3_000);
    assert_eq!(world.outcome(CALL, &[&good]), PASSED);
}

/// Certificates and a PASSporT of other projects, with what MANIFEST.md there says of each.
#[test]
fn material_of_others_is_judged_as_its_manifest_says() {
    let Some(shared) = std::env::var_os("RINGWALL_SHARED") else {
        println!("SKIPPED: RINGWALL_SHARED is not set");
        return;
    };
    let folder = std::path::Path::new(&shared).join("captures/stir");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let outcome = |anchor: &str, certificate: &str, at: i64| {
        let mut anchors = Anchors::default();
        assert_eq!(anchors.add(&read(anchor)), Ok(1), "{anchor}");
        let mut verifier = Verifier::new(Arc::new(anchors), Settings::default());
        let at = Timestamp::from_seconds(at);
        verifier.learn(X5U, &read(certificate), at);
        // Nobody here has their keys: what fails at the signature alone is vouched for.
        let said = Said { iat: at.0 / 1_000_000, ..SAID };
        let identity = Authority::new("Other").issue(&Holder::default()).shaken(X5U, said);
        let callers = [number(ALICE)];
        let called = Called { target: Some(number(BOB)), to: None };
        let call = SignedCall { at, date: b"", callers: &callers, called };
        verifier.verify(&call, [signed(&identity)].into_iter()).outcome
    };
    let asterisk = |name: &str| format!("asterisk-testsuite/{name}");
    let (authority, expired) = (asterisk("astdev-ca.crt"), asterisk("astdev-ca-expired.crt"));
    for (certificate, anchor, expected) in [
        // The authority signs with RSA, which SHAKEN does not allow.
        ("SPAST1-cert.pem", &authority, Fault::Chain),
        ("SPAST2-cert.pem", &authority, Fault::Chain),
        // Expired in May 2026, and the TNAuthList of these is written as text.
        ("SPAST1-caexp-cert.pem", &expired, Fault::Authority),
        ("SPAST2-caexp-cert.pem", &expired, Fault::Authority),
    ] {
        assert_eq!(outcome(anchor, &asterisk(certificate), NOW), failed(expected), "{certificate}");
    }
    // What stands in its TNAuthList is an address, no list.
    for name in ["sp.pem", "wrongsp.pem"] {
        let certificate = format!("libstirshaken/{name}");
        assert_eq!(outcome("libstirshaken/ca.pem", &certificate, NOW), failed(Fault::Authority), "{name}");
    }

    let text = String::from_utf8(read("libstirshaken/passport.txt")).unwrap();
    let identity = text.lines().find(|line| line.contains(";info=")).unwrap();
    let mut world = World::new();
    let call = Call { at: 1_603_458_131, ..CALL };
    // `orig` and `dest` are texts that hold JSON.
    assert_eq!(world.outcome(call, &[identity.trim()]), failed(Fault::Malformed));
}
