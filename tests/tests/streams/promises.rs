//! The bounds that a boxed stream can have.

use std::pin::Pin;

use futures_core::Stream;
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
            async fn attempt() -> Result<Pin<Box<dyn Stream<Item = String> $(+ $promise)+>>, Fault> {
                Ok(Box::pin(Script::of(["One ".to_owned(), "two".to_owned()])))
            }
            let request = request_of(|| assert_eq!(collect($function()), ["One ", "two"]));
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
