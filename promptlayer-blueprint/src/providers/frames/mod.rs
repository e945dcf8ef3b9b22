//! Splits streamed response bodies into events, independent of how the bytes are split into reads.
//!
//! An event is returned as JSON text and is not parsed here, so that the reader of the stream pays only for
//! finding the event boundaries. This module does not depend on HTTP.
//!
//! ```
//! use promptlayer_blueprint::providers::frames::{Format, Frames};
//!
//! let mut events = Vec::new();
//! let mut frames = Frames::new(Format::ServerSent, 1 << 20);
//! for bytes in ["data: {\"a\"", ": 1}\n\ndata: {\"b\": 2}\n"] {
//!     frames.read(bytes.as_bytes(), &mut |event| events.push(event));
//! }
//! frames.finish(&mut |event| events.push(event));
//! assert_eq!(events, [r#"{"a": 1}"#, r#"{"b": 2}"#]);
//! assert!(!frames.is_cut());
//! ```

mod amazon;
mod json;
mod pieces;
mod server_sent;

pub(super) use self::pieces::events as in_pieces;

/// The format of a streamed body. The [module](self) has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Server-Sent Events, `text/event-stream`. An event is its data.
    ServerSent,
    /// One JSON value per line, `application/x-ndjson`.
    Lines,
    /// The elements of one JSON array, which Gemini streams without `alt=sse`.
    Array,
    /// Amazon's binary messages, `application/vnd.amazon.eventstream`.
    Amazon,
}

/// Decodes one body incrementally. The [module](self) has an example.
#[derive(Debug)]
pub struct Frames {
    decoder: Decoder,
    /// Number of bytes of the body that will still be read.
    left: usize,
    is_cut: bool,
}

#[derive(Debug)]
enum Decoder {
    ServerSent(server_sent::Decoder),
    Lines(json::Lines),
    Array(json::Array),
    Amazon(amazon::Decoder),
}

impl Frames {
    /// Creates a decoder for the first `limit` bytes of a body. The buffered data and all events together
    /// take little more memory than that.
    pub fn new(format: Format, limit: usize) -> Self {
        Self { decoder: Decoder::new(format), left: limit, is_cut: false }
    }

    /// Reads the next bytes and passes each completed event to `event`.
    pub fn read(&mut self, bytes: &[u8], event: &mut dyn FnMut(String)) {
        let kept = bytes.get(..self.left).unwrap_or(bytes);
        self.left -= kept.len();
        if !kept.is_empty() {
            match &mut self.decoder {
                Decoder::ServerSent(decoder) => decoder.read(kept, event),
                Decoder::Lines(decoder) => decoder.read(kept, event),
                Decoder::Array(decoder) => decoder.read(kept, event),
                Decoder::Amazon(decoder) => decoder.read(kept, event),
            }
        }
        if kept.len() < bytes.len() && !self.is_cut {
            self.is_cut = true;
            // The event that the limit cut is discarded, so its buffer is freed.
            self.decoder = Decoder::Lines(json::Lines::default());
        }
    }

    /// Ends the body and passes the last event to `event`, if it was not terminated.
    pub fn finish(&mut self, event: &mut dyn FnMut(String)) {
        match &mut self.decoder {
            Decoder::ServerSent(decoder) => decoder.finish(event),
            Decoder::Lines(decoder) => decoder.finish(event),
            Decoder::Array(decoder) => decoder.finish(event),
            // An incomplete message has no checksum, so it cannot be verified.
            Decoder::Amazon(_) => {}
        }
    }

    /// Returns `true` if the body was longer than the limit, so that events are missing.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Decoder {
    fn new(format: Format) -> Self {
        match format {
            Format::ServerSent => Self::ServerSent(server_sent::Decoder::default()),
            Format::Lines => Self::Lines(json::Lines::default()),
            Format::Array => Self::Array(json::Array::default()),
            Format::Amazon => Self::Amazon(amazon::Decoder::default()),
        }
    }
}

/// Converts bytes to text. Invalid UTF-8 is replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
