//! Every shape with every ending.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream as _;
use promptlayer_tracing::blueprint::{ErrorType, Prompt, RequestStatus};

use crate::script::{Fault, Opaque, Payload, Script, Seen, Step};
use crate::shapes::{Shape, opaque, results, texts};
use crate::{BoxStream, block_on, captured, collect, request_of};

/// An item that the tests can create and identify.
trait Item: Sized + Send + 'static {
    fn piece(text: &str) -> Self;
    /// Returns an item that represents an error, if the type has one.
    fn fault() -> Option<Self>;
    fn key(&self) -> String;
    /// Returns the expected output for these items.
    fn logged(pieces: &[&str]) -> String {
        pieces.concat()
    }
}

impl Item for String {
    fn piece(text: &str) -> Self {
        text.to_owned()
    }
    fn fault() -> Option<Self> {
        None
    }
    fn key(&self) -> String {
        self.clone()
    }
}

impl Item for Result<String, Fault> {
    fn piece(text: &str) -> Self {
        Ok(text.to_owned())
    }
    fn fault() -> Option<Self> {
        Some(Err(Fault("the line broke")))
    }
    fn key(&self) -> String {
        format!("{self:?}")
    }
}

impl Item for Opaque {
    fn piece(text: &str) -> Self {
        Self(text.to_owned())
    }
    fn fault() -> Option<Self> {
        None
    }
    fn key(&self) -> String {
        self.0.clone()
    }
    fn logged(pieces: &[&str]) -> String {
        pieces.iter().map(|_| "[streams::script::Opaque]").collect()
    }
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Finished,
    FinishedAfterAnError,
    DroppedAfterAnError,
    BeginsWithAnError,
    DroppedEarly,
    DroppedWhilePending,
    Panicked,
    PanickedAtOnce,
    NeverPolled,
    Empty,
}

impl End {
    const ALL: [Self; 10] = [
        Self::Finished,
        Self::FinishedAfterAnError,
        Self::DroppedAfterAnError,
        Self::BeginsWithAnError,
        Self::DroppedEarly,
        Self::DroppedWhilePending,
        Self::Panicked,
        Self::PanickedAtOnce,
        Self::NeverPolled,
        Self::Empty,
    ];

    /// Returns the steps of the stream: `~` is pending, `!` an error item, `*` a panic, and any other text an
    /// item.
    fn script(self) -> &'static [&'static str] {
        match self {
            Self::Finished | Self::DroppedEarly | Self::NeverPolled => {
                &["~", "One ", "two ", "~", "~", "three"]
            }
            Self::FinishedAfterAnError => &["One ", "~", "two", "!"],
            Self::DroppedAfterAnError => &["One ", "!", "never read"],
            Self::BeginsWithAnError => &["!"],
            Self::DroppedWhilePending => &["One ", "~", "never read"],
            Self::Panicked => &["One ", "~", "two", "*"],
            Self::PanickedAtOnce => &["*"],
            Self::Empty => &[],
        }
    }

    /// Returns the number of polls of the reader. If it exceeds the script, the reader reaches the end.
    fn polls(self) -> usize {
        match self {
            Self::DroppedEarly => 3,
            Self::DroppedAfterAnError | Self::DroppedWhilePending => 2,
            Self::NeverPolled => 0,
            Self::Finished | Self::FinishedAfterAnError | Self::BeginsWithAnError | Self::Empty => {
                self.script().len() + 1
            }
            Self::Panicked | Self::PanickedAtOnce => self.script().len(),
        }
    }

    fn steps<T: Item>(self) -> Vec<Step<T>> {
        let step = |word: &&str| match *word {
            "~" => Step::Pending,
            "!" => Step::Item(T::fault().unwrap()),
            "*" => Step::Panic,
            text => Step::Item(T::piece(text)),
        };
        self.script().iter().map(step).collect()
    }

    fn has_error(self) -> bool {
        self.script().contains(&"!")
    }

    /// Returns the items that the reader receives.
    fn pieces(self) -> Vec<&'static str> {
        let read = self.script().iter().take(self.polls());
        read.copied().filter(|word| !["~", "!", "*"].contains(word)).collect()
    }

    /// Returns the expected status, kind of error and error message of the log.
    fn expected(self) -> (RequestStatus, Option<ErrorType>, Option<&'static str>) {
        match self {
            Self::Finished | Self::Empty => (RequestStatus::Success, None, None),
            Self::FinishedAfterAnError | Self::DroppedAfterAnError | Self::BeginsWithAnError => {
                (RequestStatus::Error, Some(ErrorType::UnknownError), Some("the line broke"))
            }
            Self::DroppedEarly | Self::DroppedWhilePending | Self::NeverPolled => (
                RequestStatus::Warning,
                Some(ErrorType::ProviderPartialResponse),
                Some("the call was dropped before it was ready"),
            ),
            Self::Panicked | Self::PanickedAtOnce => {
                (RequestStatus::Error, Some(ErrorType::UnknownError), Some("panicked"))
            }
        }
    }
}

