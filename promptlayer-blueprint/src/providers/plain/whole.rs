//! Which value is a provider's request: told by its shape, and where that leaves out the model, as that of a
//! deployment on Azure does, by where it stands.

use serde_json::Value;

use super::names::{MODEL, PARAMETERS, REQUEST, is_known, is_said};
use crate::providers::reading::Request;
use crate::providers::shape::Object;
use crate::providers::{detect, openai_chat};

/// Reads a value that its shape alone tells.
pub(super) fn by_shape(value: &Value) -> Option<Request> {
    let object = value.as_object()?;
    let shape = detect::request(object)?;
    Some((shape.request)(object.clone()))
}

/// Reads a value that stands alone.
pub(super) fn alone(value: &Value) -> Option<Request> {
    by_shape(value).or_else(|| without_model(value, Place::Anywhere))
}

/// Reads the argument that is a request, wherever it stands, and says how it is called; usual names go first.
pub(super) fn among(values: &[(String, Value)]) -> Option<(&str, Request)> {
    let in_order = || {
        let named = values.iter().filter(|(name, _)| REQUEST.contains(&name.as_str()));
        named.chain(values).map(|(name, value)| (name.as_str(), value))
    };
    in_order().find_map(|(name, value)| Some((name, by_shape(value)?))).or_else(|| {
        in_order().find_map(|(name, value)| Some((name, without_model(value, Place::of(name, values))?)))
    })
}

/// What the place of a value tells of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is a request: it is called so, or a model stands beside it, and nothing else there is said.
    Request,
    /// It is called a request.
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

/// Reads a request for chat completions that leaves out its model. A value of the user's own may have messages
/// too: unless its place tells, something must be there that such a request has, and nothing that is said beside
/// the messages.
fn without_model(value: &Value, place: Place) -> Option<Request> {
    let object = value.as_object().filter(|object| openai_chat::lacks_model(object))?;
    let mut fields = object.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str());
    let is_one = place == Place::Request
        || (fields.all(|name| name == "messages" || !is_known(name))
            && (openai_chat::has_own_field(object) || (place == Place::Named && has_settings(object))));
    is_one.then(|| (openai_chat::SHAPE.request)(object.clone()))
}

/// Whether an object has parameters of a model.
fn has_settings(object: &Object) -> bool {
    PARAMETERS.iter().any(|name| object.get(*name).is_some_and(|value| !value.is_null()))
}
