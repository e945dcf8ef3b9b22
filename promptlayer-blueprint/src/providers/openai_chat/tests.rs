//! Requests that are written from a prompt.

use serde_json::{Map, Value, json};

use crate::blueprint::{
    Annotation, Media, OutputMediaContent, OutputMediaType, TextContent, ThinkingContent,
};
use crate::blueprint::{
    AssistantMessage, ChatPrompt, CompletionPrompt, ContentBlock, Function, FunctionCall, FunctionCallChoice,
    FunctionMessage, MediaContent, MediaFormat, Message, Prompt, Tool, ToolCall, ToolChoice, WebAnnotation,
};
use crate::providers::{self, Input, ProviderRequest};

/// Writes a chat completion request of a provider.
fn written(provider: &str, prompt: &Prompt) -> ProviderRequest {
    let parameters = Map::from_iter([("temperature".to_owned(), json!(0.5))]);
    providers::to_request(prompt, provider, Some("chat-completions"), "m", &parameters).unwrap()
}

/// Returns the places and the messages of a request.
fn messages(provider: &str, messages: impl IntoIterator<Item = Message>) -> (Vec<String>, Value) {
    let request = written(provider, &ChatPrompt::new(messages).into());
    let places = request.omissions.into_iter().map(|omission| omission.place).collect();
    (places, request.body["messages"].clone())
}

/// Checks that a prompt is the same after it was written and read.
fn check_round_trip(provider: &str, prompt: impl Into<Prompt>) {
    let prompt = prompt.into();
    let request = written(provider, &prompt);
    assert_eq!(request.omissions, [], "{provider}");
    let body = Value::Object(request.body);
    let read = providers::request(Input::Value(body.clone()));
    assert_eq!(read.prompt, Some(prompt), "{provider}: {body}");
    assert_eq!(
        (read.model.as_deref(), Value::Object(read.parameters)),
        (Some("m"), json!({"temperature": 0.5}))
    );
    assert_eq!(read.shape.map(|shape| shape.api_type), Some("chat-completions"));
}

fn thinking(thinking: &str, signature: Option<&str>, id: Option<&str>) -> ContentBlock {
    let [signature, id] = [signature, id].map(|text| text.map(str::to_owned));
    ContentBlock::Thinking(ThinkingContent { thinking: thinking.to_owned(), signature, id })
}

fn file(title: Option<&str>, kind: &str, url: &str, format: MediaFormat) -> ContentBlock {
    let [title, mime_type, url] = [title, Some(kind), Some(url)].map(|text| text.map(str::to_owned));
    ContentBlock::Media(MediaContent { media: Media { title, mime_type, url, format } })
}

fn pdf() -> ContentBlock {
    file(Some("a.pdf"), "application/pdf", "JVBE", MediaFormat::Base64)
}

fn linked_pdf() -> ContentBlock {
    file(Some("a.pdf"), "application/pdf", "https://example.org/a.pdf", MediaFormat::Url)
}

fn assistant(content: Vec<ContentBlock>) -> Message {
    Message::Assistant(AssistantMessage { content, ..AssistantMessage::default() })
}

fn calling() -> Message {
    Message::Assistant(AssistantMessage {
        tool_calls: vec![
            ToolCall::new("call_1", "weather", "{\"city\":\"Bern\"}"),
            ToolCall::new("call_2", "now", "{}"),
        ],
        ..AssistantMessage::default()
    })
}

fn named(mut message: Message, name: &str) -> Message {
    providers::messages::set_name(&mut message, Some(name.to_owned()));
    message
}

fn two_texts() -> Vec<ContentBlock> {
    vec![ContentBlock::from_text("one"), ContentBlock::from_text("two")]
}

fn drawn(url: &str) -> ContentBlock {
    ContentBlock::OutputMedia(OutputMediaContent { url: url.to_owned(), ..OutputMediaContent::default() })
}

