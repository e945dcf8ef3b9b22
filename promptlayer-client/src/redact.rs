//! Removes the API key from texts in errors, `Debug` output and log lines.
//!
//! A server may echo the key in any encoding, and a text may be cut anywhere. So the redactor does not only
//! search for the whole key. It removes every run of [`WINDOW`] characters that the key contains, both in the
//! original text and after each layer of escapes (percent, JSON, HTML) is undone. It does the same for the
//! base64 and hex encodings of the key.

mod decode;

use std::collections::HashSet;
use std::error::Error as StdError;
use std::ops::Range;
use std::{fmt, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use self::decode::Decoded;
use crate::{Error, cut};

/// The text that replaces the key or a fragment of it.
const PLACEHOLDER: &str = "[redacted]";
/// The length of the shortest fragment that is removed anywhere, in characters. A shorter key is removed as a
/// whole.
const WINDOW: usize = 8;
/// The length of the shortest fragment that is removed near the start or the end of a text, where the key may
/// be cut.
const AT_AN_END: usize = 4;
/// The maximum distance from the start or the end, in characters. A cut escape, or quotes after the cut, may
/// be in between.
const NEAR: usize = 5;
/// The maximum number of layers of escapes that are undone.
const MOST_LAYERS: usize = 4;
/// The maximum length of text that is read, in bytes. It is more than is shown, so that trimming leaves
/// enough.
const READ_BYTES: usize = 4 * Error::MAX_QUOTED_BYTES;

/// Removes an API key, and other secrets, from text.
#[derive(Clone, Default)]
pub struct Redactor {
    keys: Vec<SecretString>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Creates a redactor of this key.
    pub fn new(key: SecretString) -> Self {
        Self { keys: vec![key] }
    }

    /// Returns a redactor that also removes what this one removes.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.keys.extend(other.keys.iter().cloned());
        self
    }

    /// Returns the start of a body as text without the key: converted lossily, in one line, and at most
    /// [`Error::MAX_QUOTED_BYTES`] long.
    pub fn quote(&self, body: &[u8]) -> String {
        let body = body.trim_ascii();
        let body = body.get(..READ_BYTES).unwrap_or(body);
        // The key is removed before the text is cut, because a cut may leave a fragment that is too short to
        // detect.
        let text = self.remove(&String::from_utf8_lossy(body));
        let text: String =
            text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
        cut(text.trim(), Error::MAX_QUOTED_BYTES).to_owned()
    }

    /// Returns the text without the key, cut to [`Error::MAX_QUOTED_BYTES`].
    pub fn text(&self, text: &str) -> String {
        cut(&self.remove(cut(text, READ_BYTES)), Error::MAX_QUOTED_BYTES).to_owned()
    }

    /// Returns an error and its sources as text without the key.
    pub fn cause(&self, error: &(dyn StdError + 'static)) -> Cause {
        let source = error.source().map(|source| Box::new(self.cause(source)));
        Cause { text: self.text(&error.to_string()), source }
    }

    /// Returns a JSON error whose message does not contain the key. The errors of `serde_json` quote the
    /// rejected value.
    pub fn json(&self, error: &serde_json::Error) -> serde_json::Error {
        serde::de::Error::custom(self.text(&error.to_string()))
    }

    /// Returns an I/O error whose message does not contain the key. An error of the operating system is only
    /// a number.
    pub fn io(&self, error: io::Error) -> io::Error {
        match error.raw_os_error() {
            Some(_) => error,
            None => io::Error::new(error.kind(), self.cause(&error)),
        }
    }

    fn remove(&self, text: &str) -> String {
        let keys = self.keys.iter().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty());
        let pieces: Vec<Form> = keys.flat_map(forms).collect();
        if pieces.is_empty() {
            return text.to_owned();
        }
        let mut ranges = Vec::new();
        let mut layer = Decoded::new(text);
        for _ in 0..MOST_LAYERS {
            for piece in &pieces {
                piece.find(&layer, &mut ranges);
            }
            match layer.undo_escapes() {
                Some(next) => layer = next,
                None => break,
            }
        }
        replace(text, ranges)
    }
}

