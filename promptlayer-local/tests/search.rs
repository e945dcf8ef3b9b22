//! Tests of finding requests: the filters of the list, and the search of the API.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod support;

use serde_json::{Value, json};
use support::{Local, chat, request_with, text};

/// Logs three requests: 1 and 3 succeeded, 2 failed.
async fn three() -> Local {
    let local = Local::start();
    for fields in [
        json!({
            "function_name": "weather", "model": "gpt-4o", "tags": ["chat", "eu"], "metadata": { "user": "42" },
            "input": chat("user", "Will it rain in Oslo?"), "output": chat("assistant", "Yes, from noon."),
            "request_start_time": "2026-01-15T10:00:00Z", "request_end_time": "2026-01-15T10:00:01Z",
            "input_tokens": 1000, "output_tokens": 100, "score": 90,
        }),
        json!({
            "function_name": "weather", "model": "gpt-4o-mini", "tags": ["chat"], "metadata": { "user": "7" },
            "input": chat("user", "And in Zürich or 東京?"), "output": chat("assistant", "{\"rain\": false}"),
            "request_start_time": "2026-01-15T11:00:00Z", "request_end_time": "2026-01-15T11:00:10Z",
            "status": "ERROR", "error_type": "PROVIDER_TIMEOUT", "error_message": "the deadline passed",
            "prompt_name": "greeting", "prompt_input_variables": { "city": "Bern" },
        }),
        json!({
            "function_name": "summarize", "provider": "anthropic", "model": "claude-sonnet-4-5", "price": 0.5,
            "input": chat("user", "Summarize this."),
            "output": { "type": "chat", "messages": [{ "role": "assistant", "content": [], "tool_calls": [
                { "id": "1", "type": "function", "function": { "name": "lookup", "arguments": "{}" } },
            ] }] },
            "request_start_time": "2026-01-16T10:00:00Z", "request_end_time": "2026-01-16T10:00:00.5Z",
            "score": 20, "score_name": "quality",
        }),
    ] {
        local.log(&request_with(&fields)).await;
    }
    local
}

