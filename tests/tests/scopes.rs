//! What calls inherit from the scopes around them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "scopes/allocations.rs"]
mod allocations;
#[path = "scopes/tasks.rs"]
mod tasks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::{LayerBuilder, PromptLink, layer, promptlayer, scope};
use serde_json::{Value, json};
use tests::in_memory::{block_on, captured, captured_with, pause, request_of};
use tests::pipeline::{dispatch, layer_to};
use tests::recorder::Recorder;
use tracing::dispatcher;

#[promptlayer(tags = ["own"])]
fn ask(question: &str) -> String {
    format!("You asked: {question}")
}

#[promptlayer]
async fn ask_later(question: &str) -> String {
    pause().await;
    format!("You asked: {question}")
}

#[promptlayer(tags = ["function"], metadata(tenant = "of function"), prompt = "of function")]
fn work(inside: impl FnOnce()) {
    inside();
}

fn tags(request: &LogRequest) -> Vec<&str> {
    request.tags.iter().collect()
}

fn metadata<'a>(request: &'a LogRequest, key: &str) -> Option<&'a str> {
    request.metadata.get(key).map(String::as_str)
}

#[test]
fn call_in_a_scope_has_its_tags_metadata_user_session_and_prompt() {
    let request = request_of(|| {
        let scope = scope()
            .tags(["outer", "own"])
            .metadata([("tenant", "acme")])
            .user("u-1")
            .session("s-1")
            .prompt(("greeting", 2));
        assert_eq!(scope.in_scope(|| ask("why?")), "You asked: why?");
    });

    assert_eq!(tags(&request), ["outer", "own"]);
    assert_eq!(metadata(&request, "tenant"), Some("acme"));
    assert_eq!(metadata(&request, "user_id"), Some("u-1"));
    assert_eq!(metadata(&request, "session_id"), Some("s-1"));
    assert_eq!(request.prompt_name.as_deref(), Some("greeting"));
    assert_eq!(request.prompt_version_number, Some(2));
}

#[test]
fn call_after_a_scope_has_nothing_of_it() {
    let captured = captured(|| {
        scope().tags(["scope"]).in_scope(|| ask("inside"));
        ask("after");
    });

    let requests = captured.requests();
    assert_eq!(requests.iter().map(tags).collect::<Vec<_>>(), [vec!["scope", "own"], vec!["own"]]);
}

#[test]
fn future_has_its_scope_at_each_poll() {
    let request = request_of(|| {
        let scoped = scope().tags(["scope"]).run(async {
            pause().await;
            ask_later("why?").await
        });
        assert_eq!(block_on(scoped), "You asked: why?");
    });

    assert_eq!(tags(&request), ["scope"]);
}

#[test]
fn inner_scope_adds_tags_and_replaces_metadata_and_prompt() {
    let captured = captured(|| {
        scope().tags(["a"]).metadata([("k", "outer"), ("l", "outer")]).prompt("outer").in_scope(|| {
            scope().tags(["b", "a"]).metadata([("k", "inner")]).prompt("inner").in_scope(|| ask("inside"));
            ask("between");
        });
    });

    let requests = captured.requests();
    assert_eq!(requests.iter().map(tags).collect::<Vec<_>>(), [vec!["a", "b", "own"], vec!["a", "own"]]);
    let of = |key| requests.iter().map(|request| metadata(request, key)).collect::<Vec<_>>();
    assert_eq!(of("k"), [Some("inner"), Some("outer")]);
    assert_eq!(of("l"), [Some("outer"), Some("outer")]);
    let prompts: Vec<_> = requests.iter().map(|request| request.prompt_name.as_deref()).collect();
    assert_eq!(prompts, [Some("inner"), Some("outer")]);
}

#[test]
fn innermost_of_scopes_and_functions_takes_precedence() {
    let captured = captured_with(layer().tags(["layer"]).metadata([("tenant", "of layer")]), || {
        scope().tags(["outer"]).metadata([("tenant", "of scope")]).in_scope(|| {
            work(|| {
                ask("in function");
                scope().tags(["inner"]).metadata([("tenant", "of inner")]).in_scope(|| ask("in scope"));
            });
        });
    });

    let requests = captured.requests();
    assert_eq!(tags(&requests[0]), ["layer", "outer", "function", "own"]);
    assert_eq!(metadata(&requests[0], "tenant"), Some("of function"));
    assert_eq!(tags(&requests[1]), ["layer", "outer", "function", "inner", "own"]);
    assert_eq!(metadata(&requests[1], "tenant"), Some("of inner"));
}

