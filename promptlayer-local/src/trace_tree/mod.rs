//! The tree of the spans of a trace: their order, the part of them that is shown, and their sums.
//!
//! `critical_path` has the spans that the duration of a trace depends on.

pub(crate) mod critical_path;

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use crate::format;
use crate::store::SpanNode;

/// The maximum number of characters that are shown of a kind.
const LONGEST_KIND: usize = 40;

/// The maximum number of ancestors that are shown above the first span of a part. The nearest ones are shown.
const MOST_ABOVE: usize = 50;

/// The position of a span in the tree: its index in the list of spans, its depth, and the position of its
/// parent in the tree order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) depth: usize,
    pub(crate) parent: Option<usize>,
}

/// The spans of a trace that a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    All,
    /// Spans that failed, and the spans above them.
    Errors,
    /// Spans with a request, and the spans above them.
    Requests,
}

/// The sums of a span and of all spans below it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) spans: i64,
    pub(crate) errors: i64,
    pub(crate) requests: i64,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) price: f64,
    pub(crate) price_is_estimate: bool,
}

/// The places of a tree that a page shows.
pub(crate) struct Shown {
    pub(crate) places: Vec<Place>,
    /// The number of ancestors at the beginning of `places`.
    pub(crate) above: usize,
    pub(crate) parts: Option<Parts>,
}

/// The part of a trace that is shown, and the parts before and after it. Parts are numbered from 1.
pub(crate) struct Parts {
    /// The range of the spans that are shown: `5,001–6,501 of 6,501`.
    pub(crate) range: String,
    pub(crate) earlier: Option<usize>,
    pub(crate) later: Option<usize>,
    /// `true` if the selected span is on another part.
    pub(crate) is_elsewhere: bool,
}

impl Show {
    fn includes(self, node: &SpanNode) -> bool {
        match self {
            Self::All => true,
            Self::Errors => node.failed,
            Self::Requests => node.request.is_some(),
        }
    }
}

impl Sums {
    fn of(node: &SpanNode) -> Self {
        let mut sums = Self { spans: 1, errors: i64::from(node.failed), ..Self::default() };
        if let Some(request) = &node.request {
            sums.requests = 1;
            sums.input_tokens = request.input_tokens;
            sums.output_tokens = request.output_tokens;
            sums.price = request.price;
            sums.price_is_estimate = request.price_is_estimate;
        }
        sums
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.spans += other.spans;
        self.errors += other.errors;
        self.requests += other.requests;
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.price += other.price;
        self.price_is_estimate |= other.price_is_estimate;
    }
}

/// Returns the sums of each span and of all spans below it, by the index of the span.
pub(crate) fn sums(nodes: &[SpanNode], order: &[Place]) -> Vec<Sums> {
    let mut sums: Vec<Sums> = nodes.iter().map(Sums::of).collect();
    // Children come after their parents, so each one is complete when it is added.
    for place in order.iter().rev() {
        let parent = place.parent.and_then(|position| order.get(position));
        if let (Some(parent), Some(own)) = (parent, sums.get(place.index).cloned())
            && let Some(sum) = sums.get_mut(parent.index)
        {
            sum.add(&own);
        }
    }
    sums
}

/// Returns the spans that a page shows and the spans above them, in the same order.
pub(crate) fn filtered(nodes: &[SpanNode], order: Vec<Place>, show: Show) -> Vec<Place> {
    if show == Show::All {
        return order;
    }
    let mut is_kept = vec![false; order.len()];
    for (position, place) in order.iter().enumerate().rev() {
        if nodes.get(place.index).is_some_and(|node| show.includes(node))
            && let Some(kept) = is_kept.get_mut(position)
        {
            *kept = true;
        }
        if let (Some(true), Some(parent)) = (is_kept.get(position), place.parent)
            && let Some(kept) = is_kept.get_mut(parent)
        {
            *kept = true;
        }
    }
    let mut moved = Vec::with_capacity(order.len());
    let mut kept = Vec::new();
    for (place, is_kept) in order.into_iter().zip(is_kept) {
        moved.push(kept.len());
        if is_kept {
            let parent = place.parent.and_then(|parent| moved.get(parent).copied());
            kept.push(Place { parent, ..place });
        }
    }
    kept
}

