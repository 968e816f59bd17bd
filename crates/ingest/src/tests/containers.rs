//! What rows come in, whole and hostile.

use std::io::Cursor;

use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn documents(read: &Read) -> Vec<&shop::Document> {
    let documents = read.records.iter().filter_map(|record| match record {
        Record::Document(document) => Some(document),
        _ => None,
    });
    documents.collect()
}

#[test]
fn an_archive_is_the_files_in_it_and_never_leaves_it() {
    let archive = zipped(&[
        ("a/returns.md", b"# Returns\n30 days"),
        ("../../../../etc/evil.md", b"# Evil\ntext"),
        ("__MACOSX/._returns.md", b"junk"),
        ("logo.png", b"\x89PNG\r\n\x1a\n"),
        ("products.csv", b"id,title,price\n1,Pot,5 EUR\n"),
    ]);
    let read = read_bytes("shop.zip", &archive).unwrap();
    let ids: Vec<&str> = documents(&read)
        .iter()
        .map(|document| document.id.as_str())
        .collect();
    assert_eq!(ids, ["a/returns", "etc/evil"]);
    assert_eq!(products(&read).len(), 1);
    assert_eq!(
        read.summary.passed_over.len(),
        1,
        "{:?}",
        read.summary.passed_over
    );
    assert!(!Path::new("/etc/evil.md").exists());
    let nothing = read_bytes("x.zip", &zipped(&[("logo.png", b"\x89PNG\r\n\x1a\n")]));
    assert!(
        nothing
            .err()
            .unwrap()
            .to_string()
            .contains("without records")
    );
}

#[test]
fn a_bomb_is_refused() {
    let zeros = vec![b' '; 1 << 20];
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["a.csv", "b.csv"] {
        writer
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        for _ in 0..600 {
            writer.write_all(&zeros).unwrap();
        }
    }
    let bomb = writer.finish().unwrap().into_inner();
    assert!(bomb.len() < 8 << 20);
    let refused = read_bytes("bomb.zip", &bomb).err().unwrap();
    assert!(refused.to_string().contains("this is refused"), "{refused}");
}

#[test]
fn a_word_document_is_its_text_and_no_file_beside_it() {
    let main = r#"<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "boom">]>
<w:document xmlns:w="w"><w:body>
<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Warranty</w:t></w:r></w:p>
<w:p><w:r><w:t>Two &amp; a half years.&x;&y;</w:t></w:r></w:p>
<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>Water</w:t></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Motor</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>5</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
</w:body></w:document>"#;
    let file = zipped(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", main.as_bytes()),
    ]);
    let read = read_bytes("warranty.docx", &file).unwrap();
    let [document] = documents(&read)[..] else {
        panic!("{:?}", read.rejected);
    };
    assert_eq!(document.id.as_str(), "warranty");
    assert_eq!(document.title.as_deref(), Some("Warranty"));
    assert_eq!(
        document.text,
        "# Warranty\n\nTwo & a half years.\n\n- Water\n| Motor | 5 |"
    );
}

const SHEET: &str =
    "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>";