#[test]
fn span_opened_in_a_scope_takes_it_along() {
    let captured = captured(|| {
        let span =
            scope().tags(["inner"]).in_scope(|| tracing::info_span!("job", gen_ai.operation.name = "task"));
        span.in_scope(|| ask("outside"));
        scope().tags(["other"]).in_scope(|| span.in_scope(|| ask("elsewhere")));
    });

    let requests = captured.requests();
    assert_eq!(
        requests.iter().map(tags).collect::<Vec<_>>(),
        [vec!["inner", "own"], vec!["inner", "other", "own"]]
    );
}

#[test]
fn span_of_an_inner_scope_is_not_overridden_by_the_outer_one() {
    let request = request_of(|| {
        scope().metadata([("k", "outer")]).in_scope(|| {
            let inner = scope().metadata([("k", "inner")]);
            let span = inner.in_scope(|| tracing::info_span!("job", gen_ai.operation.name = "task"));
            span.in_scope(|| ask("why?"));
        });
    });

    assert_eq!(metadata(&request, "k"), Some("inner"));
}

#[test]
fn span_of_another_crate_inherits_from_its_scope() {
    let request = request_of(|| {
        scope().tags(["scope"]).user("u-1").in_scope(|| {
            tracing::info_span!("chat", gen_ai.operation.name = "chat", gen_ai.request.model = "m")
                .in_scope(|| ());
        });
    });

    assert_eq!(tags(&request), ["scope"]);
    assert_eq!(metadata(&request, "user_id"), Some("u-1"));
}

/// Runs a function under a layer with an export pipeline, and returns the spans that are sent.
fn sent(set: impl FnOnce(LayerBuilder) -> LayerBuilder, run: impl FnOnce()) -> Vec<Value> {
    let server = Recorder::start().unwrap();
    let (layer, guard) = set(layer_to(server.url())).build().unwrap();
    dispatcher::with_default(&dispatch(layer), run);
    guard.shutdown(Duration::from_secs(10));
    server.spans()
}

#[test]
fn user_and_session_are_attributes_of_every_span_inside() {
    let run = || scope().user("u-1").session("s-1").in_scope(|| work(|| drop(ask("why?"))));
    let spans = sent(|builder| builder, run);

    assert_eq!(spans.len(), 2);
    for span in spans {
        assert_eq!(span["attributes"]["user.id"], "u-1", "{span}");
        assert_eq!(span["attributes"]["gen_ai.conversation.id"], "s-1", "{span}");
    }
}

#[test]
fn redaction_reaches_the_user_of_a_span() {
    let run = || scope().user("u-1").in_scope(|| work(|| drop(ask("why?"))));
    let spans = sent(|builder| builder.redact_text(|text| text.replace("u-1", "somebody").into()), run);

    assert_eq!(spans.len(), 2);
    for span in spans {
        assert_eq!(span["attributes"]["user.id"], "somebody", "{span}");
        assert!(!span.to_string().contains("u-1"), "{span}");
    }
}

#[test]
fn invalid_values_are_left_out_and_reported_once() {
    let errors = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&errors);
    let on_error = move |error: &promptlayer_tracing::Error| {
        reported.lock().unwrap().push((error.is_invalid_input(), error.to_string()));
    };
    let spans = sent(
        |builder| builder.on_error(on_error),
        || {
            let long = "x".repeat(1025);
            let scope = scope().tags(["", "good"]).metadata([("", "v"), ("k", "v"), (long.as_str(), "v")]);
            scope.in_scope(|| {
                ask("first");
                ask("second");
            });
        },
    );

    for span in spans {
        assert_eq!(span["log_request"]["tags"], json!(["good", "own"]));
        assert_eq!(span["log_request"]["metadata"], json!({"k": "v"}));
    }
    let errors = errors.lock().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].0 && errors[0].1.contains("it is empty"), "{errors:?}");
}

#[test]
fn scope_without_additions_changes_nothing() {
    let request = request_of(|| drop(scope().in_scope(|| ask("why?"))));
    assert_eq!(tags(&request), ["own"]);
}

#[test]
fn prompt_with_variables_is_carried() {
    let request = request_of(|| {
        let prompt = PromptLink::new("greeting").version(3).variables([("name", "Ada")]);
        scope().prompt(prompt).in_scope(|| ask("why?"));
    });
    assert_eq!(request.prompt_input_variables["name"], "Ada");
}
