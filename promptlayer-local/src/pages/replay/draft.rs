//! The form of the page: what the reader sees and edits, and the call that it becomes.

use promptlayer_blueprint::{ChatPrompt, Message, Prompt};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::source::{Source, no_link};
use crate::api::{ParameterNames, parameters_for};
use crate::replay::{Planned, Provider, Replay, WireApi, written};

/// The roles that a message can have.
pub(super) const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];

/// The fields of a request that the form has fields of its own for, or that the server sets.
const RESERVED: [&str; 5] = ["model", "messages", "system", "stream", "stream_options"];

/// The fields of a prompt besides its messages.
const PROMPT_FIELDS: [&str; 4] = ["tools", "tool_choice", "functions", "function_call"];

/// The number of lines of a field for a text.
const LINES: std::ops::RangeInclusive<usize> = 2..=24;

/// The maximum length of a model's name, in characters.
const LONGEST_MODEL: usize = 512;

/// What the reader sees and edits. It is read from a request or a template, and later from the form.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) messages: Vec<DraftMessage>,
    /// The parameters, as JSON.
    pub(super) parameters: String,
    /// The tools and the choice of them, as JSON. Empty if there are none.
    pub(super) tools: String,
    pub(super) problems: Problems,
}

/// A message of the form.
#[derive(Default)]
pub(super) struct DraftMessage {
    pub(super) role: String,
    /// The text, or everything but the role as JSON.
    pub(super) content: String,
    /// `true` if the content is JSON, because it is more than a text.
    pub(super) is_json: bool,
    pub(super) problem: Option<String>,
}

/// What is wrong with the form, by field.
#[derive(Default)]
pub(super) struct Problems {
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    pub(super) messages: Option<String>,
    pub(super) parameters: Option<String>,
    pub(super) tools: Option<String>,
    /// What is wrong with none of the fields.
    pub(super) call: Option<String>,
}

/// A change of the form that needs no call.
pub(super) enum Change {
    Add,
    Remove(usize),
    /// Shows a text as the JSON of its message.
    AsJson(usize),
}

impl Change {
    /// Reads the value of a button, such as `add` or `remove-2`.
    pub(super) fn read(action: &str) -> Option<Self> {
        match action.split_once('-') {
            None if action == "add" => Some(Self::Add),
            Some(("remove", at)) => at.parse().ok().map(Self::Remove),
            Some(("json", at)) => at.parse().ok().map(Self::AsJson),
            _ => None,
        }
    }
}

impl Draft {
    /// Creates the form for a request or a template. Returns also the names of the parameters that are left out, because
    /// they are those of another provider's API.
    pub(super) fn new(source: &Source, replay: &Replay) -> (Self, Vec<String>) {
        let known = replay.provider(&source.provider);
        let keeps_provider = known.is_some() && source.is_of_known_api();
        let provider = known.or_else(|| replay.providers().first());
        let names = provider.map_or(ParameterNames::Other, |provider| names_of(provider));
        let mut parameters = source.parameters.clone();
        parameters.retain(|name, _| !RESERVED.contains(&name.as_str()));
        let is_dropped = |name: &&String| {
            let alone = Map::from_iter([((*name).clone(), Value::Null)]);
            !parameters_for(names, alone, keeps_provider).values().any(Value::is_null)
        };
        let dropped = parameters.keys().filter(is_dropped).cloned().collect();
        let parameters = parameters_for(names, parameters, keeps_provider);
        let mut prompt = match serde_json::to_value(&source.prompt) {
            Ok(Value::Object(prompt)) => prompt,
            _ => Map::new(),
        };
        let messages = match prompt.remove("messages") {
            Some(Value::Array(messages)) => messages.into_iter().map(DraftMessage::new).collect(),
            _ => Vec::new(),
        };
        prompt.retain(|name, _| PROMPT_FIELDS.contains(&name.as_str()));
        let draft = Self {
            provider: provider.map(|provider| provider.name().to_owned()).unwrap_or_default(),
            model: source.model.clone(),
            messages,
            parameters: pretty(&Value::Object(parameters)),
            tools: if prompt.is_empty() { String::new() } else { pretty(&Value::Object(prompt)) },
            problems: Problems::default(),
        };
        (draft, dropped)
    }

    /// Reads the form that the reader has sent.
    pub(super) fn read(fields: Vec<(String, String)>) -> Self {
        let mut draft = Self::default();
        for (name, value) in fields {
            match name.as_str() {
                "provider" => draft.provider = value,
                "model" => draft.model = value.trim().to_owned(),
                "parameters" => draft.parameters = with_line_feeds(&value),
                "tools" => draft.tools = with_line_feeds(&value),
                "role" => draft.messages.push(DraftMessage { role: value, ..DraftMessage::default() }),
                "text" | "json" => {
                    if let Some(message) = draft.messages.last_mut() {
                        message.content = with_line_feeds(&value);
                        message.is_json = name == "json";
                    }
                }
                _ => {}
            }
        }
        draft
    }

