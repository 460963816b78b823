//! What in a line may be a telephone number (B-5, B-8).

use super::characters::HIDDEN;

/// A piece of a line that may be a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Where it begins in the line, in bytes.
    pub begin: usize,
    /// Where it ends.
    pub end: usize,
    pub shape: Shape,
    /// Whether characters that nobody sees stood inside.
    pub is_obfuscated: bool,
}

/// What it looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Digits with what people put between them, and an extension behind.
    Number { digits: String, extension: Option<String> },
    /// A `sip:` or `tel:` URI.
    Uri(String),
    /// Digits with a letter that looks like one among them, and what was perhaps meant.
    Lookalike { written: String, meant: String },
    /// Places that stand for any digit, or a range.
    Range(String),
    /// Letters for digits, as in 1-800-FLOWERS, or behind them.
    Letters(String),
}

/// All candidates of `line`, from the left.
pub(super) fn find(line: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut open: Option<Open> = None;
    let tokens = tokens(line);
    for (index, token) in tokens.iter().enumerate() {
        let text = visible(token.text);
        let is_entry = index == 0 || open.as_ref().is_some_and(Open::is_whole) && token.piece.ends_with(')');
        let is_mark = is_entry && tokens.len() > index + 1 && is_list_mark(token.piece);
        let kind = if is_mark { Kind::Other } else { kind_of(&text) };
        if is_spoilt_digits(&text, &kind)
            && !token.is_behind_break
            && let Some(open) = open.take()
        {
            // The end of a number with something on it: nobody knows where the number ends.
            let written = visible(line.get(open.begin..token.end()).unwrap_or_default());
            let is_obfuscated = open.is_obfuscated;
            found.push(Candidate {
                begin: open.begin,
                end: token.end(),
                shape: Shape::Letters(written),
                is_obfuscated,
            });
            continue;
        }
        if is_wild_end(&text)
            && !token.is_behind_break
            && let Some(open) = open.take_if(|it| it.is_begun())
        {
            found.push(Candidate {
                begin: open.begin,
                end: token.end(),
                shape: Shape::Range(format!("{} {text}", open.text)),
                is_obfuscated: open.is_obfuscated,
            });
            continue;
        }
        if text == ANY_DIGITS {
            continue;
        }
        if !kind.joins() || token.is_behind_break || open.as_ref().is_some_and(|it| !it.takes(&text)) {
            close(&mut open, &mut found);
        }
        if matches!(kind, Kind::Digits) && open.as_ref().is_some_and(|it| it.is_entry(&text)) {
            open = None;
        }
        match kind {
            Kind::Digits => match &mut open {
                Some(open) => open.take(token, &text),
                None => open = Some(Open::begin(token, &text)),
            },
            Kind::Dash => {
                if let Some(open) = &mut open {
                    open.take_dash(tokens.get(index + 1).map(|it| visible(it.text)).as_deref());
                }
            }
            Kind::ExtensionWord => {
                let next = tokens.get(index + 1).map(|it| visible(it.text));
                if let Some(open) = &mut open {
                    open.expects_extension = next.is_some_and(|it| is_extension(&it));
                }
            }
            Kind::Extension(extension) => {
                if let Some(open) = &mut open {
                    open.extension = Some(extension);
                    open.end = token.end();
                }
                close(&mut open, &mut found);
            }
            Kind::DigitsAndExtension(digits, extension) => {
                let mut whole = open.take().unwrap_or_else(|| Open::begin(token, ""));
                whole.take(token, &digits);
                whole.extension = Some(extension);
                close(&mut Some(whole), &mut found);
            }
            Kind::Whole(shape) => found.push(Candidate {
                begin: token.begin,
                end: token.end(),
                shape,
                is_obfuscated: token.text.contains(HIDDEN),
            }),
            Kind::Other => {}
        }
    }
    close(&mut open, &mut found);
    ranges(line, found)
}

/// A number that is still being read.
struct Open {
    begin: usize,
    end: usize,
    text: String,
    extension: Option<String>,
    expects_extension: bool,
    is_obfuscated: bool,
}