#[test]
fn messages_of_every_role_round_trip() {
    let mut image = ContentBlock::from_image_url("data:image/png;base64,iVBO");
    if let ContentBlock::ImageUrl(image) = &mut image {
        image.image_url.detail = Some("low".to_owned());
    }
    let messages = [
        named(Message::system("be brief"), "sys"),
        Message::system(two_texts()),
        Message::developer("be kind"),
        named(Message::user("why?"), "ada"),
        Message::user(vec![]),
        Message::user(vec![ContentBlock::from_text("what is this?"), image, pdf()]),
        Message::user(vec![
            ContentBlock::from_image_url("https://example.org/a.png"),
            file(None, "application/octet-stream", "file-1", MediaFormat::Neither),
            file(None, "audio/mpeg", "SUQz", MediaFormat::Base64),
            file(None, "audio/wav", "UklGR", MediaFormat::Base64),
        ]),
        named(Message::assistant("because"), "bot"),
        assistant(two_texts()),
        assistant(vec![file(None, "audio/*", "audio_1", MediaFormat::Neither)]),
        calling(),
        named(Message::tool("call_1", "sunny"), "weather"),
        Message::tool("call_2", two_texts()),
        Message::Assistant(AssistantMessage {
            content: two_texts(),
            function_call: Some(FunctionCall::new("weather", "{}")),
            ..AssistantMessage::default()
        }),
        Message::Function(FunctionMessage {
            name: "weather".to_owned(),
            content: vec![ContentBlock::from_text("sunny")],
            ..FunctionMessage::default()
        }),
    ];
    for provider in ["openai", "openai.azure", "openrouter", "groq", "custom"] {
        check_round_trip(provider, ChatPrompt::new(messages.clone()));
        for message in &messages {
            check_round_trip(provider, ChatPrompt::new([message.clone()]));
        }
    }
}

#[test]
fn tools_and_choices_round_trip() {
    let mut prompt = ChatPrompt::new([Message::user("why?")]);
    let mut weather = Function::new("weather");
    weather.description = "of a city".to_owned();
    weather.strict = true;
    weather.parameters = json!({"type": "object", "properties": {}}).as_object().cloned();
    prompt.tools = vec![weather.clone().into(), Function::new("now").into()];
    for choice in [None, Some(ToolChoice::Mode("required".to_owned())), Some(ToolChoice::function("weather"))]
    {
        prompt.tool_choice = choice;
        for provider in ["openai", "mistral", "deepseek"] {
            check_round_trip(provider, prompt.clone());
        }
    }
    prompt.functions = vec![weather];
    prompt.function_call = Some(FunctionCallChoice::Mode("auto".to_owned()));
    check_round_trip("openai", prompt.clone());

    let custom = json!({"type": "custom", "custom": {"name": "sql"}});
    prompt.tools = vec![Tool::Other(custom.clone()), Tool::Other(json!({"type": "web_search"}))];
    prompt.tool_choice = Some(ToolChoice::Mode("any".to_owned()));
    let request = written("mistral", &prompt.clone().into());
    let places: Vec<&str> = request.omissions.iter().map(|omission| omission.place.as_str()).collect();
    assert_eq!(places, ["tools[1]", "functions"]);
    assert_eq!((&request.body["tools"], &request.body["tool_choice"]), (&json!([custom]), &json!("any")));
    assert!(!request.body.contains_key("functions") && !request.body.contains_key("function_call"));
    assert_eq!(written("openai", &prompt.into()).body["tool_choice"], "required");
}

