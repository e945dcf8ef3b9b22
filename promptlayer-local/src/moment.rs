//! Moments in time, as the API writes them and as SQLite keeps them.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

/// A moment in nanoseconds since 1970 (UTC), the unit in which spans carry their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl Moment {
    pub(crate) const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    pub(crate) const fn nanoseconds(self) -> i64 {
        self.0
    }

    pub(crate) fn now() -> Self {
        Self(i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
    }

    /// Reads what a request log may carry: an RFC 3339 date-time, or seconds since 1970 as a number, which is what the
    /// vendor's Python software sends although the document names the string only.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let nanoseconds = match value {
            Value::String(text) => text.parse::<Timestamp>().ok()?.as_nanosecond(),
            Value::Number(number) => match number.as_i64() {
                Some(seconds) => i128::from(seconds) * 1_000_000_000,
                None => nanoseconds_of(number.as_f64()?)?,
            },
            _ => return None,
        };
        i64::try_from(nanoseconds).ok().map(Self)
    }

    /// The moment as jiff knows it; every `i64` of nanoseconds lies within jiff's range.
    pub(crate) fn timestamp(self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default()
    }
}

/// Seconds to nanoseconds by way of microseconds: a double of today's time has no digits beyond them.
fn nanoseconds_of(seconds: f64) -> Option<i128> {
    let microseconds = (seconds * 1e6).round();
    // Beyond this a double no longer counts microseconds one by one, and no such year is meant.
    if !(-9.0e15..=9.0e15).contains(&microseconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked above")]
    let microseconds = microseconds as i128;
    Some(microseconds * 1000)
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::read(&value).ok_or_else(|| D::Error::custom("not a date-time, nor seconds since 1970"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Moment;

    #[test]
    fn a_date_time_and_the_same_number_of_seconds_are_the_same_moment() {
        let text = Moment::read(&json!("2024-01-15T10:30:00Z")).unwrap();
        assert_eq!(text.nanoseconds(), 1_705_314_600_000_000_000);
        assert_eq!(Moment::read(&json!("2024-01-15T12:30:00+02:00")), Some(text));
        assert_eq!(Moment::read(&json!(1_705_314_600)), Some(text));
        assert_eq!(Moment::read(&json!(1_705_314_600.0)), Some(text));
    }

    #[test]
    fn fractions_of_a_second_are_kept_to_the_microsecond() {
        let moment = Moment::read(&json!(1_795_332_706.732_821_5)).unwrap();
        assert_eq!(moment.nanoseconds() / 1_000_000, 1_795_332_706_732);
        assert_eq!(Moment::read(&json!(1_700_000_000.25)).unwrap().to_string(), "2023-11-14T22:13:20.25Z");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for value in [
            json!("yesterday"),
            json!("2024-01-15"),
            json!("2024-01-15T10:30:00"),
            json!(1e300),
            json!(i64::MAX),
            json!(null),
            json!([]),
        ] {
            assert_eq!(Moment::read(&value), None, "{value}");
        }
    }
}