impl Open {
    fn begin(token: &Token<'_>, text: &str) -> Self {
        Self {
            begin: token.begin,
            end: token.end(),
            text: text.to_owned(),
            extension: None,
            expects_extension: false,
            is_obfuscated: token.text.contains(HIDDEN),
        }
    }

    fn digits(&self) -> usize {
        count_digits(&self.text)
    }

    /// Whether it has all digits of a number of the North American plan: what follows a gap is something else.
    fn is_whole(&self) -> bool {
        let mut digits = self.text.bytes().filter(u8::is_ascii_digit);
        let national = match self.digits() {
            10 if !self.text.contains('+') => Some(()),
            11 => digits.next().filter(|it| *it == b'1').map(drop),
            _ => None,
        };
        let begins = |digit: Option<u8>| digit.is_some_and(|it| it >= b'2');
        national.is_some() && begins(digits.next()) && begins(digits.nth(2))
    }

    /// Whether it is too short to be a whole number, though more than a mark in a list.
    fn is_begun(&self) -> bool {
        let bounds = match self.text.as_bytes().first() {
            Some(b'+' | b'(' | b'0') => BEGUN_DIGITS_MIN..=BEGUN_DIGITS_MAX,
            // Years, counts and invoices are shorter.
            _ => BEGUN_BARE_MIN..=BEGUN_DIGITS_MAX,
        };
        bounds.contains(&self.digits()) && self.extension.is_none()
    }

    /// Whether it only counts the entries of a list, and the number begins with `text`. It is no country code then.
    fn is_entry(&self, text: &str) -> bool {
        let digits = self.text.trim_matches(['-', ' ', '.', ')']);
        let counts = match digits.as_bytes() {
            [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'9'] => true,
            [only] => matches!(only, b'2'..=b'6' | b'8' | b'9'),
            _ => false,
        };
        counts && count_digits(text) >= NATIONAL_DIGITS_MIN
    }

    /// Whether a piece may still belong to it.
    fn takes(&self, text: &str) -> bool {
        if self.is_whole() && !self.expects_extension && is_digits(text) {
            return false;
        }
        let abroad =
            |prefix: &str| text == prefix || text.starts_with(prefix) && count_digits(text) > LAST_DIGITS_MAX;
        let is_whole = self.digits() >= NATIONAL_DIGITS_MIN;
        let begins_another =
            text.starts_with('+') || is_whole && (text.starts_with('(') || abroad("00") || abroad("011"));
        !begins_another
            && (self.digits() + count_digits(text) <= DIGITS_MAX || text == "-" || self.expects_extension)
    }

    fn take(&mut self, token: &Token<'_>, text: &str) {
        self.end = token.end();
        if self.expects_extension {
            self.extension = Some(text.to_owned());
            self.expects_extension = false;
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(text);
        self.is_obfuscated |= token.text.contains(HIDDEN);
    }

    fn take_dash(&mut self, next: Option<&str>) {
        let goes_on = next.is_some_and(|it| is_digits(it) && !it.starts_with('+'));
        if goes_on && self.digits() < WHOLE_DIGITS_MIN {
            self.text.push('-');
        }
    }
}

fn close(open: &mut Option<Open>, found: &mut Vec<Candidate>) {
    let Some(open) = open.take() else { return };
    let digits = open.text.trim_matches(['-', '.', '/', ' ']).to_owned();
    // More digits than a number has: several with spaces between them.
    found.push(Candidate {
        begin: open.begin,
        end: open.end,
        shape: Shape::Number { digits, extension: open.extension },
        is_obfuscated: open.is_obfuscated,
    });
}

/// Two whole numbers with a dash or a word between them are the ends of a range.
fn ranges(line: &str, found: Vec<Candidate>) -> Vec<Candidate> {
    let mut joined: Vec<Candidate> = Vec::with_capacity(found.len());
    for candidate in found {
        let is_range = joined.last().is_some_and(|left| {
            let between = line.get(left.end..candidate.begin).unwrap_or_default().trim().to_lowercase();
            let digits = |it: &Candidate| match &it.shape {
                Shape::Number { digits, extension: None } => count_digits(digits),
                _ => 0,
            };
            let (first, last) = (digits(left), digits(&candidate));
            let is_between = between == "and"
                && line.get(..left.begin).unwrap_or_default().trim_end().to_lowercase().ends_with("between");
            let is_cut = || (2..WHOLE_DIGITS_MIN).contains(&last) && CUT_BETWEEN.contains(&between.as_str());
            first >= WHOLE_DIGITS_MIN
                && (last >= WHOLE_DIGITS_MIN && (is_between || BETWEEN.contains(&between.as_str()))
                    || is_cut())
        });
        match joined.last_mut().filter(|_| is_range) {
            Some(left) => {
                left.end = candidate.end;
                left.shape = Shape::Range(visible(line.get(left.begin..left.end).unwrap_or_default()));
            }
            None => joined.push(candidate),
        }
    }
    joined
}

/// A word of a line, without the marks around it.
struct Token<'a> {
    begin: usize,
    text: &'a str,
    /// It with the marks.
    piece: &'a str,
    /// Whether a comma or the like stood before it.
    is_behind_break: bool,
}

