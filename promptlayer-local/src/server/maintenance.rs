//! The work that no request waits for: indexing the texts of new requests.

use std::time::Duration;

use tokio::sync::watch;

use crate::store::Store;

/// The pause after a write before the new requests are indexed. Requests that arrive meanwhile are indexed with them.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs until the server stops.
pub(super) async fn run(store: Store, mut stopped: watch::Receiver<bool>) {
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
