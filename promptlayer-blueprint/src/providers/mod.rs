//! The wire formats of model providers, read into the blueprint.
//!
//! [`request`] reads the input of a model call and [`response`] reads its output. Both detect the wire format from the
//! values: a provider's request or response, its stream events, or plain texts and messages named by arguments.
//! [`gen_ai`] reads and writes OpenTelemetry's attributes of generative models.
//!
//! | file or folder | wire format |
//! |---|---|
//! | `anthropic` | Anthropic Messages |
//! | `bedrock` | Amazon Bedrock Converse |
//! | `cohere` | Cohere chat (v1, v2) and embed |
//! | `gemini` | Gemini `generateContent`, Interactions and embeddings |
//! | `ollama` | Ollama chat, generate and embed |
//! | `openai_chat` | OpenAI Chat Completions, which many providers serve |
//! | `openai_completions`, `openai_embeddings`, `openai_images`, `openai_responses` | OpenAI's other APIs |
//! | `crates` | types of Rust crates that have a form of their own |
//! | `input`, `output`, `embedded` | values without a provider's wire format, or with one inside |
//!
//! ```
//! use promptlayer_blueprint::providers::{self, Input, Output};
//! use serde_json::json;
//!
//! let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]});
//! let request = providers::request(Input::Value(body));
//! assert_eq!(request.model.as_deref(), Some("gpt-4o"));
//! assert_eq!(request.prompt.map(|prompt| prompt.text()).as_deref(), Some("Hello"));
//!
//! let body = json!({
//!     "choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
//!     "usage": {"prompt_tokens": 3, "completion_tokens": 1},
//! });
//! let reply = providers::response(Output::Value(body));
//! assert_eq!((reply.usage.input, reply.usage.output), (Some(3), Some(1)));
//! ```
//!
//! The layer of `promptlayer-tracing` calls these functions: most programs never do. [`Request`], [`Reply`], [`Usage`]
//! and [`Finish`] are plain data, read from one call, and [`Shape`] is the wire format that was detected. [`VENDORS`] is
//! the table of providers; [`Vendor`], [`Is`] and [`Marks`] describe its rows. The constants are names, keys and texts
//! that this library writes into request logs. [`to_request`] goes the other way: it makes a provider's request from a
//! prompt. Its example shows [`ProviderRequest`]; an [`Omission`] is a part of the prompt that the request lacks.
//!
//! Steps of the conversion that are of use alone: [`response_to`] reads a response whose request is known, [`joined`]
//! joins the items of a stream, [`provider_of_model`] names the provider of a model, and [`readable`] and
//! [`shorten_vectors`] prepare a value for a reader.
//!
//! ```
//! use promptlayer_blueprint::providers;
//! use serde_json::json;
//!
//! assert_eq!(providers::provider_of_model("claude-sonnet-5"), Some("anthropic"));
//! assert_eq!(providers::joined(vec![json!("Hel"), json!("lo")]), json!("Hello"));
//!
//! let mut value = json!({"vector": vec![0.5; 1536]});
//! providers::shorten_vectors(&mut value);
//! assert_eq!(value, json!({"vector": "[1536 numbers]"}));
//! assert_eq!(providers::readable(&json!("Hello")), "Hello"); // without quotes; lists and objects are indented
//! ```

mod anthropic;
mod bedrock;
mod blocks;
mod call_ids;
mod cohere;
mod crates;
mod detect;
mod draft;
mod embedded;
pub mod errors;
mod evidence;
mod finish;
pub mod frames;
mod gemini;
pub mod gen_ai;
mod input;
mod json;
pub mod log;
#[cfg(test)]
mod lossless;
mod merge;
mod messages;
mod ollama;
mod openai_chat;
mod openai_completions;
mod openai_embeddings;
mod openai_images;
mod openai_responses;
mod output;
mod reading;
#[cfg(test)]
mod round_trip;
mod to_request;
mod turn;
mod vectors;
mod vendor;
mod vendors;
mod words;

pub use self::draft::Omission;
pub use self::evidence::Evidence;
pub use self::finish::Finish;
pub use self::input::{Input, request};
pub use self::json::readable;
pub use self::output::{Output, joined, response, response_to};
pub use self::reading::{Reply, Request, Shape, Usage};
pub use self::to_request::{ProviderRequest, UnknownApi, to_request};
pub use self::vectors::shorten_vectors;
pub use self::vendor::{of_host as provider_of_host, of_model as provider_of_model};
pub use self::vendors::{Is, Marks, VENDORS, Vendor};

/// The provider of a log whose provider is unknown.
pub const UNKNOWN_PROVIDER: &str = "custom";
/// The model of a log whose model is unknown.
pub const UNKNOWN_MODEL: &str = "unknown";
/// The metadata key of the finish reason, normalized over all providers.
pub const FINISH_REASON: &str = "finish_reason";
/// The metadata key of the provider's own finish reason, where it differs from the normalized one.
pub const PROVIDER_FINISH_REASON: &str = "provider_finish_reason";
/// The metadata key of the time from the start of a call to its first chunk, in milliseconds.
pub const TIME_TO_FIRST_CHUNK: &str = "time_to_first_chunk_ms";
/// The metadata key of the provider's response id.
pub const RESPONSE_ID: &str = "response_id";
/// The metadata key of the user for whom a call is made.
pub const USER_ID: &str = "user_id";
/// The metadata key of the session to which a call belongs.
pub const SESSION_ID: &str = "session_id";
/// The text in place of a redacted value.
pub const REDACTED: &str = "[redacted]";
