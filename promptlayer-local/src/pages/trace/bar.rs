//! The bars of spans: where they begin and how long they are.

use crate::store::SpanNode;
use crate::timestamp::Timestamp;

const WHOLE: i64 = 1000;

/// The minimum length of a bar, so that it is visible.
const THINNEST: i64 = 4;

/// Returns the start and the duration of a span in thousandths of the trace's duration. The duration has a
/// minimum, so that the bar is visible.
pub(super) fn position(span: &SpanNode, whole: (i64, i64)) -> (i64, i64) {
    let from = thousandths(span.start, whole);
    let length = thousandths(span.end, whole) - from;
    let from = from.min(WHOLE - THINNEST);
    (from, length.clamp(THINNEST, WHOLE - from))
}

/// Returns a time in thousandths of the trace's duration.
pub(super) fn thousandths(at: Timestamp, (begin, end): (i64, i64)) -> i64 {
    let total = (i128::from(end) - i128::from(begin)).max(1);
    let part = (i128::from(at.nanoseconds()) - i128::from(begin)) * i128::from(WHOLE) / total;
    i64::try_from(part.clamp(0, i128::from(WHOLE))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::position;
    use crate::trace_tree::tests::span;

    #[test]
    fn span_bar_matches_its_times_and_has_a_minimum_width() {
        let spans = [span(1, "root", None, (0, 2000)), span(2, "end", Some("root"), (2000, 2000))];
        assert_eq!(spans.each_ref().map(|span| position(span, (0, 2000))), [(0, 1000), (996, 4)]);
    }
}
