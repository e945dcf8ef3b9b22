//! The events of a streamed response.
//!
//! The last event contains the whole response, but some servers leave out its items, and an interrupted stream has no
//! such event. Each item is therefore also assembled from its own events, and fills what is missing.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::providers::json::{Fields, Object};
use crate::providers::merge::{self, Op, Rules};

/// Events that contain the response: their type without `response.`, and the status that they imply.
const REPLIES: &[(&str, &str)] = &[
    ("created", "in_progress"),
    ("in_progress", "in_progress"),
    ("queued", "queued"),
    ("completed", "completed"),
    ("done", "completed"),
    ("incomplete", "incomplete"),
    ("failed", "failed"),
    ("cancelled", "cancelled"),
];

/// Events with a fragment of a text (`.delta`) or the whole text (`.done`, `.added`): the type without `response.` and
/// without this ending, the type of the item or part, and the path of the text in the item. A path through `content` or
/// `summary` passes through the part at the index in `content_index` or `summary_index`. The whole text has the name of
/// the last step.
const TEXTS: &[(&str, &str, &str)] = &[
    ("output_text", "output_text", "content.text"),
    ("refusal", "refusal", "content.refusal"),
    ("reasoning_text", "reasoning_text", "content.text"),
    ("reasoning", "reasoning_text", "content.text"),
    ("reasoning_summary_text", "summary_text", "summary.text"),
    ("reasoning_summary", "summary_text", "summary.text"),
    ("function_call_arguments", "function_call", "arguments"),
    ("mcp_call_arguments", "mcp_call", "arguments"),
    ("mcp_call.arguments", "mcp_call", "arguments"),
    ("custom_tool_call_input", "custom_tool_call", "input"),
    ("code_interpreter_call_code", "code_interpreter_call", "code"),
    ("code_interpreter_call.code", "code_interpreter_call", "code"),
    ("apply_patch_call_operation_diff", "apply_patch_call", "operation.diff"),
    ("shell_call_command", "shell_call", "commands.command"),
];

/// Lists of an item, and the field of an event with the index in the list.
const LISTS: &[(&str, &str)] =
    &[("content", "content_index"), ("summary", "summary_index"), ("commands", "command_index")];

/// How fragments are added to a part.
const PART: Rules =
    &[("text", Op::Append), ("refusal", Op::Append), ("annotations", Op::Items(&[])), ("type", Op::First)];

/// How fragments are added to an item.
const FRAGMENTS: Rules = &[
    ("content", Op::Items(PART)),
    ("summary", Op::Items(PART)),
    ("commands", Op::Items(&[("command", Op::Append)])),
    ("operation", Op::Fields(&[("*", Op::Append)])),
    ("type", Op::First),
    ("result", Op::Set),
    ("*", Op::Append),
];

/// How whole texts and parts are added to an item.
const WHOLE: Rules = &[
    ("content", Op::Items(&[("type", Op::First)])),
    ("summary", Op::Items(&[("type", Op::First)])),
    ("commands", Op::Items(&[])),
    ("type", Op::First),
];

/// Returns `true` if an object is an event. An error event has its message at the top level; other APIs
/// nest it.
pub(super) fn is_event(object: &Object) -> bool {
    match object.text("type") {
        Some("error") => {
            object.has_a("message", Value::is_string)
                && ["code", "param", "sequence_number"].iter().any(|key| object.contains_key(*key))
        }
        Some(kind) => kind.starts_with("response."),
        None => false,
    }
}

pub(super) fn sum(events: Vec<Value>) -> Object {
    let mut stream = Stream::default();
    for event in events {
        if let Value::Object(event) = event {
            stream.add(event);
        }
    }
    stream.finish()
}

