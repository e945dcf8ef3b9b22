//! A scripted response.

use serde_json::Value;

/// A response of the server: a status, headers, and a body in one or several parts.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// Parts of the body. Each one is sent as an HTTP chunk of its own.
    pub parts: Vec<Vec<u8>>,
}

impl Answer {
    /// Creates a response with a body in one part.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], parts: vec![body.into()] }
    }

    /// Creates a response with status 200 and a JSON body.
    pub fn json(body: &Value) -> Self {
        Self::new(200, "application/json", body.to_string())
    }

    /// Creates an error response with a JSON body.
    pub fn error(status: u16, body: &Value) -> Self {
        Self { status, ..Self::json(body) }
    }

    /// Creates a stream of server-sent events without event names, as `OpenAI` sends it: `data: [DONE]` is
    /// its end.
    pub fn events(events: &[Value]) -> Self {
        let lines = events.iter().map(|event| format!("data: {event}\n\n"));
        Self::parts("text/event-stream", lines.chain(["data: [DONE]\n\n".to_owned()]))
    }

    /// Creates a stream of server-sent events. Each event has the name that its field `type` holds.
    pub fn named_events(events: &[Value]) -> Self {
        let lines = events.iter().map(|event| {
            let name = event["type"].as_str().expect("an event has a type");
            format!("event: {name}\ndata: {event}\n\n")
        });
        Self::parts("text/event-stream", lines)
    }

    /// Creates a stream of JSON values, one on each line.
    pub fn lines(values: &[Value]) -> Self {
        Self::parts("application/x-ndjson", values.iter().map(|value| format!("{value}\n")))
    }

    /// Creates a response with status 200 and these parts.
    pub fn parts<P: Into<Vec<u8>>>(content_type: &str, parts: impl IntoIterator<Item = P>) -> Self {
        Self {
            parts: parts.into_iter().map(Into::into).collect(),
            ..Self::new(200, content_type, Vec::new())
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}
