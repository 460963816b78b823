//! M16: how many calls are answered, how long they last, how long callers wait for a ring.

use records::{Batch, Column, Columns};
use serde::{Deserialize, Serialize};

use super::m13_toll_fraud::talk_millis;
use super::spread::Spread;
use super::{Class, Context, Definition, Fold, Period, Rows, Share, Unit};

/// How attempts went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    attempts: u64,
    passed: u64,
    answered: u64,
    by_user: u64,
    ended: u64,
    talk_millis: u64,
    talks: Spread,
    dials: Spread,
}

/// What M16 says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct QualityAnswer {
    /// Answer-seizure ratio: answered of all attempts.
    pub asr: Share,
    /// The same of those that policy let on.
    pub asr_passed: Share,
    /// Network effectiveness: answered, or busy, not answered or rejected by the user, of all attempts.
    pub ner: Share,
    /// The same of those that policy let on.
    pub ner_passed: Share,
    /// Seconds talked per answered call whose end was seen.
    pub acd_seconds: Option<f64>,
    /// Seconds talked, the middle one.
    pub talk_median_seconds: Option<f64>,
    /// Seconds talked: nine of ten talk no longer.
    pub talk_p90_seconds: Option<f64>,
    /// Seconds from the first message to the first ring, the middle one.
    pub pdd_median_seconds: Option<f64>,
    /// Seconds to the first ring: nine of ten wait no longer.
    pub pdd_p90_seconds: Option<f64>,
}

impl Fold for Quality {
    const DEFINITION: Definition = Definition {
        id: "M16",
        name: "ASR, NER, ACD, PDD",
        formula: "ASR: answered / attempts; NER: (answered + status 408, 480, 486, 487, 600, 603, 607 or 608) / attempts; ACD: talk time / answered; \
                  PDD: median from first message to first ring",
        unit: Unit::Share,
        version: 1,
        counts: "How many attempts were answered, how many the network did its part for, how long an answered call lasts and how long a caller \
                 waits for the ring. Both ratios also of those alone that policy let on.",
        omits: "Calls whose end was not seen, in the duration. Attempts that never rang, in the wait. Durations are at most 0.8 % too low in \
                medians and p90.",
    };
    const NEEDS: Columns =
        Columns::of(&[Column::Status, Column::RangAfter, Column::AnsweredAfter, Column::EndedAfter]);
    type Answer = QualityAnswer;

    fn take(&mut self, rows: &Rows<'_>) {
        for attempt in rows.attempts() {
            let row = attempt.row;
            self.attempts += 1;
            if attempt.class != Class::Passed {
                continue;
            }
            self.passed += 1;
            let after = |column: &[i64]| column.get(row).copied().filter(|after| *after != Batch::NEVER);
            if after(&rows.batch.answered_after).is_some() {
                self.answered += 1;
                if let Some(millis) = talk_millis(rows.batch, row) {
                    self.ended += 1;
                    self.talk_millis += millis;
                    self.talks.add(millis);
                }
            } else if rows.batch.status.get(row).is_some_and(|status| BY_USER.contains(status)) {
                self.by_user += 1;
            }
            if let Some(rang) = after(&rows.batch.rang_after) {
                self.dials.add(u64::try_from(rang / 1_000).unwrap_or_default());
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.passed += other.passed;
        self.answered += other.answered;
        self.by_user += other.by_user;
        self.ended += other.ended;
        self.talk_millis += other.talk_millis;
        self.talks.merge(&other.talks);
        self.dials.merge(&other.dials);
    }

    fn answer(&self, _: &Context, _: &Period) -> QualityAnswer {
        let effective = self.answered + self.by_user;
        let seconds = |millis: Option<u64>| millis.map(|millis| millis as f64 / 1_000.0);
        QualityAnswer {
            asr: Share::new(self.answered, self.attempts),
            asr_passed: Share::new(self.answered, self.passed),
            ner: Share::new(effective, self.attempts),
            ner_passed: Share::new(effective, self.passed),
            acd_seconds: (self.ended > 0).then(|| self.talk_millis as f64 / 1_000.0 / self.ended as f64),
            talk_median_seconds: seconds(self.talks.median()),
            talk_p90_seconds: seconds(self.talks.percentile(90)),
            pdd_median_seconds: seconds(self.dials.median()),
            pdd_p90_seconds: seconds(self.dials.percentile(90)),
        }
    }
}

/// Answers of the called side: busy, not there, no answer before the caller gave up, declined.
const BY_USER: [u16; 8] = [408, 480, 486, 487, 600, 603, 607, 608];
