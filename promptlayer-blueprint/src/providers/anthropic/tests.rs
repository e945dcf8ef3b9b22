//! Tests of the requests that are written for Anthropic and Bedrock, and of replies without a role.

use serde_json::{Map, Value, json};

use crate::blueprint::{ChatPrompt, FunctionCallChoice, Prompt};
use crate::providers::{Input, Output, ProviderRequest, request, response, to_request};

/// Writes a request with one parameter that both APIs have in this test.
fn write(prompt: &Value, provider: &str) -> ProviderRequest {
    let prompt: Prompt = serde_json::from_value(prompt.clone()).unwrap();
    let parameters = if provider == "amazon.bedrock" {
        json!({"inferenceConfig": {"maxTokens": 8}})
    } else {
        json!({"max_tokens": 8, "thinking": {"type": "adaptive"}})
    };
    let Value::Object(parameters) = parameters else { panic!() };
    let written = to_request(&prompt, provider, None, "claude-x", &parameters).unwrap();
    let read = request(Input::Value(written.body.clone().into()));
    assert_eq!((read.model.as_deref(), read.parameters), (Some("claude-x"), parameters));
    if written.omissions.is_empty() {
        assert_eq!(read.prompt, Some(prompt));
    }
    written
}

/// Writes a chat with these messages. Returns the `messages` of the request and the places of what is left out.
fn messages(messages: &Value, provider: &str) -> (Value, Vec<String>) {
    let mut written = write(&json!({"type": "chat", "messages": messages}), provider);
    let places = written.omissions.into_iter().map(|omission| omission.place).collect();
    (written.body.remove("messages").unwrap(), places)
}

