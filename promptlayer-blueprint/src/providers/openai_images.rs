//! OpenAI's image generation and image edits, and compatible APIs.

use serde_json::{Map, Value};

use super::reading::Shape;
use super::reading::{self, Reply, Request, Usage};
use super::shape::Object;
use super::{json, openai_chat, vendor};
use crate::blueprint::{ChatPrompt, ContentBlock, Message, OutputMediaContent};

pub(super) static SHAPE: Shape = Shape {
    api_type: "images",
    family: "openai",
    is_shared: true,
    is_request,
    request,
    is_reply: |object| {
        let is_dated =
            object.get("created").is_some_and(Value::is_number) || openai_chat::is_called(object, "list");
        is_dated && images(object).first().is_some_and(is_image)
    },
    reply,
    is_chunk: |object| event(object).is_some(),
    sum: |events| sum(&events),
    write: None,
};

/// Prefixes of the names of image models.
const MODELS: &[&str] = &["dall-e-", "gpt-image-", "chatgpt-image", "grok-2-image", "grok-imagine-image"];

/// Formats in which a response may contain its images.
const RESPONSE_FORMATS: &[&str] = &["url", "b64_json"];

/// Fields of an image in a response. An object with other fields is not an image.
const IMAGE_FIELDS: &[&str] =
    &["url", "b64_json", "revised_prompt", "index", "type", "object", "timings", "mime_type"];

/// Response fields that apply to all images.
const OF_ALL_IMAGES: &[&str] = &["size", "quality", "background"];

/// Returns `true` if an object is a request: it has a prompt, and an image model or a setting that only
/// images have.
pub(super) fn is_request(object: &Object) -> bool {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let is_sized = |size: &str| {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        size.split_once('x').is_some_and(|(width, height)| is_number(width) && is_number(height))
    };
    text("prompt").is_some()
        && (text("model").is_some_and(|model| MODELS.iter().any(|name| model.starts_with(name)))
            || text("response_format").is_some_and(|format| RESPONSE_FORMATS.contains(&format))
            || text("size").is_some_and(is_sized))
}

/// Reads a request. The prompt and the images to edit become the user message.
fn request(mut object: Object) -> Request {
    let mut blocks: Vec<ContentBlock> =
        json::string(&object, "prompt").map(ContentBlock::from_text).into_iter().collect();
    let mut prompt_fields = vec!["model", "prompt"];
    for field in ["image", "images"] {
        let given = object.get(field).map(given).unwrap_or_default();
        if !given.is_empty() {
            blocks.extend(given);
            prompt_fields.push(field);
        }
    }
    // Binary file contents are not useful in a log, so they are removed.
    object.retain(|_, value| !is_bytes(value));
    Request {
        shape: Some(&SHAPE),
        provider: vendor::of_request(&object).map(Into::into),
        model: json::string(&object, "model").map(str::to_owned),
        prompt: Some(ChatPrompt::new([Message::user(blocks)]).into()),
        parameters: reading::parameters(object, &prompt_fields),
        unplaced: Map::new(),
    }
}

/// Returns the images of a request that are given by URL. Returns none if one of them is given in another
/// form.
fn given(value: &Value) -> Vec<ContentBlock> {
    let one = std::slice::from_ref(value);
    let images = value.as_array().map_or(one, Vec::as_slice);
    let address = |image: &Value| {
        let image = image.get("image_url").unwrap_or(image);
        let url = image.as_str().or_else(|| image.get("url")?.as_str())?;
        Some(ContentBlock::from_image_url(url))
    };
    images.iter().map(address).collect::<Option<Vec<_>>>().unwrap_or_default()
}

fn is_bytes(value: &Value) -> bool {
    let is_byte = |value: &Value| value.as_u64().is_some_and(|byte| u8::try_from(byte).is_ok());
    value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_byte))
        || value.as_object().is_some_and(|fields| fields.values().any(is_bytes))
}

