//! One trace through several processes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tests::recorder::Recorder;

/// A process of the program `hops`. It is killed when it is dropped.
struct Hop {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Hop {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hops"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env_remove("TRACEPARENT")
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Reads a line that the process writes.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn write(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Ends the input of the process, and waits until it has ended.
    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Hop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn one_trace_runs_through_services_a_queue_and_a_child_process() {
    let server = Recorder::start().unwrap();
    let mut back = Hop::start(&["back", server.url()]);
    let address = back.line();
    let mut front = Hop::start(&["front", server.url(), &address]);
    let mut worker = Hop::start(&["worker", server.url()]);

    let address = front.line();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(&address).send().await.unwrap().text().await.unwrap()
    });
    assert_eq!(answer, "queued");
    worker.write(&back.line());
    for hop in [front, back, worker] {
        hop.end();
    }

    let spans = server.spans();
    let named = |name: &str| {
        spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("{name}: {spans:#?}"))
    };
    let chain = ["front", "back", "work", "ask"].map(named);
    assert_eq!(spans.len(), chain.len());
    assert_eq!(chain[0]["parent_id"], Value::Null);
    for pair in chain.windows(2) {
        assert_eq!(pair[1]["parent_id"], pair[0]["context"]["span_id"]);
        assert_eq!(pair[1]["context"]["trace_id"], pair[0]["context"]["trace_id"]);
    }
    for span in chain {
        assert_eq!(span["attributes"]["user.id"], "u-1", "{span}");
    }
    let log = &chain[3]["log_request"];
    assert_eq!(
        log["tags"],
        json!(["child-service", "front", "back", "worker"]),
        "each layer keeps its own tags"
    );
    assert_eq!(log["metadata"]["user_id"], "u-1");
}
