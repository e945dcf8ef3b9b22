//! Decoder for Amazon's binary event streams (`application/vnd.amazon.eventstream`). A message consists of
//! its length, the length of its headers, a checksum of both, the headers, the payload, and a checksum of
//! the whole message.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use serde::de::IgnoredAny;
use serde_json::json;

use super::text;

/// Size of the two lengths and their checksum, in bytes.
const PRELUDE: usize = 12;
/// Size of the message checksum, in bytes.
const CHECKSUM: usize = 4;
/// Maximum size of a message, in bytes. This is more than the 16 MiB that Amazon documents for a payload.
const MAX_MESSAGE: usize = 24 << 20;
/// The encoding of the events of a model's own API.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));
/// The header value type for text.
const TEXT: u8 = 7;

/// Converts each message to a JSON object: the event type as the key, the payload as the value.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    buffer: Vec<u8>,
    /// `true` after invalid data. The start of the next message cannot be found, so the rest is ignored.
    is_lost: bool,
}

impl Decoder {
    pub(super) fn read(&mut self, bytes: &[u8], event: &mut dyn FnMut(String)) {
        if self.is_lost {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(rest) = self.buffer.get(at..) {
            match length(rest) {
                Ok(Some(length)) => match rest.get(..length) {
                    Some(message) if is_whole(message) => {
                        if let Some(said) = said(message) {
                            event(said);
                        }
                        at += length;
                    }
                    Some(_) => return self.lose(),
                    None => break,
                },
                Ok(None) => break,
                Err(NoMessage) => return self.lose(),
            }
        }
        self.buffer.drain(..at);
    }

    fn lose(&mut self) {
        self.is_lost = true;
        self.buffer = Vec::new();
    }
}

/// Error: the bytes are not the start of a message.
#[derive(Debug)]
pub(super) struct NoMessage;

/// Returns the length of the message at the start of `bytes`, or `None` if more bytes are needed.
pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>, NoMessage> {
    let Some((prelude, _)) = bytes.split_at_checked(PRELUDE) else { return Ok(None) };
    let length = number(prelude, 0).ok_or(NoMessage)? as usize;
    let is_told = prelude.get(..8).map(checksum) == number(prelude, 8);
    if is_told && (PRELUDE + CHECKSUM..=MAX_MESSAGE).contains(&length) {
        Ok(Some(length))
    } else {
        Err(NoMessage)
    }
}

/// Returns `true` if the last four bytes of a message are the checksum of the bytes before them.
fn is_whole(message: &[u8]) -> bool {
    message
        .split_last_chunk::<CHECKSUM>()
        .is_some_and(|(before, last)| checksum(before) == u32::from_be_bytes(*last))
}

/// Returns a message as JSON text, or `None` if its headers are invalid or it has no type.
fn said(message: &[u8]) -> Option<String> {
    let headers_length = number(message, 4)? as usize;
    let (headers, payload) =
        message.get(PRELUDE..message.len() - CHECKSUM)?.split_at_checked(headers_length)?;
    let headers = Headers::read(headers)?;
    if headers.message == "error" {
        return Some(json!({ "error": { "code": headers.code, "message": headers.problem } }).to_string());
    }
    let payload = match payload {
        [] => "{}".to_owned(),
        payload if serde_json::from_slice::<IgnoredAny>(payload).is_ok() => text(payload.to_vec()),
        payload => serde_json::Value::from(text(payload.to_vec())).to_string(),
    };
    let name = if headers.message == "exception" { headers.exception } else { headers.event };
    if name == "chunk"
        && let Some(inner) = of_model(&payload)
    {
        return Some(inner);
    }
    Some(format!("{{{}:{payload}}}", serde_json::Value::from(name)))
}

/// Decodes a `chunk` event of `invoke-with-response-stream`: an event of the model's own API, in base64.
fn of_model(payload: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Chunk<'a> {
        #[serde(borrow)]
        bytes: std::borrow::Cow<'a, str>,
    }
    let chunk: Chunk<'_> = serde_json::from_str(payload).ok()?;
    let encoded = chunk.bytes.split('=').next()?;
    BASE64.decode(encoded).ok().map(text)
}

/// The headers that describe a message.
#[derive(Debug, Default)]
struct Headers<'a> {
    message: &'a str,
    event: &'a str,
    exception: &'a str,
    code: &'a str,
    problem: &'a str,
}

impl<'a> Headers<'a> {
    fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut headers = Self::default();
        while let Some((length, rest)) = bytes.split_first() {
            let (name, rest) = rest.split_at_checked(usize::from(*length))?;
            let (kind, rest) = rest.split_first()?;
            let (value, rest) = value(*kind, rest)?;
            bytes = rest;
            let place = match name {
                b":message-type" => &mut headers.message,
                b":event-type" => &mut headers.event,
                b":exception-type" => &mut headers.exception,
                b":error-code" => &mut headers.code,
                b":error-message" => &mut headers.problem,
                _ => continue,
            };
            if *kind == TEXT {
                *place = std::str::from_utf8(value).ok()?;
            }
        }
        let named = [headers.event, headers.exception, headers.code];
        named.iter().any(|name| !name.is_empty()).then_some(headers)
    }
}

/// Splits `bytes` into the value of a header and the bytes after it.
fn value(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match kind {
        // Boolean `true` and `false`.
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        // A 64-bit integer, and a timestamp.
        5 | 8 => 8,
        // Bytes and text, preceded by their length.
        6 | TEXT => {
            let (length, rest) = bytes.split_first_chunk::<2>()?;
            return rest.split_at_checked(usize::from(u16::from_be_bytes(*length)));
        }
        // A UUID.
        9 => 16,
        _ => return None,
    };
    bytes.split_at_checked(length)
}

/// Reads the big-endian number at an offset.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Computes CRC-32 as in Ethernet and zlib. Amazon's checksums use it.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |checksum, byte| {
        let at = (checksum ^ u32::from(*byte)) & 0xFF;
        (checksum >> 8) ^ TABLE.get(at as usize).copied().unwrap_or_default()
    })
}

/// CRC-32 lookup table, one entry for each byte.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at: u32 = 0;
    while at < 256 {
        let mut value = at;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xEDB8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[at as usize] = value;
        at += 1;
    }
    table
};
