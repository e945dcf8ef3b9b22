//! A server that is healthy but slow.

use promptlayer_tracing::export::QueueLimits;
use tempfile::TempDir;
use tests::{Gate, Reply};

use super::*;

#[test]
fn slow_server_fills_the_spool_before_anything_is_dropped() {
    const QUEUE: u64 = 100;
    let (recorder, folder, gate) = (Recorder::start().unwrap(), TempDir::new().unwrap(), Gate::new());
    let hang = gate.clone();
    recorder.decide(move |_| Some(Reply::service().hang(&hang)));
    let builder = layer_for(recorder.url())
        .timeout(HOUR)
        .queue(QueueLimits::default().items(100))
        .batch(BatchLimits::default().spans(10).interval(Duration::from_millis(1)))
        .spool(spool(folder.path(), SpoolMode::OnFailure));
    let (layer, guard) = builder.build().unwrap();
    dispatcher::with_default(&dispatch(layer), || {
        for round in 0..50 {
            ask_each(round * 20..(round + 1) * 20);
            // Gives the export thread time to drain the queue. The limit of 1 s ends the loop if the queue does
            // not drain.
            let begun = Instant::now();
            while guard.stats().spans.pending.queued > QUEUE / 2 && begun.elapsed() < Duration::from_secs(1) {
                thread::sleep(Duration::from_millis(1));
            }
            if guard.stats().spans.total_dropped() > 0 {
                break;
            }
        }
    });
    let stats = guard.stats();
    gate.open();
    assert_eq!((stats.spans.accepted, stats.spans.total_dropped()), (1_000, 0), "{stats:#?}");
    wait_until(&guard, "delivered", |stats| stats.spans.total_pending() == 0);
    let stats = guard.shutdown(LONG);
    assert_eq!(stats.spans.delivered, 1_000, "{stats:#?}");
    assert_stored(&recorder, 0..1_000);
}

#[test]
fn four_log_requests_are_sent_in_parallel() {
    let (recorder, gate) = (Recorder::start().unwrap(), Gate::new());
    let hang = gate.clone();
    recorder.decide(move |_| Some(Reply::service().hang(&hang)));
    let (layer, guard) = layer_for(recorder.url()).wire(Wire::LogRequest).timeout(HOUR).build().unwrap();
    dispatcher::with_default(&dispatch(layer), || ask_each(0..20));
    // No request is answered until four are in flight.
    let arrived = recorder.wait_for(|requests| requests.len() == 4, Duration::from_secs(20));
    gate.open();
    arrived.unwrap();
    let stats = guard.shutdown(LONG);
    assert_eq!(stats.spans.delivered, 20, "{stats:#?}");
    assert_stored(&recorder, 0..20);
}
