//! A request as one line, and as JSON on one line.

use console::Style;
use serde_json::{Value, json};

use super::terminal::{Output, column, local_time, one_line};
use crate::format;
use crate::store::RequestRow;

/// Formats a request as one line: its id, time, status, name, model, duration, tokens, cost, prompt and answer.
pub(super) fn of(row: &RequestRow, output: &Output) -> String {
    let (word, style) = match row.status.as_str() {
        "SUCCESS" => ("ok", Style::new().green()),
        "WARNING" => ("warn", Style::new().yellow()),
        _ => ("error", Style::new().red().bold()),
    };
    let tokens = row.input_tokens.saturating_add(row.output_tokens);
    let mut tags = String::new();
    for tag in &row.tags {
        tags.push_str(" [");
        tags.push_str(&one_line(tag));
        tags.push(']');
    }
    format!(
        "{:>6}  {}  {}  {}  {}  {:>8}  {:>7}  {:>9}  {}{} {} {}",
        row.id,
        output.styled(Style::new().dim(), &local_time(row.start)),
        output.styled(style, &column(word, 5)),
        column(&one_line(&row.name), 20),
        column(&one_line(&row.model), 20),
        format::duration(row.duration_ns),
        format::count(tokens),
        format::price(row.price),
        one_line(&row.input_preview),
        output.styled(Style::new().cyan(), &tags),
        output.styled(Style::new().dim(), "→"),
        one_line(&row.output_preview),
    )
}

/// Returns a request as JSON.
pub(super) fn json(row: &RequestRow) -> Value {
    json!({
        "request_id": row.id,
        "request_start_time": row.start.to_string(),
        "latency_ms": milliseconds(row.duration_ns),
        "time_to_first_token_ms": row.first_token_ns.map(milliseconds),
        "name": row.name,
        "provider": row.provider,
        "model": row.model,
        "status": row.status,
        "error_type": row.error_type,
        "prompt_name": row.prompt_name,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "price": row.price,
        "price_is_estimate": row.price_is_estimate,
        "tags": row.tags,
        "scores": row.scores,
        "input": row.input_preview,
        "output": row.output_preview,
    })
}

/// Converts a duration from nanoseconds to milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a duration of which the lost digits are below a nanosecond")]
pub(super) fn milliseconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e6
}
