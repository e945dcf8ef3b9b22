//! Traces: the waterfall, collapsed spans, and the panel of a span.

use serde_json::{Value, json};

use crate::support::{merged, request_with, span};
use crate::{Browser, browse};

const START: i64 = 1_768_473_001_000_000_000;
const MS: i64 = 1_000_000;

/// Returns a span of the trace `trace`, from `begin` to `end` milliseconds after an arbitrary time.
fn timed(id: &str, parent: Option<&str>, (begin, end): (i64, i64), fields: &Value) -> Value {
    let own = json!({
        "name": id, "parent_id": parent, "start_time": START + begin * MS, "end_time": START + end * MS,
    });
    merged(span(id, &own), fields)
}

async fn send(browser: &Browser, spans: &[Value]) {
    let answer = browser.local.post("/spans-bulk", &json!({ "spans": spans })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

fn failed(description: &str) -> Value {
    json!({ "status": { "status_code": "StatusCode.ERROR", "description": description } })
}

/// The spans of the large trace: a root, ten branches, and the leaves of each branch.
const SPANS: usize = 5_000;
const BRANCHES: usize = 10;

async fn large_trace(browser: &Browser) {
    let mut spans = vec![timed("root", None, (0, 10_000), &json!({}))];
    for branch in 0..BRANCHES {
        let begin = i64::try_from(branch).unwrap() * 1_000;
        spans.push(timed(&format!("branch-{branch}"), Some("root"), (begin, begin + 1_000), &json!({})));
    }
    for leaf in spans.len()..SPANS {
        let branch = leaf % BRANCHES;
        let begin = i64::try_from(branch * 1_000 + leaf / BRANCHES).unwrap();
        let fields = if leaf == SPANS - 1 { failed("the disk is full") } else { json!({}) };
        spans.push(timed(
            &format!("leaf-{leaf}"),
            Some(&format!("branch-{branch}")),
            (begin, begin + 1),
            &fields,
        ));
    }
    send(browser, &spans).await;
}

/// Returns an expression for the line of a span.
fn line(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('.waterfall tbody tr')].find((row) => row.querySelector('[data-open]').textContent === '{name}')"
    )
}

const VISIBLE: &str =
    "[...document.querySelectorAll('.waterfall tbody tr')].filter((row) => !row.hidden).length";

/// Clicks the button of a line.
async fn fold(browser: &Browser, name: &str) {
    // Below the heading of the table, which stays at the top of the window.
    browser.get::<Value>(&format!("{}.scrollIntoView({{ block: 'center' }}), null", line(name))).await;
    browser.click_path(&format!("//table//tr[td/a[normalize-space() = '{name}']]//button")).await;
}

#[tokio::test]
async fn large_trace_is_collapsed_and_expanded() {
    browse(async |browser| {
        large_trace(browser).await;
        browser.open("/traces").await;
        browser.click("[data-open]").await;
        browser.at("/traces/trace").await;
        browser.shows(VISIBLE, SPANS).await;

        // The failed leaf marks all lines up to the root.
        let branch = format!("branch-{}", (SPANS - 1) % BRANCHES);
        for name in [branch.as_str(), "root"] {
            browser
                .shows(&format!("{}.querySelector('.inside')?.textContent", line(name)), "error below")
                .await;
        }
        browser.shows("document.querySelectorAll('.inside').length", 2).await;
        browser.shows("document.querySelectorAll('.waterfall .pill.error').length", 1).await;

        let below = browser.get::<usize>(&format!("Number({}.dataset.below)", line("branch-3"))).await;
        fold(browser, "branch-3").await;
        browser.shows(VISIBLE, SPANS - below).await;
        fold(browser, "root").await;
        browser.shows(VISIBLE, 1).await;
        fold(browser, "root").await;
        // What was collapsed inside stays collapsed.
        browser.shows(VISIBLE, SPANS - below).await;
        fold(browser, "branch-3").await;
        browser.shows(VISIBLE, SPANS).await;
        browser.click_text("Collapse all").await;
        browser.shows(VISIBLE, 1).await;
        browser.click_text("Expand all").await;
        browser.shows(VISIBLE, SPANS).await;

        // From the click to the next picture.
        let times: Vec<f64> = browser
            .wait_for(
                "await (async () => { const times = [];
                   for (let round = 0; round < 6; round += 1) {
                     const begin = performance.now();
                     document.querySelector('.waterfall tbody button').click();
                     await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                     times.push(Math.round((performance.now() - begin) * 10) / 10);
                   } return times; })()",
            )
            .await;
        println!("collapsing and expanding the root of {SPANS} spans took {times:?} ms");
    })
    .await;
}

