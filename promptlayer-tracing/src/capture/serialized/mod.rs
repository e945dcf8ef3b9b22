//! A serialized value in a compact form.
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
mod write;

pub(crate) use self::read::{raw_json, read};
pub(super) use self::write::{Output, displayed};

/// The depth of lists and maps up to which `serde_json` reads a value. It has no use for a deeper one.
const MAX_DEPTH: usize = 127;

/// The bit of a digit after which another digit follows.
const MORE: u8 = 0x40;
