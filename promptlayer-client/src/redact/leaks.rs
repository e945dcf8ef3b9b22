//! Finds pieces of a secret in text, in any of the encodings that a server may use. Test code, of this crate and of
//! the package `tests`; it shares nothing with the redactor that it checks.

/// The shortest piece that must not be shown.
const PIECE: usize = 8;

/// A way to write a secret, and its name.
pub(crate) type Encoding = (&'static str, fn(&str) -> String);

/// Ways to write a secret.
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

/// The base64 of a piece behind so many bytes, without what depends on its neighbours.
fn base64_middle(piece: &str, shift: usize, alphabet: &[u8; 64]) -> String {
    let bytes = [&b"\0\0"[..shift], piece.as_bytes()].concat();
    base64(&bytes, alphabet)[(shift * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
}

/// A piece of the key that the text shows, and how it is written; of a key that is shorter than a piece, all of it.
pub(crate) fn find(text: &str, key: &str) -> Option<String> {
    // As `Debug` writes it, and as it is.
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
            // Of a short key so little is left in base64 that it is in many a text.
            let is_telling = !written.is_empty() && (name != "base64" || written.len() >= 4);
            let is_shown = is_telling && texts.contains(&written);
            is_shown.then(|| format!("{piece:?} as {name}, {written:?}"))
        })
    })
}