#[tokio::test]
async fn span_opens_in_a_panel_and_as_a_page() {
    browse(async |browser| {
        let call = json!({ "log_request": request_with(&json!({})), "attributes": { "function_input": "the input" } });
        send(
            browser,
            &[
                timed("root", None, (0, 100), &json!({})),
                timed("call", Some("root"), (10, 90), &call),
                timed("tool", Some("root"), (90, 95), &failed("no such file")),
            ],
        )
        .await;
        browser.open("/traces/trace").await;
        browser.click_path("//table//a[normalize-space() = 'call']").await;
        browser.shows("document.querySelector('#panel:not([hidden]) h1')?.innerText", "call").await;
        browser.says("the input").await;
        browser.holds("location.search.startsWith('?span=')").await;
        browser.shows("document.querySelector('tr.selected [data-open]').innerText", "call").await;
        // Its parent opens in the same panel.
        browser.click("#panel a[data-span]").await;
        browser.shows("document.querySelector('#panel h1')?.innerText", "root").await;
        browser.click_path("//table//a[normalize-space() = 'tool']").await;
        browser.shows("document.querySelector('#panel .failure')?.innerText", "no such file").await;
        browser.shows("document.querySelector('#panel .pill.error')?.innerText", "Error").await;
        // The address leads to the same span.
        browser.reload().await;
        browser.shows("document.querySelector('#panel:not([hidden]) h1')?.innerText", "tool").await;
        browser.press("\u{e00c}").await;
        browser.at("/traces/trace").await;
        browser.shows("document.querySelector('#panel').hidden", true).await;

        // The keys select a line; the arrows collapse and expand it.
        browser.press("j").await;
        browser.press("\u{e012}").await;
        browser.shows(VISIBLE, 1).await;
        browser.press("\u{e014}").await;
        browser.shows(VISIBLE, 3).await;

        // Where there is no room for a panel, the span is a page.
        browser.resize(390, 800).await;
        browser.open("/traces/trace").await;
        browser.click_path("//table//a[normalize-space() = 'call']").await;
        browser.holds("location.pathname.startsWith('/traces/trace/spans/')").await;
        browser.click_text("Open request 1").await;
        browser.at("/requests/1").await;
        browser.click_text("3 spans, 100 ms").await;
        browser.holds("location.pathname === '/traces/trace' && location.hash === '#selected'").await;
    })
    .await;
}

#[tokio::test]
async fn trace_without_a_request_log_has_figures_and_views() {
    browse(async |browser| {
        send(
            browser,
            &[
                timed("root", None, (0, 100), &json!({})),
                timed("step", Some("root"), (0, 60), &json!({})),
                timed("deep", Some("step"), (10, 50), &failed("broken")),
            ],
        )
        .await;
        browser.open("/traces?status=error").await;
        browser.shows("document.querySelector('td.errors').innerText", "1").await;
        browser.click("[data-open]").await;
        browser.shows(VISIBLE, 3).await;
        for name in ["root", "step"] {
            browser
                .shows(&format!("{}.querySelector('.inside')?.textContent", line(name)), "error below")
                .await;
        }
        browser.shows(&format!("{}.querySelector('.pill').textContent", line("deep")), "Error").await;
        assert_eq!(
            browser
                .texts(".trace-figures div")
                .await
                .iter()
                .map(|text| text.replace('\n', " "))
                .collect::<Vec<_>>(),
            ["duration 100 ms", "spans 3", "requests 0", "errors 1"]
        );
        browser.click_text("Errors 1").await;
        browser.at("/traces/trace?show=errors").await;
        browser.click_text("Requests 0").await;
        browser.says("No span of this trace matches.").await;
        browser.click_text("Show all spans").await;
        browser.shows(VISIBLE, 3).await;
    })
    .await;
}
