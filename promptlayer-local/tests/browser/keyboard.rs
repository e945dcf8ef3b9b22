//! Keys.

use serde_json::json;

use crate::support::request_with;
use crate::{Browser, browse};

async fn requests(browser: &Browser) {
    for model in ["a", "b", "a"] {
        browser.local.log(&request_with(&json!({ "model": model }))).await;
    }
}

/// Waits until this row is selected.
async fn selected(browser: &Browser, id: Option<i64>) {
    browser
        .shows("Number(document.querySelector('tr.selected')?.dataset.id ?? 0)", id.unwrap_or_default())
        .await;
}

#[tokio::test]
async fn keys_select_and_open_a_row() {
    browse(async |browser| {
        requests(browser).await;
        browser.open("/").await;
        selected(browser, None).await;
        for (key, id) in [("k", 3), ("j", 2), ("j", 1), ("j", 1), ("k", 2)] {
            browser.press(key).await;
            selected(browser, Some(id)).await;
        }
        browser.press("\u{e007}").await;
        browser.at("/requests/2").await;
    })
    .await;
}

#[tokio::test]
async fn keys_work_after_a_click_on_a_button() {
    browse(async |browser| {
        requests(browser).await;
        browser.open("/").await;
        browser.click("[data-pause]").await;
        browser.press("j").await;
        selected(browser, Some(3)).await;
        browser.press("\u{e007}").await;
        browser.shows("document.querySelector('[data-pause]').textContent", "Live").await;
        browser.at("/").await;
    })
    .await;
}

#[tokio::test]
async fn slash_focuses_the_search_where_keys_are_text() {
    browse(async |browser| {
        requests(browser).await;
        browser.open("/").await;
        browser.press("j").await;
        browser.press("/").await;
        browser.shows("document.activeElement.name", "q").await;
        browser.press("jk/x").await;
        browser.shows("document.querySelector('[name=q]').value", "jk/x").await;
        selected(browser, Some(3)).await;
        browser.shows("document.querySelectorAll('input:checked').length", 0).await;
        // Escape leaves the field.
        browser.press("\u{e00c}").await;
        browser.shows("document.activeElement === document.body", true).await;
        browser.press("j").await;
        selected(browser, Some(2)).await;
        for path in ["/traces", "/templates"] {
            browser.local.publish("greeting", crate::support::template("x")).await;
            browser.open(path).await;
            browser.press("/").await;
            let is_there = browser.count("input[type=search]").await > 0;
            browser.shows("document.activeElement.type === 'search'", is_there).await;
        }
    })
    .await;
}

#[tokio::test]
async fn keys_go_to_newer_and_older_requests_of_the_list() {
    browse(async |browser| {
        requests(browser).await;
        browser.open("/requests/2").await;
        browser.press("j").await;
        browser.at("/requests/1").await;
        browser.press("k").await;
        browser.at("/requests/2").await;
        browser.press("k").await;
        browser.at("/requests/3").await;
        browser.open("/?model=a").await;
        browser.click("[data-id='3'] .id a").await;
        browser.at("/requests/3?model=a").await;
        browser.click_text("Older →").await;
        browser.at("/requests/1?model=a").await;
        browser.click_text("← Newer").await;
        browser.at("/requests/3?model=a").await;
        // Keys in a field stay in it.
        browser.fill("[aria-label='Name of the score']", "jk").await;
        browser.shows("document.querySelector('[aria-label=\"Name of the score\"]').value", "jk").await;
        browser.at("/requests/3?model=a").await;
    })
    .await;
}
