use std::path::Path;

use anyhow::{Context, bail};
use models::PublishedModel;

use super::{Base, ENCODER_FILES, ENCODER_MODULES, UnfinishedBase, is_wanted};

/// Copies a Hugging Face folder or a GGUF file into the data folder, where it
/// stays when the original goes.
///
/// # Errors
/// Where it cannot be read, cannot be run here, or a base of that name is
/// there; nothing is left behind then.
pub fn import(data: &Path, path: &Path, name: Option<&str>) -> anyhow::Result<Base> {
    // A look before the copy: a file of another kind costs no disk.
    PublishedModel::read(path)?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => name_of(path)?,
    };
    let draft = UnfinishedBase::open(data, &name)?;
    let copied = copy(path, &draft.folder).and_then(|()| {
        let source = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        draft.finish(source.display().to_string())
    });
    if copied.is_err() {
        draft.discard();
    }
    copied
}

/// The folder's name, or the file's without its extension. A name that says
/// nothing, such as `model.gguf`, is its folder's.
pub(crate) fn name_of(path: &Path) -> anyhow::Result<String> {
    let absolute = std::path::absolute(path)?;
    let stem = if absolute.is_dir() {
        absolute.file_name()
    } else {
        absolute.file_stem()
    };
    let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
    match stem {
        Some(stem) if stem != "model" => Ok(stem),
        _ => match absolute.parent().and_then(Path::file_name) {
            Some(name) => Ok(name.to_string_lossy().into_owned()),
            None => bail!("name it, as in `--name smollm2-135m`"),
        },
    }
}

fn copy(path: &Path, folder: &Path) -> anyhow::Result<()> {
    let copy_file = |from: &Path, name: &str| {
        let to = folder.join(name);
        std::fs::copy(from, &to)
            .map(|_| ())
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
    };
    if !path.is_dir() {
        return copy_file(path, "model.gguf");
    }
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        let name = file.file_name().and_then(|name| name.to_str());
        if let Some(name) = name
            && (is_wanted(name) || name == "model.gguf")
            && file.is_file()
        {
            copy_file(&file, name)?;
        }
    }
    if !path.join(ENCODER_MODULES).is_file() {
        return Ok(());
    }
    for name in ENCODER_FILES {
        let file = path.join(name);
        if file.is_file() {
            if let Some(place) = folder.join(name).parent() {
                std::fs::create_dir_all(place)?;
            }
            copy_file(&file, name)?;
        }
    }
    Ok(())
}
