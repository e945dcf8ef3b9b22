//! The path from a call to PromptLayer when the service is slow or unavailable, when limits are reached, and
//! when the program ends.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use std::{io, thread};

use promptlayer_tracing::export::{BatchLimits, DropReason, QueueLimits};
use promptlayer_tracing::{ShutdownGuard, promptlayer};
use tests::pipeline::{BATCH, assert_balanced, dispatch, layer_to};
use tests::{Gate, Recorder, Reply};
use tokio::net::TcpSocket;
use tracing::dispatcher;

const LONG: Duration = Duration::from_secs(60);
/// Extra time that a shutdown may take beyond its deadline on a busy machine.
const GRACE: Duration = Duration::from_millis(900);

#[promptlayer]
fn ask(question: &str) -> String {
    question.to_uppercase()
}

/// A step that makes no request log.
#[promptlayer(kind = "chain")]
fn step(question: &str) -> String {
    question.to_uppercase()
}

fn ask_times(count: usize) {
    for _ in 0..count {
        assert_eq!(ask("why?"), "WHY?");
    }
}

/// Starts a recorder that does not answer until the gate opens.
fn unanswering() -> (Recorder, Gate) {
    let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
    let hang = gate.clone();
    recorder.decide(move |_| Some(Reply::service().hang(&hang)));
    (recorder, gate)
}

/// Reserves a port that refuses connections.
fn absent() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Starts to accept connections on a reserved port and forwards them to `target`.
fn appear(socket: TcpSocket, target: &str) {
    let target = target.trim_start_matches("http://").to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener: TcpListener = runtime.block_on(async { socket.listen(16).unwrap().into_std().unwrap() });
    listener.set_nonblocking(false).unwrap();
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let server = TcpStream::connect(&target).unwrap();
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                thread::spawn(move || io::copy(&mut from, &mut to));
            }
        }
    });
}

#[test]
fn calls_return_without_waiting_for_responses() {
    let (recorder, gate) = unanswering();
    let (layer, guard) = layer_to(recorder.url()).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || {
        ask_times(BATCH);
        recorder.wait_for(|requests| requests.len() == 1, LONG).unwrap();
        // From now on the export thread waits for its first response, which cannot arrive.
        ask_times(9 * BATCH);
    });
    assert_eq!(recorder.requests().len(), 1);
    let ledger = guard.stats().spans;
    assert_eq!((ledger.accepted, ledger.total_pending()), (10 * BATCH as u64, 10 * BATCH as u64));

    gate.open();
    assert!(guard.flush(LONG).is_complete());
    assert!(guard.stats().spans.is_complete());
    assert_eq!(recorder.accepted_spans().len(), 10 * BATCH);
}

#[test]
fn calls_made_before_the_server_starts_arrive_later() {
    let (socket, address) = absent();
    let recorder = Recorder::start().unwrap();
    let (sender, errors) = channel();
    let builder = layer_to(&format!("http://{address}"));
    let (layer, guard) =
        builder.on_error(move |error| sender.send(error.is_connect()).unwrap()).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(3 * BATCH));
    assert_eq!(errors.recv_timeout(LONG), Ok(true));
    assert_eq!(guard.stats().spans.total_pending(), 3 * BATCH as u64);

    appear(socket, recorder.url());
    assert!(guard.flush(LONG).is_complete());
    assert!(guard.stats().spans.is_complete());
    assert_eq!(recorder.accepted_spans().len(), 3 * BATCH);
    assert_eq!(errors.try_iter().count(), 0, "it is told once that nobody is there");
}

#[test]
fn shutdown_without_a_server_drops_logs_within_its_timeout() {
    let (_socket, address) = absent();
    for calls in [1, 3 * BATCH] {
        let builder = layer_to(&format!("http://{address}")).on_error(|_| {});
        let (layer, guard) = builder.build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_times(calls));
        let (timeout, begun) = (Duration::from_millis(100), Instant::now());
        let ledger = guard.shutdown(timeout).spans;

        assert!(begun.elapsed() < timeout + GRACE, "{:?}", begun.elapsed());
        assert_balanced(&ledger);
        assert_eq!((ledger.accepted, ledger.total_pending()), (calls as u64, 0), "{ledger:#?}");
        // At most one batch is ambiguous: the one that was connecting at the deadline.
        let dropped = ledger.dropped.get(&DropReason::Deadline).copied().unwrap_or_default();
        assert_eq!(dropped + ledger.outcome_unknown, calls as u64, "{ledger:#?}");
        assert!(ledger.outcome_unknown <= BATCH as u64, "{ledger:#?}");
    }
}

