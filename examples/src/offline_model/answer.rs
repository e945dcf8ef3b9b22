//! The answers of the model, and their estimated token counts.

use super::request::{Chat, Message};
use super::tools::{self, ToolCall};

/// The known questions and their answers. A question is a list of user messages.
const KNOWN: [(&[&str], &str); 3] = [
    (&["What comes after 1,2,3 ?", "Tell me another joke?"], "4 comes after 1, 2, 3."),
    (&["Once upon a time, "], "there was a toaster."),
    (&["What is a good name for a company that makes toasters?"], "\n\nToastly Goods"),
];

/// The estimated number of characters per token.
const CHARACTERS_A_TOKEN: usize = 4;

/// An answer of the model.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// A text. `cut` is `true` if it was truncated to the token limit of the request.
    Text { text: String, cut: bool },
    /// Tool calls.
    ToolCalls(Vec<ToolCall>),
}

impl Answer {
    /// Returns the finish reason, with the name that the API uses.
    pub(super) fn finish_reason(&self) -> &'static str {
        match self {
            Self::Text { cut: false, .. } => "stop",
            Self::Text { cut: true, .. } => "length",
            Self::ToolCalls(_) => "tool_calls",
        }
    }

    /// Returns the estimated number of tokens.
    pub(super) fn tokens(&self) -> u64 {
        match self {
            Self::Text { text, .. } => tokens(text),
            Self::ToolCalls(calls) => {
                calls.iter().map(|call| tokens(&call.name) + tokens(&call.arguments)).sum()
            }
        }
    }
}

/// Answers a conversation.
pub(super) fn to_chat(request: &Chat) -> Answer {
    let calls = tools::calls(request);
    if calls.is_empty() {
        cut(conversation(&request.messages), request.options.max_tokens)
    } else {
        Answer::ToolCalls(calls)
    }
}

/// Continues a text.
pub(super) fn to_prompt(prompt: &str, max_tokens: Option<u64>) -> Answer {
    cut(known(&[prompt]).unwrap_or_else(|| said(prompt)), max_tokens)
}

/// Returns the estimated number of tokens of a text: one per four characters, rounded up.
pub(super) fn tokens(text: &str) -> u64 {
    text.chars().count().div_ceil(CHARACTERS_A_TOKEN) as u64
}

fn conversation(messages: &[Message]) -> String {
    let results: Vec<_> = messages
        .iter()
        .rev()
        .take_while(|message| message.role == "tool")
        .map(|message| message.text.as_str())
        .collect();
    if !results.is_empty() {
        let results: Vec<_> = results.into_iter().rev().collect();
        return format!("(offline model) The tools answered: {}", results.join("; "));
    }
    let said_by_user: Vec<_> = messages
        .iter()
        .filter(|message| message.role == "user")
        .map(|message| message.text.as_str())
        .collect();
    let Some(last) = said_by_user.last() else {
        return "(offline model) There is no message of a user to answer.".to_owned();
    };
    known(&said_by_user).or_else(|| known(&[last])).unwrap_or_else(|| said(last))
}

fn known(questions: &[&str]) -> Option<String> {
    let same = |known: &[&str]| {
        known.len() == questions.len()
            && known.iter().zip(questions).all(|(one, other)| one.trim() == other.trim())
    };
    KNOWN.iter().find(|(known, _)| same(known)).map(|(_, answer)| (*answer).to_owned())
}

fn said(text: &str) -> String {
    format!("(offline model) You said: {text}")
}

fn cut(text: String, max_tokens: Option<u64>) -> Answer {
    match max_tokens {
        Some(most) if tokens(&text) > most => {
            let characters = usize::try_from(most).unwrap_or(usize::MAX).saturating_mul(CHARACTERS_A_TOKEN);
            Answer::Text { text: text.chars().take(characters).collect(), cut: true }
        }
        _ => Answer::Text { text, cut: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_four_characters_rounded_up() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("four"), 1);
        assert_eq!(tokens("fivef"), 2);
        assert_eq!(tokens("éééé"), 1);
    }

    #[test]
    fn token_limit_truncates_answer_with_reason_length() {
        let answer = to_prompt("Once upon a time, ", Some(2));
        assert_eq!(answer, Answer::Text { text: "there wa".to_owned(), cut: true });
        assert_eq!(answer.finish_reason(), "length");
    }

    #[test]
    fn answer_within_the_token_limit_is_not_truncated() {
        let answer = to_prompt("Once upon a time, ", Some(5));
        assert_eq!(answer, Answer::Text { text: "there was a toaster.".to_owned(), cut: false });
    }
}
