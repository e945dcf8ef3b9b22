//! A program for every edition. Each function exists twice, with and without the attribute. Both must log the
//! same drops, return the same values, and panic with the same payloads, with and without a layer.

#![allow(dead_code, unused_imports)]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use tracing_subscriber::prelude::*;

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static FAILED: Cell<usize> = const { Cell::new(0) };
    static HOOKED: Cell<usize> = const { Cell::new(0) };
}

fn log(event: impl Into<String>) {
    LOG.with(|log| log.borrow_mut().push(event.into()));
}

/// Logs its drop, and whether the thread is panicking.
#[derive(Debug, PartialEq)]
pub struct Noisy(&'static str);

impl Noisy {
    fn length(&self) -> usize {
        self.0.len()
    }

    fn maybe(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        log(if std::thread::panicking() { format!("{} while panicking", self.0) } else { self.0.to_owned() });
    }
}

#[derive(Debug, PartialEq)]
pub struct Pair {
    left: Noisy,
    right: Noisy,
}

/// A unit struct, which is both a pattern and a value.
#[derive(Debug, PartialEq)]
pub struct Unit;

impl Drop for Unit {
    fn drop(&mut self) {
        log("unit");
    }
}

fn pair(left: &'static str, right: &'static str) -> Pair {
    Pair { left: Noisy(left), right: Noisy(right) }
}

/// A future that returns `Poll::Pending` once.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// An alias whose name does not show that it is a future.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

fn pause() -> Pause {
    Pause(false)
}

/// Defines the functions in two modules, in one of them with the attribute.
macro_rules! twins {
    ($($function:item)*) => {
        mod plain {
            use super::*;
            $($function)*
        }
        mod annotated {
            use super::*;
            $(#[promptlayer_tracing::promptlayer(tags = ["twin"])] $function)*
        }
    };
}

twins! {
    pub fn arguments(a: Noisy, b: Noisy, c: Noisy) -> usize {
        log("body");
        a.length() + b.length() + c.length()
    }
    pub fn unused(a: Noisy, _: Noisy, _b: Noisy, _: Noisy) {
        log("body");
        drop(a);
    }
    pub fn nothing(_: Noisy, _b: Noisy, _: Pair) {}
    pub fn parts((a, _): (Noisy, Noisy), Pair { left, .. }: Pair, [first, ..]: [Noisy; 3], b: Noisy) -> usize {
        log("body");
        a.length() + left.length() + first.length() + b.length()
    }
    pub fn by_reference(ref a: Noisy, (ref b, _): (Noisy, Noisy), Pair { ref left, right }: Pair) -> usize {
        log("body");
        a.length() + b.length() + left.length() + right.length()
    }
    pub fn whole(_a: Noisy, Unit: Unit, _b: Noisy) {
        log("body");
    }
    pub fn reassigned(mut a: Noisy, mut b: Noisy) -> usize {
        a = Noisy("new a");
        log("body");
        b.0 = "renamed b";
        a.length() + b.length()
    }
    pub fn moved(a: Noisy, b: Noisy, c: Noisy) -> Noisy {
        drop(b);
        log("body");
        let _ = &a;
        c
    }
    pub fn partly_moved(a: Pair, b: Pair) -> Noisy {
        log("body");
        let _ = &b;
        a.right
    }
    pub fn locals(a: Noisy) -> usize {
        let local = Noisy("local");
        let _kept = Noisy("kept");
        let _ = Noisy("ignored");
        log("body");
        local.length() + a.length()
    }
    pub fn tail(a: Noisy, _b: Noisy) -> usize {
        let _local = Noisy("local");
        Noisy("temporary").length() + a.length()
    }
    pub fn tail_match(a: Noisy, _: Noisy) -> usize {
        let _local = Noisy("local");
        match Noisy("matched").maybe() {
            Some(length) => Noisy("in the arm").length() + length + a.length(),
            None => 0,
        }
    }
    pub fn tail_if_let(a: Noisy) -> usize {
        if let Some(length) = Noisy("scrutinee").maybe() { length + Noisy("then").length() } else { a.length() }
    }
    pub fn tail_block(_a: Noisy) -> usize {
        { let _inner = Noisy("inner"); Noisy("of the block").length() }
    }
    pub fn tail_lock(lock: Mutex<Noisy>, _a: Noisy) -> usize {
        lock.lock().unwrap().length()
    }
    pub fn early(a: Noisy, b: Noisy, leave: bool) -> Result<Noisy, Noisy> {
        let _local = Noisy("local");
        if leave {
            return Ok(Noisy("early").length()).map(|_: usize| b);
        }
        let kept = Err(b)?;
        drop(a);
        Ok(kept)
    }
    pub fn panics(a: Noisy, (b, _): (Noisy, Noisy), _: Noisy) -> usize {
        let local = Noisy("local");
        log("body");
        if local.length() > 1 {
            panic!("no model: {}", b.length());
        }
        a.length()
    }
    pub fn panics_with(a: Noisy, payload: Noisy) -> usize {
        let _ = &a;
        panic_any(payload)
    }
    pub fn never(_a: Noisy, _: Noisy) -> ! {
        log("body");
        panic_any(7_u64)
    }
    pub fn closure(a: Noisy, b: Noisy) -> impl FnOnce(usize) -> usize {
        log("body");
        let _ = &a;
        move |x: usize| x + b.length()
    }
    pub async fn later(a: Noisy, _: Noisy, (b, _): (Noisy, Noisy), c: Noisy) -> usize {
        log("begin");
        let local = Noisy("local");
        pause().await;
        log("end");
        drop(c);
        a.length() + b.length() + local.length()
    }
    pub async fn later_nothing(_: Noisy, _a: Noisy, _: Pair, Unit: Unit) {}
    pub async fn later_by_reference(ref a: Noisy, Pair { ref left, .. }: Pair) -> usize {
        pause().await;
        a.length() + left.length()
    }
    pub async fn later_tail(a: Noisy, _b: Noisy) -> usize {
        let _local = Noisy("local");
        pause().await;
        Noisy("temporary").length() + a.length()
    }
    pub async fn later_temporary(a: Noisy) -> usize {
        let length = { let noisy = (Noisy("held"), pause().await); noisy.0.length() };
        length + a.length()
    }
    pub async fn later_early(a: Noisy, b: Noisy) -> Result<Noisy, Noisy> {
        let _local = Noisy("local");
        pause().await;
        let kept = Err(b)?;
        drop(a);
        Ok(kept)
    }
    pub async fn later_moved(a: Noisy, b: Pair) -> Noisy {
        let right = b.right;
        pause().await;
        drop(a);
        right
    }
    pub async fn later_panics(a: Noisy, _: Noisy) -> usize {
        let local = Noisy("local");
        pause().await;
        if local.length() > 1 {
            panic!("no model: {}", a.length());
        }
        1
    }
    pub async fn later_nested(a: Noisy) -> usize {
        let first = later(Noisy("inner a"), Noisy("inner _"), (Noisy("inner b"), Noisy("inner rest")), Noisy("inner c")).await;
        first + a.length()
    }
    pub fn returned(a: Noisy, b: Noisy) -> impl Future<Output = usize> {
        log("made");
        drop(a);
        async move { pause().await; b.length() }
    }
    pub fn aliased(a: Noisy, _: Noisy, b: Noisy) -> Later<Noisy> {
        log("made");
        let _ = &a;
        Box::pin(async move { let local = Noisy("local"); pause().await; drop(local); b })
    }
    pub fn aliased_panics(_a: Noisy, b: Noisy) -> Later<Noisy> {
        log("made");
        panic_any(b)
    }
    pub fn not_pinned(a: Noisy, b: Noisy) -> Box<dyn Future<Output = usize> + Send> {
        drop(a);
        Box::new(async move { pause().await; b.length() })
    }
    pub fn boxed(a: Noisy, _: Noisy, b: Noisy) -> Pin<Box<dyn Future<Output = usize> + Send>> {
        log("made");
        let _ = &a;
        Box::pin(async move { let local = Noisy("local"); pause().await; local.length() + b.length() })
    }
}

/// Defines the methods in two modules. They need a macro of their own because methods cannot share a macro with
/// functions.
macro_rules! twin_methods {
    ($($method:item)*) => {
        mod plain_methods {
            use super::*;
            pub struct Service { pub name: Noisy, pub other: Noisy }
            impl Service { $($method)* }
        }
        mod annotated_methods {
            use super::*;
            pub struct Service { pub name: Noisy, pub other: Noisy }
            impl Service { $(#[promptlayer_tracing::promptlayer] $method)* }
        }
    };
}

twin_methods! {
    pub fn owned(self, a: Noisy) -> usize {
        log("body");
        a.length()
    }
    pub fn used(self, a: Noisy) -> usize {
        log("body");
        self.name.length() + a.length()
    }
    pub fn taken_apart(self, _: Noisy) -> Noisy {
        log("body");
        self.other
    }
    pub fn boxed(self: Box<Self>, a: Noisy) -> Noisy {
        log("body");
        let _ = &a;
        self.name
    }
    pub fn shared(&self, a: Noisy) -> usize {
        self.name.length() + a.length()
    }
    pub async fn later(self, a: Noisy, _: Noisy) -> usize {
        let name = self.name;
        pause().await;
        name.length() + a.length()
    }
    pub async fn later_unused(self, _a: Noisy) {
        pause().await;
    }
    pub async fn later_boxed(self: Box<Self>, a: Noisy) -> usize {
        pause().await;
        self.name.length() + a.length()
    }
}

/// The result of a run.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The value, or the payload of the panic.
    ended: String,
    log: Vec<String>,
    /// The number of calls of the panic hook.
    hooked: usize,
}

fn payload(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        format!("panic with &str {text}")
    } else if let Some(text) = payload.downcast_ref::<String>() {
        format!("panic with String {text}")
    } else if let Some(noisy) = payload.downcast_ref::<Noisy>() {
        format!("panic with Noisy {}", noisy.0)
    } else if let Some(number) = payload.downcast_ref::<u64>() {
        format!("panic with u64 {number}")
    } else {
        "panic with something else".to_owned()
    }
}

fn outcome<R: Debug>(run: impl FnOnce() -> R) -> Outcome {
    LOG.with(|log| log.borrow_mut().clear());
    HOOKED.with(|hooked| hooked.set(0));
    let ended = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => {
            let ended = format!("{value:?}");
            log("the value");
            drop(value);
            ended
        }
        Err(caught) => {
            log("the payload");
            let ended = payload(&*caught);
            drop(caught);
            ended
        }
    };
    Outcome {
        ended,
        log: LOG.with(|log| std::mem::take(&mut *log.borrow_mut())),
        hooked: HOOKED.with(Cell::get),
    }
}

/// Polls a future until it is ready, then drops it.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            log("ready");
            drop(future);
            log("future dropped");
            return value;
        }
        log("pending");
    }
}

