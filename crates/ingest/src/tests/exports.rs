//! The sample exports in other encodings, doubled, broken and cut short.

use encoding_rs::{Encoding, WINDOWS_1252};

use super::*;

/// A text file among them, with what has to be said of it.
struct Export {
    name: String,
    text: String,
    options: ImportOptions,
}

fn exports() -> Vec<Export> {
    let Some(folder) = shared("exports") else {
        return Vec::new();
    };
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: serde_json::Map<String, Value> = serde_json::from_str(&expected).unwrap();
    let mut exports = Vec::new();
    for (name, says) in &expected {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let encoding = encoding::encoding_of(&bytes);
        let (text, _, faulty) = encoding.decode(&bytes);
        let binary = [&b"PK"[..], b"%PDF", b"PAR1", b"ARROW1", b"\x1f\x8b"];
        if faulty || binary.iter().any(|magic| bytes.starts_with(magic)) {
            continue;
        }
        let given = |key: &str| says["given"][key].as_str();
        let map = says["given"]["mapping"].as_object().into_iter().flatten();
        let options = ImportOptions {
            now: "2026-12-01T00:00:00Z".parse().unwrap(),
            currency: given("currency").and_then(|code| code.parse().ok()),
            time_zone: given("time_zone").and_then(|zone| TimeZone::get(zone).ok()),
            map: map
                .map(|(field, column)| (field.clone(), column.as_str().unwrap().to_owned()))
                .collect(),
            ..ImportOptions::default()
        };
        exports.push(Export {
            name: name.clone(),
            text: text.into_owned(),
            options,
        });
    }
    assert!(exports.len() > 50, "{}", exports.len());
    exports
}

fn records(export: &Export, bytes: &[u8]) -> Vec<Value> {
    let read = read_as(&export.name, bytes, &export.options).unwrap();
    let mut records: Vec<Value> = read.records.iter().map(Record::to_json).collect();
    records.sort_by_key(Value::to_string);
    records
}

fn encoded(encoding: &'static Encoding, text: &str) -> Option<Vec<u8>> {
    let (bytes, _, lossy) = encoding.encode(text);
    (!lossy && encoding::encoding_of(&bytes) == encoding).then(|| bytes.into_owned())
}

#[test]
fn another_encoding_changes_no_record() {
    for export in exports() {
        let plain = records(&export, export.text.as_bytes());
        assert!(!plain.is_empty(), "{}", export.name);
        let wide: Vec<u8> = export
            .text
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let marked = [b"\xff\xfe".to_vec(), wide.clone()].concat();
        assert_eq!(records(&export, &marked), plain, "{}: UTF-16", export.name);
        let big: Vec<u8> = export
            .text
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(
            records(&export, &[b"\xfe\xff".to_vec(), big].concat()),
            plain,
            "{}",
            export.name
        );
        if let Some(bytes) = encoded(WINDOWS_1252, &export.text) {
            assert_eq!(
                records(&export, &bytes),
                plain,
                "{}: Windows-1252",
                export.name
            );
        }
        assert_eq!(
            records(&export, &gzip(export.text.as_bytes())),
            plain,
            "{}: gzip",
            export.name
        );
    }
}

#[test]
fn rows_that_stand_twice_change_no_record() {
    for export in exports() {
        let Some((header, body)) = export.text.split_once('\n') else {
            continue;
        };
        let ending = if body.ends_with('\n') { "" } else { "\n" };
        let doubled = match export.name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("csv" | "tsv") => format!("{header}\n{body}{ending}{body}"),
            Some("jsonl") => format!("{}{ending}{}", export.text, export.text),
            Some("txt") if header.contains('\t') => {
                format!("{header}\n{body}{ending}{header}\n{body}")
            }
            _ => continue,
        };
        assert_eq!(
            records(&export, doubled.as_bytes()),
            records(&export, export.text.as_bytes()),
            "{}",
            export.name
        );
    }
}

#[test]
fn a_broken_row_costs_no_other_and_a_file_cut_short_is_read_as_far() {
    for export in exports() {
        let plain = records(&export, export.text.as_bytes());
        if export.name.ends_with(".jsonl") {
            let broken = format!("{}\n{{\"broken\": \n", export.text.trim_end());
            assert_eq!(
                records(&export, broken.as_bytes()),
                plain,
                "{}",
                export.name
            );
        }
        if export.name.ends_with(".csv") {
            let broken = format!("{}\n\"never closed\n", export.text.trim_end());
            let found = records(&export, broken.as_bytes());
            assert_eq!(found, plain, "{}", export.name);
        }
        let cut = export
            .text
            .char_indices()
            .nth(export.text.chars().count() * 2 / 3)
            .unwrap()
            .0;
        let _ = read_as(
            &export.name,
            &export.text.as_bytes()[..cut],
            &export.options,
        );
    }
}
