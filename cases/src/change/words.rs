//! What the customer reads of a change: the request to authorise it, and that it is done.

use std::fmt::Write as _;

use super::{Change, Impact, LeftOut, Line, Risk, Seen};
use crate::CaseNumber;

/// A subject and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
}

impl Change {
    /// Asks `contact` to authorise it. `link` is where, `until` until when, both ready to be read.
    pub fn request(
        &self,
        case: CaseNumber,
        impact: &Impact,
        contact: &str,
        (link, until): (&str, &str),
    ) -> Words {
        let mut text = format!("{contact}, your approval is needed for case {case}.\n\nWhat would change:\n");
        text += &self.in_lines();
        let _ = write!(text, "\n{}\n{}\n", impact.effects().join("\n"), self.risk(impact).in_words());
        let _ = write!(
            text,
            "\nLook at it, and say yes or no, until {until}:\n{link}\n\nYou are asked for the code of your authenticator app. \
             Nothing is changed unless you say so. The change is known by {}; what you approve is exactly this one.\n",
            self.hash().get(..HASH_SHOWN).unwrap_or_default()
        );
        if self.takes_replies(impact) {
            let _ = write!(text, "\nOr answer this mail with:  APPROVE {}\n", self.code());
        }
        Words { subject: format!("[{case}] Please authorise: {}", self.title()), text }
    }

    /// Says that it is in force, what test calls have shown, and what of the change was not wanted.
    pub fn done(&self, case: CaseNumber, proof: &str, left_out: &[LeftOut]) -> Words {
        let rest: String = left_out.iter().map(LeftOut::in_words).collect();
        let text = format!(
            "Case {case} is done.\n\nWhat changed:\n{}\nWhat test calls have shown:\n{}\n\n{rest}Is something wrong with it? Answer \
             this mail: whoever has the case is told, and can take it back.\n",
            self.in_lines(),
            proof.lines().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n")
        );
        Words { subject: format!("[{case}] Done: {}", self.title()), text }
    }

    /// Says that somebody approved it, to those who could have (Z-10).
    pub fn approved(&self, case: CaseNumber, by: &str, link: &str) -> Words {
        let text = format!(
            "{by} has approved case {case} by mail:\n\n{}\nWas that not you, or not in your name? This takes it back, within 15 \
             minutes:\n{link}\n",
            self.in_lines()
        );
        Words { subject: format!("[{case}] {by} has approved: {}", self.title()), text }
    }

    /// Says that a standing authorisation was used for it, and how that is taken back (Z-6).
    pub fn used_standing(&self, case: CaseNumber, name: &str, (link, until): (&str, &str)) -> Words {
        let text = format!(
            "By your standing authorisation {name:?} this comes into force, case {case}:\n\n{}\nIs it wrong? This takes it \
             back, until {until}:\n{link}\n",
            self.in_lines()
        );
        Words { subject: format!("[{case}] By your standing authorisation: {}", self.title()), text }
    }

    /// What it is in one line.
    fn title(&self) -> String {
        let first = self.lines.first().map(ToString::to_string).unwrap_or_default();
        let first = crate::case::title(first.lines().next().unwrap_or_default());
        let short: String = first.chars().take(TITLE_CHARACTERS).collect();
        match self.lines.len() {
            0 | 1 => short,
            many => format!("{short}, and {} more", many - 1),
        }
    }

    fn in_lines(&self) -> String {
        in_lines(&self.lines, ", behind the link")
    }
}

impl LeftOut {
    /// What is not changed, who did not want it and why, and where it goes on; ends with an empty line.
    pub fn in_words(&self) -> String {
        let (by, why) = (&self.by, crate::intake::one_line(&self.why, LINE_CHARACTERS));
        let what = match self.case {
            Some(case) => format!("Back at the desk as case {case}, and not changed"),
            None => "Refused, and not changed".to_owned(),
        };
        format!("{what}:\n{}{by} says: {why}\n\n", in_lines(&self.lines, ""))
    }
}

/// `more` stands behind the number of those that are not shown.
fn in_lines(lines: &[Line], more: &str) -> String {
    let mut text = String::new();
    for line in lines.iter().take(LINES_SHOWN) {
        // Reasons are words of whoever asked: none begins a line of its own.
        let said = line.to_string();
        let said = said.lines().map(|line| crate::intake::one_line(line, LINE_CHARACTERS));
        let _ = writeln!(text, "- {}", said.collect::<Vec<_>>().join("\n  "));
    }
    if lines.len() > LINES_SHOWN {
        let _ = writeln!(text, "- and {} more{more}", lines.len() - LINES_SHOWN);
    }
    text
}

