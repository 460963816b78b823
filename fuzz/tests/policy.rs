//! Any bytes are a policy file or a list of mistakes, each of which lies within a file; what is a policy can be
//! proven and judges by its rules.

use ringwall_fuzz::{duration, seeds, vary};
use rules::policy::{Diagnostic, Level, MemoryFiles, read_bytes};
use rules::proof::{CanMatch, Prover};
use rules::{Policy, Timestamp};

const FILE: &str = "policy.toml";
const LIST: &str =
    "number,category,reason,case,added,expires\n+13125550100,nuisance,calls at night,,2026-01-01,\n";
const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// One rule of every dimension and action.
const SEED: &str = r#"
[customer]
name = "Acme"
region = "US"
time_zone = "America/Chicago"
numbers = ["+1 210 555 0100 - +1 210 555 0199"]
trunks = ["10.20.0.0/16"]
trusted = ["198.51.100.0/24"]

[hours.business]
days = "Mon-Fri"
open = "08:00-17:00"
closed = ["2026-11-26"]

[lists.harassment]
numbers_file = "list.csv"
[lists.scanners]
user_agents = ["friendly-scanner", "sipvicious"]

[[firewall]]
name = "harassing callers"
when = { direction = "inbound", caller = "@harassment" }
action = "block"

[[firewall]]
name = "international after hours"
when = { direction = "outbound", called = "international", time = "outside business" }
unless = { caller = "+1 210 555 0142" }
action = { block = 403 }
alert = "warning"

[[firewall]]
name = "scanners"
when = { user_agent = ["@scanners", "re:^sip[a-z]+$"], source = "203.0.113.0/24" }
action = "block"

[[expect]]
call = { from = "+12105559999", to = "911", direction = "outbound", at = "2026-10-14T23:00-05:00" }
verdict = "allow"
"#;

fn check_all<'d>(found: impl IntoIterator<Item = &'d Diagnostic>, policy: &[u8]) {
    for diagnostic in found {
        let bytes = if diagnostic.file == FILE { policy.len() } else { LIST.len() };
        // Bytes that are no UTF-8 grow to three when they are replaced.
        let bytes = if std::str::from_utf8(policy).is_ok() { bytes } else { bytes * 3 };
        let spans = [Some(&diagnostic.span), diagnostic.related.as_ref().map(|(span, _)| span)];
        for span in spans.into_iter().flatten() {
            assert!(span.start <= span.end && span.end <= bytes, "{diagnostic:?} points outside its file");
        }
        assert!(!diagnostic.message.is_empty());
    }
}

fn check(bytes: &[u8]) {
    let files = MemoryFiles::new().with("list.csv", LIST);
    let reading = read_bytes(FILE, bytes, &files, NOW);
    check_all(&reading.diagnostics, bytes);
    let fails = reading.diagnostics.iter().any(|found| found.level == Level::Error);
    assert_eq!(reading.policy.is_none(), fails, "{:?}", reading.diagnostics);
    let again = read_bytes(FILE, bytes, &files, NOW);
    let messages = |found: &[Diagnostic]| found.iter().map(|one| one.message.clone()).collect::<Vec<_>>();
    assert_eq!(messages(&reading.diagnostics), messages(&again.diagnostics));
    if let Some(text) = reading.policy {
        check_judgement(Policy::new(text), bytes);
    }
}

/// A call that the prover found for a rule is decided by that rule, if it decides.
fn check_judgement(policy: Policy, bytes: &[u8]) {
    let mut prover = Prover::new(policy.text(), policy.emergency(), NOW);
    check_all(&prover.findings(), bytes);
    assert!(prover.emergency("911 or 112").sentence.starts_with("no rule can block 911 or 112"));
    let mut scratch = rules::matching::Scratch::default();
    for (index, rule) in (0..).zip(&policy.text().firewall) {
        let id = rules::policy::RuleId(index);
        let CanMatch::Yes(call) = prover.can_match(id) else { continue };
        let explained = policy.explain(&call.subject(), &policy.limits());
        let judged = policy.judge(&call.subject(), &mut policy.limits(), &mut scratch);
        assert_eq!(explained.verdict, judged, "{} on {call}", rule.name);
    }
}

#[test]
fn policy() {
    let mut seeds = seeds(&["fixtures/policies", "fixtures/demo", "rules/builtin"], &[], &["toml"], 64 << 10);
    seeds.push(SEED.as_bytes().to_vec());
    let read = read_bytes(FILE, SEED.as_bytes(), &MemoryFiles::new().with("list.csv", LIST), NOW);
    assert!(read.policy.is_some(), "{:#?}", read.diagnostics);
    seeds.iter().for_each(|seed| check(seed));
    bolero::check!()
        .with_max_len(128)
        .with_test_time(duration())
        .for_each(|script: &[u8]| check(&vary(&seeds, script)));
}
