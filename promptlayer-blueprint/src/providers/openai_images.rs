//! OpenAI's image generation and image edits, and compatible APIs.

use serde_json::Value;

use super::json::{Fields, Object};
use super::merge::{self, Op};
use super::openai_chat;
use super::reading::{Reply, Request, Shape};
use crate::blueprint::{ContentBlock, OutputMediaContent, Prompt};

pub(super) static SHAPE: Shape = Shape {
    api_type: "images",
    family: "openai",
    is_shared: true,
    is_request,
    request,
    is_reply,
    reply,
    is_chunk: |object| is_final(object).is_some(),
    sum,
    ..Shape::BASE
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

/// Returns `true` if an object is a request: it has a prompt, and an image model or a setting that only images have.
pub(super) fn is_request(object: &Object) -> bool {
    let text = |key: &str| object.str(key);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_size = |size: &str| size.split_once('x').is_some_and(|(x, y)| is_number(x) && is_number(y));
    text("prompt").is_some()
        && (text("model").is_some_and(|model| MODELS.iter().any(|name| model.starts_with(name)))
            || text("response_format").is_some_and(|format| RESPONSE_FORMATS.contains(&format))
            || text("size").is_some_and(is_size))
}

/// Reads a request. The prompt and the images to edit become the user message.
fn request(mut object: Object) -> Request {
    let mut blocks: Vec<ContentBlock> =
        object.text("prompt").map(ContentBlock::from_text).into_iter().collect();
    let mut prompt_fields = vec!["model", "prompt"];
    for field in ["image", "images"] {
        let images = object.get(field).and_then(linked_images).unwrap_or_default();
        if !images.is_empty() {
            blocks.extend(images);
            prompt_fields.push(field);
        }
    }
    // Binary file contents are not useful in a log, so they are removed.
    object.retain(|_, value| !is_bytes(value));
    openai_chat::common_request(object, &SHAPE, Prompt::user(blocks), &prompt_fields)
}

/// Returns the images of a request if all of them are given by URL.
fn linked_images(value: &Value) -> Option<Vec<ContentBlock>> {
    let images = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let address = |image: &Value| {
        let image = image.get("image_url").unwrap_or(image);
        Some(ContentBlock::from_image_url(image.as_str().or_else(|| image.str("url"))?))
    };
    images.iter().map(address).collect()
}

fn is_bytes(value: &Value) -> bool {
    let is_byte = |value: &Value| value.as_u64().is_some_and(|byte| u8::try_from(byte).is_ok());
    value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_byte))
        || value.as_object().is_some_and(|fields| fields.values().any(is_bytes))
}

/// Returns `true` if an object is a response. Lists of other objects with a URL have no date and no token counts.
fn is_reply(object: &Object) -> bool {
    let Some(image) = object.list("data").first().and_then(Value::as_object) else { return false };
    let has_text = |key: &str| image.has_a(key, Value::is_string);
    let is_marked = object.has_a("created", Value::is_number)
        || object.is("object", "list")
        || object.object("usage").is_some()
        || has_text("b64_json");
    is_marked
        && (has_text("url") || has_text("b64_json"))
        && image.keys().all(|key| IMAGE_FIELDS.contains(&key.as_str()))
}

/// Reads a response. Each image becomes a block.
fn reply(object: &Object) -> Reply {
    let kind = object.text("output_format").unwrap_or("png");
    let about = OF_ALL_IMAGES.iter().filter_map(|key| Some(((*key).to_owned(), object.field(key)?.clone())));
    let about: Object = about.collect();
    let blocks: Vec<ContentBlock> =
        object.objects("data").filter_map(|image| block(image, kind, &about)).collect();
    Reply { prompt: Some(Prompt::assistant(blocks)), ..openai_chat::common_reply(object, &SHAPE) }
}

/// Converts one image to a block, with its URL or a `data:` URL.
fn block(image: &Object, kind: &str, about: &Object) -> Option<ContentBlock> {
    let mime = image.owned("mime_type").unwrap_or_else(|| format!("image/{kind}"));
    let url = match image.text("b64_json") {
        Some(data) if !data.starts_with("data:") => format!("data:{mime};base64,{data}"),
        data => data.or_else(|| image.text("url"))?.to_owned(),
    };
    let mut about = about.clone();
    about.extend(image.owned("revised_prompt").map(|prompt| ("revised_prompt".to_owned(), prompt.into())));
    Some(ContentBlock::OutputMedia(OutputMediaContent {
        url,
        mime_type: Some(mime),
        provider_metadata: (!about.is_empty()).then_some(about),
        ..OutputMediaContent::default()
    }))
}

/// Returns `Some` if an object is an event of a streamed image, with `true` for a final image.
fn is_final(event: &Object) -> Option<bool> {
    match event.text("type")? {
        "image_generation.completed" | "image_edit.completed" => Some(true),
        "image_generation.partial_image" | "image_edit.partial_image" => Some(false),
        _ => None,
    }
}

/// Returns the final images, or the last partial image if the stream was interrupted.
fn sum(events: Vec<Value>) -> Object {
    let (mut images, mut partial) = (Vec::new(), None);
    for event in events {
        match event {
            Value::Object(event) if is_final(&event) == Some(true) => images.push(event),
            Value::Object(event) if is_final(&event) == Some(false) => partial = Some(event),
            _ => {}
        }
    }
    if images.is_empty() {
        images.extend(partial);
    }
    let pieces = images.into_iter().map(|mut event| {
        let data = event.remove("b64_json").map(|data| Object::from_iter([("b64_json".to_owned(), data)]));
        event.insert("data".to_owned(), data.into_iter().collect());
        if let Some(created) = event.remove("created_at") {
            event.insert("created".to_owned(), created);
        }
        event
    });
    merge::sum(pieces, &[("type", Op::Drop), ("data", Op::Extend)])
}
