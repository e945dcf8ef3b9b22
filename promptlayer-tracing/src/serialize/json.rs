//! JSON.

use std::fmt::{Arguments, Write as _};

use serde::Serialize;

use super::{Form, Output};

/// Returns a value as JSON. `capacity` is the expected length in bytes.
///
/// # Errors
///
/// Returns an error if the value's `Serialize` fails, or if JSON cannot express the value.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T, capacity: usize) -> serde_json::Result<Vec<u8>> {
    let mut output = Output::<Json>::new(String::with_capacity(capacity));
    value.serialize(&mut output)?;
    Ok(output.text.into_bytes())
}

/// JSON, with the escapes that `serde_json` writes.
#[derive(Debug)]
pub(crate) struct Json;

impl Form for Json {
    const MAX_DEPTH: usize = usize::MAX;
    const TEXT: u8 = b'"';

    fn null(output: &mut String) {
        output.push_str("null");
    }

    fn bool(output: &mut String, value: bool) {
        output.push_str(if value { "true" } else { "false" });
    }

    fn unsigned(output: &mut String, number: u64) {
        write(output, format_args!("{number}"));
    }

    fn negative(output: &mut String, number: i64) {
        write(output, format_args!("{number}"));
    }

    // `Debug` writes the shortest digits that read back as the number, and a large exponent as JSON wants it.

    fn f32(output: &mut String, number: f32) {
        write(output, format_args!("{number:?}"));
    }

    fn f64(output: &mut String, number: f64) {
        write(output, format_args!("{number:?}"));
    }

    fn text(output: &mut String, text: &str) {
        output.push('"');
        escape(output, text);
        output.push('"');
    }

    fn json(output: &mut String, json: &str) {
        output.push_str(json);
    }

    fn before_element(output: &mut String, is_first: bool) {
        if !is_first {
            output.push(',');
        }
    }

    fn after_key(output: &mut String) {
        output.push(':');
    }

    fn key(output: &mut String, is_first: bool, key: &str) {
        // It is the name of a field or a variant in this project, of which none is escaped.
        debug_assert_eq!(next_escaped(key.as_bytes(), 0), None, "{key}");
        output.push_str(if is_first { "\"" } else { ",\"" });
        output.push_str(key);
        output.push_str("\":");
    }
}

fn write(output: &mut String, arguments: Arguments<'_>) {
    // Writing to a text does not fail.
    let _ = output.write_fmt(arguments);
}

/// Appends a text, and escapes what JSON wants to be escaped. The text between is copied.
fn escape(output: &mut String, text: &str) {
    let bytes = text.as_bytes();
    let mut copied = 0;
    while let Some((place, byte)) = next_escaped(bytes, copied) {
        output.push_str(text.get(copied..place).unwrap_or_default());
        output.push('\\');
        match byte {
            b'"' | b'\\' => output.push(char::from(byte)),
            b'\n' => output.push('n'),
            b'\r' => output.push('r'),
            b'\t' => output.push('t'),
            0x08 => output.push('b'),
            0x0c => output.push('f'),
            _ => write(output, format_args!("u{byte:04x}")),
        }
        copied = place + 1;
    }
    output.push_str(text.get(copied..).unwrap_or_default());
}

/// Returns the place of the next byte that is to be escaped, and the byte. Looks at eight bytes at once.
fn next_escaped(bytes: &[u8], from: usize) -> Option<(usize, u8)> {
    let (words, rest) = bytes.get(from..)?.as_chunks::<8>();
    let found_in = |word: u64, start: usize| {
        let found = escaped_in(word);
        let place = start + found.trailing_zeros() as usize / 8;
        if found == 0 { None } else { Some((place, *bytes.get(place)?)) }
    };
    for (word, start) in words.iter().zip((from..).step_by(8)) {
        let found = found_in(u64::from_le_bytes(*word), start);
        if found.is_some() {
            return found;
        }
    }
    // Spaces, which are not escaped, stand for the missing bytes.
    let word = rest.iter().rfold(EACH * u64::from(b' '), |word, byte| word << 8 | u64::from(*byte));
    found_in(word, bytes.len() - rest.len())
}

/// A number whose bytes are all 1.
const EACH: u64 = u64::from_le_bytes([1; 8]);

/// Returns a number in which the highest bit of each byte says whether that byte is to be escaped. Only the lowest one
/// of these bits is exact: a byte above may be found because of the one below.
fn escaped_in(word: u64) -> u64 {
    // Below `limit`, a byte borrows from its highest bit, unless the bit was set before.
    let below = |word: u64, limit: u8| word.wrapping_sub(EACH * u64::from(limit)) & !word;
    let equal = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    (below(word, b' ') | equal(b'"') | equal(b'\\')) & (EACH << 7)
}
