//! Spans of traces that are not sampled, which wait until it is known whether their trace is kept.
//!
//! They wait by local root, the outermost span of the trace in this process. The numbers of traces, spans and bytes are
//! limited, and so is the number of decisions that are remembered for spans that end after their root.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;
use std::mem;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};

use promptlayer_blueprint::{SpanId, TraceId};

use crate::fork;
use crate::process::ProcessedSpan;
use crate::process::keep::{Evidence, KeepPolicy, Reason};
use crate::span::finished::{FinishedSpan, Place};

/// The maximum number of decisions that are remembered.
const MAX_DECISIONS: usize = 16_384;

/// The spans that wait.
pub(crate) struct Undecided {
    pub(crate) policy: KeepPolicy,
    state: Mutex<State>,
    /// The number of waiting traces, so that the lock is only taken if there are any.
    traces: AtomicUsize,
    /// The number of waiting spans, for the statistics.
    spans: AtomicU64,
    /// The process that created it. In a forked process the lock may be held forever.
    process: u32,
}

#[derive(Default)]
struct State {
    /// The traces by local root.
    traces: HashMap<SpanId, Waiting>,
    /// Their local roots, the oldest first.
    by_age: BTreeMap<u64, SpanId>,
    /// The age of the next trace.
    next: u64,
    spans: usize,
    bytes: usize,
    /// The decisions by local root.
    decided: Recent<SpanId, Decision>,
    /// The traces that are kept. A trace may have several local roots.
    kept: Recent<TraceId, Reason>,
    is_closed: bool,
}

/// What waits of a trace.
struct Waiting {
    age: u64,
    spans: Vec<ProcessedSpan>,
    bytes: usize,
    /// The cost of its calls so far, in US dollars.
    cost: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Kept(Reason),
    LeftOut,
    Evicted,
}

/// The place of a span that ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) trace: TraceId,
    /// The local root of the span.
    pub(crate) root: SpanId,
    /// `true` if it is the root itself.
    pub(crate) is_root: bool,
}

impl Ended {
    pub(crate) fn from_span(span: &FinishedSpan) -> Self {
        let Place { trace_id, span_id, .. } = span.place;
        let root = span.local_root.unwrap_or(span_id);
        Self { trace: trace_id, root, is_root: root == span_id }
    }
}

/// The spans that wait no longer.
#[must_use = "the spans are to be handed over and counted"]
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The spans of a kept trace, and the reason.
    pub(crate) kept: Option<(Reason, Vec<ProcessedSpan>)>,
    /// Spans of traces that are not kept.
    pub(crate) left_out: Vec<ProcessedSpan>,
    /// Spans that were removed because of the limits.
    pub(crate) evicted: Vec<ProcessedSpan>,
}

impl fmt::Debug for Undecided {
    /// Prints the number of traces and spans, and none of the recorded content.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Undecided")
            .field("traces", &self.traces)
            .field("spans", &self.spans)
            .finish_non_exhaustive()
    }
}

impl Undecided {
    pub(crate) fn new(policy: KeepPolicy) -> Self {
        fork::watch();
        Self {
            policy,
            state: Mutex::default(),
            traces: AtomicUsize::new(0),
            spans: AtomicU64::new(0),
            process: fork::generation(),
        }
    }

    /// Returns the number of waiting spans.
    pub(crate) fn len(&self) -> u64 {
        self.spans.load(SeqCst)
    }

    /// Takes a span that ended, or the end of one that is not exported.
    pub(crate) fn add(&self, ended: Ended, evidence: Evidence, span: Option<ProcessedSpan>) -> Settled {
        if self.process != fork::generation() {
            // The lock may be held in the parent. Each span of a fork is decided for itself.
            return Settled::alone(evidence.reason, span);
        }
        let mut settled = Settled::default();
        let mut state = self.lock();
        match state.decided.get(&ended.root) {
            Some(Decision::Kept(reason)) => settled.kept = Some((reason, span.into_iter().collect())),
            Some(Decision::LeftOut) => settled.left_out.extend(span),
            Some(Decision::Evicted) => settled.evicted.extend(span),
            None if state.is_closed => settled = Settled::alone(evidence.reason, span),
            None => state.decide(ended, evidence, span, &self.policy, &mut settled),
        }
        self.publish(&state);
        settled
    }

    /// Returns the reason for which a trace is kept, if that is decided.
    pub(crate) fn reason(&self, trace: TraceId, root: SpanId) -> Option<Reason> {
        if self.process != fork::generation() {
            return None;
        }
        let state = self.lock();
        match state.decided.get(&root) {
            Some(Decision::Kept(reason)) => Some(reason),
            Some(Decision::LeftOut | Decision::Evicted) => None,
            None => state.kept.get(&trace),
        }
    }