/// Returns the ids on a list page, in order.
fn ids(page: &str) -> Vec<i64> {
    page.split("<tr data-id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn every_filter_of_the_list_finds_its_requests() {
    let local = three().await;
    for (query, expected) in [
        ("", &[3, 2, 1][..]),
        ("q=oslo", &[1]),
        ("q=zurich", &[2]),
        ("q=東", &[2]),
        ("q=rai*", &[2, 1]),
        ("q=rai", &[]),
        ("q=deadline", &[2]),
        ("input=rain", &[1]),
        ("output=rain", &[2]),
        ("output=noo*", &[1]),
        ("status=error", &[2]),
        ("model=gpt-4o", &[1]),
        ("model=gpt*", &[2, 1]),
        ("tag=chat", &[2, 1]),
        ("tag=chat&tag=eu", &[1]),
        ("name=weather", &[2, 1]),
        ("name=*mar*", &[3]),
        ("provider=anthropic", &[3]),
        ("template=greeting", &[2]),
        ("error=PROVIDER_TIMEOUT", &[2]),
        ("metadata=user%3D42", &[1]),
        ("metadata=user", &[2, 1]),
        ("score=%3E%3D50", &[1]),
        ("score=quality%3C50", &[3]),
        ("latency=%3E2s", &[2]),
        ("latency=100ms..2s", &[3, 1]),
        ("tokens=%3E1000", &[1]),
        ("cost=%3E0.1", &[3]),
        ("since=2026-01-16", &[3]),
        ("until=2026-01-15T10%3A30", &[1]),
        ("since=2026-01-15T11%3A30&zone=60", &[3, 2]),
        ("when=30d&q=oslo", &[]),
        ("status=error&q=oslo", &[]),
        ("sort=latency", &[2, 1, 3]),
        ("sort=latency&order=asc", &[3, 1, 2]),
        ("sort=cost", &[3, 1, 2]),
        ("sort=tokens", &[1, 3, 2]),
        ("order=asc", &[1, 2, 3]),
        ("unknown=1", &[3, 2, 1]),
    ] {
        let page = local.page(&format!("/?{query}")).await;
        assert_eq!((page.status, ids(&page.text)), (200, expected.to_vec()), "{query}: {}", page.text);
    }
}

#[tokio::test]
async fn filters_that_cannot_be_read_are_named_and_not_applied() {
    let local = three().await;
    let page = local.page("/?latency=soon&status=error").await.text;
    assert_eq!(ids(&page), [2]);
    assert!(page.contains("The filter Latency was not applied: soon cannot be read."), "{page}");
    let page = local.page("/?q=%3Cscript%3E&tag=%22%3E%3Cimg%20src%3Dx%3E").await.text;
    assert!(!page.contains("<img src=x") && page.contains("No request fulfills all filters"), "{page}");
}

#[tokio::test]
async fn list_shows_the_facts_of_requests_and_their_figures() {
    let local = three().await;
    let page = local.page("/").await.text;
    for shown in [
        "Will it rain in Oslo?",
        "Yes, from noon.",
        "the deadline passed",
        "lookup({})",
        "10.00 s",
        "$0.500",
        "provider timeout",
        "1,000 / 100",
        "33.3 %",
        "class=\"estimate\"",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    // What a row shows leads to the requests with the same value.
    for link in [
        "/?model=gpt-4o\"",
        "/?tag=eu\"",
        "/?status=error\"",
        "/?name=summarize\"",
        "/?error=PROVIDER_TIMEOUT\"",
    ] {
        assert!(page.contains(&format!("href=\"{link}")), "{link} is not in {page}");
    }
}

const SEARCH: &str = "/api/public/v2/requests/search";
const ANALYTICS: &str = "/api/public/v2/requests/analytics";
const SUGGESTIONS: &str = "/api/public/v2/requests/suggestions";

#[expect(clippy::needless_pass_by_value, reason = "shorter calls")]
fn filter(field: &str, operator: &str, value: Value) -> Value {
    json!({ "field": field, "operator": operator, "value": value })
}

#[tokio::test]
async fn search_finds_requests_by_every_field() {
    let local = three().await;
    let nested = |field: &str, key: &str, operator: &str, value: Value| {
        let mut filter = filter(field, operator, value);
        filter["nested_key"] = json!(key);
        filter
    };
    for (filter, expected) in [
        (filter("pl_id", "in", json!([1, 3])), &[3, 1][..]),
        (filter("engine", "is", json!("gpt-4o")), &[1]),
        (filter("engine", "not_in", json!(["gpt-4o"])), &[3, 2]),
        (filter("engine", "starts_with", json!("gpt")), &[2, 1]),
        (filter("provider_type", "ends_with", json!("pic")), &[3]),
        (filter("input_text", "contains", json!("oslo")), &[1]),
        (filter("output_text", "not_contains", json!("rain")), &[3, 1]),
        (filter("input_tokens", "between", json!([1, 2000])), &[1]),
        (filter("cost", "gte", json!(0.1)), &[3]),
        (filter("latency_ms", "gt", json!(1000)), &[2]),
        (filter("request_start_time", "before", json!("2026-01-15T10:30:00Z")), &[1]),
        (filter("request_end_time", "after", json!("2026-01-15T11:00:05Z")), &[3, 2]),
        (filter("status", "is_not", json!("SUCCESS")), &[2]),
        (filter("prompt_version_number", "is_null", Value::Null), &[3, 2, 1]),
        (filter("prompt_id", "eq", json!(1)), &[]),
        (filter("is_json", "is_true", Value::Null), &[2]),
        (filter("is_tool_call", "is", json!(true)), &[3]),
        (filter("is_plain_text", "is_false", Value::Null), &[3, 2]),
        (filter("tags", "contains", json!("eu")), &[1]),
        (filter("tags", "is_empty", Value::Null), &[3]),
        (filter("metadata_keys", "contains", json!("user")), &[2, 1]),
        (nested("metadata", "user", "key_equals", json!("42")), &[1]),
        (nested("metadata", "user", "key_not_equals", json!("42")), &[3, 2]),
        (filter("tool_names", "contains", json!("lookup")), &[3]),
        (filter("output_keys", "contains", json!("rain")), &[2]),
        (nested("output", "rain", "is", json!(false)), &[2]),
        (filter("input_variable_keys", "contains", json!("city")), &[2]),
        (nested("input_variables", "city", "key_contains", json!("ber")), &[2]),
    ] {
        let body = json!({ "filter_group": { "filters": [filter] } });
        let answer = local.post(SEARCH, &body).await;
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
        let ids: Vec<i64> = answer.json["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, expected, "{filter}");
        let analytics = local.post(ANALYTICS, &body).await;
        assert_eq!(analytics.json["totalRequests"], expected.len(), "{filter}: {}", analytics.text);
    }
}

#[tokio::test]
async fn search_combines_groups_sorts_and_pages() {
    let local = three().await;
    let either = json!({ "logic": "OR", "filters": [
        filter("engine", "is", json!("gpt-4o")),
        { "filters": [filter("status", "is", json!("ERROR")), filter("tags", "contains", json!("chat"))] },
    ] });
    let answer = local.post(SEARCH, &json!({ "filter_group": either, "q": "rain" })).await;
    assert_eq!(answer.json["total"], 2, "{}", answer.text);

    let body = json!({ "sort_by": "latency_ms", "sort_order": "asc", "page": 2, "per_page": 2, "include_prompt_name": true });
    let answer = local.post(SEARCH, &body).await;
    assert_eq!(answer.json["items"][0]["id"], 2);
    assert_eq!(answer.json["items"][0]["prompt_name"], "greeting");
    assert_eq!(answer.json["items"][0]["latency"], 10.0);
    for (field, expected) in [
        ("pages", json!(2)),
        ("total", json!(3)),
        ("has_next", json!(false)),
        ("prev_num", json!(1)),
        ("next_num", Value::Null),
    ] {
        assert_eq!(answer.json[field], expected, "{field}");
    }
}

#[tokio::test]
async fn filters_that_make_no_sense_are_refused() {
    let local = three().await;
    let mut deep = json!({ "filters": [] });
    for _ in 0..30 {
        deep = json!({ "filters": [deep] });
    }
    let many = json!({ "filters": vec![filter("engine", "is", json!("x")); 300] });
    let values = json!({ "filters": [filter("engine", "in", json!(vec!["x"; 101]))] });
    let long = json!({ "filters": [filter("engine", "contains", json!("x".repeat(100_000)))] });
    for (body, status) in [
        (json!({ "filter_group": values }), 400),
        // These find nothing, and do not fail.
        (json!({ "filter_group": long }), 200),
        (json!({ "q": "word ".repeat(20_000) }), 200),
        (json!({ "q": "\u{0}\"* OR ^ NEAR(" }), 200),
        (json!({ "filter_group": [] }), 422),
        (json!({ "filter_group": {} }), 422),
        (json!({ "filter_group": { "filters": [1] } }), 422),
        (json!({ "filter_group": { "filters": [filter("nothing", "is", json!(1))] } }), 422),
        (json!({ "filter_group": { "logic": "XOR", "filters": [] } }), 422),
        (json!({ "filter_group": { "logic": null, "filters": [] } }), 422),
        (json!({ "filter_group": { "filters": [filter("metadata", "is", json!("x"))] } }), 422),
        (json!({ "filter_group": { "filters": [filter("engine", "gt", json!("x"))] } }), 400),
        (json!({ "filter_group": { "filters": [filter("cost", "gt", json!("much"))] } }), 400),
        (json!({ "filter_group": { "filters": [filter("cost", "between", json!([1]))] } }), 400),
        (json!({ "filter_group": { "filters": [filter("user_intent", "is", json!("curious"))] } }), 400),
        (json!({ "filter_group": deep }), 400),
        (json!({ "filter_group": many }), 400),
        (json!({ "sort_by": "cost" }), 400),
        (json!({ "sort_by": "name", "sort_order": "asc" }), 422),
        (json!({ "per_page": 26 }), 422),
        (json!({ "page": 0 }), 422),
    ] {
        let answer = local.post(SEARCH, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn suggestions_are_the_values_that_exist() {
    let local = three().await;
    for (query, expected) in [
        ("field=engine", json!(["claude-sonnet-4-5", "gpt-4o", "gpt-4o-mini"])),
        ("field=engine&prefix=GPT", json!(["gpt-4o", "gpt-4o-mini"])),
        ("field=tags", json!(["chat", "eu"])),
        ("field=tags&prefix=e", json!(["eu"])),
        ("field=status", json!(["ERROR", "SUCCESS"])),
        ("field=prompt", json!(["greeting"])),
        ("field=prompt_id", json!([])),
        ("field=metadata_keys", json!(["user"])),
        ("field=metadata_values&metadata_key=user", json!(["42", "7"])),
        ("field=tool_names", json!(["lookup"])),
        ("field=output_keys", json!(["rain"])),
        ("field=input_variable_values&metadata_key=city", json!(["Bern"])),
        (
            "field=tags&filter_group=%7B%22filters%22%3A%5B%7B%22field%22%3A%22status%22%2C%22operator%22%3A%22is%22%2C%22value%22%3A%22ERROR%22%7D%5D%7D",
            json!(["chat"]),
        ),
    ] {
        let answer = local.get(&format!("{SUGGESTIONS}?{query}")).await;
        assert_eq!(answer.json["values"], expected, "{query}: {}", answer.text);
    }
    for query in
        ["", "field=x", "field=metadata_values", "field=tags&prompt_id=0", "field=tags&filter_group=x"]
    {
        assert_eq!(local.get(&format!("{SUGGESTIONS}?{query}")).await.status, 422, "{query}");
    }
}

#[tokio::test]
async fn analytics_sum_the_requests() {
    let local = three().await;
    let answer = local.post(ANALYTICS, &json!({ "metadata_cost_breakdown_key": "user" })).await;
    let json = &answer.json;
    assert_eq!((&json["totalRequests"], &json["totalTokens"]), (&json!(3), &json!(1100)), "{}", answer.text);
    assert_eq!(json["chartInterval"]["interval"], "hour");
    assert_eq!(json["stats"].as_array().unwrap().len(), 3);
    assert_eq!(json["stats"][0]["date"], "2026-01-15T10:00:00Z");
    assert_eq!(json["latency"]["p50_latency"]["2026-01-15T11:00:00Z"], 10.0);
    assert_eq!(json["errorTypes"], json!([{ "errorType": "PROVIDER_TIMEOUT", "requests": 1 }]));
    assert_eq!(json["metadataValueBreakdown"].as_array().unwrap().len(), 2);
    assert_eq!(json["metadataValueBreakdown"][0]["value"], "42", "the one with the estimated price");
}

#[tokio::test]
async fn tracked_prompt_is_found() {
    let local = three().await;
    let prompt = json!({ "type": "completion", "content": [text("Hi")] });
    local
        .publish("other", json!({ "prompt_template": {}, "prompt_version": { "prompt_template": prompt } }))
        .await;
    local.post("/rest/track-prompt", &json!({ "request_id": 1, "prompt_name": "other" })).await;
    assert_eq!(ids(&local.page("/?template=other").await.text), [1]);
}
