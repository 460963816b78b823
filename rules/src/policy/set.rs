//! Several customers at once: whose call is it, and which verdict holds.

use std::net::IpAddr;

use ahash::HashMap;
use ipnet::IpNet;

use crate::matching::{NetworkTable, SegmentMap};
use crate::number::Number;
use crate::number_set::Segment;
use crate::plan::DialPlan;
use crate::policy::Policy;
use crate::subject::{Identity, Party};
use crate::verdict::Verdict;

/// All policies in force, found by the numbers and trunks of their customers.
#[derive(Debug)]
pub struct PolicySet {
    policies: Vec<Policy>,
    plans: Vec<DialPlan>,
    /// By plan.
    owners: Vec<Owners>,
    /// Who owns what, as ranges in `members`; the first is nobody.
    groups: Vec<(u32, u32)>,
    members: Vec<u32>,
    trunks: NetworkTable,
    /// The group of each trunk network, with those around it.
    trunk_groups: Vec<u32>,
    plan_of: Vec<u32>,
}

/// Policies that share one dial plan, and so read a number alike.
#[derive(Debug)]
struct Owners {
    /// The group that owns each number.
    numbers: SegmentMap,
}

impl PolicySet {
    /// All of `policies`, in order.
    pub fn new(policies: Vec<Policy>) -> Self {
        let mut plans: Vec<DialPlan> = Vec::new();
        let mut known: HashMap<String, u32> = HashMap::default();
        let mut plan_of = Vec::with_capacity(policies.len());
        for policy in &policies {
            let plan = policy.dial_plan();
            let id = *known.entry(format!("{plan:?}")).or_insert_with(|| {
                plans.push(plan.clone());
                plans.len() as u32 - 1
            });
            plan_of.push(id);
        }
        let mut groups = Groups::default();
        let owners = (0..plans.len() as u32)
            .map(|plan| {
                let numbers = |(policy, id): (&Policy, u32)| {
                    let segments = policy.text().customer.numbers.segments();
                    segments.iter().map(move |segment| (*segment, id)).collect::<Vec<(Segment, u32)>>()
                };
                let of_plan = policies.iter().zip(0..).zip(&plan_of).filter(|(_, of)| **of == plan);
                let segments: Vec<_> = of_plan.flat_map(|(policy, _)| numbers(policy)).collect();
                Owners { numbers: SegmentMap::new(&segments, |holders| groups.of(holders.collect())) }
            })
            .collect();
        let (trunks, trunk_groups) = trunk_owners(&policies, &mut groups);
        let Groups { groups, members, .. } = groups;
        Self { policies, plans, owners, groups, members, trunks, trunk_groups, plan_of }
    }

    /// The policies, in order.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The policy at `index`.
    pub fn policy(&self, index: usize) -> Option<&Policy> {
        self.policies.get(index)
    }

    /// The distinct dial plans: the numbers of a message are to be read once by each.
    pub fn plans(&self) -> &[DialPlan] {
        &self.plans
    }

    /// Which of [`plans`](Self::plans) the policy at `index` uses.
    pub fn plan_of(&self, index: usize) -> Option<usize> {
        self.plan_of.get(index).map(|plan| *plan as usize)
    }

    /// Indices of the policies with the dial plan `plan` that a call touches, in order: one of their trunks
    /// or numbers takes part. The numbers are as that plan reads them. One policy alone judges every call.
    pub fn touched<'a>(
        &'a self,
        plan: usize,
        source: IpAddr,
        destination: IpAddr,
        called: &'a [Party],
        callers: &'a [Identity],
    ) -> impl Iterator<Item = usize> + 'a {
        let mut cursors = Cursors { lists: [&[]; TOUCHED_MAX], length: 0 };
        let all: &[u32] = if self.policies.len() == 1 { &[0] } else { &[] };
        cursors.push(all);
        if all.is_empty()
            && let Some(owners) = self.owners.get(plan)
        {
            for address in [source, destination] {
                cursors.push(self.trunk_owners(address));
            }
            let parties = called.iter().copied().chain(callers.iter().map(|caller| caller.party));
            for number in parties.filter_map(Party::number) {
                cursors.push(self.group(owners.group(number)));
            }
        }
        cursors.map(|policy| policy as usize).filter(move |policy| self.plan_of(*policy) == Some(plan))
    }

    /// Puts what [`touched`](Self::touched) yields into `found`, which is emptied before: less work where one policy
    /// stands alone.
    pub fn find_touched(
        &self,
        plan: usize,
        (source, destination): (IpAddr, IpAddr),
        called: &[Party],
        callers: &[Identity],
        found: &mut Vec<u32>,
    ) {
        found.clear();
        if self.policies.len() == 1 {
            found.extend((self.plan_of(0) == Some(plan)).then_some(0));
            return;
        }
        let touched = self.touched(plan, source, destination, called, callers);
        found.extend(touched.map(|index| index as u32));
    }

    fn trunk_owners(&self, address: IpAddr) -> &[u32] {
        let network = self.trunks.value(address).map(|network| network as usize);
        let group = network.and_then(|network| self.trunk_groups.get(network));
        self.group(group.copied().unwrap_or(0))
    }

    fn group(&self, id: u32) -> &[u32] {
        let (from, to) = self.groups.get(id as usize).copied().unwrap_or_default();
        self.members.get(from as usize..to as usize).unwrap_or_default()
    }
}

