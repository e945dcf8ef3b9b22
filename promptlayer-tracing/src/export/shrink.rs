//! What is too large to send, made smaller: media first, then long texts.
//!
//! What replaces a picture says its type, its size and its SHA-256, so that it can still be told from others
//! and found where it came from.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use sha2::{Digest, Sha256};

use promptlayer_client::exporter::{cut, hex};

/// A text of base64 of at least this many bytes is taken for media wherever it stands.
const LEAST_MEDIA: usize = 1024;
/// The most bytes of one text that are kept when texts are cut.
const KEPT_TEXT: usize = 2 * 1024;

/// The JSON of a value without its media, or, where it has none, without most of its long texts; `None` if
/// there is nothing left to take.
pub(crate) fn smaller(json: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(json).ok()?;
    if !replace_media(&mut value) && !cut_texts(&mut value) {
        return None;
    }
    serde_json::to_vec(&value).ok()
}

/// Replaces media by what says which they are. `false` if there was none.
fn replace_media(value: &mut Value) -> bool {
    visit(value, &mut |text| {
        let (media_type, data) = match text.strip_prefix("data:").and_then(|rest| rest.split_once(',')) {
            Some((kind, data)) if kind.ends_with(";base64") => {
                (kind.split(';').next().unwrap_or_default(), data)
            }
            None if is_base64(text) => ("", text.as_str()),
            Some(_) | None => return None,
        };
        if data.len() < LEAST_MEDIA {
            return None;
        }
        let media_type = if media_type.is_empty() { "media" } else { media_type };
        // What only looks like base64 is told by what it is.
        let bytes = decoded(data).unwrap_or_else(|| data.as_bytes().to_vec());
        Some(format!("[{media_type}, {} bytes, sha256 {}]", bytes.len(), hex(&Sha256::digest(&bytes))))
    })
}

/// The bytes that a text of base64 stands for, in either of its alphabets, with padding or without.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let either = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    GeneralPurpose::new(&alphabet, either).decode(text).ok()
}

/// Cuts every text that is longer than a few kilobytes, and says by how much. `false` if there was none.
fn cut_texts(value: &mut Value) -> bool {
    visit(value, &mut |text| {
        // What says how much was cut must not make it longer.
        if text.len() <= KEPT_TEXT + 64 {
            return None;
        }
        let kept = cut(text, KEPT_TEXT);
        Some(format!("{kept}[… {} bytes more]", text.len() - kept.len()))
    })
}

/// Replaces the texts in a value for which `replace` gives another.
fn visit(value: &mut Value, replace: &mut impl FnMut(&String) -> Option<String>) -> bool {
    match value {
        Value::String(text) => match replace(text) {
            Some(other) => {
                *text = other;
                true
            }
            None => false,
        },
        Value::Array(items) => items.iter_mut().fold(false, |any, item| visit(item, replace) | any),
        Value::Object(object) => object.values_mut().fold(false, |any, item| visit(item, replace) | any),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a text is base64, of either alphabet, and nothing else: words have blanks.
fn is_base64(text: &str) -> bool {
    text.len() >= LEAST_MEDIA
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'='))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn media_become_their_type_size_and_hash_and_words_stay() {
        let picture = format!("data:image/png;base64,{}", "iVBO".repeat(1000));
        let words = "a word and another ".repeat(1000);
        let mut value = json!({"url": picture, "raw": ["QUJD".repeat(500)], "text": words, "small": "data:image/png;base64,AAAA"});
        assert!(replace_media(&mut value));
        let url = value["url"].as_str().unwrap();
        let bytes: Vec<u8> = [0x89, b'P', b'N'].repeat(1000);
        assert_eq!(url, format!("[image/png, 3000 bytes, sha256 {}]", hex(&Sha256::digest(bytes))));
        assert!(value["raw"][0].as_str().unwrap().starts_with("[media, 1500 bytes, "));
        assert_eq!(
            (value["text"].as_str(), value["small"].as_str()),
            (Some(&*words), Some("data:image/png;base64,AAAA"))
        );
        assert!(!replace_media(&mut value), "what was replaced is no media");
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters_and_says_by_how_much() {
        let mut value = json!({"text": "é".repeat(3000), "short": "é".repeat(1000)});
        assert!(cut_texts(&mut value));
        let text = value["text"].as_str().unwrap();
        assert_eq!(text, format!("{}[… 3952 bytes more]", "é".repeat(1024)));
        assert_eq!(value["short"].as_str().unwrap().chars().count(), 1000);
        assert!(!cut_texts(&mut value));
    }
}
