//! Tests of release labels, external ids, snippets and changes of templates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use promptlayer_local::Config;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Local, chat, merged, template, text};

async fn labels(local: &Local, name: &str) -> Vec<(String, i64)> {
    let answer = local.get(&format!("/prompt-templates/{name}/labels")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let labels = answer.json["release_labels"].as_array().unwrap().iter();
    let pair = |label: &Value| {
        (
            label["release_label"].as_str().unwrap().to_owned(),
            label["prompt_version_number"].as_i64().unwrap(),
        )
    };
    labels.map(pair).collect()
}

#[tokio::test]
async fn label_is_created_moved_and_deleted() {
    let local = Local::start();
    local.publish("a/b", template("one")).await;
    local.publish("a/b", template("two")).await;
    let created =
        local.post("/prompts/1/label", &json!({ "prompt_version_number": 1, "name": "prod" })).await;
    assert_eq!(created.status, 200, "{}", created.text);
    assert_eq!(
        [&created.json["name"], &created.json["prompt_id"], &created.json["prompt_version_id"]],
        [&json!("prod"), &json!(1), &json!(1)]
    );
    let path = format!("/prompt-labels/{}", created.json["id"]);
    for name in ["a/b", "a%2Fb", "1"] {
        assert_eq!(labels(&local, name).await, [("prod".to_owned(), 1)], "{name}");
    }

    let moved = local.change(Method::PATCH, &path, &json!({ "prompt_version_number": 2 })).await;
    assert_eq!((moved.status, &moved.json["prompt_version_id"]), (200, &json!(2)), "{}", moved.text);
    assert_eq!(moved.json["id"], created.json["id"]);
    assert_eq!(local.get("/prompt-templates/a%2Fb?label=prod").await.json["version"], 2);

    // Publishing with the label moves it too.
    local.publish("a/b", merged(template("three"), &json!({ "release_labels": ["prod", "dev"] }))).await;
    assert_eq!(labels(&local, "1").await, [("dev".to_owned(), 3), ("prod".to_owned(), 3)]);

    assert_eq!(local.change(Method::DELETE, &path, &json!({})).await.status, 204);
    assert_eq!(labels(&local, "1").await, [("dev".to_owned(), 3)]);
    assert_eq!(local.change(Method::DELETE, &path, &json!({})).await.status, 404);
}

#[tokio::test]
async fn label_needs_an_existing_version_and_a_new_name() {
    let local = Local::start();
    local.publish("example", merged(template("one"), &json!({ "release_labels": ["prod"] }))).await;
    for (path, body, place) in [
        (
            "/prompts/1/label",
            json!({ "prompt_version_number": 2, "name": "x" }),
            "body.prompt_version_number",
        ),
        ("/prompts/1/label", json!({ "prompt_version_number": 1, "name": "prod" }), "body.name"),
        ("/prompts/1/label", json!({ "prompt_version_number": 1, "name": 1 }), "body.name"),
        ("/prompts/x/label", json!({ "prompt_version_number": 1, "name": "x" }), "path.prompt_id"),
    ] {
        assert_eq!(local.post(path, &body).await.places(), [place]);
    }
    let unknown = local.post("/prompts/9/label", &json!({ "prompt_version_number": 1, "name": "x" })).await;
    assert_eq!(unknown.status, 404);
    let patch = async |path: &str, number: i64| {
        local.change(Method::PATCH, path, &json!({ "prompt_version_number": number })).await
    };
    assert_eq!(patch("/prompt-labels/1", 9).await.places(), ["body.prompt_version_number"]);
    assert_eq!(patch("/prompt-labels/9", 1).await.status, 404);
    assert_eq!(local.get("/prompt-templates/nothing/labels").await.status, 404);
}

#[tokio::test]
async fn external_ids_are_attached_listed_and_detached() {
    let local = Local::start();
    local.publish("one", template("x")).await;
    local.publish("two", template("x")).await;
    let id = json!({ "source": "my/cms", "external_id": "4 2" });
    for _ in 0..2 {
        let attached = local.post("/prompt-templates/1/external-ids", &id).await;
        assert_eq!((attached.status, &attached.json["external_id"]), (201, &id), "{}", attached.text);
    }
    assert_eq!(local.get("/prompt-templates/1/external-ids").await.json["external_ids"], json!([id]));
    let taken = local.post("/prompt-templates/2/external-ids", &id).await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    assert_eq!(local.post("/prompt-templates/9/external-ids", &id).await.status, 404);
    assert_eq!(
        local.post("/prompt-templates/1/external-ids", &json!({ "source": "" })).await.places(),
        ["body.source", "body.external_id"]
    );

    let path = "/prompt-templates/1/external-ids/my%2Fcms/4%202";
    let detached = local.change(Method::DELETE, path, &json!({})).await;
    assert_eq!((detached.status, detached.json), (200, json!({ "success": true })));
    assert_eq!(local.change(Method::DELETE, path, &json!({})).await.status, 404);
    assert_eq!(local.get("/prompt-templates/1/external-ids").await.json["external_ids"], json!([]));
    let long = format!("/prompt-templates/1/external-ids/{}/x", "s".repeat(129));
    assert_eq!(local.change(Method::DELETE, &long, &json!({})).await.places(), ["path.source"]);
    assert_eq!(local.get("/prompt-templates/x/external-ids").await.places(), ["path.prompt_template_id"]);
}

#[tokio::test]
async fn template_is_published_by_its_external_id() {
    let local = Local::start();
    let put = async |id: &str, name: &str| {
        let mut body = template(name);
        body["prompt_template"]["prompt_name"] = json!(name);
        local.change(Method::PUT, &format!("/prompt-templates/by-external-id/cms/{id}"), &body).await
    };
    let created = put("42", "first").await;
    assert_eq!((created.status, &created.json["version_number"]), (201, &json!(1)), "{}", created.text);
    assert_eq!(created.json["external_ids"], json!([{ "source": "cms", "external_id": "42" }]));
    let updated = put("42", "first").await;
    assert_eq!((updated.status, &updated.json["version_number"]), (200, &json!(2)));
    let renamed = put("42", "renamed").await;
    assert_eq!((renamed.status, &renamed.json["id"]), (200, &json!(1)));
    assert_eq!(local.get("/prompt-templates/first").await.status, 404);
    assert_eq!(local.get("/prompt-templates/renamed").await.json["version"], 3);

    local.publish("other", template("x")).await;
    let attached = put("43", "other").await;
    assert_eq!((attached.status, &attached.json["version_number"]), (200, &json!(2)));
    let taken = put("42", "other").await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    assert_eq!(local.get("/prompt-templates/other").await.json["version"], 2, "nothing of it is stored");
    assert_eq!(
        local.change(Method::PUT, "/prompt-templates/by-external-id/cms/1", &json!({})).await.places(),
        ["body.prompt_template", "body.prompt_version"]
    );
}

/// Publishes a completion, which can be a snippet.
async fn snippet(local: &Local, name: &str, said: &str, fields: &Value) {
    let prompt = json!({ "type": "completion", "content": [text(said)] });
    let body = json!({ "prompt_template": {}, "prompt_version": { "prompt_template": prompt } });
    local.publish(name, merged(body, fields)).await;
}

#[tokio::test]
async fn snippets_are_resolved_and_listed() {
    let local = Local::start();
    snippet(&local, "tone", "Be kind.", &json!({ "release_labels": ["prod"] })).await;
    snippet(&local, "tone", "Be brief, {name}.", &json!({})).await;
    snippet(&local, "outer", "[@@@tone@version_number:1@@@]", &json!({})).await;
    local.publish("a chat", template("not a snippet")).await;
    let raw =
        "@@@tone@@@ @@@tone@label:prod@@@ @@@outer@@@ @@@nothing@@@ @@@a chat@@@ @@@tone@version_number:9@@@";
    local.publish("parent", template(raw)).await;

    let resolved =
        "Be brief, {name}. Be kind. [Be kind.] @@@nothing@@@ @@@a chat@@@ @@@tone@version_number:9@@@";
    let used = json!([
        { "prompt_name": "tone", "version": 2, "label": null },
        { "prompt_name": "tone", "version": 1, "label": "prod" },
        { "prompt_name": "outer", "version": 1, "label": null },
        { "prompt_name": "tone", "version": 1, "label": null },
    ]);
    for (query, said) in
        [("", resolved), ("?resolve_snippets=true", resolved), ("?resolve_snippets=false", raw)]
    {
        let read = local.get(&format!("/prompt-templates/parent{query}")).await.json;
        assert_eq!(read["prompt_template"], chat("system", said), "{query}");
        assert_eq!(read["snippets"], used, "{query}");
    }
    let body = json!({ "input_variables": { "name": "Ada" } });
    let rendered = local.post("/prompt-templates/parent", &body).await.json;
    let said = rendered["prompt_template"]["messages"][0]["content"][0]["text"].as_str().unwrap();
    assert!(said.starts_with("Be brief, Ada. Be kind. [Be kind.]"), "{said}");
}

#[tokio::test]
async fn snippets_that_contain_themselves_or_grow_are_limited() {
    let local = Local::with(Config::default().body_limit(10_000));
    snippet(&local, "a", "(@@@b@@@)", &json!({})).await;
    snippet(&local, "b", "[@@@a@@@]", &json!({})).await;
    local.publish("parent", template("@@@a@@@")).await;
    let read = local.get("/prompt-templates/parent").await.json;
    assert_eq!(read["prompt_template"], chat("system", "([@@@a@@@])"));

    snippet(&local, "grow-0", &"x".repeat(100), &json!({})).await;
    for depth in 1..=3 {
        let inner = format!("@@@grow-{}@@@", depth - 1);
        snippet(&local, &format!("grow-{depth}"), &inner.repeat(10), &json!({})).await;
    }
    assert_eq!(local.get("/prompt-templates/grow-1").await.status, 200);
    let large = local.get("/prompt-templates/grow-3").await;
    assert_eq!((large.status, &large.json["success"]), (413, &json!(false)));
    assert_eq!(local.post("/prompt-templates/grow-3", &json!({})).await.status, 413);
}

#[tokio::test]
async fn snippet_usage_names_versions_and_labels() {
    let local = Local::start();
    snippet(&local, "tone", "one", &json!({})).await;
    snippet(&local, "tone", "two", &json!({})).await;
    local.publish("first", merged(template("@@@tone@@@"), &json!({ "release_labels": ["prod"] }))).await;
    local.publish("first", template("nothing")).await;
    local.publish("first", template("@@@tone@version_number:1@@@")).await;
    local.publish("second", template("@@@tone@label:none@@@ @@@other@@@")).await;
    let id = local.get("/prompt-templates/first").await.json["id"].clone();
    let usage =
        async |query: &str| local.get(&format!("/prompt-templates/tone/snippet-usage{query}")).await.json;
    let all = usage("").await;
    assert_eq!(all["snippet_name"], "tone");
    assert_eq!(
        all["snippet_usage"],
        json!([{ "prompt_registry_id": id, "prompt_name": "first", "version_numbers": [1, 3] }])
    );
    assert_eq!(
        all["label_usage"],
        json!([{ "prompt_registry_id": id, "prompt_name": "first", "label_name": "prod" }])
    );
    assert_eq!(
        (&all["total_prompts_using_snippet"], &all["total_labels_using_snippet"]),
        (&json!(1), &json!(1))
    );
    let of_first = usage("?prompt_version_number=1").await;
    assert_eq!(of_first["snippet_usage"][0]["version_numbers"], json!([3]));
    assert_eq!(of_first["label_usage"], json!([]));
    assert_eq!(local.get("/prompt-templates/nothing/snippet-usage").await.status, 404);
}

#[tokio::test]
async fn list_can_be_limited_to_snippets() {
    let local = Local::start();
    snippet(&local, "a snippet", "x", &json!({})).await;
    local.publish("a chat", template("x")).await;
    for (query, names) in [
        ("?is_snippet=true", &["a snippet"][..]),
        ("?is_snippet=false", &["a chat"]),
        ("", &["a chat", "a snippet"]),
    ] {
        let items = local.get(&format!("/prompt-templates{query}")).await.json["items"].clone();
        let items = items.as_array().unwrap();
        let found: Vec<&str> = items.iter().map(|item| item["prompt_name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{query}");
        assert!(items.iter().all(|item| item["is_snippet"] == (item["prompt_name"] == "a snippet")));
    }
}

/// Sends a change of the template `example`.
async fn patch(local: &Local, body: &Value) -> support::Answer {
    local.change(Method::PATCH, "/rest/prompt-templates/example", body).await
}

#[tokio::test]
async fn patch_publishes_a_version_with_the_changes() {
    let local = Local::start();
    let user = |said: &str| json!({ "role": "user", "content": [text(said)] });
    let model =
        json!({ "provider": "openai", "name": "gpt-4o", "parameters": { "temperature": 0.5, "n": 1 } });
    let prompt = json!({
        "type": "chat", "messages": [user("one"), user("two")], "tool_choice": "auto",
        "tools": [{ "type": "function", "function": { "name": "f" } }], "mine": 1,
    });
    let body = json!({
        "prompt_template": { "tags": ["t"] },
        "prompt_version": { "prompt_template": prompt, "metadata": { "model": model, "mine": 1 } },
        "release_labels": ["prod"],
    });
    local.publish("example", body).await;

    let changes = json!({
        "messages": { "1": user("changed") }, "tools": null, "tool_choice": null,
        "model_parameters": { "temperature": 0.9 }, "response_format": { "type": "json_object" },
        "commit_message": "change", "release_labels": ["dev"],
    });
    let answer = patch(&local, &changes).await;
    assert_eq!((answer.status, &answer.json["version_number"]), (201, &json!(2)), "{}", answer.text);
    assert_eq!(
        answer.json["prompt_template"],
        json!({ "type": "chat", "messages": [user("one"), user("changed")], "mine": 1 })
    );
    assert_eq!(
        answer.json["metadata"]["model"]["parameters"],
        json!({ "temperature": 0.9, "n": 1, "response_format": { "type": "json_object" } })
    );
    assert_eq!((&answer.json["metadata"]["mine"], &answer.json["tags"]), (&json!(1), &json!(["t"])));
    assert_eq!(labels(&local, "example").await, [("dev".to_owned(), 2), ("prod".to_owned(), 1)]);

    // From another version, with all messages replaced.
    for base in [json!({ "version": 1 }), json!({ "label": "prod" })] {
        let changes = merged(base, &json!({ "messages": [user("new")], "response_format": null }));
        let answer = patch(&local, &changes).await;
        assert_eq!(answer.json["prompt_template"]["messages"], json!([user("new")]));
        assert_eq!(answer.json["prompt_template"]["tool_choice"], "auto");
        assert_eq!(answer.json["metadata"]["model"]["parameters"], json!({ "temperature": 0.5, "n": 1 }));
    }
}

#[tokio::test]
async fn conflicting_changes_are_refused_and_make_no_version() {
    let local = Local::start();
    local.publish("example", template("one")).await;
    for changes in [
        json!({ "version": 1, "label": "prod" }),
        json!({ "messages": { "1": { "role": "user", "content": [] } } }),
        json!({ "messages": { "x": {} } }),
        json!({ "content": [text("x")] }),
        json!({ "model_parameters": { "temperature": 1 } }),
        json!({ "response_format": {}, "model_parameters": { "response_format": {} } }),
    ] {
        let answer = patch(&local, &changes).await;
        assert_eq!((answer.status, &answer.json["success"]), (400, &json!(false)), "{changes}");
    }
    let bad = json!({ "messages": [{ "role": "user" }] });
    assert_eq!(patch(&local, &bad).await.places(), ["body.messages.0.content"]);
    assert_eq!(patch(&local, &json!({ "messages": "x" })).await.places(), ["body.messages"]);
    assert_eq!(patch(&local, &json!({ "version": 9 })).await.status, 404);
    snippet(&local, "story", "x", &json!({})).await;
    let story = local.change(Method::PATCH, "/rest/prompt-templates/story", &json!({ "messages": [] })).await;
    assert_eq!(story.status, 400);
    assert_eq!(local.get("/prompt-templates/example").await.json["version"], 1);
}
