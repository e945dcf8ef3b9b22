//! What a model call of another crate takes over from the annotated function around it.

use std::time::Duration;

use promptlayer_blueprint::providers::gen_ai::{self, Outcome};
use promptlayer_blueprint::semconv;

use crate::capture::Captured;
use crate::capture::type_names::TypeNames;
use crate::span::finished::{FinishedSpan, Output};
use crate::span::input_output::{Ending, Input};

/// The data of an annotated function that has ended.
#[derive(Debug)]
pub(crate) struct Around {
    input: Option<Input>,
    output: Option<Output>,
    ending: Ending,
    provider: Option<String>,
    model: Option<String>,
    parameters: Vec<(&'static str, Captured)>,
    types: TypeNames,
    time_to_first_chunk: Option<Duration>,
}

impl Around {
    pub(crate) fn from_function(function: &FinishedSpan) -> Self {
        Self {
            input: function.input.clone(),
            output: function.output.clone(),
            ending: function.ending.clone(),
            provider: function.provider.clone(),
            model: function.model.clone(),
            parameters: function.parameters.clone(),
            types: function.types,
            time_to_first_chunk: function.time_to_first_chunk,
        }
    }
}

/// Returns `true` if the span of a model call lacks the input, the output, or the message of an error.
pub(crate) fn is_incomplete(call: &FinishedSpan) -> bool {
    let recorded = gen_ai::recorded(&call.fields.by_name());
    let has_answer = match recorded.outcome {
        Outcome::FailureWithMessage => true,
        Outcome::Failure => false,
        Outcome::Response | Outcome::Unknown => recorded.output,
    };
    !(recorded.input && has_answer)
}

/// Adds what the span of a model call lacks, from the annotated function around it.
///
/// The outcome of the call is its own, if its span records it. The function may have failed after the call, or
/// may have returned something else in place of a failed call.
pub(crate) fn complete(call: &mut FinishedSpan, around: Around) {
    let recorded = gen_ai::recorded(&call.fields.by_name());
    if !recorded.input {
        call.input = around.input;
        call.parameters = around.parameters;
    }
    // They tell the API, which most spans do not name, and which arguments are secrets.
    call.types = around.types;
    let names = |attributes: &[&str]| attributes.iter().any(|name| call.fields.get(name).is_some());
    call.provider = around.provider.filter(|_| !names(&[semconv::PROVIDER_NAME, semconv::SYSTEM]));
    call.model = around.model.filter(|_| !names(&[semconv::REQUEST_MODEL]));
    let output = around.output.filter(|_| !recorded.output);
    let has_returned = matches!(around.ending, Ending::Returned | Ending::Unseen(_));
    let takes_ending = match recorded.outcome {
        Outcome::Response => call.ending == Ending::Unfinished,
        Outcome::Failure | Outcome::Unknown => true,
        Outcome::FailureWithMessage => false,
    };
    // The items of a stream are those of the call, however the stream ended.
    let is_stream = matches!(output, Some(Output::Chunks(_)));
    if is_stream && has_returned {
        // The span does not record what the reader of the stream received.
        call.lacks_an_answer = false;
    }
    let is_success =
        !call.lacks_an_answer && matches!(recorded.outcome, Outcome::Response | Outcome::Unknown);
    if !has_returned && takes_ending {
        (call.ending, call.output) = (around.ending, output);
    } else if is_success && (has_returned || is_stream) {
        call.output = output;
        call.time_to_first_chunk = call.time_to_first_chunk.or(around.time_to_first_chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::convert::tests::span;

    #[test]
    fn types_around_are_those_of_the_call() {
        let types = TypeNames { arguments: "(&langchain_rust::llm::openai::OpenAI, &str)", returned: "" };
        let mut call = FinishedSpan { is_external: true, ..span() };
        complete(&mut call, Around::from_function(&FinishedSpan { types, ..span() }));
        assert_eq!(call.types, types);
    }

    #[test]
    fn stream_around_shows_what_the_span_lacks() {
        let text = || Captured::Text("Hi".to_owned());
        let first = Some(Duration::from_millis(3));
        for (output, ending, lacks_an_answer) in [
            (Output::Chunks([text()].into_iter().collect()), Ending::Returned, false),
            (Output::Chunks([text()].into_iter().collect()), Ending::Cancelled, true),
            // The function may return something else in place of a failed call.
            (Output::Value(text()), Ending::Returned, true),
        ] {
            let output = Some(output);
            let function = FinishedSpan { output, ending, time_to_first_chunk: first, ..span() };
            let mut call = FinishedSpan { is_external: true, lacks_an_answer: true, ..span() };
            complete(&mut call, Around::from_function(&function));
            assert_eq!(call.lacks_an_answer, lacks_an_answer, "{function:?}");
            let taken = if lacks_an_answer { None } else { first };
            assert_eq!(call.time_to_first_chunk, taken, "{function:?}");
        }
    }
}
