//! Tests of retention: what is deleted, and what a killed server leaves behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

#[cfg(all(unix, feature = "cli"))]
use std::path::Path;
use std::time::{Duration, Instant};

use promptlayer_local::Config;
#[cfg(all(unix, feature = "cli"))]
use promptlayer_local::Database;
#[cfg(all(unix, feature = "cli"))]
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Local, chat, request, request_with, span, template};

/// Waits until the condition is true.
async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn long_text(index: usize) -> String {
    let words: Vec<String> = (0..400).map(|word| format!("w{}", (index * 31 + word * 7) % 977)).collect();
    words.join(" ")
}

#[tokio::test]
async fn lists_search_and_traces_agree_after_old_data_is_deleted() {
    let local = Local::with(Config::default().retain(Duration::from_secs(120)));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let young = i64::try_from(now).unwrap();
    let young_request = request_with(&json!({
        "request_start_time": young / 1_000_000_000, "request_end_time": young / 1_000_000_000,
        "input": chat("user", "young Oslo"),
    }));
    local.publish("greeting", template("hello")).await;
    let old_id = local.log(&request_with(&json!({ "input": chat("user", "old Oslo"), "tags": ["t"] }))).await;
    let young_id = local.log(&young_request).await;
    let spans = json!([
        span("a", &json!({ "log_request": request() })),
        span(
            "b",
            &json!({ "context": { "trace_id": "new", "span_id": "b", "trace_state": "" },
            "start_time": young, "end_time": young, "log_request": young_request })
        ),
    ]);
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);

    let path = format!("/api/public/v2/requests/{old_id}");
    until("the old request is deleted", async || local.get(&path).await.status == 404).await;
    until("the old trace is deleted", async || local.get("/api/public/v2/traces/trace").await.status == 404)
        .await;
    assert_eq!(local.get(&format!("/api/public/v2/requests/{young_id}")).await.status, 200);
    assert_eq!(local.get("/api/public/v2/traces/new").await.json["spans"].as_array().unwrap().len(), 1);
    let found = local.post("/api/public/v2/requests/search", &json!({ "q": "Oslo" })).await;
    assert_eq!(found.json["total"], 2, "{}", found.text);
    let page = local.page("/").await.text;
    assert!(page.contains("young Oslo") && !page.contains("old Oslo"), "{page}");
    assert_eq!(local.get("/prompt-templates/greeting").await.status, 200);
}

#[tokio::test]
async fn database_in_memory_keeps_its_size() {
    let local = Local::with(Config::default().max_size(2 << 20));
    for begin in 0..10 {
        let spans: Vec<Value> = (0..100)
            .map(|index| {
                let text = chat("user", &long_text(begin * 100 + index));
                span(
                    &format!("{begin}-{index}"),
                    &json!({ "log_request": request_with(&json!({ "input": text })) }),
                )
            })
            .collect();
        assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);
    }
    until("the first request is deleted", async || {
        local.get("/api/public/v2/requests/1").await.status == 404
    })
    .await;
    assert_eq!(local.get("/api/public/v2/requests/1000").await.status, 200, "the newest request stays");
}

#[cfg(all(unix, feature = "cli"))]
fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[cfg(all(unix, feature = "cli"))]
#[tokio::test]
async fn killed_while_deleting_it_leaves_a_consistent_file() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    {
        let local = Local::with(Config::default().database(Database::File(path.clone())));
        for begin in 0..15 {
            let spans: Vec<Value> = (0..200)
                .map(|index| {
                    let text = chat("user", &long_text(begin * 200 + index));
                    let fields = json!({ "input": text, "tags": ["a", "b"], "metadata": { "k": "v" } });
                    span(&format!("{begin}-{index}"), &json!({ "log_request": request_with(&fields) }))
                })
                .collect();
            assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);
        }
    }
    let full = std::fs::metadata(&path).unwrap().len();
    let mut counts = vec![3_000];
    for wait in [0, 30, 60, 90, 120, 150, 20_000] {
        let mut server = Command::new(env!("CARGO_BIN_EXE_promptlayer-local"))
            .args(["--port", "0", "--max-size", "1MiB", "--database", path.to_str().unwrap()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        BufReader::new(server.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let begin = Instant::now();
        let count = || number(&path, "SELECT requests FROM request_counts");
        let is_small = || std::fs::metadata(&path).unwrap().len() < (1 << 20);
        while begin.elapsed() < Duration::from_millis(1_000 + wait) && !is_small() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.kill().unwrap();
        server.wait().unwrap();
        counts.push(count());
        let integrity: String = Connection::open(&path)
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(integrity, "ok");
        let requests = number(&path, "SELECT count(*) FROM requests");
        assert_eq!(count(), requests);
        assert_eq!(number(&path, "SELECT count(*) FROM request_facts"), requests);
        assert_eq!(number(&path, "SELECT count(*) FROM spans"), requests);
        assert_eq!(number(&path, "SELECT count(*) FROM request_tags"), 2 * requests);
    }
    assert!(counts.is_sorted_by(|one, other| one >= other), "{counts:?}");
    assert!(*counts.last().unwrap() > 0, "{counts:?}");
    let left = std::fs::metadata(&path).unwrap().len();
    assert!(left < (1 << 20), "{left} of {full} bytes; requests: {counts:?}");
}
