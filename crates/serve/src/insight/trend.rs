use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::Timestamp;

use super::Feelings;

/// The weeks at the end that are compared with those before.
const RECENT_WEEKS: i64 = 3;
/// Fewer mentions than this show no trend.
const FEWEST: usize = 5;
/// Two-sided at one in a hundred.
const CLEAR: f64 = 2.576;

/// Counts of one week.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Week {
    /// Its Monday, as `2026-05-04`.
    pub week: String,
    /// Counts by polarity.
    #[serde(flatten)]
    pub feelings: Feelings,
}

impl Week {
    pub(super) fn new(monday: i64, feelings: Feelings) -> Self {
        Self {
            week: Timestamp::from_seconds(monday * 86_400).date(),
            feelings,
        }
    }
}

/// The day (since 1970) of the Monday of the week of `time`, in UTC.
pub(super) fn monday(time: Timestamp) -> i64 {
    // 1970-01-01 was a Thursday: three days after a Monday.
    time.day() - (time.day() + 3).rem_euclid(7)
}

/// Which way a rate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Clearly more than before.
    Rising,
    /// Clearly less than before.
    Falling,
    /// No clear change.
    Steady,
    /// Too few mentions, or no times.
    Unknown,
}

/// Mentions a review in the last weeks beside those before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Trend {
    /// Which way.
    pub direction: Direction,
    /// Recent rate over earlier rate; 0 when unknown.
    pub ratio: f64,
    /// How many standard errors the logarithm of the ratio is from 0.
    pub z: f64,
}

/// Compares the rate of `mentions` among `reviews` in the last three weeks
/// with that of the weeks before: the ratio of two Poisson rates, half a
/// mention added to each so that none is zero.
pub(super) fn trend(mentions: &[Timestamp], reviews: &[Timestamp]) -> Trend {
    let unknown = Trend {
        direction: Direction::Unknown,
        ratio: 0.0,
        z: 0.0,
    };
    let Some(last) = reviews.iter().max() else {
        return unknown;
    };
    let cut = last.plus_seconds(-RECENT_WEEKS * 7 * 86_400);
    let recent = |times: &[Timestamp]| times.iter().filter(|time| **time > cut).count();
    let (recent_mentions, recent_reviews) = (recent(mentions), recent(reviews));
    let early_mentions = mentions.len() - recent_mentions;
    let early_reviews = reviews.len() - recent_reviews;
    if mentions.len() < FEWEST || recent_reviews == 0 || early_reviews == 0 {
        return unknown;
    }
    let (late, early) = (recent_mentions as f64 + 0.5, early_mentions as f64 + 0.5);
    let ratio = (late / recent_reviews as f64) / (early / early_reviews as f64);
    let z = ratio.ln() / (1.0 / late + 1.0 / early).sqrt();
    let direction = if z > CLEAR {
        Direction::Rising
    } else if z < -CLEAR {
        Direction::Falling
    } else {
        Direction::Steady
    };
    Trend {
        direction,
        ratio,
        z,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(days: &[i64]) -> Vec<Timestamp> {
        days.iter()
            .map(|day| Timestamp::from_seconds(day * 86_400))
            .collect()
    }

    #[test]
    fn weeks_begin_on_monday() {
        let time: Timestamp = "2026-05-07T23:59:59Z".parse().unwrap();
        assert_eq!(
            Week::new(monday(time), Feelings::default()).week,
            "2026-05-04"
        );
        let time: Timestamp = "2026-05-04T00:00:00Z".parse().unwrap();
        assert_eq!(
            Week::new(monday(time), Feelings::default()).week,
            "2026-05-04"
        );
    }

    #[test]
    fn only_a_clear_change_is_a_trend() {
        let reviews: Vec<i64> = (1_000..1_100).collect();
        let late: Vec<i64> = (1_080..1_100).collect();
        let even: Vec<i64> = (1_000..1_100).step_by(5).collect();
        let early: Vec<i64> = (1_000..1_079).collect();
        for (mentions, direction) in [
            (&late[..], Direction::Rising),
            (&even, Direction::Steady),
            (&early, Direction::Falling),
            (&late[..3], Direction::Unknown),
        ] {
            assert_eq!(trend(&days(mentions), &days(&reviews)).direction, direction);
        }
        assert_eq!(trend(&[], &[]).direction, Direction::Unknown);
    }
}
