//! Whatever is made of a pack, it is good only as it was signed, and nothing in it is unpacked beyond its bounds.

use cases::change::Signer;
use cases::pack::{self, About, Audience, Pack};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use ringwall_fuzz::{duration, vary};

fn seed(signer: &Signer, files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut pack = Pack::default();
    for (name, bytes) in files {
        pack.put(name, "text/plain", bytes.clone());
    }
    let about = About {
        case: "RW-100001-9",
        customer: "Acme",
        audience: Audience::Desk,
        made_at: "2026-10-05T15:00:00Z",
        made_by: "anna",
        version: "0.1.0",
    };
    pack.seal(about, signer).expect("these are names")
}

#[test]
fn pack() {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("there are random bytes");
    let signer = Signer::parse(key.as_ref()).expect("that is a key");
    let seeds = vec![
        seed(&signer, &[]),
        seed(&signer, &[("case.json", b"{}".to_vec())]),
        seed(&signer, &[("mails/0001.eml", b"Subject: x\r\n".repeat(50)), ("empty", Vec::new())]),
        seed(&signer, &[("zeros", vec![0; 100_000])]),
    ];
    let verifier = signer.verifier();
    for seed in &seeds {
        assert!(pack::check(seed, Some(&verifier)).is_ok_and(|checked| checked.findings.is_empty()));
    }
    bolero::check!().with_max_len(512).with_test_time(duration()).for_each(|script: &[u8]| {
        let varied = vary(&seeds, script);
        if seeds.contains(&varied) {
            return;
        }
        for key in [None, Some(&verifier)] {
            let is_good = pack::check(&varied, key).is_ok_and(|checked| checked.findings.is_empty());
            assert!(!is_good, "{} bytes that nobody signed are good", varied.len());
        }
    });
}
