//! Tags, metadata and more for a stretch of code that has no function of its own.
//!
//! [`scope()`](crate::scope()) returns a builder, which runs a future or a closure. Every call that begins inside
//! inherits what the scope carries, as from an annotated function around it: calls of annotated functions, exchanges
//! of the module `middleware`, and spans of other crates. The scope itself makes no span.
//!
//! ```
//! use promptlayer_tracing::promptlayer;
//!
//! #[promptlayer]
//! async fn ask(question: &str) -> String {
//!     format!("… answer to {question} …")
//! }
//!
//! async fn handle(user: &str, question: &str) -> String {
//!     promptlayer_tracing::scope()
//!         .tags(["chat"])
//!         .metadata([("tenant", "acme")])
//!         .user(user)
//!         .session("2026-07-01/7")
//!         .run(async { ask(question).await })
//!         .await
//! }
//! # use tracing_subscriber::prelude::*;
//! # let (layer, captured) = promptlayer_tracing::layer().in_memory()?;
//! # let _default = tracing_subscriber::registry().with(layer).set_default();
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(handle("u-1", "why?"));
//! # let request = &captured.requests()[0];
//! # assert!(request.tags.contains("chat"));
//! # assert_eq!(request.metadata["tenant"], "acme");
//! # assert_eq!((&*request.metadata["user_id"], &*request.metadata["session_id"]), ("u-1", "2026-07-01/7"));
//! # Ok::<(), promptlayer_tracing::Error>(())
//! ```
//!
//! # Nested scopes
//!
//! A scope starts with what the scope around it carries. Tags are added; metadata with the same key, the user, the
//! session and the prompt are replaced. What an annotated function inside the scope says takes precedence in the same
//! way.
//!
//! # Tasks and threads
//!
//! A task that is spawned inside a scope is outside of it, and so is another thread. Take the scope along with
//! [`in_current_scope`](InCurrentScope::in_current_scope) or with [`Scope::in_scope`]. A span that was opened inside a
//! scope passes on what it inherited, wherever it is entered.
//!
//! ```
//! use promptlayer_tracing::scope::InCurrentScope;
//!
//! # async fn summarize() {}
//! # fn block() {}
//! # async fn handle() {
//! promptlayer_tracing::scope()
//!     .tags(["batch"])
//!     .run(async {
//!         tokio::spawn(summarize().in_current_scope());
//!         let scope = promptlayer_tracing::scope();
//!         tokio::task::spawn_blocking(move || scope.in_scope(block));
//!     })
//!     .await;
//! # }
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(handle());
//! ```
//!
//! # Without a layer
//!
//! As long as no [`layer`](crate::layer()) exists, or without the feature `export`, a scope does nothing and allocates
//! nothing.

#[cfg(feature = "export")]
mod additions;
#[cfg(feature = "export")]
pub(crate) mod carried;
#[cfg(feature = "export")]
mod current;
#[cfg(not(feature = "export"))]
mod disabled;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
#[cfg(feature = "export")]
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use futures_core::future::FusedFuture;
use pin_project_lite::pin_project;

#[cfg(feature = "export")]
use self::additions::Additions;
#[cfg(feature = "export")]
use self::current::Handle;
#[cfg(not(feature = "export"))]
use self::disabled::{Additions, Handle};
use crate::capture;
#[cfg(feature = "export")]
use crate::hooks::subscription::Subscription;
use crate::prompt_link::ToPromptLink;
#[cfg(feature = "export")]
use crate::propagation::remote::Remote;

// The keys are those of `promptlayer_blueprint::providers`, which is there only with the feature `export`.
/// The metadata key of the user.
const USER: &str = "user_id";
/// The metadata key of the session.
const SESSION: &str = "session_id";

/// What calls inside a stretch of code inherit. [`scope()`](crate::scope()) creates it; see the [module](self) for
/// an example.
///
/// Values are checked as those of [`layer`](crate::layer()) are: a tag must not be empty or longer than 512
/// characters, and neither may a key of metadata be empty or longer than 1024. A scope cannot fail, so an invalid value
/// is left out and the others are kept. The layer that records the first span inside reports it to
/// [`on_error`](crate::LayerBuilder::on_error).
#[derive(Clone)]
#[must_use = "a scope does nothing until it runs something"]
pub struct Scope {
    around: Handle,
    additions: Additions,
}

impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl Scope {
    /// Creates a scope that carries what the current one does.
    pub(crate) fn new() -> Self {
        Self { around: Handle::current(), additions: Additions::default() }
    }

    /// Creates a scope inside the current one whose spans continue a trace.
    #[cfg(feature = "export")]
    pub(crate) fn continuing(remote: Arc<Remote>) -> Self {
        let mut scope = Self::new();
        scope.additions.continue_trace(remote);
        scope
    }

    /// Adds tags to the calls inside. A tag that is present already is not added again.
    ///
    /// ```
    /// let tenant = 7;
    /// promptlayer_tracing::scope().tags([format!("tenant-{tenant}")]).in_scope(|| {
    ///     // …
    /// });
    /// ```
    pub fn tags<T: Into<Cow<'static, str>>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        if self.additions.is_of_use() {
            tags.into_iter().for_each(|tag| self.additions.tag(tag.into()));
        }
        self
    }

    /// Adds metadata to the calls inside. It replaces metadata with the same keys.
    ///
    /// ```
    /// promptlayer_tracing::scope().metadata([("tenant", "acme"), ("region", "eu")]).in_scope(|| {
    ///     // …
    /// });
    /// ```
    pub fn metadata<K, V>(mut self, metadata: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        if self.additions.is_of_use() {
            metadata.into_iter().for_each(|(key, value)| self.additions.metadata(key.into(), value.into()));
        }
        self
    }

    /// Sets the user for whom the calls are made: the metadata `user_id` of their request logs, and the attribute
    /// `user.id` of their spans.
    pub fn user(self, id: impl Into<String>) -> Self {
        self.metadata([(USER, id)])
    }

    /// Sets the session, or conversation, to which the calls belong: the metadata `session_id` of their request logs,
    /// and the attribute `gen_ai.conversation.id` of their spans.
    pub fn session(self, id: impl Into<String>) -> Self {
        self.metadata([(SESSION, id)])
    }

    /// Sets the prompt template of the calls, as the attribute's `prompt` does.
    ///
    /// ```
    /// promptlayer_tracing::scope().prompt(("greeting", 2)).in_scope(|| {
    ///     // …
    /// });
    /// ```
    pub fn prompt(mut self, prompt: impl ToPromptLink) -> Self {
        if self.additions.is_of_use()
            && let Some(prompt) = capture::guarded(|| prompt.to_prompt_link())
        {
            self.additions.prompt(prompt);
        }
        self
    }

    /// Attaches a subscription to the request logs of the calls inside.
    #[cfg(feature = "export")]
    pub(crate) fn followed_by(mut self, subscription: Weak<Subscription>) -> Self {
        self.additions.follow(subscription);
        self
    }

    /// Runs a future in the scope: whenever it is polled, and when it is dropped.
    ///
    /// An `async fn` begins when it is polled, and is therefore inside. A function that returns a future may begin
    /// its call at once: `run(async { ask().await })` is right for both.
    pub fn run<F: Future>(self, future: F) -> Scoped<F> {
        Scoped { scope: self.finish(), future: Some(future) }
    }

    /// Runs a closure in the scope.
    ///
    /// ```
    /// # fn import(_: &str) {}
    /// promptlayer_tracing::scope().user("u-1").in_scope(|| import("letters.txt"));
    /// ```
    pub fn in_scope<R>(self, run: impl FnOnce() -> R) -> R {
        let scope = self.finish();
        let _entered = scope.enter();
        run()
    }

    /// Runs a future that is made inside the scope.
    #[cfg(feature = "tower")]
    pub(crate) fn run_made<F: Future>(self, make: impl FnOnce() -> F) -> Scoped<F> {
        let scope = self.finish();
        let future = {
            let _entered = scope.enter();
            make()
        };
        Scoped { scope, future: Some(future) }
    }

    fn finish(self) -> Handle {
        self.additions.inside(self.around)
    }
}

pin_project! {
    /// A future that runs in a scope. [`Scope::run`] creates it.
    #[must_use = "futures do nothing unless they are awaited or polled"]
    pub struct Scoped<F> {
        scope: Handle,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.scope.enter();
            this.future.set(None);
        }
    }
}

impl<F> fmt::Debug for Scoped<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scoped").finish_non_exhaustive()
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    /// # Panics
    ///
    /// Panics if it is polled after it completed, like every `async fn`.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = this.scope.enter();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("`async fn` resumed after completion");
        };
        let output = ready!(future.poll(context));
        this.future.set(None);
        Poll::Ready(output)
    }
}

impl<F: FusedFuture> FusedFuture for Scoped<F> {
    fn is_terminated(&self) -> bool {
        self.future.as_ref().is_none_or(FusedFuture::is_terminated)
    }
}

/// Takes the current scope along with a future, for example into a spawned task.
///
/// ```
/// use promptlayer_tracing::scope::InCurrentScope;
///
/// # async fn summarize() {}
/// async fn handle() {
///     tokio::spawn(summarize().in_current_scope());
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(handle());
/// ```
pub trait InCurrentScope: Future + Sized {
    /// Runs the future in the scope in which this method is called. Outside of any scope, it changes nothing.
    fn in_current_scope(self) -> Scoped<Self> {
        Scope::new().run(self)
    }
}

impl<F: Future> InCurrentScope for F {}
