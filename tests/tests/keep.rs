//! Sampling, and traces that are kept although they are not sampled.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use promptlayer_tracing::export::{BatchLimits, KeepPolicy, QueueLimits, Stats, Wire};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::{LayerBuilder, layer, promptlayer};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tests::Recorder;
use tests::in_memory::{block_on, captured_with, pause, poll_once};
use tests::pipeline::{assert_balanced, dispatch, layer_to};
use tracing::dispatcher;

const LONG: Duration = Duration::from_secs(60);

#[promptlayer]
fn ask(question: &str) -> Result<String, std::io::Error> {
    if question.contains("fail") { Err(std::io::Error::other("it failed")) } else { Ok(question.to_owned()) }
}

/// Makes two calls in one trace, the second with this question.
#[promptlayer(kind = "chain")]
fn chain(question: &str) -> usize {
    [ask("first"), ask(question)].into_iter().flatten().count()
}

fn failures() -> LayerBuilder {
    layer().sample(0.0).keep(KeepPolicy::default().failed())
}

/// Makes calls and returns what a layer that keeps some traces received.
#[track_caller]
fn kept(builder: LayerBuilder, calls: impl FnOnce()) -> Vec<CapturedSpan> {
    captured_with(builder, calls).take()
}

/// Returns the value of `promptlayer.kept` on each span.
fn reasons(spans: &[CapturedSpan]) -> Vec<Option<&str>> {
    spans.iter().map(|span| span.fields.get("promptlayer.kept").and_then(Value::as_str)).collect()
}

fn names(spans: &[CapturedSpan]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// Checks that each span is counted once, also those that were not handed to the pipeline.
#[track_caller]
fn assert_all_counted(stats: &Stats, recorded: u64) {
    assert_balanced(&stats.spans);
    let left = stats.sampled_out + stats.evicted + stats.undecided;
    assert_eq!(stats.spans.accepted + left, recorded, "{stats:#?}");
}

/// Returns the number of spans of each trace that the server has.
fn sizes(recorder: &Recorder) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    for span in recorder.accepted_spans() {
        *sizes.entry(span["context"]["trace_id"].to_string()).or_default() += 1;
    }
    sizes
}

#[test]
fn tenth_of_the_traces_is_sampled_and_all_that_failed_are_kept() {
    const TRACES: u64 = 100_000;
    const SPANS: usize = 256;
    let recorder = Recorder::start().unwrap();
    let builder = layer_to(recorder.url())
        .batch(BatchLimits::default().interval(LONG))
        .queue(QueueLimits::default().items(1 << 20).bytes(1 << 30))
        .sample(0.1)
        .keep(KeepPolicy::default().failed().spans(SPANS));
    let (layer, guard) = builder.build().unwrap();
    let (dispatch, next, is_done) = (dispatch(layer), AtomicU64::new(0), AtomicBool::new(false));
    let most = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !is_done.load(Ordering::Relaxed) {
                most = most.max(guard.stats().undecided);
                thread::yield_now();
            }
            most
        });
        let callers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    dispatcher::with_default(&dispatch, || {
                        loop {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            if number >= TRACES {
                                return;
                            }
                            chain(if number.is_multiple_of(2_000) { "fail" } else { "second" });
                        }
                    });
                })
            })
            .collect();
        for caller in callers {
            caller.join().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        watch.join().unwrap()
    });
    let stats = guard.shutdown(Duration::from_secs(300));
    assert_all_counted(&stats, 3 * TRACES);
    assert_eq!((stats.evicted, stats.spans.delivered), (0, stats.spans.accepted), "{stats:#?}");
    assert!(most <= SPANS as u64, "{most}");

    let sizes = sizes(&recorder);
    assert!(sizes.values().all(|spans| *spans == 3), "a trace is not whole");
    let traces = u64::try_from(sizes.len()).unwrap();
    // About 45 of the 50 that failed are not sampled.
    assert!((9_500..=10_550).contains(&traces), "{traces}");
    let spans = recorder.accepted_spans();
    let failed = spans.iter().filter(|span| span["status"]["status_code"] == "StatusCode.ERROR");
    assert_eq!(failed.count(), 50);
    let kept = spans.iter().filter(|span| span["attributes"]["promptlayer.kept"] == "failed").count();
    assert!(kept.is_multiple_of(3) && (60..=150).contains(&kept), "{kept}");
}