#[test]
fn reasoning_is_sent_back_in_the_form_of_the_provider() {
    let both = || assistant(vec![thinking("six times seven", None, None), ContentBlock::from_text("42")]);
    for provider in ["deepseek", "groq", "mistral", "openrouter", "custom"] {
        check_round_trip(provider, ChatPrompt::new([both()]));
    }
    let signed = |id| vec![thinking("hm", Some("EqQB"), id), thinking("", Some("gAAA"), Some("rs_2"))];
    check_round_trip("openrouter", ChatPrompt::new([assistant(signed(Some("rs_1")))]));
    check_round_trip(
        "mistral",
        ChatPrompt::new([assistant(vec![
            ContentBlock::from_text("let me see"),
            thinking("six times seven", None, None),
            ContentBlock::from_text("42"),
        ])]),
    );

    let (omitted, written) = messages("openai", [both()]);
    assert_eq!((omitted, &written[0]["content"]), (vec!["messages[0].content[0]".to_owned()], &json!("42")));
    let (omitted, written) = messages("deepseek", [assistant(signed(None))]);
    assert_eq!(omitted, ["messages[0].content[0]", "messages[0].content[1]"]);
    assert_eq!(written, json!([{"role": "assistant", "content": "", "reasoning_content": "hm"}]));
    let (_, written) = messages("mistral", [both()]);
    assert_eq!(
        written[0]["content"],
        json!([
            {"type": "thinking", "thinking": [{"type": "text", "text": "six times seven"}]},
            {"type": "text", "text": "42"},
        ])
    );
}

#[test]
fn second_thought_in_one_field_is_reported() {
    let thoughts = || vec![thinking("six", None, None), thinking("seven", None, None)];
    for (provider, omitted) in [("deepseek", 1), ("groq", 1), ("mistral", 0), ("openrouter", 0)] {
        let (places, _) = messages(provider, [assistant(thoughts())]);
        assert_eq!(places, ["messages[0].content[1]"][..omitted], "{provider}");
    }
}

#[test]
fn mistral_gets_call_ids_of_nine_letters_and_digits() {
    let call = |id: &str| AssistantMessage {
        tool_calls: vec![ToolCall::new(id, "add", "{}")],
        ..AssistantMessage::default()
    };
    let conversation = |id: &str| [Message::Assistant(call(id)), Message::tool(id, "3")];
    assert_eq!(messages("mistral", conversation("abcDEF123")).0, Vec::<String>::new());
    let ids: Vec<String> = ["call_1", "call_2", "", "abcdefgh-", "abcdefghij"]
        .into_iter()
        .map(|id| {
            let (omitted, written) = messages("mistral", conversation(id));
            assert_eq!(omitted, ["messages[0].tool_calls[0].id", "messages[1].tool_call_id"], "{id}");
            let written_id = written[0]["tool_calls"][0]["id"].as_str().unwrap();
            assert_eq!(written[1]["tool_call_id"], written_id, "the result belongs to the call");
            assert!(
                written_id.len() == 9 && written_id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{id}"
            );
            written_id.to_owned()
        })
        .collect();
    assert!(ids.iter().collect::<std::collections::BTreeSet<_>>().len() == ids.len(), "{ids:?}");
    assert_eq!(messages("openai", conversation("call_1")).0, Vec::<String>::new());
}

#[test]
fn mistral_request_has_the_fields_that_mistral_takes() {
    let parts = vec![
        ContentBlock::from_image_url("https://example.org/a.png"),
        pdf(),
        linked_pdf(),
        file(None, "audio/wav", "UklGR", MediaFormat::Base64),
        file(None, "application/octet-stream", "file-1", MediaFormat::Neither),
    ];
    check_round_trip(
        "mistral",
        ChatPrompt::new([Message::user(parts.clone()), Message::tool("abcDEF123", "sunny")]),
    );
    let function = FunctionMessage { name: "now".to_owned(), ..FunctionMessage::default() };
    let (omitted, written) = messages(
        "mistral",
        [
            named(Message::developer("be brief"), "dev"),
            Message::user(parts),
            named(Message::tool("abcDEF123", "sunny"), "weather"),
            Message::Function(function),
        ],
    );
    assert_eq!(omitted, ["messages[0].name", "messages[0].role", "messages[3]"]);
    assert_eq!(
        written,
        json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "document_url", "document_url": "data:application/pdf;base64,JVBE", "document_name": "a.pdf"},
                {"type": "document_url", "document_url": "https://example.org/a.pdf", "document_name": "a.pdf"},
                {"type": "input_audio", "input_audio": "UklGR"},
                {"type": "file", "file_id": "file-1"},
            ]},
            {"role": "tool", "name": "weather", "tool_call_id": "abcDEF123", "content": "sunny"},
        ])
    );
}

