//! Block requests as hundreds of people would send them: mail programs, encodings, quoting, ways to write a number, slips in
//! labels, languages. What is read of them is counted against what was meant.

use std::collections::BTreeSet;

use ringwall_cases::intake::{self, Fate, Segment};
use rules::Number;

use crate::customers::{directory, envelope, number, passed};
use crate::random::Chance;

const VARIANTS: u64 = 2_000;

#[test]
fn nearly_every_number_that_is_meant_is_taken_and_nearly_no_other() {
    let (mut right, mut wrong, mut missed, mut ready) = (0, 0, 0, 0);
    let mut told = Vec::new();
    for seed in 0..VARIANTS {
        let variant = Variant::new(seed);
        let intake = intake::read(&variant.mail, &envelope(), &directory());
        let taken: BTreeSet<Number> = intake.requests.iter().flat_map(|it| it.taken()).collect();
        let (more, less): (Vec<_>, Vec<_>) =
            (taken.difference(&variant.meant).collect(), variant.meant.difference(&taken).collect());
        right += taken.intersection(&variant.meant).count();
        wrong += more.len();
        missed += less.len();
        ready += usize::from(intake.requests.iter().any(intake::Request::is_ready));
        if !(more.is_empty() && less.is_empty()) {
            told.push(format!("seed {seed}: not meant {more:?}, missed {less:?}"));
        }
        for request in &intake.requests {
            assert!(request.ready_numbers().iter().all(|it| !variant.never.contains(it)), "seed {seed}");
            assert!(
                request.numbers.iter().all(|it| it.fate != Fate::Taken || it.place.segment == Segment::Own),
                "seed {seed}"
            );
            assert!(
                !request.is_ready() || variant.is_trusted,
                "seed {seed} is ready at {}",
                intake.sender.trust
            );
        }
    }
    let (precision, recall) = (share(right, right + wrong), share(right, right + missed));
    println!(
        "{VARIANTS} mails, {right} numbers taken: precision {precision:.2} %, recall {recall:.2} %, {ready} ready"
    );
    told.iter().take(20).for_each(|it| println!("{it}"));
    assert!(precision >= 99.0 && recall >= 97.0, "precision {precision:.2} %, recall {recall:.2} %");
    assert!(ready * 2 > VARIANTS as usize, "only {ready} are ready");
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole as f64
}

/// One mail and what is meant by it.
struct Variant {
    mail: Vec<u8>,
    meant: BTreeSet<Number>,
    /// Numbers in signatures, quotes, exceptions, and those that can never be blocked.
    never: BTreeSet<Number>,
    is_trusted: bool,
}

impl Variant {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let spanish = chance.one_in(5);
        let mut meant = BTreeSet::new();
        let mut never = BTreeSet::new();
        let count = 1 + chance.below(5);
        let mut listed: Vec<String> = (0..count)
            .map(|_| {
                let (number, written) = written_number(&mut chance);
                meant.insert(number);
                written
            })
            .collect();
        let other = format!("+1210555{:04}", 170 + chance.below(5));
        let mut aside = vec![number(&other)];
        let stopped = chance.one_in(6).then_some("+1 210 555 0195");
        if let Some(stopped) = stopped {
            listed.push(stopped.to_owned());
            never.insert(number("+12105550195"));
        }
        let body = body(&mut chance, spanish, &listed, &mut aside);
        never.extend(aside.iter().copied());
        // The desk's own number is among those that somebody may want blocked here.
        never.insert(number("+12105550100"));
        meant.retain(|it| !never.contains(it));
        let is_trusted = !chance.one_in(6);
        let results = if is_trusted { passed("acme.example.com") } else { String::new() };
        let subject = chance.pick(&[
            "Block request",
            "Please block",
            "urgent: harassing calls",
            "Bloqueo",
            "Numbers to block",
        ]);
        let mut mail = format!(
            "{results}From: Jane Doe <jane@acme.example.com>\r\nTo: case@desk.example.com\r\nSubject: {subject}\r\n\
             Message-ID: <{seed}@acme.example.com>\r\nMIME-Version: 1.0\r\n"
        )
        .into_bytes();
        mail.extend(encoded(&mut chance, &body));
        Self { mail, meant, never, is_trusted }
    }
}

