//! Plans calls in order of time, a few minutes ahead of those who ask.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::attack::Attack;
use crate::benign;
use crate::call::Call;
use crate::campaign::{Campaign, Event};
use crate::day::{Campaigns, Settings};
use crate::random::Random;
use crate::stage::{SECOND, Stage};
use crate::truth::{Benign, Label};

/// Gives every call of a stretch, earliest first, and holds only those that begin soon or whose campaign runs.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    settings: Arc<Settings>,
    episodes: Arc<[Episode]>,
    next_episode: usize,
    /// Up to here everything is planned.
    planned: i64,
    slot: u64,
    pending: BinaryHeap<Reverse<Pending>>,
    fresh: Vec<Call>,
}

/// A campaign or an event, planned again when it is due.
#[derive(Clone, Debug)]
struct Episode {
    label: Label,
    /// Which of its kind: names its chance.
    index: u64,
    /// When its stage begins, and before when it has to begin.
    start: i64,
    begin_before: i64,
    first: i64,
    last: i64,
    calls: usize,
    campaign: Option<u32>,
    variant: &'static str,
    also: &'static [Attack],
}

impl Planner {
    pub(crate) fn new(settings: Settings) -> Self {
        let planned = settings.start_micros;
        let episodes = episodes(&settings).into();
        Self {
            settings: Arc::new(settings),
            episodes,
            next_episode: 0,
            planned,
            slot: 0,
            pending: BinaryHeap::new(),
            fresh: Vec::new(),
        }
    }

    /// The same from its beginning.
    pub(crate) fn again(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            episodes: Arc::clone(&self.episodes),
            next_episode: 0,
            planned: self.settings.start_micros,
            slot: 0,
            pending: BinaryHeap::new(),
            fresh: Vec::new(),
        }
    }

    /// The next call.
    pub(crate) fn poll_call(&mut self) -> Option<Box<Call>> {
        while self.planned < self.settings.end()
            && self.pending.peek().is_none_or(|Reverse(first)| first.0.at >= self.planned)
        {
            self.plan_slot();
        }
        self.pending.pop().map(|Reverse(Pending(call))| call)
    }

    pub(crate) fn campaigns(&self) -> Vec<Campaign> {
        let campaign = |episode: &Episode| {
            let Label::Attack(attack) = episode.label else { return None };
            let others = episode.also.iter().copied().filter_map(Attack::detection);
            Some(Campaign {
                id: episode.campaign?,
                attack,
                variant: episode.variant,
                first_micros: episode.first,
                last_micros: episode.last,
                calls: episode.calls,
                fits: attack.detection().into_iter().chain(others).collect(),
            })
        };
        self.episodes.iter().filter_map(campaign).collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let event = |episode: &Episode| {
            let Label::Confounder(confounder) = episode.label else { return None };
            Some(Event {
                confounder,
                first_micros: episode.first,
                last_micros: episode.last,
                calls: episode.calls,
            })
        };
        self.episodes.iter().filter_map(event).collect()
    }

    fn plan_slot(&mut self) {
        let settings = &self.settings;
        let (start, end) = (self.planned, (self.planned + SLOT_MICROS).min(settings.end()));
        let mut stage = Stage {
            customer: &settings.customer,
            start,
            begin_before: end,
            end,
            random: Random::stream(settings.seed, "benign", self.slot),
            label: Label::Benign(Benign::Inbound),
            campaign: None,
            calls: &mut self.fresh,
        };
        benign::plan(&mut stage, settings);
        while let Some(episode) = self.episodes.get(self.next_episode).filter(|episode| episode.first < end) {
            episode.play(settings, &mut self.fresh);
            self.next_episode += 1;
        }
        self.pending.extend(self.fresh.drain(..).map(|call| Reverse(Pending(Box::new(call)))));
        (self.planned, self.slot) = (end, self.slot + 1);
    }
}