/// Of the verdicts of all touched customers the one that holds, with its place: the strictest, of equal ones
/// the first. `None` when nobody was touched: the call is allowed.
pub fn strictest<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Option<(usize, &'a Verdict)> {
    let numbered = verdicts.into_iter().enumerate();
    numbered.max_by_key(|(place, verdict)| (verdict.action.strictness(), std::cmp::Reverse(*place)))
}

impl Owners {
    fn group(&self, number: Number) -> u32 {
        self.numbers.value(number)
    }
}

/// Distinct sets of policies.
#[derive(Debug)]
struct Groups {
    groups: Vec<(u32, u32)>,
    members: Vec<u32>,
    known: HashMap<Vec<u32>, u32>,
}

impl Default for Groups {
    fn default() -> Self {
        Self { groups: vec![(0, 0)], members: Vec::new(), known: HashMap::default() }
    }
}

impl Groups {
    /// The number of the group of `policies`, sorted; 0 for nobody.
    fn of(&mut self, policies: Vec<u32>) -> u32 {
        if policies.is_empty() {
            return 0;
        }
        *self.known.entry(policies).or_insert_with_key(|policies| {
            let from = self.members.len() as u32;
            self.members.extend(policies);
            self.groups.push((from, self.members.len() as u32));
            self.groups.len() as u32 - 1
        })
    }
}

fn trunk_owners(policies: &[Policy], groups: &mut Groups) -> (NetworkTable, Vec<u32>) {
    let mut owners: HashMap<IpNet, Vec<u32>> = HashMap::default();
    for (policy, id) in policies.iter().zip(0..) {
        for network in &policy.text().customer.trunks {
            owners.entry(crate::matching::canonical(*network)).or_default().push(id);
        }
    }
    let mut numbered = Vec::with_capacity(owners.len());
    let mut trunk_groups = Vec::with_capacity(owners.len());
    for (network, id) in owners.keys().zip(0..) {
        let around = std::iter::successors(Some(*network), IpNet::supernet);
        let mut all: Vec<u32> =
            around.filter_map(|network| owners.get(&network)).flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        trunk_groups.push(groups.of(all));
        numbered.push((*network, id));
    }
    (NetworkTable::innermost(numbered), trunk_groups)
}

/// Merges a few sorted lists, each value once.
struct Cursors<'a> {
    lists: [&'a [u32]; TOUCHED_MAX],
    length: usize,
}

impl<'a> Cursors<'a> {
    fn push(&mut self, list: &'a [u32]) {
        if list.is_empty() || self.lists.iter().take(self.length).any(|known| std::ptr::eq(*known, list)) {
            return;
        }
        if let Some(free) = self.lists.get_mut(self.length) {
            *free = list;
            self.length += 1;
        }
    }
}

impl Iterator for Cursors<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let lists = self.lists.iter_mut().take(self.length);
        let next = lists.filter_map(|list| list.first()).min().copied()?;
        for list in self.lists.iter_mut().take(self.length) {
            if let [first, rest @ ..] = *list
                && *first == next
            {
                *list = rest;
            }
        }
        Some(next)
    }
}

/// Distinct groups of owners that one call may touch: more addresses and numbers than a message is read for.
const TOUCHED_MAX: usize = 32;
