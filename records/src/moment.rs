//! Moments as records have them: RFC 3339 in UTC with microseconds, read without a library where they are written so.

use rules::Timestamp;

use crate::line::NotACall;

/// Microseconds since 1970 of a moment in RFC 3339.
pub(crate) fn micros(text: &str) -> Result<i64, NotACall> {
    if let Some(micros) = text.as_bytes().try_into().ok().and_then(as_written) {
        return Ok(micros);
    }
    let moment: jiff::Timestamp = text.parse().map_err(|_| NotACall::Time(text.to_owned()))?;
    Ok(moment.as_microsecond())
}

/// The moment that we write so, in microseconds; `None` where anything is different.
fn as_written(text: &[u8; 27]) -> Option<i64> {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
        b'.',
        fraction @ ..,
        b'Z',
    ] = text
    else {
        return None;
    };
    let number = |digits: &[&u8]| {
        let next = |number: i64, digit: &&u8| {
            digit.is_ascii_digit().then(|| number * 10 + i64::from(**digit - b'0'))
        };
        digits.iter().try_fold(0, next)
    };
    let (year, month, day) = (number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?);
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?);
    let micros = number(&fraction.each_ref())?;
    // Leap years and leap seconds are looked at by the library.
    let last = DAYS_OF_MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if !(1..=*last).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years begin in March, so that the day that some of them lack comes last; 400 of them have as many days each time.
    let (year, shifted) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// RFC 3339 in UTC with microseconds.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let moment = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    format!("{moment:.6}")
}

/// Days that each month has every year.
const DAYS_OF_MONTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_as_we_write_it_is_the_one_that_the_library_reads(
            text in "[0-9]{4}-(0[0-9]|1[0-3])-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{6}Z",
        ) {
            let read = as_written(text.as_bytes().try_into().unwrap());
            let library = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
            prop_assert!(read.is_none() || read == library, "{text}");
            prop_assert!(read.is_some() || library.is_none() || &text[8..10] == "29" || &text[17..19] == "60", "{text}");
        }
    }
}
