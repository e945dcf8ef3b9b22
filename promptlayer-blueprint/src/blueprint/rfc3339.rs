//! Serialization of timestamps as RFC 3339 with microseconds, the precision of the service.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serializer, de};

/// Writes a time with microseconds.
// serde prescribes this signature.
#[allow(clippy::ref_option)]
pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(&format_args!("{time:.6}")),
        None => serializer.serialize_none(),
    }
}

/// Deserializes a timestamp. A timestamp without a time zone is read as UTC: some responses of the service
/// omit the zone.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match text.parse() {
        Ok(time) => Ok(Some(time)),
        Err(error) => text
            .parse::<DateTime>()
            .and_then(|time| TimeZone::UTC.to_timestamp(time))
            .map(Some)
            .map_err(|_| de::Error::custom(error)),
    }
}
