//! What who goes off duty leaves to who comes on: asked for, told, and missed where nobody said anything (E-5).

use std::collections::BTreeMap;

use rules::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notice::rota::Rota;
use crate::notice::settings::Settings;
use crate::notice::{Fact, Happening};

/// What somebody left to whoever comes after them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When it was written.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// In their words, up to [`NOTE_CHARACTERS_MAX`] characters; lines are kept.
    pub text: String,
}

/// Notes that are kept, by rota and moment of the hand-over.
pub type Notes = BTreeMap<(String, Timestamp), Vec<Note>>;

/// Somebody goes off duty, and somebody else comes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Of which rota.
    pub rota: String,
    /// When whoever comes on begins.
    pub at: Timestamp,
    /// Who goes off: after a gap, who was on duty last.
    pub from: Vec<String>,
    /// Who comes on.
    pub to: Vec<String>,
    /// What was said, the oldest first.
    pub notes: Vec<Note>,
}

impl Note {
    /// What `by` says at `now`, without what would do something to a terminal.
    ///
    /// # Errors
    /// It says nothing, or too much.
    pub fn new(by: &str, text: &str, now: Timestamp) -> Result<Self, String> {
        let plain = |it: &char| *it == '\n' || !it.is_control();
        let text: String = text.replace("\r\n", "\n").trim().chars().filter(plain).collect();
        match text.chars().count() {
            0 => Err("a hand-over says what the next one should know".to_owned()),
            1..=NOTE_CHARACTERS_MAX => Ok(Self { at: now, by: by.to_owned(), text }),
            count => Err(format!("{count} characters: a hand-over has {NOTE_CHARACTERS_MAX} at most")),
        }
    }
}

impl Rota {
    /// Hand-overs from `from` until `to`, without notes.
    fn hand_overs(&self, name: &str, from: Timestamp, to: Timestamp) -> Vec<HandOver> {
        let mut all = Vec::new();
        let mut last: Vec<String> = Vec::new();
        for duty in self.duties(from.plus_micros(-GAP_MICROS_MAX), to) {
            let comes_on = |who: &&String| !last.contains(who);
            let new: Vec<_> = duty.people.iter().filter(comes_on).cloned().collect();
            if duty.from >= from && !new.is_empty() && !last.is_empty() {
                let (rota, from) = (name.to_owned(), last.clone());
                all.push(HandOver { rota, at: duty.from, from, to: new, notes: Vec::new() });
            }
            if !duty.people.is_empty() {
                last = duty.people;
            }
        }
        all
    }
}

/// Hand-overs of all rotas from `from` until `to`, in order of time, with what was said. A note for a moment at which the file has
/// no hand-over any more is one from who wrote it to whoever is on duty then.
pub fn hand_overs(settings: &Settings, notes: &Notes, from: Timestamp, to: Timestamp) -> Vec<HandOver> {
    let mut all = Vec::new();
    for (name, rota) in &settings.rotas {
        all.extend(rota.hand_overs(name, from, to));
    }
    for ((name, at), said) in notes.iter().filter(|((_, at), _)| (from..to).contains(at)) {
        match all.iter_mut().find(|it: &&mut HandOver| it.rota == *name && it.at == *at) {
            Some(known) => known.notes.clone_from(said),
            None => all.push(HandOver {
                rota: name.clone(),
                at: *at,
                from: said.first().map(|note| note.by.clone()).into_iter().collect(),
                to: settings.rotas.get(name).map(|rota| rota.on_duty(*at).0).unwrap_or_default(),
                notes: said.clone(),
            }),
        }
    }
    all.sort_by(|one, other| (one.at, &one.rota).cmp(&(other.at, &other.rota)));
    all
}

