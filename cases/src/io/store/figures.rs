//! How much there is of everything that somebody watches: counted in the database, now and then.

use rules::Timestamp;
use sqlx::Row as _;

use super::{Desk, Error};
use crate::schedule::LATE_MICROS;

/// How much there is. Words are those that are stored: there are few of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Open cases by where they stand.
    pub cases: Vec<(String, i64)>,
    /// Open cases whose next due time is over.
    pub cases_overdue: i64,
    /// Open critical cases that nobody has taken.
    pub cases_critical_untaken: i64,
    /// What waits to go out, by channel, and since when the oldest is due.
    pub waiting: Vec<(String, i64, Timestamp)>,
    /// What will not go out any more, by channel.
    pub failed: Vec<(String, i64)>,
    /// Mails that were kept and not read yet.
    pub mails_unread: i64,
    /// Alerts that are in no case.
    pub set_aside: i64,
    /// Changes of cases that notices have not looked at yet.
    pub notices_behind: i64,
    /// Reports that run by themselves.
    pub schedules: i64,
    /// Runs of them by where they stand.
    pub runs: Vec<(String, i64)>,
    /// Runs that are not over, and late.
    pub runs_late: i64,
    /// Bytes of reports that are kept, as they are stored.
    pub report_bytes: i64,
}

impl Desk<'_> {
    /// Counts all of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn figures(&self, now: Timestamp) -> Result<Figures, Error> {
        let by_word = |statement: &'static str| async move {
            let rows = sqlx::query(statement).fetch_all(&self.store.pool).await?;
            let counted = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
            counted.collect::<Result<Vec<(String, i64)>, Error>>()
        };
        let count = |statement: &'static str, at: i64| async move {
            let row = sqlx::query(statement).bind(at).fetch_one(&self.store.pool).await?;
            Ok::<i64, Error>(row.try_get(0)?)
        };
        let statement =
            "SELECT channel, COUNT(*), MIN(due) FROM outgoing WHERE state = 'waiting' GROUP BY channel";
        let rows = sqlx::query(statement).fetch_all(&self.store.pool).await?;
        let waiting =
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, Timestamp(row.try_get(2)?))));
        let waiting = waiting.collect::<Result<_, Error>>()?;
        let late = now.0.saturating_sub(LATE_MICROS);
        Ok(Figures {
            cases: by_word("SELECT state, COUNT(*) FROM cases WHERE is_over = 0 GROUP BY state").await?,
            cases_overdue: count("SELECT COUNT(*) FROM cases WHERE is_over = 0 AND due < $1", now.0).await?,
            cases_critical_untaken: count(
                "SELECT COUNT(*) FROM cases WHERE is_over = 0 AND severity = $1 AND owner = ''",
                crate::case::Severity::Critical as i64,
            )
            .await?,
            waiting,
            failed: by_word("SELECT channel, COUNT(*) FROM outgoing WHERE state = 'failed' GROUP BY channel")
                .await?,
            mails_unread: count("SELECT COUNT(*) FROM mails WHERE state = 'kept' AND received <= $1", now.0)
                .await?,
            set_aside: count("SELECT COUNT(*) FROM set_aside WHERE at <= $1", now.0).await?,
            notices_behind: count("SELECT COUNT(*) FROM case_news WHERE serial > $1", 0).await?,
            schedules: count("SELECT COUNT(*) FROM schedules WHERE next > $1", 0).await?,
            runs: by_word("SELECT state, COUNT(*) FROM schedule_runs GROUP BY state").await?,
            runs_late: count(
                "SELECT COUNT(*) FROM schedule_runs WHERE due <= $1 AND state IN ('waiting', 'running')",
                late,
            )
            .await?,
            report_bytes: count(
                "SELECT CAST(COALESCE(SUM(LENGTH(bytes)), 0) AS BIGINT) FROM report_files WHERE made > $1",
                0,
            )
            .await?,
        })
    }
}
