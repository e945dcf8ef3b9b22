//! Writes prompts in the APIs that have tool calls and tool results among their content blocks: the opposite
//! direction of `turn`.

use serde_json::{Value, json};

use crate::blueprint::{
    BuiltInTool, ContentBlock, Function, MediaContent, MediaFormat, OutputMediaType, Tool,
};
use crate::providers::blocks::image_from_base64;
use crate::providers::draft::{Draft, Ids, Omissions, Reason, Role, Turn, Turns};
use crate::providers::json::Object;
use crate::providers::messages::Role as MessageRole;
use crate::providers::turn::{Read, failed, read_message};

pub(crate) const NO_EMPTY_TEXT: Reason = "the API takes no empty texts";

/// Writes a block of a message with this role, which follows these blocks.
pub(crate) type WriteBlock = fn(&ContentBlock, &str, &[Value]) -> Result<Vec<Value>, Reason>;

/// How an API writes the parts of a prompt.
pub(crate) struct Format {
    pub(crate) read: Read,
    pub(crate) block: WriteBlock,
    /// Writes a tool call: the id, the name, the arguments.
    pub(crate) call: fn(&str, &str, Value) -> Value,
    /// Writes the result of a tool call: the id, the content, whether the tool failed.
    pub(crate) result: fn(&str, Vec<Value>, bool) -> Value,
    /// Writes a function that the model may call, with the schema of its arguments.
    pub(crate) function: fn(&Function, Value) -> Value,
    /// Writes a tool that the provider runs. `None` if the API does not have it.
    pub(crate) built_in: fn(&BuiltInTool) -> Option<Value>,
    /// The field of the tool choice.
    pub(crate) choice_field: &'static str,
    /// Writes a tool choice: a mode, or `function` and its name.
    pub(crate) choice: fn(&str, &str) -> Option<Value>,
    /// The title of a document without a title, if the API requires one.
    pub(crate) untitled: Option<&'static str>,
}

impl Format {
    /// Writes the system prompt and the messages of a request, and adds its parameters.
    pub(crate) fn write(&self, draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
        let (mut system, mut turns) = (Vec::new(), Vec::<(&str, Vec<Value>)>::new());
        // The results of all calls of a message must be in one message, before other content.
        let mut has_results = false;
        let mut messages = Turns::new(draft.chat, Ids::Required);
        while let Some(Turn { place, role, content }) = messages.next(omissions) {
            let (name, is_result) = (role.name(), matches!(role, Role::Tool(..)));
            let of_failed = content.strip_suffix(&[failed()]).filter(|_| is_result);
            let mut content = self.blocks(of_failed.unwrap_or(content), name, &place, omissions);
            match role {
                Role::Assistant(calls) => {
                    for call in calls {
                        let id = call.id.unwrap_or_default();
                        content.push((self.call)(&id, call.name, call.arguments.into()));
                    }
                }
                Role::Tool(id, _) => {
                    content = vec![(self.result)(&id.unwrap_or_default(), content, of_failed.is_some())];
                }
                Role::System | Role::User => {}
            }
            match turns.last_mut() {
                _ if content.is_empty() => omissions.add(place, "the API takes no empty messages"),
                None if name == "system" => system.extend(content),
                Some((_, last)) if has_results && matches!(name, "user" | "tool") => last.extend(content),
                _ => turns.push((if is_result { "user" } else { name }, content)),
            }
            has_results = is_result;
        }
        let messages = turns.into_iter().map(|(role, content)| json!({"role": role, "content": content}));
        let mut body = draft.parameters.clone();
        body.insert("messages".to_owned(), messages.collect());
        if !system.is_empty() {
            body.insert("system".to_owned(), system.into());
        }
        body
    }

    /// Writes blocks. Reports those that are left out, and those that are not read as they were.
    fn blocks(
        &self,
        blocks: &[ContentBlock],
        role: &str,
        place: &str,
        omissions: &mut Omissions,
    ) -> Vec<Value> {
        let mut content = Vec::new();
        for (at, block) in blocks.iter().enumerate() {
            let block = self.in_usual_form(block);
            let written = (self.block)(&block, role, &content);
            let problem = match &written {
                Err(reason) => Some(*reason),
                Ok(written) => {
                    let role = MessageRole::from_name(role).unwrap_or(MessageRole::User);
                    let read = read_message(role, None, Some(&written.clone().into()), self.read);
                    let is_same = read.first().is_some_and(|message| message.content() == [block]);
                    (!is_same).then_some("the API cannot express all of this block")
                }
            };
            if let Some(problem) = problem {
                omissions.add(format!("{place}.content[{at}]"), problem);
            }
            content.extend(written.unwrap_or_default());
        }
        content
    }

    /// Returns a block in the form in which it is read: an image as an image where it is a file or was generated, and
    /// a document with a title if the API requires one.
    fn in_usual_form(&self, block: &ContentBlock) -> ContentBlock {
        let file = match block {
            ContentBlock::OutputMedia(image) if image.media_type == OutputMediaType::Image => {
                return ContentBlock::from_image_url(&image.url);
            }
            ContentBlock::Media(file) => file,
            other => return other.clone(),
        };
        let mut media = file.media.clone();
        let mime_type = media.mime_type.get_or_insert_with(|| "image/jpeg".to_owned());
        match (mime_type.split('/').next(), media.format, &media.url) {
            (Some("image"), MediaFormat::Base64, Some(content)) => image_from_base64(mime_type, content),
            (Some("image"), MediaFormat::Url, Some(url)) => ContentBlock::from_image_url(url),
            (Some("audio" | "video"), ..) => ContentBlock::Media(MediaContent { media }),
            _ => {
                media.title = media.title.or(self.untitled.map(str::to_owned));
                ContentBlock::Media(MediaContent { media })
            }
        }
    }

    /// Adds the tools and the tool choice. Those that are parameters, because the blueprint has no form for them, stay.
    pub(crate) fn add_tools(&self, object: &mut Object, draft: &Draft<'_>, omissions: &mut Omissions) {
        let mut tools = omissions.tools(draft.chat, |tool| match tool {
            Tool::Function(tool) => Some(self.function(&tool.function)),
            Tool::BuiltIn(tool) => (self.built_in)(tool),
            Tool::Other(_) => None,
        });
        tools.extend(draft.chat.functions.iter().map(|function| self.function(function)));
        if let Some(Value::Array(own)) = object.get_mut("tools") {
            tools.append(own);
        }
        if !tools.is_empty() {
            object.insert("tools".to_owned(), tools.into());
        }
        if let Some(choice) = omissions.tool_choice(draft, self.choice) {
            object.entry(self.choice_field).or_insert(choice);
        }
    }

    fn function(&self, function: &Function) -> Value {
        let schema = function.parameters.clone();
        (self.function)(function, schema.map_or_else(|| json!({"type": "object"}), Value::Object))
    }
}

/// Returns an object without its fields that are `null`, `false` or an empty text.
pub(crate) fn present(object: Value) -> Value {
    match object {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !(value.is_null() || value == false || value == ""));
            fields.into()
        }
        other => other,
    }
}
