//! Measures the program with many requests: the CPU time to store them and to show each page, the file and the memory.
//!
//! ```console
//! $ SCALE_REQUESTS=1000000 cargo test --release -p promptlayer-local --test scale -- --ignored --nocapture
//! ```
//!
//! Without `SCALE_REQUESTS`, there are 100,000 requests. Each has 2 KB, and four of them form a trace with a fifth span.
//! The test checks the responses, and prints the times: a time depends on the machine.
#![cfg(all(target_os = "linux", feature = "cli"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![allow(clippy::print_stdout, reason = "it prints what it measures")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the random values and the printed figures are not exact"
)]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use program::Program;
use serde_json::{Value, json};

/// The number of traces in a body, and of requests in a trace.
const TRACES: u64 = 50;
const REQUESTS_OF_A_TRACE: u64 = 4;

/// The time over which the requests are spread: 30 days, in nanoseconds.
const PERIOD: u64 = 30 * 24 * 60 * 60 * 1_000_000_000;

const SECOND: u64 = 1_000_000_000;

/// The number of times that a page is shown. The median is printed.
const RUNS: usize = 5;

/// The maximum time for the work that is left after the last request.
const LONGEST_REST: Duration = Duration::from_secs(600);

const PAGES: [&str; 27] = [
    "/",
    "/?status=ERROR",
    "/?model=mistral-large-latest",
    "/?model=gpt-4o-mini",
    "/?q=case4321",
    "/?q=Oslo",
    "/?q=Oslo&status=ERROR",
    "/?q=weat*&status=ERROR",
    "/?tag=beta",
    "/?tag=beta&tag=prod&tag=eu&status=ERROR",
    "/?metadata=user_id%3Du77",
    "/?latency=%3E8s",
    "/?latency=%3E20s",
    "/?cost=%3E0.03",
    "/?tokens=%3E5400",
    "/?sort=latency",
    "/?sort=cost",
    "/?sort=tokens",
    "/?sort=cost&status=ERROR",
    "/?sort=latency&order=asc&tag=beta&tag=prod",
    "/?when=yesterday&status=ERROR&q=Oslo",
    "/figures",
    "/figures?status=ERROR",
    "/figures?when=yesterday",
    "/traces",
    "/traces?status=error",
    "/traces?q=handle",
];