    /// Returns the length of all texts.
    pub(super) fn length(&self) -> usize {
        let messages: usize = self.messages.iter().map(|message| message.content.len()).sum();
        messages + self.parameters.len() + self.tools.len()
    }

    /// Applies a change.
    pub(super) fn change(&mut self, change: &Change) {
        match change {
            Change::Add => {
                // After an answer of the model, the user speaks.
                let is_answered = self.messages.last().is_none_or(|last| last.role != "user");
                let role = if is_answered { "user" } else { "assistant" };
                self.messages.push(DraftMessage { role: role.to_owned(), ..DraftMessage::default() });
            }
            Change::Remove(at) if *at < self.messages.len() => drop(self.messages.remove(*at)),
            Change::AsJson(at) => {
                if let Some(message) = self.messages.get_mut(*at).filter(|message| !message.is_json) {
                    let content = json!({ "content": [{ "type": "text", "text": message.content }] });
                    message.content = pretty(&content);
                    message.is_json = true;
                }
            }
            Change::Remove(_) => {}
        }
    }

    /// Returns the call that the form describes. Otherwise, sets the problems of the fields.
    pub(super) fn planned(&mut self, source: Source, replay: &Replay, is_streamed: bool) -> Option<Planned> {
        let provider = replay.provider(&self.provider).cloned();
        if provider.is_none() {
            self.problems.provider = Some("Choose a provider.".to_owned());
        }
        self.problems.model = match self.model.chars().count() {
            0 => Some("Enter the name of a model.".to_owned()),
            1..=LONGEST_MODEL => None,
            _ => Some(format!("The name of a model has at most {LONGEST_MODEL} characters.")),
        };
        let (unedited, _) = Self::new(&source, replay);
        let is_edited = !self.has_prompt_of(&unedited);
        let prompt = if is_edited { self.prompt() } else { Some(source.prompt) };
        if self.messages.is_empty() {
            self.problems.messages = Some("Add a message.".to_owned());
        }
        let has_tools = |prompt: &Prompt| matches!(prompt, Prompt::Chat(chat) if !chat.tools.is_empty());
        let parameters = self.parameters(prompt.as_ref().is_some_and(has_tools));
        if self.has_problems() {
            return None;
        }
        let mut origin = source.origin;
        if is_edited {
            origin.link = no_link();
        }
        let (provider, prompt) = (provider?, prompt?);
        // A choice of another provider keeps what means the same there.
        let parameters = parameters_for(names_of(&provider), parameters?, true);
        match written(&provider, &self.model, &prompt, &parameters) {
            Ok((body, omissions)) => {
                let model = self.model.clone();
                Some(Planned { origin, provider, body, omissions, model, prompt, parameters, is_streamed })
            }
            Err(error) => {
                self.problems.provider = Some(format!("{error}."));
                None
            }
        }
    }

    fn has_problems(&self) -> bool {
        let Problems { provider, model, messages, parameters, tools, call } = &self.problems;
        [provider, model, messages, parameters, tools, call].into_iter().any(Option::is_some)
            || self.messages.iter().any(|message| message.problem.is_some())
    }

    /// Returns `true` if the messages and the tools are those of another form, apart from their line ends: browsers send
    /// all of them as CR LF.
    fn has_prompt_of(&self, other: &Self) -> bool {
        let is_same = |one: &DraftMessage, other: &DraftMessage| {
            one.role == other.role
                && one.is_json == other.is_json
                && one.content == with_line_feeds(&other.content)
        };
        self.messages.len() == other.messages.len()
            && self.messages.iter().zip(&other.messages).all(|(one, other)| is_same(one, other))
            && self.tools.trim() == with_line_feeds(&other.tools).trim()
    }

    /// Returns the prompt, or sets the problems of its fields.
    fn prompt(&mut self) -> Option<Prompt> {
        let messages: Vec<Option<Message>> = self.messages.iter_mut().map(DraftMessage::message).collect();
        let tools = object(&self.tools).and_then(|fields| {
            if let Some(other) = fields.keys().find(|name| !PROMPT_FIELDS.contains(&name.as_str())) {
                return Err(format!(
                    "There is no field `{other}` here. The fields are {}.",
                    PROMPT_FIELDS.join(", ")
                ));
            }
            let mut fields = fields;
            fields.extend([("type".to_owned(), json!("chat")), ("messages".to_owned(), json!([]))]);
            ChatPrompt::deserialize(Value::Object(fields))
                .map_err(|error| format!("This is not a list of tools: {error}."))
        });
        match tools {
            Ok(mut chat) => {
                chat.messages = messages.into_iter().collect::<Option<_>>()?;
                Some(chat.into())
            }
            Err(problem) => {
                self.problems.tools = Some(problem);
                None
            }
        }
    }

