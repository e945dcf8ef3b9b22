//! Serializes values in one of two forms: JSON, or the compact form in which calls are captured.
//!
//! [`Output`] is a serializer that gives a value the structure that `serde_json` gives it. A [`Form`] says how its parts
//! are written. `serde_json` itself looks at each byte of a text, which takes most of the time of an export.

pub(crate) mod compact;
mod json;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use self::compact::Compact;
pub(crate) use self::json::{Json, to_json};
pub(crate) use self::writer::{Output, displayed};

/// How the parts of a value are written. Lists are in `[` and `]`, maps in `{` and `}`.
pub(crate) trait Form {
    /// The depth up to which lists and maps may be in each other.
    const MAX_DEPTH: usize;
    /// The byte with which a text begins, and no other value.
    const TEXT: u8;

    fn null(output: &mut String);

    fn bool(output: &mut String, value: bool);

    fn unsigned(output: &mut String, number: u64);

    /// Writes an integer below 0.
    fn negative(output: &mut String, number: i64);

    /// Writes a finite number.
    fn f32(output: &mut String, number: f32);

    /// Writes a finite number.
    fn f64(output: &mut String, number: f64);

    fn text(output: &mut String, text: &str);

    /// Writes a value that is JSON already.
    fn json(output: &mut String, json: &str);

    /// Writes what separates an element of a list from the one before.
    fn before_element(output: &mut String, is_first: bool);

    /// Writes what separates a key from the entry before.
    fn before_key(output: &mut String, is_first: bool) {
        Self::before_element(output, is_first);
    }

    /// Writes what separates a key from its value.
    fn after_key(output: &mut String);

    /// Writes a key, with what is before and after it.
    fn key(output: &mut String, is_first: bool, key: &str) {
        Self::before_key(output, is_first);
        Self::text(output, key);
        Self::after_key(output);
    }
}
