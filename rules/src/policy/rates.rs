//! What a minute of a call costs.

use crate::limits::{RATE_PREFIX_DIGITS_MAX, RATES_MAX};
use crate::number::Number;

/// Prices by the leading digits of who is called; of several that fit, the longest counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    currency: String,
    /// By length and value of the prefix.
    rows: Vec<Rate>,
}

/// One price.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    length: usize,
    value: u64,
    /// What a minute costs, in [`Rates::UNIT`] parts of a unit of the currency.
    pub per_minute: u32,
    /// What the prefix is called; empty where nobody said.
    pub name: String,
}

impl Rates {
    /// Parts that one unit of the currency has: prices are exact to a hundredth of a cent.
    pub const UNIT: u32 = 10_000;

    /// Reads `prefix,per_minute,currency` and, if there is one, `name`, below a header of these words.
    ///
    /// # Errors
    /// What is wrong with it, each with its line, from 1.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<(u32, String)>> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = (1u32..).zip(text.trim_start_matches('\u{feff}').lines());
        let Some((_, header)) = lines.find(|(_, line)| is_row(line)) else {
            return Err(vec![(1, "it is empty".to_owned())]);
        };
        let names: Vec<&str> = header.split(',').map(str::trim).collect();
        let column = |name: &str| names.iter().position(|it| it.eq_ignore_ascii_case(name));
        let (Some(prefix), Some(per_minute), Some(currency)) =
            (column("prefix"), column("per_minute"), column("currency"))
        else {
            return Err(vec![(1, "its first line is not prefix,per_minute,currency".to_owned())]);
        };
        let name = column("name");
        let (mut rates, mut wrong) = (Self::default(), Vec::new());
        for (line, row) in lines.filter(|(_, line)| is_row(line)) {
            let fields: Vec<&str> = row.split(',').map(str::trim).collect();
            let field = |place: usize| fields.get(place).copied().unwrap_or_default();
            let read = Rate::read(field(prefix), field(per_minute), name.map_or("", field));
            match read.and_then(|rate| rates.in_currency(field(currency)).map(|()| rate)) {
                Ok(_) if rates.rows.len() == RATES_MAX => {
                    wrong.push((line, format!("more than {RATES_MAX} prices")));
                    break;
                }
                Ok(rate) => rates.rows.push(rate),
                Err(why) => wrong.push((line, why)),
            }
        }
        rates.rows.sort();
        for pair in rates.rows.windows(2) {
            if let [one, other] = pair
                && (one.length, one.value) == (other.length, other.value)
            {
                wrong.push((1, format!("prefix {} has two prices", one.prefix())));
            }
        }
        if wrong.is_empty() { Ok(rates) } else { Err(wrong) }
    }

    /// The price of calls to `called`; `None` where nobody said.
    pub fn of(&self, called: Number) -> Option<&Rate> {
        if called.is_local() {
            return None;
        }
        (1..=called.len().min(RATE_PREFIX_DIGITS_MAX)).rev().find_map(|length| {
            let key = (length, called.leading(length));
            let place = self.rows.binary_search_by_key(&key, |rate| (rate.length, rate.value)).ok()?;
            self.rows.get(place)
        })
    }

    /// All prices, by length and value of their prefix.
    pub fn rows(&self) -> &[Rate] {
        &self.rows
    }

    /// ISO 4217; empty where there are no prices.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn in_currency(&mut self, currency: &str) -> Result<(), String> {
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(format!("{currency:?} is no currency such as USD (ISO 4217)"));
        }
        if self.currency.is_empty() {
            currency.clone_into(&mut self.currency);
        }
        let is_same = self.currency == currency;
        is_same.then_some(()).ok_or_else(|| format!("it is in {currency}, others in {}", self.currency))
    }
}

impl Rate {
    /// Its leading digits, without the plus.
    pub fn prefix(&self) -> String {
        format!("{:0length$}", self.value, length = self.length)
    }

    fn read(prefix: &str, per_minute: &str, name: &str) -> Result<Self, String> {
        let digits = prefix.strip_prefix('+').unwrap_or(prefix);
        let is_prefix = (1..=RATE_PREFIX_DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_prefix {
            return Err(format!("{prefix:?} is no prefix of 1 to {RATE_PREFIX_DIGITS_MAX} digits"));
        }
        let value = digits.parse().map_err(|_| format!("{prefix:?} is no prefix"))?;
        let per_minute =
            price(per_minute).ok_or_else(|| format!("{per_minute:?} is no price such as 0.0250"))?;
        Ok(Self { length: digits.len(), value, per_minute, name: name.trim_matches('"').to_owned() })
    }
}

fn is_row(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// A decimal in parts of a unit, rounded up: a price is never nothing because it is small.
fn price(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = !whole.is_empty() && whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit());
    if !is_number || part.len() > 12 {
        return None;
    }
    let exact = part.get(..part.len().min(4)).unwrap_or_default();
    let rest = part.get(exact.len()..).unwrap_or_default();
    let parts: u32 = format!("{exact:0<4}").parse().ok()?;
    let up = u32::from(rest.bytes().any(|byte| byte != b'0'));
    whole.parse::<u32>().ok()?.checked_mul(Rates::UNIT)?.checked_add(parts)?.checked_add(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price_of(rates: &Rates, digits: &str) -> Option<(String, u32)> {
        let rate = rates.of(Number::international(digits.as_bytes()).unwrap())?;
        Some((rate.prefix(), rate.per_minute))
    }

    #[test]
    fn the_longest_prefix_counts() {
        let text = "prefix,per_minute,currency,name\n44,0.02,EUR,Britain\n+4479,0.1,EUR,mobile\n# satellites\n881,6.5,EUR,\n1,0.00001,EUR,\n";
        let rates = Rates::parse(text.as_bytes()).unwrap();
        assert_eq!(rates.currency(), "EUR");
        assert_eq!(price_of(&rates, "442079460100"), Some(("44".to_owned(), 200)));
        assert_eq!(price_of(&rates, "447911123456"), Some(("4479".to_owned(), 1_000)));
        assert_eq!(price_of(&rates, "88163100000"), Some(("881".to_owned(), 65_000)));
        assert_eq!(price_of(&rates, "12105550100"), Some(("1".to_owned(), 1)));
        assert_eq!(price_of(&rates, "4930555010"), None);
        assert_eq!(rates.rows().first().map(|rate| rate.prefix()), Some("1".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let wrong = |text: &str| Rates::parse(text.as_bytes()).unwrap_err();
        assert_eq!(wrong(""), [(1, "it is empty".to_owned())]);
        assert_eq!(wrong("44,0.02,USD\n").len(), 1);
        let text =
            "prefix,per_minute,currency\n44,2,USD\nx,1,USD\n49,-1,USD\n33,0.1,EUR\n34,0.1,usd\n44,3,USD\n";
        let wrong = wrong(text);
        let lines: Vec<u32> = wrong.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 5, 6, 1], "{wrong:?}");
    }
}