/// A number that somebody wants blocked, and one of the ways to write it.
fn written_number(chance: &mut Chance) -> (Number, String) {
    if chance.one_in(6) {
        let line = chance.below(1_000);
        let digits = format!("442079460{line:03}");
        let tail = format!("{line:03}");
        let written = match chance.below(5) {
            0 => format!("+44 20 7946 0{tail}"),
            1 => format!("+44 (0)20 7946 0{tail}"),
            2 => format!("011 44 20 7946 0{tail}"),
            3 => format!("0044 20 7946 0{tail}"),
            _ => format!("020 7946 0{tail}"),
        };
        return (number(&format!("+{digits}")), written);
    }
    let area = chance.pick(&["210", "212", "617", "415", "312"]);
    let line = format!("01{:02}", chance.below(70));
    let number = number(&format!("+1{area}555{line}"));
    let written = match chance.below(16) {
        0 => format!("+1{area}555{line}"),
        1 => format!("+1 {area} 555 {line}"),
        2 => format!("({area}) 555-{line}"),
        3 => format!("{area}.555.{line}"),
        4 => format!("{area}-555-{line}"),
        5 => format!("1-{area}-555-{line}"),
        6 => format!("{area}555{line}"),
        7 => format!("1{area}555{line}"),
        8 => format!("tel:+1-{area}-555-{line}"),
        9 => format!("sip:+1{area}555{line}@example.com;user=phone"),
        10 => format!("+1 ({area}) 555 {line} x55"),
        11 => format!("{area} 555 {line}"),
        12 => format!("+1\u{a0}{area}\u{a0}555\u{a0}{line}"),
        13 => format!("{area}\u{2011}555\u{2011}{line}"),
        14 => format!("+1 {area}\u{200b}555 {line}"),
        _ => format!("({area})555-{line} ext. 7"),
    };
    (number, written)
}

/// Lines of text; those that begin with `>` were quoted.
fn body(chance: &mut Chance, spanish: bool, numbers: &[String], aside: &mut Vec<Number>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut say = |text: &str| lines.push(text.to_owned());
    if chance.one_in(5) {
        say("CAUTION: This email originated from outside of the organization. Do not call +1 210 555 0176.");
        say("");
        aside.push(number("+12105550176"));
    }
    if chance.one_in(2) {
        say(chance.pick(&["Hi team,", "Hello,", "Good morning", "Buenos días,", "Dear Service Desk,"]));
        say("");
    }
    let [numbers_label, category_label, reason_label] = labels(chance, spanish);
    let bullets = chance.pick(&["", "- ", "* ", "• ", "1. "]);
    match chance.below(4) {
        0 if numbers_label.contains(':') => say(&format!(
            "{numbers_label} {}",
            numbers.join(chance.pick(&[", ", "; ", " and ", " / ", " , "]))
        )),
        0 | 1 => {
            say(&numbers_label);
            say(&numbers.join(", "));
        }
        _ => {
            say(&numbers_label);
            for (index, it) in numbers.iter().enumerate() {
                let bullet = if bullets == "1. " { format!("{}. ", index + 1) } else { bullets.to_owned() };
                let note = chance.pick(&[
                    "",
                    "",
                    "",
                    " (calls every night)",
                    " - robocaller",
                    ", twice on 2026-10-02 at 10:30",
                ]);
                say(&format!("{bullet}{it}{note}"));
            }
        }
    }
    if chance.one_in(6) {
        say("Please do not block 210-555-0177, that is a supplier.");
        aside.push(number("+12105550177"));
    }
    say("");
    let category = chance.pick(&[
        "Harassing",
        "<Fraud>",
        "fraud/scam",
        "harrasing",
        "[x] Fraud [ ] Harassing",
        "HARASSMENT",
        "Acoso",
    ]);
    say(&format!("{category_label} {category}"));
    say("");
    say(&reason_label);
    say(chance.pick(&[
        "Continues to call multiple times per day.",
        "They pretend to be our bank.",
        "Llama varias veces al día.",
    ]));
    if chance.one_in(4) {
        say("If you have questions call me back at (210) 555-0178.");
        aside.push(number("+12105550178"));
    }
    sign(chance, &mut say, aside);
    quote(chance, &mut say, aside);
    lines
}