/// Counts wake-ups.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Reads a stream to an ending and checks at every poll that the stream passes through unchanged.
fn read<T: Item>(stream: &mut BoxStream<'static, T>, end: End, seen: &Seen, at: &str) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let script = end.script();
    let mut pending = 0;
    for poll in 0..end.polls() {
        assert_eq!(seen.polls.load(SeqCst), poll, "{at}: polled only when the reader polls");
        assert_eq!(stream.size_hint(), Script::<T>::hint(script.len() - poll), "{at}");
        let polled = catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll_next(&mut context)));
        assert!(tracing::Span::current().is_none(), "{at}: the span is left again");
        match script.get(poll).copied() {
            None => assert!(matches!(polled, Ok(Poll::Ready(None))), "{at}"),
            Some("~") => {
                assert!(matches!(polled, Ok(Poll::Pending)), "{at}");
                pending += 1;
                seen.waker.lock().unwrap().take().unwrap().wake();
                assert_eq!(woken.0.load(SeqCst), pending, "{at}: the reader's own waker");
            }
            Some("*") => {
                let Err(payload) = polled else { panic!("{at}: the panic goes on") };
                assert_eq!(payload.downcast_ref::<Payload>().unwrap().0, 7, "{at}");
            }
            Some(word) => {
                let Ok(Poll::Ready(Some(item))) = polled else { panic!("{at}: no {word:?}") };
                let expected = if word == "!" { T::fault().unwrap() } else { T::piece(word) };
                assert_eq!(item.key(), expected.key(), "{at}");
            }
        }
    }
    assert_eq!(seen.polls.load(SeqCst), end.polls(), "{at}");
}

/// Runs one shape to one ending and checks its log.
fn check<T: Item>(shape: &Shape<T>, end: End) {
    let at = format!("{} of {} {end:?}", shape.name, shape.function);
    let script = Script::new(end.steps::<T>());
    let seen = Arc::clone(&script.seen);
    let captured = captured(|captured| {
        let mut stream = block_on((shape.open)(script)).unwrap();
        read(&mut stream, end, &seen, &at);
        let ended = end.polls() > end.script().len() || end.script().last() == Some(&"*");
        assert_eq!(captured.requests().len(), usize::from(ended), "{at}: logged when it ends, not later");
        drop(stream);
        assert_eq!(seen.drops.load(SeqCst), 1, "{at}");
    });

    let spans = seen.spans.lock().unwrap();
    assert_eq!(spans.len(), end.polls() + 1, "{at}");
    assert!(spans.iter().all(|span| *span == Some(shape.function)), "{at}: {spans:?}");

    let requests = captured.requests();
    assert_eq!(requests.len(), 1, "{at}: {requests:#?}");
    assert_eq!(captured.spans().len(), 1, "{at}");
    let request = &requests[0];
    let (status, kind, message) = end.expected();
    assert_eq!((request.status, request.error_type), (status, kind), "{at}");
    assert_eq!(request.error_message(), message, "{at}");
    assert_eq!(request.input, Prompt::user("why?"), "{at}");
    assert_eq!(request.function_name.as_deref(), Some(shape.function), "{at}");

    let pieces = end.pieces();
    assert_eq!(request.output.text(), T::logged(&pieces), "{at}");
    assert_eq!(request.output.messages().len(), usize::from(!pieces.is_empty()), "{at}: one message");
    let first = request.metadata.get("time_to_first_chunk_ms");
    assert_eq!(first.is_some(), !pieces.is_empty(), "{at}: {first:?}");
    if let Some(first) = first {
        let milliseconds: f64 = first.parse().unwrap();
        let lasted = captured.spans()[0].duration.as_secs_f64() * 1e3;
        assert!((0.0..=lasted + 0.001).contains(&milliseconds), "{at}: {first} of {lasted}");
    }
}

fn check_all<T: Item>(shapes: &[Shape<T>]) {
    assert_eq!(shapes.len(), 3 * 20);
    for shape in shapes {
        for end in End::ALL.into_iter().filter(|end| !end.has_error() || T::fault().is_some()) {
            check(shape, end);
        }
    }
}

#[test]
fn text_stream_of_any_shape_and_ending_is_logged_once() {
    check_all(&texts::all());
}

#[test]
fn result_stream_of_any_shape_and_ending_is_logged_once() {
    check_all(&results::all());
}

#[test]
fn stream_of_items_without_traits_is_logged_once() {
    check_all(&opaque::all());
}

#[test]
fn err_instead_of_a_stream_is_a_failed_request() {
    let shapes: Vec<_> = results::all().into_iter().filter(|shape| shape.refuses).collect();
    assert_eq!(shapes.len(), 3 * 7);
    for shape in shapes {
        let mut script = Script::new([]);
        script.refusal = Some(Fault("rate limit reached"));
        let request = request_of(|| {
            let refused = block_on((shape.open)(script)).err();
            assert_eq!(refused, Some(Fault("rate limit reached")), "{}", shape.name);
        });
        assert_eq!(request.status, RequestStatus::Error, "{} {}", shape.name, shape.function);
        assert_eq!(request.error_type, Some(ErrorType::UnknownError));
        assert_eq!(request.error_message(), Some("rate limit reached"));
        assert_eq!(request.input, Prompt::user("why?"));
        assert!(request.output.messages().is_empty());
        assert!(!request.metadata.contains_key("time_to_first_chunk_ms"));
    }
}

#[test]
fn every_shape_passes_through_without_a_layer() {
    for shape in results::all() {
        for end in End::ALL {
            let at = format!("{} of {} {end:?}", shape.name, shape.function);
            let script = Script::new(end.steps());
            let seen = Arc::clone(&script.seen);
            let mut stream = block_on((shape.open)(script)).unwrap();
            read(&mut stream, end, &seen, &at);
            drop(stream);
            assert_eq!(seen.drops.load(SeqCst), 1, "{at}");
            assert!(seen.spans.lock().unwrap().iter().all(Option::is_none), "{at}");
        }
    }
}

#[test]
fn stream_polled_after_its_end_is_logged_once() {
    let stream = texts::all().into_iter().next().unwrap().open;
    let request = request_of(|| {
        let mut stream = block_on(stream(Script::of(["One".to_owned()]))).unwrap();
        assert_eq!(collect(stream.as_mut()), ["One"]);
        assert!(collect(stream.as_mut()).is_empty());
    });
    assert_eq!(request.output.text(), "One");
}
