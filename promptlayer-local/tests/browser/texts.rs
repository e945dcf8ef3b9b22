//! How the page of a request shows its texts, and how they are copied.

use serde_json::{Value, json};

use crate::support::{chat, request_with, text};
use crate::{Browser, browse};

const MARKDOWN: &str = "# Title\n\n**bold** and `code`\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |";

/// Logs a request with Markdown, thinking, a tool, a call and its result.
async fn conversation(browser: &Browser) {
    let call = json!({ "id": "call_1", "type": "function", "function": { "name": "get_weather", "arguments": "{\"city\":\"Oslo\"}" } });
    let tool = json!({ "type": "function", "function": { "name": "get_weather", "parameters": { "type": "object" } } });
    let log = request_with(&json!({
        "input": { "type": "chat", "tools": [tool], "messages": [
            { "role": "user", "content": [text(MARKDOWN)] },
            { "role": "assistant", "content": [{ "type": "thinking", "thinking": "I need the weather." }], "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "call_1", "content": [text("7 °C")] },
        ] },
        "output": chat("assistant", "It is **cold**."),
        "parameters": { "temperature": 0.5 },
    }));
    browser.local.log(&log).await;
}

#[tokio::test]
async fn markdown_is_rendered_and_raw_text_is_one_click_away() {
    browse(async |browser| {
        conversation(browser).await;
        browser.open("/requests/1").await;
        browser.shows("document.querySelector('.markdown strong').innerText", "bold").await;
        assert_eq!(browser.texts(".markdown li").await, ["one", "two"]);
        assert_eq!(browser.count(".markdown table td").await, 2);
        browser.click_text("Show raw text").await;
        browser.shows("document.querySelector('.message .text').innerText", MARKDOWN).await;
        assert_eq!(browser.count(".markdown").await, 0);
        browser.click_text("Show Markdown").await;
        browser.shows("document.querySelectorAll('.markdown').length", 2).await;
    })
    .await;
}

#[tokio::test]
async fn thinking_is_folded_and_a_call_has_its_result() {
    browse(async |browser| {
        conversation(browser).await;
        browser.open("/requests/1").await;
        browser.shows("document.querySelector('.thinking').open", false).await;
        assert!(!browser.get::<String>("document.body.innerText").await.contains("I need the weather."));
        browser.click_text("Thinking").await;
        browser.says("I need the weather.").await;
        browser.shows("document.querySelector('.call .result').innerText", "7 °C").await;
        assert!(browser.text(".call").await.contains("get_weather"));
        // The result is not also a message of its own.
        assert_eq!(browser.texts(".message .role").await.len(), 3);
        browser.click(".offered summary").await;
        browser.says("\"type\": \"object\"").await;
    })
    .await;
}

#[tokio::test]
async fn request_is_copied_in_each_form() {
    browse(async |browser| {
        conversation(browser).await;
        // Chromium asks the user for this permission, so the test grants it.
        let permissions = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        browser.command("Browser.grantPermissions", permissions).await;
        browser.open("/requests/1").await;
        browser.click_text("Copy or save").await;
        for file in ["log.json", "provider.json", "curl.sh"] {
            let address = format!("/requests/1/{file}");
            browser.click(&format!("a[href='{address}'] + button")).await;
            browser
                .shows(
                    &format!("document.querySelector(\"a[href='{address}'] + button\").innerText"),
                    "Copied",
                )
                .await;
            let copied: String = browser.wait_for("await navigator.clipboard.readText()").await;
            assert_eq!(copied, browser.local.page(&address).await.text, "{file}");
        }
        let fixture: Value = browser.wait_for("await (await fetch('/requests/1/fixture.json')).json()").await;
        assert_eq!(fixture["request"]["model"], "gpt-4o");
        browser.shows("document.querySelector('[download]').download", "request-1.json").await;
        browser.click("a[href='/requests/1/curl.sh']").await;
        browser.says("curl 'https://api.openai.com/v1/chat/completions'").await;

        // The commands of an empty page.
        browser.open("/templates").await;
        browser.click_text("Copy").await;
        let copied: String = browser.wait_for("await navigator.clipboard.readText()").await;
        assert!(copied.starts_with("curl http://127.0.0.1:"), "{copied}");
    })
    .await;
}