impl Impact {
    /// All of it: what it would have done, and a text for each number of which something is known.
    pub fn effects(&self) -> Vec<String> {
        std::iter::once(self.in_words()).chain(self.numbers.iter().map(Seen::in_words)).collect()
    }

    /// In a sentence.
    pub fn in_words(&self) -> String {
        let Some(blocked) = self.blocked else {
            return format!(
                "What it would do is not known: calls of {} days are on record, and it takes two weeks.",
                self.days
            );
        };
        let wanted = match self.wanted {
            0 => "none of them was".to_owned(),
            1 => "one of them was".to_owned(),
            many => format!("{many} of them were"),
        };
        let calls = match (blocked, self.wanted) {
            (0, _) => "no call that is not blocked already".to_owned(),
            (1, 0) => "one call, which was not talked to for longer than a minute".to_owned(),
            (1, _) => "one call, which was talked to for longer than a minute".to_owned(),
            (many, _) => format!("{many} calls; {wanted} talked to for longer than a minute"),
        };
        format!("In the past {} days it would have blocked {calls}.", self.days)
    }
}

impl Risk {
    /// Who has to say yes.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Low => "Risk: low. One of your authorisers has to approve it.",
            Self::Medium => "Risk: medium. One of your authorisers has to approve it.",
            Self::High => "Risk: high. Two of your authorisers have to approve it.",
        }
    }
}

const HASH_SHOWN: usize = 12;
const LINES_SHOWN: usize = 20;
const LINE_CHARACTERS: usize = 300;
const TITLE_CHARACTERS: usize = 80;

#[cfg(test)]
mod tests {
    use super::super::tests::{change, quiet};
    use super::super::{Impact, LeftOut, Line};
    use crate::CaseNumber;

    #[test]
    fn z2_the_request_says_what_changes_who_has_to_say_yes_and_how() {
        let words =
            change().request(CaseNumber::new(104_233), &quiet(), "Ann", ("https://d.example.com/a/x", "Mon"));
        assert_eq!(
            words.subject,
            "[RW-104233-3] Please authorise: put +12105550142 on harassment until 2026-12-24: threats"
        );
        for expected in [
            "- put +12105550142 on harassment until 2026-12-24: threats\n",
            "In the past 30 days it would have blocked 41 calls; none of them was",
            "One of your authorisers",
            "\nhttps://d.example.com/a/x\n",
            &format!("APPROVE {}", change().code()),
        ] {
            assert!(words.text.contains(expected), "no {expected:?} in {}", words.text);
        }
        // What nobody knows is not of low risk: no reply is enough.
        let unknown = change().request(CaseNumber::new(104_233), &Impact::default(), "Ann", ("x", "Mon"));
        assert!(
            !unknown.text.contains("APPROVE") && unknown.text.contains("is not known"),
            "{}",
            unknown.text
        );
    }

    #[test]
    fn z4_what_was_not_wanted_is_told_with_what_is_done() {
        let left_out = |case| LeftOut {
            by: "Ann".to_owned(),
            why: "that is our\nanswering service".to_owned(),
            lines: vec![Line::Remove { list: "harassment".to_owned(), entry: "+12105550143".to_owned() }],
            case,
        };
        let rest = [left_out(None), left_out(Some(CaseNumber::new(104_234)))];
        let words = change().done(CaseNumber::new(104_233), "603", &rest);
        for expected in [
            "- put +12105550142 on harassment",
            "\nRefused, and not changed:\n- take +12105550143 off harassment\nAnn says: that is our answering service\n",
            "\nBack at the desk as case RW-104234-",
        ] {
            assert!(words.text.contains(expected), "no {expected:?} in {}", words.text);
        }
        assert!(!change().done(CaseNumber::new(104_233), "603", &[]).text.contains("not changed"));
    }

    #[test]
    fn a3_words_of_whoever_asked_begin_no_line_of_their_own() {
        let mut hostile = change();
        if let Line::Add { reason, .. } = &mut hostile.lines[0] {
            *reason = "threats\r\nBcc: all@example.com\n\nAPPROVE 234567\u{202e}".to_owned();
        }
        let words = hostile.request(CaseNumber::new(104_233), &Impact::default(), "Ann", ("x", "Mon"));
        assert!(
            words.text.lines().all(|line| !line.starts_with("Bcc") && !line.starts_with("APPROVE")),
            "{}",
            words.text
        );
        assert!(!words.subject.contains(['\r', '\n']) && !words.text.contains('\u{202e}'));
    }
}
