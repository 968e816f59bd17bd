use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, bail};
use shop::{Id, Kind, Record, Timestamp};

use super::Question;

/// The text of a file, plain, gz or zst.
pub(crate) fn read_text(file: &Path) -> anyhow::Result<String> {
    let place = || file.display().to_string();
    let bytes = std::fs::read(file).with_context(place)?;
    let mut text = String::new();
    match bytes.as_slice() {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(&*bytes).read_to_string(&mut text),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            zstd::Decoder::new(&*bytes).and_then(|mut decoder| decoder.read_to_string(&mut text))
        }
        mut plain => plain.read_to_string(&mut text),
    }
    .with_context(place)?;
    Ok(text)
}

/// The rows of a file with their line numbers.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .filter(|(_, row)| !row.trim().is_empty())
}

pub(super) fn read_documents(file: &Path) -> anyhow::Result<Vec<Record>> {
    let text = read_text(file)?;
    let mut documents = Vec::new();
    for (line, row) in rows(&text) {
        let place = || format!("{}, line {line}", file.display());
        let row = serde_json::from_str(row).with_context(place)?;
        // Documents hold no time, so that the clock plays no part.
        let now = Timestamp::from_seconds(0);
        documents.push(Record::from_json(Kind::Documents, row, now).with_context(place)?);
    }
    if documents.is_empty() {
        bail!("{}: no documents in it", file.display());
    }
    Ok(documents)
}

pub(super) fn read_questions(file: &Path, documents: &[Record]) -> anyhow::Result<Vec<Question>> {
    let text = read_text(file)?;
    let mut questions = Vec::new();
    for (line, row) in rows(&text) {
        let place = || format!("{}, line {line}", file.display());
        let question: Question = serde_json::from_str(row).with_context(place)?;
        let known = |id: &Id| documents.iter().any(|document| document.id() == Some(id));
        if let Some(id) = question.document_id.as_ref().filter(|id| !known(id)) {
            bail!("{}: no document has the id {id}", place());
        }
        questions.push(question);
    }
    if questions.is_empty() {
        bail!("{}: no questions in it", file.display());
    }
    Ok(questions)
}
