//! Outcomes of spans with a spool, in this run and in the next.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use promptlayer_client::exporter::{Enqueue, TrackCall, TrackPath};
use tempfile::TempDir;

use super::line::{Line, span};
use super::service::{Service, Step, WIRES, Wire};
use crate::export::queue::ledger::{DropReason, Pending};
use crate::export::{BatchLimits, SpoolMode, SpoolSettings};
use crate::hooks::Hooks;
use crate::process::{ProcessedSpan, SpanExporter};
use crate::random;

const MINUTE: Duration = Duration::from_secs(60);

fn settings(folder: &TempDir, mode: SpoolMode) -> SpoolSettings {
    SpoolSettings::new(folder.path().join("spool")).mode(mode)
}

fn line(service: &Service, spool: SpoolSettings) -> Line {
    Line::with_spool(service, BatchLimits::default(), Some(spool))
}

/// Runs the pipeline for this time, then stops it at once, like a kill.
async fn run_for(line: &mut Line, time: Duration) {
    let cut = tokio::time::timeout(time, line.work()).await;
    assert!(cut.is_err(), "it ended by itself");
    // Batches in flight are dropped with their tasks, a moment later.
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Shuts the pipeline down with a timeout of one second.
async fn end(line: &mut Line) {
    let deadline = std::time::Instant::now() + Duration::from_secs(1);
    line.stop.send_modify(|stop| {
        stop.deadline = Some(deadline);
        stop.finish = true;
    });
    line.work().await;
}

#[tokio::test(start_paused = true)]
async fn one_hour_outage_spools_new_spans_and_loses_nothing() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let mut line = line(&service, settings(&folder, SpoolMode::OnFailure));
        line.log(300);
        let recovering = service.clone();
        let (pipeline, stop) = (Arc::clone(&line.pipeline), line.stop.clone());
        let user = tokio::spawn(async move {
            // Five times the capacity of the queue, over an hour.
            for _ in 0..60 {
                tokio::time::sleep(MINUTE).await;
                let trace_id = random::trace_id();
                for number in 0..80 {
                    pipeline.take(ProcessedSpan {
                        span: span(trace_id, number),
                        converted: None,
                        size: 100,
                        is_of_hook: false,
                    });
                }
            }
            recovering.recovers();
            tokio::time::sleep(2 * MINUTE).await;
            stop.send_modify(|stop| stop.finish = true);
        });
        line.work().await;
        user.await.unwrap();
        let stats = line.stats();
        assert_eq!((stats.spans.accepted, stats.spans.delivered), (5_100, 5_100), "{stats:#?}");
        assert_eq!((service.taken(), service.duplicates(), stats.possible_duplicates), (5_100, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn next_run_delivers_leftovers_and_marks_them_replayed() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let mut first = line(&service, settings(&folder, SpoolMode::OnFailure));
        first.log(250);
        end(&mut first).await;
        let stats = first.stats();
        assert_eq!(stats.spans.pending, Pending { queued: 0, in_flight: 0, spooled: 250 }, "{stats:#?}");
        drop(first);

        service.recovers();
        let replayed = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&replayed);
        let mut hooks = Hooks::default();
        hooks.synchronous.push(Box::new(move |request| {
            told.fetch_add(request.replayed().into(), SeqCst);
        }));
        let spool = Some(settings(&folder, SpoolMode::OnFailure));
        let mut second = Line::build(&service, BatchLimits::default(), spool, hooks);
        assert_eq!(second.stats().spans.pending.spooled, 250);
        let (stats, _) = second.run().await;
        assert_eq!((stats.spans.accepted, stats.spans.delivered, stats.hooks.received), (250, 250, 250));
        assert_eq!((service.taken(), service.duplicates()), (250, 0));
        // The hook thread ends with the last message.
        drop(second);
        while replayed.load(SeqCst) < 250 {
            std::thread::yield_now();
        }

        let third = line(&service, settings(&folder, SpoolMode::OnFailure));
        assert_eq!(third.stats().spans.accepted, 0, "nothing is left");
    }
}