/// Returns the CPU time of all threads so far.
fn cpu(program: &Program) -> Duration {
    let threads = fs::read_dir(format!("/proc/{}/task", program.child.id())).unwrap();
    let nanoseconds = threads.map(|thread| {
        // A thread can end meanwhile.
        let times = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap_or_default();
        times.split(' ').next().unwrap().parse::<u64>().unwrap_or_default()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Waits until the program has done all work that no request waits for.
fn wait_until_idle(program: &Program) {
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < LONGEST_REST, "the program is still busy");
        let before = cpu(program);
        thread::sleep(Duration::from_secs(2));
        if cpu(program).saturating_sub(before) < Duration::from_millis(10) {
            return;
        }
    }
}

/// Returns the most memory that the program had, in MiB.
fn memory(program: &Program) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    most.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Makes the requests.
struct Generator {
    rng: Rng,
    vocabulary: Vec<String>,
    begin: u64,
    step: u64,
}

impl Generator {
    fn new(requests: u64) -> Self {
        let mut rng = Rng::with_seed(7);
        let letters = b"etaoinshrdlucmfwypvbgk";
        let word = |rng: &mut Rng| {
            (0..rng.usize(2..=10)).map(|_| char::from(letters[rng.usize(..letters.len())])).collect()
        };
        let vocabulary = (0..30_000).map(|_| word(&mut rng)).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let begin = u64::try_from(now).unwrap() - PERIOD;
        Self { rng, vocabulary, begin, step: PERIOD / requests }
    }

    /// Returns words. As in a language, a few of them are frequent and most are rare.
    fn text(&mut self, words: usize) -> String {
        let pick = |rng: &mut Rng| 30_000_f64.powf(rng.f64()) as usize % 30_000;
        let words: Vec<&str> = (0..words).map(|_| self.vocabulary[pick(&mut self.rng)].as_str()).collect();
        words.join(" ")
    }

    fn body(&mut self, first: u64) -> Value {
        let mut spans = Vec::new();
        for trace in 0..TRACES {
            let (trace_id, root) =
                (format!("{:032x}", self.rng.u128(..)), format!("{:016x}", self.rng.u64(..)));
            let first = first + trace * REQUESTS_OF_A_TRACE;
            let start = self.begin + first * self.step;
            let span = json!({ "http.route": "/chat" });
            spans.push(of_span("handle", &trace_id, &root, None, [start, start + 5 * SECOND], false, &span));
            for number in first..first + REQUESTS_OF_A_TRACE {
                let request = self.request(number);
                let failed = request["status"] == "ERROR";
                let start = self.begin + number * self.step;
                let end = start + (SECOND as f64 * (1.35 * self.normal().exp())) as u64;
                let name = request["function_name"].as_str().unwrap().to_owned();
                let id = format!("{:016x}", self.rng.u64(..));
                let attributes = json!({ "node_type": "LLM", "gen_ai.request.model": request["model"] });
                let mut span = of_span(&name, &trace_id, &id, Some(&root), [start, end], failed, &attributes);
                span["log_request"] = request;
                spans.push(span);
            }
        }
        json!({ "spans": spans })
    }

    /// Returns about a normally distributed number.
    fn normal(&mut self) -> f64 {
        0.8 * ((0..12).map(|_| self.rng.f64()).sum::<f64>() - 6.0)
    }

    fn request(&mut self, number: u64) -> Value {
        let message =
            |role: &str, text: String| json!({ "role": role, "content": [{ "type": "text", "text": text }] });
        let chat = |messages: Vec<Value>| json!({ "type": "chat", "messages": messages });
        let (provider, model) = match self.rng.u32(..100) {
            0..50 => ("openai", "gpt-4o-mini"),
            50..70 => ("openai", "gpt-4o"),
            70..90 => ("anthropic", "claude-3-5-sonnet-20241022"),
            90..98 => ("openai", "o3-mini"),
            _ => ("mistral", "mistral-large-latest"),
        };
        let names = ["answer", "summarize", "classify", "extract", "translate", "plan", "route"];
        let tags: Vec<&str> = ["chat", "prod", "beta", "eu", "us", "nightly"]
            .into_iter()
            .filter(|_| self.rng.u32(..3) == 0)
            .collect();
        let city = if self.rng.u32(..1000) == 0 { "What is the weather in Oslo? " } else { "" };
        let (prompt, answer) = (self.text(95), self.text(75));
        let mut request = json!({
            "provider": provider, "model": model, "function_name": names[self.rng.usize(..names.len())],
            "input": chat(vec![
                message("system", "You are the assistant of a shop.".to_owned()),
                message("user", format!("{city}{prompt} case{number}")),
            ]),
            "output": chat(vec![message("assistant", answer)]),
            "parameters": { "temperature": 0.3, "max_tokens": 500 }, "tags": tags,
            "metadata": {
                "user_id": format!("u{}", self.rng.u32(..20_000)), "session": format!("s{:x}", self.rng.u64(..)),
            },
            "input_tokens": self.rng.u32(20..4000), "output_tokens": self.rng.u32(1..1500),
        });
        if self.rng.u32(..50) == 0 {
            request["status"] = json!("ERROR");
            request["error_type"] = json!("PROVIDER_TIMEOUT");
            request["error_message"] = json!("the provider did not answer in time");
        }
        request
    }
}

fn of_span(
    name: &str,
    trace: &str,
    id: &str,
    parent: Option<&str>,
    [start, end]: [u64; 2],
    failed: bool,
    attributes: &Value,
) -> Value {
    json!({
        "name": name, "kind": "SpanKind.CLIENT", "parent_id": parent, "start_time": start, "end_time": end,
        "context": { "trace_id": trace, "span_id": id, "trace_state": "[]" },
        "status": { "status_code": if failed { "StatusCode.ERROR" } else { "StatusCode.OK" } },
        "attributes": attributes, "resource": { "attributes": { "service.name": "shop" }, "schema_url": "" },
    })
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn pages_and_writes_with_many_requests() {
    let body = TRACES * REQUESTS_OF_A_TRACE;
    let requests =
        std::env::var("SCALE_REQUESTS").map_or(100_000, |number| number.parse().unwrap()) / body * body;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("scale.db");
    let program = Program::start(&database);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut generator = Generator::new(requests);
    let mut sent = 0;
    for first in (0..requests).step_by(usize::try_from(body).unwrap()) {
        let body = generator.body(first).to_string();
        sent += body.len();
        let post = client.post(format!("http://{}/spans-bulk", program.address)).header("X-API-KEY", "local");
        let response = post.header("Content-Type", "application/json").body(body).send().await.unwrap();
        assert_eq!(response.status(), 201, "{:?}", response.text().await);
    }
    wait_until_idle(&program);
    let stored = cpu(&program);
    println!("{requests} requests of {} bytes each", sent as u64 / requests);
    println!("stored per second of CPU time: {:.0}", requests as f64 / stored.as_secs_f64());
    let files = fs::read_dir(folder.path()).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!("files: {} MiB", bytes / 1024 / 1024);
    println!("memory: {} MiB at most", memory(&program));

    println!("CPU time of a page in ms, the median of {RUNS}:");
    for page in PAGES {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let before = cpu(&program);
            let get = client.get(format!("http://{}{page}", program.address)).header("Accept", "text/html");
            let response = get.send().await.unwrap();
            assert_eq!(response.status(), 200, "{page}");
            response.bytes().await.unwrap();
            times.push(cpu(&program).saturating_sub(before));
        }
        times.sort_unstable();
        println!("{:7.1}  {page}", times[RUNS / 2].as_secs_f64() * 1000.0);
    }
    println!("memory after the pages: {} MiB at most", memory(&program));
}
