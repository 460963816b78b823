//! From frames to SIP messages: peels layers, joins fragments and streams, unwraps tunnels and HEP.

mod content;
mod fragments;
mod ip;
mod layer;
mod pieces;
mod plain;
mod stream;
mod streams;
mod udp;
mod websocket;

use std::net::SocketAddr;

use engine::Packet;
use engine::sip::looks_like_sip;
use rules::{Flag, Flags, Timestamp, Transport};

use self::content::Carried;
use self::fragments::{Fragments, Whole};
pub(crate) use self::ip::Ip;
use self::ip::{Extensions, Fragment};
use self::layer::{Ends, Layer, Loss, udp_tunnel};
use self::plain::{begins_as_sip, plain_udp};
use self::streams::{Streams, Way};
use self::udp::{Datagram, Segment, sctp_messages};
use crate::counters::Counters;
use crate::frame::{Frame, LinkType};
use crate::hep::{self, Hep, HepError, Inflater};
use crate::limits::LAYERS_MAX;

/// Puts SIP messages together from frames, whatever they are wrapped in, in bounded memory.
///
/// Time is that of the frames. Frames may come from several interfaces; the same traffic seen twice is handed out
/// twice.
#[derive(Default)]
pub struct Assembler {
    counters: Counters,
    fragments: Fragments,
    streams: Streams,
    inflater: Inflater,
    /// The last datagram joined from fragments, kept for its memory.
    joined: Vec<u8>,
    /// The time of the latest frame.
    at: Timestamp,
}

/// What the layers around a packet said about it.
#[derive(Clone, Copy)]
struct Carriage {
    at: Timestamp,
    flags: Flags,
    layers: u8,
}

