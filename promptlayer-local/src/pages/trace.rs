//! Shows a trace as a tree of spans with a bar for the time of each span.
//!
//! The tree is built from all spans, without their content. The page then reads the content of the spans that
//! it shows: one part of the tree, below the ancestors of its first span.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::format;
use crate::store::{Reader, SpanDetails, SpanNode};

/// The maximum number of spans on a page. Further spans are on other parts of the trace.
const MOST: usize = 1000;

/// The maximum number of ancestors that are shown above the first span of a part. The nearest ones are shown.
const MOST_ABOVE: usize = 50;

/// The maximum indentation level. Spans that are nested deeper have this level too.
const DEEPEST: usize = 16;

/// The maximum number of characters that a line shows of a name, of a kind, and of an input, an output or an
/// error.
const LONGEST_NAME: usize = 200;
const LONGEST_KIND: usize = 60;
const LONGEST_TEXT: usize = 4000;

/// The maximum number of bytes of a JSON text that is indented. A longer text is shown as it is.
const LONGEST_INDENTED: usize = 256 * 1024;

/// A span as a line of the tree.
pub(super) struct Line {
    pub(super) depth: usize,
    pub(super) name: String,
    pub(super) kind: Option<String>,
    pub(super) duration: String,
    /// The start and the duration of the span, in thousandths of the trace's duration.
    pub(super) begin: i64,
    pub(super) length: i64,
    pub(super) failed: bool,
    pub(super) description: Option<String>,
    pub(super) is_current: bool,
    /// `true` if the span is shown only as an ancestor of the lines below.
    pub(super) is_above: bool,
    pub(super) request_id: Option<i64>,
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
}

/// A trace, or a part of a trace, for a page.
pub(super) struct Trace {
    pub(super) id: String,
    pub(super) lines: Vec<Line>,
    /// The other parts, if there are any.
    pub(super) parts: Option<Parts>,
}

/// The part of a trace that is shown, and the parts before and after it. Parts are numbered from 1.
pub(super) struct Parts {
    /// The range of the spans that are shown: `1,001–1,501 of 1,501`.
    pub(super) range: String,
    pub(super) earlier: Option<usize>,
    pub(super) later: Option<usize>,
    /// `true` if the span of the current request is on another part.
    pub(super) is_elsewhere: bool,
}

/// The position of a span in the tree: its index in the list of spans, its depth, and the position of its
/// parent in the tree order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    index: usize,
    depth: usize,
    parent: Option<usize>,
}

/// The places of a tree that a page shows.
struct Shown {
    places: Vec<Place>,
    /// The number of ancestors at the beginning of `places`.
    above: usize,
    parts: Option<Parts>,
}

impl Trace {
    /// Reads a part of a trace. Without a part number, it reads the part with the span in row `current`,
    /// which belongs to the current request.
    pub(super) fn read(
        store: &Reader<'_>,
        id: &str,
        current: Option<i64>,
        part: Option<usize>,
    ) -> rusqlite::Result<Self> {
        let nodes = store.trace_nodes(id)?;
        let shown = select(&in_tree_order(&nodes), part, |place| {
            nodes.get(place.index).is_some_and(|node| Some(node.row) == current)
        });
        let begin = nodes.iter().map(|node| node.start.nanoseconds()).min().unwrap_or_default();
        let end = nodes.iter().map(|node| node.end.nanoseconds()).max().unwrap_or_default();

        let shown_nodes: Vec<(&SpanNode, Place)> =
            shown.places.iter().filter_map(|place| Some((nodes.get(place.index)?, *place))).collect();
        let details = store.span_details(shown_nodes.iter().map(|(node, _)| node.row))?;
        let mut lines: Vec<Line> = shown_nodes
            .into_iter()
            .zip(details)
            .map(|((node, place), details)| {
                let is_current = current == Some(node.row);
                Line { depth: place.depth.min(DEEPEST), is_current, ..line(node, details, (begin, end)) }
            })
            .collect();
        for line in lines.iter_mut().take(shown.above) {
            line.is_above = true;
        }
        Ok(Self { id: format::short(id, LONGEST_NAME), lines, parts: shown.parts })
    }
}

