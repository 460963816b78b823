//! What somebody types to find cases: `kind:block customer:Acme -state:waiting due<1h threats`.

use cases::CaseNumber;
use cases::case::{Kind, Severity};
use cases::flow::State;
use cases::io::store::{Condition, Filter, Is};
use rules::Timestamp;

/// What was typed, as it is asked of the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Which cases.
    pub(crate) filter: Filter,
    /// Words that mean nothing, and why. The others count all the same.
    pub(crate) wrong: Vec<String>,
}

impl Query {
    /// Reads `text` for `me`, who looks at `now`.
    pub(crate) fn read(text: &str, me: &str, now: Timestamp) -> Self {
        let mut query = Self::default();
        if let Some(number) = number(text) {
            query.filter.conditions.push(Condition { is_not: false, is: Is::Text(number) });
            return query;
        }
        let words = words(text);
        if words.len() > WORDS_MAX {
            query.wrong.push(format!("only the first {WORDS_MAX} words count"));
        }
        for word in words.into_iter().take(WORDS_MAX) {
            if let Err(why) = query.take(&word, me, now) {
                query.wrong.push(format!("{}: {why}", word.shown()));
            }
        }
        query
    }

    fn take(&mut self, word: &Word, me: &str, now: Timestamp) -> Result<(), String> {
        let is = match (word.field.as_deref(), word.sign) {
            (None, _) => match word.value.as_str() {
                "breached" if !word.is_quoted => Is::Breached(now),
                "late" if !word.is_quoted => Is::Due(now),
                "mine" if !word.is_quoted => Is::Owner(vec![me.to_owned()]),
                value => {
                    let upper = value.to_uppercase();
                    let digits = upper.strip_prefix("RW-").unwrap_or_default();
                    if digits.starts_with(|it: char| it.is_ascii_digit())
                        && let Err(mistyped) = value.parse::<CaseNumber>()
                    {
                        return Err(mistyped.to_string());
                    }
                    Is::Text(value.to_owned())
                }
            },
            (Some("due"), '<') => Is::Due(now.plus_micros(span(&word.value)?)),
            (Some("due"), '>') => {
                // What is due later than that: not before.
                let later = Is::Due(now.plus_micros(span(&word.value)?));
                self.filter.conditions.push(Condition { is_not: !word.is_not, is: later });
                return Ok(());
            }
            (Some("due"), _) => return Err("say due<1h, due<30m or due>2d".to_owned()),
            (Some(field), ':') => match field {
                "kind" => Is::Kind(each(word, "kinds", kind)?),
                "state" => {
                    let states = each(word, "states", states)?.concat();
                    if !word.is_not {
                        let over = states.iter().filter(|state| state.is_over()).count();
                        if over > 0 && over < states.len() {
                            return Err(
                                "cases that are over are not shown with those that are not".to_owned()
                            );
                        }
                        self.filter.is_over |= over > 0;
                    }
                    Is::State(states)
                }
                "severity" => Is::Severity(each(word, "severities", severity)?),
                "customer" | "tenant" => Is::Customer(values(word)?),
                "rule" => Is::Rule(values(word)?),
                "owner" => Is::Owner(
                    values(word)?
                        .into_iter()
                        .map(|name| match name.as_str() {
                            "me" => me.to_owned(),
                            "nobody" | "none" => String::new(),
                            _ => name.to_lowercase(),
                        })
                        .collect(),
                ),
                "is" => {
                    self.filter.is_over = match word.value.as_str() {
                        "open" => word.is_not,
                        "over" | "closed" => !word.is_not,
                        _ => return Err("say is:open or is:over".to_owned()),
                    };
                    return Ok(());
                }
                _ => return Err(format!("there is no field {field}: {FIELDS}")),
            },
            (Some(field), _) => return Err(format!("{field} is not compared: write {field}:…")),
        };
        self.put(Condition { is_not: word.is_not, is });
        Ok(())
    }

    /// One that is named twice may be either: a case has one kind, one state, one owner.
    fn put(&mut self, new: Condition) {
        let wanted = self.filter.conditions.iter_mut().filter(|it| !it.is_not && !new.is_not);
        for known in wanted {
            match (&mut known.is, &new.is) {
                (Is::Kind(all), Is::Kind(more)) => return all.extend(more),
                (Is::State(all), Is::State(more)) => return all.extend(more),
                (Is::Severity(all), Is::Severity(more)) => return all.extend(more),
                (Is::Customer(all), Is::Customer(more))
                | (Is::Owner(all), Is::Owner(more))
                | (Is::Rule(all), Is::Rule(more)) => return all.extend(more.iter().cloned()),
                _ => {}
            }
        }
        self.filter.conditions.push(new);
    }
}

