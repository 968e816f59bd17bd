//! The parts of a file: itself, its sheets, the files packed in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shop::Kind;
use tempfile::TempPath;

use super::documents::Form;
use super::open::{Opened, Packing, open, unpacked};
use super::plan::{Column, Part, Planned, plan};
use super::source::Source;
use super::{
    ImportOptions, IngestError, Need, ReadSummary, archive, csv_rows, formats, json_rows,
    open_document, workbook,
};

/// Folders in folders that are looked into.
const DEEPEST_FOLDER: usize = 8;
const MOST_FILES: usize = 10_000;

/// What was found in a file.
pub(super) struct Parts {
    pub(super) packing: Packing,
    pub(super) parts: Vec<Part>,
    passed_over: Vec<String>,
    /// The columns of a table of which nobody knows what it is.
    unknown: Vec<Column>,
}

impl Parts {
    /// What can be said before anything is read.
    pub(super) fn summary(&self) -> ReadSummary {
        let mut needs: BTreeSet<Need> = BTreeSet::new();
        let mut mapping = BTreeMap::new();
        let mut columns = Vec::new();
        for part in &self.parts {
            needs.extend(&part.plan.needs);
            if columns.is_empty() {
                columns.clone_from(&part.plan.columns);
            }
            if mapping.is_empty() {
                mapping.clone_from(&part.plan.mapping);
            }
        }
        let first = self.parts.first();
        if first.is_none() {
            columns.clone_from(&self.unknown);
            needs.insert(Need::Kind);
        }
        ReadSummary {
            format: first.map_or("unknown", |part| part.plan.format).to_owned(),
            kind: first.map(|part| part.plan.kind),
            saved: first.and_then(|part| part.plan.saved.clone()),
            mapping,
            columns,
            needs,
            kinds: BTreeMap::new(),
            repeated: 0,
            rejected: 0,
            first_rejected: Vec::new(),
            ignored: BTreeMap::new(),
            passed_over: self.passed_over.clone(),
            cut_short: false,
            stopped: false,
        }
    }
}

/// A file to look into.
struct File {
    path: PathBuf,
    unpacked: Option<Arc<TempPath>>,
    name: String,
}

/// Finds the parts of a file or folder.
pub(super) fn parts(path: &Path, options: &ImportOptions) -> Result<Parts, IngestError> {
    let metadata = std::fs::metadata(path).map_err(|error| IngestError::read(path, error))?;
    let own_name = || {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let name = options.name.clone().unwrap_or_else(own_name);
    let mut found = Parts {
        packing: Packing::Plain,
        parts: Vec::new(),
        passed_over: Vec::new(),
        unknown: Vec::new(),
    };
    if metadata.is_dir() {
        let mut files = Vec::new();
        collect(path, path, 0, &mut files);
        if files.is_empty() {
            return Err(IngestError::format(path, "a folder without files"));
        }
        return several(files, options, found).map_err(|what| IngestError::format(path, what));
    }
    let file = File {
        path: path.to_owned(),
        unpacked: None,
        name,
    };
    match look(path, &file, options, &mut found)? {
        None => Ok(found),
        Some(inside) => {
            several(inside, options, found).map_err(|what| IngestError::format(path, what))
        }
    }
}

/// The files below a folder; links lead elsewhere and are left alone.
fn collect(root: &Path, folder: &Path, depth: usize, files: &mut Vec<File>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') || files.len() >= MOST_FILES {
            continue;
        }
        if kind.is_dir() && depth < DEEPEST_FOLDER {
            collect(root, &path, depth + 1, files);
        } else if kind.is_file() {
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            files.push(File {
                path,
                unpacked: None,
                name,
            });
        }
    }
}

/// The parts of several files; what holds no records is passed over.
fn several(files: Vec<File>, options: &ImportOptions, mut found: Parts) -> Result<Parts, String> {
    let mut reasons = Vec::new();
    for file in files {
        let before = found.parts.len();
        let reason = match look(&file.path, &file, options, &mut found) {
            Ok(Some(_)) => Some("an archive in an archive".to_owned()),
            Ok(None) if found.parts.len() == before => Some("no records".to_owned()),
            Ok(None) => None,
            Err(error) => Some(
                error
                    .to_string()
                    .replace(&file.path.display().to_string(), "it"),
            ),
        };
        reasons.extend(reason.map(|reason| format!("{}: {reason}", file.name)));
    }
    if found.parts.is_empty() && !reasons.is_empty() {
        return Err(format!("without records: {}", reasons.join("; ")));
    }
    found.passed_over.extend(reasons);
    Ok(found)
}

