//! Why a model ended.

use crate::blueprint::{ErrorType, RequestStatus};

/// Why a model ended, in one word for all providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It had said all, or came to a stop sequence.
    Stop,
    /// It came to the greatest number of tokens.
    Length,
    /// It waits for what its tools give.
    ToolCalls,
    /// A filter of the provider's cut it off.
    ContentFilter,
    /// It would not answer.
    Refusal,
    /// The provider paused a long turn, to be gone on with.
    Pause,
    /// Something failed while it answered.
    Error,
    /// A word that is none of these.
    Other,
}

/// Why a model ended, and in which word its provider says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    pub(super) reason: Reason,
    /// The provider's own word.
    pub word: String,
}

impl Finish {
    /// Reads a provider's word; no two providers mean different things by one.
    pub(super) fn of(word: &str) -> Self {
        let reason = match word.to_ascii_lowercase().as_str() {
            "stop" | "end_turn" | "stop_sequence" | "complete" | "completed" | "eos" | "eos_token"
            | "end" | "done" => Reason::Stop,
            "length"
            | "max_tokens"
            | "max_output_tokens"
            | "model_length"
            | "incomplete"
            | "model_context_window_exceeded" => Reason::Length,
            "tool_calls" | "tool_call" | "tool_use" | "function_call" => Reason::ToolCalls,
            "content_filter"
            | "content_filtered"
            | "guardrail_intervened"
            | "safety"
            | "recitation"
            | "blocklist"
            | "prohibited_content"
            | "spii"
            | "language"
            | "image_safety"
            | "image_prohibited_content"
            | "image_recitation"
            | "error_toxic"
            | "sensitive"
            | "model_armor" => Reason::ContentFilter,
            "refusal" => Reason::Refusal,
            "pause_turn" => Reason::Pause,
            "error"
            | "failed"
            | "cancelled"
            | "malformed_function_call"
            | "unexpected_tool_call"
            | "too_many_tool_calls"
            | "malformed_response"
            | "malformed_model_output"
            | "missing_thought_signature"
            | "malformed_tool_use"
            | "insufficient_system_resource"
            | "error_limit"
            | "timeout" => Reason::Error,
            _ => Reason::Other,
        };
        Self { reason, word: word.to_owned() }
    }

    /// Of several answers, why the worst of them ended; of those that are as bad, the first.
    pub(super) fn worst(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let worse = |worst: Self, next: Self| if next.badness() > worst.badness() { next } else { worst };
        all.into_iter().reduce(worse)
    }

    fn badness(&self) -> u8 {
        match self.problem() {
            None => 0,
            Some((RequestStatus::Error, ..)) => 2,
            Some(_) => 1,
        }
    }

    /// The model would not answer, whatever word its provider ended with.
    pub(super) fn refused(word: Option<&str>) -> Self {
        Self { reason: Reason::Refusal, word: word.unwrap_or("refusal").to_owned() }
    }

    /// The one word for all providers; where there is none, the provider's own.
    pub fn normalized(&self) -> &str {
        match self.reason {
            Reason::Stop => "stop",
            Reason::Length => "length",
            Reason::ToolCalls => "tool_calls",
            Reason::ContentFilter => "content_filter",
            Reason::Refusal => "refusal",
            Reason::Pause => "pause",
            Reason::Error => "error",
            Reason::Other => &self.word,
        }
    }

    /// What it makes of the request log, where it is not a success.
    pub fn problem(&self) -> Option<(RequestStatus, ErrorType, &'static str)> {
        let partial = |message| (RequestStatus::Warning, ErrorType::ProviderPartialResponse, message);
        match self.reason {
            Reason::Length => Some(partial("the answer was cut at the greatest number of tokens")),
            Reason::ContentFilter => Some(partial("the provider's content filter cut the answer")),
            Reason::Refusal => Some(partial("the model refused to answer")),
            Reason::Error => Some((
                RequestStatus::Error,
                ErrorType::ProviderError,
                "the provider failed while it answered",
            )),
            Reason::Stop | Reason::ToolCalls | Reason::Pause | Reason::Other => None,
        }
    }
}
