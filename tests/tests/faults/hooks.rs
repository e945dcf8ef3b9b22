//! Hooks with behavior that is unusual or forbidden.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};

use promptlayer_tracing::ShutdownGuard;
use promptlayer_tracing::export::{QueueLimits, Wire};

use super::*;

#[test]
fn hook_that_flushes_calls_and_enqueues_does_not_deadlock() {
    static GUARD: OnceLock<ShutdownGuard> = OnceLock::new();
    let recorder = Recorder::start().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let builder = layer_for(recorder.url()).on_request_id(move |request| {
        counted.fetch_add(1, Ordering::SeqCst);
        request.track().score(100).enqueue().unwrap();
        // The hook thread sees only the global subscriber, as in a real program.
        let _ = ask(7);
        let _ = GUARD.get().unwrap().flush(LONG);
    });
    let (layer, guard) = builder.build().unwrap();
    let dispatch = dispatch(layer);
    dispatcher::set_global_default(dispatch).unwrap();
    assert!(GUARD.set(guard).is_ok());
    ask_times(10);
    let guard = GUARD.get().unwrap();
    assert!(guard.flush(LONG).is_complete());
    assert!(guard.flush(LONG).is_complete());
    let stats = guard.stats();
    assert_eq!((calls.load(Ordering::SeqCst), stats.hooks.of_hooks), (10, 10), "{stats:#?}");
    assert_eq!((stats.spans.delivered, stats.tracking.delivered), (20, 10), "{stats:#?}");
    assert_counts_match(&recorder, &stats);
}

#[test]
fn ids_beyond_the_hook_queue_are_counted_as_skipped() {
    const CALLS: usize = 12_000;
    let recorder = Recorder::start().unwrap();
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let builder = layer_for(recorder.url())
        .batch(promptlayer_tracing::export::BatchLimits::default())
        .queue(QueueLimits::default().items(CALLS).bytes(usize::MAX))
        .on_request_id(move |_| {
            let _ = gate.lock().unwrap().recv();
        });
    let (layer, guard) = builder.build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(CALLS));
    // The flush is incomplete because the hooks still block.
    assert!(!guard.flush(Duration::from_secs(1)).is_complete());
    tests::pipeline::eventually(|| guard.stats().spans.total_pending() == 0);
    drop(open);
    let stats = guard.shutdown(LONG);
    assert_eq!((stats.spans.delivered, stats.hooks.received), (CALLS as u64, CALLS as u64));
    assert!(stats.hooks.skipped > 0, "{stats:#?}");
    assert_eq!(stats.hooks.run + stats.hooks.skipped, CALLS as u64, "{stats:#?}");
    assert_counts_match(&recorder, &stats);
}

#[test]
fn panicking_or_slow_hook_is_counted_and_affects_no_other() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let told = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&told);
        let builder = match way {
            Way::Otlp => layer_for(recorder.url()).wire(Wire::Otlp),
            _ => layer_for(recorder.url()),
        };
        let builder = builder
            .hook_timeout(Duration::from_millis(10))
            .on_request_id(|_| panic!("a hook that panics"))
            .on_request_id(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
            })
            .on_request_id_async(|_| std::future::pending());
        let stats = assert_all_arrive(&recorder, builder);
        assert_eq!((stats.hooks.panicked, stats.hooks.timed_out, told.load(Ordering::SeqCst)), (10, 10, 10));
        assert_eq!(stats.hooks.run, 20);
    }
}
