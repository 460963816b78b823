//! `ringwall explain`: every fact, every rule considered, and what would have turned the verdict.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use collector::Capture;
use engine::sip::{Disposition, looks_like_sip};
use engine::{Attempt, Question, Role};
use jiff::Zoned;
use jiff::tz::TimeZone;
use reporter::{party, printable};
use rules::policy::{
    ExpectedCall, Explanation, Finding, Mode, RuleFinding, RuleState, Threshold, ThresholdFinding,
};
use rules::{Party, Policy, Subject, Timestamp, plan};
use serde_json::{Value, json};

use crate::outcome::{Failure, Outcome};
use crate::policies;
use crate::signatures::Signatures;

/// Explain what a policy decides about one call and why.
#[derive(Args)]
#[command(
    after_help = "Example:\n  ringwall explain --policy acme.toml --caller '+1 (303) 555-0142' --called 2105550100\n  \
ringwall explain --policy acme.toml --message invite.sip --source 198.51.100.11\n  \
ringwall explain --policy acme.toml --message invite.sip --anchors sti-ca.pem --certificates fetched"
)]
pub(crate) struct Arguments {
    /// The customer's policy.
    #[arg(long)]
    policy: PathBuf,
    /// A file that holds one SIP message; `-` is standard input.
    #[arg(long, conflicts_with_all = ["caller", "called"])]
    message: Option<PathBuf>,
    /// Who calls: as From would carry it.
    #[arg(long, required_unless_present = "message")]
    caller: Option<String>,
    /// Whom: as the Request-URI would carry it.
    #[arg(long, required_unless_present = "message")]
    called: Option<String>,
    /// Who sends the packet: an address, or address and port. An outsider unless given.
    #[arg(long)]
    source: Option<String>,
    /// When: RFC 3339, or a date and time in the customer's zone. Now unless given.
    #[arg(long)]
    at: Option<String>,
    #[command(flatten)]
    signatures: Signatures,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let set = policies::load(std::slice::from_ref(&arguments.policy), None)?;
    let Some(policy) = set.policies().first() else { return Err(Failure::Said) };
    let question = arguments.question(policy)?;
    let mut verifier = arguments.signatures.verifier(question.at)?;
    let text = question.ask(policy, verifier.as_mut(), |subject, attempt, stir| {
        let explanation = policy.explain(subject, &policy.limits());
        let disposition = arguments.message.is_some().then(|| question.disposition());
        let told = Told { policy, subject, attempt, stir, disposition, explanation: &explanation };
        if arguments.json { told.json() } else { told.text() }
    });
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)?;
    Ok(Outcome::Done)
}

impl Arguments {
    fn question(&self, policy: &Policy) -> Result<Question, Failure> {
        let source = self.source.as_deref().map(address).transpose()?;
        let zone = &policy.text().customer.time_zone;
        let at = self.at.as_deref().map_or_else(|| Ok(policies::now()), |at| moment(at, zone))?;
        if let Some(path) = &self.message {
            let bytes = if path.as_os_str() == "-" {
                let mut bytes = Vec::new();
                io::stdin().read_to_end(&mut bytes).map(|_| bytes)
            } else {
                std::fs::read(path)
            };
            let bytes = bytes.map_err(Failure::file(path))?;
            check_message(path, &bytes)?;
            return Ok(Question::of_message(bytes, source, at));
        }
        let call = ExpectedCall {
            from: self.caller.clone().unwrap_or_default(),
            to: self.called.clone().unwrap_or_default(),
            source,
            at: Some(at),
            ..ExpectedCall::default()
        };
        Ok(Question::of_call(&call, at))
    }
}

/// Refuses what is no SIP message at all: nothing true could be said about it. One that is only broken is explained.
fn check_message(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    let (what, remedy) = match bytes {
        [] => ("is empty", "it wants one SIP message, from its start line on"),
        _ if is_capture(bytes) => ("is a capture, not one SIP message", "`ringwall replay` reads captures"),
        _ if !looks_like_sip(bytes) => {
            ("holds no SIP message", "it wants one, from its start line on, such as `INVITE sip:… SIP/2.0`")
        }
        _ => return Ok(()),
    };
    Err(Failure::Usage(format!("{name} {what}; {remedy}")))
}

fn is_capture(bytes: &[u8]) -> bool {
    Capture::from_reader("message", io::Cursor::new(bytes.to_vec())).is_ok()
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    let whole = text.parse::<SocketAddr>().ok();
    whole.or_else(|| text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 5060))).ok_or_else(
        || Failure::Usage(format!("--source wants an IP address, with or without a port, not {text:?}")),
    )
}

fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let exact = text.parse::<jiff::Timestamp>().ok();
    let local = || {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        civil.to_zoned(zone.clone()).ok().map(|zoned: Zoned| zoned.timestamp())
    };
    exact.or_else(local).map(|moment| Timestamp(moment.as_microsecond())).ok_or_else(|| {
        Failure::Usage(format!(
            "--at wants a moment such as 2026-10-14T23:00-05:00 or 2026-10-14T23:00, not {text:?}"
        ))
    })
}

