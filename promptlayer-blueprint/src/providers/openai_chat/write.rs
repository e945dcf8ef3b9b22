//! Writes requests.

use serde::Serialize;
use serde_json::Value;

use super::media::ANY_AUDIO;
use crate::blueprint::{
    ChatPrompt, ContentBlock, Media, MediaFormat, Message, OutputMediaContent, OutputMediaType, Prompt,
    ThinkingContent, Tool, ToolChoice,
};
use crate::providers::draft::{Draft, Omissions};
use crate::providers::json::{Fields, Object};
use crate::providers::merge::{self, Op};

/// Providers without messages of developers. They are written as messages of the system.
const NO_DEVELOPER: &[&str] = &["mistral", "deepseek", "perplexity"];

/// Fields of a message, apart from its content, that the blueprint has under the same name.
const MESSAGE_FIELDS: &[&str] = &["role", "name", "tool_call_id", "tool_calls", "function_call"];

const NO_LEGACY: &str = "the API has no legacy form of tools";

const NOT_ALL: &str = "citations, ids and signatures cannot be sent back";

/// Writes a request.
pub(super) fn write(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let mut writer = Writer { provider: draft.provider, omissions };
    let mut body = draft.parameters.clone();
    body.insert("model".to_owned(), draft.model.into());
    let messages: Value = match draft.prompt {
        Prompt::Completion(completion) => {
            writer.message(&Message::user(completion.content.clone()), "").into_iter().collect()
        }
        Prompt::Chat(chat) => {
            body.extend(writer.tools(chat));
            let messages = chat.messages.iter().enumerate();
            messages
                .filter_map(|(at, message)| writer.message(message, &format!("messages[{at}].")))
                .collect()
        }
    };
    body.insert("messages".to_owned(), messages);
    body
}

struct Writer<'a> {
    provider: &'a str,
    omissions: &'a mut Omissions,
}

