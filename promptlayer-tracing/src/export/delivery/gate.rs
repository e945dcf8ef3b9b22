//! The gate in front of the destination: shares what one request learns about the service with all requests.
//!
//! While requests pass, the gate is open. Once one fails, requests wait in line. When the hold is over, the
//! first in line is sent alone, as a probe. The first probe that passes opens the gate for all. A batch that
//! is refused goes to the end of the line, so a batch that is always refused does not block the others.

use std::collections::BTreeMap;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use crate::export::queue::ledger::RejectReason;

/// The state of the destination, shared by all batches.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<Health>,
    changed: Notify,
    /// Held by the one request that may be sent while the gate is closed. Waiters get it in order.
    probe: Arc<Semaphore>,
}

/// The results of recent requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    /// The number of the latest request.
    latest: RequestNumber,
    /// The number of requests that failed since the last one that passed.
    pub(crate) failures: u32,
    /// The latest request that had been sent when the last failure was recorded.
    failed_after: RequestNumber,
    /// No request is sent before this instant.
    pub(crate) held_until: Option<Instant>,
    /// No trace is read before this instant: the service asked for a wait, or cannot be reached.
    unreadable_until: Option<Instant>,
    /// The reason of the last failure, if the service rejected the request.
    pub(crate) refusal: Option<RejectReason>,
    /// The latest request that passed, by path.
    passed: BTreeMap<&'static str, RequestNumber>,
}

/// The position of a request in the order of sending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestNumber(u64);

/// The permission to send one request. While the gate is closed, at most one exists.
#[derive(Debug)]
pub(crate) struct Pass {
    /// Dropping it lets the next in line go.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Pass {
    /// The pass of a request that does not wait in line.
    pub(crate) const OUT_OF_TURN: Self = Self { _permit: None };
}

impl Gate {
    /// The longest hold, even if a service asks for more: 1 h.
    pub(crate) const LONGEST: Duration = Duration::from_secs(60 * 60);

    /// Returns the number of a request that is about to be sent.
    pub(crate) fn next_request(&self) -> RequestNumber {
        let mut state = self.lock();
        state.latest.0 += 1;
        state.latest
    }

    /// Records a request that was certainly not processed. No request is sent and no trace is read for at
    /// least this time.
    pub(crate) fn hold_for(&self, time: Duration) {
        let until = self.fail(time, None);
        let mut state = self.lock();
        state.unreadable_until = state.unreadable_until.max(Some(until));
    }

    /// Records a failed request that may itself be the cause, so others may be tried at once. If the request
    /// before it failed too, no request is sent for this time.
    pub(crate) fn suspect_for(&self, time: Duration, refusal: Option<RejectReason>) {
        let is_first = self.lock().failures == 0;
        self.fail(if is_first { Duration::ZERO } else { time }, refusal);
    }

    fn fail(&self, time: Duration, refusal: Option<RejectReason>) -> Instant {
        let until = Instant::now() + time.min(Self::LONGEST);
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.failed_after = state.latest;
        state.held_until = state.held_until.max(Some(until));
        state.refusal = refusal;
        drop(state);
        self.changed.notify_waiters();
        until
    }

    /// Records a request to this path that passed. The gate opens, unless another request failed after this
    /// one was sent.
    pub(crate) fn passed(&self, path: &'static str, request: RequestNumber) {
        let mut state = self.lock();
        let latest = state.passed.entry(path).or_default();
        *latest = request.max(*latest);
        if state.failed_after < request {
            state.failures = 0;
            (state.held_until, state.unreadable_until, state.refusal) = (None, None, None);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Returns `true` if a later request to this path has passed.
    pub(crate) fn has_passed_since(&self, path: &str, request: RequestNumber) -> bool {
        self.lock().has_passed_since(path, request)
    }

    /// Returns `true` if requests have failed since the last one that passed.
    pub(crate) fn is_failing(&self) -> bool {
        self.lock().failures > 0
    }

    /// Reads the state.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&Health) -> R) -> R {
        read(&self.lock())
    }

    /// Waits for permission to send: until the gate is open, or until this request is first in line and the
    /// hold is over.
    pub(crate) async fn pass(&self) -> Pass {
        let mut in_line = pin!(Arc::clone(&self.probe).acquire_owned());
        let permit = tokio::select! {
            biased;
            () = self.wait_until(|state| state.failures == 0) => return Pass::OUT_OF_TURN,
            // The semaphore is never closed.
            permit = &mut in_line => permit.ok(),
        };
        let is_free = |state: &Health| state.failures == 0 || !state.is_held();
        self.wait_until(is_free).await;
        if self.is_failing() { Pass { _permit: permit } } else { Pass::OUT_OF_TURN }
    }

    /// Waits until traces may be read.
    pub(crate) async fn readable(&self) {
        self.wait_until(|state| !is_future(state.unreadable_until)).await;
    }

    /// Waits until a later request to this path has passed.
    pub(crate) async fn passed_since(&self, path: &str, request: RequestNumber) {
        self.wait_until(|state| state.has_passed_since(path, request)).await;
    }

    /// Waits until the state satisfies the condition.
    pub(crate) async fn wait_until(&self, is_so: impl Fn(&Health) -> bool) {
        loop {
            // Register before reading the state, so that no later change is missed.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let next_time = {
                let state = self.lock();
                // Read the clock before the condition is checked: a time that is reached in between then ends
                // the wait at once.
                let now = Instant::now();
                if is_so(&state) {
                    return;
                }
                let times = [state.held_until, state.unreadable_until];
                times.into_iter().flatten().filter(|until| *until > now).min()
            };
            tokio::select! {
                () = changed => {}
                () = elapsed(next_time) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), probe: Arc::new(Semaphore::new(1)) }
    }
}

