//! What every record holds several of, as text: moments, numbers, addresses. Formatting machinery would cost more than the
//! verdict that is recorded.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use arrayvec::ArrayString;
use jiff::Timestamp as Moment;
use rules::{Number, Timestamp, eight_digits};

/// A moment, as [`rfc3339`] tells it.
pub type MomentText = ArrayString<32>;
/// A number, as it is told: a plus and fifteen digits at the most.
pub type NumberText = ArrayString<16>;
/// An address with a port: in brackets with a scope 58 characters at the most.
pub type AddressText = ArrayString<64>;

/// RFC 3339 in UTC with microseconds. Moments no calendar has (a capture may claim any) are told as the nearest one.
pub fn rfc3339(at: Timestamp) -> String {
    moment(at).as_str().to_owned()
}

/// The same without the heap.
pub(crate) fn moment(at: Timestamp) -> MomentText {
    let seconds = at.0.div_euclid(1_000_000);
    let (day, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    let (year, month, day) = date(day);
    if !(1..=9_999).contains(&year) {
        let moment =
            Moment::from_microsecond(at.0).unwrap_or(if at.0 < 0 { Moment::MIN } else { Moment::MAX });
        return written(format_args!("{moment:.6}"));
    }
    let [y0, y1, y2, y3, m0, m1, d0, d1] = eight_digits((year * 10_000 + month * 100 + day) as u32);
    let clock = second / 3_600 * 10_000 + second / 60 % 60 * 100 + second % 60;
    let [_, _, h0, h1, n0, n1, s0, s1] = eight_digits(clock as u32);
    let [_, _, a, b, c, d, e, f] = eight_digits(at.0.rem_euclid(1_000_000) as u32);
    let text = [
        y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1, b'.', a, b, c,
        d, e, f, b'Z',
    ];
    let text = str::from_utf8(&text).unwrap_or_default();
    MomentText::from(text).unwrap_or_default()
}

/// What is written fits where it goes: lengths are those of the longest.
fn written<const BYTES: usize>(what: std::fmt::Arguments<'_>) -> ArrayString<BYTES> {
    let mut text = ArrayString::new();
    let _ = text.write_fmt(what);
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
pub(crate) fn number(number: Number) -> NumberText {
    let mut text = NumberText::new();
    if !number.is_local() {
        text.push('+');
    }
    text.push_str(number.digits().as_str());
    text
}

/// Address and port, an IPv6 address in brackets.
pub(crate) fn address(address: SocketAddr) -> AddressText {
    let SocketAddr::V4(v4) = address else { return written(format_args!("{address}")) };
    let mut text = Dotted::default();
    text.ipv4(*v4.ip());
    text.byte(b':');
    text.number(v4.port());
    text.told()
}

/// An address without a port, an IPv6 address without brackets.
pub(crate) fn host(address: IpAddr) -> AddressText {
    let IpAddr::V4(v4) = address else { return written(format_args!("{address}")) };
    let mut text = Dotted::default();
    text.ipv4(v4);
    text.told()
}

/// Digits and points, the longest of them `255.255.255.255:65535`.
#[derive(Default)]
struct Dotted {
    bytes: [u8; 24],
    length: usize,
}

impl Dotted {
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn ipv4(&mut self, address: Ipv4Addr) {
        let [first, rest @ ..] = address.octets();
        self.number(first.into());
        for octet in rest {
            self.byte(b'.');
            self.number(octet.into());
        }
    }

    /// Without leading zeros.
    fn number(&mut self, value: u16) {
        for power in [10_000, 1_000, 100, 10] {
            if value >= power {
                self.byte(b'0' + (value / power % 10) as u8);
            }
        }
        self.byte(b'0' + (value % 10) as u8);
    }

    fn told(&self) -> AddressText {
        let text = str::from_utf8(self.bytes.get(..self.length).unwrap_or_default()).unwrap_or_default();
        AddressText::from(text).unwrap_or_default()
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

    #[test]
    fn the_longest_texts_have_room() {
        let widest = std::net::SocketAddrV6::new(std::net::Ipv6Addr::from([0xff; 16]), u16::MAX, 0, u32::MAX);
        assert_eq!(address(widest.into()).as_str(), widest.to_string());
        let digits = Number::international(b"123456789012345").expect("fifteen digits are a number");
        assert_eq!(number(digits).as_str(), "+123456789012345");
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
            prop_assert_eq!(address(socket).to_string(), socket.to_string());
            prop_assert_eq!(host(ip).to_string(), ip.to_string());
        }
    }
}
