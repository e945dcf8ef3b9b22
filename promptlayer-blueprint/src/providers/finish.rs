//! The reason why a model stopped.

use super::words::{Words, words};
use crate::blueprint::{ErrorType, RequestStatus};

/// The finish reason of a model, normalized across providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The model finished its answer or reached a stop sequence.
    Stop,
    /// The model reached the token limit.
    Length,
    /// The model waits for the results of tool calls.
    ToolCalls,
    /// A content filter of the provider stopped the model.
    ContentFilter,
    /// The model refused to answer.
    Refusal,
    /// The provider paused a long turn. The client can continue it.
    Pause,
    /// An error occurred during the answer.
    Error,
    /// Any other reason.
    Other,
}

/// The words of the providers, in lower case. No word has different meanings for two providers.
const WORDS: &[(Reason, Words)] = &[
    (
        Reason::Stop,
        words!(
            "stop end_turn stop_sequence complete completed eos eos_token end done finish \
         stop_criteria_met"
        ),
    ),
    (
        Reason::Length,
        words!(
            "length max_tokens max_output_tokens model_length incomplete budget_exceeded \
         model_context_window_exceeded"
        ),
    ),
    (Reason::ToolCalls, words!("tool_calls tool_call tool_use function_call requires_action")),
    (
        Reason::ContentFilter,
        words!(
            "content_filter content_filtered guardrail_intervened safety recitation blocklist \
         prohibited_content spii language image_safety image_prohibited_content image_recitation \
         error_toxic sensitive model_armor"
        ),
    ),
    (Reason::Refusal, words!("refusal")),
    (Reason::Pause, words!("pause_turn requires_continuation")),
    (
        Reason::Error,
        words!(
            "error failed cancelled malformed_function_call unexpected_tool_call too_many_tool_calls \
         malformed_response malformed_model_output missing_thought_signature malformed_tool_use \
         insufficient_system_resource error_limit timeout"
        ),
    ),
];

/// The normalized finish reason, with the provider's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    pub(super) reason: Reason,
    /// The provider's own word.
    pub word: String,
}

impl Finish {
    /// Normalizes a provider's finish reason.
    pub(super) fn from_word(word: &str) -> Self {
        let lower = word.to_ascii_lowercase();
        let reason = WORDS.iter().find(|(_, words)| words.contains(&lower)).map(|(reason, _)| *reason);
        let reason = reason.unwrap_or(Reason::Other);
        Self { reason, word: word.to_owned() }
    }

    /// Returns the most severe of several finish reasons. If several are equally severe, returns the first.
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

    /// Creates a refusal, with the finish reason that the provider reported.
    pub(super) fn refused(word: Option<&str>) -> Self {
        Self { reason: Reason::Refusal, word: word.unwrap_or("refusal").to_owned() }
    }

    /// Returns the reason [`Reason::ToolCalls`] for an answer that calls tools, if the provider has the same word for
    /// it as for other answers.
    pub(super) fn or_tool_calls(mut self, has_calls: bool) -> Self {
        if has_calls && self.reason == Reason::Stop {
            self.reason = Reason::ToolCalls;
        }
        self
    }

    /// Returns the normalized finish reason, or else the provider's own word.
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

    /// Returns the status, error type and message of the request log, if the reason is not a success.
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
