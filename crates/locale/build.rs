//! Reads every file of `locales/` and writes the type [`Locale`] out of them: a
//! field for each fixed text, a function for each text with variables. The
//! build fails with a sentence where a language lacks a text, has one that
//! English has not, or uses other variables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{CallArguments, Entry, Expression, InlineExpression, Pattern};
use fluent_syntax::ast::{PatternElement, Resource};

/// The language that the others are compared with.
const FIRST: &str = "en";

/// Texts whose names begin so are sent to the pages' scripts.
const SCRIPT: &str = "script-";

/// A text: its variables, and how English says it.
struct Message {
    variables: BTreeSet<String>,
    said: String,
}

type Messages = BTreeMap<String, Message>;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = files_of(&folder);
    // The first language is the one of whoever states none that we have.
    files.sort_by_key(|(tag, _)| (tag != FIRST, tag.clone()));
    let read: Vec<(String, PathBuf, Messages)> = files
        .into_iter()
        .map(|(tag, path)| {
            println!("cargo:rerun-if-changed={}", path.display());
            let messages = messages_of(&path);
            (tag, path, messages)
        })
        .collect();
    let Some((tag, _, first)) = read.first() else {
        panic!("{} holds no language", folder.display());
    };
    assert_eq!(tag, FIRST, "{} lacks {FIRST}.ftl", folder.display());
    let faults: Vec<String> = read
        .iter()
        .flat_map(|(_, path, messages)| differences(path, first, messages))
        .collect();
    assert!(
        faults.is_empty(),
        "the languages differ:\n{}",
        faults.join("\n")
    );
    let out = std::env::var("OUT_DIR").expect("cargo says where to write");
    std::fs::write(Path::new(&out).join("texts.rs"), generated(&read, first))
        .expect("the output folder can be written");
}

/// The files of the folder by their language tags.
fn files_of(folder: &Path) -> Vec<(String, PathBuf)> {
    std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let tag = path.file_name()?.to_str()?.strip_suffix(".ftl")?.to_owned();
            Some((tag, path))
        })
        .collect()
}

fn messages_of(path: &Path) -> Messages {
    let source =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let resource: Resource<String> = match fluent_syntax::parser::parse(source.clone()) {
        Ok(resource) => resource,
        Err((_, errors)) => {
            let faults: Vec<String> = errors
                .iter()
                .map(|error| {
                    let line = source[..error.pos.start].lines().count();
                    format!("{}:{line}: {error}", path.display())
                })
                .collect();
            panic!("{}", faults.join("\n"))
        }
    };
    let mut messages = Messages::new();
    for entry in resource.body {
        let Entry::Message(message) = entry else {
            continue;
        };
        let Some(value) = message.value else {
            panic!("{}: {} says nothing", path.display(), message.id.name);
        };
        let mut read = Message {
            variables: BTreeSet::new(),
            said: String::new(),
        };
        read_pattern(&value, &mut read);
        let name = message.id.name;
        assert!(
            messages.insert(name.clone(), read).is_none(),
            "{}: {name} stands twice",
            path.display()
        );
    }
    messages
}

fn read_pattern(pattern: &Pattern<String>, message: &mut Message) {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { value } => message.said.push_str(value),
            PatternElement::Placeable { expression } => read_expression(expression, message),
        }
    }
}

fn read_expression(expression: &Expression<String>, message: &mut Message) {
    match expression {
        Expression::Inline(inline) => read_inline(inline, message),
        Expression::Select { selector, variants } => {
            if let InlineExpression::VariableReference { id } = selector {
                message.variables.insert(id.name.clone());
            }
            // How English says it: the last one is for most cases.
            for variant in variants {
                message.said.clear();
                read_pattern(&variant.value, message);
            }
        }
    }
}

