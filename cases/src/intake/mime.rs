//! The parts of one mail, read within bounds.

use mail_parser::{MessageParser, MimeHeaders, PartType};
use memchr::memmem::Finder;

use super::characters::one_line;
use super::html::Visible;
use super::limits::{
    ATTACHMENT_BYTES_MAX, BOUNDARY_BYTES_MAX, DEPTH_MAX, HEADER_BYTES_MAX, LINKS_MAX, LISTS_MAX,
    MAIL_BYTES_MAX, MULTIPARTS_MAX, PARTS_MAX, SEARCHED_BYTES_MAX, TEXT_BYTES_MAX,
};

/// Which bound a mail is beyond: it is kept whole and shown as too complex, and a person reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooComplex {
    /// More than [`MAIL_BYTES_MAX`] bytes.
    Bytes(usize),
    /// A header of more than [`HEADER_BYTES_MAX`] bytes.
    HeaderBytes(usize),
    /// More than [`PARTS_MAX`] parts.
    Parts(usize),
    /// Parts inside parts, more than [`DEPTH_MAX`].
    Depth(usize),
    /// More than [`MULTIPARTS_MAX`] parts that hold others, or so many that searching for their ends takes too long.
    Multiparts(usize),
    /// A boundary of more than [`BOUNDARY_BYTES_MAX`] bytes.
    Boundary(usize),
    /// More than [`LINKS_MAX`] links.
    Links(usize),
    /// More than [`TEXT_BYTES_MAX`] bytes of text.
    TextBytes(usize),
}

impl std::fmt::Display for TooComplex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes} bytes, of at most {MAIL_BYTES_MAX}"),
            Self::HeaderBytes(bytes) => write!(f, "{bytes} bytes of header, of at most {HEADER_BYTES_MAX}"),
            Self::Parts(parts) => write!(f, "{parts} parts, of at most {PARTS_MAX}"),
            Self::Depth(depth) => write!(f, "parts inside parts {depth} deep, of at most {DEPTH_MAX}"),
            Self::Multiparts(parts) => {
                write!(f, "{parts} parts that hold others, of at most {MULTIPARTS_MAX}")
            }
            Self::Boundary(bytes) => {
                write!(f, "a boundary of {bytes} bytes, of at most {BOUNDARY_BYTES_MAX}")
            }
            Self::Links(links) => write!(f, "{links} links, of at most {LINKS_MAX}"),
            Self::TextBytes(bytes) => write!(f, "{bytes} bytes of text, of at most {TEXT_BYTES_MAX}"),
        }
    }
}

/// What a mail says beside its header.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// The text that is read.
    pub text: String,
    /// Whether the text comes from HTML.
    pub from_html: bool,
    /// Whether HTML held text that nobody would see.
    pub left_out_hidden: bool,
    /// Lists of numbers, perhaps.
    pub lists: Vec<List>,
    /// Parts that are not read: what they are, in words.
    pub unread: Vec<String>,
    /// Whether a mail is attached.
    pub holds_mail: bool,
}

/// An attached file that may be a list of numbers.
#[derive(Debug)]
pub(super) struct List {
    pub name: String,
    pub content: ListContent,
}

#[derive(Debug)]
pub(super) enum ListContent {
    Text(String),
    Workbook(Vec<u8>),
}

impl Body {
    /// Reads what is behind the header of `mail`.
    pub(super) fn read(mail: &[u8]) -> Result<Self, TooComplex> {
        check_bounds(mail)?;
        let tamed = tame(mail);
        let Some(message) = MessageParser::default().parse(&tamed) else { return Ok(Self::default()) };
        let depth = depth(&message, 0);
        let parts = count(&message, 0);
        if parts > PARTS_MAX {
            return Err(TooComplex::Parts(parts));
        }
        if depth > DEPTH_MAX {
            return Err(TooComplex::Depth(depth));
        }
        let mut body = Self::default();
        body.choose_text(&message)?;
        for part in message.attachments() {
            body.take_attachment(part);
        }
        Ok(body)
    }

