//! Replay: a prompt is changed and sent again, and the answer arrives piece by piece.

use promptlayer_local::Config;
use serde_json::{Value, json};

use crate::support::provider::{Scripted, events, response, stream_head};
use crate::support::{chat, request_with};
use crate::{Browser, browse_with};

/// Returns a piece of a streamed answer.
fn piece(text: &str) -> Value {
    json!({
        "id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5",
        "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }],
    })
}

/// Opens the page Replay of a request, in a browser.
async fn replay(url: &str, test: impl AsyncFnOnce(&Browser)) {
    let config = Config::default().provider("openai", url, Some("sk-secret".to_owned()));
    browse_with(config, async |browser| {
        let log = json!({
            "model": "gpt-4o", "input": chat("user", "Rain in Oslo?"), "output": chat("assistant", "No."),
        });
        browser.local.log(&request_with(&log)).await;
        browser.open("/requests/1").await;
        browser.click_text("Replay").await;
        browser.at("/requests/1/replay").await;
        test(browser).await;
    })
    .await;
}

#[tokio::test]
async fn changed_prompt_is_streamed_logged_and_compared() {
    let parts = ["From noon, ", "in the east."].map(|text| events(&[piece(text)]));
    let end = "data: [DONE]\n\n".to_owned();
    let [first, second] = parts;
    let mut provider =
        Scripted::in_parts(vec![[stream_head(), first].concat(), [second, end].concat()], false).await;
    let url = provider.url.clone();
    replay(&url, async |browser| {
        browser.fill("[name=text]", "Rain in Bergen?").await;
        browser.fill("[name=model]", "gpt-5").await;
        browser.click("button.primary").await;
        let sent = provider.received().await;
        assert_eq!((&sent.body["model"], &sent.body["stream"]), (&json!("gpt-5"), &json!(true)));
        assert!(sent.body.to_string().contains("Rain in Bergen?"), "{}", sent.body);

        provider.next();
        browser.shows("document.querySelector('[data-text]').textContent", "From noon, ").await;
        provider.next();
        browser.shows("document.querySelector('[data-text]').textContent", "From noon, in the east.").await;
        browser.click_text("Compare with the original").await;
        browser.shows("location.pathname", "/compare").await;
        browser.says("Bergen").await;
        browser.open("/").await;
        browser.has_rows(&[2, 1]).await;
        browser.open("/?tag=replay").await;
        browser.has_rows(&[2]).await;
    })
    .await;
}

#[tokio::test]
async fn answer_can_be_stopped_and_what_arrived_is_logged() {
    let mut provider =
        Scripted::in_parts(vec![[stream_head(), events(&[piece("From noon, ")])].concat()], true).await;
    provider.next();
    let config = Config::default().provider("openai", &provider.url, None);
    browse_with(config, async |browser| {
        browser.local.log(&request_with(&json!({}))).await;
        browser.open("/requests/1/replay").await;
        browser.click("button.primary").await;
        browser.shows("document.querySelector('[data-text]').textContent", "From noon, ").await;
        browser.click_text("Stop").await;
        provider.left().await;
        browser.click_text("Open the new request").await;
        browser.at("/requests/2").await;
        browser.says("From noon,").await;
    })
    .await;
}

#[tokio::test]
async fn refusal_of_the_provider_is_shown_and_nothing_typed_is_lost() {
    let body = json!({ "error": { "message": "The model <b>gpt-9</b> does not exist", "type": "invalid_request_error" } });
    let provider = Scripted::start(response("404 Not Found", "application/json", &body.to_string())).await;
    replay(&provider.url, async |browser| {
        browser.expect_message("422");
        browser.fill("[name=model]", "gpt-9").await;
        browser.fill("[name=parameters]", "{\"temperature\": ").await;
        browser.click("button.primary").await;
        browser.says("This is not JSON").await;
        browser.shows("document.querySelector('[name=parameters]').value", "{\"temperature\": ").await;
        browser.fill("[name=parameters]", "{}").await;
        browser.click("button.primary").await;
        browser.says("The model <b>gpt-9</b> does not exist").await;
        browser.shows("document.querySelector('[name=model]').value", "gpt-9").await;
        browser.open("/requests/2").await;
        browser.says("The model <b>gpt-9</b> does not exist").await;
    })
    .await;
}
