//! A request that was never written to a connection was never sent, regardless of when the program ends.

use promptlayer_tracing::export::DropReason;
use tempfile::TempDir;
use tests::cells::check_cells;
use tests::pipeline::take_over;
use tests::proxy::{Door, FullPort};

use super::*;

#[test]
fn request_without_a_connection_was_never_sent() {
    let cases = WIRES.map(Case);
    check_cells(cases.len(), &cases, |Case(wire)| {
        let port = FullPort::start().unwrap();
        let (layer, guard) = layer_for(port.url()).wire(*wire).timeout(HOUR).build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_each(0..20));
        wait_until(&guard, "on its way", |stats| stats.spans.pending.in_flight > 0);
        let stats = guard.shutdown(Duration::from_millis(100));
        assert_balanced(&stats.spans);
        assert_eq!(stats.spans.dropped, [(DropReason::Deadline, 20)].into(), "{stats:#?}");
        assert_eq!(stats.spans.outcome_unknown, 0, "{stats:#?}");
    });
}

#[test]
fn refused_connection_causes_no_unknown_outcome() {
    let recorder = Recorder::start().unwrap();
    for round in 0..20_u64 {
        for wire in WIRES {
            let door = Door::closed(recorder.url()).unwrap();
            let (layer, guard) = layer_for(door.url()).wire(wire).build().unwrap();
            dispatcher::with_default(&dispatch(layer), || ask_each(0..100));
            // The deadline falls at different points of an attempt.
            let stats = guard.shutdown(Duration::from_micros(500 * round));
            assert_balanced(&stats.spans);
            assert_eq!(stats.spans.dropped, [(DropReason::Deadline, 100)].into(), "{wire:?}: {stats:#?}");
        }
    }
}

#[test]
fn never_sent_span_is_on_disk_and_no_possible_duplicate() {
    let mut cases = Vec::new();
    for wire in WIRES {
        cases.extend(SPOOLED.map(|mode| Case((wire, mode))));
    }
    check_cells(cases.len(), &cases, |Case((wire, mode))| {
        let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
        let port = FullPort::start().unwrap();
        let url = port.url().to_owned();
        let build = || layer_for(&url).wire(*wire).timeout(HOUR).spool(spool(folder.path(), *mode));
        let (layer, guard) = build().build().unwrap();
        dispatcher::with_default(&dispatch(layer), || ask_each(0..20));
        wait_until(&guard, "on its way", |stats| stats.spans.pending.in_flight > 0);
        let left = guard.shutdown(Duration::from_millis(100));
        assert_eq!(left.spans.pending.spooled, 20, "{left:#?}");

        port.pass_on(recorder.url());
        let (_layer, guard) = take_over(&left, build);
        wait_until(&guard, "delivered", |stats| stats.spans.total_pending() == 0);
        let stats = guard.shutdown(LONG);
        assert_eq!((stats.spans.delivered, stats.possible_duplicates), (20, 0), "{stats:#?}");
        assert_eq!(readings(&recorder), 0, "what was never sent is not read back");
        assert_stored(&recorder, 0..20);
    });
}