/// Finds what a file is; the files in it where it is an archive of some.
fn look(
    shown: &Path,
    file: &File,
    options: &ImportOptions,
    found: &mut Parts,
) -> Result<Option<Vec<File>>, IngestError> {
    let opened = open(&file.path, Arc::default())?;
    found.packing = opened.packing;
    let sources = match container(&opened.raw) {
        Some(_) if opened.packing != Packing::Plain => {
            let inside = unpack(&file.path).map_err(|what| IngestError::format(shown, what))?;
            let stem = file
                .name
                .rsplit_once('.')
                .map_or(&*file.name, |(stem, _)| stem);
            let inner = File {
                path: inside.to_path_buf(),
                unpacked: Some(Arc::new(inside)),
                name: stem.to_owned(),
            };
            return look(shown, &inner, options, found);
        }
        Some(Container::Refused(what)) => return Err(IngestError::format(shown, what)),
        Some(Container::Zip) => match zipped(&file.path) {
            Ok(Some(sources)) => sources,
            Ok(None) => {
                return entries(&file.path)
                    .map(Some)
                    .map_err(|what| IngestError::format(shown, what));
            }
            Err(what) => {
                return Err(IngestError::format(
                    shown,
                    format!("a damaged archive: {what}"),
                ));
            }
        },
        Some(Container::Source(source)) => vec![source],
        None => text(shown, &file.name, opened, options)?,
    };
    let mut unsure = None;
    for source in sources {
        let plan = match plan(&file.path, &file.name, &source, options)? {
            Planned::Read(plan) => *plan,
            Planned::Unknown(columns) => {
                if found.unknown.is_empty() {
                    found.unknown = columns;
                }
                continue;
            }
        };
        let part = Part {
            path: file.path.clone(),
            _unpacked: file.unpacked.clone(),
            name: file.name.clone(),
            source,
            plan,
        };
        // Of several sheets those that leave questions are no tables of records.
        match part.plan.needs.contains(&Need::Mapping) {
            true => unsure = unsure.or(Some(part)),
            false => found.parts.push(part),
        }
    }
    if found.parts.is_empty() {
        found.parts.extend(unsure);
    }
    Ok(None)
}

enum Container {
    Zip,
    Source(Source),
    Refused(&'static str),
}

/// What the first bytes of a file that is no text say.
fn container(raw: &[u8]) -> Option<Container> {
    let known: [(&[u8], Container); 9] = [
        (b"PK\x03\x04", Container::Zip),
        (b"PK\x05\x06", Container::Refused("an empty archive")),
        (b"PAR1", Container::Source(Source::Parquet)),
        (b"ARROW1", Container::Source(Source::Arrow)),
        (b"\xff\xff\xff\xff", Container::Source(Source::Arrow)),
        (b"%PDF", Container::Source(Source::Document(Form::Pdf))),
        (
            b"SQLite format 3",
            Container::Refused("an SQLite database: export its tables as JSON Lines or CSV"),
        ),
        (
            b"\xd0\xcf\x11\xe0",
            Container::Refused("a file of an old Office: save it as .xlsx or .docx"),
        ),
        (b"\x89PNG", Container::Refused("a picture")),
    ];
    let is = |magic: &[u8]| raw.starts_with(magic);
    if is(b"\xff\xd8\xff") || is(b"GIF8") {
        return Some(Container::Refused("a picture"));
    }
    known
        .into_iter()
        .find(|(magic, _)| is(magic))
        .map(|(_, container)| container)
}

/// What a ZIP is that is no archive of files.
fn zipped(path: &Path) -> Result<Option<Vec<Source>>, String> {
    let names = archive::names(path)?;
    let has = |name: &str| names.iter().any(|other| other == name);
    if has("xl/workbook.xml") {
        let sheets = workbook::sheets(path)?;
        return Ok(Some(sheets.into_iter().map(Source::Workbook).collect()));
    }
    if has("word/document.xml") {
        return Ok(Some(vec![Source::Document(Form::Docx)]));
    }
    if has("content.xml") && has("META-INF/manifest.xml") || has("content.xml") && has("mimetype") {
        let sheets = open_document::sheets(path)?;
        return Ok(Some((0..sheets).map(Source::OpenDocument).collect()));
    }
    Ok(None)
}

fn entries(path: &Path) -> Result<Vec<File>, String> {
    let entries = archive::unpack(path)?.into_iter();
    let files = entries.map(|entry| File {
        path: entry.file.to_path_buf(),
        unpacked: Some(Arc::new(entry.file)),
        name: entry.name,
    });
    Ok(files.collect())
}

/// A packed file that has to be read here and there.
fn unpack(path: &Path) -> Result<TempPath, String> {
    let (_, stream) = unpacked(path, Arc::default()).map_err(|error| error.to_string())?;
    let mut file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let most = archive::MOST_BYTES;
    let copied =
        io::copy(&mut stream.take(most + 1), &mut file).map_err(|error| error.to_string())?;
    match copied > most {
        true => Err(format!("more than {most} bytes unpacked: this is refused")),
        false => Ok(file.into_temp_path()),
    }
}

/// What a text may be.
fn text(
    path: &Path,
    name: &str,
    opened: Opened,
    options: &ImportOptions,
) -> Result<Vec<Source>, IngestError> {
    let head = opened
        .head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&opened.head);
    let Some(first) = head.iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return Err(unreadable(path, opened));
    };
    let form = Form::of_name(name);
    let as_documents = options.as_kind == Some(Kind::Documents);
    match (head[first], form) {
        (_, Some(form @ (Form::Markdown | Form::Html)))
            if options.as_kind.is_none() || as_documents =>
        {
            Ok(vec![Source::Document(form)])
        }
        (b'<', _) => xml(path, head),
        (b'{' | b'[', _) => Ok(vec![json(head, options)]),
        _ => table(path, &head[first..], form, options).map(|source| vec![source]),
    }
}