    /// Settles a trace whose local root is gone without an end, such as a future that was never polled.
    pub(crate) fn root_is_gone(&self, root: SpanId) -> Settled {
        let mut settled = Settled::default();
        if self.process != fork::generation() || self.traces.load(Relaxed) == 0 {
            return settled;
        }
        let mut state = self.lock();
        if let Some(waiting) = state.remove(root) {
            state.decided.insert(root, Decision::LeftOut);
            settled.left_out = waiting.spans;
        }
        self.publish(&state);
        settled
    }

    /// Settles all traces. No span waits from now on.
    pub(crate) fn close(&self) -> Settled {
        let mut settled = Settled::default();
        if self.process != fork::generation() {
            return settled;
        }
        let mut state = self.lock();
        state.is_closed = true;
        // A trace for which a condition holds does not wait.
        let waiting = mem::take(&mut state.traces);
        settled.left_out = waiting.into_values().flat_map(|waiting| waiting.spans).collect();
        state.by_age.clear();
        (state.spans, state.bytes) = (0, 0);
        self.publish(&state);
        settled
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Updates the numbers that are read without the lock.
    fn publish(&self, state: &State) {
        self.traces.store(state.traces.len(), SeqCst);
        self.spans.store(state.spans as u64, SeqCst);
    }
}

impl State {
    /// Lets a span of an undecided trace wait, or decides about the trace.
    fn decide(
        &mut self,
        ended: Ended,
        evidence: Evidence,
        span: Option<ProcessedSpan>,
        policy: &KeepPolicy,
        settled: &mut Settled,
    ) {
        let Ended { trace, root, is_root } = ended;
        let cost = self.traces.get(&root).map_or(0.0, |waiting| waiting.cost) + evidence.cost;
        let is_costly = policy.costs_more_than.is_some_and(|limit| cost > limit);
        let reason = self.kept.get(&trace).or(evidence.reason).or(is_costly.then_some(Reason::Costly));
        if let Some(reason) = reason {
            self.decided.insert(root, Decision::Kept(reason));
            self.kept.insert(trace, reason);
            settled.kept = Some((reason, self.with_waiting(root, span)));
        } else if is_root {
            self.decided.insert(root, Decision::LeftOut);
            settled.left_out = self.with_waiting(root, span);
        } else {
            self.wait(root, cost, span);
            while self.is_over(policy) {
                let Some(evicted) = self.to_evict(root, policy) else { break };
                self.decided.insert(evicted, Decision::Evicted);
                settled.evicted.extend(self.with_waiting(evicted, None));
            }
        }
    }

    fn wait(&mut self, root: SpanId, cost: f64, span: Option<ProcessedSpan>) {
        let Self { traces, by_age, next, spans, bytes, .. } = self;
        let waiting = traces.entry(root).or_insert_with(|| {
            let age = *next;
            *next += 1;
            by_age.insert(age, root);
            Waiting { age, spans: Vec::new(), bytes: 0, cost }
        });
        waiting.cost = cost;
        if let Some(span) = span {
            *spans += 1;
            *bytes += span.size;
            waiting.bytes += span.size;
            waiting.spans.push(span);
        }
    }

    fn is_over(&self, policy: &KeepPolicy) -> bool {
        self.traces.len() > policy.traces || self.spans > policy.spans || self.bytes > policy.bytes
    }

    /// Returns the trace to remove: that of the last span if it takes more than half of the limits, or else the oldest.
    fn to_evict(&self, last: SpanId, policy: &KeepPolicy) -> Option<SpanId> {
        let is_large =
            |waiting: &Waiting| waiting.spans.len() > policy.spans / 2 || waiting.bytes > policy.bytes / 2;
        if self.traces.get(&last).is_some_and(is_large) {
            return Some(last);
        }
        self.by_age.first_key_value().map(|(_, root)| *root)
    }

    /// Removes what waits of a trace, and returns its spans with this one.
    fn with_waiting(&mut self, root: SpanId, span: Option<ProcessedSpan>) -> Vec<ProcessedSpan> {
        let mut spans = self.remove(root).map(|waiting| waiting.spans).unwrap_or_default();
        spans.extend(span);
        spans
    }

    fn remove(&mut self, root: SpanId) -> Option<Waiting> {
        let waiting = self.traces.remove(&root)?;
        self.by_age.remove(&waiting.age);
        self.spans -= waiting.spans.len();
        self.bytes -= waiting.bytes;
        Some(waiting)
    }
}

impl Settled {
    /// Settles a span for itself.
    fn alone(reason: Option<Reason>, span: Option<ProcessedSpan>) -> Self {
        match reason {
            Some(reason) => Self { kept: Some((reason, span.into_iter().collect())), ..Self::default() },
            None => Self { left_out: span.into_iter().collect(), ..Self::default() },
        }
    }
}

/// A map that forgets its oldest entries.
struct Recent<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash, V: Copy> Recent<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.entries.get(key).copied()
    }

    fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key, value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MAX_DECISIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
