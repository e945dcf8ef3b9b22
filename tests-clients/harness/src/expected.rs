//! The expected log of a call, and its comparison with the log that the layer received.

use std::fmt;

use promptlayer_tracing::blueprint::{ErrorType, LogRequest, Message, Prompt, RequestStatus, Tool};
use serde_json::Value;

use crate::{ANSWER, ARGUMENTS, COOKIE, INPUT_TOKENS, KEY, OUTPUT_TOKENS, QUESTION, SYSTEM, TOOL, VECTOR};

/// A part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The provider's name.
    Provider,
    /// The model's name.
    Model,
    /// The type of the API.
    Api,
    /// The messages of the request: roles and texts.
    Input,
    /// The names of the tools that the request offers.
    Tools,
    /// The text of the response.
    Output,
    /// The calls of tools: names and arguments.
    Calls,
    /// The numbers of tokens.
    Tokens,
    /// The finish reason.
    Finish,
    /// The time to the first chunk of a stream.
    FirstChunk,
    /// The status, and the kind of the error.
    Status,
    /// The provider's words in the message of an error.
    Message,
    /// The number of logs, or a secret in one. No crate is an excuse for these.
    Other,
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Api => "API type",
            Self::Input => "input",
            Self::Tools => "offered tools",
            Self::Output => "output",
            Self::Calls => "tool calls",
            Self::Tokens => "tokens",
            Self::Finish => "finish reason",
            Self::FirstChunk => "time to the first chunk",
            Self::Status => "status",
            Self::Message => "provider's message",
            Self::Other => "log",
        })
    }
}

/// A difference between a log and the expected log.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The part of the log.
    pub field: Field,
    /// What is different.
    pub text: String,
}

/// The expected log of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The type of the API.
    pub api: String,
    /// The roles and texts of the messages.
    pub input: Vec<(String, String)>,
    /// The names of the offered tools.
    pub tools: Vec<String>,
    /// The text of the response.
    pub output: String,
    /// The names and arguments of the tool calls.
    pub calls: Vec<(String, Value)>,
    /// The tokens of the request and the response.
    pub tokens: (Option<u64>, Option<u64>),
    /// The finish reason, in the vocabulary that is the same for all providers.
    pub finish: Option<String>,
    /// Whether the log has the time to the first chunk.
    pub first_chunk: bool,
    /// The kind of the error, and the words of the provider in its message.
    pub error: Option<(ErrorType, String)>,
    /// What the caller of the crate receives, if the call succeeds.
    pub received: String,
}

impl Expected {
    /// Returns the expected log of a reply.
    pub fn reply(provider: &str, model: &str, api: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            api: api.to_owned(),
            input: vec![said("system", SYSTEM), said("user", QUESTION)],
            tools: Vec::new(),
            output: ANSWER.to_owned(),
            calls: Vec::new(),
            tokens: (Some(INPUT_TOKENS), Some(OUTPUT_TOKENS)),
            finish: Some("stop".to_owned()),
            first_chunk: false,
            error: None,
            received: ANSWER.to_owned(),
        }
    }

    /// Returns the expected log of a streamed reply.
    pub fn stream(provider: &str, model: &str, api: &str) -> Self {
        Self { first_chunk: true, ..Self::reply(provider, model, api) }
    }

    /// Returns the expected log of a reply that calls the tool.
    pub fn tools(provider: &str, model: &str, api: &str) -> Self {
        let arguments = serde_json::from_str(ARGUMENTS).expect("the arguments are JSON");
        Self {
            tools: vec![TOOL.to_owned()],
            output: String::new(),
            calls: vec![(TOOL.to_owned(), arguments)],
            finish: Some("tool_calls".to_owned()),
            received: format!("{TOOL} {ARGUMENTS}"),
            ..Self::reply(provider, model, api)
        }
    }

    /// Returns the expected log of an embedding of the question.
    pub fn embeddings(provider: &str, model: &str, api: &str) -> Self {
        Self {
            input: vec![said("user", QUESTION)],
            output: format!("1 embedding of {} dimensions", VECTOR.len()),
            tokens: (Some(INPUT_TOKENS), None),
            finish: None,
            received: format!("{VECTOR:?}"),
            ..Self::reply(provider, model, api)
        }
    }

    /// Returns the expected log of a call that the provider answers with an error.
    pub fn error(provider: &str, model: &str, api: &str, kind: ErrorType, words: &str) -> Self {
        Self {
            output: String::new(),
            tokens: (None, None),
            finish: None,
            error: Some((kind, words.to_owned())),
            ..Self::reply(provider, model, api)
        }
    }

    /// Compares the logs of one call with this one.
    pub fn differences(&self, logs: &[LogRequest]) -> Vec<Difference> {
        let [log] = logs else {
            let text = format!("one log expected, got {}: {logs:#?}", logs.len());
            return vec![Difference { field: Field::Other, text }];
        };
        let mut found = Found(Vec::new());
        found.compare(Field::Provider, &self.provider, &log.provider);
        found.compare(Field::Model, &self.model, &log.model);
        found.compare(Field::Api, &Some(self.api.clone()), &log.api_type);
        found.compare(Field::Input, &self.input, &messages(&log.input));
        found.compare(Field::Tools, &self.tools, &offered(&log.input));
        found.compare(Field::Output, &self.output, &log.output.text());
        found.compare(Field::Calls, &self.calls, &calls(&log.output));
        found.compare(Field::Tokens, &self.tokens, &(log.input_tokens, log.output_tokens));
        found.compare(Field::Finish, &self.finish.as_ref(), &log.metadata.get("finish_reason"));
        let has_first_chunk = log.metadata.contains_key("time_to_first_chunk_ms");
        found.compare(Field::FirstChunk, &self.first_chunk, &has_first_chunk);
        let status = if self.error.is_some() { RequestStatus::Error } else { RequestStatus::Success };
        let kind = self.error.as_ref().map(|(kind, _)| *kind);
        found.compare(Field::Status, &(status, kind), &(log.status, log.error_type));
        if let Some((_, words)) = &self.error {
            let message = log.error_message().unwrap_or_default();
            found.require(Field::Message, message.contains(words.as_str()), || {
                format!("the message {message:?} does not contain {words:?}")
            });
        }
        let json = serde_json::to_string(log).expect("a log is JSON");
        for secret in [KEY, COOKIE] {
            found.require(Field::Other, !json.contains(secret), || {
                format!("{secret:?} is in the log: {json}")
            });
        }
        found.0
    }
}