impl Token<'_> {
    const fn end(&self) -> usize {
        self.begin + self.text.len()
    }
}

fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut breaks = false;
    let mut begin = 0;
    while begin < line.len() {
        let rest = line.get(begin..).unwrap_or_default();
        let end = rest.find(|it: char| it == ' ' || is_break(it)).unwrap_or(rest.len());
        // "(469)231-7788(972)404-1192"
        let next = rest.get(..end).unwrap_or_default().rfind('(').filter(|at| *at > 0);
        let end = next
            .filter(|at| count_digits(rest.get(..*at).unwrap_or_default()) >= NATIONAL_DIGITS_MIN)
            .map_or(end, |_| first_whole(rest));
        let piece = rest.get(..end).unwrap_or_default();
        let left = without_word(piece.trim_start_matches(LEFT_MARKS));
        let mut text = left.trim_end_matches(RIGHT_MARKS);
        if piece.starts_with('*') {
            text = text.trim_end_matches('*');
        }
        while let Some(inside) = text.strip_suffix(')').filter(|it| !it.contains('(')) {
            text = inside.trim_end_matches(RIGHT_MARKS);
        }
        if piece == ANY_DIGITS || text.chars().any(|it| it != HIDDEN) {
            let (text, left) = if piece == ANY_DIGITS { (piece, piece) } else { (text, left) };
            tokens.push(Token {
                begin: begin + piece.len() - left.len(),
                text,
                piece,
                is_behind_break: breaks,
            });
            breaks = piece.ends_with([':', '"']);
        }
        let separator = rest.get(end..).and_then(|it| it.chars().next()).filter(|it| *it != '(');
        breaks |= separator.is_none_or(is_break);
        begin += end + separator.map_or(0, char::len_utf8);
    }
    tokens
}

/// Where the second of several numbers begins that stand together, each with its area in brackets.
fn first_whole(text: &str) -> usize {
    let mut starts = text.match_indices('(').map(|(at, _)| at);
    starts
        .find(|at| count_digits(text.get(..*at).unwrap_or_default()) >= NATIONAL_DIGITS_MIN)
        .unwrap_or(text.len())
}

/// `piece` without the word or the sign that says it is a number.
fn without_word(piece: &str) -> &str {
    // "2.972-404-1192", "b)972-404-1192"; with 1 it may be the country.
    if let [b'2'..=b'9' | b'a'..=b'z', b'.' | b')', rest @ ..] = piece.as_bytes()
        && rest.first().is_some_and(|it| it.is_ascii_digit() || matches!(it, b'+' | b'('))
        && count_digits(piece.get(2..).unwrap_or_default()) >= NATIONAL_DIGITS_MIN
    {
        return piece.get(2..).unwrap_or_default();
    }
    let begins = |it: char| it.is_ascii_digit() || matches!(it, '+' | '(');
    let Some((head, number)) = piece.find(begins).map(|at| piece.split_at(at)) else { return piece };
    let is_odd = |it: char| !it.is_ascii() && !it.is_alphanumeric();
    let is_sign = head == "#" || head.contains(is_odd) && head.chars().all(|it| is_odd(it) || it == HIDDEN);
    let head = head.to_ascii_lowercase();
    let is_word = || head != "tel:" && NUMBER_WORDS.contains(&head.trim_end_matches(['#', '.', ':']));
    if (is_sign || is_word()) && count_digits(number) >= WHOLE_DIGITS_MIN { number } else { piece }
}

