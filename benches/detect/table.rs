//! The report: a line for each detection, a line for each profile, and totals.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::score::{Keys, Refused, Score, Tally};

/// Scores added up.
#[derive(Default)]
pub(crate) struct Table {
    detections: BTreeMap<&'static str, Tally>,
    keys: BTreeMap<String, Keys>,
    profiles: BTreeMap<&'static str, Sum>,
}

/// What matters of everything.
#[derive(Clone, Default)]
struct Sum {
    campaigns: usize,
    found: usize,
    keys: Keys,
    attacks: Refused,
    benign: Refused,
    benign_requests: Refused,
}

/// What a run must reach.
pub(crate) struct Floor {
    /// Share of campaigns found.
    pub(crate) found: f64,
    /// Share of alerts, by (rule, key), that are about attacks.
    pub(crate) precision: f64,
    /// Share of the exchanges of attacks that are stopped.
    pub(crate) stopped: f64,
    /// Honest calls of a thousand that may be refused.
    pub(crate) blocked_per_thousand: f64,
}

impl Table {
    pub(crate) fn add(&mut self, profile: &'static str, score: &Score) {
        let sum = self.profiles.entry(profile).or_default();
        for (name, tally) in &score.detections {
            sum.campaigns += tally.campaigns;
            sum.found += tally.found;
            sum.attacks.add(tally.exchanges);
            let known = self.detections.entry(name).or_default();
            known.campaigns += tally.campaigns;
            known.found += tally.found;
            known.exchanges.add(tally.exchanges);
            known.fast.extend(&tally.fast);
            known.slow.extend(&tally.slow);
        }
        for (name, keys) in &score.keys {
            sum.keys.add(*keys);
            self.keys.entry(name.clone()).or_default().add(*keys);
        }
        sum.benign.add(score.benign);
        sum.benign_requests.add(score.benign_requests);
    }

    /// Sentences about what does not reach `floor`.
    pub(crate) fn below(&self, floor: &Floor) -> Vec<String> {
        let sum = self.sum();
        let at_least = [
            ("campaigns found", ratio(sum.found, sum.campaigns), floor.found),
            ("precision", ratio(sum.keys.right, sum.keys.all), floor.precision),
            ("attack calls stopped", sum.attacks.share(), floor.stopped),
        ];
        let blocked = 1_000.0 * sum.benign.share();
        let too_many = blocked > floor.blocked_per_thousand;
        let low = at_least.into_iter().filter(|(_, is, floor)| is < floor);
        low.map(|(what, is, floor)| format!("{what}: {is:.3}, wanted {floor}"))
            .chain(too_many.then(|| format!("{blocked:.2} of 1,000 honest calls were refused")))
            .collect()
    }

    /// What each detection reached, a line each.
    pub(crate) fn each(&self) -> String {
        let mut lines = EACH.to_owned();
        for (name, [campaigns, found, alerts, right, exchanges, stopped]) in self.counts() {
            lines += &format!("{name}\t{campaigns}\t{found}\t{alerts}\t{right}\t{exchanges}\t{stopped}\n");
        }
        lines
    }