#[derive(Default)]
struct Stream {
    /// The latest response object, and the status that its event implies.
    reply: Option<(Object, &'static str)>,
    /// `true` once the final response event arrived.
    is_over: bool,
    /// Items by their index. Indexes need not be consecutive.
    items: BTreeMap<u64, Item>,
    /// Indexes of the items by id, for servers that send only the id.
    indexes: HashMap<String, u64>,
    /// The event that reported an error.
    error: Option<Object>,
}

#[derive(Default)]
struct Item {
    /// The item in its latest version: from its end, else from its start.
    latest: Option<Object>,
    is_done: bool,
    /// The item as its other events say.
    pieces: Object,
}

impl Stream {
    fn add(&mut self, mut event: Object) {
        let Some(kind) = event.owned("type") else { return };
        if kind == "error" {
            self.error = Some(event);
            return;
        }
        let Some(kind) = kind.strip_prefix("response.") else { return };
        if let Some((_, status)) = REPLIES.iter().find(|(known, _)| *known == kind) {
            let is_last = !matches!(*status, "in_progress" | "queued");
            if let Some(Value::Object(reply)) = event.remove("response")
                && (is_last || !self.is_over)
            {
                self.reply = Some((reply, status));
                self.is_over |= is_last;
            }
            return;
        }
        if let Some(ending) = kind.strip_prefix("output_item.") {
            let Some(Value::Object(item)) = event.remove("item") else { return };
            let is_done = match ending {
                "added" => false,
                "done" => true,
                _ => return,
            };
            let known = self.item(&event, item.text("id"), !is_done);
            if is_done || !known.is_done {
                known.latest = Some(item);
                known.is_done |= is_done;
            }
        } else if let Some((piece, rules)) = piece(kind, &mut event) {
            let id = event.owned("item_id");
            merge::add(&mut self.item(&event, id.as_deref(), false).pieces, piece, rules);
        }
    }

    /// Returns the item that an event belongs to: by the event's index, else by the id, else the last one, or the next
    /// one if the event starts an item.
    fn item(&mut self, event: &Object, id: Option<&str>, starts: bool) -> &mut Item {
        let last = self.items.last_key_value().map(|(last, _)| *last);
        let next = if starts { last.map(|last| last.saturating_add(1)) } else { last };
        let known = id.and_then(|id| self.indexes.get(id).copied());
        let index = event.count("output_index").or(known).or(next).unwrap_or_default();
        if let Some(id) = id
            && !self.indexes.contains_key(id)
        {
            self.indexes.insert(id.to_owned(), index);
        }
        self.items.entry(index).or_default()
    }

