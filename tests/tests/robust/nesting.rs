//! Nested calls: which call makes the request log, which span is the parent, and what a call takes over from
//! outer calls.

use std::future::Future;
use std::pin::Pin;
use std::thread;

use promptlayer_tracing::in_memory::CapturedSpan;
use promptlayer_tracing::{PromptLink, layer, promptlayer};
use tracing::{Instrument as _, Span};

use super::{block_on, captured, captured_with, pause};

#[promptlayer(tags = ["chat"])]
fn ask(question: &str) -> String {
    format!("You asked: {question}")
}

fn names(spans: &[CapturedSpan]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// Returns the names of the spans that have a request.
fn requests(spans: &[CapturedSpan]) -> Vec<&str> {
    spans.iter().filter(|span| span.request.is_some()).map(|span| span.name.as_str()).collect()
}

fn tags(span: &CapturedSpan) -> Vec<&str> {
    span.request.as_ref().map(|request| request.tags.iter().collect()).unwrap_or_default()
}

#[test]
fn innermost_call_of_a_recursive_function_logs() {
    #[promptlayer]
    fn factorial(n: u64) -> u64 {
        if n == 0 { 1 } else { n * factorial(n - 1) }
    }
    #[promptlayer]
    async fn later(n: u64) -> u64 {
        pause().await;
        if n == 0 { 1 } else { n * Box::pin(later(n - 1)).await }
    }
    #[promptlayer]
    fn boxed(n: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move { if n == 0 { 1 } else { n * boxed(n - 1).await } })
    }
    let runs: [fn() -> u64; 3] = [|| factorial(20), || block_on(later(20)), || block_on(boxed(20))];
    for run in runs {
        let spans = captured(|| assert_eq!(run(), 2_432_902_008_176_640_000)).spans();
        assert_eq!(spans.len(), 21);
        assert!(spans[0].request.is_some() && spans[1..].iter().all(|span| span.request.is_none()));
        for pair in spans.windows(2) {
            assert_eq!(pair[0].parent_id, Some(pair[1].span_id));
        }
        assert_eq!(spans[20].function_output.as_deref(), Some("2432902008176640000"));
    }
}

#[test]
fn two_of_six_kinds_make_a_request() {
    macro_rules! kinds {
        ($($kind:literal $function:ident),*) => {{
            $(
                #[promptlayer(kind = $kind)]
                fn $function(question: &str) -> usize {
                    question.len()
                }
            )*
            captured(|| { $($function("why?");)* }).spans()
        }};
    }
    let spans = kinds!(
        "llm" llm, "embedding" embedding, "tool" tool, "agent" agent, "chain" chain, "retriever" retriever
    );
    assert_eq!(names(&spans), ["llm", "embedding", "tool", "agent", "chain", "retriever"]);
    assert_eq!(requests(&spans), ["llm", "embedding"]);
    for span in &spans[2..] {
        assert_eq!(span.function_input.as_deref(), Some(r#"{"question":"why?"}"#), "{}", span.name);
        assert_eq!(span.function_output.as_deref(), Some("4"), "{}", span.name);
    }
    for span in &spans[..2] {
        let request = span.request.as_ref().unwrap();
        assert_eq!((request.input.text(), request.output.text()), ("why?".to_owned(), "4".to_owned()));
        assert_eq!((&span.function_input, &span.function_output), (&None, &None), "it is said once");
    }
}

#[test]
fn call_around_tools_logs_but_call_around_a_model_does_not() {
    #[promptlayer(kind = "tool")]
    fn weather(city: &str) -> String {
        format!("sunny in {city}")
    }
    #[promptlayer(kind = "tool")]
    fn summary(text: &str) -> String {
        ask(text)
    }
    #[promptlayer]
    fn with_tool(question: &str) -> String {
        weather(question)
    }
    #[promptlayer]
    fn with_model_in_tool(question: &str) -> String {
        summary(question)
    }
    let spans = captured(|| drop(with_tool("Bern"))).spans();
    assert_eq!(names(&spans), ["weather", "with_tool"]);
    assert_eq!(requests(&spans), ["with_tool"]);
    assert_eq!(spans[1].request.as_ref().unwrap().output.text(), "sunny in Bern");
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));

    let spans = captured(|| drop(with_model_in_tool("why?"))).spans();
    assert_eq!(names(&spans), ["ask", "summary", "with_model_in_tool"]);
    assert_eq!(requests(&spans), ["ask"]);
}

