//! The service refuses everything for a while: nothing is dropped, the error handler is called once, and
//! everything arrives afterwards.

use tempfile::TempDir;
use tests::cells::check_cells;
use tests::pipeline::{dispatch, eventually, take_over};
use tracing::dispatcher;

use super::*;

/// The statuses that do not blame the content of a request.
const STATUSES: [u16; 14] = [301, 307, 401, 403, 404, 405, 408, 415, 425, 429, 500, 502, 503, 504];
const SPANS: u64 = 250;
/// More attempts than a batch gets before it is suspected of being poison.
const REFUSALS: usize = 12;

fn check(cell: Cell) {
    let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
    let refused = refuse(&recorder, cell.status, |_| true);
    let seen = Arc::new(Seen::default());
    let builder = || cell.builder(recorder.url(), folder.path(), &seen).retry(retry_for(LIMIT));
    let (layer, guard) = builder().build().unwrap();
    let mut guard = guard;
    dispatcher::with_default(&dispatch(layer), || {
        for number in 0..SPANS {
            let _ = ask(&format!("good {number}"));
        }
    });
    let is_held = |guard: &ShutdownGuard, refusals: usize| {
        wait_until(guard, "refused often enough", |_| refused.load(SeqCst) >= refusals);
        let ledger = guard.stats().spans;
        assert_eq!((ledger.accepted, ledger.total_pending()), (SPANS, SPANS), "not held: {}", brief(&ledger));
    };
    is_held(&guard, REFUSALS);
    assert_eq!(seen.errors_of(cell.status).len(), 1, "reported once: {:?}", lock(&seen.errors));
    let mut runs = Vec::new();
    if cell.mode.is_some() {
        let left = guard.shutdown(SHORT);
        assert_eq!(left.spans.pending.spooled, SPANS, "not on disk: {}", brief(&left.spans));
        let before = refused.load(SeqCst);
        (_, guard) = take_over(&left, builder);
        runs.push(left.spans);
        is_held(&guard, before + REFUSALS);
        wait_until(&guard, "reported again", |_| seen.errors_of(cell.status).len() > 1);
    }
    recorder.decide(|_| None);
    wait_until(&guard, "delivered", |stats| stats.spans.total_pending() == 0);
    runs.push(guard.shutdown(LIMIT).spans);

    let sum = Sum::of(&runs);
    let said = runs.iter().map(brief).collect::<Vec<_>>().join("; then ");
    assert_eq!((sum.accepted, sum.delivered), (SPANS, SPANS), "{said}");
    let texts = texts(&recorder.accepted_spans());
    assert!(texts.values().all(|times| *times == 1), "the server has a span twice");
    assert_eq!(texts.len() as u64, SPANS, "the server's count differs: {said}");
    assert_eq!(seen.errors_of(cell.status).len(), runs.len(), "once a run: {:?}", lock(&seen.errors));
    eventually(|| lock(&seen.ids).len() as u64 >= SPANS);
    assert_eq!(unique_ids(&seen).len() as u64, SPANS);
}

#[test]
fn refused_spans_are_held_and_delivered_later() {
    check_cells(WORKERS, &Cell::all(&STATUSES, &MODES, Wire::SpansBulk), |cell| check(*cell));
    assert_no_redirect_was_followed();
}
