//! `get_trace`: the tree of the spans of a trace.

use std::fmt::Write as _;

use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::line::milliseconds;
use super::super::terminal::one_line;
use super::text::{named, quoted};
use super::tool::{Answer, Database, Definition, Refusal, number, parameters, read_arguments};
use crate::format;
use crate::store::{Reader, SpanDetails, SpanNode, TraceRow};
use crate::timestamp::Timestamp;
use crate::trace_tree::{self, Show, Shown, Sums, critical_path};

/// The number of spans that are returned, at most and by default.
const MOST: usize = 1000;
const DEFAULT: usize = 200;

/// The maximum indentation level of the text. Spans that are nested deeper have this level too.
const DEEPEST: usize = 16;

/// The maximum number of characters of a name and of an error.
const LONGEST: usize = 200;

/// The values of `show`.
const SHOWN: [(&str, Show); 3] = [("all", Show::All), ("errors", Show::Errors), ("requests", Show::Requests)];

pub(super) const TOOL: Definition = Definition {
    name: "get_trace",
    title: "Read a trace",
    description: "Returns the spans of a trace as a tree: in tree order, each with its depth, its start after the begin of \
        the trace (start_ms) and its duration (duration_ms), both in milliseconds, whether it failed and why, whether the \
        duration of the trace depends on it (is_critical), and the request that it logged with tokens and price (US \
        dollars). `below` has the sums of a span and of all spans below it. get_request returns the trace_id of a request.",
    parameters: || {
        parameters([
            ("trace_id", json!({ "type": "string", "description": "The id of the trace." })),
            (
                "show",
                json!({
                    "type": "string", "enum": SHOWN.map(|(name, _)| name), "default": "all",
                    "description": "The spans to return: all, those that failed, or those that logged a request; always with \
                        the spans above them.",
                }),
            ),
            (
                "limit",
                json!({
                    "type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT,
                    "description": "The maximum number of spans in a part of the trace.",
                }),
            ),
            (
                "part",
                json!({
                    "type": "integer", "minimum": 1, "default": 1,
                    "description": "The part of a trace that has more spans than limit.",
                }),
            ),
        ])
    },
    required: &["trace_id"],
    run,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    trace_id: String,
    #[serde(default)]
    show: Option<String>,
    #[serde(default, deserialize_with = "crate::integer::optional")]
    limit: Option<i64>,
    #[serde(default, deserialize_with = "crate::integer::optional")]
    part: Option<i64>,
}

fn run(database: &Database, arguments: JsonObject) -> Result<Answer, Refusal> {
    let arguments: Arguments = read_arguments(arguments)?;
    let limit = number("limit", arguments.limit, 1..=MOST, DEFAULT)?;
    let part = number("part", arguments.part, 1..=usize::MAX, 1)?;
    let show = arguments.show.as_deref().unwrap_or("all");
    let (_, show) = SHOWN
        .into_iter()
        .find(|(name, _)| *name == show)
        .ok_or_else(|| Refusal(format!("show must be all, errors or requests, found {}", named(show))))?;
    let trace = database.read(|store| Ok(Trace::read(store, &arguments.trace_id, show, limit, part)?))?;
    let trace = trace.ok_or_else(|| {
        Refusal(format!(
            "There is no trace {}; get_request returns the trace_id of a request",
            named(&format::short(&arguments.trace_id, LONGEST))
        ))
    })?;
    if trace.shown.places.is_empty() && part > 1 {
        return Err(Refusal(format!("The trace has no part {part}; the parts are numbered from 1")));
    }
    Ok(trace.answer())
}

/// A part of a trace.
struct Trace {
    id: String,
    facts: TraceRow,
    nodes: Vec<SpanNode>,
    is_critical: Vec<bool>,
    sums: Vec<Sums>,
    total: Sums,
    part: usize,
    shown: Shown,
    /// The details of the spans that are shown.
    details: Vec<SpanDetails>,
}

impl Trace {
    fn read(
        store: &Reader<'_>,
        id: &str,
        show: Show,
        limit: usize,
        part: usize,
    ) -> rusqlite::Result<Option<Self>> {
        let nodes = store.trace_nodes(id)?;
        let Some(facts) = store.trace_facts(id)?.filter(|_| !nodes.is_empty()) else {
            return Ok(None);
        };
        let order = trace_tree::in_tree_order(&nodes);
        let sums = trace_tree::sums(&nodes, &order);
        let is_critical = critical_path::critical_path(&nodes, &order);
        let total = trace_tree::total(&order, &sums);
        let shown =
            trace_tree::select(&trace_tree::filtered(&nodes, order, show), limit, Some(part), |_| false);
        let rows = shown.places.iter().filter_map(|place| Some(nodes.get(place.index)?.row));
        let details = store.span_details(rows)?;
        Ok(Some(Self { id: id.to_owned(), facts, nodes, is_critical, sums, total, part, shown, details }))
    }

