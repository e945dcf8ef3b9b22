//! The attribute lets the compiler infer the item or output type of a stream or future from the signature.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use promptlayer_tracing::blueprint::LogRequest;
use promptlayer_tracing::{layer, promptlayer};
use tracing_subscriber::prelude::*;

fn request_of(run: impl FnOnce()) -> LogRequest {
    let (layer, captured) = layer().in_memory().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
    let requests = captured.requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    requests.into_iter().next().unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

fn collect<S: Stream>(stream: S) -> Vec<S::Item> {
    let mut stream = pin!(stream);
    let mut items = Vec::new();
    while let Poll::Ready(Some(item)) = stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop())) {
        items.push(item);
    }
    items
}

/// A stream of the items in a list.
struct Items<T>(VecDeque<T>);

impl<T> Unpin for Items<T> {}

impl<T> Stream for Items<T> {
    type Item = T;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(self.0.pop_front())
    }
}

fn items<T>(items: impl IntoIterator<Item = T>) -> Items<T> {
    Items(items.into_iter().collect())
}

#[derive(Debug, PartialEq)]
struct Fault;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer")
    }
}

impl std::error::Error for Fault {}

impl From<fmt::Error> for Fault {
    fn from(_: fmt::Error) -> Self {
        Self
    }
}

fn source(fails: bool) -> Result<&'static str, fmt::Error> {
    if fails { Err(fmt::Error) } else { Ok("One") }
}

#[test]
fn stream_item_type_is_inferred_from_the_signature() {
    #[promptlayer]
    fn none() -> impl Stream<Item = String> {
        items([])
    }
    #[promptlayer]
    async fn into_texts(text: &str) -> impl Stream<Item = String> {
        items(text.split(' ').map(Into::into))
    }
    #[promptlayer]
    fn results(fails: bool) -> impl Stream<Item = Result<String, Fault>> {
        items([source(fails)].map(|source| Ok(source?.to_owned())))
    }
    #[promptlayer]
    fn attempt() -> Result<impl Stream<Item = Result<&'static str, Fault>>, Fault> {
        Ok(items([Ok(source(false)?)]))
    }
    #[promptlayer]
    fn future(text: &str) -> impl Future<Output = Result<impl Stream<Item = &str>, Fault>> {
        async move {
            source(false)?;
            Ok(items(text.split(' ').map(AsRef::as_ref)))
        }
    }
    assert!(request_of(|| assert!(collect(none()).is_empty())).output.messages().is_empty());
    let texts = request_of(|| assert_eq!(collect(block_on(into_texts("a b"))), ["a", "b"]));
    assert_eq!(texts.output.text(), "ab");
    let failed = request_of(|| assert_eq!(collect(results(true)), [Err(Fault)]));
    assert_eq!(failed.error_message(), Some("no answer"));
    let attempt = request_of(|| assert_eq!(collect(attempt().unwrap()), [Ok("One")]));
    assert_eq!(attempt.output.text(), "One");
    let future = request_of(|| assert_eq!(collect(block_on(future("a b")).unwrap()), ["a", "b"]));
    assert_eq!(future.output.text(), "ab");
}

#[test]
fn future_output_type_is_inferred_from_the_signature() {
    #[promptlayer]
    fn text(text: &str) -> impl Future<Output = String> {
        async move { text.into() }
    }
    #[promptlayer]
    fn result(fails: bool) -> impl Future<Output = Result<String, Fault>> + Send {
        async move { Ok(source(fails)?.into()) }
    }
    #[promptlayer]
    fn boxed(fails: bool) -> Pin<Box<dyn Future<Output = Result<String, Fault>> + Send>> {
        Box::pin(async move { Ok(source(fails)?.into()) })
    }
    assert_eq!(request_of(|| assert_eq!(block_on(text("One")), "One")).output.text(), "One");
    let failed = request_of(|| assert_eq!(block_on(result(true)), Err(Fault)));
    assert_eq!(failed.error_message(), Some("no answer"));
    let given = request_of(|| assert_eq!(block_on(boxed(false)).as_deref(), Ok("One")));
    assert_eq!(given.output.text(), "One");
}
