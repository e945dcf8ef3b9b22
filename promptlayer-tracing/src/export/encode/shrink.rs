//! Reduction of JSON that is too large to send: media first, then long texts.
//!
//! Media is replaced with its type, size and SHA-256, so that it can be distinguished and traced back to its
//! source.

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use promptlayer_client::exporter::{cut, hex};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The minimum length in bytes of a base64 text that is treated as media, in any field.
const LEAST_MEDIA: usize = 1024;
/// The maximum number of bytes that are kept of a text when texts are cut.
const KEPT_TEXT: usize = 2 * 1024;

/// Returns the JSON without its media. If it has no media, returns it with its long texts cut. Returns `None`
/// if nothing can be removed.
pub(crate) fn smaller(json: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(json).ok()?;
    if !replace_media(&mut value) && !cut_texts(&mut value) {
        return None;
    }
    serde_json::to_vec(&value).ok()
}

/// Returns a text without its media, or `None` if it has none. A text that is JSON stays JSON.
#[cfg(feature = "otlp")]
pub(crate) fn without_media(text: &str) -> Option<String> {
    within(text, replace_media)
}

/// Returns a text that is cut, or whose texts are cut if it is JSON. Returns `None` if nothing is that long.
#[cfg(feature = "otlp")]
pub(crate) fn with_cut_texts(text: &str) -> Option<String> {
    within(text, cut_texts)
}

#[cfg(feature = "otlp")]
fn within(text: &str, reduce: fn(&mut Value) -> bool) -> Option<String> {
    let json = text.starts_with(['[', '{']).then(|| serde_json::from_str::<Value>(text).ok()).flatten();
    match json {
        Some(mut value) => reduce(&mut value).then(|| value.to_string()),
        None => {
            let mut value = Value::String(text.to_owned());
            reduce(&mut value).then(|| value.as_str().map(str::to_owned)).flatten()
        }
    }
}

/// Replaces media with a description of it. Returns `false` if the value has no media.
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
        // Data that only looks like base64 is described as it is.
        let bytes = decoded(data).unwrap_or_else(|| data.as_bytes().to_vec());
        Some(format!("[{media_type}, {} bytes, sha256 {}]", bytes.len(), hex(&Sha256::digest(&bytes))))
    })
}

/// Decodes base64 in the standard or the URL-safe alphabet, with or without padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let either = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    GeneralPurpose::new(&alphabet, either).decode(text).ok()
}

/// Cuts every text longer than about 2 KiB and appends the number of removed bytes. Returns `false` if no
/// text is that long.
fn cut_texts(value: &mut Value) -> bool {
    visit(value, &mut |text| {
        // The appended note must not make the text longer.
        if text.len() <= KEPT_TEXT + 64 {
            return None;
        }
        let kept = cut(text, KEPT_TEXT);
        Some(format!("{kept}[… {} bytes more]", text.len() - kept.len()))
    })
}

/// Replaces each text for which `replace` returns another. Returns `true` if any was replaced.
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

/// Returns `true` if a text is base64 of either alphabet and long enough to be media. Prose contains spaces.
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
    fn long_text_is_cut_at_a_char_boundary_with_a_note() {
        let mut value = json!({"text": "é".repeat(3000), "short": "é".repeat(1000)});
        assert!(cut_texts(&mut value));
        let text = value["text"].as_str().unwrap();
        assert_eq!(text, format!("{}[… 3952 bytes more]", "é".repeat(1024)));
        assert_eq!(value["short"].as_str().unwrap().chars().count(), 1000);
        assert!(!cut_texts(&mut value));
    }
}
