//! What a mount of the service cannot see or do of a policy, said before the policy is installed.

use clap::ValueEnum;
use rules::Policy;
use rules::policy::ips::{Count, Deed};
use rules::policy::{Limit, Response, RuleAction, Threshold};

/// A way in which calls come to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mount {
    /// It is asked per call, over SIP.
    Redirect,
    /// It is asked per call, over HTTP.
    Decide,
    /// Calls go through it.
    Proxy,
    /// The kernel asks it about packets.
    Bridge,
    /// It is told by HEP.
    Hep,
    /// It watches an interface.
    Capture,
}

impl Mount {
    /// Whether it sees how calls go on once they were judged.
    const fn sees_answers(self) -> bool {
        !matches!(self, Self::Redirect | Self::Decide)
    }

    /// Whether it keeps calls from going on.
    const fn acts(self) -> bool {
        !matches!(self, Self::Hep | Self::Capture)
    }

    /// Whether it ends calls that are up.
    const fn hangs_up(self) -> bool {
        matches!(self, Self::Proxy)
    }

    /// Whether it tells anybody how a call is marked.
    const fn marks(self) -> bool {
        matches!(self, Self::Proxy | Self::Decide)
    }

    /// What of `policy` it cannot see or do, a sentence for each.
    pub(crate) fn blind_spots(self, policy: &Policy) -> Vec<String> {
        let mut said = Vec::new();
        if !self.acts() {
            said.push("calls are only watched here: what would be refused is told, and goes on".to_owned());
        }
        if !self.acts() && policy.text().customer.leg_header.is_none() {
            said.push(
                "a call that a back-to-back agent (SBC, PBX) passes on is seen twice here: it counts once where both legs bear \
                 one Session-ID (RFC 7989), else `leg_header` in [customer] names what joins them"
                    .to_owned(),
            );
        }
        if self == Self::Redirect && !policy.text().customer.trunks.is_empty() {
            said.push(
                "whoever asks is the source of all calls here: of a peer in `trunks` calls from outside count as internal, of another one \
                 no call is outbound. Where one peer asks for both ways, leave `trunks` out: numbers tell the way then"
                    .to_owned(),
            );
        }
        for rule in &policy.text().firewall {
            let name = &rule.name;
            match &rule.action {
                RuleAction::Block(Response::Drop) if self == Self::Redirect => {
                    said.push(format!(
                        "rule \"{name}\" answers nothing, which whoever asks may take for leave: give it a code, or the peer a `block`"
                    ));
                }
                RuleAction::Limit(Limit::Concurrent(_)) if !self.sees_answers() => {
                    said.push(format!(
                        "rule \"{name}\" limits calls that are up, whose ends are not seen here"
                    ));
                }
                RuleAction::Terminate if self.acts() && !self.hangs_up() => {
                    said.push(format!("rule \"{name}\" ends calls that are up, which is not done here"));
                }
                RuleAction::Tag(_) if self.acts() && !self.marks() => {
                    said.push(format!("rule \"{name}\" marks calls, which is not done here"));
                }
                _ => {}
            }
        }
        for threshold in policy.thresholds() {
            let label = threshold.label();
            if !self.sees_answers()
                && let Some(count) = outcome(threshold)
            {
                said.push(format!(
                    "threshold \"{label}\" counts {count}, which are not seen here: it stays silent"
                ));
            }
            let does = |wanted: fn(&Deed) -> bool| {
                [false, true]
                    .into_iter()
                    .filter_map(|critical| threshold.action(critical))
                    .any(|it| wanted(&it.deed))
            };
            if self.acts() && !self.hangs_up() && does(|deed| matches!(deed, Deed::Terminate)) {
                said.push(format!("threshold \"{label}\" ends calls that are up, which is not done here"));
            }
            if self.acts() && !self.marks() && does(|deed| matches!(deed, Deed::Tag(_))) {
                said.push(format!("threshold \"{label}\" marks calls, which is not done here"));
            }
        }
        said
    }
}

/// What `threshold` counts that is known only once calls were answered or over.
fn outcome(threshold: &Threshold) -> Option<&'static str> {
    use Count::{
        Attempts, DistinctCalled, DistinctCaller, DistinctCountry, NeighbourCallers, Repeats,
        SequentialCalled,
    };
    if !threshold.outcome.is_empty() {
        return Some("calls by how they ended");
    }
    let counts = [threshold.count].into_iter().chain(threshold.also.iter().map(|also| also.count));
    counts
        .filter(|count| {
            !matches!(
                count,
                Attempts
                    | DistinctCalled
                    | DistinctCaller
                    | DistinctCountry
                    | NeighbourCallers
                    | Repeats
                    | SequentialCalled
            )
        })
        .map(Count::noun)
        .next()
}

#[cfg(test)]
mod tests {
    use rules::Timestamp;
    use rules::policy::MemoryFiles;

    use super::*;

    fn blind_spots(mount: Mount) -> Vec<String> {
        let text = "[customer]\nname = \"Acme\"\nregion = \"US\"\ntime_zone = \"UTC\"\nnumbers = [\"+1 210 555 0100\"]\ntrunks = [\"192.0.2.1\"]\n\
             [[firewall]]\nname = \"quiet\"\naction = { block = \"drop\" }\n\
             [[firewall]]\nname = \"few\"\naction = { limit = { concurrent = 3 } }\n\
             [[firewall]]\nname = \"mark\"\naction = { tag = \"spam\" }\n\
             [[ips]]\nname = \"tries\"\ncount = \"attempts\"\nper = [\"caller\"]\nwithin = \"1m\"\ncritical = 5\n\
             [[ips]]\nname = \"talks\"\ncount = \"minutes\"\nper = [\"caller\"]\nwithin = \"1h\"\ncritical = 500\n\
             action = { critical = \"terminate\" }\n";
        let reading = rules::policy::read("acme.toml", text, &MemoryFiles::new(), Timestamp::default());
        let policy = Policy::new(reading.policy.unwrap_or_else(|| panic!("{:?}", reading.diagnostics)));
        mount.blind_spots(&policy)
    }

    #[test]
    fn each_mount_says_what_it_cannot_see_or_do() {
        let has = |mount, words: &str| blind_spots(mount).iter().any(|said| said.contains(words));
        assert_eq!(blind_spots(Mount::Proxy), [""; 0]);
        assert_eq!(blind_spots(Mount::Redirect).len(), 6, "{:?}", blind_spots(Mount::Redirect));
        assert!(has(Mount::Redirect, "threshold \"talks\" counts minutes"));
        assert!(!has(Mount::Redirect, "\"tries\""), "attempts are seen everywhere");
        assert!(has(Mount::Bridge, "\"mark\" marks calls") && has(Mount::Bridge, "\"talks\" ends calls"));
        assert!(!has(Mount::Decide, "\"mark\""), "marks are told over HTTP");
        assert!(has(Mount::Capture, "only watched"));
        assert!(has(Mount::Redirect, "\"quiet\" answers nothing") && !has(Mount::Proxy, "\"quiet\""));
        assert!(has(Mount::Redirect, "leave `trunks` out") && !has(Mount::Bridge, "`trunks`"));
    }
}