fn read_inline(inline: &InlineExpression<String>, message: &mut Message) {
    match inline {
        InlineExpression::VariableReference { id } => {
            let _ = write!(message.said, "{{ ${} }}", id.name);
            message.variables.insert(id.name.clone());
        }
        InlineExpression::FunctionReference { arguments, .. } => {
            read_arguments(arguments, message);
        }
        InlineExpression::Placeable { expression } => read_expression(expression, message),
        InlineExpression::StringLiteral { .. }
        | InlineExpression::NumberLiteral { .. }
        | InlineExpression::MessageReference { .. }
        | InlineExpression::TermReference { .. } => {}
    }
}

fn read_arguments(arguments: &CallArguments<String>, message: &mut Message) {
    for argument in &arguments.positional {
        read_inline(argument, message);
    }
}

/// What a language has otherwise than the first one, a sentence each.
fn differences(path: &Path, first: &Messages, messages: &Messages) -> Vec<String> {
    let path = path.display();
    let missing = first.keys().filter(|name| !messages.contains_key(*name));
    let missing = missing.map(|name| format!("{path}: {name} is missing"));
    let other = messages.iter().filter_map(|(name, message)| {
        let Some(wanted) = first.get(name) else {
            return Some(format!("{path}: {name} is no text of {FIRST}.ftl"));
        };
        (wanted.variables != message.variables).then(|| {
            format!(
                "{path}: {name} uses the variables {:?}, {FIRST}.ftl uses {:?}",
                message.variables, wanted.variables
            )
        })
    });
    missing.chain(other).collect()
}

fn generated(read: &[(String, PathBuf, Messages)], first: &Messages) -> String {
    let mut fields = String::new();
    let mut values = String::new();
    let mut functions = String::new();
    let mut scripts = String::new();
    for (name, message) in first {
        let rust = name.replace('-', "_");
        let said = message.said.trim().replace('\n', " ");
        if let Some(script) = name.strip_prefix(SCRIPT) {
            let script = script.replace('-', "_");
            let variables: Vec<&String> = message.variables.iter().collect();
            let _ = writeln!(scripts, "    ({script:?}, {name:?}, &{variables:?}),");
        } else if message.variables.is_empty() {
            let _ = writeln!(fields, "    /// “{said}”\n    pub {rust}: &'static str,");
            let _ = writeln!(values, "            {rust}: fluent.fixed({name:?}),");
        } else {
            let parameters: Vec<String> = message
                .variables
                .iter()
                .map(|variable| {
                    let variable = variable.replace('-', "_");
                    format!("{variable}: impl Into<Value<'a>>")
                })
                .collect();
            let arguments: Vec<String> = message
                .variables
                .iter()
                .map(|variable| format!("({variable:?}, {}.into())", variable.replace('-', "_")))
                .collect();
            let _ = writeln!(
                functions,
                "    /// “{said}”\n    pub fn {rust}<'a>(&self, {}) -> String {{\n        self.fluent.say({name:?}, [{}])\n    }}\n",
                parameters.join(", "),
                arguments.join(", ")
            );
        }
    }
    let sources: String = read
        .iter()
        .map(|(tag, path, _)| {
            format!(
                "    ({tag:?}, include_str!({:?})),\n",
                path.display().to_string()
            )
        })
        .collect();
    format!(
        "/// What depends on a language: its texts, and how it writes numbers, prices and dates.\n\
         pub struct Locale {{\n    \
             pub(crate) icu: formats::Formats,\n    \
             pub(crate) fluent: messages::Messages,\n{fields}}}\n\n\
         impl Locale {{\n    \
             pub(crate) fn load(tag: &'static str, source: &'static str) -> Self {{\n        \
                 let icu = formats::Formats::of(tag);\n        \
                 let fluent = messages::Messages::of(tag, source);\n        \
                 Self {{\n{values}            icu,\n            fluent,\n        }}\n    }}\n\n{functions}}}\n\n\
         /// The languages with their files, English first.\n\
         pub(crate) const SOURCES: &[(&str, &str)] = &[\n{sources}];\n\n\
         /// Texts for scripts: the name there, the one in the file, its variables.\n\
         pub(crate) const SCRIPT_TEXTS: &[(&str, &str, &[&str])] = &[\n{scripts}];\n"
    )
}
