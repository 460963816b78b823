//! What every record holds several of, as text: moments, numbers, addresses. Formatting machinery would cost more than the
//! verdict that is recorded.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (value, place) in [
        (year, 0..4),
        (month, 5..7),
        (day, 8..10),
        (second / 3_600, 11..13),
        (second / 60 % 60, 14..16),
        (second % 60, 17..19),
        (at.0.rem_euclid(1_000_000), 20..26),
    ] {
        put_digits(text.get_mut(place).unwrap_or_default(), value.unsigned_abs());
    }
    String::from_utf8_lossy(&text).into_owned()
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
    push_ipv4(&mut text, *v4.ip());
    text.push(':');
    push_digits(&mut text, v4.port());
    text
}

/// An address without a port, an IPv6 address without brackets.
pub(crate) fn host(address: IpAddr) -> String {
    let IpAddr::V4(v4) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    push_ipv4(&mut text, v4);
    text
}

fn push_ipv4(text: &mut String, address: Ipv4Addr) {
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        push_digits(text, u16::from(octet));
    }
}

/// Writes the last digits of `value` into `places`, as many as there are.
fn put_digits(places: &mut [u8], value: u64) {
    let mut left = value;
    for place in places.iter_mut().rev() {
        // Division by a known ten is a multiplication.
        *place = b'0' + (left % 10) as u8;
        left /= 10;
    }
}

/// Writes `value` without leading zeros.
fn push_digits(text: &mut String, value: u16) {
    let mut digits = *b"00000";
    put_digits(&mut digits, u64::from(value));
    let from = digits.iter().take(digits.len() - 1).take_while(|&&digit| digit == b'0').count();
    digits.iter().skip(from).for_each(|&digit| text.push(char::from(digit)));
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
        fn an_address_is_told_as_the_library_tells_it(ip: IpAddr, port: u16) {
            let socket = SocketAddr::new(ip, port);
            prop_assert_eq!(address(socket), socket.to_string());
            prop_assert_eq!(host(ip), ip.to_string());
        }
    }
}
