//! The events of a streamed reply, and the reply that they are the parts of.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::super::json;
use super::super::shape::Object;
use super::events::{self, Event};
use super::summed::Summed;

/// Whether an object is an event. An error has its message beside its type; that of others has it inside.
pub(super) fn is_chunk(object: &Object) -> bool {
    match json::string(object, "type") {
        Some("error") => {
            object.get("message").is_some_and(Value::is_string)
                && ["code", "param", "sequence_number"].iter().any(|key| object.contains_key(*key))
        }
        Some(kind) => kind.starts_with("response."),
        None => false,
    }
}

/// Adds events up. The last has the whole reply, but some servers leave its items out; a stream that was
/// cut has no such event at all. Then the items are what the events said of them.
pub(super) fn sum(chunks: &[Value]) -> Object {
    let mut stream = Stream::default();
    for chunk in chunks.iter().filter_map(Value::as_object) {
        if let Some(event) = events::read(chunk) {
            stream.add(chunk, event);
        }
    }
    stream.into_reply()
}

/// What has been read of a stream.
#[derive(Default)]
struct Stream<'a> {
    /// The reply as it was told last, and the status that the event stands for.
    reply: Option<(&'a Object, &'static str)>,
    /// Whether the last event of the reply was seen.
    ended: bool,
    /// The items by their indexes, which may be any number.
    items: BTreeMap<u64, Summed<'a>>,
    /// The indexes of the items, for servers that tell only an item's id.
    indexes: HashMap<&'a str, u64>,
    /// The event that says that the stream failed.
    error: Option<&'a Object>,
}

impl<'a> Stream<'a> {
    /// Adds an event.
    fn add(&mut self, chunk: &'a Object, event: Event<'a>) {
        match event {
            Event::Reply { reply, status, is_last } => {
                if is_last || !self.ended {
                    self.reply = Some((reply, status));
                    self.ended |= is_last;
                }
            }
            Event::Error(error) => self.error = Some(error),
            event => {
                let index = self.index(chunk, &event);
                self.items.entry(index).or_default().add(event);
            }
        }
    }

    /// The index of the item that an event is about: as it is told, else by the item's id, else the last.
    fn index(&mut self, chunk: &'a Object, event: &Event<'a>) -> u64 {
        let id = match event {
            Event::Item { item, .. } => json::string(item, "id"),
            _ => json::string(chunk, "item_id"),
        };
        let told = chunk.get("output_index").and_then(Value::as_u64);
        let known = || self.indexes.get(id?).copied();
        let last = self.items.last_key_value().map(|(last, _)| *last);
        let index = told.or_else(known).unwrap_or_else(|| match (event, last) {
            (Event::Item { is_done: false, .. }, Some(last)) => last.saturating_add(1),
            (_, last) => last.unwrap_or_default(),
        });
        if let Some(id) = id {
            self.indexes.entry(id).or_insert(index);
        }
        index
    }

    /// The whole reply.
    fn into_reply(self) -> Object {
        let (mut reply, status) = match self.reply {
            Some((reply, status)) => (reply.clone(), status),
            None => (Object::new(), "in_progress"),
        };
        let told = reply.get("output").and_then(Value::as_array).map_or(0, Vec::len);
        if told < self.items.len() || !reply.get("output").is_some_and(Value::is_array) {
            let items = self.items.into_values().map(Summed::into_item).collect();
            reply.insert("output".to_owned(), Value::Array(items));
        }
        reply.entry("object").or_insert_with(|| "response".into());
        reply.entry("status").or_insert_with(|| status.into());
        if let Some(error) = self.error {
            fail(&mut reply, error);
        }
        reply
    }
}

/// Says in a reply that its stream ended in an error.
fn fail(reply: &mut Object, error: &Object) {
    // Some servers put it into an object of its own.
    let error = error.get("error").and_then(Value::as_object).unwrap_or(error);
    let said = error.iter().filter(|(key, _)| !["type", "sequence_number"].contains(&key.as_str()));
    let said: Object = said.map(|(key, value)| (key.clone(), value.clone())).collect();
    reply.insert("status".to_owned(), "failed".into());
    if reply.get("error").is_none_or(Value::is_null) {
        reply.insert("error".to_owned(), said.into());
    }
}
