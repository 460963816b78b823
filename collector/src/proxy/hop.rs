//! Where calls go on: next hops, which of their places are up, and which of them takes a call.

use std::net::SocketAddr;
use std::str::FromStr;

use rules::Timestamp;

use super::lookup::{HostName, Named};
use super::port::Place;
use super::secret::Secret;
use crate::limits::HEALTH_MISSES_MAX;

/// A next hop: one or more places that can take the same calls.
#[derive(Clone, Debug)]
pub struct NextHop {
    /// What it is called in messages to people.
    pub name: String,
    /// Its places, the preferred one first.
    pub places: Vec<Target>,
    /// Which of those that are up takes a call.
    pub share: Share,
    /// Seconds between two OPTIONS to each place; 0 asks nothing, and every place counts as up.
    pub health_seconds: u32,
}

/// A place of a next hop as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By address.
    Place(Place),
    /// By name: as many places as the name has addresses.
    Name(HostName),
}

/// Which of the places that are up takes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// The first of them.
    InOrder,
    /// Each as many as the others.
    Spread,
}

/// All next hops, and how they are.
pub(super) struct Hops {
    hops: Vec<Hop>,
    secret: Secret,
    asked: u64,
}

struct Hop {
    next_hop: NextHop,
    /// Where it leads now, each with how it is.
    places: Vec<(Place, Health)>,
}

#[derive(Clone, Copy, Default)]
struct Health {
    is_down: bool,
    /// Whether it has ever answered: who never did may be one that answers no OPTIONS at all.
    has_answered: bool,
    /// Questions in a row that got no answer.
    misses: u32,
    /// The branch of the question that waits for an answer.
    waiting: Option<u64>,
    due: Timestamp,
}

/// A question whether a place is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) place: Place,
    pub(super) branch: u64,
}

/// A place that went down, or came up again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) hop: String,
    pub(super) place: Place,
    pub(super) is_down: bool,
}

impl Hops {
    pub(super) fn new(next_hops: Vec<NextHop>, secret: Secret) -> Self {
        let hops = next_hops.into_iter().map(|next_hop| Hop { next_hop, places: Vec::new() });
        let mut hops = Self { hops: hops.collect(), secret, asked: 0 };
        hops.name(&[]);
        hops
    }

    /// Takes what names lead to now. What is known of places that stay is kept.
    pub(super) fn name(&mut self, named: &[Named]) {
        for Hop { next_hop, places } in &mut self.hops {
            let former = std::mem::take(places);
            let mut now = Vec::new();
            for target in &next_hop.places {
                match target {
                    Target::Place(place) => now.push(*place),
                    Target::Name(name) => {
                        let addresses = named.iter().find(|known| known.name == *name);
                        let addresses = addresses.map_or(&[][..], |known| &known.addresses);
                        let place =
                            |address: &SocketAddr| Place { transport: name.transport, address: *address };
                        now.extend(addresses.iter().map(place));
                    }
                }
            }
            let health = |place: &Place| {
                former
                    .iter()
                    .find(|(known, _)| known == place)
                    .map_or_else(Health::default, |(_, health)| *health)
            };
            *places = now.into_iter().map(|place| (place, health(&place))).collect();
        }
    }

    /// Which place of the next hop at `hop` takes the call that `key` stands for. Without one that is up it is one that has
    /// never answered; `None` when there is none of these either.
    pub(super) fn choose(&self, hop: usize, key: u64) -> Option<Place> {
        let hop = self.hops.get(hop)?;
        hop.choose(key, |health| !health.is_down).or_else(|| hop.choose(key, |health| !health.has_answered))
    }

    /// Whether `place` is down as far as any next hop knows.
    pub(super) fn is_down(&self, place: Place) -> bool {
        self.each().any(|(known, health)| known == place && health.is_down)
    }

    /// Whether a place of a next hop has this address.
    pub(super) fn has(&self, address: std::net::IpAddr) -> bool {
        let address = address.to_canonical();
        self.each().any(|(place, _)| place.address.ip().to_canonical() == address)
    }

    /// The next question that is due at `now`; `turned` is told of a place that has missed too many.
    pub(super) fn poll(&mut self, now: Timestamp, turned: &mut impl FnMut(Turn)) -> Option<Question> {
        for Hop { next_hop, places } in &mut self.hops {
            if next_hop.health_seconds == 0 {
                continue;
            }
            for (place, health) in places {
                if now < health.due {
                    continue;
                }
                if health.waiting.take().is_some() {
                    health.misses += 1;
                }
                if health.misses >= HEALTH_MISSES_MAX && !health.is_down {
                    health.is_down = true;
                    turned(Turn { hop: next_hop.name.clone(), place: *place, is_down: true });
                }
                health.due = now.plus_micros(i64::from(next_hop.health_seconds) * 1_000_000);
                self.asked += 1;
                let branch = self.secret.own(self.asked, now.0);
                health.waiting = Some(branch);
                return Some(Question { place: *place, branch });
            }
        }
        None
    }

