//! The state that all handlers share.

use std::sync::Arc;

use tokio::sync::watch;

use crate::Config;
use crate::access::Access;
use crate::limits::BodyBudget;
#[cfg(feature = "replay")]
use crate::replay::Replay;
use crate::store::Store;

/// The state that all handlers share.
#[derive(Clone)]
pub(crate) struct App {
    store: Store,
    access: Arc<Access>,
    bodies: BodyBudget,
    body_limit: usize,
    url: Arc<str>,
    stopping: watch::Receiver<bool>,
    #[cfg(feature = "replay")]
    replay: Option<Arc<Replay>>,
}

impl App {
    pub(crate) fn new(
        store: Store,
        access: Access,
        config: &Config,
        url: String,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            access: Arc::new(access),
            bodies: BodyBudget::default(),
            body_limit: config.body_limit,
            url: url.into(),
            stopping,
            #[cfg(feature = "replay")]
            replay: None,
        }
    }

    /// Adds the providers that the page Replay can call.
    #[cfg(feature = "replay")]
    pub(crate) fn with_replay(self, replay: Option<Replay>) -> Self {
        Self { replay: replay.map(Arc::new), ..self }
    }

    /// Returns the providers that the page Replay can call. `None` if Replay is off.
    #[cfg(feature = "replay")]
    pub(crate) fn replay(&self) -> Option<&Arc<Replay>> {
        self.replay.as_ref()
    }

    /// Returns the database.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the budget for the memory of all bodies.
    pub(crate) fn bodies(&self) -> &BodyBudget {
        &self.bodies
    }

    /// Returns the maximum length of a body, in bytes.
    pub(crate) fn body_limit(&self) -> usize {
        self.body_limit
    }

    /// Returns the base URL for clients on this machine.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns a receiver that becomes `true` when the server stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// Returns the access rules.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }
}
