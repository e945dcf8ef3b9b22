//! The page with figures: its charts and its tables lead to the requests that they count.

use serde_json::json;

use crate::browse;
use crate::support::request_with;

#[tokio::test]
async fn bars_and_lines_lead_to_the_requests_that_they_count() {
    browse(async |browser| {
        // In three minutes, at the limits between them.
        let requests = [
            ("10:30:00", "gpt-4o", "ask", vec!["chat", "eu"], "SUCCESS"),
            ("10:30:59", "gpt-4o", "ask", vec!["chat"], "ERROR"),
            ("10:31:00", "claude-sonnet-4", "sum up", vec![], "SUCCESS"),
            ("10:33:00", "claude-sonnet-4", "ask", vec!["eu"], "SUCCESS"),
        ];
        for (time, model, name, tags, status) in requests {
            let log = request_with(&json!({
                "request_start_time": format!("2026-01-15T{time}Z"), "request_end_time": "2026-01-15T11:00:00Z",
                "model": model, "function_name": name, "tags": tags, "status": status, "prompt_name": format!("of {name}"),
                "error_type": if status == "ERROR" { json!("PROVIDER_TIMEOUT") } else { json!(null) },
                "input_tokens": 100, "output_tokens": 20, "price": 0.25,
            }));
            browser.local.log(&log).await;
        }
        browser.open("/figures").await;
        let captions: Vec<String> =
            browser.texts(".chart figcaption").await.iter().map(|text| text.replace('\n', " ")).collect();
        assert_eq!(
            captions,
            ["Requests succeeded failed", "Latency p50 p95", "Tokens in out", "Cost US dollars"]
        );
        browser.shows("document.querySelectorAll('.chart svg').length", 4).await;
        assert_eq!(
            browser.texts(".tables h2").await,
            ["By model", "By name", "By tag", "By error", "By template", "By provider"]
        );

        // The title of a bar: its time, and the numbers of all and of failed requests.
        let bars: Vec<String> = browser
            .get("[...document.querySelectorAll('.chart')[0].querySelectorAll('a title')].map((title) => title.textContent)")
            .await;
        let counts: Vec<usize> = bars
            .iter()
            .map(|title| title.rsplit_once(": ").unwrap().1.split(',').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(counts.iter().sum::<usize>(), 4, "{bars:?}");
        assert_eq!(counts, [2, 1, 1], "{bars:?}");
        for chart in 1..=4 {
            for (bar, count) in counts.iter().enumerate() {
                browser.open("/figures").await;
                browser.click(&format!(".chart:nth-of-type({chart}) a:nth-of-type({})", bar + 1)).await;
                browser.shows("location.pathname", "/").await;
                browser.shows("document.querySelectorAll('tbody tr[data-id]').length", *count).await;
            }
        }

        // Each line of a table.
        browser.open("/figures").await;
        let lines: Vec<(String, String, usize)> = browser
            .get(
                "[...document.querySelectorAll('.groups tbody tr')].map((row) => [row.querySelector('a').innerText,
                   row.querySelector('a').getAttribute('href'), Number(row.cells[1].innerText)])",
            )
            .await;
        let tags: Vec<_> = lines.iter().filter(|line| line.1.starts_with("/?tag=")).collect();
        assert_eq!(tags.iter().map(|line| (line.0.as_str(), line.2)).collect::<Vec<_>>(), [("chat", 2), ("eu", 2)]);
        for (text, address, count) in lines {
            browser.open(&address).await;
            assert_eq!(browser.count("tbody tr[data-id]").await, count, "{text} at {address}");
        }
    })
    .await;
}

#[tokio::test]
async fn figures_are_filtered_as_the_list_is() {
    browse(async |browser| {
        for (model, hour) in [("a", 10), ("a", 11), ("b", 12)] {
            let log = json!({ "model": model, "request_start_time": format!("2026-01-15T{hour}:00:00Z"), "request_end_time": format!("2026-01-15T{hour}:00:01Z") });
            browser.local.log(&request_with(&log)).await;
        }
        browser.open("/figures").await;
        browser.fill("[name=model]", "a\u{e007}").await;
        browser.at("/figures?model=a").await;
        browser.shows("document.querySelector('.figures dd').innerText", "2").await;
        browser.click(".chart a").await;
        browser.holds("location.search.includes('model=a') && location.search.includes('since=')").await;
        browser.shows("document.querySelectorAll('tbody tr[data-id]').length", 1).await;
    })
    .await;
}