    /// Sentences about detections that do not reach what the lines of `before` say they did.
    pub(crate) fn below_each(&self, before: &str) -> Vec<String> {
        let mut known: BTreeMap<&str, [usize; 6]> = BTreeMap::new();
        let mut below = Vec::new();
        for line in before.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split('\t');
            let name = words.next().unwrap_or_default();
            let counts: Vec<usize> = words.filter_map(|word| word.parse().ok()).collect();
            match counts.try_into() {
                Ok(counts) => drop(known.insert(name, counts)),
                Err(_) => below.push(format!("{line:?} is no line of six counts")),
            }
        }
        let reached: BTreeMap<&str, [usize; 6]> = self.counts().collect();
        for (name, before) in &known {
            let now = reached.get(name).copied().unwrap_or_default();
            let shares = [
                ("campaigns found", 0, 1),
                ("precision of its alerts", 2, 3),
                ("attack calls stopped", 4, 5),
            ];
            for (what, whole, part) in shares {
                let of = |counts: &[usize; 6]| {
                    let (part, whole) = (counts.get(part)?, counts.get(whole)?);
                    Some(ratio(*part, *whole))
                };
                let (Some(was), Some(is)) = (of(before), of(&now)) else { continue };
                if is < was {
                    below.push(format!("{name}: {what} {is:.3}, {was:.3} before"));
                }
            }
        }
        let unknown = reached.keys().filter(|name| !known.contains_key(*name));
        below.extend(unknown.map(|name| format!("{name}: nothing is written down of it")));
        below
    }

    /// Of each detection: campaigns, those found, alerts, those that were right, attack calls, those stopped.
    fn counts(&self) -> impl Iterator<Item = (&str, [usize; 6])> {
        let names: BTreeSet<&str> =
            self.detections.keys().copied().chain(self.keys.keys().map(String::as_str)).collect();
        names.into_iter().map(|name| {
            let tally = self.detections.get(name).cloned().unwrap_or_default();
            let keys = self.keys.get(name).copied().unwrap_or_default();
            let Refused { all, refused } = tally.exchanges;
            (name, [tally.campaigns, tally.found, keys.all, keys.right, all, refused])
        })
    }

    fn sum(&self) -> Sum {
        let mut all = Sum::default();
        for sum in self.profiles.values() {
            all.campaigns += sum.campaigns;
            all.found += sum.found;
            all.keys.add(sum.keys);
            all.attacks.add(sum.attacks);
            all.benign.add(sum.benign);
            all.benign_requests.add(sum.benign_requests);
        }
        all
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| detection | campaigns | found | alerts (rule, key) | precision | attack calls | stopped | \
             fast: calls · s until found | slow: calls · min |\n|---|---|---|---|---|---|---|---|---|"
        )?;
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        for (name, tally) in &self.detections {
            fast.extend(&tally.fast);
            slow.extend(&tally.slow);
            let keys = self.keys.get(*name).copied().unwrap_or_default();
            line(f, name, [tally.campaigns, tally.found], keys, tally.exchanges, [&tally.fast, &tally.slow])?;
        }
        let all = self.sum();
        line(f, "all", [all.campaigns, all.found], all.keys, all.attacks, [&fast, &slow])?;
        writeln!(
            f,
            "\n| profile | campaigns | found | precision | attack calls stopped | honest calls | refused of 1,000 | \
             honest requests | refused of 1,000 |\n|---|---|---|---|---|---|---|---|---|"
        )?;
        for (name, sum) in self.profiles.iter().map(|(name, sum)| (*name, sum)).chain([("all", &all)]) {
            writeln!(
                f,
                "| {name} | {} | {} | {:.3} | {:.0} % | {} | {:.2} | {} | {:.2} |",
                sum.campaigns,
                sum.found,
                ratio(sum.keys.right, sum.keys.all),
                100.0 * sum.attacks.share(),
                sum.benign.all,
                1_000.0 * sum.benign.share(),
                sum.benign_requests.all,
                1_000.0 * sum.benign_requests.share(),
            )?;
        }
        Ok(())
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    [campaigns, found]: [usize; 2],
    keys: Keys,
    attacks: Refused,
    [fast, slow]: [&[(usize, f64)]; 2],
) -> fmt::Result {
    let course = |course: &[(usize, f64)], unit: f64| match median(course) {
        Some((calls, seconds)) => format!("{calls} · {:.0}", seconds / unit),
        None => "–".to_owned(),
    };
    let precision =
        if keys.all == 0 { "–".to_owned() } else { format!("{:.3}", ratio(keys.right, keys.all)) };
    writeln!(
        f,
        "| {name} | {campaigns} | {found} | {} | {precision} | {} | {:.0} % | {} | {} |",
        keys.all,
        attacks.all,
        100.0 * attacks.share(),
        course(fast, 1.0),
        course(slow, 60.0),
    )
}

/// Median calls and median seconds, each by itself.
fn median(course: &[(usize, f64)]) -> Option<(usize, f64)> {
    let mut calls: Vec<usize> = course.iter().map(|(calls, _)| *calls).collect();
    let mut seconds: Vec<f64> = course.iter().map(|(_, seconds)| *seconds).collect();
    calls.sort_unstable();
    seconds.sort_unstable_by(f64::total_cmp);
    Some((*calls.get(calls.len() / 2)?, *seconds.get(seconds.len() / 2)?))
}

/// 1 where there is nothing to be wrong about.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl Keys {
    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.right += other.right;
    }
}

impl Refused {
    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.refused += other.refused;
    }

    fn share(self) -> f64 {
        if self.all == 0 { 0.0 } else { self.refused as f64 / self.all as f64 }
    }
}

const EACH: &str = "\
# What each detection reached in the run of `cargo xtask test`; a fall fails it. Written anew by `cargo xtask detect --write-floor`.
# name\tcampaigns\tfound\talerts (rule, key)\tright\tattack calls\tstopped
";
