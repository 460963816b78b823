//! The second factor of who authorises: codes of an authenticator app (RFC 6238), each good once.

use std::fmt;

use rules::Timestamp;
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret, Totp};

/// What a contact's app and we share, and how it was used.
#[derive(Clone, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The secret, in base 32.
    secret: String,
    /// The half minute of the last code that was taken, counted from 1970: neither it nor one before is taken again.
    used: u64,
    /// Wrong codes in a row.
    wrong: u32,
    /// None is looked at until then.
    locked_until: Timestamp,
}

/// Why a code is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// It is not the code of now, or was used.
    Wrong,
    /// Too many were wrong: none is looked at until then.
    Locked(Timestamp),
}

impl SecondFactor {
    /// With a secret that nobody has seen.
    pub fn new(secret: [u8; SECRET_BYTES]) -> Self {
        let secret = Secret::from(secret).to_base32();
        Self { secret, used: 0, wrong: 0, locked_until: Timestamp::default() }
    }

    /// With a secret in base 32, as [`Self::secret`] told it; `None` when it is none of ours.
    pub fn of_secret(secret: &str) -> Option<Self> {
        let bytes = Secret::try_from_base32(secret).ok()?;
        let bytes: [u8; SECRET_BYTES] = AsRef::<[u8]>::as_ref(&bytes).try_into().ok()?;
        Some(Self::new(bytes))
    }

    /// What an app takes in: `otpauth://…`, with the names that it shows. `None` when they cannot be part of one.
    pub fn address(&self, who: &str, desk: &str) -> Option<String> {
        let plain = |text: &str| text.replace(|it: char| it == ':' || it.is_control(), " ");
        let builder = self.builder()?.with_account_name(plain(who)).with_issuer(Some(plain(desk)));
        builder.build().ok()?.to_url().ok()
    }

    /// The secret, in base 32, for who cannot follow an address.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Takes `code` at `now`, once. Half a minute before and after are good as well: clocks differ.
    ///
    /// # Errors
    /// It is not taken. What was counted has to be kept either way.
    pub fn take(&mut self, code: &str, now: Timestamp) -> Result<(), NotTaken> {
        if now < self.locked_until {
            return Err(NotTaken::Locked(self.locked_until));
        }
        let seconds = u64::try_from(now.0 / 1_000_000).unwrap_or_default();
        let digits: String = code.chars().filter(|it| !it.is_whitespace()).collect();
        let step = self.totp().and_then(|totp| totp.check(&digits, seconds));
        if let Some(step) = step.filter(|step| *step > self.used) {
            (self.used, self.wrong) = (step, 0);
            return Ok(());
        }
        self.wrong += 1;
        if self.wrong >= WRONG_MAX {
            (self.wrong, self.locked_until) = (0, now.plus_micros(LOCKED_MICROS));
        }
        Err(NotTaken::Wrong)
    }

    /// The code that the app shows at `now`: what a demo prints for whoever has no app.
    pub fn code_at(&self, now: Timestamp) -> Option<String> {
        let seconds = u64::try_from(now.0 / 1_000_000).unwrap_or_default();
        self.totp().map(|totp| totp.generate(seconds).to_string())
    }

    fn totp(&self) -> Option<Totp> {
        self.builder()?.with_account_name("contact".to_owned()).build().ok()
    }

    fn builder(&self) -> Option<Builder> {
        Some(Builder::new().with_secret(Secret::try_from_base32(&self.secret).ok()?))
    }
}

impl fmt::Debug for SecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondFactor")
            .field("used", &self.used)
            .field("wrong", &self.wrong)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => {
                f.write_str("that is not the code of now, or it was used before; wait for the next one")
            }
            Self::Locked(until) => {
                let until = crate::calendar::instant(*until);
                write!(f, "too many codes were wrong: none is looked at until {until}")
            }
        }
    }
}

impl std::error::Error for NotTaken {}

/// As RFC 4226 §4 wants.
pub const SECRET_BYTES: usize = 20;
/// Wrong codes in a row after which none is looked at for a while: a guess is right three times in a million.
const WRONG_MAX: u32 = 5;
const LOCKED_MICROS: i64 = 15 * 60 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: at 59 seconds the eight digits are 94287082.
    const SECRET: [u8; SECRET_BYTES] = *b"12345678901234567890";
    const AT: Timestamp = Timestamp(59_000_000);

    #[test]
    fn z2_a_code_is_good_once_within_half_a_minute() {
        let mut factor = SecondFactor::new(SECRET);
        assert_eq!(factor.take("287 082", AT.plus_micros(30_000_000)), Ok(()));
        assert_eq!(factor.take("287082", AT.plus_micros(30_000_000)), Err(NotTaken::Wrong), "again");
        let mut late = SecondFactor::new(SECRET);
        assert_eq!(late.take("287082", AT.plus_micros(61_000_000)), Err(NotTaken::Wrong));
        // 07081804 is of 1111111109.
        assert_eq!(late.take("081804", Timestamp(1_111_111_109_000_000)), Ok(()));
        // One of earlier is not taken, whatever the clock says now.
        assert_eq!(late.take("287082", AT), Err(NotTaken::Wrong));
    }

    #[test]
    fn z2_who_guesses_is_locked_out_for_a_while() {
        let mut factor = SecondFactor::new(SECRET);
        for _ in 0..5 {
            assert_eq!(factor.take("000000", AT), Err(NotTaken::Wrong));
        }
        let until = AT.plus_micros(15 * 60 * 1_000_000);
        assert_eq!(factor.take("287082", AT), Err(NotTaken::Locked(until)));
        assert!(!format!("{factor:?}").contains(factor.secret()), "a secret is in no log");
        for hostile in ["", "28708", "2870822", "２８７０８２", "287082\0", "+87082"] {
            assert!(SecondFactor::new(SECRET).take(hostile, AT).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn z2_an_app_takes_it_in() {
        let address = SecondFactor::new(SECRET).address("Ann: \u{7}Lee", "Desk & Co").unwrap();
        assert!(address.starts_with("otpauth://totp/"), "{address}");
        assert!(address.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), "{address}");
        assert!(!address.contains(' ') && !address.contains("& "), "{address}");
    }
}
