//! Traces that arrive from other processes and that are passed on to them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "propagation/baggage.rs"]
mod baggage;
#[path = "propagation/mcp.rs"]
mod mcp;
#[path = "propagation/outgoing.rs"]
mod outgoing;
#[path = "propagation/processes.rs"]
mod processes;

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;

use http::{HeaderMap, HeaderValue};
use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::propagation::{continue_from, continue_from_meta, inject, inject_meta};
use promptlayer_tracing::{layer, promptlayer, scope};
use serde_json::{Map, Value, json};
use tests::in_memory::{block_on, captured, captured_with, pause, poll_once};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

type Headers = HashMap<String, String>;

fn headers(parent: &str) -> Headers {
    HashMap::from([("traceparent".to_owned(), parent.to_owned())])
}

/// Returns what is injected here.
fn injected() -> Headers {
    let mut headers = Headers::new();
    inject(&mut headers);
    headers
}

#[promptlayer(kind = "chain", skip_all)]
fn work<R>(inside: impl FnOnce() -> R) -> R {
    inside()
}

#[promptlayer]
fn ask(question: &str) -> String {
    format!("You asked: {question}")
}

#[promptlayer]
async fn ask_later(question: &str) -> String {
    pause().await;
    format!("You asked: {question}")
}

fn parent(span: &CapturedSpan) -> Option<String> {
    span.parent_id.map(|id| id.to_string())
}

/// Returns the `traceparent` of calls inside this span.
fn place(span: &CapturedSpan) -> String {
    format!("00-{}-{}-01", span.trace_id, span.span_id)
}

#[test]
fn call_directly_inside_is_a_child_of_the_callers_span() {
    let captured = captured(|| {
        continue_from(&headers(PARENT)).in_scope(|| work(|| ask("why?")));
        ask("after");
    });

    let spans = captured.spans();
    let [ask, work, after] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(work.trace_id.to_string(), TRACE);
    assert_eq!(parent(work).as_deref(), Some(SPAN));
    assert_eq!((ask.trace_id, ask.parent_id), (work.trace_id, Some(work.span_id)));
    assert_eq!(after.parent_id, None);
    assert_ne!(after.trace_id, work.trace_id);
}

#[test]
fn continued_trace_cuts_the_link_to_the_span_around_it() {
    let captured = captured(|| {
        work(|| {
            continue_from(&headers(PARENT)).tags(["message"]).in_scope(|| ask("continued"));
            ask("own");
        });
    });

    let spans = captured.spans();
    let [continued, own, work] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((continued.trace_id.to_string().as_str(), parent(continued).as_deref()), (TRACE, Some(SPAN)));
    assert!(continued.request.as_ref().unwrap().tags.contains("message"));
    assert_eq!((own.trace_id, own.parent_id), (work.trace_id, Some(work.span_id)));
}

#[test]
fn function_around_a_continued_trace_is_not_counted_as_its_caller() {
    #[promptlayer]
    fn outer() -> String {
        continue_from(&headers(PARENT)).in_scope(|| ask("other trace"));
        "of outer".to_owned()
    }
    let captured = captured(|| drop(outer()));

    // Each of them logs itself, because no call is inside the other in its trace.
    assert_eq!(captured.requests().len(), 2);
}

#[test]
fn span_that_is_entered_inside_a_continued_trace_stays_in_its_own() {
    let captured = captured(|| {
        let span = tracing::info_span!("job", gen_ai.operation.name = "task");
        continue_from(&headers(PARENT)).in_scope(|| {
            span.in_scope(|| {
                ask("of job");
                scope().tags(["inner"]).in_scope(|| ask("of job, too"));
                assert_ne!(injected()["traceparent"][..35], PARENT[..35]);
            });
            ask("continued");
        });
    });

    let spans = captured.spans();
    let [first, second, continued, job] = &spans[..] else { panic!("{spans:?}") };
    for span in [first, second] {
        assert_eq!((span.trace_id, span.parent_id), (job.trace_id, Some(job.span_id)));
    }
    assert_eq!(parent(continued).as_deref(), Some(SPAN));
}

