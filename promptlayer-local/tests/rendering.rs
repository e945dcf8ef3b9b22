//! Tests of `POST /prompt-templates/{identifier}` with `input_variables`: the server renders a template as
//! PromptLayer's Python client does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use promptlayer_local::Config;
use serde_json::{Value, json};
use support::{Answer, Local, shared, text};

/// Publishes a chat template with one message of this text and format.
async fn publish(local: &Local, template: &str, format: &str) {
    let message = json!({ "role": "user", "content": [text(template)], "template_format": format });
    let prompt = json!({ "type": "chat", "messages": [message] });
    publish_prompt(local, prompt).await;
}

async fn publish_prompt(local: &Local, prompt: Value) {
    let body = json!({ "prompt_template": {}, "prompt_version": { "prompt_template": prompt } });
    local.publish("t", body).await;
}

async fn render(local: &Local, variables: &Value) -> Answer {
    local.post("/prompt-templates/t", &json!({ "input_variables": variables })).await
}

/// Returns the text of the only message that the server renders.
async fn rendered(local: &Local, template: &str, format: &str, variables: &Value) -> Value {
    publish(local, template, format).await;
    let answer = render(local, variables).await;
    assert_eq!(answer.status, 200, "{template}: {}", answer.text);
    answer.json["prompt_template"]["messages"][0]["content"][0]["text"].clone()
}

#[tokio::test]
async fn text_renders_as_in_the_python_client() {
    let local = Local::start();
    let variables = json!({ "name": "Ada", "é": "ok", "html": "<b>&", "braces": "{name}", "0": "zero" });
    for (format, template, expected) in [
        ("f-string", "Hi {name}", "Hi Ada"),
        ("f-string", "Hi {missing}!", "Hi !"),
        ("f-string", "{ name }", ""),
        ("f-string", "{é}{braces}", "ok{name}"),
        ("f-string", "{{name}} {name:>5}|{name!r}", "{name}   Ada|'Ada'"),
        ("f-string", "{0}", "{0}"),
        ("f-string", "json: {\"a\": 1} {name", "json: {\"a\": 1} {name"),
        ("f-string", "", ""),
        ("jinja2", "Hi {{ name }}{{ a.b.c }}", "Hi Ada"),
        ("jinja2", "{% for c in name %}{{ loop.index }}{{ c }}{% endfor %}", "1A2d3a"),
        ("jinja2", "{{ html }} {{ name.upper() }}", "<b>& ADA"),
        ("jinja2", "{name} {% broken", "{name} {% broken"),
        ("jinja2", "{% if true %}\nb\n{% endif %}\n", "\nb\n"),
    ] {
        assert_eq!(rendered(&local, template, format, &variables).await, expected, "{template}");
    }
}

#[tokio::test]
async fn reference_vectors_render_as_in_the_python_client() {
    let local = Local::start();
    let mut compared = 0;
    for vector in shared::render_vectors() {
        let (template, format) = (vector["template"].as_str().unwrap(), vector["format"].as_str().unwrap());
        let found = rendered(&local, template, format, &vector["variables"]).await;
        assert_eq!(found, vector["python"], "{vector}");
        compared += 1;
    }
    assert!(compared >= 10, "{compared}");
}

#[tokio::test]
async fn only_text_blocks_are_rendered_and_other_fields_stay() {
    let local = Local::start();
    let messages = |said: &str| {
        json!([
            { "role": "user", "content": [
                { "type": "text", "text": said, "mine": "{x}" },
                { "type": "thinking", "thinking": "{x}", "text": "{x}" },
            ], "mine": { "text": "{x}" } },
            { "role": "assistant", "content": null, "tool_calls": [] },
            { "role": "placeholder", "name": "history", "content": [text("{x}")], "mine": 1 },
        ])
    };
    let prompt = |said: &str| json!({ "type": "chat", "messages": messages(said), "mine": "{x}" });
    publish_prompt(&local, prompt("{x}")).await;
    let answer = render(&local, &json!({ "x": "filled in" })).await;
    assert_eq!(answer.json["prompt_template"], prompt("filled in"));

    let completion = |said: &str| json!({ "type": "completion", "content": [text(said)], "template_format": "jinja2", "mine": 1 });
    publish_prompt(&local, completion("{{ x }}{x}")).await;
    let answer = render(&local, &json!({ "x": "filled in" })).await;
    assert_eq!(answer.json["prompt_template"], completion("filled in{x}"));
}

#[tokio::test]
async fn placeholder_is_replaced_by_the_messages_of_its_variable() {
    let local = Local::start();
    let user = |said: &str| json!({ "role": "user", "content": [text(said)] });
    let placeholder = json!({ "role": "placeholder", "name": "history" });
    let prompt = |messages: Value| json!({ "type": "chat", "messages": messages });
    publish_prompt(&local, prompt(json!([user("{x}"), placeholder, user("{x}")]))).await;
    for (history, expected) in [
        (json!([user("{x}")]), json!([user("1"), user("{x}"), user("1")])),
        (
            json!([{ "role": "assistant", "content": "Hi" }]),
            json!([user("1"), { "role": "assistant", "content": [text("Hi")] }, user("1")]),
        ),
        (json!([]), json!([user("1"), user("1")])),
        (json!("a text"), json!([user("1"), placeholder, user("1")])),
        (json!([1]), json!([user("1"), placeholder, user("1")])),
    ] {
        let answer = render(&local, &json!({ "x": 1, "history": history })).await;
        assert_eq!(answer.json["prompt_template"], prompt(expected), "{history}");
    }
    let limited = Local::with(Config::default().body_limit(500));
    publish_prompt(&limited, prompt(json!([placeholder, placeholder, placeholder]))).await;
    let answer = render(&limited, &json!({ "history": [user(&"x".repeat(200))] })).await;
    assert_eq!(answer.status, 413, "inserted messages count as rendered text");
}

#[tokio::test]
async fn rendered_texts_above_the_body_limit_are_refused() {
    let local = Local::with(Config::default().body_limit(1000));
    for (format, template) in
        [("f-string", "{x}{x}"), ("jinja2", "{{ x }}{{ x }}"), ("f-string", "{x:240}{x:240}{x:240}{x:240}")]
    {
        publish(&local, template, format).await;
        assert_eq!(render(&local, &json!({ "x": "x".repeat(200) })).await.status, 200, "{template}");
        let refused = render(&local, &json!({ "x": "x".repeat(600) })).await;
        assert_eq!((refused.status, &refused.json["success"]), (413, &json!(false)), "{template}");
    }

    let two = |said: &str| json!([{ "role": "user", "content": [text(said)] }, { "role": "user", "content": [text(said)] }]);
    publish_prompt(&local, json!({ "type": "chat", "messages": two("{x}") })).await;
    assert_eq!(render(&local, &json!({ "x": "x".repeat(500) })).await.status, 200);
    let refused = render(&local, &json!({ "x": "x".repeat(501) })).await;
    assert_eq!(refused.status, 413, "the limit applies to all texts together");
}

#[tokio::test]
async fn endless_template_is_left_unchanged() {
    let local = Local::start();
    let nested = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    assert_eq!(rendered(&local, nested, "jinja2", &json!({})).await, nested);
}
