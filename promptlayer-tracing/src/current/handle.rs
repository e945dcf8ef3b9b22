//! The handle, with the feature `export`.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::future::Future;
use std::iter;
use std::sync::Arc;

use promptlayer_blueprint::providers::{SESSION_ID, USER_ID};
use promptlayer_blueprint::{RequestId, Score, SpanId, Tags, TraceId};
use promptlayer_client::exporter::{check_metadata, invalid_argument};
use serde::Serialize;

use crate::capture::{self, Captured};
use crate::error::Error;
use crate::hooks::subscription::{self, GivenScore};
use crate::layer::innermost;
use crate::layer::open_span::{OpenSpan, Owner, State};
use crate::layer::said::{IdLink, Said};
use crate::prompt_link::ToPromptLink;
use crate::span::finished::Inherited;

/// A handle of a call. It adds to what is logged of the call. [`current`] returns it.
///
/// The call is the innermost one that is open: an annotated function, or the call of another crate (rig, genai) that
/// the layer records. A handle does nothing if there is no such call, if no layer records it, and, except for the ids
/// and the scores, after the call has ended. It can be cloned and sent to other threads.
///
/// What is invalid (an empty tag, a score of 101) is left out, and [`on_error`](crate::LayerBuilder::on_error)
/// receives the reason.
///
/// ```
/// use promptlayer_tracing::promptlayer;
/// # use tracing_subscriber::prelude::*;
///
/// #[promptlayer]
/// fn ask(question: &str, customer: &str) -> String {
///     let call = promptlayer_tracing::current();
///     call.tag("support").metadata("customer", customer).user(customer);
///
///     let answer = format!("You asked: {question}");
///     if answer.len() < 100 {
///         call.score(100);
///     }
///     answer
/// }
///
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// # let (layer, captured) = promptlayer_tracing::layer().in_memory()?;
/// # let _default = tracing_subscriber::registry().with(layer).set_default();
/// ask("why?", "ada");
/// # let request = captured.requests().remove(0);
/// # assert!(request.tags.contains("support") && request.metadata["user_id"] == "ada");
/// # assert_eq!(request.score, Some(promptlayer_tracing::Score::MAX));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CurrentCall {
    open: Option<Arc<OpenSpan>>,
}

/// Returns a handle of the innermost call that this code runs in.
///
/// The call is found by the current span of `tracing`. In a task or a thread that the call started, it is found if
/// that code runs in the span of the call (`tracing`'s `in_current_span`). Otherwise, get the handle before, and move
/// it there.
///
/// ```
/// use promptlayer_tracing::promptlayer;
///
/// #[promptlayer]
/// async fn ask(question: String) -> String {
///     let call = promptlayer_tracing::current();
///     // … in another task, thread or callback:
///     let check = std::thread::spawn(move || {
///         call.metadata("checked_by", "moderation");
///     });
///     # check.join().ok();
///     format!("You asked: {question}")
/// }
/// ```
pub fn current() -> CurrentCall {
    CurrentCall::new(open_call())
}

/// Returns the record of the innermost open call around this code.
fn open_call() -> Option<Arc<OpenSpan>> {
    let recorded = innermost::span()?;
    let is_open_call = |span: &OpenSpan| match span.lock().owner {
        Owner::Call => true,
        Owner::Layer => span.external.is_some(),
        Owner::Gone => false,
    };
    iter::successors(Some(recorded), |span| span.outer.clone()).find(|span| is_open_call(span))
}

impl CurrentCall {
    fn new(open: Option<Arc<OpenSpan>>) -> Self {
        if let Some(open) = &open {
            open.subscribe();
        }
        Self { open }
    }