/// A file that breaks before its first row says why, not that it is empty.
fn unreadable(path: &Path, opened: Opened) -> IngestError {
    let mut rest = Vec::new();
    let mut stream = opened.bytes.take(opened.head.len() as u64 + 1);
    match stream.read_to_end(&mut rest) {
        Err(reason) => IngestError::read(path, reason),
        Ok(_) => IngestError::Empty(path.to_owned()),
    }
}

fn xml(path: &Path, head: &[u8]) -> Result<Vec<Source>, IngestError> {
    let text = String::from_utf8_lossy(head);
    let beginning: String = text.chars().take(2_000).collect::<String>().to_lowercase();
    if beginning.contains("<!doctype html") || beginning.contains("<html") {
        return Ok(vec![Source::Document(Form::Html)]);
    }
    let feed = ["<rss", "<feed", "<rdf:RDF", "<channel", "<item", "<entry"];
    if feed.iter().any(|element| text.contains(element)) {
        return Ok(vec![Source::Feed]);
    }
    Err(IngestError::format(
        path,
        "XML, but neither RSS nor Atom: a product feed has <item> or <entry> elements",
    ))
}

/// Lines, a list, or objects.
fn json(head: &[u8], options: &ImportOptions) -> Source {
    let known = |columns: &[String]| formats::find(columns, options.as_kind).is_some();
    let names = |rows: &[serde_json::Map<String, serde_json::Value>]| -> Vec<String> {
        let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.keys()).collect();
        names.into_iter().cloned().collect()
    };
    let lines = json_rows::is_json_lines(head);
    let rows = json_rows::sample(head, lines);
    let own = |rows: &[serde_json::Map<String, serde_json::Value>]| {
        rows.iter().any(|row| Kind::of_fields(row).is_some())
    };
    let flat = |lines| {
        if lines {
            Source::JsonLines
        } else {
            Source::JsonObjects
        }
    };
    let is_object = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if is_object && (rows.len() > 1 || known(&names(&rows)) || own(&rows)) {
        return flat(lines);
    }
    let lists = json_rows::lists(head);
    let worth = |list: &&json_rows::List| {
        let named = list
            .path
            .last()
            .and_then(|name| Kind::from_name(name))
            .is_some();
        (known(&names(&list.rows)), own(&list.rows), named)
    };
    // Of several lists of one worth the first is meant.
    match lists.iter().rev().max_by_key(worth) {
        Some(list) => Source::JsonList(list.path.clone()),
        None => flat(lines),
    }
}

/// A table is told by its header; a text in a file of that name is a document.
fn table(
    path: &Path,
    head: &[u8],
    form: Option<Form>,
    options: &ImportOptions,
) -> Result<Source, IngestError> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with("sep="));
    let header = lines.next().unwrap_or_default();
    let fields = |delimiter: u8| csv_rows::split(header, delimiter).unwrap_or_default();
    let delimiter = [b'\t', b',', b';', b'|']
        .into_iter()
        .rev()
        .max_by_key(|delimiter| fields(*delimiter).len())
        .unwrap_or(b',');
    let columns = fields(delimiter);
    let is_table = columns.len() > 1 && {
        let known = formats::find(&columns, options.as_kind).is_some();
        known
            || form.is_none()
            || formats::guesses().iter().any(|guess| {
                let used = guess.mapping().used(&columns);
                used.len() > 1 && used.len() * 2 >= columns.len()
            })
    };
    let as_document = options.as_kind == Some(Kind::Documents) || text.starts_with("---\n");
    let has_text = |form: Option<Form>| form.or(as_document.then_some(Form::Markdown));
    match (is_table, has_text(form)) {
        (true, _) => Ok(Source::Table { delimiter }),
        (false, Some(form)) => Ok(Source::Document(form)),
        (false, None) => Err(IngestError::format(
            path,
            "not a format that is known here: it begins neither with JSON nor with XML nor with \
             the header of a table; name a text with --as documents",
        )),
    }
}
