//! Changes to `shopkeeper.toml` that leave all else in it as it stands, its
//! comments too.

use std::io::Write;
use std::path::Path;

use crate::config::Config;

/// What became of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It stands in the file now.
    Made,
    /// The shop has chosen this already, and it stays.
    Kept(String),
    /// The file is not ours to write, for this reason.
    ByHand(String),
}

/// Names a model in the file, which is made where there is none. What the
/// shop has chosen itself is not replaced.
pub fn name_model(path: &Path, key: &str, model: &str) -> Change {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Config::template(),
        Err(error) => return Change::ByHand(error.to_string()),
    };
    let changed = match changed(&text, key, model) {
        Ok(changed) => changed,
        Err(change) => return change,
    };
    match write(path, &changed) {
        Ok(()) => Change::Made,
        Err(error) => Change::ByHand(error.to_string()),
    }
}

/// The line that names a model.
pub fn line(key: &str, model: &str) -> String {
    format!("{key} = \"{model}\"")
}

/// The text with the setting in it, or what speaks against it.
fn changed(text: &str, key: &str, model: &str) -> Result<String, Change> {
    let read = |text: &str| text.parse::<toml::Table>();
    let mut wanted = read(text).map_err(|error| Change::ByHand(error.message().to_owned()))?;
    match wanted.get(key).map(|value| value.as_str()) {
        Some(Some(same)) if same == model => return Err(Change::Made),
        Some(Some("")) | None => {}
        Some(other) => return Err(Change::Kept(other.unwrap_or("another value").to_owned())),
    }
    wanted.insert(key.to_owned(), model.into());
    let changed = written(text, key, &line(key, model));
    // Whatever is unusual about the file: only what has come out as it was
    // meant is written.
    match read(&changed) {
        Ok(table) if table == wanted => Ok(changed),
        Ok(_) | Err(_) => Err(Change::ByHand("its form is unusual".to_owned())),
    }
}

/// Puts a line in the place of the key's, else of the one that is commented
/// out, else before the first table.
fn written(text: &str, key: &str, line: &str) -> String {
    let sets = |one: &str| {
        let rest = one.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let hidden = |one: &str| one.trim_start().strip_prefix('#').is_some_and(sets);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let place = |is: &dyn Fn(&str) -> bool| lines.iter().position(|one| is(one));
    let replaced = place(&sets).or_else(|| place(&hidden));
    let table = || place(&|one| one.trim_start().starts_with('['));
    let at = replaced.or_else(table).unwrap_or(lines.len());
    let mut written: String = lines[..at].concat();
    if !written.is_empty() && !written.ends_with('\n') {
        written.push('\n');
    }
    written.push_str(line);
    written.push_str(match lines.get(at) {
        Some(old) if old.ends_with("\r\n") => "\r\n",
        _ => "\n",
    });
    written.push_str(&lines[at + usize::from(replaced.is_some())..].concat());
    written
}

/// Writes the file as a whole, so that no half of it is ever read.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let other = |reason: &str| Err(std::io::Error::other(reason));
    let metadata = std::fs::symlink_metadata(path).ok();
    if metadata.as_ref().is_some_and(|file| file.is_symlink()) {
        return other("it is a link to a file that is kept elsewhere");
    }
    let permissions = metadata.map(|file| file.permissions());
    if permissions.as_ref().is_some_and(|one| one.readonly()) {
        return other("it may not be written to");
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, Change>) {
        let found = changed(text, "support_model", "qwen");
        assert_eq!(
            found.as_deref(),
            expected.as_ref().map(|text| *text),
            "{text}"
        );
    }

    #[test]
    fn one_line_changes_and_all_else_stays() {
        let set = "support_model = \"qwen\"\n";
        check("", Ok(set));
        check("port = 1 # mine", Ok(&format!("port = 1 # mine\n{set}")));
        check(
            "# a model\n#support_model = \"\"\n\nport = 1\n",
            Ok(&format!("# a model\n{set}\nport = 1\n")),
        );
        check(
            "# support_model = \"x\"\nsupport_model=\"\"\r\nport = 1\r\n",
            Ok("# support_model = \"x\"\nsupport_model = \"qwen\"\r\nport = 1\r\n"),
        );
        check(
            "port = 1\n[[keys]]\nscope = \"admin\"\nkey = \"k\"\n",
            Ok(&format!(
                "port = 1\n{set}[[keys]]\nscope = \"admin\"\nkey = \"k\"\n"
            )),
        );
        check(
            "support_model = \"other\"\n",
            Err(Change::Kept("other".to_owned())),
        );
        check("support_model = \"qwen\"\n", Err(Change::Made));
        let unusual = Change::ByHand("its form is unusual".to_owned());
        check(
            "customer_secret = \"\"\"\nsupport_model = 1\n\"\"\"\n",
            Err(unusual),
        );
        assert!(matches!(
            changed("port =", "a", "b"),
            Err(Change::ByHand(_))
        ));
    }

    #[test]
    fn a_file_is_made_from_the_template_and_a_foreign_one_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shopkeeper.toml");
        assert_eq!(name_model(&path, "support_model", "qwen"), Change::Made);
        assert_eq!(name_model(&path, "support_encoder", "e5"), Change::Made);
        let config = Config::load(&path).unwrap();
        assert_eq!(
            (&*config.support_model, &*config.support_encoder),
            ("qwen", "e5")
        );
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = |text: &str| text.lines().count();
        assert_eq!(lines(&text), lines(&Config::template()));
        let linked = folder.path().join("linked.toml");
        #[cfg(unix)]
        {
            std::fs::write(&path, "port = 1\n").unwrap();
            std::os::unix::fs::symlink(&path, &linked).unwrap();
            let change = name_model(&linked, "support_model", "qwen");
            assert!(matches!(change, Change::ByHand(_)), "{change:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "port = 1\n");
        }
    }
}
