//! Where requests of connections find a place to wait for being judged, and what is said to who finds none.

use std::net::SocketAddr;
use std::sync::Arc;

use ahash::RandomState;
use engine::sip::Message;
use engine::{Packet, dials_emergency};
use rules::{Timestamp, Transport};
use tokio::sync::mpsc;

use super::decider::{Sorted, meet, opens, sort};
use super::mount::Redirect;
use super::settings::Settings;
use super::shedding::{OVERLOADED, Unjudged};
use crate::answer::{self, Request};
use crate::judge::{Count, Counters, Shared};
use crate::limits::STREAM_REQUESTS_MAX;
use crate::line::Framed;
use crate::places::Places;

/// All connections go through the same one.
#[derive(Clone)]
pub(super) struct Turnstile {
    shared: Shared<Redirect>,
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    places: Places,
    tags: RandomState,
}

/// Whose message it is.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) transport: Transport,
}

impl Ends {
    fn packet<'a>(self, message: &'a Framed, at: Timestamp) -> Packet<'a> {
        let Self { source, destination, transport } = self;
        Packet { at, source, destination, transport, payload: &message.bytes, flags: message.flags }
    }
}

impl Turnstile {
    pub(super) fn new(
        shared: Shared<Redirect>,
        (settings, counters): (Arc<Settings>, Arc<Counters>),
    ) -> Self {
        let (places, tags) = (Places::new(STREAM_REQUESTS_MAX), RandomState::new());
        Self { shared, settings, counters, places, tags }
    }

    /// Has a message answered by `answers`, where there is room for it: by who judges, else at once.
    pub(super) fn take(
        &self,
        ends: Ends,
        (message, came): (Framed, Timestamp),
        answers: &mpsc::Sender<Vec<u8>>,
        room: mpsc::OwnedPermit<Vec<u8>>,
    ) {
        let message = Arc::new(message);
        if self.ask(ends, (Arc::clone(&message), came), room) {
            return;
        }
        let mut out = Vec::new();
        if self.turn_away(&ends.packet(&message, came), &mut out) {
            // The room that was there is there again.
            let _ = answers.try_send(out);
        }
    }

    /// Has it judged. Returns false when there is no place for it.
    fn ask(
        &self,
        ends: Ends,
        (message, came): (Arc<Framed>, Timestamp),
        room: mpsc::OwnedPermit<Vec<u8>>,
    ) -> bool {
        let comes_first = || {
            let is_trusted = self.settings.peers.find(ends.source.ip()).is_some_and(|(_, peer)| peer.trusted);
            is_trusted || dials_emergency(&Message::read(&message.bytes), &self.shared.policies())
        };
        let Some(place) = self.places.take(comes_first) else { return false };
        self.shared.ask(Box::new(move |redirect, at| {
            let decider = redirect.decider();
            decider.note_wait(at.micros_since(came));
            let mut out = Vec::new();
            if decider.handle(&ends.packet(&message, at), &mut out).is_some() {
                room.send(out);
            }
            decider.note_wait(0);
            drop(place);
        }))
    }

