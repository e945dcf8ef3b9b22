//! Reads a serialized value.

use serde_json::{Map, Value};

use super::MORE;

/// Returns the value. Returns `None` if the text is not one that [`Compact`](super::Compact) wrote.
pub(crate) fn read(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.value()?;
    reader.rest.is_empty().then_some(value)
}

/// Returns the JSON, if the whole value is JSON that another serializer wrote.
pub(crate) fn raw_json(text: &str) -> Option<&str> {
    let mut reader = Reader { rest: text.strip_prefix('r')? };
    reader.text()
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.rest.as_bytes().first()?;
        self.rest = self.rest.get(1..)?;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & (MORE - 1)).checked_shl(shift)?;
            shift += 6;
            if byte & MORE == 0 {
                return Some(number);
            }
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    /// Returns `true`, and skips the byte, if it is the next one.
    fn is_at(&mut self, byte: char) -> bool {
        match self.rest.strip_prefix(byte) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            b'n' => Value::Null,
            b't' => Value::Bool(true),
            b'f' => Value::Bool(false),
            b'u' => self.number()?.into(),
            b'i' => (!self.number()?.cast_signed()).into(),
            b'd' => f64::from_bits(self.number()?).into(),
            b's' => {
                let number = f32::from_bits(self.number()?.try_into().ok()?);
                // The shortest digits, as in JSON: 0.1 and not 0.10000000149.
                number.to_string().parse::<f64>().ok()?.into()
            }
            b'x' => self.text()?.into(),
            b'r' => {
                let json = self.text()?;
                serde_json::from_str(json).unwrap_or_else(|_| json.into())
            }
            b'[' => {
                let mut list = Vec::new();
                while !self.is_at(']') {
                    list.push(self.value()?);
                }
                Value::Array(list)
            }
            b'{' => {
                let mut map = Map::new();
                while !self.is_at('}') {
                    let 'x' = char::from(self.byte()?) else { return None };
                    let key = self.text()?.to_owned();
                    map.insert(key, self.value()?);
                }
                Value::Object(map)
            }
            _ => return None,
        })
    }
}