fn labels(chance: &mut Chance, spanish: bool) -> [String; 3] {
    let [numbers, category, reason] = if spanish {
        [
            chance.pick(&[
                "Número(s) de teléfono que desea bloquear:",
                "Números a bloquear:",
                "Numeros de telefono que desea bloquear:",
            ]),
            chance.pick(&["Categoría de los números:", "Categoría:"]),
            chance.pick(&["Caso de negocio y descripción:", "Motivo:"]),
        ]
    } else {
        [
            chance.pick(&[
                "Phone number(s) that you want to be blocked:",
                "PHONE NUMBER(S) THAT YOU WANT TO BE BLOCKED:",
                "Phone numbers that you want to be blocked:",
                "Phone number(s) that you want to be blokced:",
                "Phone numbr(s) that you want to be blocked :",
                "Numbers to block:",
                "*Phone number(s) to be blocked:*",
                "Phone number(s) that you want to be blocked",
            ]),
            chance.pick(&["Number(s) Category:", "Numbers Catgeory:", "Category:", "Number(s) Category"]),
            chance.pick(&[
                "Business Case and Description:",
                "Busines Case and Descripton:",
                "Description:",
                "Reason:",
            ]),
        ]
    };
    [numbers, category, reason].map(str::to_owned)
}

fn sign(chance: &mut Chance, say: &mut impl FnMut(&str), aside: &mut Vec<Number>) {
    let number_line =
        chance.pick(&["Desk: +1 210 555 0179", "210-555-0179", "T: (210) 555-0179 | M: +1 210 555 0179"]);
    match chance.below(5) {
        0 => return,
        1 => {
            say("");
            say("-- ");
            say("Jane Doe");
        }
        2 => {
            say("");
            say(chance.pick(&[
                "Best regards,",
                "Thanks,",
                "Saludos,",
                "Mit freundlichen Grüßen",
                "Kind regards",
            ]));
            say("Jane Doe");
            say("Telecom Manager");
        }
        3 => {
            say("");
            say("Jane Doe");
            say("Acme Telecom");
        }
        _ => {
            say("");
            say("Sent from my iPhone");
            return;
        }
    }
    say(number_line);
    aside.push(number("+12105550179"));
    if chance.one_in(3) {
        say("");
        say(
            "This message is confidential and intended only for the intended recipient. If you are not that, call +1 210 555 0175.",
        );
        aside.push(number("+12105550175"));
    }
}

fn quote(chance: &mut Chance, say: &mut impl FnMut(&str), aside: &mut Vec<Number>) {
    let head: &[&str] = match chance.below(8) {
        0 => &["On Mon, Oct 5, 2026 at 4:10 PM Service Desk <case@desk.example.com> wrote:"],
        1 => &["Am 05.10.2026 um 16:10 schrieb Service Desk:"],
        2 => &["El lun, 5 oct 2026 a las 16:10, Service Desk (<case@desk.example.com>) escribió:"],
        3 => &["Le lun. 5 oct. 2026 à 16:10, Service Desk <case@desk.example.com> a écrit :"],
        4 => &[
            "-----Original Message-----",
            "From: Service Desk <case@desk.example.com>",
            "Sent: Monday, October 5, 2026 4:10 PM",
        ],
        5 => &[
            "________________________________",
            "From: Service Desk <case@desk.example.com>",
            "Sent: Monday",
            "To: Jane Doe",
            "Subject: Numbers",
        ],
        _ => return,
    };
    say("");
    head.iter().for_each(|it| say(it));
    let is_marked = head.len() == 1;
    for line in ["", "Is it this one?", "Phone number(s) that you want to be blocked:", "+1 (210) 555-0174"] {
        say(&if is_marked { format!("> {line}") } else { line.to_owned() });
    }
    aside.push(number("+12105550174"));
}

/// The body as some mail program would send it: the rest of the header, and the content.
fn encoded(chance: &mut Chance, lines: &[String]) -> Vec<u8> {
    match chance.below(3) {
        0 => plain_part(chance, &lines.join("\r\n")),
        1 => html_part(chance, lines),
        _ => {
            let mut mail = b"Content-Type: multipart/alternative; boundary=\"=_b\"\r\n\r\n--=_b\r\n".to_vec();
            mail.extend(plain_part(chance, &lines.join("\r\n")));
            mail.extend(b"\r\n--=_b\r\n");
            mail.extend(html_part(chance, lines));
            mail.extend(b"\r\n--=_b--\r\n");
            mail
        }
    }
}

