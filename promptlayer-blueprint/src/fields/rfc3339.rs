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
        Some(time) => serializer.collect_str(&format_args!("{time:.6}")),
        None => serializer.serialize_none(),
    }
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