/// Polls a future `polls` times, then drops it.
fn cancel<F: Future>(future: F, polls: usize) {
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    log("cancelled");
    drop(future);
}

fn under_layer<R>(run: impl FnOnce() -> R) -> R {
    let (layer, captured) = promptlayer_tracing::layer().in_memory().unwrap();
    let value = tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), run);
    drop(captured);
    value
}

/// Runs a block with the functions of each module and compares the results.
macro_rules! alike {
    ($($block:block)*) => {$({
        let plain = { use self::{plain::*, plain_methods::*}; outcome(|| $block) };
        let unheard = { use self::{annotated::*, annotated_methods::*}; outcome(|| $block) };
        let heard = { use self::{annotated::*, annotated_methods::*}; under_layer(|| outcome(|| $block)) };
        compare(stringify!($block), &plain, &unheard, "no layer");
        compare(stringify!($block), &plain, &heard, "a layer");
    })*};
}

fn compare(run: &str, plain: &Outcome, annotated: &Outcome, under: &str) {
    assert!(!plain.log.is_empty(), "{run}");
    if plain != annotated {
        FAILED.with(|failed| failed.set(failed.get() + 1));
        eprintln!("{run}\n    without the attribute: {plain:?}\n    with it, under {under}: {annotated:?}");
    }
}

