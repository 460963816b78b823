//! HTML as lines of text, with what of it nobody sees left out, and what its author quoted or signed marked.

use super::characters::HIDDEN;
use super::limits::{ELEMENTS_OPEN_MAX, TEXT_BYTES_MAX};
use super::style::{Sheet, is_unseen};

/// What HTML says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Visible {
    /// The text. Lines that a mail program marked as quoted begin with `>`, those it marked as a signature with
    /// [`SIGNATURE`]; cells of a table row are apart by tabs.
    pub text: String,
    /// Whether text was left out because nobody would see it.
    pub left_out_hidden: bool,
    /// Links, those of pictures and style sheets included.
    pub links: usize,
}

/// Begins a line that a mail program marked as a signature.
pub(super) const SIGNATURE: char = '\u{2}';

impl Visible {
    /// Reads `html`, which may be broken in any way.
    pub(super) fn read(html: &str) -> Self {
        let mut reader = Reader::default();
        let mut rest = html;
        while !rest.is_empty() && reader.visible.text.len() < TEXT_BYTES_MAX {
            let Some(at) = rest.find('<') else {
                reader.take_text(rest);
                break;
            };
            let (text, tag) = rest.split_at(at);
            reader.take_text(text);
            rest = reader.take_markup(tag);
        }
        reader.visible
    }
}

#[derive(Default)]
struct Reader {
    visible: Visible,
    open: Vec<Element>,
    /// Elements that were not kept because too many were open.
    unkept: usize,
    /// A space is due before the next word.
    space: bool,
    hidden: usize,
    quoted: usize,
    signed: usize,
    preformatted: usize,
    sheet: Sheet,
}

struct Element {
    name: Name,
    hidden: bool,
    quoted: bool,
    signed: bool,
}

/// The element's name, lower case; longer ones than any that matter are cut.
type Name = [u8; 10];

