//! The serializer, which writes a value in any form.

use std::fmt::{Display, Write as _};
use std::marker::PhantomData;

use serde::Serialize;
use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::{Error, Result, Value};

use super::Form;

/// The names under which `serde_json` serializes JSON and numbers that are already text.
const RAW: [&str; 2] = ["$serde_json::private::RawValue", "$serde_json::private::Number"];

/// The text to which a value is written in the form `F`.
#[derive(Debug)]
pub(crate) struct Output<F> {
    pub(crate) text: String,
    /// `true` if the value is deeper than the form allows. It is then not written completely.
    pub(crate) is_too_deep: bool,
    depth: usize,
    form: PhantomData<F>,
}

impl<F: Form> Output<F> {
    /// Creates an output that appends to a text.
    pub(crate) fn new(text: String) -> Self {
        Self { text, is_too_deep: false, depth: 0, form: PhantomData }
    }

    /// Opens a map with named fields.
    pub(crate) fn object(&mut self) -> Result<Compound<'_, F>> {
        self.compound('{', "}")
    }

    /// Opens a list or a map, which `close` closes.
    fn compound(&mut self, open: char, close: &'static str) -> Result<Compound<'_, F>> {
        self.depth += 1;
        if self.depth > F::MAX_DEPTH {
            self.is_too_deep = true;
            return Err(Error::custom("the value is too deep"));
        }
        self.text.push(open);
        Ok(Compound { output: self, close, is_first: true })
    }

    /// Opens the map from the name of a variant to its content, and its content.
    fn variant(&mut self, variant: &str, open: char, close: &'static str) -> Result<Compound<'_, F>> {
        let map = self.compound('{', "}")?;
        F::key(&mut map.output.text, true, variant);
        self.compound(open, close)
    }

    /// Writes the key of a map.
    fn key<K: Serialize + ?Sized>(&mut self, is_first: bool, key: &K) -> Result<()> {
        F::before_key(&mut self.text, is_first);
        let start = self.text.len();
        key.serialize(&mut *self)?;
        if self.text.as_bytes().get(start) != Some(&F::TEXT) {
            // `serde_json` knows which other keys have a text.
            self.text.truncate(start);
            if let Value::Object(entry) = serde_json::to_value(Entry(key))? {
                entry.keys().for_each(|key| F::text(&mut self.text, key));
            }
        }
        F::after_key(&mut self.text);
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

/// Defines methods that write a float. JSON has no number that is not finite.
macro_rules! floats {
    ($($method:ident: $float:ident;)*) => {$(
        fn $method(self, number: $float) -> Result<()> {
            if number.is_finite() {
                F::$float(&mut self.text, number);
            } else {
                F::null(&mut self.text);
            }
            Ok(())
        }
    )*};
}

impl<'a, F: Form> Serializer for &'a mut Output<F> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'a, F>;
    type SerializeTuple = Compound<'a, F>;
    type SerializeTupleStruct = Compound<'a, F>;
    type SerializeTupleVariant = Compound<'a, F>;
    type SerializeMap = Compound<'a, F>;
    type SerializeStruct = Compound<'a, F>;
    type SerializeStructVariant = Compound<'a, F>;

    integers! {
        serialize_u8: u8, serialize_i8: i8;
        serialize_u16: u16, serialize_i16: i16;
        serialize_u32: u32, serialize_i32: i32;
    }

    floats! {
        serialize_f32: f32;
        serialize_f64: f64;
    }

    fn serialize_bool(self, value: bool) -> Result<()> {
        F::bool(&mut self.text, value);
        Ok(())
    }

    fn serialize_u64(self, number: u64) -> Result<()> {
        F::unsigned(&mut self.text, number);
        Ok(())
    }

    fn serialize_i64(self, number: i64) -> Result<()> {
        match u64::try_from(number) {
            Ok(number) => F::unsigned(&mut self.text, number),
            Err(_) => F::negative(&mut self.text, number),
        }
        Ok(())
    }

    fn serialize_u128(self, number: u128) -> Result<()> {
        match u64::try_from(number) {
            Ok(number) => F::unsigned(&mut self.text, number),
            Err(_) => F::json(&mut self.text, &number.to_string()),
        }
        Ok(())
    }

    fn serialize_i128(self, number: i128) -> Result<()> {
        match i64::try_from(number) {
            Ok(number) => return self.serialize_i64(number),
            Err(_) => F::json(&mut self.text, &number.to_string()),
        }
        Ok(())
    }

    fn serialize_char(self, character: char) -> Result<()> {
        F::text(&mut self.text, character.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<()> {
        F::text(&mut self.text, text);
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<()> {
        F::text(&mut self.text, &displayed(value)?);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<()> {
        let mut list = self.compound('[', "]")?;
        bytes.iter().try_for_each(|byte| list.element(byte))?;
        list.close()
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        F::null(&mut self.text);
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
        let mut map = self.compound('{', "}")?;
        map.field(variant, value)?;
        map.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a, F>> {
        self.compound('[', "]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a, F>> {
        self.compound('[', "]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a, F>> {
        self.compound('[', "]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, F>> {
        self.variant(variant, '[', "]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a, F>> {
        self.compound('{', "}")
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'a, F>> {
        if RAW.contains(&name) {
            return Ok(Compound { output: self, close: "", is_first: true });
        }
        self.compound('{', "}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, F>> {
        self.variant(variant, '{', "}}")
    }
}

/// Returns the text of a value's `Display`.
///
/// # Errors
///
/// Returns an error if the `Display` fails, which `to_string` would panic about.
pub(crate) fn displayed<T: Display + ?Sized>(value: &T) -> Result<String> {
    let mut text = String::new();
    write!(text, "{value}").map_err(Error::custom)?;
    Ok(text)
}

/// An open list or map.
#[derive(Debug)]
pub(crate) struct Compound<'a, F> {
    output: &'a mut Output<F>,
    /// What closes it, with the map of a variant around it. Empty for JSON that is already text.
    close: &'static str,
    /// `true` until it has an element.
    is_first: bool,
}

impl<F: Form> Compound<'_, F> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        F::before_element(&mut self.output.text, std::mem::take(&mut self.is_first));
        value.serialize(&mut *self.output)
    }

    /// Writes a field.
    pub(crate) fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        if self.close.is_empty() {
            if let Value::String(json) = serde_json::to_value(value)? {
                F::json(&mut self.output.text, &json);
            }
            return Ok(());
        }
        F::key(&mut self.output.text, std::mem::take(&mut self.is_first), name);
        value.serialize(&mut *self.output)
    }

    /// Writes a field whose value is JSON already.
    pub(crate) fn json(&mut self, name: &'static str, json: &str) {
        F::key(&mut self.output.text, std::mem::take(&mut self.is_first), name);
        F::json(&mut self.output.text, json);
    }

    #[allow(clippy::unnecessary_wraps, reason = "the methods of a serializer return it")]
    pub(crate) fn close(self) -> Result<()> {
        self.output.depth -= self.close.len();
        self.output.text.push_str(self.close);
        Ok(())
    }
}

/// Implements traits whose values have no names.
macro_rules! lists {
    ($($list:ident . $method:ident;)*) => {$(
        impl<F: Form> $list for Compound<'_, F> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.element(value)
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
        impl<F: Form> $structure for Compound<'_, F> {
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

impl<F: Form> SerializeMap for Compound<'_, F> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<()> {
        self.output.key(std::mem::take(&mut self.is_first), key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(&mut *self.output)
    }

    fn end(self) -> Result<()> {
        self.close()
    }
}
