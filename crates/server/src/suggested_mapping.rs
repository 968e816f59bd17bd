//! Where the names of a file's columns say too little, the shop's language
//! model is asked what they mean. What it says is shown and never stored by
//! itself.

use std::collections::BTreeMap;
use std::path::Path;

use ingest::{Column, ImportOptions, ImportReport, IngestError, Need, fields_of, preview as read};
use serde::Deserialize;
use serde_json::json;
use serve::support::{Chat, ChatTurn, Message, ToolSpec};
use shop::Kind;

use crate::app::ChatModelPart;

/// Columns that the model is shown.
const MOST_COLUMNS: usize = 60;

const TASK: &str = "You read tables that shops export. Say what the rows of this table are, and which column \
                    gives which field. Name a field only where a column surely gives it; leave the others out.";

/// What an import of the file would store. What the columns leave open is
/// answered as the model suggests, and still has to be said by somebody.
///
/// # Errors
/// The file cannot be read.
pub fn preview(
    path: &Path,
    options: &ImportOptions,
    model: impl FnOnce() -> Option<ChatModelPart>,
) -> Result<ImportReport, IngestError> {
    let report = read(path, options)?;
    let open = report
        .needs
        .iter()
        .any(|need| [Need::Kind, Need::Mapping].contains(need));
    // Whether there is one is asked where it is needed: it may have to be loaded.
    let asked = open && options.map.is_empty() && !report.columns.is_empty();
    let Some(model) = asked.then(model).flatten() else {
        return Ok(report);
    };
    let Some(suggested) = suggest(&model.chat(&|| false), options.as_kind, &report.columns) else {
        return Ok(report);
    };
    let told = ImportOptions {
        as_kind: Some(suggested.kind),
        map: suggested.map.into_iter().collect(),
        ..options.clone()
    };
    match read(path, &told) {
        Ok(mut shown) if shown.accepted > 0 => {
            shown.ask(Need::Mapping);
            shown.suggested_by = Some(model.name().to_owned());
            Ok(shown)
        }
        // A suggestion by which nothing can be read is none.
        _ => Ok(report),
    }
}

/// What the model makes of a table.
#[derive(Debug, PartialEq)]
struct Suggestion {
    kind: Kind,
    /// The column of each field.
    map: BTreeMap<String, String>,
}

/// As the model calls it: nothing about it is sure.
#[derive(Deserialize)]
struct Called {
    kind: Kind,
    columns: Vec<CalledColumn>,
}

#[derive(Deserialize)]
struct CalledColumn {
    column: String,
    field: String,
}

fn suggest(chat: &Chat<'_>, kind: Option<Kind>, columns: &[Column]) -> Option<Suggestion> {
    let kinds: Vec<Kind> = match kind {
        Some(kind) => vec![kind],
        None => Kind::ALL
            .into_iter()
            .filter(|kind| !fields_of(*kind).is_empty())
            .collect(),
    };
    let columns = &columns[..columns.len().min(MOST_COLUMNS)];
    let messages = [
        Message::System(TASK.to_owned()),
        Message::Customer(described(&kinds, columns, chat.model.is_remote())),
    ];
    let tools = [tool(&kinds, columns)];
    let turn = chat.model.reply(&messages, &tools, chat.until, &mut |_| {
        std::ops::ControlFlow::Continue(())
    });
    let call = match turn {
        Ok(ChatTurn::Calls(calls)) => calls.into_iter().next()?,
        Ok(ChatTurn::Answer(_)) => return None,
        Err(error) => {
            tracing::warn!(%error, "the language model did not say what the columns mean");
            return None;
        }
    };
    let called: Called = serde_json::from_value(call.arguments).ok()?;
    let fields = fields_of(called.kind);
    let mut map = BTreeMap::new();
    for CalledColumn { column, field } in called.columns {
        let known =
            columns.iter().any(|one| one.name == column) && fields.contains(&field.as_str());
        let taken = map.values().any(|other| *other == column);
        if known && !taken {
            map.entry(field).or_insert(column);
        }
    }
    (kinds.contains(&called.kind) && !map.is_empty()).then_some(Suggestion {
        kind: called.kind,
        map,
    })
}

