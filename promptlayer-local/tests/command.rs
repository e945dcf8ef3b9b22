//! Tests of the commands that use a database file: `search`, `show`, `tail`, `export`, `import` and `push`.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use promptlayer_local::{Config, Database, Server};
use serde_json::{Value, json};
use support::{Local, chat, merged, request_with, span, template};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Starts a server on the default database of the folder.
    fn serve(&self) -> Local {
        Local::with(Config::default().database(Database::File(self.file("promptlayer.db"))))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promptlayer-local"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("PROMPTLAYER_LOCAL_API_KEY")
            .env("PROMPTLAYER_API_KEY", "key")
            .env("NO_PROXY", "*")
            .env("TZ", "UTC");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that succeeds, and returns its output.
    fn output(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that fails, and returns the line that it prints.
    fn failure(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Stores some of everything: templates with labels, groups, traces, requests with and without a span.
async fn fill(local: &Local) {
    for text in ["one", "two"] {
        let body = merged(template(text), &json!({ "release_labels": [format!("label-{text}")] }));
        local.publish("greeting", body).await;
    }
    let group = local.post("/create-group", &json!({})).await.json["id"].clone();
    let oslo = local
        .log(&request_with(&json!({
            "input": chat("user", "What is the weather in Oslo?\u{1b}[31m"), "tags": ["weather", "nordic"],
            "metadata": { "user": "42" }, "function_name": "forecast", "input_tokens": 1000, "output_tokens": 20,
            "parameters": { "temperature": 0.5 }, "prompt_name": "greeting", "prompt_version_number": 2,
        })))
        .await;
    let failed = json!({
        "model": "claude-sonnet-4", "provider": "anthropic", "status": "ERROR", "error_type": "PROVIDER_TIMEOUT",
        "error_message": "no answer within 30 s", "input": chat("user", "And in Bergen?"),
    });
    let failed = local.log(&request_with(&failed)).await;
    for (path, body) in [
        ("/rest/track-score", json!({ "request_id": oslo, "score": 80 })),
        ("/rest/track-score", json!({ "request_id": oslo, "score": 0, "name": "brevity" })),
        ("/rest/track-score", json!({ "request_id": failed, "score": 0, "name": "default" })),
        ("/rest/track-metadata", json!({ "request_id": oslo, "metadata": { "later": "yes" } })),
        ("/rest/track-group", json!({ "request_id": oslo, "group_id": group })),
    ] {
        assert_eq!(local.post(path, &body).await.status, 200, "{path}");
    }
    let spans = json!([
        span("root", &json!({ "name": "agent", "attributes": { "a": [1, 2.5, "ü"] } })),
        span(
            "child",
            &json!({ "parent_id": "root", "log_request": request_with(&json!({ "score": 7 })),
            "events": [{ "name": "exception", "attributes": {} }] })
        ),
    ]);
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);
    assert_eq!(local.post("/api/public/v2/traces/trace/close", &json!({})).await.status, 201);
}

/// Logs a call whose span arrives later. The call ended now, or long ago.
async fn log_before_its_span(local: &Local, span_id: &str, is_recent: bool) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let end = if is_recent { now } else { 1_700_000_000 };
    let body = json!({
        "function_name": "openai.chat.completions.create", "provider_type": "openai", "args": [],
        "kwargs": { "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hello" }] },
        "request_response": { "object": "chat.completion", "model": "gpt-4o",
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hi" } }] },
        "request_start_time": end, "request_end_time": end, "api_key": "key", "span_id": span_id,
    });
    let answer = local.post("/track-request", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Returns what a server shows of everything that [`fill`] stored.
async fn shown(local: &Local) -> Vec<Value> {
    let mut shown = Vec::new();
    for path in [
        "/api/public/v2/requests/1",
        "/api/public/v2/requests/2",
        "/api/public/v2/requests/3",
        "/api/public/v2/traces/trace",
        "/prompt-templates",
        "/prompt-templates/greeting?version=1",
        "/prompt-templates/greeting?label=label-two",
    ] {
        let answer = local.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        shown.push(answer.json);
    }
    shown.push(local.post("/api/public/v2/requests/search", &json!({ "q": "Oslo" })).await.json);
    shown.push(local.page("/").await.text.into());
    shown.push(local.page("/traces").await.text.into());
    shown
}

#[tokio::test]
async fn search_finds_by_words_and_filters() {
    let folder = Folder::new();
    let local = folder.serve();
    fill(&local).await;
    // The server indexes new texts within a second.
    let begin = Instant::now();
    while !folder.output(&["search", "Oslo"]).contains("forecast") {
        assert!(begin.elapsed() < Duration::from_secs(20), "the request is not found");
    }
    let found = folder.output(&["search", "weather", "in", "oslo"]);
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(found.starts_with("     1  2026-01-15 10:30:00  ok     forecast"), "{found}");
    for part in ["gpt-4o", "1.50 s", "1,020", "[weather] [nordic]", "weather in Oslo?", "→ Hi there."] {
        assert!(found.contains(part), "{part}: {found}");
    }
    assert!(!found.contains('\u{1b}'), "{found:?}");
    let failed = folder.output(&["search", "--status", "error", "--provider", "anthropic"]);
    assert!(failed.contains("no answer within 30 s") && failed.lines().count() == 1, "{failed}");
    assert_eq!(folder.output(&["search", "--tag", "nordic", "--tag", "other"]), "");
    let ids = |arguments: &[&str]| -> Vec<i64> {
        let lines = folder.output(&[&["search", "--json"], arguments].concat());
        lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["request_id"].as_i64().unwrap())
            .collect()
    };
    assert_eq!(ids(&["--sort", "tokens", "-n", "1"]), [1]);
    assert_eq!(ids(&["--metadata", "user=42"]), [1]);
    assert_eq!(ids(&["--score", ">=80"]), [1]);
    assert_eq!(ids(&["--since", "2026-01-16"]), [0_i64; 0]);

    let summary = folder.run(&["search", "--model", "gpt*"]).stderr;
    assert!(String::from_utf8(summary).unwrap().starts_with("2 of 2 requests; 0 errors, half within 1"));
    assert!(folder.failure(&["search", "--latency", "soon"]).contains("Example: >2s"));
    assert!(folder.failure(&["search", "--sort", "colour"]).contains("time, latency, tokens or cost"));
}

#[tokio::test]
async fn show_prints_a_conversation_or_the_json_of_the_api() {
    let folder = Folder::new();
    let local = folder.serve();
    fill(&local).await;
    let text = folder.output(&["show", "1"]);
    for line in [
        "request 1  forecast",
        "time       2026-01-15 10:30:00 (1.50 s)",
        "model      openai gpt-4o",
        "settings   temperature=0.5",
        "tokens     1,000 in, 20 out",
        "tags       weather, nordic",
        "metadata   later=yes, user=42",
        "scores     brevity 0, default 80",
        "template   greeting version 2",
        "groups     1",
        "── user",
        "What is the weather in Oslo?\u{fffd}[31m",
        "── assistant",
        "Hi there.",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    let failed = folder.output(&["show", "2"]);
    assert!(failed.contains("ERROR: PROVIDER_TIMEOUT: no answer within 30 s"), "{failed}");
    let json: Value = serde_json::from_str(&folder.output(&["show", "3", "--json"])).unwrap();
    assert_eq!(json, local.get("/api/public/v2/requests/3").await.json);

    assert!(folder.failure(&["show", "99"]).starts_with("error: there is no request 99 in promptlayer.db; "));
    assert!(folder.failure(&["show", "x"]).contains("invalid value 'x'"));
}

#[test]
fn commands_need_a_database_and_do_not_create_one() {
    let folder = Folder::new();
    for command in
        [&["search"][..], &["show", "1"], &["tail"], &["export", "-"], &["push", "--to", "http://x.example"]]
    {
        let error = folder.failure(command);
        assert!(
            error.starts_with("error: there is no database promptlayer.db; start "),
            "{command:?}: {error}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 0);
    std::fs::write(folder.file("other.db"), "some text that is longer than the header of a database")
        .unwrap();
    let error = folder.failure(&["search", "--database", "other.db"]);
    assert!(error.contains("not a SQLite database"), "{error}");
}

#[tokio::test]
async fn reading_changes_nothing() {
    let folder = Folder::new();
    fill(&folder.serve()).await;
    let before = std::fs::read(folder.file("promptlayer.db")).unwrap();
    folder.output(&["search", "--status", "error"]);
    folder.output(&["show", "1"]);
    folder.output(&["export", "-"]);
    assert!(std::fs::read(folder.file("promptlayer.db")).unwrap() == before);
}

#[tokio::test]
async fn tail_prints_requests_as_they_arrive() {
    let folder = Folder::new();
    let local = folder.serve();
    fill(&local).await;
    let tail = |arguments: &[&str]| {
        let mut child = folder.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (Running(child), lines)
    };
    let (_all, mut all) = tail(&["tail", "-n", "1"]);
    let (_errors, mut errors) = tail(&["tail", "-n", "0", "--status", "error", "--json"]);
    assert!(all.next().unwrap().unwrap().starts_with("     3  "), "the newest");
    // The second command has no line yet that shows that it began, so requests arrive until it prints one.
    let until_printed = std::thread::spawn(move || errors.next().unwrap().unwrap());
    let mut logged = 0;
    let begin = Instant::now();
    while !until_printed.is_finished() {
        assert!(begin.elapsed() < Duration::from_secs(60), "the second command printed nothing");
        local.log(&request_with(&json!({ "function_name": "next" }))).await;
        local.log(&request_with(&json!({ "status": "ERROR", "error_type": "UNKNOWN_ERROR" }))).await;
        logged += 2;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let error: Value = serde_json::from_str(&until_printed.join().unwrap()).unwrap();
    assert_eq!(error["error_type"], "UNKNOWN_ERROR");
    for id in 4..4 + logged {
        let line = all.next().unwrap().unwrap();
        assert!(line.starts_with(&format!("{id:>6}  ")), "{id}: {line}");
    }
}

#[tokio::test]
async fn export_and_import_keep_everything() {
    let folder = Folder::new();
    let local = folder.serve();
    fill(&local).await;
    log_before_its_span(&local, "awaited", true).await;
    // Exports while the server has the file open.
    folder.output(&["export", "all.jsonl"]);
    let exported = std::fs::read_to_string(folder.file("all.jsonl")).unwrap();
    assert_eq!(exported.lines().next().unwrap(), r#"{"type":"export","version":1}"#);
    assert_eq!(folder.output(&["import", "all.jsonl", "--database", "copy.db"]), "");
    assert_eq!(folder.output(&["export", "-", "--database", "copy.db"]), exported);

    let copy = Local::with(Config::default().database(Database::File(folder.file("copy.db"))));
    assert_eq!(shown(&copy).await, shown(&local).await);
    let context = json!({ "trace_id": "other", "span_id": "awaited", "trace_state": "" });
    let awaited = span("awaited", &json!({ "context": context }));
    assert_eq!(copy.post("/spans-bulk", &json!({ "spans": [awaited] })).await.status, 201);
    assert_eq!(copy.get("/api/public/v2/requests/4").await.json["trace_id"], "other");
    let late = span("late", &json!({}));
    let rejected = copy.post("/spans-bulk", &json!({ "spans": [late] })).await;
    assert_eq!(rejected.json["rejected_span_ids"], json!(["late"]), "the trace is still closed");
}

#[tokio::test]
async fn import_into_a_used_database_gives_new_ids() {
    let folder = Folder::new();
    let local = folder.serve();
    fill(&local).await;
    folder.output(&["export", "all.jsonl"]);
    folder.output(&["import", "all.jsonl"]);
    let copy = local.get("/api/public/v2/requests/4").await.json;
    let original = local.get("/api/public/v2/requests/1").await.json;
    assert_eq!(copy["group_ids"], json!([2]));
    for field in ["input", "scores", "tags", "metadata", "price", "prompt_id"] {
        assert_eq!(copy[field], original[field], "{field}");
    }
    assert_eq!(local.get("/prompt-templates/greeting").await.json["version"], 4);
    let trace = local.get("/api/public/v2/traces/trace").await.json;
    assert_eq!(trace["spans"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn broken_line_is_named_and_its_group_is_not_stored() {
    let folder = Folder::new();
    fill(&folder.serve()).await;
    let exported = folder.output(&["export", "-"]);
    let mut lines: Vec<&str> = exported.lines().collect();
    let count = lines.len();
    for (broken, expected) in [
        ("{\"type\":\"request\"", "cannot be read: "),
        ("{\"type\":\"shape\"}", "\"shape\" is not a type of record"),
        (
            "{\"type\":\"label\",\"id\":9,\"created_ns\":1,\"template_id\":9,\"name\":\"x\",\"version_id\":1}",
            "the template 9 is not in the file",
        ),
        ("{\"type\":\"export\",\"version\":2}", "the file has format 2"),
    ] {
        lines.push(broken);
        let text = lines.join("\n");
        lines.pop();
        std::fs::write(folder.file("broken.jsonl"), &text).unwrap();
        let database = format!("{}.db", expected.len());
        let from_file = folder.failure(&["import", "broken.jsonl", "--database", &database]);
        let mut child = folder
            .command(&["import", "-", "--database", &database])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let from_pipe = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
        for error in [from_file, from_pipe] {
            assert!(error.contains(&format!("line {} ", count + 1)) && error.contains(expected), "{error}");
        }
        let stored = folder.output(&["export", "-", "--database", &database]);
        assert_eq!(stored.lines().count(), 1, "nothing is stored: {stored}");
    }
}

/// Compares the requests of two servers, without what depends on the server.
fn assert_same_requests(local: &Server, other: &Server) {
    let comparable = |server: &Server| {
        let mut requests = server.requests().unwrap();
        requests.sort_by_key(|request| (request.name.clone(), request.model.clone()));
        requests
            .into_iter()
            .map(|request| {
                let text = format!("{:?}", (request.input, request.output, request.tags, request.metadata));
                (
                    text,
                    request.scores,
                    request.start,
                    request.trace_id,
                    request.error_message,
                    request.prompt_version,
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(comparable(local), comparable(other));
}

#[tokio::test]
async fn push_sends_what_was_not_acknowledged() {
    let folder = Folder::new();
    let local = folder.serve();
    fill(&local).await;
    let other = Local::start();
    let url = other.server.url();
    let push = || {
        let output = folder.run(&["push", "--to", url]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(push(), format!("3 requests and 2 spans were sent to {url}\n"));
    assert_same_requests(&local.server, &other.server);
    assert_eq!(other.get("/api/public/v2/traces/trace").await.json["spans"].as_array().unwrap().len(), 2);
    assert_eq!(push(), format!("0 requests and 0 spans were sent to {url}\n"));
    local.log(&request_with(&json!({ "function_name": "later" }))).await;
    assert_eq!(push(), format!("1 requests and 0 spans were sent to {url}\n"));
    assert_same_requests(&local.server, &other.server);
    let again = folder.run(&["push", "--to", url, "--again"]);
    assert!(String::from_utf8(again.stderr).unwrap().starts_with("4 requests and 2 spans"));
}

#[tokio::test]
async fn request_that_waits_for_its_span_is_sent_once() {
    let folder = Folder::new();
    let local = folder.serve();
    log_before_its_span(&local, "old", false).await;
    log_before_its_span(&local, "recent", true).await;
    let other = Local::start();
    let url = other.server.url();
    let push = || String::from_utf8(folder.run(&["push", "--to", url]).stderr).unwrap();
    assert_eq!(push(), format!("1 requests and 0 spans were sent to {url}\n"));
    let spans = json!([span("old", &json!({})), span("recent", &json!({}))]);
    assert_eq!(local.post("/spans-bulk", &json!({ "spans": spans })).await.status, 201);
    assert_eq!(push(), format!("1 requests and 2 spans were sent to {url}\n"));
    let requests = other.server.requests().unwrap();
    let spans: Vec<Option<&str>> = requests.iter().map(|request| request.span_id.as_deref()).collect();
    assert_eq!(spans, [None, Some("recent")]);
}

/// Answers requests with these responses, one each, and returns the paths of the requests.
fn scripted(responses: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut paths = Vec::new();
        for response in responses {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0);
            }
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            reader.read_exact(&mut vec![0; length.unwrap_or(0)]).unwrap();
            paths.push(head.split(' ').nth(1).unwrap().to_owned());
            (&stream).write_all(response.as_bytes()).unwrap();
        }
        paths
    });
    (url, served)
}

#[tokio::test]
async fn push_retries_and_isolates_what_is_refused() {
    let folder = Folder::new();
    fill(&folder.serve()).await;
    let created = "HTTP/1.1 201 Created\r\nContent-Length: 25\r\nConnection: close\r\n\r\n{\"id\":7,\"span_id\":\"none\"}";
    let refused = "HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let busy =
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    // Both spans together, then each of them, then two requests: the first has one score more than its body.
    let (url, served) = scripted(vec![busy, refused, created, refused, busy, created, created, created]);
    let output = folder.run(&["push", "--to", &url]);
    let errors = String::from_utf8(output.stderr).unwrap();
    let paths = served.join().unwrap();
    let bulk = "/spans-bulk";
    let log = "/log-request";
    assert_eq!(paths, [bulk, bulk, bulk, bulk, log, log, "/rest/track-score", log], "{errors}");
    assert!(errors.contains("span child was refused: ") && errors.contains("422"), "{errors}");
    assert!(
        errors.contains("2 requests and 1 spans were sent") && errors.contains("1 were refused"),
        "{errors}"
    );

    let unauthorized = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (url, served) = scripted(vec![unauthorized]);
    let error = folder.failure(&["push", "--to", &url]);
    assert!(
        error.contains("check PROMPTLAYER_API_KEY") && error.contains("run the command again"),
        "{error}"
    );
    assert_eq!(served.join().unwrap(), [bulk]);
}

#[tokio::test]
async fn forward_sends_what_arrives() {
    let folder = Folder::new();
    fill(&folder.serve()).await;
    let other = Local::start();
    let mut child = folder
        .command(&["serve", "--port", "0", "--forward", other.server.url()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let _running = Running(child);
    let url = line.strip_prefix("listening on ").unwrap().split(' ').next().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = request_with(&json!({ "function_name": "forwarded" })).to_string();
    let post = client.post(format!("{url}/log-request")).header("X-API-KEY", "k");
    let sent = post.header("Content-Type", "application/json").body(body).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    let requests = other.server.wait_for_requests_async(1, Duration::from_secs(30)).await.unwrap();
    let names: Vec<&str> = requests.iter().map(|request| request.name.as_str()).collect();
    assert_eq!(names, ["forwarded"], "what was stored before is not sent");
}

#[test]
fn closed_pipe_is_no_failure() {
    let folder = Folder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let local = folder.serve();
        for _ in 0..50 {
            local.log(&request_with(&json!({ "input": chat("user", &"x".repeat(10_000)) }))).await;
        }
    });
    let mut child =
        folder.command(&["export", "-"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "");
    assert!(Path::new(env!("CARGO_BIN_EXE_promptlayer-local")).exists());
}
