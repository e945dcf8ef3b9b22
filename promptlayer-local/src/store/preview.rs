//! The first words of an input and of an output, and the text that a search finds.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The maximum number of characters of a preview.
const CHARACTERS: usize = 200;

/// The maximum length of an input, and of an output, that a search finds as a whole, in bytes of JSON: 1 MiB. Of a
/// longer one, the beginning is found.
pub(super) const SEARCHED: usize = 1024 * 1024;

/// The fields of a prompt whose texts are not content: identifiers, kinds, and encoded data.
const NOT_CONTENT: &[&str] = &[
    "type",
    "role",
    "id",
    "tool_call_id",
    "tool_use_id",
    "call_id",
    "url",
    "data",
    "signature",
    "thought_signature",
    "encrypted_content",
    "encrypted_index",
    "media_type",
    "mime_type",
    "template_format",
    "input_variables",
    "tools",
    "functions",
];

/// What an output consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputKind {
    Text,
    /// Text that is a JSON object or array.
    Json,
    ToolCall,
}

impl OutputKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::ToolCall => "tool_call",
        }
    }
}

/// The preview of an output.
pub(super) struct OutputPreview {
    pub(super) kind: OutputKind,
    pub(super) text: String,
}

// These types keep only what a preview shows, because a prompt can have millions of blocks.

#[derive(Default, Deserialize)]
struct Prompt {
    #[serde(default)]
    messages: Fold<Messages>,
    #[serde(default)]
    content: Option<Fold<FirstText>>,
}

/// The messages of a prompt.
#[derive(Default)]
struct Messages {
    first: Option<FirstText>,
    last: Option<FirstText>,
    last_of_user: Option<FirstText>,
    last_call: Option<String>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    role: Option<&'a RawValue>,
    #[serde(default)]
    content: Option<Fold<FirstText>>,
    #[serde(default)]
    tool_calls: Option<Fold<LastCall>>,
    #[serde(borrow, default)]
    function_call: Option<Function<'a>>,
}

/// The preview of the first text of a message.
#[derive(Debug, Clone, Default)]
struct FirstText {
    preview: Option<String>,
    is_json: bool,
}

/// The preview of the last tool call of a message.
#[derive(Default)]
struct LastCall(Option<String>);

/// A list of which only a summary is kept.
#[derive(Default)]
struct Fold<T>(T);

/// A summary of a list.
trait Summary<'de>: Default {
    type Item: Deserialize<'de>;

    fn add(&mut self, item: Self::Item);
}

impl<'de, T: Summary<'de>> Deserialize<'de> for Fold<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(std::marker::PhantomData<T>);
        impl<'de, T: Summary<'de>> Visitor<'de> for Items<T> {
            type Value = Fold<T>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Fold<T>, A::Error> {
                let mut summary = T::default();
                while let Some(item) = items.next_element()? {
                    summary.add(item);
                }
                Ok(Fold(summary))
            }
        }
        deserializer.deserialize_seq(Items(std::marker::PhantomData))
    }
}

impl<'de> Summary<'de> for FirstText {
    type Item = Block<'de>;

    fn add(&mut self, block: Block<'de>) {
        let (None, Some(text)) = (&self.preview, block.text) else { return };
        let preview = of_text(&beginning(text));
        if !preview.is_empty() {
            self.is_json = preview.starts_with(['{', '[']) && is_json(text);
            self.preview = Some(preview);
        }
    }
}

impl<'de> Summary<'de> for LastCall {
    type Item = Call<'de>;

    fn add(&mut self, call: Call<'de>) {
        if let Some(function) = call.function {
            self.0 = Some(function.preview());
        }
    }
}

impl<'de> Summary<'de> for Messages {
    type Item = Message<'de>;

    fn add(&mut self, message: Message<'de>) {
        let call = message.tool_calls.and_then(|calls| calls.0.0);
        if let Some(call) = message.function_call.map(|function| function.preview()).or(call) {
            self.last_call = Some(call);
        }
        let Some(Fold(text)) = message.content.filter(|text| text.0.preview.is_some()) else { return };
        if message.role.is_some_and(|role| role.get() == "\"user\"") {
            self.last_of_user = Some(text.clone());
        }
        if self.first.is_none() {
            self.first = Some(text.clone());
        }
        self.last = Some(text);
    }
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl Function<'_> {
    fn preview(&self) -> String {
        let text = |value: Option<&RawValue>| value.map(beginning).unwrap_or_default();
        of_text(&format!("{}({})", text(self.name), text(self.arguments)))
    }
}

/// The number of bytes of a JSON string that are decoded for a preview. A string can be as long as a body.
const DECODED: usize = 8 * 1024;

