//! The filters and the orders of the list.

use serde_json::{Value, json};

use crate::support::{chat, request_with};
use crate::{Browser, browse};

/// Logs three requests that differ in everything that can be filtered by. The last one is the newest.
async fn three_requests(browser: &Browser) {
    let logs = [
        json!({
            "function_name": "summarize", "model": "gpt-4o", "tags": ["chat", "eu"], "prompt_name": "greeting",
            "metadata": { "user": "42" }, "score": 90, "input_tokens": 100, "output_tokens": 20, "price": 0.01,
            "request_start_time": "2026-01-15T10:30:00Z", "request_end_time": "2026-01-15T10:30:01.5Z",
            "input": chat("user", "Weather in Oslo?"), "output": chat("assistant", "Sunny"),
        }),
        json!({
            "function_name": "translate", "provider": "anthropic", "model": "claude-sonnet-4", "tags": ["chat"],
            "metadata": { "user": "7" }, "score": 30, "input_tokens": 2000, "output_tokens": 100, "price": 0.5,
            "request_start_time": "2026-01-15T11:30:00Z", "request_end_time": "2026-01-15T11:30:05Z",
            "input": chat("user", "Translate the letter"), "output": chat("assistant", "Lieber Herr"),
            "status": "ERROR", "error_type": "PROVIDER_TIMEOUT",
        }),
        json!({
            "function_name": "summarize", "model": "gpt-4o-mini", "metadata": { "plan": "free" },
            "input_tokens": 10, "output_tokens": 5, "price": 0.0001,
            "request_start_time": "2026-01-16T09:00:00Z", "request_end_time": "2026-01-16T09:00:00.2Z",
            "input": chat("user", "Rain in Bergen?"), "output": chat("assistant", "Yes"), "status": "WARNING",
        }),
    ];
    for log in &logs {
        browser.local.log(&request_with(log)).await;
    }
}

/// Each filter: its field, what a reader types or chooses, and the rows that pass.
const CASES: &[(&str, &str, &[i64])] = &[
    ("q", "oslo weather", &[1]),
    ("q", "herr", &[2]),
    ("input", "rain", &[3]),
    ("output", "sunny", &[1]),
    ("status", "Error", &[2]),
    ("status", "Warning", &[3]),
    ("tag", "chat", &[2, 1]),
    ("tag", "eu", &[1]),
    ("model", "gpt-4o", &[1]),
    ("model", "gpt-4o*", &[3, 1]),
    ("provider", "anthropic", &[2]),
    ("name", "summarize", &[3, 1]),
    ("name", "*late", &[2]),
    ("template", "greeting", &[1]),
    ("error", "PROVIDER_TIMEOUT", &[2]),
    ("metadata", "user=42", &[1]),
    ("metadata", "plan", &[3]),
    ("score", "<50", &[2]),
    ("score", ">=30", &[2, 1]),
    ("since", "2026-01-16", &[3]),
    ("until", "2026-01-15T11:00", &[1]),
    ("latency", ">2s", &[2]),
    ("latency", "100ms..2s", &[3, 1]),
    ("tokens", ">1000", &[2]),
    ("cost", ">0.1", &[2]),
    ("cost", "<0.1", &[3, 1]),
];

#[tokio::test]
async fn each_filter_is_typed_kept_in_the_address_and_removed() {
    browse(async |browser| {
        three_requests(browser).await;
        for (field, value, rows) in CASES {
            let control = format!("[data-filters] [name={field}]");
            browser.open("/").await;
            browser.has_rows(&[3, 2, 1]).await;
            if !browser.get::<bool>(&format!("document.querySelector('{control}').checkVisibility()")).await {
                browser.click_text("More filters").await;
            }
            if matches!(*field, "status") {
                browser.choose(&control, value).await;
            } else {
                browser.fill(&control, &format!("{value}\u{e007}")).await;
            }
            browser.has_rows(rows).await;
            let expression = format!("new URLSearchParams(location.search).get('{field}').toLowerCase()");
            browser.shows(&expression, value.to_lowercase()).await;
            browser.reload().await;
            browser.has_rows(rows).await;
            browser
                .shows(
                    &format!("document.querySelector('{control}').value.toLowerCase()"),
                    value.to_lowercase(),
                )
                .await;
            browser.click(".chip").await;
            browser.has_rows(&[3, 2, 1]).await;
            assert!(!browser.path().await.contains(field), "{}", browser.path().await);
            browser.shows(&format!("document.querySelector('{control}').value"), "").await;
        }
    })
    .await;
}

#[tokio::test]
async fn filters_are_combined_and_cleared() {
    browse(async |browser| {
        three_requests(browser).await;
        browser.open("/?tag=chat&tag=eu").await;
        browser.has_rows(&[1]).await;
        browser.fill("[name=q]", "oslo\u{e007}").await;
        browser.shows("document.querySelectorAll('.chip').length", 3).await;
        browser.has_rows(&[1]).await;
        browser.click(".chip").await;
        browser.shows("document.querySelectorAll('.chip').length", 2).await;
        browser.click_text("Clear all").await;
        browser.has_rows(&[3, 2, 1]).await;
        browser.at("/").await;
    })
    .await;
}

