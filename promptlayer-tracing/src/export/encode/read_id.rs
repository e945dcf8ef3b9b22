//! Ids in responses, of which the service omits leading zeros.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use promptlayer_blueprint::{SpanId, TraceId};
use serde::de::{Deserialize, Deserializer, Visitor};

/// An id in a response, or `None` for a text that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadId<Id>(pub(crate) Option<Id>);

/// An id that is written as hex digits.
pub(crate) trait HexId: FromStr {
    /// The number of digits, at most [`MOST_DIGITS`].
    const DIGITS: usize;
}

const MOST_DIGITS: usize = 32;

impl HexId for TraceId {
    const DIGITS: usize = 32;
}

impl HexId for SpanId {
    const DIGITS: usize = 16;
}

impl<Id: HexId> From<&str> for ReadId<Id> {
    fn from(text: &str) -> Self {
        let mut digits = [b'0'; MOST_DIGITS];
        let mut id = || {
            let digits = digits.get_mut(..Id::DIGITS)?;
            let zeros = digits.len().checked_sub(text.len())?;
            digits.get_mut(zeros..)?.copy_from_slice(text.as_bytes());
            str::from_utf8(digits).ok()?.parse().ok()
        };
        Self(id())
    }
}

impl<'de, Id: HexId> Deserialize<'de> for ReadId<Id> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<Id>(PhantomData<Id>);

        impl<Id: HexId> Visitor<'_> for Text<Id> {
            type Value = ReadId<Id>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }

            fn visit_str<E>(self, text: &str) -> Result<ReadId<Id>, E> {
                Ok(text.into())
            }
        }

        deserializer.deserialize_str(Text(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_added_and_other_texts_are_no_id() {
        let span =
            |json: &str| serde_json::from_str::<ReadId<SpanId>>(json).unwrap().0.map(|id| id.to_string());
        assert_eq!(span("\"1a2\"").as_deref(), Some("00000000000001a2"));
        assert_eq!(span("\"1a2b3c4d5e6f7a8b\"").as_deref(), Some("1a2b3c4d5e6f7a8b"));
        for text in ["", "0", "1a2b3c4d5e6f7a8b9", "xyz", "é"] {
            assert_eq!(span(&format!("\"{text}\"")), None, "{text}");
        }
        let trace = ReadId::<TraceId>::from("1a2b3c4d5e6f7a8b9").0.unwrap();
        assert_eq!(trace.to_string(), "0000000000000001a2b3c4d5e6f7a8b9");
        assert!(serde_json::from_str::<ReadId<SpanId>>("7").is_err());
    }
}
