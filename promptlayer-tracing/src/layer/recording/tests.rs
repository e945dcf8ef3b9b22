//! The types in a call's signature reach the finished span.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use tracing_subscriber::prelude::*;

use super::*;
use crate::capture::type_names::TypeNames;
use promptlayer_blueprint::semconv::SemconvStability;

use crate::layer::PromptLayer;
use crate::process::held::HeldCalls;
use crate::process::{ProcessedSpan, Redact, SpanExporter, SpanProcessor};
use crate::promptlayer;
use crate::propagation::settings::Propagation;

/// Keeps the types of the spans that it receives.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<TypeNames>>>);

impl SpanExporter for Kept {
    fn take(&self, processed: ProcessedSpan) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(processed.span.types);
    }
}

/// Runs a call and returns the types of its span.
fn types_of(run: impl FnOnce()) -> TypeNames {
    let types = types_of_all(run);
    assert_eq!(types.len(), 1, "{types:?}");
    types[0]
}

/// Runs calls and returns the types of their spans.
fn types_of_all(run: impl FnOnce()) -> Vec<TypeNames> {
    let kept = Kept::default();
    let processor = SpanProcessor {
        exporter: Box::new(kept.clone()),
        root: Arc::new(Inherited::default()),
        provider: None,
        capture_content: true,
        redact: Redact::default(),
        sample: 1.0,
        propagation: Propagation::default(),
        gen_ai_fields: false,
        semconv: SemconvStability::default(),
        keeps_trace: true,
        held: HeldCalls::default(),
        undecided: None,
        open_calls: None,
    };
    let layer = PromptLayer::new(Arc::new(processor), None);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
    std::mem::take(&mut *kept.0.lock().unwrap())
}

fn arguments(types: TypeNames) -> Vec<&'static str> {
    types.arguments().collect()
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

struct Client<T>(T);

#[derive(Debug)]
struct Fault;

#[test]
fn types_of_arguments_and_of_the_value_reach_the_span() {
    #[promptlayer(crate = crate)]
    fn ask(client: &Client<u8>, question: &str, api_key: String) -> Result<usize, Fault> {
        if question.is_empty() {
            Err(Fault)
        } else {
            Ok(question.len() + usize::from(client.0) + api_key.len())
        }
    }
    let client = || std::any::type_name::<Client<u8>>();
    for question in ["why?", ""] {
        let types =
            types_of(|| assert_eq!(ask(&Client(1), question, String::new()).is_ok(), !question.is_empty()));
        assert_eq!(arguments(types), [client(), "str", "alloc::string::String"]);
        assert_eq!(types.returned, std::any::type_name::<Result<usize, Fault>>());
    }
}

#[test]
fn types_of_skipped_and_replaced_arguments_are_kept() {
    #[promptlayer(crate = crate, skip(client))]
    async fn some(client: Client<&str>, question: &str) -> u8 {
        let _ = (client.0, question);
        4
    }
    #[promptlayer(crate = crate, skip_all)]
    fn all(client: &mut Client<()>, question: String) {
        let _ = (&mut client.0, question);
    }
    #[promptlayer(crate = crate, input = question)]
    fn replaced(_client: &Client<()>, question: &str) -> usize {
        question.len()
    }
    #[promptlayer(crate = crate)]
    fn nothing() {}
    let types = types_of(|| assert_eq!(block_on(some(Client("a"), "why?")), 4));
    assert_eq!(arguments(types), ["str", std::any::type_name::<Client<&str>>()], "skipped ones are last");
    assert_eq!(types.returned, "u8");
    let types = types_of(|| all(&mut Client(()), String::new()));
    assert_eq!(arguments(types), [std::any::type_name::<Client<()>>(), "alloc::string::String"]);
    let types = types_of(|| assert_eq!(replaced(&Client(()), "why?"), 4));
    assert_eq!(arguments(types), [std::any::type_name::<Client<()>>(), "str"]);
    assert_eq!(types_of(nothing), TypeNames { arguments: "", returned: "()" });
}

#[test]
fn type_of_the_items_of_a_stream_reaches_the_span() {
    struct Items<T>(VecDeque<T>);
    impl<T> Unpin for Items<T> {}
    impl<T> Stream for Items<T> {
        type Item = T;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
            Poll::Ready(self.0.pop_front())
        }
    }
    #[promptlayer(crate = crate)]
    fn opaque() -> impl Stream<Item = Result<u16, Fault>> {
        Items([Ok(1)].into())
    }
    #[promptlayer(crate = crate)]
    fn boxed() -> Pin<Box<dyn Stream<Item = Result<u16, Fault>> + Send>> {
        Box::pin(Items([Ok(1)].into()))
    }
    fn last(stream: impl Stream) {
        let mut stream = pin!(stream);
        while let Poll::Ready(Some(_)) = stream.as_mut().poll_next(&mut Context::from_waker(Waker::noop())) {}
    }
    let item = std::any::type_name::<Result<u16, Fault>>();
    assert_eq!(types_of(|| last(opaque())).returned, item);
    assert_eq!(types_of(|| last(boxed())).returned, item);
}

#[test]
fn call_begun_while_another_span_opens_takes_its_own_span() {
    #[promptlayer(crate = crate)]
    fn causes() -> Vec<tracing::Id> {
        Vec::new()
    }
    #[promptlayer(crate = crate, follows_from = causes())]
    fn ask(question: &str) -> usize {
        question.len()
    }
    let types = types_of_all(|| assert_eq!(ask("why?"), 4));
    let returned: Vec<&str> = types.iter().map(|types| types.returned).collect();
    assert_eq!(returned, [std::any::type_name::<Vec<tracing::Id>>(), "usize"]);
}
