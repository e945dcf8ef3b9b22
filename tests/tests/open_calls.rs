//! Calls that have not ended are sent as unfinished, and completed later under the same ids.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use promptlayer_local::{Config, Server};
use promptlayer_tracing::blueprint::Prompt;
use promptlayer_tracing::export::{KeepPolicy, Wire};
use promptlayer_tracing::{LayerBuilder, ShutdownGuard, current, promptlayer};
use serde_json::{Value, json};
use tests::Recorder;
use tests::in_memory::{pause, poll_once};
use tests::pipeline::{KEY, assert_balanced, dispatch, eventually, layer_to};
use tracing::dispatcher;

const LONG: Duration = Duration::from_secs(60);

/// Makes a future of a call.
type Waiting = fn() -> Pin<Box<dyn Future<Output = usize>>>;
/// A way to redact.
type Way = fn(LayerBuilder) -> LayerBuilder;

/// Makes a call that runs `inside` before it ends.
#[promptlayer(tags = ["chat"])]
fn ask(question: &str, inside: impl FnOnce()) -> String {
    inside();
    format!("You asked: {question}")
}

fn listing(recorder: &Recorder) -> LayerBuilder {
    layer_to(recorder.url()).open_calls(true)
}

/// Makes calls under a layer. Then shuts it down, and checks that all that was accepted was delivered.
#[track_caller]
fn with(builder: LayerBuilder, calls: impl FnOnce(&ShutdownGuard)) {
    let (layer, guard) = builder.build().unwrap();
    dispatcher::with_default(&dispatch(layer), || calls(&guard));
    let stats = guard.shutdown(LONG);
    assert_balanced(&stats.spans);
    assert!(stats.spans.is_complete(), "{stats:#?}");
}

fn is_unfinished(span: &Value) -> bool {
    span["attributes"]["promptlayer.unfinished"] == true
}

/// Returns the spans that the server has: the name of each, and whether it is unfinished.
fn names(recorder: &Recorder) -> Vec<(String, bool)> {
    let spans = recorder.accepted_spans();
    spans.iter().map(|span| (span["name"].as_str().unwrap().to_owned(), is_unfinished(span))).collect()
}

fn named(names: &[(&str, bool)]) -> Vec<(String, bool)> {
    names.iter().map(|(name, is_unfinished)| ((*name).to_owned(), *is_unfinished)).collect()
}

#[test]
fn open_call_is_sent_at_a_flush_and_completed_under_the_same_ids() {
    let recorder = Recorder::start().unwrap();
    with(listing(&recorder), |guard| {
        let _ = ask("why?", || assert!(guard.flush(LONG).is_complete()));
    });
    let spans = recorder.accepted_spans();
    let [unfinished, finished] = &spans[..] else { panic!("{spans:#?}") };
    for field in ["name", "context", "parent_id", "start_time", "resource"] {
        assert_eq!(unfinished[field], finished[field], "{field}");
    }
    assert_eq!(unfinished.get("log_request"), None);
    assert_eq!(unfinished["status"]["status_code"], "StatusCode.UNSET");
    let attributes = &unfinished["attributes"];
    assert_eq!(attributes["promptlayer.unfinished"], true);
    assert_eq!(attributes["promptlayer.tags"], json!(["chat"]));
    let input: Value = serde_json::from_str(attributes["function_input"].as_str().unwrap()).unwrap();
    assert_eq!(input["question"], "why?");
    assert!(unfinished["end_time"].as_u64() <= finished["end_time"].as_u64());
    assert_eq!(finished["log_request"]["output"]["messages"][0]["content"][0]["text"], "You asked: why?");
    assert_eq!(finished["attributes"].get("promptlayer.unfinished"), None);
}

