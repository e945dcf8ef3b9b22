//! OpenAI's legacy completions.

use serde_json::Value;

use super::draft::{Draft, Omissions};
use super::json::{self, Fields, Object};
use super::reading::{Reply, Request, Shape};
use super::{openai_chat, openai_images};
use crate::blueprint::{CompletionPrompt, ContentBlock, Message, Prompt};

pub(super) static SHAPE: Shape = Shape {
    api_type: "completions",
    family: "openai",
    is_shared: true,
    is_request: |object| {
        object.has_a("model", Value::is_string)
            && matches!(object.get("prompt"), Some(Value::String(_) | Value::Array(_)))
            && !openai_images::is_request(object)
    },
    request,
    is_reply,
    reply,
    // A chunk of a completion has the same form as a completion.
    is_chunk: is_reply,
    sum: |chunks| openai_chat::sum(chunks, KIND),
    write: Some(write),
};

/// The `object` field of a completion.
const KIND: &str = "text_completion";

fn is_reply(object: &Object) -> bool {
    openai_chat::first_choice_has(object, "text", Value::is_string)
        || (object.is("object", KIND) && object.has_a("choices", Value::is_array))
}

/// Reads a request. It may contain several prompts. A list of tokens is kept as a list.
fn request(object: Object) -> Request {
    let prompt: Vec<ContentBlock> = match object.get("prompt") {
        Some(Value::Array(prompts)) if prompts.iter().all(Value::is_string) => {
            prompts.iter().map(|prompt| ContentBlock::from_text(json::compact(prompt))).collect()
        }
        prompt => prompt.map(|prompt| ContentBlock::from_text(json::compact(prompt))).into_iter().collect(),
    };
    openai_chat::common_request(object, &SHAPE, CompletionPrompt::new(prompt), &["model", "prompt"])
}

/// Reads a response. Each choice becomes a text block.
fn reply(object: &Object) -> Reply {
    let texts = object.list("choices").iter().filter_map(|choice| choice.str("text"));
    let texts: Vec<ContentBlock> = texts.map(ContentBlock::from_text).collect();
    Reply { prompt: Some(CompletionPrompt::new(texts).into()), ..openai_chat::common_reply(object, &SHAPE) }
}

/// Writes a request. The messages of a chat become one text, without their roles.
fn write(draft: &Draft<'_>, omissions: &mut Omissions) -> Object {
    let mut texts = |blocks: &[ContentBlock], place: &str| -> Vec<String> {
        let text = |(at, block): (usize, &ContentBlock)| {
            if block.text().is_none() {
                omissions.add(format!("{place}content[{at}]"), "a completion takes only text");
            }
            block.text().map(str::to_owned)
        };
        blocks.iter().enumerate().filter_map(text).collect()
    };
    let prompt: Value = match draft.prompt {
        Prompt::Completion(completion) => {
            let mut texts = texts(&completion.content, "");
            if texts.len() > 1 { texts.into() } else { texts.pop().unwrap_or_default().into() }
        }
        Prompt::Chat(chat) => {
            let messages = chat.messages.iter().enumerate();
            let text = |(at, message): (usize, &Message)| {
                texts(message.content(), &format!("messages[{at}].")).concat()
            };
            let text = messages.map(text).collect::<Vec<_>>().join("\n");
            omissions.add("messages", "a completion has no roles");
            if !chat.tools.is_empty() || !chat.functions.is_empty() {
                omissions.add("tools", "a completion takes no tools");
            }
            text.into()
        }
    };
    let mut body = draft.body();
    body.insert("prompt".to_owned(), prompt);
    body
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use crate::blueprint::{ChatPrompt, CompletionPrompt, ContentBlock, Function, Message, Prompt};
    use crate::providers::{self, Input, ProviderRequest};

    fn written(prompt: &Prompt) -> ProviderRequest {
        providers::to_request(prompt, "openai", Some("completions"), "m", &Map::new()).unwrap()
    }

    #[test]
    fn completions_round_trip() {
        let texts = |texts: &[&str]| texts.iter().copied().map(ContentBlock::from_text).collect::<Vec<_>>();
        for (content, prompt) in [
            (texts(&["one"]), json!("one")),
            (texts(&["one", "two"]), json!(["one", "two"])),
            (texts(&[""]), json!("")),
        ] {
            let prompt_read = Prompt::from(CompletionPrompt::new(content));
            let request = written(&prompt_read);
            assert_eq!((&request.body["prompt"], request.omissions.len()), (&prompt, 0));
            let read = providers::request(Input::Value(request.body.into()));
            assert_eq!((read.prompt, read.model.as_deref()), (Some(prompt_read), Some("m")));
        }
    }

    #[test]
    fn chat_becomes_one_text_and_the_rest_is_reported() {
        let image = ContentBlock::from_image_url("https://example.org/a.png");
        let mut chat = ChatPrompt::new([
            Message::system("be brief"),
            Message::user(vec![ContentBlock::from_text("why?"), image.clone()]),
        ]);
        chat.tools = vec![Function::new("now").into()];
        let request = written(&chat.into());
        assert_eq!(request.body["prompt"], "be brief\nwhy?");
        let places: Vec<&str> = request.omissions.iter().map(|omission| omission.place.as_str()).collect();
        assert_eq!(places, ["messages[1].content[1]", "messages", "tools"]);
        let request = written(&CompletionPrompt::new(vec![image]).into());
        assert_eq!(
            (&request.body["prompt"], request.omissions[0].place.as_str()),
            (&json!(""), "content[0]")
        );
    }
}
