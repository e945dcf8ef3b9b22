//! The critical path of a trace: the spans that the duration of the trace depends on.
//!
//! The path is followed from the end of a span backwards. The child that ended last was the last thing that the span
//! waited for, so it is on the path. Before that child started, the span waited for the child that ended last until
//! then, and so on, until the beginning of the span. The children of each child on the path are followed in the same
//! way. A child that runs beside another one that ended later is not on the path: the trace would not be shorter
//! without it.
//!
//! The part of a child outside of the time of its parent does not count, because the parent did not wait for it. The
//! roots of a trace are followed as the children of one span that lasts as long as the trace.

use super::Place;
use crate::store::SpanNode;

/// Returns for each span, by its index, whether it is on the critical path. `order` has each span once, parents before
/// their children.
pub(crate) fn critical_path(nodes: &[SpanNode], order: &[Place]) -> Vec<bool> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); order.len()];
    let mut roots = Vec::new();
    for (position, place) in order.iter().enumerate() {
        match place.parent.and_then(|parent| children.get_mut(parent)) {
            Some(siblings) => siblings.push(position),
            None => roots.push(position),
        }
    }
    let times = |position: usize| {
        let node = order.get(position).and_then(|place| nodes.get(place.index));
        node.map_or((0, 0), |node| (node.start.nanoseconds(), node.end.nanoseconds()))
    };

    let mut is_critical = vec![false; nodes.len()];
    // The spans that are followed: their children, their start and their end.
    let mut waiting = vec![(roots, i64::MIN, i64::MAX)];
    while let Some((siblings, start, end)) = waiting.pop() {
        let mut within: Vec<(i64, i64, usize)> = siblings
            .into_iter()
            .map(|position| {
                let (own_start, own_end) = times(position);
                (own_start.max(start), own_end.min(end), position)
            })
            .filter(|(from, until, _)| from <= until)
            .collect();
        // The last end first. Of spans that ended together, the longest one.
        within.sort_by_key(|(from, until, _)| (std::cmp::Reverse(*until), *from));
        let mut at = end;
        for (from, until, position) in within {
            if until > at {
                continue;
            }
            at = from;
            if let Some(place) = order.get(position)
                && let Some(mark) = is_critical.get_mut(place.index)
            {
                *mark = true;
            }
            let below = children.get_mut(position).map(std::mem::take).unwrap_or_default();
            if !below.is_empty() {
                waiting.push((below, from, until));
            }
        }
    }
    is_critical
}

#[cfg(test)]
mod tests {
    use super::super::in_tree_order;
    use super::super::tests::span;
    use super::critical_path;
    use crate::store::SpanNode;

    fn critical(spans: &[SpanNode]) -> Vec<&str> {
        let marks = critical_path(spans, &in_tree_order(spans));
        spans.iter().zip(marks).filter(|(_, mark)| *mark).map(|(span, _)| span.span_id.as_str()).collect()
    }

    #[test]
    fn children_that_ended_last_are_critical() {
        let spans = [
            span(1, "root", None, (0, 100)),
            span(2, "first", Some("root"), (0, 40)),
            span(3, "beside", Some("root"), (5, 30)),
            span(4, "last", Some("root"), (40, 95)),
            span(5, "also beside", Some("root"), (45, 90)),
            span(6, "inner", Some("last"), (50, 60)),
            span(7, "below beside", Some("beside"), (6, 20)),
        ];
        assert_eq!(critical(&spans), ["root", "first", "last", "inner"]);
    }

    #[test]
    fn overlapping_child_is_critical_only_if_it_ended_before() {
        let spans = [
            span(1, "root", None, (0, 100)),
            span(2, "ended before", Some("root"), (0, 50)),
            span(3, "overlaps", Some("root"), (10, 70)),
            span(4, "last", Some("root"), (60, 100)),
        ];
        assert_eq!(critical(&spans), ["root", "ended before", "last"]);
    }

    #[test]
    fn time_outside_of_the_parent_does_not_count() {
        let spans = [
            span(1, "root", None, (10, 100)),
            span(2, "longer", Some("root"), (50, 200)),
            span(3, "later", Some("root"), (150, 160)),
            span(4, "end", Some("longer"), (120, 200)),
            span(5, "begin", Some("longer"), (60, 90)),
        ];
        assert_eq!(critical(&spans), ["root", "longer", "begin"]);
    }

    #[test]
    fn roots_follow_each_other_and_cycles_end() {
        let spans = [
            span(1, "one", None, (0, 10)),
            span(2, "two", Some("missing"), (20, 30)),
            span(3, "a", Some("b"), (12, 18)),
            span(4, "b", Some("a"), (13, 17)),
        ];
        assert_eq!(critical(&spans), ["one", "two", "a", "b"]);
        assert!(critical(&[]).is_empty());
    }

    #[test]
    fn deep_chain_is_followed_to_its_end() {
        let ids: Vec<String> = (0..20_000).map(|index| index.to_string()).collect();
        let spans: Vec<SpanNode> = (0_i64..)
            .zip(&ids)
            .map(|(row, id)| {
                let parent = usize::try_from(row - 1).ok().map(|parent| ids[parent].as_str());
                span(row, id, parent, (row, 100_000 - row))
            })
            .collect();
        assert_eq!(critical(&spans).len(), spans.len());
    }
}
