//! Points in time, as the API represents them and as SQLite stores them.

use std::fmt;
use std::time::SystemTime;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use crate::integer;

/// The largest number of seconds since 1970 that a [`Timestamp`] can hold. It is in the year 2262.
const LAST_SECOND: i64 = i64::MAX / 1_000_000_000;

/// A point in time in nanoseconds since 1970 (UTC). Spans use the same unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(i64);

impl Timestamp {
    pub(crate) const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    pub(crate) const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// Returns a time of this machine, unless it is out of range.
    pub(crate) fn from_system(time: SystemTime) -> Option<Self> {
        let time = jiff::Timestamp::try_from(time).ok()?;
        i64::try_from(time.as_nanosecond()).ok().map(Self)
    }

    pub(crate) fn now() -> Self {
        Self(i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX))
    }

    /// Parses a time of a request log: an RFC 3339 date-time, or a number of seconds or milliseconds since 1970.
    ///
    /// PromptLayer's API document allows only the string, but PromptLayer's clients send numbers: the one for Python
    /// seconds, the one for JavaScript milliseconds. Seconds that large are years after 2262, which no [`Timestamp`]
    /// can hold, so a number is never ambiguous.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let nanoseconds = match value {
            Value::String(text) => text.parse::<jiff::Timestamp>().ok()?.as_nanosecond(),
            Value::Number(number) => match number.as_i64() {
                Some(time) if time > LAST_SECOND => i128::from(time) * 1_000_000,
                Some(time) => i128::from(time) * 1_000_000_000,
                None => nanoseconds_of(number.as_f64()?)?,
            },
            _ => return None,
        };
        i64::try_from(nanoseconds).ok().map(Self)
    }

    /// Parses a time of a span: nanoseconds since 1970 as an integer or as a string, or an RFC 3339 date-time.
    ///
    /// PromptLayer's API document allows only the integer, but PromptLayer's JavaScript client sends the string.
    pub(crate) fn read_of_span(value: &Value) -> Option<Self> {
        let nanoseconds = match value {
            Value::String(text) => match text.parse() {
                Ok(nanoseconds) => Some(nanoseconds),
                Err(_) => return Self::read(value),
            },
            value => integer::read(value),
        };
        nanoseconds.map(Self)
    }

    /// Deserializes a time of a span, for `#[serde(deserialize_with)]`.
    pub(crate) fn of_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let timestamp = Self::read_of_span(&value).ok_or_else(|| D::Error::custom("not a time of a span"))?;
        Ok(timestamp.nanoseconds())
    }

    /// Converts to jiff's type. Every `i64` of nanoseconds is within the range of jiff.
    pub(crate) fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default()
    }
}

/// Converts seconds or milliseconds to nanoseconds, rounded to microseconds: an `f64` that holds a current time is not
/// more precise.
fn nanoseconds_of(time: f64) -> Option<i128> {
    #[expect(clippy::cast_precision_loss, reason = "the digits lost are far below a year")]
    let is_milliseconds = time > LAST_SECOND as f64;
    let microseconds = (time * if is_milliseconds { 1e3 } else { 1e6 }).round();
    // Outside this range, an `f64` cannot represent every microsecond. Such times are not realistic.
    if !(-9.0e15..=9.0e15).contains(&microseconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked above")]
    let microseconds = microseconds as i128;
    Some(microseconds * 1000)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::read(&value).ok_or_else(|| D::Error::custom("not a date-time, nor seconds since 1970"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Timestamp;

    #[test]
    fn date_time_and_equal_seconds_are_the_same_timestamp() {
        let text = Timestamp::read(&json!("2024-01-15T10:30:00Z")).unwrap();
        assert_eq!(text.nanoseconds(), 1_705_314_600_000_000_000);
        assert_eq!(Timestamp::read(&json!("2024-01-15T12:30:00+02:00")), Some(text));
        assert_eq!(Timestamp::read(&json!(1_705_314_600)), Some(text));
        assert_eq!(Timestamp::read(&json!(1_705_314_600.0)), Some(text));
    }

    #[test]
    fn fractions_of_a_second_are_kept_to_the_microsecond() {
        let timestamp = Timestamp::read(&json!(1_795_332_706.732_821_5)).unwrap();
        assert_eq!(timestamp.nanoseconds() / 1_000_000, 1_795_332_706_732);
        assert_eq!(Timestamp::read(&json!(1_700_000_000.25)).unwrap().to_string(), "2023-11-14T22:13:20.25Z");
    }

    #[test]
    fn number_beyond_the_last_second_is_milliseconds() {
        let timestamp = Timestamp::read(&json!(1_705_314_600)).unwrap();
        assert_eq!(Timestamp::read(&json!(1_705_314_600_000_i64)), Some(timestamp));
        assert_eq!(Timestamp::read(&json!(1_705_314_600_000.0)), Some(timestamp));
        assert_eq!(
            Timestamp::read(&json!(1_705_314_600_000.25)).unwrap().to_string(),
            "2024-01-15T10:30:00.00025Z"
        );
        let last = super::LAST_SECOND;
        assert_eq!(Timestamp::read(&json!(last)).unwrap().to_string(), "2262-04-11T23:47:16Z");
        assert_eq!(Timestamp::read(&json!(last + 1)).unwrap().to_string(), "1970-04-17T18:02:52.037Z");
    }

    #[test]
    fn time_of_a_span_is_an_integer_its_text_or_a_date_time() {
        let nanoseconds = 1_705_314_600_123_456_789_i64;
        for value in
            [json!(nanoseconds), json!(nanoseconds.to_string()), json!("2024-01-15T10:30:00.123456789Z")]
        {
            let timestamp = Timestamp::read_of_span(&value).map(Timestamp::nanoseconds);
            assert_eq!(timestamp, Some(nanoseconds), "{value}");
        }
        for value in [json!(1.5), json!("soon"), json!(""), json!(null)] {
            assert_eq!(Timestamp::read_of_span(&value), None, "{value}");
        }
    }

    #[test]
    fn invalid_timestamps_are_rejected() {
        for value in [
            json!("yesterday"),
            json!("2024-01-15"),
            json!("2024-01-15T10:30:00"),
            json!(1e300),
            json!(i64::MAX),
            json!(null),
            json!([]),
        ] {
            assert_eq!(Timestamp::read(&value), None, "{value}");
        }
    }
}
