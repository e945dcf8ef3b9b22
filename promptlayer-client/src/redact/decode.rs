//! Texts with their escapes undone. For each byte, its position in the original text is kept.

use std::ops::Range;

/// A normalized text, with the position of each byte in the source.
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    sources: Vec<Range<usize>>,
}

impl Decoded {
    /// Normalizes a text without undoing escapes. Skips control and replacement characters: UTF-16 that was
    /// read as UTF-8 has a NUL after each character, and long base64 has line breaks.
    pub(super) fn new(text: &str) -> Self {
        let mut decoded =
            Self { bytes: Vec::with_capacity(text.len()), sources: Vec::with_capacity(text.len()) };
        for (at, character) in text.char_indices() {
            if character.is_control() || character == char::REPLACEMENT_CHARACTER {
                continue;
            }
            for (place, byte) in text.bytes().enumerate().skip(at).take(character.len_utf8()) {
                decoded.push(byte, place..place + 1);
            }
        }
        decoded
    }

    fn push(&mut self, byte: u8, source: Range<usize>) {
        self.bytes.push(normalize(byte));
        self.sources.push(source);
    }

    /// Returns the range in the source that these bytes come from.
    pub(super) fn source(&self, range: Range<usize>) -> Option<Range<usize>> {
        let start = self.sources.get(range.start)?.start;
        let end = self.sources.get(range.end.checked_sub(1)?)?.end;
        Some(start..end)
    }

    /// Returns the text with one layer of escapes undone, or `None` if it has no escapes.
    pub(super) fn undo_escapes(&self) -> Option<Self> {
        let mut decoded = Self { bytes: Vec::new(), sources: Vec::new() };
        let mut has_escapes = false;
        let mut at = 0;
        while let Some(rest) = self.bytes.get(at..)
            && let Some(first) = rest.first()
        {
            let (byte, length) = match escape(rest) {
                Some((byte, length)) => (Some(byte), length),
                None => (Some(*first), 1),
            };
            has_escapes |= length > 1;
            let source = self.source(at..at + length);
            at += length;
            // Escaped control characters are skipped too.
            if let (Some(byte), Some(source)) =
                (byte.filter(|byte| length == 1 || !byte.is_ascii_control()), source)
            {
                decoded.push(byte, source);
            }
        }
        has_escapes.then_some(decoded)
    }
}

/// Maps bytes to the same value if they only differ in notation: upper and lower case, the two alphabets of
/// base64, and the space of form encoding.
pub(super) fn normalize(byte: u8) -> u8 {
    match byte {
        b'+' | b' ' => b'-',
        b'/' => b'_',
        _ => byte.to_ascii_lowercase(),
    }
}

/// The HTML entities for ASCII characters.
const ENTITIES: [(&[u8], u8); 5] =
    [(b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\'')];

/// Parses the escape at the start of a normalized text. Returns the ASCII byte it encodes and the length of
/// the escape.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', digits @ ..] => hex(digits.get(..2)?).map(|byte| (byte, 3)),
        [b'\\', b'u', b'{', rest @ ..] => {
            let length = rest.iter().take(7).position(|byte| *byte == b'}')?;
            hex(rest.get(..length)?).map(|byte| (byte, length + 4))
        }
        [b'\\', b'u', digits @ ..] => hex(digits.get(..4)?).map(|byte| (byte, 6)),
        [b'\\', b'x', digits @ ..] => hex(digits.get(..2)?).map(|byte| (byte, 4)),
        [b'\\', b'n' | b'r' | b't' | b'b' | b'f' | b'0', ..] => Some((b'\n', 2)),
        [b'\\', byte, ..] if byte.is_ascii_punctuation() => Some((*byte, 2)),
        [b'&', b'#', b'x', rest @ ..] => {
            let length = rest.iter().take(7).position(|byte| *byte == b';')?;
            hex(rest.get(..length)?).map(|byte| (byte, length + 4))
        }
        [b'&', b'#', rest @ ..] => {
            let length = rest.iter().take(7).position(|byte| *byte == b';')?;
            let number = str::from_utf8(rest.get(..length)?).ok()?.parse().ok()?;
            Some((ascii(number)?, length + 3))
        }
        [b'&', ..] => {
            let (name, byte) = ENTITIES.iter().find(|(name, _)| text.starts_with(name))?;
            Some((*byte, name.len()))
        }
        _ => None,
    }
}

/// Returns the ASCII byte with this hexadecimal number.
fn hex(digits: &[u8]) -> Option<u8> {
    ascii(u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?)
}

fn ascii(number: u32) -> Option<u8> {
    u8::try_from(number).ok().filter(u8::is_ascii)
}
