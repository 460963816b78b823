//! Tables, in the words that SQLite and PostgreSQL share, and how an older database becomes a newer one.

use sqlx::{AnyConnection, Executor as _, Row as _};

use super::Error;

/// Each step is applied once, in order, each in a transaction of its own.
const STEPS: &[&[&str]] = &[FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH];

const FIRST: &[&str] = &[
    // One row that every writer writes first: writers come one after the other, on both databases.
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
    "INSERT INTO counters (name, value) VALUES ('writes', 0), ('serial', 100000), ('spool', 0)",
    "CREATE TABLE cases (serial BIGINT PRIMARY KEY, customer TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
        is_over BIGINT NOT NULL, severity BIGINT NOT NULL, owner TEXT NOT NULL, title TEXT NOT NULL, join_key TEXT NOT NULL,
        due BIGINT NOT NULL, last BIGINT NOT NULL, version BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX cases_by_due ON cases (is_over, due, serial)",
    "CREATE INDEX cases_by_customer ON cases (customer, is_over, due, serial)",
    "CREATE INDEX cases_by_key ON cases (customer, join_key, is_over, serial)",
    "CREATE TABLE alerts (id TEXT PRIMARY KEY, serial BIGINT NOT NULL, customer TEXT NOT NULL, at BIGINT NOT NULL,
        body TEXT NOT NULL)",
    "CREATE INDEX alerts_by_case ON alerts (serial, at)",
    "CREATE TABLE events (serial BIGINT NOT NULL, version BIGINT NOT NULL, place BIGINT NOT NULL, customer TEXT NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (serial, version, place))",
    "CREATE TABLE audit (customer TEXT NOT NULL, sequence BIGINT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (customer, sequence))",
    "CREATE TABLE audit_heads (customer TEXT PRIMARY KEY, sequence BIGINT NOT NULL, hash TEXT NOT NULL)",
    "CREATE TABLE contacts (customer TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (customer, id))",
    "CREATE TABLE changes (hash TEXT PRIMARY KEY, serial BIGINT NOT NULL, customer TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE approvals (hash TEXT NOT NULL, approver TEXT NOT NULL, customer TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (hash, approver))",
    // The bytes as they came, in base64: a mail is kept before it is read.
    "CREATE TABLE mails (key TEXT PRIMARY KEY, serial BIGINT NOT NULL, customer TEXT NOT NULL, received BIGINT NOT NULL,
        raw TEXT NOT NULL)",
];

/// Who belongs to a customer, what goes out, and how somebody answers.
const SECOND: &[&str] = &[
    // Contacts stand in the registration of their customer, which two people change together.
    "DROP TABLE contacts",
    "CREATE TABLE registrations (customer TEXT PRIMARY KEY, body TEXT NOT NULL)",
    "CREATE TABLE registration_drafts (hash TEXT PRIMARY KEY, customer TEXT NOT NULL, drafted_by TEXT NOT NULL,
        at BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE second_factors (customer TEXT NOT NULL, contact TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (customer, contact))",
    // By the hash of the secret in them: who reads the database cannot follow them.
    "CREATE TABLE links (hash TEXT PRIMARY KEY, serial BIGINT NOT NULL, customer TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE outgoing (id TEXT PRIMARY KEY, customer TEXT NOT NULL, serial BIGINT NOT NULL, channel TEXT NOT NULL,
        state TEXT NOT NULL, due BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX outgoing_by_due ON outgoing (state, channel, due)",
    "CREATE INDEX outgoing_by_case ON outgoing (serial, due)",
    // The secret in the mails of a case, by which answers find it.
    "CREATE TABLE threads (serial BIGINT PRIMARY KEY, token TEXT NOT NULL)",
    // A mail is kept before it is read: how it came, and what is known of it since.
    "ALTER TABLE mails ADD COLUMN state TEXT NOT NULL DEFAULT 'read'",
    "ALTER TABLE mails ADD COLUMN envelope TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE mails ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE mails ADD COLUMN hash TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE mails ADD COLUMN message_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE mails ADD COLUMN sender TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE mails ADD COLUMN unverified BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE mails ADD COLUMN answered BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX mails_by_state ON mails (state, received)",
    "CREATE INDEX mails_by_message_id ON mails (message_id)",
    "CREATE INDEX mails_by_sender ON mails (sender, customer, answered)",
    "CREATE INDEX mails_by_customer ON mails (customer, received)",
    "CREATE INDEX mails_by_case ON mails (serial, received)",
    // Alerts that could be put into no case, with what was said: nothing behind them waits.
    "CREATE TABLE set_aside (sequence BIGINT PRIMARY KEY, at BIGINT NOT NULL, why TEXT NOT NULL, body TEXT NOT NULL)",
    // What notices have not looked at yet, written with the cause; and what they have seen of each case.
    "CREATE TABLE case_news (serial BIGINT PRIMARY KEY)",
    "CREATE TABLE alert_news (id TEXT PRIMARY KEY, serial BIGINT NOT NULL)",
    "CREATE TABLE case_seen (serial BIGINT PRIMARY KEY, next BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX case_seen_by_next ON case_seen (next)",
    "CREATE TABLE notice_facts (id TEXT PRIMARY KEY, serial BIGINT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX notice_facts_by_at ON notice_facts (at)",
    "CREATE TABLE notice_memory (name TEXT PRIMARY KEY, body TEXT NOT NULL)",
    "CREATE TABLE notice_tellings (fact TEXT NOT NULL, at BIGINT NOT NULL, place BIGINT NOT NULL, serial BIGINT NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (fact, at, place))",
    "CREATE INDEX notice_tellings_by_case ON notice_tellings (serial, at, place)",
    "CREATE TABLE notice_ledger (id TEXT NOT NULL, serial BIGINT NOT NULL, promise BIGINT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (id, serial))",
    "CREATE INDEX notice_ledger_by_promise ON notice_ledger (promise, id)",
    "CREATE INDEX notice_ledger_by_case ON notice_ledger (serial)",
    "CREATE TABLE silences (id TEXT PRIMARY KEY, until BIGINT NOT NULL, body TEXT NOT NULL)",
    "INSERT INTO counters (name, value) VALUES ('silence', 0)",
];

