//! What people of the desk answer by text message: `ACK 482113` says that they look at what they were told of (E-4).

use std::fmt;

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

/// The code in what somebody answered; `None` where it says something else. Case and signs around it are not looked at.
pub fn code_of(text: &str) -> Option<&str> {
    let text = text.trim_matches(|it: char| !it.is_alphanumeric());
    let word = text.get(..3).filter(|word| word.eq_ignore_ascii_case("ack"))?;
    let code = text.get(word.len()..)?.trim_start_matches(|it: char| !it.is_alphanumeric());
    (code.len() == 6 && code.bytes().all(|it| it.is_ascii_digit())).then_some(code)
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
            assert_eq!(code_of(text), Some("482113"), "{text:?}");
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
            assert_eq!(code_of(text), None, "{text:?}");
        }
    }

    #[test]
    fn e4_codes_are_of_one_person_one_group_and_one_secret() {
        let of =
            |authorization: &str| Answers { authorization: authorization.to_owned(), ..Answers::default() };
        let (one, other) = (of("Bearer one"), of("Bearer other"));
        let codes =
            [one.code("g1", "anna"), one.code("g1", "ben"), one.code("g2", "anna"), other.code("g1", "anna")];
        assert!(codes.iter().all(|code| code_of(&format!("ACK {code}")) == Some(code)), "{codes:?}");
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
