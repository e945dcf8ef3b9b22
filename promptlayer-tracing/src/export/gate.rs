//! The one gate before the destination: what the service asks of one request holds for all.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Until when nothing is sent.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    until: Mutex<Option<Instant>>,
}

impl Gate {
    /// Lets nothing through for at least this long.
    pub(crate) fn close_for(&self, time: Duration) {
        let until = Instant::now().checked_add(time);
        let mut held = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *held = (*held).max(until);
    }

    /// Opens it: something got through.
    pub(crate) fn open(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until it is open.
    pub(crate) async fn pass(&self) {
        while let Some(until) = self.closed_until() {
            sleep_until(until).await;
        }
    }

    fn closed_until(&self) -> Option<Instant> {
        let held = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        held.filter(|until| *until > Instant::now())
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
        gate.open();
        gate.pass().await;
        assert_eq!(begun.elapsed().as_secs(), 20);
    }
}
