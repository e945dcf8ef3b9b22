//! Model checks of the queue and its ledger: every order in which threads can interact.
//!
//! The source files are compiled here again with the locks and atomics of loom. It runs each test under
//! every interleaving that the memory model allows. A test with real threads covers only a few of them.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "the library uses what is not used here")]

#[path = "../../promptlayer-tracing/src/export/queue/arrivals.rs"]
mod arrivals;
#[path = "../../promptlayer-tracing/src/export/queue/ledger.rs"]
mod ledger;
#[path = "../../promptlayer-tracing/src/export/queue/bounded.rs"]
mod queue;

/// The synchronization types of the queue.
mod sync {
    pub(super) use std::sync::PoisonError;

    pub(super) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    pub(super) use loom::sync::mpsc::{Receiver, Sender, channel};
    pub(super) use loom::sync::{Mutex, MutexGuard};
    pub(super) use loom::thread::yield_now;
}

use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

use self::ledger::{DropReason, End, Ledger};
use self::queue::{Class, Queue, QueueLimits, Weight};

/// Runs a test under every order of execution with at most two preemptions per run. Without this bound it takes
/// minutes and finds no more: concurrency bugs almost always need only two preemptions.
fn explore(test: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(test);
}

fn weight(yields: bool) -> Weight {
    Weight { class: Class::Span, bytes: 1, yields }
}

fn queue(items: usize) -> Arc<Queue<u32>> {
    Arc::new(Queue::new(QueueLimits::default().items(items)))
}

/// Checks the equation that holds at every instant.
fn assert_balanced(ledger: &Ledger) {
    let settled =
        ledger.delivered + ledger.total_rejected() + ledger.total_dropped() + ledger.outcome_unknown;
    assert_eq!(ledger.accepted, settled + ledger.total_pending(), "{ledger:?}");
}

#[test]
fn ledger_balances_at_every_instant_under_concurrency() {
    explore(|| {
        let queue = queue(1);
        let pushing: Vec<_> = (0..2)
            .map(|item| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || drop(queue.push(weight(false), item)))
            })
            .collect();
        assert_balanced(&queue.ledgers().0);
        if let Some((taken, _)) = queue.take() {
            assert_balanced(&queue.ledgers().0);
            queue.settle(taken, End::Delivered);
        }
        assert_balanced(&queue.ledgers().0);
        for thread in pushing {
            thread.join().unwrap();
        }
        while let Some((taken, _)) = queue.take() {
            queue.settle(taken, End::Delivered);
        }
        let (ledger, _) = queue.ledgers();
        assert_balanced(&ledger);
        assert_eq!((ledger.accepted, ledger.total_pending()), (2, 0));
        assert_eq!(ledger.delivered + ledger.total_dropped(), 2);
        assert!(ledger.delivered >= 1, "the first to come found an empty queue: {ledger:?}");
    });
}

#[test]
fn push_after_close_is_always_counted() {
    explore(|| {
        let queue = queue(4);
        let pushing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(weight(true), 1).is_ok())
        };
        queue.close();
        queue.drop_waiting(DropReason::Closed);
        let is_in = pushing.join().unwrap();
        // An accepted item was pushed before the close and dropped with the rest. A refused one is counted too.
        let (ledger, _) = queue.ledgers();
        assert_balanced(&ledger);
        assert_eq!((ledger.accepted, ledger.total_dropped(), ledger.total_pending()), (1, 1, 0), "{is_in}");
    });
}

#[test]
fn flush_sees_every_earlier_item_settled() {
    explore(|| {
        let queue = queue(4);
        queue.push(weight(false), 1).unwrap();
        let end = queue.next_number();
        let worker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                while let Some((taken, _)) = queue.take() {
                    queue.settle(taken, End::Delivered);
                }
            })
        };
        queue.push(weight(false), 2).unwrap();
        if queue.is_settled_before(end) {
            assert!(queue.ledgers().0.delivered >= 1);
        }
        worker.join().unwrap();
        assert!(queue.is_settled_before(end));
    });
}

#[test]
fn shutdown_is_final_whenever_an_item_is_settled() {
    explore(|| {
        let queue = queue(4);
        for item in 0..2 {
            queue.push(weight(false), item).unwrap();
        }
        let settling = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                if let Some((taken, _)) = queue.take() {
                    queue.settle(taken, End::Delivered);
                }
                drop(queue.push(weight(false), 2));
            })
        };
        queue.finish(DropReason::Deadline);
        let (last, _) = queue.ledgers();
        assert_balanced(&last);
        assert_eq!(last.total_pending(), 0);
        settling.join().unwrap();
        let (now, _) = queue.ledgers();
        assert_balanced(&now);
        assert_eq!(now.total_pending(), 0);
        let ends = |ledger: &Ledger| (ledger.delivered, ledger.outcome_unknown);
        assert_eq!(ends(&now), ends(&last), "{now:?}");
    });
}
