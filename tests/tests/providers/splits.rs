//! A streamed body that a function passes on in pieces: the log is the same for every way to split it.

use serde_json::Value;
use tests::Fixture;
use tests::fixtures::Given;

use crate::each;
use crate::interface::Interface;
use crate::streams::same_log;

/// A deterministic pseudo-random number generator.
struct Random(u64);

impl Random {
    fn below(&mut self, many: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(many).unwrap()).unwrap()
    }
}

/// Encodes events as the bytes of a streamed body, in the provider's format.
fn body(interface: Interface, events: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    for event in events {
        // Events that are not objects are sent as plain text: `[DONE]`.
        let data = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
        match interface {
            Interface::OllamaChat => body.extend(format!("{data}\n").bytes()),
            Interface::GenerateContent => body.extend(format!("data: {data}\r\n\r\n").bytes()),
            Interface::Messages | Interface::Responses => {
                let name = event["type"].as_str().unwrap();
                body.extend(format!("event: {name}\ndata: {data}\n\n").bytes());
            }
            Interface::Converse => body.extend(message(event)),
            _ => body.extend(format!("data: {data}\n\n").bytes()),
        }
    }
    body
}

/// Encodes an event as a message of the AWS event stream: two lengths with their checksum, headers, the
/// payload, and a checksum of the whole message. The name of the event is a header and not part of the payload.
fn message(event: &Value) -> Vec<u8> {
    let (kind, payload) = event.as_object().unwrap().iter().next().unwrap();
    let payload = payload.to_string();
    let mut headers = Vec::new();
    for (name, value) in
        [(":event-type", kind.as_str()), (":content-type", "application/json"), (":message-type", "event")]
    {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend(name.bytes());
        headers.push(7); // Type 7: a string follows.
        headers.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend(value.bytes());
    }
    let length = 12 + headers.len() + payload.len() + 4;
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap().to_be_bytes());
    message.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
    message.extend(crc32(&message).to_be_bytes());
    message.extend(headers);
    message.extend(payload.bytes());
    message.extend(crc32(&message).to_be_bytes());
    message
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// Splits bytes into pieces of at most `longest` bytes. With 1, every possible split occurs.
fn cut(bytes: &[u8], longest: usize, random: &mut Random) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + random.below(longest)).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

/// Splits a text into pieces of at most `longest` characters.
fn cut_text(text: &str, longest: usize, random: &mut Random) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut rest = characters.as_slice();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + random.below(longest)).min(rest.len()));
        pieces.push(piece.iter().collect());
        rest = after;
    }
    pieces
}

/// Compares the log of a body read in pieces with the log of its events.
fn each_split(longest: usize, pieces: impl Fn(&[u8], &mut Random) -> Option<Given>) {
    let random = std::cell::RefCell::new(Random(0x5eed + u64::try_from(longest).unwrap()));
    each(|fixture: &Fixture, wrong| {
        let Some(events) = fixture.events() else { return };
        let body = body(Interface::of(fixture), events);
        if let Some(given) = pieces(&body, &mut random.borrow_mut()) {
            same_log(wrong, &fixture.log(), &fixture.log_with(given));
        }
    });
}

fn of_bytes(longest: usize) {
    each_split(longest, |body, random| Some(Given::Bytes(cut(body, longest, random))));
}

fn of_texts(longest: usize) {
    // A body that is not UTF-8 cannot be passed on as texts.
    each_split(longest, |body, random| {
        Some(Given::Texts(cut_text(std::str::from_utf8(body).ok()?, longest, random)))
    });
}

#[test]
fn body_read_byte_by_byte_gives_the_same_log() {
    of_bytes(1);
}

#[test]
fn body_read_in_small_pieces_gives_the_same_log() {
    of_bytes(40);
}

#[test]
fn body_read_in_large_pieces_gives_the_same_log() {
    of_bytes(8000);
    of_bytes(1 << 20);
}

#[test]
fn body_read_as_texts_gives_the_same_log() {
    of_texts(1);
    of_texts(7);
    of_texts(1 << 20);
}
