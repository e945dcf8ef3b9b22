//! Changes of a request on its page.

use serde_json::{Value, json};

use crate::support::request_with;
use crate::{Browser, browse};

async fn logged(browser: &Browser) -> Value {
    browser.local.get("/api/public/v2/requests/2").await.json
}

/// Logs two requests, and opens the second one from a filtered list.
async fn open(browser: &Browser) {
    let log = json!({ "tags": ["old"], "metadata": { "user": "1" }, "model": "a" });
    browser.local.log(&request_with(&log)).await;
    browser.local.log(&request_with(&log)).await;
    browser.open("/requests/2?model=a").await;
}

#[tokio::test]
async fn score_is_set_shown_and_removed() {
    browse(async |browser| {
        open(browser).await;
        browser.fill("[name=score]", "80").await;
        browser.fill("[aria-label='Name of the score']", "tone of voice").await;
        browser.click_text("Set").await;
        browser.says("tone of voice 80").await;
        browser.at("/requests/2?model=a").await;
        assert_eq!(logged(browser).await["scores"], json!({ "tone of voice": 80 }));
        browser.open("/").await;
        browser.holds("document.querySelector('[data-id=\"2\"] .score').innerText.includes('80')").await;
        browser.back().await;
        browser.click("[title='Remove this score']").await;
        browser.shows("document.querySelectorAll('[title=\"Remove this score\"]').length", 0).await;
        assert_eq!(logged(browser).await["scores"], json!({}));
    })
    .await;
}

#[tokio::test]
async fn tags_are_changed() {
    browse(async |browser| {
        open(browser).await;
        browser.click_text("Edit").await;
        browser.fill("[name=tags]", "chat\nnew tag\n\nchat").await;
        browser.click_text("Save").await;
        browser
            .shows(
                "[...document.querySelectorAll('.tag')].map((tag) => tag.innerText)",
                vec!["chat", "new tag"],
            )
            .await;
        browser.at("/requests/2?model=a").await;
        assert_eq!(logged(browser).await["tags"], json!(["chat", "new tag"]));
        browser.click_text("new tag").await;
        browser.at("/?tag=new%20tag").await;
        browser.has_rows(&[2]).await;
    })
    .await;
}

#[tokio::test]
async fn metadata_is_added_changed_and_removed() {
    browse(async |browser| {
        open(browser).await;
        for (key, value, expected) in
            [("plan", "free", json!({ "user": "1", "plan": "free" })), ("user", "2", json!({ "user": "2", "plan": "free" }))]
        {
            browser.click_text("Add or change").await;
            browser.fill("[aria-label=Key]", key).await;
            browser.fill("[aria-label=Value]", value).await;
            browser.click_text("Save").await;
            let shown = format!(
                "[...document.querySelectorAll('.pairs > div')].some((pair) => pair.innerText.replace(/\\s+/g, ' ') === '{key} {value}')"
            );
            browser.holds(&shown).await;
            assert_eq!(logged(browser).await["metadata"], expected);
        }
        browser.click_text("Add or change").await;
        browser.click("[title='Remove this value']").await;
        browser.shows("document.querySelectorAll('[title=\"Remove this value\"]').length", 1).await;
        assert_eq!(logged(browser).await["metadata"].as_object().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn refused_change_says_why_and_keeps_what_was_typed() {
    browse(async |browser| {
        open(browser).await;
        // The browser itself refuses a score that is no whole number from 0 to 100, and shows why.
        browser.mark().await;
        browser.fill("[name=score]", "101").await;
        browser.click_text("Set").await;
        browser.holds("document.querySelector('[name=score]').validity.rangeOverflow").await;
        browser.shows("document.querySelector('[name=score]').value", "101").await;
        browser.is_marked().await;

        browser.click_text("Edit").await;
        let long = "x".repeat(600);
        browser.fill("[name=tags]", &format!("kept\n{long}")).await;
        browser.click_text("Save").await;
        browser.says("A tag has at most 512 characters.").await;
        browser.shows("document.querySelector('[name=tags]').value", format!("kept\n{long}")).await;
        browser.holds("document.querySelector('[name=tags]').checkVisibility()").await;
        browser.expect_message("status of 422");
        assert_eq!(logged(browser).await["tags"], json!(["old"]));
        browser.fill("[name=tags]", "kept").await;
        browser.click_text("Save").await;
        browser.at("/requests/2?model=a").await;
        browser.shows("[...document.querySelectorAll('.tag')].map((tag) => tag.innerText)", vec!["kept"]).await;

        // What the browser would refuse, from a browser that does not.
        for (edit, field, value, reason) in [
            ("score", "[name=score]", "101", "A score is a whole number from 0 to 100."),
            ("metadata", "[aria-label=Key]", " ", "Metadata needs a key."),
        ] {
            browser.open("/requests/2?model=a").await;
            let fill = format!(
                "(() => {{ const form = document.querySelector('[name=edit][value={edit}]').form; form.noValidate = true;
                   document.querySelector('{field}').value = '{value}'; form.requestSubmit(); return true; }})()"
            );
            browser.holds(&fill).await;
            browser.says(reason).await;
            browser.shows(&format!("document.querySelector('{field}').value"), value).await;
            browser.holds(&format!("document.querySelector('{field}').checkVisibility()")).await;
        }
    })
    .await;
}