/// The hand-over of `rota` that `by` speaks of at `now`: one that they owe, else, while they are on duty, the next one, else the last
/// of theirs within a day. A duty manager speaks for whoever has to.
///
/// # Errors
/// There is none of theirs, in words.
pub fn spoken_of(
    settings: &Settings,
    notes: &Notes,
    (rota, by): (&str, &str),
    now: Timestamp,
) -> Result<HandOver, String> {
    if !settings.rotas.contains_key(rota) {
        let names: Vec<_> = settings.rotas.keys().map(String::as_str).collect();
        let names =
            if names.is_empty() { "the file of notices has none".to_owned() } else { names.join(", ") };
        return Err(format!("no rota {rota:?}: {names}"));
    }
    let is_manager = settings.people.get(by).is_some_and(|member| member.is_duty_manager);
    let (from, to) = (now.plus_micros(-LATE_MICROS_MAX), now.plus_micros(AHEAD_MICROS_MAX));
    let all: Vec<_> =
        hand_overs(settings, notes, from, to).into_iter().filter(|it| it.rota == rota).collect();
    let is_own = |it: &&HandOver| it.from.iter().any(|who| who == by);
    // Of those before the last one nobody is on duty any more who could be told.
    let last = all.iter().rfind(|it| it.at <= now);
    let (owed, next) = (last.filter(|it| it.notes.is_empty()), all.iter().find(|it| it.at > now));
    let is_on_duty = next.is_some_and(|next| is_own(&next));
    let own_last = if is_on_duty { owed } else { last };
    let of_now = own_last.filter(is_own).or_else(|| next.filter(is_own));
    let for_others = owed.or(next).filter(|_| is_manager);
    // The next turn of who is off duty may be weeks away.
    let later = || all.iter().find(|it| it.at > now && is_own(it));
    let found = of_now.or(for_others).or_else(later);
    found.cloned().ok_or_else(|| format!("{by} hands nothing over in rota {rota} within a year"))
}

/// What people have to be told about hand-overs at `now`: who goes off within the hour and has said nothing is asked, who comes on
/// hears what was said, and where nothing was said a quarter of an hour after it both are told. The same thing is the same fact.
pub fn hand_over_facts(settings: &Settings, notes: &Notes, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut tell = |event, it: &HandOver, name: &str, people: &[(&str, &String)], text: String| {
        let name = [it.rota.as_str(), &it.at.0.to_string(), name].join("/");
        let mut fact = Fact::of_service(event, now, &name);
        fact.key.insert("rota".to_owned(), it.rota.clone());
        fact.key.extend(people.iter().map(|(key, who)| ((*key).to_owned(), (*who).clone())));
        fact.text = text;
        facts.push(fact);
    };
    for it in hand_overs(settings, notes, now.plus_micros(-LATE_MICROS_MAX), now.plus_micros(ASK_MICROS)) {
        let Some(rota) = settings.rotas.get(&it.rota) else { continue };
        let (off, on) = (it.from.join(" and "), it.to.join(" and "));
        let (at, since) = (rota.wall_words(it.at), now.micros_since(it.at));
        if since >= 0 && !it.notes.is_empty() {
            let said: Vec<_> = it.notes.iter().map(|note| format!("{}:\n{}", note.by, note.text)).collect();
            for who in &it.to {
                let name = format!("{who}/{}", it.notes.len());
                tell(Happening::HandOver, &it, &name, &[("author", who)], said.join("\n\n"));
            }
        } else if !rota.needs_note || !it.notes.is_empty() {
            // Nothing is owed.
        } else if since < 0 {
            let text = format!(
                "rota {}: {on} comes on at {at}. Say what they should know: ringwall notify handover {} --by NAME --note TEXT, \
                 or the page Rota",
                it.rota, it.rota
            );
            for who in &it.from {
                tell(Happening::HandOverAsked, &it, who, &[("author", who)], text.clone());
            }
        } else if (MISSING_MICROS..MISSING_MICROS_MAX).contains(&since) {
            let text = format!("rota {}: {off} handed over to {on} at {at}, and nothing was said", it.rota);
            for who in &it.from {
                let people: Vec<_> = [("owner", Some(who)), ("author", it.to.first())]
                    .into_iter()
                    .filter_map(|(key, who)| Some((key, who?)))
                    .collect();
                tell(Happening::HandOverMissing, &it, who, &people, text.clone());
            }
        }
    }
    facts
}

/// Characters of a note.
pub const NOTE_CHARACTERS_MAX: usize = 2_000;
const HOUR_MICROS: i64 = 3_600 * 1_000_000;
/// Who was on duty before a longer gap hands nothing over.
const GAP_MICROS_MAX: i64 = 15 * 24 * HOUR_MICROS;
/// So long after it something may still be said.
const LATE_MICROS_MAX: i64 = 24 * HOUR_MICROS;
/// Whose duty ends later than this is not asked yet.
const ASK_MICROS: i64 = HOUR_MICROS;
/// Nothing was said for so long after it.
const MISSING_MICROS: i64 = HOUR_MICROS / 4;
/// What was not told by then, because nothing told notices, is not told.
const MISSING_MICROS_MAX: i64 = 2 * HOUR_MICROS;
/// The longest turn, and a day.
const AHEAD_MICROS_MAX: i64 = (52 * 7 + 1) * 24 * HOUR_MICROS;

