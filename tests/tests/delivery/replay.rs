//! A run takes over the spool of an earlier run. Items that were never sent are sent as if they were new, and
//! never ahead of new items.

use promptlayer_tracing::export::QueueLimits;
use tempfile::TempDir;
use tests::cells::check_cells;
use tests::pipeline::take_over;
use tests::proxy::Door;
use tests::{Gate, Reply};

use super::*;

#[test]
fn replay_of_3000_unsent_spans_takes_60_requests() {
    let modes = SPOOLED.map(Case);
    check_cells(modes.len(), &modes, |Case(mode)| {
        let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
        let door = Door::closed(recorder.url()).unwrap();
        let build = || layer_for(door.url()).spool(spool(folder.path(), *mode));
        let (layer, guard) = build().build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_each(0..3_000));
        let left = guard.shutdown(Duration::from_secs(10));
        assert_eq!(left.spans.pending.spooled, 3_000, "{left:#?}");

        door.open().unwrap();
        let (_layer, guard) = take_over(&left, build);
        wait_until(&guard, "delivered", |stats| stats.spans.total_pending() == 0);
        let stats = guard.shutdown(LONG);
        assert_eq!((stats.spans.delivered, stats.possible_duplicates), (3_000, 0), "{stats:#?}");
        assert_eq!(readings(&recorder), 0, "what was never sent is not read back");
        assert!(recorder.requests().len() <= 60, "{} requests", recorder.requests().len());
        assert_stored(&recorder, 0..3_000);
    });
}

#[test]
fn only_possibly_delivered_spans_are_read_back() {
    let modes = SPOOLED.map(Case);
    check_cells(modes.len(), &modes, |Case(mode)| {
        let (recorder, folder, gate) = (Recorder::start().unwrap(), TempDir::new().unwrap(), Gate::new());
        // The first batch is stored, but its response never arrives.
        recorder.script("/spans-bulk", [Reply::service().hang(&gate)]);
        let build = || layer_for(recorder.url()).timeout(HOUR).spool(spool(folder.path(), *mode));
        let (layer, guard) = build().build().unwrap();
        let in_first = {
            let dispatch = dispatch(layer);
            dispatcher::with_default(&dispatch, || ask_each(0..100));
            let requests = recorder.wait_for(|requests| !requests.is_empty(), LONG).unwrap();
            dispatcher::with_default(&dispatch, || ask_each(100..300));
            requests[0].spans().count()
        };
        // The other batches may have been delivered at the same time. On a busy machine, the shutdown may come
        // before the response of one of them.
        let left = guard.shutdown(Duration::from_millis(500));
        let sent: usize = recorder.requests().iter().map(|request| request.spans().count()).sum();
        let unanswered = sent as u64 - left.spans.delivered;
        assert_eq!(left.spans.delivered + left.spans.pending.spooled, 300, "{left:#?}");
        assert!(unanswered >= in_first as u64, "{left:#?}");

        let (_layer, guard) = take_over(&left, build);
        wait_until(&guard, "delivered", |stats| stats.spans.total_pending() == 0);
        let stats = guard.shutdown(LONG);
        assert_eq!(stats.spans.delivered, left.spans.pending.spooled, "{stats:#?}");
        assert_eq!(stats.possible_duplicates, 0, "{stats:#?}");
        let readings = readings(&recorder) as u64;
        assert!(readings <= unanswered, "{readings} readings of {unanswered} traces");
        assert_stored(&recorder, 0..300);
        gate.open();
    });
}

#[test]
fn span_resent_after_a_restart_is_a_possible_duplicate() {
    let (recorder, folder, gate) = (Recorder::start().unwrap(), TempDir::new().unwrap(), Gate::new());
    // Nothing is stored and no response arrives. The second run reads nothing back, so it resends everything.
    recorder.script("/spans-bulk", [Reply::status(500).hang(&gate)]);
    let build = || layer_for(recorder.url()).timeout(HOUR).spool(spool(folder.path(), SpoolMode::WriteAhead));
    let (layer, guard) = build().build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_each(0..1));
    recorder.wait_for(|requests| requests.len() == 1, LONG).unwrap();
    let left = guard.shutdown(Duration::from_millis(500));
    assert_eq!(left.spans.pending.spooled, 1, "{left:#?}");

    let (_layer, guard) = take_over(&left, build);
    wait_until(&guard, "delivered", |stats| stats.spans.total_pending() == 0);
    let stats = guard.shutdown(LONG);
    assert_eq!((stats.spans.delivered, stats.possible_duplicates), (1, 1), "{stats:#?}");
    assert!(readings(&recorder) >= 1);
    assert_stored(&recorder, 0..1);
    gate.open();
}