impl Writer<'_> {
    /// Returns `true` for OpenAI, which takes no files by URL, and files only in messages of the user.
    fn is_openai(&self) -> bool {
        matches!(self.provider, "openai" | "openai.azure")
    }

    /// Returns `true` for Mistral, which refuses names of participants and the legacy form of tools.
    fn is_mistral(&self) -> bool {
        self.provider == "mistral"
    }

    /// Returns the tools, the functions and the choices of them.
    fn tools(&mut self, chat: &ChatPrompt) -> Object {
        let mut tools = ChatPrompt { tool_choice: chat.tool_choice.clone(), ..ChatPrompt::default() };
        for (at, tool) in chat.tools.iter().enumerate() {
            match tool {
                Tool::Function(_) => tools.tools.push(tool.clone()),
                Tool::Other(other) if other.has("custom") => tools.tools.push(tool.clone()),
                _ => self.omissions.add(format!("tools[{at}]"), "the API has no such tool"),
            }
        }
        if !self.is_mistral() {
            tools.functions.clone_from(&chat.functions);
            tools.function_call.clone_from(&chat.function_call);
        } else if !chat.functions.is_empty() {
            self.omissions.add("functions", NO_LEGACY);
        }
        // Mistral's name of `required`, which it accepts too.
        if tools.tool_choice == Some(ToolChoice::Mode("any".to_owned())) && !self.is_mistral() {
            tools.tool_choice = Some(ToolChoice::Mode("required".to_owned()));
        }
        let mut fields = fields(&tools);
        fields.retain(|name, _| name != "type" && name != "messages");
        fields
    }

    /// Writes a message. The place of its fields starts with `place`.
    fn message(&mut self, message: &Message, place: &str) -> Option<Value> {
        let role = message.role();
        let problem = match message {
            Message::Placeholder(_) => "the variable for messages has no value",
            Message::Other(_) => "the API has no such role",
            Message::Function(_) if self.is_mistral() => NO_LEGACY,
            _ => "",
        };
        if !problem.is_empty() {
            self.omissions.add(place.trim_end_matches('.'), problem);
            return None;
        }
        let mut written = fields(message);
        written.retain(|name, _| MESSAGE_FIELDS.contains(&name.as_str()));
        for call in written.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
            call.as_object_mut().map(|call| call.remove("tool_id"));
        }
        if self.is_mistral() && role != "tool" {
            for (field, problem) in [("function_call", NO_LEGACY), ("name", "the API has no names")] {
                if written.remove(field).is_some() {
                    self.omissions.add(format!("{place}{field}"), problem);
                }
            }
        }
        if role == "developer" && NO_DEVELOPER.contains(&self.provider) {
            self.omissions.add(format!("{place}role"), "the API has the role `system` in its place");
            written.insert("role".to_owned(), "system".into());
        }
        for (at, block) in message.content().iter().enumerate() {
            let block = self.block(block, role, format!("{place}content[{at}]"));
            let piece = block.map(|(field, value)| (field.to_owned(), value)).into_iter().collect();
            merge::add(&mut written, piece, &[("*", Op::Append)]);
        }
        // A single text is written without a part, which all servers understand.
        if let [only] = written.list("content")
            && let Some(text) = only.owned("text").filter(|_| only.is("type", "text"))
        {
            written.insert("content".to_owned(), text.into());
        }
        // A message that only calls tools has no content.
        if !["content", "tool_calls", "function_call", "audio"].iter().any(|field| written.has(field)) {
            written.insert("content".to_owned(), "".into());
        }
        Some(written.into())
    }

    /// Returns the field of a message to which a block is added, and what is added. A spoken answer is sent back by
    /// its id.
    fn block(&mut self, block: &ContentBlock, role: &str, place: String) -> Option<(&'static str, Value)> {
        let is_model = role == "assistant";
        let by_id = |id: Option<&str>| Some(("audio", object([("id", id.into())])));
        let written = match block {
            ContentBlock::Text(text) => {
                if !text.annotations.is_empty() || text.id.is_some() || text.thought_signature.is_some() {
                    self.omissions.add(place.as_str(), NOT_ALL);
                }
                Some(item("content", part("text", text.text.as_str().into())))
            }
            ContentBlock::Thinking(thought) if is_model => {
                let text = thought.thinking.as_str().into();
                let written = match self.provider {
                    "openai" | "openai.azure" | "perplexity" => None,
                    "openrouter" => return Some(item("reasoning_details", detail(thought))),
                    "mistral" => Some(item("content", part("thinking", vec![part("text", text)].into()))),
                    "groq" => Some(("reasoning", text)),
                    _ => Some(("reasoning_content", text)),
                };
                if written.is_some() && (thought.signature.is_some() || thought.id.is_some()) {
                    self.omissions.add(place.as_str(), NOT_ALL);
                }
                written
            }
            ContentBlock::OutputMedia(media)
                if is_image(media) && is_model && self.provider == "openrouter" =>
            {
                Some(item("images", link("image_url", &media.url)))
            }
            ContentBlock::OutputMedia(media) if !is_image(media) && is_model => {
                media.id.as_deref().and_then(|id| by_id(Some(id)))
            }
            ContentBlock::Media(file) if is_model && is_audio_id(&file.media) => {
                by_id(file.media.url.as_deref())
            }
            _ if self.is_openai() && role != "user" => None,
            ContentBlock::ImageUrl(image) if !image.image_url.url.is_empty() => {
                Some(item("content", part("image_url", fields(&image.image_url).into())))
            }
            ContentBlock::OutputMedia(media) if is_image(media) => {
                Some(item("content", link("image_url", &media.url)))
            }
            ContentBlock::Media(file) => self.file(&file.media).map(|part| item("content", part)),
            _ => None,
        };
        if written.is_none() {
            self.omissions.add(place, "the API has no such content here");
        }
        written
    }

    /// Writes a file. Returns `None` if the provider does not take it.
    fn file(&self, media: &Media) -> Option<Value> {
        let source = media.url.as_deref().filter(|source| !source.is_empty())?;
        let title = || media.title.as_deref().into();
        let kind = media.mime_type.as_deref().unwrap_or("image/jpeg");
        let (family, format) = kind.split_once('/').unwrap_or((kind, ""));
        let url = match media.format {
            MediaFormat::Base64 => &format!("data:{kind};base64,{source}"),
            _ => source,
        };
        let (is_mistral, is_openai) = (self.is_mistral(), self.is_openai());
        let file = match (media.format, family) {
            (MediaFormat::Neither, _) if is_mistral => {
                object([("type", "file".into()), ("file_id", source.into())])
            }
            (MediaFormat::Neither, _) => {
                part("file", object([("file_id", source.into()), ("filename", title())]))
            }
            (_, "image") => link("image_url", url),
            (_, "audio") if is_mistral => part("input_audio", source.into()),
            (MediaFormat::Base64, "audio") => {
                let format = if format == "mpeg" { "mp3" } else { format };
                part("input_audio", object([("data", source.into()), ("format", format.into())]))
            }
            (_, "audio") if !is_openai => link("audio_url", url),
            (_, "video") if !is_openai && !is_mistral => link("video_url", url),
            (_, "audio" | "video") => return None,
            _ if is_mistral => object([
                ("type", "document_url".into()),
                ("document_url", url.into()),
                ("document_name", title()),
            ]),
            (MediaFormat::Url, _) if is_openai => return None,
            _ => part("file", object([("file_data", url.into()), ("filename", title())])),
        };
        Some(file)
    }
}

fn is_image(media: &OutputMediaContent) -> bool {
    media.media_type == OutputMediaType::Image
}

/// Returns `true` if a file is the audio of an earlier turn, of which only the id is known.
fn is_audio_id(media: &Media) -> bool {
    media.format == MediaFormat::Neither && media.mime_type.as_deref() == Some(ANY_AUDIO)
}

/// Creates an object. Fields that are `null` are left out.
fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    fields.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// Returns an item for a list in a message.
fn item(field: &'static str, value: Value) -> (&'static str, Value) {
    (field, vec![value].into())
}

/// Creates a part of a content.
fn part(kind: &'static str, value: Value) -> Value {
    object([("type", kind.into()), (kind, value)])
}

/// Creates a part with a URL.
fn link(kind: &'static str, url: &str) -> Value {
    part(kind, object([("url", url.into())]))
}

/// Returns the fields that a value is serialized to.
fn fields(value: &impl Serialize) -> Object {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Object::new(),
    }
}

/// Creates a reasoning block of `OpenRouter`.
fn detail(thought: &ThinkingContent) -> Value {
    let (text, signature) = (thought.thinking.as_str(), thought.signature.as_deref());
    let id = ("id", thought.id.as_deref().into());
    if text.is_empty() {
        return object([("type", "reasoning.encrypted".into()), ("data", signature.into()), id]);
    }
    object([("type", "reasoning.text".into()), ("text", text.into()), ("signature", signature.into()), id])
}
