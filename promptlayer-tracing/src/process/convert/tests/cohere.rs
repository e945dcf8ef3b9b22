//! Exchanges with Cohere's Chat and Embed APIs.

use promptlayer_blueprint::{LogRequest, Message, RequestStatus};
use serde_json::{Value, json};

use super::responses_chunks::{each_changed, log_of_stream, sum};
use super::{arguments, assistant, calls, chat, lines, log_of, log_of_input, log_of_output, said};

fn of(request: &Value) -> LogRequest {
    log_of_input(arguments([("request", request.clone())]))
}

fn content(message: &Message) -> Value {
    serde_json::to_value(message.content()).unwrap()
}

fn reply(message: &Value) -> Value {
    json!({
        "id": "r1", "finish_reason": "COMPLETE", "message": message,
        "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 2}, "tokens": {"input_tokens": 71.0, "output_tokens": 2}},
    })
}

#[test]
fn messages_tools_and_settings_are_placed() {
    let document = json!({"type": "document", "document": {"id": "d", "data": {"text": "2"}}});
    let log = of(&json!({
        "model": "command-a-vision", "documents": ["one"], "citation_options": {"mode": "ACCURATE"}, "tool_choice": "REQUIRED",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
            ]},
            {"role": "assistant", "tool_plan": "I will add.", "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "add", "arguments": "{\"x\":1}"}},
            ]},
            {"role": "tool", "tool_call_id": "a", "content": [document]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So."}],
             "citations": [{"start": 0, "end": 2, "text": "So", "sources": [{"type": "document", "id": "d", "document": {"title": "D", "url": "https://d"}}]}]},
        ],
        "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
        "k": 5, "stream": null,
    }));
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("cohere", Some("chat")));
    let messages = log.input.messages();
    let roles: Vec<&str> = messages.iter().map(Message::role).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "assistant"]);
    assert_eq!(
        content(&messages[1])[1],
        json!({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}})
    );
    assert_eq!(content(&messages[2]), json!([{"type": "thinking", "thinking": "I will add."}]));
    assert_eq!(calls(assistant(&log.input, 2)), [["a", "add", r#"{"x":1}"#]]);
    assert!(matches!(&messages[3], Message::Tool(result) if result.tool_call_id == "a"));
    assert_eq!(serde_json::from_str::<Value>(&messages[3].text()).unwrap(), document);
    assert_eq!(
        content(&messages[4]),
        json!([
            {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "So.", "annotations": [
                {"type": "url_citation", "title": "D", "url": "https://d", "start_index": 0, "end_index": 2, "cited_text": "So"},
            ]},
        ])
    );
    assert_eq!(serde_json::to_value(&chat(&log.input).tool_choice).unwrap(), "required");
    assert_eq!(chat(&log.input).tools.len(), 1);
    let parameters = json!({"documents": ["one"], "citation_options": {"mode": "ACCURATE"}, "k": 5});
    assert_eq!(Value::Object(log.parameters), parameters);
}

/// Fields that OpenAI's chat completions have too do not identify Cohere.
#[test]
fn request_is_detected_only_by_cohere_fields() {
    let request =
        json!({"model": "m", "messages": [{"role": "user", "content": "why?"}], "tool_choice": "none"});
    assert_eq!(of(&request).provider, "custom");
    for (name, value) in [
        ("citation_options", json!({})),
        ("safety_mode", json!("OFF")),
        ("p", json!(0.5)),
        ("tool_choice", json!("NONE")),
    ] {
        let mut request = request.clone();
        request[name] = value;
        assert_eq!(of(&request).provider, "cohere", "{name}");
    }
    // The response still identifies it.
    let reply = reply(&json!({"role": "assistant", "content": [{"type": "text", "text": "So."}]}));
    assert_eq!(log_of(&request, &reply).provider, "cohere");
}

#[test]
fn reply_keeps_citations_and_billed_units() {
    let citations = json!([
        {"start": 0, "end": 2, "text": "So", "content_index": 1, "type": "TEXT_CONTENT", "sources": [
            {"type": "document", "id": "d", "document": {"url": "https://d", "title": "D"}},
            {"type": "tool", "id": "add:0", "tool_output": {"result": "2"}},
        ]},
        {"start": 1, "end": 3, "text": "hm", "type": "PLAN", "sources": [{"type": "tool", "id": "add:0"}]},
    ]);
    let message = json!({
        "role": "assistant", "tool_plan": "I will answer.", "citations": citations,
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So."}],
    });
    let log = log_of_output(&reply(&message));
    assert_eq!(
        content(&log.output.messages()[0]),
        json!([
            {"type": "thinking", "thinking": "I will answer."}, {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "So.", "annotations": [
                {"type": "url_citation", "title": "D", "url": "https://d", "start_index": 0, "end_index": 2, "cited_text": "So"},
                {"type": "file_citation", "index": 0, "file_id": "add:0", "filename": "add:0"},
            ]},
        ])
    );
    assert_eq!(serde_json::from_str::<Value>(&log.metadata["citations"]).unwrap(), citations);
    assert_eq!((log.input_tokens, log.output_tokens), (Some(71), Some(2)));
    let told = ["billed_input_tokens", "billed_output_tokens", "response_id", "finish_reason"];
    assert_eq!(told.map(|key| log.metadata[key].as_str()), ["5", "2", "r1", "stop"]);
}

#[test]
fn reply_with_only_calls_has_no_text() {
    let call = json!({"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}});
    let log = log_of_output(&reply(&json!({"role": "assistant", "tool_calls": [call], "content": []})));
    assert!(assistant(&log.output, 0).content.is_empty());
    assert_eq!(calls(assistant(&log.output, 0)), [["a", "add", "{}"]]);
}

#[test]
fn finish_reason_determines_status() {
    for (word, reason, status) in [
        ("STOP_SEQUENCE", "stop", RequestStatus::Success),
        ("MAX_TOKENS", "length", RequestStatus::Warning),
        ("TOOL_CALL", "tool_calls", RequestStatus::Success),
        ("ERROR_TOXIC", "content_filter", RequestStatus::Warning),
        ("ERROR", "error", RequestStatus::Error),
    ] {
        let mut reply = reply(&json!({"role": "assistant", "content": []}));
        reply["finish_reason"] = word.into();
        let log = log_of_output(&reply);
        assert_eq!((log.metadata["finish_reason"].as_str(), log.status), (reason, status), "{word}");
    }
}

/// Builds an event of a stream.
fn event(kind: &str, index: u64, message: &Value) -> Value {
    json!({"type": kind, "index": index, "delta": {"message": message}})
}

fn events() -> Vec<Value> {
    let call = |arguments: &str| json!({"tool_calls": {"function": {"arguments": arguments}}});
    let start = |id: &str| json!({"tool_calls": {"id": id, "type": "function", "function": {"name": "add", "arguments": ""}}});
    vec![
        json!({"type": "message-start", "id": "r1", "delta": {"message": {
            "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": [],
        }}}),
        json!({"type": "debug", "prompt": "<bos>"}),
        json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will"}}}),
        json!({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": " add."}}}),
        event("tool-call-start", 0, &start("a")),
        event("tool-call-start", 1_000_000_000, &start("b")),
        event("tool-call-delta", 0, &call("{\"x\"")),
        event("tool-call-delta", 1_000_000_000, &call("{}")),
        event("tool-call-delta", 0, &call(":1}")),
        json!({"type": "tool-call-end", "index": 0}),
        event("content-start", 0, &json!({"content": {"type": "thinking", "thinking": ""}})),
        event("content-delta", 0, &json!({"content": {"thinking": "hm"}})),
        event("content-start", 1, &json!({"content": {"type": "text", "text": ""}})),
        event("content-delta", 1, &json!({"content": {"text": "S"}})),
        event("content-delta", 1, &json!({"content": {"text": "o."}})),
        json!({"type": "content-end", "index": 1}),
        event(
            "citation-start",
            0,
            &json!({"citations": {"start": 0, "end": 2, "text": "So", "sources": []}}),
        ),
        json!({"type": "citation-end", "index": 0}),
        json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 7}}}}),
        json!("[DONE]"),
    ]
}

#[test]
fn stream_events_are_assembled_into_reply() {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "add", "arguments": arguments}});
    assert_eq!(
        sum(&events()),
        json!({
            "id": "r1", "finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 7}},
            "message": {
                "role": "assistant", "tool_plan": "I will add.",
                "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So."}],
                "tool_calls": [call("a", "{\"x\":1}"), call("b", "{}")],
                "citations": [{"start": 0, "end": 2, "text": "So", "sources": []}],
            },
        })
    );
}