/// Returns the number of places after each place that are below it.
pub(crate) fn counts_below(places: &[Place]) -> Vec<usize> {
    let mut counts = vec![0; places.len()];
    // The position and the depth of each place that can still have places below it.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let end = [(places.len(), 0)];
    for (position, depth) in places.iter().map(|place| place.depth).enumerate().chain(end) {
        while let Some((above, _)) = open.pop_if(|(_, above)| *above >= depth) {
            if let Some(count) = counts.get_mut(above) {
                *count = position - above - 1;
            }
        }
        open.push((position, depth));
    }
    counts
}

/// Selects a part of a tree, which has at most `most` spans, and the ancestors of its first span. Without a part number,
/// it selects the part with the selected span.
pub(crate) fn select(
    order: &[Place],
    most: usize,
    part: Option<usize>,
    is_selected: impl Fn(&Place) -> bool,
) -> Shown {
    let most = most.max(1);
    let selected_part = order.iter().position(is_selected).map(|position| position / most);
    let part = part.map(|number| number.saturating_sub(1)).or(selected_part).unwrap_or_default();
    let start = part.saturating_mul(most).min(order.len());
    let end = start.saturating_add(most).min(order.len());
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

    let last_part = order.len().div_ceil(most).saturating_sub(1);
    let number = |count: usize| format::count(count.try_into().unwrap_or(i64::MAX));
    let parts = (order.len() > most || part > 0).then(|| Parts {
        range: if inside.is_empty() {
            format!("none of {}", number(order.len()))
        } else {
            format!("{}–{} of {}", number(start + 1), number(end), number(order.len()))
        },
        earlier: (part > 0).then(|| part.min(last_part + 1)),
        later: (part < last_part).then(|| part + 2),
        is_elsewhere: selected_part.is_some_and(|selected| selected != part),
    });
    Shown { places, above, parts }
}

