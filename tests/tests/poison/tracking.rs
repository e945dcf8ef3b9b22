//! Five poison tracking calls among a hundred, for each status.

use tempfile::TempDir;
use tests::cells::check_cells;
use tests::pipeline::dispatch;
use tracing::dispatcher;

use super::*;

const STATUSES: [u16; 20] =
    [301, 307, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 425, 429, 431, 500, 501, 502, 503, 504];
const CALLS: u64 = 100;
/// The score that the server refuses. Every twentieth call sends it.
const POISON: u64 = 13;

fn check(cell: Cell) {
    let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
    refuse(&recorder, cell.status, |request| {
        request.json.as_ref().is_some_and(|body| body.get("score").and_then(Value::as_u64) == Some(POISON))
    });
    let seen = Arc::new(Seen::default());
    let calls = AtomicUsize::new(0);
    let builder = cell.builder(recorder.url(), folder.path(), &seen).on_request_id(move |request| {
        let number = calls.fetch_add(1, SeqCst);
        let is_poison = number < 100 && number % 20 == 7;
        request.track().score(if is_poison { POISON } else { 100 }).enqueue().unwrap();
    });
    let (layer, guard) = builder.build().unwrap();
    let dispatch = dispatch(layer);
    let ask_number = |number: u64| {
        dispatcher::with_default(&dispatch, || {
            let _ = ask(&format!("good {number}"));
        });
    };
    (0..CALLS).for_each(ask_number);
    let late = settle(&guard, 5, |stats| &stats.tracking, |number| ask_number(CALLS + number));
    let stats = guard.shutdown(LIMIT);

    let all = CALLS + late;
    assert_eq!(stats.spans.delivered, all, "{}", brief(&stats.spans));
    let (sum, said) = (Sum::of([&stats.tracking]), brief(&stats.tracking));
    assert_eq!((sum.accepted, sum.delivered), (all, all - 5), "{said}");
    let is_ambiguous = cell.status >= 500 && cell.status != 503;
    let unknown = if is_ambiguous { sum.unknown } else { 0 };
    assert_eq!((sum.rejected + sum.expired + unknown, sum.unknown), (5, unknown), "{said}");
    let tracked: BTreeSet<u64> =
        recorder.accepted_tracks().iter().filter_map(|body| body["request_id"].as_u64()).collect();
    assert_eq!(tracked.len() as u64, all - 5, "the server's count differs: {said}");
    assert!(!seen.errors_of(cell.status).is_empty(), "no error was reported: {:?}", lock(&seen.errors));
}

#[test]
fn five_poison_tracking_calls_affect_no_other() {
    check_cells(
        WORKERS,
        &Cell::all(&STATUSES, &[None, Some(SpoolMode::Synchronous)], Wire::SpansBulk),
        |cell| check(*cell),
    );
    assert_no_redirect_was_followed();
}
