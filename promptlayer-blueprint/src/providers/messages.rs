//! Messages: a role and content.
//!
//! Providers use nearly the same form. The messages of an application's own types are read too: other names of
//! roles and fields, and enums whose variants are the roles.

use std::borrow::Cow;

use serde_json::Value;

use super::json::{Fields, Object};
use super::words::{Words, words};
use crate::blueprint::{ContentBlock, FunctionMessage, Message};

/// The role of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Instructions for the model.
    System,
    /// Instructions for the model, in the role that newer models of `OpenAI` use.
    Developer,
    /// The user of the application.
    User,
    /// The model.
    Assistant,
    /// Result of a tool call.
    Tool,
    /// Result of a function call, in the legacy form of tools.
    Function,
}

/// The names of the roles, in lower case.
const ROLES: &[(&str, Role)] = &[
    ("system", Role::System),
    ("developer", Role::Developer),
    ("user", Role::User),
    ("human", Role::User),
    ("assistant", Role::Assistant),
    ("ai", Role::Assistant),
    ("model", Role::Assistant),
    ("bot", Role::Assistant),
    ("chatbot", Role::Assistant),
    ("agent", Role::Assistant),
    ("tool", Role::Tool),
    ("function", Role::Function),
];

/// Fields with the name of the role.
const ROLE_FIELDS: &[&str] = &["role", "message_type", "type", "author", "sender", "from", "speaker"];

/// Fields with the name of a participant, if it is not the name of a role.
const NAME_FIELDS: &[&str] = &["name", "author", "sender", "from", "speaker"];

/// Fields with the content, if there is no `content`.
const TEXT_FIELDS: &[&str] = &["text", "message", "body", "value", "parts"];

/// Fields of the common form beside `content` that hold a part of what a message says.
const OTHER_CONTENT: Words = words!(
    "tool_calls function_call refusal audio images annotations reasoning reasoning_content reasoning_text \
     reasoning_details thinking_blocks"
);

impl Role {
    /// Returns the role of this name, in any case: `User`, `human`, `HumanMessage`, `user_message`.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        const SUFFIX: &str = "message";
        let (short, suffix) = name.split_at_checked(name.len().saturating_sub(SUFFIX.len()))?;
        let name = if suffix.eq_ignore_ascii_case(SUFFIX) { short.trim_end_matches('_') } else { name };
        ROLES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, role)| *role)
    }

    pub(super) fn message(self, content: Vec<ContentBlock>) -> Message {
        match self {
            Self::System => Message::system(content),
            Self::Developer => Message::developer(content),
            Self::User => Message::user(content),
            Self::Assistant => Message::assistant(content),
            Self::Tool => Message::tool("", content),
            Self::Function => Message::Function(FunctionMessage { content, ..FunctionMessage::default() }),
        }
    }
}

/// Returns the role of a message. The role of a message without a known role is that of the user.
pub(super) fn role(message: &Object) -> Role {
    named_role(message).unwrap_or(Role::User)
}

fn named_role(message: &Object) -> Option<Role> {
    match message.get("role") {
        Some(Value::String(role)) => Role::from_name(role),
        _ => ROLE_FIELDS.iter().find_map(|field| Role::from_name(message.text(field)?)),
    }
}

/// Returns the role and the content of an enum's variant: `{"Human": "…"}`.
pub(super) fn variant(message: &Object) -> Option<(Role, &Value)> {
    let mut fields = message.iter();
    match (fields.next(), fields.next()) {
        (Some((name, content)), None) => Some((Role::from_name(name)?, content)),
        _ => None,
    }
}

/// Returns the name of the participant. A `role` that is not one of the roles is a name too.
pub(super) fn participant(message: &Object) -> Option<String> {
    let is_role = |name: &&str| Role::from_name(name).is_some();
    let name_at = |field: &&str| message.text(field).filter(|name| *field == "name" || !is_role(name));
    let own_role = || message.text("role").filter(|name| !is_role(name));
    NAME_FIELDS.iter().find_map(name_at).or_else(own_role).map(str::to_owned)
}

/// Returns the content of a message with this role. If no field of a known name holds it, all fields that do not
/// describe the message are the content.
pub(super) fn content(message: &Object, role: Role) -> Option<Cow<'_, Value>> {
    let text = || TEXT_FIELDS.iter().find_map(|field| message.field(field));
    if let Some(content) = message.field("content").or_else(text) {
        return Some(Cow::Borrowed(content));
    }
    let is_content = |field: &str| message.get(field).is_some_and(|value| !is_empty(value));
    let has_other = role == Role::Assistant && OTHER_CONTENT.iter().any(is_content);
    if message.contains_key("content") || has_other {
        return None;
    }
    let describes = |field: &str| {
        let is_role = || message.text(field).and_then(Role::from_name).is_some();
        ["role", "id", "tool_call_id"].contains(&field)
            || (NAME_FIELDS.contains(&field) && message.text(field).is_some())
            || (ROLE_FIELDS.contains(&field) && is_role())
    };
    let rest = message.iter().filter(|(field, _)| is_content(field) && !describes(field));
    let mut rest: Object = rest.map(|(field, value)| (field.clone(), value.clone())).collect();
    match rest.len() {
        // A lone setting, such as `"prefix": true`, says nothing.
        _ if rest.values().all(Value::is_boolean) => None,
        1 => rest.values_mut().next().map(Value::take).map(Cow::Owned),
        _ => Some(Cow::Owned(rest.into())),
    }
}

/// Returns `true` if a value is `null`, or an empty text, list or object.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Sets the name of the participant. A message with the result of a function has the name of the function.
pub(super) fn set_name(message: &mut Message, name: Option<String>) {
    match message {
        Message::System(message) => message.name = name,
        Message::Developer(message) => message.name = name,
        Message::User(message) => message.name = name,
        Message::Assistant(message) => message.name = name,
        Message::Tool(message) => message.name = name,
        Message::Function(message) => message.name = name.unwrap_or_default(),
        Message::Placeholder(_) | Message::Other(_) => {}
    }
}

/// Returns `true` if a value is a list of messages in the form of the providers.
pub(super) fn is_messages(value: &Value) -> bool {
    are_all(value, is_message)
}

/// Returns `true` if a value is a message in the form of the providers: an object with a role and with content.
pub(super) fn is_message(value: &Value) -> bool {
    value.has_a("role", Value::is_string)
        && (value.get("content").is_some() || OTHER_CONTENT.iter().any(|field| value.get(field).is_some()))
}

/// Returns `true` if a value is a list of messages in any form.
pub(super) fn is_messages_of_any_form(value: &Value) -> bool {
    are_all(value, is_message_of_any_form)
}

/// Returns `true` if a value is a message in any form. It must have the name of a role: other objects have texts
/// too. The variants of an enum have names in upper case.
pub(super) fn is_message_of_any_form(value: &Value) -> bool {
    let is_upper = |name: &String| name.starts_with(|c: char| c.is_ascii_uppercase());
    let is_own = |message: &Object| {
        let mut texts = TEXT_FIELDS.iter().chain(&["content"]).filter_map(|field| message.field(field));
        (variant(message).is_some() && message.keys().all(is_upper))
            || (named_role(message).is_some() && texts.any(|text| text.is_string() || text.is_array()))
    };
    is_message(value) || value.as_object().is_some_and(is_own)
}

fn are_all(value: &Value, is: fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is))
}