fn is_break(character: char) -> bool {
    matches!(character, ',' | ';' | '|' | '\t' | '<' | '>' | '\n' | '[' | ']' | '&')
}

enum Kind {
    Digits,
    Dash,
    ExtensionWord,
    Extension(String),
    DigitsAndExtension(String, String),
    Whole(Shape),
    Other,
}

impl Kind {
    const fn joins(&self) -> bool {
        !matches!(self, Self::Whole(_) | Self::Other)
    }
}

fn kind_of(text: &str) -> Kind {
    let lower = text.to_ascii_lowercase();
    if matches!(text, "-" | "--") {
        return Kind::Dash;
    }
    if ["sip:", "sips:", "tel:"].iter().any(|scheme| lower.starts_with(scheme) && lower.len() > scheme.len())
    {
        return Kind::Whole(Shape::Uri(text.to_owned()));
    }
    if EXTENSION_WORDS.contains(&lower.trim_end_matches(['.', ':'])) {
        return Kind::ExtensionWord;
    }
    for word in EXTENSION_WORDS.iter().chain(&["#"]) {
        if let Some(rest) = lower.strip_prefix(word).map(|it| it.trim_start_matches(['.', ':']))
            && is_extension(rest)
        {
            return Kind::Extension(rest.to_owned());
        }
    }
    if is_digits(text) {
        return if is_something_else(text) { Kind::Other } else { Kind::Digits };
    }
    if count_digits(text) == 0
        || text.contains(['@', ':', '%', '$', '€', '_', '='])
        || lower.starts_with("rw-")
    {
        return Kind::Other;
    }
    mixed(text, &lower)
}

/// Digits that go on as something else, as in `0143%0d%0a`.
fn is_spoilt_digits(text: &str, kind: &Kind) -> bool {
    let behind = text.trim_start_matches(|it: char| it.is_ascii_digit());
    let digits = text.len() - behind.len();
    matches!(kind, Kind::Other)
        && digits >= 3
        && behind.starts_with(|it: char| it.is_alphabetic() || it == '%')
}

/// Whether a word ends a number of which some digits are left open, as in `+1 210 555 01XX`: one cross alone is no such word, but
/// one star is.
fn is_wild_end(text: &str) -> bool {
    let digits = text.trim_end_matches(['x', 'X', '*', '?']);
    let open = text.len() - digits.len();
    // Crosses alone stand for digits; marks alone are bold type, or a question.
    let is_alone = open > 1 && !text.contains(['*', '?']);
    text == ANY_DIGITS
        || open > 0 && if digits.is_empty() { is_alone } else { digits.bytes().all(|it| it.is_ascii_digit()) }
}

/// Digits and letters in one word.
fn mixed(text: &str, lower: &str) -> Kind {
    let digits = count_digits(text);
    for word in ["extension", "ext", "x", "#"] {
        if let Some((number, extension)) = lower.split_once(word) {
            let extension = extension.trim_start_matches(['.', ':']);
            if is_digits(number) && count_digits(number) >= 4 && is_extension(extension) {
                return Kind::DigitsAndExtension(number.to_owned(), extension.to_owned());
            }
        }
    }
    let is_wild = |it: char| matches!(it, 'x' | '*' | '?' | '#');
    let is_part = |it: char| it.is_ascii_digit() || "+-.()/".contains(it);
    let wild = lower.chars().filter(|it| is_wild(*it)).count();
    let begins_as_number = lower.starts_with(|it: char| it.is_ascii_digit() || it == '+' || it == '(');
    let is_country = lower.starts_with('+') && lower.ends_with('*') && wild == 1;
    if begins_as_number
        && wild > 0
        && (digits >= 3 || is_country)
        && lower.chars().all(|it| is_part(it) || is_wild(it))
    {
        return Kind::Whole(Shape::Range(text.to_owned()));
    }
    let is_lookalike = |it: char| matches!(it, 'O' | 'o' | 'I' | 'l' | 'S' | 'B' | 'Z');
    let letters = text.chars().filter(|it| is_lookalike(*it)).count();
    if letters > 0
        && letters + digits >= WHOLE_DIGITS_MIN
        && digits > letters
        && text.chars().all(|it| is_part(it) || is_lookalike(it))
    {
        return Kind::Whole(Shape::Lookalike {
            written: text.to_owned(),
            meant: text.chars().map(meant).collect(),
        });
    }
    let is_spelt = |it: char| is_part(it) || it.is_ascii_uppercase();
    if begins_as_number && digits >= 3 && text.len() >= 10 && text.contains('-') && text.chars().all(is_spelt)
    {
        return Kind::Whole(Shape::Letters(text.to_owned()));
    }
    Kind::Other
}