/// Reports that run by themselves, what they made, and who may fetch it.
const THIRD: &[&str] = &[
    "CREATE TABLE schedules (id TEXT PRIMARY KEY, customer TEXT NOT NULL, next BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX schedules_by_next ON schedules (next)",
    // `turn` is from when somebody may take it: when it waits, until when; while it is made, the end of its lease.
    "CREATE TABLE schedule_runs (id TEXT PRIMARY KEY, schedule TEXT NOT NULL, customer TEXT NOT NULL, due BIGINT NOT NULL,
        state TEXT NOT NULL, turn BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX schedule_runs_by_turn ON schedule_runs (turn)",
    "CREATE INDEX schedule_runs_by_schedule ON schedule_runs (schedule, due)",
    // In base64, beside the cases: two services on one database serve each other's links.
    "CREATE TABLE report_files (run TEXT NOT NULL, name TEXT NOT NULL, customer TEXT NOT NULL, made BIGINT NOT NULL,
        bytes TEXT NOT NULL, PRIMARY KEY (run, name))",
    "CREATE INDEX report_files_by_made ON report_files (customer, made)",
    // By the hash of the secret in them, as other links.
    "CREATE TABLE report_links (hash TEXT PRIMARY KEY, run TEXT NOT NULL, customer TEXT NOT NULL, expires BIGINT NOT NULL,
        body TEXT NOT NULL)",
    "CREATE INDEX report_links_by_expiry ON report_links (expires)",
];

/// Who logs in, what programs ask by, and what pages follow.
const FOURTH: &[&str] = &[
    "CREATE TABLE accounts (login TEXT PRIMARY KEY, customer TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE invitations (hash TEXT PRIMARY KEY, login TEXT NOT NULL, expires BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE sessions (hash TEXT PRIMARY KEY, login TEXT NOT NULL, seen BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX sessions_by_login ON sessions (login)",
    "CREATE TABLE api_keys (id TEXT PRIMARY KEY, hash TEXT NOT NULL, customer TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX api_keys_by_hash ON api_keys (hash)",
    // What somebody has filtered by, under a name.
    "CREATE TABLE views (login TEXT NOT NULL, name TEXT NOT NULL, place BIGINT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (login, name))",
    // What has changed, in the order in which it was written: `writes` of the counters numbers transactions.
    "CREATE TABLE feed (turn BIGINT NOT NULL, place BIGINT NOT NULL, customer TEXT NOT NULL, serial BIGINT NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (turn, place))",
    "CREATE INDEX feed_by_customer ON feed (customer, turn)",
    // Answers to programs that ask the same twice.
    "CREATE TABLE answered (asker TEXT NOT NULL, name TEXT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (asker, name))",
    "CREATE INDEX answered_by_at ON answered (at)",
    // The queue by who has it and by where cases stand.
    "CREATE INDEX cases_by_owner ON cases (owner, is_over, due, serial)",
    // When the first contract's limit of a clock that runs is over, and what raised the case; 0 until a row was written again.
    "ALTER TABLE cases ADD COLUMN contract BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE cases ADD COLUMN rule TEXT NOT NULL DEFAULT ''",
    // Everything that the queue is filtered, counted and gathered by: no body is read for what is not shown.
    "CREATE INDEX cases_by_all ON cases (is_over, due, serial, customer, kind, state, severity, owner, rule, contract, title)",
    "CREATE INDEX cases_by_contract ON cases (contract)",
    // Alerts of everybody, and of one customer, the latest first.
    "CREATE INDEX alerts_by_moment ON alerts (at, id)",
    "CREATE INDEX alerts_by_customer_moment ON alerts (customer, at, id)",
];

