//! Gemini's Interactions: requests, responses and the events of streams.
//!
//! An interaction is a list of steps: what the user said, what the model thought, called and said. A request may
//! also consist of turns or of contents. Until May 2026, responses had `outputs` in place of `steps`. Steps and
//! contents are converted to the parts of `generateContent`, which have the same meanings.

use serde_json::{Value, json};

use super::parts::{self, Turn};
use super::{INTERACTIONS, model_name, new_request, read, tools, wire};
use crate::blueprint::{
    ChatPrompt, ContentBlock, Message, Tool, WebSearchResult, WebSearchToolResultContent,
};
use crate::providers::call_ids::CallIds;
use crate::providers::finish::Finish;
use crate::providers::json::{Fields, Object};
use crate::providers::merge::{self, Op, Rules};
use crate::providers::reading::{Reply, Request, Usage, UsagePaths};
use crate::providers::words::{Words, words};
use crate::providers::{blocks, errors};

/// Fields that, beside an input, only this API has.
const OWN_FIELDS: Words = words!(
    "system_instruction generation_config previous_interaction_id agent_config response_modalities \
     continuation_token"
);

/// Fields of OpenAI's responses and embeddings, which have an input and may serve models of Google too.
const OTHER_FIELDS: Words = words!(
    "messages instructions previous_response_id max_output_tokens temperature top_p text tool_choice \
     reasoning include encoding_format dimensions input_type"
);

/// Steps that no other API has. The other steps are named `…_call` and `…_result`.
const OWN_STEPS: Words = words!("user_input model_output thought function_result");

const CONTENTS: Words = words!("text image audio document video");

const STATUSES: Words = words!("completed requires_action incomplete failed cancelled in_progress");

const USAGE: UsagePaths = UsagePaths {
    input: &["total_input_tokens"],
    output: &["total_output_tokens"],
    cached: &["total_cached_tokens"],
    reasoning: &["total_thought_tokens", "total_reasoning_tokens"],
    other: &[("total_tool_use_tokens", "tool_use_prompt_tokens")],
    ..UsagePaths::NONE
};

/// Returns `true` if a field is one of these words.
fn is_one_of(words: Words, object: &impl Fields, field: &str) -> bool {
    object.text(field).is_some_and(|text| words.contains(text))
}

fn is_content(item: &impl Fields) -> bool {
    is_one_of(CONTENTS, item, "type")
}

/// Returns `true` if an object is a request: it has an input, and something that only this API has, or the name
/// of one of Google's models.
pub(super) fn is_request(object: &Object) -> bool {
    let model = object.text("model").or_else(|| object.text("agent")).unwrap_or_default();
    let items = items(object.get("input"));
    let is_own = |item: &Value| is_one_of(OWN_STEPS, item, "type") || item.is("role", "model");
    let is_turn =
        |item: &Value| item.has("role") && !item.has("type") && item.list("content").iter().all(is_content);
    let is_possible =
        object.has_a("input", Value::is_string) || items.iter().all(|item| is_content(item) || is_turn(item));
    let is_google = model.starts_with("gemini-") && !model.contains("embed") && !OTHER_FIELDS.any_in(object);
    let is_for_agent = object.text("agent").is_some() && words!("background store stream").any_in(object);
    !model.is_empty()
        && !items.is_empty()
        && (OWN_FIELDS.any_in(object)
            || is_for_agent
            || items.iter().any(is_own)
            || (is_google && is_possible))
}

/// Returns the items of an input: one, or a list.
fn items(input: Option<&Value>) -> &[Value] {
    match input {
        Some(Value::Array(items)) => items,
        Some(item @ (Value::String(_) | Value::Object(_))) => std::slice::from_ref(item),
        _ => &[],
    }
}