#[test]
fn several_traces_are_read_back_in_parallel() {
    let (recorder, first, gate) = (Recorder::start().unwrap(), Gate::new(), Gate::new());
    recorder.script("/spans-bulk", [Reply::service().hang(&first), Reply::service().lost()]);
    let hang = gate.clone();
    recorder.decide(move |request| (request.method == "GET").then(|| Reply::service().hang(&hang)));
    let limits = BatchLimits::default().in_flight(1).interval(Duration::from_millis(1));
    let (layer, guard) = layer_for(recorder.url()).batch(limits).timeout(HOUR).build().unwrap();
    let dispatch = dispatch(layer);
    // The other calls wait behind the first request, so that they are sent as one batch.
    dispatcher::with_default(&dispatch, || ask_each([20]));
    recorder.wait_for(|requests| requests.len() == 1, LONG).unwrap();
    dispatcher::with_default(&dispatch, || ask_each(0..20));
    first.open();
    // No read is answered until a second read has arrived.
    let arrived = recorder.wait_for(
        |requests| requests.iter().filter(|request| request.method == "GET").count() > 1,
        Duration::from_secs(20),
    );
    gate.open();
    arrived.unwrap();
    let stats = guard.shutdown(LONG);
    assert_eq!((stats.spans.delivered, stats.possible_duplicates), (21, 0), "{stats:#?}");
    assert_stored(&recorder, 0..=20);
}

/// The maximum position of the new span. It is more than the requests that can be in flight when the span is
/// created, and those sent beside it.
const BOUND: usize = 12;

#[test]
fn new_spans_do_not_wait_behind_a_backlog_of_50_000() {
    const BACKLOG: usize = 50_000;
    let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
    let door = Door::closed(recorder.url()).unwrap();
    let with = |mode| {
        layer_for(door.url())
            .queue(QueueLimits::default().items(2 * BACKLOG))
            .spool(spool(folder.path(), mode))
    };
    let (layer, guard) = with(SpoolMode::Synchronous).build().unwrap();
    let dispatch_of_first = dispatch(layer);
    thread::scope(|scope| {
        for part in 0..2 {
            let dispatch = &dispatch_of_first;
            scope.spawn(move || {
                dispatcher::with_default(dispatch, || {
                    ask_each((part * BACKLOG / 2)..((part + 1) * BACKLOG / 2));
                });
            });
        }
    });
    drop(dispatch_of_first);
    let mut left = guard.shutdown(Duration::from_secs(10));
    assert_eq!(left.spans.pending.spooled, BACKLOG as u64, "{left:#?}");

    door.open().unwrap();
    for mode in SPOOLED {
        // The server starts to answer once the new span exists.
        let gate = Gate::new();
        let hang = gate.clone();
        recorder.decide(move |_| Some(Reply::service().hang(&hang)));
        let (layer, guard) = take_over(&left, || with(mode).timeout(HOUR));
        let before = recorder.requests().len();
        let marker = format!("new with {mode:?}");
        dispatcher::with_default(&dispatch(layer), || {
            let _ = ask(&marker);
        });
        gate.open();
        let is_new = |request: &tests::Request| String::from_utf8_lossy(&request.raw).contains(&marker);
        let requests = recorder
            .wait_for(
                |requests| {
                    let new = requests.get(before..).unwrap_or_default();
                    new.len() > 20 * BOUND || new.iter().any(|request| is_new(request))
                },
                LONG,
            )
            .unwrap();
        let place = requests[before..].iter().position(|request| is_new(request));
        assert!(
            place.is_some_and(|place| place <= BOUND),
            "{mode:?}: {place:?} of {}",
            requests.len() - before
        );
        left = guard.shutdown(Duration::from_secs(2));
        assert_eq!(left.spans.delivered + left.spans.pending.spooled, left.spans.accepted, "{left:#?}");
    }
}
