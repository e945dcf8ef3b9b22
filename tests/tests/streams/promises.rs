//! The bounds that a boxed stream or future can have.

use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::future::FusedFuture;
use futures_core::stream::FusedStream;
use promptlayer_tracing::promptlayer;

use crate::script::{Fault, Script};
use crate::{block_on, collect, request_of};

#[test]
fn boxed_stream_can_have_send_sync_and_unpin_bounds() {
    macro_rules! check {
        ($($function:ident: $($promise:ident)+;)*) => {$({
            #[promptlayer]
            fn $function() -> Pin<Box<dyn Stream<Item = String> $(+ $promise)+>> {
                Box::pin(Script::of(["One ".to_owned(), "two".to_owned()]))
            }
            #[promptlayer]
            fn not_pinned() -> Box<dyn Stream<Item = String> $(+ $promise)+> {
                Box::new(Script::of(["One ".to_owned(), "two".to_owned()]))
            }
            #[promptlayer]
            fn fused() -> Pin<Box<dyn FusedStream<Item = String> $(+ $promise)+>> {
                Box::pin(Script::of(["One ".to_owned(), "two".to_owned()]))
            }
            #[promptlayer]
            fn fused_not_pinned() -> Box<dyn FusedStream<Item = String> $(+ $promise)+> {
                Box::new(Script::of(["One ".to_owned(), "two".to_owned()]))
            }
            #[promptlayer]
            async fn attempt() -> Result<Pin<Box<dyn Stream<Item = String> $(+ $promise)+>>, Fault> {
                Ok(Box::pin(Script::of(["One ".to_owned(), "two".to_owned()])))
            }
            let request = request_of(|| assert_eq!(collect($function()), ["One ", "two"]));
            assert_eq!(request.output.text(), "One two");
            let request = request_of(|| assert_eq!(collect(Box::into_pin(not_pinned())), ["One ", "two"]));
            assert_eq!(request.output.text(), "One two");
            let request = request_of(|| {
                let stream = fused();
                assert!(!stream.is_terminated());
                assert_eq!(collect(stream), ["One ", "two"]);
            });
            assert_eq!(request.output.text(), "One two");
            let request = request_of(|| assert_eq!(collect(Box::into_pin(fused_not_pinned())), ["One ", "two"]));
            assert_eq!(request.output.text(), "One two");
            let request = request_of(|| assert_eq!(collect(block_on(attempt()).unwrap()), ["One ", "two"]));
            assert_eq!(request.output.text(), "One two");
        })*};
    }
    check! {
        send: Send;
        sync: Sync;
        unpin: Unpin;
        send_sync: Send Sync;
        sync_send: Sync Send;
        send_unpin: Send Unpin;
        sync_unpin: Sync Unpin;
        all: Send Sync Unpin;
    }
}

#[test]
fn boxed_future_can_have_send_sync_and_unpin_bounds() {
    macro_rules! check {
        ($($name:ident: $($promise:ident)+;)*) => {$({
            type Pinned<F> = Pin<Box<F>>;

            #[promptlayer]
            fn pinned() -> Pinned<dyn Future<Output = String> $(+ $promise)+> {
                Box::pin(ready("late".to_owned()))
            }
            #[promptlayer]
            fn not_pinned() -> Box<dyn Future<Output = String> $(+ $promise)+> {
                Box::new(ready("late".to_owned()))
            }
            #[promptlayer]
            fn fused() -> Pinned<dyn FusedFuture<Output = String> $(+ $promise)+> {
                Box::pin(Once(Some("late".to_owned())))
            }
            assert_eq!(request_of(|| assert_eq!(block_on(pinned()), "late")).output.text(), "late");
            let request = request_of(|| assert_eq!(block_on(Box::into_pin(not_pinned())), "late"));
            assert_eq!(request.output.text(), "late");
            let request = request_of(|| {
                let future = fused();
                assert!(!future.is_terminated());
                assert_eq!(block_on(future), "late");
            });
            assert_eq!(request.output.text(), "late");
        })*};
    }
    check! {
        send: Send;
        sync: Sync;
        unpin: Unpin;
        send_sync: Send Sync;
        sync_send: Sync Send;
        send_unpin: Send Unpin;
        sync_unpin: Sync Unpin;
        all: Send Sync Unpin;
    }
}

/// A future that is ready once.
struct Once<T>(Option<T>);

impl<T> Unpin for Once<T> {}

impl<T> Future for Once<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        Poll::Ready(self.0.take().unwrap())
    }
}

impl<T> FusedFuture for Once<T> {
    fn is_terminated(&self) -> bool {
        self.0.is_none()
    }
}
