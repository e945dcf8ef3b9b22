//! Captures a serialized value: a text as it is, and anything else in a compact form.
//!
//! Most prompts and answers are texts. The conversion then has nothing to read.

use std::cell::Cell;
use std::fmt::Display;

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Error, Result};

use super::Captured;
use crate::serialize::{Compact, Output, displayed};

/// The maximum capacity of the buffer that a thread keeps, in bytes.
const MAX_KEPT: usize = 64 << 10;

std::thread_local! {
    /// The buffer in which this thread writes values. A buffer that is not used before grows several times.
    static BUFFER: Cell<String> = const { Cell::new(String::new()) };
}

/// Captures a value.
///
/// # Errors
///
/// Returns an error if the value's `Serialize` fails, or if JSON cannot express the value: a map whose keys are not
/// texts, for example.
pub(super) fn captured<T: Serialize + ?Sized>(value: &T) -> Result<Captured> {
    // A value that captures another value while it serializes itself finds an empty buffer.
    let buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    let (mut text, mut output) = (None, Output::<Compact>::new(buffer));
    let result = value.serialize(TextOrValue { text: &mut text, output: &mut output });
    if output.is_too_deep {
        return serde_json::to_string(value).map(Captured::Json);
    }
    result?;
    let mut written = output.text;
    let captured = match text {
        Some(text) => Captured::Text(text),
        None if written.capacity() > MAX_KEPT => {
            written.shrink_to_fit();
            return Ok(Captured::Serialized(written));
        }
        None => Captured::Serialized(written.clone()),
    };
    written.clear();
    // It fails while the thread ends.
    let _ = BUFFER.try_with(|buffer| buffer.set(written));
    Ok(captured)
}

/// Keeps a text, and passes on all other values.
struct TextOrValue<'a> {
    text: &'a mut Option<String>,
    output: &'a mut Output<Compact>,
}

impl TextOrValue<'_> {
    #[allow(clippy::unnecessary_wraps, reason = "the methods of a serializer return it")]
    fn keep(self, text: impl Into<String>) -> Result<()> {
        *self.text = Some(text.into());
        Ok(())
    }
}

/// Defines methods that pass on their arguments.
macro_rules! passed_on {
    ($($method:ident($($name:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self, $($name: $type),*) -> Result<$ok> {
            self.output.$method($($name),*)
        }
    )*};
}

impl<'a> Serializer for TextOrValue<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = <&'a mut Output<Compact> as Serializer>::SerializeSeq;
    type SerializeTuple = <&'a mut Output<Compact> as Serializer>::SerializeTuple;
    type SerializeTupleStruct = <&'a mut Output<Compact> as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant = <&'a mut Output<Compact> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <&'a mut Output<Compact> as Serializer>::SerializeMap;
    type SerializeStruct = <&'a mut Output<Compact> as Serializer>::SerializeStruct;
    type SerializeStructVariant = <&'a mut Output<Compact> as Serializer>::SerializeStructVariant;

    fn serialize_str(self, text: &str) -> Result<()> {
        self.keep(text)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<()> {
        self.keep(displayed(value)?)
    }

    fn serialize_char(self, character: char) -> Result<()> {
        self.keep(character)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.keep(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.output.serialize_newtype_variant(name, index, variant, value)
    }

    passed_on! {
        serialize_bool(value: bool) -> ();
        serialize_i8(value: i8) -> ();
        serialize_i16(value: i16) -> ();
        serialize_i32(value: i32) -> ();
        serialize_i64(value: i64) -> ();
        serialize_i128(value: i128) -> ();
        serialize_u8(value: u8) -> ();
        serialize_u16(value: u16) -> ();
        serialize_u32(value: u32) -> ();
        serialize_u64(value: u64) -> ();
        serialize_u128(value: u128) -> ();
        serialize_f32(value: f32) -> ();
        serialize_f64(value: f64) -> ();
        serialize_bytes(value: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(name: &'static str) -> ();
        serialize_seq(length: Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(length: usize) -> Self::SerializeTuple;
        serialize_tuple_struct(name: &'static str, length: usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, length: usize
        ) -> Self::SerializeTupleVariant;
        serialize_map(length: Option<usize>) -> Self::SerializeMap;
        serialize_struct(name: &'static str, length: usize) -> Self::SerializeStruct;
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, length: usize
        ) -> Self::SerializeStructVariant;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::serialize::compact::read;

    #[derive(Serialize)]
    struct Newtype<T>(T);

    #[derive(Serialize)]
    enum Variant {
        Unit,
        Newtype(&'static str),
        Tuple(u8, char),
        Struct { text: &'static str },
    }

    #[derive(Serialize)]
    struct Struct {
        text: &'static str,
        none: Option<u8>,
    }

    fn value_of<T: Serialize>(value: &T) -> (Value, bool) {
        match captured(value).unwrap() {
            Captured::Text(text) => (text.into(), true),
            Captured::Serialized(text) => (read(&text).unwrap(), false),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn text_is_copied_without_escapes() {
        let text = "say \"so\"\n\\ \u{1} é";
        for captured in [
            captured(text),
            captured(&text.to_owned()),
            captured(&Some(text)),
            captured(&Newtype(Some(Newtype(text)))),
            captured(&format_args!("{text}")),
        ] {
            assert_eq!(captured.unwrap(), Captured::Text(text.to_owned()));
        }
    }

    #[test]
    fn every_value_is_that_of_serde_json() {
        fn check<T: Serialize>(value: &T, is_text: bool) {
            assert_eq!(value_of(value), (serde_json::to_value(value).unwrap(), is_text));
        }
        check(&'c', true);
        check(&Variant::Unit, true);
        check(&Path::new("a/b"), true);
        check(&json!("text"), true);
        check(&Variant::Newtype("text"), false);
        check(&Variant::Tuple(1, 'c'), false);
        check(&Variant::Struct { text: "text" }, false);
        check(&Struct { text: "text", none: None }, false);
        check(&(true, 1_u64, -1_i64, 1.5_f64, ()), false);
        check(&(i128::from(u64::MAX), 2.5_f32, u8::MAX, i8::MIN), false);
        check(&vec!["a", "b"], false);
        check(&BTreeMap::from([("key", Some(1))]), false);
        check(&None::<&str>, false);
        check(&Some(7), false);
        check(&Newtype(7), false);
        check(&json!({"a": [1, "b", null]}), false);
        check(&f64::NAN, false);
    }

    #[test]
    fn captured_value_has_its_exact_length_and_the_next_one_is_not_affected() {
        for length in [3, 1_000, 100_000, 10] {
            let texts = vec!["x"; length];
            let Captured::Serialized(text) = captured(&texts).unwrap() else { panic!("a list is no text") };
            assert_eq!(read(&text).unwrap(), json!(texts));
            assert_eq!(text.capacity(), text.len());
        }
    }

    #[test]
    fn value_may_capture_another_one_while_it_is_serialized() {
        struct Outer;
        impl Serialize for Outer {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                assert_eq!(value_of(&[1]), (json!([1]), false));
                [2].serialize(serializer)
            }
        }
        assert_eq!(value_of(&[Outer]), (json!([[2]]), false));
    }

    #[test]
    fn value_that_json_cannot_express_is_an_error() {
        struct Fails;
        impl Display for Fails {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                Err(std::fmt::Error)
            }
        }
        impl Serialize for Fails {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        assert!(captured(&Fails).is_err());
        assert!(captured(&Some(Fails)).is_err());
        assert!(captured(&BTreeMap::from([((1, 2), 3)])).is_err());
    }
}