#[test]
fn interrupted_stream_keeps_received_content() {
    let events = events();
    let log = log_of_stream(&events[..14]);
    assert_eq!(log.provider, "cohere");
    assert_eq!(said(&log.output), lines([("assistant", "S")]));
    assert_eq!(calls(assistant(&log.output, 0)).len(), 2);
    assert_eq!((log.input_tokens, log.status), (None, RequestStatus::Success));
}

#[test]
fn failed_stream_reports_its_error() {
    let mut events = events();
    events[18] =
        json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "out of memory"}});
    let log = log_of_stream(&events);
    assert_eq!((log.status, log.error_message()), (RequestStatus::Error, Some("out of memory")));
}

#[test]
fn version_1_has_message_and_chat_history() {
    let request = json!({
        "model": "command-r", "message": "why?", "preamble": "be brief", "temperature": 0.5,
        "chat_history": [
            {"role": "USER", "message": "hi"},
            {"role": "CHATBOT", "message": "", "tool_calls": [{"name": "add", "parameters": {"x": 1}}]},
        ],
        "tool_results": [{"call": {"name": "add", "parameters": {"x": 1}}, "outputs": [{"sum": 2}]}],
    });
    let answer = json!({
        "text": "So.", "generation_id": "g", "response_id": "r1", "finish_reason": "COMPLETE", "chat_history": [{"role": "USER"}],
        "citations": [{"start": 0, "end": 2, "text": "So", "document_ids": ["d"]}],
        "documents": [{"id": "d", "title": "D", "url": "https://d"}],
        "meta": {"billed_units": {"input_tokens": 5, "output_tokens": 2, "search_units": 1}},
    });
    let log = log_of(&request, &answer);
    assert_eq!((log.provider.as_str(), log.model.as_str()), ("cohere", "command-r"));
    let roles: Vec<&str> = log.input.messages().iter().map(Message::role).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "tool"]);
    assert_eq!(calls(assistant(&log.input, 2)), [["add-0", "add", r#"{"x":1}"#]]);
    assert!(matches!(&log.input.messages()[4], Message::Tool(result) if result.tool_call_id == "add-0"));
    assert_eq!(Value::Object(log.parameters), json!({"temperature": 0.5}));
    assert_eq!(said(&log.output), lines([("assistant", "So.")]));
    assert_eq!(content(&log.output.messages()[0])[0]["annotations"][0]["url"], "https://d");
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(2)), "no others are told");
    assert_eq!((log.metadata["search_units"].as_str(), log.metadata["response_id"].as_str()), ("1", "r1"));

    let piece = |text: &str| json!({"is_finished": false, "event_type": "text-generation", "text": text});
    let start = json!({"is_finished": false, "event_type": "stream-start", "generation_id": "g"});
    let end = json!({"is_finished": true, "event_type": "stream-end", "response": answer});
    let stream = [start, piece("S"), piece("o."), end];
    assert_eq!(sum(&stream), answer);
    assert_eq!(sum(&stream[..3]), json!({"text": "So.", "generation_id": "g"}));
}

