//! What one event of a streamed reply adds, and to what.

use serde_json::Value;

use super::super::json;
use super::super::shape::Object;

/// What an event says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event<'a> {
    /// The reply as it is now; whether it is the last time that it is told.
    Reply { reply: &'a Object, status: &'static str, is_last: bool },
    /// An item as it begins or as it ended.
    Item { item: &'a Object, is_done: bool },
    /// A part of an item, as it begins or as it ended.
    Part { list: List, at: u64, part: &'a Object },
    /// More of a text, or all of it.
    Text { place: Place, text: &'a str, is_all: bool },
    /// Something that a text cites.
    Annotation { part: u64, at: u64, annotation: &'a Value },
    /// An image that is not yet finished.
    Image { image: &'a str, event: &'a Object },
    /// The end of the stream: the reply failed.
    Error(&'a Object),
}

/// The list of an item's that a part is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    /// What it says.
    Content,
    /// What a thought is in short.
    Summary,
}

impl List {
    /// The field of the item that holds it.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Summary => "summary",
        }
    }
}

/// Where a text belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In a part of the item: its index, its type, and the field of the part.
    Part { list: List, at: u64, kind: &'static str, field: &'static str },
    /// In a field of the item, which is of this type.
    Field { kind: &'static str, field: &'static str },
    /// In a field of an object in the item, which is of this type.
    Inner { kind: &'static str, object: &'static str, field: &'static str },
    /// A command of a shell's, by its index.
    Command(u64),
}

/// Reads an event; `None` of one that adds nothing.
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

/// Reads an event with more of a text, or with all of it, which the last stands under the field's own name.
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

/// An index; the first where none is told.
fn index(event: &Object, key: &str) -> u64 {
    event.get(key).and_then(Value::as_u64).unwrap_or_default()
}