impl Reader {
    /// Takes markup that begins with `<` and returns what is behind it.
    fn take_markup<'a>(&mut self, markup: &'a str) -> &'a str {
        if let Some(comment) = markup.strip_prefix("<!--") {
            return comment.find("-->").and_then(|end| comment.get(end + 3..)).unwrap_or_default();
        }
        let Some(inside) = markup.get(1..) else { return "" };
        let begins_tag =
            inside.starts_with(|it: char| it.is_ascii_alphabetic() || matches!(it, '/' | '!' | '?'));
        if !begins_tag {
            // "<" alone, as people type it.
            self.take_text("<");
            return inside;
        }
        let (tag, behind) = split_tag(inside);
        if let Some(closing) = tag.strip_prefix('/') {
            self.close(name_of(closing));
        } else if !tag.starts_with(['!', '?']) {
            let name = name_of(tag);
            if matches!(trim(&name), b"script" | b"style" | b"title" | b"template") {
                let left = behind_raw(&name, behind);
                if trim(&name) == b"style" {
                    self.sheet.take(behind.get(..behind.len() - left.len()).unwrap_or_default());
                }
                return left;
            }
            self.open(name, tag);
        }
        behind
    }

    fn open(&mut self, name: Name, tag: &str) {
        let attributes = Attributes::read(tag);
        self.visible.links += usize::from(attributes.is_link);
        let is_inside_quote = self.quoted > 0;
        match trim(&name) {
            b"br" => self.line_break(),
            b"hr" => self.line(),
            b"td" | b"th" => self.cell(),
            b"li" => {
                self.line();
                self.take_text("* ");
            }
            b"p" => self.paragraph(),
            other if BLOCKS.contains(&other) => self.line(),
            _ => {}
        }
        if VOID.contains(&trim(&name)) || tag.ends_with('/') {
            return;
        }
        if self.open.len() == ELEMENTS_OPEN_MAX {
            self.unkept += 1;
            return;
        }
        let is_cite = trim(&name) == b"blockquote" && attributes.is_cite;
        let element = Element {
            name,
            hidden: attributes.is_hidden
                || UNSEEN.contains(&trim(&name))
                || self.sheet.hides(&attributes.classes, &attributes.id),
            quoted: is_cite || attributes.is_attribution && !is_inside_quote,
            signed: attributes.is_signature,
        };
        self.hidden += usize::from(element.hidden);
        self.quoted += usize::from(element.quoted);
        self.signed += usize::from(element.signed);
        self.preformatted += usize::from(trim(&element.name) == b"pre");
        self.open.push(element);
    }

    fn close(&mut self, name: Name) {
        match trim(&name) {
            b"p" => self.paragraph(),
            other if BLOCKS.contains(&other) => self.line(),
            _ => {}
        }
        if self.unkept > 0 {
            self.unkept -= 1;
            return;
        }
        // Only near ends are matched with their beginnings: a stray end must not cost a walk each time.
        let near = self.open.len().saturating_sub(NEAR);
        let Some(at) = self.open.iter().skip(near).rposition(|it| it.name == name) else { return };
        for element in self.open.drain(near + at..) {
            self.hidden -= usize::from(element.hidden);
            self.quoted -= usize::from(element.quoted);
            self.signed -= usize::from(element.signed);
            self.preformatted -= usize::from(trim(&element.name) == b"pre");
        }
    }

    fn take_text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let (character, length) = if character == '&' {
                entity(rest).unwrap_or((character, 1))
            } else {
                (character, character.len_utf8())
            };
            rest = rest.get(length..).unwrap_or_default();
            self.take(character);
        }
    }

    fn take(&mut self, character: char) {
        if character == '\n' && self.preformatted > 0 {
            self.line_break();
        } else if matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
            self.space = true;
        } else if self.hidden > 0 {
            self.visible.left_out_hidden = true;
        } else {
            self.begin_line();
            if self.space && !self.visible.text.ends_with(['\n', '\t', ' ']) {
                self.visible.text.push(' ');
            }
            self.space = false;
            // What marks lines must not come from the text itself.
            self.visible.text.push(if matches!(character, SIGNATURE | HIDDEN) { ' ' } else { character });
        }
    }

    fn begin_line(&mut self) {
        let text = &mut self.visible.text;
        if text.is_empty() || text.ends_with('\n') {
            if self.quoted > 0 {
                text.push_str("> ");
            } else if self.signed > 0 {
                text.push(SIGNATURE);
            }
            self.space = false;
        }
    }

    /// Ends the line that is open.
    fn line(&mut self) {
        self.space = false;
        let text = &mut self.visible.text;
        if self.hidden == 0 && !text.is_empty() && !text.ends_with('\n') {
            text.truncate(text.trim_end_matches([' ', '\t']).len());
            text.push('\n');
        }
    }

    /// Ends a line even when it is empty; more than one empty line is one.
    fn line_break(&mut self) {
        self.space = false;
        let text = &mut self.visible.text;
        if self.hidden == 0 && !text.is_empty() && !text.ends_with("\n\n") {
            text.push('\n');
        }
    }

    fn paragraph(&mut self) {
        self.line();
        self.line_break();
    }

    fn cell(&mut self) {
        self.space = false;
        let text = &mut self.visible.text;
        if !text.is_empty() && !text.ends_with(['\n', '\t']) && self.hidden == 0 {
            text.push('\t');
        }
    }
}

/// What of a tag's attributes matters.
#[derive(Default)]
struct Attributes {
    is_hidden: bool,
    is_cite: bool,
    is_attribution: bool,
    is_signature: bool,
    is_link: bool,
    classes: String,
    id: String,
}