#[test]
fn failed_trace_is_kept_whole_and_marked() {
    let spans = kept(failures(), || {
        assert_eq!((chain("second"), chain("fail"), chain("third")), (2, 1, 2));
    });
    assert_eq!(names(&spans), ["ask", "ask", "chain"]);
    assert_eq!(reasons(&spans), [Some("failed"); 3]);
    assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id));
    assert_eq!(spans[0].request.as_ref().unwrap().input.text(), "first");
}

#[test]
fn sampled_trace_is_not_marked() {
    let spans = kept(failures().sample(1.0), || assert_eq!(chain("fail"), 1));
    assert_eq!(reasons(&spans), [None; 3]);
}

#[test]
fn whatever_is_sent_as_an_error_keeps_its_trace() {
    #[promptlayer]
    fn answer(_question: &str) -> Value {
        json!({"error": {"message": "You exceeded your quota", "type": "insufficient_quota", "code": null}})
    }
    #[promptlayer(kind = "tool")]
    fn tool() -> Value {
        json!({"content": [{"type": "text", "text": "no such city"}], "isError": true})
    }
    #[promptlayer]
    fn panics() {
        panic!("on purpose");
    }
    #[promptlayer]
    async fn waits() {
        pause().await;
    }
    let calls: [(&str, fn()); 4] = [
        ("answer", || drop(answer("why?"))),
        ("tool", || drop(tool())),
        ("panics", || drop(std::panic::catch_unwind(panics))),
        ("cancelled", || assert!(poll_once(std::pin::pin!(waits())).is_pending())),
    ];
    for (name, call) in calls {
        let spans = kept(failures(), call);
        assert_eq!(reasons(&spans), [Some("failed")], "{name}");
        assert!(spans[0].error.is_some(), "{name}: {spans:?}");
    }
    assert!(kept(failures(), || block_on(waits())).is_empty());
}

#[test]
fn slow_trace_is_kept_whole() {
    #[promptlayer(kind = "chain")]
    fn chain(pause: Duration) {
        let _ = ask("before");
        slow(pause);
        let _ = ask("after");
    }
    #[promptlayer]
    fn slow(pause: Duration) {
        thread::sleep(pause);
    }
    let builder = layer().sample(0.0).keep(KeepPolicy::default().slower_than(Duration::from_millis(400)));
    let spans = kept(builder, || {
        chain(Duration::ZERO);
        chain(Duration::from_millis(401));
    });
    assert_eq!(names(&spans), ["ask", "slow", "ask", "chain"]);
    assert_eq!(reasons(&spans), [Some("slow"); 4]);
}

#[test]
fn costly_trace_is_kept_whole() {
    #[promptlayer]
    fn complete(tokens: u64) -> Value {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o",
            "choices": [{
                "index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop",
            }],
            "usage": {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1},
        })
    }
    #[promptlayer(kind = "agent")]
    fn agent(tokens: u64) {
        for _ in 0..4 {
            let _ = complete(tokens);
        }
    }
    // A million input tokens cost a few dollars.
    for builder in [layer(), layer().redact_text(|text| text.into())] {
        let builder = builder.sample(0.0).keep(KeepPolicy::default().costs_more_than(1.0));
        let spans = kept(builder, || {
            agent(1_000);
            agent(300_000);
        });
        assert_eq!(names(&spans), ["complete", "complete", "complete", "complete", "agent"]);
        assert_eq!(reasons(&spans), [Some("costly"); 5]);
        assert_eq!(spans[0].request.as_ref().unwrap().input_tokens, Some(300_000));
    }
}