/// Alerts that went from case to case, or are in several, and what an alert is about.
const FIFTH: &[&str] = &[
    "INSERT INTO counters (name, value) VALUES ('move', 0)",
    // `is_undone`: 0 it may be taken back, 1 it was, 2 that is over.
    "CREATE TABLE moves (act BIGINT PRIMARY KEY, at BIGINT NOT NULL, customer TEXT NOT NULL, serial BIGINT NOT NULL,
        other BIGINT NOT NULL, is_undone BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX moves_by_case ON moves (serial, act)",
    "CREATE INDEX moves_by_other ON moves (other, act)",
    "CREATE INDEX moves_by_moment ON moves (is_undone, at)",
    "CREATE TABLE alert_moves (act BIGINT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (act, id))",
    "CREATE INDEX alert_moves_by_id ON alert_moves (id)",
    // Alerts that another case counts.
    "CREATE TABLE alert_shares (serial BIGINT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (serial, id))",
    "CREATE INDEX alert_shares_by_id ON alert_shares (id)",
    // What goes to one case whoever calls.
    "CREATE TABLE groupings (id BIGINT PRIMARY KEY, customer TEXT NOT NULL, is_over BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX groupings_in_force ON groupings (is_over, customer, id)",
    "INSERT INTO counters (name, value) VALUES ('grouping', 0)",
    // Its key as JSON; empty until a row of a former version was read again.
    "ALTER TABLE alerts ADD COLUMN subject TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX alerts_without_subject ON alerts (id) WHERE subject = ''",
];

/// What people on duty leave to each other, and who is awake.
const SIXTH: &[&str] = &[
    "CREATE TABLE hand_overs (rota TEXT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (rota, at))",
    "CREATE INDEX hand_overs_by_moment ON hand_overs (at)",
    "CREATE TABLE awake (who TEXT PRIMARY KEY, until BIGINT NOT NULL, body TEXT NOT NULL)",
];

/// How contacts want to be told.
const SEVENTH: &[&str] = &[
    "CREATE TABLE preferences (customer TEXT NOT NULL, contact TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (customer, contact))",
];

/// The queue with what is critical or of high priority first.
const EIGHTH: &[&str] = &[
    // When the case is due next; 2^60 earlier for those that stand first, which are the critical ones in rows of former versions.
    "ALTER TABLE cases ADD COLUMN place BIGINT NOT NULL DEFAULT 0",
    "UPDATE cases SET place = CASE WHEN severity = 2 AND due < 9223372036854775807 THEN due - 1152921504606846976 ELSE due END",
    "DROP INDEX cases_by_due",
    "DROP INDEX cases_by_customer",
    "DROP INDEX cases_by_owner",
    "DROP INDEX cases_by_all",
    "CREATE INDEX cases_by_place ON cases (is_over, place, serial)",
    "CREATE INDEX cases_by_customer ON cases (customer, is_over, place, serial)",
    "CREATE INDEX cases_by_owner ON cases (owner, is_over, place, serial)",
    "CREATE INDEX cases_by_all
        ON cases (is_over, place, serial, customer, kind, state, severity, owner, rule, contract, due, title)",
    // What is overdue is counted by this.
    "CREATE INDEX cases_by_due ON cases (is_over, due)",
];

/// Brings the database to the version that this program knows.
///
/// # Errors
/// A newer program has written it, or it cannot be read or written.
pub(super) async fn migrate(connection: &mut AnyConnection) -> Result<(), Error> {
    // PostgreSQL lets two begin to make it at once, and tells the second one.
    let made = connection.execute("CREATE TABLE IF NOT EXISTS schema_steps (step BIGINT PRIMARY KEY)").await;
    made.map(drop).or_else(|error| if is_taken(&error) { Ok(()) } else { Err(error) })?;
    let mut done = steps_done(connection).await?;
    while let Some(step) = STEPS.get(done) {
        match take_step(connection, done, step).await {
            // Whoever comes second finds the step taken, and takes none.
            Err(error) if is_taken(&error) && steps_done(connection).await? > done => {}
            taken => taken?,
        }
        done += 1;
    }
    if done > STEPS.len() {
        return Err(Error::Newer { found: done, known: STEPS.len() });
    }
    Ok(())
}

async fn steps_done(connection: &mut AnyConnection) -> Result<usize, Error> {
    let row = connection.fetch_one("SELECT COUNT(*) FROM schema_steps").await?;
    Ok(usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
}

async fn take_step(
    connection: &mut AnyConnection,
    index: usize,
    step: &[&'static str],
) -> Result<(), sqlx::Error> {
    let mut transaction = sqlx::Connection::begin(&mut *connection).await?;
    let number = i64::try_from(index).unwrap_or_default();
    let note = sqlx::query("INSERT INTO schema_steps (step) VALUES ($1)").bind(number);
    note.execute(&mut *transaction).await?;
    for statement in step {
        transaction.execute(*statement).await?;
    }
    transaction.commit().await
}

/// Whether somebody else was there first. PostgreSQL tells of a table made twice at once in three ways, by how far the other
/// one was: a key of its catalogue, a type (`duplicate_object`), or a table of that name.
fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.is_unique_violation() || error.code().is_some_and(|code| ["42710", "42P07"].contains(&&*code))
    })
}
