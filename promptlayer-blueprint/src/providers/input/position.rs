//! Detection of the value that is a provider's request.
//!
//! A request is detected by its shape, also inside a text or an object. A request without a model, such as one for
//! an Azure deployment, is detected by its position.

use serde_json::Value;

use super::names::{MODEL, PARAMETERS, REQUEST, is_known, is_said};
use crate::providers::reading::Request;
use crate::providers::shape::Object;
use crate::providers::{detect, embedded, openai_chat};

/// Reads a value as a request, if its shape identifies it.
pub(super) fn by_shape(value: &Value) -> Option<Request> {
    let object = value.as_object()?;
    let shape = detect::request(object)?;
    Some((shape.request)(object.clone()))
}

/// Reads a single value as a request.
pub(super) fn alone(value: &Value) -> Option<Request> {
    by_shape(value).or_else(|| without_model(value, Place::Anywhere)).or_else(|| embedded::request(value))
}

/// Finds the argument that is a request and reads it. Returns the argument's name with the request.
/// Arguments with usual names are tried first.
pub(super) fn among(values: &[(String, Value)]) -> Option<(&str, Request)> {
    let in_order = || {
        let named = values.iter().filter(|(name, _)| REQUEST.contains(&name.as_str()));
        named.chain(values).map(|(name, value)| (name.as_str(), value))
    };
    in_order()
        .find_map(|(name, value)| Some((name, by_shape(value)?)))
        .or_else(|| {
            in_order().find_map(|(name, value)| Some((name, without_model(value, Place::of(name, values))?)))
        })
        .or_else(|| {
            let others = in_order().filter(|(name, _)| !is_known(name));
            others.into_iter().find_map(|(name, value)| Some((name, embedded::request(value)?)))
        })
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

/// Reads a chat completion request without a model. A value of the application may contain messages too.
/// Unless the position identifies a request, the object must have a field that only such a request has, and
/// no other prompt field beside the messages.
fn without_model(value: &Value, place: Place) -> Option<Request> {
    let object = value.as_object().filter(|object| openai_chat::lacks_model(object))?;
    let mut fields = object.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str());
    let is_one = place == Place::Request
        || (fields.all(|name| name == "messages" || !is_known(name))
            && (openai_chat::has_own_field(object) || (place == Place::Named && has_settings(object))));
    is_one.then(|| (openai_chat::SHAPE.request)(object.clone()))
}

/// Returns `true` if an object contains model parameters.
fn has_settings(object: &Object) -> bool {
    PARAMETERS.iter().any(|name| object.get(*name).is_some_and(|value| !value.is_null()))
}
