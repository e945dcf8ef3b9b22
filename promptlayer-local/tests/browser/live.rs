//! Rows that appear while a list is open.

use serde_json::json;

use crate::browse;
use crate::support::{request_with, span};

#[tokio::test]
async fn logged_request_appears_without_reload() {
    browse(async |browser| {
        browser.open("/").await;
        browser.says("No requests yet").await;
        browser.local.log(&request_with(&json!({}))).await;
        browser.has_rows(&[1]).await;
        browser.mark().await;
        browser.local.log(&request_with(&json!({}))).await;
        browser.has_rows(&[2, 1]).await;
        browser.is_marked().await;
    })
    .await;
}

#[tokio::test]
async fn paused_list_counts_new_requests_and_shows_them_later() {
    browse(async |browser| {
        browser.local.log(&request_with(&json!({}))).await;
        browser.open("/").await;
        browser.mark().await;
        browser.click("[data-pause]").await;
        browser.shows("document.querySelector('[data-pause]').textContent", "Paused").await;
        for number in 1..=3 {
            browser.local.log(&request_with(&json!({}))).await;
            let expected = format!("Paused, {number} new");
            browser.shows("document.querySelector('[data-pause]').textContent", expected).await;
            browser.has_rows(&[1]).await;
        }
        browser.click("[data-pause]").await;
        browser.has_rows(&[4, 3, 2, 1]).await;
        browser.shows("document.querySelector('[data-pause]').textContent", "Live").await;
        browser.local.log(&request_with(&json!({}))).await;
        browser.has_rows(&[5, 4, 3, 2, 1]).await;
        browser.is_marked().await;
    })
    .await;
}

#[tokio::test]
async fn paused_list_says_when_more_than_a_page_waits() {
    browse(async |browser| {
        browser.local.log(&request_with(&json!({}))).await;
        browser.open("/").await;
        browser.click("[data-pause]").await;
        let spans: Vec<_> = (0..60)
            .map(|index| span(&index.to_string(), &json!({ "log_request": request_with(&json!({})) })))
            .collect();
        let answer = browser.local.post("/spans-bulk", &json!({ "spans": spans })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        browser.shows("document.querySelector('[data-pause]').textContent", "Paused, 50+ new").await;
    })
    .await;
}

#[tokio::test]
async fn filtered_list_shows_only_what_passes() {
    browse(async |browser| {
        let log = async |model: &str| browser.local.log(&request_with(&json!({ "model": model }))).await;
        log("a").await;
        browser.open("/?model=a").await;
        browser.mark().await;
        log("b").await;
        log("a").await;
        browser.has_rows(&[3, 1]).await;
        browser.click("[data-pause]").await;
        log("b").await;
        log("a").await;
        browser.shows("document.querySelector('[data-pause]').textContent", "Paused, 1 new").await;
        browser.is_marked().await;
    })
    .await;
}

#[tokio::test]
async fn new_traces_appear_and_selected_rows_stay_selected() {
    browse(async |browser| {
        let send = async |trace: &str| {
            let context = json!({ "trace_id": trace, "span_id": "a", "trace_state": "" });
            let spans = [span("a", &json!({ "name": trace, "context": context }))];
            browser.local.post("/spans-bulk", &json!({ "spans": spans })).await;
        };
        send("first").await;
        browser.open("/traces").await;
        browser.mark().await;
        browser.press("j").await;
        send("second").await;
        browser.shows("document.querySelectorAll('tbody tr').length", 2).await;
        browser.shows("document.querySelector('tr.selected [data-open]').textContent", "first").await;
        browser.is_marked().await;
    })
    .await;
}
