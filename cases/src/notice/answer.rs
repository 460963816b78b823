//! What people of the desk answer by text message: `ACK 482113` says that they look at what they were told of (E-4), `AWAKE` that
//! they are up (E-6).

use std::fmt;

use rules::Timestamp;

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
        digits(&["answer", &self.authorization, group, who])
    }

    /// The digits by which whoever holds the telephone `phone` confirms at `now` that they are awake: a gateway takes any number for
    /// that of a sender, and only who holds the telephone reads what is sent to it.
    pub fn wake_code(&self, phone: &str, now: Timestamp) -> String {
        self.wake_code_of(phone, now.0.div_euclid(CODE_MICROS))
    }

    /// Whether `code` was sent to this telephone within the last ten minutes, twenty at most.
    pub fn is_wake_code(&self, code: &str, phone: &str, now: Timestamp) -> bool {
        let time = now.0.div_euclid(CODE_MICROS);
        [time, time - 1].into_iter().any(|time| self.wake_code_of(phone, time) == code)
    }

    fn wake_code_of(&self, phone: &str, time: i64) -> String {
        digits(&["awake", &self.authorization, phone, &time.to_string()])
    }
}

fn digits(of: &[&str]) -> String {
    let hash = hash(of);
    let number = u64::from_str_radix(hash.get(..12).unwrap_or_default(), 16).unwrap_or_default();
    format!("{:06}", number % 1_000_000)
}

fn is_code(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|it| it.is_ascii_digit())
}

/// A code that was sent counts for so long, and at most as long again.
const CODE_MICROS: i64 = 600 * 1_000_000;

/// What somebody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// They look at what has this code.
    Look(String),
    /// They are awake.
    Awake {
        /// For so many hours.
        hours: i64,
        /// The digits that confirm it, once they were sent.
        code: Option<String>,
    },
    /// They are not any more.
    Asleep,
}

impl Answer {
    /// What `text` says: `ACK 482113`, `AWAKE`, `AWAKE 3`, `AWAKE 3 482113` or `ASLEEP`; `None` where it says something else. Case
    /// and signs around words are not looked at.
    pub fn of(text: &str) -> Option<Self> {
        let is_sign = |it: char| !it.is_alphanumeric();
        let text = text.trim_matches(is_sign);
        let after = |word: &str| {
            let rest = text
                .get(..word.len())
                .filter(|it| it.eq_ignore_ascii_case(word))
                .and_then(|_| text.get(word.len()..))?;
            Some(rest.trim_start_matches(is_sign))
        };
        if let Some(code) = after("ack") {
            return is_code(code).then(|| Self::Look(code.to_owned()));
        }
        if let Some(rest) = after("awake") {
            let (hours, code) = match rest.rsplit_once(is_sign) {
                Some((hours, code)) if is_code(code) => (hours.trim_end_matches(is_sign), Some(code)),
                None if is_code(rest) => ("", Some(rest)),
                _ => (rest, None),
            };
            let hours = hours.strip_suffix(['h', 'H']).unwrap_or(hours).trim_end();
            let hours = if hours.is_empty() { AWAKE_HOURS } else { hours.parse().ok()? };
            let code = code.map(str::to_owned);
            return (1..=AWAKE_HOURS_MAX).contains(&hours).then_some(Self::Awake { hours, code });
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
        let awake = |hours, code: &str| {
            Some(Answer::Awake { hours, code: Some(code.to_owned()).filter(|it| !it.is_empty()) })
        };
        for (text, expected) in [
            ("AWAKE", awake(AWAKE_HOURS, "")),
            ("\"awake.\"", awake(AWAKE_HOURS, "")),
            ("Awake 3", awake(3, "")),
            ("awake: 12h", awake(12, "")),
            ("AWAKE 3 h", awake(3, "")),
            ("AWAKE 482113", awake(AWAKE_HOURS, "482113")),
            ("awake482113", awake(AWAKE_HOURS, "482113")),
            ("Awake 3 482113.", awake(3, "482113")),
            ("awake 3h, 482113", awake(3, "482113")),
            ("awake 3 h 482113", awake(3, "482113")),
            ("asleep", Some(Answer::Asleep)),
            ("awake 0", None),
            ("awake 13", None),
            ("awake 13 482113", None),
            ("awake 3 4821134", None),
            ("awake 482113 3", None),
            ("awake until six", None),
            ("asleep soon", None),
            ("I am awake", None),
        ] {
            assert_eq!(Answer::of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn e6_a_code_is_of_one_telephone_and_ends() {
        let of =
            |authorization: &str| Answers { authorization: authorization.to_owned(), ..Answers::default() };
        let (one, other) = (of("Bearer one"), of("Bearer other"));
        let sent = Timestamp::from_seconds(1_000_000);
        let (anna, ben) = ("+12105550171", "+12105550172");
        let code = one.wake_code(anna, sent);
        assert!(is_code(&code), "{code}");
        let later = |minutes: i64| sent.plus_micros(minutes * 60 * 1_000_000);
        assert!([0, 5, 10].into_iter().all(|it| one.is_wake_code(&code, anna, later(it))));
        assert!([-20, 20, 600].into_iter().all(|it| !one.is_wake_code(&code, anna, later(it))));
        assert!(!one.is_wake_code(&code, ben, sent) && !other.is_wake_code(&code, anna, sent));
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
