//! Compares the server's validation rules with the API documents: they must accept or reject the same bodies.

#![allow(clippy::print_stdout, reason = "what was compared is said aloud")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::document::documents;
use support::{Local, merged, request_with, shared, span, text};

/// Returns the values that replace a field, one after another, to test if they are still accepted.
fn replacements() -> Vec<Value> {
    vec![
        json!(null),
        json!(5),
        json!(-1),
        json!(1.5),
        json!("x"),
        json!(true),
        json!([]),
        json!({}),
        json!([1]),
    ]
}

/// Returns all bodies that differ from this one in one value, which is replaced or left out.
fn variants(body: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    walk(body, String::new(), &mut pointers);
    let mut variants = Vec::new();
    for pointer in pointers {
        if is_tag(body, &pointer) {
            continue;
        }
        for replacement in replacements() {
            let mut variant = body.clone();
            *variant.pointer_mut(&pointer).unwrap() = replacement;
            variants.push((pointer.clone(), variant));
        }
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut variant = body.clone();
        if let Some(object) = variant.pointer_mut(parent).unwrap().as_object_mut() {
            object.remove(name);
            variants.push((format!("{pointer} left out"), variant));
        }
    }
    variants
}

/// Returns `true` for the field that tells which of several schemas describes an object. The result of a web search has
/// only one.
fn is_tag(body: &Value, pointer: &str) -> bool {
    let Some((parent, "type" | "role")) = pointer.rsplit_once('/') else { return false };
    let list = parent.rsplit_once('/').and_then(|(list, _)| list.strip_suffix("/content"));
    list.and_then(|block| body.pointer(block)).is_none_or(|block| block["type"] != "web_search_tool_result")
}

fn walk(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                walk(value, format!("{pointer}/{name}"), pointers);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
    if !pointer.is_empty() {
        pointers.push(pointer);
    }
}

/// Returns `true` if all problems are missing tags of unions. PromptLayer's document allows the tag to be
/// missing, but the service does not.
fn lacks_only_a_tag(answer: &Value) -> bool {
    let problems = answer["detail"].as_array();
    problems.is_some_and(|problems| problems.iter().all(|problem| problem["type"] == "union_tag_not_found"))
}

/// Sends every variant, and compares the result of the server with that of each document.
async fn compare(path: &str, body: &Value, excused: impl Fn(&str, &Value) -> bool) {
    let compared = compare_at(&Local::start(), Method::POST, (path, path), body, excused).await;
    assert!(compared > 100, "only {compared} bodies were compared");
}

/// Does the same with a prepared server, another method, and a path with parameters. Returns the number of compared
/// bodies.
async fn compare_at(
    local: &Local,
    method: Method,
    (described, path): (&str, &str),
    body: &Value,
    excused: impl Fn(&str, &Value) -> bool,
) -> usize {
    for document in documents() {
        let problems = document.problems_of_request(&method, described, body);
        assert_eq!(problems, Vec::<String>::new(), "the body itself is good");
    }
    let mut compared = 0;
    for (pointer, variant) in variants(body) {
        if excused(&pointer, &variant) {
            continue;
        }
        let answer = local.change(method.clone(), path, &variant).await;
        if lacks_only_a_tag(&answer.json) {
            continue;
        }
        for document in documents() {
            let expected = document.problems_of_request(&method, described, &variant);
            assert_eq!(
                answer.status == 422,
                !expected.is_empty(),
                "{pointer}: {variant}\n{}\n{expected:#?}",
                answer.text
            );
        }
        compared += 1;
    }
    println!("{path}: {compared} bodies compared");
    compared
}

