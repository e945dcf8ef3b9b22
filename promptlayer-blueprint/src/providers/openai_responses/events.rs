//! Parses the events of a streamed response.

use serde_json::Value;

use super::super::json;
use super::super::shape::Object;

/// A parsed event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event<'a> {
    /// The current state of the response. `is_last` is `true` for the final one.
    Reply { reply: &'a Object, status: &'static str, is_last: bool },
    /// An item, when it starts or when it ends.
    Item { item: &'a Object, is_done: bool },
    /// A part of an item, when it starts or when it ends.
    Part { list: List, at: u64, part: &'a Object },
    /// A fragment of a text, or the whole text.
    Text { place: Place, text: &'a str, is_all: bool },
    /// A citation of a text.
    Annotation { part: u64, at: u64, annotation: &'a Value },
    /// A partial image.
    Image { image: &'a str, event: &'a Object },
    /// An error that ends the stream.
    Error(&'a Object),
}

/// The list of an item that contains a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    /// The content of the item.
    Content,
    /// The summary of a reasoning item.
    Summary,
}

impl List {
    /// Returns the name of the item's field for this list.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Summary => "summary",
        }
    }
}

/// The position of a text in an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In a part of the item: its list, its index, its type, and the field of the part.
    Part { list: List, at: u64, kind: &'static str, field: &'static str },
    /// In a field of an item of this type.
    Field { kind: &'static str, field: &'static str },
    /// In a field of a nested object, in an item of this type.
    Inner { kind: &'static str, object: &'static str, field: &'static str },
    /// In a shell command, by its index.
    Command(u64),
}

/// Parses an event. Returns `None` if it adds nothing to the response.
pub(super) fn read(event: &Object) -> Option<Event<'_>> {
    let kind = json::string(event, "type")?;
    if kind == "error" {
        return Some(Event::Error(event));
    }
    let kind = kind.strip_prefix("response.")?;
    let object = |key: &str| event.get(key).and_then(Value::as_object);
    let reply = |status, is_last| Some(Event::Reply { reply: object("response")?, status, is_last });
    match kind {
        "created" | "in_progress" => reply("in_progress", false),
        "queued" => reply("queued", false),
        "completed" | "done" => reply("completed", true),
        "incomplete" => reply("incomplete", true),
        "failed" => reply("failed", true),
        "cancelled" => reply("cancelled", true),
        "output_item.added" => Some(Event::Item { item: object("item")?, is_done: false }),
        "output_item.done" => Some(Event::Item { item: object("item")?, is_done: true }),
        "content_part.added" | "content_part.done" => Some(Event::Part {
            list: List::Content,
            at: index(event, "content_index"),
            part: object("part")?,
        }),
        "reasoning_summary_part.added" | "reasoning_summary_part.done" => Some(Event::Part {
            list: List::Summary,
            at: index(event, "summary_index"),
            part: object("part")?,
        }),
        "output_text.annotation.added" => Some(Event::Annotation {
            part: index(event, "content_index"),
            at: index(event, "annotation_index"),
            annotation: event.get("annotation").filter(|annotation| annotation.is_object())?,
        }),
        "image_generation_call.partial_image" => {
            Some(Event::Image { image: event.get("partial_image_b64")?.as_str()?, event })
        }
        _ => text(kind, event),
    }
}

/// Parses an event with a fragment of a text, or with the whole text, which has the name of its field.
fn text<'a>(kind: &str, event: &'a Object) -> Option<Event<'a>> {
    let (of, is_all) = match kind.strip_suffix(".delta") {
        Some(of) => (of, false),
        None => (kind.strip_suffix(".done").or_else(|| kind.strip_suffix(".added"))?, true),
    };
    let part =
        |kind, field| Place::Part { list: List::Content, at: index(event, "content_index"), kind, field };
    let summary = Place::Part {
        list: List::Summary,
        at: index(event, "summary_index"),
        kind: "summary_text",
        field: "text",
    };
    let (place, all) = match of {
        "output_text" => (part("output_text", "text"), "text"),
        "refusal" => (part("refusal", "refusal"), "refusal"),
        "reasoning_text" | "reasoning" => (part("reasoning_text", "text"), "text"),
        "reasoning_summary_text" | "reasoning_summary" => (summary, "text"),
        "function_call_arguments" => {
            (Place::Field { kind: "function_call", field: "arguments" }, "arguments")
        }
        "mcp_call_arguments" | "mcp_call.arguments" => {
            (Place::Field { kind: "mcp_call", field: "arguments" }, "arguments")
        }
        "custom_tool_call_input" => (Place::Field { kind: "custom_tool_call", field: "input" }, "input"),
        "code_interpreter_call_code" | "code_interpreter_call.code" => {
            (Place::Field { kind: "code_interpreter_call", field: "code" }, "code")
        }
        "apply_patch_call_operation_diff" => {
            (Place::Inner { kind: "apply_patch_call", object: "operation", field: "diff" }, "diff")
        }
        "shell_call_command" => (Place::Command(index(event, "command_index")), "command"),
        _ => return None,
    };
    let text = event.get(if is_all { all } else { "delta" })?.as_str()?;
    Some(Event::Text { place, text, is_all })
}

/// Returns an index, or 0 if it is missing.
fn index(event: &Object, key: &str) -> u64 {
    event.get(key).and_then(Value::as_u64).unwrap_or_default()
}
