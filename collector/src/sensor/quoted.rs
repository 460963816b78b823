//! One HEP packet of a sender: whether it may speak, and what it quotes.

use std::net::SocketAddr;
use std::sync::Arc;

use engine::Packet;
use engine::sip::looks_like_sip;
use rules::{Flags, Timestamp};

use super::Watcher;
use super::clock::{Clock, Held};
use super::sender::Senders;
use crate::hep::{self, Hep, HepError, Inflater};
use crate::judge::Count;

/// Reads the packets of all senders.
pub(super) struct Quotes {
    senders: Arc<Senders>,
    clock: Clock,
    inflater: Inflater,
}

/// What one HEP packet came to.
pub(super) enum Quoted<'a> {
    /// A SIP message.
    Sip {
        packet: Packet<'a>,
        /// The place of its sender.
        sender: usize,
        /// Whether the sender's clock is too far off ours.
        is_clock_wrong: bool,
    },
    /// Something else that is quoted, such as RTCP or a log line.
    NotSip,
    /// From an address of nobody, or without the right key.
    Stranger,
    /// No HEP, or HEP that contradicts itself.
    Broken,
}

impl Quotes {
    pub(super) fn new(senders: Arc<Senders>, clock: Clock) -> Self {
        Self { senders, clock, inflater: Inflater::default() }
    }

    /// Reads what came from `from` at `now`. Nothing is unpacked for whoever may not speak.
    pub(super) fn read<'a>(&'a mut self, bytes: &'a [u8], from: SocketAddr, now: Timestamp) -> Quoted<'a> {
        if !self.senders.may_send_from(from.ip()) {
            return Quoted::Stranger;
        }
        let Ok(hep) = hep::read(bytes) else { return Quoted::Broken };
        let Some(sender) = self.senders.find(from.ip(), hep.key) else { return Quoted::Stranger };
        if hep.kind != Hep::SIP {
            return Quoted::NotSip;
        }
        let Held { at, is_wrong } = self.clock.hold(hep.at, now);
        let Ok(payload) = self.payload(&hep) else { return Quoted::Broken };
        if !looks_like_sip(payload) {
            return Quoted::NotSip;
        }
        let packet = Packet {
            at,
            source: hep.source,
            destination: hep.destination,
            transport: hep.transport(),
            payload,
            flags: Flags::NONE,
        };
        Quoted::Sip { packet, sender, is_clock_wrong: is_wrong }
    }

    /// Reads what came from `from` at `now`, hands it to `watcher` and counts what it was.
    pub(super) fn hand_over(
        &mut self,
        bytes: &[u8],
        from: SocketAddr,
        now: Timestamp,
        watcher: &mut Watcher,
    ) {
        let count = match self.read(bytes, from, now) {
            Quoted::Sip { packet, sender, is_clock_wrong } => {
                watcher.see(&packet, Some(sender));
                if is_clock_wrong {
                    watcher.counters().add(Count::HepClockWrong);
                }
                Count::HepSip
            }
            Quoted::NotSip => Count::HepOther,
            Quoted::Stranger => Count::HepStranger,
            Quoted::Broken => Count::HepBroken,
        };
        watcher.counters().add(count);
    }

    fn payload<'a>(&'a mut self, hep: &Hep<'a>) -> Result<&'a [u8], HepError> {
        if hep.is_compressed { self.inflater.inflate(hep.payload) } else { Ok(hep.payload) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::ZlibEncoder};
    use rules::Transport;

    use super::super::sender::{Key, Sender};
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

    fn quotes() -> Quotes {
        let sender = |name: &str, from: &str, key: &[u8]| Sender {
            name: name.to_owned(),
            from: vec![from.parse().unwrap()],
            key: Key::new(key),
            customer: None,
        };
        let senders = vec![sender("plain", "192.0.2.0/24", b""), sender("keyed", "198.51.100.0/24", b"k3y")];
        Quotes::new(Arc::new(Senders::new(senders)), Clock { off_micros_max: 5_000_000 })
    }

    fn sample() -> Hep<'static> {
        Hep {
            version: 3,
            source: "203.0.113.7:5062".parse().unwrap(),
            destination: "192.0.2.5:5060".parse().unwrap(),
            protocol: 6,
            kind: Hep::SIP,
            at: Some(Timestamp(NOW.0 - 1_000)),
            agent: Some(7),
            key: None,
            correlation: None,
            payload: b"OPTIONS sip:example.com SIP/2.0\r\n\r\n",
            is_compressed: false,
        }
    }

