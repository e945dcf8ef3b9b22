//! Queues that are full, threads that end, and programs that do.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use promptlayer_tracing::{DropReason, Env, Guard, QueueLimits, SpoolMode, SpoolSettings};
use tempfile::TempDir;
use tests::pipeline::eventually;
use tests::{Gate, Reply};
use tokio::task::LocalSet;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use super::*;

/// What a count of an end may take more on a machine that does much else.
const SLACK: Duration = Duration::from_secs(2);

#[test]
fn a_hundred_threads_that_find_the_queue_full_lose_only_what_is_counted() {
    const THREADS: u64 = 100;
    const CALLS: u64 = 20_000;
    let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
    let hang = gate.clone();
    recorder.decide(move |_| Some(Reply::service().hang(&hang)));
    let builder = layer_for(recorder.url())
        .timeout(LONG)
        .batch(promptlayer_tracing::BatchLimits::default())
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
        // While they do, at whatever instant.
        for _ in 0..1_000 {
            assert_balanced(&guard.stats().spans);
        }
    });
    let full = guard.stats().spans;
    assert_balanced(&full);
    assert_eq!((full.accepted, full.pending()), (THREADS * CALLS, 1_000), "{full:#?}");
    gate.open();
    let stats = guard.shutdown(LONG);
    let dropped = THREADS * CALLS - 1_000;
    assert_eq!(stats.spans.dropped, [(DropReason::QueueFull, dropped)].into());
    assert_eq!(stats.spans.delivered, 1_000);
    assert_counts_match(&recorder, &stats);
}

#[test]
fn a_guard_that_is_dropped_before_a_server_that_hangs_takes_no_longer_than_it_says() {
    let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
    let hang = gate.clone();
    recorder.decide(move |_| Some(Reply::service().hang(&hang)));
    let (layer, guard) = layer_for(recorder.url()).timeout(LONG).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(25));
    let begun = Instant::now();
    drop(guard);
    let took = begun.elapsed();
    let most = Guard::SHUTDOWN_TIMEOUT + Guard::GRACE;
    assert!(took >= Guard::SHUTDOWN_TIMEOUT && took <= most + SLACK, "{took:?}");
    gate.open();
}

#[test]
fn what_is_logged_during_and_after_the_end_is_counted_each() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_for(recorder.url()).build().unwrap();
    let dispatch = dispatch(layer);
    let stats = thread::scope(|scope| {
        let logging = scope.spawn(|| dispatcher::with_default(&dispatch, || ask_times(5_000)));
        let stats = guard.shutdown(LONG);
        logging.join().unwrap();
        stats
    });
    assert_balanced(&stats.spans);
    assert_counts_match(&recorder, &stats);
    // There is nobody any more who would count it, and nothing fails either.
    dispatcher::with_default(&dispatch, || ask_times(10));
    assert_eq!(recorder.accepted_spans().len() as u64, stats.spans.delivered);
}

/// Checks that nothing is on its way any more, and that all is counted.
#[track_caller]
fn assert_final(stats: &Stats, accepted: u64) {
    assert_balanced(&stats.spans);
    assert_balanced(&stats.tracking);
    let pending = stats.spans.pending;
    assert_eq!((pending.queued, pending.in_flight, stats.spans.accepted), (0, 0, accepted), "{stats:#?}");
}

/// Resolves no name until it is let to, and holds up the thread that asks.
struct Blocking(Mutex<Receiver<()>>, Sender<()>);

impl reqwest::dns::Resolve for Blocking {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let _ = self.1.send(());
        let _ = self.0.lock().unwrap().recv();
        Box::pin(async { Err("no such host".into()) })
    }
}

#[test]
fn statistics_are_final_though_the_export_thread_is_blocked() {
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
        // What is in the blocked request may be sent yet; the rest was surely not.
        let stats = guard.shutdown(Duration::from_millis(50));
        assert_final(&stats, 35);
        assert_eq!(stats.spans.dropped, [(DropReason::Deadline, 25)].into(), "{stats:#?}");
        assert_eq!(stats.spans.outcome_unknown + stats.spans.pending.spooled, 10, "{stats:#?}");
        drop(go);
    }
}

#[test]
fn statistics_are_final_on_a_machine_that_is_busy() {
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
fn a_call_in_a_destructor_of_a_threads_locals_is_logged() {
    thread_local!(static LOCAL: RefCell<Option<LastCall>> = const { RefCell::new(None) });
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_for(recorder.url()).build().unwrap();
    let dispatch = dispatch(layer);
    for _ in 0..5 {
        let last = LastCall(dispatch.clone());
        thread::spawn(move || LOCAL.set(Some(last))).join().unwrap();
    }
    let stats = guard.shutdown(LONG);
    assert_eq!(stats.spans.delivered, 5, "{stats:#?}");
    assert_counts_match(&recorder, &stats);
}

#[test]
fn a_call_and_an_end_during_unwinding_are_as_any_other() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_for(recorder.url()).build().unwrap();
    let dispatch = dispatch(layer);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        // Dropped in turn: the call, then the guard.
        let _guard = guard;
        let _last = LastCall(dispatch.clone());
        dispatcher::with_default(&dispatch, || ask_times(4));
        panic!("the program's own");
    }));
    assert_eq!(unwound.unwrap_err().downcast_ref::<&str>(), Some(&"the program's own"));
    assert_eq!(recorder.accepted_spans().len(), 5);
}

#[promptlayer]
async fn ask_later(number: usize) -> usize {
    tokio::task::yield_now().await;
    number
}

#[test]
fn a_local_set_logs_as_any_runtime_does_and_a_task_that_goes_down_with_it_is_a_warning() {
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
fn a_function_that_may_be_frozen_sends_each_span_as_it_ends() {
    let recorder = Recorder::start().unwrap();
    let builder = promptlayer_tracing::layer().env(Env::empty()).api_key("any").base_url(recorder.url());
    let (layer, guard) = builder.serverless().on_error(|_| {}).build().unwrap();
    let dispatch = dispatch(layer);
    for invocation in 1..=3 {
        dispatcher::with_default(&dispatch, || ask_times(1));
        // Neither a full batch nor a flush has it sent.
        eventually(|| guard.stats().spans.delivered == invocation);
    }
    // What is not there is given up while the invocation can still wait for it.
    recorder.decide(|_| Some(Reply::status(503)));
    dispatcher::with_default(&dispatch, || ask_times(1));
    assert!(guard.flush(LONG).is_complete());
    let stats = guard.shutdown(LONG);
    assert_eq!((stats.spans.delivered, stats.spans.dropped()), (3, 1), "{stats:#?}");
    assert_counts_match(&recorder, &stats);
}
