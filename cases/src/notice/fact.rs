//! Something that happened, as notices know it: which case, how bad, and the numbers that a text needs.

use std::collections::BTreeMap;

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::{Kind, Severity};
use crate::clock::ClockKind;
use crate::intake::one_line;
use crate::terms::Due;
use crate::{Case, CaseNumber};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happening {
    /// A case was opened, or opened again.
    Opened,
    /// A case is worse than it was.
    SeverityRaised,
    /// A critical alert began the clock until the customer is told.
    Violation,
    /// A clock has used 50, 75 or 90 % of its time, or all of it.
    ClockWarning,
    /// The customer of an open case has heard nothing of it for a business day.
    UpdateDue,
    /// Authorisers are asked.
    AuthorisationAsked,
    /// They have not answered (Z-5).
    AuthorisationReminded,
    /// They never answered.
    AuthorisationExpired,
    /// What they approved counts no more, by what was done in another case.
    ApprovalVoided,
    /// A change is in force, and shown to do what it should.
    Proven,
    /// A change did something else, and was taken back.
    RolledBack,
    /// A case is over.
    Closed,
    /// More cases at once than anybody reads.
    StormBegun,
    /// It goes on: told every five minutes.
    StormContinues,
    /// Ten minutes without a further one.
    StormEnded,
    /// A silence is about to end.
    SilenceEnding,
    /// A silence is over.
    SilenceEnded,
    /// Nobody will be on duty.
    RotaGap,
    /// A calendar lists no holidays beyond the next weeks.
    HolidaysEnd,
    /// Who goes off duty within the hour has not said what the next one should know.
    HandOverAsked,
    /// What they said, for who comes on.
    HandOver,
    /// They said nothing.
    HandOverMissing,
    /// The spool, the database or a policy is not as it should be.
    Trouble,
    /// Somebody has taken the case, or says that they look at it.
    Acknowledged,
    /// The customer has answered, or somebody who may be one.
    Replied,
    /// Somebody goes on with it.
    Progress,
    /// Further alerts joined the case: for machines that follow it.
    Updated,
    /// Whoever is named asked for a trial.
    Trial,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The same thing always has the same.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Happening,
    /// Whose; empty for what is the service's own.
    #[serde(default)]
    pub customer: String,
    /// The case that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseNumber>,
    /// What that is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How much it matters.
    #[serde(default)]
    pub severity: Severity,
    /// The rule behind it; empty when there is none.
    #[serde(default)]
    pub rule: String,
    /// What the rule counts by, and whatever else a matcher may name.
    #[serde(default)]
    pub key: BTreeMap<String, String>,
    /// Who did it, where a person did.
    #[serde(default)]
    pub who: String,
    /// Our own words about it: a proof, a reason. Never those of a stranger.
    #[serde(default)]
    pub text: String,
    /// What was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<Violation>,
    /// Which clock, and how much of it is over, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<(ClockKind, u8)>,
    /// When the next thing is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    /// Alerts in the case.
    #[serde(default)]
    pub alerts: u64,
    /// When it began.
    #[serde(default)]
    pub first: Timestamp,
    /// Where the case stands.
    #[serde(default)]
    pub state: String,
    /// Until when things like this were kept quiet, by which silence: in the first alarm after it (D-8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<(Timestamp, String)>,
}

/// What an alert counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// The limit.
    pub limit: Option<f64>,
    /// What was observed.
    pub observed: f64,
    /// Within which time.
    pub window: Option<String>,
    /// What is usual in this hour, where that is known.
    pub baseline: Option<f64>,
    /// Attempts altogether.
    pub calls: u64,
    /// Until when calls like these are blocked, if they are.
    pub until: Option<Timestamp>,
    /// The numbers that it is about most, with their attempts.
    pub top: Vec<(String, u64)>,
}

impl Happening {
    /// All of them that a route may name.
    pub const ROUTED: [Self; 25] = [
        Self::Opened,
        Self::SeverityRaised,
        Self::Violation,
        Self::ClockWarning,
        Self::UpdateDue,
        Self::AuthorisationAsked,
        Self::AuthorisationReminded,
        Self::AuthorisationExpired,
        Self::ApprovalVoided,
        Self::Proven,
        Self::RolledBack,
        Self::Closed,
        Self::Replied,
        Self::StormBegun,
        Self::StormContinues,
        Self::StormEnded,
        Self::SilenceEnding,
        Self::SilenceEnded,
        Self::RotaGap,
        Self::HolidaysEnd,
        Self::HandOverAsked,
        Self::HandOver,
        Self::HandOverMissing,
        Self::Trouble,
        Self::Trial,
    ];