    /// B-1: plain text, unless it is empty or less than a fifth of what the HTML shows.
    fn choose_text(&mut self, message: &mail_parser::Message<'_>) -> Result<(), TooComplex> {
        let mut plain = String::new();
        let mut html = String::new();
        for part in message.text_bodies() {
            if let PartType::Text(text) = &part.body {
                plain.push_str(&unflowed(text, part.content_type()));
                plain.push('\n');
            }
        }
        for part in message.html_bodies() {
            if let PartType::Html(text) = &part.body {
                html.push_str(text);
            }
        }
        let visible = Visible::read(&html);
        let links = visible.links + count_links(&plain);
        if links > LINKS_MAX {
            return Err(TooComplex::Links(links));
        }
        let letters = |text: &str| text.chars().filter(|it| it.is_alphanumeric()).count();
        let (plain_letters, html_letters) = (letters(&plain), letters(&visible.text));
        self.from_html = plain_letters == 0 || plain_letters * 5 < html_letters;
        self.left_out_hidden = visible.left_out_hidden;
        self.text = if self.from_html { visible.text } else { plain };
        if self.text.len() > TEXT_BYTES_MAX { Err(TooComplex::TextBytes(self.text.len())) } else { Ok(()) }
    }

    fn take_attachment(&mut self, part: &mail_parser::MessagePart<'_>) {
        let name = one_line(part.attachment_name().unwrap_or_default(), 100);
        let kind = part.content_type().map_or_else(String::new, |it| {
            format!("{}/{}", it.ctype(), it.subtype().unwrap_or_default()).to_ascii_lowercase()
        });
        if part.is_message() {
            self.holds_mail = true;
            self.unread.push("an attached mail".to_owned());
            return;
        }
        let lower = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        let content = match &part.body {
            PartType::Text(text) if ends(&[".csv", ".txt"]) || lower.is_empty() && kind == "text/csv" => {
                Some(ListContent::Text(text.clone().into_owned()))
            }
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) if ends(&[".csv", ".txt"]) => {
                Some(ListContent::Text(text_of(bytes)))
            }
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) if ends(&[".xlsx"]) => {
                Some(ListContent::Workbook(bytes.clone().into_owned()))
            }
            _ => None,
        };
        let bytes = part.contents().len();
        match content {
            Some(content) if bytes <= ATTACHMENT_BYTES_MAX && self.lists.len() < LISTS_MAX => {
                self.lists.push(List { name, content });
            }
            Some(_) => self.unread.push(format!("{name}: {bytes} bytes, beyond what is read of a list")),
            // The same text again in another form, or what stands in the text already.
            None if kind == "text/html" || kind == "text/plain" && name.is_empty() => {}
            None => self.unread.push(one_line(format!("{name} ({kind})").trim(), 160)),
        }
    }
}

/// A file that says nothing of its characters: UTF-8, UTF-16 with its mark, else Latin-1.
fn text_of(bytes: &[u8]) -> String {
    let wide = |read: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).skip(1).filter_map(|pair| pair.try_into().ok().map(read));
        char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => std::str::from_utf8(bytes)
            .map_or_else(|_| bytes.iter().map(|it| char::from(*it)).collect(), str::to_owned),
    }
}

/// RFC 3676: lines that end in a space go on in the next one.
fn unflowed(text: &str, kind: Option<&mail_parser::ContentType<'_>>) -> String {
    let attribute = |name| kind.and_then(|it| it.attribute(name));
    if !attribute("format").is_some_and(|it| it.eq_ignore_ascii_case("flowed")) {
        return text.to_owned();
    }
    let deletes_space = attribute("delsp").is_some_and(|it| it.eq_ignore_ascii_case("yes"));
    let mut joined = String::with_capacity(text.len());
    let mut open_depth = None;
    for line in text.lines() {
        let depth = line.bytes().take_while(|it| *it == b'>').count();
        let content = line.get(depth..).unwrap_or_default();
        let content = content.strip_prefix(' ').unwrap_or(content);
        if open_depth == Some(depth) {
            joined.push_str(content);
        } else {
            if !joined.is_empty() {
                joined.push('\n');
            }
            joined.extend(std::iter::repeat_n('>', depth));
            joined.push_str(if depth > 0 { " " } else { "" });
            joined.push_str(content);
        }
        let flows = content.ends_with(' ') && content != "-- ";
        open_depth = flows.then_some(depth);
        if flows && deletes_space {
            joined.pop();
        }
    }
    joined.push('\n');
    joined
}

