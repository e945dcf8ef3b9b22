//! Hostile content, as anyone who can write a prompt can send it.

use serde_json::{Value, json};

use crate::support::{merged, request_with, span, template, text};
use crate::{Browser, browse_with, with_replay};

/// Texts that would do harm if a page did not show them as texts. `hacked` must stay unset.
const TEXTS: &[&str] = &[
    "<script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<svg onload=window.hacked=1><script>window.hacked=1</script></svg>",
    "\" onmouseover=\"window.hacked=1\" x=' autofocus onfocus='window.hacked=1",
    "javascript:window.hacked=1",
    "data:text/html,<script>window.hacked=1</script>",
    "</title></textarea></style></script><script>window.hacked=1</script>",
    "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe><form action=javascript:window.hacked=1>",
    "[link](javascript:window.hacked=1) ![image](http://example.com/x.png) <b onclick=window.hacked=1>b</b>",
    "[data](data:text/html,x) [ref]\n\n[ref]: javascript:window.hacked=1 \"onclick=window.hacked=1\"",
    "<link rel=stylesheet href=http://example.com/x.css><style>*{display:none}</style><base href=http://example.com>",
    "\u{202e}turned around",
    "\u{2067}isolated \u{202b}embedded",
    "nul \u{0} bell \u{7} escape \u{1b}[31m delete \u{7f} \u{85} \u{2028} \u{fffe}",
    "👩‍👩‍👧‍👦 🇳🇴 e\u{301}\u{301}\u{301}\u{301} \u{feff}\u{200b}",
    "עברית وعربي",
    "\u{1}",
];

fn long() -> String {
    "w".repeat(400)
}

/// Logs a request, a trace and a template with this text in every field.
async fn everywhere(browser: &Browser, evil: &str) {
    let content = json!([
        text(evil),
        { "type": "thinking", "thinking": evil },
        { "type": "code", "code": evil },
        { "type": "image_url", "image_url": { "url": evil } },
        { "type": "image_url", "image_url": { "url": "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='window.hacked=1'/>" } },
        { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{evil}") } },
        { "type": "media", "media": { "type": evil, "url": evil } },
        { "type": "server_tool_use", "id": evil, "name": evil, "input": { evil: evil } },
    ]);
    let call = json!({ "id": "call", "function": { "name": evil, "arguments": evil } });
    let tool = json!({ "type": "function", "function": { "name": evil, "description": evil } });
    let log = request_with(&json!({
        "provider": evil, "model": evil, "api_type": evil, "function_name": evil, "tags": [evil, "plain", evil],
        "metadata": { evil: evil }, "parameters": { evil: evil }, "prompt_name": evil,
        "prompt_input_variables": { evil: evil }, "score": 5, "score_name": evil,
        "input": { "type": "chat", "tools": [tool], "messages": [
            { "role": "user", "content": content, "name": evil },
            { "role": "assistant", "content": [text(evil)], "tool_calls": [call] },
            { "role": "tool", "content": [text(evil)], "tool_call_id": "call" },
            { "role": "tool", "content": [text(evil)], "tool_call_id": evil },
        ] },
        "output": { "type": "chat", "messages": [{ "role": "assistant", "content": [text(evil)] }] },
        "status": "ERROR", "error_type": "UNKNOWN_ERROR", "error_message": evil,
    }));
    let attributes =
        json!({ "node_type": evil, "function_input": evil, "function_output": evil, evil: evil });
    let events = json!([{ "name": evil, "timestamp": 1_768_473_001_500_000_000_i64,
        "attributes": { evil: evil, "exception.message": evil, "exception.stacktrace": evil } }]);
    let fields = json!({
        "name": evil, "attributes": attributes, "events": events,
        "status": { "status_code": "StatusCode.ERROR", "description": evil },
        "resource": { "attributes": { "service.name": evil, evil: evil }, "schema_url": evil },
    });
    let child = json!({ "parent_id": "a", "log_request": log });
    let spans = [
        span("a", &fields),
        span("b", &merged(fields.clone(), &child)),
        span("c", &json!({ "parent_id": "b" })),
    ];
    let answer = browser.local.post("/spans-bulk", &json!({ "spans": spans })).await;
    assert_eq!(answer.status, 201, "{evil:?}: {}", answer.text);
    let mut published = template(evil);
    published["prompt_template"]["tags"] = json!([evil]);
    published["prompt_version"]["commit_message"] = json!(evil.chars().take(72).collect::<String>());
    published["release_labels"] = json!([evil]);
    browser.local.publish(&format!("name {evil}"), published).await;
}

/// The pages with the content, and addresses that contain it.
fn pages(evil: &str) -> Vec<String> {
    let encoded: String = evil.bytes().flat_map(|byte| [format!("%{byte:02X}")]).collect();
    let mut pages: Vec<String> = [
        "/",
        "/requests/1",
        "/requests/1?raw=1",
        "/requests/1/replay",
        "/compare?a=1&b=2",
        "/traces",
        "/traces/trace",
        "/traces/trace?span=1",
        "/traces/trace/spans/2",
        "/templates",
        "/templates/1",
        "/figures",
    ]
    .map(str::to_owned)
    .into();
    for begin in [
        "/?q=x&model=",
        "/?tag=",
        "/traces?q=",
        "/templates?name=",
        "/templates/1?variables=",
        "/figures?name=",
    ] {
        pages.push(format!("{begin}{encoded}"));
    }
    pages
}

#[tokio::test]
async fn hostile_texts_stay_texts_on_every_page() {
    browse_with(with_replay(), async |browser| {
        browser.local.log(&request_with(&json!({}))).await;
        for text in TEXTS {
            everywhere(browser, text).await;
        }
        everywhere(browser, &long()).await;
        for path in pages("<script>window.hacked=1</script>\u{202e}\"'") {
            is_harmless(browser, &path).await;
        }
        for id in 1..=TEXTS.len() + 2 {
            is_harmless(browser, &format!("/requests/{id}")).await;
            is_harmless(browser, &format!("/requests/{id}?raw=1")).await;
            is_harmless(browser, &format!("/requests/{id}/replay")).await;
        }
        for id in 1..=TEXTS.len() + 1 {
            is_harmless(browser, &format!("/templates/{id}")).await;
        }
        // The pages still work.
        browser.open("/").await;
        browser.click_text("More filters").await;
        browser.fill("[name=model]", "gpt-4o\u{e007}").await;
        browser.has_rows(&[1]).await;
        browser.click_text("Traces").await;
        browser.at("/traces").await;
    })
    .await;
}

/// Checks that a page with hostile content does nothing, keeps its form, and turns no text around.
async fn is_harmless(browser: &Browser, path: &str) {
    browser.open(path).await;
    browser.unfold().await;
    for width in [390, 1280] {
        browser.resize(width, 900).await;
        browser.check_page("overflow").await;
    }
    // A reader points at everything, and focuses everything.
    let touch = "document.querySelectorAll('body *').forEach((element) => {
        for (const kind of ['mouseover', 'focus', 'load', 'error', 'toggle']) element.dispatchEvent(new Event(kind)); })";
    browser.get::<Value>(&format!("{touch}, null")).await;
    for check in ["inert", "turned"] {
        browser.check_page(check).await;
    }
}

