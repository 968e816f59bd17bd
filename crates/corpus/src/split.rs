use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shop::Timestamp;

/// What an example may be used for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// To learn from.
    #[default]
    Train,
    /// To choose with.
    Validation,
    /// To report with, and for nothing else.
    Test,
}

impl Split {
    /// All of them, from the freest to the strictest.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Reads what a data set says about one of its rows.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "validation" | "valid" | "val" | "dev" => Some(Self::Validation),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

/// Where the log is cut for what has to be predicted from the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TimeSplit {
    /// Interactions from here on validate; `None` when there are too few.
    pub validation_from: Option<Timestamp>,
    /// Interactions from here on test.
    pub test_from: Option<Timestamp>,
}

impl TimeSplit {
    /// The split of something that happened at `time`.
    pub fn of(&self, time: Timestamp) -> Split {
        if self.test_from.is_some_and(|from| time >= from) {
            Split::Test
        } else if self.validation_from.is_some_and(|from| time >= from) {
            Split::Validation
        } else {
            Split::Train
        }
    }

    /// Cuts at the beginnings of days (UTC) so that about these shares of
    /// the times come after; `times` must be sorted.
    pub fn of_sorted_times(times: &[Timestamp], validation_share: f64, test_share: f64) -> Self {
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            return Self::default();
        };
        let day_after = |share: f64| {
            let at = ((times.len() as f64) * (1.0 - share)).round() as usize;
            let time = times.get(at).unwrap_or(last);
            // A cut at or before the first day would leave nothing to learn from.
            let day = time.day().max(first.day() + 1);
            (day <= last.day()).then(|| Timestamp::from_seconds(day * 86_400))
        };
        if test_share <= 0.0 {
            return Self {
                validation_from: (validation_share > 0.0)
                    .then(|| day_after(validation_share))
                    .flatten(),
                test_from: None,
            };
        }
        let test_from = day_after(test_share);
        let validation_from = (validation_share > 0.0)
            .then(|| day_after(validation_share + test_share))
            .flatten()
            .filter(|from| test_from.is_none_or(|test| *from < test));
        Self {
            validation_from,
            test_from,
        }
    }
}

/// Deals keys (a customer, else a record) into splits by their hash, so that
/// the same key has the same split in every corpus with the same seed.
#[derive(Debug, Clone, Copy)]
pub struct Splitter {
    seed: u64,
    validation_share: f64,
    test_share: f64,
}

impl Splitter {
    /// Shares outside 0 to 1 are brought to the nearer end.
    pub fn new(seed: u64, validation_share: f64, test_share: f64) -> Self {
        Self {
            seed,
            validation_share: validation_share.clamp(0.0, 1.0),
            test_share: test_share.clamp(0.0, 1.0),
        }
    }

    /// The split of everything under `key`; `group` tells customers from records.
    pub fn of(&self, group: &str, key: &str) -> Split {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(group.as_bytes());
        hash.update([0]);
        hash.update(key.as_bytes());
        let digest = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        // 53 bits: every one of them fits a float.
        let place = (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64;
        if place < self.test_share {
            Split::Test
        } else if place < self.test_share + self.validation_share {
            Split::Validation
        } else {
            Split::Train
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_the_seed_decides() {
        let splitter = Splitter::new(7, 0.1, 0.2);
        let mut counts = [0_usize; 3];
        for number in 0..10_000 {
            counts[splitter.of("customer", &number.to_string()) as usize] += 1;
        }
        assert!((counts[1] as f64 - 1_000.0).abs() < 120.0, "{counts:?}");
        assert!((counts[2] as f64 - 2_000.0).abs() < 160.0, "{counts:?}");
        let other = Splitter::new(8, 0.1, 0.2);
        let moved = (0..1_000).filter(|number| {
            let key = number.to_string();
            splitter.of("customer", &key) != other.of("customer", &key)
        });
        assert!(moved.count() > 200);
    }

    #[test]
    fn time_is_cut_at_days() {
        let times: Vec<_> = (0..100)
            .map(|hour| Timestamp::from_seconds(1_000_000_000 + hour * 3_600 * 6))
            .collect();
        let split = TimeSplit::of_sorted_times(&times, 0.1, 0.1);
        let (validation, test) = (split.validation_from.unwrap(), split.test_from.unwrap());
        assert!(validation < test);
        assert_eq!(test.as_seconds() % 86_400, 0);
        let share = times.iter().filter(|time| **time >= test).count();
        assert!((8..=14).contains(&share), "{share}");
        assert_eq!(split.of(times[0]), Split::Train);
        assert_eq!(split.of(times[99]), Split::Test);
    }

    #[test]
    fn a_log_of_one_day_is_all_training() {
        let times = vec![Timestamp::from_seconds(1_000_000_000); 50];
        let split = TimeSplit::of_sorted_times(&times, 0.1, 0.1);
        assert_eq!(split, TimeSplit::default());
        assert_eq!(split.of(times[0]), Split::Train);
        assert_eq!(
            TimeSplit::of_sorted_times(&[], 0.1, 0.1),
            TimeSplit::default()
        );
    }
}
