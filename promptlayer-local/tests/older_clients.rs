//! Tests of the paths of PromptLayer's older clients, which send the key in the body.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Answer, Local, chat, merged, request, template, text};

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

#[tokio::test]
async fn template_of_langchain_is_published_and_returned() {
    let local = Local::start();
    let langchain = json!({
        "_type": "prompt", "input_variables": ["product"], "output_parser": null, "partial_variables": {},
        "template": "A name for a company that makes {product}?", "template_format": "f-string",
        "validate_template": false,
    });
    let body = json!({
        "prompt_name": "example", "prompt_template": langchain, "tags": ["t"], "commit_message": "one",
        "metadata": { "mine": "1" }, "api_key": "key",
    });
    let published = send(&local, "/library-publish-prompt-template", &body).await;
    assert_eq!((published.status, &published.json["success"]), (200, &json!(true)), "{}", published.text);
    let read = local.get("/library-get-prompt-template?prompt_name=example&version=1").await;
    assert_eq!(read.status, 200, "{}", read.text);
    assert_eq!(read.json["prompt_template"], langchain);
    assert_eq!((&read.json["tags"], &read.json["metadata"]), (&json!(["t"]), &json!({ "mine": "1" })));
    let current = local.get("/prompt-templates/example").await.json;
    assert_eq!(
        current["prompt_template"]["content"],
        json!([text("A name for a company that makes {product}?")])
    );
    assert_eq!(
        local.get("/rest/prompts?page=1&per_page=30").await.json["items"][0]["prompt_name"],
        "example"
    );
}

#[tokio::test]
async fn chat_of_langchain_is_published_and_returned() {
    let local = Local::start();
    let prompt = |said: &str, variables: Value| {
        json!({
            "_type": "prompt", "template": said, "template_format": "f-string", "input_variables": variables,
        })
    };
    let langchain = json!({
        "_type": "chat_promptlayer_langchain", "input_variables": ["question"], "output_parser": null,
        "partial_variables": {}, "validate_template": false,
        "messages": [
            { "role": "system", "prompt": prompt("Be brief.", json!([])) },
            { "role": "user", "prompt": prompt("{question}", json!(["question"])), "additional_kwargs": {} },
        ],
    });
    let body = json!({ "prompt_name": "example", "prompt_template": langchain, "api_key": "key" });
    assert_eq!(send(&local, "/library-publish-prompt-template", &body).await.status, 200);
    let current = local.get("/prompt-templates/example").await.json;
    assert_eq!(current["prompt_template"]["messages"][0]["content"], json!([text("Be brief.")]));
    let read = local.get("/library-get-prompt-template?prompt_name=example").await.json;
    assert_eq!(read["prompt_template"], langchain);

    // A template that was published in another way is converted too.
    local.publish("other", template("Hello")).await;
    let read = local.get("/library-get-prompt-template?prompt_name=other").await.json;
    let message = &read["prompt_template"]["messages"][0];
    assert_eq!((&message["role"], &message["prompt"]["template"]), (&json!("system"), &json!("Hello")));
    let body = json!({ "prompt_name": "third", "prompt_template": chat("user", "Hi"), "api_key": "key" });
    assert_eq!(send(&local, "/library-publish-prompt-template", &body).await.status, 200);
    assert_eq!(local.get("/prompt-templates/third").await.json["prompt_template"], chat("user", "Hi"));
}

#[tokio::test]
async fn unknown_template_is_404_and_a_broken_one_422() {
    let local = Local::start();
    assert_eq!(local.get("/library-get-prompt-template?prompt_name=x").await.status, 404);
    assert_eq!(local.get("/library-get-prompt-template").await.places(), ["query.prompt_name"]);
    local.publish("example", template("one")).await;
    for (query, status) in [("&version=2", 404), ("&label=prod", 404), ("&version=1&label=prod", 422)] {
        let answer = local.get(&format!("/library-get-prompt-template?prompt_name=example{query}")).await;
        assert_eq!(answer.status, status, "{query}");
    }
    let broken = json!({ "messages": [{ "role": "user" }] });
    let body = json!({ "prompt_name": "example", "prompt_template": broken, "api_key": "key" });
    let answer = send(&local, "/library-publish-prompt-template", &body).await;
    assert_eq!(answer.places(), ["body.prompt_template.messages.0.content"]);
}