impl Assembler {
    /// An assembler that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one frame and calls `sink` with each SIP message that it completes.
    #[inline]
    pub fn assemble(&mut self, frame: Frame<'_>, sink: &mut impl FnMut(Packet<'_>)) {
        self.counters.frames += 1;
        self.counters.frames_cut += u64::from(frame.is_cut());
        self.at = frame.at;
        if frame.link == LinkType::ETHERNET
            && let Some((source, destination, payload)) = plain_udp(frame.data)
            && is_plain_sip(payload)
        {
            self.counters.messages += 1;
            self.counters.messages_udp += 1;
            let (at, transport, flags) = (frame.at, Transport::Udp, Flags::NONE);
            return sink(Packet { at, source, destination, transport, payload, flags });
        }
        let carriage = Carriage { at: frame.at, flags: Flags::NONE, layers: 0 };
        self.peel(Layer::Link(frame.link), frame.data, carriage, sink);
    }

    /// Ends the run: hands out what waits behind gaps of TCP streams, and the beginnings of messages whose end
    /// never came.
    pub fn finish(&mut self, sink: &mut impl FnMut(Packet<'_>)) {
        let mut streams = std::mem::take(&mut self.streams);
        let carriage = Carriage { at: self.at, flags: Flags::NONE, layers: 0 };
        let mut desk = Desk { inflater: &mut self.inflater, messages: Counters::default() };
        streams.finish(&mut self.counters, &mut |way, carried, has_conflict| {
            desk.deliver_carried(carried, way, has_conflict, carriage, sink);
        });
        let messages = desk.messages;
        self.counters.add_messages(&messages);
    }

    /// What became of the frames so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How much is known to be missing at `now`: see [`Counters::lost`].
    pub fn lost(&mut self, now: Timestamp) -> u64 {
        self.fragments.expire(now, &mut self.counters);
        self.counters.lost()
    }

    /// Bytes held for datagrams and streams that are not complete.
    pub fn bytes_held(&self) -> usize {
        self.fragments.bytes() + self.streams.bytes()
    }

    /// Directions of TCP connections that are followed.
    pub fn streams_followed(&self) -> usize {
        self.streams.count()
    }

    fn peel(
        &mut self,
        mut layer: Layer,
        mut bytes: &[u8],
        mut carriage: Carriage,
        sink: &mut impl FnMut(Packet<'_>),
    ) {
        while layer != Layer::Ip {
            carriage.layers += 1;
            if carriage.layers > LAYERS_MAX {
                self.counters.too_deep += 1;
                return;
            }
            match layer.peel(bytes) {
                Ok((next, rest)) => (layer, bytes) = (next, rest),
                Err(loss) => return self.count_loss(loss),
            }
        }
        match Ip::read(bytes) {
            Ok(ip) => match ip.fragment {
                None => self.handle_ip(ip, carriage, sink),
                Some(fragment) => self.handle_fragment(ip, fragment, carriage, sink),
            },
            Err(loss) => self.count_loss(loss),
        }
    }

    fn handle_fragment(
        &mut self,
        ip: Ip<'_>,
        fragment: Fragment,
        mut carriage: Carriage,
        sink: &mut impl FnMut(Packet<'_>),
    ) {
        self.counters.fragments += 1;
        let mut joined = std::mem::take(&mut self.joined);
        let whole = self.fragments.add(&ip, fragment, carriage.at, &mut self.counters, &mut joined);
        if let Some(Whole { protocol, has_overlap }) = whole {
            carriage.flags.raise_if(has_overlap, Flag::FragOverlap);
            carriage.layers += 1;
            let is_v4 = ip.ends.source.is_ipv4();
            let inner = if is_v4 {
                Some(Extensions { protocol, payload: &joined, fragment: None })
            } else {
                Extensions::read(protocol, &joined)
            };
            match inner {
                Some(Extensions { protocol, payload, fragment: None }) => {
                    let ip = Ip { ends: ip.ends, protocol, payload, fragment: None, missing: 0 };
                    self.handle_ip(ip, carriage, sink);
                }
                _ => self.counters.fragments_bad += 1,
            }
        }
        self.joined = joined;
    }

    #[inline]
    fn handle_ip(&mut self, ip: Ip<'_>, mut carriage: Carriage, sink: &mut impl FnMut(Packet<'_>)) {
        let layer = match ip.protocol {
            17 => return self.handle_udp(ip, carriage, sink),
            6 => return self.handle_tcp(ip, carriage, sink),
            132 => return self.handle_sctp(ip, carriage, sink),
            1 | 58 => {
                self.counters.icmp += 1;
                return;
            }
            4 | 41 => Layer::Ip,
            47 => Layer::Gre,
            137 => Layer::Mpls,
            97 => return self.peel_behind(2, Layer::Ethernet, ip, carriage, sink),
            115 => return self.peel_behind(4, Layer::Ppp, ip, carriage, sink),
            _ => {
                self.counters.other_protocol += 1;
                return;
            }
        };
        carriage.layers += 1;
        if carriage.layers > LAYERS_MAX {
            self.counters.too_deep += 1;
            return;
        }
        self.peel(layer, ip.payload, carriage, sink);
    }

    /// Peels a tunnel with a header of a fixed length (EtherIP, L2TPv3 without cookie).
    fn peel_behind(
        &mut self,
        header: usize,
        layer: Layer,
        ip: Ip<'_>,
        carriage: Carriage,
        sink: &mut impl FnMut(Packet<'_>),
    ) {
        match ip.payload.get(header..) {
            Some(rest) => self.peel(layer, rest, carriage, sink),
            None => self.counters.damaged += 1,
        }
    }

    #[inline]
    fn handle_udp(&mut self, ip: Ip<'_>, carriage: Carriage, sink: &mut impl FnMut(Packet<'_>)) {
        let Some(datagram) = Datagram::read(ip.payload) else {
            self.counters.damaged += 1;
            return;
        };
        if is_plain_sip(datagram.payload) {
            self.deliver_datagram(ip.ends, datagram, carriage, sink);
        } else {
            self.handle_other_udp(ip.ends, datagram, carriage, sink);
        }
    }

    /// HEP and tunnels come before what is only damaged SIP: they quote SIP, so they look like it.
    fn handle_other_udp(
        &mut self,
        ends: Ends,
        datagram: Datagram<'_>,
        mut carriage: Carriage,
        sink: &mut impl FnMut(Packet<'_>),
    ) {
        if hep::looks_like_hep(datagram.payload) {
            let mut desk = Desk { inflater: &mut self.inflater, messages: Counters::default() };
            desk.deliver_hep(datagram.payload, carriage, sink);
            let messages = desk.messages;
            return self.counters.add_messages(&messages);
        }
        let tunnel = udp_tunnel(datagram.destination, datagram.payload)
            .or_else(|| udp_tunnel(datagram.source, datagram.payload));
        match tunnel {
            Some((layer, rest)) if carriage.layers < LAYERS_MAX => {
                carriage.layers += 1;
                self.peel(layer, rest, carriage, sink);
            }
            Some(_) => self.counters.too_deep += 1,
            None if looks_like_sip(datagram.payload) => self.deliver_datagram(ends, datagram, carriage, sink),
            None => self.counters.not_sip += 1,
        }
    }

    #[inline]
    fn deliver_datagram(
        &mut self,
        ends: Ends,
        datagram: Datagram<'_>,
        mut carriage: Carriage,
        sink: &mut impl FnMut(Packet<'_>),
    ) {
        carriage.flags.raise_if(datagram.is_cut, Flag::Truncated);
        self.counters.messages += 1;
        self.counters.messages_udp += 1;
        self.counters.messages_truncated += u64::from(datagram.is_cut);
        sink(Packet {
            at: carriage.at,
            source: SocketAddr::new(ends.source, datagram.source),
            destination: SocketAddr::new(ends.destination, datagram.destination),
            transport: Transport::Udp,
            payload: datagram.payload,
            flags: carriage.flags,
        });
    }

    fn handle_tcp(&mut self, ip: Ip<'_>, carriage: Carriage, sink: &mut impl FnMut(Packet<'_>)) {
        let Some(segment) = Segment::read(ip.payload, ip.missing) else {
            self.counters.damaged += 1;
            return;
        };
        self.counters.segments += 1;
        let way = Way {
            source: SocketAddr::new(ip.ends.source, segment.source),
            destination: SocketAddr::new(ip.ends.destination, segment.destination),
        };
        let mut desk = Desk { inflater: &mut self.inflater, messages: Counters::default() };
        self.streams.take(way, &segment, carriage.at, &mut self.counters, &mut |carried, has_conflict| {
            desk.deliver_carried(carried, way, has_conflict, carriage, sink);
        });
        let messages = desk.messages;
        self.counters.add_messages(&messages);
    }

    fn handle_sctp(&mut self, ip: Ip<'_>, carriage: Carriage, sink: &mut impl FnMut(Packet<'_>)) {
        let Some((source, destination, messages)) = sctp_messages(ip.payload) else {
            self.counters.damaged += 1;
            return;
        };
        for payload in messages {
            if !looks_like_sip(payload) {
                self.counters.not_sip += 1;
                continue;
            }
            self.counters.messages += 1;
            self.counters.messages_sctp += 1;
            sink(Packet {
                at: carriage.at,
                source: SocketAddr::new(ip.ends.source, source),
                destination: SocketAddr::new(ip.ends.destination, destination),
                transport: Transport::Sctp,
                payload,
                flags: carriage.flags,
            });
        }
    }

    #[cold]
    fn count_loss(&mut self, loss: Loss) {
        match loss {
            Loss::UnknownLink => self.counters.unknown_link += 1,
            Loss::Wireless => self.counters.wireless += 1,
            Loss::NotIp => self.counters.not_ip += 1,
            Loss::Damaged => self.counters.damaged += 1,
        }
    }
}

/// Whether a datagram is SIP and cannot be a wrapper around it.
#[inline]
fn is_plain_sip(payload: &[u8]) -> bool {
    begins_as_sip(payload)
        || payload.first().is_some_and(u8::is_ascii_alphabetic)
            && !hep::looks_like_hep(payload)
            && looks_like_sip(payload)
}

/// Where messages of streams and of HEP are handed out, with what is counted about them.
struct Desk<'a> {
    inflater: &'a mut Inflater,
    messages: Counters,
}

