//! Times as other programs write them.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;
use shop::{RecordError, Timestamp};

use super::row::text_of;

/// Whether `3/4/2026` is in April or in March.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[allow(missing_docs)]
pub enum DateOrder {
    #[serde(rename = "day")]
    DayFirst,
    #[serde(rename = "month")]
    MonthFirst,
}

impl std::str::FromStr for DateOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self::DayFirst),
            "month" => Ok(Self::MonthFirst),
            _ => Err(format!("{text:?} is neither day nor month")),
        }
    }
}

/// How the times of a file are to be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    pub(super) order: Option<DateOrder>,
    /// Of times that name none; UTC without one.
    pub(super) zone: Option<TimeZone>,
}

/// What a written time leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing.
    Instant,
    /// The time of a clock that may hang anywhere.
    Local,
    /// A day.
    Day,
}

/// A time without the knowledge of a clock.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Written {
    day: Day,
    time: Option<Time>,
    offset: Option<Offset>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Day {
    Certain(Date),
    /// The first two of three numbers may be day and month or the reverse.
    Either {
        first: i8,
        second: i8,
        year: i16,
    },
}

impl Clock {
    /// Reads the time in a field.
    pub(super) fn read(&self, value: &Value, field: &str) -> Result<Timestamp, RecordError> {
        let wrong = |reason: String| RecordError::new(field, reason);
        let text = text_of(value).unwrap_or_default();
        if let Some(instant) = epoch(&text).or_else(|| text.parse().ok().map(from_jiff)) {
            return Ok(instant);
        }
        let shown: String = text.chars().take(40).collect();
        let unreadable = || {
            wrong(format!(
                "{shown:?} is not a time: write 2026-05-01T09:30:00Z"
            ))
        };
        let written = written(&text).ok_or_else(unreadable)?;
        let day = match written.day {
            Day::Certain(day) => day,
            Day::Either { first, second, year } => match self.order {
                Some(DateOrder::DayFirst) => Date::new(year, second, first),
                Some(DateOrder::MonthFirst) => Date::new(year, first, second),
                None => {
                    let reason = format!(
                        "{shown:?} may begin with the day or the month: say --date-order day or month"
                    );
                    return Err(wrong(reason));
                }
            }
            .map_err(|_| unreadable())?,
        };
        let moment = DateTime::from_parts(day, written.time.unwrap_or(Time::midnight()));
        let instant = match (written.offset, &self.zone) {
            (Some(offset), _) => offset.to_timestamp(moment),
            (None, Some(zone)) => zone.to_timestamp(moment),
            (None, None) => Offset::UTC.to_timestamp(moment),
        };
        instant.map(from_jiff).map_err(|_| unreadable())
    }
}

fn from_jiff(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_microsecond())
}

/// What a written time leaves open; nothing where it is no time.
pub(super) fn said(value: &Value) -> Option<Said> {
    let text = text_of(value)?;
    if epoch(&text).is_some() || text.parse::<jiff::Timestamp>().is_ok() {
        return Some(Said::Instant);
    }
    let written = written(&text)?;
    Some(match (written.offset, written.time) {
        (Some(_), _) => Said::Instant,
        (None, Some(_)) => Said::Local,
        (None, None) => Said::Day,
    })
}

/// Which order the dates of a file prove; `Some(None)` when they prove none
/// and one would be needed.
pub(super) fn order_of<'v>(values: impl Iterator<Item = &'v Value>) -> Option<Option<DateOrder>> {
    let mut open = false;
    for value in values {
        let text = text_of(value).unwrap_or_default();
        if epoch(&text).is_some() {
            continue;
        }
        let Some((first, second)) = slashed(&text) else {
            continue;
        };
        if first > 12 {
            return Some(Some(DateOrder::DayFirst));
        }
        if second > 12 {
            return Some(Some(DateOrder::MonthFirst));
        }
        open |= first != second;
    }
    open.then_some(None)
}