/// Writes one message with these blocks. Returns its content and the places of what is left out.
fn blocks(role: &str, blocks: &Value, provider: &str) -> (Value, Vec<String>) {
    let messages = messages(
        &json!([{"role": "user", "content": [text("go")]}, {"role": role, "content": blocks}]),
        provider,
    );
    (messages.0[1]["content"].clone(), messages.1)
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn call(id: &str) -> Value {
    json!({"type": "function", "id": id, "function": {"name": "add", "arguments": r#"{"x":1}"#}})
}

fn media(mime_type: &str, url: &str, format: &str) -> Value {
    json!({"type": "media", "media": {"title": "T", "type": mime_type, "url": url, "format": format}})
}

const BOTH: [&str; 2] = ["anthropic", "amazon.bedrock"];
const NONE: Vec<String> = Vec::new();

#[test]
fn conversation_is_written_with_results_in_one_message() {
    let conversation = json!([
        {"role": "system", "content": [text("Be brief.")]},
        {"role": "user", "content": [text("1+2, 3+4?")]},
        {"role": "assistant", "content": [text("Let me see.")], "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": [text("3")]},
        {"role": "tool", "tool_call_id": "b", "content": [text("no"), text(r#"{"is_error": true}"#)]},
        {"role": "user", "content": [text("go on")]},
        {"role": "user", "content": [text("please")]},
        {"role": "assistant", "content": [text("3")]},
    ]);
    let prompt = json!({"type": "chat", "messages": conversation});
    let written = write(&prompt, "anthropic");
    assert_eq!(written.omissions, []);
    let tool_use = |id: &str| json!({"type": "tool_use", "id": id, "name": "add", "input": {"x": 1}});
    assert_eq!(
        Value::Object(written.body),
        json!({
            "model": "claude-x", "max_tokens": 8, "thinking": {"type": "adaptive"}, "system": [text("Be brief.")],
            "messages": [
                {"role": "user", "content": [text("1+2, 3+4?")]},
                {"role": "assistant", "content": [text("Let me see."), tool_use("a"), tool_use("b")]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": [text("3")]},
                    {"type": "tool_result", "tool_use_id": "b", "content": [text("no")], "is_error": true},
                    text("go on"),
                ]},
                {"role": "user", "content": [text("please")]},
                {"role": "assistant", "content": [text("3")]},
            ],
        })
    );
    let written = write(&prompt, "amazon.bedrock");
    assert_eq!(written.omissions, []);
    let tool_use = |id: &str| json!({"toolUse": {"toolUseId": id, "name": "add", "input": {"x": 1}}});
    let result = |id: &str, status: &str, text: &str| json!({"toolResult": {"toolUseId": id, "status": status, "content": [{"text": text}]}});
    assert_eq!(
        Value::Object(written.body),
        json!({
            "modelId": "claude-x", "inferenceConfig": {"maxTokens": 8}, "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "1+2, 3+4?"}]},
                {"role": "assistant", "content": [{"text": "Let me see."}, tool_use("a"), tool_use("b")]},
                {"role": "user", "content": [result("a", "success", "3"), result("b", "error", "no"), {"text": "go on"}]},
                {"role": "user", "content": [{"text": "please"}]},
                {"role": "assistant", "content": [{"text": "3"}]},
            ],
        })
    );
}

#[test]
fn files_are_written_as_images_and_documents() {
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let content = json!([
        image("data:image/png;base64,AAAA"),
        media("application/pdf", "AAAA", "base64"),
        media("text/plain", "Safety.", "neither"),
    ]);
    let document = |source: Value| json!({"type": "document", "title": "T", "source": source});
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": "AAAA"});
    let expected = json!([
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        document(pdf),
        document(json!({"type": "text", "media_type": "text/plain", "data": "Safety."})),
    ]);
    assert_eq!(blocks("user", &content, "anthropic"), (expected, NONE));
    let document =
        |format: &str, source: Value| json!({"document": {"format": format, "name": "T", "source": source}});
    let expected = json!([
        {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
        document("pdf", json!({"bytes": "AAAA"})),
        document("txt", json!({"text": "Safety."})),
    ]);
    assert_eq!(blocks("user", &content, "amazon.bedrock"), (expected, NONE));

    let web = json!([
        image("https://a/b.png"),
        media("application/pdf", "https://a/b.pdf", "url"),
        media("application/octet-stream", "file_1", "neither"),
    ]);
    assert_eq!(blocks("user", &web, "anthropic").1, NONE);
    assert_eq!(
        blocks("user", &web, "amazon.bedrock").1,
        ["messages[1].content[0]", "messages[1].content[1]", "messages[1].content[2]", "messages[1]"]
    );
    let video =
        json!({"type": "media", "media": {"type": "video/x-matroska", "url": "AAAA", "format": "base64"}});
    let own = json!([
        image("s3://a/b.jpg"),
        media("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "s3://a/b", "url"),
        media("text/markdown", "AAAA", "base64"),
        video,
    ]);
    assert_eq!(blocks("user", &own, "amazon.bedrock").1, NONE);
    let all = [
        "messages[1].content[0]",
        "messages[1].content[1]",
        "messages[1].content[2]",
        "messages[1].content[3]",
    ];
    assert_eq!(blocks("user", &own, "anthropic").1[..4], all);
}

#[test]
fn files_in_other_forms_are_written_in_the_usual_one() {
    let file = json!({"type": "media", "media": {"type": "image/png", "url": "AAAA", "format": "base64"}});
    let generated = json!({"type": "output_media", "url": "data:image/png;base64,AAAA"});
    let untitled =
        json!({"type": "media", "media": {"type": "application/pdf", "url": "AAAA", "format": "base64"}});
    let prompt: Prompt = serde_json::from_value(json!({"type": "chat", "messages": [
        {"role": "user", "content": [file, generated, untitled]}]}))
    .unwrap();
    let written = to_request(&prompt, "amazon.bedrock", None, "m", &Map::new()).unwrap();
    assert_eq!(written.omissions, []);
    let image = json!({"image": {"format": "png", "source": {"bytes": "AAAA"}}});
    let document = json!({"document": {"format": "pdf", "name": "document", "source": {"bytes": "AAAA"}}});
    assert_eq!(written.body["messages"][0]["content"], json!([image, image, document]));
}

#[test]
fn thoughts_and_provider_tools_are_written_for_the_model() {
    let thought = json!({"type": "thinking", "thinking": "Add.", "signature": "s"});
    let search =
        json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "sky"}});
    let page = json!({"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "e", "page_age": "1"});
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": [page]});
    let ran = json!({"type": "server_tool_use", "id": "c", "name": "code_execution", "input": {"code": "1"}});
    let shell =
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": "b", "content": {"stdout": "1"}});
    let content = json!([
        thought, search, found,
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"type": "web_search_result", "title": "unavailable"}]},
        ran, {"type": "code_execution_result", "output": "1", "outcome": "OUTCOME_FAILED"},
        shell,
        {"type": "mcp_call", "id": "m", "name": "route", "server_label": "maps", "arguments": r#"{"to":"Bern"}"#, "output": "train"},
        {"type": "mcp_call", "id": "n", "name": "route", "server_label": "maps", "arguments": "{}", "error": "no"},
        {"type": "text", "text": "Blue", "annotations": [{"type": "url_citation", "title": "A", "url": "https://a",
            "start_index": 0, "end_index": 4, "cited_text": "blue", "encrypted_index": "e"}]},
    ]);
    let mcp = |id: &str, input: Value| json!({"type": "mcp_tool_use", "id": id, "name": "route", "server_name": "maps", "input": input});
    let result = |id: &str, is_error: bool, said: &str| json!({"type": "mcp_tool_result", "tool_use_id": id, "is_error": is_error, "content": [text(said)]});
    let expected = json!([
        thought, search, found,
        {"type": "web_search_tool_result", "tool_use_id": "t",
         "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"}},
        ran,
        {"type": "code_execution_tool_result", "tool_use_id": "c", "content": {"type": "code_execution_result",
            "stdout": "1", "stderr": "", "return_code": 1, "content": []}},
        shell, mcp("m", json!({"to": "Bern"})), result("m", false, "train"), mcp("n", json!({})), result("n", true, "no"),
        {"type": "text", "text": "Blue", "citations": [{"type": "web_search_result_location", "title": "A",
            "url": "https://a", "cited_text": "blue", "encrypted_index": "e"}]},
    ]);
    assert_eq!(blocks("assistant", &content, "anthropic"), (expected, NONE));
    // A user does none of this.
    assert_eq!(blocks("user", &content, "anthropic").1.len(), 9);

    let content = json!([
        thought,
        {"type": "thinking", "thinking": "Unsigned."},
        {"type": "server_tool_use", "id": "g", "name": "nova_grounding", "input": {"q": "x"}},
        {"type": "text", "text": "Blue", "annotations": [
            {"type": "url_citation", "title": "A", "url": "https://a", "start_index": 0, "end_index": 4, "cited_text": "blue"},
            {"type": "file_citation", "index": 2, "file_id": "", "filename": "C"}]},
    ]);
    let expected = json!([
        {"reasoningContent": {"reasoningText": {"text": "Add.", "signature": "s"}}},
        {"reasoningContent": {"reasoningText": {"text": "Unsigned."}}},
        {"toolUse": {"toolUseId": "g", "name": "nova_grounding", "input": {"q": "x"}, "type": "server_tool_use"}},
        {"citationsContent": {"content": [{"text": "Blue"}], "citations": [
            {"title": "A", "location": {"web": {"url": "https://a"}}, "sourceContent": [{"text": "blue"}]},
            {"title": "C", "location": {"documentChar": {"documentIndex": 2}}},
        ]}},
    ]);
    assert_eq!(blocks("assistant", &content, "amazon.bedrock"), (expected, NONE));
}

#[test]
fn blocks_without_a_form_are_left_out_and_reported() {
    let first = ["messages[1].content[0]"];
    let lost = [
        json!({"type": "code", "code": "1"}),
        json!({"type": "media_variable", "name": "files"}),
        json!({"type": "shell_call", "action": {}}),
        json!({"type": "hologram", "depth": 3}),
        json!({"type": "code_execution_result", "output": "1"}),
        text(""),
    ];
    for block in lost {
        for provider in BOTH {
            let (content, places) = blocks("assistant", &json!([block, text("So.")]), provider);
            assert_eq!(places, first, "{block}");
            assert_eq!(content.as_array().map(Vec::len), Some(1), "{block}");
        }
    }
    let partly = [
        json!({"type": "text", "text": "So.", "id": "msg_1"}),
        json!({"type": "text", "text": "So.", "annotations": [{"type": "map_citation", "title": "A", "url": "https://a", "start_index": 0, "end_index": 1}]}),
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}),
    ];
    for block in partly {
        for provider in BOTH {
            let (content, places) = blocks("user", &json!([block]), provider);
            assert_eq!(places, first, "{block}");
            assert_eq!(content.as_array().map(Vec::len), Some(1), "{block}");
        }
    }
    let unsigned = json!([{"type": "thinking", "thinking": "Add."}, {"type": "server_tool_use", "id": "f", "name": "web_fetch"}, text("So.")]);
    assert_eq!(
        blocks("assistant", &unsigned, "anthropic").1,
        ["messages[1].content[0]", "messages[1].content[1]"]
    );
}

#[test]
fn messages_without_a_form_are_left_out_and_reported() {
    for provider in BOTH {
        let (written, places) = messages(
            &json!([
                {"role": "user", "content": [text("a")], "name": "Ada"},
                {"role": "placeholder", "name": "history"},
                {"role": "narrator", "content": "x"},
                {"role": "assistant", "content": []},
                {"role": "assistant", "content": [], "tool_calls": [
                    {"type": "function", "id": "a", "function": {"name": "add", "arguments": "{\"x\": "}}]},
                {"role": "system", "content": [text("b")]},
            ]),
            provider,
        );
        let arguments = "messages[4].tool_calls[0].function.arguments";
        assert_eq!(places, ["messages[0].name", "messages[1]", "messages[2]", "messages[3]", arguments]);
        let roles: Vec<&str> =
            written.as_array().unwrap().iter().map(|message| message["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["user", "assistant", "system"]);
    }
}

#[test]
fn first_system_and_developer_messages_become_the_system_prompt() {
    let prompt: Prompt = serde_json::from_value(json!({"type": "chat", "messages": [
        {"role": "developer", "content": [text("a")]}, {"role": "system", "content": [text("b")]},
        {"role": "user", "content": [text("c")]}]}))
    .unwrap();
    let written = to_request(&prompt, "anthropic", None, "m", &Map::new()).unwrap();
    assert_eq!(written.body["system"], json!([text("a"), text("b")]));
    assert_eq!(written.body["messages"].as_array().map(Vec::len), Some(1));
}

#[test]
fn legacy_function_calls_become_tool_calls_with_ids() {
    let prompt: Prompt = serde_json::from_value(json!({"type": "chat", "messages": [
        {"role": "user", "content": [text("1+2?")]},
        {"role": "assistant", "content": [], "function_call": {"name": "add", "arguments": "{}"}},
        {"role": "function", "name": "add", "content": [text("3")]}],
        "functions": [{"name": "add", "description": "Adds."}], "function_call": {"name": "add"}}))
    .unwrap();
    let written = to_request(&prompt, "anthropic", None, "m", &Map::new()).unwrap();
    assert_eq!(written.omissions, []);
    let messages = &written.body["messages"];
    assert_eq!(messages[1]["content"][0]["id"], messages[2]["content"][0]["tool_use_id"]);
    assert_eq!(
        written.body["tools"],
        json!([{"name": "add", "description": "Adds.", "input_schema": {"type": "object"}}])
    );
    assert_eq!(written.body["tool_choice"], json!({"type": "tool", "name": "add"}));
    let mut chat = ChatPrompt::new([]);
    chat.function_call = Some(FunctionCallChoice::Mode("auto".to_owned()));
    let written = to_request(&chat.into(), "amazon.bedrock", None, "m", &Map::new()).unwrap();
    assert_eq!(written.body["toolConfig"], json!({"toolChoice": {"auto": {}}}));
}

#[test]
fn tools_and_choices_are_written_beside_those_of_the_parameters() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let weather = json!({"type": "function", "function":
        {"name": "weather", "description": "Now.", "strict": true, "parameters": schema}});
    let search = json!({"type": "web_search", "id": "web_search_20250305", "name": "web_search", "description": "",
        "provider": "anthropic", "config": {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}});
    let chat = |tools: Value, choice: &Value| {
        json!({"type": "chat", "tools": tools, "tool_choice": choice,
        "messages": [{"role": "user", "content": [text("why?")]}]})
    };
    let choices = [
        (json!("auto"), json!({"type": "auto"}), Some(json!({"auto": {}}))),
        (json!("required"), json!({"type": "any"}), Some(json!({"any": {}}))),
        (json!("none"), json!({"type": "none"}), None),
        (
            json!({"type": "function", "function": {"name": "weather"}}),
            json!({"type": "tool", "name": "weather"}),
            Some(json!({"tool": {"name": "weather"}})),
        ),
    ];
    for (choice, expected, in_bedrock) in choices {
        let written = write(&chat(json!([weather, search]), &choice), "anthropic");
        assert_eq!((written.omissions.len(), &written.body["tool_choice"]), (0, &expected));
        assert_eq!(
            written.body["tools"],
            json!([
            {"name": "weather", "description": "Now.", "strict": true, "input_schema": schema}, search["config"]])
        );
        let written = write(&chat(json!([weather]), &choice), "amazon.bedrock");
        assert_eq!(written.body["toolConfig"].get("toolChoice"), in_bedrock.as_ref());
        assert_eq!(written.omissions.len(), usize::from(in_bedrock.is_none()));
        let spec = json!({"name": "weather", "description": "Now.", "strict": true, "inputSchema": {"json": schema}});
        assert_eq!(written.body["toolConfig"]["tools"], json!([{"toolSpec": spec}]));
    }
    let written = write(&chat(json!([search, {"type": "oracle"}]), &json!("dream")), "amazon.bedrock");
    let places: Vec<String> = written.omissions.iter().map(|omission| omission.place.clone()).collect();
    assert_eq!(places, ["tools[0]", "tools[1]", "tool_choice"]);

    // What the blueprint has no form for is in the parameters.
    let original = json!({
        "model": "claude-x", "max_tokens": 8, "messages": [{"role": "user", "content": [text("why?")]}],
        "tools": [{"name": "weather", "input_schema": schema}, {"type": "computer_20250124", "name": "computer"}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
    });
    let read = request(Input::Value(original.clone()));
    let written = to_request(&read.prompt.unwrap(), "anthropic", None, "claude-x", &read.parameters).unwrap();
    assert_eq!(Value::Object(written.body), original);
}

#[test]
fn other_clouds_get_the_version_that_they_require() {
    let prompt = Prompt::user("why?");
    let version = |provider: &str, parameters: Value| {
        let Value::Object(parameters) = parameters else { panic!() };
        let written = to_request(&prompt, provider, Some("messages"), "claude-x", &parameters).unwrap();
        written.body.get("anthropic_version").cloned()
    };
    assert_eq!(version("anthropic", json!({})), None);
    assert_eq!(version("vertexai", json!({})), Some(json!("vertex-2023-10-16")));
    assert_eq!(version("vertexai", json!({"anthropic_version": "v"})), Some(json!("v")));
}

#[test]
fn reply_needs_no_role_if_it_has_a_stop_reason_and_counts() {
    let mut reply = json!({
        "id": "msg_1", "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": "Sunny."}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 21, "output_tokens": 4},
    });
    let read = response(Output::Value(reply.clone()));
    assert_eq!(read.shape.map(|shape| shape.api_type), Some("messages"));
    assert_eq!((read.prompt.unwrap().text(), read.usage.input), ("Sunny.".to_owned(), Some(21)));
    reply.as_object_mut().unwrap().remove("usage");
    assert!(response(Output::Value(reply)).shape.is_none());
}
