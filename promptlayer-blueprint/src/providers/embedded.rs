//! Finds a provider's request or response inside another value: in a text or in bytes, in a field of a struct, or in
//! a tuple or list.

use serde_json::Value;

use super::finish::Finish;
use super::json::{Fields, Object, readable};
use super::reading::UsagePaths;
use super::reading::{Reply, Request, Usage};
use super::words::{Words, words};
use super::{detect, frames, messages, openai_chat};
use crate::blueprint::Prompt;

/// The token counts that a function may return beside a text.
static USAGE: UsagePaths = UsagePaths {
    input: &["prompt_tokens", "input_tokens", "prompt_eval_count", "promptTokenCount"],
    output: &["completion_tokens", "output_tokens", "eval_count", "candidatesTokenCount"],
    ..UsagePaths::NONE
};

/// Returns the events of a body that a function received as one text or as bytes. A body that was not streamed is
/// one event.
pub(super) fn body(value: &Value) -> Option<Vec<Value>> {
    let is_bytes = |list: &[Value]| list.first().is_some_and(Value::is_u64) && list.len() > 1;
    let is_list = matches!(value, Value::String(text) if text.trim_start().starts_with('['));
    let whole: Result<Value, _> = match value {
        Value::String(text) => serde_json::from_str(text),
        Value::Array(list) if is_bytes(list) => {
            let bytes = list.iter().map(|byte| u8::try_from(byte.as_u64()?).ok());
            serde_json::from_slice(&bytes.collect::<Option<Vec<u8>>>()?)
        }
        _ => return None,
    };
    match whole {
        Ok(body) => (body.is_object() || is_list).then(|| vec![body]),
        Err(_) if is_list => None,
        Err(_) => frames::in_pieces(std::slice::from_ref(value)),
    }
}

/// Reads the request in a text, in bytes, or in the only field of an object that is a request. The other fields of
/// the object are kept.
pub(super) fn request(value: &Value) -> Option<Request> {
    if let Some(body) = body(value) {
        let [Value::Object(object)] = <[Value; 1]>::try_from(body).ok()? else { return None };
        return Some((detect::request(&object)?.request)(object));
    }
    let object = value.as_object()?;
    let (name, inner, shape) = only(object.iter().filter_map(|(name, value)| {
        let inner = value.as_object()?;
        Some((name, inner, detect::request(inner)?))
    }))?;
    let mut request = (shape.request)(inner.clone());
    request.unplaced.extend(others(object, name));
    Some(request)
}

/// Reads the response in a field of an object, in a tuple or in a list. What is not part of it is kept.
pub(super) fn reply(value: &Value) -> Option<Reply> {
    match value {
        Value::Object(object) => choice_of_chat(std::slice::from_ref(value)).or_else(|| {
            let (name, reply) = only(object.iter().filter_map(|(name, value)| Some((name, read(value)?))))?;
            Some(Reply { unplaced: others(object, name).collect(), ..reply })
        }),
        Value::Array(items) => {
            if let Some(reply) = choice_of_chat(items) {
                return Some(reply);
            }
            let replies: Vec<(usize, Reply)> =
                items.iter().enumerate().filter_map(|(place, item)| Some((place, read(item)?))).collect();
            if !replies.is_empty() && replies.len() == items.len() {
                return replies.into_iter().map(|(_, reply)| reply).reduce(joined);
            }
            let Some((place, reply)) = only(replies.into_iter()) else { return text_with_usage(items) };
            Some(Reply { unplaced: without(items, &[place]), ..reply })
        }
        _ => None,
    }
}

fn read(value: &Value) -> Option<Reply> {
    detect::read_reply(value.as_object()?)
}

/// Reads choices of a chat completion without the response around them.
fn choice_of_chat(items: &[Value]) -> Option<Reply> {
    /// The fields of a choice. An object with other fields is not one.
    const FIELDS: Words = words!(
        "index message finish_reason logprobs content_filter_results \
                                native_finish_reason seed"
    );
    let is_choice = |item: &Value| {
        item.field("message").is_some_and(messages::is_message)
            && item.as_object().is_some_and(|item| item.keys().all(|key| FIELDS.contains(key)))
            && (item.has("finish_reason") || item.has("index"))
    };
    if items.is_empty() || !items.iter().all(is_choice) {
        return None;
    }
    let whole = Object::from_iter([("choices".to_owned(), Value::from(items))]);
    Some((openai_chat::SHAPE.reply)(&whole))
}

/// Reads a text and an object of token counts, in any order, as a function may return them.
fn text_with_usage(items: &[Value]) -> Option<Reply> {
    let (place, text) = only(items.iter().enumerate().filter(|(_, item)| item.is_string()))?;
    let usage = |item: &Value| {
        let usage = USAGE.read(item.as_object()?);
        (usage.input.is_some() && usage.output.is_some()).then_some(usage)
    };
    let (counted, usage) =
        only(items.iter().enumerate().filter_map(|(place, item)| Some((place, usage(item)?))))?;
    Some(Reply {
        prompt: Some(Prompt::assistant(readable(text))),
        usage,
        unplaced: without(items, &[place, counted]),
        ..Reply::default()
    })
}

/// Joins the replies of several calls.
fn joined(mut first: Reply, next: Reply) -> Reply {
    match (&mut first.prompt, next.prompt) {
        (Some(Prompt::Chat(chat)), Some(Prompt::Chat(more))) => chat.messages.extend(more.messages),
        (Some(Prompt::Completion(text)), Some(Prompt::Completion(more))) => text.content.extend(more.content),
        (None, prompt) => first.prompt = prompt,
        (Some(_), Some(more)) => first.unplaced.extend([(String::from("output"), Value::from(more.text()))]),
        (Some(_), None) => {}
    }
    let add = |count: Option<u64>, more: Option<u64>| match (count, more) {
        (Some(count), Some(more)) => Some(count.saturating_add(more)),
        (count, more) => count.or(more),
    };
    first.usage = Usage {
        input: add(first.usage.input, next.usage.input),
        output: add(first.usage.output, next.usage.output),
        cached: add(first.usage.cached, next.usage.cached),
        cache_creation: add(first.usage.cache_creation, next.usage.cache_creation),
        reasoning: add(first.usage.reasoning, next.usage.reasoning),
        other: first.usage.other,
    };
    first.price = match (first.price, next.price) {
        (Some(price), Some(more)) => Some(price + more),
        (price, more) => price.or(more),
    };
    first.finish = Finish::worst(first.finish.into_iter().chain(next.finish));
    first.error = first.error.or(next.error);
    first
}

/// Returns the only item, or `None` if there is none or more than one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let item = items.next()?;
    items.next().is_none().then_some(item)
}

/// Returns the other fields of an object, unless they are `null`.
fn others(object: &Object, name: &str) -> impl Iterator<Item = (String, Value)> {
    object
        .iter()
        .filter(move |(other, value)| *other != name && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
}

/// Returns the items of a tuple by their positions, without those at some places and without `null`.
fn without(items: &[Value], places: &[usize]) -> Object {
    let others = items.iter().enumerate().filter(|(place, item)| !places.contains(place) && !item.is_null());
    others.map(|(place, item)| (place.to_string(), item.clone())).collect()
}
