//! Tests of the paths of PromptLayer's older clients, which send the key in the body.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Answer, Local, merged, request, template};

/// Sends a body as the older clients do, with no header for the key.
async fn send(local: &Local, path: &str, body: &Value) -> Answer {
    local.send(Method::POST, path, local.json(path, body.to_string())).await
}

#[tokio::test]
async fn request_is_tracked_with_the_key_in_the_body() {
    let local = Local::start();
    let id = local.log(&request()).await;
    local.publish("example", template("one")).await;
    for (path, fields) in [
        ("/library-track-score", json!({ "score": 90 })),
        ("/library-track-score", json!({ "score": 7, "name": "tone" })),
        ("/library-track-metadata", json!({ "metadata": { "foo": "bar" } })),
        (
            "/library-track-prompt",
            json!({ "prompt_name": "example", "prompt_input_variables": {}, "version": 1, "label": null }),
        ),
        ("/create-group", json!({})),
        ("/track-group", json!({ "group_id": 1 })),
    ] {
        let body = merged(json!({ "request_id": id, "api_key": "key" }), &fields);
        let answer = send(&local, path, &body).await;
        assert_eq!((answer.status, &answer.json["success"]), (200, &json!(true)), "{path}: {}", answer.text);
    }
    let read = local.get(&format!("/api/public/v2/requests/{id}")).await.json;
    assert_eq!(read["scores"], json!({ "default": 90, "tone": 7 }));
    assert_eq!((&read["metadata"]["foo"], &read["prompt_name"]), (&json!("bar"), &json!("example")));
    assert_eq!(read["group_ids"], json!([1]));
}
