//! Requests of OpenAI's chat completions.

use promptlayer_blueprint::{ContentBlock, FunctionCallChoice, LogRequest, MediaFormat, Message, ToolChoice};
use serde_json::{Value, json};

use super::{arguments, assistant, calls, captured, chat, lines, log_of_input, said};
use crate::span::input_output::Input;

/// Returns the log of a request with these fields, a model and one message.
fn with(fields: Value) -> LogRequest {
    let mut request = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}]});
    let Value::Object(fields) = fields else { panic!("{fields}") };
    request.as_object_mut().unwrap().extend(fields);
    log_of_input(arguments([("request", request)]))
}

/// Returns the log of a call with only these messages, in a form that other providers use too.
fn with_messages(messages: Value) -> LogRequest {
    log_of_input(arguments([("messages", messages)]))
}

/// Returns the log of a request with these messages.
fn of(messages: &Value) -> LogRequest {
    with(json!({ "messages": messages }))
}

#[test]
fn other_fields_become_parameters() {
    let log = with(json!({
        "temperature": 0.5, "n": 2, "stop": ["a", "b"], "stream": false, "user": "u-1", "seed": 7,
        "stream_options": {"include_usage": true}, "own field of a server": [1],
    }));
    assert_eq!(log.model, "gpt-4o");
    assert_eq!(said(&log.input), lines([("user", "why?")]));
    assert_eq!(
        Value::Object(log.parameters),
        json!({
            "temperature": 0.5, "n": 2, "stop": ["a", "b"], "stream": false, "user": "u-1", "seed": 7,
            "stream_options": {"include_usage": true}, "own field of a server": [1],
        })
    );
}

#[test]
fn null_fields_are_omitted() {
    let log = with(json!({
        "temperature": null, "tools": null, "tool_choice": null, "functions": null, "function_call": null,
        "stop": null, "logit_bias": null,
    }));
    assert!(log.parameters.is_empty(), "{:?}", log.parameters);
    let prompt = chat(&log.input);
    assert!(prompt.tools.is_empty() && prompt.functions.is_empty());
    assert_eq!((&prompt.tool_choice, &prompt.function_call), (&None, &None));
}

#[test]
fn message_without_content_is_kept() {
    for content in [json!(null), json!(""), json!([])] {
        let log = of(&json!([{"role": "user", "content": content}, {"role": "assistant"}]));
        assert_eq!(said(&log.input), lines([("user", ""), ("assistant", "")]));
        assert!(log.input.messages().iter().all(|message| message.content().is_empty()), "{content}");
    }
}

#[test]
fn every_role_keeps_its_name_and_fields() {
    let log = of(&json!([
        {"role": "system", "content": "one", "name": "sys"},
        {"role": "developer", "content": "two", "name": "dev"},
        {"role": "user", "content": "three", "name": "ada"},
        {"role": "assistant", "content": "four", "name": "bot"},
        {"role": "tool", "content": "five", "tool_call_id": "call_1"},
        {"role": "function", "content": "six", "name": "weather"},
    ]));
    assert_eq!(
        said(&log.input),
        lines([
            ("system", "one"),
            ("developer", "two"),
            ("user", "three"),
            ("assistant", "four"),
            ("tool", "five"),
            ("function", "six"),
        ])
    );
    let names: Vec<Option<&str>> = log
        .input
        .messages()
        .iter()
        .map(|message| match message {
            Message::System(message) => message.name.as_deref(),
            Message::Developer(message) => message.name.as_deref(),
            Message::User(message) => message.name.as_deref(),
            Message::Assistant(message) => message.name.as_deref(),
            Message::Function(message) => Some(message.name.as_str()),
            Message::Tool(message) => Some(message.tool_call_id.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["sys", "dev", "ada", "bot", "call_1", "weather"].map(Some));
}

#[test]
fn message_with_unknown_role_becomes_a_user_message() {
    let log = of(&json!([{"role": "critic", "content": "too long"}, {"role": "", "content": "empty"}]));
    assert_eq!(said(&log.input), lines([("user", "too long"), ("user", "empty")]));
}

#[test]
fn function_tools_move_to_the_prompt() {
    let tools = json!([
        {"type": "function", "function": {"name": "now"}},
        {"type": "function", "function": {
            "name": "weather", "description": "of a city", "strict": true,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        }},
    ]);
    let log = with(json!({"tools": tools, "parallel_tool_calls": false}));
    assert_eq!(serde_json::to_value(&chat(&log.input).tools).unwrap(), tools);
    assert_eq!(Value::Object(log.parameters), json!({"parallel_tool_calls": false}));

    // As written by clients that serialize all fields.
    let log = with(json!({"tools": [{"type": "function", "function": {
        "name": "now", "description": null, "parameters": null, "strict": null,
    }}]}));
    let prompt = serde_json::to_value(&chat(&log.input).tools).unwrap();
    assert_eq!(prompt, json!([{"type": "function", "function": {"name": "now"}}]));
}

#[test]
fn unknown_tools_are_kept_whole_in_parameters() {
    let tools = json!([
        {"type": "function", "function": {"name": "now"}},
        {"type": "custom", "custom": {"name": "sql", "format": {"type": "text"}}},
    ]);
    let log = with(json!({ "tools": tools }));
    assert!(chat(&log.input).tools.is_empty());
    assert_eq!(log.parameters["tools"], tools);
}

#[test]
fn every_tool_choice_is_kept() {
    for mode in ["auto", "none", "required"] {
        let log = with(json!({ "tool_choice": mode }));
        assert_eq!(chat(&log.input).tool_choice, Some(ToolChoice::Mode(mode.to_owned())));
        assert!(log.parameters.is_empty());
    }
    let log = with(json!({"tool_choice": {"type": "function", "function": {"name": "weather"}}}));
    assert_eq!(chat(&log.input).tool_choice, Some(ToolChoice::function("weather")));
    assert!(log.parameters.is_empty());

    for choice in [
        json!({"type": "custom", "custom": {"name": "sql"}}),
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}),
    ] {
        let log = with(json!({ "tool_choice": choice }));
        assert_eq!(chat(&log.input).tool_choice, None);
        assert_eq!(log.parameters["tool_choice"], choice);
    }
}

