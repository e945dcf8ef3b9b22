//! Tests of the pages of the registry.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Answer, Local, request_with, text};

/// Publishes two versions of a template and returns its id.
async fn two_versions(local: &Local) -> i64 {
    let version = |said: &str, message: &str| {
        let prompt = json!({ "type": "chat", "messages": [
            { "role": "system", "content": [text("Be kind.")] },
            { "role": "user", "content": [text(said)] },
        ] });
        json!({
            "prompt_template": { "tags": ["support"] },
            "prompt_version": {
                "prompt_template": prompt, "commit_message": message,
                "metadata": { "model": { "provider": "openai", "name": "gpt-4o", "parameters": {} } },
            },
        })
    };
    local.publish("a/b <c>", version("Say hello to {city}.", "first")).await;
    local.publish("a/b <c>", version("Say good evening to {city}.", "<b>second</b>")).await;
    local.get("/prompt-templates/1").await.json["id"].as_i64().unwrap()
}

async fn submit(local: &Local, path: &str, form: &str) -> Answer {
    let request = local
        .request(Method::POST, path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    local.send(Method::POST, path, request).await
}

#[tokio::test]
async fn templates_are_listed_and_found_by_name() {
    let local = Local::start();
    assert!(local.page("/templates").await.text.contains("No templates yet"));
    let id = two_versions(&local).await;
    let page = local.page("/templates?name=B%20%3C").await.text;
    assert!(
        page.contains(&format!("href=\"/templates/{id}\"")) && page.contains("a/b &#60;c&#62;"),
        "{page}"
    );
    assert!(page.contains("support"), "{page}");
    let none = local.page("/templates?name=zzz").await.text;
    assert!(none.contains("No template has this name"), "{none}");
}

#[tokio::test]
async fn template_page_shows_versions_their_difference_and_their_uses() {
    let local = Local::start();
    let id = two_versions(&local).await;
    let log = json!({ "prompt_name": "a/b <c>", "prompt_id": id, "prompt_version_number": 1 });
    local.log(&request_with(&log)).await;
    let page = local.page(&format!("/templates/{id}")).await.text;
    for shown in [
        "version 2",
        "<mark>good evening</mark>",
        "<mark>hello</mark>",
        "&#60;b&#62;second&#60;/b&#62;",
        "openai gpt-4o",
        "1 uses",
        "href=\"/?template=a%2Fb%20%3Cc%3E\"",
        "&#34;city&#34;: &#34;&#34;",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert!(local.page("/?template=a%2Fb%20%3Cc%3E").await.text.contains("<tr data-id=\"1\""));
    // The link of the request's page, which names the template.
    assert_eq!(local.page("/templates/a%2Fb%20%3Cc%3E").await.text, page);
    let first = local.page(&format!("/templates/{id}?version=1&with=2")).await.text;
    assert!(first.contains("Say hello to {city}.") && first.contains("Changed against version 2"), "{first}");
    for path in ["/templates/99", "/templates/none", &format!("/templates/{id}?version=9")] {
        assert_eq!(local.page(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn template_is_rendered_with_variables_of_the_reader() {
    let local = Local::start();
    let id = two_versions(&local).await;
    let page = local
        .page(&format!("/templates/{id}?version=2&variables=%7B%22city%22%3A%22%3Ci%3EOslo%22%7D"))
        .await
        .text;
    assert!(
        page.contains("Rendered prompt") && page.contains("Say good evening to &#60;i&#62;Oslo."),
        "{page}"
    );
    let page = local.page(&format!("/templates/{id}?variables=city")).await.text;
    assert!(page.contains("The variables are not a JSON object") && page.contains("{city}"), "{page}");
}

#[tokio::test]
async fn labels_are_moved_and_removed() {
    let local = Local::start();
    let id = two_versions(&local).await;
    let path = format!("/templates/{id}/labels");
    let labels = async || -> Value {
        let answer = local.get(&format!("/prompt-templates/{id}/labels")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    };
    assert_eq!(submit(&local, &path, "version=1&name=prod").await.status, 303);
    assert_eq!(submit(&local, &path, "version=2&name=prod").await.status, 303, "it moves");
    assert!(labels().await.to_string().contains("prod"));
    let page = local.page(&format!("/templates/{id}")).await.text;
    let label = page.split("name=\"remove\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(page.contains("?version=2\">version 2</a>"), "{page}");
    for (form, status) in [
        ("version=9&name=prod".to_owned(), 422),
        ("version=1&name=".to_owned(), 422),
        ("remove=99".to_owned(), 422),
        (String::new(), 422),
        (format!("remove={label}"), 303),
    ] {
        assert_eq!(submit(&local, &path, &form).await.status, status, "{form}");
    }
    assert!(!labels().await.to_string().contains("prod"));
}