const fn meant(letter: char) -> char {
    match letter {
        'O' | 'o' => '0',
        'I' | 'l' => '1',
        'S' => '5',
        'B' => '8',
        'Z' => '2',
        other => other,
    }
}

/// `1.`, `2)`, `(3)` before the entry of a list.
fn is_list_mark(text: &str) -> bool {
    let (inside, places) = text.strip_prefix('(').map_or((text, 3), |inside| (inside, 1));
    let digits = inside.trim_end_matches([')', '.']);
    digits.len() < inside.len()
        && (1..=places).contains(&digits.len())
        && digits.bytes().all(|it| it.is_ascii_digit())
}

fn is_digits(text: &str) -> bool {
    count_digits(text) > 0
        && text.chars().all(|it| it.is_ascii_digit() || "+-.()/".contains(it))
        && text.rfind('+').is_none_or(|at| at == 0 || text.get(..at) == Some("("))
}

fn is_extension(text: &str) -> bool {
    (1..=6).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit())
}

/// Dates and addresses of machines, which are digits too.
fn is_something_else(text: &str) -> bool {
    let groups = |separator| text.split(separator).map(str::len).collect::<Vec<_>>();
    let plain = |separator: char| text.chars().all(|it| it.is_ascii_digit() || it == separator);
    let is_machine = || groups('.').len() == 4 && text.split('.').all(|it| it.parse::<u8>().is_ok());
    plain('-') && matches!(groups('-').as_slice(), [4, 1..=2, 1..=2])
        || plain('/')
            && matches!(groups('/').as_slice(), [1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4] | [4, 1..=2, 1..=2])
        || plain('.')
            && (matches!(groups('.').as_slice(), [1..=2, 1..=2, 2 | 4] | [4, 1..=2, 1..=2]) || is_machine())
}

pub(super) fn count_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// What people see of `text`, with points for the dots that some put in the middle of the line.
fn visible(text: &str) -> String {
    text.chars().filter(|it| *it != HIDDEN).map(|it| if matches!(it, '·' | '•') { '.' } else { it }).collect()
}

/// Marks that stand around numbers and are none of them.
const LEFT_MARKS: &[char] =
    &['"', '\'', '*', '•', '·', '“', '”', '‘', '’', ':', '.', '{', '_', '`', '=', '!', '○', '●', '▪', '–'];
const RIGHT_MARKS: &[char] =
    &['"', '\'', '•', '·', '“', '”', '‘', '’', ':', '.', '}', '_', '`', '!', '-', '?'];
const NUMBER_WORDS: &[&str] = &["ph", "tel", "phone", "no", "nr", "num"];
const EXTENSION_WORDS: &[&str] = &["extension", "ext", "extn", "x", "interno", "anexo"];
const BETWEEN: &[&str] =
    &["-", "--", "..", "...", "…", "to", "through", "thru", "until", "a", "al", "hasta", "bis"];
