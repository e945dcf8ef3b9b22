//! Writes what was read of a call into its request log.

use super::finish::Finish;
use super::reading::Reply;
use super::{FINISH_REASON, PROVIDER_FINISH_REASON};
use crate::blueprint::{ChatPrompt, CompletionPrompt, LogRequest, Message, Prompt, RequestStatus};

/// Returns the output in the form of the input: if the input is a completion and the output is a single
/// text message, the output becomes a completion too.
pub fn output_like(input: &Prompt, output: Option<Prompt>) -> Prompt {
    match (input, output) {
        (_, None) => match input {
            Prompt::Completion(_) => CompletionPrompt::default().into(),
            _ => ChatPrompt::default().into(),
        },
        (Prompt::Completion(_), Some(Prompt::Chat(chat))) => match chat.messages.as_slice() {
            [Message::Assistant(only)] if only.tool_calls.is_empty() => {
                CompletionPrompt::new(only.content.clone()).into()
            }
            _ => chat.into(),
        },
        (_, Some(output)) => output,
    }
}

/// Adds response data that has no field in the log to the metadata. Keys that the user has set are not
/// overwritten.
pub fn add_metadata(log: &mut LogRequest, reply: &Reply) {
    let mut add = |key: &str, value: String| {
        log.metadata.entry(key.to_owned()).or_insert(value);
    };
    if let Some(finish) = &reply.finish {
        let normalized = finish.normalized();
        add(FINISH_REASON, normalized.to_owned());
        if finish.word != normalized {
            add(PROVIDER_FINISH_REASON, finish.word.clone());
        }
    }
    for (key, count) in reply.usage.metadata() {
        add(key, count.to_string());
    }
    for (key, value) in &reply.metadata {
        add(key, value.clone());
    }
}

/// Sets the status of a call that returned: the error of the response, or the problem that its finish reason tells.
pub fn set_outcome(log: &mut LogRequest, reply: &Reply) {
    let problem = || reply.finish.as_ref().and_then(Finish::problem);
    if let Some((kind, message)) = &reply.error {
        log.status = RequestStatus::Error;
        log.set_error(*kind, message);
    } else if let Some((status, kind, message)) = problem() {
        log.status = status;
        log.set_error(kind, message);
    }
}