#[test]
fn shutdown_with_a_silent_server_has_unknown_outcomes() {
    let (recorder, gate) = unanswering();
    let (layer, guard) = layer_to(recorder.url()).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(5 * BATCH));
    recorder.wait_for(|requests| requests.len() == 1, LONG).unwrap();
    let (timeout, begun) = (Duration::from_millis(100), Instant::now());
    let ledger = guard.shutdown(timeout).spans;

    assert!(begun.elapsed() < timeout + GRACE, "{:?}", begun.elapsed());
    assert_balanced(&ledger);
    assert_eq!((ledger.accepted, ledger.total_pending()), (5 * BATCH as u64, 0), "{ledger:#?}");
    let sent = recorder.spans().len() as u64;
    assert_eq!(ledger.outcome_unknown, sent, "{ledger:#?}");
    assert_eq!(ledger.dropped, [(DropReason::Deadline, 5 * BATCH as u64 - sent)].into());
    assert_eq!(recorder.requests().len(), 1, "nothing is sent after the deadline");
    gate.open();
}

#[test]
fn long_queue_does_not_delay_shutdown() {
    let (_socket, address) = absent();
    let (layer, guard) = layer_to(&format!("http://{address}")).on_error(|_| {}).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(20_000));
    let (timeout, begun) = (Duration::from_millis(100), Instant::now());
    let ledger = guard.shutdown(timeout).spans;

    assert!(begun.elapsed() < timeout + GRACE, "{:?}", begun.elapsed());
    assert_balanced(&ledger);
    assert_eq!((ledger.accepted, ledger.total_pending()), (20_000, 0), "{ledger:#?}");
    assert_eq!(ledger.total_dropped() + ledger.outcome_unknown, 20_000);
}

#[test]
fn full_queue_drops_and_counts_while_threads_push() {
    const THREADS: usize = 8;
    const CALLS: usize = 200;
    let (recorder, gate) = unanswering();
    let (layer, guard) =
        layer_to(recorder.url()).queue(QueueLimits::default().items(2 * BATCH)).build().unwrap();
    let (dispatch, is_done) = (dispatch(layer), AtomicBool::new(false));
    let observed = thread::scope(|scope| {
        let pushing: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| dispatcher::with_default(&dispatch, || ask_times(CALLS))))
            .collect();
        let observer = scope.spawn(|| {
            let mut observed = 0;
            while !is_done.load(Ordering::SeqCst) || observed == 0 {
                assert_balanced(&guard.stats().spans);
                observed += 1;
                thread::yield_now();
            }
            observed
        });
        let pushed: Vec<_> = pushing.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_done.store(true, Ordering::SeqCst);
        assert!(pushed.iter().all(Result::is_ok));
        observer.join().unwrap()
    });
    assert!(observed > 0);

    let ledger = guard.stats().spans;
    assert_balanced(&ledger);
    assert_eq!(ledger.accepted, (THREADS * CALLS) as u64);
    assert_eq!(ledger.dropped.keys().collect::<Vec<_>>(), [&DropReason::QueueFull]);
    // The queue is full, and at most one batch was taken from it.
    assert!((2 * BATCH as u64..=3 * BATCH as u64).contains(&ledger.total_pending()), "{ledger:#?}");

    gate.open();
    let last = guard.shutdown(LONG).spans;
    assert_eq!((last.delivered, last.total_dropped()), (ledger.total_pending(), ledger.total_dropped()));
    assert_eq!(recorder.accepted_spans().len() as u64, last.delivered);
}

/// Makes one call whose request is not answered. The export thread waits for the response, so nothing leaves
/// the queue.
fn hold_up(recorder: &Recorder, guard: &ShutdownGuard) {
    ask("first?");
    assert!(!guard.flush(Duration::from_millis(1)).is_complete());
    recorder.wait_for(|requests| requests.len() == 1, LONG).unwrap();
}

#[test]
fn queue_is_limited_by_bytes() {
    let (recorder, gate) = unanswering();
    let limits = QueueLimits::default().bytes(512 * 1024);
    let (layer, guard) = layer_to(recorder.url()).queue(limits).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || {
        hold_up(&recorder, &guard);
        let question = "x".repeat(50 * 1024);
        for _ in 0..9 {
            ask(&question);
        }
        // Question and answer take 100 KiB together, and captured texts have no unused capacity.
        let ledger = guard.stats().spans;
        assert_eq!((ledger.total_pending(), ledger.dropped), (1 + 5, [(DropReason::QueueFull, 4)].into()));
        ask("a small one has room still?");
        assert_eq!(guard.stats().spans.total_pending(), 1 + 6);
    });
    gate.open();
    assert!(guard.flush(LONG).is_complete());
    assert_eq!(guard.stats().spans.delivered, 1 + 6);
}

#[test]
fn spans_without_a_request_leave_room_for_requests() {
    let (recorder, gate) = unanswering();
    let (layer, guard) = layer_to(recorder.url()).queue(QueueLimits::default().items(8)).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || {
        hold_up(&recorder, &guard);
        for _ in 0..20 {
            step("by step");
        }
        // Spans without a request cannot use the last quarter of the queue. Spans in flight count too.
        assert_eq!(guard.stats().spans.total_pending(), 1 + 5);
        ask_times(3);
    });
    assert_eq!(guard.stats().spans.total_pending(), 8);
    gate.open();
    assert!(guard.flush(LONG).is_complete());
    assert_eq!(recorder.request_logs().len(), 1 + 2);
}

