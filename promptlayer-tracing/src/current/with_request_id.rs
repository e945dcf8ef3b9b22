//! The value of a call together with its request id.

use std::future::Future;
use std::sync::Arc;

use promptlayer_blueprint::RequestId;

use crate::hooks::subscription::{self, Subscription};
use crate::scope;

/// Runs a future, and returns its value with the id of the request log of the last model call in it.
///
/// The id is `None` if the future made no model call, if no layer records it, or if the request cannot be delivered.
/// The request is sent without the usual delay of a batch. After the future, this waits until its requests are
/// delivered: while PromptLayer cannot be reached, as long as the delivery is retried. To get the value without that
/// wait, use a handle ([`current`](crate::current())), and set a limit with `tokio::time::timeout`.
///
/// An `async fn` begins when it is polled. For a function that returns a future, and may begin its call at once, write
/// `with_request_id(async { ask().await })`.
///
/// ```
/// use promptlayer_tracing::{promptlayer, with_request_id};
///
/// #[promptlayer]
/// async fn ask(question: &str) -> String {
///     format!("You asked: {question}")
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let (answer, id) = with_request_id(ask("why?")).await;
/// println!("{answer}, logged as {id:?}");
/// # assert!(id.is_none(), "there is no layer");
/// # });
/// ```
pub async fn with_request_id<F: Future>(future: F) -> (F::Output, Option<RequestId>) {
    if !scope::carried::LayerExists::any() {
        return (future.await, None);
    }
    let (subscription, receiver) = Subscription::without_scores();
    subscription.await_id();
    let value = scope().followed_by(Arc::downgrade(&subscription)).run(future).await;
    drop(subscription);
    let logged = subscription::latest(receiver).await;
    (value, logged.map(|request| request.id()))
}
