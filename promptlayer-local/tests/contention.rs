//! Tests with a database that another program has locked, and with clients that disconnect.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use promptlayer_local::{Config, Database};
use rusqlite::Connection;
use serde_json::json;
use support::{Local, request, span};

struct Locked {
    local: Local,
    other: Connection,
    _directory: tempfile::TempDir,
}

/// Starts a server on a file, and takes the write lock of the file as another program would.
async fn locked() -> Locked {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let local = Local::with(Config::default().database(Database::File(path.clone())));
    let spans = [span("a", &json!({ "log_request": request() }))];
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);
    local.publish("example", support::template("one")).await;
    let other = Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    Locked { local, other, _directory: directory }
}

/// Sends a request log without waiting for the response. Returns once the server has begun to read the body.
fn begin_to_log(local: &Local) -> TcpStream {
    let mut stream = TcpStream::connect(local.server.address()).unwrap();
    let body = request().to_string();
    write!(
        stream,
        "POST /log-request HTTP/1.1\r\nHost: {}\r\nX-API-KEY: key\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        local.server.address(),
        body.len()
    )
    .unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    stream
}

#[tokio::test]
async fn locked_database_delays_no_page_and_no_read() {
    let Locked { local, other, _directory } = locked().await;
    let mut waiting = begin_to_log(&local);
    for _ in 0..3 {
        for path in ["/style.css", "/", "/requests/1", "/nothing"] {
            let page = local.page(path).await;
            assert!([200, 404].contains(&page.status), "{path}: {}", page.text);
        }
        for path in [
            "/api/public/v2/requests/1",
            "/api/public/v2/traces/trace",
            "/prompt-templates",
            "/prompt-templates/example",
        ] {
            assert_eq!(local.get(path).await.status, 200, "{path}");
        }
        assert_eq!(local.post("/prompt-templates/example", &json!({})).await.status, 200);
        assert_eq!(local.get("/api/public/v2/requests/2").await.status, 404, "the write waits");
    }
    other.execute_batch("COMMIT").unwrap();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(local.get("/api/public/v2/requests/2").await.status, 200);
}

#[tokio::test]
async fn write_to_a_database_that_stays_locked_is_503() {
    let Locked { local, other, _directory } = locked().await;
    let calls = [
        ("/log-request", request()),
        ("/spans-bulk", json!({ "spans": [span("b", &json!({}))] })),
        ("/rest/track-score", json!({ "request_id": 1, "score": 5 })),
        ("/rest/prompt-templates", {
            let mut template = support::template("two");
            template["prompt_template"]["prompt_name"] = json!("example");
            template
        }),
        ("/create-group", json!({})),
    ];
    // All requests are sent at once, so their waiting times overlap.
    let answers = calls.map(|(path, body)| {
        let call = local.json(path, body.to_string()).header("X-API-KEY", "key").send();
        tokio::spawn(async move { (path, call.await.unwrap()) })
    });
    for answer in answers {
        let (path, answer) = answer.await.unwrap();
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(answer.headers()["retry-after"], "1", "{path}");
        let body: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(body["success"], false, "{path}");
        assert!(body["message"].as_str().unwrap().contains("busy"), "{path}: {body}");
    }
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(local.log(&request()).await, 2, "nothing was stored");
}

#[tokio::test]
async fn server_with_a_waiting_write_stops_without_storing_it() {
    let Locked { local, other, _directory } = locked().await;
    let mut waiting = begin_to_log(&local);
    // The response to this page arrives after the write has begun.
    local.page("/").await;
    local.server.shutdown();
    let mut answer = String::new();
    let _ = waiting.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    other.execute_batch("COMMIT").unwrap();
    let count: i64 = other.query_row("SELECT count(*) FROM requests", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn stopped_server_leaves_all_it_acknowledged_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let local = Local::with(Config::default().database(Database::File(path.clone())));
    for id in 1..=20 {
        assert_eq!(local.log(&request()).await, id);
    }
    local.server.shutdown();
    let names: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["test.db"], "the write-ahead log is written back");
    let count: i64 = Connection::open(path)
        .unwrap()
        .query_row("SELECT count(*) FROM requests", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 20);
}
