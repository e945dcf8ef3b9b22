//! What the model says, and how long it takes it to be.

use super::request::{Chat, Message};
use super::tools::{self, ToolCall};

/// The questions it knows: what the user said, message by message, and the answer.
const KNOWN: [(&[&str], &str); 3] = [
    (&["What comes after 1,2,3 ?", "Tell me another joke?"], "4 comes after 1, 2, 3."),
    (&["Once upon a time, "], "there was a toaster."),
    (&["What is a good name for a company that makes toasters?"], "\n\nToastly Goods"),
];

/// Characters a token is reckoned at.
const CHARACTERS_A_TOKEN: usize = 4;

/// What the model answers.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// Words, and whether they were cut short by the caller's limit of tokens.
    Text { text: String, cut: bool },
    /// Tools it wants called.
    ToolCalls(Vec<ToolCall>),
}

impl Answer {
    /// Why the answer ends, as the API names it.
    pub(super) fn finish_reason(&self) -> &'static str {
        match self {
            Self::Text { cut: false, .. } => "stop",
            Self::Text { cut: true, .. } => "length",
            Self::ToolCalls(_) => "tool_calls",
        }
    }

    /// Its estimated length in tokens.
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

/// One token for every four characters begun.
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
    fn four_characters_make_a_token_and_a_fifth_begins_another() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("four"), 1);
        assert_eq!(tokens("fivef"), 2);
        assert_eq!(tokens("éééé"), 1);
    }

    #[test]
    fn a_limit_of_tokens_cuts_the_answer_and_says_so() {
        let answer = to_prompt("Once upon a time, ", Some(2));
        assert_eq!(answer, Answer::Text { text: "there wa".to_owned(), cut: true });
        assert_eq!(answer.finish_reason(), "length");
    }

    #[test]
    fn an_answer_within_the_limit_is_whole() {
        let answer = to_prompt("Once upon a time, ", Some(5));
        assert_eq!(answer, Answer::Text { text: "there was a toaster.".to_owned(), cut: false });
    }
}