    /// Returns `true` if the call is recorded and has not ended.
    pub fn is_recording(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.lock().owner != Owner::Gone)
    }

    /// Adds a tag to the call, and to the calls that begin inside it from now on.
    ///
    /// A tag is not empty and at most [`Tags::MAX_CHARACTERS`] characters long.
    pub fn tag(&self, tag: impl Into<Cow<'static, str>>) -> &Self {
        self.checked(|| Ok(Tags::new([tag])?), |state, tag| inherited(state).tags.merge(&tag))
    }

    /// Adds metadata to the call, and to the calls that begin inside it from now on. It replaces a value of the same
    /// key.
    ///
    /// A key is not empty and at most 1024 characters long.
    pub fn metadata(&self, key: impl Into<String>, value: impl Display) -> &Self {
        let check = || {
            let key = key.into();
            let value = capture::shown(&value)
                .ok_or_else(|| invalid_argument("metadata", format!("the `Display` of `{key}` panicked")))?;
            let metadata = [(key, value)].into();
            check_metadata(&metadata)?;
            Ok(metadata)
        };
        self.checked(check, |state, metadata| inherited(state).metadata.extend(metadata))
    }

    /// Sets the user for whom the call is made: the metadata `user_id`.
    pub fn user(&self, id: impl Display) -> &Self {
        self.metadata(USER_ID, id)
    }

    /// Sets the session (conversation, thread) that the call belongs to: the metadata `session_id`.
    pub fn session(&self, id: impl Display) -> &Self {
        self.metadata(SESSION_ID, id)
    }

    /// Links the call, and the calls that begin inside it from now on, to a prompt template, as the attribute's
    /// `prompt` does.
    pub fn set_prompt(&self, prompt: &(impl ToPromptLink + ?Sized)) -> &Self {
        let check = || {
            capture::guarded(|| prompt.to_prompt_link())
                .ok_or_else(|| invalid_argument("prompt", "its `to_prompt_link` panicked").into())
        };
        self.checked(check, |state, prompt| inherited(state).prompt = Some(prompt))
    }

    /// Sets what is logged as the input instead of the arguments, as the attribute's `input` does: a text, messages,
    /// or a provider's request.
    pub fn set_input(&self, input: &(impl Serialize + ?Sized)) -> &Self {
        self.captured(input, |said, input| said.input = Some(input))
    }

    /// Sets what is logged as the output instead of the returned value, as the attribute's `output` does: a text,
    /// messages, or a provider's response. It is logged also if the call fails.
    pub fn set_output(&self, output: &(impl Serialize + ?Sized)) -> &Self {
        self.captured(output, |said, output| said.output = Some(output))
    }

    /// Sets the model, instead of the detected one.
    pub fn set_model(&self, model: impl Into<String>) -> &Self {
        self.said(|said| said.model = Some(model.into()))
    }

    /// Sets the provider, instead of the detected one.
    pub fn set_provider(&self, provider: impl Into<String>) -> &Self {
        self.said(|said| said.provider = Some(provider.into()))
    }

    /// Scores the call with a whole number from 0 to 100 or a [`Score`]. A later score replaces it.
    ///
    /// A score that is given before the call ends is part of its request log. A later score, and a score of a function
    /// whose request log is that of a call inside, is sent by the export pipeline when the request id is known. If the
    /// request gets no id, the score is counted as dropped
    /// ([`DropReason::NoRequest`](crate::export::DropReason::NoRequest)).
    pub fn score<S>(&self, score: S) -> &Self
    where
        S: TryInto<Score>,
        Error: From<S::Error>,
    {
        self.give_score(None::<&str>, score)
    }

    /// Adds a score with a name, for calls with more than one. The export pipeline sends it as soon as there is an id.
    pub fn score_named<S>(&self, name: impl Into<String>, score: S) -> &Self
    where
        S: TryInto<Score>,
        Error: From<S::Error>,
    {
        self.give_score(Some(name), score)
    }

    /// Returns the id of the trace. `None` if no call is recorded.
    pub fn trace_id(&self) -> Option<TraceId> {
        Some(self.open.as_ref()?.place().trace_id)
    }

    /// Returns the id of the call's span in the trace. `None` if no call is recorded.
    pub fn span_id(&self) -> Option<SpanId> {
        Some(self.open.as_ref()?.place().span_id)
    }

    /// Waits for the id of the request log: that of the call, or, if the calls inside make the request logs, that of
    /// the last one. The request is sent without the usual delay of a batch.
    ///
    /// Returns `None` if there is no request log, or if it cannot be delivered. Await it after the call: inside the
    /// call, it would wait for itself. To get the value of a call and its id, see
    /// [`with_request_id`](crate::with_request_id). While PromptLayer cannot be reached, it waits as long as the
    /// delivery is retried; set a limit with `tokio::time::timeout`.
    ///
    /// ```
    /// use promptlayer_tracing::{CurrentCall, promptlayer};
    ///
    /// #[promptlayer]
    /// async fn ask(question: &str) -> (String, CurrentCall) {
    ///     (format!("You asked: {question}"), promptlayer_tracing::current())
    /// }
    ///
    /// async fn answer() {
    ///     let (answer, call) = ask("why?").await;
    ///     println!("{answer}, logged as {:?}", call.request_id().await);
    /// }
    /// ```
    pub fn request_id(&self) -> impl Future<Output = Option<RequestId>> + Send + use<> {
        let link = self.open.as_ref().and_then(|open| open.link.get());
        if let (Some(open), Some(link)) = (&self.open, link) {
            if let Some(subscription) = link.subscription.upgrade() {
                subscription.await_id();
            }
            // The call may have ended already, and wait in the queue.
            open.processor.exporter.hurry();
        }
        let receiver = link.map(|link| link.receiver.clone());
        async { Some(subscription::latest(receiver?).await?.id()) }
    }

    /// Changes the open call. Does nothing after its end.
    fn change(&self, change: impl FnOnce(&mut State)) -> &Self {
        if let Some(open) = &self.open {
            let mut state = open.lock();
            if state.owner != Owner::Gone {
                change(&mut state);
                state.changed();
            }
        }
        self
    }

    /// Checks a value, and changes the open call with it. The check may run the user's code, so nothing is locked.
    fn checked<T>(
        &self,
        check: impl FnOnce() -> Result<T, Error>,
        change: impl FnOnce(&mut State, T),
    ) -> &Self {
        let Some(open) = self.open.as_ref().filter(|_| self.is_recording()) else { return self };
        match check() {
            Ok(value) => self.change(|state| change(state, value)),
            Err(error) => {
                open.processor.exporter.report(error);
                self
            }
        }
    }

    fn said(&self, change: impl FnOnce(&mut Said)) -> &Self {
        self.change(|state| {
            if let Some(said) = &mut state.said {
                change(said);
            }
        })
    }

    fn captured<T: Serialize + ?Sized>(&self, value: &T, change: impl FnOnce(&mut Said, Captured)) -> &Self {
        if !self.is_recording() {
            return self;
        }
        let captured = capture::by_serialize(value);
        self.said(|said| change(said, captured))
    }

    fn give_score<S>(&self, name: Option<impl Into<String>>, score: S) -> &Self
    where
        S: TryInto<Score>,
        Error: From<S::Error>,
    {
        let Some(open) = &self.open else { return self };
        let Some(link) = open.link.get() else { return self };
        let name = name.map(Into::into);
        let is_empty = name.as_ref().is_some_and(|name: &String| name.trim().is_empty());
        let score = match score.try_into() {
            Ok(_) if is_empty => Err(invalid_argument("score name", "it is empty; leave it out").into()),
            Ok(score) => Ok(GivenScore { name, score }),
            Err(error) => Err(error.into()),
        };
        match score {
            Ok(score) => give(open, link, score),
            Err(error) => open.processor.exporter.report(error),
        }
        self
    }
}

impl fmt::Debug for CurrentCall {
    /// Prints the ids, and none of the recorded content.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CurrentCall")
            .field("trace_id", &self.trace_id())
            .field("span_id", &self.span_id())
            .finish_non_exhaustive()
    }
}

fn inherited(state: &mut State) -> &mut Inherited {
    Arc::make_mut(&mut state.inherited)
}

fn give(open: &OpenSpan, link: &IdLink, score: GivenScore) {
    if let Some(subscription) = link.subscription.upgrade() {
        return subscription.score(score);
    }
    // The call has been delivered or lost.
    let logged = link.receiver.borrow().clone();
    match logged {
        Some(request) => subscription::send(&request, score),
        None => subscription::LostScores::lost(&*open.processor, open.name, 1),
    }
}
