//! Serialization of fields that several types have, here and in the client.

pub mod rfc3339;

use serde::{Deserialize, Deserializer};

/// Deserializes `null` as the default value: the service sends `null` where its API document specifies a
/// list or an object.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
