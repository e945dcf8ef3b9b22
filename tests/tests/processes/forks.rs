//! Programs that fork, or that exit with several pipelines. See `src/bin/ends.rs`.

use std::collections::BTreeSet;

use super::*;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ends");

fn start(scenario: &str, url: &str, folder: &Path) -> Process {
    let mut command = Command::new(PROGRAM);
    Process::start_command(command.args([scenario, url]).arg(folder)).unwrap()
}

/// Leaves requests with this key unanswered. Requests with another key get the normal response.
fn hang_for(recorder: &Recorder, key: &'static str) -> Gate {
    let gate = Gate::new();
    let hang = gate.clone();
    recorder.decide(move |request| {
        (request.header("x-api-key") == Some(key)).then(|| Reply::service().hang(&hang))
    });
    gate
}

#[cfg(unix)]
#[test]
fn forked_child_has_own_ids_waits_for_nothing_touches_no_file() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    let gate = hang_for(&recorder, tests::pipeline::KEY);
    let mut program = start("fork", recorder.url(), folder.path());
    // The parent's server hangs during all of this: the child must not wait for the parent's requests.
    program.wait_for(8).unwrap();
    gate.open();
    let ended = program.end().unwrap();
    assert!(ended.status.success(), "{ended:#?}");
    let expected = [
        "error this process was forked from the one that built the layer, whose export pipeline stayed there: calls \
         are counted as dropped; build a layer and a guard after the fork",
        "child flushed true",
        "child 3 0 {Forked: 3} 0",
        "child's own 5 5 {} 0",
        "child 3 0 {Forked: 3} 0",
        "child ended 0",
        "files unchanged",
        "parent goes on",
        "parent 25 25 {} 0",
    ];
    assert_eq!(ended.lines, expected, "{ended:#?}");
    let numbers = numbers(&taken(&recorder));
    assert_eq!(numbers, (0..5).chain(100..120).chain(200..205).collect::<Vec<_>>());
    let ids: BTreeSet<String> = recorder
        .accepted_spans()
        .iter()
        .flat_map(|span| [span["context"]["span_id"].to_string(), span["context"]["trace_id"].to_string()])
        .collect();
    assert_eq!(ids.len(), 2 * numbers.len(), "an id is there twice");
}

#[cfg(unix)]
#[test]
fn fork_while_other_threads_hold_locks_does_not_hang() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    let ended = start("fork-busy", recorder.url(), folder.path()).end().unwrap();
    assert!(ended.status.success(), "{ended:#?}");
    assert_eq!(ended.lines, vec!["child ended 0"; 50], "{ended:#?}");
}

#[cfg(unix)]
#[test]
fn client_can_be_waited_for_on_both_sides_of_a_fork() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    let ended = start("fork-client", recorder.url(), folder.path()).end().unwrap();
    assert!(ended.status.success(), "{ended:#?}");
    assert_eq!(ended.lines, ["child ended 0"], "{ended:#?}");
    assert_eq!(recorder.requests().len(), 4);
}

#[cfg(unix)]
#[test]
fn fork_while_traces_wait_does_not_hang_and_keeps_the_parents() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    let ended = start("fork-keep", recorder.url(), folder.path()).end().unwrap();
    assert!(ended.status.success(), "{ended:#?}");
    // Two calls of the child failed. Its other two spans are left out, as without a pipeline none can be kept whole.
    let mut expected = ["child 2 0 {Forked: 2} 0 0", "child ended 0"].repeat(20);
    expected.push("parent 3 3 {} 0 0");
    assert_eq!(ended.lines, expected, "{ended:#?}");
}

#[test]
fn open_calls_of_a_program_that_aborts_in_a_panic_are_sent() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    let ended = start("panic-aborts", recorder.url(), folder.path()).end().unwrap();
    assert!(!ended.status.success(), "{ended:#?}");
    assert_eq!(ended.lines, ["panicked on purpose: 2"], "{ended:#?}");
    let spans = recorder.accepted_spans();
    let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["agent", "fails"]);
    assert!(spans.iter().all(|span| span["attributes"]["promptlayer.unfinished"] == true), "{spans:#?}");
}

#[test]
fn several_pipelines_end_within_one_timeout_at_exit() {
    let folder = TempDir::new().unwrap();
    let recorder = Recorder::start().unwrap();
    let gate = hang_for(&recorder, "pl_dead");
    let begun = Instant::now();
    let ended = start("exit", recorder.url(), folder.path()).end().unwrap();
    let took = begun.elapsed();
    assert!(ended.status.success(), "{ended:#?}");
    // One timeout is 5 s. The five pipelines with dead servers would take 25 s one after the other.
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(recorder.accepted_spans().len(), 6, "the server took all, and answered one");
    gate.open();
}

#[test]
fn hooks_that_panic_with_errors_do_not_show_the_key() {
    for (name, encode) in leaks::ENCODINGS {
        // A server that repeats the key in its response can only put it into a JSON string.
        let written = serde_json::Value::from(encode(tests::pipeline::KEY)).to_string();
        for body in [format!("{{\"request_logs\":{written}}}"), format!("{{\"message\":{written}}}")] {
            let folder = TempDir::new().unwrap();
            let recorder = Recorder::start().unwrap();
            let status = if body.contains("message") { 401 } else { 201 };
            recorder.decide(move |_| Some(Reply::status(status).body(body.clone())));
            let ended = start("panic", recorder.url(), folder.path()).end().unwrap();
            assert!(ended.errors.contains("panicked"), "{ended:#?}");
            assert_eq!(leaks::find(&ended.errors, tests::pipeline::KEY), None, "{name}: {}", ended.errors);
        }
    }
}