/// Reads a request. Tools that the blueprint cannot hold stay in the parameters.
pub(super) fn read_request(mut object: Object) -> Request {
    let path = wire::take_text(&mut object, "model").or_else(|| object.owned("agent"));
    let mut prompt = ChatPrompt::default();
    prompt.messages.extend(wire::take_text(&mut object, "system_instruction").map(Message::system));
    let input = object.remove("input");
    read_input(items(input.as_ref()), &mut prompt.messages);
    if let Some(tools) = object.get_mut("tools").and_then(Value::as_array_mut) {
        tools.retain(|tool| !read_tool(tool, &mut prompt.tools));
        if tools.is_empty() {
            object.remove("tools");
        }
    }
    new_request(&INTERACTIONS, path.as_deref(), prompt, object)
}

/// Reads a tool. Returns `true` if the blueprint holds all of it.
fn read_tool(tool: &Value, tools: &mut Vec<Tool>) -> bool {
    let kind = tool.text("type").unwrap_or_default();
    if kind == "function" {
        return tools::read_function(tool, tools);
    }
    let mut config = tool.as_object().cloned().unwrap_or_default();
    config.remove("type");
    let tool = tools::built_in(&wire::spelling(kind), config);
    let is_known = tool.is_some();
    tools.extend(tool);
    is_known
}

/// Reads the items of an input. What the model thought, called and said in a row is one message, as are contents
/// in a row.
fn read_input(items: &[Value], messages: &mut Vec<Message>) {
    let mut ids = CallIds::default();
    let mut turn: Option<(&str, Turn)> = None;
    for item in items {
        let kind = item.text("type").unwrap_or_default();
        let role = match kind {
            "user_input" => "user",
            "function_result" => "tool",
            "" => item.text("role").unwrap_or("user"),
            _ if is_content(item) => "user",
            _ => "model",
        };
        let is_continued =
            !matches!(kind, "" | "user_input") && turn.as_ref().is_some_and(|(last, _)| *last == role);
        if !is_continued {
            messages.extend(turn.take().map(|(role, turn)| turn.into_message(role)));
        }
        if role == "tool" {
            messages.extend(parts::result(&part(item), &mut ids));
        } else {
            let (_, turn) = turn.get_or_insert_with(|| (role, Turn::new(role == "model")));
            add(item, turn, &mut ids);
        }
    }
    messages.extend(turn.map(|(role, turn)| turn.into_message(role)));
}

/// Adds a step, a turn or a content to a message.
fn add(item: &Value, turn: &mut Turn, ids: &mut CallIds) {
    match item.field("content").unwrap_or(item) {
        Value::String(text) => turn.add(&json!({ "text": text }), ids),
        Value::Array(contents) => contents.iter().for_each(|item| add(item, turn, ids)),
        // A streamed step without content yet.
        item if is_one_of(words!("user_input model_output"), item, "type") => {}
        item if item.text("type").is_some_and(|kind| kind.ends_with("_result")) => {
            add_result(item, turn, ids);
        }
        item => turn.add(&part(item), ids),
    }
}

/// Converts a content or a step without contents to a part of `generateContent`.
fn part(item: &Value) -> Value {
    let (id, arguments, signature) = (item.field("id"), item.field("arguments"), item.field("signature"));
    match item.text("type").unwrap_or_default() {
        "text" => item.clone(),
        kind if is_content(item) => {
            let mime_type = item.text("mime_type").or((kind == "image").then_some("image/jpeg"));
            match item.field("data") {
                Some(data) => json!({ "inlineData": { "mimeType": mime_type, "data": data } }),
                None => json!({ "fileData": { "mimeType": mime_type, "fileUri": item.field("uri") } }),
            }
        }
        "thought" => {
            let texts: String = item.objects("summary").filter_map(|content| content.text("text")).collect();
            json!({ "text": texts, "thought": true, "thoughtSignature": signature })
        }
        "function_call" => {
            let call = json!({ "id": id, "name": item.field("name"), "args": arguments });
            json!({ "functionCall": call, "thoughtSignature": signature })
        }
        "function_result" => {
            let mut result = json!({ "id": item.field("call_id"), "name": item.field("name") });
            match item.field("result") {
                Some(Value::Array(contents)) => result["parts"] = contents.iter().map(part).collect(),
                response => result["response"] = json!(response),
            }
            json!({ "functionResponse": result })
        }
        "code_execution_call" => {
            let code = arguments.and_then(|arguments| arguments.field("code"));
            json!({ "executableCode": { "id": id, "code": code } })
        }
        "code_execution_result" => {
            let is_error = item.field("is_error") == Some(&Value::Bool(true));
            let outcome = if is_error { "OUTCOME_FAILED" } else { "OUTCOME_OK" };
            json!({ "codeExecutionResult": { "output": item.field("result"), "outcome": outcome } })
        }
        kind => match kind.strip_suffix("_call") {
            Some(tool) => {
                let name = item.text("name").unwrap_or(tool);
                json!({ "toolCall": { "id": id, "toolType": name, "args": arguments } })
            }
            None => item.clone(),
        },
    }
}