fn count_links(text: &str) -> usize {
    text.match_indices("://").count()
}

fn depth(message: &mail_parser::Message<'_>, level: usize) -> usize {
    if level > DEPTH_MAX {
        return level;
    }
    // A part's number is above that of what holds it.
    let mut depths = vec![level + 1; message.parts.len()];
    let mut deepest = level + 1;
    for (index, part) in message.parts.iter().enumerate() {
        let own = depths.get(index).copied().unwrap_or(level);
        deepest = deepest.max(own);
        match &part.body {
            PartType::Multipart(children) => {
                for child in children {
                    if let Some(place) = depths.get_mut(*child as usize) {
                        *place = (own + 1).max(*place);
                    }
                }
            }
            PartType::Message(inner) => deepest = deepest.max(depth(inner, own)),
            _ => {}
        }
    }
    deepest
}

fn count(message: &mail_parser::Message<'_>, level: usize) -> usize {
    let inner = message.parts.iter().map(|part| match &part.body {
        PartType::Message(inner) if level <= DEPTH_MAX => count(inner, level + 1),
        _ => 0,
    });
    message.parts.len() + inner.sum::<usize>()
}

/// What can be known to be too much before anything is parsed.
fn check_bounds(mail: &[u8]) -> Result<(), TooComplex> {
    if mail.len() > MAIL_BYTES_MAX {
        return Err(TooComplex::Bytes(mail.len()));
    }
    let header = header_bytes(mail);
    if header > HEADER_BYTES_MAX {
        return Err(TooComplex::HeaderBytes(header));
    }
    let lower = mail.to_ascii_lowercase();
    let is_type = Finder::new(b"content-type");
    let is_boundary = Finder::new(b"boundary");
    let is_message = Finder::new(b"message/");
    let (mut multiparts, mut messages) = (0, 0);
    for (_, paragraph) in paragraphs(&lower) {
        if is_type.find(paragraph).is_none() {
            continue;
        }
        messages += is_message.find_iter(paragraph).count();
        for at in is_boundary.find_iter(paragraph) {
            multiparts += 1;
            let bytes = boundary_bytes(paragraph.get(at + 8..).unwrap_or_default());
            if bytes > BOUNDARY_BYTES_MAX {
                return Err(TooComplex::Boundary(bytes));
            }
        }
    }
    if multiparts > MULTIPARTS_MAX || multiparts * mail.len() > SEARCHED_BYTES_MAX && multiparts > 4 {
        return Err(TooComplex::Multiparts(multiparts));
    }
    if messages > PARTS_MAX { Err(TooComplex::Parts(messages)) } else { Ok(()) }
}

/// How long the value behind the word `boundary` is.
fn boundary_bytes(behind: &[u8]) -> usize {
    let ignored = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'*' | b'0'..=b'9');
    let start = behind.iter().position(|it| !ignored(it)).unwrap_or(behind.len());
    let value = behind.get(start..).unwrap_or_default();
    let end = match value.split_first() {
        Some((b'"', quoted)) => quoted.iter().position(|it| *it == b'"'),
        _ => value.iter().position(|it| it.is_ascii_whitespace() || *it == b';'),
    };
    end.unwrap_or(value.len())
}

pub(super) fn header_bytes(mail: &[u8]) -> usize {
    let ends = [Finder::new(b"\r\n\r\n").find(mail), Finder::new(b"\n\n").find(mail)];
    ends.into_iter().flatten().min().unwrap_or(mail.len())
}

/// Runs of lines without an empty one, and where they begin: every header of a part is inside one.
fn paragraphs(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut begin = 0;
    let mut ends = memchr::memchr_iter(b'\n', bytes).map(|at| at + 1).chain([bytes.len()]);
    std::iter::from_fn(move || {
        loop {
            let end = ends.next()?;
            let is_over = end == bytes.len() || matches!(bytes.get(end..)?, [b'\n', ..] | [b'\r', b'\n', ..]);
            if is_over {
                let from = std::mem::replace(&mut begin, end);
                return Some((from, bytes.get(from..end)?));
            }
        }
    })
}

