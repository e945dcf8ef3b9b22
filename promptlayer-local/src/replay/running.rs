//! The calls that are running: how many there can be, and how the reader stops one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The maximum number of calls at once.
pub(crate) const MOST_CALLS: usize = 8;

/// The calls that are running, by their tokens.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<BTreeMap<String, Arc<Notify>>>>);

/// The place of a call among the running ones. Dropping it ends the call.
pub(crate) struct Slot {
    running: Running,
    token: String,
    stop: Arc<Notify>,
}

/// The reason why a call cannot begin.
#[derive(Debug)]
pub(crate) enum NoSlot {
    /// [`MOST_CALLS`] are running.
    Full,
    /// The operating system provides no random bytes for the token.
    NoRandom,
}

impl Running {
    /// Begins a call.
    pub(crate) fn begin(&self) -> Result<Slot, NoSlot> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| NoSlot::NoRandom)?;
        let mut token = String::new();
        for byte in bytes {
            // Writing to a `String` does not fail.
            let _ = write!(token, "{byte:02x}");
        }
        let stop = Arc::new(Notify::new());
        self.with(|running| {
            if running.len() >= MOST_CALLS {
                return Err(NoSlot::Full);
            }
            running.insert(token.clone(), stop.clone());
            Ok(())
        })?;
        Ok(Slot { running: self.clone(), token, stop })
    }

    /// Stops the call with this token. Returns `false` if no call has it.
    pub(crate) fn stop(&self, token: &str) -> bool {
        self.with(|running| running.get(token).map(|stop| stop.notify_one())).is_some()
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Arc<Notify>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Slot {
    /// Returns the token by which the call is stopped.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Completes when the call is to stop.
    pub(super) async fn stopped(&self) {
        self.stop.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.running.with(|running| running.remove(&self.token));
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_CALLS, NoSlot, Running};

    #[test]
    fn number_of_calls_is_limited() {
        let running = Running::default();
        let mut slots: Vec<_> = (0..MOST_CALLS).map(|_| running.begin().unwrap()).collect();
        assert!(matches!(running.begin(), Err(NoSlot::Full)));
        let ended = slots.pop().unwrap().token().to_owned();
        assert!(!running.stop(&ended), "it has ended");
        assert!(running.stop(running.begin().unwrap().token()));
    }
}
