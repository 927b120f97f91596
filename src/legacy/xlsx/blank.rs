//! New workbooks.

use super::archive::{Part, archive};
use super::strings::inline;
use super::{Sheet, letters};
use crate::error::Result;
use crate::legacy::record::File;
use crate::legacy::row::{ColumnKind, Schema};
use crate::legacy::xml::escape;

/// The part of the sheet.
pub(super) const SHEET: &str = "xl/worksheets/sheet1.xml";

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// Styles of new cells: numbers, texts, days, times.
const STYLES: &str = "<numFmts count=\"2\"><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/>\
    <numFmt numFmtId=\"165\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss\"/></numFmts>\
    <fonts count=\"1\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>\
    <fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>\
    <fill><patternFill patternType=\"gray125\"/></fill></fills>\
    <borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
    <cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
    <cellXfs count=\"4\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
    <xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
    <xf numFmtId=\"164\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
    <xf numFmtId=\"165\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/></cellXfs>\
    <cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles>";

fn style(kind: ColumnKind) -> u32 {
    match kind {
        ColumnKind::Decimal | ColumnKind::Int => 0,
        ColumnKind::Text | ColumnKind::Code | ColumnKind::Cnid => 1,
        ColumnKind::Date => 2,
        ColumnKind::DateTime => 3,
    }
}

/// A workbook with a header and one row that says nothing.
pub(in crate::legacy) fn blank(schema: &Schema, sheet: &Sheet) -> Result<File> {
    let name = sheet.name.as_deref().unwrap_or("Sheet1");
    let styles = format!("{HEAD}<styleSheet xmlns=\"{MAIN}\">{STYLES}</styleSheet>");
    let head = sheet.header.map(|number| number.max(1));
    let row = head.unwrap_or(0) + 1;
    let cells = |row: u32, cell: &dyn Fn(&str, &crate::legacy::row::Column) -> String| {
        let all = (0..).zip(&schema.columns);
        let all = all.map(|(n, column)| cell(&format!("{}{row}", letters(n)), column));
        format!("<row r=\"{row}\">{}</row>", all.collect::<String>())
    };
    let header = head.map_or(String::new(), |row| {
        cells(row, &|reference, column| {
            let text = inline("", &column.name);
            format!("<c r=\"{reference}\" s=\"1\" t=\"inlineStr\">{text}</c>")
        })
    });
    let empty = cells(row, &|reference, column| {
        let null = schema.null(Some(column));
        let style = style(column.kind);
        if null.is_empty() {
            return format!("<c r=\"{reference}\" s=\"{style}\"/>");
        }
        format!("<c r=\"{reference}\" s=\"{style}\" t=\"inlineStr\">{}</c>", inline("", null))
    });
    let xml = format!(
        "{HEAD}<worksheet xmlns=\"{MAIN}\"><sheetData>{header}{empty}</sheetData></worksheet>"
    );
    let mut parts = shell(name, &styles, false);
    parts.push(Part::new(SHEET, xml.as_bytes()));
    let bytes = archive(&parts.iter().collect::<Vec<_>>());
    Ok(super::read_rows(schema, sheet, &bytes, true)?.0)
}

/// All of a workbook with one sheet, but the sheet.
pub(super) fn shell(name: &str, styles: &str, from_1904: bool) -> Vec<Part> {
    let relation = |n: u32, kind: &str, target: &str| {
        format!("<Relationship Id=\"rId{n}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
    };
    let relations = |inside: &str| {
        format!("{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\">{inside}</Relationships>")
    };
    let styled = !styles.is_empty();
    let part = |name: &str, kind: &str| {
        format!(
            "<Override PartName=\"/{name}\" ContentType=\"application/\
             vnd.openxmlformats-officedocument.spreadsheetml.{kind}+xml\"/>"
        )
    };
    let types = format!(
        "{HEAD}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" ContentType=\"\
         application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" \
         ContentType=\"application/xml\"/>{}{}{}</Types>",
        part("xl/workbook.xml", "sheet.main"),
        part(SHEET, "worksheet"),
        if styled { part("xl/styles.xml", "styles") } else { String::new() },
    );
    let days = if from_1904 { "<workbookPr date1904=\"1\"/>" } else { "" };
    let workbook = format!(
        "{HEAD}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\">{days}<sheets><sheet name=\"{}\" \
         sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
        escape::attribute(name, '"')
    );
    let mut of_workbook = relation(1, "worksheet", "worksheets/sheet1.xml");
    if styled {
        of_workbook += &relation(2, "styles", "styles.xml");
    }
    let mut parts = vec![
        Part::new("[Content_Types].xml", types.as_bytes()),
        Part::new(
            "_rels/.rels",
            relations(&relation(1, "officeDocument", "xl/workbook.xml")).as_bytes(),
        ),
        Part::new("xl/workbook.xml", workbook.as_bytes()),
        Part::new("xl/_rels/workbook.xml.rels", relations(&of_workbook).as_bytes()),
    ];
    if styled {
        parts.push(Part::new("xl/styles.xml", styles.as_bytes()));
    }
    parts
}