/// Selects a part of a tree and the ancestors of its first span. Without a part number, it selects the part
/// with the current span.
fn select(order: &[Place], part: Option<usize>, is_current: impl Fn(&Place) -> bool) -> Shown {
    let current_part = order.iter().position(is_current).map(|position| position / MOST);
    let part = part.map(|number| number.saturating_sub(1)).or(current_part).unwrap_or_default();
    let start = part.saturating_mul(MOST).min(order.len());
    let end = start.saturating_add(MOST).min(order.len());
    let inside = order.get(start..end).unwrap_or_default();

    let mut places: Vec<Place> = Vec::new();
    let mut parent = inside.first().and_then(|first| first.parent);
    while let Some(place) = parent.and_then(|position| order.get(position)) {
        if places.len() == MOST_ABOVE {
            break;
        }
        places.push(*place);
        parent = place.parent;
    }
    places.reverse();
    let above = places.len();
    places.extend_from_slice(inside);

    let last_part = order.len().div_ceil(MOST).saturating_sub(1);
    let number = |count: usize| format::count(count.try_into().unwrap_or(i64::MAX));
    let parts = (order.len() > MOST || inside.is_empty()).then(|| Parts {
        range: if inside.is_empty() {
            format!("none of {}", number(order.len()))
        } else {
            format!("{}–{} of {}", number(start + 1), number(end), number(order.len()))
        },
        earlier: (part > 0).then(|| part.min(last_part + 1)),
        later: (part < last_part).then(|| part + 2),
        is_elsewhere: current_part.is_some_and(|current| current != part),
    });
    Shown { places, above, parts }
}

/// Returns the places of all spans, parents before their children. A span whose parent is not in the trace is
/// a root. The first span of a cycle of parents, which only a faulty client sends, is a root too.
fn in_tree_order(spans: &[SpanNode]) -> Vec<Place> {
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
    // Spans that no root leads to are in a cycle or below one. A cycle is opened at its first span.
    for root in roots.into_iter().chain(0..spans.len()) {
        let mut waiting = vec![Place { index: root, depth: 0, parent: None }];
        while let Some(place) = waiting.pop() {
            if seen.insert(place.index) {
                let position = order.len();
                order.push(place);
                let below = children.get(&place.index).into_iter().flatten().rev();
                waiting.extend(below.map(|child| Place {
                    index: *child,
                    depth: place.depth + 1,
                    parent: Some(position),
                }));
            }
        }
    }
    order
}

fn line(node: &SpanNode, details: SpanDetails, whole: (i64, i64)) -> Line {
    let SpanDetails { name, failed, description, request_id, attributes } = details;
    // The input and output of a request are on its own page, so they are left out here.
    let content =
        |value: Option<Box<RawValue>>| value.filter(|_| request_id.is_none()).map(|value| readable(&value));
    let (begin, length) = position(node, whole);
    Line {
        depth: 0,
        name: format::short(&name, LONGEST_NAME),
        kind: attributes.node_type.map(|kind| format::short(&format::inline_raw(&kind), LONGEST_KIND)),
        duration: format::duration(node.end.nanoseconds().saturating_sub(node.start.nanoseconds())),
        begin,
        length,
        failed,
        description: description
            .filter(|text| !text.is_empty())
            .map(|text| format::short(&text, LONGEST_TEXT)),
        is_current: false,
        is_above: false,
        request_id,
        input: content(attributes.function_input),
        output: content(attributes.function_output),
    }
}

/// Formats a value for people, and shortens it.
fn readable(value: &RawValue) -> String {
    let text = format::inline_raw(value);
    if text.len() > LONGEST_INDENTED {
        return format::cut(&text, LONGEST_TEXT);
    }
    format::cut(&format::readable(&text), LONGEST_TEXT)
}