fn main() {
    std::panic::set_hook(Box::new(|panic| {
        HOOKED.with(|hooked| hooked.set(hooked.get() + 1));
        // Shows only the panics of the comparison itself.
        if panic.payload_as_str().is_some_and(|message| message.contains("assertion")) {
            eprintln!("{panic}");
        }
    }));
    finished();
    left_early();
    futures();
    methods();
    let failed = FAILED.with(Cell::get);
    assert_eq!(failed, 0, "assertion: so many are not alike");
}

fn finished() {
    alike! {
        { arguments(Noisy("a"), Noisy("b"), Noisy("c")) }
        { unused(Noisy("a"), Noisy("_"), Noisy("b"), Noisy("_ too")) }
        { nothing(Noisy("_"), Noisy("b"), pair("left", "right")) }
        { parts((Noisy("a"), Noisy("rest")), pair("left", "right"), [Noisy("1"), Noisy("2"), Noisy("3")], Noisy("b")) }
        { by_reference(Noisy("a"), (Noisy("b"), Noisy("rest")), pair("left", "right")) }
        { whole(Noisy("a"), Unit, Noisy("b")) }
        { reassigned(Noisy("a"), Noisy("b")) }
        { moved(Noisy("a"), Noisy("b"), Noisy("c")) }
        { partly_moved(pair("a.left", "a.right"), pair("b.left", "b.right")) }
        { locals(Noisy("a")) }
        { tail(Noisy("a"), Noisy("b")) }
        { tail_match(Noisy("a"), Noisy("_")) }
        { tail_if_let(Noisy("a")) }
        { tail_block(Noisy("a")) }
        { tail_lock(Mutex::new(Noisy("locked")), Noisy("a")) }
        { closure(Noisy("a"), Noisy("b"))(1) }
    }
}

