//! Reads a call whose HTTP exchange an interceptor saw.

use promptlayer_blueprint::providers;
use serde_json::Value;

use super::{Exchanged, captured, function_output};
use crate::capture::Captured;
use crate::span::finished::{FinishedSpan, Output};
use crate::span::input_output::{Ending, Input};

/// Returns the arguments of the function as JSON, without those of which only the type is known.
fn arguments(span: &FinishedSpan) -> Option<String> {
    match captured::input(span.input.as_ref()?, &span.types)? {
        providers::Input::Arguments(arguments) if arguments.is_empty() => None,
        providers::Input::Arguments(arguments) => {
            Some(Value::Object(arguments.into_iter().collect()).to_string())
        }
        providers::Input::Value(value) => Some(value.to_string()),
    }
}

/// Reads the request and the response from the exchange. What the exchange does not show is read from the
/// call, and so is what the attribute's `input` and `output` chose.
///
/// The function's own arguments and its returned value are kept beside the log if they are not the same
/// messages.
pub(super) fn read(span: &FinishedSpan, exchange: &FinishedSpan) -> Exchanged {
    let of_call = super::read(span);
    let mut seen = super::read(exchange);

    if matches!(span.input, Some(Input::Value(_))) {
        seen.request.prompt = of_call.request.prompt;
        seen.function_input = of_call.function_input;
    } else if seen.request.prompt.is_none() {
        let model = seen.request.model.take();
        seen.request = of_call.request;
        seen.request.model = model.or(seen.request.model);
        seen.function_input = of_call.function_input;
    } else if of_call.request.prompt == seen.request.prompt {
        seen.function_input = of_call.function_input;
    } else if !span.is_external {
        seen.function_input = arguments(span);
    }

    // What a function returns after its call failed is not the model's reply.
    let has_failed = seen.reply.error.is_some() || matches!(exchange.ending, Ending::Failed(_));
    let is_type = matches!(span.output, Some(Output::Value(Captured::Type(_))));
    if span.is_output_chosen {
        seen.reply.prompt = of_call.reply.prompt;
    } else if seen.reply.prompt.is_none() && seen.reply.shape.is_none() && !has_failed && !is_type {
        seen.reply = of_call.reply;
    } else {
        if !span.is_external && !is_type && of_call.reply.prompt != seen.reply.prompt {
            seen.function_output = function_output(span);
        }
        for (key, value) in of_call.reply.metadata {
            seen.reply.metadata.entry(key).or_insert(value);
        }
    }
    seen
}
