//! Messages of a call as a ladder: who is where, and where each arrow goes. The template draws it.

use super::Message;

/// The picture.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ladder {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Those who send and receive.
    pub(super) ends: Vec<End>,
    pub(super) arrows: Vec<Arrow>,
    /// Addresses that found no place.
    pub(super) left_out: usize,
}

/// Somebody who sends or receives.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) x: usize,
    pub(super) address: String,
    /// Whether it is us.
    pub(super) is_ours: bool,
}

/// A message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    /// From 1.
    pub(super) number: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) y: usize,
    /// Where the label stands.
    pub(super) middle: usize,
    pub(super) label: String,
    /// Its head, as the points of a polygon.
    pub(super) head: String,
    /// Milliseconds after the first.
    pub(super) after: String,
    /// Whether it refuses.
    pub(super) is_bad: bool,
}

impl Ladder {
    pub(super) fn new(messages: &[Message]) -> Self {
        let mut ladder = Self::default();
        let first = messages.first().map(|message| message.at).unwrap_or_default();
        let mut addresses: Vec<(&str, bool)> = Vec::new();
        for message in messages {
            for (address, is_ours) in [(&message.from, message.is_ours), (&message.to, !message.is_ours)] {
                if !addresses.iter().any(|(known, _)| known == address) {
                    addresses.push((address, is_ours));
                }
            }
        }
        ladder.left_out = addresses.len().saturating_sub(ENDS_MAX);
        addresses.truncate(ENDS_MAX);
        // Few stand as far apart as the page is wide, so that nothing is drawn larger than text.
        let step = STEP.max(WIDTH / addresses.len().saturating_sub(1).max(1));
        let end = |(place, (address, is_ours)): (usize, &(&str, bool))| End {
            x: MARGIN + place * step,
            address: (*address).to_owned(),
            is_ours: *is_ours,
        };
        ladder.ends = addresses.iter().enumerate().map(end).collect();
        let x = |address: &str| {
            let place = addresses.iter().position(|(known, _)| *known == address)?;
            Some(MARGIN + place * step)
        };
        for (number, message) in (1..).zip(messages) {
            let (Some(from), Some(to)) = (x(&message.from), x(&message.to)) else { continue };
            let y = TOP + ladder.arrows.len() * LINE;
            let (label, status) = told(&message.text);
            let back = if from < to { to.saturating_sub(8) } else { to + 8 };
            ladder.arrows.push(Arrow {
                number,
                from,
                to,
                y,
                middle: from.midpoint(to),
                label,
                head: format!("{to},{y} {back},{} {back},{}", y - 4, y + 4),
                after: format!("{:.3} s", message.at.micros_since(first) as f64 / 1e6),
                is_bad: status >= 400,
            });
        }
        ladder.width = 2 * MARGIN + ladder.ends.len().saturating_sub(1) * step;
        ladder.height = TOP + ladder.arrows.len() * LINE;
        ladder
    }
}

/// The method or the status of a message, and the latter as a number; 0 for a request.
pub(super) fn told(text: &str) -> (String, u16) {
    let line = text.lines().next().unwrap_or_default();
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let status = rest.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or_default();
        return (cut(rest), status);
    }
    (cut(line.split(' ').next().unwrap_or_default()), 0)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LABEL_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Ends side by side.
const ENDS_MAX: usize = 6;
const MARGIN: usize = 90;
/// From end to end, at least; and from the first to the last.
const STEP: usize = 220;
const WIDTH: usize = 720;
/// Where the first arrow is.
const TOP: usize = 70;
/// From arrow to arrow.
const LINE: usize = 40;
/// Characters of a label.
const LABEL_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use rules::Timestamp;

    use super::*;

    fn message(at: i64, from: &str, to: &str, text: &str) -> Message {
        let (from, to, text) = (from.to_owned(), to.to_owned(), text.to_owned());
        Message { at: Timestamp(at), from, to, is_ours: text.starts_with("SIP"), transport: "UDP", text }
    }

    #[test]
    fn arrows_go_from_who_sent_to_who_got_it() {
        let ladder = Ladder::new(&[
            message(0, "a:1", "b:2", "INVITE sip:x SIP/2.0\n"),
            message(1_500, "b:2", "a:1", "SIP/2.0 603 Decline\n"),
            message(9_000, "a:1", "b:2", "ACK sip:x SIP/2.0\n"),
        ]);
        let ends: Vec<_> = ladder.ends.iter().map(|end| (end.address.as_str(), end.is_ours)).collect();
        assert_eq!(ends, [("a:1", false), ("b:2", true)]);
        let (first, second) = (&ladder.arrows[0], &ladder.arrows[1]);
        assert_eq!((first.from, first.to, first.label.as_str(), first.is_bad), (90, 810, "INVITE", false));
        assert_eq!((second.from, second.to, second.label.as_str()), (810, 90, "603 Decline"));
        assert!(second.is_bad && second.y > first.y && second.after == "0.002 s", "{second:?}");
        assert!(ladder.height > ladder.arrows[2].y);
    }

    #[test]
    fn what_a_stranger_writes_into_a_first_line_stays_short() {
        let long = format!("SIP/2.0 486 {}", "é".repeat(5_000));
        assert!(told(&long).0.chars().count() <= LABEL_MAX + 1);
        assert_eq!(told("").0, "");
        let many: Vec<_> =
            (0..20).map(|place| message(place, &format!("a:{place}"), "us:1", "BYE x")).collect();
        let ladder = Ladder::new(&many);
        assert_eq!((ladder.ends.len(), ladder.left_out), (ENDS_MAX, 15));
    }
}
