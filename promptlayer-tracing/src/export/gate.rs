//! The one gate before the destination: what the service asks of one request holds for all.

use std::future::pending;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::ledger::RejectReason;

/// Until when nothing is sent.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closing: Mutex<Option<Closing>>,
    changed: Notify,
}

/// Why it is closed, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closing {
    since: Instant,
    pub(crate) until: Instant,
    /// Why the service refuses everything, if it does.
    pub(crate) refusal: Option<RejectReason>,
}

impl Gate {
    /// The longest that it is closed for, whatever a service asks: 1 h.
    pub(crate) const LONGEST: Duration = Duration::from_secs(60 * 60);

    /// Lets nothing through for at least this long.
    pub(crate) fn close_for(&self, time: Duration) {
        self.close(time, None);
    }

    /// The same, since the service refuses everything.
    pub(crate) fn refuse_for(&self, time: Duration, why: RejectReason) {
        self.close(time, Some(why));
    }

    fn close(&self, time: Duration, refusal: Option<RejectReason>) {
        let since = Instant::now();
        let until = since + time.min(Self::LONGEST);
        let mut held = self.lock();
        *held = Some(Closing { since, until: held.map_or(until, |held| held.until.max(until)), refusal });
        drop(held);
        self.changed.notify_waiters();
    }

    /// Opens it: something that was sent at this time got through. What was sent before the gate was closed
    /// says nothing.
    pub(crate) fn open_for(&self, sent_at: Instant) {
        let mut held = self.lock();
        *held = held.filter(|held| held.since > sent_at);
        drop(held);
        self.changed.notify_waiters();
    }

    /// Waits until it is open.
    pub(crate) async fn pass(&self) {
        self.wait_while(|closing| closing.is_some()).await;
    }

    /// Waits until it is closed in such a way.
    pub(crate) async fn closed_so(&self, is_so: impl Fn(&Closing) -> bool) -> Closing {
        loop {
            if let Some(closing) =
                self.wait_while(|closing| !closing.is_some_and(|closing| is_so(&closing))).await
            {
                return closing;
            }
        }
    }

    async fn wait_while(&self, waits: impl Fn(Option<Closing>) -> bool) -> Option<Closing> {
        loop {
            // Listened for first, so that no change after the look is missed.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let closing = self.lock().filter(|held| held.until > Instant::now());
            if !waits(closing) {
                return closing;
            }
            tokio::select! {
                () = changed => {}
                () = opens(closing) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Closing>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when a gate that is closed opens by itself.
async fn opens(closing: Option<Closing>) {
    match closing {
        Some(closing) => sleep_until(closing.until).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_closed_for_the_longest_that_anybody_was_asked_to_wait() {
        let (gate, begun) = (Gate::default(), Instant::now());
        gate.pass().await;
        gate.close_for(Duration::from_secs(20));
        gate.close_for(Duration::from_secs(5));
        gate.pass().await;
        assert_eq!(begun.elapsed().as_secs(), 20);

        gate.close_for(Duration::from_secs(20));
        gate.open_for(Instant::now());
        gate.pass().await;
        assert_eq!(begun.elapsed().as_secs(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_before_it_was_closed_does_not_open_it() {
        let (gate, begun) = (Gate::default(), Instant::now());
        tokio::time::advance(Duration::from_secs(1)).await;
        gate.close_for(Duration::from_secs(20));
        gate.open_for(begun);
        gate.pass().await;
        assert_eq!(begun.elapsed().as_secs(), 21);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_never_closed_for_longer_than_an_hour() {
        let (gate, begun) = (Gate::default(), Instant::now());
        gate.close_for(Duration::MAX);
        gate.pass().await;
        assert_eq!(begun.elapsed(), Gate::LONGEST);
    }
}
