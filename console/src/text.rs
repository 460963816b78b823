//! How values stand in pages: strangers' text is text and nothing else, and moments are told with their zones.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Safe};
use jiff::tz::TimeZone;
use rules::Timestamp;

/// Escapes whatever a template shows. Characters that hide text or turn it around are drawn, line ends stay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for (index, line) in string.split('\n').enumerate() {
            if index > 0 {
                dest.write_char('\n')?;
            }
            let shown = reporter::printable(line);
            let mut rest = shown.as_str();
            while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
                let (plain, special) = rest.split_at(at);
                dest.write_str(plain)?;
                dest.write_str(match special.as_bytes().first() {
                    Some(b'&') => "&amp;",
                    Some(b'<') => "&lt;",
                    Some(b'>') => "&gt;",
                    Some(b'"') => "&quot;",
                    _ => "&#39;",
                })?;
                rest = special.get(1..).unwrap_or_default();
            }
            dest.write_str(rest)?;
        }
        Ok(())
    }
}

/// A moment on a page: short in the zone of who is meant, and in full in three zones when one points at it.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    at: jiff::Timestamp,
    zone: TimeZone,
    form: &'static str,
}

impl Moment {
    pub(crate) fn new(at: Timestamp, zone: &TimeZone) -> Self {
        let nearest = if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self {
            at: jiff::Timestamp::from_microsecond(at.0).unwrap_or(nearest),
            zone: zone.clone(),
            form: "%a %-d %b %H:%M",
        }
    }

    /// Without the day of the week, for columns.
    pub(crate) const fn short(mut self) -> Self {
        self.form = "%-d %b %H:%M";
        self
    }

    /// With its year, for pages that are kept.
    pub(crate) const fn full(mut self) -> Self {
        self.form = "%a %-d %b %Y %H:%M";
        self
    }

    /// As [`Self::short`], and without the day where that is the day of `now`.
    pub(crate) fn near(mut self, now: Timestamp) -> Self {
        self = self.short();
        let day = |at: &jiff::Timestamp| at.to_zoned(self.zone.clone()).date();
        if day(&self.at) == day(&Self::new(now, &self.zone).at) {
            self.form = "%H:%M";
        }
        self
    }

    /// As markup of our own digits and names of zones only. Templates write `{{ moment.html() }}`.
    pub(crate) const fn html(&self) -> Safe<Markup<'_>> {
        Safe(Markup(self))
    }
}

/// A moment as markup.
pub(crate) struct Markup<'a>(&'a Moment);

impl fmt::Display for Markup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.0.at.to_zoned(self.0.zone.clone());
        let central = self.0.at.in_tz("America/Chicago");
        let utc = self.0.at.to_zoned(TimeZone::UTC);
        write!(
            f,
            "<time datetime=\"{:.0}\" title=\"{}",
            self.0.at,
            local.strftime("%a %-d %b %Y %H:%M:%S %Z")
        )?;
        if let Ok(central) = central {
            write!(f, " · {}", central.strftime("%a %H:%M %Z"))?;
        }
        write!(f, " · {}\">{}", utc.strftime("%a %H:%M UTC"), local.strftime(self.0.form))?;
        // Customers beside each other are in zones of their own.
        write!(f, " <small>{}</small></time>", local.strftime("%Z"))
    }
}

/// How long until or since something, in the largest unit that says it: `2 h 05 min`.
pub(crate) fn span(micros: i64) -> String {
    let minutes = micros.unsigned_abs().div_euclid(60_000_000);
    match minutes {
        0 => "under a minute".to_owned(),
        1..=59 => format!("{minutes} min"),
        60..=1_439 => format!("{} h {:02} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1_440, minutes % 1_440 / 60),
    }
}

/// The name of a kind of report as its reader says it: `Weekly operations`.
pub(crate) fn titled(name: &str) -> String {
    let spaced = name.replace('-', " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `text` as part of an address.
pub(crate) fn url_part(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            part.push(char::from(byte));
        } else {
            let _ = write!(part, "%{byte:02X}");
        }
    }
    part
}

/// `text` as several parts of an address: its slashes stay.
pub(crate) fn url_path(text: &str) -> String {
    text.split('/').map(url_part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut written = String::new();
        Html.write_escaped_str(&mut written, text).unwrap();
        written
    }

    #[test]
    fn what_strangers_wrote_is_text_and_what_hides_is_drawn() {
        assert_eq!(escaped("a<b>&\"'\nc"), "a&lt;b&gt;&amp;&quot;&#39;\nc");
        let hidden = escaped("+1\u{202e}210\u{200b}\u{0}\r\u{1b}[31m");
        assert!(
            !hidden.chars().any(|it| it.is_control() || ('\u{200b}'..='\u{202e}').contains(&it)),
            "{hidden}"
        );
        assert!(hidden.len() > "+1210[31m".len(), "what was there is seen: {hidden}");
    }

    #[test]
    fn a_moment_is_told_in_three_zones() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let text = Markup(&Moment::new(Timestamp(1_791_212_400_000_000), &zone)).to_string();
        assert_eq!(
            text,
            "<time datetime=\"2026-10-05T15:00:00Z\" title=\"Mon 5 Oct 2026 17:00:00 CEST · Mon 10:00 CDT · \
             Mon 15:00 UTC\">Mon 5 Oct 17:00 <small>CEST</small></time>"
        );
    }

    #[test]
    fn a_moment_of_today_is_told_without_its_day() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // 00:30 in Berlin, 22:30 of the day before by UTC.
        let at = Timestamp(1_791_239_400_000_000);
        let told = |now| Markup(&Moment::new(at, &zone).near(now)).to_string();
        assert!(told(at.plus_micros(3_600_000_000)).ends_with(">00:30 <small>CEST</small></time>"));
        assert!(
            told(at.plus_micros(-3_600_000_000)).ends_with(">6 Oct 00:30 <small>CEST</small></time>"),
            "it was yesterday"
        );
        assert!(told(at).contains("title=\"Tue 6 Oct 2026 00:30:00"));
    }

    #[test]
    fn a_span_is_told_in_units_that_say_it() {
        let told = [30, 60, 3_599, 3_600, 90_000].map(|seconds| span(seconds * 1_000_000));
        assert_eq!(told, ["under a minute", "1 min", "59 min", "1 h 00 min", "1 d 1 h"]);
        assert_eq!(url_part("a b/ü"), "a%20b%2F%C3%BC");
        assert_eq!(titled("weekly-operations"), "Weekly operations");
    }
}
