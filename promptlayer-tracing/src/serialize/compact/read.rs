//! Reads a serialized value.

use serde_json::{Map, Value};

use super::MORE;

/// Returns the value. Returns `None` if the text is not one that [`Compact`](super::Compact) wrote.
pub(crate) fn read(text: &str) -> Option<Value> {
    let mut reader = Reader { whole: text, at: 0 };
    let value = reader.value()?;
    (reader.at == text.len()).then_some(value)
}

/// Returns the JSON, if the whole value is JSON that another serializer wrote.
pub(crate) fn raw_json(text: &str) -> Option<&str> {
    Reader { whole: text.strip_prefix('r')?, at: 0 }.text()
}

struct Reader<'a> {
    whole: &'a str,
    /// Up to where it is read.
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.whole.as_bytes().get(self.at)?;
        self.at += 1;
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
        let end = self.at.checked_add(length)?;
        let text = self.whole.get(self.at..end)?;
        self.at = end;
        Some(text)
    }

    /// Returns `true`, and skips the byte, if it is the next one.
    fn is_at(&mut self, byte: u8) -> bool {
        let is_next = self.whole.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
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
                while !self.is_at(b']') {
                    list.push(self.value()?);
                }
                Value::Array(list)
            }
            b'{' => {
                let mut map = Map::new();
                while !self.is_at(b'}') {
                    let b'x' = self.byte()? else { return None };
                    let key = self.text()?.to_owned();
                    map.insert(key, self.value()?);
                }
                Value::Object(map)
            }
            _ => return None,
        })
    }
}
