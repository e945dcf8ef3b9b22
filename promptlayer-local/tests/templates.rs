//! Tests of the registry of prompt templates.

mod support;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Local, chat, merged, template, text};

fn path(name: &str) -> String {
    format!("/prompt-templates/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

#[tokio::test]
async fn publishing_makes_a_template_and_then_its_next_version() {
    let local = Local::start();
    let metadata =
        json!({ "model": { "provider": "openai", "name": "gpt-4o", "parameters": { "n": 1 } }, "mine": 1 });
    let body = json!({
        "prompt_template": { "prompt_name": "example", "tags": ["a"] },
        "prompt_version": {
            "prompt_template": chat("system", "Hello"), "commit_message": "first", "metadata": metadata,
        },
        "release_labels": ["prod"],
    });
    let first = local.post("/rest/prompt-templates", &body).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(
        first.json,
        json!({
            "id": 1, "prompt_name": "example", "prompt_version_id": 1, "version_number": 1, "tags": ["a"],
            "release_labels": ["prod"], "prompt_template": chat("system", "Hello"), "metadata": metadata,
            "commit_message": "first", "external_ids": [],
        })
    );
    let second = local
        .post(
            "/rest/prompt-templates",
            &merged(
                template("x"),
                &json!({
                    "prompt_template": { "prompt_name": "example", "tags": ["b"] },
                }),
            ),
        )
        .await;
    assert_eq!(second.json["id"], 1);
    assert_eq!(second.json["version_number"], 2);
    assert_eq!(second.json["tags"], json!(["a", "b"]));
}

#[tokio::test]
async fn template_is_read_by_name_or_id_version_or_label() {
    let local = Local::start();
    let labelled = |said: &str, labels: Value| merged(template(said), &json!({ "release_labels": labels }));
    local.publish("example", labelled("one", json!(["prod", "old"]))).await;
    local.publish("example", labelled("two", json!(["prod"]))).await;
    local.publish("example", template("three")).await;
    for (query, version, said) in
        [("", 3, "three"), ("?version=1", 1, "one"), ("?label=prod", 2, "two"), ("?label=old", 1, "one")]
    {
        for name in ["example", "1"] {
            let answer = local.get(&format!("/prompt-templates/{name}{query}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(answer.json["version"], version, "{name}{query}");
            assert_eq!(answer.json["prompt_template"], chat("system", said));
            assert_eq!(answer.json["prompt_name"], "example");
            assert_eq!(answer.json["snippets"], json!([]));
        }
    }
    let by_post = local.post("/prompt-templates/example", &json!({ "label": "prod" })).await;
    assert_eq!(by_post.json["version"], 2);
    let latest = local.send(
        Method::POST,
        "/prompt-templates/example",
        local.request(Method::POST, "/prompt-templates/example").header("X-API-KEY", "key"),
    );
    assert_eq!(latest.await.json["version"], 3, "a POST without a body");
}

#[tokio::test]
async fn numeric_identifier_matches_a_name_before_an_id() {
    let local = Local::start();
    local.publish("first", template("one")).await;
    local.publish("1", template("two")).await;
    assert_eq!(local.get("/prompt-templates/1").await.json["prompt_name"], "1");
    assert_eq!(local.get("/prompt-templates/2").await.json["prompt_name"], "1");
}

#[tokio::test]
async fn names_may_hold_slashes_spaces_and_any_script() {
    let local = Local::start();
    for name in ["support/reply", "two words", "日本語 ü", "100%?#&", "a//b"] {
        local.publish(name, template(name)).await;
        let answer = local.get(&path(name)).await;
        assert_eq!((answer.status, &answer.json["prompt_name"]), (200, &json!(name)));
    }
    // Some clients do not encode the name.
    assert_eq!(local.get("/prompt-templates/support/reply").await.json["prompt_name"], "support/reply");
}

#[tokio::test]
async fn unknown_template_version_or_label_is_404() {
    let local = Local::start();
    local.publish("example", template("one")).await;
    for path in [
        "/prompt-templates/nothing",
        "/prompt-templates/99",
        "/prompt-templates/example?version=2",
        "/prompt-templates/example?label=prod",
    ] {
        let answer = local.get(path).await;
        assert_eq!((answer.status, &answer.json["success"]), (404, &json!(false)), "{path}");
        assert!(answer.json["message"].is_string());
    }
    assert_eq!(local.post("/prompt-templates/nothing", &json!({})).await.status, 404);
    assert_eq!(local.post("/prompt-templates/example", &json!({ "version": 2 })).await.status, 404);
}

#[tokio::test]
async fn version_and_label_together_are_refused() {
    let local = Local::start();
    local.publish("example", template("one")).await;
    let both = local.get("/prompt-templates/example?version=1&label=prod").await;
    assert_eq!(both.places(), ["query.label"]);
    for version in ["0", "-1", "one", ""] {
        let answer = local.get(&format!("/prompt-templates/example?version={version}")).await;
        assert_eq!(answer.places(), ["query.version"]);
    }
    let both = local.post("/prompt-templates/example", &json!({ "version": 1, "label": "prod" })).await;
    assert_eq!(both.places(), ["body.label"]);
    let bad = json!({ "version": 0, "label": 1, "provider": 1, "input_variables": [] });
    assert_eq!(
        local.post("/prompt-templates/example", &bad).await.places(),
        ["body.version", "body.label", "body.provider", "body.input_variables", "body.label"]
    );
}

#[tokio::test]
async fn template_is_rendered_when_variables_are_given() {
    let local = Local::start();
    local.publish("example", template("A name for a company that makes {product} in {city}?")).await;
    let read = async |body: Value| {
        local.post("/prompt-templates/example", &body).await.json["prompt_template"]["messages"][0]["content"]
            .take()
    };
    let raw = text("A name for a company that makes {product} in {city}?");
    let variables = json!({ "product": "toasters" });
    assert_eq!(read(json!({})).await, json!([raw]));
    assert_eq!(
        read(json!({ "input_variables": variables })).await,
        json!([text("A name for a company that makes toasters in ?")])
    );
    let skipped = json!({ "input_variables": variables, "skip_input_variable_rendering": true });
    assert_eq!(read(skipped).await, json!([raw]));
    assert_eq!(
        local.get("/prompt-templates/example").await.json["prompt_template"],
        chat("system", "A name for a company that makes {product} in {city}?"),
        "the stored template stays as it is"
    );
}

#[tokio::test]
async fn bad_templates_are_refused_and_make_no_version() {
    let local = Local::start();
    for (pointer, bad, place) in [
        ("/prompt_template/prompt_name", json!(""), "prompt_template.prompt_name"),
        ("/prompt_template/prompt_name", json!("x".repeat(513)), "prompt_template.prompt_name"),
        ("/prompt_template/tags", json!([1]), "prompt_template.tags.0"),
        ("/prompt_template/folder_id", json!(0), "prompt_template.folder_id"),
        (
            "/prompt_version/prompt_template",
            json!({ "type": "chat" }),
            "prompt_version.prompt_template.messages",
        ),
        ("/prompt_version/commit_message", json!("x".repeat(73)), "prompt_version.commit_message"),
        (
            "/prompt_version/metadata",
            json!({ "model": { "name": "m" } }),
            "prompt_version.metadata.model.provider",
        ),
        ("/release_labels", json!("prod"), "release_labels"),
        ("/external_ids", json!([{ "source": "s", "external_id": "" }]), "external_ids.0.external_id"),
        ("/external_ids", json!([{ "source": "s", "external_id": "e", "x": 1 }]), "external_ids.0.x"),
    ] {
        let mut body = merged(
            template("x"),
            &json!({
                "prompt_template": { "prompt_name": "example", "tags": [], "folder_id": null },
                "prompt_version": { "prompt_template": chat("user", ""), "commit_message": null, "metadata": null },
                "release_labels": null, "external_ids": null,
            }),
        );
        *body.pointer_mut(pointer).unwrap() = bad;
        assert_eq!(local.post("/rest/prompt-templates", &body).await.places(), [format!("body.{place}")]);
    }
    assert_eq!(local.get("/prompt-templates").await.json["total"], 0);
}

#[tokio::test]
async fn external_id_belongs_to_one_template() {
    let local = Local::start();
    let ids = json!([{ "source": "cms", "external_id": "42" }]);
    let body = merged(template("x"), &json!({ "external_ids": ids }));
    local.publish("owner", body.clone()).await;
    local.publish("owner", body.clone()).await;
    let mut other = body;
    other["prompt_template"]["prompt_name"] = json!("other");
    let conflict = local.post("/rest/prompt-templates", &other).await;
    assert_eq!((conflict.status, &conflict.json["success"]), (409, &json!(false)));
    assert!(conflict.json["message"].as_str().unwrap().contains("\"owner\""), "{}", conflict.text);
    assert_eq!(local.get("/prompt-templates/other").await.status, 404, "nothing of it is stored");
    let found = local.get("/prompt-templates?external_source=cms&external_id=42").await;
    assert_eq!(found.json["items"][0]["prompt_name"], "owner");
    assert_eq!(found.json["items"][0]["external_ids"], ids);
    assert_eq!(local.get("/prompt-templates?external_id=42").await.places(), ["query.external_id"]);
}

#[tokio::test]
async fn the_list_is_filtered_sorted_and_paged() {
    let local = Local::start();
    for (name, tags, labels) in [
        ("Support/Reply", json!(["support", "live"]), json!(["prod"])),
        ("support/triage", json!(["support"]), json!([])),
        ("ÜBERSICHT", json!([]), json!(["prod", "dev"])),
    ] {
        let mut body = template(name);
        body["prompt_template"]["tags"] = tags;
        body["release_labels"] = labels;
        local.publish(name, body).await;
    }
    local.publish("Support/Reply", template("newer, without a label")).await;

    let names = async |query: &str| -> Vec<String> {
        let answer = local.get(&format!("/prompt-templates?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let items = answer.json["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["prompt_name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("sort_order=asc").await, ["Support/Reply", "support/triage", "ÜBERSICHT"]);
    assert_eq!(names("").await, ["ÜBERSICHT", "support/triage", "Support/Reply"]);
    assert_eq!(names("sort_by=updated_at").await, ["Support/Reply", "ÜBERSICHT", "support/triage"]);
    assert_eq!(names("sort_by=name&sort_order=asc").await, ["Support/Reply", "support/triage", "ÜBERSICHT"]);
    assert_eq!(names("name=SUPPORT").await, ["support/triage", "Support/Reply"]);
    assert_eq!(names("name=%C3%BCber").await, ["ÜBERSICHT"]);
    assert_eq!(names("tags=support").await, ["support/triage", "Support/Reply"]);
    assert_eq!(names("tags=support&tags=live").await, ["Support/Reply"]);
    assert_eq!(names("label=dev").await, ["ÜBERSICHT"]);
    assert_eq!(names("status=deleted").await, Vec::<String>::new());
    assert_eq!(names("status=all&is_snippet=false").await.len(), 3);
    assert_eq!(names("created_after=2200-01-01T00:00:00Z").await, Vec::<String>::new());

    let labelled = local.get("/prompt-templates?label=prod&name=reply").await;
    assert_eq!(labelled.json["items"][0]["version"], 1, "the version of the label and not the latest");

    let page = local.get("/prompt-templates?per_page=2&page=2&sort_order=asc").await.json;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        ["page", "pages", "total", "has_next", "has_prev", "next_num", "prev_num"]
            .map(|field| page[field].clone()),
        [json!(2), json!(2), json!(3), json!(false), json!(true), json!(2), json!(1)]
    );
    for (query, place) in [
        ("page=0", "page"),
        ("per_page=x", "per_page"),
        ("status=gone", "status"),
        ("sort_by=size", "sort_by"),
        ("sort_order=up", "sort_order"),
        ("created_before=monday", "created_before"),
        ("is_snippet=maybe", "is_snippet"),
    ] {
        assert_eq!(
            local.get(&format!("/prompt-templates?{query}")).await.places(),
            [format!("query.{place}")]
        );
    }
}

/// Returns a chat template for this model.
fn template_for(model: &Value) -> Value {
    let mut body = template("Hello {name}");
    body["prompt_version"]["metadata"] = json!({ "model": model, "mine": 1 });
    body
}

#[tokio::test]
async fn llm_kwargs_are_for_the_model_of_the_template() {
    let local = Local::start();
    let model = json!({ "provider": "openai", "name": "gpt-4o", "parameters": { "temperature": 0.5 } });
    local.publish("example", template_for(&model)).await;
    let body = json!({ "input_variables": { "name": "Ada" } });
    let read = local.post("/prompt-templates/example", &body).await.json;
    assert_eq!(
        read["llm_kwargs"],
        json!({
            "model": "gpt-4o", "temperature": 0.5, "messages": [{ "role": "system", "content": "Hello Ada" }],
        })
    );
    assert_eq!(read["metadata"]["mine"], 1);
    assert_eq!(read["metadata"]["model"]["api_type"], "chat-completions");

    let body = json!({
        "provider": "anthropic", "model": "claude-x", "model_parameter_overrides": { "maxOutputTokens": 9 },
        "metadata_filters": { "user": "1" }, "input_variables": { "name": "Ada" },
        "skip_input_variable_rendering": true,
    });
    let read = local.post("/prompt-templates/example", &body).await.json;
    assert_eq!(
        read["llm_kwargs"],
        json!({ "model": "claude-x", "max_tokens": 9, "system": [text("Hello {name}")], "messages": [] })
    );
    assert_eq!(read["metadata"]["model"]["provider"], "anthropic");

    local.publish("plain", template("x")).await;
    assert_eq!(local.post("/prompt-templates/plain", &json!({})).await.json["llm_kwargs"], Value::Null);
}

#[tokio::test]
async fn raw_template_has_llm_kwargs_if_asked_for() {
    let local = Local::start();
    let model = json!({ "provider": "openai", "name": "gpt-4o" });
    local.publish("example", template_for(&model)).await;
    for (query, model) in [("", Value::Null), ("?include_llm_kwargs=true", json!("gpt-4o"))] {
        let read = local.get(&format!("/prompt-templates/example{query}")).await.json;
        assert_eq!(read["llm_kwargs"]["model"], model, "{query}");
        assert_eq!(read["metadata"]["model"].get("api_type"), None, "the stored model");
    }
    let bad = local.get("/prompt-templates/example?include_llm_kwargs=maybe").await;
    assert_eq!(bad.places(), ["query.include_llm_kwargs"]);
}