#[test]
fn scope_inside_a_span_of_a_continued_trace_keeps_the_span_as_parent() {
    let captured = captured(|| {
        continue_from(&headers(PARENT)).in_scope(|| {
            work(|| scope().tags(["inner"]).in_scope(|| ask("why?")));
        });
    });

    let spans = captured.spans();
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
    assert!(spans[0].request.as_ref().unwrap().tags.contains("inner"));
}

#[test]
fn scope_that_is_taken_into_a_span_of_its_trace_keeps_the_span_as_parent() {
    let captured = captured(|| {
        let (span, taken) = continue_from(&headers(PARENT))
            .in_scope(|| (tracing::info_span!("job", gen_ai.operation.name = "task"), scope()));
        span.in_scope(|| taken.in_scope(|| ask("why?")));
    });

    let spans = captured.spans();
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
    assert_eq!(parent(&spans[1]).as_deref(), Some(SPAN));
}

#[test]
fn innermost_continued_trace_wins() {
    let captured = captured(|| {
        continue_from(&headers(OTHER)).in_scope(|| continue_from(&headers(PARENT)).in_scope(|| ask("why?")));
    });

    assert_eq!(captured.spans()[0].trace_id.to_string(), TRACE);
}

#[test]
fn interleaved_tasks_stay_in_their_traces() {
    let captured = captured(|| {
        let mut first = pin!(continue_from(&headers(PARENT)).run(async { ask_later("first").await }));
        let mut second = pin!(continue_from(&headers(OTHER)).run(async { ask_later("second").await }));
        assert!(poll_once(first.as_mut()).is_pending() && poll_once(second.as_mut()).is_pending());
        assert!(poll_once(second).is_ready() && poll_once(first).is_ready());
    });

    let traces: Vec<_> = captured.spans().iter().map(|span| span.trace_id.to_string()).collect();
    assert_eq!(traces, [&OTHER[3..35], TRACE]);
}

#[test]
fn flag_of_the_caller_decides_about_sampling() {
    let unsampled = PARENT.replace("-01", "-00");
    let of_share = |share: f64| {
        captured_with(layer().sample(share), || {
            continue_from(&headers(PARENT)).in_scope(|| ask("sampled"));
            continue_from(&headers(&unsampled)).in_scope(|| {
                ask("not sampled");
                work(|| assert!(injected()["traceparent"].ends_with("-00")));
            });
        })
    };

    for share in [0.0, 1.0] {
        let spans = of_share(share).spans();
        assert_eq!(spans.len(), 1, "{share}");
        assert_eq!(spans[0].request.as_ref().unwrap().input.messages()[0].text(), "sampled");
    }
}

#[test]
fn without_a_valid_header_a_new_trace_starts() {
    let captured = captured(|| {
        work(|| {
            let mut two = HeaderMap::new();
            two.append("traceparent", HeaderValue::from_static(PARENT));
            two.append("traceparent", HeaderValue::from_static(OTHER));
            continue_from(&two).in_scope(|| ask("two headers"));
            let mut broken = HeaderMap::new();
            broken.append("traceparent", HeaderValue::from_static(PARENT));
            broken.append("traceparent", HeaderValue::from_bytes(b"\xff").unwrap());
            continue_from(&broken).in_scope(|| ask("not text"));
            continue_from(&headers("00-nonsense")).in_scope(|| ask("invalid"));
            continue_from(&Headers::new()).in_scope(|| {
                ask("none");
                assert!(injected().is_empty());
            });
        });
    });

    let spans = captured.spans();
    assert_eq!(spans.len(), 5);
    for span in &spans {
        assert_eq!(span.parent_id, None);
        assert_ne!(span.trace_id.to_string(), TRACE);
    }
    assert_ne!(spans[0].trace_id, spans[1].trace_id);
}

