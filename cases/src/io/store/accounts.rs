//! Who may log in, who has, and keys of programs. Secrets are kept as hashes only.

use rules::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;
use super::desk::{Desk, Done};
use super::writing::{Writing, body};
use crate::account::{Account, ApiKey, DESK, Invitation, Session, Side, hash_of, wrong_login};
use crate::audit::Act;
use crate::case::UNASSIGNED;
use crate::second_factor::SecondFactor;

impl Desk<'_> {
    /// Everybody who may log in or might once, by log-in.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        let query = sqlx::query("SELECT body FROM accounts ORDER BY login");
        query.fetch_all(&self.store.pool).await?.iter().map(body).collect()
    }

    /// Who logs in as `login`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn account(&self, login: &str) -> Result<Option<Account>, Error> {
        let query = sqlx::query("SELECT body FROM accounts WHERE login = $1").bind(login);
        query.fetch_optional(&self.store.pool).await?.map(|row| body(&row)).transpose()
    }

    /// Keeps an invitation; those from before to the same log-in lead nowhere.
    ///
    /// # Errors
    /// The log-in or the contact cannot be, somebody of another side has it, or it is not kept.
    pub async fn invite(&self, invitation: &Invitation, done: Done<'_>) -> Result<(), Error> {
        if let Some(wrong) = wrong_login(&invitation.login) {
            return Err(Error::Refused(wrong.to_owned()));
        }
        if let Side::Contact { customer, name } = &invitation.side {
            let registration = self.registration(customer).await?;
            if registration.person(name).is_none_or(|person| !person.is_valid_at(done.now)) {
                return Err(Error::Refused(format!("{customer} has no contact called {name}")));
            }
        }
        if let Some(account) = self.account(&invitation.login).await?
            && std::mem::discriminant(&account.side) != std::mem::discriminant(&invitation.side)
        {
            return Err(Error::Refused(format!("{} belongs to somebody of another side", invitation.login)));
        }
        let mut writing = self.write().await?;
        let statement = "DELETE FROM invitations WHERE login = $1";
        sqlx::query(statement).bind(&invitation.login).execute(writing.connection()).await?;
        sqlx::query("INSERT INTO invitations (hash, login, expires, body) VALUES ($1, $2, $3, $4)")
            .bind(&invitation.hash)
            .bind(&invitation.login)
            .bind(invitation.expires.0)
            .bind(serde_json::to_string(invitation)?)
            .execute(writing.connection())
            .await?;
        writing.refer(&invitation.login);
        let detail = serde_json::json!({ "side": invitation.side }).to_string();
        writing.note_account((&invitation.side, &invitation.login), "invite", &detail, done).await?;
        writing.commit().await
    }

    /// The invitation with this secret, if it is still good.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn invitation(&self, secret: &str, now: Timestamp) -> Result<Option<Invitation>, Error> {
        let query = sqlx::query("SELECT body FROM invitations WHERE hash = $1 AND expires > $2")
            .bind(hash_of(secret));
        let row = query.bind(now.0).fetch_optional(&self.store.pool).await?;
        row.map(|row| body(&row)).transpose()
    }

    /// Invitations that are good at `now`, by log-in.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn invitations(&self, now: Timestamp) -> Result<Vec<Invitation>, Error> {
        let query = sqlx::query("SELECT body FROM invitations WHERE expires > $1 ORDER BY login").bind(now.0);
        query.fetch_all(&self.store.pool).await?.iter().map(body).collect()
    }

    /// Takes back the invitation of `login`: its link leads nowhere.
    ///
    /// # Errors
    /// There is none, or it is still there.
    pub async fn withdraw_invitation(&self, login: &str, done: Done<'_>) -> Result<Invitation, Error> {
        let mut writing = self.write().await?;
        let query = sqlx::query("DELETE FROM invitations WHERE login = $1 AND expires > $2 RETURNING body");
        let row = query.bind(login).bind(done.now.0).fetch_optional(writing.connection()).await?;
        let invitation: Option<Invitation> = row.map(|row| body(&row)).transpose()?;
        let invitation = invitation.ok_or_else(|| Error::Refused(format!("nobody is invited as {login}")))?;
        writing.allow_tag(&invitation.tag())?;
        writing.note_account((&invitation.side, login), "withdraw-invitation", "{}", done).await?;
        writing.commit().await?;
        Ok(invitation)
    }

    /// Takes up an invitation: who it is for logs in with `password`, kept as Argon2id writes it, and is logged out everywhere.
    ///
    /// # Errors
    /// It is no longer good, or it is not kept.
    pub async fn accept(&self, secret: &str, password: String, done: Done<'_>) -> Result<Account, Error> {
        let mut writing = self.write().await?;
        let query = sqlx::query("DELETE FROM invitations WHERE hash = $1 AND expires > $2 RETURNING body");
        let query = query.bind(hash_of(secret)).bind(done.now.0);
        let row = query.fetch_optional(writing.connection()).await?;
        let invitation: Invitation = row.map(|row| body(&row)).transpose()?.ok_or_else(|| {
            Error::Refused("this link was used, or is too old: ask for another one".to_owned())
        })?;
        let before = writing.account(&invitation.login).await?;
        let (last_login, taste) =
            before.map(|account| (account.last_login, account.taste)).unwrap_or_default();
        let account = Account {
            login: invitation.login,
            side: invitation.side,
            password: Some(password),
            is_closed: false,
            last_login,
            taste,
        };
        writing.put_account(&account).await?;
        writing.end_sessions(&account.login).await?;
        let done = Done { who: &account.login, ..done };
        writing.note_account((&account.side, &account.login), "choose-password", "{}", done).await?;
        writing.commit().await?;
        Ok(account)
    }

    /// Changes an account. `what` is the verb of its audit entry; an empty one writes none, for what is nobody's business.
    ///
    /// # Errors
    /// There is none, or it is not kept.
    pub async fn change_account(
        &self,
        login: &str,
        what: &str,
        change: impl FnOnce(&mut Account),
        done: Done<'_>,
    ) -> Result<Account, Error> {
        let mut writing = self.write().await?;
        let account = writing.account(login).await?;
        let mut account = account.ok_or_else(|| Error::Refused(format!("nobody logs in as {login}")))?;
        writing.allow_tag(&account.tag())?;
        change(&mut account);
        writing.put_account(&account).await?;
        if account.is_closed {
            writing.end_sessions(login).await?;
        }
        if !what.is_empty() {
            writing.note_account((&account.side, login), what, "{}", done).await?;
        }
        writing.commit().await?;
        Ok(account)
    }

    /// Writes into the audit what was done with `account`.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn note_account(
        &self,
        account: &Account,
        what: &str,
        detail: &str,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let mut writing = self.write().await?;
        writing.note_account((&account.side, &account.login), what, detail, done).await?;
        writing.commit().await
    }

    /// Keeps a session that begins.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn put_session(&self, session: &Session) -> Result<(), Error> {
        let statement = "INSERT INTO sessions (hash, login, seen, body) VALUES ($1, $2, $3, $4)
            ON CONFLICT (hash) DO UPDATE SET seen = excluded.seen, body = excluded.body";
        sqlx::query(statement)
            .bind(&session.hash)
            .bind(&session.login)
            .bind(session.seen.0)
            .bind(serde_json::to_string(session)?)
            .execute(&self.store.pool)
            .await?;
        Ok(())
    }

    /// Keeps what is new of a session. Returns whether there still is one: what was ended meanwhile stays so.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn renew_session(&self, session: &Session) -> Result<bool, Error> {
        let query = sqlx::query("UPDATE sessions SET seen = $1, body = $2 WHERE hash = $3")
            .bind(session.seen.0)
            .bind(serde_json::to_string(session)?)
            .bind(&session.hash);
        Ok(query.execute(&self.store.pool).await?.rows_affected() > 0)
    }

    /// The session whose secret has this hash, and whose it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn session(&self, hash: &str) -> Result<Option<(Session, Account)>, Error> {
        let query = sqlx::query("SELECT body FROM sessions WHERE hash = $1").bind(hash);
        let row = query.fetch_optional(&self.store.pool).await?;
        let Some(session) = row.map(|row| body::<Session>(&row)).transpose()? else { return Ok(None) };
        Ok(self.account(&session.login).await?.map(|account| (session, account)))
    }

    /// Ends one session.
    ///
    /// # Errors
    /// It is not ended.
    pub async fn end_session(&self, hash: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(hash).execute(&self.store.pool).await?;
        Ok(())
    }

    /// Forgets sessions that nobody has used since `before`, and invitations that have run out.
    ///
    /// # Errors
    /// They are still there.
    pub async fn forget_sessions(&self, before: Timestamp, now: Timestamp) -> Result<(), Error> {
        sqlx::query("DELETE FROM sessions WHERE seen < $1").bind(before.0).execute(&self.store.pool).await?;
        let query = sqlx::query("DELETE FROM invitations WHERE expires <= $1").bind(now.0);
        query.execute(&self.store.pool).await?;
        Ok(())
    }

    /// Whether codes of an app are asked of `account`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn has_factor(&self, account: &Account) -> Result<bool, Error> {
        let (customer, contact) = account.factor_place();
        let query = sqlx::query("SELECT 1 FROM second_factors WHERE customer = $1 AND contact = $2");
        let row = query.bind(customer).bind(contact).fetch_optional(&self.store.pool).await?;
        Ok(row.is_some())
    }

    /// Gives `account` a second factor; one from before counts no more, and neither does a session but the one with the hash
    /// `kept`, in which it is done. That one has to be there still.
    ///
    /// # Errors
    /// It is not kept, or the session was ended.
    pub async fn enrol_account(
        &self,
        account: &Account,
        factor: &SecondFactor,
        kept: Option<&str>,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let mut writing = self.write().await?;
        if let Some(kept) = kept {
            let query =
                sqlx::query("DELETE FROM sessions WHERE login = $1 AND hash <> $2").bind(&account.login);
            query.bind(kept).execute(writing.connection()).await?;
            let query = sqlx::query("SELECT 1 FROM sessions WHERE hash = $1").bind(kept);
            if query.fetch_optional(writing.connection()).await?.is_none() {
                return Err(Error::Refused("This session was ended: log in again.".to_owned()));
            }
        }
        let (customer, contact) = account.factor_place();
        writing.put_factor(customer, contact, factor).await?;
        writing.note_account((&account.side, &account.login), "enrol", "{}", done).await?;
        writing.commit().await
    }

    /// Keeps a key.
    ///
    /// # Errors
    /// One is called so already, or it is not kept.
    pub async fn add_key(&self, key: &ApiKey, done: Done<'_>) -> Result<(), Error> {
        if [Some(DESK), Some(UNASSIGNED)].contains(&key.customer.as_deref()) {
            return Err(Error::Refused("a key belongs to a customer, or to the desk".to_owned()));
        }
        let mut writing = self.write().await?;
        sqlx::query("INSERT INTO api_keys (id, hash, customer, body) VALUES ($1, $2, $3, $4)")
            .bind(&key.id)
            .bind(&key.hash)
            .bind(key.customer.as_deref().unwrap_or_default())
            .bind(serde_json::to_string(key)?)
            .execute(writing.connection())
            .await?;
        writing.refer(&key.id);
        writing.note_key(key, "add-key", done).await?;
        writing.commit().await
    }

    /// All keys, by what they are called.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, Error> {
        let query = sqlx::query("SELECT body FROM api_keys ORDER BY id");
        query.fetch_all(&self.store.pool).await?.iter().map(body).collect()
    }

    /// The key with this secret.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn key(&self, secret: &str) -> Result<Option<ApiKey>, Error> {
        let query = sqlx::query("SELECT body FROM api_keys WHERE hash = $1").bind(hash_of(secret));
        query.fetch_optional(&self.store.pool).await?.map(|row| body(&row)).transpose()
    }

    /// Notes when a key was used last.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn use_key(&self, key: &ApiKey, now: Timestamp) -> Result<(), Error> {
        let used = ApiKey { used: Some(now), ..key.clone() };
        let query = sqlx::query("UPDATE api_keys SET body = $2 WHERE id = $1").bind(&key.id);
        query.bind(serde_json::to_string(&used)?).execute(&self.store.pool).await?;
        Ok(())
    }

    /// Takes a key away: it opens nothing from now on.
    ///
    /// # Errors
    /// There is none, or it is still there.
    pub async fn remove_key(&self, id: &str, done: Done<'_>) -> Result<ApiKey, Error> {
        let mut writing = self.write().await?;
        let query = sqlx::query("DELETE FROM api_keys WHERE id = $1 RETURNING body").bind(id);
        let row = query.fetch_optional(writing.connection()).await?;
        let key: ApiKey = row
            .map(|row| body(&row))
            .transpose()?
            .ok_or_else(|| Error::Refused(format!("there is no key {id}")))?;
        writing.allow_tag(&key.tag())?;
        writing.note_key(&key, "remove-key", done).await?;
        writing.commit().await?;
        Ok(key)
    }

    /// What somebody filters by, by name and in their order.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn views<T: DeserializeOwned>(&self, login: &str) -> Result<Vec<T>, Error> {
        let query = sqlx::query("SELECT body FROM views WHERE login = $1 ORDER BY place, name").bind(login);
        query.fetch_all(&self.store.pool).await?.iter().map(body).collect()
    }

    /// Keeps a filter under a name; what had that name is replaced.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn put_view<T: Serialize>(
        &self,
        login: &str,
        name: &str,
        place: u32,
        view: &T,
    ) -> Result<(), Error> {
        let statement = "INSERT INTO views (login, name, place, body) VALUES ($1, $2, $3, $4)
            ON CONFLICT (login, name) DO UPDATE SET place = excluded.place, body = excluded.body";
        let query = sqlx::query(statement).bind(login).bind(name).bind(i64::from(place));
        query.bind(serde_json::to_string(view)?).execute(&self.store.pool).await?;
        Ok(())
    }

    /// Forgets a filter.
    ///
    /// # Errors
    /// It is still there.
    pub async fn remove_view(&self, login: &str, name: &str) -> Result<(), Error> {
        let query = sqlx::query("DELETE FROM views WHERE login = $1 AND name = $2").bind(login).bind(name);
        query.execute(&self.store.pool).await?;
        Ok(())
    }

    /// What was answered to `asker` under `name`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn answered(&self, asker: &str, name: &str) -> Result<Option<String>, Error> {
        use sqlx::Row as _;
        let query = sqlx::query("SELECT body FROM answered WHERE asker = $1 AND name = $2");
        let row = query.bind(asker).bind(name).fetch_optional(&self.store.pool).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Forgets answers from before `before`.
    ///
    /// # Errors
    /// They are still there.
    pub async fn forget_answers(&self, before: Timestamp) -> Result<(), Error> {
        sqlx::query("DELETE FROM answered WHERE at < $1").bind(before.0).execute(&self.store.pool).await?;
        Ok(())
    }
}

