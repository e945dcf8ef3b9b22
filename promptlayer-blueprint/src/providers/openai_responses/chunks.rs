//! Assembles the events of a streamed response.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::super::json;
use super::super::shape::Object;
use super::events::{self, Event};
use super::summed::Summed;

/// Returns `true` if an object is an event. An error event has its message at the top level; other APIs
/// nest it.
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

/// Assembles events into the response. The last event contains the whole response, but some servers omit
/// its items, and an interrupted stream has no such event. In these cases the items are assembled from the
/// other events.
pub(super) fn sum(chunks: &[Value]) -> Object {
    let mut stream = Stream::default();
    for chunk in chunks.iter().filter_map(Value::as_object) {
        if let Some(event) = events::read(chunk) {
            stream.add(chunk, event);
        }
    }
    stream.into_reply()
}

/// The state of a stream.
#[derive(Default)]
struct Stream<'a> {
    /// The latest response object, and the status that its event implies.
    reply: Option<(&'a Object, &'static str)>,
    /// `true` once the final response event arrived.
    ended: bool,
    /// Items by their index. Indexes need not be consecutive.
    items: BTreeMap<u64, Summed<'a>>,
    /// Indexes of the items by id, for servers that send only the id.
    indexes: HashMap<&'a str, u64>,
    /// The event that reported an error.
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

    /// Returns the index of the item that an event belongs to: the event's index, else the index of the
    /// item with the event's id, else the last index.
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

    /// Returns the whole response.
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

/// Records in a response that its stream ended with an error.
fn fail(reply: &mut Object, error: &Object) {
    // Some servers nest the error in an object.
    let error = error.get("error").and_then(Value::as_object).unwrap_or(error);
    let said = error.iter().filter(|(key, _)| !["type", "sequence_number"].contains(&key.as_str()));
    let said: Object = said.map(|(key, value)| (key.clone(), value.clone())).collect();
    reply.insert("status".to_owned(), "failed".into());
    if reply.get("error").is_none_or(Value::is_null) {
        reply.insert("error".to_owned(), said.into());
    }
}