/// One word of what was typed.
#[derive(Debug, Default)]
struct Word {
    is_not: bool,
    field: Option<String>,
    sign: char,
    value: String,
    is_quoted: bool,
}

impl Word {
    fn shown(&self) -> String {
        let field = self.field.as_deref().map(|field| format!("{field}{}", self.sign)).unwrap_or_default();
        format!("{}{field}{}", if self.is_not { "-" } else { "" }, self.value)
    }
}

/// Words of `text`: blanks part them, unless quotation marks stand around; a backslash keeps the next character as it is.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut word, mut is_in, mut is_begun) = (Word::default(), false, false);
    let mut characters = text.chars().take(CHARACTERS_MAX);
    while let Some(it) = characters.next() {
        match it {
            '"' => {
                is_in = !is_in;
                word.is_quoted = true;
                is_begun = true;
            }
            '\\' if is_in => word.value.extend(characters.next()),
            it if it.is_whitespace() && !is_in => {
                if std::mem::take(&mut is_begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            '-' if !is_begun => {
                word.is_not = true;
                is_begun = true;
            }
            ':' | '<' | '>' if !is_in && word.field.is_none() && is_field(&word.value) => {
                word.field = Some(std::mem::take(&mut word.value).to_lowercase());
                word.sign = it;
            }
            it => {
                word.value.push(it);
                is_begun = true;
            }
        }
    }
    if is_begun {
        words.push(word);
    }
    words.retain(|word| !word.value.is_empty() || word.field.is_some());
    words
}

/// The digits of one telephone number, as titles have it, where nothing else was typed and people's marks stand between them.
fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = text.strip_suffix('*').unwrap_or(text);
    let is_one = bare.bytes().all(|it| it.is_ascii_digit() || b"+ -.()/".contains(&it))
        && bare.starts_with(|it: char| it.is_ascii_digit() || it == '+' || it == '(')
        && bare.rfind('+').is_none_or(|at| at == 0);
    let digits: String = bare.chars().filter(char::is_ascii_digit).collect();
    let plus = if bare.starts_with('+') { "+" } else { "" };
    (is_one && (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())).then(|| format!("{plus}{digits}"))
}