#[tokio::test]
async fn message_of_two_megabytes_is_shown() {
    browse_with(with_replay(), async |browser| {
        let words = "word **bold** <b>b</b> ".repeat(2 * 1024 * 1024 / 23);
        let log = json!({ "input": { "type": "chat", "messages": [
            { "role": "user", "content": [text(&words)] },
            { "role": "user", "content": [text(&"x".repeat(1024 * 1024))] },
        ] } });
        browser.local.log(&request_with(&json!({}))).await;
        browser.local.log(&request_with(&log)).await;
        for path in ["/", "/requests/2", "/requests/2?raw=1", "/compare?a=1&b=2"] {
            is_harmless(browser, path).await;
        }
        browser.open("/requests/2").await;
        browser.shows("document.querySelector('.message .text').textContent.length", words.len()).await;
        // The rest of the page is near, and works.
        browser.holds("document.querySelector('#output').getBoundingClientRect().top < 3000").await;
        browser.press("j").await;
        browser.at("/requests/1").await;
    })
    .await;
}

#[tokio::test]
async fn lone_surrogates_are_refused_or_shown() {
    browse_with(with_replay(), async |browser| {
        let body = request_with(&json!({ "function_name": "NAME", "tags": ["NAME"] })).to_string();
        let body = body.replace("NAME", "a\\ud800b").replace("Hello!", "\\udc00 half");
        let answer = browser
            .local
            .send(
                reqwest::Method::POST,
                "/log-request",
                browser.local.json("/log-request", body).header("X-API-KEY", "key"),
            )
            .await;
        assert!(matches!(answer.status, 201 | 400 | 422), "{} {}", answer.status, answer.text);
        browser.local.log(&request_with(&json!({}))).await;
        for path in ["/", "/requests/1", "/figures"] {
            is_harmless(browser, path).await;
        }
    })
    .await;
}
