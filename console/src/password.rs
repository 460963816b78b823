//! Passwords: kept with Argon2id, tried slowly, and slower by whoever was wrong.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use rules::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::failure::Failure;

/// Who was wrong how often, by log-in and by where from: a stranger elsewhere keeps nobody out of their own account.
pub(crate) struct Doorkeeper {
    wrong: Mutex<HashMap<(String, String), Wrong>>,
    /// Each try takes 19 MiB and some 20 ms of a core.
    tries: Semaphore,
}

#[derive(Clone, Copy, Default)]
struct Wrong {
    times: u32,
    until: Timestamp,
}

impl Default for Doorkeeper {
    fn default() -> Self {
        Self { wrong: Mutex::default(), tries: Semaphore::new(TRIES_AT_ONCE) }
    }
}

impl Doorkeeper {
    /// Whether `password` is that of `kept`. Somebody unknown takes as long as somebody known.
    ///
    /// # Errors
    /// Too many were wrong: none is looked at for so long.
    pub(crate) async fn check(
        &self,
        (login, address): (&str, &str),
        kept: Option<String>,
        password: String,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        // Nobody is called so, and nothing so long is remembered or hashed.
        if login.len() > LOGIN_BYTES_MAX || password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let key = (login.to_owned(), address.to_owned());
        // It counts before it is looked at: many at once are as many.
        self.count(&key, now)?;
        let Ok(_try) = self.tries.acquire().await else { return Err(Failure::TooOften(1)) };
        let is_right = spawn_blocking(move || verify(kept.as_deref(), &password)).await.unwrap_or(false);
        if is_right {
            self.wrong().remove(&key);
        }
        Ok(is_right)
    }

    /// Counts a try as a wrong one.
    fn count(&self, key: &(String, String), now: Timestamp) -> Result<(), Failure> {
        let mut wrong = self.wrong();
        let until = wrong.get(key).map(|wrong| wrong.until).unwrap_or_default();
        if now < until {
            let seconds = until.micros_since(now) / 1_000_000 + 1;
            return Err(Failure::TooOften(u64::try_from(seconds).unwrap_or_default()));
        }
        if wrong.len() >= WRONG_MAX {
            wrong.retain(|_, it| now.micros_since(it.until) < FORGET_MICROS);
        }
        // A stranger with a million addresses fills this up, and is slowed by the tries at once all the same.
        if wrong.len() < WRONG_MAX || wrong.contains_key(key) {
            let entry = wrong.entry(key.clone()).or_default();
            entry.times = entry.times.saturating_add(1);
            let seconds = match entry.times {
                0..=4 => 0,
                more => (15_i64 << (more - 5).min(6)).min(WAIT_SECONDS_MAX),
            };
            entry.until = now.plus_micros(seconds * 1_000_000);
        }
        Ok(())
    }

    /// What is kept of `password`.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Failure> {
        let Ok(_try) = self.tries.acquire().await else { return Err(Failure::TooOften(1)) };
        let hashed = spawn_blocking(move || hash(&password)).await.ok().flatten();
        hashed.ok_or_else(|| Failure::Down("The password could not be kept. Try again.".to_owned()))
    }

    fn wrong(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Wrong>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept of `password`: its Argon2id hash with a salt of its own, as a PHC string. `None` when the machine gives no salt.
pub fn hash(password: &str) -> Option<String> {
    Argon2::default().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

/// What is wrong with a password that somebody chose; `None` when it will do. Length is what helps; signs of several kinds
/// only make people write it down.
pub(crate) fn weakness(password: &str, login: &str) -> Option<&'static str> {
    let length = password.chars().count();
    if length < CHARACTERS_MIN {
        return Some(
            "A password has at least 12 characters: four words that do not belong together are good.",
        );
    }
    if password.len() > BYTES_MAX {
        return Some("A password has at most 256 characters.");
    }
    let lower = password.to_lowercase();
    if lower.contains(login) || login.contains(&lower) {
        return Some("A password is not the log-in.");
    }
    let mut characters: Vec<char> = lower.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    (characters.len() < 5).then_some("That is too few different characters.")
}

fn verify(kept: Option<&str>, password: &str) -> bool {
    let is_known = kept.is_some();
    let Ok(hash) = PasswordHash::new(kept.unwrap_or(NOBODY)) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && is_known
}

/// No account has a longer log-in, and nobody a longer password.
const LOGIN_BYTES_MAX: usize = 64;
const PASSWORD_BYTES_MAX: usize = 1_024;
/// The hash of a password that nobody has.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cmluZ3dhbGwtbm9ib2R5$YM4mK0Lfj1RTuJW6DRPcZkYVyVaJC7pkzPGX1KnHTQk";
const CHARACTERS_MIN: usize = 12;
const BYTES_MAX: usize = 1_024;
const TRIES_AT_ONCE: usize = 2;
const WAIT_SECONDS_MAX: i64 = 900;
const WRONG_MAX: usize = 20_000;
const FORGET_MICROS: i64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_791_212_400_000_000);

    #[tokio::test]
    async fn who_is_wrong_waits_and_nobody_else_does() {
        let keeper = Doorkeeper::default();
        let kept = keeper.hash("correct horse battery".to_owned()).await.unwrap();
        assert!(kept.starts_with("$argon2id$"), "{kept}");
        let from = ("anna", "192.0.2.1");
        for _ in 0..5 {
            assert_eq!(keeper.check(from, Some(kept.clone()), "wrong".to_owned(), NOW).await, Ok(false));
        }
        let right = "correct horse battery".to_owned();
        assert_eq!(
            keeper.check(from, Some(kept.clone()), right.clone(), NOW).await,
            Err(Failure::TooOften(16))
        );
        let elsewhere = ("anna", "192.0.2.2");
        assert_eq!(keeper.check(elsewhere, Some(kept.clone()), right.clone(), NOW).await, Ok(true));
        let later = NOW.plus_micros(16_000_000);
        assert_eq!(keeper.check(from, Some(kept), right, later).await, Ok(true));
    }

    #[tokio::test]
    async fn many_tries_at_once_are_as_many() {
        let keeper = Doorkeeper::default();
        let kept = Some(keeper.hash("correct horse battery".to_owned()).await.unwrap());
        let from = ("anna", "192.0.2.1");
        let tries = (0..20).map(|_| keeper.check(from, kept.clone(), "wrong".to_owned(), NOW));
        let judged = futures_util::future::join_all(tries).await;
        assert_eq!(judged.iter().filter(|it| it.is_ok()).count(), 5, "{judged:?}");
        let long = "a".repeat(1_000_000);
        assert_eq!(keeper.check((&long, "x"), kept, long.clone(), NOW).await, Ok(false));
        assert_eq!(keeper.wrong().len(), 1, "nothing so long is remembered");
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let keeper = Doorkeeper::default();
        assert!(PasswordHash::new(NOBODY).is_ok(), "it takes as long as a real one");
        assert_eq!(keeper.check(("x", "y"), None, String::new(), NOW).await, Ok(false));
    }

    #[test]
    fn short_ones_and_the_login_are_weak() {
        assert!(weakness("short", "anna").is_some());
        assert!(weakness("aaaaaaaaaaaaaaa", "anna").is_some());
        assert!(weakness("my-anna-password", "anna").is_some());
        assert!(weakness(&"abcdef".repeat(200), "anna").is_some());
        assert_eq!(weakness("correct horse battery", "anna"), None);
    }
}
