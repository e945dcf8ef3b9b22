//! What waits, what is decided, and what is removed because of the limits.

use super::*;
use crate::process::convert::tests::span;
use crate::random;

const NOTHING: Evidence = Evidence { reason: None, cost: 0.0 };
const FAILED: Evidence = Evidence { reason: Some(Reason::Failed), cost: 0.0 };

/// A trace with one local root.
#[derive(Clone, Copy)]
struct Trace(TraceId, SpanId);

impl Trace {
    fn new() -> Self {
        Self(random::trace_id(), random::span_id())
    }

    fn inner(self) -> Ended {
        Ended { trace: self.0, root: self.1, is_root: false }
    }

    fn root(self) -> Ended {
        Ended { is_root: true, ..self.inner() }
    }
}

/// A span that counts with this many bytes.
#[allow(clippy::unnecessary_wraps, reason = "the store takes an option")]
fn sized(size: usize) -> Option<ProcessedSpan> {
    Some(ProcessedSpan { span: Box::new(span()), converted: None, size, is_of_hook: false })
}

fn store(policy: KeepPolicy) -> Undecided {
    Undecided::new(policy.failed())
}

/// The numbers of spans that are kept, left out and evicted.
fn counts(settled: &Settled) -> [usize; 3] {
    let kept = settled.kept.as_ref().map_or(0, |(_, spans)| spans.len());
    [kept, settled.left_out.len(), settled.evicted.len()]
}

#[test]
fn trace_waits_for_its_root_and_late_spans_follow() {
    let store = store(KeepPolicy::default());
    let trace = Trace::new();
    assert_eq!(counts(&store.add(trace.inner(), NOTHING, sized(1))), [0, 0, 0]);
    assert_eq!(store.len(), 1);
    assert_eq!(counts(&store.add(trace.root(), NOTHING, sized(1))), [0, 2, 0]);
    assert_eq!(store.len(), 0);
    assert_eq!(counts(&store.add(trace.inner(), FAILED, sized(1))), [0, 1, 0], "the decision was made");
}

#[test]
fn trace_that_matters_is_kept_at_once_with_all_its_spans() {
    let store = store(KeepPolicy::default());
    let trace = Trace::new();
    assert_eq!(counts(&store.add(trace.inner(), NOTHING, sized(1))), [0, 0, 0]);
    let settled = store.add(trace.inner(), FAILED, sized(1));
    assert_eq!(counts(&settled), [2, 0, 0]);
    assert_eq!(settled.kept.unwrap().0, Reason::Failed);
    for ended in [trace.inner(), trace.root(), trace.inner()] {
        let settled = store.add(ended, NOTHING, sized(1));
        assert_eq!(settled.kept.unwrap().0, Reason::Failed);
    }
}

#[test]
fn span_that_is_not_exported_decides_too() {
    let store = store(KeepPolicy::default());
    let [kept, left_out] = [Trace::new(), Trace::new()];
    for (trace, evidence, expected) in [(kept, FAILED, [1, 0, 0]), (left_out, NOTHING, [0, 1, 0])] {
        assert_eq!(counts(&store.add(trace.inner(), NOTHING, sized(1))), [0, 0, 0]);
        assert_eq!(counts(&store.add(trace.root(), evidence, None)), expected);
    }
}

#[test]
fn each_local_root_is_decided_until_one_is_kept() {
    let store = store(KeepPolicy::default());
    let first = Trace::new();
    let [second, third, fourth] = [0; 3].map(|_| Trace(first.0, random::span_id()));
    assert_eq!(counts(&store.add(first.root(), NOTHING, sized(1))), [0, 1, 0]);
    assert_eq!(counts(&store.add(third.inner(), NOTHING, sized(1))), [0, 0, 0]);
    assert_eq!(counts(&store.add(second.root(), FAILED, sized(1))), [1, 0, 0]);
    assert_eq!(counts(&store.add(third.root(), NOTHING, sized(1))), [2, 0, 0], "what waited is kept too");
    assert_eq!(counts(&store.add(fourth.root(), NOTHING, sized(1))), [1, 0, 0]);
    assert_eq!(counts(&store.add(first.inner(), NOTHING, sized(1))), [0, 1, 0], "it had been decided");
}

