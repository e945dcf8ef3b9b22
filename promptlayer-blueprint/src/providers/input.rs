//! Reads the input of a model call: a provider's request, or the arguments of a function, by their names.

mod names;
mod position;

use serde_json::{Map, Value};

use self::names::{HISTORY, MODEL, PARAMETERS, SYSTEM, USER, is_known};
use super::reading::Request;
use super::{REDACTED, crates, json, messages, openai_chat};
use crate::blueprint::{ChatPrompt, Message};

/// The input of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The arguments of a function, by name and in order.
    Arguments(Vec<(String, Value)>),
    /// One value.
    Value(Value),
}

/// Reads the input of a model call.
pub fn request(input: Input) -> Request {
    match input {
        Input::Arguments(arguments) => {
            by_name(arguments.into_iter().map(|(name, value)| (name, crates::request(value))).collect())
        }
        Input::Value(value) => of_value(crates::request(value)),
    }
}

/// Reads a single value as the whole input.
fn of_value(value: Value) -> Request {
    if let Some(request) = position::alone(&value) {
        return request;
    }
    match value {
        // An object with the field names of known arguments is read as arguments.
        Value::Object(object) if object.keys().any(|name| is_known(name)) => {
            by_role(object.into_iter().collect())
        }
        Value::Null => Request::default(),
        value if messages::is_messages_of_any_form(&value) || messages::is_message_of_any_form(&value) => {
            chat(openai_chat::messages(&value))
        }
        value => chat(vec![Message::user(json::readable(&value))]),
    }
}

fn chat(messages: Vec<Message>) -> Request {
    Request { prompt: Some(ChatPrompt::new(messages).into()), ..Request::default() }
}

/// Reads a function's arguments. Skips arguments without content, such as clients and handles.
fn by_name(values: Vec<(String, Value)>) -> Request {
    // If one argument is a provider's request, it is the whole request.
    if let Some((own, mut request)) = position::among(&values) {
        for (name, value) in values.iter().filter(|(name, value)| name != own && !value.is_null()) {
            // Some APIs have the model in the URL, not in the request.
            if let (true, Value::String(model)) = (MODEL.contains(&name.as_str()), value)
                && request.model.is_none()
            {
                request.model = Some(model.clone());
            } else if PARAMETERS.contains(&name.as_str()) {
                request.parameters.entry(name.clone()).or_insert_with(|| value.clone());
            } else {
                request.unplaced.insert(name.clone(), value.clone());
            }
        }
        return request;
    }
    if let [(name, value)] = values.as_slice()
        && !is_known(name)
    {
        return of_value(value.clone());
    }
    by_role(values)
}

/// Assigns each named value to its role in the request.
fn by_role(values: Vec<(String, Value)>) -> Request {
    let mut request = Request::default();
    let (mut system, mut messages, mut user) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tools, mut rest) = (Vec::new(), Map::new());
    for (name, value) in values {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            (known, Value::String(model)) if MODEL.contains(&known) => request.model = Some(model),
            (known, value) if PARAMETERS.contains(&known) => {
                request.parameters.insert(name, value);
            }
            ("messages", value) => messages.extend(openai_chat::messages(&value)),
            (known, value) if HISTORY.contains(&known) && messages::is_messages_of_any_form(&value) => {
                messages.splice(0..0, openai_chat::messages(&value));
            }
            ("tools", value) => match openai_chat::tools(&value) {
                Some(functions) => tools = functions,
                None => {
                    rest.insert(name, value);
                }
            },
            (known, value) if SYSTEM.contains(&known) => {
                system.push(Message::system(json::readable(&value)));
            }
            (known, value)
                if USER.contains(&known)
                    && (messages::is_messages_of_any_form(&value)
                        || messages::is_message_of_any_form(&value)) =>
            {
                messages.extend(openai_chat::messages(&value));
            }
            (known, value) if USER.contains(&known) => user.push(Message::user(json::readable(&value))),
            (_, value) => {
                rest.insert(name, value);
            }
        }
    }
    system.extend(messages);
    system.extend(user);
    let mut messages = system;
    let says_nothing = !messages.iter().any(|message| !matches!(message, Message::System(_)));
    if says_nothing && !rest.is_empty() {
        let mut texts = rest.iter().filter(|(_, value)| value.as_str().is_some_and(|text| text != REDACTED));
        // If there is exactly one text, it is the user's question. Otherwise all values become the message.
        let asked = match (texts.next(), texts.next()) {
            (Some((name, _)), None) => Some(name.clone()),
            _ => None,
        };
        let asked = asked.and_then(|name| rest.remove(&name));
        let said = asked.unwrap_or_else(|| Value::Object(std::mem::take(&mut rest)));
        messages.push(Message::user(json::readable(&said)));
    }
    request.unplaced = rest;
    if !messages.is_empty() {
        let mut prompt = ChatPrompt::new(messages);
        prompt.tools = tools;
        request.prompt = Some(prompt.into());
    }
    request
}