#[test]
fn second_of_two_inner_calls_inherits_nothing_of_the_first() {
    #[promptlayer(tags = ["first"], metadata(of = "first"))]
    fn first(question: &str) -> String {
        question.to_owned()
    }
    #[promptlayer(tags = ["outer"])]
    fn outer(question: &str) -> String {
        first(question) + &ask(question)
    }
    let spans = captured(|| drop(outer("why?"))).spans();
    assert_eq!(requests(&spans), ["first", "ask"]);
    assert_eq!(tags(&spans[0]), ["outer", "first"]);
    assert_eq!(tags(&spans[1]), ["outer", "chat"]);
    assert!(spans[1].request.as_ref().unwrap().metadata.is_empty());
}

#[test]
fn own_settings_of_a_call_override_inherited_ones() {
    #[promptlayer(
        tags = ["outer", "both"],
        metadata(of = "outer", outer = 1),
        prompt = PromptLink::new("outer").version(2),
    )]
    async fn outer(question: &str) -> String {
        pause().await;
        inner(question).await + &plain(question)
    }
    #[promptlayer(tags = ["both", "inner"], metadata(of = "inner"), prompt = "inner")]
    async fn inner(question: &str) -> String {
        pause().await;
        question.to_owned()
    }
    #[promptlayer]
    fn plain(question: &str) -> String {
        question.to_owned()
    }
    let builder = layer().tags(["layer", "both"]).metadata([("of", "layer"), ("layer", "1")]);
    let captured = captured_with(builder, || drop(block_on(outer("why?"))));
    let requests = captured.requests();

    assert_eq!(requests[0].tags.iter().collect::<Vec<_>>(), ["layer", "both", "outer", "inner"]);
    let metadata = |of: &str| [("layer", "1"), ("of", of), ("outer", "1")].map(|(k, v)| (k.into(), v.into()));
    assert_eq!(requests[0].metadata, metadata("inner").into());
    assert_eq!(requests[0].prompt_name.as_deref(), Some("inner"));
    assert_eq!(requests[0].prompt_version_number, None, "of another template");

    assert_eq!(requests[1].tags.iter().collect::<Vec<_>>(), ["layer", "both", "outer"]);
    assert_eq!(requests[1].metadata, metadata("outer").into());
    assert_eq!(requests[1].prompt_name.as_deref(), Some("outer"));
    assert_eq!(requests[1].prompt_version_number, Some(2));
}

#[test]
fn span_propagated_to_another_thread_is_the_parent_there() {
    #[promptlayer(tags = ["outer"])]
    fn by_span(question: &str) -> String {
        let span = Span::current();
        on_another_thread(|| span.in_scope(|| ask(question)))
    }
    #[promptlayer(tags = ["outer"])]
    fn by_instrument(question: &str) -> String {
        let question = question.to_owned();
        let work = async move {
            pause().await;
            ask(&question)
        };
        let work = work.in_current_span();
        on_another_thread(|| block_on(work))
    }
    #[promptlayer(tags = ["outer"])]
    fn not_at_all(question: &str) -> String {
        on_another_thread(|| ask(question))
    }
    for run in [by_span, by_instrument] {
        let spans = captured(|| assert_eq!(run("why?"), "You asked: why?")).spans();
        assert_eq!(requests(&spans), ["ask"]);
        assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
        assert_eq!(tags(&spans[0]), ["outer", "chat"]);
    }
    let spans = captured(|| drop(not_at_all("why?"))).spans();
    assert_eq!(requests(&spans), ["ask", "not_at_all"], "nobody said that they belong together");
    assert_ne!(spans[0].trace_id, spans[1].trace_id);
}

/// Runs a closure on another thread with the subscriber of this thread.
fn on_another_thread<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    thread::scope(|scope| scope.spawn(|| tracing::dispatcher::with_default(&dispatch, run)).join().unwrap())
}

