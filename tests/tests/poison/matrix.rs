//! Five poison spans among a thousand, for each status, with a restart in the middle if there is a spool.

use tempfile::TempDir;
use tests::cells::check_cells;
use tests::pipeline::{dispatch, eventually, take_over};
use tracing::dispatcher;

use super::*;

const STATUSES: [u16; 20] =
    [301, 307, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 425, 429, 431, 500, 501, 502, 503, 504];
/// One status of each class of responses, for a run that does not set `POISON=all`.
const ONE_OF_EACH: [u16; 7] = [307, 400, 403, 409, 413, 429, 500];
/// One in the first batch, two adjacent ones, one in a batch of its own, and the very last span.
const POISON: [usize; 5] = [3, 256, 257, 655, 999];

/// The statuses to check: all with `POISON=all`, else one of each class.
fn statuses() -> &'static [u16] {
    if std::env::var_os("POISON").is_some_and(|value| value == "all") { &STATUSES } else { &ONE_OF_EACH }
}

/// Checks one cell with `spans` spans. The spans at the indices in `poison` are refused.
fn check(cell: Cell, spans: usize, poison: &[usize]) {
    let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
    let refused = refuse(&recorder, cell.status, |request| {
        let marker = b"toxic ";
        let is_marked = |body: &[u8]| body.windows(marker.len()).any(|bytes| bytes == marker);
        // A body over OTLP may be compressed.
        let json = request.json.as_ref().map(ToString::to_string).unwrap_or_default();
        request.method == "POST" && (is_marked(&request.raw) || is_marked(json.as_bytes()))
    });
    let seen = Arc::new(Seen::default());
    let (layer, guard) = cell.builder(recorder.url(), folder.path(), &seen).build().unwrap();
    let ask_each = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let kind = if poison.contains(&number) { "toxic" } else { "good" };
            let _ = ask(&format!("{kind} {number}"));
        }
    };
    let mut runs = Vec::new();
    let (mut begun, mut guard) = (dispatch(layer), guard);
    let middle = spans * 6 / 10;
    dispatcher::with_default(&begun, || ask_each(0..middle));
    // Spans without a trace that are in flight at the deadline have an unknown outcome, so only wires
    // with a trace restart.
    if cell.mode.is_some() && cell.wire != Wire::LogRequest {
        wait_until(&guard, "refused three times", |_| refused.load(SeqCst) >= 3);
        drop(begun);
        let left = guard.shutdown(SHORT);
        let (layer, restarted) = take_over(&left, || cell.builder(recorder.url(), folder.path(), &seen));
        (begun, guard) = (dispatch(layer), restarted);
        runs.push(left.spans);
    }
    dispatcher::with_default(&begun, || ask_each(middle..spans));
    let before: u64 =
        runs.iter().map(|run| run.total_rejected() + run.total_dropped() + run.outcome_unknown).sum();
    let late = settle(
        &guard,
        (poison.len() as u64).saturating_sub(before),
        |stats| &stats.spans,
        |number| {
            dispatcher::with_default(&begun, || {
                let _ = ask(&format!("good and late {number}"));
            });
        },
    );
    runs.push(guard.shutdown(LIMIT).spans);

    let sum = Sum::of(&runs);
    let said = runs.iter().map(brief).collect::<Vec<_>>().join("; then ");
    let spans = spans + usize::try_from(late).unwrap();
    let good = spans - poison.len();
    assert_eq!((sum.accepted, sum.delivered), (spans as u64, good as u64), "{said}");
    // Only a request without a trace cannot be read back after an ambiguous response.
    let is_ambiguous = cell.wire == Wire::LogRequest && cell.status >= 500 && cell.status != 503;
    let unknown = if is_ambiguous { sum.unknown } else { 0 };
    assert_eq!(sum.rejected + sum.expired + unknown, poison.len() as u64, "{said}");
    assert_eq!((sum.otherwise_dropped, sum.unknown, sum.pending), (0, unknown, 0), "{said}");
    let items = match cell.wire {
        Wire::LogRequest => recorder.accepted_logs(),
        _ => recorder.accepted_spans(),
    };
    let texts = texts(&items);
    assert!(texts.values().all(|times| *times == 1), "the server has a span twice");
    assert!(texts.keys().all(|text| text.starts_with("good ")), "the server has a poison span");
    assert_eq!(texts.len(), good, "the server's count differs: {said}");
    assert!(!seen.errors_of(cell.status).is_empty(), "no error was reported: {:?}", lock(&seen.errors));
    if cell.wire == Wire::Otlp && cell.mode.is_some() {
        // The ids are read after the spans are delivered. The restart cuts the reading, and they count as missing.
        assert!(unique_ids(&seen).len() <= good);
    } else {
        eventually(|| lock(&seen.ids).len() >= good);
        assert_eq!(unique_ids(&seen).len(), good);
    }
}

#[test]
fn five_poison_spans_among_a_thousand_affect_no_other() {
    let cells = Cell::all(statuses(), &MODES, Wire::SpansBulk);
    check_cells(WORKERS, &cells, |cell| check(*cell, 1_000, &POISON));
    assert_no_redirect_was_followed();
}

#[test]
fn poison_log_request_affects_no_other() {
    let cells = Cell::all(statuses(), &[None, Some(SpoolMode::Synchronous)], Wire::LogRequest);
    check_cells(WORKERS, &cells, |cell| check(*cell, 100, &[3, 40, 41, 70, 99]));
    assert_no_redirect_was_followed();
}

#[test]
fn poison_spans_over_otlp_affect_no_other() {
    let cells = Cell::all(statuses(), &[None, Some(SpoolMode::Synchronous)], Wire::Otlp);
    check_cells(WORKERS, &cells, |cell| check(*cell, 100, &[3, 40, 41, 70, 99]));
    assert_no_redirect_was_followed();
}

/// The only span is poison, so nothing distinguishes it from a destination that refuses everything.
#[test]
fn lone_poison_span_is_dropped_at_its_maximum_age() {
    let cells = Cell::all(&[307, 403, 429, 500], &MODES, Wire::SpansBulk);
    check_cells(WORKERS, &cells, |cell| {
        let age = Duration::from_millis(500);
        let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
        refuse(&recorder, cell.status, |request| request.method == "POST");
        let seen = Arc::new(Seen::default());
        let builder = cell.builder(recorder.url(), folder.path(), &seen).retry(retry_for(age));
        let builder = match cell.mode {
            Some(mode) => builder.spool(SpoolSettings::new(folder.path()).mode(mode).max_age(age)),
            None => builder,
        };
        let (layer, guard) = builder.build().unwrap();
        dispatcher::with_default(&dispatch(layer), || {
            let _ = ask("toxic");
        });
        wait_until(&guard, "given up", |stats| stats.spans.total_pending() == 0);
        let sum = Sum::of([&guard.shutdown(LIMIT).spans]);
        assert_eq!((sum.accepted, sum.rejected + sum.expired), (1, 1), "{sum:?}");
        assert!(!seen.errors_of(cell.status).is_empty(), "no error was reported");
    });
}
