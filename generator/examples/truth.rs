//! Tells what is in a stretch of traffic: `truth SEED DAYS PROFILE CALLS_PER_HOUR CAMPAIGNS_PER_DAY`.
#![allow(missing_docs, clippy::print_stdout, reason = "a tool for those who tune detections")]

use std::collections::BTreeMap;

use ringwall_generator::{Campaigns, Customer, Day, Settings};

fn main() {
    let numbers: Vec<f64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [seed, days, profile, calls_per_hour, campaigns] = numbers.as_slice() else {
        println!("usage: truth SEED DAYS PROFILE CALLS_PER_HOUR CAMPAIGNS_PER_DAY");
        return;
    };
    let day = Day::new(Settings {
        seed: *seed as u64,
        customer: Customer::all().into_iter().nth(*profile as usize).unwrap_or_default(),
        duration_micros: (days * 86_400e6) as u64,
        calls_per_hour: *calls_per_hour,
        campaigns: Campaigns::PerDay(*campaigns),
        ..Settings::default()
    });
    let mut labels: BTreeMap<&str, u64> = BTreeMap::new();
    for truth in day.truths() {
        *labels.entry(truth.label.word()).or_default() += 1;
    }
    let hours = |from: i64, to: i64| (to - from) as f64 / 3.6e9;
    let start = Settings::default().start_micros;
    for campaign in day.campaigns() {
        println!(
            "{:>4}  {:<34}{:<24}{:>6} calls from hour {:>6.1} for {:>6.1} h",
            campaign.id,
            campaign.attack.word(),
            campaign.variant,
            campaign.calls,
            hours(start, campaign.first_micros),
            hours(campaign.first_micros, campaign.last_micros)
        );
    }
    for event in day.events() {
        println!(
            "      {:<58}{:>6} calls from hour {:>6.1} for {:>6.1} h",
            event.confounder.word(),
            event.calls,
            hours(start, event.first_micros),
            hours(event.first_micros, event.last_micros)
        );
    }
    for (label, count) in labels {
        println!("{count:>10}  {label}");
    }
}