#[test]
fn embeddings_are_logged_by_count_and_dimensions() {
    let input = json!({"content": [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]});
    let request =
        json!({"model": "embed-v4.0", "inputs": [input], "texts": ["two"], "input_type": "search_query"});
    let reply = json!({
        "id": "r1", "embeddings": {"float": [[0.5, 1.0], [1.0, 2.0]], "ubinary": []}, "response_type": "embeddings_by_type",
        "meta": {"billed_units": {"input_tokens": 3, "image_tokens": 4}},
    });
    let log = log_of(&request, &reply);
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("cohere", Some("embed")));
    assert_eq!(log.output.text(), "2 embeddings of 2 dimensions");
    assert_eq!(content(&log.input.messages()[0]).as_array().unwrap().len(), 3);
    assert_eq!((log.input_tokens, log.output_tokens), (Some(3), None));
    assert_eq!(log.metadata["billed_image_tokens"], "4");
    assert_eq!(Value::Object(log.parameters), json!({"input_type": "search_query"}));

    let length = |embeddings: Value| {
        log_of_output(&json!({"embeddings": embeddings, "response_type": "embeddings_by_type"})).output.text()
    };
    assert_eq!(length(json!([[0.5, 1.0, 2.0]])), "1 embedding of 3 dimensions");
    assert_eq!(length(json!({"ubinary": [[1, 2]]})), "1 embedding of 16 dimensions");
    assert_eq!(length(json!({"base64": ["AAAAPwAAgD8="]})), "1 embedding of 2 dimensions");
}