impl Health {
    /// Returns `true` if no request may be sent now.
    pub(crate) fn is_held(&self) -> bool {
        is_future(self.held_until)
    }

    fn has_passed_since(&self, path: &str, request: RequestNumber) -> bool {
        self.passed.get(path).is_some_and(|passed| *passed > request)
    }
}

fn is_future(time: Option<Instant>) -> bool {
    time.is_some_and(|time| time > Instant::now())
}

/// Completes at this instant, or never if it is `None`.
async fn elapsed(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn gate_is_closed_for_the_longest_requested_wait() {
        let (gate, begun) = (Gate::default(), Instant::now());
        gate.pass().await;
        gate.hold_for(20 * SECOND);
        gate.hold_for(5 * SECOND);
        gate.pass().await;
        assert_eq!(begun.elapsed().as_secs(), 20);

        gate.hold_for(20 * SECOND);
        gate.passed("/a", gate.next_request());
        gate.pass().await;
        assert_eq!(begun.elapsed().as_secs(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn request_sent_before_a_failure_does_not_open_the_gate() {
        let (gate, begun) = (Gate::default(), Instant::now());
        let request = gate.next_request();
        gate.hold_for(20 * SECOND);
        gate.passed("/a", request);
        gate.pass().await;
        assert_eq!(begun.elapsed().as_secs(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn gate_is_never_closed_for_longer_than_an_hour() {
        let (gate, begun) = (Gate::default(), Instant::now());
        gate.hold_for(Duration::MAX);
        gate.pass().await;
        assert_eq!(begun.elapsed(), Gate::LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn first_failure_holds_no_others_and_second_does() {
        let (gate, begun) = (Gate::default(), Instant::now());
        gate.suspect_for(60 * SECOND, Some(RejectReason::Unauthorized));
        gate.pass().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        gate.suspect_for(60 * SECOND, Some(RejectReason::Unauthorized));
        gate.pass().await;
        assert_eq!(begun.elapsed(), 60 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_goes_until_one_passes() {
        let gate = Arc::new(Gate::default());
        gate.hold_for(SECOND);
        let sent = Arc::new(AtomicUsize::new(0));
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let (gate, sent) = (Arc::clone(&gate), Arc::clone(&sent));
            waiting.spawn(async move {
                let pass = gate.pass().await;
                let request = gate.next_request();
                sent.fetch_add(1, SeqCst);
                tokio::time::sleep(10 * SECOND).await;
                gate.passed("/a", request);
                drop(pass);
            });
        }
        tokio::time::sleep(5 * SECOND).await;
        assert_eq!(sent.load(SeqCst), 1, "one goes first");
        tokio::time::sleep(10 * SECOND).await;
        assert_eq!(sent.load(SeqCst), 5, "and then all");
    }

    #[tokio::test(start_paused = true)]
    async fn refused_probe_goes_to_the_end_of_the_line() {
        let gate = Arc::new(Gate::default());
        gate.hold_for(SECOND);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = tokio::task::JoinSet::new();
        for number in 0..3 {
            let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
            waiting.spawn(async move {
                for _ in 0..2 {
                    let pass = gate.pass().await;
                    order.lock().unwrap().push(number);
                    gate.hold_for(SECOND);
                    drop(pass);
                }
            });
        }
        while waiting.join_next().await.is_some() {}
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 0, 1, 2]);
    }
}