#[test]
fn oldest_trace_is_evicted_and_never_kept_in_part() {
    for policy in
        [KeepPolicy::default().traces(3), KeepPolicy::default().spans(3), KeepPolicy::default().bytes(30)]
    {
        let store = store(policy);
        let traces: Vec<Trace> = (0..5).map(|_| Trace::new()).collect();
        let evicted: Vec<usize> =
            traces.iter().map(|trace| counts(&store.add(trace.inner(), NOTHING, sized(10)))[2]).collect();
        assert_eq!((evicted, store.len()), (vec![0, 0, 0, 1, 1], 3), "{policy:?}");
        assert_eq!(counts(&store.add(traces[0].root(), FAILED, sized(10))), [0, 0, 1], "{policy:?}");
        assert_eq!(counts(&store.add(traces[4].root(), FAILED, sized(10))), [2, 0, 0], "{policy:?}");
    }
}

#[test]
fn large_trace_is_evicted_itself_and_no_other() {
    for policy in [KeepPolicy::default().spans(10), KeepPolicy::default().bytes(100)] {
        let store = store(policy);
        let [small, large] = [Trace::new(), Trace::new()];
        assert_eq!(counts(&store.add(small.inner(), NOTHING, sized(10))), [0, 0, 0]);
        let settled: Vec<[usize; 3]> =
            (0..30).map(|_| counts(&store.add(large.inner(), NOTHING, sized(10)))).collect();
        assert_eq!(settled.iter().map(|settled| settled[2]).sum::<usize>(), 30, "{settled:?}");
        assert_eq!(settled.iter().map(|settled| settled[2]).max(), Some(10), "all at once: {settled:?}");
        assert_eq!(counts(&store.add(small.root(), FAILED, sized(10))), [2, 0, 0]);
    }
}

#[test]
fn span_larger_than_the_store_is_evicted_alone() {
    let store = store(KeepPolicy::default().bytes(100));
    let [small, large] = [Trace::new(), Trace::new()];
    assert_eq!(counts(&store.add(small.inner(), NOTHING, sized(10))), [0, 0, 0]);
    assert_eq!(counts(&store.add(large.inner(), NOTHING, sized(101))), [0, 0, 1]);
    assert_eq!(counts(&store.add(small.root(), NOTHING, sized(10))), [0, 2, 0]);
}

#[test]
fn root_that_never_ends_leaves_its_trace_out_when_it_is_gone() {
    let store = store(KeepPolicy::default());
    let [trace, other] = [Trace::new(), Trace::new()];
    assert_eq!(counts(&store.root_is_gone(trace.1)), [0, 0, 0]);
    for trace in [trace, other] {
        assert_eq!(counts(&store.add(trace.inner(), NOTHING, sized(1))), [0, 0, 0]);
    }
    assert_eq!(counts(&store.root_is_gone(trace.1)), [0, 1, 0]);
    assert_eq!((counts(&store.root_is_gone(trace.1)), store.len()), ([0, 0, 0], 1));
}

#[test]
fn closed_store_settles_what_waits_and_then_each_span_alone() {
    let store = store(KeepPolicy::default());
    let [kept, waiting, new] = [Trace::new(), Trace::new(), Trace::new()];
    assert_eq!(counts(&store.add(kept.inner(), FAILED, sized(1))), [1, 0, 0]);
    assert_eq!(counts(&store.add(waiting.inner(), NOTHING, sized(1))), [0, 0, 0]);
    assert_eq!((counts(&store.close()), store.len()), ([0, 1, 0], 0));
    for (trace, evidence, expected) in [
        (kept, NOTHING, [1, 0, 0]),
        (waiting, NOTHING, [0, 1, 0]),
        (new, FAILED, [1, 0, 0]),
        (new, NOTHING, [0, 1, 0]),
    ] {
        assert_eq!(counts(&store.add(trace.inner(), evidence, sized(1))), expected);
    }
    assert_eq!(store.len(), 0);
}

#[test]
fn number_of_remembered_decisions_is_bounded() {
    let mut recent = Recent::default();
    for key in 0..=MAX_DECISIONS {
        recent.insert(key, ());
        recent.insert(key, ());
    }
    assert_eq!((recent.entries.len(), recent.order.len()), (MAX_DECISIONS, MAX_DECISIONS));
    assert_eq!((recent.get(&0), recent.get(&1)), (None, Some(())));
}

#[cfg(feature = "prices")]
#[test]
fn costs_of_a_trace_add_up() {
    let store = Undecided::new(KeepPolicy::default().costs_more_than(0.5));
    let trace = Trace::new();
    let cents = |cost| Evidence { reason: None, cost };
    assert_eq!(counts(&store.add(trace.inner(), cents(0.3), sized(1))), [0, 0, 0]);
    assert_eq!(counts(&store.add(trace.inner(), cents(0.2), sized(1))), [0, 0, 0], "it is not more");
    let settled = store.add(trace.inner(), cents(0.1), sized(1));
    assert_eq!(counts(&settled), [3, 0, 0]);
    assert_eq!(settled.kept.unwrap().0, Reason::Costly);
}
