//! Tests of the HTML pages.

mod support;

use serde_json::json;
use support::{Local, chat, request_with, span, template, text};

#[tokio::test]
async fn the_empty_list_says_what_to_do() {
    let local = Local::start();
    let page = local.page("/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("No requests yet"), "{}", page.text);
    assert!(page.text.contains(&format!("PROMPTLAYER_BASE_URL={}", local.server.url())), "{}", page.text);
    assert!(page.text.contains("PROMPTLAYER_API_KEY=local"), "{}", page.text);

    let by_hand = page.text.split("-d '").nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(local.log(&serde_json::from_str(by_hand).unwrap()).await, 1, "the command it shows works");
    assert!(!local.page("/").await.text.contains("No requests yet"));
}

#[tokio::test]
async fn the_list_shows_each_request_newest_first() {
    let local = Local::start();
    let old = json!({
        "function_name": "older", "model": "gpt-4o", "tags": ["billing"], "score": 93, "input_tokens": 12345,
        "output_tokens": 67, "status": "WARNING",
    });
    let new =
        json!({ "function_name": "newer", "request_start_time": "2026-01-16T00:00:00Z", "status": "ERROR" });
    local.log(&request_with(&new)).await;
    local.log(&request_with(&old)).await;
    let page = local.page("/").await.text;
    for shown in
        ["billing", ">93<", "12,345 / 67", ">Warning<", ">Error<", "2026-01-15 10:30:00", "<dd>2</dd>"]
    {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    let rows = page.split("<tbody>").nth(1).unwrap();
    assert!(rows.find("newer").unwrap() < rows.find("older").unwrap(), "{rows}");
}

#[tokio::test]
async fn request_without_function_name_shows_the_span_name() {
    let local = Local::start();
    let call = span("a", &json!({ "name": "the span", "log_request": request_with(&json!({})) }));
    local.post("/spans-bulk", &json!({ "spans": [call] })).await;
    assert!(local.page("/").await.text.contains("the span"));
    assert!(local.page("/requests/1").await.text.contains("<h1>the span</h1>"));
}

#[tokio::test]
async fn the_list_has_pages() {
    let local = Local::start();
    let spans: Vec<_> = (0..120)
        .map(|index| {
            let log = request_with(&json!({ "function_name": format!("call-{index:03}") }));
            span(&index.to_string(), &json!({ "log_request": log }))
        })
        .collect();
    local.post("/spans-bulk", &json!({ "spans": spans })).await;
    let mut path = "/".to_owned();
    for (rows, first, older) in [(50, "call-119", true), (50, "call-069", true), (20, "call-019", false)] {
        let page = local.page(&path).await.text;
        assert!(page.contains("<dd>120</dd>") && page.contains(first), "{path}: {page}");
        assert_eq!(page.matches("<tr data-id=").count(), rows, "{path}: {page}");
        assert_eq!(page.contains("rel=\"prev\""), path != "/", "{path}: {page}");
        assert_eq!(page.contains("rel=\"next\""), older, "{path}: {page}");
        if older {
            let link = page.split("\" rel=\"next\"").next().unwrap().rsplit('"').next().unwrap();
            path = link.to_owned();
        }
    }
    // Page numbers are ignored: with them, a link showed other requests after every new one.
    assert!(local.page("/?page=2").await.text.contains("call-119"));
}

#[tokio::test]
async fn logged_text_is_escaped_in_html() {
    let local = Local::start();
    let evil = "<script>alert('x')</script>\"'&";
    let image = json!({ "type": "image_url", "image_url": { "url": format!("data:image/png,\"{evil}") } });
    let other = json!({ "type": "server_tool_use", "id": evil, "name": evil, "input": { evil: evil } });
    let call = json!({ "id": evil, "function": { "name": evil, "arguments": evil } });
    let content = json!([text(evil), { "type": "thinking", "thinking": evil }, { "type": "code", "code": evil }, image, other]);
    let messages = json!([
        { "role": "user", "content": content, "name": evil },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "content": [text(evil)], "tool_call_id": evil },
    ]);
    let tool = json!({ "type": "function", "function": { "name": evil, "description": evil } });
    let log = request_with(&json!({
        "provider": evil, "model": evil, "api_type": evil, "function_name": evil, "tags": [evil],
        "metadata": { evil: evil }, "parameters": { evil: evil }, "prompt_name": evil,
        "prompt_input_variables": { evil: evil }, "score": 5, "score_name": evil,
        "input": { "type": "chat", "messages": messages, "tools": [tool] },
        "status": "ERROR", "error_type": "UNKNOWN_ERROR", "error_message": evil,
    }));
    let attributes =
        json!({ "node_type": evil, "function_input": evil, "function_output": evil, evil: evil });
    let fields = |log: &serde_json::Value| {
        json!({
            "name": evil, "attributes": attributes, "log_request": log,
            "status": { "status_code": "StatusCode.ERROR", "description": evil },
        })
    };
    let spans = [span("a", &fields(&log)), span("b", &fields(&json!(null)))];
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);

    for (path, times) in [("/", 4), ("/requests/1", 30), ("/requests/%3Cscript%3Ealert('x')", 1)] {
        let page = local.page(path).await;
        let own_script = "<script src=\"/script.js\" defer></script>";
        // Markdown escapes no apostrophes in texts, where they mean nothing.
        let escaped = "&lt;script&gt;alert('x')&lt;/script&gt;";
        let logged = page.text.replacen(own_script, "", 1).replace(escaped, "");
        assert!(!logged.contains("<script") && !logged.contains("alert('x')"), "{path}: {logged}");
        assert!(page.text.matches("script").count() >= times, "{path}: {}", page.text);
        assert!(
            page.policy.contains("default-src 'none'") && page.policy.contains("script-src 'self';"),
            "{}",
            page.policy
        );
    }
}

