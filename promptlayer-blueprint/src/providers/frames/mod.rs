//! Streamed bodies into the events that they are made of, however the bytes were cut into reads.
//!
//! An event is JSON text and is not parsed here: whoever reads the stream pays for finding its borders
//! and for nothing more. Nothing here knows HTTP.

mod amazon;
mod array;
mod lines;
mod pieces;
mod server_sent;

pub(super) use self::pieces::events as in_pieces;

/// How a body's events are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Server-Sent Events, `text/event-stream`: the data of each event.
    ServerSent,
    /// A JSON value a line, `application/x-ndjson`.
    Lines,
    /// The elements of one JSON array, as Gemini streams without `alt=sse`.
    Array,
    /// Amazon's binary messages, `application/vnd.amazon.eventstream`.
    Amazon,
}

/// Decodes one body as it comes.
#[derive(Debug)]
pub struct Frames {
    decoder: Decoder,
    /// Bytes of the body that are still read.
    left: usize,
    is_cut: bool,
}

#[derive(Debug)]
enum Decoder {
    ServerSent(server_sent::Decoder),
    Lines(lines::Decoder),
    Array(array::Decoder),
    Amazon(amazon::Decoder),
}

impl Frames {
    /// Decodes the first `limit` bytes of a body. What waits for its end, and all events together, hold
    /// hardly more than that.
    pub fn new(format: Format, limit: usize) -> Self {
        Self { decoder: Decoder::new(format), left: limit, is_cut: false }
    }

    /// Reads the next bytes, and gives the events that they complete.
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
            // The event that the limit cut is none, and need not be held.
            self.decoder = Decoder::Lines(lines::Decoder::default());
        }
    }

    /// The body has ended: gives the event that nothing closed.
    pub fn finish(&mut self, event: &mut dyn FnMut(String)) {
        match &mut self.decoder {
            Decoder::ServerSent(decoder) => decoder.finish(event),
            Decoder::Lines(decoder) => decoder.finish(event),
            Decoder::Array(decoder) => decoder.finish(event),
            // What has no end has no checksum either.
            Decoder::Amazon(_) => {}
        }
    }

    /// Whether the body was longer than the limit, so that the events are not all of it.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Decoder {
    fn new(format: Format) -> Self {
        match format {
            Format::ServerSent => Self::ServerSent(server_sent::Decoder::default()),
            Format::Lines => Self::Lines(lines::Decoder::default()),
            Format::Array => Self::Array(array::Decoder::default()),
            Format::Amazon => Self::Amazon(amazon::Decoder::default()),
        }
    }
}

/// Bytes as text; what is no UTF-8 is replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
