//! Requests of Gemini's `generateContent`.

use promptlayer_blueprint::{LogRequest, Message};
use serde_json::{Value, json};

use super::responses_chunks::each_changed;
use super::{arguments, assistant, calls, chat, lines, log_of_input, said};

fn of(request: &Value) -> LogRequest {
    log_of_input(arguments([("request", request.clone())]))
}

/// Builds the contents of a request with these parts of a user.
fn user(parts: &Value) -> Value {
    json!({"contents": [{"role": "user", "parts": parts}]})
}

fn blocks(log: &LogRequest, at: usize) -> Value {
    serde_json::to_value(log.input.messages()[at].content()).unwrap()
}

/// Returns the same request as written by SDKs with snake case names and `null` for absent fields. User
/// data is not changed.
fn with_underscores(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let field = |(name, value): (&String, &Value)| match name.as_str() {
                "args" | "response" => (name.clone(), value.clone()),
                _ => (spelled(name), with_underscores(value)),
            };
            object.iter().map(field).chain([("absent".to_owned(), Value::Null)]).collect()
        }
        Value::Array(items) => items.iter().map(with_underscores).collect(),
        other => other.clone(),
    }
}

fn spelled(name: &str) -> String {
    name.chars().fold(String::new(), |mut spelled, letter| {
        if letter.is_ascii_uppercase() {
            spelled.push('_');
        }
        spelled.push(letter.to_ascii_lowercase());
        spelled
    })
}

#[test]
fn turns_and_instruction_become_messages() {
    let request = json!({
        "systemInstruction": {"role": "user", "parts": [{"text": "be "}, {"text": "brief"}]},
        "contents": [
            {"parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"text": "hm", "thought": true, "thoughtSignature": "s1"}, {"text": "hello"}]},
            {"role": "user", "parts": [{"text": "why?"}]},
        ],
        "generationConfig": {"temperature": 0.5, "thinkingConfig": {"includeThoughts": true}},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "cachedContent": "cachedContents/1",
        "labels": null,
    });
    let log = of(&request);
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("google", Some("generate-content")));
    let expected = [("system", "be brief"), ("user", "hi"), ("assistant", "hello"), ("user", "why?")];
    assert_eq!(said(&log.input), lines(expected));
    let thought = json!([
        {"type": "thinking", "thinking": "hm", "signature": "s1"},
        {"type": "text", "text": "hello"},
    ]);
    assert_eq!(blocks(&log, 2), thought);
    let parameters = json!({
        "generationConfig": request["generationConfig"],
        "safetySettings": request["safetySettings"],
        "cachedContent": "cachedContents/1",
    });
    assert_eq!(Value::Object(log.parameters), parameters);
}