#[test]
fn legacy_functions_move_to_the_prompt() {
    let functions =
        json!([{"name": "weather", "description": "of a city", "parameters": {"type": "object"}}]);
    let log = with(json!({"functions": functions, "function_call": "auto"}));
    let prompt = chat(&log.input);
    assert_eq!(serde_json::to_value(&prompt.functions).unwrap(), functions);
    assert_eq!(prompt.function_call, Some(FunctionCallChoice::Mode("auto".to_owned())));
    assert!(log.parameters.is_empty());

    let log = with(json!({"function_call": {"name": "weather"}}));
    let choice = chat(&log.input).function_call.as_ref();
    let Some(FunctionCallChoice::Function(function)) = choice else { panic!("{choice:?}") };
    assert_eq!(function.name, "weather");

    let log = of(&json!([
        {"role": "assistant", "content": null, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "sunny"},
    ]));
    let call = assistant(&log.input, 0).function_call.as_ref().unwrap();
    assert_eq!((call.name.as_str(), call.arguments.as_str()), ("weather", "{}"));
}

#[test]
fn tool_calls_are_kept_in_every_form() {
    let log = with_messages(json!([{"role": "assistant", "content": "Let me see.", "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Bern\"}"}},
        {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
        {"id": "call_3", "function": {"name": "object", "arguments": {"city": "Bern"}}},
        {"function": {"name": "bare"}},
        {"id": "call_5", "type": "mystery", "what": 1},
    ]}]));
    let message = assistant(&log.input, 0);
    assert_eq!(said(&log.input), lines([("assistant", "Let me see.")]));
    let calls = calls(message);
    assert_eq!(calls[0], ["call_1", "weather", "{\"city\":\"Bern\"}"]);
    assert_eq!(calls[1], ["call_2", "sql", "select 1"]);
    assert_eq!(calls[2], ["call_3", "object", "{\"city\":\"Bern\"}"]);
    assert_eq!(calls[3], ["", "bare", ""]);
    assert_eq!(calls[4][..2], ["call_5", ""]);
    let whole: Value = serde_json::from_str(calls[4][2]).unwrap();
    assert_eq!(whole, json!({"id": "call_5", "type": "mystery", "what": 1}));

    for none in [json!(null), json!([])] {
        let log = of(&json!([{"role": "assistant", "content": "no", "tool_calls": none}]));
        assert!(assistant(&log.input, 0).tool_calls.is_empty());
    }
}

#[test]
fn every_content_part_is_kept() {
    let parts = json!([
        {"type": "text", "text": "one"},
        {"type": "input_text", "text": "two"},
        {"type": "output_text", "text": "three"},
        {"type": "refusal", "refusal": "four"},
        "five",
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": "https://example.org/b.png"},
        {"type": "image_url", "image_url": {"uri": "no url"}},
        {"type": "reference", "reference_ids": [0, 2]},
        {"type": "input_audio", "input_audio": {"format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf"}},
        {"type": "text", "text": 7},
        {"text": "no type"},
        7,
    ]);
    let log = of(&json!([{"role": "user", "content": parts}]));
    let content = log.input.messages()[0].content();
    assert_eq!(content.len(), 14);
    for (block, text) in content.iter().zip(["one", "two", "three", "four", "five"]) {
        assert_eq!(block, &ContentBlock::from_text(text));
    }
    let ContentBlock::ImageUrl(image) = &content[5] else { panic!("{:?}", content[5]) };
    assert_eq!(image.image_url.url, "https://example.org/a.png");
    assert_eq!(image.image_url.detail.as_deref(), Some("low"));
    assert_eq!(content[6], ContentBlock::from_image_url("https://example.org/b.png"));
    for at in 7..14 {
        let kept: Value = serde_json::from_str(content[at].text().unwrap()).unwrap();
        assert_eq!(kept, parts[at], "what has no block of its own is kept whole, to be read");
    }
}