    /// Takes the answer to the question `branch`. A place that says 503 asks to be left alone, which is as good as being
    /// down.
    pub(super) fn answer(&mut self, branch: u64, status: u16, turned: &mut impl FnMut(Turn)) {
        for Hop { next_hop, places } in &mut self.hops {
            for (place, health) in places {
                if health.waiting != Some(branch) || status < 200 {
                    continue;
                }
                (health.waiting, health.has_answered) = (None, true);
                health.misses = if status == 503 { HEALTH_MISSES_MAX } else { 0 };
                let is_down = status == 503;
                if health.is_down != is_down {
                    health.is_down = is_down;
                    turned(Turn { hop: next_hop.name.clone(), place: *place, is_down });
                }
            }
        }
    }

    /// Notes that nobody takes a connection at `place`: it is down until it answers a question, where it is asked any.
    pub(super) fn lose(&mut self, place: Place, turned: &mut impl FnMut(Turn)) {
        for Hop { next_hop, places } in &mut self.hops {
            let asked = next_hop.health_seconds > 0;
            for (known, health) in places.iter_mut().filter(|(known, _)| asked && *known == place) {
                (health.waiting, health.misses) = (None, HEALTH_MISSES_MAX);
                if !std::mem::replace(&mut health.is_down, true) {
                    turned(Turn { hop: next_hop.name.clone(), place: *known, is_down: true });
                }
            }
        }
    }

