//! What people of the desk answer by text message: `ACK 482113` says that they look at what they were told of (E-4), `AWAKE` that
//! they are up (E-6).

use std::fmt;

use super::awake::{AWAKE_HOURS, AWAKE_HOURS_MAX};
use super::engine::hash;
use super::settings::Settings;

/// How answers to text messages come in: the gateway posts them to the service.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// The file with the value of `Authorization` that the gateway sends.
    pub authorization_file: String,
    /// Its first line, once it was read.
    pub authorization: String,
    /// What the gateway calls the number of who answers.
    pub from: String,
    /// What it calls the words.
    pub text: String,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("authorization_file", &self.authorization_file)
            .finish_non_exhaustive()
    }
}

impl Answers {
    /// The digits by which `who` answers to what `group` tells. Only who knows what the gateway shows us could work them out.
    pub fn code(&self, group: &str, who: &str) -> String {
        let digits = hash(&["answer", &self.authorization, group, who]);
        let number = u64::from_str_radix(digits.get(..12).unwrap_or_default(), 16).unwrap_or_default();
        format!("{:06}", number % 1_000_000)
    }
}

/// What somebody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// They look at what has this code.
    Look(String),
    /// They are awake for so many hours.
    Awake(i64),
    /// They are not any more.
    Asleep,
}

impl Answer {
    /// What `text` says: `ACK 482113`, `AWAKE`, `AWAKE 3` or `ASLEEP`; `None` where it says something else. Case and signs around
    /// it are not looked at.
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim_matches(|it: char| !it.is_alphanumeric());
        let after = |word: &str| {
            let rest = text
                .get(..word.len())
                .filter(|it| it.eq_ignore_ascii_case(word))
                .and_then(|_| text.get(word.len()..))?;
            Some(rest.trim_start_matches(|it: char| !it.is_alphanumeric()))
        };
        if let Some(code) = after("ack") {
            let is_code = code.len() == 6 && code.bytes().all(|it| it.is_ascii_digit());
            return is_code.then(|| Self::Look(code.to_owned()));
        }
        if let Some(hours) = after("awake") {
            let hours = hours.strip_suffix(['h', 'H']).unwrap_or(hours).trim_end();
            let hours = if hours.is_empty() { Some(AWAKE_HOURS) } else { hours.parse().ok() };
            return hours.filter(|hours| (1..=AWAKE_HOURS_MAX).contains(hours)).map(Self::Awake);
        }
        after("asleep").filter(|rest| rest.is_empty()).map(|_| Self::Asleep)
    }
}

impl Settings {
    /// People of the desk whose telephone is `number`, written with or without its plus.
    pub fn people_at(&self, number: &str) -> Vec<&str> {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let wanted = digits(number);
        // Nobody's telephone is no number.
        let has = |phone: &Option<String>| {
            phone.as_deref().is_some_and(|phone| !wanted.is_empty() && digits(phone) == wanted)
        };
        self.people.iter().filter(|(_, member)| has(&member.phone)).map(|(name, _)| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e4_an_answer_is_three_letters_and_six_digits_however_it_is_typed() {
        for text in ["ACK 482113", " ack482113.\n", "Ack: 482113", "\"ACK 482113\"", "ack\u{a0}482113"] {
            assert_eq!(Answer::of(text), Some(Answer::Look("482113".to_owned())), "{text:?}");
        }
        for text in [
            "",
            "ACK",
            "ACK 4821",
            "ACK 4821133",
            "ACK 482113 and more",
            "back 482113",
            "482113",
            "ÄCK 482113",
            "ACK ４８２１１３",
        ] {
            assert_eq!(Answer::of(text), None, "{text:?}");
        }
    }

    #[test]
    fn e6_who_is_up_says_so_and_for_how_long() {
        for (text, expected) in [
            ("AWAKE", Some(Answer::Awake(AWAKE_HOURS))),
            ("\"awake.\"", Some(Answer::Awake(AWAKE_HOURS))),
            ("Awake 3", Some(Answer::Awake(3))),
            ("awake: 12h", Some(Answer::Awake(12))),
            ("asleep", Some(Answer::Asleep)),
            ("awake 0", None),
            ("awake 13", None),
            ("AWAKE 3 h", Some(Answer::Awake(3))),
            ("awake until six", None),
            ("asleep soon", None),
            ("I am awake", None),
        ] {
            assert_eq!(Answer::of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn e4_codes_are_of_one_person_one_group_and_one_secret() {
        let of =
            |authorization: &str| Answers { authorization: authorization.to_owned(), ..Answers::default() };
        let (one, other) = (of("Bearer one"), of("Bearer other"));
        let codes =
            [one.code("g1", "anna"), one.code("g1", "ben"), one.code("g2", "anna"), other.code("g1", "anna")];
        assert!(
            codes.iter().all(|code| Answer::of(&format!("ACK {code}")) == Some(Answer::Look(code.clone()))),
            "{codes:?}"
        );
        assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{codes:?}");
        assert!(!format!("{one:?}").contains("Bearer"));
    }

    #[test]
    fn a_number_is_known_with_and_without_its_plus() {
        let text = "[person.anna]\nphone = \"+12105550171\"\n[person.ben]\nphone = \"+12105550172\"\n[person.carl]\n";
        let settings = Settings::parse(text, &[]).unwrap();
        assert_eq!(settings.people_at("+12105550171"), ["anna"]);
        assert_eq!(settings.people_at("1 (210) 555-0172"), ["ben"]);
        assert!(settings.people_at("").is_empty() && settings.people_at("+12105550173").is_empty());
    }
}
