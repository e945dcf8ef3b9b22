//! `#[promptlayer]` as a replacement for `#[tracing::instrument]`: a subscriber sees the same spans, entries,
//! exits and events in the same order.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};

use promptlayer_tracing::layer;
use tests::in_memory::{block_on, pause, poll_once};
use tracing::field::{Field, Visit};
use tracing::subscriber::with_default;
use tracing::{Event, Id, Span, Subscriber, span};
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

/// Records what a subscriber sees.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn name<S: Subscriber + for<'a> LookupSpan<'a>>(id: &Id, context: &Context<'_, S>) -> &'static str {
        context.span(id).unwrap().name()
    }
}

/// Returns the target without the name of the module, which differs by attribute.
fn target(metadata: &tracing::Metadata<'_>) -> String {
    metadata.target().replace("::instrumented", "").replace("::annotated", "")
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        let parent = match attributes.parent() {
            Some(parent) => Self::name(parent, &context),
            None if attributes.is_root() => "root",
            None => "contextual",
        };
        let name = Self::name(id, &context);
        self.note(format!("new {name} {} {} parent {parent}", metadata.level(), target(metadata)));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        self.note(format!("{} follows {}", Self::name(id, &context), Self::name(follows, &context)));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.note(format!("enter {}", Self::name(id, &context)));
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.note(format!("exit {}", Self::name(id, &context)));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.note(format!("close {}", Self::name(&id, &context)));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let inside = context.lookup_current().map_or("nothing", |span| span.name());
        let mut line = format!("event in {inside}: {} {}", metadata.level(), target(metadata));
        event.record(&mut Fields(&mut line));
        self.note(line);
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

/// Returns what a subscriber sees of a function, with or without the layer of this library.
fn seen(has_layer: bool, run: fn()) -> Vec<String> {
    let recorder = Recorder::default();
    let run = || drop(catch_unwind(AssertUnwindSafe(run)));
    if has_layer {
        let (layer, _captured) = layer().in_memory().unwrap();
        with_default(tracing_subscriber::registry().with(layer).with(recorder.clone()), run);
    } else {
        with_default(tracing_subscriber::registry().with(recorder.clone()), run);
    }
    recorder.0.lock().unwrap().clone()
}

/// Defines the functions in two modules, one for each attribute, and lists them.
macro_rules! twins {
    ($( $name:ident: [$($arguments:tt)*] { $($function:tt)* } $run:expr; )*) => {
        mod instrumented {
            use super::*;
            $(#[allow(unused, clippy::all, clippy::pedantic, reason = "what an attribute does with odd functions")]
            mod $name {
                use super::*;
                twins!(@ [#[tracing::instrument(skip_all, $($arguments)*)]] [] $($function)*);
                pub(super) fn run() { $run }
            })*
            pub(super) const ALL: &[(&str, fn())] = &[$((stringify!($name), $name::run)),*];
        }
        mod annotated {
            use super::*;
            $(#[allow(unused, clippy::all, clippy::pedantic, reason = "what an attribute does with odd functions")]
            mod $name {
                use super::*;
                twins!(@ [#[promptlayer_tracing::promptlayer(skip_all, $($arguments)*)]] [] $($function)*);
                pub(super) fn run() { $run }
            })*
            pub(super) const ALL: &[(&str, fn())] = &[$((stringify!($name), $name::run)),*];
        }
    };
    // Puts the attribute before each `fn`, including those in an `impl`.
    (@ [$($attribute:tt)*] [$($done:tt)*] @attr $($rest:tt)*) => {
        twins!(@ [$($attribute)*] [$($done)* $($attribute)*] $($rest)*);
    };
    (@ [$($attribute:tt)*] [$($done:tt)*] impl $type:ident { $($inner:tt)* }) => {
        twins!(@impl [$($attribute)*] [$($done)* impl $type] [] $($inner)*);
    };
    (@ [$($attribute:tt)*] [$($done:tt)*] $next:tt $($rest:tt)*) => {
        twins!(@ [$($attribute)*] [$($done)* $next] $($rest)*);
    };
    (@ [$($attribute:tt)*] [$($done:tt)*]) => { $($done)* };
    (@impl [$($attribute:tt)*] [$($before:tt)*] [$($done:tt)*] @attr $($rest:tt)*) => {
        twins!(@impl [$($attribute)*] [$($before)*] [$($done)* $($attribute)*] $($rest)*);
    };
    (@impl [$($attribute:tt)*] [$($before:tt)*] [$($done:tt)*] $next:tt $($rest:tt)*) => {
        twins!(@impl [$($attribute)*] [$($before)*] [$($done)* $next] $($rest)*);
    };
    (@impl [$($attribute:tt)*] [$($before:tt)*] [$($done:tt)*]) => { $($before)* { $($done)* } };
}

type Failing = Result<u8, String>;

fn half(x: u8) -> Failing {
    tracing::info!(x, "halving");
    if x.is_multiple_of(2) { Ok(x / 2) } else { Err(format!("{x} is odd")) }
}

async fn half_later(x: u8) -> Failing {
    pause().await;
    half(x)
}

/// Emits an event when it is dropped.
struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        tracing::info!(name = self.0, "dropped");
    }
}

const TARGET: &str = "elsewhere";
const LEVEL: tracing::Level = tracing::Level::DEBUG;

twins! {
    plain: [] { @attr fn f(x: u8) -> Failing { half(x) } } { drop(f(2)); drop(f(1)) };
    unit: [ret] { @attr fn f() { tracing::info!("inside"); } } f();
    err: [err] { @attr fn f(x: u8) -> Failing { half(x) } } { drop(f(2)); drop(f(1)) };
    ret: [ret] { @attr fn f(x: u8) -> Failing { half(x) } } { drop(f(2)); drop(f(1)) };
    err_and_ret: [err, ret] { @attr fn f(x: u8) -> Failing { half(x) } } { drop(f(2)); drop(f(1)) };
    err_level: [err(level = "warn")] { @attr fn f(x: u8) -> Failing { half(x) } } drop(f(1));
    err_debug: [err(Debug)] { @attr fn f(x: u8) -> Failing { half(x) } } drop(f(1));
    ret_level: [ret(level = "debug")] { @attr fn f(x: u8) -> Failing { half(x) } } drop(f(2));
    ret_display: [err(Debug, level = "info"), ret(Display)] { @attr fn f(x: u8) -> Failing { half(x) } } drop(f(2));
    paths: [target = TARGET, level = LEVEL, name = "other", err(level = LEVEL), ret] {
        @attr fn f(x: u8) -> Failing { half(x) }
    } { drop(f(2)); drop(f(1)) };
    early: [err, ret] {
        @attr fn f(x: u8) -> Failing {
            let _kept = Noisy("kept");
            let halved = half(x)?;
            if halved == 1 { return Ok(7); }
            half(halved)
        }
    } { drop(f(1)); drop(f(2)); drop(f(4)) };
    arguments: [ret] { @attr fn f(kept: Noisy) -> usize { kept.0.len() } } { let _ = f(Noisy("kept")); };
    panics: [err, ret] { @attr fn f(x: u8) -> Failing { assert!(half(x).is_ok()); Ok(1) } } drop(f(1));
    borrowed: [ret] { @attr fn f(text: &str) -> &str { text.trim() } } { let _ = f(" text "); };
    generic: [ret] { @attr fn f<T: fmt::Debug + Clone>(values: &[T]) -> Vec<T> { values.to_vec() } } {
        drop(f(&[1, 2]));
        drop(f(&["a"]));
    };
    caller: [err, ret] { @attr #[track_caller] fn f(x: u8) -> Failing { half(x) } } { drop(f(2)); drop(f(1)) };
    implied: [ret] { @attr fn f(x: u8) -> impl fmt::Debug { half(x) } } drop(f(2));
    methods: [ret] {
        #[derive(Clone, Copy, Debug)]
        struct Counter(u8);
        impl Counter {
            @attr fn by_reference(&self, x: u8) -> u8 { self.0 + x }
            @attr fn by_mutable_reference(&mut self, x: u8) -> u8 { self.0 += x; self.0 }
            @attr fn by_value(self) -> Self { self }
            @attr async fn later(&mut self, x: u8) -> &u8 { pause().await; self.0 += x; &self.0 }
        }
    } {
        let mut counter = Counter(1);
        let _ = (counter.by_reference(1), counter.by_mutable_reference(1), counter.by_value());
        let _ = block_on(counter.later(1));
    };
    nested: [err, ret] {
        @attr fn outer(x: u8) -> Failing { inner(x)?; half(x) }
        @attr fn inner(x: u8) -> Failing { half(x) }
    } { drop(outer(2)); drop(outer(1)) };

    no_parent: [parent = None, ret] { @attr fn f() -> u8 { 1 } } {
        let _entered = tracing::info_span!("around").entered();
        let _ = f();
    };
    parent_by_value: [parent = parent] { @attr fn f<P: Into<Option<Id>>>(parent: P) {} } {
        let around = tracing::info_span!("around");
        f(&around);
        f(around.id());
        f(None);
    };
    parent_by_value_later: [parent = parent] { @attr async fn f<P: Into<Option<Id>>>(parent: P) { pause().await } } {
        let around = tracing::info_span!("around");
        block_on(f(&around));
        block_on(f(around.id()));
    };
    parent_by_reference: [parent = &parent] { @attr fn f(parent: Span) -> bool { parent.is_none() } } {
        let _ = f(tracing::info_span!("around"));
    };
    parent_of_a_part: [parent = request.parent] {
        struct Request { parent: Option<Id> }
        @attr fn f(request: Request) {}
    } {
        let around = tracing::info_span!("around");
        f(Request { parent: around.id() });
    };
    parent_of_self: [parent = self.parent] {
        struct Request { parent: Option<Id> }
        impl Request { @attr fn f(self) { tracing::info!("inside"); } }
    } {
        let around = tracing::info_span!("around");
        Request { parent: around.id() }.f();
    };
    parent_that_the_body_copies: [parent = parent] { @attr fn f(parent: &Span) -> bool { parent.is_none() } } {
        let _ = f(&tracing::info_span!("around"));
    };
    follows: [follows_from = causes] {
        @attr fn f(causes: impl IntoIterator<Item = impl Into<Option<Id>>>) { tracing::info!("inside"); }
    } {
        let causes = [tracing::info_span!("first"), tracing::info_span!("second")];
        f(&causes);
        f(causes.iter().map(Span::id).collect::<Vec<_>>());
    };
    follows_later: [follows_from = causes] {
        @attr async fn f(causes: impl IntoIterator<Item = impl Into<Option<Id>>>) { pause().await }
    } {
        let causes = [tracing::info_span!("first"), tracing::info_span!("second")];
        block_on(f(&causes));
        block_on(f(causes.iter().map(Span::id).collect::<Vec<_>>()));
    };
    follows_of_a_part: [follows_from = causes.into_iter().flatten(), ret] {
        @attr fn f(causes: Option<Vec<Id>>) -> u8 { 1 }
    } {
        let cause = tracing::info_span!("cause");
        let _ = f(Some(vec![cause.id().unwrap()]));
    };
    fields_by_value: [fields(length = count(text))] {
        fn count(text: String) -> usize { text.len() }
        @attr fn f(text: String) {}
    } f("text".to_owned());

    later: [] { @attr async fn f(x: u8) -> Failing { half_later(x).await } } { drop(block_on(f(2))); drop(block_on(f(1))) };
    err_later: [err] { @attr async fn f(x: u8) -> Failing { half_later(x).await } } {
        drop(block_on(f(2)));
        drop(block_on(f(1)));
    };
    ret_later: [ret] { @attr async fn f(x: u8) -> Failing { half_later(x).await } } drop(block_on(f(2)));
    err_and_ret_later: [err(Debug), ret(level = "warn")] { @attr async fn f(x: u8) -> Failing { half_later(x).await } } {
        drop(block_on(f(2)));
        drop(block_on(f(1)));
    };
    early_later: [err, ret] {
        @attr async fn f(x: u8) -> Failing {
            let _kept = Noisy("kept");
            let halved = half_later(x).await?;
            if halved == 1 { return Ok(7); }
            half_later(halved).await
        }
    } { drop(block_on(f(1))); drop(block_on(f(2))); drop(block_on(f(4))) };
    arguments_later: [ret] {
        @attr async fn f(kept: Noisy) -> usize { pause().await; kept.0.len() }
    } { let _ = block_on(f(Noisy("kept"))); };
    panics_later: [err, ret] { @attr async fn f(x: u8) -> Failing { assert!(half_later(x).await.is_ok()); Ok(1) } } {
        drop(block_on(f(1)));
    };
    cancelled: [err, ret] { @attr async fn f(x: u8) -> Failing { let _kept = Noisy("kept"); half_later(x).await } } {
        let mut future = Box::pin(f(1));
        assert!(poll_once(future.as_mut()).is_pending());
    };
    never_polled: [ret] { @attr async fn f(x: u8) -> u8 { x } } drop(f(1));
    nested_later: [err, ret] {
        @attr async fn outer(x: u8) -> Failing { inner(x).await?; half(x) }
        @attr async fn inner(x: u8) -> Failing { half_later(x).await }
    } { drop(block_on(outer(2))); drop(block_on(outer(1))) };
    joined: [ret] { @attr async fn f(x: u8) -> u8 { pause().await; x } } {
        let (mut first, mut second) = (pin!(f(1)), pin!(f(2)));
        let _ = (poll_once(first.as_mut()), poll_once(second.as_mut()));
        let _ = (poll_once(first.as_mut()), poll_once(second.as_mut()));
    };
    failed_stream: [err] {
        @attr fn f() -> Result<impl futures_core::Stream<Item = u8>, String> {
            let stream: Result<Nothing, String> = Err("no stream".to_owned());
            stream
        }
    } drop(f());
    failed_stream_later: [err] {
        @attr async fn f() -> Result<std::pin::Pin<Box<dyn futures_core::Stream<Item = u8> + Send>>, String> {
            pause().await;
            Err("no stream".to_owned())
        }
    } drop(block_on(f()));
}

/// A stream that is never polled.
struct Nothing;

impl futures_core::Stream for Nothing {
    type Item = u8;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<u8>> {
        std::task::Poll::Ready(None)
    }
}

#[test]
fn subscriber_sees_the_same_as_with_instrument() {
    let mut different = String::new();
    for ((name, instrumented), (_, annotated)) in instrumented::ALL.iter().zip(annotated::ALL) {
        let expected = seen(false, *instrumented);
        assert!(expected.len() > 2 || *name == "never_polled", "{name}: {expected:?}");
        for has_layer in [false, true] {
            let found = seen(has_layer, *annotated);
            if found != expected {
                let _ = writeln!(
                    different,
                    "== {name}, with a layer: {has_layer}\n#[instrument]\n  {}\n#[promptlayer]\n  {}",
                    expected.join("\n  "),
                    found.join("\n  ")
                );
            }
        }
    }
    assert!(different.is_empty(), "\n{different}");
}

/// Returns the lines that `tracing_subscriber::fmt` prints for a function, without the name of the module,
/// which differs by attribute.
fn printed(run: fn()) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&lines);
    let subscriber = tracing_subscriber::fmt()
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::ACTIVE)
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .with_writer(move || Lines(Arc::clone(&writer)))
        .finish();
    with_default(subscriber, run);
    let lines = lines.lock().unwrap();
    String::from_utf8_lossy(&lines).lines().map(str::to_owned).collect()
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn call_with_ret_is_printed_once_when_active() {
    #[promptlayer_tracing::promptlayer(err, ret)]
    fn ask(x: u8) -> Failing {
        Ok(x)
    }
    let lines = printed(|| drop(ask(2)));
    assert_eq!(
        lines.iter().map(|line| line.trim()).collect::<Vec<_>>(),
        ["INFO ask: enter", "INFO ask: return=2", "INFO ask: exit"],
        "{lines:#?}"
    );
}
