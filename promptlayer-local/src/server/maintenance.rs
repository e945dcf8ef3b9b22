//! The work that no request waits for: indexing the texts of new requests, and deleting old data.

use std::time::Duration;

use tokio::sync::watch;

use crate::store::{Retention, Store};
use crate::timestamp::Timestamp;

/// The pause after a write before the new requests are indexed. Requests that arrive meanwhile are indexed with them.
const PAUSE: Duration = Duration::from_millis(500);

/// The pause after a write before the size of the database is checked.
const SIZE_PAUSE: Duration = Duration::from_secs(1);

/// The limits of the time between two checks for old data. Between them, it is a sixtieth of the age to delete at.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Indexes the texts of new requests until the server stops.
pub(super) async fn index(store: Store, mut stopped: watch::Receiver<bool>) {
    let mut writes = store.writes();
    // The requests of an older database, or of a server that ended before it indexed them.
    writes.mark_changed();
    loop {
        tokio::select! {
            _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
            changed = writes.changed() => if changed.is_err() { return },
        }
        tokio::time::sleep(PAUSE).await;
        // A failure is not lost: the requests are indexed after the next write, or before the next search.
        let _ = store.index_texts().await;
    }
}

/// Deletes what exceeds the limits until the server stops.
pub(super) async fn delete_old(store: Store, retention: Retention, mut stopped: watch::Receiver<bool>) {
    let mut writes = store.writes();
    writes.mark_changed();
    let pause = retention.age.unwrap_or(LONGEST_PAUSE) / 60;
    let mut checks = tokio::time::interval(pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
    checks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let is_written = tokio::select! {
            _ = stopped.wait_for(|is_stopped| *is_stopped) => return,
            _ = checks.tick(), if retention.age.is_some() => false,
            changed = writes.changed(), if retention.size.is_some() => match changed {
                Ok(()) => true,
                Err(_) => return,
            },
        };
        // A failure is not lost: the next check deletes what is left.
        if let Some(age) = retention.age {
            let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
            let before = Timestamp::now().nanoseconds().saturating_sub(age);
            let _ = store.delete_older(Timestamp::from_nanoseconds(before)).await;
        }
        if let Some(size) = retention.size.filter(|_| is_written) {
            tokio::time::sleep(SIZE_PAUSE).await;
            let _ = store.shrink_below(size).await;
        }
    }
}