/// The first two numbers of `13/12/2026`.
fn slashed(text: &str) -> Option<(u32, u32)> {
    let date = text.split([' ', ',', 'T']).next()?;
    let mut parts = date.split(['/', '-']);
    let numbers = (parts.next()?, parts.next()?, parts.next()?);
    let short = numbers.0.len() <= 2 && numbers.1.len() <= 2;
    if !short {
        return None;
    }
    Some((numbers.0.parse().ok()?, numbers.1.parse().ok()?))
}

/// Seconds, milliseconds or microseconds since 1970.
fn epoch(text: &str) -> Option<Timestamp> {
    if text.len() < 9 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    let micros = match text.len() {
        9..=10 => number.checked_mul(1_000_000)?,
        12..=13 => number.checked_mul(1_000)?,
        15..=16 => number,
        _ => return None,
    };
    Some(Timestamp::from_micros(micros))
}

fn written(text: &str) -> Option<Written> {
    let text: String = text
        .chars()
        .map(|c| match c {
            '年' | '月' => '-',
            '日' | ',' | '\u{a0}' | '\u{202f}' => ' ',
            _ => c,
        })
        .collect();
    let (mut numbers, mut month) = (Vec::new(), None);
    let (mut day, mut time, mut offset, mut afternoon) = (None, None, None, None);
    for token in tokens(&text) {
        if token.contains(':') && time.is_none() && !token.starts_with(['+', '-']) {
            let (clock, zone) = clock_and_zone(token);
            time = Some(clock_of(clock)?);
            offset = offset.or(zone.and_then(offset_of));
        } else if let Some(half) = half_of_day(token) {
            afternoon = Some(half);
        } else if let Some(named) = offset_of(token).filter(|_| day.is_some() || time.is_some()) {
            offset = Some(named);
        } else if day.is_none() && token.contains(['-', '/', '.']) && token.len() > 5 {
            day = Some(day_of(token)?);
        } else if let Some(named) = month_of(token) {
            month = Some(named);
        } else if token
            .trim_matches('.')
            .bytes()
            .all(|byte| byte.is_ascii_digit())
        {
            numbers.push(token.trim_matches('.'));
        }
    }
    if day.is_none() {
        day = match (numbers.as_slice(), month) {
            // 2 January 2026, January 2 2026
            ([day, year, ..], Some(month)) => Some(Day::Certain(
                Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()?,
            )),
            ([compact], None) if compact.len() == 8 => {
                let part = |from: usize, to: usize| compact[from..to].parse::<i16>().ok();
                let month_and_day = (part(4, 6)? as i8, part(6, 8)? as i8);
                Some(Day::Certain(
                    Date::new(part(0, 4)?, month_and_day.0, month_and_day.1).ok()?,
                ))
            }
            _ => None,
        };
    }
    let time = match (time, afternoon) {
        (Some(time), Some(after)) if time.hour() <= 12 => {
            let hour = time.hour() % 12 + if after { 12 } else { 0 };
            Some(Time::new(hour, time.minute(), time.second(), time.subsec_nanosecond()).ok()?)
        }
        (time, _) => time,
    };
    Some(Written {
        day: day?,
        time,
        offset,
    })
}

/// The words of a time; `T` parts day and clock.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().flat_map(|word| {
        let parts = word
            .split_once('T')
            .filter(|(day, _)| day.ends_with(|c: char| c.is_ascii_digit()));
        let (first, second) = parts.unwrap_or((word, ""));
        [first, second].into_iter().filter(|part| !part.is_empty())
    })
}

/// `10:00:00+02:00`
fn clock_and_zone(token: &str) -> (&str, Option<&str>) {
    match token.find(['+', '-', 'Z', 'z']) {
        Some(at) => (&token[..at], Some(&token[at..])),
        None => (token, None),
    }
}

fn clock_of(text: &str) -> Option<Time> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['a', 'p', 'm']);
    let mut parts = digits.split(':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next()?.parse().ok()?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(second) => {
            let (whole, fraction) = second.split_once(['.', ',']).unwrap_or((second, ""));
            let digits: String = fraction.chars().take(9).collect();
            (whole.parse().ok()?, format!("{digits:0<9}").parse().ok()?)
        }
    };
    let hour = match &lower[digits.len()..] {
        "pm" if hour < 12 => hour + 12,
        "am" if hour == 12 => 0,
        _ => hour,
    };
    Time::new(hour, minute, second, fraction).ok()
}

