//! Through whose hands a change went at the desk: who wrote it, and who has looked at it before the customer is asked (Z-7).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Risk;

/// Who of the desk wrote a change, and who released it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hands {
    /// Who proposed it; empty where a version of before has kept it, which did not ask.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wrote: String,
    /// Who asked the customer for it, or used what the customer agreed to beforehand; `None` until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<String>,
}

/// Why nobody has looked at a change who could find its author's mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreviewed {
    /// Who wrote it releases it.
    ByAuthor(String),
    /// A program, or the service itself, releases it.
    ByProgram(String),
    /// Who wrote it was not kept.
    AuthorUnknown,
    /// Nobody has released it.
    ByNobody,
}

impl Hands {
    /// Those of a change that `wrote` has just drafted.
    pub fn of(wrote: &str) -> Self {
        Self { wrote: wrote.to_owned(), released: None }
    }

    /// The same after `who` released it.
    ///
    /// # Errors
    /// Its risk is high, and `who` cannot be the one who looked at it for its author.
    pub fn release(&self, risk: Risk, who: &str) -> Result<Self, Unreviewed> {
        if risk == Risk::High {
            if self.wrote.is_empty() {
                return Err(Unreviewed::AuthorUnknown);
            }
            self.look(who)?;
        }
        Ok(Self { released: Some(who.to_owned()), ..self.clone() })
    }

    /// Whether a change of this risk went through enough hands to be made.
    ///
    /// # Errors
    /// Nobody but its author has looked at it.
    pub fn check(&self, risk: Risk) -> Result<(), Unreviewed> {
        // What a version of before has kept was asked for before anybody had to look.
        if risk < Risk::High || self.wrote.is_empty() {
            return Ok(());
        }
        self.look(self.released.as_deref().ok_or(Unreviewed::ByNobody)?)
    }

    fn look(&self, who: &str) -> Result<(), Unreviewed> {
        // A program does what it was told, and its author may be who told it.
        if who == SERVICE || who.starts_with(KEY) {
            return Err(Unreviewed::ByProgram(who.to_owned()));
        }
        // In a terminal a name is typed.
        let (wrote, looks) = (self.wrote.trim().to_lowercase(), who.trim().to_lowercase());
        if wrote == looks { Err(Unreviewed::ByAuthor(who.to_owned())) } else { Ok(()) }
    }
}

impl fmt::Display for Unreviewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the risk of this change is high, and ")?;
        match self {
            Self::ByAuthor(who) => {
                write!(f, "{who} wrote it: somebody else of the desk has to look at it, and ask for it")
            }
            Self::ByProgram(who) => {
                write!(
                    f,
                    "{who} is no person: somebody of the desk who did not write it has to look at it, and ask"
                )
            }
            Self::AuthorUnknown => f.write_str("who wrote it is not known: propose it again"),
            Self::ByNobody => f.write_str("nobody has looked at it but who wrote it: propose it again"),
        }
    }
}

impl std::error::Error for Unreviewed {}

/// What the service calls itself.
const SERVICE: &str = "ringwall";
/// How programs that ask by a key are called.
const KEY: &str = "key:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z7_who_wrote_a_high_risk_change_does_not_release_it() {
        let hands = Hands::of("anna");
        for who in ["anna", "Anna", " anna "] {
            let no = hands.release(Risk::High, who).unwrap_err();
            assert!(no.to_string().contains("somebody else of the desk has to look at it"), "{no}");
        }
        for who in ["key:k1", "ringwall"] {
            assert_eq!(hands.release(Risk::High, who), Err(Unreviewed::ByProgram(who.to_owned())));
        }
        assert!(hands.release(Risk::High, "ben").unwrap().check(Risk::High).is_ok());
        assert_eq!(hands.check(Risk::High), Err(Unreviewed::ByNobody));
        for risk in [Risk::Low, Risk::Medium] {
            let own = hands.release(risk, "anna").unwrap();
            assert!(own.check(risk).is_ok());
            // Of what was low when it was released, and is not any more.
            assert_eq!(own.check(Risk::High), Err(Unreviewed::ByAuthor("anna".to_owned())));
        }
    }

    #[test]
    fn z7_what_a_version_of_before_kept_is_asked_for_no_more_but_made_if_it_was() {
        let unknown: Hands = serde_json::from_str("{}").unwrap();
        assert_eq!(unknown.release(Risk::High, "ben"), Err(Unreviewed::AuthorUnknown));
        assert!(unknown.release(Risk::Medium, "ben").is_ok() && unknown.check(Risk::High).is_ok());
    }
}