#[test]
fn injected_place_is_that_of_the_innermost_call() {
    let mut outgoing = Headers::new();
    let captured = captured(|| outgoing = work(injected));

    assert_eq!(outgoing["traceparent"], place(&captured.spans()[0]));
    assert_eq!(outgoing.len(), 1, "no state and no baggage came in: {outgoing:?}");
}

#[test]
fn spans_that_are_not_recorded_are_skipped() {
    let mut outgoing = Headers::new();
    let captured = captured(|| outgoing = work(|| tracing::info_span!("plain").in_scope(injected)));

    assert_eq!(outgoing["traceparent"], place(&captured.spans()[0]));
}

#[test]
fn state_of_the_caller_is_passed_on_unchanged() {
    let state =
        [("tracestate".to_owned(), "a=1,b@c=2".to_owned()), ("baggage".to_owned(), "x=%20;p".to_owned())];
    let mut incoming = headers(PARENT);
    incoming.extend(state.clone());
    captured(|| {
        continue_from(&incoming).in_scope(|| {
            assert_eq!(injected(), incoming, "no call is recorded in between");
            let of_call = work(|| work(injected));
            assert_eq!(of_call["traceparent"][..35], PARENT[..35]);
            assert_ne!(of_call["traceparent"], PARENT);
            for (name, value) in &state {
                assert_eq!(&of_call[name], value);
            }
        });
    });
}

#[test]
fn context_passes_through_a_process_without_a_layer() {
    continue_from(&headers(PARENT)).in_scope(|| assert_eq!(injected(), headers(PARENT)));
    assert!(injected().is_empty());
}

#[test]
fn headers_of_another_trace_are_replaced() {
    captured(|| {
        work(|| {
            let mut outgoing = HeaderMap::new();
            outgoing.append("traceparent", HeaderValue::from_static(PARENT));
            outgoing.append("traceparent", HeaderValue::from_static(OTHER));
            outgoing.insert("tracestate", HeaderValue::from_static("a=1"));
            inject(&mut outgoing);
            assert_eq!(outgoing.len(), 1);
            assert_ne!(outgoing["traceparent"], PARENT);

            let mut map = BTreeMap::from([("Traceparent".to_owned(), PARENT.to_owned())]);
            inject(&mut map);
            assert_eq!(map.keys().collect::<Vec<_>>(), ["traceparent"]);
        });
    });
}

#[test]
fn all_carriers_are_read_alike() {
    let mut of_http = HeaderMap::new();
    of_http.insert("traceparent", HeaderValue::from_static(PARENT));
    of_http.append("tracestate", HeaderValue::from_static("a=1"));
    of_http.append("tracestate", HeaderValue::from_static("b=2"));
    let of_map = BTreeMap::from([
        ("Traceparent".to_owned(), PARENT.to_owned()),
        ("TRACESTATE".to_owned(), "a=1,b=2".to_owned()),
    ]);
    let Value::Object(meta) = json!({"traceparent": PARENT, "tracestate": "a=1,b=2", "progressToken": 1})
    else {
        unreachable!()
    };
    let of_closure =
        |name: &str| of_map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());

    for scope in [
        continue_from(&of_http),
        continue_from(&of_map),
        continue_from_meta(&meta),
        continue_from(&of_closure),
    ] {
        scope.in_scope(|| {
            let mut outgoing = Map::new();
            inject_meta(&mut outgoing);
            assert_eq!(Value::Object(outgoing), json!({"traceparent": PARENT, "tracestate": "a=1,b=2"}));
        });
    }
}

#[test]
fn future_of_a_continued_trace_can_be_awaited_in_another_call() {
    #[promptlayer(kind = "agent", skip_all)]
    async fn agent(inside: impl Future<Output = String>) -> String {
        inside.await
    }
    let captured = captured(|| {
        let continued = continue_from(&headers(PARENT)).run(async { ask_later("why?").await });
        block_on(agent(continued));
    });

    let spans = captured.spans();
    assert_eq!(spans[0].trace_id.to_string(), TRACE);
    assert_eq!(spans[1].parent_id, None);
    assert_ne!(spans[1].trace_id, spans[0].trace_id);
}