/// Returns the start and the duration of a span in thousandths of the trace's duration. The duration has a
/// minimum, so that the bar is visible.
fn position(span: &SpanNode, (begin, end): (i64, i64)) -> (i64, i64) {
    const WHOLE: i128 = 1000;
    const THINNEST: i128 = 4;
    let total = (i128::from(end) - i128::from(begin)).max(1);
    let part = |nanoseconds: i128| (nanoseconds * WHOLE / total).clamp(0, WHOLE);
    let from = part(i128::from(span.start.nanoseconds()) - i128::from(begin)).min(WHOLE - THINNEST);
    let length = part(i128::from(span.end.nanoseconds()) - i128::from(span.start.nanoseconds()));
    let length = length.clamp(THINNEST, WHOLE - from);
    (i64::try_from(from).unwrap_or_default(), i64::try_from(length).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{MOST, MOST_ABOVE, in_tree_order, position, select};
    use crate::store::SpanNode;
    use crate::timestamp::Timestamp;

    fn span(row: i64, span_id: &str, parent_id: Option<&str>, times: (i64, i64)) -> SpanNode {
        SpanNode {
            row,
            span_id: span_id.to_owned(),
            parent_id: parent_id.map(str::to_owned),
            start: Timestamp::from_nanoseconds(times.0),
            end: Timestamp::from_nanoseconds(times.1),
        }
    }

    fn places(spans: &[SpanNode]) -> Vec<(usize, usize)> {
        in_tree_order(spans).iter().map(|place| (place.index, place.depth)).collect()
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
        assert_eq!(places(&spans), [(0, 0), (1, 1), (2, 2), (3, 1), (4, 0)]);
        let parents: Vec<_> = in_tree_order(&spans).iter().map(|place| place.parent).collect();
        assert_eq!(parents, [None, Some(0), Some(1), Some(0), None]);
    }

    #[test]
    fn parent_cycles_and_duplicate_spans_are_shown_once() {
        let spans = [
            span(1, "a", Some("b"), (0, 1)),
            span(2, "b", Some("a"), (0, 1)),
            span(3, "self", Some("self"), (0, 1)),
            span(4, "self", Some("self"), (0, 1)),
        ];
        assert_eq!(places(&spans), [(2, 0), (3, 1), (0, 0), (1, 1)]);
    }

    #[test]
    fn span_bar_matches_its_times_and_has_a_minimum_width() {
        let spans = [span(1, "root", None, (0, 2000)), span(2, "end", Some("root"), (2000, 2000))];
        assert_eq!(spans.each_ref().map(|span| position(span, (0, 2000))), [(0, 1000), (996, 4)]);
    }

    #[test]
    fn every_span_is_in_one_part_below_its_ancestors() {
        // A chain that is deeper than the number of ancestors shown, followed by a wide level.
        let count = 2 * MOST + 7;
        let ids: Vec<String> = (0..count).map(|index| index.to_string()).collect();
        let spans: Vec<SpanNode> = (0_i64..)
            .zip(0..count)
            .map(|(row, index)| {
                let parent = index.checked_sub(1).map(|before| before.min(MOST_ABOVE + 10));
                span(row, &ids[index], parent.map(|parent| ids[parent].as_str()), (row, 9999))
            })
            .collect();
        let order = in_tree_order(&spans);
        let mut found = Vec::new();
        for part in 1..=3 {
            let shown = select(&order, Some(part), |_| false);
            let first = shown.places[shown.above];
            let mut expected = Vec::new();
            let mut parent = first.parent;
            while let Some(position) = parent {
                expected.insert(0, order[position]);
                parent = order[position].parent;
            }
            let cut = expected.len().saturating_sub(MOST_ABOVE);
            assert_eq!(shown.places[..shown.above], expected[cut..], "part {part}");
            found.extend(shown.places[shown.above..].iter().map(|place| place.index));
        }
        assert_eq!(found, order.iter().map(|place| place.index).collect::<Vec<_>>());
        for row in [0, MOST, count - 1] {
            let shown = select(&order, None, |place| place.index == row);
            assert!(shown.places[shown.above..].iter().any(|place| place.index == row), "{row}");
        }
        let beyond = select(&order, Some(usize::MAX), |_| false);
        assert_eq!((beyond.places.len(), beyond.parts.unwrap().earlier), (0, Some(3)));
    }
}
