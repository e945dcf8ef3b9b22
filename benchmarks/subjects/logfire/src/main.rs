//! `logfire`, with a batch processor in the place of its exporter.

#[path = "../../opentelemetry/src/counted.rs"]
mod counted;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gen_ai_spans::RUNS;
use harness::Error;
use harness::subject::{Session, Subject};
use logfire::Logfire;

use crate::counted::{Counted, Discard};

fn main() -> Result<(), Error> {
    harness::subject::run(&[Subject { name: "logfire", start: |_| start(), runs: RUNS }])
}

fn start() -> Result<Box<dyn Session>, Error> {
    let (processor, exported) = Counted::batched(Discard);
    let logfire = logfire::configure()
        .send_to_logfire(false)
        .with_console(None)
        .with_metrics(None)
        .with_additional_span_processor(processor)
        .finish()?;
    Ok(Box::new(Installed { logfire, exported }))
}

struct Installed {
    logfire: Logfire,
    exported: Arc<AtomicU64>,
}

impl Session for Installed {
    fn flush(&self) -> Result<(), Error> {
        Ok(self.logfire.force_flush()?)
    }

    fn end(self: Box<Self>) -> Result<Option<u64>, Error> {
        self.logfire.shutdown()?;
        Ok(Some(self.exported.load(Ordering::Relaxed)))
    }
}
