//! Integers as JSON Schema defines them: `5.0` is an integer too.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

/// The largest `f64` up to which every integer can be represented exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the value as an `i64`, or `None` if it is not an integer or does not fit.
pub(crate) fn read(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().and_then(from_double))
}

fn from_double(number: f64) -> Option<i64> {
    if number.fract() != 0.0 || !(-EXACT..=EXACT).contains(&number) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an integer, and within the range checked above")]
    Some(number as i64)
}

/// Deserializes an integer, for `#[serde(deserialize_with)]`.
pub(crate) fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    read(&value).ok_or_else(|| D::Error::custom(format!("{value} is not an integer of 64 bits")))
}

/// Deserializes an integer or null, for `#[serde(deserialize_with)]`.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => required(value).map(Some).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn only_integers_that_fit_are_read() {
        assert_eq!(read(&json!(5)), Some(5));
        assert_eq!(read(&json!(-5.0)), Some(-5));
        for value in [json!(5.5), json!(1e300), json!(u64::MAX), json!("5"), json!(true), json!(null)] {
            assert_eq!(read(&value), None, "{value}");
        }
    }
}