#[tokio::test(start_paused = true)]
async fn next_run_reads_back_batch_in_flight_at_a_kill() {
    for wire in WIRES {
        for arrives in [true, false] {
            let folder = TempDir::new().unwrap();
            let step = if arrives { Step::TakenAndHang } else { Step::Hang };
            let service = Service::over(wire, [step]);
            let mut first = line(&service, settings(&folder, SpoolMode::WriteAhead));
            first.log(30);
            run_for(&mut first, MINUTE).await;
            drop(first);

            let mut second = line(&service, settings(&folder, SpoolMode::WriteAhead));
            let (stats, _) = second.run().await;
            assert_eq!(stats.spans.delivered, 30);
            assert_eq!((service.taken(), service.duplicates()), (30, 0));
            assert_eq!(service.sizes().len(), if arrives { 1 } else { 2 });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn spooled_request_of_this_run_keeps_hook_and_is_no_replay() {
    for wire in WIRES {
        static OWN: AtomicUsize = AtomicUsize::new(0);
        for mode in [SpoolMode::WriteAhead, SpoolMode::Synchronous] {
            OWN.store(0, SeqCst);
            let folder = TempDir::new().unwrap();
            let service = Service::over(wire, []);
            let replayed = Arc::new(AtomicUsize::new(0));
            let told = Arc::clone(&replayed);
            let mut hooks = Hooks::default();
            hooks.synchronous.push(Box::new(move |request| {
                told.fetch_add(request.replayed().into(), SeqCst);
            }));
            let spool = Some(settings(&folder, mode));
            let mut line = Line::build(&service, BatchLimits::default(), spool, hooks);
            let mut with_hook = span(random::trace_id(), 0);
            with_hook.on_request_id = Some(|_| {
                OWN.fetch_add(1, SeqCst);
            });
            line.pipeline.take(ProcessedSpan {
                span: with_hook,
                converted: None,
                size: 100,
                is_of_hook: false,
            });
            let by_hook = span(random::trace_id(), 1);
            line.pipeline.take(ProcessedSpan { span: by_hook, converted: None, size: 100, is_of_hook: true });
            let (stats, _) = line.run().await;
            // Over OTLP, ids are only read for hooks, and none is called for a request that a hook made.
            let of_hooks = u64::from(wire == Wire::SpansBulk);
            assert_eq!((stats.spans.delivered, stats.hooks.of_hooks), (2, of_hooks), "{mode:?}: {stats:#?}");
            drop(line);
            while OWN.load(SeqCst) < 1 {
                std::thread::yield_now();
            }
            assert_eq!((OWN.load(SeqCst), replayed.load(SeqCst)), (1, 0), "{mode:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn synchronous_call_is_on_disk_when_it_returns() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []);
        let first = line(&service, settings(&folder, SpoolMode::Synchronous));
        first.log(3);
        let call = TrackCall { path: TrackPath::Score, body: b"{}".to_vec() };
        first.pipeline.enqueue(call).unwrap();
        assert_eq!(first.stats().spans.pending, Pending { queued: 0, in_flight: 0, spooled: 3 });
        // The first pipeline never ran.
        drop(first);
        let mut second = line(&service, settings(&folder, SpoolMode::Synchronous));
        let (stats, _) = second.run().await;
        assert_eq!((stats.spans.delivered, stats.tracking.delivered), (3, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn new_spans_are_written_ahead_while_others_are_in_flight() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::Hang);
        let mut line = line(&service, settings(&folder, SpoolMode::WriteAhead));
        line.log(30);
        let pipeline = Arc::clone(&line.pipeline);
        let user = tokio::spawn(async move {
            tokio::time::sleep(MINUTE).await;
            pipeline.take(ProcessedSpan {
                span: span(random::trace_id(), 1),
                converted: None,
                size: 100,
                is_of_hook: false,
            });
        });
        run_for(&mut line, 2 * MINUTE).await;
        user.await.unwrap();
        // The batch in flight was cancelled with the run.
        let spans = line.stats().spans;
        assert_eq!((spans.outcome_unknown, spans.pending.queued, spans.pending.spooled), (30, 0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn log_request_with_lost_response_is_never_sent_again() {
    for mode in [SpoolMode::OnFailure, SpoolMode::WriteAhead] {
        let folder = TempDir::new().unwrap();
        let service = Service::over(Wire::LogRequest, [Step::Lost, Step::Status(500)]);
        let spool = Some(settings(&folder, mode));
        let mut line = Line::build(&service, BatchLimits::default(), spool, Hooks::default());
        line.log(3);
        let (stats, _) = line.run().await;
        assert_eq!((stats.spans.outcome_unknown, stats.spans.delivered), (2, 1), "{mode:?}: {stats:#?}");
        assert_eq!(service.sizes().len(), 3);
        drop(line);
        assert_eq!(line_of_next_run(&service, &folder, mode).stats().spans.accepted, 0);
    }
}

fn line_of_next_run(service: &Service, folder: &TempDir, mode: SpoolMode) -> Line {
    line(service, settings(folder, mode))
}

#[tokio::test(start_paused = true)]
async fn accepted_batch_is_read_back_until_its_trace_can_be_read() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, [Step::TakenAndGarbled]).gets([Step::Status(500); 10]);
        let mut line = line(&service, settings(&folder, SpoolMode::WriteAhead));
        line.log(10);
        let (stats, _) = line.run().await;
        assert_eq!((stats.spans.delivered, stats.hooks.received, stats.hooks.missing), (10, 10, 0));
        assert_eq!((service.sizes().len(), service.duplicates()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn unreadable_trace_does_not_block_other_traces() {
    for wire in WIRES {
        let service = Service::over(wire, [Step::TakenAndLost]).gets([Step::Status(500)]);
        let mut line = Line::new(&service, BatchLimits::default());
        line.log(2);
        line.log(2);
        let (stats, _) = line.run().await;
        assert_eq!((stats.spans.delivered, stats.possible_duplicates), (4, 0));
        // One reading for each trace, and a second one for the first.
        assert_eq!((service.readings(), service.duplicates()), (3, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn record_evicted_in_flight_is_not_counted_as_spooled() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let spool = settings(&folder, SpoolMode::WriteAhead).bytes(32 << 10);
        let mut line = line(&service, spool);
        line.log(200);
        end(&mut line).await;
        let spans = line.stats().spans;
        assert!(spans.dropped[&DropReason::SpoolFull] > 0, "{spans:#?}");
        drop(line);
        // Every record that the ledger counts is there.
        let next = Line::with_spool(
            &service,
            BatchLimits::default(),
            Some(settings(&folder, SpoolMode::WriteAhead).bytes(32 << 10)),
        );
        assert_eq!(next.stats().spans.pending.spooled, spans.pending.spooled, "{spans:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failing_tracking_call_does_not_block_spans() {
    for wire in WIRES {
        let service = Service::over(wire, vec![Step::Status(500); 1000]).only_for("/rest/");
        let mut line = Line::new(&service, BatchLimits::default());
        let call = TrackCall { path: TrackPath::Score, body: b"{}".to_vec() };
        line.pipeline.enqueue(call).unwrap();
        line.log(10);
        let taken_soon = taken_after_two_seconds(&service);
        let (stats, took) = line.run().await;
        assert_eq!(taken_soon.await.unwrap(), 10);
        // It is retried for as long as a span.
        assert_eq!((stats.spans.delivered, stats.tracking.outcome_unknown), (10, 1));
        assert!((240..=300).contains(&took.as_secs()), "{took:?}");
    }
}

fn taken_after_two_seconds(service: &Service) -> tokio::task::JoinHandle<usize> {
    let service = service.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        service.taken()
    })
}

#[tokio::test(start_paused = true)]
async fn failing_spooled_tracking_call_does_not_block_spans() {
    for wire in WIRES {
        for mode in [SpoolMode::WriteAhead, SpoolMode::Synchronous] {
            let folder = TempDir::new().unwrap();
            let service = Service::over(wire, vec![Step::Status(500); 1000]).only_for("/rest/");
            let mut line = line(&service, settings(&folder, mode));
            for _ in 0..10 {
                line.pipeline.enqueue(TrackCall { path: TrackPath::Score, body: b"{}".to_vec() }).unwrap();
            }
            line.log(10);
            let taken_soon = taken_after_two_seconds(&service);
            let (stats, _) = line.run().await;
            assert_eq!(taken_soon.await.unwrap(), 10, "{mode:?}");
            // The spool keeps a tracking call as long as a span, which is long enough for the service to recover.
            assert_eq!((stats.spans.delivered, stats.tracking.delivered), (10, 10), "{mode:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn record_evicted_after_put_back_is_counted() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::Hang);
        let small = || settings(&folder, SpoolMode::OnFailure).bytes(64 << 10);
        let mut first = line(&Service::over(wire, []).otherwise(Step::Refused), small());
        first.log(40);
        end(&mut first).await;
        drop(first);
        // The records of the first run are in flight, and are put back at shutdown while new ones arrive.
        let mut second = line(&service, small());
        let pipeline = Arc::clone(&second.pipeline);
        let stop = second.stop.clone();
        let program = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let trace_id = random::trace_id();
            for number in 0..60 {
                let span = span(trace_id, number);
                pipeline.take(ProcessedSpan { span, converted: None, size: 100, is_of_hook: false });
            }
            let deadline = std::time::Instant::now();
            stop.send_modify(|stop| {
                stop.deadline = Some(deadline);
                stop.finish = true;
            });
        });
        second.work().await;
        program.await.unwrap();
        let spans = second.stats().spans;
        assert_eq!(
            spans.accepted,
            spans.total_dropped() + spans.pending.spooled + spans.outcome_unknown,
            "{spans:#?}"
        );
        drop(second);
        assert_eq!(
            line(&service, small()).stats().spans.pending.spooled,
            spans.pending.spooled,
            "{spans:#?}"
        );
    }
}

#[tokio::test]
async fn call_that_arrives_while_shutdown_spools_is_spooled_too() {
    for wire in WIRES {
        const CALLS: u64 = 50;
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let mut line = line(&service, settings(&folder, SpoolMode::OnFailure));
        line.stop.send_modify(|stop| stop.deadline = Some(std::time::Instant::now()));
        let (pipeline, stop) = (Arc::clone(&line.pipeline), line.stop.clone());
        let enqueuing = std::thread::spawn(move || {
            for number in 0..CALLS {
                let call = TrackCall { path: TrackPath::Score, body: b"{}".to_vec() };
                pipeline.enqueue(call).unwrap();
                pipeline.wake.notify_one();
                // The next one arrives as soon as this one is taken, and before it is written.
                while pipeline.queue.first_number() <= number {
                    std::thread::yield_now();
                }
            }
            stop.send_modify(|stop| stop.finish = true);
        });
        line.work().await;
        enqueuing.join().unwrap();
        let tracking = line.stats().tracking;
        assert_eq!((tracking.pending.spooled, tracking.total_dropped()), (CALLS, 0), "{tracking:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn items_after_shutdown_are_rejected_and_evict_nothing() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let mut line = line(&service, settings(&folder, SpoolMode::Synchronous));
        line.log(5);
        end(&mut line).await;
        line.pipeline.queue.close();
        line.log(5);
        let call = TrackCall { path: TrackPath::Score, body: b"{}".to_vec() };
        assert!(line.pipeline.enqueue(call).is_err(), "the caller receives the error");
        let stats = line.stats();
        assert_eq!(
            (stats.spans.pending.spooled, stats.spans.dropped[&DropReason::Closed]),
            (5, 5),
            "{stats:#?}"
        );
        assert_eq!(stats.tracking.total_dropped(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_with_spool_does_not_wait_for_failing_service() {
    for wire in WIRES {
        for step in [Step::Refused, Step::Hang, Step::Status(503), Step::Status(401), Step::Lost] {
            for mode in [SpoolMode::OnFailure, SpoolMode::WriteAhead, SpoolMode::Synchronous] {
                let folder = TempDir::new().unwrap();
                let service = Service::over(wire, []).otherwise(step);
                let mut line = line(&service, settings(&folder, mode));
                line.log(250);
                let deadline = std::time::Instant::now() + 60 * MINUTE;
                line.stop.send_modify(|stop| stop.deadline = Some(deadline));
                let (stats, took) = line.run().await;
                let on_disk = Pending { queued: 0, in_flight: 0, spooled: 250 };
                assert_eq!(stats.spans.pending, on_disk, "{step:?} {mode:?} {stats:#?}");
                assert!(took < MINUTE, "{step:?} {mode:?}: {took:?}");
                drop(line);
                service.recovers();
                let (stats, _) = line_of_next_run(&service, &folder, mode).run().await;
                assert_eq!((stats.spans.delivered, service.duplicates()), (250, 0), "{step:?} {mode:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unsent_records_are_replayed_in_full_batches() {
    for wire in WIRES {
        for mode in [SpoolMode::OnFailure, SpoolMode::WriteAhead, SpoolMode::Synchronous] {
            let folder = TempDir::new().unwrap();
            let service = Service::over(wire, []).otherwise(Step::Refused);
            let mut first = line(&service, settings(&folder, mode));
            for _ in 0..900 {
                first.log(1);
            }
            end(&mut first).await;
            assert_eq!(first.stats().spans.pending.spooled, 900, "{mode:?}");
            drop(first);
            service.recovers();
            let before = service.sizes().len();
            let (stats, _) = line_of_next_run(&service, &folder, mode).run().await;
            assert_eq!((stats.spans.delivered, stats.possible_duplicates), (900, 0), "{mode:?}");
            assert_eq!((service.sizes().len() - before, service.readings()), (9, 0), "{mode:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn new_spans_do_not_wait_behind_a_backlog() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let mut first = line(&service, settings(&folder, SpoolMode::WriteAhead));
        first.log(900);
        end(&mut first).await;
        drop(first);
        service.recovers();
        for mode in [SpoolMode::WriteAhead, SpoolMode::OnFailure] {
            let before = service.sizes().len();
            let mut second = line(&service, settings(&folder, mode));
            second.log(1);
            let (stats, _) = second.run().await;
            assert!(stats.spans.is_complete(), "{mode:?} {stats:#?}");
            let place = service.sizes()[before..].iter().position(|size| *size == 1);
            assert!(place.is_some_and(|place| place <= 1), "{mode:?}: request {place:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn record_larger_than_the_spool_stops_no_other() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::Refused);
        let spool = || settings(&folder, SpoolMode::OnFailure).bytes(100 << 10);
        let mut first = line(&service, spool());
        for number in 0..30 {
            let mut span = span(random::trace_id(), number);
            if number % 3 == 0 {
                let text = serde_json::json!("word ".repeat(40 << 10));
                span.fields.by_name_mut().insert("text".to_owned(), text);
            }
            first.pipeline.take(ProcessedSpan { span, converted: None, size: 100, is_of_hook: false });
        }
        end(&mut first).await;
        let spans = first.stats().spans;
        assert_eq!((spans.pending.spooled, spans.dropped[&DropReason::Deadline]), (20, 10), "{spans:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_service_fills_the_spool_and_not_the_queue() {
    for wire in WIRES {
        let folder = TempDir::new().unwrap();
        let service = Service::over(wire, []).otherwise(Step::TakeAfter(9));
        let mut line = line(&service, settings(&folder, SpoolMode::OnFailure));
        let (pipeline, stop) = (Arc::clone(&line.pipeline), line.stop.clone());
        let program = tokio::spawn(async move {
            for _ in 0..60 {
                for number in 0..100 {
                    super::line::log_one(&pipeline, number);
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            stop.send_modify(|stop| stop.finish = true);
        });
        line.work().await;
        program.await.unwrap();
        let stats = line.stats();
        assert_eq!((stats.spans.accepted, stats.spans.delivered), (6_000, 6_000), "{stats:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn record_put_back_in_an_outage_is_delivered_later() {
    for wire in WIRES {
        for is_taken in [true, false] {
            let folder = TempDir::new().unwrap();
            // The trace is unreadable for longer than the batch is retried in memory.
            let first = if is_taken { Step::TakenAndLost } else { Step::Lost };
            let service = Service::over(wire, [first]).gets(vec![Step::Status(500); 100]);
            let mut line = line(&service, settings(&folder, SpoolMode::WriteAhead));
            line.log(10);
            let stop = line.stop.clone();
            let program = tokio::spawn(async move {
                // An hour is longer than a hundred readings take.
                tokio::time::sleep(60 * MINUTE).await;
                stop.send_modify(|stop| stop.finish = true);
            });
            line.work().await;
            program.await.unwrap();
            let stats = line.stats();
            assert_eq!(stats.spans.delivered, 10, "{} readings, {stats:#?}", service.readings());
            assert_eq!((service.taken(), service.duplicates()), (10, 0));
        }
    }
}