/// Returns the title, the MIME type, the URL or content, and the format of a part that is a file.
fn file(part: &Value) -> [Option<String>; 4] {
    let log = of(&json!([{"role": "user", "content": [part]}]));
    let content = log.input.messages()[0].content();
    let [ContentBlock::Media(block)] = content else { panic!("{part}: {content:?}") };
    let media = serde_json::to_value(&block.media).unwrap();
    ["title", "type", "url", "format"].map(|key| media[key].as_str().map(str::to_owned))
}

#[test]
fn files_and_audio_become_media() {
    let expect = |part: Value, media: [&str; 4]| {
        let media = media.map(|field| (!field.is_empty()).then(|| field.to_owned()));
        assert_eq!(file(&part), media, "{part}");
    };
    let pdf = "application/pdf";
    expect(
        json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}}),
        ["a.pdf", pdf, "JVBE", "base64"],
    );
    expect(
        json!({"type": "file", "file": {"filename": "a.PDF", "file_data": "JVBE"}}),
        ["a.PDF", pdf, "JVBE", "base64"],
    );
    expect(
        json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "https://example.org/a"}}),
        ["a.pdf", pdf, "https://example.org/a", "url"],
    );
    expect(
        json!({"type": "file", "file": {"file_id": "file-1"}}),
        ["", "application/octet-stream", "file-1", "neither"],
    );
    // Mistral's form.
    expect(json!({"type": "file", "file_id": "f"}), ["", "application/octet-stream", "f", "neither"]);
    expect(
        json!({"type": "document_url", "document_url": "https://example.org/a.pdf?page=2", "document_name": "A paper"}),
        ["A paper", pdf, "https://example.org/a.pdf?page=2", "url"],
    );
    expect(
        json!({"type": "input_audio", "input_audio": "UklGRg=="}),
        ["", "audio/wav", "UklGRg==", "base64"],
    );
    expect(
        json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}),
        ["", "audio/mpeg", "AAAA", "base64"],
    );
    expect(
        json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "flac"}}),
        ["", "audio/flac", "AAAA", "base64"],
    );
    // vLLM's form.
    expect(
        json!({"type": "audio_url", "audio_url": {"url": "https://example.org/talk"}}),
        ["", "audio/*", "https://example.org/talk", "url"],
    );
    expect(
        json!({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}),
        ["", "video/mp4", "AAAA", "base64"],
    );
}

#[test]
fn thoughts_in_content_become_thinking_blocks() {
    let log = with_messages(json!([{"role": "assistant", "content": [
        {"type": "thinking", "closed": true, "thinking": [
            {"type": "text", "text": "six times "}, {"type": "text", "text": "seven"},
        ]},
        {"type": "thinking", "thinking": "checked", "signature": "EqQB"},
        {"type": "text", "text": "42"},
    ]}]));
    let content = &assistant(&log.input, 0).content;
    assert_eq!(content[0], ContentBlock::from_thinking("six times seven"));
    let ContentBlock::Thinking(signed) = &content[1] else { panic!("{content:?}") };
    assert_eq!((signed.thinking.as_str(), signed.signature.as_deref()), ("checked", Some("EqQB")));
    assert_eq!(content[2..], [ContentBlock::from_text("42")]);

    let mistral = of(&json!([{"role": "assistant", "content": [
        {"type": "thinking", "thinking": [{"type": "text", "text": "six times seven"}]},
    ]}]));
    assert_eq!(assistant(&mistral.input, 0).content, [ContentBlock::from_thinking("six times seven")]);
    assert_eq!(mistral.api_type.as_deref(), Some("chat-completions"));
}

#[test]
fn spoken_answer_in_request_is_kept_by_its_id() {
    let log = of(&json!([{"role": "assistant", "content": null, "audio": {"id": "audio_1"}}]));
    let [ContentBlock::Media(block)] = assistant(&log.input, 0).content.as_slice() else { panic!("{log:?}") };
    assert_eq!((block.media.url.as_deref(), block.media.format), (Some("audio_1"), MediaFormat::Neither));
}

#[test]
fn content_of_other_type_is_kept_whole() {
    let log = of(&json!([{"role": "user", "content": {"city": "Bern"}}, {"role": "user", "content": 7}]));
    let texts: Vec<String> = log.input.messages().iter().map(Message::text).collect();
    assert_eq!(serde_json::from_str::<Value>(&texts[0]).unwrap(), json!({"city": "Bern"}));
    assert_eq!(texts[1], "7");
}

