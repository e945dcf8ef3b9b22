//! Full queues, and the end of threads and programs.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use promptlayer_tracing::ShutdownGuard;
use promptlayer_tracing::client::Env;
use promptlayer_tracing::export::{DropReason, QueueLimits, SpoolMode, SpoolSettings};
use tempfile::TempDir;
use tests::pipeline::eventually;
use tests::{Gate, Reply};
use tokio::task::LocalSet;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use super::*;

/// Extra time that a shutdown may take on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

#[test]
fn full_queue_with_100_threads_loses_only_counted_spans() {
    const THREADS: u64 = 100;
    const CALLS: u64 = 20_000;
    let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
    let hang = gate.clone();
    recorder.decide(move |_| Some(Reply::service().hang(&hang)));
    let builder = layer_for(recorder.url())
        .timeout(LONG)
        .batch(promptlayer_tracing::export::BatchLimits::default())
        .queue(QueueLimits::default().items(1_000));
    let (layer, guard) = builder.build().unwrap();
    let dispatch = dispatch(layer);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                dispatcher::with_default(&dispatch, || {
                    for number in 0..CALLS {
                        let _ = ask(usize::try_from(number).unwrap());
                    }
                });
            });
        }
        // The ledger balances at every instant while the threads push.
        for _ in 0..1_000 {
            assert_balanced(&guard.stats().spans);
        }
    });
    let full = guard.stats().spans;
    assert_balanced(&full);
    assert_eq!((full.accepted, full.total_pending()), (THREADS * CALLS, 1_000), "{full:#?}");
    gate.open();
    let stats = guard.shutdown(LONG);
    let dropped = THREADS * CALLS - 1_000;
    assert_eq!(stats.spans.dropped, [(DropReason::QueueFull, dropped)].into());
    assert_eq!(stats.spans.delivered, 1_000);
    assert_counts_match(&recorder, &stats);
}

#[test]
fn guard_drop_with_a_hanging_server_respects_its_timeout() {
    for way in WAYS {
        let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
        let hang = gate.clone();
        recorder.decide(move |_| Some(Reply::service().hang(&hang)));
        let (layer, guard) = layer_over(way, recorder.url()).timeout(LONG).build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_times(25));
        let begun = Instant::now();
        drop(guard);
        let took = begun.elapsed();
        let most = ShutdownGuard::SHUTDOWN_TIMEOUT + ShutdownGuard::GRACE;
        assert!(took >= ShutdownGuard::SHUTDOWN_TIMEOUT && took <= most + SLACK, "{took:?}");
        gate.open();
    }
}

#[test]
fn calls_during_and_after_shutdown_are_each_counted() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let (layer, guard) = layer_over(way, recorder.url()).build().unwrap();
        let dispatch = dispatch(layer);
        let stats = thread::scope(|scope| {
            let logging = scope.spawn(|| dispatcher::with_default(&dispatch, || ask_times(5_000)));
            let stats = guard.shutdown(LONG);
            logging.join().unwrap();
            stats
        });
        assert_balanced(&stats.spans);
        assert_counts_match(&recorder, &stats);
        // After the shutdown these calls are not counted, and they do not fail.
        dispatcher::with_default(&dispatch, || ask_times(10));
        assert_eq!(recorder.accepted_spans().len() as u64, stats.spans.delivered);
    }
}

/// Checks that nothing is queued or in flight and that all spans are counted.
#[track_caller]
fn assert_final(stats: &Stats, accepted: u64) {
    assert_balanced(&stats.spans);
    assert_balanced(&stats.tracking);
    let pending = stats.spans.pending;
    assert_eq!((pending.queued, pending.in_flight, stats.spans.accepted), (0, 0, accepted), "{stats:#?}");
}

/// A resolver that blocks its thread until the test lets it fail.
struct Blocking(Mutex<Receiver<()>>, Sender<()>);

impl reqwest::dns::Resolve for Blocking {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let _ = self.1.send(());
        let _ = self.0.lock().unwrap().recv();
        Box::pin(async { Err("no such host".into()) })
    }
}

#[test]
fn statistics_are_final_if_the_export_thread_is_blocked() {
    for mode in [None, Some(SpoolMode::OnFailure), Some(SpoolMode::WriteAhead)] {
        let folder = TempDir::new().unwrap();
        let (go, wait) = channel();
        let (asked, is_asked) = channel();
        let names = Arc::new(Blocking(wait.into(), asked));
        let mut builder = layer_for("http://promptlayer.example")
            .http(move |http| http.dns_resolver(Arc::clone(&names)))
            .timeout(LONG);
        if let Some(mode) = mode {
            builder = builder.spool(SpoolSettings::new(folder.path()).mode(mode));
        }
        let (layer, guard) = builder.build().unwrap();
        let dispatch = dispatch(layer);
        dispatcher::with_default(&dispatch, || ask_times(10));
        is_asked.recv_timeout(LONG).unwrap();
        dispatcher::with_default(&dispatch, || ask_times(25));
        // The blocked request may still be sent. The other spans were certainly not sent.
        let stats = guard.shutdown(Duration::from_millis(50));
        assert_final(&stats, 35);
        assert_eq!(stats.spans.dropped, [(DropReason::Deadline, 25)].into(), "{stats:#?}");
        assert_eq!(stats.spans.outcome_unknown + stats.spans.pending.spooled, 10, "{stats:#?}");
        drop(go);
    }
}

