use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A limit above the length of every body in these tests.
const ENOUGH: usize = 1 << 20;

/// Returns the events of a body that arrives in these pieces.
fn events_of<'a>(format: Format, limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut frames = Frames::new(format, limit);
    let mut events = Vec::new();
    let mut event = |text| events.push(text);
    pieces.into_iter().for_each(|piece| frames.read(piece, &mut event));
    frames.finish(&mut event);
    events
}

/// Returns the events of a body that arrives in one piece.
fn events(format: Format, body: impl AsRef<[u8]>) -> Vec<String> {
    events_of(format, ENOUGH, [body.as_ref()])
}

/// Encodes an Amazon message whose headers are all text.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut told = Vec::new();
    for (name, value) in headers {
        told.push(u8::try_from(name.len()).unwrap());
        told.extend(name.bytes());
        told.push(7);
        told.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        told.extend(value.bytes());
    }
    framed(&told, payload)
}

/// Encodes an Amazon message with these raw headers.
fn framed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut message = Vec::new();
    message.extend(length.to_be_bytes());
    message.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
    message.extend(amazon::checksum(&message).to_be_bytes());
    message.extend(headers);
    message.extend(payload);
    message.extend(amazon::checksum(&message).to_be_bytes());
    message
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    message(&headers, payload.as_bytes())
}

