//! Arguments may have any name: the generated code does not conflict with them.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use promptlayer_tracing::blueprint::{LogRequest, Prompt};
use promptlayer_tracing::{layer, promptlayer};
use tracing_subscriber::prelude::*;

/// Returns the only request that a function makes.
fn request_of(run: impl FnOnce()) -> LogRequest {
    let (layer, captured) = layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
    let [request] = <[LogRequest; 1]>::try_from(captured.requests()).unwrap();
    request
}

#[test]
fn argument_named_input_is_captured() {
    #[promptlayer]
    fn ask(input: &str) -> String {
        input.to_uppercase()
    }
    let request = request_of(|| assert_eq!(ask("why?"), "WHY?"));
    assert_eq!(request.input, Prompt::user("why?"));
    assert_eq!(request.output, Prompt::assistant("WHY?"));
}

#[test]
fn attribute_expressions_see_only_the_arguments() {
    #[promptlayer(metadata(length = input.len(), ends = captured), model = value, fields(name, call))]
    fn ask(input: &str, captured: bool, value: &str, name: u8, call: u8) -> String {
        let _ = (captured, value, name, call);
        input.to_uppercase()
    }
    let request = request_of(|| assert_eq!(ask("why?", true, "gpt", 1, 2), "WHY?"));
    assert_eq!(request.metadata["length"], "4");
    assert_eq!(request.metadata["ends"], "true");
    assert_eq!(request.model, "gpt");
}

#[test]
fn names_in_the_expansion_are_free_for_arguments() {
    #[promptlayer(follows_from = &span, err, ret)]
    #[allow(clippy::too_many_arguments, reason = "there are so many names")]
    fn ask(
        span: Vec<tracing::Id>,
        cause: u8,
        error: u8,
        failure: u8,
        given: u8,
        selected: u8,
        output: u8,
        body: u8,
        __call: u8,
    ) -> Result<u8, String> {
        let _ = span;
        Ok(cause + error + failure + given + selected + output + body + __call)
    }
    let request = request_of(|| assert_eq!(ask(Vec::new(), 1, 1, 1, 1, 1, 1, 1, 1), Ok(8)));
    assert_eq!(request.output, Prompt::assistant("8"));
}

#[test]
fn lint_allowed_on_an_argument_stays_allowed() {
    #![deny(unused_variables)]
    #[promptlayer]
    fn ask(prompt: &str, #[allow(unused_variables)] reserved: u8) -> String {
        prompt.to_uppercase()
    }
    let request = request_of(|| drop(ask("why?", 0)));
    assert_eq!(request.output, Prompt::assistant("WHY?"));
}

#[test]
fn output_closure_sees_names_in_scope() {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "`output` is given a reference")]
    const fn value(answer: &(u8, u8)) -> u8 {
        answer.1
    }
    #[promptlayer(output = value)]
    fn ask(prompt: &str) -> (u8, u8) {
        let _ = prompt;
        (1, 2)
    }
    let request = request_of(|| assert_eq!(ask("why?"), (1, 2)));
    assert_eq!(request.output, Prompt::assistant("2"));
}
