//! The one gate before the destination: what the service asks of one request holds for all.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Until when nothing is sent.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closing: Mutex<Option<Closing>>,
}

#[derive(Debug, Clone, Copy)]
struct Closing {
    since: Instant,
    until: Instant,
}

impl Gate {
    /// The longest that it is closed for, whatever a service asks: 1 h.
    pub(crate) const LONGEST: Duration = Duration::from_secs(60 * 60);

    /// Lets nothing through for at least this long.
    pub(crate) fn close_for(&self, time: Duration) {
        let since = Instant::now();
        let until = since + time.min(Self::LONGEST);
        let mut held = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(Closing { since, until: held.map_or(until, |held| held.until.max(until)) });
    }

    /// Opens it: something that was sent at this time got through. What was sent before the gate was closed
    /// says nothing.
    pub(crate) fn open_for(&self, sent_at: Instant) {
        let mut held = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        *held = held.filter(|held| held.since > sent_at);
    }

    /// Waits until it is open.
    pub(crate) async fn pass(&self) {
        while let Some(until) = self.closed_until() {
            sleep_until(until).await;
        }
    }

    fn closed_until(&self) -> Option<Instant> {
        let held = *self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        held.map(|held| held.until).filter(|until| *until > Instant::now())
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
