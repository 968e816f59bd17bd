//! Where tests find public data and published models that are not part of the
//! repository. A user's clone has none: those tests skip with a line that says
//! so. Where `CI` is set they fail instead, so that nothing passes unseen.
#![allow(dead_code, clippy::panic)]

use std::path::PathBuf;

/// A file or folder of the public data beside the checkout.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    present(PathBuf::from(folder).join(path))
}

/// The text of a file of the public data.
pub fn shared_text(path: &str) -> Option<String> {
    let path = shared(path)?;
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// A published model that `.ci/model-parts` fetched.
pub fn published_model(name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("SHOPKEEPER_MODEL_PARTS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../model-parts")),
    };
    present(folder.join(name))
}

fn present(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is absent: in CI no test may pass without its data",
        path.display()
    );
    println!("skipped: {} is not there", path.display());
    None
}