/// One verdict with all that led to it.
struct Told<'a> {
    policy: &'a Policy,
    subject: &'a Subject<'a>,
    attempt: &'a Attempt,
    stir: Option<stir::Outcome>,
    /// What SIP itself wants done with the message; `None` when a call was told by its parts.
    disposition: Option<Disposition>,
    explanation: &'a Explanation,
}

impl Told<'_> {
    fn text(&self) -> String {
        let mut out = String::from("facts\n");
        for (name, value) in self.facts() {
            let _ = writeln!(out, "  {name:<16}{value}");
        }
        out.push_str("\nrules, in order\n");
        if self.explanation.rules.is_empty() {
            out.push_str("  none was looked at\n");
        }
        for finding in &self.explanation.rules {
            self.rule(&mut out, finding);
        }
        self.thresholds(&mut out);
        let _ = write!(out, "\nverdict\n  {}\n", self.verdict());
        for turn in self.turning_points() {
            let _ = writeln!(out, "  {turn}");
        }
        let version = self.policy.version();
        let _ = write!(
            out,
            "\npolicy {}, version {}; number plans of {}\n",
            printable(self.policy.name()),
            version.get(..16).unwrap_or(version),
            plan::metadata_version()
        );
        out
    }

    fn json(&self) -> String {
        let facts: serde_json::Map<String, Value> =
            self.facts().into_iter().fold(serde_json::Map::new(), |mut facts, (name, value)| {
                match facts.get_mut(name) {
                    Some(Value::Array(values)) => values.push(Value::String(value)),
                    _ => {
                        facts.insert(name.to_owned(), json!([value]));
                    }
                }
                facts
            });
        let rules: Vec<Value> = self
            .explanation
            .rules
            .iter()
            .map(|finding| {
                let conditions = |findings: &[Finding]| -> Vec<Value> {
                    findings
                        .iter()
                        .map(|condition| {
                            json!({
                                "dimension": condition.dimension, "holds": condition.holds,
                                "value": condition.fitted.as_ref().map(|fit| &fit.value),
                                "term": condition.fitted.as_ref().map(|fit| &fit.term),
                                "values": condition.values,
                            })
                        })
                        .collect()
                };
                json!({
                    "rule": self.rule_name(finding), "state": state(finding.state),
                    "when": conditions(&finding.when), "unless": conditions(&finding.unless),
                })
            })
            .collect();
        let thresholds: Vec<Value> = self
            .counting()
            .map(|(finding, threshold)| {
                json!({
                    "threshold": threshold.name, "counts": reporter::describe(threshold),
                    "warning": threshold.warning, "critical": threshold.critical, "blockable": finding.blockable,
                })
            })
            .collect();
        let verdict = &self.explanation.verdict;
        let mut line = Vec::new();
        let value = json!({
            "facts": facts, "rules": rules,
            "thresholds": thresholds,
            "verdict": verdict.action.word(), "would": verdict.would.map(rules::Action::word),
            "action_status": reporter::status(verdict),
            "rule": self.policy.decider(verdict),
            "reason": reporter::reason(verdict, self.policy),
            "turning_points": self.turning_points(),
            "turning": reporter::turning(self.explanation, self.policy),
            "policy_version": self.policy.version(),
            "number_plans": plan::metadata_version(),
        });
        // Writing to memory cannot fail.
        let _ = reporter::to_line(&mut line, &value);
        String::from_utf8_lossy(&line).into_owned()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let subject = self.subject;
        let mut facts = Vec::new();
        if let Some(disposition) = self.disposition {
            facts.push(("disposition", disposition.to_string()));
        }
        for (fact, role) in self.attempt.all_facts().iter().map(|fact| (fact, fact.role)) {
            let mut value = printable(&party(self.attempt, fact));
            if let Party::Number(number) = fact.party
                && !number.is_local()
            {
                let _ = write!(value, "  ({})", plan::describe(number));
            }
            if role.says_who_calls() || role.says_who_forwarded() {
                let identities = subject.callers.iter().chain(subject.forwarders);
                let asserted =
                    identities.filter(|identity| identity.party == fact.party).any(|one| one.asserted);
                value.push_str(if asserted { ", asserted by a believed peer" } else { ", not asserted" });
            }
            facts.push((role_name(role), value));
        }
        let text = |bytes: &[u8]| printable(&String::from_utf8_lossy(bytes));
        facts.push(("direction", subject.direction.word().to_owned()));
        facts.push(("method", subject.method.word().to_owned()));
        facts.push(("source", subject.source.to_string()));
        facts.push(("transport", subject.transport.word().to_owned()));
        let local = jiff::Timestamp::from_microsecond(subject.at.0)
            .map(|moment| moment.to_zoned(self.policy.text().customer.time_zone.clone()));
        if let Ok(local) = local {
            facts.push(("time", local.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string()));
        }
        facts.push(("call type", subject.call_type.word().to_owned()));
        facts.push((
            "attestation",
            subject.attestation.map_or("unverified", rules::Attestation::word).to_owned(),
        ));
        if let Some(outcome) = self.stir {
            let code = outcome.code().map_or_else(String::new, |code| format!(" ({code})"));
            let said = format!("{}{code}, {}: {}", outcome.verstat(), outcome.word(), outcome.meaning());
            facts.push(("verification", said));
        }
        if !subject.signer.is_empty() {
            facts.push(("signer", text(subject.signer)));
        }
        for (name, value) in [("display name", subject.display_name), ("user agent", subject.user_agent)] {
            if !value.is_empty() {
                facts.push((name, text(value)));
            }
        }
        if subject.restricted {
            facts.push(("restricted", "the caller withholds the number".to_owned()));
        }
        if subject.identity_mismatch {
            facts.push(("mismatch", "the identities name different callers".to_owned()));
        }
        for flag in subject.flags.iter() {
            facts.push(("flag", format!("{flag}: {}", flag.meaning())));
        }
        facts
    }

    fn rule(&self, out: &mut String, finding: &RuleFinding) {
        let _ = writeln!(
            out,
            "  {:>3}  {:<12}{}",
            finding.rule.0 + 1,
            state(finding.state),
            printable(&self.rule_name(finding))
        );
        for (clause, conditions) in [("when", &finding.when), ("unless", &finding.unless)] {
            for condition in conditions {
                let _ = writeln!(out, "         {clause:<7}{}", printable(&describe(condition)));
            }
        }
        if let Some((count, exceeded)) = finding.limit {
            let _ = writeln!(
                out,
                "         limit  {count} counted before this call{}",
                if exceeded { ": exceeded" } else { "" }
            );
        }
    }

    /// The thresholds that would count it.
    fn counting(&self) -> impl Iterator<Item = (&ThresholdFinding, &Threshold)> {
        let method = self.subject.method;
        let findings = self.explanation.thresholds.iter();
        let known = findings.filter_map(|finding| Some((finding, self.policy.threshold(finding.threshold)?)));
        known.filter(move |(finding, one)| finding.state == RuleState::Matches && one.counts(method))
    }

    fn thresholds(&self, out: &mut String) {
        if self.explanation.thresholds.is_empty() {
            return;
        }
        out.push_str("\nthresholds that would count it\n");
        let before = out.len();
        for (finding, threshold) in self.counting() {
            let spared = if finding.blockable { "" } else { "; its block would not hold against this call" };
            let mode = if threshold.mode == Mode::Shadow { " (shadow)" } else { "" };
            let said = format!("{}{mode}: {}{spared}", threshold.name, reporter::describe(threshold));
            let _ = writeln!(out, "  {}", printable(&said));
        }
        if out.len() == before {
            out.push_str("  none\n");
        }
    }

    fn verdict(&self) -> String {
        let verdict = &self.explanation.verdict;
        let status = reporter::status(verdict).map_or_else(String::new, |status| format!(" {status}"));
        let shadow = verdict
            .would
            .map_or_else(String::new, |would| format!(" (in enforce mode it would be {})", would.word()));
        format!(
            "{}{status}{shadow}: {}",
            verdict.action.word(),
            printable(&reporter::reason(verdict, self.policy))
        )
    }

    fn turning_points(&self) -> Vec<String> {
        reporter::turning_points(self.explanation, self.policy)
    }

    fn rule_name(&self, finding: &RuleFinding) -> String {
        self.policy.rule(finding.rule).map(|rule| rule.name.clone()).unwrap_or_default()
    }
}

fn describe(condition: &Finding) -> String {
    match &condition.fitted {
        Some(fit) if fit.value == fit.term => format!("{} is {}", condition.dimension, fit.value),
        Some(fit) => format!("{}: {} fits {}", condition.dimension, fit.value, fit.term),
        None => format!(
            "{}: {} fits none of {}",
            condition.dimension,
            reporter::listed(&condition.values),
            reporter::listed(&condition.terms)
        ),
    }
}

fn state(state: RuleState) -> &'static str {
    match state {
        RuleState::Matches => "matches",
        RuleState::Fails => "no",
        RuleState::NotReached => "not reached",
        RuleState::Off => "off",
        RuleState::Expired => "expired",
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::From => "caller",
        Role::Asserted => "asserted",
        Role::Preferred => "preferred",
        Role::RemoteParty => "remote party",
        Role::Diversion => "diverted by",
        Role::History => "history",
        Role::Called => "called",
        Role::Routing => "routing number",
        Role::ReferTo => "refer to",
        Role::RedirectTo => "redirect to",
        Role::To => "to",
        Role::Referrer => "referred by",
        Role::Contact => "contact",
        Role::Charge => "charge",
        Role::ReplyTo => "reply to",
        Role::PassportOrig => "passport orig",
    }
}