#[test]
fn thought_in_request_becomes_a_thinking_block() {
    let log = of(&json!([{"role": "assistant", "content": "42", "reasoning_content": "six times seven"}]));
    let content = &assistant(&log.input, 0).content;
    assert_eq!(content, &[ContentBlock::from_thinking("six times seven"), ContentBlock::from_text("42")]);
}

#[test]
fn empty_or_bare_messages_are_not_a_provider_request() {
    let log = log_of_input(arguments([("request", json!({"model": "m", "messages": []}))]));
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("custom", None));
    let log =
        log_of_input(arguments([("request", json!({"messages": [{"role": "user", "content": "why?"}]}))]));
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("custom", None));
    assert_eq!(said(&log.input), lines([("user", "why?")]), "it is understood by its names");
}

/// A request whose model is in the URL, as for an Azure deployment.
fn without_model() -> Value {
    json!({
        "messages": [{"role": "user", "content": "why?"}], "temperature": 0.2, "user": "u-1",
        "tools": [{"type": "function", "function": {"name": "now"}}], "tool_choice": "auto",
        "stream_options": {"include_usage": true},
    })
}

#[test]
fn request_with_model_in_other_argument_is_detected() {
    let alone = json!({"messages": [{"role": "user", "content": "why?"}]});
    let own = json!({"messages": [{"role": "user", "content": "why?"}], "an option of a server": 1});
    for request in [without_model(), alone, own] {
        for name in ["request", "payload"] {
            let log = log_of_input(arguments([(name, request.clone()), ("model", json!("mine"))]));
            assert_eq!(log.api_type.as_deref(), Some("chat-completions"), "{name} {request}");
            assert_eq!((log.model.as_str(), said(&log.input)), ("mine", lines([("user", "why?")])));
        }
        let log = log_of_input(arguments([("deployment", json!("mine")), ("body", request.clone())]));
        assert_eq!(log.api_type.as_deref(), Some("chat-completions"), "{request}");
        assert_eq!(said(&log.input), lines([("user", "why?")]), "{request}");
    }
}

#[test]
fn request_without_model_is_detected_by_chat_only_fields() {
    let request = without_model();
    for input in [
        arguments([("request", request.clone())]),
        arguments([("asked", request.clone())]),
        Input::Value(captured(&request)),
    ] {
        let log = log_of_input(input);
        assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("custom", Some("chat-completions")));
        assert_eq!((log.model.as_str(), said(&log.input)), ("unknown", lines([("user", "why?")])));
        assert_eq!(chat(&log.input).tools.len(), 1);
        assert_eq!(chat(&log.input).tool_choice, Some(ToolChoice::Mode("auto".to_owned())));
        assert_eq!(
            Value::Object(log.parameters),
            json!({"temperature": 0.2, "user": "u-1", "stream_options": {"include_usage": true}})
        );
    }
    let mut on_azure = json!({"messages": [{"role": "user", "content": "why?"}], "model": null});
    on_azure["data_sources"] = json!([{"type": "azure_search", "parameters": {}}]);
    assert_eq!(log_of_input(arguments([("request", on_azure)])).provider, "openai.azure");
    let settings = json!({"messages": [{"role": "user", "content": "why?"}], "temperature": 0.2});
    let log = log_of_input(arguments([("request", settings.clone())]));
    assert_eq!(log.api_type.as_deref(), Some("chat-completions"), "its name and its settings tell it");
    assert_eq!(log_of_input(arguments([("asked", settings)])).api_type, None, "others have these, too");
}

#[test]
fn application_value_with_messages_is_read_by_field_names() {
    let messages = json!([{"role": "user", "content": "why?"}]);
    let own = [
        json!({"messages": messages, "customer": {"id": 7}}),
        json!({"messages": messages, "system": "be brief", "tools": [{"name": "mine"}]}),
        json!({"messages": messages, "question": "really?", "tool_choice": "auto"}),
    ];
    for value in own {
        for name in ["request", "asked"] {
            let log = log_of_input(arguments([(name, value.clone())]));
            assert_eq!((log.provider.as_str(), log.api_type), ("custom", None), "{name} {value}");
            assert!(said(&log.input).contains(&("user".to_owned(), "why?".to_owned())), "{value}");
            assert!(log.parameters.is_empty(), "{value}");
        }
    }
    let before = json!({"messages": messages, "summary": "nothing yet"});
    let log = log_of_input(arguments([
        ("context", before),
        ("model", json!("mine")),
        ("question", json!("really?")),
    ]));
    assert_eq!(said(&log.input), lines([("user", "really?")]), "that is what was asked");
}