fn is_field(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// `value` in quotation marks, as [`words`] reads it.
pub(crate) fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn values(word: &Word) -> Result<Vec<String>, String> {
    if word.is_quoted && !word.value.is_empty() {
        return Ok(vec![word.value.clone()]);
    }
    let values: Vec<_> =
        word.value.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    if values.is_empty() { Err("something has to follow".to_owned()) } else { Ok(values) }
}

fn each<T>(word: &Word, what: &str, read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let all = values(word)?;
    all.iter()
        .map(|value| read(&value.to_lowercase()).map_err(|known| format!("{what} are {known}")))
        .collect()
}

fn kind(word: &str) -> Result<Kind, String> {
    let known = || Kind::EVERY.map(Kind::name).join(", ");
    Kind::EVERY.into_iter().find(|it| it.name() == word).ok_or_else(known)
}

fn severity(word: &str) -> Result<Severity, String> {
    let known = || Severity::EVERY.map(Severity::name).join(", ");
    Severity::EVERY.into_iter().find(|it| it.name() == word).ok_or_else(known)
}

fn states(word: &str) -> Result<Vec<State>, String> {
    if word == "waiting" {
        return Ok(State::EVERY.into_iter().filter(|state| state.waits_for_customer()).collect());
    }
    let known = || format!("{}, and waiting", State::EVERY.map(State::name).join(", "));
    State::EVERY.into_iter().find(|it| it.name() == word).map(|it| vec![it]).ok_or_else(known)
}

/// Microseconds of `30m`, `1h`, `2d`; `0` is now.
fn span(text: &str) -> Result<i64, String> {
    let number = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let minutes = match text.get(number.len()..) {
        Some("m" | "min") => 1,
        Some("h") => 60,
        Some("d") => 24 * 60,
        Some("") if number == "0" => 1,
        _ => return Err("say a time such as 30m, 1h or 2d".to_owned()),
    };
    match number.parse::<i64>() {
        Ok(count @ 0..=100_000) => Ok(count * minutes * 60_000_000),
        _ => Err("say a time such as 30m, 1h or 2d".to_owned()),
    }
}

const FIELDS: &str = "fields are kind, state, customer, owner, severity, rule, due and is";
const WORDS_MAX: usize = 30;
/// Digits of a telephone number; with more of them there are several.
const DIGITS_MIN: usize = 7;
const DIGITS_MAX: usize = 15;
/// Longer is no query.
const CHARACTERS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_791_212_400_000_000);

    fn read(text: &str) -> Query {
        Query::read(text, "anna", NOW)
    }

    fn only(text: &str) -> Condition {
        let mut query = read(text);
        assert!(query.wrong.is_empty(), "{text}: {:?}", query.wrong);
        assert_eq!(query.filter.conditions.len(), 1, "{text}: {:?}", query.filter);
        query.filter.conditions.remove(0)
    }

    #[test]
    fn each_word_asks_for_what_it_says() {
        let is = |is| Condition { is_not: false, is };
        let not = |is| Condition { is_not: true, is };
        let text = |text: &str| text.to_owned();
        for (typed, meant) in [
            ("kind:block", is(Is::Kind(vec![Kind::Block]))),
            ("kind:block,unblock", is(Is::Kind(vec![Kind::Block, Kind::Unblock]))),
            ("kind:block KIND:Unblock", is(Is::Kind(vec![Kind::Block, Kind::Unblock]))),
            ("-state:waiting", not(Is::State(vec![State::NeedsInfo, State::AwaitingAuthorisation]))),
            ("state:new", is(Is::State(vec![State::New]))),
            ("customer:Acme", is(Is::Customer(vec![text("Acme")]))),
            ("tenant:\"Acme \\\"Ltd\\\"\"", is(Is::Customer(vec![text("Acme \"Ltd\"")]))),
            ("owner:me", is(Is::Owner(vec![text("anna")]))),
            ("owner:nobody", is(Is::Owner(vec![String::new()]))),
            ("severity:critical", is(Is::Severity(vec![Severity::Critical]))),
            ("due<1h", is(Is::Due(NOW.plus_micros(3_600_000_000)))),
            ("due>2d", not(Is::Due(NOW.plus_micros(2 * 86_400_000_000)))),
            ("breached", is(Is::Breached(NOW))),
            ("\"breached\"", is(Is::Text(text("breached")))),
            ("-threats", not(Is::Text(text("threats")))),
            ("\"two words\"", is(Is::Text(text("two words")))),
            ("+12105550142", is(Is::Text(text("+12105550142")))),
            ("(415) 555-0188", is(Is::Text(text("4155550188")))),
            ("+1 210-555.0142", is(Is::Text(text("+12105550142")))),
        ] {
            assert_eq!(only(typed), meant, "{typed}");
        }
        assert!(read("state:closed").filter.is_over && read("is:over").filter.is_over);
        assert!(!read("-state:closed").filter.is_over);
    }

    #[test]
    fn a_word_that_means_nothing_is_named_with_what_would() {
        for (typed, said) in [
            ("RW-100391-6", "is no case number"),
            ("colour:red", "colour:red: there is no field colour: fields are kind"),
            ("kind:blok", "kinds are alert, block, unblock"),
            ("state:asleep", "needs-info"),
            ("due:soon", "say due<1h"),
            ("due<soon", "30m, 1h or 2d"),
            ("kind<block", "write kind:"),
            ("owner:", "something has to follow"),
            ("state:new,closed", "are not shown with"),
        ] {
            let query = read(&format!("{typed} threats"));
            assert!(query.wrong[0].contains(said), "{typed}: {:?}", query.wrong);
            // What can be understood counts all the same.
            assert_eq!(query.filter.conditions.len(), 1, "{typed}");
        }
        assert!(!read(&"a ".repeat(100)).wrong.is_empty());
    }

    #[test]
    fn what_is_quoted_is_read_again_as_it_was() {
        for name in ["Acme", "Acme, Inc", "Acme \"Ltd\"", "a\\b", "x:y -z", "Ünïted"] {
            assert_eq!(only(&format!("customer:{}", quoted(name))).is, Is::Customer(vec![name.to_owned()]));
        }
    }
}
