//! The functions without an attribute: what a call costs without anything.

use harness::content::{consume, now};
use harness::subject::{NoExport, Subject};

pub(crate) const SUBJECT: Subject = Subject {
    name: "none",
    start: |_| Ok(Box::new(NoExport)),
    runs: &[
        ("idle_sync", |prompt| consume(length(prompt))),
        ("idle_async", |prompt| consume(now(later(prompt)))),
    ],
};

#[inline(never)]
fn length(prompt: &str) -> usize {
    prompt.len()
}

async fn later(prompt: &str) -> usize {
    length(prompt)
}