#[test]
fn threads_in_one_call_log_separately() {
    #[promptlayer(tags = ["outer"])]
    fn outer() -> usize {
        let span = Span::current();
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        thread::scope(|scope| {
            for thread in 0..8 {
                let (span, dispatch) = (span.clone(), dispatch.clone());
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        let _entered = span.enter();
                        for call in 0..25 {
                            ask(&format!("{thread} {call}"));
                        }
                    });
                });
            }
        });
        8 * 25
    }
    let spans = captured(|| assert_eq!(outer(), 200)).spans();
    let (outer, inner) = spans.split_last().unwrap();
    assert!(outer.request.is_none());
    assert_eq!(inner.len(), 200);
    let mut asked: Vec<String> = inner
        .iter()
        .map(|span| {
            assert_eq!((span.parent_id, span.trace_id), (Some(outer.span_id), outer.trace_id));
            assert_eq!(tags(span), ["outer", "chat"]);
            let request = span.request.as_ref().unwrap();
            assert_eq!(request.output.text(), format!("You asked: {}", request.input.text()));
            request.input.text()
        })
        .collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 200, "each its own");
}

#[test]
fn root_call_begins_a_trace_and_child_call_joins_it() {
    #[promptlayer(parent = None, tags = ["root"])]
    fn root(question: &str) -> String {
        question.to_owned()
    }
    #[promptlayer(parent = parent, skip(parent))]
    fn below(parent: &Span, question: &str) -> String {
        let _ = parent;
        question.to_owned()
    }
    #[promptlayer(tags = ["outer"])]
    fn outer(question: &str) -> Span {
        root(question);
        Span::current()
    }
    #[promptlayer(tags = ["other"])]
    fn other(parent: &Span) -> String {
        below(parent, "from elsewhere")
    }
    let captured = captured(|| {
        let span = outer("why?");
        other(&span);
    });
    let spans = captured.spans();
    assert_eq!(names(&spans), ["root", "outer", "below", "other"]);
    let [root, outer, below, other] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_eq!(root.parent_id, None);
    assert_ne!(root.trace_id, outer.trace_id);
    assert_eq!(tags(root), ["root"], "what is around it is not its own");
    assert!(outer.request.is_some(), "what is not inside does not log instead of it");

    assert_eq!((below.parent_id, below.trace_id), (Some(outer.span_id), outer.trace_id));
    assert_eq!(tags(below), ["outer"], "of a parent that ended already");
    assert!(other.request.is_some());
}

#[test]
fn follows_from_is_not_a_parent() {
    #[promptlayer(follows_from = causes, skip(causes))]
    fn effect(causes: &[Span], question: &str) -> String {
        let _ = causes;
        question.to_owned()
    }
    #[promptlayer]
    fn cause(question: &str) -> Span {
        let _ = question;
        Span::current()
    }
    let spans = captured(|| {
        let causes = [cause("one"), cause("two")];
        assert_eq!(effect(&causes, "three"), "three");
    })
    .spans();
    assert_eq!(requests(&spans), ["cause", "cause", "effect"]);
    assert_eq!(spans[2].parent_id, None);
    assert_ne!(spans[2].trace_id, spans[0].trace_id);
}

#[test]
fn span_can_be_used_after_its_function_ended() {
    #[promptlayer(fields(during, after), tags = ["ended"])]
    fn ended(question: &str) -> Span {
        let _ = question;
        Span::current().record("during", 1);
        Span::current()
    }
    let captured = captured(|| {
        let span = ended("why?");
        span.record("after", 2);
        let _entered = span.enter();
        ask("inside");
        tracing::info!("an event in it");
    });
    let spans = captured.spans();
    assert_eq!(names(&spans), ["ended", "ask"]);
    assert_eq!(spans[0].fields["during"], 1);
    assert!(!spans[0].fields.contains_key("after"), "what was handed over does not change");
    assert!(spans[0].request.is_some());
    assert_eq!(spans[1].parent_id, Some(spans[0].span_id));
    assert_eq!(tags(&spans[1]), ["ended", "chat"]);
}

#[test]
fn external_spans_between_two_calls_do_not_separate_them() {
    #[promptlayer(tags = ["outer"])]
    fn outer(question: &str) -> String {
        tracing::info_span!("handler").in_scope(|| tracing::debug_span!("query").in_scope(|| ask(question)))
    }
    let spans = captured(|| drop(outer("why?"))).spans();
    assert_eq!(names(&spans), ["ask", "outer"]);
    assert_eq!(spans[0].parent_id, Some(spans[1].span_id));
    assert_eq!(requests(&spans), ["ask"]);
    assert_eq!(tags(&spans[0]), ["outer", "chat"]);
}
