//! The content of an exchange in one form for all providers, to compare logs with it.

use promptlayer_tracing::blueprint::{ContentBlock, Message, Prompt};
use serde_json::Value;

/// One piece of content. Consecutive texts of the same role count as one.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Text {
        role: &'static str,
        text: String,
    },
    Thinking(String),
    /// A tool call. The id is `None` if the wire format has no ids.
    Call {
        id: Option<String>,
        name: String,
        arguments: Arguments,
    },
    /// The result of the tool call with this id.
    Result {
        id: Option<String>,
        text: String,
    },
}

/// The arguments of a call: JSON, or the incomplete text of a model that was cut off.
#[derive(Debug, Clone)]
pub(crate) enum Arguments {
    Json(Value),
    Text(String),
}

impl Arguments {
    pub(crate) fn of(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Text(text.to_owned()),
        }
    }
}

impl Said {
    pub(crate) fn text(role: &'static str, text: impl Into<String>) -> Self {
        Self::Text { role, text: text.into() }
    }

    /// Returns `true` if `other`, taken from a log, matches this content.
    fn is_said_by(&self, other: &Self) -> bool {
        let same_id = |id: &Option<String>, given: &Option<String>| id.is_none() || id == given;
        match (self, other) {
            (Self::Text { role, text }, Self::Text { role: other, text: given }) => {
                role == other && text == given
            }
            (Self::Thinking(text), Self::Thinking(given)) => text == given,
            (Self::Call { id, name, arguments }, Self::Call { id: given, name: other, arguments: said }) => {
                same_id(id, given)
                    && name == other
                    && match (arguments, said) {
                        (Arguments::Json(a), Arguments::Json(b)) => a == b,
                        (Arguments::Text(a), Arguments::Text(b)) => a == b,
                        _ => false,
                    }
            }
            (Self::Result { id, text }, Self::Result { id: given, text: said }) => {
                let json = |text: &str| serde_json::from_str::<Value>(text).ok();
                same_id(id, given) && (text == said || (json(text).is_some() && json(text) == json(said)))
            }
            _ => false,
        }
    }
}

/// Returns the content of a prompt in the log.
pub(crate) fn of_prompt(prompt: &Prompt) -> Vec<Said> {
    match prompt {
        Prompt::Chat(chat) => joined(chat.messages.iter().flat_map(of_message).collect()),
        Prompt::Completion(completion) => {
            joined(completion.content.iter().filter_map(|block| of_block("assistant", block)).collect())
        }
        _ => panic!("a prompt of a third kind"),
    }
}

fn of_message(message: &Message) -> Vec<Said> {
    if let Message::Tool(result) = message {
        return vec![Said::Result { id: Some(result.tool_call_id.clone()), text: message.text() }];
    }
    let role = match message.role() {
        "system" | "developer" => "system",
        "user" => "user",
        "assistant" => "assistant",
        other => panic!("a message of {other}: {message:?}"),
    };
    let mut said: Vec<Said> = message.content().iter().filter_map(|block| of_block(role, block)).collect();
    if let Message::Assistant(assistant) = message {
        said.extend(assistant.tool_calls.iter().map(|call| Said::Call {
            id: Some(call.id.clone()),
            name: call.function.name.clone(),
            arguments: Arguments::of(&call.function.arguments),
        }));
    }
    said
}

fn of_block(role: &'static str, block: &ContentBlock) -> Option<Said> {
    match block {
        ContentBlock::Text(text) => Some(Said::text(role, &*text.text)),
        ContentBlock::Thinking(thinking) => Some(Said::Thinking(thinking.thinking.clone())),
        _ => None,
    }
}

/// Joins consecutive texts and removes empty ones.
pub(crate) fn joined(said: Vec<Said>) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    for one in said {
        match (all.last_mut(), one) {
            (_, Said::Text { text, .. } | Said::Thinking(text)) if text.is_empty() => {}
            (Some(Said::Text { role, text }), Said::Text { role: next, text: more }) if *role == next => {
                text.push_str(&more);
            }
            (Some(Said::Thinking(text)), Said::Thinking(more)) => text.push_str(&more),
            (_, one) => all.push(one),
        }
    }
    all
}

/// Describes the first difference between the expected and the logged content.
pub(crate) fn difference(expected: &[Said], given: &[Said]) -> Option<String> {
    let first = expected.iter().zip(given).position(|(expected, given)| !expected.is_said_by(given));
    let at = first.or((expected.len() != given.len()).then(|| expected.len().min(given.len())))?;
    let shown =
        |said: Option<&Said>| said.map_or_else(|| "nothing".to_owned(), |said| short(&format!("{said:?}")));
    Some(format!("at {at}: expected {}, got {}", shown(expected.get(at)), shown(given.get(at))))
}

/// Shortens a text for a failure message.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
