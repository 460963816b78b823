//! Addresses of senders, and domains that only look like another.

use unicode_normalization::UnicodeNormalization;

/// The domain of an address, lower case, without a dot at its end; empty without one.
pub(super) fn domain_of(address: &str) -> String {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    domain.trim().trim_end_matches('.').to_lowercase()
}

/// An address as it is compared: lower case, without brackets and spaces.
pub fn normal(address: &str) -> String {
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    address.trim_end_matches('.').to_lowercase()
}

/// Whether an address can stand in a header as it is, and be nothing else there: ASCII, one `@`, no mark that ends it.
pub fn is_plain(address: &str) -> bool {
    let is_letter = |it: u8| it.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&it);
    let halves = address.split_once('@');
    address.len() <= 254
        && address.bytes().all(is_letter)
        && halves
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

/// Whether `domain` is `of` or inside it.
pub(super) fn is_within(domain: &str, of: &str) -> bool {
    domain == of || domain.strip_suffix(of).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether `domain` looks like `known` and is not: letters of other scripts, digits for letters, one letter more, less or
/// other, or the known name with something around it.
pub(super) fn is_look_alike(domain: &str, known: &str) -> bool {
    if is_within(domain, known) || domain.is_empty() || known.is_empty() {
        return false;
    }
    let (shape, known_shape) = (skeleton(domain), skeleton(known));
    let joined = |shape: &str| shape.replace(['.', '-'], "");
    if joined(&shape) == joined(&known_shape) {
        return true;
    }
    let name =
        |domain: &str| domain.split_once('.').map_or_else(|| domain.to_owned(), |(name, _)| name.to_owned());
    let (own_name, known_name) = (name(&shape), name(&known_shape));
    let long = known_name.chars().count() >= 5;
    let inside = || shape.split(['.', '-']).any(|word| word == known_name);
    long && (is_one_edit_away(&shape, &known_shape) || own_name == known_name || inside())
}

/// What a domain looks like at a glance.
fn skeleton(domain: &str) -> String {
    let labels = domain
        .split('.')
        .map(|label| label.strip_prefix("xn--").and_then(punycode).unwrap_or_else(|| label.to_owned()));
    let joined = labels.collect::<Vec<_>>().join(".");
    let letters: String = joined.to_lowercase().nfkd().filter_map(letter).collect();
    letters.replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

fn letter(character: char) -> Option<char> {
    Some(match character {
        '\u{300}'..='\u{36f}' => return None,
        'а' | 'ɑ' | 'α' => 'a',
        'Ь' | 'ь' | 'β' | 'ß' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'є' | 'ε' => 'e',
        'ɡ' => 'g',
        'һ' => 'h',
        'і' | 'ı' | 'ι' | 'ї' | 'l' | '1' | '|' | 'ӏ' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'п' | 'η' => 'n',
        'о' | 'ο' | '0' | 'ø' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' | '5' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ц' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        'ᴢ' => 'z',
        other => other,
    })
}

/// Whether one letter more, less or other makes `left` from `right`, or two neighbours swapped.
fn is_one_edit_away(left: &str, right: &str) -> bool {
    super::words::distance(left, right, 1).is_some()
}

/// RFC 3492. `None` for what is no punycode.
fn punycode(text: &str) -> Option<String> {
    let (basic, encoded) = text.rsplit_once('-').unwrap_or(("", text));
    let mut output: Vec<char> = basic.chars().collect();
    let (mut code, mut index, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = encoded.bytes().take(64).peekable();
    while digits.peek().is_some() {
        let (start, mut weight, mut k) = (index, 1_u32, 36_u32);
        loop {
            let digit = match digits.next()? {
                letter @ b'a'..=b'z' => u32::from(letter - b'a'),
                letter @ b'A'..=b'Z' => u32::from(letter - b'A'),
                digit @ b'0'..=b'9' => u32::from(digit - b'0') + 26,
                _ => return None,
            };
            index = index.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
            k += 36;
        }
        let length = u32::try_from(output.len()).ok()? + 1;
        bias = adapt(index - start, length, start == 0);
        code = code.checked_add(index / length)?;
        index %= length;
        output.insert(index as usize, char::from_u32(code)?);
        index += 1;
    }
    Some(output.into_iter().collect())
}

fn adapt(delta: u32, length: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / 700 } else { delta / 2 };
    delta += delta / length;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t2_domains_that_only_look_alike_are_told() {
        for (domain, looks) in [
            ("example.com", false),
            ("mail.example.com", false),
            ("examp1e.com", true),
            ("exampIe.com", true),
            ("exаmple.com", true),
            ("xn--exmple-4nf.com", true),
            ("exarnple.com", true),
            ("exampel.com", true),
            ("example.org", true),
            ("example-support.com", true),
            ("example.com.evil.test", true),
            ("evil.test", false),
            ("sample.test", false),
            ("", false),
        ] {
            assert_eq!(is_look_alike(&domain.to_lowercase(), "example.com"), looks, "{domain}");
        }
        assert_eq!(punycode("exmple-4nf").as_deref(), Some("exаmple"));
        assert_eq!(punycode("bcher-kva").as_deref(), Some("bücher"));
        assert_eq!(punycode("99999999999"), None);
    }

    #[test]
    fn f16_an_answer_goes_to_a_plain_address_or_to_nobody() {
        assert!(is_plain("jane+desk@acme.example.com"));
        for address in
            ["", "x", "@x", "x@", "a@b@c", "a b@c", "a@b>,<c@d", "a@b,c@d", "a@\u{e4}.example.com", "\"a\"@b"]
        {
            assert!(!is_plain(address), "{address}");
        }
    }

    #[test]
    fn a_domain_ends_the_address() {
        assert_eq!(domain_of("A@b@Example.COM."), "example.com");
        assert_eq!(domain_of("nobody"), "");
        assert!(is_within("a.example.com", "example.com") && !is_within("aexample.com", "example.com"));
    }
}
