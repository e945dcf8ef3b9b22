//! Assembles one item of a streamed response from its events.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::shape::Object;
use super::events::{Event, List, Place};

/// The events of one item.
#[derive(Debug, Default)]
pub(super) struct Summed<'a> {
    /// The latest version of the item: from its end, else from its start.
    item: Option<&'a Object>,
    is_done: bool,
    /// The latest version of each part, by list and index.
    parts: BTreeMap<(List, u64), &'a Object>,
    texts: BTreeMap<Place, Text<'a>>,
    /// Citations of the content parts, by index.
    annotations: BTreeMap<u64, BTreeMap<u64, &'a Value>>,
    /// The latest image, with its event.
    image: Option<(&'a str, &'a Object)>,
}

/// A text that arrives in fragments, and possibly as a whole at the end.
#[derive(Debug, Default)]
struct Text<'a> {
    /// The fragments so far.
    pieces: String,
    /// The whole text, once it arrived.
    all: Option<&'a str>,
}

impl Text<'_> {
    /// Returns the whole text if it arrived, else the fragments.
    fn into_value(self) -> Value {
        self.all.map_or(Value::String(self.pieces), Value::from)
    }
}

impl<'a> Summed<'a> {
    /// Adds an event of the item.
    pub(super) fn add(&mut self, event: Event<'a>) {
        match event {
            Event::Item { item, is_done } if is_done || !self.is_done => {
                self.item = Some(item);
                self.is_done |= is_done;
            }
            Event::Part { list, at, part } => {
                self.parts.insert((list, at), part);
            }
            Event::Text { place, text, is_all: true } => {
                self.texts.entry(place).or_default().all = Some(text);
            }
            Event::Text { place, text, is_all: false } => {
                self.texts.entry(place).or_default().pieces.push_str(text);
            }
            Event::Annotation { part, at, annotation } => {
                self.annotations.entry(part).or_default().insert(at, annotation);
            }
            // Each event contains the whole image, in a better quality than the one before.
            Event::Image { image, event } => self.image = Some((image, event)),
            Event::Item { .. } | Event::Reply { .. } | Event::Error(_) => {}
        }
    }

    /// Returns the item. Data that its final event omitted, or all data without a final event, comes
    /// from the other events.
    pub(super) fn into_item(mut self) -> Value {
        let mut item = self.item.cloned().unwrap_or_else(|| self.begun());
        let lists = self.lists();
        for (place, text) in std::mem::take(&mut self.texts) {
            match place {
                Place::Part { .. } => {}
                Place::Field { field, .. } => fill(&mut item, field, text.into_value()),
                Place::Inner { object, field, .. } => {
                    if let Some(inner) = inner(&mut item, object) {
                        fill(inner, field, text.into_value());
                    }
                }
                Place::Command(_) => {
                    // Commands are added in the order of their indexes. If the item has ended, its commands
                    // are already complete.
                    if let Some(action) = inner(&mut item, "action").filter(|_| !self.is_done)
                        && let Value::Array(commands) =
                            action.entry("commands").or_insert_with(|| Value::Array(Vec::new()))
                    {
                        commands.push(text.into_value());
                    }
                }
            }
        }
        for (list, parts) in lists {
            let told = item.entry(list.field()).or_insert(Value::Null);
            if told.is_null() {
                *told = Value::Array(Vec::new());
            }
            if let Value::Array(told) = told {
                merge(told, parts);
            }
        }
        self.add_image(&mut item);
        Value::Object(item)
    }

    /// Creates an item for which neither the start nor the end event arrived.
    fn begun(&self) -> Object {
        let kind = self.texts.keys().next().map_or("message", |place| match place {
            Place::Part { list: List::Summary, .. } | Place::Part { kind: "reasoning_text", .. } => {
                "reasoning"
            }
            Place::Part { .. } => "message",
            Place::Field { kind, .. } | Place::Inner { kind, .. } => kind,
            Place::Command(_) => "shell_call",
        });
        let kind = if self.image.is_some() { "image_generation_call" } else { kind };
        let mut item = Object::from_iter([("type".to_owned(), kind.into())]);
        if kind == "message" {
            item.insert("role".to_owned(), "assistant".into());
        }
        item
    }

    /// Returns the parts of the item, by list and index.
    fn lists(&mut self) -> BTreeMap<List, BTreeMap<u64, Object>> {
        let mut lists: BTreeMap<List, BTreeMap<u64, Object>> = BTreeMap::new();
        for ((list, at), part) in std::mem::take(&mut self.parts) {
            lists.entry(list).or_default().insert(at, part.clone());
        }
        let (of_parts, others) = std::mem::take(&mut self.texts)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(place, _)| matches!(place, Place::Part { .. }));
        self.texts = others;
        for (place, text) in of_parts {
            if let Place::Part { list, at, kind, field } = place {
                let part = lists.entry(list).or_default().entry(at).or_default();
                part.entry("type").or_insert_with(|| kind.into());
                fill(part, field, text.into_value());
            }
        }
        for (at, annotations) in std::mem::take(&mut self.annotations) {
            let part = lists.entry(List::Content).or_default().entry(at).or_default();
            part.entry("type").or_insert_with(|| "output_text".into());
            fill(part, "annotations", annotations.into_values().cloned().collect());
        }
        lists
    }

    /// Adds the latest partial image if the final image is missing.
    fn add_image(&self, item: &mut Object) {
        const SAID: &[&str] = &["output_format", "size", "quality", "background"];
        let Some((image, event)) = self.image else { return };
        fill(item, "result", image.into());
        for key in SAID {
            if let Some(said) = event.get(*key) {
                fill(item, key, said.clone());
            }
        }
    }
}

/// Returns a nested object of an item. Creates it if it does not exist.
fn inner<'a>(item: &'a mut Object, key: &str) -> Option<&'a mut Object> {
    item.entry(key).or_insert_with(|| Map::new().into()).as_object_mut()
}

/// Sets a field if it is missing or empty.
fn fill(object: &mut Object, key: &str, value: Value) {
    let is_empty = match object.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    };
    if is_empty {
        object.insert(key.to_owned(), value);
    }
}

/// Merges parts into those of the item. If both have a field, the value of the item is kept.
fn merge(told: &mut Vec<Value>, parts: BTreeMap<u64, Object>) {
    let length = told.len();
    for (at, part) in parts {
        match usize::try_from(at).ok().filter(|at| *at < length).and_then(|at| told.get_mut(at)) {
            Some(Value::Object(told)) => part.into_iter().for_each(|(key, value)| fill(told, &key, value)),
            Some(_) => {}
            None => told.push(Value::Object(part)),
        }
    }
}
