//! A prompt on its way into a provider's request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::iter::Enumerate;
use std::slice::Iter;

use super::call_ids;
use super::json::{self, Object};
use crate::blueprint::{AssistantMessage, ChatPrompt, ContentBlock, Message, Prompt};

/// A part of a prompt that a provider's API cannot express.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Omission {
    /// Its place in the prompt, such as `messages[2].content[0]`.
    pub place: String,
    /// Why it is left out.
    pub reason: &'static str,
}

impl fmt::Display for Omission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.reason)
    }
}

/// A prompt on its way into a request.
#[derive(Clone, Copy)]
pub(super) struct Draft<'a> {
    pub(super) prompt: &'a Prompt,
    /// PromptLayer's name of the provider. Providers that share a wire format differ in details.
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    /// Parameters, by the names of the provider.
    pub(super) parameters: &'a Object,
}

impl<'a> Draft<'a> {
    /// Returns a body with the parameters and the model.
    pub(super) fn body(&self) -> Object {
        let mut body = self.parameters.clone();
        body.insert("model".to_owned(), self.model.into());
        body
    }

    /// Returns the prompt as a chat, for formats without completions.
    pub(super) fn chat(&self) -> Cow<'a, ChatPrompt> {
        match self.prompt {
            Prompt::Chat(chat) => Cow::Borrowed(chat),
            Prompt::Completion(prompt) => {
                Cow::Owned(ChatPrompt::new([Message::user(prompt.content.clone())]))
            }
        }
    }
}

/// A message on its way into a request.
pub(super) struct Turn<'a> {
    /// Its place in the prompt.
    pub(super) place: String,
    pub(super) role: Role<'a>,
    pub(super) content: &'a [ContentBlock],
}

/// The role of a message, for formats with no more roles than these.
pub(super) enum Role<'a> {
    System,
    User,
    Assistant(Vec<Call<'a>>),
    /// The result of a call, with the call's id if it has one, and the name of the function.
    Tool(Option<&'a str>, &'a str),
}

/// A function call of the model.
pub(super) struct Call<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) arguments: Object,
}

/// The messages of a chat, one after the other.
pub(super) struct Turns<'a> {
    messages: Enumerate<Iter<'a, Message>>,
    /// `true` if calls have ids in the request: a reader would generate other ones.
    has_ids: bool,
    /// The function of each call, by id.
    functions: HashMap<&'a str, &'a str>,
}

impl<'a> Turns<'a> {
    pub(super) fn new(chat: &'a ChatPrompt) -> Self {
        let has_ids = !call_ids::are_made_up(&chat.messages);
        Self { messages: chat.messages.iter().enumerate(), has_ids, functions: HashMap::new() }
    }

    /// Returns the next message.
    pub(super) fn next(&mut self, omissions: &mut Omissions) -> Option<Turn<'a>> {
        let (at, message) = self.messages.find(|(at, message)| {
            let is_unknown = matches!(message, Message::Placeholder(_) | Message::Other(_));
            if is_unknown {
                omissions.add(format!("messages[{at}]"), "the API has no such message");
            }
            !is_unknown
        })?;
        let place = format!("messages[{at}]");
        let (role, name) = match message {
            Message::System(message) => (Role::System, &message.name),
            Message::Developer(message) => (Role::System, &message.name),
            Message::User(message) => (Role::User, &message.name),
            Message::Assistant(message) => {
                (Role::Assistant(self.calls(&place, message, omissions)), &message.name)
            }
            Message::Tool(message) => {
                let id = message.tool_call_id.as_str();
                let name = message.name.as_deref().or_else(|| self.functions.get(id).copied());
                (Role::Tool(self.written_id(id), name.unwrap_or(id)), &None)
            }
            Message::Function(message) => (Role::Tool(None, &message.name), &None),
            Message::Placeholder(_) | Message::Other(_) => return None,
        };
        if name.is_some() {
            omissions.add(format!("{place}.name"), "the API has no names of participants");
        }
        Some(Turn { place, role, content: message.content() })
    }

    fn calls(
        &mut self,
        place: &str,
        message: &'a AssistantMessage,
        omissions: &mut Omissions,
    ) -> Vec<Call<'a>> {
        let legacy = message.function_call.iter().map(|call| ("", call));
        let calls = message.tool_calls.iter().map(|call| (call.id.as_str(), &call.function)).chain(legacy);
        let calls = calls.enumerate().map(|(at, (id, function))| {
            self.functions.insert(id, &function.name);
            let arguments = json::arguments(&function.arguments).unwrap_or_else(|| {
                let place = format!("{place}.tool_calls[{at}].function.arguments");
                omissions.add(place, "the arguments are no JSON object");
                Object::new()
            });
            Call { id: self.written_id(id), name: &function.name, arguments }
        });
        calls.collect()
    }

    fn written_id(&self, id: &'a str) -> Option<&'a str> {
        Some(id).filter(|id| self.has_ids && !id.is_empty())
    }
}

/// Collects what is left out.
#[derive(Debug, Default)]
pub(super) struct Omissions(Vec<Omission>);

impl Omissions {
    /// Reports a part of the prompt that is left out.
    pub(super) fn add(&mut self, place: impl Into<String>, reason: &'static str) {
        self.0.push(Omission { place: place.into(), reason });
    }

    /// Reports a content if it is not read back from the request as it was written.
    pub(super) fn compare(&mut self, place: String, written: &[ContentBlock], read: &[ContentBlock]) {
        if read.is_empty() && !written.is_empty() {
            self.add(place, "the API has no such content");
        } else if read != written {
            self.add(place, "the API has no field for a part of it");
        }
    }

    /// Returns what was reported, in order.
    pub(super) fn into_list(self) -> Vec<Omission> {
        self.0
    }
}
