//! How a proxy behaves where a policy has no say.

use super::hop::NextHop;
use super::secret::Secret;
use crate::redirect;

/// Where calls of a peer go on: the place of its next hop among all; `None` sends each where it says itself.
pub type Onward = Option<usize>;

/// All of it.
pub struct Settings {
    /// What it has in common with every mount that answers peers.
    pub common: redirect::Settings<Onward>,
    /// Where calls go on.
    pub next_hops: Vec<NextHop>,
    /// How a call that a policy tags is marked.
    pub marks: Marks,
    /// What hashes are keyed by.
    pub secret: Secret,
}

/// Where the text of a tag stands in a request that goes on.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Before the display names of From and P-Asserted-Identity.
    pub display_name: bool,
    /// In a header of this name; whatever comes under that name is taken out.
    pub header: Option<String>,
}
