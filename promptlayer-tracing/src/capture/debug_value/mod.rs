//! Reads the text of a derived `Debug` as a value.
//!
//! - `parse`: the grammar of the text;
//! - `json`: the parsed text as JSON, without secrets;
//! - `clients`: crates of model clients whose `Debug` becomes the wire format of their provider.
//!
//! The conversion runs where the span is converted: on the export thread, unless the layer redacts content.

mod clients;
mod json;
mod names;
mod parse;

use serde_json::Value;

use self::clients::{PLAIN, client_of};
pub(crate) use self::clients::{Part, is_of_client, is_of_request, is_reply, part_of_request};
use self::json::Converter;
use super::secret_text::without_secrets;

/// Returns the value that a `Debug` output shows. Output that no derived `Debug` writes stays a text. In both,
/// secrets are replaced.
pub(crate) fn value(text: &str, type_name: &str) -> Value {
    match parse::parse(text) {
        Some(node) => {
            let form = client_of(type_name).map_or(&PLAIN, |client| &client.form);
            Converter { form, type_name }.convert(node)
        }
        None => Value::from(without_secrets(text.to_owned())),
    }
}

#[cfg(test)]
mod tests;
