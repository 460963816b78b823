//! One sheet of a workbook.

use super::super::Table;
use super::super::markup::Markup;
use super::super::sheet::{Field, Head, Sheet, Style, link};
use super::super::wording::Wording;
use super::words as write_words;

/// A sheet, and where its links lead, if it has any.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) sheet: String,
    pub(super) links: Option<String>,
}

/// The sheet of `table`: its heading stays in sight.
pub(super) fn write(table: &Table, wording: &Wording, desk: Option<&str>) -> Written {
    let sheet = Sheet::new(table);
    let mut links: Vec<String> = Vec::new();
    let mut linked = Markup::default();
    let mut out = Markup::default();
    open(&mut out);
    out.raw("<sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" ");
    out.raw("state=\"frozen\"/></sheetView></sheetViews><cols>");
    for (index, head) in sheet.heads.iter().enumerate() {
        out.raw("<col min=\"")
            .integer(index + 1)
            .raw("\" max=\"")
            .integer(index + 1)
            .raw("\" customWidth=\"1\"");
        out.length("width", wide(head, &sheet, index)).raw("/>");
    }
    out.raw("</cols><sheetData><row r=\"1\">");
    for (index, head) in sheet.heads.iter().enumerate() {
        text(&mut out, (index, 1), HEADING, &head.name);
    }
    out.raw("</row>");
    for (index, row) in sheet.rows.iter().take(ROWS_MAX).enumerate() {
        let number = index + 2;
        out.raw("<row r=\"").integer(number).raw("\">");
        for (place, (field, head)) in row.iter().zip(&sheet.heads).enumerate() {
            let address = head.has_links.then(|| link(table, index, head.of)).flatten();
            let address = address.and_then(|link| link.absolute(desk)).filter(|_| links.len() < LINKS_MAX);
            let is_linked = address.is_some();
            if let Some(address) = address {
                links.push(address);
                linked.raw("<hyperlink ref=\"").text(&column(place)).integer(number).raw("\" r:id=\"rId");
                linked.integer(links.len()).raw("\"/>");
            }
            cell(&mut out, (place, number), field, (head.style, is_linked), wording);
        }
        out.raw("</row>");
    }
    out.raw("</sheetData>");
    if !sheet.heads.is_empty() {
        let last = sheet.rows.len().min(ROWS_MAX) + 1;
        out.raw("<autoFilter ref=\"A1:").text(&column(sheet.heads.len() - 1)).integer(last).raw("\"/>");
    }
    if !links.is_empty() {
        out.raw("<hyperlinks>").append(linked).raw("</hyperlinks>");
    }
    out.raw("</worksheet>");
    Written { sheet: out.into_string(), links: (!links.is_empty()).then(|| addresses(&links)) }
}

/// A sheet of words.
pub(super) fn words(rows: &[Vec<String>]) -> String {
    let mut out = Markup::default();
    open(&mut out);
    out.raw("<cols><col min=\"1\" max=\"1\" width=\"28\" customWidth=\"1\"/><col min=\"2\" max=\"2\" width=\"90\" ");
    out.raw("customWidth=\"1\"/></cols><sheetData>");
    for (index, row) in rows.iter().enumerate() {
        out.raw("<row r=\"").integer(index + 1).raw("\">");
        for (place, said) in row.iter().enumerate() {
            text(&mut out, (place, index + 1), if index == 0 { HEADING } else { WORDS }, said);
        }
        out.raw("</row>");
    }
    out.raw("</sheetData></worksheet>");
    out.into_string()
}

fn open(out: &mut Markup) {
    out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n");
    out.raw("<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" ");
    out.raw("xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">");
}

fn cell(
    out: &mut Markup,
    at: (usize, usize),
    field: &Field,
    (style, is_linked): (Style, bool),
    wording: &Wording,
) {
    match field {
        Field::Empty => {}
        Field::Text(said) => text(out, at, if is_linked { LINKED } else { WORDS }, said),
        // Sheets reckon with 15 digits; longer numbers would come out as others.
        Field::Whole(whole) if *whole > EXACT_MAX => text(out, at, WORDS, &whole.to_string()),
        Field::Whole(whole) => number(out, at, format(style), &whole.to_string()),
        Field::Number(value) if value.is_finite() => number(out, at, format(style), &value.to_string()),
        Field::Number(_) => {}
        Field::Moment(moment) | Field::Day(moment) => {
            let is_day = matches!(field, Field::Day(_));
            let said = || if is_day { wording.day(*moment) } else { wording.moment(*moment) };
            // 1900 has a day too many in sheets; moments before March of it, and after 9999, are words.
            match wording.clock(*moment).filter(|(days, _)| (-25_508..2_932_897).contains(days)) {
                Some((days, _)) if is_day => number(out, at, "8", &(days + EPOCH_DAY).to_string()),
                Some((days, seconds)) => {
                    let serial = (days + EPOCH_DAY) as f64 + seconds / 86_400.0;
                    number(out, at, "7", &serial.to_string());
                }
                None => text(out, at, WORDS, &said()),
            }
        }
    }
}

fn number(out: &mut Markup, (place, row): (usize, usize), style: &'static str, digits: &str) {
    out.raw("<c r=\"").text(&column(place)).integer(row).raw("\" s=\"").raw(style).raw("\"><v>").text(digits);
    out.raw("</v></c>");
}

fn text(out: &mut Markup, (place, row): (usize, usize), style: &'static str, said: &str) {
    out.raw("<c r=\"").text(&column(place)).integer(row).raw("\" s=\"").raw(style);
    out.raw("\" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
    write_words(out, said);
    out.raw("</t></is></c>");
}

fn format(style: Style) -> &'static str {
    match style {
        Style::Text | Style::Number | Style::Moment | Style::Day => "4",
        Style::Whole => "3",
        Style::Percent => "5",
        Style::Money => "6",
    }
}

/// `A`, …, `Z`, `AA`, ….
fn column(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    letters.into_iter().rev().collect()
}

fn wide(head: &Head, sheet: &Sheet, index: usize) -> f64 {
    let longest = sheet.rows.iter().take(200).filter_map(|row| match row.get(index)? {
        Field::Text(text) => Some(text.chars().count()),
        Field::Moment(_) => Some(19),
        _ => Some(10),
    });
    let longest = longest.max().unwrap_or_default().max(head.name.chars().count());
    longest.clamp(8, 50) as f64 + 2.0
}

fn addresses(links: &[String]) -> String {
    let mut out = Markup::default();
    out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n");
    out.raw("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">");
    for (index, link) in links.iter().enumerate() {
        out.raw("<Relationship Id=\"rId").integer(index + 1);
        out.raw("\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink\"");
        out.attribute("Target", link).raw(" TargetMode=\"External\"/>");
    }
    out.raw("</Relationships>");
    out.into_string()
}

const HEADING: &str = "1";
const WORDS: &str = "2";
const LINKED: &str = "9";
/// Of a sheet, below its heading.
const ROWS_MAX: usize = 1_048_575;
/// Of a sheet; programs refuse more than 65,530.
const LINKS_MAX: usize = 65_000;
/// The day of 1 January 1970, counted as sheets do.
const EPOCH_DAY: i64 = 25_569;
const EXACT_MAX: u64 = 999_999_999_999_999;
