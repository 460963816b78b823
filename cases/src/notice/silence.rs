//! Silences: who wants what kept quiet, why, and until when (D-8).

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::case::Severity;
use crate::clock::ClockKind;
use crate::notice::{Fact, Happening, Matcher};
use crate::tag::tag_of;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// What names it, such as `S-3`.
    pub id: String,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// What is kept quiet.
    pub matcher: Matcher,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who else wants it, for one that lasts longer than a week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// The customer's own contact who asked for it: only then is the clock until the customer is told silent as well (D-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// It ends before its time once nothing that it is about has happened for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_micros: Option<i64>,
    /// The last time at which something happened that it is about; kept where that ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Timestamp>,
    /// When it ended before its time, and by whom: a person, or `ringwall` where it was quiet for long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Timestamp, String)>,
    /// Whether its author was reminded that it ends.
    #[serde(default)]
    pub is_reminded: bool,
    /// Whether it was told that it is over.
    #[serde(default)]
    pub is_told: bool,
    /// Whether the first alert after its end said that there was one, or none came for a week.
    #[serde(default)]
    pub is_noted: bool,
}

impl Silence {
    /// One of `author`, for `reason`, about what `matcher` says, from the first moment until the second.
    pub fn new(author: &str, reason: &str, matcher: Matcher, (from, until): (Timestamp, Timestamp)) -> Self {
        Self {
            id: String::new(),
            author: author.to_owned(),
            reason: reason.to_owned(),
            matcher,
            from,
            until,
            second: None,
            contact: None,
            quiet_micros: None,
            heard: None,
            ended: None,
            is_reminded: false,
            is_told: false,
            is_noted: false,
        }
    }

    /// What tells it from what it was before: what the service notes of it does not make it another one.
    pub fn tag(&self) -> String {
        tag_of(&(&self.id, &self.author, &self.reason, &self.matcher.0, self.from, self.until, &self.ended))
    }

    /// What is wrong with it.
    pub fn mistake(&self) -> Option<String> {
        let micros = self.until.micros_since(self.from);
        if self.reason.trim().chars().count() < REASON_MIN {
            return Some(format!("a silence needs a reason of at least {REASON_MIN} characters"));
        }
        if self.matcher.0.is_empty() {
            return Some(
                "a silence says what it is about: a customer, a rule, a caller or a case".to_owned(),
            );
        }
        if micros <= 0 {
            return Some("a silence ends after it begins".to_owned());
        }
        if self.second.as_deref() == Some(self.author.as_str()) {
            return Some("the second person is another one".to_owned());
        }
        if self.quiet_micros.is_some_and(|quiet| quiet < QUIET_MICROS_MIN || quiet > micros) {
            return Some(
                "a silence ends when it is quiet for 5 minutes at least, and not longer than it lasts"
                    .to_owned(),
            );
        }
        let days = if self.second.is_some() { DAYS_MAX_WITH_SECOND } else { DAYS_MAX };
        (micros > days * DAY).then(|| {
            format!("a silence lasts {DAYS_MAX} days at most, {DAYS_MAX_WITH_SECOND} with a second person")
        })
    }

    /// When it is over.
    pub fn end(&self) -> Timestamp {
        self.ended.as_ref().map_or(self.until, |(at, _)| self.until.min(*at))
    }

    /// When it ends because nothing has happened since what was heard last; `None` where that does not end it.
    pub fn quiet_end(&self) -> Option<Timestamp> {
        let since = self.heard.map_or(self.from, |heard| heard.max(self.from));
        self.quiet_micros.filter(|_| self.ended.is_none()).map(|quiet| since.plus_micros(quiet))
    }

    /// When its author is reminded that it ends: while `calendar` is open, half an hour of that before its end, so that
    /// somebody is there to hear it. Half an hour before where it is not open in between.
    pub fn reminder_at(&self, calendar: &Calendar) -> Timestamp {
        let end = self.end();
        let mut left = REMINDER_MICROS;
        let windows: Vec<_> =
            calendar.windows_from(self.from).take_while(|window| window.open < end).collect();
        for window in windows.iter().rev() {
            let (open, close) = (window.open.max(self.from), window.close.min(end));
            let within = close.micros_since(open);
            if within >= left {
                return close.plus_micros(-left);
            }
            left -= within;
        }
        end.plus_micros(-REMINDER_MICROS).max(self.from)
    }

