//! `POST …/analytics`: figures over time of the requests that fulfill conditions.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use super::super::body::JsonBody;
use super::super::error::ApiError;
use super::super::rules;
use super::{Search, prepare, seconds};
use crate::app::App;
use crate::store::{Bucket, Groups, Interval, Series};

/// Handles `POST …/analytics`.
pub(in crate::api) async fn analytics(
    State(app): State<App>,
    body: JsonBody,
) -> Result<Json<Value>, ApiError> {
    let (search, _share): (Search, _) = body.parse(&rules::SEARCH).await?;
    let filters = search.filters()?;
    // The order makes no difference, but a wrong one is an error here too.
    search.sort()?;
    prepare(&app, &filters).await?;
    app.store()
        .read(move |store| {
            let series = store.series(&filters, None, None)?;
            let breakdown = store.metadata_costs(&filters, search.metadata_cost_breakdown_key.as_deref())?;
            let mut answer = answer(&series);
            answer["metadataValueBreakdown"] = breakdown
                .into_iter()
                .map(|entry| {
                    let label = match &search.metadata_cost_breakdown_key {
                        Some(_) => entry.value.clone(),
                        None => format!("{} = {}", entry.key, entry.value),
                    };
                    json!({
                        "key": entry.key, "value": entry.value, "label": label, "requests": entry.requests,
                        "cost": entry.price,
                    })
                })
                .collect();
            Ok(Json(answer))
        })
        .await
}

fn answer(series: &Series) -> Value {
    let total = series.total();
    let label = |at: i64| series.interval.label(at);
    let stats: Vec<Value> = series
        .buckets
        .iter()
        .map(|(at, bucket)| {
            json!({
                "date": label(*at),
                "requests": bucket.requests,
                "tokens": bucket.input_tokens.saturating_add(bucket.output_tokens),
                "inputTokens": bucket.input_tokens,
                "outputTokens": bucket.output_tokens,
                "cost": bucket.price,
                "latency": average(bucket),
            })
        })
        .collect();
    let by_day = |groups: &Groups| -> Map<String, Value> {
        groups
            .iter()
            .map(|(name, group)| {
                (
                    name.clone(),
                    group.by_time.iter().map(|(at, requests)| json!([label(*at), requests])).collect(),
                )
            })
            .collect()
    };
    let counts = |groups: &Groups| -> Vec<(String, usize)> {
        let mut counts: Vec<(String, usize)> =
            groups.iter().map(|(name, group)| (name.clone(), group.total.requests)).collect();
        counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        counts
    };
    let percentile = |percent: usize| -> Map<String, Value> {
        series
            .buckets
            .iter()
            .map(|(at, bucket)| (label(*at), seconds(bucket.percentile(percent)).into()))
            .collect()
    };
    let averages: Map<String, Value> =
        series.buckets.iter().map(|(at, bucket)| (label(*at), average(bucket).into())).collect();
    json!({
        "success": true,
        "chartInterval": {
            "interval": series.interval.word(),
            "bucketSizeMs": series.interval.nanoseconds() / 1_000_000,
            "bucketMinutes": match series.interval {
                Interval::Day => Value::Null,
                interval => json!(interval.nanoseconds() / 60_000_000_000),
            },
        },
        "averageLatency": average(&total),
        "totalCost": total.price,
        "totalTokens": total.input_tokens.saturating_add(total.output_tokens),
        "totalRequests": total.requests,
        "totalCachedTokens": total.cached_tokens,
        "totalThinkingTokens": total.reasoning_tokens,
        "cacheTokenRatio": ratio(total.cached_tokens, total.input_tokens),
        "stats": stats,
        "mostUsedModels": counts(&series.models).into_iter().map(|(name, count)| json!([name, count])).collect::<Vec<_>>(),
        "modelRequestsByDay": by_day(&series.models),
        "providerRequestsByDay": by_day(&series.providers),
        "promptTemplateRequestsByDay": by_day(&series.prompts),
        "mostUsedPromptTemplates": counts(&series.prompts)
            .into_iter()
            .map(|(name, count)| json!({ "promptId": name, "promptName": name, "requests": count }))
            .collect::<Vec<_>>(),
        "errorTypes": counts(&series.errors)
            .into_iter()
            .map(|(name, count)| json!({ "errorType": name, "requests": count }))
            .collect::<Vec<_>>(),
        "latency": {
            "average_latency": averages,
            "p50_latency": percentile(50),
            "p90_latency": percentile(90),
            "p95_latency": percentile(95),
        },
    })
}

fn average(bucket: &Bucket) -> f64 {
    match i64::try_from(bucket.requests) {
        Ok(requests) if requests > 0 => seconds(bucket.duration_ns / requests),
        _ => 0.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
