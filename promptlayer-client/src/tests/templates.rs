use serde_json::json;

use super::*;
use crate::Tags;
use crate::blueprint::{CompletionPrompt, Model};

const TEMPLATE: &str = r#"{
    "success": true, "id": 17, "prompt_name": "team/support reply?", "version": 2,
    "workspace_id": 42,
    "prompt_template": {"type": "chat", "messages": [
        {"role": "system", "content": [{"type": "text", "text": "You help."}]},
        {"role": "user", "content": [{"type": "text", "text": "{user_message}"}]}
    ]},
    "metadata": {"model": {"provider": "openai", "name": "gpt-4o", "parameters": {"temperature": 0.2}}},
    "commit_message": "Improve support tone", "tags": ["support"],
    "created_at": "2025-03-15T10:30:00Z", "snippets": [], "llm_kwargs": null
}"#;

#[tokio::test]
async fn template_is_read_by_name_and_label_and_rendered() {
    let server = Server::start([Reply::json(200, TEMPLATE)]);
    let template = client(&server).templates().get("team/support reply?").label("a&b").await.unwrap();

    assert_eq!(server.finish()[0].line, "GET /prompt-templates/team%2Fsupport%20reply%3F?label=a%26b");
    assert_eq!((template.id, template.version), (17, 2));
    assert_eq!(template.commit_message.as_deref(), Some("Improve support tone"));
    assert_eq!(template.tags, ["support"]);

    let prompt = template.format([("user_message", "Where is my toaster?")]).unwrap();
    assert_eq!(prompt.text(), "You help.\nWhere is my toaster?");
    assert_eq!(prompt.to_string(), prompt.text());
    assert_eq!((prompt.name(), prompt.version()), ("team/support reply?", 2));
    assert_eq!(prompt.variables()["user_message"], "Where is my toaster?");
    assert_eq!(prompt.model().unwrap().name, "gpt-4o");
    assert_eq!(prompt.parameters().unwrap()["temperature"], 0.2);
}

#[tokio::test]
async fn template_is_read_by_id_and_version() {
    let server = Server::start([Reply::json(200, TEMPLATE)]);
    client(&server).templates().get(17).version(2).await.unwrap();

    assert_eq!(server.finish()[0].line, "GET /prompt-templates/17?version=2");
}

#[tokio::test]
async fn name_that_changes_the_path_is_refused() {
    let server = Server::start([]);
    let templates = client(&server).templates();
    for name in ["", "  ", ".", ".."] {
        assert!(templates.get(name).await.unwrap_err().is_invalid_input(), "{name}");
    }
    assert!(templates.get("x").version(1).label("prod").await.unwrap_err().is_invalid_input());
    assert!(server.finish().is_empty());
}

#[tokio::test]
async fn templates_are_listed_by_page() {
    let page = json!({
        "has_next": true, "has_prev": false, "next_num": 2, "prev_num": null,
        "page": 1, "pages": 3, "total": 25,
        "items": [{
            "id": 1, "prompt_name": "example", "version": 4, "external_ids": [],
            "prompt_template": {"type": "completion", "content": []},
            "metadata": null,
        }],
    });
    let server = Server::start([Reply::json(200, &page.to_string())]);
    let page = client(&server).templates().list().page(9).page(1).per_page(10).name("ex am").await.unwrap();

    assert_eq!(server.finish()[0].line, "GET /prompt-templates?page=1&per_page=10&name=ex%20am");
    assert_eq!((page.page, page.pages, page.total), (1, 3, 25));
    assert_eq!((page.next_num, page.prev_num), (Some(2), None));
    assert_eq!(page.items[0].name, "example");
    assert_eq!(page.items[0].version, Some(4));
}

#[tokio::test]
async fn template_is_published() {
    let answer = json!({
        "id": 11, "prompt_name": "example", "prompt_version_id": 90, "version_number": 3,
        "tags": ["a"], "release_labels": null, "external_ids": [],
        "prompt_template": {"type": "completion", "content": []},
    });
    let server = Server::start([Reply::json(200, &answer.to_string())]);
    let published = client(&server)
        .templates()
        .publish("example", CompletionPrompt::new("A name for {product}."))
        .model(Model::new("openai", "gpt-4o"))
        .metadata([("owner", "kitchen")])
        .tags(Tags::new(["a"]).unwrap())
        .commit_message("one name only")
        .label("prod")
        .folder(6)
        .await
        .unwrap();

    assert_eq!((published.id, published.version_id, published.version), (11, 90, 3));
    let seen = server.finish();
    assert_eq!(seen[0].line, "POST /rest/prompt-templates");
    assert_eq!(
        seen[0].json(),
        json!({
            "prompt_template": {"prompt_name": "example", "tags": ["a"], "folder_id": 6},
            "prompt_version": {
                "prompt_template": {
                    "type": "completion",
                    "content": [{"type": "text", "text": "A name for {product}."}],
                },
                "commit_message": "one name only",
                "metadata": {
                    "model": {"provider": "openai", "name": "gpt-4o", "parameters": {}},
                    "owner": "kitchen",
                },
            },
            "release_labels": ["prod"],
        })
    );
}

#[tokio::test]
async fn too_long_name_or_commit_message_is_refused() {
    let server = Server::start([]);
    let templates = client(&server).templates();
    let prompt = || CompletionPrompt::new("x");
    let errors = [
        templates.publish("", prompt()).await.unwrap_err(),
        templates.publish("n".repeat(513), prompt()).await.unwrap_err(),
        templates.publish("n", prompt()).commit_message("m".repeat(73)).await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_invalid_input(), "{error}");
    }
    assert!(server.finish().is_empty());
}