impl Episode {
    /// Plans all its calls.
    fn play(&self, settings: &Settings, calls: &mut Vec<Call>) -> Option<crate::attack::Plot> {
        let word = self.label.word();
        let mut stage = Stage {
            customer: &settings.customer,
            start: self.start,
            begin_before: self.begin_before,
            end: settings.end(),
            random: Random::stream(settings.seed, word, self.index),
            label: self.label,
            campaign: self.campaign,
            calls,
        };
        match self.label {
            Label::Attack(attack) => Some(attack.plan(&mut stage)),
            Label::Confounder(confounder) => {
                confounder.plan(&mut stage);
                None
            }
            Label::Benign(_) => None,
        }
    }
}

/// Every campaign and event of the stretch, in order of their first calls.
fn episodes(settings: &Settings) -> Vec<Episode> {
    let mut random = Random::stream(settings.seed, "episodes", 0);
    let mut episodes = Vec::new();
    let mut add = |label: Label, start: i64, begin_before: i64| {
        let index = episodes.iter().filter(|other: &&Episode| other.label == label).count() as u64;
        let mut episode = Episode {
            label,
            index,
            start,
            begin_before,
            first: start,
            last: start,
            calls: 0,
            campaign: None,
            variant: "",
            also: &[],
        };
        let mut calls = Vec::new();
        let plot = episode.play(settings, &mut calls);
        let (Some(first), Some(last)) =
            (calls.iter().map(|call| call.at).min(), calls.iter().map(|call| call.at).max())
        else {
            return;
        };
        (episode.first, episode.last, episode.calls) = (first, last, calls.len());
        if let Some(plot) = plot {
            (episode.variant, episode.also) = (plot.variant, plot.also);
        }
        episodes.push(episode);
    };
    match settings.campaigns {
        Campaigns::Each(count) => {
            for &attack in settings.attacks.iter().flat_map(|attack| (0..count).map(move |_| attack)) {
                add(Label::Attack(attack), settings.start_micros, settings.end());
            }
        }
        Campaigns::PerDay(mean) => {
            let mut kinds = Deck::new(&settings.attacks);
            for (start, end) in settings.days() {
                for _ in 0..whole(mean, &mut random) {
                    if let Some(attack) = kinds.draw(&mut random) {
                        add(Label::Attack(attack), start, end);
                    }
                }
            }
        }
    }
    let mut kinds = Deck::new(&settings.confounders);
    let mut days: Vec<(i64, i64)> = settings.days().collect();
    let chosen = whole(settings.confounder_days.clamp(0.0, 1.0) * days.len() as f64, &mut random);
    random.shuffle(&mut days);
    for (start, end) in days.into_iter().take(chosen as usize) {
        for _ in 0..random.between(2, 5) {
            if let Some(confounder) = kinds.draw(&mut random) {
                add(Label::Confounder(confounder), start, end);
            }
        }
    }
    episodes.sort_by_key(|episode| episode.first);
    let campaigns = episodes.iter_mut().filter(|episode| matches!(episode.label, Label::Attack(_)));
    for (id, campaign) in (1..).zip(campaigns) {
        campaign.campaign = Some(id);
    }
    episodes
}

/// `mean`, or the next whole number, so often that it is right on average.
fn whole(mean: f64, random: &mut Random) -> u64 {
    (mean.max(0.0) + random.unit()) as u64
}

/// Kinds drawn in any order, each once before one comes again.
struct Deck<T> {
    all: Vec<T>,
    left: Vec<T>,
}

impl<T: Copy> Deck<T> {
    fn new(all: &[T]) -> Self {
        Self { all: all.to_vec(), left: Vec::new() }
    }

    fn draw(&mut self, random: &mut Random) -> Option<T> {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            random.shuffle(&mut self.left);
        }
        self.left.pop()
    }
}

/// A call that is planned and has not begun; the earliest is the least.
#[derive(Clone, Debug)]
struct Pending(Box<Call>);

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.at, self.0.id).cmp(&(other.0.at, other.0.id))
    }
}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pending {}

/// How far ahead is planned.
const SLOT_MICROS: i64 = 600 * SECOND as i64;