fn described(kinds: &[Kind], columns: &[Column], is_remote: bool) -> String {
    let mut text = "Rows may be:\n".to_owned();
    for kind in kinds {
        text.push_str(&format!(
            "- {} with {}\n",
            kind.name(),
            fields_of(*kind).join(", ")
        ));
    }
    text.push_str("The columns with some of their values:\n");
    for column in columns {
        let values: Vec<String> = column
            .examples
            .iter()
            .map(|value| shown(value, is_remote))
            .collect();
        text.push_str(&format!("- {:?}: {}\n", column.name, json!(values)));
    }
    text
}

/// What people wrote stays on the machine: of a value only its shape leaves.
fn shown(value: &str, is_remote: bool) -> String {
    if !is_remote {
        return value.to_owned();
    }
    let shape = |c: char| match c {
        _ if c.is_numeric() => '9',
        _ if c.is_uppercase() => 'A',
        _ if c.is_alphabetic() => 'a',
        _ => c,
    };
    value.chars().map(shape).collect()
}

fn tool(kinds: &[Kind], columns: &[Column]) -> ToolSpec {
    let kinds_named: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let mut fields: Vec<&str> = kinds.iter().flat_map(|kind| fields_of(*kind)).collect();
    fields.sort_unstable();
    fields.dedup();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    ToolSpec {
        name: "describe_table".to_owned(),
        description: "Says what the rows of the table are and what its columns mean.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "kind": {"type": "string", "enum": kinds_named},
                "columns": {"type": "array", "maxItems": names.len(), "items": {
                    "type": "object",
                    "properties": {
                        "column": {"type": "string", "enum": names},
                        "field": {"type": "string", "enum": fields},
                    },
                    "required": ["column", "field"],
                    "additionalProperties": false,
                }},
            },
            "required": ["kind", "columns"],
            "additionalProperties": false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use serde_json::Value;
    use serve::support::{ChatError, ChatModel, Sink, ToolCall};

    use super::*;

    /// Calls what it is told to, and notes what it read.
    struct Scripted {
        arguments: Value,
        is_remote: bool,
        read: Mutex<String>,
    }

    impl ChatModel for Scripted {
        fn reply(
            &self,
            messages: &[Message],
            tools: &[ToolSpec],
            _until: Instant,
            _sink: &mut Sink<'_>,
        ) -> Result<ChatTurn, ChatError> {
            *self.read.lock().unwrap() = format!("{messages:?}");
            Ok(ChatTurn::Calls(vec![ToolCall {
                id: "1".to_owned(),
                name: tools[0].name.clone(),
                arguments: self.arguments.clone(),
            }]))
        }

        fn name(&self) -> &str {
            "scripted"
        }

        fn is_remote(&self) -> bool {
            self.is_remote
        }
    }

    fn suggestion(arguments: Value, is_remote: bool) -> (Option<Suggestion>, String) {
        let model = Scripted {
            arguments,
            is_remote,
            read: Mutex::default(),
        };
        let columns = [("Wat", "Jan Smit"), ("Hoeveel", "12,90")].map(|(name, example)| Column {
            name: name.to_owned(),
            field: None,
            examples: vec![example.to_owned()],
        });
        let chat = Chat {
            model: &model,
            until: Instant::now() + Duration::from_secs(5),
            is_interrupted: &|| false,
        };
        let suggested = suggest(&chat, None, &columns);
        let read = model.read.into_inner().unwrap();
        (suggested, read)
    }

    #[test]
    fn only_fields_and_columns_that_there_are_are_taken() {
        let called = |columns: Value| json!({"kind": "products", "columns": columns});
        let (suggested, read) = suggestion(
            called(json!([
                {"column": "Wat", "field": "title"},
                {"column": "Wat", "field": "brand"},
                {"column": "Hoeveel", "field": "price"},
                {"column": "Prix", "field": "list_price"},
                {"column": "Hoeveel", "field": "grams"},
            ])),
            true,
        );
        let map = [("price", "Hoeveel"), ("title", "Wat")];
        let map = map.map(|(field, column)| (field.to_owned(), column.to_owned()));
        let expected = Suggestion {
            kind: Kind::Products,
            map: map.into(),
        };
        assert_eq!(suggested, Some(expected));
        assert!(read.contains("Aaa Aaaa") && !read.contains("Jan"), "{read}");
        let (none, read) = suggestion(called(json!([{"column": "x", "field": "title"}])), false);
        assert_eq!(none, None);
        assert!(read.contains("Jan Smit"), "{read}");
        assert_eq!(suggestion(json!({"kind": "unicorns"}), false).0, None);
    }
}