#[test]
fn files_are_written_in_the_form_of_their_kind() {
    let video = file(None, "video/mp4", "https://example.org/a.mp4", MediaFormat::Url);
    let sound = file(None, "audio/wav", "https://example.org/a.wav", MediaFormat::Url);
    check_round_trip(
        "custom",
        ChatPrompt::new([Message::user(vec![video.clone(), sound.clone(), linked_pdf()])]),
    );
    let (omitted, _) = messages("openai", [Message::user(vec![video.clone(), sound, linked_pdf()])]);
    assert_eq!(omitted.len(), 3, "OpenAI takes no files by URL");
    assert_eq!(messages("mistral", [Message::user(vec![video])]).0.len(), 1);

    let image = |format| file(None, "image/webp", "UklG", format);
    let (omitted, written) = messages(
        "openai",
        [
            Message::user(vec![image(MediaFormat::Base64), drawn("https://example.org/b.png")]),
            assistant(vec![ContentBlock::from_text("here"), drawn("https://example.org/b.png")]),
        ],
    );
    assert_eq!(omitted, ["messages[1].content[1]"]);
    assert_eq!(
        written[0]["content"],
        json!([
            {"type": "image_url", "image_url": {"url": "data:image/webp;base64,UklG"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/b.png"}},
        ])
    );
    check_round_trip(
        "openrouter",
        ChatPrompt::new([assistant(vec![
            ContentBlock::from_text("here"),
            drawn("https://example.org/b.png"),
        ])]),
    );
    let spoken = OutputMediaContent {
        id: Some("audio_1".to_owned()),
        url: "data:audio/wav;base64,UklG".to_owned(),
        media_type: OutputMediaType::Audio,
        ..OutputMediaContent::default()
    };
    let (omitted, written) = messages("openai", [assistant(vec![ContentBlock::OutputMedia(spoken)])]);
    assert_eq!((omitted.len(), written), (0, json!([{"role": "assistant", "audio": {"id": "audio_1"}}])));
}

#[test]
fn parts_without_a_form_are_reported_with_their_place() {
    let cited = ContentBlock::Text(TextContent {
        text: "Bern".to_owned(),
        annotations: vec![Annotation::Web(WebAnnotation::default())],
        ..TextContent::default()
    });
    let (omitted, written) = messages(
        "openai",
        [
            Message::placeholder("history"),
            Message::Other(json!({"role": "critic"})),
            assistant(vec![cited]),
            Message::user(vec![
                thinking("hm", None, None),
                ContentBlock::Other(json!({"type": "hologram"})),
                ContentBlock::from_image_url(""),
                ContentBlock::from_text("why?"),
            ]),
            Message::system(vec![ContentBlock::from_image_url("https://example.org/a.png")]),
        ],
    );
    assert_eq!(
        omitted,
        [
            "messages[0]",
            "messages[1]",
            "messages[2].content[0]",
            "messages[3].content[0]",
            "messages[3].content[1]",
            "messages[3].content[2]",
            "messages[4].content[0]",
        ]
    );
    assert_eq!(
        written,
        json!([
            {"role": "assistant", "content": "Bern"},
            {"role": "user", "content": "why?"},
            {"role": "system", "content": ""},
        ])
    );
}

#[test]
fn completion_prompt_becomes_a_user_message() {
    let prompt = CompletionPrompt::new(vec![ContentBlock::from_text("why?"), thinking("hm", None, None)]);
    let request = written("openai", &prompt.into());
    assert_eq!(request.body["messages"], json!([{"role": "user", "content": "why?"}]));
    assert_eq!(request.omissions[0].place, "content[1]");
}

#[test]
fn provider_without_own_format_uses_chat_completions() {
    for provider in ["openai", "openai.azure", "mistral", "groq", "custom"] {
        let request = providers::to_request(&Prompt::user("why?"), provider, None, "m", &Map::new()).unwrap();
        let messages = json!([{"role": "user", "content": "why?"}]);
        assert_eq!(request.body.get("messages"), Some(&messages), "{provider}");
    }
}