#[test]
fn empty_flush_completes_at_once() {
    let (recorder, _gate) = unanswering();
    let (_layer, guard) = layer_to(recorder.url()).build().unwrap();
    assert!(guard.flush(Duration::ZERO).is_complete());
    assert!(recorder.requests().is_empty());
}

#[test]
fn flush_timeout_is_reported_and_loses_nothing() {
    let (recorder, gate) = unanswering();
    let (layer, guard) = layer_to(recorder.url()).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(1));
    assert!(!guard.flush(Duration::from_millis(50)).is_complete());
    assert_eq!(guard.stats().spans.total_pending(), 1);

    gate.open();
    assert!(guard.flush(LONG).is_complete());
    assert!(guard.stats().spans.is_complete());
}

#[test]
fn unflushed_spans_are_sent_after_the_interval() {
    let recorder = Recorder::start().unwrap();
    let limits = BatchLimits::default().interval(Duration::from_millis(10));
    let (layer, guard) = layer_to(recorder.url()).batch(limits).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(1));
    recorder.wait_for(|requests| requests.len() == 1, LONG).unwrap();
    drop(guard);
}

#[test]
fn batch_respects_byte_and_span_limits() {
    let recorder = Recorder::start().unwrap();
    let limits = BatchLimits::default().spans(3).bytes(256 * 1024).interval(LONG);
    let (layer, guard) = layer_to(recorder.url()).batch(limits).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || {
        ask_times(7);
        // Question and answer take 200 KiB of the 256 KiB together.
        (0..3).for_each(|_| drop(ask(&"x".repeat(100 * 1024))));
    });
    assert!(guard.flush(LONG).is_complete());
    let sizes: Vec<usize> = recorder.requests().iter().map(|request| request.spans().count()).collect();
    assert!(sizes.iter().all(|size| *size <= 3), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 10);
    assert_eq!(sizes[sizes.len() - 2..], [1, 1], "a large one goes alone");
}

#[test]
fn dropping_the_guard_sends_remaining_spans() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_to(recorder.url()).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_times(BATCH + 3));
    drop(guard);
    assert_eq!(recorder.accepted_spans().len(), BATCH + 3);
}

#[test]
fn final_statistics_are_complete_and_later_calls_are_not_sent() {
    let recorder = Recorder::start().unwrap();
    let (layer, guard) = layer_to(recorder.url()).on_request_id(|_| {}).build().unwrap();
    let dispatch = dispatch(layer);
    dispatcher::with_default(&dispatch, || ask_times(BATCH + 3));
    let stats = guard.shutdown(LONG);
    let calls = BATCH as u64 + 3;
    assert_eq!((stats.spans.accepted, stats.spans.delivered, stats.spans.total_pending()), (calls, calls, 0));
    assert_eq!((stats.hooks.received, stats.hooks.missing, stats.hooks.skipped), (calls, 0, 0));

    let sent = recorder.requests().len();
    dispatcher::with_default(&dispatch, || ask_times(3 * BATCH));
    assert_eq!(recorder.requests().len(), sent);
}

#[test]
fn calls_racing_with_shutdown_are_each_counted() {
    for _ in 0..20 {
        let recorder = Recorder::start().unwrap();
        let (layer, guard) = layer_to(recorder.url()).build().unwrap();
        let dispatch = dispatch(layer);
        let (sender, first) = channel();
        let stats = thread::scope(|scope| {
            for _ in 0..2 {
                let (sender, dispatch) = (sender.clone(), &dispatch);
                scope.spawn(move || {
                    dispatcher::with_default(dispatch, || {
                        ask_times(1);
                        sender.send(()).unwrap();
                        ask_times(300);
                    });
                });
            }
            first.recv().unwrap();
            guard.shutdown(LONG)
        });
        assert_balanced(&stats.spans);
        assert!(stats.spans.delivered >= 1);
        assert_eq!(recorder.accepted_spans().len() as u64, stats.spans.delivered);
    }
}

#[test]
fn two_layers_have_separate_pipelines() {
    let (one, other) = (Recorder::start().unwrap(), Recorder::start().unwrap());
    let (first, first_guard) = layer_to(one.url()).build().unwrap();
    let (second, second_guard) = layer_to(other.url()).build().unwrap();
    dispatcher::with_default(&dispatch(first), || ask_times(2));
    dispatcher::with_default(&dispatch(second), || ask_times(3));
    drop((first_guard, second_guard));
    assert_eq!((one.accepted_spans().len(), other.accepted_spans().len()), (2, 3));
}
