//! A prompt on its way into a provider's request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::iter::Enumerate;
use std::slice::Iter;

use serde_json::Value;

use super::call_ids::{self, CallIds};
use super::json::{self, Object};
use crate::blueprint::{
    AssistantMessage, ChatPrompt, ContentBlock, FunctionCallChoice, Message, Prompt, Tool, ToolChoice,
};

/// Why a part of a prompt is left out.
pub(super) type Reason = &'static str;
pub(super) const NO_SUCH_BLOCK: Reason = "the API has no such content here";
pub(super) const NO_SUCH_MESSAGE: Reason = "the API has no such message";
pub(super) const NO_SUCH_CHOICE: Reason = "the API has no such tool choice";
pub(super) const NO_DEVELOPER: Reason = "the API has the role `system` in its place";
pub(super) const NO_NAMES: Reason = "the API has no names of participants";
pub(super) const NO_LEGACY: Reason = "the API has no legacy form of tools";
pub(super) const NO_OBJECT: Reason = "the arguments are no JSON object";
pub(super) const NOT_ALL: Reason = "the API has no field for a part of it";

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
    /// The prompt as a chat, for formats without completions.
    pub(super) chat: &'a ChatPrompt,
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

    /// Returns the tool choice: a mode, or `function` and its name. A mode of that name does not exist.
    pub(super) fn tool_choice(&self) -> Option<(&'a str, &'a str)> {
        let mode = |mode: &'a str| if mode == "function" { ("", "") } else { (mode, "") };
        Some(match (&self.chat.tool_choice, &self.chat.function_call) {
            (Some(ToolChoice::Mode(choice)), _) | (None, Some(FunctionCallChoice::Mode(choice))) => {
                mode(choice)
            }
            (Some(ToolChoice::Function(choice)), _) => ("function", &choice.function.name),
            (None, Some(FunctionCallChoice::Function(function))) => ("function", &function.name),
            (Some(ToolChoice::Other(_)), _) => ("", ""),
            (None, None) => return None,
        })
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
    Tool(Option<Cow<'a, str>>, &'a str),
}

impl Role<'_> {
    /// Returns the name that most formats have for it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant(_) => "assistant",
            Self::Tool(..) => "tool",
        }
    }
}

/// A function call of the model.
pub(super) struct Call<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) name: &'a str,
    pub(super) arguments: Object,
}

/// Which ids of calls are in a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    /// All. A call without an id gets one.
    Required,
    /// None, if a reader would generate the same ones.
    Optional,
}

/// The messages of a chat, one after the other.
pub(super) struct Turns<'a> {
    messages: Enumerate<Iter<'a, Message>>,
    /// The ids of the calls so far, for formats that require them.
    required: Option<CallIds>,
    /// `true` if calls have ids in the request.
    has_ids: bool,
    /// The function of each call, by id.
    functions: HashMap<&'a str, &'a str>,
}

impl<'a> Turns<'a> {
    pub(super) fn new(chat: &'a ChatPrompt, ids: Ids) -> Self {
        let is_required = ids == Ids::Required;
        Self {
            messages: chat.messages.iter().enumerate(),
            required: is_required.then(CallIds::default),
            has_ids: is_required || !call_ids::are_made_up(&chat.messages),
            functions: HashMap::new(),
        }
    }

    pub(super) fn next(&mut self, omissions: &mut Omissions) -> Option<Turn<'a>> {
        let (at, message) = self.messages.find(|(at, message)| {
            let is_unknown = matches!(message, Message::Placeholder(_) | Message::Other(_));
            if is_unknown {
                omissions.add(format!("messages[{at}]"), NO_SUCH_MESSAGE);
            }
            !is_unknown
        })?;
        let place = format!("messages[{at}]");
        let role = match message {
            Message::System(_) => Role::System,
            Message::Developer(_) => {
                omissions.add(format!("{place}.role"), NO_DEVELOPER);
                Role::System
            }
            Message::Assistant(message) => Role::Assistant(self.calls(&place, message, omissions)),
            Message::Tool(result) => {
                let id = result.tool_call_id.as_str();
                let name = result.name.as_deref().or_else(|| self.functions.get(id).copied());
                let written = match &mut self.required {
                    Some(ids) => Some(ids.result(Some(id), result.name.as_deref()).into()),
                    None => self.known_id(id),
                };
                Role::Tool(written, name.unwrap_or(id))
            }
            Message::Function(result) => {
                let ids = self.required.as_mut();
                Role::Tool(ids.map(|ids| ids.result(None, Some(&result.name)).into()), &result.name)
            }
            _ => Role::User,
        };
        if message.name().is_some() && !matches!(message, Message::Tool(_)) {
            omissions.add(format!("{place}.name"), NO_NAMES);
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
                omissions.add(place, NO_OBJECT);
                Object::new()
            });
            let id = match &mut self.required {
                Some(ids) => Some(ids.call(Some(id), &function.name).into()),
                None => self.known_id(id),
            };
            Call { id, name: &function.name, arguments }
        });
        calls.collect()
    }

    fn known_id(&self, id: &'a str) -> Option<Cow<'a, str>> {
        (self.has_ids && !id.is_empty()).then_some(Cow::Borrowed(id))
    }
}

/// Collects what is left out.
#[derive(Debug, Default)]
pub(super) struct Omissions(Vec<Omission>);

impl Omissions {
    /// Reports a part of the prompt that is left out.
    pub(super) fn add(&mut self, place: impl Into<String>, reason: Reason) {
        self.0.push(Omission { place: place.into(), reason });
    }

    /// Reports a content if it is not read back from the request as it was written.
    pub(super) fn compare(&mut self, place: String, written: &[ContentBlock], read: &[ContentBlock]) {
        if read.is_empty() && !written.is_empty() {
            self.add(place, NO_SUCH_BLOCK);
        } else if read != written {
            self.add(place, NOT_ALL);
        }
    }

    /// Writes the tools of a prompt. Reports those that the API does not have.
    pub(super) fn tools(&mut self, chat: &ChatPrompt, write: impl Fn(&Tool) -> Option<Value>) -> Vec<Value> {
        let mut tools = Vec::new();
        for (at, tool) in chat.tools.iter().enumerate() {
            match write(tool) {
                Some(tool) => tools.push(tool),
                None => self.add(format!("tools[{at}]"), "the API has no such tool"),
            }
        }
        tools
    }

    /// Writes the tool choice of a prompt, by its mode, or `function` and its name. Reports a choice that the API does
    /// not have.
    pub(super) fn tool_choice(
        &mut self,
        draft: &Draft<'_>,
        write: impl Fn(&str, &str) -> Option<Value>,
    ) -> Option<Value> {
        let (mode, name) = draft.tool_choice()?;
        let choice = write(mode, name);
        if choice.is_none() {
            self.add("tool_choice", NO_SUCH_CHOICE);
        }
        choice
    }

    /// Reports the legacy form of tools.
    pub(super) fn legacy_tools(&mut self, chat: &ChatPrompt) {
        if !chat.functions.is_empty() || chat.function_call.is_some() {
            self.add("functions", NO_LEGACY);
        }
    }

    /// Returns what was reported, in order.
    pub(super) fn into_list(self) -> Vec<Omission> {
        self.0
    }
}
