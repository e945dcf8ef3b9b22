//! Tests of what a reader does on the page of a request: go to the next one, edit, copy and save.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Answer, Local, chat, request_with, text};

/// Returns the target of the link with this text.
fn link(page: &str, text: &str) -> Option<String> {
    let before = page.split(&format!("{text}</a>")).next().filter(|before| before.len() < page.len())?;
    let address = before.rsplit("href=\"").next()?.split('"').next()?;
    Some(address.replace("&amp;", "&"))
}

/// Sends a form as a browser does.
async fn submit(local: &Local, path: &str, origin: Option<&str>, form: &str) -> Answer {
    let mut request = local
        .request(Method::POST, path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.to_owned());
    if let Some(origin) = origin {
        request = request.header("Origin", origin);
    }
    local.send(Method::POST, path, request).await
}

#[tokio::test]
async fn newer_and_older_requests_are_those_of_the_filter() {
    let local = Local::start();
    for (start, model) in [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "a")] {
        local.log(&request_with(&json!({ "request_start_time": start, "model": model }))).await;
    }
    let page = local.page("/requests/3").await.text;
    assert_eq!(link(&page, "← Newer").as_deref(), Some("/requests/4"));
    assert_eq!(link(&page, "Older →").as_deref(), Some("/requests/2"));
    let page = local.page("/requests/3?model=a").await.text;
    assert_eq!(link(&page, "← Newer").as_deref(), Some("/requests/5?model=a"));
    assert_eq!(link(&page, "Older →").as_deref(), Some("/requests/1?model=a"));
    assert_eq!(
        link(&page, "Requests").as_deref(),
        Some("/"),
        "the first link with this text is in the header"
    );
    assert!(page.contains("href=\"/?model=a\">Requests</a>"), "{page}");
    let page = local.page("/requests/5?model=a&order=asc").await.text;
    assert_eq!(link(&page, "Older →"), None, "the last one in this order");
    assert!(local.page("/?model=a").await.text.contains("href=\"/requests/3?model=a\""));
}

#[tokio::test]
async fn scores_tags_and_metadata_are_edited() {
    let local = Local::start();
    let id = local
        .log(&request_with(
            &json!({ "tags": ["old"], "metadata": { "user": "1", "plan": "free" }, "score": 5 }),
        ))
        .await;
    let path = format!("/requests/{id}/edit");
    for form in [
        "edit=score&score=80&name=",
        "edit=score&score=30&name=tone+of+voice",
        "edit=tags&tags=chat%0D%0A+eu+%0D%0A%0D%0Achat",
        "edit=metadata&key=user&value=%3Cscript%3E",
        "edit=remove-metadata&key=plan",
    ] {
        let answer = submit(&local, &path, Some(local.server.url()), form).await;
        assert_eq!(answer.status, 303, "{form}: {}", answer.text);
    }
    let logged = local.get(&format!("/api/public/v2/requests/{id}")).await.json;
    assert_eq!(logged["scores"], json!({ "default": 80, "tone of voice": 30 }));
    assert_eq!(logged["tags"], json!(["chat", "eu"]));
    assert_eq!(logged["metadata"], json!({ "user": "<script>" }));
    assert_eq!(submit(&local, &path, None, "edit=remove-score&name=").await.status, 303);
    assert_eq!(
        local.get(&format!("/api/public/v2/requests/{id}")).await.json["scores"],
        json!({ "tone of voice": 30 })
    );
    let page = local.page(&format!("/requests/{id}")).await.text;
    assert!(page.contains("tone of voice") && page.contains("&#60;script&#62;"), "{page}");

    for (form, status) in [
        ("edit=score&score=101", 422),
        ("edit=score&score=x", 422),
        ("edit=metadata&key=&value=1", 422),
        ("edit=nothing", 422),
        ("", 422),
    ] {
        assert_eq!(submit(&local, &path, None, form).await.status, status, "{form}");
    }
    let long = format!("edit=tags&tags={}", "x".repeat(600));
    assert_eq!(submit(&local, &path, None, &long).await.status, 422);
    assert_eq!(submit(&local, "/requests/99/edit", None, "edit=score&score=1").await.status, 404);
    let foreign = submit(&local, &path, Some("http://evil.example"), "edit=tags&tags=gone").await;
    assert_eq!(foreign.status, 403, "a page of another site cannot edit");
    assert_eq!(local.get(&format!("/api/public/v2/requests/{id}")).await.json["tags"], json!(["chat", "eu"]));
}

#[tokio::test]
async fn pages_and_forms_need_the_key_of_the_server() {
    let local = Local::with(promptlayer_local::Config::default().api_key("key"));
    let id = local.log(&request_with(&json!({}))).await;
    for path in ["/events".to_owned(), format!("/requests/{id}/log.json"), format!("/requests/{id}")] {
        assert_eq!(local.page(&path).await.status, 401, "{path}");
    }
    assert_eq!(submit(&local, &format!("/requests/{id}/edit"), None, "edit=tags&tags=x").await.status, 401);
}

