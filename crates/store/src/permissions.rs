//! Who may read the data folder: its owner alone.

use std::fs::File;
use std::path::Path;

/// What this program keeps in a data folder, by how the names begin.
const OURS: [&str; 11] = [
    "shopkeeper.",
    "policy.toml",
    "artifacts",
    "bases",
    "work",
    "rejected.jsonl",
    "checkpoint",
    "keys.json",
    "mappings.json",
    "secret",
    "webhook",
];

/// Makes the folder, or takes the rights of everybody but the owner from one
/// that is there and from what is ours in it.
pub(crate) fn own_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    restrict(folder, &std::fs::symlink_metadata(folder)?)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if OURS.iter().any(|ours| name.starts_with(ours)) {
            tighten(&entry.path())?;
        }
    }
    Ok(())
}

/// Creates a file, or empties one, that its owner alone may read.
pub(crate) fn create(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Takes the rights of group and others from a file or a folder with all in
/// it. What links point to is left alone.
pub(crate) fn tighten(path: &Path) -> std::io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // Deleted meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if metadata.is_symlink() {
        return Ok(());
    }
    restrict(path, &metadata)?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            tighten(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn restrict(path: &Path, metadata: &std::fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o077;
    let mode = metadata.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & !OTHERS))
}

/// Where there are no such rights, there is nothing to take.
#[cfg(not(unix))]
fn restrict(_path: &Path, _metadata: &std::fs::Metadata) -> std::io::Result<()> {
    Ok(())
}