#[test]
fn unchanged_call_is_sent_as_unfinished_once() {
    let recorder = Recorder::start().unwrap();
    with(listing(&recorder), |guard| {
        let _ = ask("why?", || {
            for _ in 0..3 {
                assert!(guard.flush(LONG).is_complete());
            }
            assert_eq!(names(&recorder), named(&[("ask", true)]));
            current().tag("urgent");
            for _ in 0..3 {
                assert!(guard.flush(LONG).is_complete());
            }
        });
        assert!(guard.flush(LONG).is_complete());
    });
    assert_eq!(names(&recorder), named(&[("ask", true), ("ask", true), ("ask", false)]));
    assert_eq!(recorder.accepted_spans()[1]["attributes"]["promptlayer.tags"], json!(["chat", "urgent"]));
}

#[test]
fn calls_around_come_first_and_end_as_usual() {
    #[promptlayer(kind = "agent")]
    fn agent(guard: &ShutdownGuard) {
        let _ = ask("first", || {});
        let _ = outer(guard);
    }
    // The call inside makes the request log.
    #[promptlayer]
    fn outer(guard: &ShutdownGuard) -> String {
        ask("second", || assert!(guard.flush(LONG).is_complete()))
    }
    let recorder = Recorder::start().unwrap();
    with(listing(&recorder), agent);
    assert_eq!(
        names(&recorder),
        named(&[
            ("ask", false),
            ("agent", true),
            ("outer", true),
            ("ask", true),
            ("ask", false),
            ("outer", false),
            ("agent", false),
        ])
    );
    assert_eq!(recorder.accepted_logs().len() + recorder.request_logs().len(), 2);
    let unfinished = recorder.accepted_spans();
    let [agent, _, call] = &unfinished[1..4] else { panic!("{unfinished:#?}") };
    assert_eq!(
        (&agent["attributes"]["node_type"], &call["attributes"]["node_type"]),
        (&json!("AGENT"), &json!("LLM"))
    );
    assert_eq!(call["parent_id"], unfinished[2]["context"]["span_id"]);
}

#[test]
fn nothing_is_sent_before_its_end_unless_asked_for() {
    let recorder = Recorder::start().unwrap();
    for builder in [layer_to(recorder.url()), layer_to(recorder.url()).serverless().open_calls(false)] {
        with(builder, |guard| {
            let _ = ask("why?", || assert!(guard.flush(LONG).is_complete()));
        });
    }
    assert_eq!(names(&recorder), named(&[("ask", false); 2]));
    // It is the default of a serverless function.
    with(layer_to(recorder.url()).serverless(), |guard| {
        let _ = ask("why?", || assert!(guard.flush(LONG).is_complete()));
    });
    assert_eq!(names(&recorder)[2..], named(&[("ask", true), ("ask", false)]));
}

#[test]
fn future_is_open_from_its_first_poll_to_its_end() {
    #[promptlayer]
    async fn waits(question: &str) -> usize {
        pause().await;
        question.len()
    }
    #[promptlayer]
    fn returned(question: &'static str) -> impl Future<Output = usize> {
        async move {
            pause().await;
            question.len()
        }
    }
    #[promptlayer]
    fn boxed(question: &'static str) -> Pin<Box<dyn Future<Output = usize> + Send>> {
        Box::pin(async move {
            pause().await;
            question.len()
        })
    }
    let futures: [Waiting; 3] = [|| Box::pin(waits("why?")), || Box::pin(returned("why?")), || boxed("why?")];
    for (future, name) in futures.into_iter().zip(["waits", "returned", "boxed"]) {
        let recorder = Recorder::start().unwrap();
        with(listing(&recorder), |guard| {
            let mut future = pin!(future());
            assert!(guard.flush(LONG).is_complete());
            assert_eq!(names(&recorder), [], "{name} was not polled");
            assert!(poll_once(future.as_mut()).is_pending());
            assert!(guard.flush(LONG).is_complete());
            assert_eq!(names(&recorder), named(&[(name, true)]));
            assert_eq!(poll_once(future), Poll::Ready(4));
        });
        assert_eq!(names(&recorder), named(&[(name, true), (name, false)]));
        let spans = recorder.accepted_spans();
        assert_eq!(
            (&spans[0]["context"], &spans[0]["start_time"]),
            (&spans[1]["context"], &spans[1]["start_time"])
        );
    }
}

