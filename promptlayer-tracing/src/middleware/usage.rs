//! Asks for the usage of a stream.

use serde_json::{Map, Value};

/// What OpenAI's API, and those that follow it, need to send the usage of a stream.
const STREAM_OPTIONS: &[u8] = br#""stream_options":{"include_usage":true},"#;

/// Returns the body of a request that asks for the usage too. Returns `None` if the request asks for no
/// stream, or says itself what its stream contains.
///
/// The rest of the body keeps its bytes: the order of the keys in a schema has a meaning to some models.
pub(super) fn with_usage(body: &[u8]) -> Option<Vec<u8>> {
    let request: Map<String, Value> = serde_json::from_slice(body).ok()?;
    if request.get("stream") != Some(&Value::Bool(true)) || request.contains_key("stream_options") {
        return None;
    }
    let at = body.iter().position(|byte| *byte == b'{')? + 1;
    let (start, rest) = body.split_at_checked(at)?;
    Some([start, STREAM_OPTIONS, rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stream_without_options_is_changed() {
        for (body, changed) in [
            (
                r#" {"b": 1, "a": {"stream": false}, "stream": true}"#,
                Some(
                    r#" {"stream_options":{"include_usage":true},"b": 1, "a": {"stream": false}, "stream": true}"#,
                ),
            ),
            (r#"{"stream": false}"#, None),
            (r#"{"a": {"stream": true}}"#, None),
            (r#"{"stream": "true"}"#, None),
            (r#"{"stream": true, "stream_options": null}"#, None),
            (r#"{"stream": true, "stream_options": {"include_usage": false}}"#, None),
            (r#"{"stream": true"#, None),
            (r#"[{"stream": true}]"#, None),
            ("", None),
        ] {
            let found = with_usage(body.as_bytes()).map(|body| String::from_utf8(body).unwrap());
            assert_eq!(found.as_deref(), changed, "{body}");
        }
    }
}