fn plain_part(chance: &mut Chance, text: &str) -> Vec<u8> {
    let is_latin = text.chars().all(|it| u32::from(it) < 256);
    let (charset, bytes): (&str, Vec<u8>) = match chance.below(4) {
        0 if is_latin => ("iso-8859-1", text.chars().map(|it| u32::from(it) as u8).collect()),
        1 => ("utf-16le", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        _ => ("utf-8", text.as_bytes().to_vec()),
    };
    let flowed = if charset == "utf-8" && chance.one_in(3) { "; format=flowed" } else { "" };
    let bytes = if flowed.is_empty() { bytes } else { flow(text).into_bytes() };
    let must_encode = charset == "utf-16le";
    transferred(chance, &format!("text/plain; charset={charset}{flowed}"), &bytes, must_encode)
}

/// Breaks long lines the way RFC 3676 says: at a space that stays.
fn flow(text: &str) -> String {
    text.split("\r\n")
        .map(|line| {
            if line.starts_with('>') || line.len() < 72 {
                line.to_owned()
            } else {
                let at = line[..60].rfind(' ').unwrap_or(59) + 1;
                format!("{}\r\n{}", &line[..at], &line[at..])
            }
        })
        .collect::<Vec<_>>()
        .join("\r\n")
}

fn transferred(chance: &mut Chance, kind: &str, bytes: &[u8], must_encode: bool) -> Vec<u8> {
    let (name, content) = match chance.below(3) {
        0 if !must_encode => ("8bit", bytes.to_vec()),
        1 => ("quoted-printable", quoted_printable(bytes)),
        _ => ("base64", base64(bytes)),
    };
    [format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: {name}\r\n\r\n").as_bytes(), &content]
        .concat()
}

fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut column = 0;
    let mut rest = bytes;
    while let [byte, behind @ ..] = rest {
        if rest.starts_with(b"\r\n") {
            out.extend(b"\r\n");
            column = 0;
            rest = &rest[2..];
            continue;
        }
        if column > 70 {
            out.extend(b"=\r\n");
            column = 0;
        }
        let ends = behind.starts_with(b"\r\n") || behind.is_empty();
        if matches!(byte, 33..=60 | 62..=126) || *byte == b' ' && !ends {
            out.push(*byte);
            column += 1;
        } else {
            out.extend(format!("={byte:02X}").bytes());
            column += 3;
        }
        rest = behind;
    }
    out
}

pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for (index, chunk) in bytes.chunks(3).enumerate() {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= chunk.len() { letter } else { b'=' });
        }
        if index % 19 == 18 {
            out.extend(b"\r\n");
        }
    }
    out
}

/// What Outlook, Gmail, Apple Mail and Thunderbird make of these lines.
fn html_part(chance: &mut Chance, lines: &[String]) -> Vec<u8> {
    let escape = |line: &str| {
        line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\u{a0}', "&nbsp;")
    };
    let quote_at = lines.iter().position(|it| it.starts_with('>')).unwrap_or(lines.len());
    let (own, quoted) = lines.split_at(quote_at);
    let quoted: Vec<String> = quoted.iter().map(|it| escape(it.trim_start_matches(['>', ' ']))).collect();
    let own: Vec<String> = own.iter().map(|it| escape(it)).collect();
    let html = match chance.below(4) {
        0 => {
            let own: String = own
                .iter()
                .map(|it| {
                    if it.is_empty() {
                        "<p class=MsoNormal><o:p>&nbsp;</o:p></p>".to_owned()
                    } else {
                        format!("<p class=MsoNormal>{it}<o:p></o:p></p>")
                    }
                })
                .collect();
            format!(
                "<html><head><style>p.MsoNormal {{margin:0}}</style></head><body>{own}{}</body></html>",
                quoted_block(&quoted, "type=\"cite\"")
            )
        }
        1 => {
            let own: String =
                own.iter()
                    .map(|it| {
                        if it.is_empty() { "<div><br></div>".to_owned() } else { format!("<div>{it}</div>") }
                    })
                    .collect();
            format!(
                "<div dir=\"ltr\">{own}</div>{}",
                quoted_block(&quoted, "class=\"gmail_quote\" style=\"margin:0\"")
            )
        }
        2 => format!(
            "<html><body style=\"word-wrap: break-word\">{}{}</body></html>",
            own.join("<br>\n"),
            quoted_block(&quoted, "type=\"cite\"")
        ),
        _ => format!(
            "<html><body><p>{}</p>{}</body></html>",
            own.join("<br>\n    "),
            quoted_block(&quoted, "type=\"cite\" cite=\"mid:1@desk.example.com\"")
        ),
    };
    transferred(chance, "text/html; charset=utf-8", html.as_bytes(), false)
}

fn quoted_block(quoted: &[String], attributes: &str) -> String {
    if quoted.is_empty() {
        String::new()
    } else {
        format!("<blockquote {attributes}>{}</blockquote>", quoted.join("<br>"))
    }
}
