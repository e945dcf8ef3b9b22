//! `sentry` with its layer for spans, and a transport that does nothing on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use gen_ai_spans::RUNS;
use harness::Error;
use harness::subject::{Session, Subject};
use sentry::integrations::tracing::SpanLayer;
use sentry::{ClientInitGuard, ClientOptions, Envelope, Transport};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

fn main() -> Result<(), Error> {
    harness::subject::run(&[Subject { name: "sentry", start: |_| start(), runs: RUNS }])
}

fn start() -> Result<Box<dyn Session>, Error> {
    let transport = Arc::new(Discard::start());
    let options = ClientOptions::new().dsn("http://any@127.0.0.1/1").traces_sample_rate(1.0);
    let guard = sentry::init(options.transport(Arc::clone(&transport)));
    // The level that the documentation of the layer recommends.
    tracing_subscriber::registry().with(SpanLayer::new().with_filter(LevelFilter::INFO)).try_init()?;
    Ok(Box::new(Installed { transport, _guard: guard }))
}

/// Drops envelopes on its own thread. The transports of the crate serialize and send them there.
struct Discard {
    queue: Sender<Envelope>,
    sent: AtomicU64,
    discarded: Arc<AtomicU64>,
}

impl Discard {
    fn start() -> Self {
        let (queue, envelopes) = mpsc::channel();
        let discarded = Arc::new(AtomicU64::new(0));
        let of_thread = Arc::clone(&discarded);
        thread::spawn(move || {
            for envelope in envelopes {
                drop(envelope);
                of_thread.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { queue, sent: AtomicU64::new(0), discarded }
    }
}

impl Transport for Discard {
    fn send_envelope(&self, envelope: Envelope) {
        if self.queue.send(envelope).is_ok() {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while self.discarded.load(Ordering::Relaxed) < self.sent.load(Ordering::Relaxed) {
            if Instant::now() > deadline {
                return false;
            }
            thread::yield_now();
        }
        true
    }
}

struct Installed {
    transport: Arc<Discard>,
    _guard: ClientInitGuard,
}

impl Session for Installed {
    fn flush(&self) -> Result<(), Error> {
        if self.transport.flush(Duration::from_secs(60)) { Ok(()) } else { Err("not flushed".into()) }
    }

    fn end(self: Box<Self>) -> Result<Option<u64>, Error> {
        self.flush()?;
        Ok(Some(self.transport.discarded.load(Ordering::Relaxed)))
    }
}
