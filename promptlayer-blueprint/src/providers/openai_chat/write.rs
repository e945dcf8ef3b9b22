//! Writes requests.

use serde::Serialize;
use serde_json::{Value, json};

use super::media::ANY_AUDIO;
use crate::blueprint::{
    ChatPrompt, ContentBlock, Media, MediaFormat, Message, OutputMediaContent, OutputMediaType,
    ThinkingContent, Tool, ToolChoice,
};
use crate::providers::draft::{
    Draft, NO_DEVELOPER, NO_LEGACY, NO_NAMES, NO_SUCH_BLOCK, NO_SUCH_CHOICE, NO_SUCH_MESSAGE, NOT_ALL,
    Omissions,
};
use crate::providers::json::{Fields, Object, without_nulls};
use crate::providers::merge::{self, Op};

/// Providers without messages of developers. They are written as messages of the system.
const WITHOUT_DEVELOPER: &[&str] = &["mistral", "deepseek", "perplexity"];

/// Fields of a message, apart from its content, that the blueprint has under the same name.
const MESSAGE_FIELDS: &[&str] = &["role", "name", "tool_call_id", "tool_calls", "function_call"];

/// The length of the ids of calls that Mistral takes.
const MISTRAL_ID: usize = 9;

pub(super) fn write(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let mut writer = Writer { provider: draft.provider, omissions };
    let mut body = draft.body();
    body.extend(writer.tools(draft.chat));
    let messages = draft.chat.messages.iter().enumerate();
    let messages = messages.filter_map(|(at, message)| writer.message(message, &format!("messages[{at}]")));
    body.insert("messages".to_owned(), messages.collect());
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
        let tools = self.omissions.tools(chat, |tool| match tool {
            Tool::Other(other) if !other.has("custom") => None,
            Tool::BuiltIn(_) => None,
            tool => serde_json::to_value(tool).ok(),
        });
        // Other modes may be the provider's own, but this one is the word for a function with a name.
        let tool_choice =
            chat.tool_choice.clone().filter(|choice| *choice != ToolChoice::Mode("function".to_owned()));
        if tool_choice.is_none() && chat.tool_choice.is_some() {
            self.omissions.add("tool_choice", NO_SUCH_CHOICE);
        }
        let mut chosen = ChatPrompt { tool_choice, ..ChatPrompt::default() };
        if !self.is_mistral() {
            chosen.functions.clone_from(&chat.functions);
            chosen.function_call.clone_from(&chat.function_call);
            // Mistral's name of `required`.
            if chosen.tool_choice == Some(ToolChoice::Mode("any".to_owned())) {
                chosen.tool_choice = Some(ToolChoice::Mode("required".to_owned()));
            }
        } else if !chat.functions.is_empty() {
            self.omissions.add("functions", NO_LEGACY);
        }
        let mut fields = fields(&chosen);
        fields.retain(|name, _| name != "type" && name != "messages");
        if !tools.is_empty() {
            fields.insert("tools".to_owned(), tools.into());
        }
        fields
    }

    fn message(&mut self, message: &Message, place: &str) -> Option<Value> {
        let role = message.role();
        let problem = match message {
            Message::Placeholder(_) | Message::Other(_) => Some(NO_SUCH_MESSAGE),
            Message::Function(_) if self.is_mistral() => Some(NO_LEGACY),
            _ => None,
        };
        if let Some(problem) = problem {
            self.omissions.add(place, problem);
            return None;
        }
        let mut written = fields(message);
        written.retain(|name, _| MESSAGE_FIELDS.contains(&name.as_str()));
        for call in written.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
            call.as_object_mut().map(|call| call.remove("tool_id"));
        }
        if self.is_mistral() {
            self.set_call_ids(&mut written, place);
        }
        if self.is_mistral() && role != "tool" {
            for (field, problem) in [("function_call", NO_LEGACY), ("name", NO_NAMES)] {
                if written.remove(field).is_some() {
                    self.omissions.add(format!("{place}.{field}"), problem);
                }
            }
        }
        if role == "developer" && WITHOUT_DEVELOPER.contains(&self.provider) {
            self.omissions.add(format!("{place}.role"), NO_DEVELOPER);
            written.insert("role".to_owned(), "system".into());
        }
        for (at, block) in message.content().iter().enumerate() {
            let has_thought = written.has("reasoning") || written.has("reasoning_content");
            let block = self.block(block, role, has_thought, format!("{place}.content[{at}]"));
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

    /// Replaces the ids of calls that Mistral does not take.
    fn set_call_ids(&mut self, message: &mut Object, place: &str) {
        let mut set = |place: String, id: Option<&mut Value>| {
            if let Some(Value::String(id)) = id
                && !(id.len() == MISTRAL_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            {
                *id = mistral_id(id);
                self.omissions.add(place, "the API takes ids of nine letters and digits only");
            }
        };
        set(format!("{place}.tool_call_id"), message.get_mut("tool_call_id"));
        let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
        for (at, call) in calls.into_iter().flatten().enumerate() {
            set(format!("{place}.tool_calls[{at}].id"), call.get_mut("id"));
        }
    }

    /// Returns the field of a message to which a block is added, and what is added. A spoken answer is sent back by
    /// its id.
    fn block(
        &mut self,
        block: &ContentBlock,
        role: &str,
        has_thought: bool,
        place: String,
    ) -> Option<(&'static str, Value)> {
        let is_model = role == "assistant";
        let content = |part: Value| ("content", json!([part]));
        let mut is_all = true;
        let written = match block {
            ContentBlock::Text(text) => {
                is_all = text.annotations.is_empty() && text.id.is_none() && text.thought_signature.is_none();
                Some(content(json!({"type": "text", "text": text.text})))
            }
            ContentBlock::Thinking(thought) if is_model => {
                // A field for the reasoning has one thought: the texts of several are joined.
                let is_text = !has_thought && thought.signature.is_none() && thought.id.is_none();
                is_all = is_text || self.provider == "openrouter";
                self.thought(thought)
            }
            ContentBlock::OutputMedia(media) if is_model && !is_image(media) => {
                media.id.as_deref().map(|id| ("audio", json!({ "id": id })))
            }
            ContentBlock::OutputMedia(media) if is_model && self.provider == "openrouter" => {
                Some(("images", json!([link("image_url", &media.url)])))
            }
            ContentBlock::Media(file) if is_model && is_audio_id(&file.media) => {
                Some(("audio", without_nulls(json!({ "id": file.media.url }))))
            }
            _ if self.is_openai() && role != "user" => None,
            ContentBlock::ImageUrl(image) if !image.image_url.url.is_empty() => {
                Some(content(json!({"type": "image_url", "image_url": image.image_url})))
            }
            ContentBlock::OutputMedia(media) if is_image(media) => {
                Some(content(link("image_url", &media.url)))
            }
            ContentBlock::Media(file) => self.file(&file.media).map(content),
            _ => None,
        };
        if written.is_none() {
            self.omissions.add(place, NO_SUCH_BLOCK);
        } else if !is_all {
            self.omissions.add(place, NOT_ALL);
        }
        written
    }

    /// Writes a thought in the field that the provider has for it.
    fn thought(&self, thought: &ThinkingContent) -> Option<(&'static str, Value)> {
        let ThinkingContent { thinking, signature, id } = thought;
        Some(match self.provider {
            "openai" | "openai.azure" | "perplexity" => return None,
            "openrouter" => {
                let detail = if thinking.is_empty() {
                    json!({"type": "reasoning.encrypted", "data": signature, "id": id})
                } else {
                    json!({"type": "reasoning.text", "text": thinking, "signature": signature, "id": id})
                };
                ("reasoning_details", json!([without_nulls(detail)]))
            }
            "mistral" => {
                let parts = json!([{"type": "text", "text": thinking}]);
                ("content", json!([{"type": "thinking", "thinking": parts}]))
            }
            "groq" => ("reasoning", thinking.as_str().into()),
            _ => ("reasoning_content", thinking.as_str().into()),
        })
    }

    /// Writes a file. Returns `None` if the provider does not take it.
    fn file(&self, media: &Media) -> Option<Value> {
        let source = media.url.as_deref().filter(|source| !source.is_empty())?;
        let title = &media.title;
        let kind = media.mime_type.as_deref().unwrap_or("image/jpeg");
        let (family, format) = kind.split_once('/').unwrap_or((kind, ""));
        let url = match media.format {
            MediaFormat::Base64 => &format!("data:{kind};base64,{source}"),
            _ => source,
        };
        let file = |fields: Value| json!({"type": "file", "file": without_nulls(fields)});
        let (is_mistral, is_openai) = (self.is_mistral(), self.is_openai());
        Some(match (media.format, family) {
            (MediaFormat::Neither, _) if is_mistral => json!({"type": "file", "file_id": source}),
            (MediaFormat::Neither, _) => file(json!({"file_id": source, "filename": title})),
            (_, "image") => link("image_url", url),
            (_, "audio") if is_mistral => json!({"type": "input_audio", "input_audio": source}),
            (MediaFormat::Base64, "audio") => {
                let format = if format == "mpeg" { "mp3" } else { format };
                json!({"type": "input_audio", "input_audio": {"data": source, "format": format}})
            }
            (_, "audio") if !is_openai => link("audio_url", url),
            (_, "video") if !is_openai && !is_mistral => link("video_url", url),
            (_, "audio" | "video") => return None,
            _ if is_mistral => {
                without_nulls(json!({"type": "document_url", "document_url": url, "document_name": title}))
            }
            (MediaFormat::Url, _) if is_openai => return None,
            _ => file(json!({"file_data": url, "filename": title})),
        })
    }
}

fn is_image(media: &OutputMediaContent) -> bool {
    media.media_type == OutputMediaType::Image
}

/// Returns `true` if a file is the audio of an earlier turn, of which only the id is known.
fn is_audio_id(media: &Media) -> bool {
    media.format == MediaFormat::Neither && media.mime_type.as_deref() == Some(ANY_AUDIO)
}

/// Returns the id that stands for a call's id in a request to Mistral. The same id gets the same one.
fn mistral_id(id: &str) -> String {
    // FNV-1a.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let digits = std::iter::successors(Some(hash), |rest| Some(rest / 36));
    digits.take(MISTRAL_ID).filter_map(|rest| char::from_digit((rest % 36) as u32, 36)).collect()
}

fn link(kind: &str, url: &str) -> Value {
    json!({"type": kind, kind: {"url": url}})
}

fn fields(value: &impl Serialize) -> Object {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Object::new(),
    }
}