/// One body of each format, with its events.
fn bodies() -> Vec<(Format, Vec<u8>, Vec<&'static str>)> {
    let sent = "\u{FEFF}: hello\r\n\r\nevent: delta\r\ndata: {\"a\":\"é\"}\r\rdata:{\r\ndata:  \"b\": 1}\nid: 4\n\n\
                data\n\nretry: 10\n\nevent: error\ndata: {\"message\":\"slow down\"}\n\ndata: [DONE]";
    let amazon = [
        event("messageStart", r#"{"role":"assistant"}"#),
        event("messageStop", ""),
        message(&[(":exception-type", "throttlingException"), (":message-type", "exception")], b"{\"m\":1}"),
    ];
    vec![
        (
            Format::ServerSent,
            sent.into(),
            vec![r#"{"a":"é"}"#, "{\n \"b\": 1}", r#"{"error":{"message":"slow down"}}"#, "[DONE]"],
        ),
        (
            Format::Lines,
            "{\"a\":\"é\"}\r\n\n  {\"b\":\"\\n\"}\n{\"done\":true}".into(),
            vec![r#"{"a":"é"}"#, r#"{"b":"\n"}"#, r#"{"done":true}"#],
        ),
        (
            Format::Array,
            "[{\"a\": \"]}é\\\"\"},\r\n{\"b\": [1, {\"c\": []}]}\n, 12 ,\"x, y\",[[]]]\n".into(),
            vec![r#"{"a": "]}é\""}"#, r#"{"b": [1, {"c": []}]}"#, "12", r#""x, y""#, "[[]]"],
        ),
        (
            Format::Amazon,
            amazon.concat(),
            vec![
                r#"{"messageStart":{"role":"assistant"}}"#,
                r#"{"messageStop":{}}"#,
                r#"{"throttlingException":{"m":1}}"#,
            ],
        ),
    ]
}

#[test]
fn body_in_one_piece_gives_its_events() {
    for (format, body, expected) in bodies() {
        assert_eq!(events(format, body), expected, "{format:?}");
    }
}

#[test]
fn body_byte_by_byte_gives_the_same_events() {
    for (format, body, expected) in bodies() {
        assert_eq!(events_of(format, ENOUGH, body.chunks(1)), expected, "{format:?}");
    }
}

/// Cuts a body at these offsets.
fn cut<'a>(body: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (body.len() + 1)).collect();
    places.extend([0, body.len()]);
    places.sort_unstable();
    places.windows(2).map(|place| &body[place[0]..place[1]]).collect()
}

/// Random bytes, mostly ones that have a meaning in one of the formats.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(b"data: event\r\n\r\n\n[]{}\",\\:1\xC3\xA9\xEF\xBB\xBF\0".to_vec());
    vec(prop_oneof![4 => telling, 1 => any::<u8>()], 0..200)
}

proptest! {
    #[test]
    fn any_cut_of_a_body_gives_the_same_events(places in vec(any::<usize>(), 0..40)) {
        for (format, body, expected) in bodies() {
            prop_assert_eq!(events_of(format, ENOUGH, cut(&body, &places)), expected);
        }
    }

    #[test]
    fn any_cut_of_any_bytes_gives_the_same_events_up_to_limit(
        body in noise(),
        places in vec(any::<usize>(), 0..40),
        limit in 0_usize..250,
    ) {
        for format in [Format::ServerSent, Format::Lines, Format::Array, Format::Amazon] {
            let whole = events_of(format, limit, [body.as_slice()]);
            prop_assert_eq!(&events_of(format, limit, cut(&body, &places)), &whole);
            if body.len() <= limit {
                prop_assert_eq!(&events(format, &body), &whole);
            }
        }
    }

    #[test]
    fn messages_with_one_byte_changed_never_panic(place in any::<usize>(), byte in any::<u8>()) {
        let (format, mut body, _) = bodies().remove(3);
        let place = place % body.len();
        body[place] = byte;
        prop_assert!(events(format, body).len() <= 3);
    }
}

#[test]
fn bytes_beyond_limit_are_dropped_and_reported() {
    let body = "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n";
    for limit in 0..=body.len() + 1 {
        let mut frames = Frames::new(Format::ServerSent, limit);
        let mut events = Vec::new();
        frames.read(body.as_bytes(), &mut |event| events.push(event));
        frames.finish(&mut |event| events.push(event));
        assert_eq!(frames.is_cut(), limit < body.len(), "{limit}");
        let expected = match limit {
            0..15 => &[][..],
            15..30 => &[r#"{"a":1}"#],
            _ => &[r#"{"a":1}"#, r#"{"b":2}"#],
        };
        assert_eq!(events, expected, "{limit}");
    }
}

#[test]
fn event_named_error_becomes_an_error() {
    let body = |data| format!("event: error\ndata: {data}\n\n");
    assert_eq!(events(Format::ServerSent, body("{\"code\":1}")), ["{\"error\":{\"code\":1}}"]);
    assert_eq!(events(Format::ServerSent, body("{\"error\":1}")), ["{\"error\":1}"]);
    assert_eq!(events(Format::ServerSent, body("gone")), ["{\"error\":{\"message\":\"gone\"}}"]);
}

#[test]
fn message_with_headers_of_every_type_is_read() {
    let mut headers = Vec::new();
    for (kind, length) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
        headers.extend([1, b'x', kind]);
        headers.extend(vec![0xFF_u8; length]);
    }
    headers.extend([1, b'x', 6, 0, 2, 1, 2]);
    headers.extend(b"\x0B:event-type\x07\x00\x04stop");
    assert_eq!(events(Format::Amazon, framed(&headers, b"{}")), [r#"{"stop":{}}"#]);

    headers.extend([1, b'x', 10]);
    assert!(events(Format::Amazon, framed(&headers, b"{}")).is_empty(), "a type that is none");
    assert!(events(Format::Amazon, framed(&[9, b'x'], b"{}")).is_empty(), "a header that is cut");
}

#[test]
fn error_messages_and_non_json_payloads_are_converted() {
    let error = message(
        &[(":message-type", "error"), (":error-code", "Internal"), (":error-message", "no \"luck\"")],
        b"",
    );
    assert_eq!(events(Format::Amazon, error), [r#"{"error":{"code":"Internal","message":"no \"luck\""}}"#]);
    assert_eq!(events(Format::Amazon, event("text", "é {")), [r#"{"text":"é {"}"#]);
}

#[test]
fn wrapped_event_of_model_api_is_unwrapped() {
    for (encoded, plain) in
        [("e30=", "{}"), ("eyJhIjoiw6kifQ==", r#"{"a":"é"}"#), ("eyJ+Ijoi/yJ9", "{\"~\":\"\u{FFFD}\"}")]
    {
        let payload = json!({"bytes": encoded, "p": "abc"}).to_string();
        assert_eq!(events(Format::Amazon, event("chunk", &payload)), [plain]);
    }
    assert_eq!(events(Format::Amazon, event("chunk", r#"{"bytes":"*"}"#)), [r#"{"chunk":{"bytes":"*"}}"#]);
}

#[test]
fn bytes_after_invalid_message_are_ignored() {
    let mut body = event("a", "{}");
    body.extend(b"HTTP/1.1 502 Bad Gateway");
    body.extend(event("b", "{}"));
    assert_eq!(events(Format::Amazon, body), [r#"{"a":{}}"#]);
}

#[test]
fn checksum_is_crc_32() {
    assert_eq!(amazon::checksum(b"123456789"), 0xCBF4_3926);
}

/// Returns the events of a body that a function received in these pieces.
fn pieced<T: Into<Value> + Clone>(pieces: &[T]) -> Option<Vec<Value>> {
    let pieces: Vec<Value> = pieces.iter().cloned().map(Into::into).collect();
    in_pieces(&pieces)
}

#[test]
fn body_is_found_in_texts_lines_and_bytes() {
    let expected = Some(vec![json!({"a": 1}), json!({"b": 2})]);
    let body = "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n";
    assert_eq!(pieced(&[&body[..9], &body[9..]]), expected);
    assert_eq!(pieced(&["", body]), expected);
    assert_eq!(pieced(&body.lines().collect::<Vec<_>>()), expected, "as lines");
    assert_eq!(pieced(&[r#"data: {"a":1}"#, r#"data: {"b":2}"#]), expected, "without the blank lines");
    assert_eq!(pieced(&[r#"{"a":1}"#, r#"{"b":2}"#]), expected, "lines of JSON");
    assert_eq!(pieced(&["{\"a\"", ":1}\n{\"b\":2", "}\n"]), expected, "JSON lines in pieces");
    assert_eq!(pieced(&["[{\"a\":1},", "{\"b\":2}]"]), expected, "an array");
    let bytes: Vec<Value> = body.as_bytes().chunks(7).map(|bytes| json!(bytes)).collect();
    assert_eq!(pieced(&bytes), expected, "bytes");
    let amazon: Vec<Value> = event("a", "1").chunks(7).map(|bytes| json!(bytes)).collect();
    assert_eq!(pieced(&amazon), Some(vec![json!({"a": 1})]), "Amazon's bytes");
}

#[test]
fn unknown_start_of_body_gives_none() {
    for pieces in [vec!["Once ", "upon"], vec![], vec![""], vec!["the data: none"]] {
        assert_eq!(pieced(&pieces), None, "{pieces:?}");
    }
    assert_eq!(pieced(&[json!([1, 2]), json!("a")]), None);
    assert_eq!(pieced(&[json!([256])]), None);
    assert_eq!(pieced(&[json!([-1])]), None);
    assert_eq!(pieced(&[json!([0, 0, 0, 16, 0, 0, 0, 0, 1, 2, 3, 4])]), None);
}
