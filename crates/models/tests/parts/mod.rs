//! Where the published models for tests lie, if they do.

use std::path::PathBuf;

/// The path of a part; where it is absent, a line says so.
pub fn model(name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("SHOPKEEPER_MODEL_PARTS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../model-parts")),
    };
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no model parts in {}", folder.display());
    None
}
