//! Bedrock's Converse API. Its streams are frames of Amazon's event stream encoding.

use serde_json::{Value, json};

use crate::{
    ANSWER, ARGUMENTS, Answer, CALL_ID, Case, Expected, INPUT_TOKENS, OUTPUT_TOKENS, PARTS, Scripted, TOOL,
    Wire,
};

const PROVIDER: &str = "amazon.bedrock";
const API: &str = "converse";

/// Returns the API with a model.
pub fn wire(model: &str) -> Wire {
    let arguments: Value = serde_json::from_str(ARGUMENTS).expect("the arguments are JSON");
    let call = json!({"toolUse": {"toolUseId": CALL_ID, "name": TOOL, "input": arguments}});
    Wire::default()
        .case(
            Case::Reply,
            Scripted::new(
                Answer::json(&reply(&json!({"text": ANSWER}), "end_turn")),
                Expected::reply(PROVIDER, model, API),
            ),
        )
        .case(Case::Stream, Scripted::new(stream(), Expected::stream(PROVIDER, model, API)))
        .case(
            Case::Tools,
            Scripted::new(Answer::json(&reply(&call, "tool_use")), Expected::tools(PROVIDER, model, API)),
        )
        .errors((PROVIDER, model, API), error)
}

fn usage() -> Value {
    json!({
        "inputTokens": INPUT_TOKENS,
        "outputTokens": OUTPUT_TOKENS,
        "totalTokens": INPUT_TOKENS + OUTPUT_TOKENS,
    })
}

fn reply(content: &Value, stop_reason: &str) -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": [content]}},
        "stopReason": stop_reason,
        "usage": usage(),
        "metrics": {"latencyMs": 417},
    })
}

/// Amazon answers an unknown key with status 403.
fn error(status: u16, message: &str) -> Answer {
    let (status, kind) = match status {
        401 => (403, "UnrecognizedClientException"),
        429 => (429, "ThrottlingException"),
        _ => (status, "InternalServerException"),
    };
    Answer::error(status, &json!({"message": message})).header("x-amzn-errortype", kind)
}

fn stream() -> Answer {
    let delta = |text: &str| json!({"contentBlockIndex": 0, "delta": {"text": text}});
    let mut frames = vec![frame("messageStart", &json!({"role": "assistant"}))];
    frames.extend(PARTS.map(|part| frame("contentBlockDelta", &delta(part))));
    frames.extend([
        frame("contentBlockStop", &json!({"contentBlockIndex": 0})),
        frame("messageStop", &json!({"stopReason": "end_turn"})),
        frame("metadata", &json!({"usage": usage(), "metrics": {"latencyMs": 417}})),
    ]);
    Answer::parts("application/vnd.amazon.eventstream", frames)
}

/// Encodes an event: the lengths and their checksum, the headers, the payload, and the checksum of all before it.
fn frame(event: &str, payload: &Value) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in
        [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")]
    {
        const STRING: u8 = 7;
        headers.push(u8::try_from(name.len()).expect("a name is short"));
        headers.extend(name.as_bytes());
        headers.push(STRING);
        headers.extend(u16::try_from(value.len()).expect("a value is short").to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let payload = payload.to_string();
    let length = |bytes: usize| u32::try_from(bytes).expect("a frame is short").to_be_bytes();
    let mut frame = Vec::new();
    frame.extend(length(16 + headers.len() + payload.len()));
    frame.extend(length(headers.len()));
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(payload.as_bytes());
    frame.extend(crc32(&frame).to_be_bytes());
    frame
}

/// The checksum of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |rest: u32, _| (rest >> 1) ^ if rest & 1 == 1 { 0xedb8_8320 } else { 0 };
    !bytes.iter().fold(u32::MAX, |rest, byte| (0..8).fold(rest ^ u32::from(*byte), bit))
}

#[cfg(test)]
mod tests {
    #[test]
    fn checksum_is_that_of_the_standard() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
    }
}