/// Returns a request log with every field, every role and every kind of block.
fn full_request() -> Value {
    let call = json!({ "tool_id": "t", "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let function = json!({ "name": "f", "description": "d", "strict": true, "parameters": {} });
    let annotations = json!([
        { "type": "url_citation", "title": "t", "url": "u", "start_index": 0, "end_index": 1, "cited_text": "c",
          "encrypted_index": "e" },
        { "type": "file_citation", "index": 0, "file_id": "f", "filename": "n" },
        { "type": "map_citation", "title": "t", "url": "u", "place_id": "p", "start_index": 0, "end_index": 1,
          "cited_text": "c" },
        { "type": "container_file_citation", "container_id": "c", "start_index": 0, "end_index": 1, "filename": "n",
          "file_id": "f" },
    ]);
    let blocks = json!([
        { "type": "text", "text": "t", "id": "i", "annotations": annotations, "thought_signature": "s" },
        { "type": "thinking", "thinking": "t", "signature": "s", "id": "i" },
        { "type": "code", "code": "c", "id": "i", "container_id": "c" },
        { "type": "image_url", "image_url": { "url": "u", "detail": "d" }, "image_variable": "v" },
        { "type": "media", "media": { "title": "t", "type": "image/png", "url": "u", "format": "url" } },
        { "type": "media_variable", "name": "n" },
        { "type": "output_media", "id": "i", "url": "u", "mime_type": "m", "media_type": "image",
          "provider_metadata": {} },
        { "type": "server_tool_use", "id": "i", "name": "n", "input": {} },
        { "type": "web_search_tool_result", "tool_use_id": "i", "content": [
            { "type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "e", "page_age": "p" },
        ]},
        { "type": "code_execution_result", "output": "o", "outcome": "OUTCOME_OK" },
        { "type": "mcp_list_tools", "id": "i", "server_label": "s", "tools": [{}], "error": "e" },
        { "type": "mcp_call", "id": "i", "name": "n", "server_label": "s", "arguments": "a", "output": "o",
          "error": {}, "approval_request_id": "a" },
        { "type": "mcp_approval_request", "id": "i", "name": "n", "arguments": "a", "server_label": "s" },
        { "type": "mcp_approval_response", "approval_request_id": "a", "approve": true },
        { "type": "bash_code_execution_tool_result", "tool_use_id": "i", "content": {} },
        { "type": "text_editor_code_execution_tool_result", "tool_use_id": "i", "content": {} },
        { "type": "shell_call", "id": "i", "call_id": "c", "action": {}, "status": "s" },
        { "type": "shell_call_output", "id": "i", "call_id": "c", "output": [{}], "status": "s" },
        { "type": "apply_patch_call", "id": "i", "call_id": "c", "operation": {}, "status": "s" },
        { "type": "apply_patch_call_output", "id": "i", "call_id": "c", "output": "o", "status": "s" },
    ]);
    let content = json!([text("t")]);
    let template = json!({ "input_variables": ["v"], "template_format": "jinja2" });
    let message = |fields: Value| merged(template.clone(), &fields);
    let messages = json!([
        message(json!({ "role": "system", "content": content, "name": "n" })),
        message(json!({ "role": "developer", "content": content, "name": "n" })),
        message(json!({ "role": "user", "content": blocks, "name": "n" })),
        message(json!({ "role": "assistant", "content": content, "name": "n", "tool_calls": [call],
            "function_call": { "name": "f", "arguments": "{}" } })),
        message(json!({ "role": "function", "content": content, "name": "n" })),
        message(json!({ "role": "tool", "content": content, "tool_call_id": "c", "name": "n" })),
        message(
            json!({ "role": "placeholder", "content": content, "name": "n", "raw_request_display_role": "r" })
        ),
    ]);
    let tools = json!([
        { "type": "function", "function": function },
        { "type": "web_search", "id": "i", "name": "n", "description": "d", "provider": "p", "config": {} },
    ]);
    request_with(&json!({
        "input": {
            "type": "chat", "messages": messages, "tools": tools, "functions": [function],
            "function_call": { "name": "f" }, "input_variables": ["v"],
            "tool_choice": { "type": "function", "function": { "name": "f" } },
        },
        "output": message(json!({ "type": "completion", "content": content })),
        "parameters": { "n": 1 }, "tags": ["t"], "metadata": { "k": "v" }, "prompt_name": "p", "prompt_id": 1,
        "prompt_version_number": 1, "prompt_input_variables": { "v": 1 }, "input_tokens": 1, "output_tokens": 1,
        "price": 0.5, "function_name": "f", "score": 1, "api_type": "a", "status": "ERROR",
        "error_type": "UNKNOWN_ERROR", "error_message": "m",
    }))
}

#[tokio::test]
async fn request_log_is_accepted_exactly_when_the_schema_allows_it() {
    compare("/log-request", &full_request(), |pointer, variant| {
        // Times can also be numbers, because PromptLayer's clients send them. The document describes only in
        // its text that an error type needs a matching status.
        let time = pointer.contains("_time")
            && (variant["request_start_time"].is_number() || variant["request_end_time"].is_number());
        time || pointer.starts_with("/status left out")
    })
    .await;
}

#[tokio::test]
async fn spans_are_accepted_exactly_when_the_schema_allows_them() {
    let full = span(
        "a",
        &json!({
            "parent_id": "p", "events": [{}], "links": [{}], "attributes": { "n": 1 },
            "status": { "status_code": "StatusCode.ERROR", "description": "d" },
            "log_request": request_with(&json!({})),
        }),
    );
    compare("/spans-bulk", &json!({ "spans": [full], "close_after": false }), |pointer, _| {
        // The text of the document allows the request log of a span to leave out its times. Its schema
        // does not.
        pointer.contains("log_request/request_")
    })
    .await;
}

#[tokio::test]
async fn template_is_accepted_exactly_when_the_schema_allows_it() {
    let model = json!({
        "provider": "p", "name": "n", "model_config_display_name": "m", "base_model": "b", "parameters": {},
        "display_params": {}, "api_type": "a",
    });
    let body = json!({
        "prompt_template": { "prompt_name": "p", "tags": ["t"], "folder_id": 1, "workspace_id": 1 },
        "prompt_version": {
            "prompt_template": { "type": "completion", "content": [text("t")] }, "commit_message": "c",
            "metadata": { "model": model, "other": 1 },
        },
        "release_labels": ["l"], "external_ids": [{ "source": "s", "external_id": "e" }],
    });
    // A valid variant can conflict with a template of another name that has the same external id. The status
    // is then 409 and not 422.
    compare("/rest/prompt-templates", &body, |_, _| false).await;
}

#[tokio::test]
async fn labels_and_external_ids_are_accepted_as_the_schema_says() {
    let local = Local::start();
    local.publish("example", support::template("x")).await;
    let label = json!({ "prompt_version_number": 1, "name": "x" });
    let number = json!({ "prompt_version_number": 1 });
    let external_id = json!({ "source": "s", "external_id": "e" });
    // The first variant creates a label, which later ones cannot create again. The number of a version must exist.
    let of_stored_data = |pointer: &str, variant: &Value| {
        (variant["name"].is_string() && pointer.starts_with("/name"))
            || (pointer.starts_with("/prompt_version_number") && variant["prompt_version_number"].is_i64())
    };
    local.post("/prompts/1/label", &json!({ "prompt_version_number": 1, "name": "prod" })).await;
    for (method, described, path, body) in [
        (Method::POST, "/prompts/{prompt_id}/label", "/prompts/1/label", &label),
        (Method::PATCH, "/prompt-labels/{prompt_label_id}", "/prompt-labels/1", &number),
        (
            Method::POST,
            "/prompt-templates/{prompt_template_id}/external-ids",
            "/prompt-templates/1/external-ids",
            &external_id,
        ),
    ] {
        let compared = compare_at(&local, method, (described, path), body, of_stored_data).await;
        assert!(compared >= 8, "{path}: {compared}");
    }
}

#[tokio::test]
async fn changes_of_a_template_are_accepted_as_the_schema_says() {
    let local = Local::start();
    let mut body = support::template("x");
    body["prompt_version"]["metadata"] = json!({ "model": { "provider": "openai", "name": "m" } });
    local.publish("example", body).await;
    let changes = json!({
        "version": 1, "messages": { "0": { "role": "user", "content": [] } }, "tools": [], "functions": null,
        "function_call": "auto", "tool_choice": null, "model_parameters": { "n": 1 }, "response_format": {},
        "commit_message": "m", "release_labels": ["l"],
    });
    let described = "/rest/prompt-templates/{identifier}";
    let compared = compare_at(
        &local,
        Method::PATCH,
        (described, "/rest/prompt-templates/example"),
        &changes,
        // The changed template must be valid too, which the schema of the change does not say.
        |pointer, _| {
            ["/messages", "/tools", "/functions", "/function_call", "/tool_choice"]
                .iter()
                .any(|it| pointer.starts_with(it))
        },
    )
    .await;
    assert!(compared > 40, "{compared}");
}

#[tokio::test]
async fn examples_of_the_documents_are_accepted() {
    let local = Local::start();
    for document in documents() {
        for path in ["/spans-bulk", "/log-request"] {
            for (name, example) in document.examples(path) {
                let answer = local.post(path, example).await;
                assert_eq!(answer.status, 201, "{path} {name}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn bodies_of_promptlayer_clients_are_accepted() {
    let local = Local::start();
    for (scene, path) in [("python_log_request", "/log-request"), ("python_spans", "/spans-bulk")] {
        for scene in shared::scenes(scene) {
            let exchanges = scene["exchanges"].as_array().unwrap();
            let bodies: Vec<&Value> = exchanges
                .iter()
                .filter(|exchange| exchange["path"] == path)
                .map(|exchange| &exchange["body_json"])
                .collect();
            assert!(!bodies.is_empty(), "{}", scene["scenario"]);
            for body in bodies {
                let answer = local.post(path, body).await;
                // The Python client sends error messages that are longer than the documents allow.
                let too_long =
                    body["error_message"].as_str().is_some_and(|message| message.chars().count() > 1024);
                let expected = if too_long { 422 } else { 201 };
                assert_eq!(answer.status, expected, "{}: {}", scene["scenario"], answer.text);
            }
        }
    }
}