    /// Words what is said where nobody judges. Returns whether `out` holds a response.
    fn turn_away(&self, packet: &Packet<'_>, out: &mut Vec<u8>) -> bool {
        let message = Message::read(packet.payload);
        let tag = self.tags.hash_one((message.call_id(), message.from_tag(), message.branch()));
        let request = Request::new(&message, packet.source, tag);
        self.counters.add(Count::of_transport(packet.transport));
        let Some((_, peer)) = self.settings.peers.find(packet.source.ip()) else {
            self.counters.add(Count::StrangerDropped);
            return false;
        };
        let fate = match sort(packet, &request) {
            Sorted::Nothing(count) => {
                self.counters.add(count);
                return false;
            }
            Sorted::Malformed => {
                self.counters.add(Count::MalformedRefused);
                request.begin(out, 400, answer::phrase(400));
                answer::end(out);
                return true;
            }
            Sorted::Request if opens(message.method()) => {
                self.settings.turn_away(peer, &message, &self.shared.policies())
            }
            Sorted::Request => Unjudged::IsRefused(OVERLOADED, Count::ShedRefused),
        };
        meet(&self.settings, &self.counters, (&request, peer), fate, out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::mpsc::channel;

    use engine::Engine;
    use engine::sip::Framer;
    use rules::Policy;
    use rules::policy::{MemoryFiles, PolicySet, read};

    use super::super::{Allow, Calls, Overload, Peer, Peers, Strangers};
    use super::*;
    use crate::judge::{Judge, now};

    const POLICY: &str = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\n\
                          [[firewall]]\nname = \"a\"\nwhen = { caller = \"+1 303 555 0106\" }\naction = { block = 603 }\n";

    fn policies() -> Arc<PolicySet> {
        let reading = read("a.toml", POLICY, &MemoryFiles::new(), Timestamp::default());
        let policy = reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
        Arc::new(PolicySet::new(vec![Policy::new(policy)]))
    }

    fn settings() -> Settings {
        let peer = |trusted, from: &str| Peer {
            name: from.to_owned(),
            from: vec![from.parse().unwrap()],
            customer: None,
            trusted,
            allow: Allow::NotFound,
            block: None,
        };
        Settings {
            peers: Peers::new(vec![peer(true, "192.0.2.1/32"), peer(false, "192.0.2.2/32")]),
            strangers: Strangers::Drop,
            overload: Overload { wait_micros_max: 60_000_000, retry_after_seconds: 7, trusted: Calls::Pass },
            on_fault: Calls::Pass,
            refuses_all: Arc::default(),
            refused_code: 500,
            tokens: crate::redress::Tokens::new([4; 16]),
        }
    }

    /// A thread that judges and is held, with those who ask it over connections.
    struct Scene {
        turnstile: Turnstile,
        answers: mpsc::Sender<Vec<u8>>,
        asked: u64,
    }

    impl Scene {
        fn send(&mut self, source: &str, method: &str, called: &str) {
            self.asked += 1;
            let text = format!(
                "{method} sip:{called}@a.example SIP/2.0\r\nVia: SIP/2.0/TCP {source};branch=z9hG4bK{0}\r\n\
                 From: <sip:+13035550106@b.example>;tag=1\r\nTo: <sip:{called}@a.example>\r\nCall-ID: {0}\r\n\
                 CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n",
                self.asked
            );
            let mut framed = None;
            Framer::new().push(text.as_bytes(), |frame| {
                framed = Some(Framed { bytes: frame.bytes.to_vec(), flags: frame.flags, close: frame.close });
            });
            let ends = Ends {
                source: format!("{source}:5060").parse().unwrap(),
                destination: "192.0.2.9:5060".parse().unwrap(),
                transport: Transport::Tcp,
            };
            let room = self.answers.clone().try_reserve_owned().unwrap();
            self.turnstile.take(ends, (framed.unwrap(), now()), &self.answers, room);
        }
    }

    /// What was said so far, by status.
    fn said(answered: &mut mpsc::Receiver<Vec<u8>>) -> BTreeMap<String, usize> {
        let mut said = BTreeMap::new();
        while let Ok(answer) = answered.try_recv() {
            let answer = String::from_utf8(answer).unwrap();
            let status = answer[8..11].to_owned();
            assert_eq!(status == "503", answer.contains("\r\nRetry-After: 7\r\n"), "{answer}");
            *said.entry(status).or_default() += 1;
        }
        said
    }

    #[test]
    fn who_finds_no_place_is_told_so_and_everything_counts_once() {
        let (settings, counters) = (Arc::new(settings()), Arc::new(Counters::default()));
        let of_service = (Arc::clone(&settings), Arc::clone(&counters));
        let make = move || Redirect::new(Vec::new(), Engine::new(policies()), of_service, None);
        let judge = Judge::start("held", make, Box::new(|_| {})).unwrap();
        let (hold, held) = channel::<()>();
        let wait = move || held.recv().is_err();
        assert!(judge.shared().ask(Box::new(move |_, _| assert!(wait()))));
        let (answers, mut answered) = mpsc::channel(10_000);
        let turnstile = Turnstile::new(judge.shared().clone(), (settings, Arc::clone(&counters)));
        let mut scene = Scene { turnstile, answers, asked: 0 };
        let (usual, kept) = (STREAM_REQUESTS_MAX * 3 / 4, STREAM_REQUESTS_MAX / 4);

        (0..usual + 100).for_each(|_| scene.send("192.0.2.2", "INVITE", "+12105550100"));
        assert_eq!(said(&mut answered), BTreeMap::from([("503".to_owned(), 100)]));
        scene.send("192.0.2.2", "INVITE", "anna");
        scene.send("192.0.2.2", "OPTIONS", "+12105550100");
        scene.send("192.0.2.2", "ACK", "+12105550100");
        assert_eq!(said(&mut answered), BTreeMap::from([("503".to_owned(), 2)]));
        // What is kept for those that come first is theirs, and past it their calls pass.
        (0..kept - 1).for_each(|_| scene.send("192.0.2.1", "INVITE", "+12105550100"));
        scene.send("192.0.2.2", "INVITE", "911");
        assert!(said(&mut answered).is_empty());
        (0..10).for_each(|_| scene.send("192.0.2.1", "INVITE", "+12105550100"));
        scene.send("192.0.2.2", "INVITE", "911");
        assert_eq!(said(&mut answered), BTreeMap::from([("404".to_owned(), 11)]));
        // Who asks over HTTP has places of its own.
        assert!(judge.shared().ask(Box::new(|_, _| {})));

        drop(hold);
        assert!(judge.stop().is_some());
        let judged = said(&mut answered);
        // The one to 911 that found a place passes.
        assert_eq!(judged, BTreeMap::from([("404".to_owned(), 1), ("603".to_owned(), usual + kept - 1)]));
        let accounted: u64 = Count::ALL
            .iter()
            .filter(|count| {
                let metric = count.name().0;
                ["decisions_total", "shed_total", "other_requests_total", "malformed_total"].contains(&metric)
            })
            .map(|count| counters.of(*count))
            .sum();
        assert_eq!((counters.of(Count::Tcp), accounted), (scene.asked, scene.asked));
        assert_eq!((counters.of(Count::ShedRefused), counters.of(Count::ShedPassed)), (102, 11));
    }
}
