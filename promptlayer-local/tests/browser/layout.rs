//! What holds of every page: nothing is wider than the window, and texts are readable.

use serde_json::{Value, json};

use crate::support::{chat, merged, request_with, span, template, text};
use crate::{Browser, browse_with, with_replay};

/// Checks each page. A new page is added here.
const PAGES: &[&str] = &[
    "/",
    "/?model=gpt-4o&latency=soon",
    "/?model=none",
    "/requests/1",
    "/requests/2?raw=1",
    "/requests/1/replay",
    "/requests/2/replay",
    "/templates/1/replay?variables=%7B%22city%22%3A%22Oslo%22%7D",
    "/compare?a=1&b=2",
    "/traces",
    "/traces?q=none",
    "/traces/trace",
    "/traces/trace/spans/1",
    "/traces/trace/spans/2",
    "/templates",
    "/templates?name=none",
    "/templates/1",
    "/templates/1?version=1&variables=x",
    "/figures",
    "/figures?model=none",
    "/key",
];

/// Fills all pages with ordinary content.
async fn fill(browser: &Browser) {
    let call =
        json!({ "id": "call_1", "function": { "name": "get_weather", "arguments": "{\"city\":\"Oslo\"}" } });
    let tool = json!({ "type": "function", "function": { "name": "get_weather", "parameters": { "type": "object" } } });
    let image =
        json!({ "type": "image_url", "image_url": { "url": "https://example.com/a/picture/of/a/cat.png" } });
    let log = json!({
        "function_name": "answer_ticket", "tags": ["chat", "production", "europe"], "score": 80, "score_name": "tone of voice",
        "metadata": { "user": "42", "time_to_first_chunk_ms": "250", "cached_tokens": "64" },
        "parameters": { "temperature": 0.2 }, "prompt_name": "greeting", "prompt_version_number": 1,
        "prompt_input_variables": { "city": "Oslo" }, "input_tokens": 12345, "output_tokens": 678, "price": 0.5,
        "input": { "type": "chat", "tools": [tool], "messages": [
            { "role": "system", "content": [text("Be brief.\n\n> Quote\n\n`code` and [a link](https://example.com)")] },
            { "role": "user", "content": [text("Weather?"), image] },
            { "role": "assistant", "content": [{ "type": "thinking", "thinking": "A tool." }], "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "call_1", "content": [text("7 °C")] },
        ] },
        "output": chat("assistant", "| city | weather |\n|---|---|\n| Oslo | cold |"),
    });
    let other = json!({
        "status": "ERROR", "error_type": "PROVIDER_RATE_LIMIT", "error_message": "Too many requests. Try again.",
        "model": "claude-sonnet-4-20250514", "provider": "anthropic", "output": chat("assistant", "**None**"),
    });
    let warning = json!({ "status": "WARNING", "request_start_time": "2026-01-15T12:30:00Z", "request_end_time": "2026-01-15T12:30:00.5Z" });
    let step = |id: &str, parent: Option<&str>, fields: &Value| {
        merged(span(id, &json!({ "name": id, "parent_id": parent })), fields)
    };
    let failed = json!({ "status": { "status_code": "StatusCode.ERROR", "description": "Too many requests" }, "kind": "SpanKind.CLIENT" });
    let events = json!([{ "name": "exception", "timestamp": 1_768_473_001_500_000_000_i64,
        "attributes": { "exception.type": "RateLimit", "exception.message": "Too many", "exception.stacktrace": "at line 1" } }]);
    let spans = [
        step(
            "answer a ticket",
            None,
            &json!({ "attributes": { "node_type": "WORKFLOW", "function_input": "{\"a\":1}" } }),
        ),
        step(
            "call",
            Some("answer a ticket"),
            &merged(failed, &json!({ "log_request": request_with(&log), "events": events })),
        ),
        step(
            "second call",
            Some("answer a ticket"),
            &json!({ "log_request": request_with(&merged(log.clone(), &other)) }),
        ),
        step("third call", Some("answer a ticket"), &json!({ "log_request": request_with(&warning) })),
    ];
    let answer = browser.local.post("/spans-bulk", &json!({ "spans": spans })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    for (said, label) in [("Say hello to {city}.", "prod"), ("Say good evening to {city}.", "staging")] {
        browser
            .local
            .publish("greeting", merged(template(said), &json!({ "release_labels": [label] })))
            .await;
    }
}

#[tokio::test]
async fn pages_fit_into_narrow_and_wide_windows() {
    browse_with(with_replay(), async |browser| {
        for path in ["/", "/traces", "/templates", "/figures"] {
            fits(browser, path, WIDTHS).await;
        }
        fill(browser).await;
        for path in PAGES {
            fits(browser, path, WIDTHS).await;
        }
    })
    .await;
}

/// The widths of a telephone, of tablets and of small desktops, in CSS pixels.
const WIDTHS: &[u32] = &[390, 700, 1000, 1120, 1280];

/// Checks that a page fits into windows of these widths, folded and unfolded.
async fn fits(browser: &Browser, path: &str, widths: &[u32]) {
    browser.open(path).await;
    for width in widths {
        browser.resize(*width, 900).await;
        browser.check_page("overflow").await;
        browser.unfold().await;
        browser.check_page("overflow").await;
    }
}

#[tokio::test]
async fn texts_have_enough_contrast_in_light_and_dark() {
    browse_with(with_replay(), async |browser| {
        for scheme in ["light", "dark"] {
            browser.prefer(scheme).await;
            for path in ["/", "/traces", "/templates", "/figures"] {
                browser.open(path).await;
                browser.check_page("contrast").await;
            }
        }
        fill(browser).await;
        for scheme in ["light", "dark"] {
            browser.prefer(scheme).await;
            for path in PAGES {
                browser.open(path).await;
                browser.unfold().await;
                browser.check_page("contrast").await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn navigation_stays_on_one_line_in_a_narrow_window() {
    browse_with(with_replay(), async |browser| {
        browser.resize(390, 800).await;
        browser.open("/").await;
        let tops: Vec<f64> = browser
            .get("[...document.querySelectorAll('.top nav a')].map((link) => link.getBoundingClientRect().top)")
            .await;
        assert!(tops.len() >= 4 && tops.iter().all(|top| (top - tops[0]).abs() < 1.0), "{tops:?}");
    })
    .await;
}
