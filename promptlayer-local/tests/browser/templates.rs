//! Templates: versions, their difference, labels, and rendering.

use serde_json::{Value, json};

use crate::support::{request_with, text};
use crate::{Browser, browse};

async fn two_versions(browser: &Browser) {
    let version = |said: &str, message: &str| {
        let prompt = json!({ "type": "chat", "messages": [
            { "role": "system", "content": [text("Be kind.")] },
            { "role": "user", "content": [text(said)] },
        ] });
        json!({
            "prompt_template": { "prompt_name": "", "tags": ["support"] },
            "prompt_version": { "prompt_template": prompt, "commit_message": message },
            "release_labels": ["prod"],
        })
    };
    browser.local.publish("greeting", version("Say hello to {city}.", "first")).await;
    browser.local.publish("other", version("x", "first")).await;
    let mut second = version("Say good evening to {city}.", "second");
    second.as_object_mut().unwrap().remove("release_labels");
    browser.local.publish("greeting", second).await;
    let log = json!({ "prompt_name": "greeting", "prompt_version_number": 1 });
    browser.local.log(&request_with(&log)).await;
}

#[tokio::test]
async fn template_is_found_and_its_versions_are_compared() {
    browse(async |browser| {
        two_versions(browser).await;
        browser.open("/templates").await;
        browser.fill("[name=name]", "GREET\u{e007}").await;
        browser
            .shows(
                "[...document.querySelectorAll('td.name')].map((name) => name.innerText)",
                vec!["greeting"],
            )
            .await;
        browser.click("[data-open]").await;
        browser.shows("document.querySelector('h1').innerText", "greeting").await;
        browser.shows("document.querySelector('.heading .label').innerText", "version 2").await;
        browser
            .shows(
                "[...document.querySelectorAll('mark')].map((mark) => mark.innerText)",
                vec!["hello", "good evening"],
            )
            .await;

        browser.click(".versions a[href$='version=1']").await;
        browser.says("Say hello to {city}.").await;
        browser.click_text("compare").await;
        browser.says("Changed against version 2").await;
        browser.click_text("used by 1 requests").await;
        browser.at("/?template=greeting").await;
        browser.has_rows(&[1]).await;
    })
    .await;
}

#[tokio::test]
async fn label_is_moved_to_another_version() {
    browse(async |browser| {
        two_versions(browser).await;
        let version_of = async || -> Value {
            let body = json!({ "label": "prod" });
            browser.local.post("/prompt-templates/greeting", &body).await.json["version"].clone()
        };
        assert_eq!(version_of().await, 1);
        browser.open("/templates/greeting").await;
        browser.shows("document.querySelector('.facts .pair a').innerText", "version 1").await;
        browser.fill("[aria-label=Label]", "prod").await;
        browser.click_text("Move to version 2").await;
        browser.shows("document.querySelector('.facts .pair a').innerText", "version 2").await;
        assert_eq!(version_of().await, 2);
        browser.fill("[aria-label=Label]", "staging").await;
        browser.click_text("Move to version 2").await;
        browser.shows("document.querySelectorAll('.facts .pair a').length", 2).await;
        browser.click("[title='Remove this label']").await;
        browser.shows("document.querySelectorAll('.facts .pair a').length", 1).await;
    })
    .await;
}

#[tokio::test]
async fn template_is_rendered_with_variables() {
    browse(async |browser| {
        two_versions(browser).await;
        browser.open("/templates/greeting").await;
        browser
            .shows("JSON.parse(document.querySelector('[name=variables]').value)", json!({ "city": "" }))
            .await;
        browser.fill("[name=variables]", "{\"city\": \"Oslo\"}").await;
        browser.click_text("Render").await;
        browser.says("Say good evening to Oslo.").await;
        browser.says("Rendered prompt").await;
        browser.fill("[name=variables]", "{\"city\": ").await;
        browser.click_text("Render").await;
        browser.shows("document.querySelectorAll('[role=alert]').length", 1).await;
        assert!(browser.text("[role=alert]").await.starts_with("The variables are not a JSON object"));
        browser.shows("document.querySelector('[name=variables]').value", "{\"city\":").await;
        browser.says("Say good evening to {city}.").await;
    })
    .await;
}