    /// Returns the parameters, or sets their problem.
    fn parameters(&mut self, has_tools: bool) -> Option<Map<String, Value>> {
        let is_set_elsewhere = |name: &&String| {
            RESERVED.contains(&name.as_str()) || (has_tools && PROMPT_FIELDS.contains(&name.as_str()))
        };
        let checked =
            object(&self.parameters).and_then(|fields| match fields.keys().find(is_set_elsewhere) {
                Some(name) => Err(format!(
                    "Remove `{name}`: it is not a parameter, or another field of this form sets it."
                )),
                None => Ok(fields),
            });
        checked.map_err(|problem| self.problems.parameters = Some(problem)).ok()
    }
}

impl DraftMessage {
    /// Shows a message: as a text if it is nothing else.
    fn new(mut message: Value) -> Self {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(text) = only_text(&message) {
            return Self { role, content: text.to_owned(), ..Self::default() };
        }
        if let Some(fields) = message.as_object_mut() {
            fields.remove("role");
        }
        Self { role, content: pretty(&message), is_json: true, problem: None }
    }

    /// Returns the roles of the selection, and `true` for the chosen one.
    pub(super) fn roles(&self) -> Vec<(&str, bool)> {
        let other = Some(self.role.as_str()).filter(|role| !ROLES.contains(role));
        ROLES.into_iter().chain(other).map(|role| (role, role == self.role)).collect()
    }

    /// Returns the number of lines of the field.
    pub(super) fn lines(&self) -> usize {
        self.content.lines().count().clamp(*LINES.start(), *LINES.end())
    }

    /// Returns the message, or sets its problem.
    fn message(&mut self) -> Option<Message> {
        let fields = if self.is_json {
            object(&self.content)
        } else {
            let blocks = if self.content.is_empty() {
                json!([])
            } else {
                json!([{ "type": "text", "text": self.content }])
            };
            Ok(Map::from_iter([("content".to_owned(), blocks)]))
        };
        let message = fields.and_then(|mut fields| {
            fields.insert("role".to_owned(), self.role.as_str().into());
            match Message::deserialize(Value::Object(fields)) {
                Ok(Message::Other(_)) | Err(_) => Err(self.not_a_message()),
                Ok(Message::Placeholder(_)) => {
                    Err("A placeholder has no messages here. Remove it, or give it another role.".to_owned())
                }
                Ok(message) => Ok(message),
            }
        });
        message.map_err(|problem| self.problem = Some(problem)).ok()
    }

    fn not_a_message(&self) -> String {
        let needs = match self.role.as_str() {
            "tool" if !self.is_json => {
                return "A message of a tool needs the id of its call: edit it as JSON and add `tool_call_id`.".to_owned();
            }
            "function" if !self.is_json => {
                return "A message of a function needs its name: edit it as JSON and add `name`.".to_owned();
            }
            "tool" => "`tool_call_id`, a text, and `content`, a list of blocks",
            "function" => "`name`, a text, and `content`, a list of blocks",
            role if ROLES.contains(&role) => {
                "`content`, a list of blocks such as {\"type\": \"text\", \"text\": \"Hello\"}"
            }
            _ => return "There is no such role. Choose another one.".to_owned(),
        };
        format!("This is not a message. It needs {needs}.")
    }
}

/// Returns the text of a message that is nothing but one text.
fn only_text(message: &Value) -> Option<&str> {
    let fields = message.as_object()?;
    if fields.keys().any(|name| name != "role" && name != "content") {
        return None;
    }
    match fields.get("content")?.as_array()?.as_slice() {
        [] => Some(""),
        [only] => {
            let block = only.as_object().filter(|block| block.len() == 2)?;
            block.get("text")?.as_str().filter(|_| block.get("type").is_some_and(|kind| kind == "text"))
        }
        _ => None,
    }
}

/// Parses a JSON object. An empty text is an empty object.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("This is not a JSON object: put it in { and }.".to_owned()),
        Err(error) => Err(format!("This is not JSON: {error}.")),
    }
}

/// Returns the names that parameters have in the API of a provider.
fn names_of(provider: &Provider) -> ParameterNames {
    match (provider.api(), provider.name()) {
        (WireApi::Messages, _) => ParameterNames::Anthropic,
        (WireApi::Chat, "openai" | "openai.azure") => ParameterNames::OpenAiChat,
        (WireApi::Chat, _) => ParameterNames::Other,
    }
}

/// Replaces all line ends by line feeds.
fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