/// An Excel file with one sheet.
fn workbook(rows: &str) -> Vec<u8> {
    let sheet = format!("{SHEET}{rows}</sheetData></worksheet>");
    zipped(&[
        ("[Content_Types].xml", b"<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>"),
        ("_rels/.rels", br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#),
        ("xl/workbook.xml", br#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#),
        ("xl/_rels/workbook.xml.rels", br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

#[test]
fn a_sheet_is_what_stands_in_it() {
    let text = |place: &str, text: &str| {
        format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
    };
    let rows = format!(
        "<row r=\"1\">{}{}{}</row><row r=\"2\">{}{}{}</row><row r=\"1048576\">{}{}<c r=\"XFD1048576\"><v>1</v></c></row>",
        text("A1", "id"),
        text("B1", "title"),
        text("C1", "price"),
        "<c r=\"A2\"><v>1003</v></c>",
        text("B2", "Pot"),
        text("C2", "5 EUR"),
        text("A1048576", "last"),
        text("B1048576", "Cup"),
    );
    let read = read_bytes("p.xlsx", &workbook(&rows)).unwrap();
    let ids: Vec<&str> = products(&read)
        .iter()
        .map(|product| product.id.as_str())
        .collect();
    assert_eq!(ids, ["1003", "last"], "{:?}", read.rejected);
    let damaged = read_bytes("p.xlsx", &zipped(&[("xl/workbook.xml", b"<nonsense")]));
    assert!(damaged.is_err());
}

#[test]
fn a_sheet_of_repeated_cells_is_bounded() {
    let content = |cells: &str| {
        let xml = format!(
            "<office:document-content xmlns:office=\"o\" xmlns:table=\"t\" xmlns:text=\"x\"><office:body>\
             <office:spreadsheet><table:table>{cells}</table:table></office:spreadsheet></office:body></office:document-content>"
        );
        zipped(&[
            (
                "mimetype",
                b"application/vnd.oasis.opendocument.spreadsheet",
            ),
            ("content.xml", xml.as_bytes()),
        ])
    };
    let cell = |text: &str| {
        format!(
            "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell>"
        )
    };
    let row = |cells: &[&str]| {
        let cells: String = cells.iter().map(|text| cell(text)).collect();
        format!("<table:table-row>{cells}</table:table-row>")
    };
    let empty = "<table:table-row table:number-rows-repeated=\"1048576\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>";
    let bomb = "<table:table-row table:number-rows-repeated=\"1048576\"><table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"1000000000\"><text:p>x</text:p></table:table-cell></table:table-row>";
    let sheet = [
        row(&["id", "title", "price"]),
        empty.to_owned(),
        row(&["a", "Pot &amp; pan", "5 EUR"]),
        bomb.to_owned(),
    ]
    .concat();
    let read = read_bytes("p.ods", &content(&sheet)).unwrap();
    assert_eq!(products(&read)[0].title, "Pot & pan");
    assert_eq!(products(&read).len() as u64 + read.summary.rejected, 2);
}

#[test]
fn a_page_of_fifty_megabytes_and_a_text_too_long() {
    let page = format!(
        "<html><body><main>{}</main></body></html>",
        "<p>word</p>".repeat(5 << 20)
    );
    assert!(page.len() > 50 << 20);
    let read = read_bytes("page.html", page.as_bytes()).unwrap();
    assert!(documents(&read)[0].text.len() < 5 << 20);
    let long = read_bytes("long.txt", &vec![b'a'; 65 << 20]);
    assert!(long.err().unwrap().to_string().contains("no document is"));
}

#[test]
fn a_folder_is_its_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("en")).unwrap();
    std::fs::write(folder.path().join("en").join("faq.md"), "# FAQ\nYes.").unwrap();
    std::fs::write(folder.path().join("terms.txt"), "No delimiters here").unwrap();
    std::fs::write(folder.path().join(".hidden.md"), "# Hidden").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link.txt")).unwrap();
    let read = read_path(folder.path(), None).unwrap();
    let ids: Vec<&str> = documents(&read)
        .iter()
        .map(|document| document.id.as_str())
        .collect();
    assert_eq!(ids, ["en/faq", "terms"]);
}

#[test]
fn a_wrapped_list_of_any_length_is_read_row_by_row() {
    let mut text = String::from("{\"meta\": {\"page\": [1]}, \"products\": [");
    for number in 0..20_000 {
        let comma = if number > 0 { "," } else { "" };
        text.push_str(&format!(
            "{comma}\n{{\"id\":\"{number}\",\"title\":\"T {}\"}}",
            "x".repeat(1_000)
        ));
    }
    text.push_str("], \"users\": [{\"id\": 1}]}");
    assert!(text.len() > MAX_ROW_BYTES);
    let read = read_bytes("all.json", text.as_bytes()).unwrap();
    assert_eq!((products(&read).len(), read.rejected.len()), (20_000, 0));
    let cut = read_bytes("all.json", &text.as_bytes()[..text.len() / 2]).unwrap();
    assert!(products(&cut).len() > 9_000 && cut.rejected.len() == 1);
}

/// A PDF with so many pages that say their number.
fn pdf(pages: i64) -> Vec<u8> {
    use lopdf::{Document, Object, Stream, dictionary};
    let mut document = Document::with_version("1.5");
    let tree = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica",
    });
    let resources = document.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let kids: Vec<Object> = (1..=pages)
        .map(|page| {
            let content = format!("BT /F1 12 Tf 50 700 Td (Page {page} of the manual.) Tj ET");
            let content = document.add_object(Stream::new(dictionary! {}, content.into_bytes()));
            let page = dictionary! {
                "Type" => "Page", "Parent" => tree, "Contents" => content, "Resources" => resources,
                "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
            };
            document.add_object(page).into()
        })
        .collect();
    let all = dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => pages };
    document.objects.insert(tree, all.into());
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_pdf_of_ten_thousand_pages_is_read_within_bounds_and_one_without_refused() {
    let read = read_bytes("manual.pdf", &pdf(10_000)).unwrap();
    let [Record::Document(manual)] = read.records.as_slice() else {
        panic!("{:?}", read.summary);
    };
    assert!(manual.text.contains("Page 1 of") && manual.text.contains("Page 2000 of"));
    assert!(!manual.text.contains("Page 2001 of"));
    let [left_out] = read.rejected.as_slice() else {
        panic!("{:?}", read.rejected);
    };
    assert!(
        left_out.reason.contains("2000 pages of 10000"),
        "{left_out:?}"
    );
    let none = read_bytes("empty.pdf", &pdf(0)).err().unwrap();
    assert!(none.to_string().contains("without text"), "{none}");
}