#[test]
fn both_spellings_give_the_same_log() {
    let request = json!({
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://a/b.mp4"}},
            ]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "add", "args": {"x": 1}}, "thoughtSignature": "s"},
            ]},
            {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"sum": 2}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "add", "description": "adds"}], "googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}},
    });
    let (one, other) = (of(&request), of(&with_underscores(&request)));
    assert_eq!(one.input, other.input);
    assert_eq!(chat(&one.input).tools.len(), 2);
    assert_eq!(calls(assistant(&one.input, 2)), [["add-0", "add", r#"{"x":1}"#]]);
    assert_eq!((one.parameters.len(), other.parameters.len()), (0, 0));
    assert_eq!(
        (one.api_type, other.api_type.as_deref()),
        (Some("generate-content".to_owned()), Some("generate-content"))
    );
}

#[test]
fn forms_of_google_sdks_are_read() {
    let log = of(&json!({
        "model": "gemini-2.5-pro", "contents": "why?",
        "config": {"system_instruction": "be brief", "temperature": 0.5, "tools": [{"google_search": {}}], "top_p": null},
    }));
    assert_eq!(said(&log.input), lines([("system", "be brief"), ("user", "why?")]));
    assert_eq!(log.model, "gemini-2.5-pro");
    assert_eq!(serde_json::to_value(&chat(&log.input).tools).unwrap()[0]["type"], "web_search");
    assert_eq!(Value::Object(log.parameters), json!({"config": {"temperature": 0.5}}));
    let log = of(
        &json!({"model": "gemini-2.5-pro", "contents": ["look:", {"file_data": {"file_uri": "https://a/b", "mime_type": "image/png"}}]}),
    );
    assert_eq!(
        blocks(&log, 0),
        json!([{"type": "text", "text": "look:"}, {"type": "image_url", "image_url": {"url": "https://a/b"}}])
    );
    let mine = of(&json!({"contents": "of a box", "model": "A4"}));
    assert_eq!(mine.api_type, None, "the contents of anything else are no request");
}

#[test]
fn model_path_identifies_vertex() {
    let model = |path: &str| {
        let mut request = user(&json!([{"text": "why?"}]));
        request["model"] = path.into();
        let log = of(&request);
        (log.provider, log.model)
    };
    let pair = |provider: &str, model: &str| (provider.to_owned(), model.to_owned());
    assert_eq!(model("models/gemini-2.5-flash"), pair("google", "gemini-2.5-flash"));
    assert_eq!(model("gemini-2.5-flash"), pair("google", "gemini-2.5-flash"));
    assert_eq!(
        model("projects/p/locations/l/publishers/google/models/gemini-2.5-flash"),
        pair("vertexai", "gemini-2.5-flash")
    );
    assert_eq!(
        model("projects/p/locations/l/endpoints/7"),
        pair("vertexai", "projects/p/locations/l/endpoints/7")
    );
    assert_eq!(model("tunedModels/mine"), pair("google", "tunedModels/mine"));
    // If the model is in the URL, it comes from an argument.
    let log = log_of_input(arguments([
        ("model", json!("gemini-2.5-flash")),
        ("request", user(&json!([{"text": "why?"}]))),
    ]));
    assert_eq!(log.model, "gemini-2.5-flash");
}

#[test]
fn files_become_images_or_media_by_type() {
    let log = of(&user(&json!([
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "gs://a/b.jpg"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "aGk=", "displayName": "a.pdf"}},
        {"fileData": {"fileUri": "https://youtu.be/x"}, "videoMetadata": {"startOffset": "5s"}},
    ])));
    assert_eq!(
        blocks(&log, 0),
        json!([
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            {"type": "image_url", "image_url": {"url": "gs://a/b.jpg"}},
            {"type": "media", "media": {"title": "a.pdf", "type": "application/pdf", "url": "aGk=", "format": "base64"}},
            {"type": "media", "media": {"type": "application/octet-stream", "url": "https://youtu.be/x", "format": "url"}},
            {"type": "text", "text": "{\n  \"videoMetadata\": {\n    \"startOffset\": \"5s\"\n  }\n}"},
        ])
    );
}