impl Attributes {
    fn read(tag: &str) -> Self {
        let mut attributes = Self::default();
        let mut rest = tag.trim_start_matches(|it: char| !it.is_ascii_whitespace());
        for _ in 0..ATTRIBUTES_MAX {
            rest = rest.trim_start_matches(|it: char| it.is_ascii_whitespace() || it == '/');
            let end = rest.find(|it: char| it == '=' || it.is_ascii_whitespace()).unwrap_or(rest.len());
            if rest.is_empty() {
                break;
            }
            let (name, behind) = rest.split_at(end);
            let (value, behind) = match behind.trim_start().strip_prefix('=') {
                Some(value) => split_value(value.trim_start()),
                None => ("", behind),
            };
            attributes.take(&name.to_ascii_lowercase(), &value.to_ascii_lowercase());
            rest = behind;
            if end == 0 && value.is_empty() {
                break;
            }
        }
        attributes
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "style" => self.is_hidden |= is_unseen(&plain(value)),
            "hidden" => self.is_hidden = true,
            "type" => self.is_cite |= value == "cite",
            "href" | "src" | "background" => self.is_link |= !value.is_empty(),
            "class" | "id" | "name" => {
                match name {
                    "class" => value.clone_into(&mut self.classes),
                    "id" => value.clone_into(&mut self.id),
                    _ => {}
                }
                let has =
                    |words: &[&str]| words.iter().any(|word| value.split_whitespace().any(|it| it == *word));
                self.is_cite |=
                    has(&["gmail_quote", "gmail_quote_container", "protonmail_quote", "zmail_extra"]);
                self.is_attribution |= has(&["gmail_attr", "moz-cite-prefix", "protonmail_quote_header"]);
                self.is_signature |=
                    has(&["gmail_signature", "moz-signature", "signature", "ms-outlook-mobile-signature"]);
            }
            _ => {}
        }
    }
}

/// An attribute's value with the characters that its references stand for.
fn plain(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(character) = rest.chars().next() {
        let (character, length) =
            entity(rest).filter(|_| character == '&').unwrap_or_else(|| (character, character.len_utf8()));
        plain.push(character);
        rest = rest.get(length..).unwrap_or_default();
    }
    plain
}

/// The tag up to its `>`, and what is behind; quotes are minded only when they end.
fn split_tag(inside: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, byte) in inside.bytes().enumerate().take(TAG_BYTES_MAX) {
        match (quote, byte) {
            (None, b'>') => {
                return (inside.get(..at).unwrap_or_default(), inside.get(at + 1..).unwrap_or_default());
            }
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    // Never closed, or a quote never is: up to the next `>` whatever stands around it.
    match inside.find('>') {
        Some(at) => (inside.get(..at).unwrap_or_default(), inside.get(at + 1..).unwrap_or_default()),
        None => ("", ""),
    }
}

fn split_value(value: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    value.split_at(value.find(|it: char| it.is_ascii_whitespace()).unwrap_or(value.len()))
}

fn name_of(tag: &str) -> Name {
    let mut name = Name::default();
    let letters = tag.bytes().take_while(u8::is_ascii_alphanumeric);
    for (place, letter) in name.iter_mut().zip(letters) {
        *place = letter.to_ascii_lowercase();
    }
    name
}

fn trim(name: &Name) -> &[u8] {
    let length = name.iter().position(|it| *it == 0).unwrap_or(name.len());
    name.get(..length).unwrap_or_default()
}

/// What is behind the end of an element that holds no markup. Without an end nothing is.
fn behind_raw<'a>(name: &Name, behind: &'a str) -> &'a str {
    let mut rest = behind;
    while let Some(at) = rest.find("</") {
        rest = rest.get(at + 2..).unwrap_or_default();
        if name_of(rest) == *name {
            return split_tag(rest).1;
        }
    }
    ""
}

/// The character that the reference at the beginning of `text` stands for, and the bytes it takes.
fn entity(text: &str) -> Option<(char, usize)> {
    let inside = text.get(1..)?;
    let end = inside.bytes().take(ENTITY_BYTES_MAX).position(|it| it == b';')?;
    let name = inside.get(..end)?;
    let character = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, character)| *character)?,
    };
    Some((character, end + 2))
}

