//! Tests of the server: keys, unknown paths, limits, files, and the threads and runtimes it is used from.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use promptlayer_local::{Config, Database, Error, Server};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Local, request, request_with, span, template};

/// A database file for one test. It is removed when the test ends.
struct DatabaseFile(PathBuf);

impl DatabaseFile {
    fn new(test: &str) -> Self {
        let file =
            Self(std::env::temp_dir().join(format!("promptlayer-local-{test}-{}.db", std::process::id())));
        file.remove();
        file
    }

    fn config(&self) -> Config {
        Config::default().database(Database::File(self.0.clone()))
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for DatabaseFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Sends a request over a raw socket, so that no async runtime is involved.
fn status_line(server: &Server, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn server_without_a_key_accepts_any_non_empty_key() {
    let local = Local::start();
    for (key, status) in [(None, 401), (Some(""), 401), (Some("anything"), 201)] {
        let mut call = local.json("/log-request", request().to_string());
        if let Some(key) = key {
            call = call.header("X-API-KEY", key);
        }
        let answer = local.send(Method::POST, "/log-request", call).await;
        assert_eq!(answer.status, status, "{key:?}");
        if status == 401 {
            assert_eq!(answer.json["success"], false);
            assert_eq!(answer.json["error"], "unauthorized");
            assert!(answer.json["message"].as_str().unwrap().contains("X-API-KEY"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn every_endpoint_takes_the_servers_own_key_only() {
    let local = Local::with(Config::default().api_key("secret"));
    let calls = [
        (Method::POST, "/spans-bulk"),
        (Method::POST, "/log-request"),
        (Method::POST, "/rest/track-score"),
        (Method::POST, "/rest/track-metadata"),
        (Method::POST, "/rest/track-prompt"),
        (Method::POST, "/rest/track-group"),
        (Method::POST, "/rest/prompt-templates"),
        (Method::POST, "/prompt-templates/x"),
        (Method::GET, "/prompt-templates/x"),
        (Method::GET, "/prompt-templates"),
        (Method::GET, "/api/public/v2/requests/1"),
        (Method::GET, "/api/public/v2/traces/x"),
        (Method::POST, "/api/public/v2/traces/x/close"),
        (Method::POST, "/create-group"),
    ];
    for (method, path) in calls {
        for key in ["", "wrong", "secret2", "SECRET"] {
            let call = local.request(method.clone(), path).header("X-API-KEY", key);
            assert_eq!(
                local.send(method.clone(), path, call).await.status,
                401,
                "{method} {path} with {key:?}"
            );
        }
        let call = local.request(method.clone(), path).header("X-API-KEY", "secret");
        assert_ne!(local.send(method.clone(), path, call).await.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn unknown_path_is_404_as_json_or_as_a_page() {
    let local = Local::start();
    for path in ["/nothing", "/api/public/v2/nothing", "/v1/metrics", "/rest/track-nothing"] {
        let answer = local.get(path).await;
        assert_eq!((answer.status, &answer.json["success"]), (404, &json!(false)), "{path}");
        assert!(answer.json["message"].as_str().unwrap().contains(path), "{}", answer.text);
    }
    let answer = local.post("/nothing", &json!({})).await;
    assert_eq!((answer.status, &answer.json["success"]), (404, &json!(false)));
    let page = local.page("/nothing").await;
    assert_eq!(page.status, 404);
    assert!(page.text.contains("<h1>Not found</h1>"), "{}", page.text);
    assert_eq!(local.page("/api/nothing").await.json["success"], false);
}

#[tokio::test]
async fn known_path_with_another_method_is_405() {
    let local = Local::start();
    for path in ["/spans-bulk", "/log-request", "/rest/track-score"] {
        let answer = local.get(path).await;
        assert_eq!((answer.status, &answer.json["success"]), (405, &json!(false)), "{path}");
    }
}

#[tokio::test]
async fn body_above_the_limit_is_413_and_at_the_limit_accepted() {
    let local = Local::with(Config::default().body_limit(1000));
    let padded = |bytes: usize| {
        let body = request().to_string();
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    for (bytes, status) in [(1000, 201), (1001, 413), (3_000_000, 413)] {
        let call = local.json("/log-request", padded(bytes)).header("X-API-KEY", "key");
        let answer = local.send(Method::POST, "/log-request", call).await;
        assert_eq!(answer.status, status, "{bytes} bytes");
        if status == 413 {
            assert!(answer.json["message"].as_str().unwrap().contains("1000 bytes"), "{}", answer.text);
        }
    }
    let local = Local::start();
    let large = request_with(&json!({ "input": support::chat("user", &"x".repeat(20_000_000)) }));
    assert_eq!(local.post("/log-request", &large).await.status, 201, "20 MB are within the default limit");
}

#[tokio::test]
async fn file_database_survives_a_restart() {
    let file = DatabaseFile::new("restart");
    let local = Local::with(file.config());
    let body = json!({ "spans": [span("a", &json!({ "log_request": request() }))], "close_after": true });
    assert_eq!(local.post("/spans-bulk", &body).await.status, 201);
    assert_eq!(local.post("/rest/track-score", &json!({ "request_id": 1, "score": 9 })).await.status, 200);
    local.publish("example", template("one")).await;
    local.server.shutdown();

    let local = Local::with(file.config());
    assert_eq!(local.get("/api/public/v2/requests/1").await.json["scores"], json!({ "default": 9 }));
    assert_eq!(local.get("/api/public/v2/traces/trace").await.json["spans"][0]["request_log_id"], 1);
    assert_eq!(local.get("/prompt-templates/example").await.json["version"], 1);
    assert_eq!(local.post("/spans-bulk", &body).await.json["rejected_span_ids"], json!(["a"]));
    assert_eq!(local.log(&request()).await, 2, "ids go on where they ended");
}

#[tokio::test]
async fn two_servers_may_share_a_file() {
    let file = DatabaseFile::new("shared");
    let (one, other) = (Local::with(file.config()), Local::with(file.config()));
    let id = one.log(&request()).await;
    assert_eq!(other.get(&format!("/api/public/v2/requests/{id}")).await.status, 200);
    let body = json!({ "spans": [span("a", &json!({ "log_request": request() }))] });
    for _ in 0..50 {
        // Each server reads before it writes, while the other one writes.
        let (first, second) = tokio::join!(one.post("/spans-bulk", &body), other.post("/spans-bulk", &body));
        assert_eq!((first.status, second.status), (201, 201), "{} {}", first.text, second.text);
    }
    assert_eq!(one.log(&request()).await, id + 101);
}

#[test]
fn database_in_memory_starts_empty() {
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { assert_eq!(Local::start().log(&request()).await, 1) });
    }
}

#[test]
fn open_and_bind_failures_are_typed_errors() {
    let missing = Config::default().database(Database::File("/no/such/folder/promptlayer.db".into()));
    let error = Server::start(missing).unwrap_err();
    assert!(matches!(error, Error::Database { .. }), "{error:?}");
    assert!(error.to_string().contains("/no/such/folder/promptlayer.db"), "{error}");

    let file = DatabaseFile::new("garbage");
    std::fs::write(&file.0, "this is no database, whatever its name says").unwrap();
    assert!(matches!(Server::start(file.config()).unwrap_err(), Error::Database { .. }));

    let server = Server::start(Config::default()).unwrap();
    let error = Server::start(Config::default().address(server.address())).unwrap_err();
    assert!(matches!(error, Error::Bind { address, .. } if address == server.address()), "{error:?}");
}

#[test]
fn stopped_server_frees_its_port() {
    let server = Server::start(Config::default()).unwrap();
    let address = server.address();
    assert!(status_line(&server, "/").contains("200"));
    server.shutdown();
    assert!(TcpStream::connect(address).is_err());
    let again = Server::start(Config::default().address(address)).unwrap();
    assert_eq!(again.url(), format!("http://{address}"));
}

#[test]
fn stalled_client_does_not_block_shutdown() {
    let server = Server::start(Config::default()).unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .write_all(b"POST /log-request HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nX-API-KEY: key\r\n\r\n{")
        .unwrap();
    // The response arrives on another connection. By then, the server is reading the first one.
    assert!(status_line(&server, "/").contains("200"));
    let begin = Instant::now();
    drop(server);
    assert!(begin.elapsed() < Duration::from_secs(10), "took {:?}", begin.elapsed());
}

#[tokio::test(flavor = "current_thread")]
async fn it_answers_while_the_callers_only_thread_is_blocked() {
    let server = Server::start(Config::default()).unwrap();
    // There is no await here: this blocks the runtime's only thread until the response has arrived.
    assert_eq!(status_line(&server, "/"), "HTTP/1.0 200 OK");
}

#[test]
fn it_starts_and_stops_inside_a_runtime_that_is_being_dropped() {
    struct Late(std::sync::mpsc::Sender<String>);
    impl Drop for Late {
        fn drop(&mut self) {
            let server = Server::start(Config::default()).unwrap();
            self.0.send(status_line(&server, "/")).unwrap();
        }
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.spawn(async move {
        let _late = Late(sender);
        std::future::pending::<()>().await;
    });
    runtime.block_on(tokio::task::yield_now());
    drop(runtime);
    assert_eq!(receiver.recv().unwrap(), "HTTP/1.0 200 OK");
}

#[tokio::test]
async fn concurrent_requests_get_distinct_ids() {
    let local = std::sync::Arc::new(Local::start());
    let tasks: Vec<_> = (0..200)
        .map(|index| {
            let local = local.clone();
            tokio::spawn(
                async move { local.log(&request_with(&json!({ "tags": [index.to_string()] }))).await },
            )
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=200).collect::<Vec<i64>>());
    let tags = local.get("/api/public/v2/requests/200").await.json["tags"].take();
    assert_ne!(tags, Value::Null);
}
