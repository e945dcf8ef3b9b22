//! Tokens, cost and other metadata in responses of chat completions.

use std::collections::BTreeMap;

use promptlayer_blueprint::LogRequest;
use serde_json::{Value, json};

use super::log_of_output;
use super::openai_stream::log_of_stream;

/// Returns the log of a response with these fields.
fn with(fields: Value) -> LogRequest {
    let mut reply = json!({"choices": [{"message": {"role": "assistant", "content": "So."}}]});
    let Value::Object(fields) = fields else { panic!("{fields}") };
    reply.as_object_mut().unwrap().extend(fields);
    log_of_output(&reply)
}

/// Returns the metadata of a response with this usage.
fn counted(usage: &Value) -> BTreeMap<String, String> {
    with(json!({ "usage": usage })).metadata.into_iter().collect()
}

fn counts<const N: usize>(counts: [(&str, &str); N]) -> BTreeMap<String, String> {
    counts.map(|(key, count)| (key.to_owned(), count.to_owned())).into()
}

#[test]
fn token_counts_without_log_field_become_metadata() {
    let usage = json!({
        "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 7, "audio_tokens": 3, "image_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 20, "audio_tokens": 4, "accepted_prediction_tokens": 5, "rejected_prediction_tokens": 6,
        },
        "citation_tokens": 9, "num_search_queries": 2,
    });
    assert_eq!(
        counted(&usage),
        counts([
            ("cached_tokens", "60"),
            ("cache_creation_tokens", "7"),
            ("reasoning_tokens", "20"),
            ("input_audio_tokens", "3"),
            ("output_audio_tokens", "4"),
            ("accepted_prediction_tokens", "5"),
            ("rejected_prediction_tokens", "6"),
            ("citation_tokens", "9"),
            ("num_search_queries", "2"),
        ])
    );
}

#[test]
fn cached_tokens_are_read_under_every_name() {
    for usage in [
        json!({"prompt_tokens_details": {"cached_tokens": 60}}),
        json!({"prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 40}),
        json!({"cached_tokens": 60}),
    ] {
        assert_eq!(counted(&usage), counts([("cached_tokens", "60")]), "{usage}");
    }
    assert_eq!(counted(&json!({"reasoning_tokens": 8})), counts([("reasoning_tokens", "8")]));
    let details =
        json!({"prompt_tokens_details": null, "completion_tokens_details": [], "reasoning_tokens": "8"});
    assert_eq!(counted(&details), counts([]));
}

#[test]
fn output_tokens_include_reasoning_tokens() {
    let output = |total: u64| {
        let usage = json!({
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": total,
            "completion_tokens_details": {"reasoning_tokens": 100},
        });
        with(json!({ "usage": usage })).output_tokens
    };
    assert_eq!(output(115), Some(105), "xAI counts them apart, and its sum has them");
    assert_eq!(output(15), Some(5));
    assert_eq!(output(u64::MAX), Some(5));
    let huge =
        json!({"prompt_tokens": u64::MAX, "completion_tokens": u64::MAX, "reasoning_tokens": u64::MAX});
    assert_eq!(with(json!({ "usage": huge })).output_tokens, Some(u64::MAX));
}

#[test]
fn reported_cost_becomes_the_price() {
    let price = |fields: Value| with(fields).price;
    let openrouter = |usage: Value| price(json!({"id": "gen-1", "provider": "OpenAI", "usage": usage}));
    assert_eq!(openrouter(json!({"cost": 0.25, "is_byok": false})), Some(0.25));
    let details = json!({"upstream_inference_cost": 0.5});
    assert_eq!(openrouter(json!({"cost": 0.25, "is_byok": false, "cost_details": details})), Some(0.25));
    assert_eq!(openrouter(json!({"cost": 0.25, "is_byok": true, "cost_details": details})), Some(0.75));
    let perplexity = json!({"search_context_size": "low", "cost": {"request_cost": 0.25, "total_cost": 0.5}});
    assert_eq!(price(json!({ "usage": perplexity })), Some(0.5));
    assert_eq!(price(json!({"venice_parameters": {}, "cost": {"usd": 0.5, "diem": 7}})), Some(0.5));
    assert_eq!(price(json!({"cost": {"usd": 0.5}})), Some(0.5), "the name of the field says the unit");
    assert_eq!(price(json!({"usage": {"cost": {"total_cost": 0.5}}})), Some(0.5));
    assert_eq!(price(json!({"usage": {"cost_in_usd_ticks": 5_000_000_000_u64}})), Some(0.5));
    assert_eq!(price(json!({"copilot_usage": {"total_nano_aiu": 7}})), None, "these are no dollars");
    assert_eq!(price(json!({"usage": {"cost": 0.5}})), None, "nothing tells in what it is counted");
    assert_eq!(openrouter(json!({"cost": -1.0})), None);
    assert_eq!(openrouter(json!({"cost": "0.5"})), None);
}

#[test]
fn other_response_fields_become_metadata() {
    let log = with(json!({
        "id": "gen-1", "provider": "OpenAI", "system_fingerprint": "fp_1", "service_tier": "priority", "citations": [],
    }));
    assert_eq!(
        log.metadata.into_iter().collect::<BTreeMap<_, _>>(),
        counts([
            ("response_id", "gen-1"),
            ("system_fingerprint", "fp_1"),
            ("service_tier", "priority"),
            ("upstream_provider", "OpenAI"),
        ])
    );
    let mistral = with(json!({"usage": {"service_tier": "standard"}}));
    assert_eq!(mistral.metadata["service_tier"], "standard");
    assert!(with(json!({"id": "", "service_tier": null})).metadata.is_empty());
}

#[test]
fn cost_at_the_end_of_a_stream_becomes_the_price() {
    let chunk = |fields: Value| {
        let mut chunk = json!({"object": "chat.completion.chunk", "choices": []});
        chunk.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        chunk
    };
    let said = chunk(json!({"choices": [{"index": 0, "delta": {"content": "So."}}]}));
    let usage = chunk(json!({"usage": {"prompt_tokens": 1, "completion_tokens": 2}}));
    let cost = chunk(json!({"cost": {"usd": 0.5, "diem": 0}}));
    let log = log_of_stream(None, &[said, usage, cost]);
    assert_eq!((log.price, log.provider.as_str(), log.output_tokens), (Some(0.5), "venice", Some(2)));
}