#[test]
fn future_that_is_dropped_is_open_no_longer() {
    #[promptlayer]
    async fn waits(span: &Cell<Option<tracing::Span>>) {
        // The record of the call stays as long as the span.
        span.set(Some(tracing::Span::current()));
        pause().await;
    }
    let (recorder, span) = (Recorder::start().unwrap(), Cell::new(None));
    with(listing(&recorder), |guard| {
        drop(waits(&span));
        {
            let future = pin!(waits(&span));
            assert!(poll_once(future).is_pending());
        }
        assert!(guard.flush(LONG).is_complete());
    });
    assert_eq!(names(&recorder), named(&[("waits", false)]));
}

/// Yields a few numbers.
struct Numbers(u8);

impl Stream for Numbers {
    type Item = u8;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u8>> {
        self.0 -= 1;
        Poll::Ready((self.0 > 0).then_some(self.0))
    }
}

#[test]
fn stream_is_open_until_it_ends() {
    #[promptlayer]
    fn numbers(count: u8) -> impl Stream<Item = u8> {
        Numbers(count)
    }
    let recorder = Recorder::start().unwrap();
    with(listing(&recorder), |guard| {
        let mut stream = pin!(numbers(3));
        let mut next = || stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
        assert_eq!(next(), Poll::Ready(Some(2)));
        assert!(guard.flush(LONG).is_complete());
        assert_eq!((next(), next()), (Poll::Ready(Some(1)), Poll::Ready(None)));
    });
    assert_eq!(names(&recorder), named(&[("numbers", true), ("numbers", false)]));
}

#[test]
fn span_of_another_crate_is_sent_without_what_would_make_a_log() {
    let recorder = Recorder::start().unwrap();
    with(listing(&recorder), |guard| {
        let messages = json!([{"role": "user", "parts": [{"type": "text", "content": "why?"}]}]).to_string();
        let span = tracing::info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = "gpt-4o",
            gen_ai.input.messages = messages,
            gen_ai.response.id = tracing::field::Empty,
        );
        span.in_scope(|| assert!(guard.flush(LONG).is_complete()));
        span.record("gen_ai.response.id", "r-1");
    });
    assert_eq!(names(&recorder), named(&[("chat", true), ("chat", false)]));
    let spans = recorder.accepted_spans();
    let attributes = spans[0]["attributes"].as_object().unwrap();
    assert!(!attributes.keys().any(|name| name.starts_with("gen_ai.")), "{attributes:#?}");
    assert!(attributes["function_input"].as_str().unwrap().contains("why?"), "{attributes:#?}");
    assert!(spans[0].get("log_request").is_none() && spans[1].get("log_request").is_some());
}

#[test]
fn redaction_applies_to_unfinished_calls() {
    fn calls(guard: &ShutdownGuard) {
        #[promptlayer(metadata(customer = "a secret"))]
        fn ask(question: &str, api_key: &str, inside: impl FnOnce()) {
            inside();
            assert_eq!((question, api_key), ("a secret", "sk-secret"));
        }
        ask("a secret", "sk-secret", || assert!(guard.flush(LONG).is_complete()));
    }
    let ways: [(&str, Way, Option<&str>); 5] = [
        (
            "request",
            |builder| {
                builder.redact(|request| {
                    request.input = Prompt::user("[kept back]");
                })
            },
            Some("[kept back]"),
        ),
        ("text", |builder| builder.redact_text(|text| text.replace("a secret", "[…]").into()), Some("[…]")),
        ("panic of request", |builder| builder.redact(|_| panic!("on purpose")), None),
        ("panic of text", |builder| builder.redact_text(|_| panic!("on purpose")), None),
        ("no content", |builder| builder.capture_content(false), None),
    ];
    for (name, way, expected) in ways {
        let recorder = Recorder::start().unwrap();
        with(way(listing(&recorder)), calls);
        let spans = recorder.accepted_spans();
        let unfinished = &spans[0];
        assert!(is_unfinished(unfinished), "{name}");
        assert!(!unfinished.to_string().contains("secret"), "{name}: {unfinished:#}");
        let input = unfinished["attributes"]["function_input"].as_str();
        match expected {
            Some(text) => assert!(input.unwrap().contains(text), "{name}: {input:?}"),
            None => assert_eq!(input, None, "{name}"),
        }
    }
    // Without redaction, secrets are still recognized by their names.
    let recorder = Recorder::start().unwrap();
    with(listing(&recorder), calls);
    let unfinished = recorder.accepted_spans()[0].to_string();
    assert!(unfinished.contains("a secret") && !unfinished.contains("sk-secret"), "{unfinished}");
}