/// Elements whose text is struck out, or shown only where a program asks for it.
const UNSEEN: &[&[u8]] = &[b"s", b"strike", b"del", b"noscript", b"select", b"datalist"];
const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("hellip", '…'),
    ("rsquo", '’'),
    ("lsquo", '‘'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bull", '•'),
    ("middot", '·'),
    ("shy", '\u{ad}'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'),
    ("plus", '+'),
    ("lpar", '('),
    ("rpar", ')'),
    ("aacute", 'á'),
    ("eacute", 'é'),
    ("iacute", 'í'),
    ("oacute", 'ó'),
    ("uacute", 'ú'),
    ("ntilde", 'ñ'),
    ("Ntilde", 'Ñ'),
    ("Aacute", 'Á'),
    ("Eacute", 'É'),
    ("Iacute", 'Í'),
    ("Oacute", 'Ó'),
    ("Uacute", 'Ú'),
    ("auml", 'ä'),
    ("ouml", 'ö'),
    ("uuml", 'ü'),
    ("Auml", 'Ä'),
    ("Ouml", 'Ö'),
    ("Uuml", 'Ü'),
    ("szlig", 'ß'),
    ("egrave", 'è'),
    ("agrave", 'à'),
    ("ccedil", 'ç'),
    ("iquest", '¿'),
    ("iexcl", '¡'),
    ("deg", '°'),
    ("copy", '©'),
    ("reg", '®'),
    ("euro", '€'),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("Tab", ' '),
    ("NewLine", ' '),
    ("colon", ':'),
    ("comma", ','),
    ("num", '#'),
    ("sol", '/'),
    ("minus", '-'),
];

const BLOCKS: &[&[u8]] = &[
    b"div",
    b"tr",
    b"table",
    b"blockquote",
    b"ul",
    b"ol",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"pre",
    b"section",
    b"article",
    b"header",
    b"footer",
    b"address",
    b"body",
    b"dl",
    b"dt",
    b"dd",
    b"center",
    b"form",
    b"fieldset",
    b"tbody",
    b"thead",
    b"caption",
];

const VOID: &[&[u8]] = &[b"br", b"hr", b"img", b"meta", b"link", b"input", b"col", b"area", b"base", b"wbr"];

/// How far up the open elements an end looks for its beginning.
const NEAR: usize = 32;
const ATTRIBUTES_MAX: usize = 32;
const TAG_BYTES_MAX: usize = 4_096;
const ENTITY_BYTES_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, expected: &str) {
        assert_eq!(Visible::read(html).text.trim_end(), expected, "{html}");
    }

    #[test]
    fn b1_lines_and_cells_stay_apart() {
        check("<p>Hello,</p><p>two<br>lines</p>", "Hello,\n\ntwo\nlines");
        check(
            "<table><tr><td><p>Number:</p></td><td>+1&nbsp;210</td></tr></table>",
            "Number:\n\n+1\u{a0}210",
        );
        check(
            "<table><tr><td>Number:</td><td>210</td></tr><tr><td>Category</td><td>Fraud</td></tr></table>",
            "Number:\t210\nCategory\tFraud",
        );
        check("<ul><li>one<li>two</ul>", "* one\n* two");
        check("a &lt;Fraud&gt; &#43;1 &#x2b;2 &unknown; & b", "a <Fraud> +1 +2 &unknown; & b");
        check("1 < 2 and <b>bold</b>", "1 < 2 and bold");
    }

    #[test]
    fn b1_what_nobody_sees_is_left_out_and_said() {
        for style in [
            "display: none",
            "font-size:0px",
            "color:#FFF",
            "position:absolute; left:-9999px",
            "opacity:0",
            "mso-hide:all",
        ] {
            let seen = Visible::read(&format!("a<span style='{style}'> 210</span> b"));
            assert_eq!((seen.text.as_str(), seen.left_out_hidden), ("a b", true), "{style}");
        }
        assert!(!Visible::read("<b style='color:white;background:#000'>a</b>").left_out_hidden);
        assert!(!Visible::read("<b style='font-size:10pt'>a</b>").left_out_hidden);
        check("<script>x<b>y</script><style>p{}</style>z<!-- 210 -->", "z");
    }

    #[test]
    fn b3_only_what_a_mail_program_quoted_is_a_quote() {
        check("<blockquote>mine</blockquote>", "mine");
        check("a<blockquote type=cite>b<br>c</blockquote>d", "a\n> b\n> c\nd");
        check("<div class=\"gmail_quote\"><div class='gmail_attr'>On x wrote:</div></div>", "> On x wrote:");
        check("<div class=gmail_signature>Jane</div>", "\u{2}Jane");
    }

    #[test]
    fn f17_broken_markup_ends() {
        for html in [
            "<",
            "<a",
            "<a href=\"x",
            "</",
            "<!--",
            "<script>",
            "<a b='c",
            "&#;",
            "&#x110000;",
            "<<<<",
            "</b></i>",
        ] {
            Visible::read(html);
        }
        assert_eq!(Visible::read(&"<a href=x>".repeat(20_000)).links, 20_000);
    }
}
