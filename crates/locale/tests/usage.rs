//! Every text of the languages is shown somewhere.
#![allow(clippy::unwrap_used)]

use std::path::Path;

/// All sources under `folder` that end so, after one another.
fn sources(folder: &Path, extension: &str, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, extension, all);
        } else if path.extension().is_some_and(|found| found == extension) {
            all.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// Whether `.name` stands in the text as a whole word.
fn is_used(text: &str, name: &str) -> bool {
    let field = format!(".{name}");
    text.match_indices(&field).any(|(at, _)| {
        let after = text[at + field.len()..].chars().next();
        !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn no_text_is_left_over() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let (mut rust, mut scripts) = (String::new(), String::new());
    sources(&root.join("crates"), "rs", &mut rust);
    sources(
        &root.join("crates/server/src/pages/assets"),
        "js",
        &mut scripts,
    );
    let english = root.join("crates/locale/locales/en.ftl");
    let english = std::fs::read_to_string(english).unwrap();
    let names = english.lines().filter_map(|line| {
        let (name, _) = line.split_once(" =")?;
        name.starts_with(|c: char| c.is_ascii_lowercase())
            .then_some(name)
    });
    let unused: Vec<&str> = names
        .filter(|name| match name.strip_prefix("script-") {
            Some(script) => match script.strip_prefix("error-") {
                // Scripts look these up by the code that the server sends.
                Some(code) => !rust.contains(&format!("{:?}", code.replace('-', "_"))),
                None => !is_used(&scripts, &script.replace('-', "_")),
            },
            None => !is_used(&rust, &name.replace('-', "_")),
        })
        .collect();
    assert_eq!(
        unused,
        Vec::<&str>::new(),
        "no page, answer or script shows these"
    );
}