fn left_early() {
    alike! {
        { early(Noisy("a"), Noisy("b"), true) }
        { early(Noisy("a"), Noisy("b"), false) }
        { panics(Noisy("a"), (Noisy("b"), Noisy("rest")), Noisy("_")) }
        { panics_with(Noisy("a"), Noisy("payload")) }
        { if std::env::args().count() > 0 { never(Noisy("a"), Noisy("_")) } }
    }
}

fn futures() {
    fn four() -> (Noisy, Noisy, (Noisy, Noisy), Noisy) {
        (Noisy("a"), Noisy("_"), (Noisy("b"), Noisy("rest")), Noisy("c"))
    }
    alike! {
        { let (a, b, c, d) = four(); finish(later(a, b, c, d)) }
        { let (a, b, c, d) = four(); cancel(later(a, b, c, d), 0) }
        { let (a, b, c, d) = four(); cancel(later(a, b, c, d), 1) }
        { finish(later_nothing(Noisy("_"), Noisy("a"), pair("left", "right"), Unit)) }
        { cancel(later_nothing(Noisy("_"), Noisy("a"), pair("left", "right"), Unit), 0) }
        { finish(later_by_reference(Noisy("a"), pair("left", "right"))) }
        { cancel(later_by_reference(Noisy("a"), pair("left", "right")), 1) }
        { finish(later_tail(Noisy("a"), Noisy("b"))) }
        { cancel(later_tail(Noisy("a"), Noisy("b")), 1) }
        { finish(later_temporary(Noisy("a"))) }
        { cancel(later_temporary(Noisy("a")), 1) }
        { finish(later_early(Noisy("a"), Noisy("b"))) }
        { cancel(later_early(Noisy("a"), Noisy("b")), 1) }
        { finish(later_moved(Noisy("a"), pair("b.left", "b.right"))) }
        { cancel(later_moved(Noisy("a"), pair("b.left", "b.right")), 1) }
        { finish(later_panics(Noisy("a"), Noisy("_"))) }
        { cancel(later_panics(Noisy("a"), Noisy("_")), 1) }
        { finish(later_nested(Noisy("a"))) }
        { cancel(later_nested(Noisy("a")), 0) }
        { cancel(later_nested(Noisy("a")), 1) }
        { finish(returned(Noisy("a"), Noisy("b"))) }
        { cancel(returned(Noisy("a"), Noisy("b")), 0) }
        { cancel(returned(Noisy("a"), Noisy("b")), 1) }
        { finish(boxed(Noisy("a"), Noisy("_"), Noisy("b"))) }
        { cancel(boxed(Noisy("a"), Noisy("_"), Noisy("b")), 0) }
        { cancel(boxed(Noisy("a"), Noisy("_"), Noisy("b")), 1) }
        { finish(aliased(Noisy("a"), Noisy("_"), Noisy("b"))) }
        { cancel(aliased(Noisy("a"), Noisy("_"), Noisy("b")), 0) }
        { cancel(aliased(Noisy("a"), Noisy("_"), Noisy("b")), 1) }
        { finish(aliased_panics(Noisy("a"), Noisy("b"))) }
        { finish(Box::into_pin(not_pinned(Noisy("a"), Noisy("b")))) }
        { cancel(Box::into_pin(not_pinned(Noisy("a"), Noisy("b"))), 1) }
    }
}

fn methods() {
    macro_rules! service {
        () => {
            Service { name: Noisy("name"), other: Noisy("other") }
        };
    }
    alike! {
        { service!().owned(Noisy("a")) }
        { service!().used(Noisy("a")) }
        { service!().taken_apart(Noisy("_")) }
        { Box::new(service!()).boxed(Noisy("a")) }
        { service!().shared(Noisy("a")) }
        { finish(service!().later(Noisy("a"), Noisy("_"))) }
        { cancel(service!().later(Noisy("a"), Noisy("_")), 0) }
        { cancel(service!().later(Noisy("a"), Noisy("_")), 1) }
        { finish(service!().later_unused(Noisy("a"))) }
        { cancel(service!().later_unused(Noisy("a")), 0) }
        { cancel(service!().later_unused(Noisy("a")), 1) }
        { finish(Box::new(service!()).later_boxed(Noisy("a"))) }
        { cancel(Box::new(service!()).later_boxed(Noisy("a")), 1) }
    }
}