/// The differences found so far.
struct Found(Vec<Difference>);

impl Found {
    fn compare<T: PartialEq + fmt::Debug>(&mut self, field: Field, expected: &T, logged: &T) {
        self.require(field, expected == logged, || format!("expected {expected:?}, got {logged:?}"));
    }

    fn require(&mut self, field: Field, is_met: bool, text: impl FnOnce() -> String) {
        if !is_met {
            self.0.push(Difference { field, text: text() });
        }
    }
}

fn said(role: &str, text: &str) -> (String, String) {
    (role.to_owned(), text.to_owned())
}

fn messages(prompt: &Prompt) -> Vec<(String, String)> {
    match prompt {
        Prompt::Chat(chat) => {
            chat.messages.iter().map(|message| said(message.role(), &message.text())).collect()
        }
        other => vec![said("", &other.text())],
    }
}

fn offered(prompt: &Prompt) -> Vec<String> {
    let Prompt::Chat(chat) = prompt else { return Vec::new() };
    let name = |tool: &Tool| match tool {
        Tool::Function(tool) => tool.function.name.clone(),
        other => format!("{other:?}"),
    };
    let functions = chat.functions.iter().map(|function| function.name.clone());
    chat.tools.iter().map(name).chain(functions).collect()
}

fn calls(prompt: &Prompt) -> Vec<(String, Value)> {
    let of_message = |message: &Message| match message {
        Message::Assistant(message) => {
            let functions = message.tool_calls.iter().map(|call| &call.function);
            functions.chain(&message.function_call).cloned().collect()
        }
        _ => Vec::new(),
    };
    let calls = prompt.messages().iter().flat_map(of_message);
    calls
        .map(|call| {
            let arguments = &call.arguments;
            let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| arguments.as_str().into());
            (call.name, arguments)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use promptlayer_tracing::blueprint::{AssistantMessage, ChatPrompt, Function, ToolCall};

    use super::*;

    type Change = fn(&mut LogRequest);

    /// Returns the log that is expected.
    fn right(expected: &Expected) -> LogRequest {
        let messages = expected.input.iter().map(|(role, text)| match role.as_str() {
            "system" => Message::system(text.as_str()),
            _ => Message::user(text.as_str()),
        });
        let mut input = ChatPrompt::new(messages);
        input.tools = expected.tools.iter().map(|name| Function::new(name).into()).collect();
        let mut answer = AssistantMessage::default();
        answer.tool_calls = expected
            .calls
            .iter()
            .map(|(name, arguments)| ToolCall::new("c", name, arguments.to_string()))
            .collect();
        let output = ChatPrompt::new([Message::Assistant(answer)]);
        let mut log =
            LogRequest::new(&expected.provider, &expected.model, Prompt::from(input), Prompt::from(output))
                .usage(INPUT_TOKENS, OUTPUT_TOKENS)
                .metadata(expected.finish.iter().map(|finish| ("finish_reason", finish.as_str())));
        log.api_type = Some(expected.api.clone());
        log
    }

    #[test]
    fn each_part_of_a_log_is_compared() {
        let expected = Expected::tools("openai", "gpt-4o", "chat-completions");
        assert_eq!(expected.differences(&[right(&expected)]), []);
        assert_eq!(expected.differences(&[])[0].field, Field::Other);
        let changes: [(Field, Change); 12] = [
            (Field::Provider, |log| log.provider = "custom".to_owned()),
            (Field::Model, |log| log.model = "unknown".to_owned()),
            (Field::Api, |log| log.api_type = None),
            (Field::Input, |log| {
                if let Prompt::Chat(chat) = &mut log.input {
                    chat.messages[0] = Message::user(SYSTEM);
                }
            }),
            (Field::Tools, |log| {
                if let Prompt::Chat(chat) = &mut log.input {
                    chat.tools.clear();
                }
            }),
            (Field::Calls, |log| log.output = Prompt::assistant("")),
            (Field::Tokens, |log| log.output_tokens = None),
            (Field::Finish, |log| log.metadata.clear()),
            (Field::FirstChunk, |log| {
                log.metadata.insert("time_to_first_chunk_ms".to_owned(), "1".to_owned());
            }),
            (Field::Status, |log| log.status = RequestStatus::Warning),
            (Field::Other, |log| {
                log.metadata.insert("header".to_owned(), format!("Bearer {KEY}"));
            }),
            (Field::Other, |log| {
                log.metadata.insert("header".to_owned(), format!("s={COOKIE}"));
            }),
        ];
        for (field, change) in changes {
            let mut log = right(&expected);
            change(&mut log);
            let found: Vec<Field> =
                expected.differences(&[log]).into_iter().map(|difference| difference.field).collect();
            assert_eq!(found, [field]);
        }
        let failed =
            Expected::error("openai", "gpt-4o", "chat-completions", ErrorType::ProviderError, "no words");
        let other = right(&failed).failed(ErrorType::ProviderError, "other words");
        assert!(failed.differences(&[other]).iter().any(|difference| difference.field == Field::Message));
    }
}
