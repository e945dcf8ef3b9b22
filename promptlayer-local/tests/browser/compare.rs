//! Two requests side by side.

use serde_json::json;

use crate::support::{chat, request_with, text};
use crate::{Browser, browse};

async fn requests(browser: &Browser) {
    for (model, city, user) in [("gpt-4o", "Oslo", "1"), ("gpt-5", "Bergen", "1"), ("gpt-5", "Oslo", "2")] {
        let log = request_with(&json!({
            "model": model, "function_name": "ask", "metadata": { "user": user },
            "input": { "type": "chat", "messages": [
                { "role": "system", "content": [text("Be brief.")] },
                { "role": "user", "content": [text(&format!("Rain in {city} today?"))] },
            ] },
            "output": chat("assistant", "No."),
        }));
        browser.local.log(&log).await;
    }
}

#[tokio::test]
async fn two_requests_of_the_list_are_compared() {
    browse(async |browser| {
        requests(browser).await;
        browser.open("/").await;
        browser.shows("document.querySelector('[data-compare]').hidden", true).await;
        browser.click("[data-id='2'] input").await;
        browser.shows("document.querySelector('[data-compare]').disabled", true).await;
        // A new row does not disturb the choice.
        browser.local.log(&request_with(&json!({}))).await;
        browser.has_rows(&[4, 3, 2, 1]).await;
        browser.click("[data-id='1'] input").await;
        browser.click_text("Compare 2 and 1").await;
        browser.shows("location.pathname", "/compare").await;
        browser.shows("[...document.querySelectorAll('h1 .faint')].map((id) => id.innerText)", vec!["1", "2"]).await;

        browser.shows(
            "[...document.querySelectorAll('.differences tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText))",
            json!([["Model", "gpt-4o", "gpt-5"]]),
        ).await;
        browser.shows("[...document.querySelectorAll('.was mark')].map((mark) => mark.innerText)", vec!["Oslo"]).await;
        browser.shows("[...document.querySelectorAll('.is mark')].map((mark) => mark.innerText)", vec!["Bergen"]).await;
        // The system message and the answer are equal.
        assert_eq!(browser.count("details.same").await, 2);
        browser.click("details.same summary").await;
        browser.says("Be brief.").await;
        browser.click_text("Swap").await;
        browser.shows("[...document.querySelectorAll('.was mark')].map((mark) => mark.innerText)", vec!["Bergen"]).await;
    })
    .await;
}

#[tokio::test]
async fn the_last_two_marked_requests_are_compared() {
    browse(async |browser| {
        requests(browser).await;
        browser.open("/").await;
        for key in ["j", "x", "j", "x", "j", "x"] {
            browser.press(key).await;
        }
        browser
            .shows("[...document.querySelectorAll('input:checked')].map((box) => box.value)", vec!["2", "1"])
            .await;
        // `x` again removes the mark.
        browser.press("x").await;
        browser
            .shows("[...document.querySelectorAll('input:checked')].map((box) => box.value)", vec!["2"])
            .await;
        browser.press("x").await;
        browser.click_text("Compare 2 and 1").await;
        browser.shows("location.pathname", "/compare").await;
        browser.back().await;
        browser.click_text("Compare 2 and 1").await;
        browser.shows("location.pathname", "/compare").await;
    })
    .await;
}

#[tokio::test]
async fn request_is_compared_with_another_by_its_id() {
    browse(async |browser| {
        requests(browser).await;
        browser.open("/requests/3").await;
        browser.click_text("Compare").await;
        browser.fill("[name=b]", "1\u{e007}").await;
        browser.at("/compare?a=3&b=1").await;
        browser
            .shows(
                "[...document.querySelectorAll('.differences th[scope=row]')].map((name) => name.innerText)",
                vec!["Model", "Metadata: user"],
            )
            .await;
        browser.open("/requests/3").await;
        browser.click_text("Compare").await;
        browser.click_text("With the call before of this name (2)").await;
        browser.at("/compare?a=2&b=3").await;
    })
    .await;
}
