//! The formats of the providers. Each file writes one API: the responses of the server, and the expected
//! logs.
//!
//! The bodies have the fields that the provider sends, because clients reject a response that lacks one.

use std::collections::BTreeMap;
use std::fmt;

use promptlayer_tracing::blueprint::ErrorType;
use serde::{Deserialize, Serialize};

use crate::{Answer, Expected};

pub mod anthropic;
pub mod bedrock;
pub mod cohere;
pub mod deepseek;
pub mod gemini;
pub mod mistral;
pub mod ollama;
pub mod openai_chat;
pub mod openai_embeddings;
pub mod openai_responses;
pub mod openrouter;

/// What a call is a case of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// A complete reply.
    Reply,
    /// A streamed reply.
    Stream,
    /// A reply that calls a tool.
    Tools,
    /// An embedding.
    Embeddings,
    /// Error responses with the status codes of [`ERRORS`].
    Error,
}

impl Case {
    /// All cases, in the order of the table's columns.
    pub const ALL: [Self; 5] = [Self::Reply, Self::Stream, Self::Tools, Self::Embeddings, Self::Error];
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Reply => "reply",
            Self::Stream => "stream",
            Self::Tools => "tools",
            Self::Embeddings => "embeddings",
            Self::Error => "error",
        })
    }
}

/// The responses of the server for one run of a case, and the expected log.
#[derive(Debug, Clone)]
pub struct Scripted {
    /// The responses, in order. The last one is sent to all further requests.
    pub answers: Vec<Answer>,
    /// The expected log.
    pub expected: Expected,
}

impl Scripted {
    /// Creates a script with one response.
    pub fn new(answer: Answer, expected: Expected) -> Self {
        Self { answers: vec![answer], expected }
    }
}

/// One API: the scripts of its cases. A case with several scripts is run once with each of them.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    cases: BTreeMap<Case, Vec<Scripted>>,
}

impl Wire {
    /// Adds a script to a case.
    #[must_use]
    pub fn case(mut self, case: Case, scripted: Scripted) -> Self {
        self.cases.entry(case).or_default().push(scripted);
        self
    }

    /// Adds a script to [`Case::Error`] for each of [`ERRORS`]. `answer` makes the response from a status and
    /// a message.
    #[must_use]
    pub fn errors(
        self,
        (provider, model, api): (&str, &str, &str),
        answer: impl Fn(u16, &str) -> Answer,
    ) -> Self {
        ERRORS.iter().fold(self, |wire, (status, kind, words)| {
            let expected = Expected::error(provider, model, api, *kind, words);
            wire.case(Case::Error, Scripted::new(answer(*status, words), expected))
        })
    }

    /// Replaces the scripts of a case, for a crate that speaks another form of the API.
    #[must_use]
    pub fn replace(mut self, case: Case, scripted: Scripted) -> Self {
        self.cases.insert(case, vec![scripted]);
        self
    }

    /// Changes the expected logs of a case, for a crate that cannot send the conversation as it is.
    #[must_use]
    pub fn expect(mut self, case: Case, change: impl Fn(&mut Expected)) -> Self {
        self.cases.get_mut(&case).into_iter().flatten().for_each(|scripted| change(&mut scripted.expected));
        self
    }

    /// Returns the scripts of a case.
    pub fn scripts(&self, case: Case) -> &[Scripted] {
        self.cases.get(&case).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The error responses: HTTP status, kind of error, and the provider's message.
pub const ERRORS: [(u16, ErrorType, &str); 3] = [
    (401, ErrorType::ProviderAuthError, "Incorrect API key provided."),
    (429, ErrorType::ProviderRateLimit, "Rate limit reached for requests per minute."),
    (500, ErrorType::ProviderError, "The server had an error while processing your request."),
];