#[test]
fn unfinished_call_follows_the_sampling_of_its_trace() {
    #[promptlayer(kind = "agent")]
    fn agent(guard: &ShutdownGuard) {
        assert!(guard.flush(LONG).is_complete());
        let _ = fails();
        assert!(guard.flush(LONG).is_complete());
    }
    #[promptlayer(kind = "tool")]
    fn fails() -> Result<(), std::io::Error> {
        Err(std::io::Error::other("no"))
    }
    let recorder = Recorder::start().unwrap();
    let left_out = listing(&recorder).sample(0.0);
    with(left_out, |guard| drop(ask("why?", || assert!(guard.flush(LONG).is_complete()))));
    assert_eq!(names(&recorder), []);

    with(listing(&recorder).sample(0.0).keep(KeepPolicy::default().failed()), agent);
    assert_eq!(names(&recorder), named(&[("Tool: fails", false), ("agent", true), ("agent", false)]));
    let spans = recorder.accepted_spans();
    assert!(spans.iter().all(|span| span["attributes"]["promptlayer.kept"] == "failed"), "{spans:#?}");
}

#[test]
fn hooks_are_called_for_finished_calls_only() {
    let (recorder, called) = (Recorder::start().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&called);
    let builder = listing(&recorder).on_request_id(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    with(builder, |guard| {
        let _ = ask("why?", || {
            assert!(guard.flush(LONG).is_complete());
            assert_eq!((called.load(Ordering::SeqCst), guard.stats().spans.delivered), (0, 1));
        });
        assert!(guard.flush(LONG).is_complete());
        let stats = guard.stats();
        assert_eq!((called.load(Ordering::SeqCst), stats.spans.delivered), (1, 2), "{stats:#?}");
        assert_eq!((stats.hooks.received, stats.hooks.missing), (1, 0));
    });
}

#[test]
fn calls_that_are_open_at_a_shutdown_are_sent() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = listing(&recorder).build().unwrap();
    let mut stats = None;
    dispatcher::with_default(&dispatch(layer), || {
        let _ = ask("why?", || stats = Some(guard.shutdown(LONG)));
    });
    assert!(stats.unwrap().spans.is_complete());
    assert_eq!(names(&recorder), named(&[("ask", true)]));
}

#[test]
fn timer_sends_what_is_open_when_its_time_has_passed() {
    let recorder = Recorder::start().unwrap();
    with(listing(&recorder), |guard| {
        let stopped = guard.send_open_calls_in(Duration::from_millis(1));
        drop(stopped);
        let later = guard.send_open_calls_in(LONG * 10);
        let _ = ask("why?", || {
            let _timer = guard.send_open_calls_in(Duration::from_millis(20));
            // Nothing else makes the pipeline send: the interval between batches is ten minutes.
            eventually(|| names(&recorder) == named(&[("ask", true)]));
        });
        drop(later);
    });
    assert_eq!(names(&recorder), named(&[("ask", true), ("ask", false)]));
}

