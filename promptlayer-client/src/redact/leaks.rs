//! Searches for fragments of a secret in a text, in any encoding that a server may use. This is test code,
//! for this crate and for the package `tests`. It shares no code with the redactor that it checks.

/// The length of the shortest fragment that must not be shown.
const PIECE: usize = 8;

/// The name of an encoding, and the function that encodes a secret.
pub(crate) type Encoding = (&'static str, fn(&str) -> String);

/// The encodings that are checked.
pub(crate) const ENCODINGS: &[Encoding] = &[
    ("plain", str::to_owned),
    ("upper case", str::to_ascii_uppercase),
    ("percent", |key| each(key, |byte| format!("%{byte:02x}"))),
    ("percent, upper case", |key| each(key, |byte| format!("%{byte:02X}"))),
    ("percent, twice", |key| each(key, |byte| format!("%25{byte:02X}"))),
    ("percent of punctuation", |key| where_needed(key, |byte| format!("%{byte:02X}"))),
    ("JSON", |key| each(key, |byte| format!("\\u{byte:04x}"))),
    ("JSON, upper case", |key| each(key, |byte| format!("\\u{byte:04X}"))),
    ("JSON in JSON", |key| each(key, |byte| format!("\\\\u{byte:04x}"))),
    ("JSON of punctuation", |key| where_needed(key, |byte| format!("\\{}", char::from(byte)))),
    ("every second character", |key| {
        let mut odd = false;
        each(key, |byte| {
            odd = !odd;
            if odd && byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02x}") }
        })
    }),
    ("Rust", |key| each(key, |byte| format!("\\u{{{byte:x}}}"))),
    ("Python", |key| each(key, |byte| format!("\\x{byte:02x}"))),
    ("HTML", |key| each(key, |byte| format!("&#{byte};"))),
    ("HTML, hex", |key| each(key, |byte| format!("&#x{byte:X};"))),
    ("UTF-16", |key| each(key, |byte| format!("{}\0", char::from(byte)))),
    ("hex", |key| each(key, |byte| format!("{byte:02x}"))),
    ("base64", |key| base64(key.as_bytes(), STANDARD)),
    ("base64 behind one byte", |key| base64(&[b":", key.as_bytes()].concat(), STANDARD)),
    ("base64 behind two bytes", |key| base64(&[b"u:", key.as_bytes()].concat(), STANDARD)),
    ("base64 for URLs", |key| base64(&[b"?", key.as_bytes(), b"??>"].concat(), FOR_URLS)),
    ("percent of base64", |key| base64(key.as_bytes(), STANDARD).replace('=', "%3D").replace('+', "%2B")),
];

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn each(key: &str, write: impl FnMut(u8) -> String) -> String {
    key.bytes().map(write).collect()
}

fn where_needed(key: &str, write: impl Fn(u8) -> String) -> String {
    each(key, |byte| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { write(byte) })
}

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for at in 0..4 {
            let digit = alphabet[bits >> (6 * (3 - at)) & 63];
            text.push(if at > group.len() { '=' } else { digit.into() });
        }
    }
    text
}

/// Returns the base64 of a fragment after `shift` other bytes, without the characters that depend on the
/// bytes around it.
fn base64_middle(piece: &str, shift: usize, alphabet: &[u8; 64]) -> String {
    let bytes = [&b"\0\0"[..shift], piece.as_bytes()].concat();
    base64(&bytes, alphabet)[(shift * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
}

/// Returns a fragment of the key that the text contains, and its encoding. If the key is shorter than a
/// fragment, searches for the whole key.
pub(crate) fn find(text: &str, key: &str) -> Option<String> {
    // Searches the text as `Debug` output and as it is.
    let texts =
        [text.to_owned(), text.replace("\\\\", "\\"), text.replace("\\0", ""), text.replace([' ', '\0'], "")]
            .join("\n");
    let size = PIECE.min(key.len());
    (0..=key.len() - size).find_map(|at| {
        let piece = &key[at..at + size];
        let plain = ENCODINGS
            .iter()
            .filter(|(name, _)| !name.contains("base64"))
            .map(|(name, encode)| (*name, encode(piece)));
        let middles = (0..3).flat_map(|shift| {
            [STANDARD, FOR_URLS].map(|alphabet| ("base64", base64_middle(piece, shift, alphabet)))
        });
        plain.chain(middles).find_map(|(name, written)| {
            // The base64 of a short key is so short that it is part of many texts.
            let is_telling = !written.is_empty() && (name != "base64" || written.len() >= 4);
            let is_shown = is_telling && texts.contains(&written);
            is_shown.then(|| format!("{piece:?} as {name}, {written:?}"))
        })
    })
}
