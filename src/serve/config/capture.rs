//! `[capture]`: interfaces of this machine that are watched.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Capture {
    pub(crate) interfaces: Vec<String>,
    pub(crate) backend: Backend,
    pub(crate) filter: Filter,
    pub(crate) ports: Vec<u16>,
    pub(crate) promiscuous: bool,
    pub(crate) ring_megabytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Backend {
    Ring,
    Pnet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Filter {
    Signalling,
    Ports,
    Everything,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            backend: Backend::Ring,
            filter: Filter::Signalling,
            ports: vec![5060, 5080, 9060],
            promiscuous: true,
            ring_megabytes: 64,
        }
    }
}

impl Capture {
    /// Whether anything is watched.
    pub(crate) fn is_on(&self) -> bool {
        !self.interfaces.is_empty()
    }

    /// The filter as the collector has it.
    pub(crate) fn filter(&self) -> collector::sensor::Filter {
        match self.filter {
            Filter::Signalling => collector::sensor::Filter::Signalling,
            Filter::Ports => collector::sensor::Filter::Ports(self.ports.clone()),
            Filter::Everything => collector::sensor::Filter::Everything,
        }
    }

    /// What no key says alone.
    pub(super) fn check(&self) -> Result<(), String> {
        let ports_max = collector::sensor::Filter::PORTS_MAX;
        if self.filter == Filter::Ports && !(1..=ports_max).contains(&self.ports.len()) {
            return Err(format!("the filter \"ports\" takes from one to {ports_max} `ports`"));
        }
        if self.backend == Backend::Pnet && self.filter == Filter::Ports {
            return Err("the backend \"pnet\" filters nothing: give it the filter \"everything\"".to_owned());
        }
        if !(4..=4096).contains(&self.ring_megabytes) {
            return Err("`ring_megabytes` is from 4 to 4096".to_owned());
        }
        Ok(())
    }
}