    fn answer(&self) -> Answer {
        let (begin, end) = trace_tree::times(&self.nodes);
        let mut text = self.heading(begin, end);
        let mut spans = Vec::new();
        for (place, details) in self.shown.places.iter().zip(&self.details) {
            let (Some(node), Some(sums)) = (self.nodes.get(place.index), self.sums.get(place.index)) else {
                continue;
            };
            let span = Span {
                node,
                details,
                depth: place.depth,
                start_ns: node.start.nanoseconds().saturating_sub(begin),
                is_critical: self.is_critical.get(place.index) == Some(&true),
                below: sums,
            };
            text.push_str(&span.text());
            spans.push(span.json());
        }
        let later = self.shown.parts.as_ref().and_then(|parts| parts.later);
        if let Some(later) = later {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "More: repeat the call with part {later}");
        }
        let structured = json!({
            "trace_id": self.id,
            "name": format::short(&self.facts.name, LONGEST),
            "service": format::short(&self.facts.service, LONGEST),
            "start_time": Timestamp::from_nanoseconds(begin).to_string(),
            "duration_ms": milliseconds(end.saturating_sub(begin)),
            "total": sums_json(&self.total),
            "part": self.part,
            "next_part": later,
            "repeated_spans": self.shown.above,
            "spans": spans,
        });
        Answer { text, structured }
    }

    fn heading(&self, begin: i64, end: i64) -> String {
        let total = &self.total;
        let mut text = format!(
            "trace {}, name {}, service {}: {}, {}, {} spans, {} errors, {} requests",
            named(&self.id),
            named(&format::short(&self.facts.name, LONGEST)),
            named(&format::short(&self.facts.service, LONGEST)),
            Timestamp::from_nanoseconds(begin),
            format::duration(end.saturating_sub(begin)),
            format::count(total.spans),
            format::count(total.errors),
            format::count(total.requests),
        );
        if total.requests > 0 {
            let _ = write!(text, ", {}", costs(total));
        }
        if let Some(parts) = &self.shown.parts {
            let _ = write!(text, "\nspans {}", parts.range);
            if self.shown.above > 0 {
                let _ = write!(text, ", after the {} spans above them", self.shown.above);
            }
        }
        text.push('\n');
        text
    }
}

/// A span that is shown.
struct Span<'a> {
    node: &'a SpanNode,
    details: &'a SpanDetails,
    depth: usize,
    /// The time from the begin of the trace.
    start_ns: i64,
    is_critical: bool,
    below: &'a Sums,
}

impl Span<'_> {
    fn duration_ns(&self) -> i64 {
        self.node.end.nanoseconds().saturating_sub(self.node.start.nanoseconds())
    }

    fn kind(&self) -> Option<String> {
        trace_tree::kind(&self.details.kind, self.details.node_type.as_deref())
    }

    fn error(&self) -> Option<String> {
        let description = self.details.description.as_deref().filter(|text| !text.is_empty());
        description.filter(|_| self.node.failed).map(|text| format::short(text, LONGEST))
    }

    fn json(&self) -> Value {
        let request = self.node.request.as_ref().map(|request| {
            let first =
                request.first_token.map(|at| at.nanoseconds().saturating_sub(self.node.start.nanoseconds()));
            json!({
                "request_id": request.id,
                "time_to_first_token_ms": first.map(milliseconds),
                "input_tokens": request.input_tokens,
                "output_tokens": request.output_tokens,
                "price": request.price,
                "price_is_estimate": request.price_is_estimate,
            })
        });
        json!({
            "span_id": self.node.span_id,
            "parent_id": self.node.parent_id,
            "depth": self.depth,
            "name": format::short(&self.details.name, LONGEST),
            "kind": self.kind(),
            "start_ms": milliseconds(self.start_ns),
            "duration_ms": milliseconds(self.duration_ns()),
            "failed": self.node.failed,
            "unfinished": self.details.unfinished,
            "error": self.error(),
            "is_critical": self.is_critical,
            "request": request,
            "below": (self.below.spans > 1).then(|| sums_json(self.below)),
        })
    }

    fn text(&self) -> String {
        let indent = "  ".repeat(self.depth.min(DEEPEST));
        let mut text = format!("{indent}- {}", named(&format::short(&self.details.name, LONGEST)));
        if let Some(kind) = self.kind() {
            let _ = write!(text, " ({})", one_line(&kind));
        }
        let _ = write!(
            text,
            " at {}, took {}",
            format::duration(self.start_ns),
            format::duration(self.duration_ns())
        );
        if self.is_critical {
            text.push_str(", critical");
        }
        if let Some(request) = &self.node.request {
            let _ = write!(text, ", request {}", request.id);
        }
        if self.below.requests > 0 {
            let _ = write!(text, ", {}", costs(self.below));
        }
        if self.details.unfinished {
            text.push_str(", unfinished");
        }
        if self.node.failed {
            text.push_str(", FAILED");
        } else if self.below.errors > 0 {
            text.push_str(", failed below");
        }
        text.push('\n');
        if let Some(error) = self.error() {
            let _ = write!(text, "{}", quoted(&one_line(&error)));
        }
        text
    }
}

fn costs(sums: &Sums) -> String {
    format!(
        "{} tokens in, {} out, {}{}",
        format::count(sums.input_tokens),
        format::count(sums.output_tokens),
        if sums.price_is_estimate { "about " } else { "" },
        format::price(sums.price)
    )
}

fn sums_json(sums: &Sums) -> Value {
    json!({
        "spans": sums.spans,
        "errors": sums.errors,
        "requests": sums.requests,
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "price": sums.price,
        "price_is_estimate": sums.price_is_estimate,
    })
}