/// Reads a response. Each image becomes a block.
fn reply(object: &Object) -> Reply {
    let kind = json::string(object, "output_format").unwrap_or("png");
    let about: Object = OF_ALL_IMAGES
        .iter()
        .filter_map(|key| {
            Some(((*key).to_owned(), object.get(*key).filter(|value| !value.is_null())?.clone()))
        })
        .collect();
    let blocks: Vec<ContentBlock> =
        images(object).iter().filter_map(|image| block(image.as_object()?, kind, &about)).collect();
    let common = openai_chat::common_reply(object, &SHAPE);
    let usage = object.get("usage").and_then(Value::as_object).map(usage).unwrap_or_default();
    Reply { prompt: Some(ChatPrompt::new([Message::assistant(blocks)]).into()), usage, ..common }
}

fn images(object: &Object) -> &[Value] {
    object.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_image(value: &Value) -> bool {
    value.as_object().is_some_and(|image| {
        ["url", "b64_json"].iter().any(|key| image.get(*key).is_some_and(Value::is_string))
            && image.keys().all(|key| IMAGE_FIELDS.contains(&key.as_str()))
    })
}

/// Converts one image to a block, with its URL or a `data:` URL.
fn block(image: &Object, kind: &str, about: &Object) -> Option<ContentBlock> {
    let mime = json::string(image, "mime_type").map_or_else(|| format!("image/{kind}"), str::to_owned);
    let content = json::string(image, "b64_json").map(|data| {
        if data.starts_with("data:") { data.to_owned() } else { format!("data:{mime};base64,{data}") }
    });
    let url = content.or_else(|| json::string(image, "url").map(str::to_owned))?;
    let mut about = about.clone();
    if let Some(revised) = json::string(image, "revised_prompt") {
        about.insert("revised_prompt".to_owned(), revised.into());
    }
    Some(ContentBlock::OutputMedia(OutputMediaContent {
        url,
        mime_type: Some(mime),
        provider_metadata: (!about.is_empty()).then_some(about),
        ..OutputMediaContent::default()
    }))
}

/// Reads token counts. Their names differ from those of chat completions.
fn usage(usage: &Object) -> Usage {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64);
    let within = |object: &str, key: &str| usage.get(object).and_then(|details| details.get(key)?.as_u64());
    let others = [
        ("input_image_tokens", within("input_tokens_details", "image_tokens")),
        ("output_image_tokens", within("output_tokens_details", "image_tokens")),
    ];
    Usage {
        input: count("input_tokens"),
        output: count("output_tokens"),
        cached: within("input_tokens_details", "cached_tokens"),
        other: others.into_iter().filter_map(|(key, count)| Some((key, count?))).collect(),
        ..Usage::default()
    }
}

/// Returns `Some` if an object is an event of a streamed image, with `true` for a final image.
fn event(object: &Object) -> Option<bool> {
    match json::string(object, "type")? {
        "image_generation.completed" | "image_edit.completed" => Some(true),
        "image_generation.partial_image" | "image_edit.partial_image" => Some(false),
        _ => None,
    }
}

/// Assembles events into the whole response: the final images, or the last partial image if the stream was
/// interrupted.
fn sum(chunks: &[Value]) -> Object {
    let events = || chunks.iter().filter_map(Value::as_object);
    let mut done: Vec<&Object> = events().filter(|chunk| event(chunk) == Some(true)).collect();
    if done.is_empty() {
        done.extend(events().rfind(|chunk| event(chunk) == Some(false)));
    }
    let mut whole = Object::new();
    for chunk in &done {
        for (key, value) in chunk.iter().filter(|(key, _)| !matches!(key.as_str(), "type" | "b64_json")) {
            let key = if key == "created_at" { "created" } else { key };
            openai_chat::merge(&mut whole, key, value);
        }
    }
    let image = |chunk: &&Object| {
        let data = chunk.get("b64_json")?.clone();
        Some(Value::Object(Map::from_iter([("b64_json".to_owned(), data)])))
    };
    whole.insert("data".to_owned(), done.iter().filter_map(image).collect());
    whole
}
