//! Measures the memory that bodies need in the real program: the peak with `getrusage` after it has ended,
//! and the memory that it keeps with `/proc`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![allow(clippy::print_stdout, reason = "what was measured is said aloud")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

const MIB: usize = 1024 * 1024;
const LIMIT: usize = 64 * MIB;

/// The program with its own database.
struct Program {
    child: Child,
    address: String,
    database: PathBuf,
    /// The memory of the program before any request, in MiB.
    idle: usize,
}

impl Program {
    fn start(test: &str) -> Self {
        let database =
            std::env::temp_dir().join(format!("promptlayer-local-memory-{test}-{}.db", std::process::id()));
        remove(&database);
        let mut child = Command::new(env!("CARGO_BIN_EXE_promptlayer-local"))
            .args(["--address", "127.0.0.1:0", "--database"])
            .arg(&database)
            .env("PROMPTLAYER_LOCAL_API_KEY", "pl_secret")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address =
            line.strip_prefix("listening on http://").unwrap().split(' ').next().unwrap().to_owned();
        let mut program = Self { child, address, database, idle: 0 };
        assert_eq!(program.send("/log-request", "pl_secret", &Body::of_bytes(2, "{}", "", "")), 422);
        program.idle = program.status("VmRSS");
        program
    }

    /// Sends a body without holding it in memory, because this process must stay smaller than the one it
    /// measures. An empty key is not sent.
    fn send(&self, path: &str, key: &str, body: &Body) -> u16 {
        self.send_as("application/json", path, key, body)
    }

    fn send_as(&self, content_type: &str, path: &str, key: &str, body: &Body) -> u16 {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let key = if key.is_empty() { String::new() } else { format!("X-API-KEY: {key}\r\n") };
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             {key}Content-Length: {}\r\n\r\n",
            body.length
        )
        .unwrap();
        body.write(&mut stream);
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        let mut rest = vec![0; 65536];
        while stream.read(&mut rest).unwrap() > 0 {}
        std::str::from_utf8(&status[9..]).unwrap().parse().unwrap()
    }

    /// Returns the value of a line in `/proc/<pid>/status`, in MiB.
    fn status(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kib: usize = line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        kib / 1024
    }

    /// Waits until the program has returned its memory, and checks the peak. `peak` is in MiB above the idle
    /// program.
    fn check(mut self, what: &str, peak: usize) {
        // glibc keeps free memory at the end of each of its heaps, which the next body uses.
        const KEPT: usize = 64;
        let idle = self.idle;
        let begin = Instant::now();
        // The program returns memory after it has sent the response.
        while self.status("VmRSS") > idle + KEPT {
            let now = self.status("VmRSS");
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "{what}: {now} MiB are kept, {idle} MiB when idle"
            );
            std::thread::yield_now();
        }
        let now = self.status("VmRSS");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // This is the largest child of this process so far, so every check also covers the children that
        // ended before.
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        let most = usize::try_from(usage.max_rss()).unwrap() / 1024;
        println!("{what}: idle {idle} MiB, at most {most} MiB so far, afterwards {now} MiB");
        assert!(most <= idle + peak, "{what}: {most} MiB at the peak, {idle} MiB when idle");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        remove(&self.database);
    }
}

fn remove(database: &std::path::Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        let _ = std::fs::remove_file(path);
    }
}

/// A body with a start, a part that is repeated as often as it fits, and an end.
struct Body {
    length: usize,
    start: Vec<u8>,
    part: Vec<u8>,
    end: Vec<u8>,
    times: usize,
}

impl Body {
    fn of_bytes(most: usize, start: &str, part: &str, end: &str) -> Self {
        let times = (most - start.len() - end.len()).checked_div(part.len()).unwrap_or(0);
        Self::repeating(start.as_bytes(), part.as_bytes(), end.as_bytes(), times)
    }

    fn repeating(start: &[u8], part: &[u8], end: &[u8], times: usize) -> Self {
        Self {
            length: start.len() + times * part.len() + end.len(),
            start: start.to_vec(),
            part: part.to_vec(),
            end: end.to_vec(),
            times,
        }
    }