/// Adds the result of a tool that Gemini runs. Pages that it found have a block of their own.
fn add_result(item: &Value, turn: &mut Turn, ids: &mut CallIds) {
    let page = |page: &Object| {
        let (url, title) = (page.owned("url")?, page.owned("title").unwrap_or_default());
        Some(WebSearchResult { url, title, ..WebSearchResult::default() })
    };
    let content: Vec<WebSearchResult> = item.objects("result").filter_map(page).collect();
    if item.is("type", "code_execution_result") {
        turn.add(&part(item), ids);
    } else if !content.is_empty() {
        let tool_use_id = item.owned("call_id").unwrap_or_default();
        turn.blocks
            .push(ContentBlock::WebSearchToolResult(WebSearchToolResultContent { tool_use_id, content }));
    } else if let Some(result) = item.field("result").filter(|result| **result != json!([])) {
        turn.blocks.push(blocks::readable(result));
    }
}

/// Returns `true` if an object is a response: it says so, or it has steps and a status.
pub(super) fn is_reply(object: &Object) -> bool {
    let steps = steps(object);
    let are_steps = !steps.is_empty() && steps.iter().all(|step| step.text("type").is_some());
    object.is("object", "interaction")
        || (are_steps && (is_one_of(STATUSES, object, "status") || object.is("role", "model")))
}

/// Returns the steps of a response.
fn steps(object: &Object) -> &[Value] {
    let steps = object.list("steps");
    if steps.is_empty() { object.list("outputs") } else { steps }
}

/// Reads a response. It may repeat the user's input.
pub(super) fn read_reply(object: &Object) -> Reply {
    let (steps, mut turn, mut ids) = (steps(object), Turn::new(true), CallIds::default());
    let own = steps.iter().filter(|step| !step.is("type", "user_input"));
    own.for_each(|step| add(step, &mut turn, &mut ids));
    let message = (!turn.is_empty()).then(|| turn.into_message("model"));
    let is_running = |status: &&str| matches!(*status, "in_progress" | "queued" | "idle");
    let error = object.list("errors").first().or_else(|| steps.iter().find_map(|step| step.field("error")));
    let model = object.text("model").or_else(|| object.text("agent"));
    Reply {
        shape: Some(&INTERACTIONS),
        model: model.map(|model| model_name(model).to_owned()),
        prompt: Some(ChatPrompt::new(message).into()),
        usage: object.object("usage").map(read_usage).unwrap_or_default(),
        finish: object.text("status").filter(|status| !is_running(status)).map(Finish::from_word),
        error: error.filter(|_| object.is("status", "failed")).map(errors::of_reply),
        metadata: object.texts_at(&[("response_id", "id"), ("service_tier", "service_tier")]),
        ..Reply::default()
    }
}

fn read_usage(usage: &Object) -> Usage {
    let lists = ["input_tokens_by_modality", "output_tokens_by_modality"];
    read::with_details(USAGE.read(usage), usage, lists, "tokens")
}

