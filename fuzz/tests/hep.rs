//! Whatever comes as HEP is read within its packet, unpacked within a bound, and says the same when written again.

use collector::hep::{self, Hep, Inflater};
use collector::limits::INFLATED_BYTES_MAX;
use ringwall_fuzz::{assert_inside, duration, seeds, vary};

fn check(packet: &[u8], inflater: &mut Inflater) {
    let Ok(hep) = hep::read(packet) else { return };
    assert_inside(packet, hep.payload);
    hep.key.iter().chain(&hep.correlation).for_each(|part| assert_inside(packet, part));
    if hep.is_compressed
        && let Ok(unpacked) = inflater.inflate(hep.payload)
    {
        assert!(unpacked.len() <= INFLATED_BYTES_MAX, "{} bytes", unpacked.len());
    }
    // Ends of two families cannot be written, nor a time beyond 2106, nor what does not fit into one packet.
    let is_one_family = hep.source.is_ipv4() == hep.destination.is_ipv4();
    let has_time = hep.at.is_none_or(|at| at.0 / 1_000_000 <= i64::from(u32::MAX));
    if is_one_family && has_time && packet.len() < 60_000 {
        let mut again = Vec::new();
        hep::write(&hep, &mut again);
        assert_eq!(hep::read(&again), Ok(Hep { version: 3, ..hep }));
    }
    if hep.version == 3 {
        let [_, _, _, _, high, low, ..] = *packet else { panic!("read without a length") };
        let claimed = usize::from(u16::from_be_bytes([high, low]));
        assert!(claimed <= packet.len());
        let cut = packet.get(..claimed.saturating_sub(1)).unwrap_or_default();
        assert!(hep::read(cut).is_err(), "a packet that is cut");
    }
}

#[test]
fn hep() {
    let mut seeds = seeds(&["fixtures/torture"], &["captures/hep"], &["bin", "sip"], 16 << 10);
    let told = Hep {
        version: 3,
        source: "192.0.2.1:5060".parse().unwrap(),
        destination: "192.0.2.2:5060".parse().unwrap(),
        protocol: 17,
        kind: Hep::SIP,
        at: Some(rules::Timestamp(1_700_000_000_000_000)),
        agent: Some(1),
        key: Some(b"key"),
        correlation: Some(b"one@example.com"),
        payload: b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n",
        is_compressed: false,
    };
    for hep in [told, Hep { is_compressed: true, key: None, ..told }] {
        let mut packet = Vec::new();
        hep::write(&hep, &mut packet);
        seeds.push(packet);
    }
    let mut inflater = Inflater::default();
    seeds.iter().for_each(|packet| check(packet, &mut inflater));
    let inflater = std::sync::Mutex::new(inflater);
    bolero::check!().with_max_len(256).with_test_time(duration()).for_each(|script: &[u8]| {
        let mut inflater = inflater.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        check(&vary(&seeds, script), &mut inflater);
    });
}
