//! The compact form, in which values are captured.
//!
//! The thread that makes the call writes it, and the export thread reads it. Compared with JSON, no text is escaped or
//! searched, and no number is converted to digits and back.
//!
//! ```text
//! value  = "n" | "t" | "f"              null, true, false
//!        | "u" number | "i" number      an unsigned integer; a negative one, as its distance from -1
//!        | "d" number | "s" number      the bits of an f64; of an f32
//!        | "x" text | "r" text          a text; JSON that another serializer wrote
//!        | "[" value* "]"               a list
//!        | "{" ("x" text value)* "}"    a map
//! text   = number, and as many bytes
//! number = digits to the base 64, the lowest first: bytes below 0x80, of which all but the last have the bit 0x40
//! ```
//!
//! So the form is valid UTF-8, and its texts can be taken out of it without another check.

mod read;
#[cfg(test)]
mod tests;

pub(crate) use self::read::{raw_json, read};
use super::Form;

/// The bit of a digit after which another digit follows.
const MORE: u8 = 0x40;

/// The compact form.
#[derive(Debug)]
pub(crate) struct Compact;

impl Form for Compact {
    // As deep as `serde_json` reads JSON. Who looks at the value has no use for a deeper one.
    const MAX_DEPTH: usize = 127;
    const TEXT: u8 = b'x';

    fn null(output: &mut String) {
        output.push('n');
    }

    fn bool(output: &mut String, value: bool) {
        output.push(if value { 't' } else { 'f' });
    }

    fn unsigned(output: &mut String, number: u64) {
        tagged(output, 'u', number);
    }

    fn negative(output: &mut String, number: i64) {
        // Its complement is the distance from -1.
        tagged(output, 'i', (!number).cast_unsigned());
    }

    fn f32(output: &mut String, number: f32) {
        tagged(output, 's', number.to_bits().into());
    }

    fn f64(output: &mut String, number: f64) {
        tagged(output, 'd', number.to_bits());
    }

    fn text(output: &mut String, text: &str) {
        tagged(output, 'x', text.len() as u64);
        output.push_str(text);
    }

    fn json(output: &mut String, json: &str) {
        tagged(output, 'r', json.len() as u64);
        output.push_str(json);
    }

    fn before_element(_: &mut String, _: bool) {}

    fn after_key(_: &mut String) {}
}

fn tagged(output: &mut String, tag: char, mut number: u64) {
    output.push(tag);
    loop {
        let [lowest, ..] = number.to_le_bytes();
        number >>= 6;
        let more = if number > 0 { MORE } else { 0 };
        output.push(char::from(lowest & (MORE - 1) | more));
        if more == 0 {
            return;
        }
    }
}