/// The last event may repeat the steps. They are `outputs` here, which count only if there are no other steps.
const INTERACTION: Rules = &[("steps", Op::Items(STEP)), ("outputs", Op::Set)];
const STEP: Rules = &[
    ("type", Op::First),
    ("content", Op::With(add_contents)),
    ("summary", Op::With(add_contents)),
    ("signature", Op::First),
    ("arguments", Op::Append),
];
const TEXT: Rules = &[("type", Op::First), ("text", Op::Append), ("annotations", Op::Extend)];

pub(super) fn is_event(object: &Object) -> bool {
    let has = |name: &str| object.object(name).is_some();
    match object.text("event_type").unwrap_or_default() {
        "step.start" | "content.start" => has("step") || has("content"),
        "step.delta" | "content.delta" => has("delta"),
        kind => kind.starts_with("interaction.") && has("interaction"),
    }
}

pub(super) fn sum(events: Vec<Value>) -> Object {
    let mut whole = merge::sum(events.into_iter().filter_map(piece), INTERACTION);
    let steps = whole.get_mut("steps").and_then(Value::as_array_mut);
    let steps = steps.into_iter().flatten().filter_map(Value::as_object_mut);
    steps.for_each(|step| merge::parse(step, "arguments"));
    whole
}

/// Converts an event to a piece of the interaction.
fn piece(event: Value) -> Option<Object> {
    let Value::Object(mut event) = event else { return None };
    let kind = event.owned("event_type")?;
    let mut take = |name: &str| match event.remove(name) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    };
    let step = match kind.as_str() {
        "step.start" | "content.start" => take("step").or_else(|| take("content")).map(step),
        "step.delta" | "content.delta" => take("delta").map(delta),
        _ => {
            let mut interaction = take("interaction").unwrap_or_default();
            let steps = interaction.remove("steps").or_else(|| interaction.remove("outputs"));
            interaction.extend(steps.map(|steps| ("outputs".to_owned(), steps)));
            let own = event.into_iter().filter(|(name, _)| matches!(name.as_str(), "status" | "usage"));
            interaction.extend(own);
            return Some(interaction);
        }
    };
    let mut step = step?;
    step.extend(event.remove("index").map(|index| ("index".to_owned(), index)));
    Some(list("steps", step.into()))
}

/// Returns the step that a step or a content is.
fn step(item: Object) -> Object {
    if !is_content(&item) {
        return item;
    }
    let mut step = list("content", item.into());
    step.insert("type".to_owned(), "model_output".into());
    step
}

/// Converts a change of a step to a piece of the step.
fn delta(mut delta: Object) -> Object {
    let kind = match delta.text("type") {
        None | Some("text_annotation_delta") => "model_output",
        Some("thought_summary" | "thought_signature") => "thought",
        Some("arguments_delta") => "function_call",
        Some(_) => return step(delta),
    };
    delta.remove("type");
    let mut piece = match (kind, delta.remove("content")) {
        ("model_output", _) => list("content", delta.into()),
        (_, Some(summary)) => list("summary", summary),
        (_, None) => delta,
    };
    piece.insert("type".to_owned(), kind.into());
    piece
}

fn list(name: &str, item: Value) -> Object {
    Object::from_iter([(name.to_owned(), vec![item].into())])
}

/// Adds contents. A text, or its annotations, extends the text before it.
fn add_contents(known: &mut Value, later: Value) {
    if !known.is_array() {
        *known = json!([]);
    }
    let (Value::Array(contents), Value::Array(more)) = (known, later) else { return };
    let is_text = |content: &Object| matches!(content.text("type"), None | Some("text"));
    for content in more {
        match (contents.last_mut(), content) {
            (Some(Value::Object(last)), Value::Object(content)) if is_text(last) && is_text(&content) => {
                merge::add(last, content, TEXT);
            }
            (_, content) => contents.push(content),
        }
    }
}