fn half_of_day(token: &str) -> Option<bool> {
    match token.to_lowercase().as_str() {
        "am" | "a.m." | "午前" | "上午" => Some(false),
        "pm" | "p.m." | "午後" | "下午" => Some(true),
        _ => None,
    }
}

fn offset_of(token: &str) -> Option<Offset> {
    let hours = match token {
        "Z" | "z" | "UTC" | "GMT" | "(UTC)" | "WET" => 0,
        "BST" | "CET" | "MEZ" | "WEST" => 1,
        "CEST" | "EET" | "MESZ" => 2,
        "EEST" | "MSK" => 3,
        "JST" => 9,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        _ => return signed_offset(token.trim_start_matches("UTC").trim_start_matches("GMT")),
    };
    Offset::from_hours(hours).ok()
}

/// `+0200`, `-04:00`, `+09`
fn signed_offset(token: &str) -> Option<Offset> {
    let sign = match token.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = token[1..].chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 1..=4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let seconds = match digits.len() {
        1 | 2 => number * 3_600,
        _ => number / 100 * 3_600 + number % 100 * 60,
    };
    Offset::from_seconds(sign * seconds).ok()
}

fn day_of(token: &str) -> Option<Day> {
    let separator = token.chars().find(|c| "-/.".contains(*c))?;
    let parts: Vec<&str> = token.trim_end_matches(separator).split(separator).collect();
    let [a, b, c] = parts.as_slice() else {
        return None;
    };
    if let Some(month) = month_of(b) {
        // 02-Jan-2026
        return Date::new(year_of(c)?, month, a.parse().ok()?)
            .ok()
            .map(Day::Certain);
    }
    let (first, second): (i16, i8) = (a.parse().ok()?, b.parse().ok()?);
    if a.len() == 4 {
        return Date::new(first, second, c.parse().ok()?)
            .ok()
            .map(Day::Certain);
    }
    let (first, year) = (i8::try_from(first).ok()?, year_of(c)?);
    let certain = |month, day| Date::new(year, month, day).ok().map(Day::Certain);
    match separator {
        '.' => certain(second, first),
        _ if first > 12 => certain(second, first),
        _ if second > 12 => certain(first, second),
        _ if first == second => certain(first, second),
        _ => Some(Day::Either {
            first,
            second,
            year,
        }),
    }
}

fn year_of(text: &str) -> Option<i16> {
    let year: i16 = text.parse().ok()?;
    match text.len() {
        4 => Some(year),
        2 if year < 70 => Some(2_000 + year),
        2 => Some(1_900 + year),
        _ => None,
    }
}