    fn each(&self) -> impl Iterator<Item = (Place, Health)> {
        self.hops.iter().flat_map(|hop| hop.places.iter().copied())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self::Place).or_else(|_: String| text.parse().map(Self::Name))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Place(place) => place.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl Target {
    /// What carries messages there.
    pub fn transport(&self) -> rules::Transport {
        match self {
            Self::Place(place) => place.transport,
            Self::Name(name) => name.transport,
        }
    }
}

impl Hop {
    fn choose(&self, key: u64, may: impl Fn(&Health) -> bool) -> Option<Place> {
        let able = || self.places.iter().filter(|(_, health)| may(health));
        let wanted = match self.next_hop.share {
            Share::InOrder => 0,
            Share::Spread => key.checked_rem(able().count() as u64)? as usize,
        };
        able().nth(wanted).map(|(place, _)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(share: Share, health_seconds: u32) -> Hops {
        let places = ["192.0.2.1:5060", "192.0.2.2:5060"].map(|place| place.parse().unwrap());
        let next_hop = NextHop { name: "pbx".to_owned(), places: places.into(), share, health_seconds };
        Hops::new(vec![next_hop], Secret::new([1; 16]))
    }

    /// Asks what is due at this second; answers all questions to places but those that are dead. Returns who turned.
    fn second(hops: &mut Hops, at: i64, dead: &[&str]) -> Vec<String> {
        let mut turns = Vec::new();
        let mut turned = |turn: Turn| turns.push(format!("{} {}", turn.place, turn.is_down));
        let mut questions = Vec::new();
        while let Some(question) = hops.poll(Timestamp::from_seconds(at), &mut turned) {
            questions.push(question);
        }
        for question in questions {
            if !dead.contains(&question.place.to_string().as_str()) {
                hops.answer(question.branch, 200, &mut turned);
            }
        }
        turns
    }

    fn chosen(hops: &Hops, key: u64) -> Option<String> {
        hops.choose(0, key).map(|place| place.to_string())
    }

    #[test]
    fn the_first_place_takes_calls_until_it_misses_two_questions_and_again_once_it_answers() {
        let mut hops = hops(Share::InOrder, 1);
        let first = "192.0.2.1:5060";
        assert!(second(&mut hops, 1, &[first]).is_empty() && second(&mut hops, 2, &[first]).is_empty());
        assert_eq!(chosen(&hops, 7).as_deref(), Some(first));
        assert_eq!(second(&mut hops, 3, &[first]), ["192.0.2.1:5060 true"]);
        assert_eq!(chosen(&hops, 7).as_deref(), Some("192.0.2.2:5060"));
        assert_eq!(second(&mut hops, 4, &[]), ["192.0.2.1:5060 false"]);
        assert_eq!(chosen(&hops, 7).as_deref(), Some(first));
    }

    #[test]
    fn calls_are_spread_over_places_that_are_up() {
        let mut hops = hops(Share::Spread, 1);
        assert_ne!(chosen(&hops, 6), chosen(&hops, 7));
        second(&mut hops, 0, &[]);
        for at in 1..4 {
            second(&mut hops, at, &["192.0.2.2:5060"]);
        }
        assert_eq!(
            (chosen(&hops, 6), chosen(&hops, 6)),
            (chosen(&hops, 7), Some("192.0.2.1:5060".to_owned()))
        );
        for at in 4..7 {
            second(&mut hops, at, &["192.0.2.1:5060", "192.0.2.2:5060"]);
        }
        assert_eq!(chosen(&hops, 6), None);
    }

    #[test]
    fn a_place_that_says_503_is_down_at_once_and_any_other_answer_is_a_sign_of_life() {
        let mut hops = hops(Share::InOrder, 1);
        let question = hops.poll(Timestamp::from_seconds(1), &mut |_| {}).unwrap();
        let mut turned = Vec::new();
        hops.answer(question.branch, 503, &mut |turn| turned.push(turn.is_down));
        hops.answer(question.branch, 503, &mut |turn| turned.push(turn.is_down));
        hops.poll(Timestamp::from_seconds(1), &mut |_| {});
        let question = hops.poll(Timestamp::from_seconds(2), &mut |_| {}).unwrap();
        hops.answer(question.branch ^ 1, 405, &mut |turn| turned.push(turn.is_down));
        hops.answer(question.branch, 405, &mut |turn| turned.push(turn.is_down));
        assert_eq!(turned, [true, false]);
    }

    #[test]
    fn who_never_answers_options_takes_calls_when_nobody_else_can() {
        let mut hops = hops(Share::InOrder, 1);
        let both = ["192.0.2.1:5060", "192.0.2.2:5060"];
        second(&mut hops, 1, &both[1..]);
        for at in 2..6 {
            second(&mut hops, at, &both);
        }
        assert_eq!(chosen(&hops, 7).as_deref(), Some("192.0.2.2:5060"));
    }

    #[test]
    fn a_name_leads_to_its_addresses_and_what_is_known_of_those_that_stay_is_kept() {
        let places = ["192.0.2.1:5060", "tcp:pbx.example.com"].map(|place| place.parse().unwrap());
        let next_hop = NextHop {
            name: "pbx".to_owned(),
            places: places.into(),
            share: Share::InOrder,
            health_seconds: 1,
        };
        let mut hops = Hops::new(vec![next_hop], Secret::new([1; 16]));
        let lead = |hops: &mut Hops, addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            hops.name(&[Named { name: "tcp:pbx.example.com:5060".parse().unwrap(), addresses }]);
        };
        assert_eq!(hops.each().count(), 1, "nobody knows yet where the name leads");
        lead(&mut hops, &["10.0.0.1:5060", "10.0.0.2:5060"]);
        for at in 1..4 {
            second(&mut hops, at, &["192.0.2.1:5060", "tcp:10.0.0.1:5060"]);
        }
        assert_eq!(chosen(&hops, 7).as_deref(), Some("tcp:10.0.0.2:5060"));
        lead(&mut hops, &["10.0.0.1:5060", "10.0.0.3:5060"]);
        assert_eq!(chosen(&hops, 7).as_deref(), Some("tcp:10.0.0.3:5060"));
        assert!(hops.is_down("tcp:10.0.0.1:5060".parse().unwrap()));
        assert!(hops.has("10.0.0.3".parse().unwrap()) && !hops.has("10.0.0.2".parse().unwrap()));
    }

    #[test]
    fn who_takes_no_connection_is_down_at_once_until_it_answers() {
        let mut hops = hops(Share::InOrder, 1);
        let first: Place = "192.0.2.1:5060".parse().unwrap();
        second(&mut hops, 1, &[]);
        let mut turns = Vec::new();
        hops.lose(first, &mut |turn| turns.push(turn.is_down));
        hops.lose(first, &mut |turn| turns.push(turn.is_down));
        assert_eq!((turns, chosen(&hops, 7).as_deref()), (vec![true], Some("192.0.2.2:5060")));
        assert_eq!(second(&mut hops, 2, &[]), ["192.0.2.1:5060 false"]);
    }

    #[test]
    fn without_health_every_place_counts_as_up() {
        let mut hops = hops(Share::InOrder, 0);
        assert_eq!(hops.poll(Timestamp::from_seconds(9), &mut |_| {}), None);
        assert!(!hops.is_down("192.0.2.1:5060".parse().unwrap()) && hops.has("192.0.2.1".parse().unwrap()));
    }
}