/// The mail as it is parsed. An attached mail that is encoded once more, which RFC 2046 §5.2.1 forbids, is not opened: inside
/// it nothing has been counted.
fn tame(mail: &[u8]) -> Vec<u8> {
    let lower = mail.to_ascii_lowercase();
    let mut tamed = mail.to_vec();
    let encoding = Finder::new(b"content-transfer-encoding");
    let kind = Finder::new(b"content-type");
    let digest = Finder::new(b"digest");
    for (offset, paragraph) in paragraphs(&lower) {
        let mut spoil = |at: usize| {
            if let Some(byte) = tamed.get_mut(offset + at) {
                *byte = b'X';
            }
        };
        if kind.find(paragraph).is_none() {
            continue;
        }
        if names_message(paragraph) {
            encoding.find_iter(paragraph).for_each(&mut spoil);
        }
        if Finder::new(b"multipart").find(paragraph).is_some() {
            digest.find_iter(paragraph).for_each(&mut spoil);
        }
    }
    tamed
}

fn names_message(paragraph: &[u8]) -> bool {
    Finder::new(b"message").find_iter(paragraph).any(|at| {
        let behind = paragraph.get(at + 7..).unwrap_or_default();
        matches!(behind.trim_ascii_start().first(), Some(b'/' | b'('))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mail: &str, expected: TooComplex) {
        assert_eq!(Body::read(mail.as_bytes()).map(|it| it.text), Err(expected));
    }

    #[test]
    fn f17_what_is_beyond_a_bound_is_said_to_be() {
        let nested = |levels: usize| {
            let mut mail = String::from("From: a@example.com\r\n");
            for level in 0..levels {
                mail += &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
            }
            mail + "\r\ntext\r\n"
        };
        check(&nested(200), TooComplex::Multiparts(200));
        check(&nested(20), TooComplex::Depth(21));
        assert!(Body::read(nested(5).as_bytes()).is_ok());
        let links = "<a href=\"https://example.com/\">x</a>".repeat(20_000);
        check(&format!("Content-Type: text/html\r\n\r\n{links}"), TooComplex::Links(20_000));
        check(&format!("X: {}\r\n\r\n", "a".repeat(300_000)), TooComplex::HeaderBytes(300_003));
        check(
            &format!("Content-Type: multipart/mixed; boundary=\"{}\"\r\n\r\n", "-".repeat(100)),
            TooComplex::Boundary(100),
        );
        let many = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--",
            "--b\r\n\r\nx\r\n".repeat(150)
        );
        check(&many, TooComplex::Parts(151));
    }

    #[test]
    fn f17_a_mail_encoded_inside_a_mail_is_not_opened() {
        let inner = "VG86IGFAZXhhbXBsZS5jb20NClN1YmplY3Q6IHgNCg0KMjEwNTU1MDEwMA==";
        let mail = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{inner}\r\n--b--\r\n"
        );
        let body = Body::read(mail.as_bytes()).unwrap();
        assert!(body.text.trim().is_empty(), "{body:?}");
    }

    #[test]
    fn b1_flowed_lines_are_one() {
        let mail = "Content-Type: text/plain; format=flowed\r\n\r\na \r\nb\r\n> c \r\n> d\r\n-- \r\ne\r\n";
        assert_eq!(Body::read(mail.as_bytes()).unwrap().text.trim_end(), "a b\n> c d\n-- \ne");
    }

    #[test]
    fn b1_html_is_read_when_the_plain_text_says_next_to_nothing() {
        let mail = |plain: &str| {
            format!(
                "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{plain}\r\n\
                 --b\r\nContent-Type: text/html\r\n\r\n<p>Please read this text, which is longer</p>\r\n--b--\r\n"
            )
        };
        assert!(Body::read(mail("").as_bytes()).unwrap().from_html);
        assert!(Body::read(mail("see").as_bytes()).unwrap().from_html);
        assert!(!Body::read(mail("Please read this").as_bytes()).unwrap().from_html);
    }
}