fn month_of(token: &str) -> Option<i8> {
    let name = token.trim_matches(['.', ',']).to_lowercase();
    const NAMES: [&[&str]; 12] = [
        &["jan", "january", "januar", "janvier", "enero", "gennaio"],
        &[
            "feb", "february", "februar", "février", "febrero", "febbraio",
        ],
        &["mar", "march", "märz", "mrz", "mars", "marzo"],
        &["apr", "april", "avril", "abril", "aprile"],
        &["may", "mai", "mayo", "maggio"],
        &["jun", "june", "juni", "juin", "junio", "giugno"],
        &["jul", "july", "juli", "juillet", "julio", "luglio"],
        &["aug", "august", "août", "agosto"],
        &[
            "sep",
            "sept",
            "september",
            "septembre",
            "septiembre",
            "settembre",
        ],
        &[
            "oct", "okt", "october", "oktober", "octobre", "octubre", "ottobre",
        ],
        &["nov", "november", "novembre", "noviembre"],
        &[
            "dec",
            "dez",
            "december",
            "dezember",
            "décembre",
            "diciembre",
            "dicembre",
        ],
    ];
    let place = NAMES
        .iter()
        .position(|names| names.contains(&name.as_str()))?;
    i8::try_from(place + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, order: Option<DateOrder>, zone: Option<&str>) -> Option<String> {
        let zone = zone.map(|name| TimeZone::get(name).unwrap());
        let clock = Clock { order, zone };
        let time = clock.read(&Value::from(text), "time").ok();
        time.map(|time| time.to_string())
    }

    #[test]
    fn times_of_many_programs() {
        use DateOrder::{DayFirst, MonthFirst};
        for (text, order, expected) in [
            ("2026-05-01T09:30:00Z", None, Some("2026-05-01T09:30:00Z")),
            (
                "2026-10-01 10:00:00 -0400",
                None,
                Some("2026-10-01T14:00:00Z"),
            ),
            (
                "2026-07-02 14:26:40+00:00",
                None,
                Some("2026-07-02T14:26:40Z"),
            ),
            (
                "2026-09-01 10:11:12 UTC",
                None,
                Some("2026-09-01T10:11:12Z"),
            ),
            (
                "2026-01-02 03:04:05 PST",
                None,
                Some("2026-01-02T11:04:05Z"),
            ),
            ("2026-09-01 10:00", None, Some("2026-09-01T10:00:00Z")),
            ("2026-09-01T10:00:00", None, Some("2026-09-01T10:00:00Z")),
            (
                "10/1/26, 2:02 AM",
                Some(MonthFirst),
                Some("2026-10-01T02:02:00Z"),
            ),
            (
                "10/1/26 12:02 PM",
                Some(DayFirst),
                Some("2026-01-10T12:02:00Z"),
            ),
            ("12/13/2026 8:28", None, Some("2026-12-13T08:28:00Z")),
            ("31/12/2026", None, Some("2026-12-31T00:00:00Z")),
            ("3/4/2026", None, None),
            ("31.12.2026", None, Some("2026-12-31T00:00:00Z")),
            ("1.2.2026 8:05", None, Some("2026-02-01T08:05:00Z")),
            ("2026/9/1", None, Some("2026-09-01T00:00:00Z")),
            ("2026年9月1日 8:00", None, Some("2026-09-01T08:00:00Z")),
            ("20260901", None, Some("2026-09-01T00:00:00Z")),
            ("Jan 2, 2026 3:00 pm", None, Some("2026-01-02T15:00:00Z")),
            ("2 März 2026", None, Some("2026-03-02T00:00:00Z")),
            ("02-Jan-2026", None, Some("2026-01-02T00:00:00Z")),
            ("1783000000", None, Some("2026-07-02T13:46:40Z")),
            ("1783000332117", None, Some("2026-07-02T13:52:12.117Z")),
            (
                "2026-08-05T12:30:00.500Z",
                None,
                Some("2026-08-05T12:30:00.5Z"),
            ),
            ("not a date", None, None),
            ("x", None, None),
            ("2026-13-01", None, None),
            ("32.12.2026", None, None),
        ] {
            assert_eq!(read(text, order, None).as_deref(), expected, "{text}");
        }
        let berlin = read("2026-07-01 10:00", None, Some("Europe/Berlin"));
        assert_eq!(berlin.as_deref(), Some("2026-07-01T08:00:00Z"));
    }

    #[test]
    fn what_a_time_leaves_open() {
        for (text, expected) in [
            ("2026-09-01 10:00", Some(Said::Local)),
            ("2026-09-01", Some(Said::Day)),
            ("2026-09-01 10:00 UTC", Some(Said::Instant)),
            ("1783000000", Some(Said::Instant)),
            ("soon", None),
        ] {
            assert_eq!(said(&Value::from(text)), expected, "{text}");
        }
        let order = |dates: &[&str]| {
            let values: Vec<Value> = dates.iter().map(|date| Value::from(*date)).collect();
            order_of(values.iter())
        };
        assert_eq!(
            order(&["3/4/2026", "13/4/2026"]),
            Some(Some(DateOrder::DayFirst))
        );
        assert_eq!(
            order(&["3/4/2026", "4/13/2026"]),
            Some(Some(DateOrder::MonthFirst))
        );
        assert_eq!(order(&["3/4/2026"]), Some(None));
        assert_eq!(order(&["2026-03-04", "04.03.2026"]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_time_or_none(text in "[0-9TZ:+/. -年月日APM]{0,30}") {
            let _ = read(&text, Some(DateOrder::DayFirst), None);
        }
    }
}