#[cfg(test)]
mod tests {
    use super::*;

    const PEOPLE: &str = "[person.anna]\n[person.ben]\n[person.carl]\n[person.dana]\nduty_manager = true\n";

    /// Handed over each Monday at 09:00 in Chicago.
    fn settings(more: &str) -> Settings {
        let text = format!(
            "{PEOPLE}[rota.first]\ntz = \"America/Chicago\"\nstart = \"2026-09-07T09:00\"\npeople = [\"anna\", \"ben\"]\n{more}"
        );
        Settings::parse(&text, &[]).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn said(by: &str, hand_over: &HandOver, now: Timestamp) -> Notes {
        let note = Note::new(by, "Acme's trunk flaps.\nRW-100001-9 waits for them.", now).unwrap();
        [((hand_over.rota.clone(), hand_over.at), vec![note])].into()
    }

    /// Events and whom they concern.
    fn told(settings: &Settings, notes: &Notes, now: &str) -> Vec<String> {
        let facts = hand_over_facts(settings, notes, at(now));
        let of = |fact: &Fact, key: &str| fact.key.get(key).cloned().unwrap_or_default();
        facts
            .iter()
            .map(|it| format!("{} {} {}", it.event.name(), of(it, "owner"), of(it, "author")))
            .collect()
    }

    #[test]
    fn e5_who_says_nothing_is_asked_and_missed_by_both() {
        let settings = settings("");
        let none = Notes::new();
        for (now, expected) in [
            ("2026-09-14T12:59:59Z", &[][..]),
            ("2026-09-14T13:00:01Z", &["handover-asked  anna"][..]),
            ("2026-09-14T13:59:59Z", &["handover-asked  anna"][..]),
            ("2026-09-14T14:14:59Z", &[][..]),
            ("2026-09-14T14:15:00Z", &["handover-missing anna ben"][..]),
            ("2026-09-14T15:59:59Z", &["handover-missing anna ben"][..]),
            ("2026-09-14T16:00:00Z", &[][..]),
        ] {
            assert_eq!(told(&settings, &none, now), expected, "{now}");
        }
        let one = &hand_over_facts(&settings, &none, at("2026-09-14T13:30:00Z"))[0];
        let other = &hand_over_facts(&settings, &none, at("2026-09-14T13:40:00Z"))[0];
        assert_eq!(one.id, other.id);
        let free = self::settings("handover_note = false\n");
        for now in ["2026-09-14T13:30:00Z", "2026-09-14T14:20:00Z"] {
            assert!(told(&free, &none, now).is_empty());
        }
    }

    #[test]
    fn e5_what_was_said_is_told_when_the_next_one_begins_and_again_when_there_is_more() {
        let settings = settings("");
        let now = at("2026-09-14T13:30:00Z");
        let next = spoken_of(&settings, &Notes::new(), ("first", "anna"), now).unwrap();
        assert_eq!((next.at, next.to.as_slice()), (at("2026-09-14T14:00:00Z"), &["ben".to_owned()][..]));
        let mut notes = said("anna", &next, now);
        assert!(told(&settings, &notes, "2026-09-14T13:59:59Z").is_empty());
        assert_eq!(told(&settings, &notes, "2026-09-14T14:00:00Z"), ["handover  ben"]);
        let first = hand_over_facts(&settings, &notes, at("2026-09-14T14:00:00Z"));
        assert_eq!(first[0].text, "anna:\nAcme's trunk flaps.\nRW-100001-9 waits for them.");
        let more = Note::new("anna", "And the fax line.", at("2026-09-14T15:00:00Z")).unwrap();
        notes.values_mut().next().unwrap().push(more);
        let second = hand_over_facts(&settings, &notes, at("2026-09-14T15:00:00Z"));
        assert_eq!(second.len(), 1);
        assert_ne!(first[0].id, second[0].id);
        assert!(second[0].text.ends_with("anna:\nAnd the fax line."));
        assert!(told(&settings, &notes, "2026-09-15T14:00:01Z").is_empty());
    }

    #[test]
    fn e5_who_owes_a_note_speaks_of_that_and_others_of_the_next() {
        let settings = settings("");
        let none = Notes::new();
        let of = |notes: &Notes, by: &str, now: &str| {
            spoken_of(&settings, notes, ("first", by), at(now)).map(|it| it.at)
        };
        let (first, second) = (at("2026-09-14T14:00:00Z"), at("2026-09-21T14:00:00Z"));
        assert_eq!(of(&none, "anna", "2026-09-14T16:00:00Z"), Ok(first));
        assert_eq!(of(&none, "ben", "2026-09-14T16:00:00Z"), Ok(second));
        assert_eq!(of(&none, "dana", "2026-09-14T16:00:00Z"), Ok(first), "a duty manager speaks for others");
        // Once Ben has gone, nobody is told what Anna did not say to him.
        assert_eq!(of(&none, "anna", "2026-09-21T14:30:00Z"), Ok(at("2026-09-28T14:00:00Z")));
        let owed = spoken_of(&settings, &none, ("first", "anna"), first).unwrap();
        let notes = said("anna", &owed, first);
        assert_eq!(of(&notes, "dana", "2026-09-14T16:00:00Z"), Ok(second));
        assert_eq!(
            of(&notes, "anna", "2026-09-15T13:00:00Z"),
            Ok(first),
            "who is off duty adds to what they said"
        );
        assert_eq!(of(&notes, "anna", "2026-09-15T15:00:00Z"), Ok(at("2026-09-28T14:00:00Z")));
        let error = of(&none, "carl", "2026-09-14T16:00:00Z").unwrap_err();
        assert!(error.contains("carl hands nothing over"), "{error}");
        assert!(spoken_of(&settings, &none, ("second", "anna"), first).unwrap_err().contains("first"));
    }

    #[test]
    fn e5_an_hour_that_comes_twice_is_one_hand_over_and_a_gap_none_of_its_own() {
        let settings = settings(
            "until = \"2026-11-20T09:00\"\n[[rota.first.override]]\nfrom = \"2026-10-31T09:00\"\nto = \"2026-11-01T01:30\"\n\
             [[rota.first.override]]\nfrom = \"2026-11-01T01:30\"\nto = \"2026-11-01T12:00\"\nperson = \"carl\"\n",
        );
        let all =
            hand_overs(&settings, &Notes::new(), at("2026-10-27T00:00:00Z"), at("2026-12-01T00:00:00Z"));
        let shown: Vec<_> =
            all.iter().map(|it| format!("{:?} {} {}", it.at, it.from.join("+"), it.to.join("+"))).collect();
        // ben until Saturday at nine, nobody until half past one the first time, carl, ben again, anna on Monday.
        assert_eq!(all.len(), 5, "{shown:?}");
        assert_eq!(
            (all[0].at, all[0].from[0].as_str(), all[0].to[0].as_str()),
            (at("2026-11-01T06:30:00Z"), "ben", "carl")
        );
        assert_eq!((all[1].from[0].as_str(), all[1].to[0].as_str()), ("carl", "ben"));
        assert_eq!((all[2].at, all[2].to[0].as_str()), (at("2026-11-02T15:00:00Z"), "anna"));
    }

    #[test]
    fn e5_a_note_for_a_moment_that_the_file_moved_is_told_all_the_same() {
        let before = settings("");
        let now = at("2026-09-14T13:30:00Z");
        let notes = said("anna", &spoken_of(&before, &Notes::new(), ("first", "anna"), now).unwrap(), now);
        let after = settings(
            "[[rota.first.override]]\nfrom = \"2026-09-14T08:00\"\nto = \"2026-09-15T08:00\"\nperson = \"carl\"\n",
        );
        let told = told(&after, &notes, "2026-09-14T14:00:01Z");
        assert!(told.contains(&"handover  carl".to_owned()), "{told:?}");
    }

    #[test]
    fn a_note_says_something_in_lines_and_nothing_to_a_terminal() {
        let now = at("2026-09-14T13:30:00Z");
        assert_eq!(Note::new("anna", " one\r\ntwo\u{1b}[2J\n", now).unwrap().text, "one\ntwo[2J");
        assert!(Note::new("anna", " \r\n\t", now).is_err());
        assert!(Note::new("anna", &"ä".repeat(NOTE_CHARACTERS_MAX), now).is_ok());
        assert!(Note::new("anna", &"ä".repeat(NOTE_CHARACTERS_MAX + 1), now).is_err());
    }
}
