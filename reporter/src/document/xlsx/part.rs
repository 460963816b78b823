//! The files of a workbook that are not sheets.

use super::super::Document;
use super::super::markup::{Markup, plain};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

/// What each file is.
pub(super) fn types(sheets: usize) -> String {
    let mut out = Markup::default();
    out.raw(HEAD).raw("<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">");
    out.raw("<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>");
    out.raw("<Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ");
    out.raw("ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>");
    out.raw("<Override PartName=\"/xl/styles.xml\" ");
    out.raw("ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>");
    out.raw("<Override PartName=\"/docProps/core.xml\" ");
    out.raw("ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>");
    for sheet in 1..=sheets {
        out.raw("<Override PartName=\"/xl/worksheets/sheet").integer(sheet).raw(".xml\" ");
        out.raw(
            "ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>",
        );
    }
    out.raw("</Types>");
    out.into_string()
}

/// Where a reader begins.
pub(super) fn root() -> &'static str {
    concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">",
        "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" ",
        "Target=\"xl/workbook.xml\"/><Relationship Id=\"rId2\" ",
        "Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties\" ",
        "Target=\"docProps/core.xml\"/></Relationships>"
    )
}

/// Its title, and when it was made.
pub(super) fn properties(document: &Document) -> String {
    let made = crate::text::rfc3339(document.stamp.generated);
    // Whole seconds; years of more than four digits are none that programs read.
    let made = made.get(..19).map_or_else(String::new, |text| format!("{text}Z"));
    let mut out = Markup::default();
    out.raw(HEAD);
    out.raw("<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" ");
    out.raw("xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" ");
    out.raw("xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>");
    out.text(&plain(&document.title, 200))
        .raw("</dc:title><dc:creator>")
        .text(&plain(&document.stamp.maker, 100));
    out.raw("</dc:creator><dcterms:created xsi:type=\"dcterms:W3CDTF\">").text(&made);
    out.raw("</dcterms:created></cp:coreProperties>");
    out.into_string()
}

/// The sheets in their order.
pub(super) fn workbook(names: &[String]) -> String {
    let mut out = Markup::default();
    out.raw(HEAD).raw("<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" ");
    out.raw("xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>");
    for (index, name) in names.iter().enumerate() {
        out.raw("<sheet").attribute("name", name).raw(" sheetId=\"").integer(index + 1).raw("\" r:id=\"rId");
        out.integer(index + 1).raw("\"/>");
    }
    out.raw("</sheets></workbook>");
    out.into_string()
}

/// Where each of them is.
pub(super) fn workbook_links(sheets: usize) -> String {
    let mut out = Markup::default();
    out.raw(HEAD)
        .raw("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">");
    for sheet in 1..=sheets {
        out.raw("<Relationship Id=\"rId").integer(sheet);
        out.raw("\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" ");
        out.raw("Target=\"worksheets/sheet").integer(sheet).raw(".xml\"/>");
    }
    out.raw("<Relationship Id=\"rId").integer(sheets + 1);
    out.raw("\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" ");
    out.raw("Target=\"styles.xml\"/></Relationships>");
    out.into_string()
}

/// Formats by their numbers, as `sheet` uses them: 0 plain, 1 heading, 2 words, 3 whole, 4 number, 5 per cent, 6 money,
/// 7 moment, 8 day, 9 a link in words. Words keep an apostrophe before them, so that who edits a cell makes no formula of it.
pub(super) fn styles() -> &'static str {
    concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
        "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">",
        "<numFmts count=\"3\"><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss\"/>",
        "<numFmt numFmtId=\"165\" formatCode=\"yyyy\\-mm\\-dd\"/><numFmt numFmtId=\"166\" formatCode=\"#,##0.00####\"/></numFmts>",
        "<fonts count=\"3\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font>",
        "<font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font>",
        "<font><u/><sz val=\"11\"/><color rgb=\"FF05656F\"/><name val=\"Calibri\"/></font></fonts>",
        "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>",
        "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>",
        "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>",
        "<cellXfs count=\"10\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>",
        "<xf numFmtId=\"49\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\" quotePrefix=\"1\"/>",
        "<xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" quotePrefix=\"1\"/>",
        "<xf numFmtId=\"3\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
        "<xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>",
        "<xf numFmtId=\"10\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
        "<xf numFmtId=\"166\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
        "<xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
        "<xf numFmtId=\"165\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
        "<xf numFmtId=\"49\" fontId=\"2\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\" quotePrefix=\"1\"/></cellXfs>",
        "<cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>"
    )
}
