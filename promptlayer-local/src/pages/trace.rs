//! A trace as a tree of spans, and where in time each lies.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::format;
use crate::store::StoredSpan;

/// How many spans a page shows; the others are counted.
const MOST: usize = 1000;

/// How far spans are indented; those nested deeper stay there.
const DEEPEST: usize = 16;

/// A span as a line of the tree.
pub(super) struct Line {
    pub(super) depth: usize,
    pub(super) name: String,
    pub(super) kind: Option<String>,
    pub(super) duration: String,
    /// Where the span begins and how long it takes, in thousandths of the trace.
    pub(super) begin: i64,
    pub(super) length: i64,
    pub(super) failed: bool,
    pub(super) description: Option<String>,
    pub(super) is_current: bool,
    pub(super) request_id: Option<i64>,
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
}

/// A trace as a page shows it.
pub(super) struct Trace {
    pub(super) id: String,
    pub(super) lines: Vec<Line>,
    pub(super) not_shown: usize,
}

impl Trace {
    /// Lays out the spans of a trace, which come in the order they started; `current` is the row of the one whose
    /// request is looked at.
    pub(super) fn lay_out(id: String, spans: &[StoredSpan], current: Option<i64>) -> Self {
        let begin = spans.iter().map(|span| span.start.nanoseconds()).min().unwrap_or_default();
        let end = spans.iter().map(|span| span.end.nanoseconds()).max().unwrap_or_default();
        let lines: Vec<Line> = in_tree_order(spans)
            .into_iter()
            .filter_map(|(index, depth)| Some(line(spans.get(index)?, depth, (begin, end), current)))
            .take(MOST)
            .collect();
        let not_shown = spans.len() - lines.len();
        Self { id, lines, not_shown }
    }
}

/// Each span's index and depth, parents before their children. A span whose parent is not in the trace stands at the
/// root, and so does one of a circle of parents, which only a broken client makes.
fn in_tree_order(spans: &[StoredSpan]) -> Vec<(usize, usize)> {
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    for (index, span) in spans.iter().enumerate() {
        by_id.entry(&span.span_id).or_insert(index);
    }
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (index, span) in spans.iter().enumerate() {
        match span.parent_id.as_deref().and_then(|parent| by_id.get(parent)) {
            Some(&parent) if parent != index => children.entry(parent).or_default().push(index),
            _ => roots.push(index),
        }
    }

    let mut order = Vec::with_capacity(spans.len());
    let mut seen = HashSet::new();
    // Whatever the roots do not reach is in a circle, and is opened at its first span.
    for root in roots.into_iter().chain(0..spans.len()) {
        let mut waiting = vec![(root, 0)];
        while let Some((index, depth)) = waiting.pop() {
            if seen.insert(index) {
                order.push((index, depth));
                let below = children.get(&index).into_iter().flatten().rev();
                waiting.extend(below.map(|child| (*child, depth + 1)));
            }
        }
    }
    order
}

fn line(span: &StoredSpan, depth: usize, whole: (i64, i64), current: Option<i64>) -> Line {
    let attribute = |name: &str| span.attributes.get(name).map(format::inline);
    let shown = |name: &str| attribute(name).map(|text| format::readable(&text));
    let (begin, length) = place(span, whole);
    Line {
        depth: depth.min(DEEPEST),
        name: span.name.clone(),
        kind: attribute("node_type"),
        duration: format::duration(span.end.nanoseconds().saturating_sub(span.start.nanoseconds())),
        begin,
        length,
        failed: span.status.status_code == "StatusCode.ERROR",
        description: span.status.description.clone().filter(|text| !text.is_empty()),
        is_current: current == Some(span.id),
        request_id: span.request_id,
        input: shown("function_input").filter(|_| span.request_id.is_none()),
        output: shown("function_output").filter(|_| span.request_id.is_none()),
    }
}

/// Where in the trace a span begins and how long it takes, in thousandths, at least wide enough to be seen.
fn place(span: &StoredSpan, (begin, end): (i64, i64)) -> (i64, i64) {
    const WHOLE: i128 = 1000;
    const THINNEST: i128 = 4;
    let total = (i128::from(end) - i128::from(begin)).max(1);
    let part = |nanoseconds: i128| (nanoseconds * WHOLE / total).clamp(0, WHOLE);
    let from = part(i128::from(span.start.nanoseconds()) - i128::from(begin)).min(WHOLE - THINNEST);
    let length = part(i128::from(span.end.nanoseconds()) - i128::from(span.start.nanoseconds()));
    let length = length.clamp(THINNEST, WHOLE - from);
    (i64::try_from(from).unwrap_or_default(), i64::try_from(length).unwrap_or_default())
}

/// The attributes of a span worth showing beside its input and output.
pub(super) fn attributes(span: &StoredSpan) -> Vec<(String, String)> {
    span.attributes
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "function_input" | "function_output"))
        .map(|(name, value): (&String, &Value)| (name.clone(), format::inline(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{Trace, in_tree_order};
    use crate::moment::Moment;
    use crate::store::StoredSpan;

    fn span(id: i64, span_id: &str, parent_id: Option<&str>, times: (i64, i64)) -> StoredSpan {
        StoredSpan {
            id,
            trace_id: "trace".to_owned(),
            span_id: span_id.to_owned(),
            parent_id: parent_id.map(str::to_owned),
            name: span_id.to_owned(),
            kind: "SpanKind.INTERNAL".to_owned(),
            start: Moment::from_nanoseconds(times.0),
            end: Moment::from_nanoseconds(times.1),
            status: serde_json::from_value(json!({ "status_code": "StatusCode.UNSET" })).unwrap(),
            trace_state: String::new(),
            attributes: Map::new(),
            events: json!([]),
            links: json!([]),
            resource: json!({}),
            request_id: None,
        }
    }

    #[test]
    fn children_stand_under_their_parents_in_the_order_they_started() {
        let spans = [
            span(1, "root", None, (0, 100)),
            span(2, "first", Some("root"), (10, 40)),
            span(3, "inner", Some("first"), (20, 30)),
            span(4, "second", Some("root"), (50, 90)),
            span(5, "orphan", Some("elsewhere"), (60, 70)),
        ];
        assert_eq!(in_tree_order(&spans), [(0, 0), (1, 1), (2, 2), (3, 1), (4, 0)]);
    }

    #[test]
    fn a_circle_of_parents_and_a_span_sent_twice_are_shown_once_each() {
        let spans = [
            span(1, "a", Some("b"), (0, 1)),
            span(2, "b", Some("a"), (0, 1)),
            span(3, "self", Some("self"), (0, 1)),
            span(4, "self", Some("self"), (0, 1)),
        ];
        assert_eq!(in_tree_order(&spans), [(2, 0), (3, 1), (0, 0), (1, 1)]);
    }

    #[test]
    fn a_span_lies_where_its_times_say_and_is_never_too_thin_to_see() {
        let spans = [span(1, "root", None, (0, 2000)), span(2, "end", Some("root"), (2000, 2000))];
        let trace = Trace::lay_out("trace".to_owned(), &spans, Some(2));
        let places: Vec<_> =
            trace.lines.iter().map(|line| (line.begin, line.length, line.is_current)).collect();
        assert_eq!(places, [(0, 1000, false), (996, 4, true)]);
    }
}
