//! A mail as it was read: each line with what it is, each number with whether it was taken, and why.

use cases::intake::{Authority, Fate, FoundNumber, Intake, Reading, Segment, State, Trust};
use cases::io::store::understood;

/// All of it, for a template.
pub(crate) struct Explained {
    pub(crate) from: String,
    pub(crate) trust: String,
    pub(crate) reasons: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) customer: String,
    pub(crate) subject: String,
    pub(crate) is_high_priority: bool,
    /// Why it was not read; nothing when it was.
    pub(crate) unread: Option<String>,
    pub(crate) lines: Vec<LineShown>,
    /// Whether lines were left out because there are too many.
    pub(crate) is_cut: bool,
    pub(crate) asks: Vec<Asked>,
    pub(crate) files: Vec<FoundShown>,
    pub(crate) left: Vec<String>,
    pub(crate) answer: String,
}

/// A line of the text.
pub(crate) struct LineShown {
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) segment: &'static str,
    pub(crate) is_own: bool,
    pub(crate) found: Vec<FoundShown>,
}

/// A number, or what looks like one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct FoundShown {
    pub(crate) place: String,
    pub(crate) class: &'static str,
    pub(crate) written: String,
    pub(crate) reading: String,
    pub(crate) notes: String,
    pub(crate) fate: String,
}

/// One thing that is asked for.
pub(crate) struct Asked {
    pub(crate) what: String,
    pub(crate) authority: &'static str,
    pub(crate) is_ready: bool,
    pub(crate) ranges: Vec<String>,
    pub(crate) bad_lines: usize,
}

impl Explained {
    pub(crate) fn new(intake: &Intake) -> Self {
        let sender = &intake.sender;
        let claim = if sender.trust < Trust::Contact && sender.tenant.is_some() { " (claimed)" } else { "" };
        let all = || intake.requests.iter().flat_map(|it| &it.numbers);
        let (mut characters, mut lines) = (0, Vec::new());
        for (index, line) in intake.lines.iter().enumerate() {
            let text = line.shown();
            characters += text.chars().count();
            if index >= LINES_MAX || characters > CHARACTERS_MAX {
                break;
            }
            let mut found: Vec<FoundShown> = Vec::new();
            for number in all().filter(|it| it.place.file.is_none() && it.place.line == index + 1) {
                let shown = FoundShown::new(number);
                // Two requests of one mail look at the same numbers.
                if !found.contains(&shown) {
                    found.push(shown);
                }
            }
            lines.push(LineShown {
                number: index + 1,
                text,
                segment: line.segment.word(),
                is_own: line.segment == Segment::Own,
                found,
            });
        }
        let of_files = all().filter(|it| it.place.file.is_some());
        Self {
            from: sender.address.clone(),
            trust: sender.trust.to_string(),
            reasons: sender.reasons.clone(),
            warnings: sender.warnings.clone(),
            customer: format!("{}{claim}", sender.tenant.as_deref().unwrap_or("none")),
            subject: intake.subject.clone(),
            is_high_priority: intake.is_high_priority(),
            unread: match &intake.state {
                State::Read => None,
                State::TooComplex(limit) => Some(format!("It is too complex to be read: {limit}.")),
                State::Unparsed => Some("It could not be read by machine: a person reads it.".to_owned()),
            },
            is_cut: lines.len() < intake.lines.len(),
            lines,
            asks: intake.requests.iter().map(Asked::new).collect(),
            files: of_files.map(FoundShown::new).take(FILE_NUMBERS_MAX).collect(),
            left: intake.unread.iter().take(LINES_MAX).cloned().collect(),
            answer: intake.no_answer.as_ref().map_or_else(
                || "An automatic answer may go to the sender.".to_owned(),
                |why| format!("No automatic answer: {why}."),
            ),
        }
    }
}

impl FoundShown {
    fn new(found: &FoundNumber) -> Self {
        let place = found.place.in_words();
        let reading = match &found.reading {
            Reading::Number(number) => number.to_string(),
            Reading::Either(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
            Reading::DidYouMean(number) => format!("perhaps {number}"),
            Reading::None => "no number".to_owned(),
        };
        let (class, fate) = match &found.fate {
            Fate::Taken => ("done", "✓ taken".to_owned()),
            Fate::Suggested(why) => ("info", format!("? suggested: {why}")),
            Fate::Unclear(why) => ("warning", format!("● unclear: {why}")),
            Fate::Stopped(stop) => ("critical", format!("▲ cannot be blocked: {stop}")),
            Fate::Left(why) => ("", format!("– left: {why}")),
        };
        let notes: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
        Self { place, class, written: found.written.clone(), reading, notes: notes.join(", "), fate }
    }
}

impl Asked {
    fn new(request: &cases::intake::Request) -> Self {
        Self {
            what: understood(request),
            authority: match request.authority {
                Authority::Requester => "a contact that may ask for it",
                Authority::WrongRole => "a contact that may not ask for it",
                Authority::Unverified => "nobody known: a contact has to adopt it",
            },
            is_ready: request.is_ready(),
            ranges: request
                .ranges
                .iter()
                .take(FILE_NUMBERS_MAX)
                .map(|it| format!("line {}: {} needs a change of policy", it.line, it.written))
                .collect(),
            bad_lines: request.bad_line_count,
        }
    }
}

/// A page stays below what a browser shows at once.
const LINES_MAX: usize = 300;
const CHARACTERS_MAX: usize = 20_000;
const FILE_NUMBERS_MAX: usize = 100;