/// The maximum length of a text, in bytes of JSON, that is checked for being JSON itself.
const LONGEST_JSON: usize = 1024 * 1024;

/// Decodes the beginning of a JSON string. Returns an empty text for other values.
fn beginning(value: &RawValue) -> String {
    let json = value.get();
    if json.len() <= DECODED {
        return serde_json::from_str(json).unwrap_or_default();
    }
    // An escape that is cut is not decoded. The longest one is a pair of surrogates, such as \ud83d\ude00.
    let mut end = (DECODED - 12..=DECODED).rev().filter(|end| json.is_char_boundary(*end));
    end.find_map(|end| serde_json::from_str(&format!("{}\"", json.get(..end)?)).ok()).unwrap_or_default()
}

/// Returns the first words of an input: of the last message of the user, or else of the last message with a text.
pub(super) fn of_input(json: &str) -> String {
    let Prompt { messages: Fold(messages), content } = serde_json::from_str(json).unwrap_or_default();
    let text = messages.last_of_user.or(messages.last).or(content.map(|content| content.0));
    text.and_then(|text| text.preview).unwrap_or_default()
}

/// Returns the first words of an output, or the tool call that it consists of.
pub(super) fn of_output(json: &str) -> OutputPreview {
    let Prompt { messages: Fold(messages), content } = serde_json::from_str(json).unwrap_or_default();
    let FirstText { preview, is_json } =
        messages.first.or(content.map(|content| content.0)).unwrap_or_default();
    match messages.last_call {
        Some(call) => OutputPreview { kind: OutputKind::ToolCall, text: preview.unwrap_or(call) },
        None => OutputPreview {
            kind: if is_json { OutputKind::Json } else { OutputKind::Text },
            text: preview.unwrap_or_default(),
        },
    }
}

/// Returns `true` if the text of a JSON string is JSON.
fn is_json(value: &RawValue) -> bool {
    let text = || serde_json::from_str::<Cow<'_, str>>(value.get()).ok();
    value.get().len() <= LONGEST_JSON
        && text().is_some_and(|text| serde_json::from_str::<IgnoredAny>(&text).is_ok())
}

/// Returns the first words of a text on one line.
pub(super) fn of_text(text: &str) -> String {
    let mut preview = String::with_capacity(CHARACTERS.min(text.len()));
    let mut room = CHARACTERS;
    for word in text.split_whitespace() {
        if !preview.is_empty() {
            preview.push(' ');
            room = room.saturating_sub(1);
        }
        if let Some((end, _)) = word.char_indices().nth(room) {
            preview.push_str(word.get(..end).unwrap_or_default());
            break;
        }
        preview.push_str(word);
        room = room.saturating_sub(word.chars().count());
        if room == 0 {
            break;
        }
    }
    preview
}

/// Returns all content of a prompt as one text to search in.
pub(super) fn searched(json: &str) -> String {
    let mut text = String::new();
    // A stored prompt is valid JSON.
    let _ = Collector { text: &mut text }.deserialize(&mut serde_json::Deserializer::from_str(json));
    text
}

/// Returns the beginning of a prompt as a text to search in. The JSON can be cut anywhere, so it is not parsed.
pub(super) fn searched_beginning(json: &[u8]) -> String {
    let mut text = String::new();
    let json = String::from_utf8_lossy(json);
    // An escape, such as a line break, stands between two words.
    let mut parts = json.split('\\');
    append(&mut text, parts.next().unwrap_or_default());
    for part in parts {
        text.push(' ');
        let mut rest = part.chars();
        rest.next();
        append(&mut text, rest.as_str());
    }
    text
}

/// Appends the strings of a JSON value to a text, except those of [`NOT_CONTENT`] and embedded files.
struct Collector<'t> {
    text: &'t mut String,
}

impl Collector<'_> {
    fn add(&mut self, text: &str) {
        if !text.starts_with("data:") {
            append(self.text, text);
            self.text.push('\n');
        }
    }
}

/// Appends a text, with a space after each ideograph or syllable of a script that is written without spaces. The
/// tokenizer of the index would take a whole sentence of these as one word.
pub(super) fn append(whole: &mut String, text: &str) {
    if text.is_ascii() {
        whole.push_str(text);
        return;
    }
    for character in text.chars() {
        whole.push(character);
        if is_written_without_spaces(character) {
            whole.push(' ');
        }
    }
}

fn is_written_without_spaces(character: char) -> bool {
    matches!(
        u32::from(character),
        // Thai and Lao, kana, CJK ideographs with their extensions.
        0x0e00..=0x0eff | 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff
    )
}