impl Writing<'_> {
    pub(super) async fn account(&mut self, login: &str) -> Result<Option<Account>, Error> {
        let query = sqlx::query("SELECT body FROM accounts WHERE login = $1").bind(login);
        query.fetch_optional(self.connection()).await?.map(|row| body(&row)).transpose()
    }

    pub(super) async fn put_account(&mut self, account: &Account) -> Result<(), Error> {
        let statement = "INSERT INTO accounts (login, customer, body) VALUES ($1, $2, $3)
            ON CONFLICT (login) DO UPDATE SET customer = excluded.customer, body = excluded.body";
        sqlx::query(statement)
            .bind(&account.login)
            .bind(account.customer().unwrap_or_default())
            .bind(serde_json::to_string(account)?)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    pub(super) async fn end_sessions(&mut self, login: &str) -> Result<(), Error> {
        let query = sqlx::query("DELETE FROM sessions WHERE login = $1").bind(login);
        query.execute(self.connection()).await?;
        Ok(())
    }

    pub(super) async fn note_account(
        &mut self,
        (side, login): (&Side, &str),
        what: &str,
        detail: &str,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let chain = match side {
            Side::Desk(_) => DESK,
            Side::Contact { customer, .. } => customer,
        };
        let act = Act { at: done.now, actor: done.who, action: what, subject: login, detail };
        self.audit(chain, act).await
    }

    async fn note_key(&mut self, key: &ApiKey, what: &str, done: Done<'_>) -> Result<(), Error> {
        let detail = serde_json::json!({ "purpose": key.purpose, "may_work": key.may_work }).to_string();
        let act = Act { at: done.now, actor: done.who, action: what, subject: &key.id, detail: &detail };
        self.audit(key.customer.as_deref().unwrap_or(DESK), act).await
    }
}
