//! What is read of the server's answers: texts of a few elements of XML, none of which is inside one of its own name.

/// The text of the first element `name`.
pub(super) fn element(text: &str, name: &str) -> Option<String> {
    elements(text, name).next()
}

/// Texts of all elements `name`.
pub(super) fn elements<'a>(text: &'a str, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&begin)?;
        let (inner, after) = after.split_once(&end)?;
        rest = after;
        Some(plain(inner))
    })
}

/// Without what stands for letters that XML uses itself.
fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    // The last one last, so that what it makes is not read again.
    for (written, meant) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&amp;", "&")]
    {
        text = text.replace(written, meant);
    }
    text
}

/// `text` as it was before a server wrote it as in a URL.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = after;
            }
            b'+' => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_wherever_they_are() {
        let text = "<?xml?><A><Contents><Key>a%2Fb</Key></Contents><Contents><Key>c&amp;lt;</Key></Contents>\
                    <IsTruncated>true</IsTruncated></A>";
        assert_eq!(elements(text, "Key").collect::<Vec<_>>(), ["a%2Fb", "c&lt;"]);
        assert_eq!(element(text, "IsTruncated").as_deref(), Some("true"));
        assert_eq!(element(text, "Code"), None);
        assert_eq!(element("<Key>cut", "Key"), None);
    }

    #[test]
    fn names_come_back_as_they_were() {
        assert_eq!(decode("customer%3D%252E%C3%84+x/a").as_deref(), Some("customer=%2E\u{c4} x/a"));
        assert_eq!(decode("a%2"), None);
        assert_eq!(decode("a%zz"), None);
    }
}