#[tokio::test]
async fn filter_that_cannot_be_read_is_named_and_kept() {
    browse(async |browser| {
        three_requests(browser).await;
        browser.open("/").await;
        browser.click_text("More filters").await;
        browser.fill("[name=latency]", "soon\u{e007}").await;
        browser.shows("document.querySelectorAll('[role=alert]').length", 1).await;
        assert!(browser.text("[role=alert]").await.contains("soon cannot be read"));
        browser.shows("document.querySelector('[name=latency]').value", "soon").await;
        browser.has_rows(&[3, 2, 1]).await;
    })
    .await;
}

#[tokio::test]
async fn headings_sort_the_list_in_both_directions() {
    browse(async |browser| {
        three_requests(browser).await;
        browser.open("/?name=*").await;
        for (heading, down) in
            [("Latency", [2, 1, 3]), ("Tokens", [2, 1, 3]), ("Cost", [2, 1, 3]), ("Time", [3, 2, 1])]
        {
            let link = format!("//th/a[starts-with(normalize-space(), '{heading}')]");
            let mut up = down;
            up.reverse();
            // Time is the order at first, so its heading reverses it.
            let orders = [("descending", down), ("ascending", up)];
            for (order, rows) in orders {
                browser.click_path(&link).await;
                browser.has_rows(&rows).await;
                let sorted = format!("document.querySelector('th[aria-sort={order}]')?.innerText.trim().startsWith('{heading}')");
                browser.holds(&sorted).await;
            }
            assert!(browser.path().await.contains("name=*"), "{}", browser.path().await);
        }
        browser.reload().await;
        browser.has_rows(&[1, 2, 3]).await;
    })
    .await;
}

#[tokio::test]
async fn values_of_a_row_filter_by_themselves() {
    browse(async |browser| {
        three_requests(browser).await;
        let cases: [(&str, &str, &[i64]); 6] = [
            ("[data-id='2'] .tag", "/?tag=chat", &[2, 1]),
            ("[data-id='3'] .model a", "/?model=gpt-4o-mini", &[3]),
            ("[data-id='2'] .pill", "/?status=error", &[2]),
            ("[data-id='1'] .pill", "/?status=success", &[1]),
            ("[data-id='2'] .kind", "/?error=PROVIDER_TIMEOUT", &[2]),
            ("[data-id='3'] .name a", "/?name=summarize", &[3, 1]),
        ];
        for (selector, path, rows) in cases {
            browser.open("/").await;
            browser.click(selector).await;
            browser.at(path).await;
            browser.has_rows(rows).await;
        }
        // A second one is added to the first.
        browser.click("[data-id='1'] .tag:nth-of-type(2)").await;
        browser.at("/?name=summarize&tag=eu").await;
        browser.has_rows(&[1]).await;
    })
    .await;
}

/// The number of requests of the errand. All but one are like the one that is searched, in all but one way.
const MANY: i64 = 3000;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 24 * 3600 * SECOND;

#[tokio::test]
async fn failed_call_of_yesterday_is_found_in_three_actions() {
    browse(async |browser| {
        let now: i64 = browser.get::<i64>("Date.now()").await * 1_000_000;
        // A reader east of UTC, unless the day is about to change there.
        let east = 5 * 3600 * SECOND + 1800 * SECOND;
        let is_late = (now + east) % DAY > DAY - 120 * SECOND;
        let (zone, offset) = if is_late { ("UTC", 0) } else { ("Asia/Kolkata", east) };
        let today = now - (now + offset) % DAY;
        let spans: Vec<Value> = (0..MANY)
            .map(|index| {
                let is_wanted = index == MANY / 2;
                let (city, status, start) = match index % 4 {
                    _ if is_wanted => ("Oslo", "ERROR", today - DAY + 60 * SECOND),
                    0 => ("Bergen", "ERROR", today - DAY + index * SECOND),
                    1 => ("Oslo", "SUCCESS", today - DAY + index * SECOND),
                    2 => ("Oslo", "ERROR", today - DAY - (index + 1) * SECOND),
                    _ => ("Oslo", "ERROR", today + index / 100 * SECOND),
                };
                let log = request_with(&json!({
                    "input": chat("user", &format!("What is the weather in {city} on day {index}?")),
                    "status": status, "request_start_time": start / 1_000_000, "request_end_time": start / 1_000_000 + 900,
                    "function_name": if is_wanted { "wanted" } else { "other" },
                }));
                crate::support::span(&index.to_string(), &json!({ "log_request": log }))
            })
            .collect();
        for part in spans.chunks(500) {
            let answer = browser.local.post("/spans-bulk", &json!({ "spans": part })).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
        browser.command("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await;
        browser.open("/").await;

        browser.fill("[name=q]", "Oslo\u{e007}").await;
        browser.holds("location.search.includes('q=Oslo')").await;
        browser.choose("[name=status]", "Error").await;
        browser.holds("location.search.includes('status=error')").await;
        browser.choose("[name=when]", "yesterday").await;
        browser.shows("[...document.querySelectorAll('tbody td.name')].map((name) => name.innerText)", vec!["wanted"]).await;
    })
    .await;
}
