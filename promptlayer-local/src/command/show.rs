//! `show`: prints one request as text, or as the JSON of the API.

use clap::Args;
use console::Style;
use serde_json::Value;

use super::terminal::{Output, harmless, local_time, one_line};
use super::{DatabaseOptions, Failure};
use crate::format;
use crate::store::{Comparison, Filter, Number, NumberField, RequestRow, Sort, StoredRequest};

#[derive(Args)]
pub(super) struct Options {
    /// Id of the request
    id: i64,

    /// Print the JSON of the API: GET /api/public/v2/requests/ID
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let id = options.id;
    let found = options.database.open()?.read(|store| {
        let request = store.request(id)?;
        let filter = [Filter::Number(NumberField::Id, Comparison::Equal, Number::Integer(id))];
        let row = store.find_requests(&filter, Sort::default(), None, 1)?.rows.pop();
        Ok(request.zip(row))
    })?;
    let Some((request, row)) = found else {
        return Err(format!(
            "there is no request {id} in {}; `promptlayer-local search` lists the newest",
            options.database.database.display()
        )
        .into());
    };
    let mut output = Output::new();
    if options.json {
        return Ok(output.text(&serde_json::to_string_pretty(&crate::api::described(&request))?)?);
    }
    let heading = format!("request {id}  {}", one_line(&request.name));
    output.text(&output.styled(Style::new().bold(), &heading))?;
    for (name, value) in facts(&request, &row, &local_time(request.start)) {
        output.text(&format!(
            "{}  {}",
            output.styled(Style::new().dim(), &format!("{name:<9}")),
            harmless(&value)
        ))?;
    }
    for (part, prompt) in [("prompt", &request.input), ("answer", &request.output)] {
        for (role, text) in messages(part, prompt) {
            let style = Style::new().cyan().bold();
            output.text(&format!("\n{}", output.styled(style, &format!("── {}", one_line(&role)))))?;
            output.text(&harmless(text.trim_end()))?;
        }
    }
    Ok(())
}

/// Returns the facts of a request that are known: their names and values. `start` is the formatted start time.
pub(super) fn facts(request: &StoredRequest, row: &RequestRow, start: &str) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut add = |name, value: String| {
        if !value.is_empty() {
            facts.push((name, value));
        }
    };
    let first = row.first_token_ns.map(|time| format!(", first token after {}", format::duration(time)));
    add("time", format!("{start} ({}{})", format::duration(row.duration_ns), first.unwrap_or_default()));
    add(
        "status",
        match (&request.error_type, &request.error_message) {
            (None, None) => request.status.clone(),
            (kind, message) => {
                let parts = [Some(&request.status), kind.as_ref(), message.as_ref()];
                parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ")
            }
        },
    );
    add("model", format!("{} {}", request.provider, request.model));
    if !request.parameters.is_empty() {
        add("settings", joined(request.parameters.iter().map(|(name, value)| format!("{name}={value}"))));
    }
    let known = [("cached", row.cached_tokens), ("reasoning", row.reasoning_tokens)];
    let known =
        known.into_iter().filter_map(|(name, count)| Some(format!(", {} {name}", format::count(count?))));
    add(
        "tokens",
        format!(
            "{} in, {} out{}",
            format::count(request.input_tokens),
            format::count(request.output_tokens),
            known.collect::<String>()
        ),
    );
    let estimate = if row.price_is_estimate { " (estimate)" } else { "" };
    add("cost", format!("{}{estimate}", format::price(row.price)));
    add("tags", joined(request.tags.iter().cloned()));
    add("metadata", joined(request.metadata.iter().map(|(key, value)| format!("{key}={value}"))));
    add("scores", joined(request.scores.iter().map(|(name, score)| format!("{name} {score}"))));
    if let Some(name) = &request.link.name {
        let version = request.link.version.map(|version| format!(" version {version}")).unwrap_or_default();
        add("template", format!("{name}{version}"));
    }
    if let (Some(trace), Some(span)) = (&request.trace_id, &request.span_id) {
        add("trace", format!("{trace}, span {span}"));
    }
    add("groups", joined(request.groups.iter().map(i64::to_string)));
    facts
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// Returns the messages of a prompt as text, each with its role. A completion has the name of the part as its role.
pub(super) fn messages(part: &str, prompt: &Value) -> Vec<(String, String)> {
    let Some(messages) = prompt.get("messages").and_then(Value::as_array) else {
        return vec![(part.to_owned(), content(prompt))];
    };
    messages
        .iter()
        .map(|message| {
            let role = message.get("role").and_then(Value::as_str).unwrap_or(part);
            let name = message.get("name").and_then(Value::as_str);
            let role = name.map_or_else(|| role.to_owned(), |name| format!("{role} {name}"));
            (role, content(message))
        })
        .collect()
}

/// Returns the content blocks and the tool calls of a message as text.
fn content(message: &Value) -> String {
    let blocks: Vec<&Value> = match message.get("content") {
        Some(Value::Array(blocks)) => blocks.iter().collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(other) => vec![other],
    };
    let mut parts: Vec<String> = blocks.into_iter().map(block).collect();
    for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let field = |name| call.get("function").and_then(|function| function.get(name));
        let name = field("name").and_then(Value::as_str).unwrap_or("?");
        parts.push(format!("[call {name}] {}", field("arguments").map(format::inline).unwrap_or_default()));
    }
    parts.join("\n")
}

fn block(block: &Value) -> String {
    let text = |name: &str| block.get(name).and_then(Value::as_str);
    match (text("type"), text("text"), text("thinking")) {
        (_, Some(text), _) => text.to_owned(),
        (_, _, Some(thinking)) => format!("[thinking] {thinking}"),
        (Some(kind @ ("image_url" | "media" | "image" | "media_variable")), ..) => format!("[{kind}]"),
        _ => match block {
            Value::String(text) => text.clone(),
            other => format::json(other),
        },
    }
}
