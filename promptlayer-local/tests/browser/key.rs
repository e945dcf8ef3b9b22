//! A server with a key.

use promptlayer_local::Config;
use serde_json::json;

use crate::browse_with;
use crate::support::request_with;

#[tokio::test]
async fn pages_are_shown_to_a_reader_with_the_key() {
    browse_with(Config::default().api_key("key"), async |browser| {
        browser.local.log(&request_with(&json!({ "model": "a" }))).await;
        browser.expect_message("status of 401");
        browser.open("/?model=a").await;
        browser.shows("document.activeElement.id", "key").await;
        assert_eq!(browser.count("tbody tr").await, 0);
        browser.fill("#key", "wrong\u{e007}").await;
        browser.says("This is not the key of this server.").await;
        browser.shows("document.querySelector('#key').getAttribute('aria-invalid')", "true").await;

        browser.fill("#key", "key").await;
        browser.click_text("Show the pages").await;
        browser.at("/?model=a").await;
        browser.has_rows(&[1]).await;
        browser.mark().await;
        browser.local.log(&request_with(&json!({ "model": "a" }))).await;
        browser.has_rows(&[2, 1]).await;
        browser.is_marked().await;
        // The script of the page cannot read the session.
        browser.shows("document.cookie", "").await;

        browser.click_text("Key").await;
        browser.says("Logged in").await;
        browser.click_text("Log out").await;
        browser.says("Enter the API key").await;
        browser.open("/requests/1").await;
        browser.says("Enter the API key").await;
    })
    .await;
}
