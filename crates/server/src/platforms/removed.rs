//! What a platform said is gone: a delivery that was on its way for long must
//! not bring it back. A file of lines, written before the platform hears that
//! its word was taken.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use shop::{Kind, Timestamp};

use super::Platform;

/// So many are remembered at least.
const MOST: usize = 20_000;

/// The numbers that are gone, each with the time.
#[derive(Debug)]
pub struct Removed {
    path: PathBuf,
    gone: HashMap<(Kind, String), Timestamp>,
    lines: usize,
}

impl Removed {
    /// What the data folder knows of a platform. A file that cannot be read
    /// is as none: then an old delivery may bring back what is gone.
    pub fn open(folder: &Path, platform: Platform) -> Self {
        let path = folder
            .join("work/hooks")
            .join(format!("{}.removed", platform.name()));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut removed = Self {
            path,
            gone: HashMap::new(),
            lines: text.lines().count(),
        };
        for line in text.lines() {
            if let Some((kind, number, time)) = read(line) {
                removed.gone.insert((kind, number), time);
            }
        }
        removed
    }

    /// When it was removed, if it was.
    pub fn time(&self, kind: Kind, number: &str) -> Option<Timestamp> {
        self.gone.get(&(kind, number.to_owned())).copied()
    }

    /// Notes that it is gone, on the disk.
    pub fn add(&mut self, kind: Kind, number: &str, time: Timestamp) -> io::Result<()> {
        let earlier = self.gone.insert((kind, number.to_owned()), time);
        if earlier == Some(time) {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if self.lines >= 2 * MOST {
            self.shorten()?;
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        writeln!(file, "{} {time} {number}", kind.name())?;
        self.lines += 1;
        file.sync_data()
    }

    /// Forgets that it is gone: it was put back. What the file says is older
    /// than what will be said of it.
    pub fn forget(&mut self, kind: Kind, number: &str) {
        self.gone.remove(&(kind, number.to_owned()));
    }

    /// Keeps the newest alone.
    fn shorten(&mut self) -> io::Result<()> {
        let mut all: Vec<_> = self.gone.drain().collect();
        all.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        all.truncate(MOST);
        let lines: String = all
            .iter()
            .map(|((kind, number), time)| format!("{} {time} {number}\n", kind.name()))
            .collect();
        let part = self.path.with_extension("part");
        std::fs::write(&part, lines)?;
        std::fs::rename(&part, &self.path)?;
        self.lines = all.len();
        self.gone = all.into_iter().collect();
        Ok(())
    }
}

fn read(line: &str) -> Option<(Kind, String, Timestamp)> {
    let mut words = line.splitn(3, ' ');
    let kind = Kind::from_name(words.next()?)?;
    let time = words.next()?.parse().ok()?;
    Some((kind, words.next()?.to_owned(), time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let time: Timestamp = "2026-05-01T10:00:00Z".parse().unwrap();
        let mut removed = Removed::open(folder.path(), Platform::Shopify);
        for number in 0..2 * MOST + 10 {
            // Once is enough to see that the file does not grow for ever.
            removed
                .gone
                .insert((Kind::Orders, number.to_string()), time);
        }
        removed.lines = 2 * MOST;
        removed
            .add(Kind::Products, "7", time.plus_seconds(1))
            .unwrap();
        removed
            .add(Kind::Products, "7", time.plus_seconds(1))
            .unwrap();
        let again = Removed::open(folder.path(), Platform::Shopify);
        assert_eq!(again.time(Kind::Products, "7"), Some(time.plus_seconds(1)));
        assert_eq!(again.time(Kind::Orders, "x"), None);
        assert!(again.lines <= MOST + 1, "{}", again.lines);
        let other = Removed::open(folder.path(), Platform::WooCommerce);
        assert_eq!(other.time(Kind::Products, "7"), None);
    }
}
