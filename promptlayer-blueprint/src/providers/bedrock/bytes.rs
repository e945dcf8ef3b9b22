//! Binary data: base64 on the wire, or a list of numbers if a client's own types were serialized as JSON.

use serde_json::Value;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the bytes of a value, in base64.
pub(super) fn base64(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(numbers) => {
            let bytes: Option<Vec<u8>> =
                numbers.iter().map(|number| u8::try_from(number.as_u64()?).ok()).collect();
            Some(encode(&bytes?))
        }
        _ => None,
    }
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| group.get(at).copied().map_or(0, u32::from);
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for place in 0..4 {
            // A group of n bytes is encoded as n + 1 characters.
            let digit = (bits >> (18 - 6 * place)) & 63;
            let character = ALPHABET.get(digit as usize).filter(|_| place <= group.len());
            text.push(character.map_or('=', |byte| char::from(*byte)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn base64_and_byte_lists_become_base64() {
        // Test vectors of RFC 4648, section 10.
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ];
        for (text, encoded) in cases {
            assert_eq!(base64(&json!(text.as_bytes())).as_deref(), Some(encoded));
        }
        assert_eq!(base64(&json!([0, 255, 254])).as_deref(), Some("AP/+"));
        assert_eq!(base64(&json!("Zm9v")).as_deref(), Some("Zm9v"));
    }

    #[test]
    fn non_byte_values_are_rejected() {
        for value in [json!([256]), json!([-1]), json!(["a"]), json!([1.5]), json!({}), json!(null), json!(7)]
        {
            assert_eq!(base64(&value), None, "{value}");
        }
    }
}
