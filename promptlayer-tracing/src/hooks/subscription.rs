//! Subscriptions to the request ids of a call: what the handle of a call and `with_request_id` wait for.
//!
//! A subscription is attached to each span that may make a request log of the call, and goes with it to the end of
//! its delivery. When the last reference is dropped, no further request log can come.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use promptlayer_blueprint::Score;
use tokio::sync::watch;

use crate::hooks::logged_request::LoggedRequest;

/// A score that was given before the request had an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenScore {
    pub(crate) name: Option<String>,
    pub(crate) score: Score,
}

/// Counts and reports scores for which there is no request.
pub(crate) trait LostScores: Send + Sync {
    fn lost(&self, function: &'static str, count: usize);
}

/// A subscription to the request logs of one call.
pub(crate) struct Subscription {
    /// The name of the call, for errors.
    function: &'static str,
    state: Mutex<State>,
    /// The latest request log.
    logged: watch::Sender<Option<LoggedRequest>>,
    /// `true` if somebody waits for the id, so that the request is sent without delay.
    is_awaited: AtomicBool,
    /// `None` if no scores can be given.
    lost: Option<Arc<dyn LostScores>>,
}

#[derive(Default)]
struct State {
    /// The number of spans that it was attached to.
    attached: u64,
    /// The position of the latest request log among them.
    latest: u64,
    scores: Vec<GivenScore>,
}

/// A subscription at a span.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    pub(crate) subscription: Arc<Subscription>,
    /// The position of the span among those that it is attached to. Spans that ended later have higher ones.
    position: u64,
}

/// The receiving end of a subscription. It does not keep the subscription alive.
pub(crate) type Receiver = watch::Receiver<Option<LoggedRequest>>;

impl Subscription {
    pub(crate) fn new(function: &'static str, lost: Arc<dyn LostScores>) -> (Arc<Self>, Receiver) {
        Self::with(function, Some(lost))
    }

    /// Returns a subscription to which no scores are given.
    pub(crate) fn without_scores() -> (Arc<Self>, Receiver) {
        Self::with("", None)
    }

    fn with(function: &'static str, lost: Option<Arc<dyn LostScores>>) -> (Arc<Self>, Receiver) {
        let (logged, receiver) = watch::channel(None);
        let (state, is_awaited) = (Mutex::default(), AtomicBool::new(false));
        (Arc::new(Self { function, state, logged, is_awaited, lost }), receiver)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attaches the subscription to a span that ends.
    pub(crate) fn attach(self: &Arc<Self>) -> Attached {
        let mut state = self.lock();
        state.attached += 1;
        Attached { subscription: Arc::clone(self), position: state.attached }
    }

    /// Adds a score for the latest request log.
    pub(crate) fn score(&self, score: GivenScore) {
        self.lock().scores.push(score);
    }

    /// Removes the scores without a name and returns the last one. It becomes part of the request log.
    pub(crate) fn take_unnamed(&self) -> Option<Score> {
        let unnamed = self.lock().scores.extract_if(.., |score| score.name.is_none()).last();
        unnamed.map(|unnamed| unnamed.score)
    }

    /// Returns the scores that have a name.
    pub(crate) fn named(&self) -> Vec<(String, Score)> {
        let state = self.lock();
        state.scores.iter().filter_map(|given| Some((given.name.clone()?, given.score))).collect()
    }

    /// Records that somebody waits for the id.
    pub(crate) fn await_id(&self) {
        self.is_awaited.store(true, SeqCst);
    }

    pub(crate) fn is_awaited(&self) -> bool {
        self.is_awaited.load(SeqCst)
    }
}

impl Attached {
    /// Passes on the request log of the span, unless that of a later span is known already.
    pub(crate) fn logged(&self, request: &LoggedRequest) {
        let mut state = self.subscription.lock();
        if self.position > state.latest {
            state.latest = self.position;
            self.subscription.logged.send_replace(Some(request.clone()));
        }
    }
}

/// Sends a score to a request log, by the export pipeline.
pub(crate) fn send(request: &LoggedRequest, GivenScore { name, score }: GivenScore) {
    let score = request.track().score(score);
    let score = match name {
        Some(name) => score.name(name),
        None => score,
    };
    // The pipeline counts a score that it does not accept.
    let _ = score.enqueue();
}

/// Waits until no further request log can come, and returns the latest.
pub(crate) async fn latest(mut receiver: Receiver) -> Option<LoggedRequest> {
    while receiver.changed().await.is_ok() {}
    receiver.borrow().clone()
}

impl Drop for Subscription {
    /// Sends the scores to the latest request log.
    fn drop(&mut self) {
        let State { scores, .. } = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let scores = std::mem::take(scores);
        let logged = self.logged.borrow().clone();
        match logged {
            Some(request) => scores.into_iter().for_each(|score| send(&request, score)),
            None if scores.is_empty() => {}
            None => {
                if let Some(lost) = &self.lost {
                    lost.lost(self.function, scores.len());
                }
            }
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscription").field("function", &self.function).finish_non_exhaustive()
    }
}