#[test]
fn statistics_are_final_on_a_busy_machine() {
    let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
    let hang = gate.clone();
    recorder.decide(move |_| Some(Reply::service().hang(&hang)));
    let done = AtomicBool::new(false);
    let (layer, guard) = layer_for(recorder.url()).timeout(LONG).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(2_000));
    let stats = thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let stats = guard.shutdown(Duration::from_millis(100));
        done.store(true, Relaxed);
        stats
    });
    assert_final(&stats, 2_000);
    assert_eq!(stats.spans.delivered, 0, "{stats:#?}");
    gate.open();
}

/// Makes a call when it is dropped.
struct LastCall(Dispatch);

impl Drop for LastCall {
    fn drop(&mut self) {
        dispatcher::with_default(&self.0, || ask_times(1));
    }
}

#[test]
fn call_in_a_thread_local_destructor_is_logged() {
    for way in WAYS {
        thread_local!(static LOCAL: RefCell<Option<LastCall>> = const { RefCell::new(None) });
        let recorder = Recorder::start().unwrap();
        let (layer, guard) = layer_over(way, recorder.url()).build().unwrap();
        let dispatch = dispatch(layer);
        for _ in 0..5 {
            let last = LastCall(dispatch.clone());
            thread::spawn(move || LOCAL.set(Some(last))).join().unwrap();
        }
        let stats = guard.shutdown(LONG);
        assert_eq!(stats.spans.delivered, 5, "{stats:#?}");
        assert_counts_match(&recorder, &stats);
    }
}

#[test]
fn call_and_shutdown_work_during_unwinding() {
    for way in WAYS {
        let recorder = Recorder::start().unwrap();
        let (layer, guard) = layer_over(way, recorder.url()).build().unwrap();
        let dispatch = dispatch(layer);
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            // The call is dropped first, then the guard.
            let _guard = guard;
            let _last = LastCall(dispatch.clone());
            dispatcher::with_default(&dispatch, || ask_times(4));
            panic!("the program's own");
        }));
        assert_eq!(unwound.unwrap_err().downcast_ref::<&str>(), Some(&"the program's own"));
        assert_eq!(recorder.accepted_spans().len(), 5);
    }
}

#[promptlayer]
async fn ask_later(number: usize) -> usize {
    tokio::task::yield_now().await;
    number
}

#[test]
fn local_set_logs_calls_and_a_dropped_task_is_a_warning() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_for(recorder.url()).build().unwrap();
    let dispatch = dispatch(layer);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let tasks: Vec<_> = (0..9)
            .map(|number| tokio::task::spawn_local(ask_later(number).with_subscriber(dispatch.clone())))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let (begun, begins) = tokio::sync::oneshot::channel();
        let forever = async move {
            #[promptlayer]
            async fn ask_forever(begun: tokio::sync::oneshot::Sender<()>) -> usize {
                begun.send(()).unwrap();
                std::future::pending().await
            }
            ask_forever(begun).await
        };
        tokio::task::spawn_local(forever.with_subscriber(dispatch.clone()));
        begins.await.unwrap();
    });
    drop(local);
    drop(runtime);
    let stats = guard.shutdown(LONG);
    assert_eq!(stats.spans.delivered, 10, "{stats:#?}");
    assert_counts_match(&recorder, &stats);
    let warnings = recorder.request_logs().iter().filter(|log| log["status"] == "WARNING").count();
    assert_eq!(warnings, 1);
}

#[test]
fn serverless_mode_sends_each_span_when_it_ends() {
    let recorder = Recorder::start().unwrap();
    let builder = promptlayer_tracing::layer().env(Env::empty()).api_key("any").base_url(recorder.url());
    let (layer, guard) = builder.serverless().on_error(|_| {}).build().unwrap();
    let dispatch = dispatch(layer);
    for invocation in 1..=3 {
        dispatcher::with_default(&dispatch, || ask_times(1));
        // The span is sent without a full batch and without a flush.
        eventually(|| guard.stats().spans.delivered == invocation);
    }
    // The span of an unavailable server is dropped while the invocation can still wait for it.
    recorder.decide(|_| Some(Reply::status(503)));
    dispatcher::with_default(&dispatch, || ask_times(1));
    assert!(guard.flush(LONG).is_complete());
    let stats = guard.shutdown(LONG);
    assert_eq!((stats.spans.delivered, stats.spans.total_dropped()), (3, 1), "{stats:#?}");
    assert_counts_match(&recorder, &stats);
}