    fn write(&self, stream: &mut TcpStream) {
        let at_once = (65536 / self.part.len().max(1)).max(1);
        let many = self.part.repeat(at_once);
        stream.write_all(&self.start).unwrap();
        for _ in 0..self.times / at_once {
            stream.write_all(&many).unwrap();
        }
        stream.write_all(&self.part.repeat(self.times % at_once)).unwrap();
        stream.write_all(&self.end).unwrap();
    }
}

/// Returns a protobuf body for `/v1/traces`. Each step is the number of a field that contains the next one, and the
/// last field repeats the part.
fn otlp(path: &[u8], before: &[u8], part: &[u8], times: usize) -> Body {
    let mut length = before.len() + part.len() * times;
    let mut headers = Vec::new();
    for number in path.iter().rev() {
        let mut header = vec![number << 3 | 2];
        let mut rest = length;
        while rest >= 0x80 {
            header.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        header.push(u8::try_from(rest).unwrap());
        length += header.len();
        headers.push(header);
    }
    headers.reverse();
    Body::repeating(&[headers.concat(), before.to_vec()].concat(), part, &[], times)
}

/// Returns a request log whose prompt repeats the part as often as it fits.
fn log_request(most: usize, part: &str) -> Body {
    Body::of_bytes(
        most,
        r#"{"provider":"openai","model":"m","request_start_time":1,"request_end_time":2,
            "output":{"type":"completion","content":[]},
            "input":{"type":"chat","messages":[{"role":"user","content":[{"type":"text","text":""#,
        part,
        r#""}]}]}}"#,
    )
}

/// Returns a call of a client library, with a long text between `start` and `end`.
fn tracked(most: usize, start: &str, part: &str, end: &str) -> Body {
    let begin = r#"{"function_name":"openai.chat.completions.create","provider_type":"openai","#;
    Body::of_bytes(most, &format!("{begin}{start}"), part, end)
}

/// The arguments of a chat up to its text.
const KWARGS: &str = r#""kwargs":{"model":"m","messages":[{"role":"user","content":""#;
/// The response of a chat up to its text.
const CHOICES: &str = r#""request_response":{"object":"chat.completion","model":"m","choices":[{"index":0,
    "message":{"role":"assistant","content":""#;

fn template(most: usize, part: &str) -> Body {
    Body::of_bytes(
        most,
        r#"{"prompt_template":{"prompt_name":"t"},"prompt_version":{"prompt_template":
            {"type":"completion","content":[{"type":"text","text":""#,
        part,
        r#""}]}}}"#,
    )
}

const SPAN: &str = r#"{"name":"n","context":{"trace_id":"t","span_id":"s","trace_state":""},"kind":"SpanKind.CLIENT",
    "start_time":1,"end_time":2,"status":{"status_code":"StatusCode.OK"},"resource":{"attributes":{},"schema_url":""},
    "attributes":"#;

fn spans(most: usize, start: &str, part: &str, end: &str) -> Body {
    Body::of_bytes(most, &format!(r#"{{"spans":[{SPAN}{start}"#), part, &format!("{end}}}]}}"))
}

/// Returns a body with so many spans that its weight is just below the limit.
fn many_spans() -> Body {
    let span = format!("{SPAN}{{}}}}");
    Body::of_bytes(25_000 * (span.len() + 1), &format!(r#"{{"spans":[{span}"#), &format!(",{span}"), "]}")
}

/// Returns a request log with so many values that its weight is just below the limit.
fn many_values() -> Body {
    Body::of_bytes(
        8 * 130_000,
        r#"{"provider":"openai","model":"m","request_start_time":1,"request_end_time":2,
            "output":{"type":"completion","content":[]},"input":{"type":"completion","content":[]},
            "parameters":{"p":["#,
        r#"{"a":0},"#,
        "0]}}",
    )
}

/// All checks are in one test, because the measurement covers all children of this process.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn body_costs_at_most_200_mib_and_gives_them_back() {
    let program = Program::start("one");
    // Each of these bodies would need 2 to 6 GB as a tree of values.
    for path in [
        "/spans-bulk",
        "/log-request",
        "/rest/track-score",
        "/rest/track-metadata",
        "/rest/track-prompt",
        "/rest/track-group",
        "/rest/prompt-templates",
        "/prompt-templates/t",
        "/track-request",
        "/library-publish-prompt-template",
    ] {
        let all = [r#"{"a":0},"#, "0,", r#"{"a":{}},"#, "[],", "\"\",", "{},"];
        let parts = if path == "/spans-bulk" { &all[..] } else { &all[..2] };
        for part in parts {
            let body = Body::of_bytes(LIMIT, "[", part, "0]");
            assert_eq!(program.send(path, "pl_secret", &body), 413, "{path} {part}");
        }
    }
    for path in ["/create-group", "/spans-bulk", "/rest/prompt-templates"] {
        let body = Body::of_bytes(LIMIT, "[", r#"{"a":0},"#, "0]");
        assert_eq!(program.send(path, "wrong", &body), 401, "{path}");
    }
    let body = Body::of_bytes(LIMIT, "[", r#"{"a":0},"#, "0]");
    assert_eq!(program.send("/create-group", "pl_secret", &body), 200, "it is not looked at");
    for (part, end) in [(r#"{"a":0},"#, "0]"), ("\"\",", r#"{"api_key":"wrong"}]"#)] {
        let body = Body::of_bytes(LIMIT, "[", part, end);
        assert_eq!(program.send("/track-request", "", &body), 401, "the key would be in the body");
    }
    program.check("hostile bodies", 200);

    // Each body gets its own program, so that none reuses the memory of another.
    let rest = SPAN.strip_prefix(r#"{"name":"n""#).unwrap();
    let long_name = Body::of_bytes(LIMIT, r#"{"spans":[{"name":""#, "word ", &format!("\"{rest}{{}}}}]}}"));
    let score = Body::of_bytes(LIMIT, r#"{"request_id":1,"score":1,"name":""#, "word ", r#""}"#);
    let metadata = Body::of_bytes(LIMIT, r#"{"request_id":1,"metadata":{"a":""#, "word ", r#""}}"#);
    let prompt = r#"{"request_id":1,"metadata":{},"prompt_name":""#;
    let prompt = Body::of_bytes(LIMIT, prompt, "x", r#""}"#);
    let kind = Body::of_bytes(LIMIT, r#"{"spans":[{"kind":""#, "x", r#""}]}"#);
    let problems = Body::of_bytes(2 * MIB, r#"{"spans":["#, "0,", "0]}");
    let too_many = Body::of_bytes(8 * MIB, r#"{"spans":["#, "0,", "0]}");
    for (what, path, body, status) in [
        ("a long prompt", "/log-request", log_request(LIMIT, "word "), 201),
        // The parser decodes escapes into a separate buffer, and they are encoded again for storage.
        ("a prompt of short escapes", "/log-request", log_request(LIMIT, "line\\n"), 201),
        ("a prompt of long escapes", "/log-request", log_request(LIMIT, "\\u0001"), 201),
        ("a long template", "/rest/prompt-templates", template(LIMIT, "word "), 200),
        ("a long attribute", "/spans-bulk", spans(LIMIT, r#"{"a":""#, "word ", r#""}"#), 201),
        ("a long span name", "/spans-bulk", long_name, 201),
        ("long metadata", "/rest/track-metadata", metadata, 200),
        ("a long score name", "/rest/track-score", score, 200),
        ("as many spans as there may be", "/spans-bulk", many_spans(), 201),
        ("as many values as there may be", "/log-request", many_values(), 201),
        (
            "a long question to a client library",
            "/track-request",
            tracked(LIMIT, KWARGS, "word ", r#""}]},"return_prompt_blueprint":true}"#),
            200,
        ),
        (
            "a long answer of a client library",
            "/track-request",
            tracked(LIMIT, CHOICES, "word ", r#""}}]},"return_prompt_blueprint":true}"#),
            200,
        ),
        (
            "a long response of no known format",
            "/track-request",
            tracked(LIMIT, r#""request_response":{"a":""#, "line\\n", r#""}}"#),
            200,
        ),
        (
            "as many messages as there may be",
            "/track-request",
            tracked(
                3 * MIB,
                r#""kwargs":{"model":"m","messages":["#,
                r#"{"role":"user","content":"x"},"#,
                r#"{"role":"user","content":"x"}]}}"#,
            ),
            200,
        ),
        ("four million values", "/spans-bulk", too_many, 413),
        ("a million problems", "/spans-bulk", problems, 422),
        ("a long wrong value, which is not quoted", "/spans-bulk", kind, 422),
        ("a long unknown name, which is not quoted", "/rest/track-prompt", prompt, 400),
    ] {
        let program = Program::start("one");
        assert_eq!(program.send("/log-request", "pl_secret", &log_request(1000, "x")), 201);
        assert_eq!(program.send(path, "pl_secret", &body), status, "{what}");
        program.check(what, 200);
    }

    let program = Program::start("together");
    std::thread::scope(|scope| {
        for index in 0..10 {
            let program = &program;
            scope.spawn(move || {
                let body = if index % 2 == 0 {
                    Body::of_bytes(LIMIT, "[", r#"{"a":0},"#, "0]")
                } else {
                    log_request(LIMIT, "word ")
                };
                assert!(matches!(program.send("/log-request", "pl_secret", &body), 201 | 413));
            });
        }
    });
    program.check("ten large bodies at once", 450);
    check_otlp_bodies();
}

/// Ids and the start of the fields of a span in protobuf.
const OTLP_SPAN: &[u8] = b"\x0a\x100123456789abcdef\x12\x0801234567";
/// The attribute that makes a span a call to a model: `gen_ai.request.model` is `m`.
const OTLP_CALL: &[u8] = b"\x4a\x1b\x0a\x14gen_ai.request.model\x12\x03\x0a\x01m";

/// Checks bodies of `/v1/traces`.
fn check_otlp_bodies() {
    // `resource_spans`, `scope_spans` and `spans` are the fields 1, 2 and 2.
    let attribute = |key: &str, part: &[u8], times: usize| {
        let key = [&[0x0a, u8::try_from(key.len()).unwrap()], key.as_bytes()].concat();
        let value = otlp(&[2, 1], &[], part, times);
        let value = [value.start.as_slice(), &part.repeat(times)].concat();
        otlp(
            &[1, 2, 2],
            &[OTLP_SPAN, OTLP_CALL, &otlp(&[9], &[key, value].concat(), &[], 0).start].concat(),
            &[],
            0,
        )
    };
    for (what, status, body) in [
        ("millions of empty spans", 413, otlp(&[1, 2], &[], &[0x12, 0], LIMIT / 2 - 100)),
        ("millions of values", 413, otlp(&[1, 2, 2, 9, 2, 5], &[], &[0x0a, 0], LIMIT / 2 - 100)),
        ("as many attributes as there may be", 200, otlp(&[1, 2, 2], OTLP_SPAN, &[0x4a, 0], 600_000)),
        ("an attribute of too many control characters", 200, attribute("a", b"\x01", 25 * MIB)),
        ("a long message", 200, attribute("gen_ai.input.messages", b"word ", LIMIT / 5 - 100)),
        ("a message of control characters", 413, attribute("gen_ai.input.messages", b"\x01", 15 * MIB)),
    ] {
        let program = Program::start("otlp");
        let answered = program.send_as("application/x-protobuf", "/v1/traces", "pl_secret", &body);
        assert_eq!(answered, status, "{what}");
        let peak = program.status("VmHWM") - program.idle;
        println!("{what}: {peak} MiB");
        assert!(peak <= 250, "{what}: {peak} MiB");
    }
}

#[test]
fn rendered_template_is_no_longer_than_a_body() {
    let program = Program::start("rendered");
    assert_eq!(program.send("/rest/prompt-templates", "pl_secret", &template(MIB, "{x}")), 200);
    // The rendered text would be 350,000 times 100 KB.
    let body = Body::of_bytes(100_000, r#"{"input_variables":{"x":""#, "x", r#""}}"#);
    assert_eq!(program.send("/prompt-templates/t", "pl_secret", &body), 413);
    let peak = program.status("VmHWM") - program.idle;
    assert!(peak <= 200, "{peak} MiB");
}