    /// The word that is stored, shown and matched.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::SeverityRaised => "severity-raised",
            Self::Violation => "violation",
            Self::ClockWarning => "clock-warning",
            Self::UpdateDue => "update-due",
            Self::AuthorisationAsked => "authorisation-asked",
            Self::AuthorisationReminded => "authorisation-reminded",
            Self::AuthorisationExpired => "authorisation-expired",
            Self::ApprovalVoided => "approval-voided",
            Self::Proven => "proven",
            Self::RolledBack => "rolled-back",
            Self::Closed => "closed",
            Self::StormBegun => "storm-begun",
            Self::StormContinues => "storm-continues",
            Self::StormEnded => "storm-ended",
            Self::SilenceEnding => "silence-ending",
            Self::SilenceEnded => "silence-ended",
            Self::RotaGap => "rota-gap",
            Self::HolidaysEnd => "holidays-end",
            Self::HandOverAsked => "handover-asked",
            Self::HandOver => "handover",
            Self::HandOverMissing => "handover-missing",
            Self::Trouble => "trouble",
            Self::Acknowledged => "acknowledged",
            Self::Replied => "replied",
            Self::Progress => "progress",
            Self::Updated => "updated",
            Self::Trial => "trial",
        }
    }

    /// Whether somebody has to have it before it is quiet.
    pub const fn is_alarm(self) -> bool {
        matches!(
            self,
            Self::Opened | Self::SeverityRaised | Self::Violation | Self::StormBegun | Self::Trouble
        )
    }

    /// Whether it is told to people at all.
    pub const fn is_routed(self) -> bool {
        !matches!(self, Self::Acknowledged | Self::Progress | Self::Updated)
    }
}

impl Fact {
    /// One about `case`, with nothing that is not known of it.
    pub fn of_case(case: &Case, event: Happening, at: Timestamp, name: &str) -> Self {
        let severity = case.severity;
        Self {
            id: format!("{}/{name}", case.number),
            customer: case.customer.clone(),
            case: Some(case.number),
            kind: Some(case.kind),
            severity,
            due: due(case),
            alerts: case.alerts,
            first: case.first,
            state: case.state.name().to_owned(),
            ..Self::of_service(event, at, "")
        }
    }

    /// One about the service itself.
    pub fn of_service(event: Happening, at: Timestamp, name: &str) -> Self {
        Self {
            id: format!("service/{}/{name}", event.name()),
            at,
            event,
            customer: String::new(),
            case: None,
            kind: None,
            severity: Severity::Warning,
            rule: String::new(),
            key: BTreeMap::new(),
            who: String::new(),
            text: String::new(),
            violation: None,
            clock: None,
            due: None,
            alerts: 0,
            first: at,
            state: String::new(),
            silenced: None,
        }
    }

    /// With what `alerts`, the latest first, say: rule, key, and what was counted.
    pub fn with_alerts(mut self, alerts: &[Value]) -> Self {
        let Some(latest) = alerts.first() else { return self };
        let word = |value: &Value, name: &str| {
            value.get(name).and_then(Value::as_str).map(|text| one_line(text, WORD_CHARACTERS_MAX))
        };
        self.rule = word(latest, "rule").unwrap_or_default();
        let key = latest.get("key").and_then(Value::as_object);
        for (name, value) in key.into_iter().flatten() {
            self.key.insert(name.clone(), one_line(value.as_str().unwrap_or_default(), WORD_CHARACTERS_MAX));
        }
        let number = |name: &str| latest.get(name).and_then(Value::as_f64);
        let until = word(latest, "until").and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let mut top: BTreeMap<String, u64> = BTreeMap::new();
        for alert in alerts {
            let of = |name: &str| alert.get("key").and_then(|key| key.get(name)).and_then(Value::as_str);
            let Some(subject) = of("caller").or_else(|| of("called")) else { continue };
            let calls = alert.get("total_calls").and_then(Value::as_u64).unwrap_or(1);
            let counted = top.entry(shown_number(subject)).or_default();
            *counted = calls.max(*counted);
        }
        let mut top: Vec<_> = top.into_iter().collect();
        top.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        top.truncate(TOP_MAX);
        self.violation = Some(Violation {
            limit: number("limit"),
            observed: number("count").unwrap_or_default(),
            window: word(latest, "window"),
            baseline: number("baseline"),
            calls: latest.get("total_calls").and_then(Value::as_u64).unwrap_or_default(),
            until: until.map(|at| Timestamp(at.as_microsecond())),
            top,
        });
        self
    }

    /// What a matcher, and `group_by`, may name.
    pub fn label(&self, name: &str) -> Option<String> {
        Some(match name {
            "event" => self.event.name().to_owned(),
            "customer" => self.customer.clone(),
            "case" => self.case?.to_string(),
            "kind" => self.kind?.name().to_owned(),
            "severity" => self.severity.name().to_owned(),
            "rule" => self.rule.clone(),
            "clock" => self.clock?.0.name().to_owned(),
            "percent" => self.clock?.1.to_string(),
            _ => self.key.get(name)?.clone(),
        })
    }
}

/// `text` if it is a telephone number as we write one, else a word for what it is: what strangers write is not told on.
pub(super) fn shown_number(text: &str) -> String {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number =
        (1..=NUMBER_DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    match text {
        _ if is_number => text.to_owned(),
        "anonymous" => "anonymous".to_owned(),
        _ => "no readable number".to_owned(),
    }
}

fn due(case: &Case) -> Option<Due> {
    case.clocks
        .iter()
        .filter(|clock| clock.stopped.is_none())
        .map(|clock| clock.due)
        .min_by_key(|due| due.target)
}

const WORD_CHARACTERS_MAX: usize = 80;
const NUMBER_DIGITS_MAX: usize = 20;
const TOP_MAX: usize = 3;
