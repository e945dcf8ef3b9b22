//! Values that use `tracing` themselves.

use std::pin::pin;
use std::{fmt, io};

use promptlayer_tracing::promptlayer;
use serde::{Serialize, Serializer};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, registry};

use crate::{ask, in_memory, logged, pause, poll_once};

/// A value whose `Serialize`, `Debug` and `Display` implementations use `tracing` and other annotated
/// functions.
struct Chatty;

fn chatter(by: &str) {
    let span = tracing::info_span!("chatter", by);
    let _entered = span.enter();
    tracing::info!("an event");
    assert_eq!(ask(by), format!("You asked: {by}"));
    span.record("by", "again");
}

impl Serialize for Chatty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        chatter("serialize");
        serializer.serialize_str("chatty")
    }
}

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        chatter("debug");
        f.write_str("Chatty")
    }
}

impl fmt::Display for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        chatter("display");
        f.write_str("chatty")
    }
}

impl std::error::Error for Chatty {}

#[test]
fn captured_values_that_use_tracing_do_not_hang_or_nest() {
    #[promptlayer(input = value, metadata(chatty = Chatty), kind = "llm")]
    fn call(value: &Chatty) -> Result<Chatty, Chatty> {
        let _ = value;
        Ok(Chatty)
    }
    #[promptlayer(input = ?value, fields(?value))]
    async fn fails(value: Chatty) -> Result<u8, Chatty> {
        pause().await;
        Err(value)
    }
    #[promptlayer(kind = "tool")]
    fn outer() {
        drop(call(&Chatty));
        let mut failing = pin!(fails(Chatty));
        while poll_once(failing.as_mut()).is_pending() {}
    }
    let (layer, captured) = in_memory();
    let fmt = tracing_subscriber::fmt::layer().with_writer(io::sink);
    with_default(registry().with(layer.and_then(fmt)), outer);

    let requests = captured.requests();
    let of = |name: &str| {
        let mut found = requests.iter().filter(|request| request.function_name.as_deref() == Some(name));
        let request = found.next().unwrap_or_else(|| panic!("no {name}: {requests:#?}"));
        assert!(found.next().is_none(), "{name} is logged once");
        request
    };
    assert_eq!(of("call").input.text(), "chatty");
    assert_eq!(of("call").output.text(), "chatty");
    assert_eq!(of("call").metadata["chatty"], "chatty");
    assert_eq!(of("fails").input.text(), "Chatty");
    assert_eq!(of("fails").error_message(), Some("chatty"));
    // Two requests come from serialization in `call` and one from its metadata. One comes from the input of
    // `fails` and two from its error, which is formatted with `Display` and with `Debug`. While a span is
    // created, `tracing` itself receives nothing.
    let asked = requests.iter().filter(|request| request.function_name.as_deref() == Some("ask")).count();
    assert_eq!(asked, 6, "{:#?}", logged(&captured));
    assert_eq!(captured.spans().len(), 9);
    let (outer, inside) =
        captured.spans().split_last().map(|(last, rest)| (last.clone(), rest.to_vec())).unwrap();
    assert_eq!(outer.name, "outer");
    assert!(outer.request.is_none());
    assert!(inside.iter().all(|span| span.parent_id == Some(outer.span_id)), "{inside:#?}");
}
