//! Gemini: `generateContent`, `embedContent`, and interactions.

use serde_json::{Value, json};

use crate::{
    ANSWER, ARGUMENTS, Answer, CALL_ID, Case, Expected, INPUT_TOKENS, OUTPUT_TOKENS, PARTS, Scripted, TOOL,
    VECTOR, Wire,
};

const PROVIDER: &str = "google";
const GENERATE_CONTENT: &str = "generate-content";

/// Returns `generateContent` and `streamGenerateContent` with a model.
pub fn generate_content(model: &str) -> Wire {
    let api = GENERATE_CONTENT;
    let call = json!({"functionCall": {"name": TOOL, "args": arguments()}});
    let text = |text: &str| json!({"text": text});
    Wire::default()
        .case(
            Case::Reply,
            Scripted::new(
                Answer::json(&reply(model, &text(ANSWER), Some("STOP"))),
                Expected::reply(PROVIDER, model, api),
            ),
        )
        .case(
            Case::Stream,
            Scripted::new(
                Answer::parts(
                    "text/event-stream",
                    chunks(model).map(|chunk| format!("data: {chunk}\r\n\r\n")),
                ),
                Expected::stream(PROVIDER, model, api),
            ),
        )
        .case(
            Case::Tools,
            Scripted::new(
                Answer::json(&reply(model, &call, Some("STOP"))),
                Expected::tools(PROVIDER, model, api),
            ),
        )
        .errors((PROVIDER, model, api), error)
}

/// Returns the same API for a client that does not ask for server-sent events: a stream is one JSON array.
pub fn generate_content_in_array(model: &str) -> Wire {
    let [first, last] = chunks(model);
    let parts = [format!("[{first}\r\n"), format!(",\r\n{last}\r\n"), "]".to_owned()];
    let answer = Answer::parts("application/json", parts);
    let expected = Expected::stream(PROVIDER, model, GENERATE_CONTENT);
    generate_content(model).replace(Case::Stream, Scripted::new(answer, expected))
}

/// Returns `embedContent` with a model. Its response has neither the model nor tokens.
pub fn embed_content(model: &str) -> Wire {
    let api = "embed-content";
    let reply = json!({"embedding": {"values": VECTOR}});
    let expected = Expected { tokens: (None, None), ..Expected::embeddings(PROVIDER, model, api) };
    Wire::default()
        .case(Case::Embeddings, Scripted::new(Answer::json(&reply), expected.clone()))
        .errors((PROVIDER, model, api), error)
        .expect(Case::Error, |error| error.input.clone_from(&expected.input))
}

/// Returns the Interactions API with a model.
pub fn interactions(model: &str) -> Wire {
    let api = "interactions";
    let text = json!({"type": "model_output", "content": [{"type": "text", "text": ANSWER}]});
    let call = json!({"type": "function_call", "id": CALL_ID, "name": TOOL, "arguments": arguments()});
    Wire::default()
        .case(
            Case::Reply,
            Scripted::new(
                Answer::json(&interaction(model, "completed", &json!([text]))),
                Expected::reply(PROVIDER, model, api),
            ),
        )
        .case(
            Case::Stream,
            Scripted::new(
                Answer::parts("text/event-stream", events(model)),
                Expected::stream(PROVIDER, model, api),
            ),
        )
        .case(
            Case::Tools,
            Scripted::new(
                Answer::json(&interaction(model, "requires_action", &json!([call]))),
                Expected::tools(PROVIDER, model, api),
            ),
        )
        .errors((PROVIDER, model, api), error)
}

/// Returns an error response.
pub fn error(status: u16, message: &str) -> Answer {
    let code = match status {
        401 => "UNAUTHENTICATED",
        429 => "RESOURCE_EXHAUSTED",
        _ => "INTERNAL",
    };
    Answer::error(status, &json!({"error": {"code": status, "message": message, "status": code}}))
}

fn arguments() -> Value {
    serde_json::from_str(ARGUMENTS).expect("the arguments are JSON")
}

fn chunks(model: &str) -> [Value; 2] {
    let [first, last] = PARTS.map(|text| json!({"text": text}));
    [reply(model, &first, None), reply(model, &last, Some("STOP"))]
}

fn reply(model: &str, part: &Value, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": [part], "role": "model"}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": INPUT_TOKENS,
            "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": INPUT_TOKENS}],
        },
        "modelVersion": model,
        "responseId": "Xk41aT",
    })
}

fn interaction(model: &str, status: &str, steps: &Value) -> Value {
    json!({
        "id": "v1_51",
        "object": "interaction",
        "model": model,
        "status": status,
        "created": "2026-01-01T00:00:00Z",
        "updated": "2026-01-01T00:00:01Z",
        "steps": steps,
        "usage": {
            "total_input_tokens": INPUT_TOKENS,
            "total_output_tokens": OUTPUT_TOKENS,
            "total_cached_tokens": 0,
            "total_thought_tokens": 0,
            "total_tool_use_tokens": 0,
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        },
    })
}

fn events(model: &str) -> Vec<String> {
    let whole = |status: &str| {
        let mut whole = interaction(model, status, &json!([]));
        whole.as_object_mut().expect("an object").remove("steps");
        whole
    };
    let mut created = whole("in_progress");
    created.as_object_mut().expect("an object").remove("usage");
    let mut events = vec![
        json!({"event_type": "interaction.created", "interaction": created}),
        json!({"event_type": "step.start", "index": 0, "step": {"type": "model_output"}}),
    ];
    events.extend(PARTS.map(
        |part| json!({"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": part}}),
    ));
    events.extend([
        json!({"event_type": "step.stop", "index": 0}),
        json!({"event_type": "interaction.completed", "interaction": whole("completed")}),
    ]);
    let line = |event: Value| {
        format!("event: {}\ndata: {event}\n\n", event["event_type"].as_str().expect("an event has a type"))
    };
    events.into_iter().map(line).chain(["event: done\ndata: [DONE]\n\n".to_owned()]).collect()
}
