//! Serialization of timestamps as RFC 3339 with microseconds, the precision of the service.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serializer, de};

/// Writes a time with microseconds.
// serde prescribes this signature.
#[allow(clippy::ref_option)]
pub fn serialize<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    // A time that RFC 3339 cannot express is left out: it must not cost the request.
    match time.and_then(|time| Timestamp::try_from(time).ok()) {
        Some(time) => match digits(time) {
            Some(text) => serializer.serialize_str(str::from_utf8(&text).unwrap_or_default()),
            None => serializer.collect_str(&format_args!("{time:.6}")),
        },
        None => serializer.serialize_none(),
    }
}

/// Returns a time with four digits for the year, as text. Returns `None` if its year has more, or is negative.
fn digits(time: Timestamp) -> Option<[u8; 27]> {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let time = TimeZone::UTC.to_datetime(time);
    let year = u32::try_from(time.year()).ok()?;
    let microseconds = u32::try_from(time.subsec_nanosecond() / 1_000).ok()?;
    let [month, day, hour, minute, second] =
        [time.month(), time.day(), time.hour(), time.minute(), time.second()]
            .map(i8::unsigned_abs)
            .map(u32::from);
    let fields = [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, hour),
        (14..16, minute),
        (17..19, second),
        (20..26, microseconds),
    ];
    for (place, mut number) in fields {
        for digit in text.get_mut(place)?.iter_mut().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
        }
    }
    Some(text)
}

/// Deserializes a timestamp. A timestamp without a time zone is read as UTC: some responses of the service
/// omit the zone.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let time = text.parse::<Timestamp>().or_else(|error| {
        let local = text.parse::<DateTime>().and_then(|time| TimeZone::UTC.to_timestamp(time));
        local.map_err(|_| de::Error::custom(error))
    })?;
    Ok(Some(time.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_time() {
        let times =
            [0, 1, 999, 1_000, 1_999_999_999, 951_782_400_000_000_000, 1_709_251_199_999_999_999, -1, -1_001];
        let first = "0000-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
        let [first, last] = [first, Timestamp::MAX].map(Timestamp::as_nanosecond);
        // Steps of a prime number, so that all fields differ.
        let steps = (first..last).step_by(314_159_265_358_979_323);
        for nanoseconds in times.into_iter().chain([first, last]).chain(steps) {
            let time = Timestamp::from_nanosecond(nanoseconds).unwrap();
            assert_eq!(str::from_utf8(&digits(time).unwrap()).unwrap(), format!("{time:.6}"));
        }
        assert_eq!(digits(Timestamp::MIN), None);
    }
}
