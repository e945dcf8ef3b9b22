//! Redaction of keys and passwords in a call's arguments.

use promptlayer_blueprint::LogRequest;
use serde_json::{Value, json};

use super::{arguments, chat, log_of_input};

/// Returns the log of a call with this request. Checks that no secret is in it: all secrets start with
/// `s3cret`.
fn of(request: Value) -> LogRequest {
    let log = log_of_input(arguments([("request", request)]));
    let written = serde_json::to_string(&log).unwrap();
    assert!(!written.contains("s3cret"), "{written}");
    log
}

#[test]
fn key_of_provider_tool_is_redacted() {
    let maps = json!({"authConfig": {"apiKeyConfig": {"apiKeyString": "s3cret"}}, "enableWidget": true});
    let log = of(json!({
        "contents": [{"role": "user", "parts": [{"text": "where?"}]}],
        "tools": [
            {"googleMaps": maps},
            {"retrieval": {"externalApi": {"apiAuth": {"apiKeyConfig": {"apiKeyString": "s3cret"}}}}},
        ],
    }));
    assert_eq!(
        serde_json::to_value(&chat(&log.input).tools[0]).unwrap()["config"],
        json!({"authConfig": {"apiKeyConfig": {"apiKeyString": "[redacted]"}}, "enableWidget": true})
    );
    let api = &log.parameters["tools"][0]["retrieval"]["externalApi"];
    assert_eq!(api["apiAuth"]["apiKeyConfig"]["apiKeyString"], "[redacted]");

    let log = of(json!({
        "model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "mcp_toolset", "mcp_server_name": "files", "authorization_token": "s3cret"}],
    }));
    let tools = serde_json::to_value(&chat(&log.input).tools).unwrap();
    assert_eq!(tools[0]["config"]["authorization_token"], "[redacted]");
}

#[test]
fn secret_name_is_detected_in_every_case_style() {
    let names = ["apiKeyString", "accessToken", "clientSecret", "X-Api-Key", "secretValue", "apiKeys"];
    for name in names {
        let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "why?"}]});
        for value in [json!("s3cret"), json!(["s3cret"])] {
            request["extra"] = json!({ name: value });
            of(request.clone());
        }
    }
    let request = json!({
        "model": "m", "messages": [{"role": "user", "content": "why?"}],
        "extra": {"maxTokens": 7, "cacheKey": "a", "promptTokenCount": 2, "key": "b", "tokenizer": "c"},
    });
    assert_eq!(of(request.clone()).parameters["extra"], request["extra"]);
}

#[test]
fn key_of_azure_data_source_is_redacted() {
    let source = |authentication: Value| {
        json!({"type": "azure_search", "parameters": {
            "endpoint": "https://mine.search.windows.net", "key": "a field", "authentication": authentication,
        }})
    };
    let log = of(json!({
        "model": "gpt-4o", "messages": [{"role": "user", "content": "why?"}],
        "data_sources": [
            source(json!({"type": "api_key", "key": "s3cret"})),
            source(json!({"type": "connection_string", "connection_string": "AccountKey=s3cret"})),
            source(json!({"type": "key_and_key_id", "key": "s3cret", "key_id": "id-1"})),
        ],
        "author": {"key": "ada"},
    }));
    let said = |at: usize| &log.parameters["data_sources"][at]["parameters"];
    assert_eq!(said(0)["authentication"], json!({"type": "api_key", "key": "[redacted]"}));
    assert_eq!(said(0)["key"], "a field");
    assert_eq!(said(2)["authentication"]["key_id"], "id-1");
    assert_eq!(log.parameters["author"]["key"], "ada");
}

#[test]
fn schema_with_headers_is_not_redacted() {
    let headers = json!({"type": "object", "description": "of the answer", "additionalProperties": true});
    let schema = json!({
        "type": "object", "properties": {"headers": headers, "inner": {"headers": {"type": "string"}}},
        "$defs": {"headers": headers},
    });
    let format = json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}});
    let log = of(json!({
        "model": "m", "messages": [{"role": "user", "content": "why?"}], "response_format": format,
        "extra": {"headers": {"X-Mine": "s3cret", "retries": 3, "nested": {"kept": "a"}}},
    }));
    assert_eq!(log.parameters["response_format"], format);
    assert_eq!(
        log.parameters["extra"]["headers"],
        json!({"X-Mine": "[redacted]", "retries": 3, "nested": {"kept": "a"}})
    );
}
