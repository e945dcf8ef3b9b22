//! Reads the input of a model call: a provider's request, or the arguments of a function, by their names.
//!
//! A request is detected by its shape, also inside a text or an object. A request without a model, such as one for
//! an Azure deployment, is detected by its position.

use serde_json::{Map, Value};

use super::reading::Request;
use super::words::{Words, words};
use super::{REDACTED, crates, detect, embedded, json, messages, openai_chat};
use crate::blueprint::{ChatPrompt, ContentBlock, Message};

/// Arguments that contain the user message.
const USER: &[&str] =
    &["prompt", "question", "query", "text", "input", "message", "user_message", "user_prompt"];
/// Arguments that contain the system message.
const SYSTEM: &[&str] = &["system", "system_prompt", "instructions"];
/// Arguments that contain earlier messages.
const HISTORY: &[&str] = &["history", "chat_history"];
/// Arguments that contain the model name.
const MODEL: &[&str] = &["model", "model_id", "model_name"];
/// Arguments that contain a provider's request.
const REQUEST: &[&str] = &["request", "req", "body"];
/// Arguments that are model parameters.
const PARAMETERS: Words = words!(
    "temperature top_p top_k max_tokens max_completion_tokens max_output_tokens frequency_penalty \
     presence_penalty repeat_penalty stop seed n stream response_format reasoning_effort logprobs"
);

/// Returns `true` if an argument with this name is part of the prompt.
fn is_said(name: &str) -> bool {
    name == "messages" || USER.contains(&name) || SYSTEM.contains(&name)
}

/// Returns `true` if the name of an argument determines its meaning.
fn is_known(name: &str) -> bool {
    is_said(name) || MODEL.contains(&name)
}

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
    let value = match detect::take_request(value) {
        Ok(request) => return request,
        Err(value) => value,
    };
    if let Some(request) = without_model(&value, Place::Anywhere).or_else(|| embedded::request(&value)) {
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
        value => chat(vec![Message::user(json::into_readable(value))]),
    }
}

fn chat(messages: Vec<Message>) -> Request {
    Request { prompt: Some(ChatPrompt::new(messages).into()), ..Request::default() }
}

/// Reads a function's arguments. Skips arguments without content, such as clients and handles.
fn by_name(mut values: Vec<(String, Value)>) -> Request {
    // If one argument is a provider's request, it is the whole request.
    if let Some(mut request) = take_request(&mut values) {
        for (name, value) in values.into_iter().filter(|(_, value)| !value.is_null()) {
            match value {
                // Some APIs have the model in the URL, not in the request.
                Value::String(model) if MODEL.contains(&name.as_str()) && request.model.is_none() => {
                    request.model = Some(model);
                }
                value if PARAMETERS.contains(&name) => {
                    request.parameters.entry(name).or_insert(value);
                }
                value => {
                    request.unplaced.insert(name, value);
                }
            }
        }
        return request;
    }
    match <[(String, Value); 1]>::try_from(values) {
        Ok([(name, value)]) if !is_known(&name) => of_value(value),
        Ok(one) => by_role(one.into()),
        Err(values) => by_role(values),
    }
}

/// Returns `true` for the texts that a function takes as one list, such as those to embed.
fn is_of_texts(values: &[Value]) -> bool {
    !values.is_empty() && values.iter().all(Value::is_string)
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
            (known, value) if PARAMETERS.contains(known) => {
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
                system.push(Message::system(json::into_readable(value)));
            }
            (known, value)
                if USER.contains(&known)
                    && (messages::is_messages_of_any_form(&value)
                        || messages::is_message_of_any_form(&value)) =>
            {
                messages.extend(openai_chat::messages(&value));
            }
            (known, Value::Array(texts)) if USER.contains(&known) && is_of_texts(&texts) => {
                let blocks = texts.iter().map(|text| ContentBlock::from_text(json::readable(text)));
                user.push(Message::user(blocks.collect::<Vec<_>>()));
            }
            (known, value) if USER.contains(&known) => user.push(Message::user(json::into_readable(value))),
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
        messages.push(Message::user(json::into_readable(said)));
    }
    request.unplaced = rest;
    if !messages.is_empty() {
        let mut prompt = ChatPrompt::new(messages);
        prompt.tools = tools;
        request.prompt = Some(prompt.into());
    }
    request
}

/// Takes the argument that is a request. Arguments with usual names are tried first.
fn take_request(values: &mut Vec<(String, Value)>) -> Option<Request> {
    let in_order = || {
        let all = || values.iter().enumerate().map(|(at, (name, value))| (at, name.as_str(), value));
        all().filter(|(_, name, _)| REQUEST.contains(name)).chain(all())
    };
    let found = in_order().find_map(|(at, _, value)| Some((at, detect::request(value.as_object()?)?)));
    if let Some((at, shape)) = found {
        let Value::Object(object) = values.remove(at).1 else { return None };
        return Some((shape.request)(object));
    }
    let (at, request) = in_order()
        .find_map(|(at, name, value)| Some((at, without_model(value, Place::of(name, values))?)))
        .or_else(|| {
            let mut others = in_order().filter(|(_, name, _)| !is_known(name));
            others.find_map(|(at, _, value)| Some((at, embedded::request(value)?)))
        })?;
    values.remove(at);
    Some(request)
}

/// What the position of a value implies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The value is a request. Its name says so or a model is passed beside it, and no other argument is
    /// part of the prompt.
    Request,
    /// The value has the name of a request.
    Named,
    Anywhere,
}

impl Place {
    fn of(name: &str, values: &[(String, Value)]) -> Self {
        let is_named = REQUEST.contains(&name);
        let beside = || values.iter().filter(|(other, value)| other != name && !value.is_null());
        let has_model = beside().any(|(other, value)| MODEL.contains(&other.as_str()) && value.is_string());
        let is_all = !beside().any(|(other, _)| is_said(other));
        if is_all && (has_model || (is_named && beside().next().is_some())) {
            Self::Request
        } else if is_named {
            Self::Named
        } else {
            Self::Anywhere
        }
    }
}

/// Reads a chat completion request without a model. Unless the position identifies it, it must have a field that only
/// such a request has, and no other prompt field: a value of the application may contain messages too.
fn without_model(value: &Value, place: Place) -> Option<Request> {
    let object = value.as_object().filter(|object| openai_chat::lacks_model(object))?;
    let mut fields = object.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str());
    let is_one = place == Place::Request
        || (fields.all(|name| name == "messages" || !is_known(name))
            && (openai_chat::has_own_field(object) || (place == Place::Named && PARAMETERS.any_in(object))));
    is_one.then(|| (openai_chat::SHAPE.request)(object.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn list_of_texts_is_one_message_with_a_block_for_each() {
        let arguments =
            vec![("model".to_owned(), json!("mistral-embed")), ("input".to_owned(), json!(["Why?", "How?"]))];
        let prompt = request(Input::Arguments(arguments)).prompt.unwrap();
        let texts: Vec<Option<&str>> =
            prompt.messages()[0].content().iter().map(ContentBlock::text).collect();
        assert_eq!((prompt.messages().len(), texts), (1, vec![Some("Why?"), Some("How?")]));
    }
}
