//! Formats numbers, times and values for people.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::timestamp::Timestamp;

/// The maximum length of a text inside a JSON value, in characters. A longer text is most likely an image.
const LONGEST_IN_JSON: usize = 4000;

/// Formats a time to the second, in UTC: `2026-01-15 10:30:00`.
pub(crate) fn time(timestamp: Timestamp) -> String {
    timestamp.to_jiff().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Formats a duration in the most readable unit: `420 µs`, `12.3 ms`, `1.24 s`, `3 min 5 s`, `2 h 5 min`.
#[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
pub(crate) fn duration(nanoseconds: i64) -> String {
    if nanoseconds < 0 {
        // The clock was set back in the meantime, so the duration is unknown.
        return "?".to_owned();
    }
    let amount = nanoseconds as f64;
    match nanoseconds {
        0..1_000_000 => format!("{} µs", nanoseconds / 1_000),
        1_000_000..9_995_000 => format!("{:.2} ms", amount / 1e6),
        9_995_000..99_950_000 => format!("{:.1} ms", amount / 1e6),
        99_950_000..999_500_000 => format!("{:.0} ms", amount / 1e6),
        999_500_000..59_995_000_000 => format!("{:.2} s", amount / 1e9),
        _ => {
            let seconds = nanoseconds.saturating_add(500_000_000) / 1_000_000_000;
            match (seconds / 3600, seconds / 60 % 60) {
                (0, minutes) => format!("{minutes} min {} s", seconds % 60),
                (hours, minutes) => format!("{} h {minutes} min", count(hours)),
            }
        }
    }
}

/// Formats a constant such as `PROVIDER_TIMEOUT` as words: `provider timeout`.
pub(crate) fn words(constant: &str) -> String {
    short(constant, 60).replace('_', " ").to_lowercase()
}

/// Formats a number with commas between the thousands: `12,345`.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number of things with commas between the thousands.
pub(crate) fn size(number: usize) -> String {
    count(number.try_into().unwrap_or(i64::MAX))
}

/// Formats a number on an axis: `950`, `1.5 k`, `20 M`.
pub(crate) fn short_number(number: f64) -> String {
    let (number, unit) = match number {
        millions if millions >= 1e6 => (millions / 1e6, " M"),
        thousands if thousands >= 1e3 => (thousands / 1e3, " k"),
        ones => (ones, ""),
    };
    let digits = usize::from(number.fract() >= 0.05 && number < 100.0);
    format!("{number:.digits$}{unit}")
}

/// Formats a share in percent: `2.5 %`. A share above 0 is not shown as 0.
#[expect(clippy::cast_precision_loss, reason = "shown to one digit")]
pub(crate) fn share(part: usize, whole: usize) -> String {
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    match part {
        0 => "0 %".to_owned(),
        _ if percent < 0.1 => "< 0.1 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

/// Formats a price in US dollars, with more digits for smaller prices: `$12.34`, `$0.0042`.
pub(crate) fn price(dollars: f64) -> String {
    match dollars {
        zero if zero <= 0.0 => "$0".to_owned(),
        small if small < 0.000_001 => "< $0.000001".to_owned(),
        small if small < 0.0001 => format!("${small:.6}"),
        small if small < 0.01 => format!("${small:.4}"),
        small if small < 1.0 => format!("${small:.3}"),
        large => format!("${large:.2}"),
    }
}

/// Shortens a text to a number of characters, and appends `…` if it is cut.
pub(crate) fn short(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Shortens a text like [`short`], and appends the length of the whole text if it is cut.
pub(crate) fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => {
            let bytes = count(text.len().try_into().unwrap_or(i64::MAX));
            format!("{}… ({bytes} bytes in all)", text.get(..end).unwrap_or_default())
        }
        None => text.to_owned(),
    }
}

/// Formats a JSON value as text: a string without its quotes, any other value as JSON.
pub(crate) fn inline_raw(value: &RawValue) -> String {
    serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

/// Formats a value as indented JSON, and shortens its longest texts.
pub(crate) fn json(value: &Value) -> String {
    let shortened = shortened(value);
    serde_json::to_string_pretty(&shortened).unwrap_or_else(|_| shortened.to_string())
}

/// Formats a value for a list of fields: a string without quotes, any other value as JSON on one line.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => shortened(value).to_string(),
    }
}

/// Indents the text if it is a JSON object or array. Returns other text unchanged.
pub(crate) fn readable(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => json(&value),
        _ => text.to_owned(),
    }
}

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(cut(text, LONGEST_IN_JSON)),
        Value::Array(items) => items.iter().map(shortened).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), shortened(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{count, duration, json, price, readable, share};

    #[test]
    fn durations_use_the_most_readable_unit() {
        for (nanoseconds, expected) in [
            (0, "0 µs"),
            (420_900, "420 µs"),
            (1_234_567, "1.23 ms"),
            (12_345_678, "12.3 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.00 s"),
            (1_240_000_000, "1.24 s"),
            (59_995_000_000, "1 min 0 s"),
            (185_000_000_000, "3 min 5 s"),
            (-1, "?"),
            (7_505_000_000_000, "2 h 5 min"),
            (i64::MAX, "2,562,047 h 47 min"),
        ] {
            assert_eq!(duration(nanoseconds), expected);
        }
    }

    #[test]
    fn thousands_are_separated_by_commas() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678"), (-1234, "-1,234")]
        {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn prices_and_shares_have_the_digits_that_matter() {
        for (dollars, expected) in [
            (0.0, "$0"),
            (1e-9, "< $0.000001"),
            (0.000_012, "$0.000012"),
            (0.0042, "$0.0042"),
            (0.25, "$0.250"),
            (12.345, "$12.35"),
        ] {
            assert_eq!(price(dollars), expected);
        }
        for (part, whole, expected) in
            [(0, 0, "0 %"), (1, 10_000, "< 0.1 %"), (1, 40, "2.5 %"), (3, 3, "100.0 %")]
        {
            assert_eq!(share(part, whole), expected);
        }
    }

    #[test]
    fn long_string_inside_json_is_cut() {
        let shown = json(&json!({ "data": "x".repeat(5000) }));
        assert!(shown.len() < 4100 && shown.contains("… (5,000 bytes in all)"), "{shown}");
    }

    #[test]
    fn only_json_objects_and_arrays_are_indented() {
        assert_eq!(readable("{\"a\":1}"), "{\n  \"a\": 1\n}");
        assert_eq!(readable("12.50"), "12.50");
        assert_eq!(readable("{'args': ('q?',)}"), "{'args': ('q?',)}");
    }
}
