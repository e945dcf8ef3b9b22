//! Tests of the page with figures over time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use serde_json::json;
use support::{Local, request_with};

#[tokio::test]
async fn figures_are_counted_and_lead_to_their_requests() {
    let local = Local::start();
    for (hour, model, status) in [(10, "a", "SUCCESS"), (10, "b", "SUCCESS"), (12, "b", "ERROR")] {
        let log = request_with(&json!({
            "model": model, "status": status, "function_name": "<b>ask</b>",
            "request_start_time": format!("2026-01-15T{hour}:30:00Z"), "request_end_time": format!("2026-01-15T{hour}:30:02Z"),
            "input_tokens": 100, "output_tokens": 20, "price": 0.25,
        }));
        local.log(&log).await;
    }
    let page = local.page("/figures").await;
    assert_eq!(page.status, 200);
    for shown in [
        "<dd>3</dd>",
        "<dd>33.3 %</dd>",
        "<dd>300</dd>",
        "<dd>$0.750</dd>",
        "By model",
        "href=\"/?model=b\"",
        "2.00 s",
    ] {
        assert!(page.text.contains(shown), "{shown} is not in {}", page.text);
    }
    assert!(!page.text.contains("<b>ask") && page.text.contains("&#60;b&#62;ask"), "{}", page.text);

    // Each bar leads to its requests, and only to those.
    let links: Vec<String> = page
        .text
        .split("<a href=\"/?")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"))
        .filter(|query| query.starts_with("since="))
        .collect();
    assert!(links.len() >= 8, "two bars with requests in each of four charts: {links:?}");
    let mut found: Vec<usize> = Vec::new();
    for query in &links[..2] {
        found.push(local.page(&format!("/?{query}")).await.text.matches("<tr data-id=").count());
    }
    assert!(found == [1, 1] || found == [2, 1], "{found:?} {links:?}");

    let filtered = local.page("/figures?model=a&status=error").await.text;
    assert!(
        filtered.contains("Nothing to count") && filtered.contains("href=\"/figures?status=error\""),
        "{filtered}"
    );
    assert!(local.page("/figures?latency=soon").await.text.contains("was not applied"));
    assert_eq!(Local::start().page("/figures").await.status, 200, "without any request");
}
