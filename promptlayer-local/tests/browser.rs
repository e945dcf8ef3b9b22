//! Tests of the pages in a browser: what their script does, and what a browser makes of them.
//!
//! They need Chromium and `ChromeDriver`, on the PATH or named by `CHROMIUM` and `CHROMEDRIVER`. Without them, they are
//! skipped, and say so on standard error. With `BROWSER=required` they fail instead.
//!
//! Each test has its own server, `ChromeDriver` and Chromium. At its end, the log of the browser must have no error, no
//! violation of the content security policy, and no request to another server.

#![cfg(feature = "replay")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/compare.rs"]
mod compare;
#[path = "browser/edits.rs"]
mod edits;
#[path = "browser/figures.rs"]
mod figures;
#[path = "browser/filters.rs"]
mod filters;
#[path = "browser/hostile.rs"]
mod hostile;
#[path = "browser/key.rs"]
mod key;
#[path = "browser/keyboard.rs"]
mod keyboard;
#[path = "browser/layout.rs"]
mod layout;
#[path = "browser/live.rs"]
mod live;
#[path = "browser/replay.rs"]
mod replay;
mod support;
#[path = "browser/templates.rs"]
mod templates;
#[path = "browser/texts.rs"]
mod texts;
#[path = "browser/traces.rs"]
mod traces;

use chromium::{Browser, browse, browse_with};
use promptlayer_local::Config;

/// Returns a configuration with a provider, so that the page Replay has its form. Nothing listens at its address.
fn with_replay() -> Config {
    Config::default().provider("none", "http://127.0.0.1:9/v1", None)
}