    fn packed(hep: &Hep<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        hep::write(hep, &mut bytes);
        bytes
    }

    fn word(quotes: &mut Quotes, bytes: &[u8], from: &str) -> &'static str {
        match quotes.read(bytes, from.parse().unwrap(), NOW) {
            Quoted::Sip { is_clock_wrong: false, .. } => "sip",
            Quoted::Sip { is_clock_wrong: true, .. } => "clock",
            Quoted::NotSip => "other",
            Quoted::Stranger => "stranger",
            Quoted::Broken => "broken",
        }
    }

    #[test]
    fn the_inner_packet_keeps_its_own_ends_transport_and_time() {
        let sip = sample();
        let (mut quotes, bytes) = (quotes(), packed(&sip));
        let from = "192.0.2.9:40000".parse().unwrap();
        let Quoted::Sip { packet, sender: 0, is_clock_wrong: false } = quotes.read(&bytes, from, NOW) else {
            panic!("no SIP")
        };
        assert_eq!((packet.source, packet.destination), (sip.source, sip.destination));
        assert_eq!((packet.transport, packet.at), (Transport::Tcp, Timestamp(NOW.0 - 1_000)));
    }

    #[test]
    fn who_may_not_speak_is_not_even_unpacked() {
        let mut bomb = ZlibEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![b'a'; 8 << 20]).unwrap();
        let bomb = bomb.finish().unwrap();
        let sip = sample();
        let keyed = Hep { key: Some(b"k3y"), ..sip };
        let blown = Hep { payload: &bomb, is_compressed: true, ..sip };
        let mut quotes = quotes();
        for (hep, from, expected) in [
            (sip, "192.0.2.9:1", "sip"),
            (sip, "203.0.113.9:1", "stranger"),
            (sip, "198.51.100.9:1", "stranger"),
            (keyed, "198.51.100.9:1", "sip"),
            (Hep { key: Some(b"k3Y"), ..keyed }, "198.51.100.9:1", "stranger"),
            (blown, "198.51.100.9:1", "stranger"),
            (blown, "192.0.2.9:1", "broken"),
            (Hep { kind: 5, ..sip }, "192.0.2.9:1", "other"),
            (Hep { payload: &packed(&sip), ..sip }, "192.0.2.9:1", "other"),
            (Hep { at: Some(Timestamp(NOW.0 - 3_600_000_000)), ..sip }, "192.0.2.9:1", "clock"),
            (Hep { at: None, ..sip }, "192.0.2.9:1", "sip"),
        ] {
            assert_eq!(word(&mut quotes, &packed(&hep), from), expected, "{hep:?} from {from}");
        }
    }

    #[test]
    fn what_lies_about_a_length_is_broken_wherever_it_lies() {
        let sip = sample();
        let whole = packed(&sip);
        let mut quotes = quotes();
        for end in 0..whole.len() {
            assert_eq!(word(&mut quotes, &whole[..end], "192.0.2.9:1"), "broken", "cut at {end}");
        }
        for at in 0..whole.len() - sip.payload.len() {
            for byte in [0, 1, 6, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                // Whatever it is then, it is told and nothing panics.
                word(&mut quotes, &bytes, "192.0.2.9:1");
            }
        }
    }
}
