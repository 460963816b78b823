//! What an event is, and which of them stand in one file.

/// What an event is. Numbers that a version does not know are handed out all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u16);

impl Kind {
    /// What became of a call, or of another request.
    pub const CALL: Self = Self(1);
    /// Something alarming.
    pub const ALERT: Self = Self(2);
    /// A SIP message as it came or went.
    pub const SIGNALLING: Self = Self(3);
    /// What the service tells of itself.
    pub const SERVICE: Self = Self(4);

    /// Where it stands.
    pub fn lane(self) -> Lane {
        match self {
            Self::CALL => Lane::Calls,
            Self::SIGNALLING => Lane::Signalling,
            _ => Lane::Events,
        }
    }
}

/// Files of their own for what is given up differently: the most precious first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Alerts, and whatever else is never given up.
    Events,
    /// Call records, of which the oldest are given up when there is no room.
    Calls,
    /// Signalling, which is kept for a while whoever has read it.
    Signalling,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; LANES] = [Self::Events, Self::Calls, Self::Signalling];

    /// What its files begin with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Calls => "calls",
            Self::Signalling => "signalling",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.name() == name)
    }
}

/// One for each lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Each<T>([T; LANES]);

impl<T> Each<T> {
    pub(crate) fn new(of: [T; LANES]) -> Self {
        Self(of)
    }

    pub(crate) fn of(&self, lane: Lane) -> &T {
        let [events, calls, signalling] = &self.0;
        match lane {
            Lane::Events => events,
            Lane::Calls => calls,
            Lane::Signalling => signalling,
        }
    }

    pub(crate) fn of_mut(&mut self, lane: Lane) -> &mut T {
        let [events, calls, signalling] = &mut self.0;
        match lane {
            Lane::Events => events,
            Lane::Calls => calls,
            Lane::Signalling => signalling,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

const LANES: usize = 3;
