//! Writes a serialized value.

use std::fmt::{Display, Write as _};

use serde::Serialize;
use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::{Error, Result, Value};

use super::{MAX_DEPTH, MORE};

/// The names under which `serde_json` serializes JSON and numbers that are already text.
const RAW: [&str; 2] = ["$serde_json::private::RawValue", "$serde_json::private::Number"];

/// The text to which a value is written.
#[derive(Debug)]
pub(in crate::capture) struct Output {
    pub(in crate::capture) text: String,
    /// `true` if the value is deeper than [`MAX_DEPTH`]. It is then not written completely.
    pub(in crate::capture) is_too_deep: bool,
    depth: usize,
}

impl Output {
    pub(in crate::capture) fn new(buffer: String) -> Self {
        Self { text: buffer, is_too_deep: false, depth: 0 }
    }

    fn byte(&mut self, byte: u8) {
        self.text.push(char::from(byte));
    }

    fn number(&mut self, tag: u8, number: u64) {
        self.byte(tag);
        self.digits(number);
    }

    fn digits(&mut self, mut number: u64) {
        while number >= u64::from(MORE) {
            // The lowest six bits.
            self.byte(MORE | (number & u64::from(MORE - 1)) as u8);
            number >>= 6;
        }
        self.byte(number as u8);
    }

    fn tagged(&mut self, tag: u8, text: &str) {
        self.number(tag, text.len() as u64);
        self.text.push_str(text);
    }

    fn open(&mut self, tag: u8) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.is_too_deep = true;
            return Err(Error::custom("the value is too deep"));
        }
        self.byte(tag);
        Ok(())
    }

    /// Opens a list or a map, which `close` closes.
    fn compound(&mut self, tag: u8, close: &'static str) -> Result<Compound<'_>> {
        self.open(tag)?;
        Ok(Compound { output: self, close })
    }

    /// Opens the map from the name of a variant to its content, and its content.
    fn variant(&mut self, variant: &str, tag: u8, close: &'static str) -> Result<Compound<'_>> {
        self.open(b'{')?;
        self.tagged(b'x', variant);
        self.compound(tag, close)
    }

    /// Writes the key of a map.
    fn key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<()> {
        let start = self.text.len();
        key.serialize(&mut *self)?;
        if self.text.as_bytes().get(start) == Some(&b'x') {
            return Ok(());
        }
        // `serde_json` knows which other keys have a text.
        self.text.truncate(start);
        if let Value::Object(entry) = serde_json::to_value(Entry(key))? {
            entry.keys().for_each(|key| self.tagged(b'x', key));
        }
        Ok(())
    }
}

/// A map with this key and no value.
struct Entry<'a, K: ?Sized>(&'a K);

impl<K: Serialize + ?Sized> Serialize for Entry<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &())?;
        map.end()
    }
}

/// Defines methods that write an integer.
macro_rules! integers {
    ($($unsigned:ident: $u:ty, $signed:ident: $i:ty;)*) => {$(
        fn $unsigned(self, number: $u) -> Result<()> {
            self.serialize_u64(number.into())
        }

        fn $signed(self, number: $i) -> Result<()> {
            self.serialize_i64(number.into())
        }
    )*};
}

impl<'a> Serializer for &'a mut Output {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    integers! {
        serialize_u8: u8, serialize_i8: i8;
        serialize_u16: u16, serialize_i16: i16;
        serialize_u32: u32, serialize_i32: i32;
    }

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.byte(if value { b't' } else { b'f' });
        Ok(())
    }

    fn serialize_u64(self, number: u64) -> Result<()> {
        self.number(b'u', number);
        Ok(())
    }

    fn serialize_i64(self, number: i64) -> Result<()> {
        match u64::try_from(number) {
            Ok(number) => self.number(b'u', number),
            // Its complement is the distance from -1.
            Err(_) => self.number(b'i', (!number).cast_unsigned()),
        }
        Ok(())
    }

    fn serialize_u128(self, number: u128) -> Result<()> {
        match u64::try_from(number) {
            Ok(number) => self.number(b'u', number),
            Err(_) => self.tagged(b'r', &number.to_string()),
        }
        Ok(())
    }

    fn serialize_i128(self, number: i128) -> Result<()> {
        match i64::try_from(number) {
            Ok(number) => return self.serialize_i64(number),
            Err(_) => self.tagged(b'r', &number.to_string()),
        }
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Result<()> {
        if !number.is_finite() {
            return self.serialize_unit();
        }
        self.number(b's', number.to_bits().into());
        Ok(())
    }

    fn serialize_f64(self, number: f64) -> Result<()> {
        if !number.is_finite() {
            return self.serialize_unit();
        }
        self.number(b'd', number.to_bits());
        Ok(())
    }

    fn serialize_char(self, character: char) -> Result<()> {
        self.tagged(b'x', character.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<()> {
        self.tagged(b'x', text);
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<()> {
        self.tagged(b'x', &displayed(value)?);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<()> {
        let mut list = self.compound(b'[', "]")?;
        bytes.iter().try_for_each(|byte| list.value(byte))?;
        list.close()
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.byte(b'n');
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        let mut map = self.compound(b'{', "}")?;
        map.field(variant, value)?;
        map.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>> {
        self.compound(b'[', "]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>> {
        self.compound(b'[', "]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>> {
        self.compound(b'[', "]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>> {
        self.variant(variant, b'[', "]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>> {
        self.compound(b'{', "}")
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'a>> {
        if RAW.contains(&name) {
            return Ok(Compound { output: self, close: "" });
        }
        self.compound(b'{', "}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>> {
        self.variant(variant, b'{', "}}")
    }
}

/// Returns the text of a value's `Display`.
///
/// # Errors
///
/// Returns an error if the `Display` fails, which `to_string` would panic about.
pub(in crate::capture) fn displayed<T: Display + ?Sized>(value: &T) -> Result<String> {
    let mut text = String::new();
    write!(text, "{value}").map_err(Error::custom)?;
    Ok(text)
}

/// An open list or map.
#[derive(Debug)]
pub(in crate::capture) struct Compound<'a> {
    output: &'a mut Output,
    /// What closes it, with the map of a variant around it. Empty for JSON that is already text.
    close: &'static str,
}

impl Compound<'_> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(&mut *self.output)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        if self.close.is_empty() {
            let start = self.output.text.len();
            self.value(value)?;
            if self.output.text.as_bytes().get(start) == Some(&b'x') {
                self.output.text.replace_range(start..=start, "r");
            }
            return Ok(());
        }
        self.output.tagged(b'x', name);
        self.value(value)
    }

    #[allow(clippy::unnecessary_wraps, reason = "the methods of a serializer return it")]
    fn close(self) -> Result<()> {
        self.output.depth -= self.close.len();
        self.output.text.push_str(self.close);
        Ok(())
    }
}

/// Implements traits whose values have no names.
macro_rules! lists {
    ($($list:ident . $method:ident;)*) => {$(
        impl $list for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.value(value)
            }

            fn end(self) -> Result<()> {
                self.close()
            }
        }
    )*};
}

lists! {
    SerializeSeq.serialize_element;
    SerializeTuple.serialize_element;
    SerializeTupleStruct.serialize_field;
    SerializeTupleVariant.serialize_field;
}

/// Implements traits whose values have names.
macro_rules! structs {
    ($($structure:ident;)*) => {$(
        impl $structure for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
                self.field(name, value)
            }

            fn end(self) -> Result<()> {
                self.close()
            }
        }
    )*};
}

structs! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<()> {
        self.output.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.value(value)
    }

    fn end(self) -> Result<()> {
        self.close()
    }
}