/// Behind these the last number of a range may be given by its last digits.
const CUT_BETWEEN: &[&str] = &["--", "to", "through", "thru", "until", "hasta", "bis"];
/// From so many digits on a number may be whole.
const WHOLE_DIGITS_MIN: usize = 7;
/// From so many on it is whole also with an area, and what follows may begin another.
const NATIONAL_DIGITS_MIN: usize = 10;
/// The last piece of a number has at most so many digits.
const LAST_DIGITS_MAX: usize = 6;
/// E.164 has 15, a prefix for abroad comes on top.
const DIGITS_MAX: usize = 18;
/// Stands for any digits, and else for nothing.
const ANY_DIGITS: &str = "*";
/// Digits of a number whose last ones are left open in a word of their own.
const BEGUN_DIGITS_MIN: usize = 3;
const BEGUN_BARE_MIN: usize = 6;
const BEGUN_DIGITS_MAX: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[&str]) {
        let found: Vec<String> = find(line)
            .into_iter()
            .map(|it| match it.shape {
                Shape::Number { digits, extension: None } => digits,
                Shape::Number { digits, extension: Some(extension) } => format!("{digits} x{extension}"),
                Shape::Uri(uri) => uri,
                Shape::Lookalike { meant, .. } => format!("?{meant}"),
                Shape::Range(range) => format!("range {range}"),
                Shape::Letters(text) => format!("letters {text}"),
            })
            .collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn b5_numbers_are_found_as_they_are_written() {
        check(
            "2105550101, (210) 555-0102; +44 20 7946 0958",
            &["2105550101", "(210) 555-0102", "+44 20 7946 0958"],
        );
        check("+1 210 555 0101 x55", &["+1 210 555 0101 x55"]);
        check("210-555-0101x55 and 210-555-0102 ext. 7", &["210-555-0101 x55", "210-555-0102 x7"]);
        check("210.555.0101/210.555.0102", &["210.555.0101/210.555.0102"]);
        check(
            "tel:+1-210-555-0101 <sip:+12105550102@example.com;user=phone>",
            &["tel:+1-210-555-0101", "sip:+12105550102@example.com"],
        );
        check("1. 210-555-0101", &["210-555-0101"]);
        check("* +12105550101", &["+12105550101"]);
        check("210 - 555 - 0101", &["210 555 0101"]);
        check("1) 210 555 0101", &["210 555 0101"]);
        check("+1 (210) 555 0114", &["+1 (210) 555 0114"]);
        check("+12105550101 +12105550102", &["+12105550101", "+12105550102"]);
        check("(210) 555-0101 (210) 555-0102", &["(210) 555-0101", "(210) 555-0102"]);
        check("21O-555-OlO1", &["?210-555-0101"]);
        check("1-800-FLOWERS", &["letters 1-800-FLOWERS"]);
    }

    #[test]
    fn b8_ranges_are_told_from_numbers() {
        check("210-555-01XX", &["range 210-555-01XX"]);
        check("+1210555*", &["range +1210555*"]);
        check("2105550100 - 2105550199", &["range 2105550100 - 2105550199"]);
        check("210-555-0100 to 210-555-0199", &["range 210-555-0100 to 210-555-0199"]);
        check("+1 800 555 01*", &["range +1 800 555 01*"]);
        check("(210) 555 01XX and 911", &["range (210) 555 01XX", "911"]);
        check("+49 30 9018 *", &["range +49 30 9018 *"]);
        check("0121 496 0xxx", &["range 0121 496 0xxx"]);
        // Marks behind a whole number are none of its digits.
        check("210 555 0101 *", &["210 555 0101"]);
        check("07700 900142 xx", &["07700 900142"]);
        check("+1 210 555 0101 x 55", &["+1 210 555 0101 x55"]);
        check("210 555 0101 ?", &["210 555 0101"]);
        for text in ["since 2026 ??", "**Block by 2026 **", "invoice 12345 *", "call 210 555 ??"] {
            assert!(find(text).iter().all(|it| !matches!(it.shape, Shape::Range(_))), "{text}");
        }
    }

    #[test]
    fn b5_dates_times_addresses_and_cases_are_no_numbers() {
        check(
            "on 2026-10-05 at 10:30 from 192.0.2.10, RW-104233-3, jane.5551234@example.com, 10/05/2026, 05.10.2026",
            &[],
        );
        check("https://example.com/2105550101 costs $5550101", &[]);
    }
}
