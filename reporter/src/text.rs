//! What every record holds several of, as text: moments, numbers, addresses. Formatting machinery would cost more than the
//! verdict that is recorded.

use std::net::SocketAddr;

use jiff::Timestamp as Moment;
use rules::{Number, Timestamp};

/// RFC 3339 in UTC with microseconds. Moments no calendar has (a capture may claim any) are told as the nearest one.
pub fn rfc3339(at: Timestamp) -> String {
    let seconds = at.0.div_euclid(1_000_000);
    let (day, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    let (year, month, day) = date(day);
    if !(1..=9_999).contains(&year) {
        let moment =
            Moment::from_microsecond(at.0).unwrap_or(if at.0 < 0 { Moment::MIN } else { Moment::MAX });
        return format!("{moment:.6}");
    }
    let mut text = String::with_capacity("2026-01-01T00:00:00.000000Z".len());
    for (value, width, behind) in [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, 'T'),
        (second / 3_600, 2, ':'),
        (second / 60 % 60, 2, ':'),
        (second % 60, 2, '.'),
        (at.0.rem_euclid(1_000_000), 6, 'Z'),
    ] {
        push_digits(&mut text, value.unsigned_abs(), width);
        text.push(behind);
    }
    text
}

/// Year, month and day of the proleptic Gregorian calendar, so many days after 1 January 1970. Years begin in March, so that
/// the day that some of them lack comes last; four hundred of them have as many days each time.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// +E.164, or the digits of a local number.
pub(crate) fn number(number: Number) -> String {
    let digits = number.digits();
    let mut text = String::with_capacity(digits.as_str().len() + 1);
    if !number.is_local() {
        text.push('+');
    }
    text.push_str(digits.as_str());
    text
}

/// Address and port, an IPv6 address in brackets.
pub(crate) fn address(address: SocketAddr) -> String {
    let SocketAddr::V4(v4) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255:65535".len());
    for (octet, behind) in v4.ip().octets().into_iter().zip(['.', '.', '.', ':']) {
        push_digits(&mut text, u64::from(octet), 1);
        text.push(behind);
    }
    push_digits(&mut text, u64::from(v4.port()), 1);
    text
}

/// Writes `value` in at least `width` digits.
fn push_digits(text: &mut String, value: u64, width: u32) {
    let mut place = 10_u64.pow(width.saturating_sub(1));
    while value / place >= 10 {
        place *= 10;
    }
    while place > 0 {
        text.push(char::from(b'0' + (value / place % 10) as u8));
        place /= 10;
    }
}

const DAY_SECONDS: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_that_no_calendar_has_are_told_as_the_nearest() {
        assert_eq!(rfc3339(Timestamp(i64::MAX)), format!("{:.6}", Moment::MAX));
        assert_eq!(rfc3339(Timestamp(i64::MIN)), format!("{:.6}", Moment::MIN));
        assert_eq!(rfc3339(Timestamp(-1)), "1969-12-31T23:59:59.999999Z");
        assert_eq!(rfc3339(Timestamp(951_782_400_000_000)), "2000-02-29T00:00:00.000000Z");
    }

    proptest! {
        #[test]
        fn a_moment_is_told_as_the_library_tells_it(micros in -70_000_000_000_000_000_i64..300_000_000_000_000_000) {
            let told = Moment::from_microsecond(micros).map(|moment| format!("{moment:.6}"));
            prop_assume!(told.is_ok());
            prop_assert_eq!(rfc3339(Timestamp(micros)), told.unwrap());
        }

        #[test]
        fn an_address_is_told_as_the_library_tells_it(ip: std::net::IpAddr, port: u16) {
            let socket = SocketAddr::new(ip, port);
            prop_assert_eq!(address(socket), socket.to_string());
        }
    }
}