/// Returns the places of all spans, parents before their children. A span whose parent is not in the trace is
/// a root. The first span of a cycle of parents, which only a faulty client sends, is a root too.
pub(crate) fn in_tree_order(spans: &[SpanNode]) -> Vec<Place> {
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

/// Returns the sums of a whole trace.
pub(crate) fn total(order: &[Place], sums: &[Sums]) -> Sums {
    let mut total = Sums::default();
    for root in order.iter().filter(|place| place.parent.is_none()) {
        sums.get(root.index).into_iter().for_each(|sum| total.add(sum));
    }
    total
}

/// Returns the start of the first span and the end of the last one, in nanoseconds.
pub(crate) fn times(nodes: &[SpanNode]) -> (i64, i64) {
    let begin = nodes.iter().map(|node| node.start.nanoseconds()).min();
    let end = nodes.iter().map(|node| node.end.nanoseconds()).max();
    (begin.unwrap_or_default(), end.unwrap_or_default())
}

/// Returns the type of an operation: as its attributes name it, or the kind of the span if it is not the usual one.
pub(crate) fn kind(span_kind: &str, node_type: Option<&RawValue>) -> Option<String> {
    if let Some(node_type) = node_type {
        return Some(format::short(&format::inline_raw(node_type), LONGEST_KIND));
    }
    let kind = span_kind.strip_prefix("SpanKind.").unwrap_or(span_kind);
    let is_usual = matches!(kind, "" | "INTERNAL");
    (!is_usual).then(|| format::short(&kind.to_ascii_lowercase(), LONGEST_KIND))
}

#[cfg(test)]
pub(crate) mod tests {

    use super::{MOST_ABOVE, Place, Show, Sums, counts_below, filtered, in_tree_order, select, sums};
    use crate::store::{NodeRequest, SpanNode};
    use crate::timestamp::Timestamp;

    const MOST: usize = 100;

    pub(crate) fn span(row: i64, span_id: &str, parent_id: Option<&str>, times: (i64, i64)) -> SpanNode {
        SpanNode {
            row,
            span_id: span_id.to_owned(),
            parent_id: parent_id.map(str::to_owned),
            start: Timestamp::from_nanoseconds(times.0),
            end: Timestamp::from_nanoseconds(times.1),
            failed: false,
            request: None,
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
        let select = |part, is_selected: &dyn Fn(&Place) -> bool| select(&order, MOST, part, is_selected);
        let mut found = Vec::new();
        for part in 1..=3 {
            let shown = select(Some(part), &|_| false);
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
            let shown = select(None, &|place| place.index == row);
            assert!(shown.places[shown.above..].iter().any(|place| place.index == row), "{row}");
        }
        let beyond = select(Some(usize::MAX), &|_| false);
        assert_eq!((beyond.places.len(), beyond.parts.unwrap().earlier), (0, Some(3)));
    }

    /// Returns a root with two branches: one with an error and a request, one with a request below another one.
    fn branches() -> [SpanNode; 6] {
        let request = |id: i64, tokens: i64, price: f64, price_is_estimate: bool| NodeRequest {
            id,
            first_token: None,
            input_tokens: tokens,
            output_tokens: 1,
            price,
            price_is_estimate,
        };
        let mut spans = [
            span(1, "root", None, (0, 100)),
            span(2, "failing", Some("root"), (1, 40)),
            span(3, "failed", Some("failing"), (2, 30)),
            span(4, "fine", Some("root"), (50, 90)),
            span(5, "inner", Some("fine"), (51, 60)),
            span(6, "empty", Some("root"), (95, 96)),
        ];
        spans[2].failed = true;
        spans[2].request = Some(request(1, 10, 0.5, false));
        spans[3].request = Some(request(2, 100, 0.25, true));
        spans[4].request = Some(request(3, i64::MAX, 0.25, false));
        spans
    }

    #[test]
    fn sums_include_all_spans_below() {
        let spans = branches();
        let sums = sums(&spans, &in_tree_order(&spans));
        let of = |index: usize| {
            let Sums { spans, errors, requests, input_tokens, output_tokens, price, price_is_estimate } =
                sums[index].clone();
            (spans, errors, requests, input_tokens, output_tokens, format!("{price}"), price_is_estimate)
        };
        assert_eq!(of(0), (6, 1, 3, i64::MAX, 3, "1".to_owned(), true));
        assert_eq!(of(1), (2, 1, 1, 10, 1, "0.5".to_owned(), false));
        assert_eq!(of(3), (2, 0, 2, i64::MAX, 2, "0.5".to_owned(), true));
        assert_eq!(of(5), (1, 0, 0, 0, 0, "0".to_owned(), false));
    }

    #[test]
    fn filtered_tree_keeps_the_spans_above() {
        let spans = branches();
        let kept = |show: Show| {
            let places = filtered(&spans, in_tree_order(&spans), show);
            places.iter().map(|place| (place.index, place.parent)).collect::<Vec<_>>()
        };
        assert_eq!(kept(Show::Errors), [(0, None), (1, Some(0)), (2, Some(1))]);
        assert_eq!(kept(Show::Requests), [(0, None), (1, Some(0)), (2, Some(1)), (3, Some(0)), (4, Some(3))]);
        assert_eq!(kept(Show::All).len(), 6);
    }

    #[test]
    fn lines_below_are_counted_within_the_page() {
        let spans = branches();
        assert_eq!(counts_below(&in_tree_order(&spans)), [5, 1, 0, 1, 0, 0]);
        let two_roots = [span(1, "a", None, (0, 1)), span(2, "b", None, (0, 1))];
        assert_eq!(counts_below(&in_tree_order(&two_roots)), [0, 0]);
    }
}