#[test]
fn unfinished_calls_contradict_an_endpoint_without_spans() {
    let recorder = Recorder::start().unwrap();
    let error = listing(&recorder).wire(Wire::LogRequest).build().unwrap_err();
    assert!(error.is_invalid_input() && error.to_string().contains("open_calls"), "{error}");
    let (layer, guard) = layer_to(recorder.url()).serverless().wire(Wire::LogRequest).build().unwrap();
    drop((layer, guard));
}

#[test]
fn calls_of_many_threads_are_each_completed_once() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = listing(&recorder).build().unwrap();
    let dispatch = dispatch(layer);
    let flushes = AtomicUsize::new(0);
    // The first call of each thread is open during two flushes.
    let wait = || eventually(|| flushes.load(Ordering::SeqCst) >= 2);
    let begun = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                dispatcher::with_default(&dispatch, || {
                    let _ = ask("why?", || {
                        begun.fetch_add(1, Ordering::SeqCst);
                        wait();
                    });
                    (1..200).for_each(|_| drop(ask("why?", || {})));
                });
            });
        }
        eventually(|| begun.load(Ordering::SeqCst) == 3);
        for _ in 0..20 {
            assert!(guard.flush(LONG).outcome_unknown == 0);
            flushes.fetch_add(1, Ordering::SeqCst);
        }
    });
    let stats = guard.shutdown(LONG);
    assert_balanced(&stats.spans);
    assert!(stats.spans.is_complete(), "{stats:#?}");
    let spans = recorder.accepted_spans();
    let id = |span: &Value| span["context"]["span_id"].to_string();
    let finished: Vec<_> = spans.iter().filter(|span| !is_unfinished(span)).map(id).collect();
    let unfinished: Vec<_> = spans.iter().filter(|span| is_unfinished(span)).map(id).collect();
    let [all, of_unfinished] = [&finished, &unfinished].map(|ids| ids.iter().collect::<BTreeSet<_>>());
    assert_eq!((finished.len(), all.len()), (600, 600));
    assert_eq!(unfinished.len(), of_unfinished.len(), "no call is sent as unfinished twice");
    assert!(of_unfinished.is_subset(&all) && of_unfinished.len() >= 3);
}

#[test]
fn local_shows_one_trace_with_one_request() {
    for wire in [Wire::SpansBulk, Wire::Otlp] {
        assert_one_trace_with_one_request(wire);
    }
}

#[track_caller]
fn assert_one_trace_with_one_request(wire: Wire) {
    let server = Server::start(Config::default()).unwrap();
    let (layer, guard) = layer_to(server.url()).wire(wire).open_calls(true).build().unwrap();
    let mut trace = String::new();
    dispatcher::with_default(&dispatch(layer), || {
        let _ = ask("why?", || {
            assert!(guard.flush(LONG).is_complete());
            trace = current().trace_id().unwrap().to_string();
            let spans = spans_of(&server, &trace);
            assert!(spans.len() == 1 && is_unfinished(&spans[0]), "{spans:#?}");
        });
    });
    let stats = guard.shutdown(LONG);
    assert!(stats.spans.is_complete() && stats.spans.accepted == 2, "{stats:#?}");
    let spans = spans_of(&server, &trace);
    assert!(spans.len() == 1 && !is_unfinished(&spans[0]), "{spans:#?}");
    assert!(spans[0]["request_log_id"].is_u64(), "{spans:#?}");
    assert_eq!(server.requests().unwrap().len(), 1);
}

/// Returns the spans of a trace, as the API of the server returns them.
fn spans_of(server: &Server, trace: &str) -> Vec<Value> {
    let address = format!("{}/api/public/v2/traces/{trace}", server.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let body = runtime.block_on(async {
        reqwest::Client::new()
            .get(address)
            .header("x-api-key", KEY)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap()
    });
    let answer: Value = serde_json::from_slice(&body).unwrap();
    answer["spans"].as_array().unwrap().clone()
}