impl Desk<'_> {
    fn deliver_carried(
        &mut self,
        carried: Carried<'_>,
        way: Way,
        has_conflict: bool,
        carriage: Carriage,
        sink: &mut impl FnMut(Packet<'_>),
    ) {
        match carried {
            Carried::Sip { payload, flags, transport } => {
                let mut flags = carriage.flags.union(flags);
                flags.raise_if(has_conflict, Flag::FragOverlap);
                self.messages.messages += 1;
                self.messages.messages_tcp += u64::from(transport == Transport::Tcp);
                self.messages.messages_websocket += u64::from(transport == Transport::Ws);
                self.messages.messages_truncated += u64::from(flags.contains(Flag::Truncated));
                let Way { source, destination } = way;
                sink(Packet { at: carriage.at, source, destination, transport, payload, flags });
            }
            Carried::Hep(packet) => self.deliver_hep(packet, carriage, sink),
            Carried::NotSip => self.messages.not_sip += 1,
        }
    }

    fn deliver_hep(&mut self, bytes: &[u8], carriage: Carriage, sink: &mut impl FnMut(Packet<'_>)) {
        self.messages.hep += 1;
        let result = hep::read(bytes).and_then(|hep| self.deliver_quoted(&hep, carriage, sink));
        self.messages.hep_bad += u64::from(result.is_err());
    }

    fn deliver_quoted(
        &mut self,
        hep: &Hep<'_>,
        carriage: Carriage,
        sink: &mut impl FnMut(Packet<'_>),
    ) -> Result<(), HepError> {
        let payload = if hep.is_compressed { self.inflater.inflate(hep.payload)? } else { hep.payload };
        if hep.kind != Hep::SIP || !looks_like_sip(payload) {
            self.messages.hep_not_sip += 1;
            return Ok(());
        }
        self.messages.messages += 1;
        self.messages.messages_hep += 1;
        sink(Packet {
            at: hep.at.unwrap_or(carriage.at),
            source: hep.source,
            destination: hep.destination,
            transport: hep.transport(),
            payload,
            flags: carriage.flags,
        });
        Ok(())
    }
}