#[test]
fn value_that_resembles_a_reply_is_kept_whole() {
    for value in [
        json!({"message": {"role": "assistant", "mood": "good"}, "finish_reason": "done"}),
        json!({"text": "So.", "generation": 7}),
        json!({"embeddings": {"float": [[0.5]]}}),
        json!({"id": "7", "message": "not found"}),
    ] {
        let log = log_of_output(&value);
        assert_eq!(log.provider, "custom", "{value}");
        assert_eq!(serde_json::from_str::<Value>(&log.output.text()).unwrap(), value);
    }
    // A choice of an OpenAI response.
    let choice =
        json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "So."}});
    assert_eq!(log_of_output(&choice).provider, "custom");
}

#[test]
fn malformed_exchanges_do_not_panic() {
    let request = json!({
        "model": "m", "documents": [], "tool_choice": "NONE", "texts": ["x"], "input_type": "y",
        "messages": [{"role": "assistant", "tool_plan": "x", "tool_calls": [{"id": "a", "function": {"name": "b", "arguments": "{}"}}],
                      "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "y"}}],
                      "citations": [{"start": 0, "sources": [{"id": "d", "document": {"url": "z"}}]}]}],
    });
    let first = json!({
        "message": "why?", "chat_history": [{"role": "CHATBOT", "message": "x", "tool_calls": [{"name": "a", "parameters": {}}]}],
        "tool_results": [{"call": {"name": "a"}, "outputs": [{}]}],
        "text": "x", "generation_id": "g", "documents": [{"id": "d"}], "citations": [{"start": 0, "document_ids": ["d"]}],
    });
    let answer = reply(&request["messages"][0]);
    let stream = Value::from(events());
    for odd in
        [json!(null), json!(-7), json!(u64::MAX), json!(1e300), json!(""), json!([]), json!({}), json!([[7]])]
    {
        each_changed(&request, &odd, &mut |changed| drop(of(changed)));
        each_changed(&first, &odd, &mut |changed| drop((of(changed), log_of_output(changed))));
        each_changed(&answer, &odd, &mut |changed| drop(log_of_output(changed)));
        each_changed(&stream, &odd, &mut |changed| {
            drop(log_of_stream(changed.as_array().map_or(&[], Vec::as_slice)));
        });
    }
}

#[test]
fn history_with_other_roles_is_not_version_1() {
    let turns = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]);
    let log = of(&json!({"message": "why?", "chat_history": turns}));
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("custom", None));
    assert_eq!(said(&log.input), lines([("user", "hi"), ("assistant", "hello"), ("user", "why?")]));
    for turns in [
        json!([]),
        json!([{"role": "USER", "content": "hi"}]),
        json!([{"role": "user", "message": "hi"}]),
        json!(["hi"]),
    ] {
        let log = of(&json!({"message": "why?", "chat_history": turns}));
        assert_eq!((log.provider.as_str(), log.api_type), ("custom", None), "{turns}");
    }
    for turns in [
        json!([{"role": "USER", "message": "hi"}, {"role": "CHATBOT", "message": "hello"}]),
        json!([{"role": "CHATBOT", "tool_calls": [{"name": "add", "parameters": {}}]}]),
        json!([{"role": "TOOL", "tool_results": []}]),
    ] {
        assert_eq!(of(&json!({"message": "why?", "chat_history": turns})).provider, "cohere", "{turns}");
    }
}

#[test]
fn documents_identify_cohere_only_with_its_models() {
    let of = |model: &str, documents: Value| {
        let messages = json!([{"role": "user", "content": "why?"}]);
        of(&json!({"model": model, "messages": messages, "documents": documents}))
    };
    for model in ["command-a-03-2025", "command-r", "c4ai-aya-expanse-32b"] {
        let log = of(model, json!(["one"]));
        assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("cohere", Some("chat")), "{model}");
    }
    let log = of("meta-llama/Llama-3.1-8B-Instruct", json!([{"title": "a", "text": "b"}]));
    assert_eq!(
        (log.provider.as_str(), log.api_type.as_deref()),
        ("custom", Some("chat-completions")),
        "vLLM takes them too"
    );
}
