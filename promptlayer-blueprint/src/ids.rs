//! Ids of request logs, traces and spans. Each is a separate type, so that one cannot be used in place of
//! another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ParseIdError;

/// The id that PromptLayer assigned to a request log.
///
/// ```
/// use promptlayer_blueprint::RequestId;
///
/// let id = RequestId::new(1001);
/// assert_eq!(id.get(), 1001);
/// assert_eq!("1001".parse::<RequestId>()?, id);
/// # Ok::<(), promptlayer_blueprint::ParseIdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(u64);

impl RequestId {
    /// Creates an id from its number.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Returns the id as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for RequestId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

impl From<RequestId> for u64 {
    fn from(id: RequestId) -> Self {
        id.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for RequestId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse().map(Self).map_err(|_| ParseIdError::new("request id", text, "a whole number"))
    }
}

/// Declares an id type of `$bytes` random bytes, written as lower-case hex. An id is never all zeros, because
/// W3C Trace Context uses that value for "no id".
macro_rules! hex_id {
    ($(#[$docs:meta])* $name:ident, $bytes:literal, $what:literal, $expected:literal) => {
        $(#[$docs])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Creates an id from its bytes. Returns `None` if all bytes are zero.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                let mut at = 0;
                while at < $bytes {
                    if bytes[at] != 0 {
                        return Some(Self(bytes));
                    }
                    at += 1;
                }
                None
            }

            /// Returns the bytes in big-endian order.
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; $bytes * 2];
                f.pad(write_hex(&self.0, &mut text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                read_hex(text)
                    .and_then(Self::from_bytes)
                    .ok_or_else(|| ParseIdError::new($what, text, $expected))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = [0; $bytes * 2];
                serializer.serialize_str(write_hex(&self.0, &mut text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Hex;

                impl de::Visitor<'_> for Hex {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Hex)
            }
        }
    };
}

hex_id! {
    /// The id of a trace: 128 bits, written as 32 lower-case hex digits.
    ///
    /// ```
    /// use promptlayer_blueprint::TraceId;
    ///
    /// let id: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse()?;
    /// assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    /// assert_eq!(TraceId::from_bytes(id.to_bytes()), Some(id));
    /// # Ok::<(), promptlayer_blueprint::ParseIdError>(())
    /// ```
    TraceId, 16, "trace id", "32 hex digits that are not all zero"
}

hex_id! {
    /// The id of a span: 64 bits, written as 16 lower-case hex digits.
    ///
    /// ```
    /// use promptlayer_blueprint::SpanId;
    ///
    /// let id: SpanId = "00f067aa0ba902b7".parse()?;
    /// assert_eq!(id.to_string(), "00f067aa0ba902b7");
    /// assert_eq!(SpanId::from_bytes(id.to_bytes()), Some(id));
    /// # Ok::<(), promptlayer_blueprint::ParseIdError>(())
    /// ```
    SpanId, 8, "span id", "16 hex digits that are not all zero"
}

/// Writes `bytes` as hex into `text` and returns it. `text` must be twice as long as `bytes`.
fn write_hex<'a>(bytes: &[u8], text: &'a mut [u8]) -> &'a str {
    const fn digit(nibble: u8) -> u8 {
        match nibble {
            0..10 => b'0' + nibble,
            _ => b'a' + nibble - 10,
        }
    }
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            *high = digit(byte >> 4);
            *low = digit(byte & 0xf);
        }
    }
    // Digits are ASCII, so this never falls back.
    str::from_utf8(text).unwrap_or_default()
}

/// Parses exactly `N` bytes of hex. Accepts upper case too, because other tracers write it.
fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    fn nibble(digit: u8) -> Option<u8> {
        match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            b'A'..=b'F' => Some(digit - b'A' + 10),
            _ => None,
        }
    }
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        if let [high, low] = pair {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_written_as_lower_case_hex_with_leading_zeros() {
        let id = SpanId::from_bytes([0, 1, 0xab, 0xcd, 0xef, 0x10, 0x9f, 0xff]).unwrap();

        assert_eq!(id.to_string(), "0001abcdef109fff");
        assert_eq!(format!("{id:?}"), "SpanId(0001abcdef109fff)");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"0001abcdef109fff\"");
    }

    #[test]
    fn zero_short_long_and_foreign_digits_are_refused() {
        assert_eq!(TraceId::from_bytes([0; 16]), None);
        for text in [
            "",
            "0000000000000000",
            "00f067aa0ba902b",
            "00f067aa0ba902b70",
            "+0f067aa0ba902b7",
            "é0f067aa0ba902b",
        ] {
            let error = text.parse::<SpanId>().unwrap_err();
            assert!(error.to_string().starts_with("invalid span id"), "{error}");
        }
        let error = "xyz".parse::<RequestId>().unwrap_err();
        assert_eq!(error.to_string(), "invalid request id `xyz`: expected a whole number");
    }
}
