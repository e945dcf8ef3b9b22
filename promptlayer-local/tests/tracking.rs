//! Tests of `POST /rest/track-*` and `POST /create-group`.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Local, request, request_with, template};

async fn read(local: &Local, id: i64) -> Value {
    local.get(&format!("/api/public/v2/requests/{id}")).await.json
}

#[tokio::test]
async fn last_score_of_each_name_is_kept() {
    let local = Local::start();
    let id = local.log(&request()).await;
    for (score, name) in [(10, None), (100, None), (80, Some("tone")), (7, Some("accuracy"))] {
        let answer =
            local.post("/rest/track-score", &json!({ "request_id": id, "score": score, "name": name })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json, json!({ "success": true, "message": "Score tracked successfully" }));
    }
    assert_eq!(read(&local, id).await["scores"], json!({ "default": 100, "tone": 80, "accuracy": 7 }));
}

#[tokio::test]
async fn metadata_are_merged() {
    let local = Local::start();
    let id = local.log(&request_with(&json!({ "metadata": { "foo": "old", "kept": "yes" } }))).await;
    let answer = local
        .post("/rest/track-metadata", &json!({ "request_id": id, "metadata": { "foo": "bar", "n": 5 } }))
        .await;
    assert_eq!(answer.json, json!({ "success": true, "message": "Metadata tracked successfully" }));
    let text_id = json!({ "request_id": id.to_string(), "metadata": { "more": "x" } });
    assert_eq!(local.post("/rest/track-metadata", &text_id).await.status, 200);
    assert_eq!(
        read(&local, id).await["metadata"],
        json!({ "foo": "bar", "kept": "yes", "n": "5", "more": "x" })
    );
}

#[tokio::test]
async fn prompt_is_linked_by_version_label_or_as_the_latest() {
    let local = Local::start();
    let mut labelled = template("two");
    labelled["release_labels"] = json!(["prod"]);
    local.publish("example", template("one")).await;
    local.publish("example", labelled).await;
    local.publish("example", template("three")).await;

    for (choice, version) in [
        (json!({ "version": 1 }), 1),
        (json!({ "version": "2", "label": null }), 2),
        (json!({ "label": "prod" }), 2),
        (json!({ "version": null }), 3),
    ] {
        let id = local.log(&request()).await;
        let variables = json!({ "product": "toasters" });
        let body = json!({ "request_id": id, "prompt_name": "example", "prompt_input_variables": variables });
        let answer = local.post("/rest/track-prompt", &support::merged(body, &choice)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let request = read(&local, id).await;
        assert_eq!(request["prompt_version_number"], version, "{choice}");
        assert_eq!(request["prompt_name"], "example");
        assert_eq!(request["prompt_id"], 1);
        assert_eq!(request["prompt_input_variables"], variables);
    }
}

#[tokio::test]
async fn unknown_prompt_is_refused_and_named() {
    let local = Local::start();
    let id = local.log(&request()).await;
    local.publish("example", template("one")).await;
    for (choice, message) in [
        (json!({ "prompt_name": "nothing" }), "There is no prompt template named \"nothing\""),
        (json!({ "version": 2 }), "\"example\" has no version 2"),
        (json!({ "label": "prod" }), "No version of \"example\" has the label \"prod\""),
    ] {
        let body = support::merged(json!({ "request_id": id, "prompt_name": "example" }), &choice);
        let answer = local.post("/rest/track-prompt", &body).await;
        assert_eq!((answer.status, &answer.json), (400, &json!({ "success": false, "message": message })));
    }
    let both = json!({ "request_id": id, "prompt_name": "example", "version": 1, "label": "prod" });
    assert_eq!(local.post("/rest/track-prompt", &both).await.places(), ["body.label"]);
    assert_eq!(read(&local, id).await["prompt_name"], Value::Null);
}

#[tokio::test]
async fn requests_join_groups() {
    let local = Local::start();
    let id = local.log(&request()).await;
    // PromptLayer's Python client sends the key in the body only.
    let body = json!({ "api_key": "key" }).to_string();
    let group = local.send(Method::POST, "/create-group", local.json("/create-group", body)).await;
    assert_eq!((group.status, &group.json), (200, &json!({ "success": true, "id": 1 })));
    let second = local.post("/create-group", &json!({})).await;
    assert_eq!(second.json["id"], 2);
    for _ in 0..2 {
        let answer = local.post("/rest/track-group", &json!({ "request_id": id, "group_id": 2 })).await;
        assert_eq!(answer.json, json!({ "success": true, "message": "Group tracked successfully" }));
    }
    assert_eq!(read(&local, id).await["group_ids"], json!([2]));
    let missing = local.post("/rest/track-group", &json!({ "request_id": id, "group_id": 3 })).await;
    assert_eq!(missing.status, 400);
    assert!(missing.json["message"].as_str().unwrap().contains("no group with id 3"), "{}", missing.text);
    let keyless = local.json("/create-group", "{}".to_owned());
    assert_eq!(local.send(Method::POST, "/create-group", keyless).await.status, 401);
}

#[tokio::test]
async fn tracking_an_unknown_request_is_refused() {
    let local = Local::start();
    for (path, fields) in [
        ("/rest/track-score", json!({ "score": 1 })),
        ("/rest/track-metadata", json!({ "metadata": {} })),
        ("/rest/track-prompt", json!({ "prompt_name": "example" })),
        ("/rest/track-group", json!({ "group_id": 1 })),
    ] {
        let answer = local.post(path, &support::merged(json!({ "request_id": 41 }), &fields)).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json["success"], false);
        assert!(
            answer.json["message"].as_str().unwrap().contains("no request with id 41"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn invalid_bodies_are_reported_by_field() {
    let local = Local::start();
    let id = local.log(&request()).await;
    for (path, body, places) in [
        ("/rest/track-score", json!({}), &["request_id", "score"][..]),
        ("/rest/track-score", json!({ "request_id": "1", "score": 1 }), &["request_id"]),
        ("/rest/track-score", json!({ "request_id": id, "score": 101 }), &["score"]),
        ("/rest/track-score", json!({ "request_id": id, "score": -1 }), &["score"]),
        ("/rest/track-score", json!({ "request_id": id, "score": true }), &["score"]),
        ("/rest/track-score", json!({ "request_id": id, "score": 50.5 }), &["score"]),
        ("/rest/track-metadata", json!({ "request_id": "x", "metadata": {} }), &["request_id"]),
        ("/rest/track-metadata", json!({ "request_id": id, "metadata": [] }), &["metadata"]),
        ("/rest/track-prompt", json!({ "request_id": id }), &["prompt_name"]),
        (
            "/rest/track-prompt",
            json!({ "request_id": id, "prompt_name": "p", "version": "v2" }),
            &["version"],
        ),
        ("/rest/track-group", json!({ "request_id": id, "group_id": null }), &["group_id"]),
    ] {
        let expected: Vec<String> = places.iter().map(|place| format!("body.{place}")).collect();
        assert_eq!(local.post(path, &body).await.places(), expected, "{path} {body}");
    }
}