#[test]
fn request_log_without_a_trace_is_kept_if_anything_failed() {
    #[promptlayer(kind = "tool")]
    fn tool(fails: bool) -> Result<(), std::io::Error> {
        if fails { Err(std::io::Error::other("no")) } else { Ok(()) }
    }
    #[promptlayer(kind = "agent")]
    fn agent(fails: bool) {
        let _ = ask("before");
        let _ = tool(fails);
        let _ = ask("after");
    }
    let spans = kept(failures().wire(Wire::LogRequest), || [false, true, false].into_iter().for_each(agent));
    assert_eq!(names(&spans), ["ask", "ask"]);
}

#[test]
fn span_that_ends_after_its_root_follows_the_decision() {
    #[promptlayer(kind = "chain")]
    fn chain(question: &str) -> tracing::Span {
        let _ = ask(question);
        tracing::Span::current()
    }
    let mut ended = Vec::new();
    let spans = kept(failures(), || {
        for question in ["fail", "second"] {
            let late = chain(question);
            late.in_scope(|| {
                ended.push(ask("late").is_ok());
                ended.push(ask("late failure, fail").is_ok());
            });
        }
    });
    assert_eq!(ended, [true, false, true, false]);
    assert_eq!(names(&spans), ["ask", "chain", "ask", "ask"], "those of the first trace");
    assert_eq!(reasons(&spans), [Some("failed"); 4]);
}

#[test]
fn future_that_is_never_polled_lets_nothing_wait() {
    #[promptlayer(kind = "chain")]
    fn future() -> impl Future<Output = ()> {
        let _ = ask("while it is made");
        async {}
    }
    let recorder = Recorder::start().unwrap();
    let builder = layer_to(recorder.url()).sample(0.0).keep(KeepPolicy::default().failed());
    let (layer, guard) = builder.build().unwrap();
    dispatcher::with_default(&dispatch(layer), || drop(future()));
    let stats = guard.stats();
    assert_eq!((stats.sampled_out, stats.undecided), (1, 0), "{stats:#?}");
    assert_all_counted(&guard.shutdown(LONG), 1);
}

#[test]
fn redaction_applies_to_kept_spans_and_not_to_the_mark() {
    let builder = failures().redact_text(|text| text.replace("fail", "[…]").into());
    let spans = kept(builder, || assert_eq!(chain("fail with a secret"), 1));
    assert_eq!(reasons(&spans), [Some("failed"); 3]);
    assert_eq!(spans[1].request.as_ref().unwrap().input.text(), "[…] with a secret");
    assert_eq!(spans[1].error.as_deref(), Some("it […]ed"));
    let spans = kept(failures().capture_content(false), || assert_eq!(chain("fail with a secret"), 1));
    assert!(spans.len() == 3 && !format!("{spans:?}").contains("secret"), "{spans:?}");
}

/// Counts how often it is serialized.
struct Counted<'a>(&'a AtomicUsize);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_str("counted")
    }
}

#[test]
fn nothing_is_serialized_if_no_trace_is_kept() {
    #[promptlayer]
    fn ask(value: &Counted<'_>) -> usize {
        value.0.load(Ordering::Relaxed)
    }
    for (policy, expected) in [(KeepPolicy::default(), 0), (KeepPolicy::default().failed(), 1)] {
        let count = AtomicUsize::new(0);
        let spans = kept(layer().sample(0.0).keep(policy), || assert_eq!(ask(&Counted(&count)), expected));
        assert_eq!((spans.len(), count.load(Ordering::Relaxed)), (0, expected), "{policy:?}");
    }
}

