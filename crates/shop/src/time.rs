use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339.
    #[error("{0:?} is not a time: write RFC 3339, as in 2026-05-01T09:30:00Z")]
    Malformed(String),
    /// Before 1990 or in the future: a clock or a unit is wrong.
    #[error("{0} is not a plausible time: it must lie between 1990 and tomorrow")]
    Implausible(Timestamp),
}

impl Timestamp {
    const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;
    /// 1990-01-01T00:00:00Z: no shop's export reaches further back.
    const EARLIEST: Self = Self(631_152_000_000_000);

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(microseconds: i64) -> Self {
        Self(microseconds)
    }

    /// From whole seconds since the Unix epoch; saturates at the ends.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole days since the Unix epoch (UTC), rounded down.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(Self::MICROSECONDS_PER_DAY)
    }

    /// This moment `seconds` later (earlier when negative); saturates.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Refuses times before 1990 and later than a day after `now`.
    pub fn plausible(self, now: Self) -> Result<Self, TimeError> {
        if self < Self::EARLIEST || self.0 > now.0.saturating_add(Self::MICROSECONDS_PER_DAY) {
            return Err(TimeError::Implausible(self));
        }
        Ok(self)
    }

    /// The calendar date in UTC, as `2026-05-01`.
    pub fn date(self) -> String {
        self.to_string()[..10].to_owned()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} microseconds since 1970", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// RFC 3339; a date alone or a time without a zone is read as UTC.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(time.as_microsecond()));
        }
        text.parse::<jiff::civil::DateTime>()
            .ok()
            .and_then(|civil| jiff::tz::TimeZone::UTC.to_timestamp(civil).ok())
            .map(|time| Self(time.as_microsecond()))
            .ok_or_else(|| TimeError::Malformed(text.chars().take(40).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A day, and a time of it without a zone.
const WITHOUT_ZONE: &str = "^(199[0-9]|20[0-9]{2})-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)\
    |02-(0[1-9]|1[0-9]|2[0-9]))[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?$";

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({"type": "string", "examples": ["2026-05-01T09:30:00Z"]});
        if generator.contract().is_serialize() {
            schema.insert("format".to_owned(), "date-time".into());
        } else {
            // A date alone or a time without a zone is read as UTC.
            schema.insert(
                "anyOf".to_owned(),
                serde_json::json!([
                    {"format": "date-time"},
                    {"format": "date"},
                    {"pattern": WITHOUT_ZONE},
                ]),
            );
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339() {
        for (text, shown) in [
            ("2010-12-01T08:26:00Z", "2010-12-01T08:26:00Z"),
            ("2010-12-01T08:26:00+08:00", "2010-12-01T00:26:00Z"),
            ("2010-12-01", "2010-12-01T00:00:00Z"),
            ("2010-12-01 08:26:00.5", "2010-12-01T08:26:00.5Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), shown);
        }
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert!("2010-13-01T00:00:00Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn the_year_9999_is_implausible() {
        let now: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        let far: Timestamp = "9999-01-01T00:00:00Z".parse().unwrap();
        assert!(far.plausible(now).is_err());
        assert!(now.plus_seconds(3_600).plausible(now).is_ok());
    }
}