    fn finish(self) -> Object {
        let (mut reply, status) = self.reply.unwrap_or_else(|| (Object::new(), "in_progress"));
        let has_output = reply.has_a("output", Value::is_array);
        if !has_output || reply.list("output").len() < self.items.len() {
            reply.insert("output".to_owned(), self.items.into_values().map(Item::finish).collect());
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
fn fail(reply: &mut Object, mut error: Object) {
    // Some servers nest the error in an object.
    if let Some(Value::Object(nested)) = error.get("error") {
        error = nested.clone();
    }
    error.retain(|key, _| !matches!(key.as_str(), "type" | "sequence_number"));
    reply.insert("status".to_owned(), "failed".into());
    if !reply.has("error") {
        reply.insert("error".to_owned(), error.into());
    }
}

/// Converts an event to a piece of an item, with the rules to add it. Returns `None` if the event adds nothing.
fn piece(kind: &str, event: &mut Object) -> Option<(Object, Rules)> {
    let (name, ending) = kind.rsplit_once('.')?;
    match name {
        "content_part" | "reasoning_summary_part" => {
            let part = event.remove("part").filter(Value::is_object)?;
            let list = if name == "content_part" { "content" } else { "summary" };
            return Some((in_list(list, event, part)?, WHOLE));
        }
        "output_text.annotation" => {
            let mut annotation = event.remove("annotation").filter(Value::is_object)?;
            // Annotations are added by their position among the annotations of the text.
            let place = event.count("annotation_index").unwrap_or_default();
            annotation = json!({"index": place, "annotation": annotation});
            let part = json!({"type": "output_text", "annotations": [annotation]});
            return Some((in_list("content", event, part)?, FRAGMENTS));
        }
        "image_generation_call" if ending == "partial_image" => {
            // Each event contains the whole image, in a better quality than the one before.
            let mut image = Object::from_iter([("type".to_owned(), "image_generation_call".into())]);
            image.insert("result".to_owned(), event.remove("partial_image_b64").filter(Value::is_string)?);
            for key in ["output_format", "size", "quality", "background"] {
                image.extend(event.remove(key).map(|value| (key.to_owned(), value)));
            }
            return Some((image, WHOLE));
        }
        _ => {}
    }
    let (_, kind, path) = TEXTS.iter().find(|(known, ..)| *known == name)?;
    let (list, field) = path.split_once('.').map_or((None, *path), |(list, field)| (Some(list), field));
    let is_fragment = ending == "delta";
    if !is_fragment && !matches!(ending, "done" | "added") {
        return None;
    }
    let text = event.remove(if is_fragment { "delta" } else { field }).filter(Value::is_string)?;
    let piece = match list {
        None => Object::from_iter([("type".to_owned(), (*kind).into()), (field.to_owned(), text)]),
        Some("operation") => Object::from_iter([
            ("type".to_owned(), (*kind).into()),
            ("operation".to_owned(), json!({ field: text })),
        ]),
        Some(list) => in_list(list, event, json!({"type": kind, field: text}))?,
    };
    Some((piece, if is_fragment { FRAGMENTS } else { WHOLE }))
}

/// Puts a part into a list of an item, at the index that the event has.
fn in_list(list: &str, event: &Object, part: Value) -> Option<Object> {
    let (_, index) = LISTS.iter().find(|(name, _)| *name == list)?;
    let mut part = part;
    part.as_object_mut()?.insert("index".to_owned(), event.count(index).unwrap_or_default().into());
    Some(Object::from_iter([(list.to_owned(), Value::Array(vec![part]))]))
}

impl Item {
    /// Returns the item. What its final event left out, or all of it without a final event, comes from the other
    /// events.
    fn finish(self) -> Value {
        let Self { latest, is_done, mut pieces } = self;
        for list in ["content", "summary"] {
            if let Some(Value::Array(parts)) = pieces.get_mut(list) {
                parts.iter_mut().filter_map(Value::as_object_mut).for_each(finish_part);
            }
        }
        if let Some(Value::Array(commands)) = pieces.remove("commands")
            && !is_done
        {
            let commands: Value = commands
                .into_iter()
                .filter_map(|mut command| Some(command.get_mut("command")?.take()))
                .collect();
            pieces.insert("action".to_owned(), json!({ "commands": commands }));
        }
        let Some(mut item) = latest else { return Value::Object(begin(pieces)) };
        pieces.remove("type");
        for (key, value) in pieces {
            fill(&mut item, &key, value);
        }
        Value::Object(item)
    }
}

/// Removes the index from a part, and unpacks its annotations.
fn finish_part(part: &mut Object) {
    part.remove("index");
    if let Some(Value::Array(annotations)) = part.get_mut("annotations") {
        for annotation in annotations {
            if let Some(inner) = annotation.get_mut("annotation") {
                *annotation = inner.take();
            }
        }
    }
}

/// Completes an item for which neither the start nor the end event arrived.
fn begin(mut pieces: Object) -> Object {
    let is_reasoning = pieces.has("summary")
        || pieces.list("content").first().is_some_and(|part| part.is("type", "reasoning_text"));
    let kind = match pieces.text("type") {
        Some(kind) => kind.to_owned(),
        None if is_reasoning => "reasoning".to_owned(),
        None if pieces.has("action") => "shell_call".to_owned(),
        None => "message".to_owned(),
    };
    if kind == "message" {
        pieces.insert("role".to_owned(), "assistant".into());
    }
    pieces.insert("type".to_owned(), kind.into());
    pieces
}

/// Sets a field if it is missing or empty. The parts of a list are filled one by one, the fields of an object too.
fn fill(object: &mut Object, key: &str, value: Value) {
    match (object.get_mut(key), value) {
        (None | Some(Value::Null), value) => {
            object.insert(key.to_owned(), value);
        }
        (Some(Value::Array(parts)), Value::Array(more)) => {
            for (place, part) in more.into_iter().enumerate() {
                match (parts.get_mut(place), part) {
                    (Some(Value::Object(part)), Value::Object(more)) => {
                        more.into_iter().for_each(|(key, value)| fill(part, &key, value));
                    }
                    (Some(_), _) => {}
                    (None, part) => parts.push(part),
                }
            }
        }
        (Some(Value::Object(fields)), Value::Object(more)) => {
            more.into_iter().for_each(|(key, value)| fill(fields, &key, value));
        }
        (Some(known), value) if known.as_str() == Some("") => *known = value,
        _ => {}
    }
}