#[test]
fn trace_beyond_the_limits_is_evicted_whole_and_counted() {
    #[promptlayer(kind = "chain")]
    fn long(calls: usize) {
        (0..calls).for_each(|_| drop(ask("again")));
        let _ = ask("fail");
    }
    for policy in [KeepPolicy::default().spans(10), KeepPolicy::default().bytes(16 << 10)] {
        let recorder = Recorder::start().unwrap();
        let builder = layer_to(recorder.url()).sample(0.0).keep(policy.failed());
        let (layer, guard) = builder.build().unwrap();
        dispatcher::with_default(&dispatch(layer), || {
            long(100);
            long(2);
        });
        let stats = guard.shutdown(LONG);
        assert_all_counted(&stats, 102 + 4);
        assert_eq!((stats.evicted, stats.spans.delivered), (102, 4), "{stats:#?}");
        assert_eq!(sizes(&recorder).into_values().collect::<Vec<_>>(), [4]);
    }
}

#[test]
fn shutdown_settles_what_waits_and_a_flush_does_not() {
    #[promptlayer(kind = "chain")]
    fn chain(question: &str, between: impl FnOnce()) {
        let _ = ask(question);
        between();
        let _ = ask("fail");
    }
    let recorder = Recorder::start().unwrap();
    let builder = layer_to(recorder.url()).sample(0.0).keep(KeepPolicy::default().failed());
    let (layer, guard) = builder.build().unwrap();
    let dispatch = dispatch(layer);
    let mut stats = None;
    dispatcher::with_default(&dispatch, || {
        chain("first", || {
            assert!(guard.flush(LONG).is_complete());
            assert_eq!((guard.stats().undecided, guard.stats().spans.accepted), (1, 0));
        });
        assert_all_counted(&guard.stats(), 3);
        assert_eq!(guard.stats().spans.accepted, 3);
        // The first call of each trace ends before the shutdown, and the others after it.
        chain("fail", || chain("second", || stats = Some(guard.shutdown(LONG))));
    });
    let stats = stats.unwrap();
    assert_all_counted(&stats, 5);
    assert_eq!((stats.spans.delivered, stats.sampled_out, stats.undecided), (5, 0, 0), "{stats:#?}");
    assert_eq!(sizes(&recorder).len(), 2);
}

#[test]
fn undecided_trace_is_counted_at_shutdown() {
    #[promptlayer(kind = "chain")]
    fn chain(between: impl FnOnce()) {
        let _ = ask("first");
        between();
    }
    let recorder = Recorder::start().unwrap();
    let builder = layer_to(recorder.url()).sample(0.0).keep(KeepPolicy::default().failed());
    let (layer, guard) = builder.build().unwrap();
    let mut stats = None;
    dispatcher::with_default(&dispatch(layer), || chain(|| stats = Some(guard.shutdown(LONG))));
    let stats = stats.unwrap();
    assert_eq!((stats.spans.accepted, stats.sampled_out, stats.undecided), (0, 1, 0), "{stats:#?}");
}

#[test]
fn threads_of_one_trace_are_each_counted_once() {
    #[promptlayer(kind = "chain")]
    fn chain(fails: bool) {
        let span = tracing::Span::current();
        let dispatch = dispatcher::get_default(Clone::clone);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (span, dispatch) = (span.clone(), dispatch.clone());
                scope.spawn(move || {
                    dispatcher::with_default(&dispatch, || {
                        span.in_scope(|| {
                            for call in 0..10 {
                                let is_last = (thread, call) == (2, 7);
                                let _ = ask(if fails && is_last { "fail" } else { "go on" });
                            }
                        });
                    });
                });
            }
        });
    }
    let recorder = Recorder::start().unwrap();
    let builder = layer_to(recorder.url())
        .sample(0.0)
        .keep(KeepPolicy::default().failed())
        .queue(QueueLimits::default().items(100_000));
    let (layer, guard) = builder.build().unwrap();
    dispatcher::with_default(&dispatch(layer), || (0..20).for_each(|number| chain(number % 2 == 0)));
    let stats = guard.shutdown(LONG);
    assert_all_counted(&stats, 20 * 41);
    assert_eq!((stats.spans.delivered, stats.sampled_out), (10 * 41, 10 * 41), "{stats:#?}");
    let sizes = sizes(&recorder);
    assert!(sizes.len() == 10 && sizes.values().all(|spans| *spans == 41), "{sizes:?}");
}
