//! The limits that all requests share.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::memory;

/// The maximum time for a body to arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(120);

/// The number of seconds that a client should wait before it retries a request that found the database busy.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The number of bodies in memory at once: 64 small and 2 large ones. Further bodies wait and are not read.
///
/// A small body never waits for a large one.
#[derive(Clone)]
pub(crate) struct BodyBudget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self { small: Arc::new(Semaphore::new(64)), large: Arc::new(Semaphore::new(2)) }
    }
}

/// A body's share of the [`BodyBudget`]. Keep it as long as the content of the body is needed.
#[derive(Default)]
pub(crate) struct Share {
    is_large: bool,
    permits: Vec<OwnedSemaphorePermit>,
}

impl BodyBudget {
    /// Waits for the share of a new body.
    pub(crate) async fn share(&self, is_large: bool) -> Share {
        let mut share = Share::default();
        if is_large {
            share.grow(self).await;
        } else {
            share.add(&self.small).await;
        }
        share
    }
}

impl Share {
    async fn add(&mut self, semaphore: &Arc<Semaphore>) {
        // The semaphore is never closed, so this always acquires a permit.
        self.permits.extend(semaphore.clone().acquire_owned().await.ok());
    }

    pub(crate) fn is_large(&self) -> bool {
        self.is_large
    }

    /// Turns this into the share of a large body.
    pub(crate) async fn grow(&mut self, budget: &BodyBudget) {
        if !self.is_large {
            self.is_large = true;
            self.add(&budget.large).await;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let (true, Ok(runtime)) = (self.is_large, tokio::runtime::Handle::try_current()) {
            // The spawned task starts after the handler has built its response. Before that, small parts of
            // the body that are in the response can keep every page in use.
            runtime.spawn(async { tokio::task::spawn_blocking(memory::give_back).await });
        }
    }
}
