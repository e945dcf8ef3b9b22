//! Counts of request ids on their way to the hooks.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

/// Counters of request ids and hook calls. A part of [`Stats`](crate::export::Stats::hooks).
///
/// ```
/// use promptlayer_tracing::hooks::HookStats;
///
/// /// Returns `true` if every id reached the hooks, and every hook returned.
/// fn is_healthy(hooks: &HookStats) -> bool {
///     hooks.panicked == 0 && hooks.timed_out == 0 && hooks.skipped == 0 && hooks.missing == 0
/// }
///
/// let stats = promptlayer_tracing::export::Stats::default(); // or that of `ShutdownGuard::stats`
/// assert!(is_healthy(&stats.hooks));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookStats {
    /// Ids received from PromptLayer. Each is passed to every hook, except those counted as `skipped` or
    /// `of_hooks`.
    pub received: u64,
    /// Hook calls that returned or reached their time limit.
    pub run: u64,
    /// Hook calls that panicked, including calls of `on_error`.
    pub panicked: u64,
    /// Calls of asynchronous hooks that were dropped at their time limit.
    pub timed_out: u64,
    /// Ids that were passed to no hook, because too many were waiting.
    pub skipped: u64,
    /// Ids of requests made by hooks. They are passed to no hook, because hooks would otherwise cause further
    /// hook calls endlessly.
    pub of_hooks: u64,
    /// Requests that were delivered, but whose response contained no readable id.
    pub missing: u64,
}

/// The counters behind [`HookStats`].
#[derive(Debug, Default)]
pub(crate) struct HookCounters {
    pub(super) received: AtomicU64,
    pub(super) run: AtomicU64,
    pub(super) panicked: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) of_hooks: AtomicU64,
    pub(super) missing: AtomicU64,
}

impl HookCounters {
    pub(crate) fn read(&self) -> HookStats {
        HookStats {
            received: self.received.load(SeqCst),
            run: self.run.load(SeqCst),
            panicked: self.panicked.load(SeqCst),
            timed_out: self.timed_out.load(SeqCst),
            skipped: self.skipped.load(SeqCst),
            of_hooks: self.of_hooks.load(SeqCst),
            missing: self.missing.load(SeqCst),
        }
    }
}
