//! Links that are good for one answer, and the second factors of who follows them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rules::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::desk::Done;
use super::replies::random_token;
use super::writing::{Writing, body};
use super::{Desk, Error, stored};
use crate::audit::Act;
use crate::second_factor::SecondFactor;
use crate::{Case, CaseNumber};

/// A link that was sent to one contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// SHA-256 of the secret in it, in hexadecimal: the secret itself stands nowhere but in the message.
    pub hash: String,
    /// What it is for.
    pub is_for: LinkFor,
    /// The case.
    pub case: CaseNumber,
    /// Whose case.
    pub customer: String,
    /// Whom it was sent to.
    pub contact: String,
    /// It leads nowhere from then on.
    pub expires: Timestamp,
    /// When it was followed to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Timestamp>,
}

/// What somebody may do who follows a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkFor {
    /// Say yes or no to the change of this hash (Z-2).
    Approve(String),
    /// Say that an approval in their customer's name was none of theirs (Z-10).
    Disown(String),
}

impl Link {
    /// A new one to `contact`, with the secret in it.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn draw(
        case: &Case,
        contact: &str,
        is_for: LinkFor,
        expires: Timestamp,
    ) -> Result<(Self, String), Error> {
        // 128 bits, which nobody guesses.
        let secret = URL_SAFE_NO_PAD.encode(random_token()?.0);
        let link = Self {
            hash: Self::hash_of(&secret),
            is_for,
            case: case.number,
            customer: case.customer.clone(),
            contact: contact.to_owned(),
            expires,
            used: None,
        };
        Ok((link, secret))
    }

    /// Its place on the pages at `portal`.
    pub fn place(&self, portal: &str, secret: &str) -> String {
        let way = match self.is_for {
            LinkFor::Approve(_) => "approve",
            LinkFor::Disown(_) => "disown",
        };
        format!("{}/{way}/{secret}", portal.trim_end_matches('/'))
    }

    /// What a link with this secret is found by.
    pub fn hash_of(secret: &str) -> String {
        Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether it leads anywhere at `now`.
    pub fn is_good_at(&self, now: Timestamp) -> bool {
        self.used.is_none() && now < self.expires
    }
}

impl Desk<'_> {
    /// The link with this secret.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn link_of(&self, secret: &str) -> Result<Option<Link>, Error> {
        let query = sqlx::query("SELECT body FROM links WHERE hash = $1").bind(Link::hash_of(secret));
        query.fetch_optional(&self.store.pool).await?.map(|row| body(&row)).transpose()
    }

    /// Gives a contact a second factor; one from before counts no more.
    ///
    /// # Errors
    /// There is no such contact, or it is not kept.
    pub async fn enrol(
        &self,
        customer: &str,
        contact: &str,
        factor: &SecondFactor,
        done: Done<'_>,
    ) -> Result<(), Error> {
        let registration = self.registration(customer).await?;
        if registration.person(contact).is_none_or(|person| !person.is_valid_at(done.now)) {
            return Err(Error::Refused(format!("{customer} has no contact called {contact}")));
        }
        let mut writing = self.store.write().await?;
        writing.put_factor(customer, contact, factor).await?;
        let act = Act { at: done.now, actor: done.who, action: "enrol", subject: contact, detail: "{}" };
        writing.audit(customer, act).await?;
        writing.commit().await
    }

    /// Takes a code of a contact's app, once.
    ///
    /// # Errors
    /// It is not taken, in words; or the contact has no app.
    pub async fn take_code(
        &self,
        customer: &str,
        contact: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut writing = self.store.write().await?;
        let query = sqlx::query("SELECT body FROM second_factors WHERE customer = $1 AND contact = $2")
            .bind(customer)
            .bind(contact);
        let row = query.fetch_optional(writing.connection()).await?;
        let Some(row) = row else {
            drop(writing);
            if self.registration(customer).await?.person(contact).is_none() {
                return Err(Error::Refused(format!("{customer} has no contact called {contact}")));
            }
            return Err(Error::Refused(format!(
                "{contact} has no second factor yet: `ringwall contact enrol` gives one"
            )));
        };
        let mut factor: SecondFactor = body(&row)?;
        let taken = factor.take(code, now);
        // Wrong ones are counted as well.
        writing.put_factor(customer, contact, &factor).await?;
        writing.commit().await?;
        taken.map_err(|why| Error::Refused(why.to_string()))
    }
}

impl Writing<'_> {
    pub(super) async fn put_link(&mut self, case: &Case, link: &Link) -> Result<(), Error> {
        sqlx::query("INSERT INTO links (hash, serial, customer, body) VALUES ($1, $2, $3, $4)")
            .bind(&link.hash)
            .bind(stored(case.number.serial()))
            .bind(&case.customer)
            .bind(serde_json::to_string(link)?)
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Marks a link as used; only one of two who follow it at once comes through.
    pub(super) async fn use_link(&mut self, link: &Link, now: Timestamp) -> Result<(), Error> {
        let query = sqlx::query("SELECT body FROM links WHERE hash = $1").bind(&link.hash);
        let row = query.fetch_optional(self.connection()).await?;
        let kept: Option<Link> = row.map(|row| body(&row)).transpose()?;
        let Some(mut kept) = kept.filter(|kept| kept.is_good_at(now)) else {
            return Err(Error::Refused("this link was used, or is too old".to_owned()));
        };
        kept.used = Some(now);
        let query = sqlx::query("UPDATE links SET body = $2 WHERE hash = $1");
        query.bind(&kept.hash).bind(serde_json::to_string(&kept)?).execute(self.connection()).await?;
        Ok(())
    }

    /// Links to a yes to the change of this hash lead nowhere any more.
    pub(super) async fn void_links(&mut self, number: CaseNumber, change: &str) -> Result<(), Error> {
        let query = sqlx::query("SELECT body FROM links WHERE serial = $1").bind(stored(number.serial()));
        for row in query.fetch_all(self.connection()).await? {
            let link: Link = body(&row)?;
            if matches!(&link.is_for, LinkFor::Approve(of) if of == change) {
                let void = sqlx::query("DELETE FROM links WHERE hash = $1").bind(&link.hash);
                void.execute(self.connection()).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn put_factor(
        &mut self,
        customer: &str,
        contact: &str,
        factor: &SecondFactor,
    ) -> Result<(), Error> {
        let statement = "INSERT INTO second_factors (customer, contact, body) VALUES ($1, $2, $3)
            ON CONFLICT (customer, contact) DO UPDATE SET body = excluded.body";
        sqlx::query(statement)
            .bind(customer)
            .bind(contact)
            .bind(serde_json::to_string(factor)?)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}