impl<'de> DeserializeSeed<'de> for Collector<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collector<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.add(text);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Collector { text: &mut *self.text })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<Cow<'_, str>>()? {
            if NOT_CONTENT.contains(&name.as_ref()) {
                fields.next_value::<IgnoredAny>()?;
            } else {
                fields.next_value_seed(Collector { text: &mut *self.text })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{OutputKind, of_input, of_output, of_text, searched, searched_beginning};

    #[test]
    fn input_preview_is_the_last_message_of_the_user() {
        let text = |text: &str| json!([{ "type": "text", "text": text }]);
        let prompt = json!({ "type": "chat", "messages": [
            { "role": "system", "content": text("Be brief.") },
            { "role": "user", "content": text("First\n  question") },
            { "role": "assistant", "content": null, "tool_calls": [] },
            { "role": "user", "content": text("Second \"question\"\n about\tOslo") },
            { "role": "tool", "content": text("{}"), "tool_call_id": "1" },
        ] });
        assert_eq!(of_input(&prompt.to_string()), "Second \"question\" about Oslo");
        let system = json!({ "messages": [{ "role": "system", "content": text("Be brief.") }] });
        assert_eq!(of_input(&system.to_string()), "Be brief.");
        assert_eq!(of_input(&json!({ "content": text("Once upon") }).to_string()), "Once upon");
        for odd in [
            json!({}),
            json!([]),
            json!({ "messages": 3 }),
            json!({ "content": [{ "text": [1, { "a": null }] }] }),
        ] {
            assert_eq!(of_input(&odd.to_string()), "", "{odd}");
        }
    }

    #[test]
    fn output_preview_shows_text_or_the_tool_call() {
        let answer = |text: &str| json!({ "messages": [{ "role": "assistant", "content": [{ "type": "text", "text": text }] }] });
        let of = |value: serde_json::Value| {
            let preview = of_output(&value.to_string());
            (preview.kind, preview.text)
        };
        assert_eq!(of(answer("It rains.")), (OutputKind::Text, "It rains.".to_owned()));
        assert_eq!(of(answer("{\"a\": 1}")), (OutputKind::Json, "{\"a\": 1}".to_owned()));
        assert_eq!(of(answer("{ not json")).0, OutputKind::Text);
        let call = json!({ "messages": [{ "role": "assistant", "content": [], "tool_calls": [
            { "id": "1", "type": "function", "function": { "name": "weather", "arguments": "{\"city\":\"Oslo\"}" } },
        ] }] });
        assert_eq!(of(call), (OutputKind::ToolCall, "weather({\"city\":\"Oslo\"})".to_owned()));
    }

    #[test]
    fn long_text_is_decoded_in_part() {
        for part in ["word ", "line\n", "\u{1}", "😀", "ä\"\\"] {
            for shift in 0..12 {
                let text = format!("{}{}", "x".repeat(shift), part.repeat(10_000));
                let json = json!({ "content": [{ "text": text }] }).to_string();
                assert_eq!(of_input(&json), of_text(&text), "{part:?} {shift}");
                let escaped = json.replace('😀', "\\ud83d\\ude00");
                assert_eq!(of_input(&escaped), of_text(&text), "{part:?} {shift}");
            }
        }
    }

    #[test]
    fn preview_is_cut_at_characters_on_one_line() {
        assert_eq!(of_text(&"ä".repeat(500)).chars().count(), 200);
        assert_eq!(of_text(&"word ".repeat(500)).chars().count(), 200);
        assert_eq!(of_text(" a\n\nb "), "a b");
    }

    #[test]
    fn searched_text_has_content_and_no_identifiers() {
        let prompt = json!({ "type": "chat", "messages": [
            { "role": "user", "content": [
                { "type": "text", "text": "weather in Oslo", "id": "block-7" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } },
                { "type": "thinking", "thinking": "hmm", "signature": "c2ln" },
            ] },
            { "role": "assistant", "tool_calls": [{ "id": "call-1", "function": { "name": "get", "arguments": "{\"a\":\"b\"}" } }] },
        ] });
        // The order of fields depends on a feature of `serde_json`, which other crates can turn on.
        let text = searched(&prompt.to_string());
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["get", "hmm", "weather in Oslo", "{\"a\":\"b\"}"]);
        assert_eq!(searched(&json!({ "text": "東京 ok" }).to_string()), "東 京  ok\n");
        let json = json!({ "text": "in Oslo\n\"now\" 東" }).to_string();
        let cut = searched_beginning(&json.as_bytes()[..json.len() - 3]);
        assert!(cut.contains("in Oslo") && cut.contains("now") && !cut.contains("nnow"), "{cut}");
    }
}
