//! Without a layer, scopes and handles allocate nothing.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;
use std::task::Poll;

use promptlayer_tracing::scope::InCurrentScope as _;
use promptlayer_tracing::{current, scope, with_request_id};
use tests::in_memory::poll_once;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the allocator of the system. The counter has no destructor and allocates
// nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Counts the allocations of this thread.
fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

/// Runs scopes of every kind.
fn use_scopes() {
    scope().tags(["a"]).metadata([("k", "v")]).user("u").session("s").prompt("p").in_scope(|| {
        let future = std::pin::pin!(scope().tags(["b"]).run(std::future::ready(())));
        assert!(poll_once(future).is_ready());
        let future = std::pin::pin!(std::future::ready(()).in_current_scope());
        assert!(poll_once(future).is_ready());
    });
}

/// Uses every method of a handle that needs no waiting.
fn use_handles() {
    let call = current();
    call.tag("a").metadata("k", 7).user("u").session("s").set_prompt("p").set_input("i").set_output("o");
    call.set_model("m").set_provider("p").score(1).score_named("n", 2);
    assert!(call.trace_id().is_none() && call.span_id().is_none() && !call.is_recording());
    let id = std::pin::pin!(call.request_id());
    assert!(poll_once(id).is_ready());
    let both = std::pin::pin!(with_request_id(std::future::ready(7)));
    assert!(poll_once(both) == Poll::Ready((7, None)));
}

/// Tells the child process that it is one.
const CHILD: &str = "SCOPES_WITHOUT_LAYER";

#[test]
fn scopes_and_handles_without_a_layer_allocate_nothing() {
    // Other tests of this process have layers, so that a child runs this test alone.
    if std::env::var_os(CHILD).is_some() {
        assert_eq!((allocations(use_scopes), allocations(use_handles)), (0, 0));
        let _layer = promptlayer_tracing::layer().in_memory().unwrap();
        assert!(allocations(use_scopes) > 0, "the counter counts");
        return;
    }
    let name = "allocations::scopes_and_handles_without_a_layer_allocate_nothing";
    let child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}
