//! The queue with one thread. The model in `tests` checks it with several threads.

use crate::export::queue::ledger::{DropReason, End, Pending, RejectReason};
use crate::export::queue::{Class, Queue, QueueLimits, Refused, Weight};

fn span(bytes: usize) -> Weight {
    Weight { class: Class::Span, bytes, yields: true }
}

fn request(bytes: usize) -> Weight {
    Weight { class: Class::Span, bytes, yields: false }
}

fn queue(items: usize, bytes: usize) -> Queue<u32> {
    Queue::new(QueueLimits::default().items(items).bytes(bytes))
}

fn pending(queue: &Queue<u32>) -> Pending {
    queue.ledgers().0.pending
}

#[test]
fn last_quarter_is_reserved_for_requests() {
    let queue = queue(8, 800);
    for _ in 0..6 {
        queue.push(span(1), 0).unwrap();
    }
    assert!(matches!(queue.push(span(1), 7), Err(Refused::Full(7))));
    queue.push(request(1), 0).unwrap();
    queue.push(request(1), 0).unwrap();
    assert!(matches!(queue.push(request(1), 9), Err(Refused::Full(9))));
    let (spans, _) = queue.ledgers();
    assert_eq!((spans.accepted, spans.total_dropped()), (10, 2));
    assert_eq!(spans.pending.queued, 8);
}

#[test]
fn byte_limit_applies_like_item_limit() {
    let queue = queue(100, 100);
    queue.push(request(60), 0).unwrap();
    assert!(queue.push(request(41), 0).is_err());
    assert!(queue.push(span(20), 0).is_err(), "a quarter of the bytes is kept too");
    queue.push(request(40), 0).unwrap();
    assert!(queue.push(request(usize::MAX), 0).is_err());
}

#[test]
fn in_flight_item_takes_space_until_settled() {
    let queue = queue(2, 100);
    queue.push(request(50), 1).unwrap();
    queue.push(request(50), 2).unwrap();
    let (mut first, item) = queue.take().unwrap();
    assert_eq!(item, 1);
    assert!(queue.push(request(1), 3).is_err());
    assert_eq!(pending(&queue), Pending { queued: 1, in_flight: 1, spooled: 0 });

    queue.resize(&mut first, 10);
    queue.settle(first, End::Rejected(RejectReason::Invalid));
    queue.push(request(50), 3).unwrap();
    let (spans, _) = queue.ledgers();
    assert_eq!((spans.accepted, spans.total_rejected(), spans.total_dropped()), (4, 1, 1));
}

#[test]
fn spooled_item_takes_no_space_and_stays_pending() {
    let queue = queue(1, 100);
    queue.push(request(10), 1).unwrap();
    let (taken, _) = queue.take().unwrap();
    queue.spool(taken);
    queue.adopt(Class::Span, 4);
    queue.push(request(10), 2).unwrap();
    assert_eq!(pending(&queue), Pending { queued: 1, in_flight: 0, spooled: 5 });

    let taken = queue.unspool(Class::Span, 10);
    queue.settle(taken, End::Delivered);
    queue.settle_spooled(Class::Span, End::Dropped(DropReason::SpoolFull), 3);
    let (spans, _) = queue.ledgers();
    assert_eq!((spans.accepted, spans.delivered, spans.total_dropped()), (6, 1, 3));
    assert_eq!(spans.pending, Pending { queued: 1, in_flight: 0, spooled: 1 });
}

#[test]
fn settling_waits_for_all_earlier_items() {
    let queue = queue(10, 100);
    for item in 0..3 {
        queue.push(request(1), item).unwrap();
    }
    let end = queue.next_number();
    queue.push(request(1), 3).unwrap();
    let taken: Vec<_> = (0..4).map(|_| queue.take().unwrap().0).collect();
    for later in &taken[1..] {
        queue.settle(*later, End::Delivered);
        assert!(!queue.is_settled_before(end));
    }
    queue.settle(taken[0], End::Delivered);
    assert!(queue.is_settled_before(end));
}

#[test]
fn closed_queue_counts_rejected_items() {
    let queue = queue(10, 100);
    queue.close_to_spans();
    assert!(matches!(queue.push(request(1), 1), Err(Refused::Closed(1))));
    queue.push(Weight { class: Class::Track, bytes: 1, yields: false }, 2).unwrap();
    queue.close();
    assert!(queue.push(Weight { class: Class::Track, bytes: 1, yields: false }, 3).is_err());
    queue.drop_waiting(DropReason::Deadline);
    let (spans, tracking) = queue.ledgers();
    assert_eq!(spans.dropped, [(DropReason::Closed, 1)].into());
    assert_eq!(tracking.dropped, [(DropReason::Closed, 1), (DropReason::Deadline, 1)].into());
    assert_eq!((tracking.accepted, tracking.total_pending()), (2, 0));
}

#[test]
fn finish_settles_everything_and_ignores_later_outcomes() {
    let queue = queue(100, 10_000);
    queue.adopt(Class::Span, 2);
    for item in 0..5 {
        queue.push(request(10), item).unwrap();
    }
    let (sent, _) = queue.take().unwrap();
    let (put_on_disk, _) = queue.take().unwrap();
    let from_disk = queue.unspool(Class::Span, 10);
    assert_eq!(pending(&queue), Pending { queued: 3, in_flight: 3, spooled: 1 });

    queue.finish(DropReason::Deadline);
    let (spans, tracking) = queue.ledgers();
    assert_eq!(spans.pending, Pending { queued: 0, in_flight: 0, spooled: 2 });
    assert_eq!((spans.accepted, spans.outcome_unknown), (7, 2));
    assert_eq!(spans.dropped, [(DropReason::Deadline, 3)].into());

    let last = queue.next_number();
    assert!(queue.is_settled_before(last));
    queue.settle(sent, End::Delivered);
    queue.spool(put_on_disk);
    queue.settle(from_disk, End::Unknown);
    let late = queue.unspool(Class::Span, 10);
    queue.settle(late, End::Delivered);
    queue.settle_spooled(Class::Span, End::Dropped(DropReason::Expired), 2);
    queue.finish(DropReason::Closed);
    assert_eq!(queue.ledgers(), (spans, tracking));
    assert!(matches!(queue.push(request(1), 9), Err(Refused::Closed(9))));
}