/// One encoding of the key, and the length of the fragments to search for.
struct Form {
    /// Normalized in the same way as the texts that are searched.
    bytes: Vec<u8>,
    window: usize,
}

/// Returns the encodings of a key: the key itself, the key with the escapes undone that it seems to contain,
/// base64 and hex.
fn forms(key: &str) -> Vec<Form> {
    let form = |bytes: &[u8], window: usize| Form {
        window: window.min(bytes.len()),
        bytes: bytes.iter().copied().map(decode::normalize).collect(),
    };
    let mut forms = vec![form(key.as_bytes(), WINDOW)];
    let mut layer = Decoded::new(key);
    for _ in 0..MOST_LAYERS {
        let Some(next) = layer.undo_escapes() else { break };
        forms.push(form(&next.bytes, WINDOW));
        layer = next;
    }
    for shift in 0..3 {
        forms.push(form(base64_behind(key, shift).as_bytes(), WINDOW));
    }
    let hex = hex(key.as_bytes());
    forms.push(form(hex.as_bytes(), 2 * WINDOW));
    // The base64 of a key of a few characters is so short that it would be found in any text.
    let plain = forms.remove(0);
    forms.retain(|form| form.bytes.len() >= AT_AN_END);
    forms.push(plain);
    forms
}

/// Encodes bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the base64 of the key after `shift` other bytes, without the characters that depend on the bytes
/// around the key.
fn base64_behind(key: &str, shift: usize) -> String {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(key.as_bytes());
    let encoded = STANDARD_NO_PAD.encode(&bytes);
    let (first, end) = ((shift * 8).div_ceil(6), bytes.len() * 8 / 6);
    encoded.get(first..end).unwrap_or_default().to_owned()
}

impl Form {
    /// Adds the ranges of the text that hold a fragment of this encoding.
    fn find(&self, text: &Decoded, ranges: &mut Vec<Range<usize>>) {
        let windows: HashSet<&[u8]> = self.bytes.windows(self.window).collect();
        let found = text.bytes.windows(self.window).enumerate().filter(|(_, bytes)| windows.contains(bytes));
        ranges.extend(found.filter_map(|(at, _)| text.source(at..at + self.window)));

        let length = text.bytes.len();
        for near in 0..=NEAR.min(length) {
            let (head, tail) = (text.bytes.get(near..), text.bytes.get(..length - near));
            let (Some(head), Some(tail)) = (head, tail) else { break };
            for size in AT_AN_END..self.window {
                let (start, end) = (self.bytes.get(..size), self.bytes.get(self.bytes.len() - size..));
                if start.is_some_and(|start| tail.ends_with(start)) {
                    ranges.extend(text.source(length - near - size..length - near));
                }
                if end.is_some_and(|end| head.starts_with(end)) {
                    ranges.extend(text.source(near..near + size));
                }
            }
        }
    }
}

/// Replaces the ranges by the placeholder. Ranges that touch are replaced by one placeholder.
fn replace(text: &str, mut ranges: Vec<Range<usize>>) -> String {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut redacted = String::with_capacity(text.len());
    let mut shown_to = 0;
    let mut ranges = ranges.into_iter().peekable();
    while let Some(mut range) = ranges.next() {
        while let Some(next) = ranges.next_if(|next| next.start <= range.end) {
            range.end = range.end.max(next.end);
        }
        // Fragments start and end with ASCII, so these positions are character boundaries.
        redacted.push_str(text.get(shown_to..range.start).unwrap_or_default());
        redacted.push_str(PLACEHOLDER);
        shown_to = range.end;
    }
    redacted.push_str(text.get(shown_to..).unwrap_or_default());
    redacted
}

/// The text of an error and of its sources, without the key.
#[derive(Debug)]
pub struct Cause {
    text: String,
    source: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod leaks;
#[cfg(test)]
mod tests;
