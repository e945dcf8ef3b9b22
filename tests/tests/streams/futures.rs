//! Boxed futures behind other names than `BoxFuture`.

use std::cell::Cell;
use std::future::{Future, poll_fn, ready};
use std::panic::catch_unwind;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use promptlayer_tracing::blueprint::{ErrorType, RequestStatus};
use promptlayer_tracing::promptlayer;
use tests::in_memory::poll_once;
use tower::Service;

use crate::script::{Fault, Script};
use crate::{Answer, block_on, captured, collect, pause, request_of};

/// An alias whose name does not show that it is a future.
type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

struct Model {
    is_down: bool,
}

impl Service<String> for Model {
    type Response = String;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<String, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    #[promptlayer]
    fn call(&mut self, question: String) -> Self::Future {
        let is_down = self.is_down;
        Box::pin(async move {
            pause().await;
            if is_down { Err(Fault("rate limit reached")) } else { Ok(format!("{question} Because.")) }
        })
    }
}

#[test]
fn service_call_lasts_until_its_future_is_ready() {
    let request = request_of(|| {
        let answer = block_on(Model { is_down: false }.call("Why?".to_owned()));
        assert_eq!(answer.as_deref(), Ok("Why? Because."));
    });
    assert_eq!(request.status, RequestStatus::Success);
    assert_eq!(request.output.text(), "Why? Because.");

    let request = request_of(|| {
        let refused = block_on(Model { is_down: true }.call("Why?".to_owned()));
        assert_eq!(refused, Err(Fault("rate limit reached")));
    });
    assert_eq!(request.status, RequestStatus::Error);
    assert_eq!(request.error_message(), Some("rate limit reached"));

    let request = request_of(|| {
        let mut future = pin!(Model { is_down: false }.call("Why?".to_owned()));
        assert!(poll_once(future.as_mut()).is_pending());
    });
    assert_eq!(request.status, RequestStatus::Warning);
    assert_eq!(request.error_type, Some(ErrorType::ProviderPartialResponse));
}

#[test]
fn generic_service_around_another_is_logged() {
    struct Around<S>(S);
    impl<S, R> Service<R> for Around<S>
    where
        S: Service<R> + Clone + Send + 'static,
        S::Future: Send + 'static,
        R: Send + 'static,
    {
        type Response = S::Response;
        type Error = S::Error;
        type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

        fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.0.poll_ready(context)
        }

        #[promptlayer(input = "a request", output = |_: &S::Response| "an answer")]
        fn call(&mut self, request: R) -> Self::Future {
            let mut inner = self.0.clone();
            Box::pin(async move { inner.call(request).await })
        }
    }
    let inner = tower::service_fn(|question: String| ready(Ok::<_, Fault>(question.len())));
    let request = request_of(|| assert_eq!(block_on(Around(inner).call("Why?".to_owned())), Ok(4)));
    assert_eq!((request.status, request.output.text().as_str()), (RequestStatus::Success, "an answer"));
}

#[test]
fn alias_of_a_boxed_future_is_followed() {
    #[promptlayer]
    fn later(question: &str) -> Later<String> {
        let question = question.to_owned();
        Box::pin(async move {
            pause().await;
            question + " Because."
        })
    }
    #[promptlayer]
    fn not_pinned() -> Box<dyn Future<Output = u8> + Send + Unpin> {
        Box::new(ready(1))
    }
    #[promptlayer]
    fn stream() -> Later<Result<Answer<String>, Fault>> {
        Box::pin(async {
            let stream: Answer<String> = Box::pin(Script::of(["One ".to_owned(), "two".to_owned()]));
            Ok(stream)
        })
    }
    #[promptlayer]
    fn panics() -> Later<u8> {
        Box::pin(async { panic!("no model") })
    }
    let request = request_of(|| assert_eq!(block_on(later("Why?")), "Why? Because."));
    assert_eq!(request.output.text(), "Why? Because.");
    assert_eq!(request_of(|| assert_eq!(block_on(not_pinned()), 1)).output.text(), "1");
    let request = request_of(|| assert_eq!(collect(block_on(stream()).unwrap()), ["One ", "two"]));
    assert_eq!(request.output.text(), "One two");
    assert!(request.metadata.contains_key("time_to_first_chunk_ms"));
    let request = request_of(|| drop(catch_unwind(|| block_on(panics())).unwrap_err()));
    assert_eq!(request.error_message(), Some("panicked: no model"));
    assert!(captured(|_| drop(later("Why?"))).spans().is_empty(), "a future that is never polled is no call");
}

#[test]
fn function_that_panics_before_its_future_logs_once() {
    #[promptlayer]
    fn inner(question: &str) -> Later<String> {
        panic!("no future for {question}")
    }
    #[promptlayer]
    fn outer(question: &str) -> usize {
        catch_unwind(|| inner(question)).map_or(0, |_| 1)
    }
    let request = request_of(|| assert_eq!(outer("Why?"), 0));
    assert_eq!(request.function_name.as_deref(), Some("inner"));
    assert_eq!(request.error_message(), Some("panicked: no future for Why?"));
}

#[test]
fn value_in_place_of_a_future_is_logged_at_once() {
    struct Reply(u8);
    impl std::fmt::Display for Reply {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "reply {}", self.0)
        }
    }
    #[promptlayer]
    fn inner() -> Reply {
        Reply(1)
    }
    #[promptlayer]
    fn outer() -> Reply {
        inner()
    }
    let captured = captured(|_| assert_eq!(outer().0, 1));
    let requests = captured.requests();
    assert_eq!(requests.len(), 1, "the innermost call logs");
    assert_eq!(requests[0].output.text(), "reply 1");
    assert_eq!(captured.spans().len(), 2);
}

#[test]
fn thread_local_boxed_future_is_followed() {
    type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
    #[promptlayer]
    fn counted(count: &Rc<Cell<u8>>) -> Local<'_, u8> {
        Box::pin(poll_fn(|_| {
            count.set(count.get() + 1);
            if count.get() < 3 { Poll::Pending } else { Poll::Ready(count.get()) }
        }))
    }
    let request = request_of(|| assert_eq!(block_on(counted(&Rc::default())), 3));
    assert_eq!(request.output.text(), "3");
}