    /// Hears of `fact`, if it is about such; whether that is worth being kept.
    pub fn hear(&mut self, fact: &Fact) -> bool {
        let is_heard = self.quiet_micros.is_some()
            && (fact.event.is_alarm() || fact.event == Happening::Updated)
            && fact.at >= self.from
            && fact.at < self.end()
            && self.heard.is_none_or(|heard| fact.at > heard)
            && self.matcher.fits_labels(fact);
        if is_heard {
            self.heard = Some(fact.at);
        }
        is_heard
    }

    /// Whether something has to be done about it at `now`: ended, reminded of, told to be over, or forgotten.
    pub fn is_due(&self, calendar: &Calendar, now: Timestamp) -> bool {
        if now >= self.end() {
            return !self.is_told || (!self.is_noted && now >= self.end().plus_micros(NOTED_MICROS));
        }
        self.quiet_end().is_some_and(|at| now >= at)
            || (!self.is_reminded && now >= self.reminder_at(calendar))
    }

    /// What is told to have happened to it by `now`; `None` where nothing is.
    pub fn pass(&mut self, calendar: &Calendar, now: Timestamp) -> Option<Happening> {
        if self.quiet_end().is_some_and(|at| now >= at && at < self.until) {
            self.ended = Some((now, "ringwall".to_owned()));
        }
        if now >= self.end() {
            self.is_reminded = true;
            self.is_noted |= now >= self.end().plus_micros(NOTED_MICROS);
            return (!std::mem::replace(&mut self.is_told, true)).then_some(Happening::SilenceEnded);
        }
        let is_reminder = !self.is_reminded && now >= self.reminder_at(calendar);
        self.is_reminded |= is_reminder;
        is_reminder.then_some(Happening::SilenceEnding)
    }

    /// Says in `fact`, the first alarm after its end that it would have kept quiet, that there was a silence; whether it did.
    pub fn note(&mut self, fact: &mut Fact) -> bool {
        let is_first = self.is_told
            && !self.is_noted
            && fact.event.is_alarm()
            && fact.at >= self.end()
            && self.matcher.fits_labels(fact);
        if is_first {
            self.is_noted = true;
            fact.silenced = Some((self.end(), self.words()));
        }
        is_first
    }

    /// Whether it keeps `fact` quiet at `now`.
    pub fn covers(&self, fact: &Fact, now: Timestamp) -> bool {
        if now < self.from || now >= self.end() || !self.matcher.fits_labels(fact) {
            return false;
        }
        // A promise to the customer is silenced by the customer only.
        let is_promise = matches!(fact.clock, Some((ClockKind::Notify, _)));
        let is_about_silences = matches!(fact.event, Happening::SilenceEnding | Happening::SilenceEnded);
        !is_about_silences && (!is_promise || self.contact.is_some())
    }

    /// In words, for an explanation.
    pub fn words(&self) -> String {
        format!("{} of {}: {}", self.id, self.author, self.reason)
    }

    /// How many of `facts` it would have hidden, and how many of those were critical.
    pub fn would_have_hidden(&self, facts: &[Fact]) -> (usize, usize) {
        let hidden: Vec<_> = facts.iter().filter(|fact| self.matcher.fits_labels(fact)).collect();
        let critical = hidden.iter().filter(|fact| fact.severity == Severity::Critical).count();
        (hidden.len(), critical)
    }
}

/// Shorter says nothing.
const REASON_MIN: usize = 8;
const DAY: i64 = 24 * 3_600_000_000;
/// The author is reminded so long before its end (D-8).
const REMINDER_MICROS: i64 = 30 * 60 * 1_000_000;
/// A shorter quiet is between two alerts.
const QUIET_MICROS_MIN: i64 = 5 * 60 * 1_000_000;
/// For so long after its end an alert says that there was a silence.
const NOTED_MICROS: i64 = 7 * DAY;
const DAYS_MAX: i64 = 7;
const DAYS_MAX_WITH_SECOND: i64 = 30;