#[test]
fn function_results_become_messages_with_call_ids() {
    let log = of(&json!({"contents": [
        {"role": "model", "parts": [
            {"functionCall": {"id": "a", "name": "add", "args": {"x": 1}}},
            {"functionCall": {"name": "add", "args": {"x": 2}}},
            {"functionCall": {"name": "now"}},
        ]},
        {"role": "function", "parts": [
            {"functionResponse": {"name": "now", "response": {"hour": 7}, "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            ]}},
            {"functionResponse": {"id": "a", "name": "add", "response": {"result": 2}}},
            {"text": "and then?"},
            {"functionResponse": {"name": "add", "response": "three"}},
        ]},
    ]}));
    assert_eq!(
        calls(assistant(&log.input, 0)),
        [["a", "add", r#"{"x":1}"#], ["add-0", "add", r#"{"x":2}"#], ["now-0", "now", "{}"]]
    );
    assert!(assistant(&log.input, 0).content.is_empty());
    let results: Vec<(&str, &str)> = log
        .input
        .messages()
        .iter()
        .map(|message| match message {
            Message::Tool(result) => (message.role(), result.tool_call_id.as_str()),
            _ => (message.role(), ""),
        })
        .collect();
    assert_eq!(
        results,
        [("assistant", ""), ("tool", "now-0"), ("tool", "a"), ("user", ""), ("tool", "add-0")]
    );
    assert_eq!(log.input.messages()[4].text(), "three");
    assert_eq!(serde_json::from_str::<Value>(&log.input.messages()[1].text()).unwrap(), json!({"hour": 7}));
    assert_eq!(blocks(&log, 1)[1]["image_url"]["url"], "data:image/png;base64,aGk=");
}

#[test]
fn text_under_output_is_the_whole_result() {
    let result = |response: Value| {
        let log = of(&user(&json!([{"functionResponse": {"name": "add", "response": response}}])));
        log.input.messages()[0].text()
    };
    assert_eq!(result(json!({"output": "7"})), "7");
    assert_eq!(result(json!({"output": 7})), "{\n  \"output\": 7\n}");
    assert_eq!(result(json!({"output": "7", "unit": "m"})), "{\n  \"output\": \"7\",\n  \"unit\": \"m\"\n}");
}

#[test]
fn tools_move_to_prompt_and_unknown_ones_stay_parameters() {
    let mut request = user(&json!([{"text": "why?"}]));
    request["tools"] = json!([
        {"codeExecution": null, "functionDeclarations": [
            {"name": "add", "description": "adds", "parameters": {"type": "OBJECT"}},
            {"name": "now", "parametersJsonSchema": {"type": "object"}, "response": {"type": "STRING"}},
        ]},
        {"codeExecution": {}}, {"urlContext": {}}, {"googleMaps": {"enableWidget": true}},
        {"fileSearch": {"fileSearchStoreNames": ["s"]}}, {"computerUse": {"environment": "ENVIRONMENT_BROWSER"}},
    ]);
    let log = of(&request);
    let tools = serde_json::to_value(&chat(&log.input).tools).unwrap();
    let function = json!({"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "OBJECT"}}});
    assert_eq!(tools[0], function);
    assert_eq!(tools[1]["function"]["parameters"], json!({"type": "object"}));
    let kinds: Vec<&str> =
        tools.as_array().unwrap().iter().filter_map(|tool| tool["type"].as_str()).collect();
    assert_eq!(
        kinds,
        ["function", "function", "code_interpreter", "url_context", "google_maps", "file_search"]
    );
    assert_eq!(tools[4]["config"], json!({"enableWidget": true}));
    let left = json!([
        {"functionDeclarations": [request["tools"][0]["functionDeclarations"][1]]},
        {"computerUse": {"environment": "ENVIRONMENT_BROWSER"}},
    ]);
    assert_eq!(log.parameters["tools"], left);
}

#[test]
fn representable_tool_choice_moves_to_prompt() {
    let choice = |config: &Value| {
        let mut request = user(&json!([{"text": "why?"}]));
        request["toolConfig"] = config.clone();
        let log = of(&request);
        let choice = serde_json::to_value(&chat(&log.input).tool_choice).unwrap();
        (choice, log.parameters.get("toolConfig").cloned())
    };
    let of_mode = |mode: &str| json!({"functionCallingConfig": {"mode": mode}});
    assert_eq!(choice(&of_mode("AUTO")), (json!("auto"), None));
    assert_eq!(choice(&of_mode("ANY")), (json!("required"), None));
    assert_eq!(choice(&of_mode("none")), (json!("none"), None));
    let one = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}});
    assert_eq!(choice(&one), (json!({"type": "function", "function": {"name": "add"}}), None));
    let two = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add", "sub"]}});
    assert_eq!(choice(&two), (json!("required"), Some(two.clone())));
    let validated = of_mode("VALIDATED");
    assert_eq!(choice(&validated), (json!(null), Some(validated.clone())));
    let place = json!({"functionCallingConfig": {"mode": "AUTO"}, "retrievalConfig": {"languageCode": "de"}});
    assert_eq!(choice(&place), (json!("auto"), Some(place.clone())));
}

#[test]
fn unknown_part_is_kept_whole() {
    let part = json!({"hologram": {"depth": 3}});
    let log = of(&user(&json!([part, 7])));
    let texts = log.input.messages()[0].content().iter().filter_map(|block| block.text());
    let texts: Vec<Value> = texts.map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(texts, [part, json!(7)]);
}

#[test]
fn embedded_contents_become_the_user_message() {
    let log = of(
        &json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "why?"}]}, "taskType": "RETRIEVAL_QUERY"}),
    );
    assert_eq!(
        (log.api_type.as_deref(), log.model.as_str()),
        (Some("embed-content"), "gemini-embedding-001")
    );
    assert_eq!(said(&log.input), lines([("user", "why?")]));
    assert_eq!(Value::Object(log.parameters), json!({"taskType": "RETRIEVAL_QUERY"}));
    let log = of(&json!({"requests": [
        {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "one"}]}},
        {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "two"}]}, "outputDimensionality": 8},
    ]}));
    assert_eq!(log.model, "gemini-embedding-001");
    assert_eq!(blocks(&log, 0), json!([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]));
    assert_eq!(Value::Object(log.parameters), json!({"requests": [{}, {"outputDimensionality": 8}]}));
}

#[test]
fn malformed_requests_do_not_panic() {
    let whole = json!({
        "model": "projects/p/locations/l/publishers/google/models/gemini",
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [{"role": "model", "parts": [
            {"text": "hm", "thought": true, "thoughtSignature": "s"},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "videoMetadata": {"fps": 1}},
            {"functionCall": {"id": "a", "name": "add", "args": {}, "partialArgs": [{"jsonPath": "$.a"}]}},
            {"executableCode": {"code": "1"}}, {"codeExecutionResult": {"output": "1"}},
            {"functionResponse": {"name": "add", "response": {}, "parts": [{"text": "x"}]}},
        ]}],
        "config": {"systemInstruction": "x"},
        "tools": [{"functionDeclarations": [{"name": "add"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}},
    });
    for odd in [json!(null), json!(7), json!(""), json!([]), json!({}), json!([[7]]), json!({"parts": 7})] {
        each_changed(&whole, &odd, &mut |changed| drop(of(changed)));
    }
}
