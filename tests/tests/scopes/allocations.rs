//! Without a layer, a scope allocates nothing.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::Command;

use promptlayer_tracing::scope;
use promptlayer_tracing::scope::InCurrentScope as _;
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

/// Tells the child process that it is one.
const CHILD: &str = "SCOPES_WITHOUT_LAYER";

#[test]
fn scope_without_a_layer_allocates_nothing() {
    // Other tests of this process have layers, so that a child runs this test alone.
    if std::env::var_os(CHILD).is_some() {
        assert_eq!(allocations(use_scopes), 0);
        let _layer = promptlayer_tracing::layer().in_memory().unwrap();
        assert!(allocations(use_scopes) > 0, "the counter counts");
        return;
    }
    let name = "allocations::scope_without_a_layer_allocates_nothing";
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