#[tokio::test]
async fn request_is_copied_in_every_form() {
    let local = Local::start();
    let log = |provider: &str, api_type: Value| {
        request_with(&json!({
            "provider": provider, "model": "m-1", "api_type": api_type, "parameters": { "temperature": 0.5 },
            "input": chat("user", "It's $5"), "output": chat("assistant", "Yes"),
        }))
    };
    let openai = local.log(&log("openai", json!("chat-completions"))).await;
    let anthropic = local.log(&log("anthropic", Value::Null)).await;
    let unknown = local.log(&log("some.gateway", Value::Null)).await;

    let file = |id: i64, name: &str| format!("/requests/{id}/{name}");
    assert_eq!(
        local.page(&file(openai, "log.json")).await.json,
        local.get(&format!("/api/public/v2/requests/{openai}")).await.json
    );
    let provider = local.page(&file(openai, "provider.json")).await.json;
    assert_eq!((&provider["model"], &provider["temperature"]), (&json!("m-1"), &json!(0.5)));
    assert_eq!(provider["messages"][0]["role"], "user");

    let curl = local.page(&file(anthropic, "curl.sh")).await.text;
    for part in [
        "curl 'https://api.anthropic.com/v1/messages'",
        "-H \"x-api-key: $ANTHROPIC_API_KEY\"",
        r"It'\''s $5",
    ] {
        assert!(curl.contains(part), "{part} is not in {curl}");
    }
    assert!(local.page(&file(unknown, "curl.sh")).await.text.contains("\"$BASE_URL/chat/completions\""));
    let fixture = local.page(&file(openai, "fixture.json")).await.json;
    assert_eq!(
        (&fixture["request"], &fixture["output"]["messages"][0]["role"]),
        (&provider, &json!("assistant"))
    );
    assert_eq!(local.page(&file(openai, "other.txt")).await.status, 404);
    assert_eq!(local.page(&file(99, "log.json")).await.status, 404);
}

#[tokio::test]
async fn markdown_is_rendered_and_the_raw_text_is_one_click_away() {
    let local = Local::start();
    let said = "**bold** <b onclick=x>x</b> [a](javascript:alert(1)) ![i](https://example.com/i.png)";
    let id = local.log(&request_with(&json!({ "output": chat("assistant", said) }))).await;
    let page = local.page(&format!("/requests/{id}")).await.text;
    assert!(page.contains("<strong>bold</strong>"), "{page}");
    for active in ["<b ", "javascript:alert(1)\"", "<img class=\"picture\" src=\"http", "src=\"https://"] {
        assert!(!page.contains(active), "{active} is in {page}");
    }
    let raw = local.page(&link(&page, "Show raw text").unwrap()).await.text;
    assert!(raw.contains("**bold** &#60;b onclick=x&#62;"), "{raw}");
    assert_eq!(link(&raw, "Show Markdown"), Some(format!("/requests/{id}")));
}

#[tokio::test]
async fn facts_are_shown_as_facts_and_not_as_metadata() {
    let local = Local::start();
    let id = local
        .log(&request_with(&json!({
            "metadata": { "time_to_first_chunk_ms": "250.5", "cached_tokens": "64", "reasoning_tokens": "32", "user": "1" },
            "input_tokens": 100, "output_tokens": 50,
            "output": { "type": "chat", "messages": [
                { "role": "assistant", "content": [text("Looking")], "tool_calls": [{ "id": "c-1", "function": { "name": "f", "arguments": "{}" } }] },
            ] },
        })))
        .await;
    let page = local.page(&format!("/requests/{id}")).await.text;
    for shown in [
        "<dt>first token</dt><dd>250 ms</dd>",
        "64 cached",
        "32 reasoning",
        "cost, estimated",
        "<dt>tokens / s</dt>",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert!(!page.contains("time_to_first_chunk_ms") && page.contains("<dt>user</dt>"), "{page}");
}

#[tokio::test]
async fn open_page_is_told_of_new_requests_until_the_server_stops() {
    let local = Local::start();
    let mut events = local.request(Method::GET, "/events").send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    assert_eq!(events.chunk().await.unwrap().unwrap(), ":\n\n");
    local.log(&request_with(&json!({}))).await;
    assert_eq!(events.chunk().await.unwrap().unwrap(), "event: stored\ndata:\n\n");
    tokio::task::spawn_blocking(move || drop(local)).await.unwrap();
    assert_eq!(events.chunk().await.unwrap(), None, "the stream ends with the server");
}

#[tokio::test]
async fn two_requests_are_compared() {
    let local = Local::start();
    let log = |model: &str, city: &str, user: &str| {
        request_with(&json!({
            "model": model, "function_name": "ask", "tags": [model], "metadata": { "user": user },
            "input": { "type": "chat", "messages": [
                { "role": "system", "content": [text("Be brief.")] },
                { "role": "user", "content": [text(&format!("Rain in {city} today?"))] },
            ] },
            "output": chat("assistant", "<b>No</b>"),
        }))
    };
    let a = local.log(&log("gpt-4o", "Oslo", "1")).await;
    let b = local.log(&log("gpt-5", "Bergen", "1")).await;
    let page = local.page(&format!("/compare?a={a}&b={b}")).await;
    assert_eq!(page.status, 200);
    for shown in [
        "Rain in <mark>Oslo</mark> today?",
        "Rain in <mark>Bergen</mark> today?",
        "equal in both",
        "&#60;b&#62;No",
        "<th scope=\"row\">Model</th><td>gpt-4o</td><td>gpt-5</td>",
        "<th scope=\"row\">Tags</th>",
    ] {
        assert!(page.text.contains(shown), "{shown} is not in {}", page.text);
    }
    assert!(!page.text.contains("Metadata: user"), "what is equal is not in the table: {}", page.text);
    let newest = local.page(&format!("/requests/{b}")).await.text;
    assert!(newest.contains(&format!("/compare?a={a}&amp;b={b}")), "{newest}");
    for (query, status) in [("", 404), ("?a=1", 404), ("?a=1&b=x", 404), ("?a=1&b=99", 404)] {
        assert_eq!(local.page(&format!("/compare{query}")).await.status, status, "{query}");
    }
}
