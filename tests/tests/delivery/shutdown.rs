//! Shutdown: with a spool it takes as long as the disk needs, and its statistics are final.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc::channel;

use promptlayer_tracing::export::DropReason;
use tempfile::TempDir;
use tests::cells::check_cells;
use tests::pipeline::take_over;
use tests::proxy::Door;

use super::*;

/// How a server is unavailable.
#[derive(Debug, Clone, Copy)]
enum Away {
    /// The port refuses connections.
    Refuses,
    /// The port accepts connections but never answers.
    NeverAnswers,
}

/// Opens a port that accepts connections and reads requests but never answers.
fn mute() -> (String, std::sync::mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, read) = channel();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (mut client, sender) = (client, sender.clone());
            thread::spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                while client.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {
                    let _ = sender.send(());
                }
            });
        }
    });
    (url, read)
}

#[test]
fn shutdown_without_a_server_ends_once_all_is_on_disk() {
    let mut cases = Vec::new();
    for away in [Away::Refuses, Away::NeverAnswers] {
        cases.extend(SPOOLED.map(|mode| Case((away, mode))));
    }
    check_cells(cases.len(), &cases, |Case((away, mode))| {
        let (recorder, folder) = (Recorder::start().unwrap(), TempDir::new().unwrap());
        let door = Door::closed(recorder.url()).unwrap();
        let (mute_url, read) = mute();
        let url = match away {
            Away::Refuses => door.url(),
            Away::NeverAnswers => &mute_url,
        };
        let (told, errors) = channel();
        let builder = layer_for(url)
            .timeout(HOUR)
            .spool(spool(folder.path(), *mode))
            .on_error(move |error| told.send(error.is_connect()).unwrap());
        let (layer, guard) = builder.build().unwrap();
        let dispatch = dispatch(layer);
        dispatcher::with_default(&dispatch, || ask_each(0..150));
        // The first requests were attempted. More calls follow.
        match away {
            Away::Refuses => assert_eq!(errors.recv_timeout(LONG), Ok(true)),
            Away::NeverAnswers => read.recv_timeout(LONG).unwrap(),
        }
        dispatcher::with_default(&dispatch, || ask_each(150..300));

        // More calls are made during the shutdown.
        let (is_over, made) = (AtomicBool::new(false), AtomicUsize::new(300));
        let (ended, end) = channel();
        let left = thread::scope(|scope| {
            scope.spawn(|| {
                dispatcher::with_default(&dispatch, || {
                    while !is_over.load(SeqCst) && made.load(SeqCst) < 5_000 {
                        ask_each([made.fetch_add(1, SeqCst)]);
                    }
                });
            });
            // This thread is not scoped: a scope would wait for a shutdown that lasts an hour.
            thread::spawn(move || drop(ended.send(guard.shutdown(HOUR))));
            let left = end.recv_timeout(LONG);
            is_over.store(true, SeqCst);
            left
        });
        let left = left.unwrap_or_else(|_| panic!("the shutdown waits for its deadline"));
        drop(dispatch);
        let spans = &left.spans;
        assert_balanced(spans);
        assert!(spans.pending.spooled >= 300, "{left:#?}");
        assert_eq!((spans.pending.queued, spans.pending.in_flight), (0, 0), "{left:#?}");
        // Calls that came too late are counted.
        let late = spans.dropped.get(&DropReason::Closed).copied().unwrap_or_default();
        assert_eq!(spans.pending.spooled + late, spans.accepted, "{left:#?}");

        if matches!(away, Away::Refuses) {
            door.open().unwrap();
            let (_layer, guard) =
                take_over(&left, || layer_for(door.url()).spool(spool(folder.path(), *mode)));
            wait_until(&guard, "delivered", |stats| stats.spans.total_pending() == 0);
            let stats = guard.shutdown(LONG);
            assert_eq!(stats.spans.delivered, left.spans.pending.spooled, "{stats:#?}");
            let stored = stored(&recorder);
            assert!((0..300).all(|number| stored.get(&number.to_string()) == Some(&1)), "{stored:?}");
            assert_eq!(stored.len() as u64, left.spans.pending.spooled);
        }
    });
}

#[test]
fn statistics_of_a_shutdown_under_load_are_final() {
    for mode in [None, Some(SpoolMode::OnFailure), Some(SpoolMode::Synchronous)] {
        let folder = TempDir::new().unwrap();
        let (url, _read) = mute();
        let builder = layer_for(&url).timeout(HOUR);
        let builder = match mode {
            Some(mode) => builder.spool(spool(folder.path(), mode)),
            None => builder,
        };
        let (layer, guard) = builder.build().unwrap();
        let (dispatch, is_over, made) = (dispatch(layer), AtomicBool::new(false), AtomicUsize::new(0));
        let stats = thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    dispatcher::with_default(&dispatch, || {
                        while !is_over.load(SeqCst) {
                            ask_each([made.fetch_add(1, SeqCst)]);
                        }
                    });
                });
            }
            wait_until(&guard, "under load", |stats| stats.spans.accepted > 500);
            let stats = guard.shutdown(Duration::from_millis(200));
            is_over.store(true, SeqCst);
            stats
        });
        assert_balanced(&stats.spans);
        let pending = stats.spans.pending;
        assert_eq!((pending.queued, pending.in_flight), (0, 0), "{mode:?}: {stats:#?}");
        assert!(mode.is_some() || pending.spooled == 0, "{stats:#?}");
    }
}