#[tokio::test]
async fn request_page_shows_every_field() {
    let local = Local::start();
    local.publish("weather/assistant", template("x")).await;
    let call =
        json!({ "id": "call_1", "function": { "name": "get_weather", "arguments": "{\"city\":\"Paris\"}" } });
    let tool = json!({ "type": "function", "function": { "name": "get_weather", "parameters": { "type": "object" } } });
    let id = local
        .log(&request_with(&json!({
            "function_name": "ask",
            "input": { "type": "chat", "tools": [tool], "messages": [
                { "role": "system", "content": [text("Be brief.")] },
                { "role": "user", "content": [text("Weather?"), { "type": "media_variable", "name": "photo" }] },
            ]},
            "output": { "type": "chat", "messages": [{
                "role": "assistant", "content": [{ "type": "thinking", "thinking": "A tool." }], "tool_calls": [call],
            }]},
            "parameters": { "temperature": 0.2 }, "metadata": { "user_id": "u-42" }, "tags": ["production"],
            "input_tokens": 1423, "output_tokens": 87, "price": 0.5, "api_type": "chat-completions",
            "status": "ERROR", "error_type": "PROVIDER_TIMEOUT", "error_message": "no answer in 30 s",
        })))
        .await;
    local.post("/rest/track-score", &json!({ "request_id": id, "score": 92, "name": "tone" })).await;
    let link = json!({ "request_id": id, "prompt_name": "weather/assistant", "prompt_input_variables": { "city": "Paris" } });
    local.post("/rest/track-prompt", &link).await;
    let page = local.page(&format!("/requests/{id}")).await;
    assert_eq!(page.status, 200);
    for shown in [
        "Be brief.",
        "Weather?",
        "media_variable",
        "A tool.",
        "get_weather",
        "call_1",
        "&#34;city&#34;: &#34;Paris&#34;",
        "temperature",
        "0.2",
        "user_id",
        "u-42",
        "production",
        "<dd>1,423</dd>",
        "<dd>87</dd>",
        "$0.500",
        "chat-completions",
        "PROVIDER_TIMEOUT",
        "no answer in 30 s",
        "tone",
        "<strong>92</strong>",
        "weather/assistant",
        "version 1",
        "1.50 s",
        ">Error<",
        "gpt-4o",
        "openai",
        "2026-01-15 10:30:00 UTC",
        "class=\"message assistant\"",
        "class=\"message system\"",
    ] {
        assert!(page.text.contains(shown), "{shown} is not in {}", page.text);
    }
    assert!(!page.text.contains("id=\"trace\""), "a request of no trace shows none");
}

#[tokio::test]
async fn missing_page_gets_an_html_404() {
    let local = Local::start();
    for path in ["/requests/1", "/requests/x", "/requests/1/x", "/nothing"] {
        let page = local.page(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text.contains("<h1>Not found</h1>"), "{path}: {}", page.text);
        assert!(page.policy.contains("default-src 'none'"), "{path}");
    }
}

#[tokio::test]
async fn pages_load_only_local_files_that_exist() {
    let local = Local::start();
    let id =
        local.log(&request_with(&json!({ "input": chat("user", "see https://example.com/x.png") }))).await;
    let call = span("a", &json!({ "log_request": request_with(&json!({})) }));
    local.post("/spans-bulk", &json!({ "spans": [call] })).await;
    let of_trace = ["/traces", "/traces/trace?span=1", "/traces/trace/spans/1", "/requests/2"];
    for path in ["/".to_owned(), format!("/requests/{id}")].into_iter().chain(of_trace.map(str::to_owned)) {
        let page = local.page(&path).await.text;
        for attribute in ["src=\"", "href=\""] {
            for target in page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                assert!(target.starts_with('/'), "{target}");
                let target = target.split('#').next().unwrap();
                assert_eq!(local.page(target).await.status, 200, "{target}");
            }
        }
    }
}
